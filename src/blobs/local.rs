//! Blobs in a local directory: `blobs/sha256/ab/cd/<hex>`, mode 0444, written aside in `tmp` and moved into place.
//!
//! Order of a commit: make the directory, sync the file, rename, sync the directory and the one above a new one. A crash in
//! between leaves a pending file or an unreferenced blob, both of which [`BlobStore::sweep`] takes away.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, Permissions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tempfile::{NamedTempFile, TempPath};
use tokio::task::spawn_blocking;

use super::floor::Floor;
use super::local_pending::{LocalPending, Work, joined};
use super::partial::Partials;
use super::spool::{PENDING_SUFFIX, Spool};
use super::{BlobBytes, BlobError, BlobFile, BlobStore, Hashing, PartialKey, PendingBlob, SweepReport, many};
use crate::model::{Sha256Digest, Timestamp};

/// Layout of the directory; a server refuses any other.
const LAYOUT: &str = "1";

/// A store in a directory of this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalBlobs {
    places: Arc<Places>,
}

#[derive(Debug)]
pub(super) struct Places {
    /// `DIR/blobs/sha256`.
    blobs: PathBuf,
    /// `DIR/tmp`.
    pending: PathBuf,
    /// `DIR/partial`.
    partials: Partials,
    /// First two bytes of digests whose directory this process knows to survive a loss of power.
    durable: Mutex<HashSet<[u8; 2]>>,
    /// What is kept free where they are.
    floor: Floor,
    /// While a sweep runs: what was committed meanwhile. Taken for each move into place and for each removal.
    committed_meanwhile: Mutex<Option<HashSet<Sha256Digest>>>,
}

impl LocalBlobs {
    /// Opens the store below `dir`, and makes it if `dir` holds none. Blocks.
    ///
    /// Fails with [`BlobError::Layout`] if another version wrote it, and with [`BlobError::OtherFileSystem`] if
    /// `tmp` and `blobs` are not on one file system.
    pub fn open(dir: &Path) -> Result<Self, BlobError> {
        Self::open_keeping_free(dir, 0)
    }

    /// [`LocalBlobs::open`], and keeps `floor_bytes` free: whatever would leave less is refused with [`BlobError::NoRoom`].
    pub fn open_keeping_free(dir: &Path, floor_bytes: u64) -> Result<Self, BlobError> {
        let root = dir.join("blobs");
        let mut places = Places {
            blobs: root.join("sha256"),
            pending: dir.join("tmp"),
            partials: Partials::open(dir.join("partial"))
                .map_err(|source| BlobError::io("make its directories", source))?,
            durable: Mutex::default(),
            floor: Floor::new(&dir.join("tmp"), floor_bytes),
            committed_meanwhile: Mutex::default(),
        };
        let failed = |source| BlobError::io("make its directories", source);
        fs::create_dir_all(&places.pending).map_err(failed)?;
        fs::create_dir_all(&places.blobs).map_err(failed)?;
        // A proxy that is told the path of a blob works in another directory.
        places.blobs = fs::canonicalize(&places.blobs).map_err(failed)?;
        for first in 0..=u8::MAX {
            make_dir(&places.blobs.join(hex::encode([first]))).map_err(failed)?;
        }
        for path in [&places.blobs, &root, &dir.to_path_buf()] {
            sync_dir(path).map_err(failed)?;
        }
        check_layout(&root.join("VERSION"), &places.pending)?;
        let device = |path: &Path| fs::metadata(path).map(|about| about.dev()).map_err(failed);
        if device(&places.pending)? != device(&places.blobs)? {
            return Err(BlobError::OtherFileSystem {
                pending: places.pending.display().to_string(),
                blobs: places.blobs.display().to_string(),
            });
        }
        Ok(Self { places: Arc::new(places) })
    }

    /// Removes every pending file and tells how many there were. Blocks; for a start, when nobody writes yet.
    pub fn sweep_pending(&self) -> Result<u64, BlobError> {
        self.places.sweep_pending(Timestamp::MAX)
    }

    fn pending(&self, work: Work) -> PendingBlob {
        Box::new(LocalPending::new(Arc::clone(&self.places), work))
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Places) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let places = Arc::clone(&self.places);
        joined(spawn_blocking(move || work(&places))).await
    }
}

