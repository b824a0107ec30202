//! What a script of another site may read in a browser: nothing, unless the settings open it (standards IDX-33).
//!
//! PyPI shows the world to the world. A server inside a closed network does not: the browser of anybody who reaches it would
//! read it out to whatever page he has open.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;

/// Headers of every answer that may be read; they stay on an answer that turns out to be a problem.
pub const OPEN_HEADERS: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Accept-Ranges, Content-Range, ETag, X-PyPI-Last-Serial"),
    ),
];

/// The answer to a browser that asks first, which it does before conditional requests and before some ranges.
const PREFLIGHT_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static(
            "Accept, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range",
        ),
    ),
    // A day, which is longer than any browser keeps it.
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400")),
];

/// Opens a route that only reads to scripts of other sites. No credentials of a browser go with that.
pub fn opened<S: Clone + Send + Sync + 'static>(handler: MethodRouter<S>) -> MethodRouter<S> {
    handler.options(preflight).layer(axum::middleware::from_fn(open))
}

async fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().extend(PREFLIGHT_HEADERS);
    response
}

async fn open(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(OPEN_HEADERS);
    response
}

/// Carries the headers of an answer over to the problem that takes its place.
pub fn keep(from: &mut HeaderMap, to: &mut HeaderMap) {
    for (name, _) in OPEN_HEADERS {
        if let Some(value) = from.remove(&name) {
            to.insert(name, value);
        }
    }
}
