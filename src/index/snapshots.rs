//! Snapshots: one row per serial of a channel, with the digest of its content once it was asked for.

use super::{Index, IndexError};
use crate::model::{ChannelName, Serial, Sha256Digest, Timestamp, View};

/// A snapshot as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRow {
    /// Its serial.
    pub serial: Serial,
    /// When the channel reached it.
    pub made_at: Timestamp,
    /// Digest of its content, if somebody asked for it.
    pub digest: Option<Sha256Digest>,
}

impl Index {
    /// Digest of the content of this view ([`crate::model::snapshot_digest`]); computed when first asked for, then kept.
    pub async fn snapshot_digest(&self, view: &View) -> Result<Sha256Digest, IndexError> {
        let _ = view;
        todo!()
    }

    /// The newest snapshots of a channel, newest first; fails with [`IndexError::NoSuchChannel`].
    pub async fn list_snapshots(&self, channel: &ChannelName, limit: u32) -> Result<Vec<SnapshotRow>, IndexError> {
        let _ = (channel, limit);
        todo!()
    }
}
