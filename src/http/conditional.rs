//! Entity tags in conditional requests (RFC 9110 section 13.1.2), and how long answers may be kept. Pure.

use std::borrow::Cow;

use axum::http::HeaderName;

use super::fields::Fields;

use crate::access::ReadPolicy;

/// `Cache-Control` of what may change: it is asked about each time (IDX-30), and where reads need a token no cache between
/// may hold what one of them was told.
pub fn moving(reads: ReadPolicy) -> &'static str {
    match reads {
        ReadPolicy::Open => "no-cache",
        ReadPolicy::Token => "private, no-cache",
    }
}

/// Whether `If-None-Match` names this tag, by weak comparison; `*` names every one.
pub fn is_listed(if_none_match: &str, etag: impl AsRef<[u8]>) -> bool {
    let etag = etag.as_ref();
    let named = |candidate: &str| {
        let candidate = candidate.trim();
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate).as_bytes() == etag
    };
    // Our tags hold no comma, so splitting inside a foreign tag cannot make one of ours.
    if_none_match.split(',').any(named)
}

/// Whether `If-Match` names this tag, by strong comparison (section 13.1.1); `*` names every one.
pub fn is_listed_strongly(if_match: &str, etag: &str) -> bool {
    if_match.split(',').map(str::trim).any(|candidate| candidate == "*" || candidate == etag)
}

/// A header as text, several lines of it joined as RFC 9110 section 5.3 says; absent or not ASCII is `None`.
pub fn header_text<'a>(headers: impl Into<Fields<'a>>, name: HeaderName) -> Option<Cow<'a, str>> {
    headers.into().text(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_lists() {
        for (header, expected) in [
            ("\"abc\"", true),
            ("W/\"abc\"", true),
            ("\"x\", \"abc\"", true),
            ("\"x\",W/\"abc\" ,\"y\"", true),
            ("*", true),
            ("\"ab\"", false),
            ("abc", false),
            ("", false),
        ] {
            assert_eq!(is_listed(header, "\"abc\""), expected, "{header}");
        }
    }
}
