//! Audit events: one per write transaction, chained by digest so that a removed or changed row shows.

use serde::Serialize;
use sha2::Digest as _;

use super::{BatchId, ChannelName, ProjectStatus, Serial, Sha256Digest, Timestamp};
use crate::packaging::ProjectName;

/// What happened. Written in the transaction that made it happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event")]
pub enum AuditEvent {
    /// The data directory was made.
    #[serde(rename = "server.initialized")]
    ServerInitialized,
    /// A channel was made.
    #[serde(rename = "channel.created")]
    ChannelCreated {
        /// The new channel.
        channel: ChannelName,
    },
    /// A file became part of a channel.
    #[serde(rename = "file.uploaded")]
    FileUploaded {
        /// The channel.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// Name of the file.
        filename: String,
        /// Digest of its bytes.
        sha256: Sha256Digest,
    },
    /// A batch was opened: somebody may put files into it that nobody else sees.
    #[serde(rename = "batch.opened")]
    BatchOpened {
        /// Its id.
        batch: BatchId,
        /// The channel that it is for.
        channel: ChannelName,
    },
    /// A batch was published: all of its files at once. Their names are those that the channel got at this serial.
    #[serde(rename = "batch.committed")]
    BatchCommitted {
        /// The channel.
        channel: ChannelName,
        /// Its new serial; the one it had, if it had all of the files.
        serial: Serial,
        /// The batch.
        batch_id: String,
        /// Files of it.
        file_count: u64,
        /// Digest of the list of them, as of a snapshot that holds these alone.
        digest: Sha256Digest,
    },
    /// A batch was given up with all its files.
    #[serde(rename = "batch.abandoned")]
    BatchAbandoned {
        /// Its id.
        batch: BatchId,
    },
    /// The time of batches was over: open ones were given up, the records of others removed.
    #[serde(rename = "batch.expired")]
    BatchesExpired {
        /// Ids of those that were given up.
        given_up: Vec<BatchId>,
        /// How many records of ended ones were removed.
        forgotten_count: u64,
    },
    /// An upload session began (PEP 694): a release is put together that nobody else sees.
    #[serde(rename = "upload.opened")]
    UploadSessionOpened {
        /// Number of the session; its token is a key and stands in no log.
        session: i64,
        /// The channel that it is for.
        channel: ChannelName,
        /// The project.
        project: ProjectName,
        /// The version.
        version: String,
    },
    /// An upload session was published: all of its files at once. Without files, it has registered the project's name.
    #[serde(rename = "upload.published")]
    UploadSessionPublished {
        /// Number of the session.
        session: i64,
        /// The channel.
        channel: ChannelName,
        /// Its new serial; the one it had, if nothing of it was news.
        serial: Serial,
        /// The project.
        project: ProjectName,
        /// The version.
        version: String,
        /// Files of it.
        file_count: u64,
        /// Digest of the list of them, as of a snapshot that holds these alone.
        digest: Sha256Digest,
    },
    /// An upload session was given up with all its files.
    #[serde(rename = "upload.canceled")]
    UploadSessionCanceled {
        /// Number of the session.
        session: i64,
    },
    /// The time of upload sessions was over: some were given up, the records of others removed.
    #[serde(rename = "upload.expired")]
    UploadSessionsExpired {
        /// Numbers of those that were given up.
        canceled: Vec<i64>,
        /// How many records of ended ones were removed.
        forgotten_count: u64,
    },
    /// Files were brought from one channel into another.
    #[serde(rename = "channel.promoted")]
    Promoted {
        /// Where they came from.
        from: ChannelName,
        /// Serial that was read there.
        from_serial: Serial,
        /// Where they went.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// Names of the files that came in, sorted.
        added: Vec<String>,
    },
    /// Files of a channel were marked as yanked.
    #[serde(rename = "file.yanked")]
    FilesYanked {
        /// The channel.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// Names of the files, sorted.
        filenames: Vec<String>,
        /// Why, if a reason was given.
        reason: Option<String>,
    },
    /// The yank mark was taken off files of a channel.
    #[serde(rename = "file.unyanked")]
    FilesUnyanked {
        /// The channel.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// Names of the files, sorted.
        filenames: Vec<String>,
    },
    /// Files left a channel; they are still in its older snapshots, and in other channels.
    #[serde(rename = "file.removed")]
    FilesRemoved {
        /// The channel.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// Names of the files, sorted.
        filenames: Vec<String>,
    },
    /// Files left the server; their names are never used again.
    #[serde(rename = "file.deleted")]
    FilesDeleted {
        /// Names of the files, sorted.
        filenames: Vec<String>,
        /// Channels that had them in their heads, each with its new serial.
        channels: Vec<(ChannelName, Serial)>,
    },
    /// A project got another status in a channel.
    #[serde(rename = "project.status")]
    ProjectStatusSet {
        /// The channel.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// The project.
        project: ProjectName,
        /// Its status there from now on.
        status: ProjectStatus,
        /// Why, if a reason was given.
        reason: Option<String>,
    },
    /// A namespace was granted, or got another owner or other tokens.
    #[serde(rename = "namespace.granted")]
    NamespaceGranted {
        /// Its name.
        name: ProjectName,
        /// Its owner.
        owner: String,
        /// Names of the tokens that may upload into it, sorted.
        principals: Vec<String>,
    },
    /// A namespace was taken back.
    #[serde(rename = "namespace.revoked")]
    NamespaceRevoked {
        /// Its name.
        name: ProjectName,
    },
    /// A bundle was built and recorded.
    #[serde(rename = "bundle.built")]
    BundleBuilt {
        /// Its id.
        bundle_id: Sha256Digest,
        /// Its name.
        name: String,
        /// Channel that it was resolved in.
        channel: ChannelName,
        /// Serial that was read there.
        serial: Serial,
    },
    /// A published file got a provenance, or another one.
    #[serde(rename = "file.provenance-stored")]
    ProvenanceStored {
        /// Name of the file.
        filename: String,
        /// Digest of the provenance object.
        sha256: Sha256Digest,
        /// Whether a trust root of this server has verified its signatures.
        is_verified: bool,
    },
    /// Advisories were imported.
    #[serde(rename = "advisories.imported")]
    AdvisoriesImported {
        /// Digest of what was sent.
        sha256: Sha256Digest,
        /// Advisories that were not there before.
        added_count: u64,
        /// Advisories that a newer form took the place of.
        replaced_count: u64,
    },
    /// A token was made.
    #[serde(rename = "token.created")]
    TokenCreated {
        /// Its name.
        name: String,
    },
    /// A token was withdrawn.
    #[serde(rename = "token.revoked")]
    TokenRevoked {
        /// Its name.
        name: String,
    },
    /// A target environment was recorded.
    #[serde(rename = "target.saved")]
    TargetSaved {
        /// Its name.
        name: String,
    },
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// Position in the chain, from 1.
    pub sequence: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Name of the principal.
    pub by: String,
    /// The event as JSON.
    pub event: String,
    /// Hash of the row before it; zeros for the first.
    pub previous_hash: Sha256Digest,
    /// [`chain_hash`] of this row.
    pub hash: Sha256Digest,
}

/// Hash of an audit row: SHA-256 over the hash before it and every field, each framed by its length.
pub fn chain_hash(previous: &Sha256Digest, sequence: i64, at: Timestamp, by: &str, event: &str) -> Sha256Digest {
    let mut hasher = sha2::Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(sequence.to_be_bytes());
    hasher.update(at.as_microsecond().to_be_bytes());
    for text in [by, event] {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    Sha256Digest::from_bytes(hasher.finalize().into())
}
