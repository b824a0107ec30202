//! One open blob: read without waiting where the kernel has its bytes in memory, by a blocking thread where it has not.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use rustix::fs::{Advice, CWD, Mode, OFlags, ResolveFlags, fadvise, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use tokio::task::spawn_blocking;

use super::{BlobBytes, CHUNK_SIZE_BYTES};

/// Distance in bytes of the places that are looked at to learn whether a part of a file is in memory: the least that the
/// kernel reads ahead.
const PROBE_STEP_BYTES: usize = 128 << 10;

/// Read at once when a file is brought into memory, in bytes.
const FETCH_BYTES: usize = 128 << 10;

/// A blob that was opened for reading. It stays whole for its holder when the blob is removed meanwhile, so nobody holds
/// one for longer than an answer takes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BlobFile {
    file: Arc<File>,
    size_bytes: u64,
}

impl Deref for BlobFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl BlobFile {
    /// Takes an open file and asks for its length. Blocks no longer than a look at memory takes.
    pub fn new(file: File) -> io::Result<Self> {
        let size_bytes = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), size_bytes })
    }

    /// Opens a file if the kernel has its directories in memory; `None` when only a blocking open can tell.
    pub(super) fn open_now(path: &Path) -> io::Result<Option<Self>> {
        match openat2(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED) {
            Ok(file) => Self::new(file.into()).map(Some),
            Err(Errno::NOENT) => Err(io::ErrorKind::NotFound.into()),
            // `EAGAIN`, a kernel before 5.12, a filter of system calls: the plain open says what is the matter.
            Err(_) => Ok(None),
        }
    }

    /// Length in bytes when it was opened.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes of a range inside the blob, all in memory: the caller has made sure that they are few.
    pub async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut buffer = BytesMut::zeroed(length_of(&range));
        let done = self.read_now(&mut buffer, range.start);
        if done == buffer.len() {
            return Ok(buffer.freeze());
        }
        self.read_rest(buffer, done, range.start).await
    }

    /// As [`BlobFile::read`] if the kernel has all of the range in memory.
    pub fn read_at_hand(&self, range: &Range<u64>) -> Option<Bytes> {
        let mut buffer = BytesMut::zeroed(length_of(range));
        (self.read_now(&mut buffer, range.start) == buffer.len()).then(|| buffer.freeze())
    }

    /// The bytes of a range inside the blob in pieces. A piece that the reader has let go of is filled again.
    pub fn pieces(self, range: Range<u64>) -> BlobBytes {
        let start = (self, range, None::<Bytes>);
        Box::pin(stream::try_unfold(start, async |(file, range, last)| {
            if range.is_empty() {
                return Ok(None);
            }
            let length = length_of(&range).min(CHUNK_SIZE_BYTES);
            let mut buffer = match last.map(Bytes::try_into_mut) {
                Some(Ok(mut buffer)) if buffer.len() >= length => buffer.split_to(length),
                _ => BytesMut::zeroed(length),
            };
            let done = file.read_now(&mut buffer, range.start);
            let piece = match done == length {
                true => buffer.freeze(),
                false => file.read_rest(buffer, done, range.start).await?,
            };
            Ok(Some((piece.clone(), (file, range.start + length as u64..range.end, Some(piece)))))
        }))
    }

    /// Whether the kernel most likely has all of a range in memory; a file that is too short never has.
    pub fn is_in_memory(&self, range: &Range<u64>) -> bool {
        let last = range.end.saturating_sub(1);
        (range.start..last).step_by(PROBE_STEP_BYTES).chain([last]).all(|at| self.read_now(&mut [0], at) == 1)
    }

    /// Has the kernel read a range from the disk into memory. Blocks.
    ///
    /// Fails with [`io::ErrorKind::UnexpectedEof`] if the file ends before the range does.
    pub fn fetch(&self, range: Range<u64>) -> io::Result<()> {
        // All of it is asked for at once, then waited for piece by piece. It is only advice, so its failure says nothing.
        let _ = fadvise(&self.file, range.start, NonZeroU64::new(range.end - range.start), Advice::WillNeed);
        let mut scratch = vec![0; FETCH_BYTES];
        let mut at = range.start;
        while at < range.end {
            let piece = scratch.get_mut(..length_of(&(at..range.end)).min(FETCH_BYTES)).unwrap_or_default();
            self.file.read_exact_at(piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// Reads what the kernel has in memory; 0 when it has nothing or does not tell.
    fn read_now(&self, buffer: &mut [u8], at: u64) -> usize {
        preadv2(&self.file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT).unwrap_or(0)
    }

    /// Fills a buffer from `done` on where it may block; `at` is the place of its first byte.
    async fn read_rest(&self, mut buffer: BytesMut, done: usize, at: u64) -> io::Result<Bytes> {
        let file = Arc::clone(&self.file);
        let read = move || {
            let rest = buffer.get_mut(done..).unwrap_or_default();
            file.read_exact_at(rest, at + done as u64)?;
            Ok(buffer.freeze())
        };
        spawn_blocking(read).await.map_err(io::Error::other)?
    }
}

fn length_of(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}
