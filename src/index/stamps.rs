//! Stamps: how long an answer that was read from the index may be kept in memory.
//!
//! A reader takes the stamp of a name *before* it asks the database and keeps the answer with it; the answer holds for as
//! long as [`Index::is_current`] says so. It is then what the database would answer at that moment: a commit closes the
//! counters of all projects that it changes before it begins and opens them, moved on, after it has ended, however it ends.
//!
//! Who keeps the answers is no concern of this file. One process alone writes to a SQLite index (it holds the lock of the
//! data directory); several may write to PostgreSQL, so there no stamp is given and each answer is read anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Index, IndexTx};
use crate::model::ChannelName;
use crate::packaging::ProjectName;

/// Counters that all names share, 8 bytes each. Two names on one counter only cost a read that was not needed.
const COUNTERS: usize = 4096;

/// The low bits count the commits that are under way; the others count those that have ended.
const COMMITS_UNDER_WAY: u64 = 0xffff;

/// What the end of a commit adds, beside taking itself off those under way.
const ENDED: u64 = COMMITS_UNDER_WAY + 1;

/// The state of a name at one moment. See [`Index::stamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    counter: usize,
    value: u64,
}

impl Index {
    /// The stamp of a project, by its name or the name of one of its files; take it before asking the database.
    ///
    /// `None`: the answer may be used now, but not kept, because somebody else may change it or a commit is under way.
    pub fn stamp(&self, name: &str) -> Option<Stamp> {
        self.stamps.take(counter_of_name(name))
    }

    /// The stamp of a channel's serial, which every change of the channel makes stale. Otherwise as [`Index::stamp`].
    pub fn stamp_of_channel(&self, channel: &ChannelName) -> Option<Stamp> {
        self.stamps.take(counter_of_channel(channel))
    }

    /// Whether what was read after this stamp is still what the database would answer.
    pub fn is_current(&self, stamp: Stamp) -> bool {
        self.stamps.counter(stamp.counter).is_some_and(|counter| counter.load(Ordering::SeqCst) == stamp.value)
    }
}

impl IndexTx {
    /// Makes kept answers about this project stale when the transaction is committed.
    ///
    /// Call it in every method that changes what a page or the URL of a file answers; [`IndexTx::apply`] does.
    pub fn touch(&mut self, project: &ProjectName) {
        self.touched.add(counter_of_name(project.as_str()));
    }

    /// As [`IndexTx::touch`], for changes of so many projects that naming each would cost more than reading them again.
    pub fn touch_everything(&mut self) {
        self.touched.add_all();
    }
}

/// The counters of an index; none where answers may not be kept. All clones share them.
#[derive(Clone)]
pub(super) struct Stamps(Arc<[AtomicU64]>);

impl Stamps {
    /// For an index that this process alone writes to.
    pub(super) fn shared_by_one_process() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }

    /// For an index that others may write to.
    pub(super) fn none() -> Self {
        Self(Arc::new([]))
    }

    /// What a transaction begins with.
    pub(super) fn nothing_touched(&self) -> Touched {
        Touched { stamps: self.clone(), counters: BTreeSet::new() }
    }

    fn counter(&self, counter: usize) -> Option<&AtomicU64> {
        self.0.get(counter)
    }

    fn take(&self, counter: usize) -> Option<Stamp> {
        let value = self.counter(counter)?.load(Ordering::SeqCst);
        (value & COMMITS_UNDER_WAY == 0).then_some(Stamp { counter, value })
    }
}

/// What a transaction has changed so far.
pub(super) struct Touched {
    stamps: Stamps,
    counters: BTreeSet<usize>,
}

impl Touched {
    /// Whether anybody keeps answers, so that it is worth finding out what is changed.
    pub(super) fn is_watched(&self) -> bool {
        !self.stamps.0.is_empty()
    }

    /// The channel's serial changes.
    pub(super) fn add_channel(&mut self, channel: &ChannelName) {
        self.add(counter_of_channel(channel));
    }

    fn add(&mut self, counter: usize) {
        if self.is_watched() {
            self.counters.insert(counter);
        }
    }

