//! Platform compatibility tags: what a wheel says it fits, and what a target accepts, best first.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uv_platform_tags::{Arch, Platform, Tags, TagsOptions};

use super::faults::shown;
use super::filenames::WheelName;

/// Most tags a target may list: twice what the newest glibc and Python give, far below what costs memory.
pub const MAX_ACCEPTED_TAGS: usize = 20_000;

/// Highest minor version of glibc, musl or Python that a target may name: the tag list grows with their product.
const MAX_MINOR: u16 = 99;

/// One expanded tag, such as `cp312-abi3-manylinux_2_17_x86_64`; lower case, as installers compare it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WheelTag {
    /// Language and version, such as `cp312` or `py3`.
    pub python: String,
    /// ABI, such as `cp312`, `abi3` or `none`.
    pub abi: String,
    /// Platform, such as `manylinux_2_17_x86_64` or `any`.
    pub platform: String,
}

/// The interpreter and platform from which a target's tags follow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PlatformSpec {
    /// `cpython`, `pypy` or `graalpy`.
    pub implementation: String,
    /// Major and minor version of the language.
    pub python_version: (u8, u8),
    /// Major and minor version of the implementation; equal to `python_version` for CPython.
    pub implementation_version: (u8, u8),
    /// Whether it is CPython's free-threaded build (`cp313t`).
    pub is_free_threaded: bool,
    /// Operating system with the version floor of its C library.
    pub os: Os,
    /// Machine, such as `x86_64` or `aarch64`.
    pub arch: String,
}

/// Operating system of a target with the version that decides which wheels run there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Linux with glibc of this version.
    Manylinux {
        /// Always 2 so far.
        major: u16,
        /// glibc's minor version.
        minor: u16,
    },
    /// Linux with musl of this version.
    Musllinux {
        /// Always 1 so far.
        major: u16,
        /// musl's minor version.
        minor: u16,
    },
    /// macOS of this version.
    Macos {
        /// 10, or the number of the yearly release.
        major: u16,
        /// Minor version; counts only for 10.
        minor: u16,
    },
    /// Windows.
    Windows,
}

/// The tags a target accepts, best first.
#[derive(Debug, Clone)]
pub struct AcceptedTags {
    ordered: Vec<WheelTag>,
    rank: HashMap<WheelTag, u32>,
}

/// How well a wheel fits; the greater one is the better fit. Comparable within one [`AcceptedTags`] only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagPriority(u32);

/// Why a target has no tag list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// An architecture without tags.
    #[error("`{arch}` is not an architecture that platform tags know, such as `x86_64` or `aarch64`")]
    UnknownArchitecture {
        /// As given, safe to show.
        arch: String,
    },
    /// An implementation or a combination without tags.
    #[error("there are no platform tags for this target: {reason}")]
    UnknownPlatform {
        /// What does not fit.
        reason: String,
    },
    /// A text that is not one expanded tag.
    #[error("`{text}` is not a tag of the form `python-abi-platform`")]
    NotATag {
        /// As given, safe to show.
        text: String,
    },
    /// A tag list that is empty or larger than `MAX_ACCEPTED_TAGS`.
    #[error("a target lists {count} tags; it needs at least one and at most {MAX_ACCEPTED_TAGS}")]
    WrongCount {
        /// How many there are.
        count: usize,
    },
}

impl WheelTag {
    /// The cross product of three compressed sets, such as `py2.py3`, `none`, `any` (PEP 425, "Compressed tag sets").
    ///
    /// Fails with the part that is no tag. The caller bounds the count with [`expanded_count`] first.
    pub(super) fn expand(python: &str, abi: &str, platform: &str) -> Result<Vec<Self>, String> {
        for atom in [python, abi, platform].into_iter().flat_map(|set| set.split('.')) {
            if atom.is_empty() || !atom.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(shown(atom));
            }
        }
        if let Some(atom) = python.split('.').find(|atom| atom.starts_with(|c: char| c.is_ascii_digit())) {
            return Err(shown(atom));
        }
        let mut tags = Vec::new();
        for python in python.split('.') {
            for abi in abi.split('.') {
                for platform in platform.split('.') {
                    tags.push(Self {
                        python: python.to_ascii_lowercase(),
                        abi: abi.to_ascii_lowercase(),
                        platform: platform.to_ascii_lowercase(),
                    });
                }
            }
        }
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    /// Whether the tag names no machine: any platform runs it.
    pub fn is_portable(&self) -> bool {
        self.platform == "any"
    }
}

/// How many tags three compressed sets expand to.
pub(super) fn expanded_count(python: &str, abi: &str, platform: &str) -> usize {
    [python, abi, platform].iter().map(|set| set.split('.').count()).fold(1, usize::saturating_mul)
}

impl FromStr for WheelTag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, TagError> {
        let refused = || TagError::NotATag { text: shown(text) };
        let parts: Vec<&str> = text.split('-').collect();
        let [python, abi, platform] = parts[..] else { return Err(refused()) };
        let expanded = Self::expand(python, abi, platform).map_err(|_| refused())?;
        match <[Self; 1]>::try_from(expanded) {
            Ok([tag]) if !text.contains('.') => Ok(tag),
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for WheelTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.python, self.abi, self.platform)
    }
}

