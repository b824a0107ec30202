//! Marks over the API: yank, unyank, remove and delete files, and the status of projects.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::Problem;
use super::auth::Who;
use super::extract::{self, Segments};
use crate::app::App;
use crate::channels::{
    self, DeletionOutcome, FileSelector, Mark, MarkError, MarkOutcome, MarkWish, Reason, StatusOutcome, StatusWish,
};
use crate::model::{ChannelName, Permission, ProjectStatus};
use crate::packaging::ProjectName;

/// Body of [`mark_file`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YankRequest {
    yanked: bool,
    #[serde(default)]
    reason: Option<String>,
}

/// Body of [`mark_files`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YanksRequest {
    select: Vec<String>,
    yanked: bool,
    #[serde(default)]
    reason: Option<String>,
}

/// Body of [`remove_files`] and [`delete_files`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectRequest {
    select: Vec<String>,
}

/// Body of [`set_status`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    status: ProjectStatus,
    #[serde(default)]
    reason: Option<String>,
}

type Marked = Result<Json<MarkOutcome>, Problem>;

/// `PATCH /api/v1/channels/{channel}/files/{filename}`
pub async fn mark_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, filename)): Segments<(String, String)>,
    extract::Json(request): extract::Json<YankRequest>,
) -> Marked {
    let mark = yank_mark(request.yanked, request.reason)?;
    apply(&app, &who, &channel, vec![FileSelector::file(&filename)?], mark).await
}

/// `PATCH /api/v1/channels/{channel}/files`
pub async fn mark_files(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    extract::Json(request): extract::Json<YanksRequest>,
) -> Marked {
    let mark = yank_mark(request.yanked, request.reason)?;
    apply(&app, &who, &channel, FileSelector::parse_all(&request.select)?, mark).await
}

/// `DELETE /api/v1/channels/{channel}/files/{filename}`
pub async fn remove_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, filename)): Segments<(String, String)>,
) -> Marked {
    apply(&app, &who, &channel, vec![FileSelector::file(&filename)?], Mark::Remove).await
}

/// `POST /api/v1/channels/{channel}/removals`
pub async fn remove_files(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    extract::Json(request): extract::Json<SelectRequest>,
) -> Marked {
    apply(&app, &who, &channel, FileSelector::parse_all(&request.select)?, Mark::Remove).await
}

/// `DELETE /api/v1/files/{filename}`
pub async fn delete_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(filename): Segments<String>,
) -> Result<Json<DeletionOutcome>, Problem> {
    delete(&app, &who, &[FileSelector::file(&filename)?]).await
}

/// `POST /api/v1/deletions`
pub async fn delete_files(
    State(app): State<Arc<App>>,
    who: Who,
    extract::Json(request): extract::Json<SelectRequest>,
) -> Result<Json<DeletionOutcome>, Problem> {
    delete(&app, &who, &FileSelector::parse_all(&request.select)?).await
}

/// `PUT /api/v1/channels/{channel}/projects/{project}/status`
pub async fn set_status(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project)): Segments<(String, String)>,
    extract::Json(request): extract::Json<StatusRequest>,
) -> Result<Json<StatusOutcome>, Problem> {
    let channel: ChannelName = channel.parse()?;
    let project: ProjectName = super::pages::project_name(&project)?;
    who.may(&app, Permission::Upload, Some(&channel), Some(&project))?;
    let wish = StatusWish { channel, project, status: request.status, reason: Reason::parse(request.reason)? };
    Ok(Json(channels::set_status(&app.index, &who.0, &wish).await?))
}

fn yank_mark(is_yanked: bool, reason: Option<String>) -> Result<Mark, MarkError> {
    match (is_yanked, Reason::parse(reason)?) {
        (true, reason) => Ok(Mark::Yank(reason)),
        (false, None) => Ok(Mark::Unyank),
        (false, Some(_)) => {
            Err(MarkError::ReasonInvalid { fault: "a file that is not yanked has none on its page".to_owned() })
        }
    }
}

async fn apply(app: &App, who: &Who, channel: &str, select: Vec<FileSelector>, mark: Mark) -> Marked {
    let channel: ChannelName = channel.parse()?;
    for project in channels::projects_of(&select) {
        who.may(app, Permission::Upload, Some(&channel), Some(&project))?;
    }
    Ok(Json(channels::mark(&app.index, &who.0, &MarkWish { channel, select, mark }).await?))
}

/// A deletion reaches into every channel, so the sender must too.
async fn delete(app: &App, who: &Who, select: &[FileSelector]) -> Result<Json<DeletionOutcome>, Problem> {
    let all_channels = app.index.list_channels().await?;
    for project in channels::projects_of(select) {
        for channel in &all_channels {
            who.may(app, Permission::Admin, Some(&channel.name), Some(&project))?;
        }
    }
    Ok(Json(channels::delete(&app.index, &who.0, select).await?))
}
