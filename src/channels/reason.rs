//! The reason that a person gives for a mark; pages, audit log and clients show it.

use std::fmt;

use super::MarkError;

/// Longest reason, in bytes: some sentences. It is repeated for every file of a page.
pub const MAX_REASON_BYTES: usize = 1_000;

/// A reason: one line, not empty, at most [`MAX_REASON_BYTES`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// Reads what was given; `None` for nothing, or nothing but spaces.
    ///
    /// Fails with [`MarkError::ReasonInvalid`] for one that is too long or holds a control character, which terminals
    /// and headers would obey.
    pub fn parse(given: Option<String>) -> Result<Option<Self>, MarkError> {
        let Some(text) = given.as_deref().map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
        let fault = if text.len() > MAX_REASON_BYTES {
            format!("it has {} bytes; at most {MAX_REASON_BYTES} are taken", text.len())
        } else if text.chars().any(char::is_control) {
            "it holds a line break or another control character".to_owned()
        } else {
            return Ok(Some(Self(text.to_owned())));
        };
        Err(MarkError::ReasonInvalid { fault })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_reasons() {
        let parse = |text: &str| Reason::parse(Some(text.to_owned()));
        assert_eq!(Reason::parse(None).unwrap(), None);
        assert_eq!(parse(" \n ").unwrap(), None);
        assert_eq!(parse(" breaks \"x\" <b> ü ").unwrap().unwrap().as_str(), "breaks \"x\" <b> ü");
        assert!(parse(&"x".repeat(MAX_REASON_BYTES)).is_ok());
        for text in ["a\nb", "a\0b", "a\u{1b}[2Jb", &"x".repeat(MAX_REASON_BYTES + 1)] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
