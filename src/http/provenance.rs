//! `/integrity/{project}/{version}/{filename}/provenance`: who has built a file (PEP 740; standards FIL-10), and storing it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use futures_util::TryStreamExt as _;

use super::Problem;
use super::auth::Who;
use super::conditional::{Negotiated, Validators, Whole, header_text, moving};
use super::extract::Segments;
use super::files::withheld;
use crate::access::{FileAccess, ReadPolicy};
use crate::app::App;
use crate::ingest::{ProvenanceOutcome, receive_provenance};
use crate::model::{Kind, Permission, Sha256Digest};
use crate::packaging::{MAX_PROVENANCE_BYTES, ProjectName, parse_version, shown};
use crate::simple::negotiate;

/// The type of a provenance object, version 1.
const INTEGRITY: &str = "application/vnd.pypi.integrity.v1+json";

/// The same under the name that every client takes.
const JSON: &str = "application/json";

/// `GET /integrity/{project}/{version}/{filename}/provenance`
pub async fn show(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((project, version, filename)): Segments<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content_type = content_type(&headers, app.settings.read)?;
    let none = || {
        let detail = format!("no provenance of `{}` is here", shown(&filename));
        Problem::new(Kind::NotFound, "http/no-provenance", detail)
    };
    let (Ok(project), Ok(version)) = (project.parse::<ProjectName>(), parse_version(&version)) else {
        return Err(none());
    };
    who.may(&app, Permission::Read, None, Some(&project))?;
    let Some(offered) = app.index.find_offered(&filename).await? else { return Err(none()) };
    let stored = offered.stored;
    if stored.file.project != project || stored.file.version != version {
        return Err(none());
    }
    // It is a part of what the file is: who is told nothing of the one is told nothing of the other.
    match who.file_access(&app, &filename, &project, offered.is_withheld).await? {
        FileAccess::Hidden => return Err(none()),
        FileAccess::Withheld => return Err(withheld(&filename, &project)),
        FileAccess::Granted => {}
    }
    let Some(provenance) = app.index.find_provenance(stored.id).await? else { return Err(none()) };
    answer(&app, &provenance.sha256, content_type, &headers).await
}

/// `PUT /api/v1/files/{filename}/provenance`: a provenance object or a list of attestations.
pub async fn put(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(filename): Segments<String>,
    request: Request,
) -> Result<Json<ProvenanceOutcome>, Problem> {
    let body = request.into_body().into_data_stream().map_err(std::io::Error::other);
    Ok(Json(receive_provenance(&app.ingest_parts(), &who.0, &filename, body).await?))
}

async fn answer(
    app: &App,
    sha256: &Sha256Digest,
    content_type: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let reads = app.settings.read;
    let validators = Validators {
        // The two names of the type are two representations.
        etag: format!("\"{sha256}{}\"", if content_type == JSON { "-json" } else { "" }).into(),
        // It may grow (ATT-03).
        cache_control: moving(reads),
        vary: Negotiated::Form.vary(reads),
        last_serial: None,
    };
    if validators.is_known(headers) {
        return Ok(validators.answer(None, HeaderMap::new()));
    }
    let bytes = app.blobs.read(sha256, MAX_PROVENANCE_BYTES as u64).await?;
    if Sha256Digest::of(&bytes) != *sha256 {
        let text = format!("the blob `sha256:{sha256}` is damaged: its bytes have another digest");
        return Err(Problem::internal(text));
    }
    let whole = Whole { body: Body::from(bytes), content_type, encoding: None };
    Ok(validators.answer(Some(whole), HeaderMap::new()))
}

/// What the client likes better; JSON where it says nothing (FIL-10).
fn content_type(headers: &HeaderMap, reads: ReadPolicy) -> Result<&'static str, Problem> {
    let accept = header_text(headers, header::ACCEPT);
    let (integrity, json) =
        (negotiate::quality(accept.as_deref(), INTEGRITY), negotiate::quality(accept.as_deref(), JSON));
    match (integrity, json) {
        (0, 0) => Err(Problem::new(
            Kind::NotAcceptable,
            "http/provenance-not-acceptable",
            "no form of a provenance is accepted by the client",
        )
        .with_hint(format!("Accept `{INTEGRITY}` or `{JSON}`."))
        .with_header(header::VARY, Negotiated::Form.vary(reads))),
        _ if integrity > json => Ok(INTEGRITY),
        _ => Ok(JSON),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn ok_and_err_accept_headers() {
        for (accept, expected) in [
            (None, Some(JSON)),
            (Some("*/*"), Some(JSON)),
            (Some("application/vnd.pypi.integrity.v1+json"), Some(INTEGRITY)),
            (Some("application/json"), Some(JSON)),
            (Some("application/vnd.pypi.integrity.v1+json, application/json;q=0.5"), Some(INTEGRITY)),
            (Some("application/vnd.pypi.integrity.v1+json, */*;q=0.1"), Some(INTEGRITY)),
            (Some("application/json;q=0, */*"), Some(INTEGRITY)),
            (Some("text/plain"), None),
            (Some("application/json;q=0"), None),
        ] {
            let headers = accept.map(|accept| (header::ACCEPT, HeaderValue::from_static(accept))).into_iter().collect();
            assert_eq!(content_type(&headers, ReadPolicy::Open).ok(), expected, "{accept:?}");
        }
    }
}
