//! Snapshots: one row per serial of a channel, with the digest of its content once it was asked for.

use jiff::civil::Date;

use super::db::{both, pair};
use super::rows::{parse, time};
use super::{Index, IndexError};
use crate::model::{
    self, Channel, ChannelAddress, ChannelName, ChannelRef, DigestPrefix, Moment, Serial, Sha256Digest, SnapshotLine,
    Timestamp, View, end_of_day,
};

/// Most contents that an ambiguous digest names in its refusal.
const MAX_CANDIDATES: i64 = 8;

statements! {
    FIND_BY_TIME = both(
        "SELECT serial FROM snapshots WHERE channel_id = $1 AND made_at < $2 ORDER BY made_at DESC, serial DESC LIMIT 1",
    );
    /// The first snapshot of each content: later ones may come to have the same.
    FIND_BY_DIGEST = pair(
        "SELECT digest, MIN(serial) FROM snapshots WHERE channel_id = $1 AND digest >= $2 AND digest < $3 \
         GROUP BY digest ORDER BY digest LIMIT $4",
        "SELECT digest, MIN(serial) FROM snapshots WHERE channel_id = $1 \
         AND digest COLLATE \"C\" >= $2 AND digest COLLATE \"C\" < $3 GROUP BY digest ORDER BY digest LIMIT $4",
    );
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

    /// What an address names: a day and the beginning of a digest are looked up, anything else is taken as it is.
    ///
    /// A day is its last snapshot, so that of the day that is not over may change. Digests are found where they are known:
    /// each that this server has told, and the head's, which is computed now if it must be. Fails with
    /// [`IndexError::NoSuchChannel`], [`IndexError::NoSuchDay`], [`IndexError::NoSuchDigest`] and, where two contents begin
    /// alike, [`IndexError::AmbiguousDigest`].
    pub async fn find_ref(&self, address: &ChannelAddress) -> Result<ChannelRef, IndexError> {
        if let Some(settled) = address.settled() {
            return Ok(settled);
        }
        let channel = self.find_channel(&address.name).await?;
        let channel = channel.ok_or_else(|| IndexError::NoSuchChannel { channel: address.name.clone() })?;
        let serial = match &address.moment {
            Moment::Head => None,
            Moment::Serial(serial) => Some(*serial),
            Moment::Day(day) => Some(self.find_on_day(&channel, *day).await?),
            Moment::Digest(prefix) => Some(self.find_by_digest(&channel, prefix).await?),
        };
        Ok(ChannelRef { name: channel.name, serial })
    }

    /// The last snapshot that was made before the end of this day, UTC.
    async fn find_on_day(&self, channel: &Channel, day: Date) -> Result<Serial, IndexError> {
        let refused = |has_begun| IndexError::NoSuchDay { channel: channel.name.clone(), day, has_begun };
        let begin = day.yesterday().ok().and_then(end_of_day);
        // A day to come would be the head today and something else tomorrow, without anybody having meant that.
        if begin.is_none_or(|begin| begin > self.clock.now()) {
            return Err(refused(false));
        }
        let end = end_of_day(day).unwrap_or(Timestamp::MAX).as_microsecond();
        let row: Option<(i64,)> = read!(&self.db, fetch_optional, FIND_BY_TIME, channel.id, end)?;
        row.map(|(serial,)| Serial(serial)).ok_or_else(|| refused(true))
    }

    async fn find_by_digest(&self, channel: &Channel, prefix: &DigestPrefix) -> Result<Serial, IndexError> {
        let known: Vec<(String, i64)> =
            read!(&self.db, fetch_all, FIND_BY_DIGEST, channel.id, prefix.as_str(), prefix.end(), MAX_CANDIDATES)?;
        let serials: Vec<Serial> = known.into_iter().map(|(_, serial)| Serial(serial)).collect();
        match serials.as_slice() {
            [only] => return Ok(*only),
            [] => {}
            _ => {
                let (channel, prefix) = (channel.name.clone(), prefix.as_str().to_owned());
                return Err(IndexError::AmbiguousDigest { channel, prefix, serials });
            }
        }
        let view = View { channel_id: channel.id, channel: channel.name.clone(), serial: channel.serial };
        if prefix.begins(&self.snapshot_digest(&view).await?) {
            return Ok(channel.serial);
        }
        Err(IndexError::NoSuchDigest { channel: channel.name.clone(), prefix: prefix.as_str().to_owned() })
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
