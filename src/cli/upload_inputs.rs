//! What is to be uploaded: the files that paths name, their digests, and which of them are archives of others.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use sha2::Digest as _;
use tokio::task::spawn_blocking;

use super::failure::{Exit, Failure};
use crate::archive::{Limits, TarReader};
use crate::model::Sha256Digest;
use crate::packaging::parse_dist_filename;

/// Files that are hashed at the same time.
const HASHED_AT_ONCE: usize = 4;

/// Read at once while a file is hashed, in bytes.
const PIECE_BYTES: usize = 256 << 10;

/// Endings of archives that hold files to be uploaded; a `.tar.gz` may be an sdist instead.
const ARCHIVE_ENDINGS: [&str; 5] = [".tar", ".tgz", ".tar.gz", ".tar.zst", ".zip"];

/// Members of a `.tar.gz` that are looked at for the first file: folders may stand before it.
const LOOKED_AT: usize = 64;

/// A file that is sent as it is.
#[derive(Clone, Debug)]
pub struct Input {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name on the server.
    pub filename: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
}

/// Everything that is to be uploaded.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Wheels, sdists, and what was named although it is neither, so that its refusal is seen.
    pub files: Vec<Input>,
    /// Archives of files, with their lengths in bytes.
    pub archives: Vec<(PathBuf, u64)>,
}

impl Inputs {
    /// Reads what the paths name: files, and what lies in folders, on request deeper in them too.
    pub async fn read(paths: &[PathBuf], is_recursive: bool, bar: &ProgressBar) -> Result<Self, Failure> {
        let mut files = Vec::new();
        let mut archives = Vec::new();
        for path in collect(paths, is_recursive)? {
            let size_bytes = path.metadata().map_err(|error| unreadable(&path, &error))?.len();
            match is_archive(&path).map_err(|error| unreadable(&path, &error))? {
                true => archives.push((path, size_bytes)),
                false => files.push((path, size_bytes)),
            }
        }
        bar.set_length(files.iter().map(|(_, size_bytes)| size_bytes).sum());
        let hashing = files.into_iter().map(|(path, size_bytes)| hash(path, size_bytes, bar.clone()));
        let files: Vec<Input> = futures_util::stream::iter(hashing).buffered(HASHED_AT_ONCE).try_collect().await?;
        Ok(Self { files: each_once(files)?, archives })
    }

    /// Bytes of everything together.
    pub fn size_bytes(&self) -> u64 {
        let files = self.files.iter().map(|file| file.size_bytes);
        files.chain(self.archives.iter().map(|(_, size_bytes)| *size_bytes)).sum()
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("`{}` cannot be read: {error}", path.display()))
}

/// The files that are named or lie in the named folders, by name.
fn collect(paths: &[PathBuf], is_recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for path in paths {
        match path.metadata().map_err(|error| unreadable(path, &error))?.is_dir() {
            true => folders.push(path.clone()),
            false => files.push(path.clone()),
        }
    }
    let mut has_deeper = false;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let is_dir = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?.is_dir();
            match is_dir {
                true if is_recursive => folders.push(entry.path()),
                true => has_deeper = true,
                // A file that is named is always sent, so that its refusal is seen.
                false if is_distribution(&entry.path()) => files.push(entry.path()),
                false => {}
            }
        }
    }
    if files.is_empty() {
        let failure = Failure::new(Exit::Usage, "there is no `.whl` and no `.tar.gz` in the named folders");
        let hint = "Add `--recursive` to look into the folders inside of them too.";
        return Err(if has_deeper { failure.with_hint(hint) } else { failure });
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn is_distribution(path: &Path) -> bool {
    path.to_str().is_some_and(|name| name.ends_with(".whl") || name.ends_with(".tar.gz"))
}

/// Whether a file holds others that are to be uploaded: by its ending, and a `.tar.gz` with the name of an sdist by the first
/// file in it.
fn is_archive(path: &Path) -> io::Result<bool> {
    let name = file_name(path);
    if !ARCHIVE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return Ok(false);
    }
    if !name.ends_with(".tar.gz") || parse_dist_filename(&name).is_err() {
        return Ok(true);
    }
    let mut members = TarReader::new(MultiGzDecoder::new(BufReader::new(File::open(path)?)), &Limits::default());
    for _ in 0..LOOKED_AT {
        match members.next_entry() {
            Ok(Some(member)) if member.is_file() => return Ok(is_distribution(Path::new(&member.name))),
            Ok(Some(_)) => {}
            // What is wrong with it is the server's to say.
            Ok(None) | Err(_) => break,
        }
    }
    Ok(false)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
}