impl BlobStore for LocalBlobs {
    fn create(&self, hashing: Hashing) -> BoxFuture<'_, Result<PendingBlob, BlobError>> {
        Box::pin(async move { Ok(self.pending(Work::New(hashing))) })
    }

    fn check_room(&self, size_bytes: u64) -> BoxFuture<'_, Result<(), BlobError>> {
        // The answer is in the kernel's memory; a change of thread would cost more than asking.
        Box::pin(async move { self.places.floor.check(size_bytes) })
    }

    /// One job from the first byte to the last flush.
    fn put(&self, bytes: Bytes) -> BoxFuture<'_, Result<Sha256Digest, BlobError>> {
        Box::pin(self.blocking(move |places| {
            let mut spool = places.spool(Hashing::Standard)?;
            spool.write(&[bytes])?;
            let digest = spool.digests().sha256;
            places.commit(spool.into_file(), &digest)?;
            Ok(digest)
        }))
    }

    fn resume<'a>(
        &'a self,
        key: &'a PartialKey,
        keep_bytes: u64,
        hashing: Hashing,
    ) -> BoxFuture<'a, Result<PendingBlob, BlobError>> {
        let key = *key;
        Box::pin(async move {
            let open = move |places: &Places| {
                Spool::resume(&places.partials.path_of(&key), keep_bytes, hashing, &places.floor)
            };
            Ok(self.pending(Work::Idle(Box::new(self.blocking(open).await?))))
        })
    }

    fn partial_size<'a>(&'a self, key: &'a PartialKey) -> BoxFuture<'a, Result<Option<u64>, BlobError>> {
        let key = *key;
        Box::pin(self.blocking(move |places| places.partials.size(&key)))
    }

    fn discard_partial<'a>(&'a self, key: &'a PartialKey) -> BoxFuture<'a, Result<bool, BlobError>> {
        let key = *key;
        Box::pin(self.blocking(move |places| places.partials.discard(&key)))
    }

    fn list_partials(&self) -> BoxFuture<'_, Result<Vec<PartialKey>, BlobError>> {
        Box::pin(self.blocking(|places| places.partials.list()))
    }

    fn put_all(&self, blobs: Vec<Bytes>) -> BoxFuture<'_, Result<Vec<Sha256Digest>, BlobError>> {
        Box::pin(self.blocking(move |places| places.put_all(&blobs)))
    }

    fn stat<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<Option<u64>, BlobError>> {
        let digest = *digest;
        Box::pin(self.blocking(move |places| match fs::metadata(places.of(&digest)) {
            Ok(about) => Ok(Some(about.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::io("look for a blob", error)),
        }))
    }

    fn open<'a>(&'a self, digest: &'a Sha256Digest, range: Range<u64>) -> BoxFuture<'a, Result<BlobBytes, BlobError>> {
        Box::pin(async move {
            let file = self.as_file(digest).await?;
            let size_bytes = file.size_bytes();
            if range.end > size_bytes || range.start > range.end {
                return Err(BlobError::OutOfRange { digest: *digest, size_bytes, end: range.end });
            }
            Ok(file.pieces(range))
        })
    }

    /// Without a change of thread when the kernel has the directories in memory. No open file is kept for the next caller:
    /// a look into the kernel's memory costs little more, and a removed blob gives its space back at once.
    fn as_file<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<BlobFile, BlobError>> {
        let digest = *digest;
        Box::pin(async move {
            match self.places.open_now(&digest)? {
                Some(file) => Ok(file),
                None => self.blocking(move |places| places.open(&digest)).await,
            }
        })
    }

    fn as_file_at_hand(&self, digest: &Sha256Digest) -> Option<BlobFile> {
        self.places.open_now(digest).ok()?
    }

    fn path_of(&self, digest: &Sha256Digest) -> Option<PathBuf> {
        Some(self.places.of(digest))
    }

    fn delete<'a>(&'a self, digest: &'a Sha256Digest) -> BoxFuture<'a, Result<bool, BlobError>> {
        let digest = *digest;
        Box::pin(self.blocking(move |places| match fs::remove_file(places.of(&digest)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BlobError::io("remove a blob", error)),
        }))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Sha256Digest>, BlobError>> {
        Box::pin(self.blocking(|places| {
            let mut digests = Vec::new();
            places.each(&mut |digest, _| {
                digests.push(digest);
                Ok(())
            })?;
            digests.sort();
            Ok(digests)
        }))
    }

    fn sweep(
        &self,
        keep: BTreeSet<Sha256Digest>,
        older_than: Timestamp,
    ) -> BoxFuture<'_, Result<SweepReport, BlobError>> {
        Box::pin(self.blocking(move |places| places.sweep(&keep, older_than)))
    }
}

