//! Reserved names: projects that are ours even where we show no file of them (standards IDX-05).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::packaging::{ProjectName, shown};

/// Why a text reserves no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` reserves no name: a project name is expected, or the beginning of one with `*` at its end")]
pub struct ReservedNameError {
    /// What was given, safe to show.
    given: String,
}

/// `acme-web` (one project) or `acme-*` (every project whose normalized name begins so).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedName {
    /// Normalized name, or the beginning of one.
    beginning: String,
    is_prefix: bool,
}

impl ReservedName {
    /// Whether it is about this project.
    fn covers(&self, project: &ProjectName) -> bool {
        match self.is_prefix {
            true => project.as_str().starts_with(&self.beginning),
            false => project.as_str() == self.beginning,
        }
    }
}

impl FromStr for ReservedName {
    type Err = ReservedNameError;

    fn from_str(text: &str) -> Result<Self, ReservedNameError> {
        let given = || ReservedNameError { given: shown(text) };
        let Some(beginning) = text.trim().strip_suffix('*') else {
            let project: ProjectName = text.trim().parse().map_err(|_| given())?;
            return Ok(Self { beginning: project.as_str().to_owned(), is_prefix: false });
        };
        // A letter at the end makes a whole name of it, which is then normalized as all names are.
        let whole: ProjectName = format!("{beginning}x").parse().map_err(|_| given())?;
        let beginning = whole.as_str().strip_suffix('x').unwrap_or_default().to_owned();
        Ok(Self { beginning, is_prefix: true })
    }
}

impl fmt::Display for ReservedName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.beginning, if self.is_prefix { "*" } else { "" })
    }
}

impl Serialize for ReservedName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReservedName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A list of reserved names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReservedNames(pub Vec<ReservedName>);

impl ReservedNames {
    /// Whether one of them is about this project.
    pub fn cover(&self, project: &ProjectName) -> bool {
        self.0.iter().any(|name| name.covers(project))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_names_and_beginnings() {
        for (text, written, inside, outside) in [
            ("Acme.Web", "acme-web", "acme-web", "acme-web2"),
            ("acme-*", "acme-*", "acme-web", "acme"),
            ("Acme_*", "acme-*", "acme-x", "acmex"),
            ("acme*", "acme*", "acme", "acm"),
            (" acme ", "acme", "acme", "acme-x"),
            ("*", "*", "anything", ""),
        ] {
            let name: ReservedName = text.parse().unwrap();
            assert_eq!(name.to_string(), written, "{text}");
            assert!(name.covers(&inside.parse().unwrap()), "{text} {inside}");
            assert!(outside.is_empty() || !name.covers(&outside.parse().unwrap()), "{text} {outside}");
        }
    }

    #[test]
    fn err_what_begins_no_name() {
        for text in ["", "-*", "a b", "a*b", "**", "acme/*", "ünï*", ".", "-acme"] {
            assert!(text.parse::<ReservedName>().is_err(), "{text}");
        }
    }
}