/// Tags a target accepts, best first, as the platform-compatibility-tags specification orders them.
///
/// `manylinux` tags go down to glibc 2.5 on x86, 2.17 elsewhere; bare `linux` comes last. Fails for an implementation,
/// architecture or version the specification does not know; such a target can be given by its own list
/// ([`AcceptedTags::from_strings`]).
pub fn accepted_tags(spec: &PlatformSpec) -> Result<AcceptedTags, TagError> {
    let arch = match spec.arch.as_str() {
        "amd64" | "AMD64" => "x86_64",
        "arm64" | "ARM64" => "aarch64",
        "x86" | "i386" => "i686",
        other => other,
    };
    let arch = Arch::from_str(arch).map_err(|_| TagError::UnknownArchitecture { arch: shown(&spec.arch) })?;
    let unknown = |reason: &str| TagError::UnknownPlatform { reason: reason.to_owned() };
    if spec.python_version.0 != 3 || u16::from(spec.python_version.1) > MAX_MINOR {
        return Err(unknown("only Python 3 is served"));
    }
    let os = match spec.os {
        Os::Manylinux { major: 2, minor } if minor <= MAX_MINOR => uv_platform_tags::Os::Manylinux { major: 2, minor },
        Os::Musllinux { major: 1, minor } if minor <= MAX_MINOR => uv_platform_tags::Os::Musllinux { major: 1, minor },
        Os::Macos { major, minor } if major <= MAX_MINOR => uv_platform_tags::Os::Macos { major, minor },
        Os::Windows => uv_platform_tags::Os::Windows,
        _ => return Err(unknown("the version of the operating system or C library is out of range")),
    };
    let options = TagsOptions {
        manylinux_compatible: true,
        gil_disabled: spec.is_free_threaded,
        debug_enabled: false,
        is_cross: true,
    };
    let tags = Tags::from_env(
        Platform::new(os, arch),
        spec.python_version,
        &spec.implementation,
        spec.implementation_version,
        options,
    )
    .map_err(|error| unknown(&shown(&error.to_string())))?;
    // The list prints itself from best to worst, one tag a line; that order is the only thing we need of it.
    let lines: Vec<String> = tags.to_string().lines().map(str::to_owned).collect();
    AcceptedTags::from_strings(&lines)
}

impl AcceptedTags {
    /// An explicit list, best first, such as a probed host reports; repeated tags keep their best place.
    pub fn from_strings<S: AsRef<str>>(tags: &[S]) -> Result<Self, TagError> {
        if tags.is_empty() || tags.len() > MAX_ACCEPTED_TAGS {
            return Err(TagError::WrongCount { count: tags.len() });
        }
        let mut accepted = Self { ordered: Vec::with_capacity(tags.len()), rank: HashMap::with_capacity(tags.len()) };
        for text in tags {
            let tag: WheelTag = text.as_ref().parse()?;
            let worse_than = u32::try_from(accepted.ordered.len()).unwrap_or(u32::MAX);
            if !accepted.rank.contains_key(&tag) {
                accepted.rank.insert(tag.clone(), u32::MAX - worse_than);
                accepted.ordered.push(tag);
            }
        }
        Ok(accepted)
    }

    /// How well a wheel fits, or `None` if it does not run on the target.
    pub fn priority(&self, wheel: &WheelName) -> Option<TagPriority> {
        wheel.tags.iter().filter_map(|tag| self.rank.get(tag)).max().copied().map(TagPriority)
    }

    /// The tags, best first.
    pub fn iter(&self) -> impl Iterator<Item = &WheelTag> {
        self.ordered.iter()
    }

