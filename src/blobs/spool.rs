//! A pending file and its digests: bytes are hashed while they are written, off the runtime's threads.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use bytes::Bytes;
use md5::Digest as _;
use tempfile::{NamedTempFile, TempPath};

use super::floor::{Floor, LOOK_EVERY_BYTES};
use super::partial::open_alone;
use super::{BlobError, CHUNK_SIZE_BYTES, Hashing};
use crate::model::{Blake2b256Digest, FileDigests, Md5Digest, Sha256Digest};

/// Suffix of pending files; a sweep takes away nothing else from their directory.
pub const PENDING_SUFFIX: &str = ".part";

/// Digests and length of bytes that are in memory, as a file of them would have.
pub fn digests_of(bytes: &[u8]) -> FileDigests {
    let mut blake2b_256 = [0; 32];
    blake2b_256.copy_from_slice(blake2b_simd::Params::new().hash_length(32).hash(bytes).as_bytes());
    FileDigests {
        sha256: Sha256Digest::of(bytes),
        blake2b_256: Blake2b256Digest::from_bytes(blake2b_256),
        md5: None,
        crc32: crc32fast::hash(bytes),
        size_bytes: bytes.len() as u64,
    }
}

/// A file that only its owner sees (mode 0600), removed when dropped. All methods block.
pub struct Spool {
    file: NamedTempFile,
    sha256: sha2::Sha256,
    blake2b_256: blake2b_simd::State,
    md5: Option<md5::Md5>,
    crc32: crc32fast::Hasher,
    size_bytes: u64,
    floor: Floor,
    unwatched_bytes: u64,
}

impl Spool {
    /// Makes an empty file in `directory`, where `floor` looks that enough stays free.
    pub(super) fn create(directory: &Path, hashing: Hashing, floor: &Floor) -> Result<Self, BlobError> {
        floor.check(0)?;
        let file = tempfile::Builder::new()
            .suffix(PENDING_SUFFIX)
            .tempfile_in(directory)
            .map_err(|source| BlobError::io("make a pending file", source))?;
        Ok(Self::over(file, hashing, floor))
    }

    fn over(file: NamedTempFile, hashing: Hashing, floor: &Floor) -> Self {
        Self {
            file,
            sha256: sha2::Sha256::new(),
            blake2b_256: blake2b_simd::Params::new().hash_length(32).to_state(),
            md5: (hashing == Hashing::WithMd5).then(md5::Md5::new),
            crc32: crc32fast::Hasher::new(),
            size_bytes: 0,
            floor: floor.clone(),
            unwatched_bytes: 0,
        }
    }

    /// Goes on with the file at `path` after its first `keep_bytes`, which are read and hashed again. Dropped, the file stays.
    ///
    /// Waits for another writer of the file.
    pub(super) fn resume(path: &Path, keep_bytes: u64, hashing: Hashing, floor: &Floor) -> Result<Self, BlobError> {
        floor.check(0)?;
        let failed = |source| BlobError::io("go on with a pending file", source);
        let mut file = open_alone(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() < keep_bytes {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        file.set_len(keep_bytes).map_err(failed)?;
        let same = NamedTempFile::from_parts(
            file.try_clone().map_err(failed)?,
            TempPath::try_from_path(path).map_err(failed)?,
        );
        let mut spool = Self::over(same, hashing, floor);
        spool.file.disable_cleanup(true);
        let mut piece = vec![0; CHUNK_SIZE_BYTES];
        loop {
            match file.read(&mut piece).map_err(failed)? {
                0 => return Ok(spool),
                length => spool.hash(piece.get(..length).unwrap_or_default()),
            }
        }
    }

    /// Writes and hashes `pieces` in order.
    pub fn write(&mut self, pieces: &[Bytes]) -> Result<(), BlobError> {
        for piece in pieces {
            self.file.write_all(piece).map_err(|source| BlobError::io("write a pending file", source))?;
            self.hash(piece);
            self.unwatched_bytes += piece.len() as u64;
        }
        if self.unwatched_bytes >= LOOK_EVERY_BYTES {
            self.unwatched_bytes = 0;
            self.floor.check(0)?;
        }
        Ok(())
    }

    fn hash(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.blake2b_256.update(piece);
        self.crc32.update(piece);
        if let Some(md5) = &mut self.md5 {
            md5.update(piece);
        }
        self.size_bytes += piece.len() as u64;
    }

    /// Digests and length of what was written so far.
    pub fn digests(&self) -> FileDigests {
        let mut blake2b_256 = [0; 32];
        blake2b_256.copy_from_slice(self.blake2b_256.finalize().as_bytes());
        FileDigests {
            sha256: Sha256Digest::from_bytes(self.sha256.clone().finalize().into()),
            blake2b_256: Blake2b256Digest::from_bytes(blake2b_256),
            md5: self.md5.clone().map(|md5| Md5Digest::from_bytes(md5.finalize().into())),
            crc32: self.crc32.clone().finalize(),
            size_bytes: self.size_bytes,
        }
    }

    /// A second handle on the file. Reads through it must name their place; the position is shared.
    pub fn as_file(&self) -> Result<File, BlobError> {
        self.file.as_file().try_clone().map_err(|source| BlobError::io("open a pending file again", source))
    }

    /// The file itself, to be made durable and moved.
    pub fn into_file(self) -> NamedTempFile {
        self.file
    }
}
