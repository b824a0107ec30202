//! A blob of [`super::LocalBlobs`] that is being written: off the runtime's threads, and small ones in one go.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::task::{JoinHandle, spawn_blocking};

use super::local::Places;
use super::spool::Spool;
use super::{BlobError, CHUNK_SIZE_BYTES, Hashing, PendingWrite};
use crate::model::{FileDigests, Sha256Digest};

/// A pending file of [`super::LocalBlobs`]. One piece is written in a blocking thread while the next one is collected.
pub(super) struct LocalPending {
    places: Arc<Places>,
    waiting: Vec<Bytes>,
    waiting_size: usize,
    work: Work,
}

pub(super) enum Work {
    /// No file was made yet: a small blob is made, written and hashed by one job.
    New(Hashing),
    Idle(Box<Spool>),
    Busy(JoinHandle<Result<Box<Spool>, BlobError>>),
    /// An error was reported; what was written is not known to be whole.
    Closed,
}

impl LocalPending {
    pub(super) fn new(places: Arc<Places>, work: Work) -> Self {
        Self { places, waiting: Vec::new(), waiting_size: 0, work }
    }

    /// Waits for the piece that is being written.
    async fn idle(&mut self) -> Result<Box<Spool>, BlobError> {
        match std::mem::replace(&mut self.work, Work::Closed) {
            Work::Idle(spool) => Ok(spool),
            Work::Busy(task) => joined(task).await,
            Work::New(_) | Work::Closed => Err(BlobError::Closed),
        }
    }

    /// Hands the collected pieces to a blocking thread, which makes the file first if there is none.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let begun = match self.work {
            Work::New(hashing) => Err(hashing),
            _ => Ok(self.idle().await?),
        };
        let (places, pieces) = (Arc::clone(&self.places), std::mem::take(&mut self.waiting));
        self.waiting_size = 0;
        self.work = Work::Busy(spawn_blocking(move || {
            let mut spool = match begun {
                Ok(spool) => spool,
                Err(hashing) => Box::new(places.spool(hashing)?),
            };
            spool.write(&pieces)?;
            Ok(spool)
        }));
        Ok(())
    }
}

impl PendingWrite for LocalPending {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
            self.waiting_size += bytes.len();
            self.waiting.push(bytes);
            if self.waiting_size >= CHUNK_SIZE_BYTES { self.flush().await } else { Ok(()) }
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<FileDigests, BlobError>> {
        Box::pin(async move {
            if !self.waiting.is_empty() || matches!(self.work, Work::New(_)) {
                self.flush().await?;
            }
            let spool = self.idle().await?;
            let digests = spool.digests();
            self.work = Work::Idle(spool);
            Ok(digests)
        })
    }

    fn as_file(&self) -> Result<File, BlobError> {
        match &self.work {
            Work::Idle(spool) => spool.as_file(),
            Work::New(_) | Work::Busy(_) | Work::Closed => Err(BlobError::Closed),
        }
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<Sha256Digest, BlobError>> {
        Box::pin(async move {
            let digests = self.finish().await?;
            let spool = self.idle().await?;
            let places = Arc::clone(&self.places);
            let task = spawn_blocking(move || {
                places.commit(spool.into_file(), &digests.sha256)?;
                Ok(digests.sha256)
            });
            joined(task).await
        })
    }
}

pub(super) async fn joined<T>(task: JoinHandle<Result<T, BlobError>>) -> Result<T, BlobError> {
    task.await.unwrap_or_else(|stopped| Err(BlobError::io("finish a blocking task", io::Error::other(stopped))))
}
