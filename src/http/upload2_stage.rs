//! What an upload session holds, as an index of its own, for whoever has the URL: `pip install --extra-index-url`.
//!
//! The token in the URL is the only key (PEP 694, "Staged Previews"): it cannot be guessed, opens nothing but this session's
//! completed files, and opens nothing any more when the session is over.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;

use super::Problem;
use super::conditional::kept_secret;
use super::extract::Segments;
use super::files::{digest_of, no_such_file, send, split};
use super::pages::{Place, Wish, page_answer, project_name, redirect_to};
use super::upload2::parts_of;
use super::upload2_view::Links;
use crate::app::App;
use crate::ingest::{self, SessionError};
use crate::model::{ChannelRef, ListedFile, ServedFile, UploadSession};
use crate::simple::Base;

/// `GET /upload/2.0/stage/{token}/simple/`
pub async fn root(
    State(app): State<Arc<App>>,
    Segments(token): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (session, files) = staged(&app, &token).await?;
    let (place, parts) = (place_of(&session), request.into_parts().0);
    let wish = Wish::of(parts.uri.query(), &parts.headers)?;
    let listed = (!files.is_empty()).then(|| (session.project.clone(), session.display_name.clone()));
    let page = app.pages.stage_root(listed, wish.form(&place)).await?;
    Ok(kept_secret(page_answer(&app, &place, &page, wish.is_known(&page), HeaderMap::new())))
}

/// `GET /upload/2.0/stage/{token}/simple/{project}/`
pub async fn project(
    State(app): State<Arc<App>>,
    Segments((token, segment)): Segments<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (session, files) = staged(&app, &token).await?;
    let (place, parts) = (place_of(&session), request.into_parts().0);
    let project = project_name(&segment)?;
    if project.as_str() != segment {
        let location = format!("{}{project}/", url_of(&app, &session));
        return redirect_to(location, &parts.uri, StatusCode::MOVED_PERMANENTLY, "Accept");
    }
    let wish = Wish::of(parts.uri.query(), &parts.headers)?;
    if project != session.project || files.is_empty() {
        return Err(SessionError::FileUnknown.into());
    }
    let page = app.pages.stage_project(session.project.clone(), session.display_name, files, wish.form(&place)).await?;
    Ok(kept_secret(page_answer(&app, &place, &page, wish.is_known(&page), HeaderMap::new())))
}

/// `GET /upload/2.0/stage/{token}/simple`
pub async fn root_without_slash(
    State(app): State<Arc<App>>,
    Segments(token): Segments<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (session, _) = staged(&app, &token).await?;
    redirect_to(url_of(&app, &session), &uri, StatusCode::MOVED_PERMANENTLY, "Accept")
}

/// `GET /upload/2.0/stage/{token}/simple/{project}`
pub async fn project_without_slash(
    State(app): State<Arc<App>>,
    Segments((token, segment)): Segments<(String, String)>,
    uri: Uri,
) -> Result<Response, Problem> {
    let (session, _) = staged(&app, &token).await?;
    let location = format!("{}{}/", url_of(&app, &session), project_name(&segment)?);
    redirect_to(location, &uri, StatusCode::MOVED_PERMANENTLY, "Accept")
}

/// `GET /upload/2.0/stage/{token}/packages/{aa}/{bb}/{rest}/{filename}`: a completed file of the session, or its metadata.
pub async fn download(
    State(app): State<Arc<App>>,
    Segments((token, aa, bb, rest, filename)): Segments<(String, String, String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (session, files) = staged(&app, &token).await?;
    let (name, _) = split(&filename);
    let digest = digest_of(&aa, &bb, &rest);
    let file = files.into_iter().find(|file| file.filename == name && Some(file.sha256) == digest);
    let file = file.ok_or_else(|| no_such_file(&filename))?;
    let served = ServedFile {
        project: session.project,
        sha256: file.sha256,
        size_bytes: file.size_bytes,
        metadata_sha256: file.metadata_sha256,
        is_withheld: false,
    };
    Ok(kept_secret(send(&app, &served, &filename, request).await?))
}

/// The session with its completed files.
async fn staged(app: &App, token: &str) -> Result<(UploadSession, Vec<ListedFile>), Problem> {
    let parts = parts_of(app)?;
    let session = ingest::find_staged(&parts, token).await?;
    let files = ingest::list_stage(&parts, &session).await?;
    Ok((session, files))
}

/// Links from the pages lead to `/upload/2.0/stage/{token}/packages/…`, as those of `/simple/` lead to `/packages/…`.
fn place_of(session: &UploadSession) -> Place {
    Place::new(ChannelRef { name: session.channel.clone(), serial: None }, Base::Default)
}

/// Below the public address that was set, or the path alone: a redirect may be kept, so it repeats no `Host`.
fn url_of(app: &App, session: &UploadSession) -> String {
    Links::below(app.settings.public_root().unwrap_or_default()).stage(&session.token)
}