impl Places {
    fn of(&self, digest: &Sha256Digest) -> PathBuf {
        let name = digest.to_hex();
        self.blobs.join(&name[..2]).join(&name[2..4]).join(name)
    }

    fn open_now(&self, digest: &Sha256Digest) -> Result<Option<BlobFile>, BlobError> {
        BlobFile::open_now(&self.of(digest)).map_err(|error| not_opened(error, digest))
    }

    fn open(&self, digest: &Sha256Digest) -> Result<BlobFile, BlobError> {
        File::open(self.of(digest)).and_then(BlobFile::new).map_err(|error| not_opened(error, digest))
    }

    pub(super) fn spool(&self, hashing: Hashing) -> Result<Spool, BlobError> {
        Spool::create(&self.pending, hashing, &self.floor)
    }

    /// Moves a finished pending file to its place; when this returns, it survives a loss of power.
    pub(super) fn commit(&self, file: NamedTempFile, digest: &Sha256Digest) -> Result<(), BlobError> {
        let failed = |source| BlobError::io("make a blob durable", source);
        let target = self.of(digest);
        let directory = target.parent().unwrap_or(&self.blobs).to_path_buf();
        // Before the first flush, which most file systems let this share.
        let new_directory = self.make_dir_of(&directory, digest).map_err(failed)?;
        file.as_file().set_permissions(Permissions::from_mode(0o444)).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        // Stays open until it is moved: another writer may wait for the lock on it.
        let (_open, path) = file.into_parts();
        // Also over a file that is there: equal digests are equal bytes, and one that was damaged since is healed.
        self.move_into_place(path, &target, digest).map_err(failed)?;
        sync_dir(&directory).map_err(failed)?;
        new_directory.map_or(Ok(()), |new| self.make_dir_durable(&directory, new)).map_err(failed)
    }

