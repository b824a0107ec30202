//! Extractors whose refusals are problems like every other error: segments of the path, the query, a JSON body.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::StatusCode;

use super::Problem;
use crate::model::{Kind, innermost_cause};

/// Segments of the path, percent-decoded once; `+` stays `+` (FIL-07).
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Segments<T>(pub T);

/// The query string. Unknown names are ignored unless the type says otherwise.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct Json<T>(pub T);

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        // A path that does not decode names nothing that could exist.
        Self::new(Kind::NotFound, "http/no-such-page", "the path of the URL is not valid text")
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        // The innermost cause names the field; the outer texts only say that there is one.
        Self::new(
            Kind::Invalid,
            "http/query-invalid",
            format!("the query string cannot be used: {}", innermost_cause(&rejection)),
        )
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let detail = format!("the JSON body cannot be used: {}", innermost_cause(&rejection));
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Kind::TooLarge, "http/body-too-large", detail),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::new(Kind::UnsupportedMedia, "http/body-not-json", detail)
                .with_hint("Send `Content-Type: application/json`."),
            _ => Self::new(Kind::Invalid, "http/body-invalid", detail),
        }
    }
}
