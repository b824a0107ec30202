//! What stays free on the disk: an index that cannot write its log loses more than one upload.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::BlobError;

/// How many bytes are written before the disk is looked at again: so few that a hundred uploads at once stay near the floor,
/// and so many that looking costs nothing beside hashing them.
pub(super) const LOOK_EVERY_BYTES: u64 = 1 << 20;

/// The free space that is kept on one file system.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    directory: PathBuf,
    floor_bytes: u64,
}

impl Floor {
    /// Keeps `floor_bytes` free where `directory` is; 0 keeps nothing and never looks.
    pub(super) fn new(directory: &Path, floor_bytes: u64) -> Self {
        Self { directory: directory.to_owned(), floor_bytes }
    }

    /// Fails if `wanted_bytes` more would leave less than the floor. Blocks no longer than the file system's own memory takes.
    pub(super) fn check(&self, wanted_bytes: u64) -> Result<(), BlobError> {
        if self.floor_bytes == 0 {
            return Ok(());
        }
        let about = statvfs(&self.directory).map_err(|errno| BlobError::io("ask for the free space", errno.into()))?;
        // What only root may use does not count.
        judge(about.f_bavail.saturating_mul(about.f_frsize), wanted_bytes, self.floor_bytes)
    }
}

fn judge(free_bytes: u64, wanted_bytes: u64, floor_bytes: u64) -> Result<(), BlobError> {
    match free_bytes.checked_sub(wanted_bytes) {
        Some(left) if left >= floor_bytes => Ok(()),
        _ => Err(BlobError::NoRoom { free_bytes, wanted_bytes, floor_bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_room() {
        for (free, wanted, floor, has_room) in [
            (100, 0, 100, true),
            (100, 1, 100, false),
            (100, 50, 50, true),
            (100, 101, 0, false),
            (0, 0, 0, true),
            (0, u64::MAX, u64::MAX, false),
        ] {
            assert_eq!(judge(free, wanted, floor).is_ok(), has_room, "{free} {wanted} {floor}");
        }
    }

    #[test]
    fn a_disk_never_has_all_numbers_free_and_no_floor_never_looks() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Floor::new(directory.path(), u64::MAX).check(0), Err(BlobError::NoRoom { .. })));
        assert!(Floor::new(&directory.path().join("not-here"), 0).check(u64::MAX).is_ok());
    }
}
