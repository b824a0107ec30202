//! File names of wheels and sdists: the only names under which bytes are stored and served.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use uv_distribution_filename::BuildTag;

use super::faults::shown;
use super::names::{NameError, ProjectName};
use super::tags::{WheelTag, expanded_count};
use super::versions::{Version, VersionError, parse_version, release_key};

/// Longest file name, in bytes: with `.metadata` behind it it still fits the 255 bytes of common file systems.
pub const MAX_FILE_NAME_BYTES: usize = 246;

/// Most tags a file name may expand to; the widest real sets stay under 60.
pub const MAX_EXPANDED_TAGS: usize = 1000;

/// Characters that are legal in no part of a file name and mean something to shells, URLs, HTML or Windows.
const FORBIDDEN: &str = "/\\%?#\"'<>&:|*";

/// The file name of a wheel, taken apart (binary distribution format, "File name convention").
#[derive(Clone)]
pub struct WheelName {
    /// The project, normalized.
    pub project: ProjectName,
    /// The version, normalized; the text keeps the given spelling.
    pub version: Version,
    /// The build tag, sorted as number and rest.
    pub build: Option<BuildTag>,
    /// All tags of the compressed sets, sorted, at least one.
    pub tags: Vec<WheelTag>,
    text: String,
}

/// The file name of a source distribution in the current form `{name}-{version}.tar.gz` (PEP 625).
#[derive(Clone)]
pub struct SdistName {
    /// The project, normalized.
    pub project: ProjectName,
    /// The version, normalized.
    pub version: Version,
    text: String,
}

/// The name of a file that the index may hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DistFileName {
    /// A wheel.
    Wheel(WheelName),
    /// A source distribution: stored and served, never put into a bundle.
    Sdist(SdistName),
}

/// Why a text is not a file name that the index holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileNameError {
    /// Longer than `MAX_FILE_NAME_BYTES`.
    #[error("the file name has {bytes} bytes; at most {MAX_FILE_NAME_BYTES} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A character that is not printable ASCII or is reserved somewhere.
    ///
    /// The name itself is not repeated: it may be markup that is meant for whoever shows the message.
    #[error("the file name holds the character {character:?}, which no file name here may have")]
    Character {
        /// The first such character.
        character: char,
    },
    /// Neither a wheel nor a `.tar.gz`.
    #[error("`{filename}` is neither a wheel (`.whl`) nor a source distribution (`.tar.gz`)")]
    Type {
        /// As given, safe to show.
        filename: String,
    },
    /// A wheel's extension that installers do not see.
    #[error("`{filename}` does not end in `.whl`, so installers do not see that it is a wheel")]
    Extension {
        /// As given, safe to show.
        filename: String,
    },
    /// Not five or six parts.
    #[error(
        "`{filename}` has {count} parts between hyphens; a wheel has `name-version-python-abi-platform`, or six with a build tag"
    )]
    Parts {
        /// As given, safe to show.
        filename: String,
        /// How many there are.
        count: usize,
    },
    /// A trailing variant label, or a build tag that starts with a letter.
    #[error(
        "`{filename}` is named like a wheel variant (PEP 825), and wheel variants are not enabled; a build tag starts with a digit"
    )]
    Variant {
        /// As given, safe to show.
        filename: String,
    },
    /// The build tag.
    #[error("`{build}` in `{filename}` is not a build tag: a digit, then letters, digits, `_` and `.`")]
    Build {
        /// As given, safe to show.
        filename: String,
        /// The build tag.
        build: String,
    },
    /// The project part.
    #[error("`{filename}` does not start with a project name")]
    Name {
        /// As given, safe to show.
        filename: String,
        /// What is wrong with it.
        #[source]
        error: NameError,
    },
    /// Two underscores in a row, which no escaping produces.
    #[error("the project part of `{filename}` has `__`; runs of `-`, `_` and `.` become one `_`")]
    DoubleUnderscore {
        /// As given, safe to show.
        filename: String,
    },
    /// The version part.
    #[error("the version part of `{filename}` is not a version as PEP 440 defines it")]
    Version {
        /// As given, safe to show.
        filename: String,
        /// What is wrong with it.
        #[source]
        error: VersionError,
    },
    /// A tag.
    #[error("{} is not a tag: letters, digits and `_`, and a Python tag starts with a letter", part_of(.filename, .tag))]
    Tag {
        /// As given, safe to show.
        filename: String,
        /// The tag.
        tag: String,
    },
    /// More tags than `MAX_EXPANDED_TAGS`.
    #[error("the tags of the file name expand to {count}; at most {MAX_EXPANDED_TAGS} are allowed")]
    TooManyTags {
        /// How many there are.
        count: usize,
    },
}

