//! `GET /api/v1/search`: projects by name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::extract::Query;
use crate::app::App;
use crate::index::SearchHit;
use crate::model::Permission;

/// Results when no limit is given.
const DEFAULT_LIMIT: u32 = 25;

/// Most results of one answer, so that no request makes the server read everything (threats 1.7).
const MAX_LIMIT: u32 = 500;

/// The query string.
#[derive(Deserialize)]
pub struct Wish {
    /// Part of a name; empty finds all.
    #[serde(default)]
    q: String,
    /// Channel or snapshot; the default channel when absent.
    channel: Option<String>,
    /// Most results, at most [`MAX_LIMIT`].
    limit: Option<u32>,
}

/// The answer.
#[derive(Serialize)]
pub struct Found {
    query: String,
    channel: String,
    /// How many projects match in all.
    total: i64,
    results: Vec<Hit>,
}

#[derive(Serialize)]
struct Hit {
    name: String,
    display_name: String,
    version: String,
    summary: Option<String>,
    file_count: i64,
    attested_count: i64,
    verified_count: i64,
}

impl From<SearchHit> for Hit {
    fn from(hit: SearchHit) -> Self {
        Self {
            name: hit.name.to_string(),
            display_name: hit.display_name,
            version: hit.version.to_string(),
            summary: hit.summary,
            file_count: hit.file_count,
            attested_count: hit.attested_count,
            verified_count: hit.verified_count,
        }
    }
}

/// Finds projects whose name contains a text.
pub async fn search(State(app): State<Arc<App>>, who: Who, Query(wish): Query<Wish>) -> Result<Json<Found>, Problem> {
    let place = who.place(&app, Permission::Read, wish.channel.as_deref()).await?;
    let view = app.index.open_view(&place).await?;
    let limit = wish.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let page = app.index.search(&view, wish.q.trim(), limit, who.project_limits(&app)).await?;
    let results = page.results.into_iter().map(Hit::from).collect();
    Ok(Json(Found { query: wish.q, channel: place.to_string(), total: page.total, results }))
}
