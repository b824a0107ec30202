//! Files in memory: what the URL of a file needs to know of it, for as long as it holds. Bounded; unknown names are not kept.

use std::sync::Arc;

use super::{Index, IndexError, Stamp};
use crate::model::ServedFile;

/// Memory for all of them, in bytes: some 20,000 files.
const CAPACITY_BYTES: u64 = 8 << 20;

/// What one answer takes beside its texts, in bytes: the structures, their places on the heap, the cache's own notes.
const ENTRY_BYTES: usize = size_of::<ServedFile>() + size_of::<(Stamp, Arc<ServedFile>)>() + 200;

/// Answers with their stamps, by file name. All clones share them.
#[derive(Clone)]
pub(super) struct Lookups(moka::sync::Cache<Box<str>, (Stamp, Arc<ServedFile>)>);

impl Lookups {
    pub(super) fn new() -> Self {
        #[expect(clippy::borrowed_box, reason = "the cache hands out its keys as it keeps them")]
        let weigh = |filename: &Box<str>, (_, file): &(Stamp, Arc<ServedFile>)| {
            let texts = filename.len() + file.project.as_str().len();
            u32::try_from(ENTRY_BYTES + texts).unwrap_or(u32::MAX)
        };
        Self(moka::sync::Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weigh).build())
    }
}

impl Index {
    /// What somebody who knows the URL of a file may get, whatever channels it is in: from memory, or in one indexed read.
    pub async fn find_served(&self, filename: &str) -> Result<Option<Arc<ServedFile>>, IndexError> {
        if let Some(file) = self.served_at_hand(filename) {
            return Ok(Some(file));
        }
        // Before the read: a commit that comes between makes the answer one that is not kept.
        let stamp = self.stamp(filename);
        let Some(offered) = self.find_offered(filename).await? else { return Ok(None) };
        let file = Arc::new(ServedFile::from(offered));
        if let Some(stamp) = stamp {
            self.lookups.0.insert(filename.into(), (stamp, file.clone()));
        }
        Ok(Some(file))
    }

    /// As [`Index::find_served`] if memory has the answer; `None` says nothing about the file.
    pub fn served_at_hand(&self, filename: &str) -> Option<Arc<ServedFile>> {
        let (stamp, file) = self.lookups.0.get(filename)?;
        self.is_current(stamp).then_some(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::IndexLocation;
    use crate::model::{AuditEvent, Clock, Principal, Sha256Digest};

    async fn open(directory: &tempfile::TempDir) -> Index {
        Index::open(&IndexLocation::Sqlite(directory.path().join("main.sqlite")), Clock::System).await.unwrap()
    }

    fn keep(index: &Index, filename: &str) {
        let file = ServedFile {
            project: "demo".parse().unwrap(),
            sha256: Sha256Digest::of(filename.as_bytes()),
            size_bytes: 1,
            metadata_sha256: None,
            is_withheld: false,
        };
        index.lookups.0.insert(filename.into(), (index.stamp(filename).unwrap(), Arc::new(file)));
    }

    #[tokio::test]
    async fn a_file_is_asked_for_anew_after_its_project_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await;
        for filename in ["demo-1.0.tar.gz", "other-1.0.tar.gz"] {
            keep(&index, filename);
            assert!(index.find_served(filename).await.unwrap().is_some());
        }
        let mut tx = index.begin().await.unwrap();
        tx.touch(&"demo".parse().unwrap());
        tx.commit(&Principal::Local, &AuditEvent::TargetSaved { name: "x".to_owned() }).await.unwrap();
        // The database has never had either.
        assert!(index.find_served("demo-1.0.tar.gz").await.unwrap().is_none());
        assert!(index.find_served("other-1.0.tar.gz").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn files_take_no_more_memory_than_they_may() {
        let directory = tempfile::tempdir().unwrap();
        let index = open(&directory).await;
        for number in 0..60_000 {
            keep(&index, &format!("demo-{number}.0-py3-none-any.whl"));
        }
        index.lookups.0.run_pending_tasks();
        let weight = index.lookups.0.weighted_size();
        assert!((1..=CAPACITY_BYTES).contains(&weight) && index.lookups.0.entry_count() < 60_000, "{weight}");
    }
}
