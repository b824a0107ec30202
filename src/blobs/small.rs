//! Small blobs whole in memory: METADATA and the small wheels that most of a resolution asks for.

use bytes::Bytes;

use super::{BlobError, Blobs};
use crate::model::Sha256Digest;

/// Blobs up to this many bytes are kept; a larger one would drive out many, and costs a socket more than a look on disk.
pub const SMALL_BLOB_BYTES: u64 = 64 << 10;

/// What an entry takes beside its bytes, in bytes: key, counters, links of the cache.
const ENTRY_BYTES: usize = 200;

/// Small blobs, bounded by their bytes. What is in here had the right digest when it came in, and never changes.
///
/// Nothing has to be taken out: a blob's name is the digest of its bytes, and whether anybody may have them is asked of
/// the index each time.
#[derive(Clone)]
pub struct SmallBlobs {
    store: Blobs,
    kept: moka::sync::Cache<Sha256Digest, Bytes>,
}

impl SmallBlobs {
    /// Keeps at most `capacity_bytes` of the blobs of `store`.
    pub fn new(store: Blobs, capacity_bytes: u64) -> Self {
        let weigh = |_: &Sha256Digest, bytes: &Bytes| u32::try_from(bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
        Self { store, kept: moka::sync::Cache::builder().max_capacity(capacity_bytes).weigher(weigh).build() }
    }

    /// A blob that is in memory.
    pub fn at_hand(&self, digest: &Sha256Digest) -> Option<Bytes> {
        self.kept.get(digest)
    }

    /// A blob whole; [`BlobError::TooLarge`] if it is longer than `limit_bytes`, [`BlobError::Damaged`] if its bytes have
    /// another digest, so damaged bytes are never handed out (FIL-15).
    pub async fn read(&self, digest: &Sha256Digest, limit_bytes: u64) -> Result<Bytes, BlobError> {
        if let Some(bytes) = self.at_hand(digest) {
            return Ok(bytes);
        }
        let bytes = self.store.read(digest, limit_bytes).await?;
        if Sha256Digest::of(&bytes) != *digest {
            return Err(BlobError::Damaged { digest: *digest });
        }
        if bytes.len() as u64 <= SMALL_BLOB_BYTES {
            self.kept.insert(*digest, bytes.clone());
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{BlobStore as _, LocalBlobs, put};
    use super::*;

    fn store() -> (tempfile::TempDir, LocalBlobs) {
        let directory = tempfile::tempdir().unwrap();
        let store = LocalBlobs::open(directory.path()).unwrap();
        (directory, store)
    }

    #[tokio::test]
    async fn a_small_blob_is_read_once_and_a_large_one_each_time() {
        let (_directory, store) = store();
        let small = SmallBlobs::new(Arc::new(store.clone()), 1 << 20);
        for (length, is_kept) in [(0, true), (SMALL_BLOB_BYTES, true), (SMALL_BLOB_BYTES + 1, false)] {
            let bytes = Bytes::from(vec![7; usize::try_from(length).unwrap()]);
            let digest = put(&store, bytes.clone()).await.unwrap();
            assert_eq!(small.read(&digest, 1 << 20).await.unwrap(), bytes);
            store.delete(&digest).await.unwrap();
            assert_eq!(small.read(&digest, 1 << 20).await.is_ok(), is_kept, "{length}");
        }
    }

    #[tokio::test]
    async fn small_blobs_take_no_more_memory_than_they_may() {
        let (_directory, store) = store();
        let small = SmallBlobs::new(Arc::new(store.clone()), 100_000);
        for number in 0..100 {
            let digest = put(&store, Bytes::from(vec![number; 5_000])).await.unwrap();
            small.read(&digest, 1 << 20).await.unwrap();
        }
        small.kept.run_pending_tasks();
        assert!((1..=100_000).contains(&small.kept.weighted_size()), "{}", small.kept.weighted_size());
    }
}
