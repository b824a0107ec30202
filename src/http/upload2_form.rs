//! What every request and answer of PEP 694 has: the content type, `meta`, and problems that carry both words for the detail.

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::conditional::header_text;
use super::frame::{RequestId, WrittenProblem};
use crate::app::App;
use crate::model::{Finding, Kind, innermost_cause};
use crate::packaging::shown;
use crate::simple::negotiate;

/// What requests and answers are written in, but for the bytes of files.
const CONTENT_TYPE: &str = "application/vnd.pypi.upload.v2+json";

/// The only version there is.
const API_VERSION: &str = "2.0";

/// Largest JSON body in bytes: the longest honest one announces a file with a digest by each algorithm.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The first member of every body.
#[derive(Serialize)]
pub struct Meta {
    #[serde(rename = "api-version")]
    api_version: &'static str,
}

/// The member as every answer has it.
pub const META: Meta = Meta { api_version: API_VERSION };

#[derive(Deserialize)]
struct Sent<T> {
    meta: SentMeta,
    #[serde(flatten)]
    rest: T,
}

/// Other members are an index's own and mean nothing here.
#[derive(Deserialize)]
struct SentMeta {
    #[serde(rename = "api-version")]
    api_version: String,
}

/// The body of a request, without its `meta`.
pub struct Upload2<T>(pub T);

/// A body that says nothing but `meta`.
#[derive(Deserialize)]
pub struct Nothing {}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Upload2<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let sent = header_text(request.headers(), header::CONTENT_TYPE).unwrap_or_default();
        let sent = sent.split(';').next().unwrap_or_default().trim().to_owned();
        if !sent.eq_ignore_ascii_case(CONTENT_TYPE) {
            let detail = format!("the content type `{}` is not read here", shown(&sent));
            return Err(Problem::new(Kind::UnsupportedMedia, "upload/media-type", detail)
                .with_hint(format!("Send `Content-Type: {CONTENT_TYPE}`.")));
        }
        let bytes = read_whole(request.into_body(), MAX_BODY_BYTES).await?;
        let invalid = |detail| Problem::new(Kind::Invalid, "upload/body-invalid", detail);
        let sent: Sent<T> = serde_json::from_slice(&bytes)
            .map_err(|error| invalid(format!("the JSON body cannot be used: {}", innermost_cause(&error))))?;
        let version = sent.meta.api_version;
        if version != API_VERSION {
            let detail = format!("the API version `{}` is not offered", shown(&version));
            return Err(Problem::new(Kind::Invalid, "upload/api-version", detail)
                .with_hint("Send `\"meta\": {\"api-version\": \"2.0\"}`."));
        }
        Ok(Self(sent.rest))
    }
}

/// A body that is held in memory, up to a limit.
pub async fn read_whole(body: Body, limit_bytes: usize) -> Result<Bytes, Problem> {
    to_bytes(body, limit_bytes).await.map_err(|error| {
        let causes = innermost_cause(&error);
        match causes.contains("length limit") {
            true => Problem::new(
                Kind::TooLarge,
                "http/body-too-large",
                format!("the body has more than the {limit_bytes} bytes that are read here"),
            ),
            false => Problem::new(Kind::Invalid, "ingest/body-aborted", "the body of the request ended too early"),
        }
    })
}

/// An answer of this API.
pub fn answer(status: StatusCode, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Where this server is for whoever asks, without a slash at the end: links of this API are absolute.
///
/// The public address that was set, else the host that the client has named itself. Nothing of the answer is kept for others.
pub fn root_of(app: &App, headers: &HeaderMap) -> String {
    if let Some(root) = app.settings.public_root() {
        return root.to_owned();
    }
    let host = header_text(headers, header::HOST).unwrap_or_default();
    match host.parse::<axum::http::uri::Authority>() {
        Ok(host) => format!("http://{host}"),
        Err(_) => String::new(),
    }
}

/// RFC 9457, the members of the draft, and ours.
#[derive(Serialize)]
struct Refusal<'a> {
    #[serde(rename = "type")]
    type_url: String,
    title: &'a str,
    status: u16,
    /// As RFC 9457 calls it.
    detail: &'a str,
    /// As PEP 694 calls it.
    details: &'a str,
    meta: Meta,
    errors: Vec<Fault<'a>>,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    request_id: &'a str,
    findings: &'a [Finding],
}

#[derive(Serialize)]
struct Fault<'a> {
    source: &'a str,
    message: &'a str,
}

/// Layer around the routes of this API: writes every problem, also those of the guard, the way its clients read it.
pub async fn dress(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned();
    let mut response = match check_accept(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let mut written = refused(&problem, id.as_ref().map_or("", |id| &id.0));
    written.extensions_mut().extend(std::mem::take(response.extensions_mut()));
    written.extensions_mut().insert(WrittenProblem(problem));
    written
}

fn check_accept(headers: &HeaderMap) -> Result<(), Problem> {
    let accept = header_text(headers, header::ACCEPT);
    match negotiate::quality(accept.as_deref(), CONTENT_TYPE).max(negotiate::quality(accept.as_deref(), PROBLEM)) {
        0 => Err(Problem::new(Kind::NotAcceptable, "upload/not-acceptable", "no form of the answer is accepted")
            .with_hint(format!("Accept `{CONTENT_TYPE}`."))),
        _ => Ok(()),
    }
}

const PROBLEM: &str = "application/problem+json";

fn refused(problem: &Problem, request_id: &str) -> Response {
    let entries = problem.findings().iter();
    let mut errors: Vec<Fault> = entries
        .map(|finding| Fault { source: finding.entry.as_deref().unwrap_or(&finding.rule), message: &finding.message })
        .collect();
    if errors.is_empty() {
        errors.push(Fault { source: problem.code(), message: problem.detail() });
    }
    let body = Refusal {
        type_url: format!("/manual/errors.html#{}", problem.code().replace('/', "-")),
        title: problem.title(),
        status: problem.status().as_u16(),
        detail: problem.detail(),
        details: problem.detail(),
        meta: META,
        errors,
        code: problem.code(),
        hint: problem.hint(),
        request_id,
        findings: problem.findings(),
    };
    // In JSON `<` stands inside strings only. Escaped, what a client sent back to it is markup for no reader at all.
    let text = serde_json::to_string(&body).unwrap_or_default().replace('<', "\\u003c");
    let mut response = (problem.status(), text).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    problem.add_headers(response.headers_mut());
    response
}
