//! Project and extra names: PEP 508 grammar, PEP 503 normalization.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
pub use uv_normalize::ExtraName;
use uv_normalize::PackageName;

/// Longest project name, in bytes: file names with two of them and a version must still fit 255 bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// The normalized name of a project: lowercase ASCII, runs of `-`, `_` and `.` folded into one `-` (PEP 503).
///
/// `FromStr` is the only way in from text, also for serde, so `Foo.Bar` and `foo-bar` are equal everywhere inside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectName(PackageName);

/// Why a text is not a project name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The grammar of PEP 508 does not hold.
    #[error(
        "`{name}` is not a project name; it needs ASCII letters, digits, `.`, `_` and `-`, and a letter or digit at both ends"
    )]
    NotAName {
        /// The text, safe to show.
        name: String,
    },
    /// Longer than `MAX_NAME_BYTES`.
    #[error("the project name has {bytes} bytes; at most {MAX_NAME_BYTES} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
}

impl ProjectName {
    /// The normalized text.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    /// What a hasty reader sees of the name: names that look alike have one (PyPI calls it ultranormalized; standards UPL-22).
    pub fn look(&self) -> String {
        let seen = |letter: char| match letter {
            '-' => None,
            'o' => Some('0'),
            'l' | 'i' => Some('1'),
            other => Some(other),
        };
        self.as_str().chars().filter_map(seen).collect()
    }

    /// The name as it is spelled inside wheel file names and `.dist-info` folders: `-` becomes `_`.
    pub fn as_file_name_part(&self) -> String {
        self.as_str().replace('-', "_")
    }
}

impl FromStr for ProjectName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        if name.len() > MAX_NAME_BYTES {
            return Err(NameError::TooLong { bytes: name.len() });
        }
        PackageName::from_str(name).map(Self).map_err(|_| NameError::NotAName { name: super::faults::shown(name) })
    }
}

impl From<PackageName> for ProjectName {
    fn from(name: PackageName) -> Self {
        Self(name)
    }
}

impl From<&PackageName> for ProjectName {
    fn from(name: &PackageName) -> Self {
        Self(name.clone())
    }
}

impl AsRef<str> for ProjectName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProjectName({})", self.as_str())
    }
}

impl Serialize for ProjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ProjectName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a text may stand as the spelling of a project's name: the grammar of PEP 508 within `MAX_NAME_BYTES`.
pub fn is_valid_display_name(name: &str) -> bool {
    ProjectName::from_str(name).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_names_are_normalized() {
        for (given, normal) in [
            ("demo", "demo"),
            ("Foo.Bar", "foo-bar"),
            ("foo-_.bar", "foo-bar"),
            ("A1", "a1"),
            ("x", "x"),
            ("0", "0"),
            (&"a".repeat(128), &"a".repeat(128)),
        ] {
            assert_eq!(given.parse::<ProjectName>().unwrap().as_str(), normal);
        }
    }

    #[test]
    fn err_names() {
        for name in [
            "",
            "-a",
            "a-",
            ".a",
            "a_",
            "a b",
            "a/b",
            "a\n",
            "a\0",
            "\u{212a}elvin",
            "b\u{131}",
            "b\u{456}",
            "ａ",
            "a%41",
            &"a".repeat(129),
        ] {
            assert!(name.parse::<ProjectName>().is_err(), "{name:?}");
            assert!(!is_valid_display_name(name), "{name:?}");
        }
    }

    #[test]
    fn serde_goes_through_the_grammar() {
        assert_eq!(serde_json::from_str::<ProjectName>("\"Foo_Bar\"").unwrap().as_str(), "foo-bar");
        assert!(serde_json::from_str::<ProjectName>("\"a b\"").is_err());
        assert_eq!(serde_json::to_string(&"Foo.Bar".parse::<ProjectName>().unwrap()).unwrap(), "\"foo-bar\"");
    }

    proptest! {
        #[test]
        fn normalization_is_idempotent(name in "[A-Za-z0-9]([A-Za-z0-9._-]{0,40}[A-Za-z0-9])?") {
            let once: ProjectName = name.parse().unwrap();
            let twice: ProjectName = once.as_str().parse().unwrap();
            prop_assert_eq!(once.as_str(), twice.as_str());
        }

        #[test]
        fn any_text_is_judged_without_panic(name in "\\PC{0,200}") {
            let _ = name.parse::<ProjectName>();
        }
    }
}
