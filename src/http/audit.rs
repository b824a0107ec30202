//! `GET /api/v1/audit`: the audit log, page by page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::extract::Query;
use crate::access::Extent;
use crate::app::App;
use crate::model::AuditRecord;

/// Rows of one answer when no limit is given.
const DEFAULT_LIMIT: u32 = 100;

/// Most rows of one answer.
const MAX_LIMIT: u32 = 1000;

/// The query string.
#[derive(Deserialize)]
pub struct Page {
    /// Position after which to go on; from the first row when absent.
    #[serde(default)]
    after: i64,
    limit: Option<u32>,
}

/// The answer.
#[derive(Serialize)]
pub struct Log {
    /// Oldest first.
    records: Vec<AuditRecord>,
}

/// Rows after a position, oldest first; fewer than the limit means that there are no more.
///
/// Whoever reads it reads all of it: each row holds the hash of the one before, so a part proves nothing.
pub async fn list(State(app): State<Arc<App>>, who: Who, Query(page): Query<Page>) -> Result<Json<Log>, Problem> {
    who.reaches(Extent::Everything, "the audit log tells of every channel and project")?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    Ok(Json(Log { records: app.index.list_audit(page.after, limit).await? }))
}