async fn hash(path: PathBuf, size_bytes: u64, bar: ProgressBar) -> Result<Input, Failure> {
    let hashing = spawn_blocking(move || {
        let mut file = File::open(&path).map_err(|error| unreadable(&path, &error))?;
        let (mut hasher, mut buffer) = (sha2::Sha256::new(), vec![0; PIECE_BYTES]);
        loop {
            let count = file.read(&mut buffer).map_err(|error| unreadable(&path, &error))?;
            let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
            hasher.update(piece);
            bar.inc(piece.len() as u64);
        }
        let sha256 = Sha256Digest::from_bytes(hasher.finalize().into());
        Ok(Input { filename: file_name(&path), path, size_bytes, sha256 })
    });
    hashing.await.unwrap_or_else(|error| Err(Failure::new(Exit::Refused, error.to_string())))
}

/// One file for each name; two files of one name are no mistake if they are equal.
fn each_once(files: Vec<Input>) -> Result<Vec<Input>, Failure> {
    let mut by_name: BTreeMap<String, Input> = BTreeMap::new();
    for file in files {
        match by_name.get(&file.filename) {
            Some(other) if other.sha256 != file.sha256 => {
                let (one, two) = (other.path.display(), file.path.display());
                return Err(Failure::new(Exit::Usage, format!("`{one}` and `{two}` have one name and other bytes")));
            }
            Some(_) => {}
            None => drop(by_name.insert(file.filename.clone(), file)),
        }
    }
    Ok(by_name.into_values().collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn tar_gz(names: &[&str]) -> Vec<u8> {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for name in names {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(if name.ends_with('/') {
                tar::EntryType::Directory
            } else {
                tar::EntryType::Regular
            });
            header.set_size(0);
            archive.append_data(&mut header, name, io::empty()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn read(paths: &[PathBuf], is_recursive: bool) -> Result<Inputs, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Inputs::read(paths, is_recursive, &ProgressBar::hidden()))
    }

    #[test]
    fn an_archive_is_told_from_an_sdist_by_its_name_and_else_by_what_is_in_it() {
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes, expected) in [
            ("demo-1.0.tar.gz", tar_gz(&["demo-1.0/", "demo-1.0/PKG-INFO"]), false),
            ("wheels-2026.tar.gz", tar_gz(&["wheels/", "wheels/demo-1.0-py3-none-any.whl"]), true),
            ("wheels.tar.gz", tar_gz(&["x"]), true),
            ("demo-1.0.tar.gz", b"no gzip".to_vec(), false),
            ("all.zip", Vec::new(), true),
            ("all.tar.zst", Vec::new(), true),
            ("demo-1.0-py3-none-any.whl", Vec::new(), false),
            ("notes.txt", Vec::new(), false),
        ] {
            let path = directory.path().join(name);
            fs::write(&path, bytes).unwrap();
            assert_eq!(is_archive(&path).unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn folders_give_their_distributions_and_deeper_ones_on_request() {
        let directory = tempfile::tempdir().unwrap();
        let deeper = directory.path().join("deeper");
        fs::create_dir(&deeper).unwrap();
        fs::write(deeper.join("b-1.0-py3-none-any.whl"), "b").unwrap();
        let folder = [directory.path().to_owned()];
        let failure = read(&folder, false).unwrap_err();
        assert!(failure.hint.unwrap().contains("--recursive"));
        fs::write(directory.path().join("a-1.0-py3-none-any.whl"), "a").unwrap();
        fs::write(directory.path().join("README"), "x").unwrap();
        let names = |inputs: Inputs| inputs.files.into_iter().map(|file| file.filename).collect::<Vec<_>>();
        assert_eq!(names(read(&folder, false).unwrap()), ["a-1.0-py3-none-any.whl"]);
        assert_eq!(names(read(&folder, true).unwrap()), ["a-1.0-py3-none-any.whl", "b-1.0-py3-none-any.whl"]);
        fs::write(deeper.join("a-1.0-py3-none-any.whl"), "a").unwrap();
        assert_eq!(names(read(&folder, true).unwrap()).len(), 2, "the same bytes twice are one file");
        fs::write(deeper.join("a-1.0-py3-none-any.whl"), "other").unwrap();
        assert!(read(&folder, true).unwrap_err().message.ends_with("have one name and other bytes"));
    }
}
