//! `/api/v1/bundles` and `/bundle/{name}.pyz`: bundles built, described and downloaded.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::conditional::moving;
use super::download::{Offer, Plan};
use super::extract::{self, Segments};
use super::locks::TargetWish;
use crate::app::App;
use crate::export::{self, ExportError, ExportParts};
use crate::model::{
    BundleName, BundleRecipe, BundleRecord, EntryPoint, EntryPointKind, Kind, Lock, Permission, Sha256Digest, Timestamp,
};
use crate::packaging::shown;

/// Most requirements of one request: well above what people write down, and each may start a search.
const MAX_REQUIREMENTS: usize = 500;

/// Id of the bundle on every answer that carries one.
const BUNDLE_ID: HeaderName = HeaderName::from_static("x-ferrywheel-bundle-id");

/// Ending of the file name.
const PYZ: &str = ".pyz";

/// What a bundle is to be; body of [`create`], and the query of [`download_built`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleRequest {
    /// File stem.
    name: BundleName,
    /// At least one.
    requirements: Vec<String>,
    /// Name of a target, or the target itself.
    target: TargetWish,
    /// Channel or snapshot; the default channel when absent.
    channel: Option<String>,
    /// Script to start.
    script: Option<String>,
    /// `module:function` to start.
    entry_point: Option<String>,
    /// Module to start.
    module: Option<String>,
}

/// A bundle as the API describes it.
#[derive(Serialize)]
pub struct BundleView {
    id: Sha256Digest,
    name: BundleName,
    filename: String,
    size_bytes: u64,
    sha256: Sha256Digest,
    created_at: Timestamp,
    download: String,
    lock: Lock,
}

impl From<BundleRecord> for BundleView {
    fn from(record: BundleRecord) -> Self {
        Self {
            id: record.id,
            filename: filename(&record),
            name: record.name,
            size_bytes: record.size_bytes,
            sha256: record.output_sha256,
            created_at: record.created_at,
            download: format!("/api/v1/bundles/{}/download", record.id),
            lock: record.lock,
        }
    }
}

