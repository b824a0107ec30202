//! Heads in memory: what [`Index::open_project`] answered, for as long as it holds. Bounded, whatever names are asked for.

use std::hash::Hash;
use std::sync::Arc;

use moka::Equivalent;

use super::{Index, Stamp};
use crate::model::{Channel, ChannelName, ChannelRef, ProjectHead, View};
use crate::packaging::ProjectName;

/// What a reader looks at, and the project as it shows there.
pub(super) type Opened = (View, Option<ProjectHead>);

/// Memory for all of them, in bytes: some 20,000 projects.
const CAPACITY_BYTES: u64 = 8 << 20;

/// Channels that are kept; a server has a handful.
const CHANNEL_COUNT: u64 = 1_000;

/// What one answer takes beside its texts, in bytes: two structures, and what the cache remembers of an entry.
const ENTRY_BYTES: usize = size_of::<Key>() + size_of::<(Stamp, Opened)>() + 160;

#[derive(PartialEq, Eq, Hash)]
struct Key {
    wanted: ChannelRef,
    project: ProjectName,
}

/// A [`Key`] that is only looked up; hashes alike.
#[derive(Hash)]
struct KeyRef<'a> {
    wanted: &'a ChannelRef,
    project: &'a ProjectName,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.wanted == key.wanted && *self.project == key.project
    }
}

/// Answers with their stamps. All clones share them.
#[derive(Clone)]
pub(super) struct Heads {
    projects: moka::sync::Cache<Key, (Stamp, Arc<Opened>)>,
    channels: moka::sync::Cache<ChannelName, (Stamp, Arc<Channel>)>,
}

impl Heads {
    pub(super) fn new() -> Self {
        Self {
            projects: moka::sync::Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weigh).build(),
            channels: moka::sync::Cache::new(CHANNEL_COUNT),
        }
    }

    /// The answer, if it is still what the database would say.
    pub(super) fn find(&self, index: &Index, wanted: &ChannelRef, project: &ProjectName) -> Option<Arc<Opened>> {
        let (stamp, opened) = self.projects.get(&KeyRef { wanted, project })?;
        index.is_current(stamp).then_some(opened)
    }

    /// Keeps an answer that was read after `stamp`.
    pub(super) fn keep(&self, wanted: &ChannelRef, project: &ProjectName, stamp: Stamp, opened: &Opened) {
        self.projects
            .insert(Key { wanted: wanted.clone(), project: project.clone() }, (stamp, Arc::new(opened.clone())));
    }

    /// The channel with its serial, if that is still what the database would say.
    pub(super) fn find_channel(&self, index: &Index, name: &ChannelName) -> Option<Arc<Channel>> {
        let (stamp, channel) = self.channels.get(name)?;
        index.is_current(stamp).then_some(channel)
    }

    /// Keeps a channel that was read after `stamp`.
    pub(super) fn keep_channel(&self, stamp: Stamp, channel: &Channel) {
        self.channels.insert(channel.name.clone(), (stamp, Arc::new(channel.clone())));
    }
}

fn weigh(key: &Key, (_, opened): &(Stamp, Arc<Opened>)) -> u32 {
    let (view, head) = &**opened;
    let texts = key.wanted.name.as_str().len() + key.project.as_str().len() + view.channel.as_str().len();
    let head = head.as_ref().map_or(0, |head| {
        let reason = head.status_reason.as_ref().map_or(0, String::len);
        head.name.as_str().len() + head.display_name.len() + reason
    });
    u32::try_from(ENTRY_BYTES + texts + head).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::IndexLocation;
    use crate::model::{Clock, Serial};

    #[tokio::test]
    async fn names_that_nobody_published_take_no_more_memory_than_they_may() {
        let directory = tempfile::tempdir().unwrap();
        let location = IndexLocation::Sqlite(directory.path().join("main.sqlite"));
        let index = Index::open(&location, Clock::System).await.unwrap();
        let wanted: ChannelRef = "blessed".parse().unwrap();
        let view = View { channel_id: 1, channel: wanted.name.clone(), serial: Serial(0) };
        for number in 0..60_000 {
            let project: ProjectName = format!("name-{number}").parse().unwrap();
            let stamp = index.stamp(project.as_str()).unwrap();
            index.heads.keep(&wanted, &project, stamp, &(view.clone(), None));
        }
        index.heads.projects.run_pending_tasks();
        let weight = index.heads.projects.weighted_size();
        assert!((1..=CAPACITY_BYTES).contains(&weight) && index.heads.projects.entry_count() < 60_000, "{weight}");
    }
}
