//! Answers that carry a stored file or a bundle: ranges, conditions, and headers that are equal for HEAD and GET.

use std::ops::Range;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::conditional::header_text;
use super::fields::Fields;
use super::ranges::{Conditions, Part, part};
use crate::access::ReadPolicy;
use crate::model::Kind;

/// What is offered for download. Its bytes never change.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Strong entity tag, in its quotes.
    pub etag: &'a str,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Name to save it under: no quotes, no control characters.
    pub filename: &'a str,
    /// Whether a shared cache may keep it.
    pub reads: ReadPolicy,
}

/// Which part of an offer a request wants, or the answer if it wants none.
pub enum Plan {
    /// Send these bytes with [`Offer::answer`]; for HEAD, nothing needs to be opened.
    Send(StatusCode, Range<u64>),
    /// Nothing has to be read.
    Done(Box<Response>),
}

/// Headers of an answer, those of `frame.rs` too: the map is made large enough at once.
const HEADER_COUNT: usize = 14;

impl Offer<'_> {
    /// Decides what to send; fails with 412 for other bytes and with 416 for a part that does not exist.
    pub fn plan<'a>(&self, method: &Method, headers: impl Into<Fields<'a>>) -> Result<Plan, Problem> {
        let headers = headers.into();
        let range = header_text(headers, header::RANGE);
        let if_range = header_text(headers, header::IF_RANGE);
        let if_match = header_text(headers, header::IF_MATCH);
        let if_none_match = header_text(headers, header::IF_NONE_MATCH);
        let conditions = Conditions {
            // `Range` is defined for GET alone (RFC 9110 section 14.2).
            range: range.as_deref().filter(|_| method == Method::GET),
            if_range: if_range.as_deref(),
            if_match: if_match.as_deref(),
            if_none_match: if_none_match.as_deref(),
        };
        let plan = match part(conditions, self.etag, self.size_bytes) {
            Part::Whole => Plan::Send(StatusCode::OK, 0..self.size_bytes),
            Part::Bytes(range) => Plan::Send(StatusCode::PARTIAL_CONTENT, range),
            Part::NotModified => {
                let mut response = StatusCode::NOT_MODIFIED.into_response();
                self.add_validators(response.headers_mut());
                Plan::Done(Box::new(response))
            }
            Part::OtherVersion => return Err(self.other_version()),
            Part::NotSatisfiable => return Err(self.not_satisfiable()),
        };
        Ok(plan)
    }

    /// The answer around a body of exactly these bytes, or around none for HEAD.
    pub fn answer(&self, status: StatusCode, range: &Range<u64>, body: Body) -> Response {
        self.answer_with(HeaderMap::new(), status, range, body)
    }

    /// As [`Offer::answer`], with headers in a map that is empty.
    pub fn answer_with(&self, empty: HeaderMap, status: StatusCode, range: &Range<u64>, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        *headers = empty;
        headers.reserve(HEADER_COUNT);
        self.add_validators(headers);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(range.end - range.start));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        // Nothing in a stored file may run in the browser of a person who opens its URL.
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
        let disposition = ["attachment; filename=\"", self.filename, "\""].concat();
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(disposition)) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
        if status == StatusCode::PARTIAL_CONTENT {
            // An empty range is never partial, so `end` is at least 1.
            let text = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), self.size_bytes);
            if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
                headers.insert(header::CONTENT_RANGE, value);
            }
        }
        response
    }

    /// The answer that carries all of it.
    pub fn whole(&self, body: Body) -> Response {
        self.answer(StatusCode::OK, &(0..self.size_bytes), body)
    }

    fn add_validators(&self, headers: &mut HeaderMap) {
        if let Ok(etag) = HeaderValue::from_str(self.etag) {
            headers.insert(header::ETAG, etag);
        }
        let cache_control = match self.reads {
            ReadPolicy::Open => "public, max-age=31536000, immutable",
            ReadPolicy::Token => "private, max-age=31536000, immutable",
        };
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
        if self.reads == ReadPolicy::Token {
            headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
        }
    }

    fn other_version(&self) -> Problem {
        let detail = format!("`{}` has the entity tag {}, which `If-Match` does not name", self.filename, self.etag);
        Problem::new(Kind::PreconditionFailed, "http/precondition-failed", detail)
    }

    fn not_satisfiable(&self) -> Problem {
        let detail =
            format!("`{}` has {} bytes; the part that was asked for is not in it", self.filename, self.size_bytes);
        Problem::new(Kind::RangeNotSatisfiable, "http/range-not-satisfiable", detail)
            .with_header(header::CONTENT_RANGE, &format!("bytes */{}", self.size_bytes))
            .with_header(header::ACCEPT_RANGES, "bytes")
    }
}
