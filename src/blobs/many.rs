//! Many small blobs at once: the disk is asked twice for all of them, not several times for each.
//!
//! The order is that of one blob: bytes durable aside, then moved into place, then the names durable. One call of the
//! system makes everything durable that was written to a file system, files and directories alike.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::syncfs;
use tempfile::TempPath;

use super::BlobError;
use super::spool::PENDING_SUFFIX;
use crate::model::Sha256Digest;

/// Writes each of them into a file of its own in `directory`, and makes all of them durable. Dropped, they are gone.
pub(super) fn write_aside(directory: &Path, blobs: &[Bytes]) -> Result<Vec<(TempPath, Sha256Digest)>, BlobError> {
    let failed = |source| BlobError::io("write pending files", source);
    // Opened before anything is written: the kernel tells this handle of what fails from now on.
    let handle = File::open(directory).map_err(failed)?;
    let written = blobs.iter().map(|bytes| write_one(directory, bytes)).collect::<io::Result<Vec<_>>>();
    let written = written.map_err(failed)?;
    syncfs(&handle).map_err(|error| BlobError::io("make blobs durable", error.into()))?;
    Ok(written)
}

fn write_one(directory: &Path, bytes: &Bytes) -> io::Result<(TempPath, Sha256Digest)> {
    let mut file = tempfile::Builder::new()
        .suffix(PENDING_SUFFIX)
        .permissions(Permissions::from_mode(0o444))
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    // Closed: there may be more of them than files that a process may have open.
    Ok((file.into_temp_path(), Sha256Digest::of(bytes)))
}

/// Makes durable what was moved into directories below `handle`.
pub(super) fn settle(handle: &File) -> Result<(), BlobError> {
    syncfs(handle).map_err(|error| BlobError::io("make blobs durable", error.into()))
}
