//! `/api/v1/locks` and `/api/v1/targets`: requirements in, exact files out, and for which hosts that can be asked.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::conditional::header_text;
use super::extract;
use crate::app::App;
use crate::model::{Lock, LockedFile, Permission, Target};
use crate::resolve;
use crate::simple::{file_path, negotiate};

/// Media type of `pylock.toml`.
const TOML: &str = "application/toml";

/// Media type of our own form of a lock.
const JSON: &str = "application/json";

/// A target environment by name or written out.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum TargetWish {
    /// A preset or a saved one.
    Named(String),
    /// All of it.
    Written(Box<Target>),
}

impl TargetWish {
    /// The target that is meant.
    pub async fn find(self, app: &App) -> Result<Target, Problem> {
        match self {
            Self::Named(name) => Ok(resolve::find_target(&app.index, &name).await?),
            Self::Written(target) => Ok(*target),
        }
    }
}

/// Body of [`lock`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRequest {
    requirements: Vec<String>,
    target: TargetWish,
    #[serde(default)]
    channel: Option<String>,
}

/// Answer of [`targets`].
#[derive(Serialize)]
pub struct Targets {
    targets: Vec<Target>,
}

/// The presets and the saved target environments.
pub async fn targets(State(app): State<Arc<App>>) -> Result<Json<Targets>, Problem> {
    Ok(Json(Targets { targets: resolve::list_targets(&app.index).await? }))
}

/// Finds the exact files for requirements on a target, as `pylock.toml` or, where `Accept` prefers it, as JSON.
pub async fn lock(
    State(app): State<Arc<App>>,
    who: Who,
    headers: HeaderMap,
    extract::Json(request): extract::Json<LockRequest>,
) -> Result<Response, Problem> {
    let channel = who.place(&app, Permission::Read, request.channel.as_deref()).await?;
    let target = request.target.find(&app).await?;
    let view = app.index.open_view(&channel).await?;
    let lock = resolve::lock(&app.index, &view, who.project_limits(&app), &request.requirements, &target).await?;
    if prefers_json(&headers) {
        return Ok(Json(lock).into_response());
    }
    let text = pylock(&lock, &root_url(&app, &headers))?;
    Ok(([(header::CONTENT_TYPE, TOML)], text).into_response())
}

/// The lock as `pylock.toml`; `root` is this server's own address without a slash at the end.
fn pylock(lock: &Lock, root: &str) -> Result<String, Problem> {
    let index_url = format!("{root}/{}@{}/simple/", lock.channel, lock.serial);
    let file_url = |file: &LockedFile| format!("{root}/{}", file_path(&file.sha256, &file.filename));
    resolve::render_pylock(lock, &index_url, file_url).map_err(|error| Problem::internal(error.to_string()))
}

/// The address under which the client reached us: the one that is set, else the one that it sent.
fn root_url(app: &App, headers: &HeaderMap) -> String {
    if let Some(root) = app.settings.public_root() {
        return root.to_owned();
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    host.map_or_else(String::new, |host| format!("http://{host}"))
}

fn prefers_json(headers: &HeaderMap) -> bool {
    let accept = header_text(headers, header::ACCEPT);
    negotiate::quality(accept.as_deref(), JSON) > negotiate::quality(accept.as_deref(), TOML)
}
