//! Files: written once, never changed, shown by views.

use std::collections::BTreeSet;

use super::{Index, IndexError, IndexTx};
use crate::model::{ChannelFile, ChannelName, NewFile, Sha256Digest, StoredFile, View};
use crate::packaging::ProjectName;

/// Answer of [`IndexTx::add_file`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddedFile {
    /// Key of the file in the index.
    pub id: i64,
    /// False when the same name with the same bytes was there.
    pub is_new: bool,
}

impl Index {
    /// The project's files in this view, by file name.
    pub async fn list_files(&self, view: &View, project: &ProjectName) -> Result<Vec<ChannelFile>, IndexError> {
        let _ = (view, project);
        todo!()
    }

    /// Every file of this view, by file name.
    pub async fn list_channel_files(&self, view: &View) -> Result<Vec<ChannelFile>, IndexError> {
        let _ = view;
        todo!()
    }

    /// The published file of this name, whatever channels it is in.
    pub async fn find_file(&self, filename: &str) -> Result<Option<StoredFile>, IndexError> {
        let _ = filename;
        todo!()
    }

    /// The published files among these names, by file name; unknown names are left out.
    pub async fn find_files(&self, filenames: &[String]) -> Result<Vec<StoredFile>, IndexError> {
        let _ = filenames;
        todo!()
    }

    /// Digests of all blobs that a row names: files, their metadata, and what open batches hold.
    pub async fn referenced_blobs(&self) -> Result<BTreeSet<Sha256Digest>, IndexError> {
        todo!()
    }
}

impl IndexTx {
    /// Records a file whose bytes are durable. The same name with the same bytes changes nothing.
    ///
    /// Fails with [`IndexError::FileConflict`] for other bytes, [`IndexError::SameWheel`] for another spelling of a
    /// published wheel, [`IndexError::FileNameRetired`] for a deleted one. Other calls may follow such a failure.
    pub async fn add_file(&mut self, file: &NewFile) -> Result<AddedFile, IndexError> {
        let _ = file;
        todo!()
    }

    /// Every file in the channel's head as this transaction sees it, by file name.
    pub async fn list_channel_files(&mut self, channel: &ChannelName) -> Result<Vec<ChannelFile>, IndexError> {
        let _ = channel;
        todo!()
    }
}
