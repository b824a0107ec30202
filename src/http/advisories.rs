//! `/api/v1/advisories`: importing OSV records, reading them back, and which there are.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Problem;
use super::auth::Who;
use super::extract::{Query, Segments};
use crate::access::Extent;
use crate::advisories::{ImportReport, import};
use crate::app::App;
use crate::index::AdvisoryRecord;
use crate::model::{Advisory, Kind, Timestamp};
use crate::packaging::{ProjectName, parse_version, shown};

/// Advisories of one answer when no limit is given.
const DEFAULT_LIMIT: u32 = 100;

/// Most advisories of one answer.
const MAX_LIMIT: u32 = 1000;

/// Most advisories of one project that a query looks at; the most ill-famed have some hundred.
const MAX_ANSWERED: u32 = 10_000;

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

/// A query in the form of OSV's own API; of its forms, the one that names a package and a version.
#[derive(Deserialize)]
struct OsvQuery {
    package: OsvPackage,
    version: String,
}

#[derive(Deserialize)]
struct OsvPackage {
    name: String,
    ecosystem: String,
}

/// OSV leaves the list out when it is empty.
#[derive(Serialize)]
pub struct OsvAnswer {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulns: Vec<Value>,
}

/// `POST /api/v1/advisories/query`: the records that a version falls under, as OSV's own API answers them.
///
/// The body is read whatever type it is said to be of: clients of OSV name none.
pub async fn query(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<OsvAnswer>, Problem> {
    let query: OsvQuery = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(Kind::Invalid, "http/query-invalid", format!("the query is not one that OSV takes: {error}"))
            .with_hint("Send `{\"package\": {\"ecosystem\": \"PyPI\", \"name\": …}, \"version\": …}`.")
    })?;
    let (project, version) = (query.package.name.parse::<ProjectName>(), parse_version(&query.version));
    let (Ok(project), Ok(version), "PyPI") = (project, version, query.package.ecosystem.as_str()) else {
        return Ok(Json(OsvAnswer { vulns: Vec::new() }));
    };
    let known = app.index.list_advisories(Some(&project), "", MAX_ANSWERED).await?;
    let is_affected =
        |known: &&AdvisoryRecord| known.advisory.vulnerability(&project, &version, String::new()).is_some();
    let records = known.iter().filter(is_affected).map(|known| serde_json::from_str(&known.record));
    let vulns = records.collect::<Result<Vec<Value>, _>>().map_err(|error| Problem::internal(error.to_string()))?;
    Ok(Json(OsvAnswer { vulns }))
}

/// `POST /api/v1/advisories`: one OSV record, an array or lines of them, or a zip of JSON files.
pub async fn post(State(app): State<Arc<App>>, who: Who, body: Body) -> Result<Json<ImportReport>, Problem> {
    who.reaches(Extent::Everything, "advisories hold in every channel and are imported for every project")?;
    let body = body.into_data_stream().map_err(std::io::Error::other);
    Ok(Json(import(&app.index, &*app.blobs, &who.0, body).await?))
}

/// `GET /api/v1/advisories`
pub async fn list(State(app): State<Arc<App>>, Query(page): Query<Page>) -> Result<Json<Found>, Problem> {
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let found = app.index.list_advisories(page.project.as_ref(), &page.after, limit).await?;
    let lines = found.into_iter().map(|known| Line::from(known.advisory));
    Ok(Json(Found { advisories: lines.collect() }))
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