    /// The tags as text, best first.
    pub fn tag_strings(&self) -> Vec<String> {
        self.ordered.iter().map(WheelTag::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::{DistFileName, parse_dist_filename};

    fn spec(os: Os, arch: &str) -> PlatformSpec {
        PlatformSpec {
            implementation: "cpython".into(),
            python_version: (3, 11),
            implementation_version: (3, 11),
            is_free_threaded: false,
            os,
            arch: arch.into(),
        }
    }

    fn debian() -> AcceptedTags {
        accepted_tags(&spec(Os::Manylinux { major: 2, minor: 36 }, "x86_64")).unwrap()
    }

    fn wheel(tag: &str) -> WheelName {
        match parse_dist_filename(&format!("demo-1.0-{tag}.whl")).unwrap() {
            DistFileName::Wheel(wheel) => wheel,
            DistFileName::Sdist(_) => panic!("not a wheel"),
        }
    }

    #[test]
    fn ok_better_fits_come_first() {
        // Platform compatibility tags, "Use": the exact ABI, then abi3, then the language alone.
        let accepted = debian();
        let order = [
            "cp311-cp311-manylinux_2_36_x86_64",
            "cp311-cp311-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux2014_x86_64",
            "cp311-cp311-linux_x86_64",
            "cp311-abi3-manylinux_2_17_x86_64",
            "cp38-abi3-manylinux1_x86_64",
            "py3-none-manylinux_2_17_x86_64",
            "cp311-none-any",
            "py311-none-any",
            "py3-none-any",
            "py38-none-any",
        ];
        for pair in order.windows(2) {
            let (better, worse) = (accepted.priority(&wheel(pair[0])), accepted.priority(&wheel(pair[1])));
            assert!(better.is_some() && better > worse && worse.is_some(), "{pair:?}");
        }
        assert_eq!(accepted.tag_strings()[0], order[0]);
        assert_eq!(accepted.tag_strings().len(), accepted.iter().count());
    }

    #[test]
    fn ok_a_set_is_as_good_as_its_best_tag() {
        let accepted = debian();
        let set = wheel("py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64");
        assert_eq!(accepted.priority(&set), accepted.priority(&wheel("py3-none-manylinux_2_17_x86_64")));
    }

    #[test]
    fn err_wheels_for_another_platform_abi_or_python_do_not_fit() {
        for tag in [
            "cp311-cp311-win_amd64",
            "cp311-cp311-manylinux_2_39_x86_64",
            "cp311-cp311t-manylinux_2_17_x86_64",
            "cp313-cp313-manylinux_2_17_x86_64",
            "py4.py5-none-any",
        ] {
            assert_eq!(debian().priority(&wheel(tag)), None, "{tag}");
        }
    }

    #[test]
    fn ok_other_platforms() {
        for (os, arch, accepted, refused) in [
            (
                Os::Musllinux { major: 1, minor: 2 },
                "aarch64",
                "cp311-cp311-musllinux_1_1_aarch64",
                "cp311-cp311-manylinux_2_17_aarch64",
            ),
            (
                Os::Macos { major: 14, minor: 0 },
                "arm64",
                "cp311-cp311-macosx_11_0_arm64",
                "cp311-cp311-macosx_15_0_arm64",
            ),
            (
                Os::Macos { major: 14, minor: 0 },
                "x86_64",
                "cp311-cp311-macosx_10_9_universal2",
                "cp311-cp311-macosx_11_0_arm64",
            ),
            (Os::Windows, "amd64", "cp311-cp311-win_amd64", "cp311-cp311-win32"),
        ] {
            let tags = accepted_tags(&spec(os, arch)).unwrap();
            assert!(tags.rank.contains_key(&accepted.parse().unwrap()), "{accepted}");
            assert!(!tags.rank.contains_key(&refused.parse().unwrap()), "{refused}");
        }
    }

    #[test]
    fn ok_free_threaded_python_takes_its_own_abi_only() {
        let free = PlatformSpec {
            python_version: (3, 13),
            implementation_version: (3, 13),
            is_free_threaded: true,
            ..spec(Os::Manylinux { major: 2, minor: 36 }, "x86_64")
        };
        let tags = accepted_tags(&free).unwrap();
        assert!(tags.priority(&wheel("cp313-cp313t-manylinux_2_17_x86_64")).is_some());
        assert!(tags.priority(&wheel("cp313-cp313-manylinux_2_17_x86_64")).is_none());
        assert!(tags.priority(&wheel("py3-none-any")).is_some());
    }

    #[test]
    fn ok_an_explicit_list_keeps_its_order() {
        let tags = AcceptedTags::from_strings(&["py3-none-any", "cp311-cp311-linux_x86_64", "py3-none-any"]).unwrap();
        assert_eq!(tags.tag_strings(), ["py3-none-any", "cp311-cp311-linux_x86_64"]);
        assert!(tags.priority(&wheel("py3-none-any")) > tags.priority(&wheel("cp311-cp311-linux_x86_64")));
    }

    #[test]
    fn err_targets_without_tags() {
        let good = spec(Os::Manylinux { major: 2, minor: 36 }, "x86_64");
        for broken in [
            PlatformSpec { arch: "pdp11".into(), ..good.clone() },
            PlatformSpec { implementation: "jython".into(), ..good.clone() },
            PlatformSpec { python_version: (2, 7), ..good.clone() },
            PlatformSpec { python_version: (3, 200), ..good.clone() },
            PlatformSpec { os: Os::Manylinux { major: 2, minor: 60000 }, ..good.clone() },
            PlatformSpec { os: Os::Manylinux { major: 3, minor: 1 }, ..good.clone() },
            PlatformSpec { os: Os::Macos { major: 9, minor: 0 }, ..good.clone() },
            PlatformSpec { implementation: "pypy".into(), is_free_threaded: true, ..good },
        ] {
            assert!(accepted_tags(&broken).is_err(), "{broken:?}");
        }
        for list in
            [&[][..], &["py3-none"], &["py2.py3-none-any"], &["py3-none-any-x"], &["3py-none-any"], &["py3--any"]]
        {
            assert!(AcceptedTags::from_strings(list).is_err(), "{list:?}");
        }
    }
}
