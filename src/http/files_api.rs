//! `PUT` of one file as a raw body: for scripts, the web page and the command line. The same rules as the upload form.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures_util::TryStreamExt as _;
use serde::Deserialize;

use super::Problem;
use super::auth::Who;
use super::batches::is_dry_run;
use super::extract::{Query, Segments};
use super::legacy::open_gate;
use super::legacy_answer::TriedUpload;
use crate::app::App;
use crate::ingest::{Declared, Profile, Upload, receive, try_receive};
use crate::model::{ChannelName, Sha256Digest};

/// What the sender may say of the file.
#[derive(Debug, Deserialize)]
pub struct PutQuery {
    /// Digest of the body; when given, anything else is refused.
    sha256: Option<Sha256Digest>,
    /// Present: everything is judged and nothing kept.
    dry_run: Option<String>,
}

/// `PUT /api/v1/channels/{channel}/files/{filename}`. Repeating it changes nothing and succeeds.
pub async fn put(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, filename)): Segments<(String, String)>,
    Query(query): Query<PutQuery>,
    body: Body,
) -> Result<Response, Problem> {
    let channel = channel.parse::<ChannelName>()?;
    let parts = open_gate(&app, &who, &channel, body.size_hint().lower()).await?;
    let declared = Declared { sha256: query.sha256, ..Declared::default() };
    let upload = Upload {
        channel,
        filename,
        declared,
        profile: Profile::Strict,
        uploaded_at: None,
        yank: None,
        provenance: None,
    };
    let body = body.into_data_stream().map_err(std::io::Error::other);
    if is_dry_run(query.dry_run.as_deref()) {
        return Ok(Json(TriedUpload::from(try_receive(&parts, &who.0, upload, body).await?)).into_response());
    }
    Ok(Json(receive(&parts, &who.0, upload, body).await?).into_response())
}
