//! What upload clients read: the body by `Accept`, and the reason phrase, which is all that some of them show
//! (standards UPL-06, UPL-07).

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use hyper::ext::ReasonPhrase;
use serde::Serialize;

use super::Problem;
use super::conditional::header_text;
use super::frame::{RequestId, WrittenProblem};
use crate::ingest::{UploadOutcome, Verdict};
use crate::model::Finding;
use crate::simple::negotiate;

/// Longest reason phrase in bytes: a line that terminals show whole, and far below what clients take as a status line.
const MAX_REASON_BYTES: usize = 400;

/// The error body that uv reads; it prints `code`.
#[derive(Serialize)]
struct Refusal<'a> {
    message: &'a str,
    code: String,
    title: &'a str,
    #[serde(rename = "type")]
    type_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    request_id: &'a str,
    findings: &'a [Finding],
}

/// What would be answered to an upload that was only tried.
#[derive(Serialize)]
pub struct TriedUpload {
    /// Always true: nothing was kept.
    dry_run: bool,
    #[serde(flatten)]
    outcome: UploadOutcome,
}

impl From<UploadOutcome> for TriedUpload {
    fn from(outcome: UploadOutcome) -> Self {
        Self { dry_run: true, outcome }
    }
}

/// The request's `Accept`.
pub fn accept_of(request: &Request) -> Option<String> {
    header_text(request.headers(), header::ACCEPT).map(|text| text.into_owned())
}

/// Layer around the upload form's routes: writes every problem, also those of the guard, the way upload clients read it.
pub async fn dress(request: Request, next: Next) -> Response {
    let accept = accept_of(&request);
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let id = id.as_ref().map_or("", |id| &id.0);
    let mut written = refused(&problem, accept.as_deref(), id);
    written.extensions_mut().extend(std::mem::take(response.extensions_mut()));
    written.extensions_mut().insert(reason_phrase(&problem));
    written.extensions_mut().insert(WrittenProblem(problem));
    written
}

/// The answer to an upload that was not refused: 200, text with one line per note, or JSON for who asks for it.
pub fn stored(outcome: &UploadOutcome, accept: Option<&str>) -> Response {
    if wants_json(accept) {
        return axum::Json(outcome).into_response();
    }
    let verdict = match outcome.verdict {
        Verdict::Stored => "is now in",
        Verdict::Unchanged => "was already in",
    };
    let mut text = format!("{} {verdict} {} (serial {})\n", outcome.filename, outcome.channel, outcome.serial);
    for finding in &outcome.findings {
        text.push_str(&line(finding));
    }
    text_answer(StatusCode::OK, text)
}

/// The answer to an upload that was only tried and would not be refused.
pub fn tried(outcome: UploadOutcome, accept: Option<&str>) -> Response {
    if wants_json(accept) {
        return axum::Json(TriedUpload::from(outcome)).into_response();
    }
    let verdict = match outcome.verdict {
        Verdict::Stored => "would be in",
        Verdict::Unchanged => "is already in",
    };
    let mut text = format!("{} {verdict} {}; this was a dry run\n", outcome.filename, outcome.channel);
    for finding in &outcome.findings {
        text.push_str(&line(finding));
    }
    text_answer(StatusCode::OK, text)
}

fn refused(problem: &Problem, accept: Option<&str>, request_id: &str) -> Response {
    let mut response = match wants_json(accept) {
        true => json_answer(problem, request_id),
        false => text_answer(problem.status(), text(problem, request_id)),
    };
    problem.add_headers(response.headers_mut());
    response
}

fn json_answer(problem: &Problem, request_id: &str) -> Response {
    let status = problem.status();
    let body = Refusal {
        message: problem.detail(),
        code: format!("{} {}", status.as_u16(), first_line(problem)),
        title: status.canonical_reason().unwrap_or(problem.title()),
        type_url: format!("/manual/errors.html#{}", problem.code().replace('/', "-")),
        hint: problem.hint(),
        request_id,
        findings: problem.findings(),
    };
    // `axum::Json` sends exactly `application/json`; with a charset uv prints the raw text.
    (status, axum::Json(body)).into_response()
}

fn text_answer(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn text(problem: &Problem, request_id: &str) -> String {
    let mut text = format!("{}\n", problem.detail());
    for finding in problem.findings() {
        text.push_str(&line(finding));
    }
    if let Some(hint) = problem.hint() {
        text.push_str(&format!("{hint}\n"));
    }
    text.push_str(&format!("({}, request {request_id})\n", problem.code()));
    text
}

fn line(finding: &Finding) -> String {
    let word = if finding.is_refusal() { "refused" } else { "note" };
    let hint = finding.hint.as_deref().map(|hint| format!(" {hint}")).unwrap_or_default();
    format!("{word}: {} {}: {}.{hint}\n", finding.rule, finding.reason, finding.message)
}

/// The first finding, or the sentence of the problem.
fn first_line(problem: &Problem) -> String {
    match problem.findings().first() {
        Some(finding) => format!("{}: {}", finding.rule, finding.message),
        None => problem.detail().to_owned(),
    }
}

/// One line of Latin-1 for the status line of HTTP/1.1; twine shows nothing else unless it is told to be verbose.
fn reason_phrase(problem: &Problem) -> ReasonPhrase {
    let to_byte = |letter: char| match u8::try_from(letter) {
        Ok(byte) if matches!(byte, b' '..=b'~' | 0xa0..) => byte,
        _ => b'?',
    };
    let bytes: Vec<u8> = first_line(problem).chars().map(to_byte).take(MAX_REASON_BYTES).collect();
    ReasonPhrase::try_from(bytes).unwrap_or_else(|_| ReasonPhrase::from_static(b"Refused"))
}

/// Only who prefers it over text; `*/*` of a script or of twine gets what a person can read.
fn wants_json(accept: Option<&str>) -> bool {
    let json = negotiate::quality(accept, "application/json");
    json > negotiate::quality(accept, "text/plain")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    #[test]
    fn ok_who_gets_json() {
        for (accept, expected) in [
            (None, false),
            (Some("*/*"), false),
            (Some("application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7"), true),
            (Some("application/json"), true),
            (Some("text/plain, application/json;q=0.5"), false),
        ] {
            assert_eq!(wants_json(accept), expected, "{accept:?}");
        }
    }

    #[test]
    fn a_reason_phrase_is_one_line_of_latin_1() {
        let problem =
            Problem::new(Kind::Invalid, "ingest/form-invalid", format!("é\r\nSet-Cookie: x=1 日{}", "x".repeat(900)));
        let phrase = reason_phrase(&problem);
        let bytes = phrase.as_bytes();
        assert_eq!(bytes.len(), MAX_REASON_BYTES);
        assert!(bytes.starts_with(b"\xe9??Set-Cookie: x=1 ?x"), "{bytes:?}");
    }
}
