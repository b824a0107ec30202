//! The start page, its files and the manual, all embedded in the program: nothing outside it is needed or fetched.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Problem;
use super::conditional::{header_text, is_listed};
use super::extract::Segments;
use crate::app::App;
use crate::model::{Kind, Sha256Digest};

/// Only our own files, no inline script or style, no frames, no other host (threats 2.3).
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                           connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../static/", $path)))),*]
    };
}

/// Every file below `static/`, by path. `tests/it/http_ui.rs` holds the list complete.
pub const EMBEDDED: &[(&str, &[u8])] = embedded![
    "manual/api.html",
    "manual/batches.html",
    "manual/bundles.html",
    "manual/cli.html",
    "manual/clients.html",
    "manual/conformance.html",
    "manual/errors.html",
    "manual/index.html",
    "manual/manual.css",
    "manual/rules.html",
    "manual/settings.html",
    "manual/start.html",
    "manual/upload2.html",
    "ui/api.js",
    "ui/app.js",
    "ui/channels.js",
    "ui/copy.js",
    "ui/dom.js",
    "ui/dropped.js",
    "ui/favicon.svg",
    "ui/format.js",
    "ui/index.html",
    "ui/lines.js",
    "ui/panels.css",
    "ui/promote.js",
    "ui/queue.js",
    "ui/search.js",
    "ui/signers.js",
    "ui/style.css",
    "ui/token.js",
    "ui/upload.css",
    "ui/upload.js",
    "ui/verdict.js",
    "ui/waves.svg",
];

struct Asset {
    bytes: &'static [u8],
    content_type: HeaderValue,
    etag: String,
}

static ASSETS: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    let asset = |(path, bytes): &(&'static str, &'static [u8])| {
        let etag = format!("\"{}\"", &Sha256Digest::of(bytes).to_hex()[..32]);
        (*path, Asset { bytes, content_type: HeaderValue::from_static(content_type(path)), etag })
    };
    EMBEDDED.iter().map(asset).collect()
});

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// `GET /`
pub async fn start(headers: HeaderMap) -> Result<Response, Problem> {
    serve("ui/index.html", &headers)
}

/// `GET /ui/{file}`
pub async fn file(Segments(file): Segments<String>, headers: HeaderMap) -> Result<Response, Problem> {
    serve(&format!("ui/{file}"), &headers)
}

/// `GET /manual`: relative links need the slash.
pub async fn manual_without_slash(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let root = app.settings.public_root().unwrap_or_default();
    let location = HeaderValue::from_str(&format!("{root}/manual/"));
    let location = location.map_err(|error| Problem::internal(error.to_string()))?;
    Ok((StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response())
}

/// `GET /manual/`
pub async fn manual(headers: HeaderMap) -> Result<Response, Problem> {
    serve("manual/index.html", &headers)
}

/// `GET /manual/{page}`
pub async fn manual_page(Segments(page): Segments<String>, headers: HeaderMap) -> Result<Response, Problem> {
    serve(&format!("manual/{page}"), &headers)
}

fn serve(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let Some(asset) = ASSETS.get(path) else {
        return Err(Problem::new(Kind::NotFound, "http/no-such-page", "this server has nothing at that URL"));
    };
    let if_none_match = header_text(headers, header::IF_NONE_MATCH);
    let is_known = if_none_match.is_some_and(|listed| is_listed(&listed, &asset.etag));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(asset.bytes)) };
    let answered = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        answered.insert(header::ETAG, etag);
    }
    answered.insert(header::CONTENT_TYPE, asset.content_type.clone());
    // Asked about each time: after an upgrade nobody sees a mixture of two versions.
    answered.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answered.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    Ok(response)
}