/// A part of a file name as a message names it; an empty one cannot be quoted.
fn part_of(filename: &str, part: &str) -> String {
    match part {
        "" => format!("an empty part of `{filename}`"),
        part => format!("`{part}` in `{filename}`"),
    }
}

impl FileNameError {
    /// The rule's id in our digest of the specifications.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Variant { .. } => "VAR-01",
            Self::DoubleUnderscore { .. } => "WHL-02",
            _ => "WHL-01",
        }
    }

    /// Reason class that a client may act on.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Type { .. } => "type-not-allowed",
            Self::Name { .. } | Self::DoubleUnderscore { .. } => "name-invalid",
            Self::Version { .. } => "version-invalid",
            Self::Tag { .. } | Self::TooManyTags { .. } => "tag-invalid",
            _ => "filename-invalid",
        }
    }
}

/// Reads the name of a wheel or sdist; every part must follow its own grammar.
///
/// Capitals and dots in the project part are taken (old files have them); the variant label of PEP 825 is refused by name.
pub fn parse_dist_filename(filename: &str) -> Result<DistFileName, FileNameError> {
    if let Some(stem) = filename.strip_suffix(".whl") {
        check_text(filename)?;
        return parse_wheel(filename, stem).map(DistFileName::Wheel);
    }
    if let Some(stem) = filename.strip_suffix(".tar.gz") {
        check_text(filename)?;
        return parse_sdist(filename, stem).map(DistFileName::Sdist);
    }
    let filename = shown(filename);
    Err(match filename.to_ascii_lowercase().contains(".whl") {
        true => FileNameError::Extension { filename },
        false => FileNameError::Type { filename },
    })
}

fn check_text(filename: &str) -> Result<(), FileNameError> {
    if filename.len() > MAX_FILE_NAME_BYTES {
        return Err(FileNameError::TooLong { bytes: filename.len() });
    }
    match filename.chars().find(|c| !c.is_ascii_graphic() || FORBIDDEN.contains(*c)) {
        Some(character) => Err(FileNameError::Character { character }),
        None => Ok(()),
    }
}

fn parse_wheel(filename: &str, stem: &str) -> Result<WheelName, FileNameError> {
    let parts: Vec<&str> = stem.split('-').collect();
    let has_build = parts.get(2).is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let (build, tags) = match (&parts[..], has_build) {
        ([_, _, python, abi, platform], false) => (None, [*python, *abi, *platform]),
        ([_, _, build, python, abi, platform], true) => (Some(*build), [*python, *abi, *platform]),
        ([_, _, _, _, _, _], false) | ([_, _, _, _, _, _, _], true) => {
            return Err(FileNameError::Variant { filename: filename.to_owned() });
        }
        _ => return Err(FileNameError::Parts { filename: filename.to_owned(), count: parts.len() }),
    };
    let (project, version) = parse_name_and_version(filename, parts[0], parts[1])?;
    let build = match build {
        Some(build) => Some(
            BuildTag::from_str(build)
                .map_err(|_| FileNameError::Build { filename: filename.to_owned(), build: build.to_owned() })?,
        ),
        None => None,
    };
    let count = expanded_count(tags[0], tags[1], tags[2]);
    if count > MAX_EXPANDED_TAGS {
        return Err(FileNameError::TooManyTags { count });
    }
    let tags = WheelTag::expand(tags[0], tags[1], tags[2])
        .map_err(|tag| FileNameError::Tag { filename: filename.to_owned(), tag })?;
    Ok(WheelName { project, version, build, tags, text: filename.to_owned() })
}

