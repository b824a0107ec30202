//! The bytes of one upload before anybody knows what they are worth: in a pending file, or in memory where they are few.

use std::fs::File;
use std::io;

use bytes::Bytes;
use md5::Digest as _;
use tokio::task::spawn_blocking;

use super::{FileReport, Profile, UploadError, check_sdist, check_wheel};
use crate::archive::{Limits, ReadAt};
use crate::blobs::{CHUNK_SIZE_BYTES, PendingBlob, digests_of};
use crate::model::{FileDigests, Md5Digest};

/// Up to this length bytes are hashed where they are: to change the thread costs more.
const HASHED_AT_ONCE_BYTES: usize = 64 << 10;

/// What was sent.
pub(super) enum Content {
    /// In a file that is gone when this is dropped, unless it is kept under a key.
    Pending(PendingBlob),
    /// All of it.
    Memory(Bytes),
}

/// The same for whoever reads it, in another thread too.
enum Source {
    File(File),
    Memory(Bytes),
}

impl Content {
    /// Digests and length; nothing may be written afterwards.
    pub(super) async fn finish(&mut self) -> Result<FileDigests, UploadError> {
        match self {
            Self::Pending(blob) => Ok(blob.finish().await?),
            Self::Memory(bytes) if bytes.len() <= HASHED_AT_ONCE_BYTES => Ok(digests_of(bytes)),
            Self::Memory(bytes) => {
                let bytes = bytes.clone();
                apart(move || Ok(digests_of(&bytes))).await
            }
        }
    }

    fn source(&self) -> Result<Source, UploadError> {
        Ok(match self {
            Self::Pending(blob) => Source::File(blob.as_file()?),
            Self::Memory(bytes) => Source::Memory(bytes.clone()),
        })
    }

    /// MD5 of what was written, for a form that names it only after the file.
    pub(super) async fn md5(&self, size_bytes: u64) -> Result<Md5Digest, UploadError> {
        let source = self.source()?;
        apart(move || match source {
            Source::File(file) => md5_of(&file, size_bytes),
            Source::Memory(bytes) => md5_of(&bytes[..], size_bytes),
        })
        .await
    }

    /// What the checks say of a file of this name. `turn` is held until they have ended.
    pub(super) async fn check(
        &self,
        size_bytes: u64,
        filename: &str,
        profile: Profile,
        limits: &Limits,
        turn: impl Send + 'static,
    ) -> Result<FileReport, UploadError> {
        let (source, filename, limits) = (self.source()?, filename.to_owned(), limits.clone());
        apart(move || {
            let _turn = turn;
            match source {
                Source::File(file) => check(&file, size_bytes, &filename, profile, &limits),
                Source::Memory(bytes) => check(&bytes[..], size_bytes, &filename, profile, &limits),
            }
        })
        .await
    }
}

/// Runs what may take a while where it may block.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, UploadError> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|stopped| Err(io::Error::other(stopped))).map_err(UploadError::Check)
}

fn check<R: ReadAt + ?Sized>(
    source: &R,
    size_bytes: u64,
    filename: &str,
    profile: Profile,
    limits: &Limits,
) -> io::Result<FileReport> {
    match filename.ends_with(".tar.gz") {
        true => check_sdist(source, size_bytes, filename, profile, limits),
        false => check_wheel(source, size_bytes, filename, profile, limits),
    }
}

fn md5_of<R: ReadAt + ?Sized>(source: &R, size_bytes: u64) -> io::Result<Md5Digest> {
    let mut hasher = md5::Md5::new();
    let mut buffer = vec![0; CHUNK_SIZE_BYTES];
    let mut position = 0;
    while position < size_bytes {
        let length = CHUNK_SIZE_BYTES.min(usize::try_from(size_bytes - position).unwrap_or(CHUNK_SIZE_BYTES));
        source.read_exact_at(&mut buffer[..length], position)?;
        hasher.update(&buffer[..length]);
        position += length as u64;
    }
    Ok(Md5Digest::from_bytes(hasher.finalize().into()))
}
