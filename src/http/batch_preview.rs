//! A batch as pip would see it after its commit: an index of the channel's head with the batch's files in it.
//!
//! Whoever knows the id of the batch may look, if he may read the channel: the id cannot be guessed, and where reading needs
//! a token, the preview needs it too. Links lead to files below the batch, so those that are only in it are found.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::auth::Who;
use super::batch_view::url_of;
use super::conditional::kept_secret;
use super::extract::Segments;
use super::files::{digest_of, send, split};
use super::pages::{Place, Wish, page_answer, project_name, redirect_to};
use super::{Problem, files};
use crate::app::App;
use crate::ingest::{find_batch, list_preview};
use crate::model::{Batch, BatchState, ChannelRef, Permission, ServedFile};
use crate::packaging::ProjectName;
use crate::simple::Base;

/// `GET /api/v1/batches/{id}/simple/`
pub async fn root(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let batch = visible(&app, &who, &id, None).await?;
    let (place, parts) = (place_of(&batch), request.into_parts().0);
    let wish = Wish::of(parts.uri.query(), &parts.headers)?;
    let more = app.index.list_staged_projects(&batch).await?;
    let page =
        app.pages.preview_root(&app.index, &place.wanted, more, wish.form(&place), who.project_limits(&app)).await?;
    Ok(kept_secret(page_answer(&app, &place, &page, wish.is_known(&page), HeaderMap::new())))
}

/// `GET /api/v1/batches/{id}/simple/{project}/`
pub async fn project(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((id, segment)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let project = project_name(&segment)?;
    let batch = visible(&app, &who, &id, Some(&project)).await?;
    let (place, parts) = (place_of(&batch), request.into_parts().0);
    if project.as_str() != segment {
        return redirect(&app, &batch, Some(&project), &parts.uri);
    }
    let wish = Wish::of(parts.uri.query(), &parts.headers)?;
    let more = list_preview(&app.batch_parts(), &batch, &project).await?;
    let page = app.pages.preview_project(&app.index, &place.wanted, &project, more, wish.form(&place)).await?;
    Ok(kept_secret(page_answer(&app, &place, &page, wish.is_known(&page), HeaderMap::new())))
}

/// `GET /api/v1/batches/{id}/simple`
pub async fn root_without_slash(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let batch = visible(&app, &who, &id, None).await?;
    redirect(&app, &batch, None, &uri)
}

/// `GET /api/v1/batches/{id}/simple/{project}`
pub async fn project_without_slash(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((id, segment)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let project = project_name(&segment)?;
    let batch = visible(&app, &who, &id, Some(&project)).await?;
    redirect(&app, &batch, Some(&project), &uri)
}

/// `GET /api/v1/batches/{id}/packages/{aa}/{bb}/{rest}/{filename}`: a file of the batch, or a published one.
pub async fn download(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((id, aa, bb, rest, filename)): Segments<(String, String, String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let batch = visible(&app, &who, &id, None).await?;
    let (name, _) = split(&filename);
    let digest = digest_of(&aa, &bb, &rest);
    let staged = app.index.find_batch_file(&batch, name).await?;
    let staged = staged.filter(|file| file.staged.is_some() && file.sha256.is_some() && file.sha256 == digest);
    if let Some(file) = &staged
        && let (Some(project), Some(sha256), Some(size_bytes)) = (&file.project, file.sha256, file.size_bytes)
    {
        who.may(&app, Permission::Read, Some(&batch.channel), Some(project))?;
        let (project, metadata_sha256) = (project.clone(), file.metadata_sha256);
        let served = ServedFile { project, sha256, size_bytes, metadata_sha256, is_withheld: false };
        return Ok(kept_secret(send(&app, &served, &filename, request).await?));
    }
    files::download(State(app), who, Segments((aa, bb, rest, filename)), request).await
}

/// The batch, if the sender may read what it would become part of.
async fn visible(app: &App, who: &Who, id: &str, project: Option<&ProjectName>) -> Result<Batch, Problem> {
    let batch = find_batch(&app.batch_parts(), id).await?;
    who.may(app, Permission::Read, Some(&batch.channel), project)?;
    match batch.state {
        // What it was about to show is shown by the channel, or by nothing.
        BatchState::Open | BatchState::Committed => Ok(batch),
        BatchState::Abandoned => Err(crate::ingest::BatchRequestError::Unknown.into()),
    }
}

/// Links from the pages lead to `/api/v1/batches/{id}/packages/…`, as those of `/simple/` lead to `/packages/…`.
fn place_of(batch: &Batch) -> Place {
    Place::new(ChannelRef { name: batch.channel.clone(), serial: None }, Base::Default)
}

fn redirect(app: &App, batch: &Batch, project: Option<&ProjectName>, uri: &Uri) -> Result<Response, Problem> {
    let mut location = format!("{}/simple/", url_of(app, &batch.id));
    if let Some(project) = project {
        location.push_str(project.as_str());
        location.push('/');
    }
    redirect_to(location, uri, StatusCode::MOVED_PERMANENTLY, "Authorization")
}
