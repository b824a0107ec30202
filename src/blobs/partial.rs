//! Pending blobs that outlive their connection and this process, so that an upload can go on where it broke off.
//!
//! One file for each key. Whoever writes to it holds a lock of the operating system on it until its last write has ended,
//! also when nobody waits for that write any more: two writers never mix their bytes.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::{FlockOperation, flock};

use super::BlobError;
use crate::model::Sha256Digest;

/// Length of a key's group in bytes.
const GROUP_BYTES: usize = 16;

/// Names a pending blob that is kept: a group of them, and one inside of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartialKey {
    /// What they are dropped by together.
    pub group: [u8; GROUP_BYTES],
    place: Sha256Digest,
}

impl PartialKey {
    /// The key of `name` in a group. The name may be any text: no path is made of it.
    pub fn new(group: [u8; GROUP_BYTES], name: &str) -> Self {
        Self { group, place: Sha256Digest::of(name.as_bytes()) }
    }
}

impl fmt::Display for PartialKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", hex::encode(self.group), self.place)
    }
}

impl fmt::Debug for PartialKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PartialKey({self})")
    }
}

impl FromStr for PartialKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (group, place) = text.split_once('-').ok_or(())?;
        let mut bytes = [0; GROUP_BYTES];
        hex::decode_to_slice(group, &mut bytes).map_err(|_| ())?;
        let key = Self { group: bytes, place: place.parse().map_err(|_| ())? };
        // One spelling: a file of another name is none of ours.
        if key.to_string() == text { Ok(key) } else { Err(()) }
    }
}

/// The directory of them.
#[derive(Debug)]
pub(super) struct Partials {
    directory: PathBuf,
}

impl Partials {
    /// Makes the directory if it is missing.
    pub(super) fn open(directory: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// Where the file of a key is.
    pub(super) fn path_of(&self, key: &PartialKey) -> PathBuf {
        self.directory.join(key.to_string())
    }

    /// Bytes that are here under a key.
    pub(super) fn size(&self, key: &PartialKey) -> Result<Option<u64>, BlobError> {
        match std::fs::metadata(self.path_of(key)) {
            Ok(about) => Ok(Some(about.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::io("look for a pending blob", error)),
        }
    }

    /// Drops what is here under a key; says whether there was anything.
    pub(super) fn discard(&self, key: &PartialKey) -> Result<bool, BlobError> {
        match std::fs::remove_file(self.path_of(key)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BlobError::io("remove a pending blob", error)),
        }
    }

    /// Every key that has a file.
    pub(super) fn list(&self) -> Result<Vec<PartialKey>, BlobError> {
        let failed = |source| BlobError::io("list pending blobs", source);
        let mut keys = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            keys.extend(name.to_str().and_then(|name| name.parse::<PartialKey>().ok()));
        }
        keys.sort();
        Ok(keys)
    }
}

/// Opens the file at `path` for its only writer; waits for one that is still at it. Blocks.
pub(super) fn open_alone(path: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        flock(&file, FlockOperation::LockExclusive)?;
        // The writer before may have finished meanwhile: then this is a published blob, and the name is free.
        let about = file.metadata()?;
        match std::fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (about.dev(), about.ino()) => return Ok(file),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_from_its_file_name_and_nothing_else_is_one() {
        let key = PartialKey::new([0xab; 16], "../demo-1.0-py3-none-any.whl");
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_ne!(key, PartialKey::new([0xab; 16], "other"));
        for text in ["", "ab-cd", &key.to_string().to_uppercase(), &format!("{key}.part"), "x.part"] {
            assert_eq!(text.parse::<PartialKey>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_second_writer_waits_and_does_not_get_what_the_first_has_published() {
        let directory = tempfile::tempdir().unwrap();
        let (path, published) = (directory.path().join("partial"), directory.path().join("published"));
        let first = open_alone(&path).unwrap();
        let waiting = std::thread::spawn({
            let path = path.clone();
            move || open_alone(&path).unwrap().metadata().unwrap().ino()
        });
        let number = first.metadata().unwrap().ino();
        std::fs::rename(&path, &published).unwrap();
        drop(first);
        assert_ne!(waiting.join().unwrap(), number);
        assert_eq!(std::fs::metadata(&published).unwrap().ino(), number);
    }
}
