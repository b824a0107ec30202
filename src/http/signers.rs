//! Who has signed the provenance of a project's files, as far as it is verified, and verifying all of it anew.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::extract::{Json, Query, Segments};
use super::pages::project_name;
use crate::access::Extent;
use crate::app::App;
use crate::index::AttestedListing;
use crate::ingest::{ReverifyReport, reverify};
use crate::model::{Permission, Sha256Digest};
use crate::packaging::{ProjectName, Signer, Version};

/// Files of one answer when no limit is given.
const DEFAULT_LIMIT: u32 = 100;

/// Most files of one answer: about half a MB of JSON.
const MAX_LIMIT: u32 = 1000;

/// Query of [`list`].
#[derive(Deserialize)]
pub struct Page {
    /// Name of the file after which to go on; from the first when absent.
    #[serde(default)]
    after: String,
    limit: Option<u32>,
}

/// Answer of [`list`].
#[derive(Serialize)]
pub struct Attested {
    channel: String,
    project: ProjectName,
    /// Those with a provenance, by name.
    files: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    filename: String,
    version: Version,
    sha256: Sha256Digest,
    provenance: Shown,
}

#[derive(Serialize)]
struct Shown {
    /// Digest of the object.
    sha256: Sha256Digest,
    is_verified: bool,
    /// One for each attestation; nobody where nothing is verified, whatever the object says.
    signers: Vec<Signer>,
}

impl From<AttestedListing> for Line {
    fn from(file: AttestedListing) -> Self {
        let is_verified = file.provenance.is_verified();
        let provenance = Shown { sha256: file.provenance.sha256, is_verified, signers: file.provenance.signers };
        Self { filename: file.filename, version: file.version, sha256: file.file_sha256, provenance }
    }
}

/// Body of [`verify`].
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    /// What the answer before gave as `next`.
    #[serde(default)]
    after: i64,
}

/// `GET /api/v1/channels/{channel}/projects/{project}/provenance`
pub async fn list(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((channel, project)): Segments<(String, String)>,
    Query(page): Query<Page>,
) -> Result<axum::Json<Attested>, Problem> {
    let place = who.place(&app, Permission::Read, Some(&channel)).await?;
    let project = project_name(&project)?;
    who.may(&app, Permission::Read, Some(&place.name), Some(&project))?;
    let view = app.index.open_view(&place).await?;
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let files = app.index.list_attested(&view, &project, &page.after, limit).await?;
    let files = files.into_iter().map(Line::from).collect();
    Ok(axum::Json(Attested { channel: place.to_string(), project, files }))
}

/// `POST /api/v1/provenance/verifications`: one page; the answer names where the next begins.
pub async fn verify(
    State(app): State<Arc<App>>,
    who: Who,
    Json(request): Json<VerifyRequest>,
) -> Result<axum::Json<ReverifyReport>, Problem> {
    who.reaches(Extent::Everything, "the provenance of every file is verified, whatever channel has it")?;
    Ok(axum::Json(reverify(&app.ingest_parts(), &who.0, request.after).await?))
}
