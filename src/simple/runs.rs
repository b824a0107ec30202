//! The entries of a page or of a list of projects, in runs that end where its text may be cut. A change makes one run anew.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Access};

/// Runs of this process so far.
static MADE: AtomicU64 = AtomicU64::new(0);

/// An entry of a page or of a list.
pub trait Entry: Clone {
    /// The order of the page; `Equal` is the same entry, whatever it says.
    fn order(&self, other: &Self) -> Ordering;

    /// Whether a run ends after it. Depends on nothing but the entry, so that a new one changes one run only, and two nodes
    /// cut alike (standards IDX-25).
    fn ends_run(&self) -> bool;
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<T> {
    /// It stands there like this.
    Listed(T),
    /// It is not there (any more). Only its place in the order is looked at.
    Unlisted(T),
}

/// Entries in order up to one that ends a run, or up to the end of the page. Never changes.
#[derive(Debug)]
pub struct Run<T> {
    /// At least one.
    pub entries: Vec<T>,
    /// No other run of this process has it, so what was made of this one is found by it.
    pub number: u64,
}

/// All entries of a page, in order. Clones share their runs.
#[derive(Clone, Debug)]
pub struct Runs<T> {
    runs: Vec<Arc<Run<T>>>,
    /// Whether another page may consist of the same runs.
    is_kept: bool,
}

impl<T> Change<T> {
    fn entry(&self) -> &T {
        match self {
            Self::Listed(entry) | Self::Unlisted(entry) => entry,
        }
    }
}

impl<T: Entry> Runs<T> {
    /// Entries of a page that nobody keeps; they are brought into their order.
    pub fn new(mut entries: Vec<T>) -> Self {
        entries.sort_by(T::order);
        let mut builder = Builder::default();
        entries.into_iter().for_each(|entry| builder.push(entry));
        Self { runs: builder.end(), is_kept: false }
    }

    /// The same entries, of which the next page is made by [`Runs::changed`].
    #[must_use]
    pub fn kept(self) -> Self {
        Self { is_kept: true, ..self }
    }

    /// The entries after some changes, of which each is about another entry; all runs without a change are shared.
    #[must_use]
    pub fn changed(&self, mut changes: Vec<Change<T>>) -> Self {
        changes.sort_by(|left, right| left.entry().order(right.entry()));
        let mut changes = changes.into_iter().peekable();
        let mut builder = Builder::default();
        for (run, next) in self.runs.iter().zip(self.runs.iter().skip(1).map(Some).chain([None])) {
            // What stands before the next run belongs to this one, and behind all runs to the last.
            let next = next.and_then(|next| next.entries.first());
            let is_here = |change: &Change<T>| next.is_none_or(|next| change.entry().order(next).is_lt());
            if builder.open.is_empty() && !changes.peek().is_some_and(is_here) {
                builder.runs.push(run.clone());
                continue;
            }
            for entry in &run.entries {
                while let Some(change) = changes.next_if(|change| change.entry().order(entry).is_lt()) {
                    builder.change(change);
                }
                match changes.next_if(|change| change.entry().order(entry).is_eq()) {
                    Some(change) => builder.change(change),
                    None => builder.push(entry.clone()),
                }
            }
            while let Some(change) = changes.next_if(is_here) {
                builder.change(change);
            }
        }
        changes.for_each(|change| builder.change(change));
        Self { runs: builder.end(), is_kept: self.is_kept }
    }
}

impl<T> Runs<T> {
    /// The runs, in order.
    pub fn runs(&self) -> &[Arc<Run<T>>] {
        &self.runs
    }

    /// Every entry, in order.
    pub fn entries(&self) -> impl Iterator<Item = &T> {
        self.runs.iter().flat_map(|run| &run.entries)
    }

    /// How many entries there are.
    pub fn count(&self) -> usize {
        self.runs.iter().map(|run| run.entries.len()).sum()
    }

    /// Number and count of entries of each run; without a number where nothing is worth remembering under it.
    pub fn numbers(&self) -> Vec<(Option<u64>, usize)> {
        self.runs.iter().map(|run| (self.is_kept.then_some(run.number), run.entries.len())).collect()
    }
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { runs: Vec::new(), is_kept: false }
    }
}

impl<T: PartialEq> PartialEq for Runs<T> {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

impl<T: Eq> Eq for Runs<T> {}

struct Builder<T> {
    runs: Vec<Arc<Run<T>>>,
    /// Entries behind the last end.
    open: Vec<T>,
}

impl<T> Default for Builder<T> {
    fn default() -> Self {
        Self { runs: Vec::new(), open: Vec::new() }
    }
}

impl<T: Entry> Builder<T> {
    fn push(&mut self, entry: T) {
        let is_end = entry.ends_run();
        self.open.push(entry);
        if is_end {
            self.close();
        }
    }

    fn change(&mut self, change: Change<T>) {
        if let Change::Listed(entry) = change {
            self.push(entry);
        }
    }

    fn close(&mut self) {
        let entries = std::mem::take(&mut self.open);
        if !entries.is_empty() {
            self.runs.push(Arc::new(Run { entries, number: MADE.fetch_add(1, Access::Relaxed) }));
        }
    }

    fn end(mut self) -> Vec<Arc<Run<T>>> {
        self.close();
        self.runs
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A number with what is said of it; every fourth ends a run.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Number(u32, u8);

    impl Entry for Number {
        fn order(&self, other: &Self) -> Ordering {
            self.0.cmp(&other.0)
        }

        fn ends_run(&self) -> bool {
            self.0.is_multiple_of(4)
        }
    }

    fn cut(runs: &Runs<Number>) -> Vec<Vec<Number>> {
        runs.runs().iter().map(|run| run.entries.clone()).collect()
    }

    proptest! {
        #[test]
        fn changed_runs_are_those_of_all_entries_anew(
            before in proptest::collection::btree_map(0_u32..60, any::<u8>(), 0..60),
            rounds in proptest::collection::vec(
                proptest::collection::btree_map(0_u32..60, proptest::option::of(any::<u8>()), 0..12), 1..6),
        ) {
            let anew = |entries: &BTreeMap<u32, u8>| Runs::new(entries.iter().rev().map(|(at, it)| Number(*at, *it)).collect());
            let mut entries = before;
            let mut runs = anew(&entries).kept();
            for changes in rounds {
                let known: Vec<u64> = runs.runs().iter().map(|run| run.number).collect();
                let given = changes.iter().rev().map(|(at, it)| match it {
                    Some(it) => Change::Listed(Number(*at, *it)),
                    None => Change::Unlisted(Number(*at, 0)),
                });
                runs = runs.changed(given.collect());
                for (at, it) in &changes {
                    match it {
                        Some(it) => drop(entries.insert(*at, *it)),
                        None => drop(entries.remove(at)),
                    }
                }
                prop_assert_eq!(cut(&runs), cut(&anew(&entries)));
                // A change makes its own run anew, and the one behind it where its end has gone.
                let made = runs.runs().iter().filter(|run| !known.contains(&run.number)).count();
                prop_assert!(made <= 2 * changes.len(), "{} of {}", made, changes.len());
            }
        }
    }
}
