//! What the zip reader says about a broken rule, and how many of them it says.

use std::{fmt, io};

use super::paths::shown;

/// One broken rule of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipFault {
    /// Which rule, such as `ZIP-TRAILING`.
    pub rule: &'static str,
    /// Reason class that a client may act on, such as `zip-structure`.
    pub class: &'static str,
    /// The entry that is meant, made visible; `None` for the archive itself.
    pub entry: Option<String>,
    /// One sentence that names the thing and the fact.
    pub message: String,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// It breaks rules; all that were found, in the order of the archive, at least one.
    #[error("the archive is refused: {}", .0.first().map_or("", |fault| &fault.message))]
    Refused(Vec<ZipFault>),
    /// The disk did not answer: nothing is known about the archive.
    #[error("the archive could not be read")]
    Io(#[source] io::Error),
}

/// A rule's slug with its reason class.
pub(super) type Rule = (&'static str, &'static str);

const STRUCTURE: &str = "zip-structure";
const UNSAFE_PATH: &str = "zip-unsafe-path";
const BOMB: &str = "zip-bomb";

/// No end record within the last 64 KiB: not a zip.
pub(super) const NO_END: Rule = ("ZIP-END", "not-a-zip");
/// The end record must end the file.
pub(super) const TRAILING: Rule = ("ZIP-TRAILING", STRUCTURE);
/// No control bytes in the comment, no comments of entries.
pub(super) const COMMENT: Rule = ("ZIP-COMMENT", STRUCTURE);
/// One disk only.
pub(super) const DISKS: Rule = ("ZIP-DISKS", STRUCTURE);
/// Zip64 end record and locator agree with the plain one.
pub(super) const END64: Rule = ("ZIP-END64", STRUCTURE);
/// Offset, size and count of the central directory are true.
pub(super) const DIRECTORY: Rule = ("ZIP-DIRECTORY", STRUCTURE);
/// Extra fields are whole, and those that change a size or name are there once and agree.
pub(super) const EXTRA: Rule = ("ZIP-EXTRA", STRUCTURE);
/// Local and central headers tell the same.
pub(super) const LOCAL: Rule = ("ZIP-LOCAL", STRUCTURE);
/// A data descriptor tells what the central directory tells.
pub(super) const DESCRIPTOR: Rule = ("ZIP-DESCRIPTOR", STRUCTURE);
/// Entries lie back to back from the first byte to the central directory.
pub(super) const TILING: Rule = ("ZIP-TILING", STRUCTURE);
/// The data unpacks to exactly the declared length and CRC, and ends where its length says.
pub(super) const DATA: Rule = ("ZIP-DATA", STRUCTURE);
/// A folder has no bytes.
pub(super) const FOLDER_DATA: Rule = ("ZIP-FOLDER-DATA", STRUCTURE);
/// The file is not a tar at the same time.
pub(super) const POLYGLOT: Rule = ("ZIP-POLYGLOT", STRUCTURE);
/// Stored or deflated only.
pub(super) const METHOD: Rule = ("ZIP-METHOD", "zip-unsupported");
/// Not encrypted, masked or patched.
pub(super) const ENCRYPTED: Rule = ("ZIP-ENCRYPTED", "zip-unsupported");
/// One name, one entry.
pub(super) const DUPLICATE: Rule = ("ZIP-DUPLICATE", "zip-duplicate-entry");
/// Names are safe relative paths.
pub(super) const NAME: Rule = ("ZIP-NAME", UNSAFE_PATH);
/// No name is a file and a folder.
pub(super) const TREE: Rule = ("ZIP-TREE", UNSAFE_PATH);
/// No two names that some file systems mix up.
pub(super) const CASE: Rule = ("ZIP-CASE", UNSAFE_PATH);
/// Regular files and folders only.
pub(super) const TYPE: Rule = ("ZIP-TYPE", "zip-entry-type");
/// Counts and sizes stay within the limits.
pub(super) const LIMIT: Rule = ("ZIP-LIMIT", BOMB);

impl ZipFault {
    /// A fault of the archive itself.
    pub(super) fn new((rule, class): Rule, message: impl Into<String>) -> Self {
        Self { rule, class, entry: None, message: message.into() }
    }

    /// A fault of one entry.
    pub(super) fn at(rule: Rule, name: &[u8], message: impl Into<String>) -> Self {
        Self { entry: Some(shown(name)), ..Self::new(rule, message) }
    }
}

impl fmt::Display for ZipFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "{}: `{entry}`: {}", self.rule, self.message),
            None => write!(f, "{}: {}", self.rule, self.message),
        }
    }
}

impl std::error::Error for ZipFault {}

impl From<ZipFault> for ZipError {
    fn from(fault: ZipFault) -> Self {
        Self::Refused(vec![fault])
    }
}

impl From<io::Error> for ZipError {
    fn from(error: io::Error) -> Self {
        // The entry reader hides a fault inside an IO error, because `Read` knows no others.
        match error.downcast::<ZipFault>() {
            Ok(fault) => Self::Refused(vec![fault]),
            Err(error) => Self::Io(error),
        }
    }
}

/// The faults found so far, up to a limit: an archive of 100 000 bad names must not become 100 000 sentences.
///
/// Notes are faults that harm no installer; whether they refuse the archive is for the caller to say.
pub(super) struct Faults {
    list: Vec<ZipFault>,
    notes: Vec<ZipFault>,
    room: usize,
}

impl Faults {
    pub(super) fn new(room: usize) -> Self {
        // The first fault is always kept, or an archive could be taken because nothing could be said about it.
        Self { list: Vec::new(), notes: Vec::new(), room: room.max(1) }
    }

    pub(super) fn push(&mut self, fault: ZipFault) {
        if self.list.len() < self.room {
            self.list.push(fault);
        }
    }

    pub(super) fn note(&mut self, fault: ZipFault) {
        if self.notes.len() < self.room {
            self.notes.push(fault);
        }
    }

    /// Whether no more faults are told, so that looking for more of them is work for nothing.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= self.room
    }

    /// Adds the fault if the claim does not hold.
    pub(super) fn need(&mut self, holds: bool, rule: Rule, name: &[u8], message: impl FnOnce() -> String) {
        if !holds && !self.is_full() {
            self.push(ZipFault::at(rule, name, message()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The notes, or with any fault all that was found, the faults first.
    pub(super) fn into_notes(self) -> Result<Vec<ZipFault>, ZipError> {
        match self.list.is_empty() {
            true => Ok(self.notes),
            false => Err(ZipError::Refused([self.list, self.notes].concat())),
        }
    }
}
