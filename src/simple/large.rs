//! Files of large projects in memory, as a channel's head shows them: brought up to date by what changed since.

use std::sync::Arc;

use super::runs::{Change, Runs};
use crate::index::{FileChange, Index, IndexError};
use crate::model::{ListedFile, ProjectHead, Serial, View};
use crate::packaging::ProjectName;

/// Projects with fewer files are read anew each time: that takes a millisecond at most.
const MANY_FILES: usize = 400;

/// Memory for all of them, in bytes: some 40,000 files.
const CAPACITY_BYTES: u64 = 24 << 20;

/// What a file takes beside its texts, in bytes: the version and the places of all on the heap too.
const FILE_BYTES: usize = size_of::<ListedFile>() + 200;

/// The files of a project at a serial of a channel.
struct Large {
    serial: Serial,
    /// A deletion takes a file out of pages whose serial does not change.
    deleted_count: i64,
    files: Runs<ListedFile>,
}

/// The newest files of each large project that was asked for, by channel and project. All clones share them.
///
/// Up to the serial of a view the history of a channel is settled, so what is kept here never has to be thrown away.
#[derive(Clone)]
pub(super) struct LargeProjects(moka::sync::Cache<(i64, ProjectName), Arc<Large>>);

impl LargeProjects {
    pub(super) fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(CAPACITY_BYTES).weigher(weigh).build())
    }

    /// The files of a project in a channel's head; `names_provenance` as in [`Index::list_page`], always the same.
    pub(super) async fn of_head(
        &self,
        index: &Index,
        view: &View,
        head: &ProjectHead,
        names_provenance: bool,
    ) -> Result<Runs<ListedFile>, IndexError> {
        let key = (view.channel_id, head.name.clone());
        // What is newer than the view is left to those who look at the newer head.
        let is_older = |large: &Arc<Large>| large.serial <= view.serial && large.deleted_count == head.deleted_count;
        let files = match self.0.get(&key).filter(is_older) {
            Some(large) if large.serial == view.serial => return Ok(large.files.clone()),
            Some(large) => {
                let changes = index.list_page_changes(view, &head.name, large.serial, names_provenance).await?;
                large.files.changed(changes.into_iter().map(change).collect())
            }
            None => Runs::new(index.list_page(view, &head.name, names_provenance).await?),
        };
        if files.count() < MANY_FILES {
            return Ok(files);
        }
        let files = files.kept();
        let large = Large { serial: view.serial, deleted_count: head.deleted_count, files: files.clone() };
        self.0.insert(key, Arc::new(large));
        Ok(files)
    }
}

fn change(change: FileChange) -> Change<ListedFile> {
    match change {
        FileChange::Listed(file) => Change::Listed(file),
        FileChange::Unlisted(file) => Change::Unlisted(file),
    }
}

fn weigh((_, name): &(i64, ProjectName), large: &Arc<Large>) -> u32 {
    let texts = |file: &ListedFile| {
        let reason = file.yank.as_ref().and_then(|yank| yank.reason.as_ref());
        file.filename.len() + file.requires_python.as_ref().map_or(0, String::len) + reason.map_or(0, String::len)
    };
    let files: usize = large.files.entries().map(|file| FILE_BYTES + texts(file)).sum();
    u32::try_from(files + name.as_str().len()).unwrap_or(u32::MAX)
}
