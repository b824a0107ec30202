//! `/api/v1/advisories`: importing OSV records, reading them back, and which there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::extract::{Query, Segments};
use crate::advisories::{ImportReport, import};
use crate::app::App;
use crate::model::{Advisory, Kind, Timestamp};
use crate::packaging::{ProjectName, shown};

/// Advisories of one answer when no limit is given.
const DEFAULT_LIMIT: u32 = 100;

/// Most advisories of one answer.
const MAX_LIMIT: u32 = 1000;

/// The query string.
#[derive(Deserialize)]
pub struct Page {
    /// Only those about this project.
    project: Option<ProjectName>,
    /// Id after which to go on; from the first when absent.
    #[serde(default)]
    after: String,
    limit: Option<u32>,
}

/// The answer.
#[derive(Serialize)]
pub struct Found {
    /// By id.
    advisories: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    modified: Timestamp,
    withdrawn: Option<Timestamp>,
    aliases: Vec<String>,
    summary: Option<String>,
    projects: BTreeSet<ProjectName>,
}

impl From<Advisory> for Line {
    fn from(advisory: Advisory) -> Self {
        let projects = advisory.projects();
        let Advisory { id, modified, withdrawn, aliases, summary, .. } = advisory;
        Self { id, modified, withdrawn, aliases, summary, projects }
    }
}

/// `POST /api/v1/advisories`: one OSV record, an array or lines of them, or a zip of JSON files.
pub async fn post(State(app): State<Arc<App>>, who: Who, body: Body) -> Result<Json<ImportReport>, Problem> {
    let body = body.into_data_stream().map_err(std::io::Error::other);
    Ok(Json(import(&app.index, &*app.blobs, &who.0, body).await?))
}

/// `GET /api/v1/advisories`
pub async fn list(State(app): State<Arc<App>>, Query(page): Query<Page>) -> Result<Json<Found>, Problem> {
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let found = app.index.list_advisories(page.project.as_ref(), &page.after, limit).await?;
    Ok(Json(Found { advisories: found.into_iter().map(Line::from).collect() }))
}

/// `GET /api/v1/advisories/{id}`: the whole OSV record.
pub async fn show(State(app): State<Arc<App>>, Segments(id): Segments<String>) -> Result<Response, Problem> {
    let Some(record) = app.index.find_advisory(&id).await? else {
        let detail = format!("no advisory `{}` was imported", shown(&id));
        return Err(Problem::new(Kind::NotFound, "http/no-such-advisory", detail));
    };
    let mut response = Response::new(Body::from(record));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
