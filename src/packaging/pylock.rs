//! Writing `pylock.toml` (PEP 751, lock-version 1.0): same lock, same bytes.

use jiff::Timestamp;

use super::{ProjectName, Version};

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pylock {
    /// Name of the tool, normalized.
    pub created_by: String,
    /// Python versions it is for, as specifiers.
    pub requires_python: Option<String>,
    /// Environments it is for, as markers.
    pub environments: Vec<String>,
    /// The packages; the writer sorts them by name and version.
    pub packages: Vec<PylockPackage>,
}

/// One package of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PylockPackage {
    /// Its name.
    pub name: ProjectName,
    /// Its version.
    pub version: Version,
    /// When to install it, as a marker.
    pub marker: Option<String>,
    /// Its Requires-Python.
    pub requires_python: Option<String>,
    /// Base URL of the index it came from.
    pub index: Option<String>,
    /// Names of what it depends on; information for people.
    pub dependencies: Vec<ProjectName>,
    /// Its wheels; the writer sorts them by file name.
    pub wheels: Vec<PylockFile>,
    /// Its sdist.
    pub sdist: Option<PylockFile>,
}

/// One file of it; a URL or a path is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PylockFile {
    /// File name.
    pub name: String,
    /// Where it is served.
    pub url: Option<String>,
    /// Where it lies, relative to the lock file, `/` between segments.
    pub path: Option<String>,
    /// Length in bytes.
    pub size_bytes: Option<u64>,
    /// When it was first uploaded; printed in UTC.
    pub uploaded_at: Option<Timestamp>,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// Why a lock cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PylockError {
    /// No wheel and no sdist.
    #[error("the lock has no file for {name} {version}")]
    NoFile {
        /// The package.
        name: ProjectName,
        /// Its version.
        version: Version,
    },
    /// Neither URL nor path.
    #[error("the lock does not say where `{file}` is")]
    NoPlace {
        /// File name.
        file: String,
    },
    /// An absolute path, a backslash or `..`.
    #[error("`{path}` in the lock is not a relative path with `/` between its segments")]
    Path {
        /// The path.
        path: String,
    },
    /// Not 64 lower-case hex digits.
    #[error("the digest of `{file}` in the lock is not SHA-256 in lower-case hex")]
    Digest {
        /// File name.
        file: String,
    },
}

/// Whether tools take a file of this name for a lock: `pylock.toml` or `pylock.<name>.toml`, no dots in the name (LCK-01).
pub fn is_pylock_file_name(name: &str) -> bool {
    let _ = name;
    todo!("the next commit writes it")
}

/// The bytes of a lock file: fixed key order, packages and wheels sorted, LF, one newline at the end (LCK-02 to LCK-07).
pub fn render_pylock(lock: &Pylock) -> Result<String, PylockError> {
    let _ = lock;
    todo!("the next commit writes it")
}
