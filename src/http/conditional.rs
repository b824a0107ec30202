//! Answers that clients keep and ask about again: tags, 304, `Cache-Control` and `Vary` (RFC 9110 section 13, RFC 9111). Pure.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::fields::Fields;
use crate::access::ReadPolicy;
use crate::model::Serial;

/// Tells the serial of the last change that an answer shows, as PyPI does.
pub const LAST_SERIAL: HeaderName = HeaderName::from_static("x-pypi-last-serial");

/// What lets an answer be kept and asked about again. A 304 says it too (IDX-29).
pub struct Validators {
    /// The entity tag in its quotes, ASCII.
    pub etag: Bytes,
    /// How long it may be kept: [`moving`] or [`settled`].
    pub cache_control: &'static str,
    /// What the answer depends on: [`Negotiated::vary`].
    pub vary: &'static str,
    /// Serial of the last change that it shows, where it shows any (IDX-32).
    pub last_serial: Option<Serial>,
}

/// What is sent to a client that has no form of the answer, or another one.
pub struct Whole {
    /// Its bytes.
    pub body: Body,
    /// Their type.
    pub content_type: &'static str,
    /// How they are encoded, unless they are as they are.
    pub encoding: Option<&'static str>,
}

impl Validators {
    /// Whether the client has this very answer.
    pub fn is_known(&self, headers: &HeaderMap) -> bool {
        header_text(headers, header::IF_NONE_MATCH).is_some_and(|header| is_listed(&header, &self.etag))
    }

    /// The answer, its headers put into an empty map; a 304 without `whole`.
    pub fn answer(self, whole: Option<Whole>, mut headers: HeaderMap) -> Response {
        let mut response = Response::default();
        match whole {
            None => *response.status_mut() = StatusCode::NOT_MODIFIED,
            Some(Whole { body, content_type, encoding }) => {
                *response.body_mut() = body;
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
                if let Some(encoding) = encoding {
                    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
                }
            }
        }
        if let Ok(etag) = HeaderValue::from_maybe_shared(self.etag) {
            headers.insert(header::ETAG, etag);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control));
        if let Some(serial) = self.last_serial {
            headers.insert(LAST_SERIAL, HeaderValue::from(serial.0));
        }
        if !self.vary.is_empty() {
            headers.insert(header::VARY, HeaderValue::from_static(self.vary));
        }
        *response.headers_mut() = headers;
        response
    }
}

/// What of a request, beside who sends it, an answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Negotiated {
    /// Nothing.
    Nothing,
    /// The form that it has.
    Form,
    /// The encoding that it has.
    Encoding,
    /// Both.
    FormAndEncoding,
}

impl Negotiated {
    /// The header `Vary`; empty where there is none.
    pub fn vary(self, reads: ReadPolicy) -> &'static str {
        match (self, reads) {
            (Self::Nothing, ReadPolicy::Open) => "",
            (Self::Nothing, ReadPolicy::Token) => "Authorization",
            (Self::Form, ReadPolicy::Open) => "Accept",
            (Self::Form, ReadPolicy::Token) => "Accept, Authorization",
            (Self::Encoding, ReadPolicy::Open) => "Accept-Encoding",
            (Self::Encoding, ReadPolicy::Token) => "Accept-Encoding, Authorization",
            (Self::FormAndEncoding, ReadPolicy::Open) => "Accept, Accept-Encoding",
            (Self::FormAndEncoding, ReadPolicy::Token) => "Accept, Accept-Encoding, Authorization",
        }
    }
}

/// `Cache-Control` of what may change: it is asked about each time (IDX-30), and where reads need a token no cache between
/// may hold what one of them was told. Never `max-age` too: pip takes it over `no-cache`.
pub fn moving(reads: ReadPolicy) -> &'static str {
    match reads {
        ReadPolicy::Open => "no-cache",
        ReadPolicy::Token => "private, no-cache",
    }
}

/// `Cache-Control` of what never changes.
pub fn settled(reads: ReadPolicy) -> &'static str {
    match reads {
        ReadPolicy::Open => "public, max-age=31536000, immutable",
        ReadPolicy::Token => "private, max-age=31536000, immutable",
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

/// An answer below a URL that is a secret of those who were told it: no shared cache keeps it, and no link tells it on.
pub fn kept_secret(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
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
