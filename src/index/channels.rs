//! Channels: their names, their serials, the views that readers open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::db::both;
use super::rows::{parse, time};
use super::{Index, IndexError, IndexTx};
use crate::model::{Channel, ChannelName, ChannelRef, ChannelSummary, Serial, View};

statements! {
    FIND_CHANNEL = both("SELECT id, serial, created_at FROM channels WHERE name = $1");
    LIST_CHANNELS = both("SELECT id, name, serial FROM channels ORDER BY name");
    COUNT_CONTENT = both(concat!(
        "SELECT COUNT(DISTINCT f.project_id), COUNT(DISTINCT f.release_id), COUNT(f.id), \
         CAST(COALESCE(SUM(f.size_bytes), 0) AS BIGINT) \
         FROM memberships m JOIN files f ON f.id = m.file_id WHERE ", in_view!(),
    ));
    INSERT_CHANNEL = both(
        "INSERT INTO channels (name, serial, created_at) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING RETURNING id",
    );
    INSERT_SNAPSHOT = both("INSERT INTO snapshots (channel_id, serial, made_at) VALUES ($1, $2, $3)");
    /// Compare-and-swap. The row stays locked until the end of the transaction.
    ADVANCE_CHANNEL = both(
        "UPDATE channels SET serial = serial + 1 \
         WHERE name = $1 AND (CAST($2 AS BIGINT) IS NULL OR serial = CAST($2 AS BIGINT)) \
         RETURNING id, serial, created_at",
    );
}

/// Projects, releases, files and bytes of a channel at one serial.
type Counts = (i64, i64, i64, i64);

/// The numbers of each channel at the serial that was last asked for. Counting walks the whole channel, and pages ask
/// often.
#[derive(Clone, Default)]
pub(super) struct CountCache(Arc<Mutex<BTreeMap<i64, (i64, Counts)>>>);

impl CountCache {
    fn find(&self, channel_id: i64, serial: i64) -> Option<Counts> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&channel_id).filter(|(counted_at, _)| *counted_at == serial).map(|(_, counts)| *counts)
    }

    fn keep(&self, channel_id: i64, serial: i64, counts: Counts) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(channel_id, (serial, counts));
    }
}

impl Index {
    /// The channel of this name.
    pub async fn find_channel(&self, name: &ChannelName) -> Result<Option<Channel>, IndexError> {
        if let Some(known) = self.heads.find_channel(self, name) {
            return Ok(Some((*known).clone()));
        }
        let stamp = self.stamp_of_channel(name);
        let found = self.read_channel(name).await?;
        if let (Some(stamp), Some(channel)) = (stamp, &found) {
            self.heads.keep_channel(stamp, channel);
        }
        Ok(found)
    }

    /// The view that [`Index::open_view`] would open, if it would find the channel in memory.
    pub fn view_at_hand(&self, wanted: &ChannelRef) -> Option<View> {
        let channel = self.heads.find_channel(self, &wanted.name)?;
        view(wanted, channel.id, channel.serial).ok()
    }

    async fn read_channel(&self, name: &ChannelName) -> Result<Option<Channel>, IndexError> {
        let row: Option<(i64, i64, i64)> = read!(&self.db, fetch_optional, FIND_CHANNEL, name.as_str())?;
        row.map(|row| channel(name, row)).transpose()
    }

    /// All channels by name, each with the numbers of its head.
    pub async fn list_channels(&self) -> Result<Vec<ChannelSummary>, IndexError> {
        let rows: Vec<(i64, String, i64)> = read!(&self.db, fetch_all, LIST_CHANNELS)?;
        let mut summaries = Vec::with_capacity(rows.len());
        for (id, name, serial) in rows {
            let (project_count, release_count, file_count, size_bytes) = self.count_content(id, serial).await?;
            let (name, serial) = (parse(&name, "channels.name")?, Serial(serial));
            summaries.push(ChannelSummary { name, serial, project_count, release_count, file_count, size_bytes });
        }
        Ok(summaries)
    }

    /// Numbers of a channel at one serial; counted once, because they never change.
    async fn count_content(&self, channel_id: i64, serial: i64) -> Result<Counts, IndexError> {
        if let Some(known) = self.counts.find(channel_id, serial) {
            return Ok(known);
        }
        let counts: Counts = read!(&self.db, fetch_one, COUNT_CONTENT, channel_id, serial)?;
        self.counts.keep(channel_id, serial, counts);
        Ok(counts)
    }

