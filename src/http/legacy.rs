//! The upload endpoint that every client speaks (standards 4.1). The form is read in `upload_form`, answers are written in
//! `legacy_answer`.

use std::sync::Arc;

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;

use super::auth::Who;
use super::batches::is_dry_run;
use super::extract::{Query, Segments};
use super::upload_form::FormReader;
use super::{Problem, legacy_answer};
use crate::app::App;
use crate::index::IndexError;
use crate::ingest::{IngestParts, UploadError};
use crate::model::{ChannelName, Kind, Permission};

/// Most bytes that the heads of a form's parts have together.
const FORM_HEADS_BYTES: u64 = 8 << 20;

/// What may stand in the query: PyPI reads the action from there too.
#[derive(Debug, Deserialize)]
pub struct FormQuery {
    #[serde(rename = ":action")]
    action: Option<String>,
    /// Present: everything is judged and nothing kept.
    dry_run: Option<String>,
}

/// `POST /legacy/`: into the channel that the settings name for uploads.
pub async fn upload(
    State(app): State<Arc<App>>,
    who: Who,
    Query(query): Query<FormQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let channel = app.settings.upload_channel.clone();
    take(&app, &who, channel, query, request).await
}

/// `POST /{channel}/legacy/`.
pub async fn upload_to_channel(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    Query(query): Query<FormQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let channel = channel.parse::<ChannelName>()?;
    take(&app, &who, channel, query, request).await
}

/// Any other method: what this URL is for.
pub async fn help() -> Problem {
    let text = "this URL takes uploads by `POST`; to install, use the URL that ends in `/simple/`";
    Problem::new(Kind::MethodNotAllowed, "http/method-not-offered", text).with_hint(
        "Give it to `twine upload --repository-url`, to `uv publish --publish-url`, or as `repository` in `.pypirc`; the \
         user is `__token__`, the password a token.",
    )
}

/// What an upload needs of the server, and whether the sender may upload there, the channel exists and a file of at least
/// `size_bytes` is taken: all that can be told before the body is read (standards UPL-05).
pub async fn open_gate(app: &App, who: &Who, channel: &ChannelName, size_bytes: u64) -> Result<IngestParts, Problem> {
    who.may(app, Permission::Upload, Some(channel), None)?;
    if app.index.find_channel(channel).await?.is_none() {
        return Err(IndexError::NoSuchChannel { channel: channel.clone() }.into());
    }
    if size_bytes > app.settings.max_file_size_bytes {
        return Err(UploadError::too_large("the file", app.settings.max_file_size_bytes, "max_file_size_bytes").into());
    }
    Ok(app.ingest_parts())
}

async fn take(
    app: &App,
    who: &Who,
    channel: ChannelName,
    query: FormQuery,
    request: Request,
) -> Result<Response, Problem> {
    let form_bytes = app.ingest_parts().limits.max_form_bytes() as u64 + FORM_HEADS_BYTES;
    let size_bytes = request.body().size_hint().lower().saturating_sub(form_bytes);
    let parts = open_gate(app, who, &channel, size_bytes).await?;
    let accept = legacy_answer::accept_of(&request);
    let reader = FormReader::new(request, query.action).await?;
    let form = reader.read(&parts, &who.0, channel).await?;
    if is_dry_run(query.dry_run.as_deref()) {
        return Ok(legacy_answer::tried(form.try_publish(&who.0).await?, accept.as_deref()));
    }
    Ok(legacy_answer::stored(&form.publish(&who.0).await?, accept.as_deref()))
}
