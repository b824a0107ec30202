//! A blob store that fails at a step of choice, and what must hold whichever step that is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use ferrywheel::blobs::{
    BlobBytes, BlobError, BlobFile, BlobStore, Blobs, CHUNK_SIZE_BYTES, Hashing, LocalBlobs, PartialKey, PendingBlob,
    PendingWrite, SweepReport, put,
};
use ferrywheel::model::{FileDigests, Sha256Digest, Timestamp};
use futures_util::future::BoxFuture;

/// Counts down the steps of a store; the step that reaches zero fails, and only that one.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<AtomicI64>);

impl Fuse {
    /// Burns through at step `step`, counted from 0.
    pub fn at(step: i64) -> Self {
        Self(Arc::new(AtomicI64::new(step)))
    }

    /// Whether a step has failed.
    pub fn has_blown(&self) -> bool {
        self.0.load(Ordering::SeqCst) < 0
    }

    fn burn(&self) -> Result<(), BlobError> {
        match self.0.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(BlobError::io("pass a test", io::Error::other("fault on purpose"))),
            _ => Ok(()),
        }
    }
}

/// Wraps a store. Every operation has two steps: it may fail before it was done, or after, as a lost answer would.
pub struct FaultyBlobs {
    inner: Blobs,
    fuse: Fuse,
}

impl FaultyBlobs {
    pub fn wrap(inner: Blobs, fuse: Fuse) -> Blobs {
        Arc::new(Self { inner, fuse })
    }

    fn around<'a, T: Send + 'a>(
        &self,
        work: BoxFuture<'a, Result<T, BlobError>>,
    ) -> BoxFuture<'a, Result<T, BlobError>> {
        let fuse = self.fuse.clone();
        Box::pin(async move {
            fuse.burn()?;
            let done = work.await?;
            fuse.burn()?;
            Ok(done)
        })
    }
}

impl BlobStore for FaultyBlobs {
    fn create(&self, hashing: Hashing) -> BoxFuture<'_, Result<PendingBlob, BlobError>> {
        let fuse = self.fuse.clone();
        let inner = self.around(self.inner.create(hashing));
        Box::pin(async move { Ok(Box::new(FaultyPending { inner: inner.await?, fuse }) as PendingBlob) })
    }

    fn resume<'a>(
        &'a self,
        key: &'a PartialKey,
        keep_bytes: u64,
        hashing: Hashing,
    ) -> BoxFuture<'a, Result<PendingBlob, BlobError>> {
        let fuse = self.fuse.clone();
        let inner = self.around(self.inner.resume(key, keep_bytes, hashing));
        Box::pin(async move { Ok(Box::new(FaultyPending { inner: inner.await?, fuse }) as PendingBlob) })
    }

    fn partial_size<'a>(&'a self, key: &'a PartialKey) -> BoxFuture<'a, Result<Option<u64>, BlobError>> {
        self.around(self.inner.partial_size(key))
    }

    fn discard_partial<'a>(&'a self, key: &'a PartialKey) -> BoxFuture<'a, Result<bool, BlobError>> {
        self.around(self.inner.discard_partial(key))
    }

    fn list_partials(&self) -> BoxFuture<'_, Result<Vec<PartialKey>, BlobError>> {
        self.around(self.inner.list_partials())
    }

    fn put_all(&self, blobs: Vec<Bytes>) -> BoxFuture<'_, Result<Vec<Sha256Digest>, BlobError>> {
        self.around(self.inner.put_all(blobs))
    }

    fn stat<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<u64>, BlobError>> {
        self.around(self.inner.stat(digest))
    }

    fn open<'a>(&'a self, digest: &'a Sha256Digest, range: Range<u64>) -> BoxFuture<'a, Result<BlobBytes, BlobError>> {
        self.around(self.inner.open(digest, range))
    }

    fn as_file<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<BlobFile, BlobError>> {
        self.around(self.inner.as_file(digest))
    }

    fn as_file_at_hand(&self, digest: &Sha256Digest) -> Option<BlobFile> {
        self.fuse.burn().ok()?;
        self.inner.as_file_at_hand(digest)
    }

    fn path_of(&self, digest: &Sha256Digest) -> Option<PathBuf> {
        self.inner.path_of(digest)
    }

    fn delete<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<bool, BlobError>> {
        self.around(self.inner.delete(digest))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Sha256Digest>, BlobError>> {
        self.around(self.inner.list())
    }

    fn sweep(
        &self,
        keep: BTreeSet<Sha256Digest>,
        older_than: Timestamp,
    ) -> BoxFuture<'_, Result<SweepReport, BlobError>> {
        self.around(self.inner.sweep(keep, older_than))
    }
}

struct FaultyPending {
    inner: PendingBlob,
    fuse: Fuse,
}

impl PendingWrite for FaultyPending {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), BlobError>> {
        Box::pin(async move {
            self.fuse.burn()?;
            self.inner.write(bytes).await?;
            self.fuse.burn()
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<FileDigests, BlobError>> {
        Box::pin(async move {
            self.fuse.burn()?;
            let digests = self.inner.finish().await?;
            self.fuse.burn()?;
            Ok(digests)
        })
    }

    fn as_file(&self) -> Result<File, BlobError> {
        self.fuse.burn()?;
        self.inner.as_file()
    }

    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<Sha256Digest, BlobError>> {
        Box::pin(async move {
            self.fuse.burn()?;
            let digest = self.inner.commit().await?;
            self.fuse.burn()?;
            Ok(digest)
        })
    }
}

fn far_future() -> Timestamp {
    "2200-01-01T00:00:00Z".parse().unwrap()
}

/// For every step: the error surfaces, at most a whole orphan is left, a sweep takes it, and a retry works.
async fn survives_a_fault_at_every_step(store: &Blobs) {
    let bytes = Bytes::from(vec![7; 2 * CHUNK_SIZE_BYTES + 1]);
    let digest = Sha256Digest::of(&bytes);
    for step in 0.. {
        let fuse = Fuse::at(step);
        let faulty = FaultyBlobs::wrap(Arc::clone(store), fuse.clone());
        let outcome = put(&*faulty, bytes.clone()).await;
        if !fuse.has_blown() {
            assert!(outcome.is_ok() && step >= 8, "create, write, finish and commit have two steps each");
            break;
        }
        assert!(matches!(outcome, Err(BlobError::Io { .. })), "step {step}: {outcome:?}");
        for left in store.list().await.unwrap() {
            assert_eq!(left, digest);
            assert_eq!(store.stat(&left).await.unwrap(), Some(bytes.len() as u64), "step {step}");
        }
        store.sweep(BTreeSet::new(), far_future()).await.unwrap();
        assert_eq!(store.list().await.unwrap(), [], "step {step}");
        assert_eq!(put(&**store, bytes.clone()).await.unwrap(), digest, "step {step}");
        store.delete(&digest).await.unwrap();
    }
}

#[tokio::test]
async fn the_local_store_survives_a_fault_at_every_step() {
    let dir = tempfile::tempdir().unwrap();
    let store: Blobs = Arc::new(LocalBlobs::open(dir.path()).unwrap());
    survives_a_fault_at_every_step(&store).await;
    let left: Vec<_> = std::fs::read_dir(dir.path().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
