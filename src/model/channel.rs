//! Channels, their serials, and the views that clients read: a channel's head or one of its snapshots.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Diagnostic, Kind, Timestamp};
use crate::packaging::shown;

/// First words of our URLs, which no channel may be called.
pub const RESERVED_NAMES: &[&str] = &[
    "api",
    "bundle",
    "files",
    "integrity",
    "legacy",
    "manual",
    "metrics",
    "namespace",
    "namespaces",
    "packages",
    "project",
    "pypi",
    "simple",
    "static",
    "ui",
    "upload",
];

/// Why a text names no channel or snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelNameError {
    /// Does not match `[a-z][a-z0-9-]{0,38}`.
    #[error("`{given}` is not a channel name: a lowercase letter, then up to 38 lowercase letters, digits or hyphens")]
    Malformed {
        /// What was given, safe to show.
        given: String,
    },
    /// The first word of one of our own URLs.
    #[error("`{given}` cannot name a channel: it is the first word of this server's own URLs")]
    Reserved {
        /// What was given.
        given: String,
    },
    /// The part after `@` names no snapshot.
    #[error(
        "`{given}` names no snapshot: after `@` stands a serial like `7`, a day as `2026-11-20`, or `sha256:` and 8 or more digits"
    )]
    Serial {
        /// What was given, safe to show.
        given: String,
    },
}

impl Diagnostic for ChannelNameError {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::Reserved { .. } => "channels/name-invalid",
            Self::Serial { .. } => "channels/serial-invalid",
        }
    }

    fn kind(&self) -> Kind {
        Kind::NotFound
    }
}

/// Name of a channel: `[a-z][a-z0-9-]{0,38}`, and not the first word of one of our URLs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelName(String);

impl ChannelName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The channel that uploads go to unless another is named.
    pub fn staging() -> Self {
        Self("staging".to_owned())
    }

    /// The channel that `/simple/` shows.
    pub fn blessed() -> Self {
        Self("blessed".to_owned())
    }
}

impl FromStr for ChannelName {
    type Err = ChannelNameError;

    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        let well_formed = text.len() <= 39
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !well_formed {
            return Err(ChannelNameError::Malformed { given: shown(text) });
        }
        if RESERVED_NAMES.contains(&text) {
            return Err(ChannelNameError::Reserved { given: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for ChannelName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ChannelName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Counter of a channel's changes; 0 is the empty channel, each change adds one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub i64);

impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The serial that an address spells. It has one spelling, as every page has one URL: no sign, and no zero in front.
pub(super) fn serial_of(text: &str) -> Option<Serial> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.parse().ok()).flatten().map(Serial)
}

/// `blessed` (its head) or `blessed@7` (one snapshot), as URLs and the command line write it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChannelRef {
    /// The channel.
    pub name: ChannelName,
    /// The snapshot, or the head when absent.
    pub serial: Option<Serial>,
}

impl FromStr for ChannelRef {
    type Err = ChannelNameError;

    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        let Some((name, serial)) = text.split_once('@') else {
            return Ok(Self { name: text.parse()?, serial: None });
        };
        let serial = serial_of(serial).ok_or_else(|| ChannelNameError::Serial { given: shown(text) })?;
        Ok(Self { name: name.parse()?, serial: Some(serial) })
    }
}

impl fmt::Display for ChannelRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.serial {
            Some(serial) => write!(formatter, "{}@{serial}", self.name),
            None => self.name.fmt(formatter),
        }
    }
}

/// A channel as the index holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Key in the index.
    pub id: i64,
    /// Its name.
    pub name: ChannelName,
    /// Serial of its head.
    pub serial: Serial,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A channel's head in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelSummary {
    /// Its name.
    pub name: ChannelName,
    /// Serial of its head.
    pub serial: Serial,
    /// Projects with at least one file.
    pub project_count: i64,
    /// Releases with at least one file.
    pub release_count: i64,
    /// Files.
    pub file_count: i64,
    /// Their lengths added up, in bytes.
    pub size_bytes: i64,
}

/// What a reader looks at: one channel at one serial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Key of the channel in the index.
    pub channel_id: i64,
    /// Name of the channel.
    pub channel: ChannelName,
    /// The serial that is read.
    pub serial: Serial,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_names_and_snapshots() {
        for text in ["staging", "a", "q1-2026", "blessed@0", "blessed@17"] {
            assert_eq!(text.parse::<ChannelRef>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn err_names_that_would_shadow_or_confuse() {
        for text in [
            "",
            "Staging",
            "1st",
            "-a",
            "a_b",
            "simple",
            "api",
            "a b",
            "é",
            "blessed@",
            "blessed@-1",
            "blessed@x",
            "blessed@01",
            "blessed@00",
            "blessed@+1",
            "a@1@2",
        ] {
            assert!(text.parse::<ChannelRef>().is_err(), "{text}");
        }
        assert!("a".repeat(40).parse::<ChannelName>().is_err());
    }
}