fn parse_sdist(filename: &str, stem: &str) -> Result<SdistName, FileNameError> {
    // Old names keep hyphens in the project part, so the last one divides.
    let Some((name, version)) = stem.rsplit_once('-') else {
        return Err(FileNameError::Parts { filename: filename.to_owned(), count: 1 });
    };
    let (project, version) = parse_name_and_version(filename, name, version)?;
    Ok(SdistName { project, version, text: filename.to_owned() })
}

fn parse_name_and_version(filename: &str, name: &str, version: &str) -> Result<(ProjectName, Version), FileNameError> {
    let project =
        ProjectName::from_str(name).map_err(|error| FileNameError::Name { filename: filename.to_owned(), error })?;
    if name.contains("__") {
        return Err(FileNameError::DoubleUnderscore { filename: filename.to_owned() });
    }
    let version =
        parse_version(version).map_err(|error| FileNameError::Version { filename: filename.to_owned(), error })?;
    Ok((project, version))
}

impl WheelName {
    /// The file name as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Key under which two wheels are the same one: normalized name, release key, build tag, expanded tags.
    ///
    /// `Foo_Bar-1.0.0-py3-none-any.whl` and `foo_bar-1.0-py3-none-any.whl` share it.
    pub fn identity_key(&self) -> String {
        let build = self.build.as_ref().map(BuildTag::to_string).unwrap_or_default();
        let tags: Vec<String> = self.tags.iter().map(WheelTag::to_string).collect();
        format!("{}/{}/{build}/{}", self.project, release_key(&self.version), tags.join(","))
    }

    /// Whether some of its tags name a machine or an interpreter's ABI.
    pub fn is_native(&self) -> bool {
        !self.tags.iter().all(|tag| tag.is_portable() && tag.abi == "none")
    }
}

impl SdistName {
    /// The file name as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Key under which two sdists are the same one: normalized name and release key.
    pub fn identity_key(&self) -> String {
        format!("{}/{}/sdist", self.project, release_key(&self.version))
    }

    /// The name of the one folder that everything inside lies in, as the current form spells it.
    pub fn top_folder(&self) -> &str {
        self.text.strip_suffix(".tar.gz").unwrap_or(&self.text)
    }
}

impl DistFileName {
    /// The file name as it was given.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Wheel(name) => name.as_str(),
            Self::Sdist(name) => name.as_str(),
        }
    }

    /// The project, normalized.
    pub fn project(&self) -> &ProjectName {
        match self {
            Self::Wheel(name) => &name.project,
            Self::Sdist(name) => &name.project,
        }
    }

    /// The version, normalized.
    pub fn version(&self) -> &Version {
        match self {
            Self::Wheel(name) => &name.version,
            Self::Sdist(name) => &name.version,
        }
    }
}

/// A file name type is its text: equality, order, hash, serde and display follow it.
macro_rules! is_its_text {
    ($type:ident, $parse:expr) => {
        impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $type {}

        impl PartialOrd for $type {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $type {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        impl std::hash::Hash for $type {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self.as_str())
            }
        }

        show_and_read!($type, $parse);
    };
}

/// Display, `FromStr` and serde through the text.
macro_rules! show_and_read {
    ($type:ident, $parse:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = FileNameError;

            fn from_str(filename: &str) -> Result<Self, FileNameError> {
                parse_dist_filename(filename).and_then($parse)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

is_its_text!(WheelName, |name| match name {
    DistFileName::Wheel(name) => Ok(name),
    DistFileName::Sdist(name) => Err(FileNameError::Extension { filename: name.text }),
});
is_its_text!(SdistName, |name| match name {
    DistFileName::Sdist(name) => Ok(name),
    DistFileName::Wheel(name) => Err(FileNameError::Type { filename: name.text }),
});
show_and_read!(DistFileName, Ok);

#[cfg(test)]
#[path = "filenames_tests.rs"]
mod tests;
