//! The only stored bytes: a write-once store of blobs named by their SHA-256, and the contract every store keeps.
//!
//! A blob is invisible while it is pending, durable once `commit` has answered, and never changes after that.

mod error;
mod file;
mod floor;
mod local;
mod local_pending;
mod many;
mod partial;
mod small;
mod spool;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::model::{FileDigests, Sha256Digest, Timestamp};

pub use error::BlobError;
pub use file::BlobFile;
pub use local::LocalBlobs;
pub use partial::PartialKey;
pub use small::{SMALL_BLOB_BYTES, SmallBlobs};
pub use spool::digests_of;

/// Length of the pieces that are written and read, in bytes: large enough that the change of thread costs nothing.
pub const CHUNK_SIZE_BYTES: usize = 256 * 1024;

/// A blob store shared by the whole server.
pub type Blobs = Arc<dyn BlobStore>;

/// A pending blob of any store.
pub type PendingBlob = Box<dyn PendingWrite>;

/// The bytes of a blob in pieces of about [`CHUNK_SIZE_BYTES`]; a blob that turns out too short ends in an error.
pub type BlobBytes = BoxStream<'static, io::Result<Bytes>>;

/// Which digests are taken while a blob is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashing {
    /// SHA-256, BLAKE2b-256 and CRC-32: what every file is recorded with.
    Standard,
    /// MD5 as well, because a client sent one; it doubles the cost of the pass.
    WithMd5,
}

/// What a sweep took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Pending blobs that nobody finished.
    pub pending_count: u64,
    /// Blobs that nothing referred to.
    pub orphan_count: u64,
    /// Their lengths added up, in bytes.
    pub orphan_size_bytes: u64,
}

/// A store of blobs. Every implementation passes `tests/it/blob_contract.rs`.
pub trait BlobStore: Send + Sync + 'static {
    /// Begins a blob of which neither length nor digest is known yet.
    fn create(&self, hashing: Hashing) -> BoxFuture<'_, Result<PendingBlob, BlobError>>;

    /// Whether `size_bytes` more may be written: [`BlobError::NoRoom`] if too little would stay free. For a look before the bytes
    /// come; a pending blob looks again while they do. A store without an end always has room.
    fn check_room(&self, size_bytes: u64) -> BoxFuture<'_, Result<(), BlobError>> {
        let _ = size_bytes;
        Box::pin(async { Ok(()) })
    }
    /// Goes on with the blob that was begun under this key, after its first `keep_bytes`; 0 begins it anew.
    ///
    /// Dropped before its commit, what was written stays, through a restart too. Waits until another writer under the key
    /// has ended. Fails with [`BlobError::Io`] if fewer bytes are there; what was behind them is dropped.
    fn resume<'a>(
        &'a self,
        key: &'a PartialKey,
        keep_bytes: u64,
        hashing: Hashing,
    ) -> BoxFuture<'a, Result<PendingBlob, BlobError>>;

    /// How many bytes are here under a key; nothing if the blob was never begun, or is finished.
    fn partial_size<'a>(&'a self, key: &'a PartialKey) -> BoxFuture<'a, Result<Option<u64>, BlobError>>;

    /// Drops what is here under a key; says whether there was anything.
    fn discard_partial<'a>(&'a self, key: &'a PartialKey) -> BoxFuture<'a, Result<bool, BlobError>>;

    /// Every key under which a blob was begun, sorted.
    fn list_partials(&self) -> BoxFuture<'_, Result<Vec<PartialKey>, BlobError>>;

    /// Stores many small blobs and tells their digests, in order. When this has answered, all survive a loss of power.
    ///
    /// They are held in memory, so the caller hands over a bounded number of bytes at a time.
    fn put_all(&self, blobs: Vec<Bytes>) -> BoxFuture<'_, Result<Vec<Sha256Digest>, BlobError>>;

    /// Stores bytes that are in memory, durable when this has answered; for METADATA and other small blobs.
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Sha256Digest, BlobError>> {
        Box::pin(async move {
            let mut pending = self.create(Hashing::Standard).await?;
            pending.write(bytes).await?;
            pending.finish().await?;
            pending.commit().await
        })
    }

    /// Length of a blob in bytes; nothing if it is not there.
    fn stat<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<u64>, BlobError>>;

    /// The bytes of `range`, which must lie inside the blob: else [`BlobError::OutOfRange`]; [`BlobError::Missing`]
    /// if the blob is not there.
    fn open<'a>(&'a self, digest: &'a Sha256Digest, range: Range<u64>) -> BoxFuture<'a, Result<BlobBytes, BlobError>>;

    /// The blob as a local file that can only be read: for checks that jump about in it, and to be sent.
    fn as_file<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<BlobFile, BlobError>>;

    /// As [`BlobStore::as_file`] if nothing has to be waited for; `None` says nothing about the blob.
    fn as_file_at_hand(&self, digest: &Sha256Digest) -> Option<BlobFile>;

    /// Where another program of this machine, a proxy in front, finds the bytes of a blob; a store that keeps them elsewhere
    /// has no such place. Whether the blob is there is not looked at.
    fn path_of(&self, digest: &Sha256Digest) -> Option<PathBuf>;

    /// Removes a blob; says whether it was there. The caller has made sure that no row names it.
    fn delete<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<bool, BlobError>>;

    /// Every blob, sorted.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Sha256Digest>, BlobError>>;

    /// Removes what crashes left: pending blobs, and blobs not in `keep`, both only if last touched before `older_than`.
    ///
    /// The store may be used meanwhile: a blob that is committed while this runs stays.
    fn sweep(
        &self,
        keep: BTreeSet<Sha256Digest>,
        older_than: Timestamp,
    ) -> BoxFuture<'_, Result<SweepReport, BlobError>>;

    /// A small blob whole, for example METADATA; [`BlobError::TooLarge`] if it is longer than `limit_bytes`.
    fn read<'a>(&'a self, digest: &'a Sha256Digest, limit_bytes: u64) -> BoxFuture<'a, Result<Bytes, BlobError>> {
        Box::pin(async move {
            let file = self.as_file(digest).await?;
            let size_bytes = file.size_bytes();
            if size_bytes > limit_bytes {
                return Err(BlobError::TooLarge { digest: *digest, size_bytes, limit_bytes });
            }
            file.read(0..size_bytes).await.map_err(|source| BlobError::io("read", source))
        })
    }
}

/// A blob that is being written: invisible, and gone without a trace when dropped.
pub trait PendingWrite: Send + Sync {
    /// Adds bytes at the end. They may wait in memory, at most two [`CHUNK_SIZE_BYTES`] of them, before they are written.
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), BlobError>>;

    /// Writes what still waits and tells the digests and the length. Nothing may be written afterwards.
    fn finish(&mut self) -> BoxFuture<'_, Result<FileDigests, BlobError>>;

    /// The bytes as a file that can be read at any place, for checks before the commit; call `finish` first.
    fn as_file(&self) -> Result<File, BlobError>;

    /// Makes the blob durable under its digest. When this has answered, the bytes survive a loss of power.
    ///
    /// A blob that is there already is replaced: equal digests are equal bytes, and a damaged one is healed.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<Sha256Digest, BlobError>>;
}

/// Stores bytes that are in memory and tells their digest; for METADATA and other small blobs.
pub async fn put(store: &dyn BlobStore, bytes: Bytes) -> Result<Sha256Digest, BlobError> {
    store.put(bytes).await
}