    /// What a reader of `wanted` looks at: the head as it is now, or that snapshot.
    ///
    /// Fails with [`IndexError::NoSuchChannel`], and with [`IndexError::NoSuchSnapshot`] for a serial not reached yet.
    pub async fn open_view(&self, wanted: &ChannelRef) -> Result<View, IndexError> {
        let found = self.find_channel(&wanted.name).await?;
        let channel = found.ok_or_else(|| IndexError::NoSuchChannel { channel: wanted.name.clone() })?;
        view(wanted, channel.id, channel.serial)
    }
}

/// The view that `wanted` names in a channel with this key and head.
pub(super) fn view(wanted: &ChannelRef, channel_id: i64, head: Serial) -> Result<View, IndexError> {
    let serial = wanted.serial.unwrap_or(head);
    if serial > head {
        return Err(IndexError::NoSuchSnapshot { wanted: wanted.clone(), head });
    }
    Ok(View { channel_id, channel: wanted.name.clone(), serial })
}

impl IndexTx {
    /// Makes an empty channel at serial 0; fails with [`IndexError::ChannelExists`].
    pub async fn create_channel(&mut self, name: &ChannelName) -> Result<Channel, IndexError> {
        let created_at = self.clock.now();
        let now = created_at.as_microsecond();
        let id: Option<(i64,)> = fetch!(&mut self.tx, fetch_optional, INSERT_CHANNEL, name.as_str(), now)?;
        let Some((id,)) = id else { return Err(IndexError::ChannelExists { channel: name.clone() }) };
        execute!(&mut self.tx, INSERT_SNAPSHOT, id, 0_i64, now)?;
        Ok(Channel { id, name: name.clone(), serial: Serial(0), created_at })
    }

    /// Moves the channel to its next serial, which makes a snapshot, and keeps others from moving it until the end.
    ///
    /// With `expected`, only from that serial: fails with [`IndexError::ChannelMoved`] if somebody was faster.
    /// Call it before anything that depends on the channel's content.
    pub async fn advance(&mut self, name: &ChannelName, expected: Option<Serial>) -> Result<Channel, IndexError> {
        let wanted = expected.map(|serial| serial.0);
        let row: Option<(i64, i64, i64)> =
            fetch!(&mut self.tx, fetch_optional, ADVANCE_CHANNEL, name.as_str(), wanted)?;
        let Some(row) = row else { return Err(self.why_not_advanced(name, expected).await?) };
        let channel = channel(name, row)?;
        self.touched.add_channel(name);
        let now = self.clock.now().as_microsecond();
        execute!(&mut self.tx, INSERT_SNAPSHOT, channel.id, channel.serial.0, now)?;
        Ok(channel)
    }

    /// Whether there is a channel of this name.
    pub(super) async fn has_channel(&mut self, name: &ChannelName) -> Result<bool, IndexError> {
        let row: Option<(i64, i64, i64)> = fetch!(&mut self.tx, fetch_optional, FIND_CHANNEL, name.as_str())?;
        Ok(row.is_some())
    }

    async fn why_not_advanced(
        &mut self,
        name: &ChannelName,
        expected: Option<Serial>,
    ) -> Result<IndexError, IndexError> {
        let row: Option<(i64, i64, i64)> = fetch!(&mut self.tx, fetch_optional, FIND_CHANNEL, name.as_str())?;
        let channel = name.clone();
        Ok(match (row, expected) {
            (None, _) => IndexError::NoSuchChannel { channel },
            (Some((_, actual, _)), Some(expected)) => {
                IndexError::ChannelMoved { channel, expected, actual: Serial(actual) }
            }
            // The channel was made between the two statements.
            (Some(_), None) => IndexError::Busy { source: None },
        })
    }
}

fn channel(name: &ChannelName, (id, serial, created_at): (i64, i64, i64)) -> Result<Channel, IndexError> {
    let created_at = time(created_at, "channels.created_at")?;
    Ok(Channel { id, name: name.clone(), serial: Serial(serial), created_at })
}
