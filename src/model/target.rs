//! Target environments: the Python, ABI and platform that markers and tags are judged against; never the server's own.

use serde::{Deserialize, Serialize};

use super::{Diagnostic, Kind};

/// A C library and its version, the floor that manylinux and musllinux tags are judged against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Libc {
    /// `glibc` or `musl`.
    pub name: String,
    /// Major and minor version.
    pub version: (u16, u16),
}

/// A target environment in full; the JSON that a person may write or `target probe` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name that messages and locks use, for example `debian-12`.
    pub name: String,
    /// `cpython` or `pypy`.
    pub implementation: String,
    /// Full Python version, for example `3.11.2` (markers and Requires-Python need the patch number).
    pub python_full_version: String,
    /// Machine as `platform.machine()` says it, for example `x86_64`.
    pub arch: String,
    /// Operating system as `sys.platform` says it: `linux`.
    pub os: String,
    /// The C library; Linux only.
    pub libc: Option<Libc>,
    /// `platform.release()`; empty when unknown.
    #[serde(default)]
    pub platform_release: String,
    /// `platform.version()`; empty when unknown.
    #[serde(default)]
    pub platform_version: String,
    /// Accepted wheel tags, best first; computed from the fields above when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// Why a target environment cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No preset or saved target of this name.
    #[error("no target environment is called `{name}`")]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// A field does not say what it must.
    #[error("target environment `{name}`: `{field}` is `{given}`, {expected}")]
    Field {
        /// Name of the target.
        name: String,
        /// The field.
        field: &'static str,
        /// What was given.
        given: String,
        /// What is expected there.
        expected: &'static str,
    },
}

impl Diagnostic for TargetError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "resolve/target-unknown",
            Self::Field { .. } => "resolve/target-invalid",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some("`ferrywheel target list` shows the known ones; a target can also be given as JSON.".into())
    }
}