    fn add_all(&mut self) {
        self.counters.extend(0..self.stamps.0.len());
    }

    /// Closes the counters. Call it right before the commit, and drop what it gives when the commit has ended.
    pub(super) fn close(self) -> Closed {
        for counter in &self.counters {
            if let Some(counter) = self.stamps.counter(*counter) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }
        Closed(self)
    }
}

/// Counters that are closed while a commit is under way. Also a failed commit may have been written, so dropping this
/// always moves them on.
pub(super) struct Closed(Touched);

impl Drop for Closed {
    fn drop(&mut self) {
        for counter in &self.0.counters {
            if let Some(counter) = self.0.stamps.counter(*counter) {
                counter.fetch_add(ENDED - 1, Ordering::SeqCst);
            }
        }
    }
}

/// Projects and their files share their first word, so a file's counter is found without knowing where its project's name
/// ends: `Foo_bar-1.0.tar.gz`, `foo-bar` and also `foo-baz` have one.
fn counter_of_name(name: &str) -> usize {
    let first_word = name.bytes().take_while(|byte| !matches!(byte, b'-' | b'_' | b'.'));
    counter(first_word.map(|byte| byte.to_ascii_lowercase()))
}

/// The sign that no name may have keeps channels apart from projects.
fn counter_of_channel(channel: &ChannelName) -> usize {
    counter(channel.as_str().bytes().chain([b'@']))
}

/// FNV-1a. Whoever finds names that meet on one counter has gained a read of the index for each.
fn counter(bytes: impl Iterator<Item = u8>) -> usize {
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The high half is mixed best.
    (hash >> 40) as usize % COUNTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(stamps: &Stamps, name: &str) -> Closed {
        let mut touched = stamps.nothing_touched();
        touched.add(counter_of_name(name));
        touched.close()
    }

    fn is_current(stamps: &Stamps, stamp: Stamp) -> bool {
        stamps.counter(stamp.counter).unwrap().load(Ordering::SeqCst) == stamp.value
    }

    #[test]
    fn an_answer_is_stale_from_the_begin_of_a_commit_on_and_none_is_kept_until_its_end() {
        let stamps = Stamps::shared_by_one_process();
        let counter = counter_of_name("demo");
        let before = stamps.take(counter).unwrap();
        assert!(is_current(&stamps, before));
        let first = change(&stamps, "demo");
        assert!(!is_current(&stamps, before));
        assert_eq!(stamps.take(counter), None);
        // Commits may overlap, in any order.
        let second = change(&stamps, "demo");
        drop(first);
        assert_eq!(stamps.take(counter), None);
        drop(second);
        let after = stamps.take(counter).unwrap();
        assert!(is_current(&stamps, after) && !is_current(&stamps, before));
    }

    #[test]
    fn other_names_stay_and_everything_is_everything() {
        let stamps = Stamps::shared_by_one_process();
        let [demo, other] = ["demo", "other"].map(|name| stamps.take(counter_of_name(name)).unwrap());
        drop(change(&stamps, "demo"));
        assert!(!is_current(&stamps, demo) && is_current(&stamps, other));
        let mut touched = stamps.nothing_touched();
        touched.add_all();
        drop(touched.close());
        assert!(!is_current(&stamps, other));
    }

    #[test]
    fn ok_files_share_the_counter_of_their_project() {
        let project = counter_of_name("foo-bar");
        for name in
            ["Foo_Bar-1.0-py3-none-any.whl", "foo.bar-1.0.tar.gz", "FOO-BAR-2.0.tar.gz", "foo_bar-1.0.whl.metadata"]
        {
            assert_eq!(counter_of_name(name), project, "{name}");
        }
        assert_ne!(counter_of_name("foobar"), project);
        assert_ne!(counter_of_channel(&"foo".parse().unwrap()), project);
    }

    #[test]
    fn without_counters_nothing_is_kept() {
        let stamps = Stamps::none();
        assert_eq!(stamps.take(counter_of_name("demo")), None);
        let mut touched = stamps.nothing_touched();
        touched.add_all();
        touched.add(7);
        assert!(touched.counters.is_empty());
    }
}