/// `POST /api/v1/bundles`: builds a bundle; 201, or 200 when it was built before.
pub async fn create(
    State(app): State<Arc<App>>,
    who: Who,
    extract::Json(request): extract::Json<BundleRequest>,
) -> Result<Response, Problem> {
    let recipe = request.into_recipe(&app, &who, Permission::Export).await?;
    let (record, was_there) = export::build(&export_parts(&app), &who.0, &recipe, who.project_limits(&app)).await?;
    let status = if was_there { StatusCode::OK } else { StatusCode::CREATED };
    let location = HeaderValue::from_str(&format!("/api/v1/bundles/{}", record.id));
    let mut response = (status, Json(BundleView::from(record))).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /api/v1/bundles/{id}`: what a bundle holds.
pub async fn show(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<BundleView>, Problem> {
    let record = find(&app, &who, &id).await?;
    // It names the channel that it was built from first.
    who.may(&app, Permission::Read, Some(&record.lock.channel), None).map_err(|_| unknown(&id))?;
    Ok(Json(record.into()))
}

/// `GET /api/v1/bundles/{id}/download`: the file itself.
pub async fn download(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
    request: Request,
) -> Result<Response, Problem> {
    let record = find(&app, &who, &id).await?;
    answer(&app, &record, &request.into_parts().0).await
}

/// `GET /bundle/{name}.pyz?requirement=…&target=…`: builds when needed and sends the file, for `curl -OJ` on a jump host.
pub async fn download_built(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(file): Segments<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, Problem> {
    let Some(name) = file.strip_suffix(PYZ) else {
        return Err(Problem::new(Kind::NotFound, "http/no-such-page", "the name of a bundle's file ends in `.pyz`"));
    };
    let recipe = BundleRequest::from_query(name.parse()?, query.as_deref().unwrap_or_default())?;
    let recipe = recipe.into_recipe(&app, &who, Permission::Read).await?;
    let (record, _) = export::build(&export_parts(&app), &who.0, &recipe, who.project_limits(&app)).await?;
    let mut response = answer(&app, &record, &request.into_parts().0).await?;
    // The head of a channel moves on, and a newer server starts bundles otherwise: what this URL gives may change.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(moving(app.settings.read)));
    Ok(response)
}

fn export_parts(app: &App) -> ExportParts {
    ExportParts { index: app.index.clone(), blobs: app.blobs.clone(), clock: app.clock.clone() }
}

fn filename(record: &BundleRecord) -> String {
    format!("{}{PYZ}", record.name)
}

/// The record of an id. Whoever may read all files in it may have it: the id is a digest, and names what one knows already.
async fn find(app: &App, who: &Who, id: &str) -> Result<BundleRecord, Problem> {
    let digest: Sha256Digest = id.parse().map_err(|_| unknown(id))?;
    let record = app.index.find_bundle(&digest).await?.ok_or_else(|| unknown(id))?;
    match who.reads_all_of(app, &record.lock).await? {
        true => Ok(record),
        false => Err(unknown(id).into()),
    }
}

fn unknown(id: &str) -> ExportError {
    ExportError::BundleUnknown { given: shown(id) }
}

async fn answer(app: &App, record: &BundleRecord, parts: &Parts) -> Result<Response, Problem> {
    let etag = format!("\"{}\"", record.output_sha256);
    let filename = filename(record);
    let offer = Offer { etag: &etag, size_bytes: record.size_bytes, filename: &filename, reads: app.settings.read };
    let mut response = match offer.plan(&parts.method, &parts.headers)? {
        Plan::Done(response) => *response,
        Plan::Send(status, range) => {
            let layout = export::open(&export_parts(app), record).await?;
            let body = if parts.method == Method::HEAD {
                Body::empty()
            } else {
                Body::from_stream(export::stream(&layout, app.blobs.clone(), range.clone()))
            };
            offer.answer(status, &range, body)
        }
    };
    if let Ok(id) = HeaderValue::from_str(&record.id.to_hex()) {
        response.headers_mut().insert(BUNDLE_ID, id);
    }
    Ok(response)
}

impl BundleRequest {
    /// Reads the query of [`download_built`]: `requirement` may stand there often, everything else once.
    fn from_query(name: BundleName, query: &str) -> Result<Self, Problem> {
        let (mut target, mut channel, mut script, mut entry_point, mut module) = (None, None, None, None, None);
        let mut requirements = Vec::new();
        for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            let slot = match key.as_ref() {
                "requirement" => {
                    requirements.push(value);
                    continue;
                }
                "target" => &mut target,
                "channel" => &mut channel,
                "script" => &mut script,
                "entry_point" => &mut entry_point,
                "module" => &mut module,
                other => {
                    return Err(query_problem(format!("the query has no parameter `{}`", shown(other))));
                }
            };
            if slot.replace(value).is_some() {
                return Err(query_problem(format!("the query names `{key}` twice")));
            }
        }
        let target = target.ok_or_else(|| query_problem("the query names no `target`".to_owned()))?;
        Ok(Self { name, requirements, target: TargetWish::Named(target), channel, script, entry_point, module })
    }

    async fn into_recipe(self, app: &App, who: &Who, permission: Permission) -> Result<BundleRecipe, Problem> {
        if self.requirements.is_empty() || self.requirements.len() > MAX_REQUIREMENTS {
            let count = self.requirements.len();
            let detail = format!("{count} requirements were given; a bundle takes 1 to {MAX_REQUIREMENTS}");
            return Err(Problem::new(Kind::Invalid, "export/requirements-count", detail));
        }
        let entry_point = entry_point(self.script, self.entry_point, self.module)?;
        let channel = who.place(app, permission, self.channel.as_deref()).await?;
        let target = self.target.find(app).await?;
        Ok(BundleRecipe { name: self.name, requirements: self.requirements, target, channel, entry_point })
    }
}

/// At most one way to start; none is the environment's own interpreter.
fn entry_point(
    script: Option<String>,
    function: Option<String>,
    module: Option<String>,
) -> Result<EntryPoint, Problem> {
    let (kind, value) = match (script, function, module) {
        (None, None, None) => (EntryPointKind::Interpreter, String::new()),
        (Some(script), None, None) => (EntryPointKind::Script, script),
        (None, Some(function), None) => (EntryPointKind::Function, function),
        (None, None, Some(module)) => (EntryPointKind::Module, module),
        _ => {
            let detail = "a bundle starts one thing; more than one of `script`, `entry_point` and `module` was given";
            return Err(Problem::new(Kind::Invalid, "export/entry-point-invalid", detail));
        }
    };
    Ok(EntryPoint { kind, value })
}

fn query_problem(detail: String) -> Problem {
    Problem::new(Kind::Invalid, "http/query-invalid", detail).with_hint(
        "For example `/bundle/hello.pyz?requirement=flask&script=flask&target=debian-12`; `requirement` may repeat.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<BundleRequest, Problem> {
        BundleRequest::from_query("hello".parse().unwrap(), query)
    }

    #[test]
    fn ok_a_query_with_several_requirements() {
        let request = read(
            "requirement=flask%3E%3D3&requirement=gunicorn+%3B+python_version%3E%223%22&target=debian-12&script=flask",
        )
        .unwrap();
        assert_eq!(request.requirements, ["flask>=3", "gunicorn ; python_version>\"3\""]);
        assert_eq!(request.script.as_deref(), Some("flask"));
        assert!(matches!(request.target, TargetWish::Named(name) if name == "debian-12"));
    }

    #[test]
    fn err_queries_are_answered_with_an_example() {
        for (query, detail) in [
            ("requirement=flask", "the query names no `target`"),
            ("target=a&target=b", "the query names `target` twice"),
            ("target=a&requirements=flask", "the query has no parameter `requirements`"),
        ] {
            let problem = read(query).err().unwrap();
            assert_eq!(problem.detail(), detail);
            assert!(problem.hint().unwrap().contains("/bundle/hello.pyz?"));
        }
    }

    #[test]
    fn a_bundle_starts_one_thing() {
        let some = || Some("x".to_owned());
        assert_eq!(entry_point(None, None, None).unwrap().kind, EntryPointKind::Interpreter);
        assert_eq!(entry_point(None, some(), None).unwrap().kind, EntryPointKind::Function);
        assert!(entry_point(some(), None, some()).is_err());
    }
}
