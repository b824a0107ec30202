//! Batches: uploads that become visible together, or not at all.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::{ChannelName, Finding, Serial, Sha256Digest, Timestamp};
use crate::packaging::{ProjectName, Version};

/// Random bytes of a batch's id: 128 bits, because whoever knows the id may look at the preview.
const ID_BYTES: usize = 16;

/// Names a batch in URLs: 32 lowercase hexadecimal digits that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId([u8; ID_BYTES]);

/// A text is no id of a batch; nobody needs to know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the id of a batch: 32 lowercase hexadecimal digits are expected")]
pub struct BatchIdError;

impl BatchId {
    /// Makes an id of random bytes.
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

impl FromStr for BatchId {
    type Err = BatchIdError;

    /// One spelling only, so that a batch has one URL.
    fn from_str(text: &str) -> Result<Self, BatchIdError> {
        let mut bytes = [0; ID_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| BatchIdError)?;
        let is_lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        is_lowercase.then_some(Self(bytes)).ok_or(BatchIdError)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "BatchId({self})")
    }
}

impl Serialize for BatchId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where a batch stands. It leaves `Open` once, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchState {
    /// Takes files.
    Open,
    /// All its files are in the channel.
    Committed,
    /// Given up, or expired: nothing of it will be shown.
    Abandoned,
}

impl BatchState {
    /// As the index and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Committed => "committed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for BatchState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A batch, apart from its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Key in the index.
    pub key: i64,
    /// Name in URLs.
    pub id: BatchId,
    /// Channel that its files become part of.
    pub channel: ChannelName,
    /// Where it stands.
    pub state: BatchState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Name of the principal that opened it.
    pub created_by: String,
    /// When it is given up if it is open, and forgotten if it is not.
    pub expires_at: Timestamp,
    /// When it was committed or given up.
    pub ended_at: Option<Timestamp>,
    /// Serial that shows its files; of a batch that changed nothing, the one that was there.
    pub committed_serial: Option<Serial>,
}

impl Batch {
    /// Whether it takes files at this time: an expired one may still wait for the sweep.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.state == BatchState::Open && now < self.expires_at
    }
}

/// How it stands with one file of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchVerdict {
    /// Not all of its bytes are here.
    Partial,
    /// A commit will add it to the channel.
    Accepted,
    /// The channel has these very bytes under this name.
    Unchanged,
    /// It breaks a rule, or something that is published excludes it. While one is in a batch, nothing is committed.
    Refused,
    /// The commit has added it to the channel.
    Stored,
}

impl BatchVerdict {
    /// As the index and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Accepted => "accepted",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Stored => "stored",
        }
    }

    /// Whether it keeps the batch from being committed.
    pub fn blocks(self) -> bool {
        matches!(self, Self::Partial | Self::Refused)
    }
}

/// Why a file of a batch was refused, in the words of the error that an upload of it alone would have been answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Code of the error.
    pub code: String,
    /// The sentence.
    pub detail: String,
    /// The next step, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What was found out about a file of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchReport {
    /// Its version, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Everything that the checks found.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

/// One file of a batch. Its blobs are durable, and no page shows it before the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchFile {
    /// Name of the file; of a refused one, the name safe to show.
    pub filename: String,
    /// How it stands.
    pub verdict: BatchVerdict,
    /// Its project, if the name tells one.
    pub project: Option<ProjectName>,
    /// Digest of its bytes; absent while they are not all here.
    pub sha256: Option<Sha256Digest>,
    /// Blob of its METADATA.
    pub metadata_sha256: Option<Sha256Digest>,
    /// Blob of its provenance.
    pub provenance_sha256: Option<Sha256Digest>,
    /// Length in bytes; of a partial one, the whole length if it is known.
    pub size_bytes: Option<u64>,
    /// When it arrived.
    pub received_at: Timestamp,
    /// What was found out.
    pub report: BatchReport,
    /// What is to be published, as JSON; only where it was asked for.
    pub staged: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = BatchId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &"xy".repeat(16), &format!("{}/", "ab".repeat(15))] {
            assert_eq!(text.parse::<BatchId>(), Err(BatchIdError), "{text}");
        }
    }
}
