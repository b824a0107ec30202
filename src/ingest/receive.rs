//! Receiving one file: it is staged, then published. Nothing is visible before, and a refusal leaves nothing behind.

use std::io;

use bytes::Bytes;
use futures_util::Stream;

use super::{IngestLimits, PublishQueue, Trust, Upload, UploadError, UploadOutcome, publish, stage};
use crate::access::{ReadPolicy, authorize};
use crate::blobs::Blobs;
use crate::index::Index;
use crate::model::{ChannelName, Clock, Namespace, Permission, Principal, ProjectStatus, foreign_namespace};
use crate::packaging::{DistFileName, ProjectName, parse_dist_filename};

/// What receiving needs of the server.
#[derive(Clone)]
pub struct IngestParts {
    /// Where rows go.
    pub index: Index,
    /// Where bytes go.
    pub blobs: Blobs,
    /// What one upload may cost.
    pub limits: IngestLimits,
    /// Tells the time of arrival.
    pub clock: Clock,
    /// Whether namespaces keep strangers out (PEP 752).
    pub has_namespaces: bool,
    /// Where finished uploads wait for their transaction; one for each index.
    pub queue: PublishQueue,
    /// By which signatures of attestations are verified.
    pub trust: Trust,
}

/// Receives one file whose description is known before its bytes.
///
/// Success means that the bytes and the rows survive a loss of power. A refusal leaves nothing behind.
pub async fn receive(
    parts: &IngestParts,
    who: &Principal,
    upload: Upload,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<UploadOutcome, UploadError> {
    let channel = upload.channel.clone();
    let staged = stage(parts, who, upload, body).await?;
    publish(parts, who, &channel, staged).await
}

/// Whether `who` may publish a file of this name there; for a name that is none, whether into the channel at all.
pub fn check_access(who: &Principal, channel: &ChannelName, filename: &str) -> Result<(), UploadError> {
    let name = parse_dist_filename(filename).ok();
    let project = name.as_ref().map(DistFileName::project);
    Ok(authorize(who, Permission::Upload, Some(channel), project, ReadPolicy::Open)?)
}

/// Whether the project takes new files there.
pub(super) fn check_status(
    channel: &ChannelName,
    project: &ProjectName,
    status: ProjectStatus,
) -> Result<(), UploadError> {
    match status.takes_files() {
        true => Ok(()),
        false => Err(UploadError::ProjectClosed { project: project.clone(), status, channel: channel.clone() }),
    }
}

/// Whether `who` may upload to a project of this name, as far as namespaces say.
pub(super) async fn check_namespace(
    parts: &IngestParts,
    who: &Principal,
    project: &ProjectName,
) -> Result<(), UploadError> {
    if !parts.has_namespaces {
        return Ok(());
    }
    let all = parts.index.list_namespaces().await?;
    if !all.iter().any(|namespace| namespace.covers(project)) {
        return Ok(());
    }
    let founding = parts.index.find_founding(project).await?;
    match foreign_namespace(&all, project, who, founding.as_ref()) {
        None => Ok(()),
        Some(Namespace { name, owner, .. }) => {
            let (namespace, owner) = (name.clone(), owner.clone());
            Err(UploadError::ForeignNamespace { project: project.clone(), namespace, owner })
        }
    }
}