    /// Stores many blobs; see `many.rs`.
    fn put_all(&self, blobs: &[Bytes]) -> Result<Vec<Sha256Digest>, BlobError> {
        let failed = |source| BlobError::io("make blobs durable", source);
        self.floor.check(blobs.iter().map(|bytes| bytes.len() as u64).sum())?;
        let handle = File::open(&self.blobs).map_err(failed)?;
        let written = many::write_aside(&self.pending, blobs)?;
        let mut digests = Vec::with_capacity(written.len());
        for (path, digest) in written {
            let target = self.of(&digest);
            make_dir(target.parent().unwrap_or(&self.blobs)).map_err(failed)?;
            self.move_into_place(path, &target, &digest).map_err(failed)?;
            digests.push(digest);
        }
        many::settle(&handle)?;
        let pairs = digests.iter().map(|digest| [digest.as_bytes()[0], digest.as_bytes()[1]]);
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).extend(pairs);
        Ok(digests)
    }

    fn move_into_place(&self, file: TempPath, target: &Path, digest: &Sha256Digest) -> io::Result<()> {
        let mut committed = self.committed_meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(committed) = committed.as_mut() {
            committed.insert(*digest);
        }
        file.persist(target).map_err(|error| error.error)
    }

    /// Makes `ab/cd` and tells its bytes if it is not known to be durable. Another task may have made it a moment ago without
    /// having synced its parent yet, so only what this process has synced counts.
    fn make_dir_of(&self, directory: &Path, digest: &Sha256Digest) -> io::Result<Option<[u8; 2]>> {
        let [first, second, ..] = *digest.as_bytes();
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(&[first, second]) {
            return Ok(None);
        }
        make_dir(directory)?;
        Ok(Some([first, second]))
    }

    fn make_dir_durable(&self, directory: &Path, new: [u8; 2]) -> io::Result<()> {
        sync_dir(directory.parent().unwrap_or(&self.blobs))?;
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(new);
        Ok(())
    }

    /// Calls `visit` for every blob, in no order. Files that are not ours by name are passed over.
    fn each(&self, visit: &mut dyn FnMut(Sha256Digest, &Path) -> Result<(), BlobError>) -> Result<(), BlobError> {
        let failed = |source| BlobError::io("list its blobs", source);
        for first in fs::read_dir(&self.blobs).map_err(failed)? {
            for second in read_subdir(&first.map_err(failed)?.path()).map_err(failed)? {
                for entry in read_subdir(&second).map_err(failed)? {
                    let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                    match name.parse::<Sha256Digest>() {
                        Ok(digest) if self.of(&digest) == entry => visit(digest, &entry)?,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    fn sweep_pending(&self, older_than: Timestamp) -> Result<u64, BlobError> {
        let failed = |source| BlobError::io("sweep leftovers", source);
        let mut count = 0;
        for path in read_subdir(&self.pending).map_err(failed)? {
            let is_pending = path.to_str().is_some_and(|path| path.ends_with(PENDING_SUFFIX));
            if is_pending && remove_if_older(&path, older_than).map_err(failed)?.is_some() {
                count += 1;
            }
        }
        Ok(count)
    }

    fn sweep(&self, keep: &BTreeSet<Sha256Digest>, older_than: Timestamp) -> Result<SweepReport, BlobError> {
        let meanwhile = || self.committed_meanwhile.lock().unwrap_or_else(PoisonError::into_inner);
        *meanwhile() = Some(HashSet::new());
        let mut report = SweepReport { pending_count: self.sweep_pending(older_than)?, ..SweepReport::default() };
        let swept = self.each(&mut |digest, path| {
            if keep.contains(&digest) {
                return Ok(());
            }
            // Held until the file is gone: an upload of the same bytes moves its own file here before or after that.
            let committed = meanwhile();
            if committed.as_ref().is_some_and(|committed| committed.contains(&digest)) {
                return Ok(());
            }
            let removed =
                remove_if_older(path, older_than).map_err(|source| BlobError::io("sweep leftovers", source))?;
            if let Some(size_bytes) = removed {
                report.orphan_count += 1;
                report.orphan_size_bytes += size_bytes;
            }
            Ok(())
        });
        *meanwhile() = None;
        swept.map(|()| report)
    }
}

fn not_opened(error: io::Error, digest: &Sha256Digest) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound => BlobError::Missing { digest: *digest },
        _ => BlobError::io("open a blob", error),
    }
}

/// Writes the layout into a new store, durable before it is visible; refuses a store of another layout.
fn check_layout(path: &Path, pending: &Path) -> Result<(), BlobError> {
    let failed = |source| BlobError::io("read its layout", source);
    match fs::read_to_string(path) {
        Ok(found) if found.trim_end() == LAYOUT => Ok(()),
        Ok(found) => Err(BlobError::Layout {
            path: path.display().to_string(),
            found: found.trim_end().chars().take(40).collect(),
            known: LAYOUT,
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = NamedTempFile::new_in(pending).map_err(failed)?;
            fs::write(file.path(), format!("{LAYOUT}\n")).map_err(failed)?;
            file.as_file().sync_all().map_err(failed)?;
            file.persist(path).map_err(|error| failed(error.error))?;
            sync_dir(path.parent().unwrap_or(path)).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Paths in a directory; a file in its place has none.
fn read_subdir(path: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Removes a file that was neither written nor moved since `older_than`; tells its length.
fn remove_if_older(path: &Path, older_than: Timestamp) -> io::Result<Option<u64>> {
    let about = fs::symlink_metadata(path)?;
    // A rename sets ctime, so bytes that were committed a moment ago are young however old their last write is.
    let touched = (about.mtime(), about.mtime_nsec()).max((about.ctime(), about.ctime_nsec()));
    if !about.is_file() || touched >= (older_than.as_second(), i64::from(older_than.subsec_nanosecond())) {
        return Ok(None);
    }
    fs::remove_file(path)?;
    Ok(Some(about.len()))
}
