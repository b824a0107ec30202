//! The contract every blob store keeps, as one function over `dyn BlobStore`, and what is particular to the local one.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;
use ferrywheel::blobs::{BlobError, BlobStore, CHUNK_SIZE_BYTES, Hashing, LocalBlobs, PartialKey, put};
use ferrywheel::model::{Diagnostic as _, Kind, Sha256Digest, Timestamp};
use futures_util::TryStreamExt as _;

/// Later than any file of a test, so that a sweep counts everything as old.
fn far_future() -> Timestamp {
    "2200-01-01T00:00:00Z".parse().unwrap()
}

/// Bytes that do not repeat, so that a swapped or lost piece shows.
fn noise(length: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..length).map(step).collect()
}

async fn whole(store: &dyn BlobStore, digest: &Sha256Digest, range: std::ops::Range<u64>) -> Vec<u8> {
    let pieces: Vec<Bytes> = store.open(digest, range).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

/// Everything that the rest of the server relies on. `store` is empty before and after.
async fn keeps_the_contract(store: &dyn BlobStore) {
    writes_and_reads_back(store).await;
    pending_blobs_are_invisible_and_vanish(store).await;
    equal_bytes_are_one_blob(store).await;
    refuses_what_is_not_there(store).await;
    goes_on_where_a_pending_blob_was_left(store).await;
    stores_many_small_blobs_at_once(store).await;
    sweeps_only_what_is_old_and_unreferenced(store).await;
    assert_eq!(store.list().await.unwrap(), []);
}

async fn writes_and_reads_back(store: &dyn BlobStore) {
    for length in [0, 1, CHUNK_SIZE_BYTES - 1, CHUNK_SIZE_BYTES, 3 * CHUNK_SIZE_BYTES + 17] {
        let bytes = noise(length);
        let mut pending = store.create(Hashing::WithMd5).await.unwrap();
        for piece in bytes.chunks(100_000) {
            pending.write(bytes.slice_ref(piece)).await.unwrap();
        }
        let digests = pending.finish().await.unwrap();
        assert_eq!(digests.sha256, Sha256Digest::of(&bytes), "{length}");
        assert_eq!(digests.size_bytes, length as u64);
        assert_eq!(digests.crc32, crc32fast::hash(&bytes));
        assert_eq!(digests.blake2b_256.to_hex(), blake2b_simd::Params::new().hash_length(32).hash(&bytes).to_hex()[..]);
        let mut checked = Vec::new();
        std::io::Seek::rewind(&mut pending.as_file().unwrap()).unwrap();
        pending.as_file().unwrap().read_to_end(&mut checked).unwrap();
        assert!(checked == bytes, "the checks see all {length} bytes before the commit");

        let digest = pending.commit().await.unwrap();
        assert_eq!(digest, digests.sha256);
        assert_eq!(store.stat(&digest).await.unwrap(), Some(length as u64));
        assert!(whole(store, &digest, 0..length as u64).await == bytes);
        let (from, to) = (length as u64 / 3, length as u64 - length as u64 / 4);
        assert!(whole(store, &digest, from..to).await == bytes[from as usize..to as usize]);
        assert!(store.read(&digest, length as u64).await.unwrap() == bytes);
        let mut file = Vec::new();
        (&*store.as_file(&digest).await.unwrap()).read_to_end(&mut file).unwrap();
        assert!(file == bytes);
        assert!(store.as_file_at_hand(&digest).is_none_or(|file| file.size_bytes() == length as u64));
        assert!(store.path_of(&digest).is_none_or(|path| fs::read(path).unwrap() == bytes));
        assert!(store.delete(&digest).await.unwrap());
    }
    let md5 = |hashing| async move {
        let mut pending = store.create(hashing).await.unwrap();
        pending.write(Bytes::from_static(b"abc")).await.unwrap();
        pending.finish().await.unwrap().md5.map(|md5| md5.to_hex())
    };
    assert_eq!(md5(Hashing::WithMd5).await.unwrap(), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(md5(Hashing::Standard).await, None);
}

async fn pending_blobs_are_invisible_and_vanish(store: &dyn BlobStore) {
    let bytes = noise(2 * CHUNK_SIZE_BYTES);
    let mut pending = store.create(Hashing::Standard).await.unwrap();
    pending.write(bytes.clone()).await.unwrap();
    let digests = pending.finish().await.unwrap();
    assert_eq!(store.stat(&digests.sha256).await.unwrap(), None);
    assert_eq!(store.list().await.unwrap(), []);
    drop(pending);
    let mut busy = store.create(Hashing::Standard).await.unwrap();
    busy.write(bytes).await.unwrap();
    drop(busy);
    assert_eq!(store.list().await.unwrap(), []);
}

async fn goes_on_where_a_pending_blob_was_left(store: &dyn BlobStore) {
    let key = PartialKey::new([7; 16], "../any name");
    let bytes = noise(3 * CHUNK_SIZE_BYTES + 17);
    let cut = 2 * CHUNK_SIZE_BYTES + 5;
    assert_eq!(store.partial_size(&key).await.unwrap(), None);
    assert!(store.resume(&key, 1, Hashing::Standard).await.is_err());
    store.discard_partial(&key).await.unwrap();
    let mut first = store.resume(&key, 0, Hashing::Standard).await.unwrap();
    first.write(bytes.slice(..cut + 100)).await.unwrap();
    first.finish().await.unwrap();
    drop(first);
    assert_eq!(store.partial_size(&key).await.unwrap(), Some(cut as u64 + 100));
    assert_eq!(store.list_partials().await.unwrap(), [key]);
    // A sweep of leftovers takes it for none.
    store.sweep(BTreeSet::new(), far_future()).await.unwrap();
    // What lies behind the place is dropped.
    let mut second = store.resume(&key, cut as u64, Hashing::WithMd5).await.unwrap();
    second.write(bytes.slice(cut..)).await.unwrap();
    let digests = second.finish().await.unwrap();
    assert_eq!((digests.sha256, digests.size_bytes), (Sha256Digest::of(&bytes), bytes.len() as u64));
    assert_eq!((digests.crc32, digests.md5.is_some()), (crc32fast::hash(&bytes), true));
    let digest = second.commit().await.unwrap();
    assert!(whole(store, &digest, 0..bytes.len() as u64).await == bytes);
    assert!(store.list_partials().await.unwrap().is_empty());
    let other = PartialKey::new([7; 16], "other");
    drop(store.resume(&other, 0, Hashing::Standard).await.unwrap());
    assert!(store.discard_partial(&other).await.unwrap());
    assert!(!store.discard_partial(&other).await.unwrap());
    assert!(store.delete(&digest).await.unwrap());
}

async fn stores_many_small_blobs_at_once(store: &dyn BlobStore) {
    let blobs: Vec<Bytes> = (0..300).map(|length| noise(length % 200)).collect();
    let digests = store.put_all(blobs.clone()).await.unwrap();
    for (bytes, digest) in blobs.iter().zip(&digests) {
        assert_eq!(*digest, Sha256Digest::of(bytes));
        assert!(store.read(digest, 1_000).await.unwrap() == bytes);
    }
    assert_eq!(store.put_all(Vec::new()).await.unwrap(), []);
    assert_eq!(store.list().await.unwrap().len(), 200);
    for digest in store.list().await.unwrap() {
        store.delete(&digest).await.unwrap();
    }
}

async fn equal_bytes_are_one_blob(store: &dyn BlobStore) {
    let bytes = noise(1000);
    let (one, other, third) =
        tokio::join!(put(store, bytes.clone()), put(store, bytes.clone()), put(store, bytes.clone()));
    let digest = one.unwrap();
    assert_eq!([digest, digest], [other.unwrap(), third.unwrap()]);
    assert_eq!(store.list().await.unwrap(), [digest]);
    assert!(whole(store, &digest, 0..1000).await == bytes);
    assert!(store.delete(&digest).await.unwrap());
    assert!(!store.delete(&digest).await.unwrap());
}

async fn refuses_what_is_not_there(store: &dyn BlobStore) {
    let absent = Sha256Digest::of(b"absent");
    assert_eq!(store.stat(&absent).await.unwrap(), None);
    assert!(matches!(store.open(&absent, 0..0).await.err(), Some(BlobError::Missing { digest }) if digest == absent));
    assert!(matches!(store.as_file(&absent).await, Err(BlobError::Missing { .. })));
    assert!(store.as_file_at_hand(&absent).is_none());
    assert!(matches!(store.read(&absent, 1).await, Err(BlobError::Missing { .. })));
    let digest = put(store, noise(10)).await.unwrap();
    assert!(matches!(store.open(&digest, 5..11).await.err(), Some(BlobError::OutOfRange { size_bytes: 10, .. })));
    let error = store.read(&digest, 9).await.unwrap_err();
    assert_eq!((error.code(), error.kind()), ("blobs/too-large", Kind::Internal));
    store.delete(&digest).await.unwrap();
}

async fn sweeps_only_what_is_old_and_unreferenced(store: &dyn BlobStore) {
    let kept = put(store, Bytes::from_static(b"kept")).await.unwrap();
    let orphan = put(store, Bytes::from_static(b"orphan")).await.unwrap();
    let keep = BTreeSet::from([kept]);
    let young = store.sweep(keep.clone(), Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!((young.pending_count, young.orphan_count), (0, 0));
    let old = store.sweep(keep, far_future()).await.unwrap();
    assert_eq!((old.pending_count, old.orphan_count, old.orphan_size_bytes), (0, 1, 6));
    assert_eq!(store.list().await.unwrap(), [kept]);
    assert_eq!(store.stat(&orphan).await.unwrap(), None);
    store.delete(&kept).await.unwrap();
}

fn names_in(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_local_store_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(keeps_the_contract(&LocalBlobs::open(dir.path()).unwrap()));
    // Waits for the blocking threads: a blob that was dropped while it was written goes when its write ends.
    drop(runtime);
    assert_eq!(names_in(&dir.path().join("tmp")), [""; 0]);
}

#[tokio::test]
async fn a_local_blob_lies_read_only_under_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(dir.path()).unwrap();
    let hex = put(&store, Bytes::from_static(b"abc")).await.unwrap().to_hex();
    let path = dir.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    assert_eq!(fs::read(&path).unwrap(), b"abc");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o444);
    assert_eq!(fs::read_to_string(dir.path().join("blobs/VERSION")).unwrap(), "1\n");
}

#[tokio::test]
async fn a_damaged_local_blob_is_healed_by_the_next_upload_of_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(dir.path()).unwrap();
    let digest = put(&store, noise(500)).await.unwrap();
    let hex = digest.to_hex();
    let path = dir.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    for damaged in [&b"damaged"[..], &[0; 500]] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, damaged).unwrap();
        assert_eq!(put(&store, noise(500)).await.unwrap(), digest);
        assert!(whole(&store, &digest, 0..500).await == noise(500));
    }
}

