//! From an error to an answer: the only table of statuses, and the body that people and programs read (RFC 9457).

use std::borrow::Cow;
use std::error::Error;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::model::{Diagnostic, Finding, Kind};
use crate::simple::negotiate;

/// Seconds after which a client may try again what is refused for a while; an integer, because poetry reads it so (FIL-13).
const RETRY_AFTER_SECONDS: u32 = 5;

/// The status of each kind of failure. No other place decides one.
pub fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Kind::TimedOut => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Gone => StatusCode::GONE,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Kind::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// An error on its way to a client. `frame.rs` writes the body, because that needs the request's `Accept` and its id.
#[derive(Clone, Debug)]
pub struct Problem(Box<Facts>);

#[derive(Clone, Debug)]
struct Facts {
    kind: Kind,
    code: &'static str,
    detail: String,
    hint: Option<Cow<'static, str>>,
    findings: Vec<Finding>,
    headers: HeaderMap,
    /// The chain of causes, for the log and for nobody else.
    causes: String,
}

impl<E: Diagnostic> From<E> for Problem {
    fn from(error: E) -> Self {
        let mut causes = error.to_string();
        let mut next: Option<&dyn Error> = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Errors of other libraries often repeat their cause in their own text.
            if !causes.ends_with(&text) {
                causes.push_str(": ");
                causes.push_str(&text);
            }
            next = cause.source();
        }
        Self(Box::new(Facts {
            kind: error.kind(),
            code: error.code(),
            detail: error.to_string(),
            hint: error.hint(),
            findings: error.findings().to_vec(),
            headers: HeaderMap::new(),
            causes,
        }))
    }
}

/// RFC 9457, with our code, hint, findings and request id.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    type_url: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    request_id: &'a str,
    findings: &'a [Finding],
}

impl Problem {
    /// A problem of the HTTP edge itself, for which no error type exists.
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let causes = detail.clone();
        Self(Box::new(Facts {
            kind,
            code,
            detail,
            hint: None,
            findings: Vec::new(),
            headers: HeaderMap::new(),
            causes,
        }))
    }

    /// Adds the next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a header to the answer; a value that no header can hold is left out.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.insert(name, value);
        }
        self
    }

    /// Our own fault; `causes` goes to the log only.
    pub fn internal(causes: impl Into<String>) -> Self {
        let mut problem = Self::new(Kind::Internal, "http/internal", "the server failed");
        problem.0.causes = causes.into();
        problem
    }

    /// Status of the answer.
    pub fn status(&self) -> StatusCode {
        status_of(self.0.kind)
    }

    /// Stable code of the error.
    pub fn code(&self) -> &'static str {
        self.0.code
    }

    /// The error and its causes, for the log.
    pub fn causes(&self) -> &str {
        &self.0.causes
    }

    /// The sentence that the client reads. Of a 500 it says nothing about our insides.
    pub fn detail(&self) -> &str {
        match self.0.kind {
            Kind::Internal => "the server failed; its log has the reason under this request id",
            _ => &self.0.detail,
        }
    }

    /// Everything that was found.
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// The next step, where there is one.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref().filter(|_| self.0.kind != Kind::Internal)
    }

    /// A few words for the kind of failure.
    pub fn title(&self) -> &'static str {
        match self.0.kind {
            Kind::Invalid => "Not valid",
            Kind::Unauthenticated => "A token is needed",
            Kind::Forbidden => "Not allowed",
            Kind::NotFound => "Not found",
            Kind::MethodNotAllowed => "Not offered here",
            Kind::NotAcceptable => "No form that the client accepts",
            Kind::TimedOut => "Too slow",
            Kind::Conflict => "In conflict with what is there",
            Kind::Gone => "Gone",
            Kind::TooLarge => "Too large",
            Kind::UnsupportedMedia => "A form that is not read here",
            Kind::PreconditionFailed => "Another version",
            Kind::RangeNotSatisfiable => "No such part",
            Kind::Unprocessable => "Not one of what is offered",
            Kind::TooMany => "Too many at once",
            Kind::Internal => "The server failed",
            Kind::Unavailable => "Not possible now",
            Kind::StorageFull => "The disk is full",
        }
    }

    /// The whole answer: JSON for clients that accept it, else text.
    pub fn into_answer(self, accept: Option<&str>, request_id: &str) -> Response {
        let (content_type, body) = if wants_json(accept) {
            ("application/problem+json", self.json(request_id))
        } else {
            ("text/plain; charset=utf-8", self.text(request_id))
        };
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.add_headers(headers);
        response
    }

    /// The headers that belong to this problem, for answers whose body another module writes.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        headers.extend(self.0.headers.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.0.kind {
            Kind::Unauthenticated => {
                // pip asks for credentials only when it sees this (FIL-11).
                let challenge = HeaderValue::from_static("Basic realm=\"ferrywheel\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Kind::TooMany | Kind::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
    }

    fn json(&self, request_id: &str) -> String {
        let body = Body {
            type_url: format!("/manual/errors.html#{}", self.0.code.replace('/', "-")),
            title: self.title(),
            status: self.status().as_u16(),
            detail: self.detail(),
            code: self.0.code,
            hint: self.hint(),
            request_id,
            findings: &self.0.findings,
        };
        // In JSON `<` stands inside strings only. Escaped, what a client sent back to it is markup for no reader at all.
        serde_json::to_string(&body).unwrap_or_default().replace('<', "\\u003c")
    }

    fn text(&self, request_id: &str) -> String {
        let mut text = format!("{}\n", self.detail());
        for finding in &self.0.findings {
            text.push_str(&format!("- {}: {}\n", finding.rule, finding.message));
        }
        if let Some(hint) = self.hint() {
            text.push_str(&format!("{hint}\n"));
        }
        text.push_str(&format!("({}, request {request_id})\n", self.0.code));
        text
    }
}

/// Whether JSON fits the client at least as well as text that a person reads.
fn wants_json(accept: Option<&str>) -> bool {
    let json =
        negotiate::quality(accept, "application/problem+json").max(negotiate::quality(accept, "application/json"));
    let for_people = negotiate::quality(accept, "text/html").max(negotiate::quality(accept, "text/plain"));
    json > 0 && json >= for_people
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the index could not answer")]
    struct Failed(#[source] std::io::Error);

    impl Diagnostic for Failed {
        fn code(&self) -> &'static str {
            "index/failed"
        }

        fn kind(&self) -> Kind {
            Kind::Internal
        }
    }

    #[test]
    fn a_500_tells_the_log_everything_and_the_client_nothing() {
        let problem = Problem::from(Failed(std::io::Error::other("near \"SELEC\": syntax error in /srv/db")));
        assert_eq!(problem.causes(), "the index could not answer: near \"SELEC\": syntax error in /srv/db");
        for body in [problem.json("r1"), problem.text("r1")] {
            assert!(!body.contains("index could not") && !body.contains("SELEC") && body.contains("r1"), "{body}");
        }
    }

    #[test]
    fn ok_who_gets_json() {
        for (accept, expected) in [
            (None, true),
            (Some("*/*"), true),
            (Some("application/json"), true),
            (Some("application/problem+json"), true),
            (Some("application/vnd.pypi.simple.v1+json, text/html;q=0.01"), false),
            (Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), false),
            (Some("text/plain"), false),
            (Some("image/png"), false),
        ] {
            assert_eq!(wants_json(accept), expected, "{accept:?}");
        }
    }
}
