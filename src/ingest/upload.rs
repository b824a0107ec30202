//! What is asked for with an upload, and what is answered.

use bytes::Bytes;
use serde::Serialize;

use super::Profile;
use crate::model::{Blake2b256Digest, ChannelName, Finding, Md5Digest, Serial, Sha256Digest, Timestamp, Yank};
use crate::packaging::{ProjectName, Version};

/// What a client says of a file. Everything is optional, everything that is said must be true of the file itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Name of the project.
    pub project: Option<ProjectName>,
    /// Version.
    pub version: Option<Version>,
    /// SHA-256 of the bytes.
    pub sha256: Option<Sha256Digest>,
    /// BLAKE2b-256 of the bytes.
    pub blake2b_256: Option<Blake2b256Digest>,
    /// MD5 of the bytes.
    pub md5: Option<Md5Digest>,
}

/// One upload, apart from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Channel that the file becomes part of.
    pub channel: ChannelName,
    /// File name as the client gave it.
    pub filename: String,
    /// What the client says of the file.
    pub declared: Declared,
    /// How strictly it is judged.
    pub profile: Profile,
    /// When another index published it first; now, when absent.
    pub uploaded_at: Option<Timestamp>,
    /// Yank mark that another index shows it with; the channel never shows it without.
    pub yank: Option<Yank>,
    /// Where it was built, as its publisher attests it; only looked at if the file has none here.
    pub provenance: Option<SentProvenance>,
}

/// What vouches for a file (PEP 740), as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentProvenance {
    /// The list of attestations that an upload form carries.
    Attestations(Bytes),
    /// The provenance object that another index has made of them.
    Object(Bytes),
}

/// Whether anything changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The channel has it now and had it not before.
    Stored,
    /// The channel had these very bytes under this name.
    Unchanged,
}

/// The answer to an upload that was not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UploadOutcome {
    /// Whether anything changed.
    pub verdict: Verdict,
    /// File name.
    pub filename: String,
    /// Normalized name of the project.
    pub project: ProjectName,
    /// Version.
    pub version: Version,
    /// Digest of the bytes.
    pub sha256: Sha256Digest,
    /// Length in bytes.
    pub size_bytes: u64,
    /// The channel.
    pub channel: ChannelName,
    /// Its serial; the new one if anything changed.
    pub serial: Serial,
    /// What was noted about the file.
    pub findings: Vec<Finding>,
}
