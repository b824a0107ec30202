//! Snapshots: one row per serial of a channel, with the digest of its content once it was asked for.

use super::db::both;
use super::rows::{parse, time};
use super::{Index, IndexError};
use crate::model::{self, ChannelName, Serial, Sha256Digest, SnapshotLine, Timestamp, View};

statements! {
    FIND_DIGEST = both("SELECT digest FROM snapshots WHERE channel_id = $1 AND serial = $2");
    /// Also files that were deleted since: a snapshot's digest does not change.
    LIST_LINES = both(concat!(
        "SELECT f.filename, f.sha256, m.is_yanked, f.metadata_sha256 \
         FROM memberships m JOIN files f ON f.id = m.file_id WHERE ", in_view!(), " ORDER BY f.filename",
    ));
    KEEP_DIGEST = both("UPDATE snapshots SET digest = $3 WHERE channel_id = $1 AND serial = $2 AND digest IS NULL");
    LIST_SNAPSHOTS = both(
        "SELECT serial, made_at, digest FROM snapshots WHERE channel_id = $1 ORDER BY serial DESC LIMIT $2",
    );
}

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
    /// Digest of the content of this view ([`model::snapshot_digest`]); computed when first asked for, then kept.
    pub async fn snapshot_digest(&self, view: &View) -> Result<Sha256Digest, IndexError> {
        let (channel, serial) = (view.channel_id, view.serial.0);
        let kept: Option<(Option<String>,)> = read!(&self.db, fetch_optional, FIND_DIGEST, channel, serial)?;
        if let Some((Some(digest),)) = kept {
            return parse(&digest, "snapshots.digest");
        }
        let rows: Vec<(String, String, bool, Option<String>)> =
            read!(&self.db, fetch_all, LIST_LINES, channel, serial)?;
        let mut lines = rows.into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
        let digest = model::snapshot_digest(&mut lines);
        note!(&self.db, KEEP_DIGEST, channel, serial, digest.to_hex())?;
        Ok(digest)
    }

    /// The newest snapshots of a channel, newest first; fails with [`IndexError::NoSuchChannel`].
    pub async fn list_snapshots(&self, channel: &ChannelName, limit: u32) -> Result<Vec<SnapshotRow>, IndexError> {
        let found = self.find_channel(channel).await?;
        let found = found.ok_or_else(|| IndexError::NoSuchChannel { channel: channel.clone() })?;
        let rows: Vec<(i64, i64, Option<String>)> =
            read!(&self.db, fetch_all, LIST_SNAPSHOTS, found.id, i64::from(limit))?;
        let snapshot = |(serial, made_at, digest): (i64, i64, Option<String>)| {
            let made_at = time(made_at, "snapshots.made_at")?;
            let digest = digest.map(|text| parse(&text, "snapshots.digest")).transpose()?;
            Ok(SnapshotRow { serial: Serial(serial), made_at, digest })
        };
        rows.into_iter().map(snapshot).collect()
    }
}

fn line(
    (filename, sha256, is_yanked, metadata): (String, String, bool, Option<String>),
) -> Result<SnapshotLine, IndexError> {
    let sha256 = parse(&sha256, "files.sha256")?;
    let metadata_sha256 = metadata.map(|text| parse(&text, "files.metadata_sha256")).transpose()?;
    Ok(SnapshotLine { filename, sha256, is_yanked, metadata_sha256 })
}