#[tokio::test]
async fn a_blob_that_is_shorter_than_it_was_ends_its_stream_in_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(dir.path()).unwrap();
    let digest = put(&store, noise(2 * CHUNK_SIZE_BYTES)).await.unwrap();
    let mut stream = store.open(&digest, 0..2 * CHUNK_SIZE_BYTES as u64).await.unwrap();
    let hex = digest.to_hex();
    let path = dir.path().join("blobs/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(CHUNK_SIZE_BYTES as u64 + 1).unwrap();
    assert!(stream.try_next().await.unwrap().is_some());
    assert_eq!(stream.try_next().await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn leftovers_of_a_crash_are_swept_and_foreign_files_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = LocalBlobs::open(dir.path()).unwrap();
    fs::write(dir.path().join("tmp/.tmpX.part"), b"half an upload").unwrap();
    fs::write(dir.path().join("tmp/notes.txt"), b"not ours").unwrap();
    fs::write(dir.path().join("blobs/sha256/00/README"), b"not ours").unwrap();
    let report = store.sweep(BTreeSet::new(), far_future()).await.unwrap();
    assert_eq!((report.pending_count, report.orphan_count), (1, 0));
    assert_eq!(names_in(&dir.path().join("tmp")), ["notes.txt"]);
}

#[tokio::test]
async fn a_store_of_another_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(LocalBlobs::open(dir.path()).unwrap());
    drop(LocalBlobs::open(dir.path()).unwrap());
    fs::write(dir.path().join("blobs/VERSION"), "2\n").unwrap();
    let error = LocalBlobs::open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("VERSION` says layout `2`; this server reads layout `1`"), "{error}");
    assert_eq!(error.code(), "blobs/layout-unknown");
}
