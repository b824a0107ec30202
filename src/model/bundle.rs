//! Bundles: what we build from a lock, and the record that lets a second request be answered without building.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ChannelRef, Diagnostic, Kind, Lock, Sha256Digest, Target, Timestamp};
use crate::packaging::shown;

/// A text cannot name a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` cannot name a bundle: a letter or digit, then up to 63 letters, digits, `.`, `_` or `-`")]
pub struct BundleNameError {
    /// What was given, safe to show.
    pub given: String,
}

impl Diagnostic for BundleNameError {
    fn code(&self) -> &'static str {
        "export/name-invalid"
    }

    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

/// File stem of a bundle: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BundleName(String);

impl BundleName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BundleName {
    type Err = BundleNameError;

    fn from_str(text: &str) -> Result<Self, BundleNameError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let well_formed = text.len() <= 64
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(plain);
        if !well_formed {
            return Err(BundleNameError { given: shown(text) });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for BundleName {
    type Error = BundleNameError;

    fn try_from(text: String) -> Result<Self, BundleNameError> {
        text.parse()
    }
}

impl From<BundleName> for String {
    fn from(name: BundleName) -> Self {
        name.0
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How a bundle starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryPointKind {
    /// A console script of one of the wheels.
    Script,
    /// `module:attribute`, called without arguments like a console script.
    Function,
    /// A module run like `python -m`.
    Module,
    /// The environment's own interpreter.
    Interpreter,
}

/// What runs when a bundle is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryPoint {
    /// How it starts.
    pub kind: EntryPointKind,
    /// Script name, `module:attribute` or module; empty for the interpreter.
    pub value: String,
}

/// Everything a person asks for when a bundle is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRecipe {
    /// File stem.
    pub name: BundleName,
    /// Requirements as written.
    pub requirements: Vec<String>,
    /// Where it must start.
    pub target: Target,
    /// Where the wheels come from.
    pub channel: ChannelRef,
    /// What it starts.
    pub entry_point: EntryPoint,
}

/// A bundle that was built: enough to stream it again, byte for byte, from blobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRecord {
    /// SHA-256 of the manifest; the identity of the bundle.
    pub id: Sha256Digest,
    /// File stem.
    pub name: BundleName,
    /// The files inside.
    pub lock: Lock,
    /// The manifest, canonical JSON, exactly as it lies in the bundle.
    pub manifest: String,
    /// Digest of the whole artifact.
    pub output_sha256: Sha256Digest,
    /// Length of the whole artifact in bytes.
    pub size_bytes: u64,
    /// When it was first built.
    pub created_at: Timestamp,
    /// Who asked for it first.
    pub created_by: String,
}
