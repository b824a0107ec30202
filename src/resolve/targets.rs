//! Target environments: presets for real hosts, checks of written-out ones, and what markers and tags make of them.

use crate::index::Index;
use crate::model::{Libc, Target, TargetError};
use crate::packaging::{
    AcceptedTags, MarkerEnvironment, MarkerValues, Os, PlatformSpec, TagError, Version, accepted_tags, parse_version,
    shown,
};

use super::ResolveError;

/// Debian releases that presets exist for: name, `python3` of its archive, glibc.
///
/// The patch number matters: Requires-Python is judged against the full version. These are the versions of the last
/// point release of each.
const DEBIAN: &[(&str, &str, (u16, u16))] =
    &[("debian-11", "3.9.2", (2, 31)), ("debian-12", "3.11.2", (2, 36)), ("debian-13", "3.13.5", (2, 41))];

/// The one architecture that presets exist for so far.
const PRESET_ARCH: &str = "x86_64";

/// Longest name of a target, in bytes: it stands in locks, file names and messages.
const MAX_NAME_BYTES: usize = 64;

/// A target as the solver takes it: markers and tags worked out.
#[derive(Clone, Debug)]
pub struct TargetEnv {
    /// Name that messages use.
    pub name: String,
    /// Values that markers are judged against.
    pub markers: MarkerEnvironment,
    /// Tags that a wheel must have one of, best first.
    pub tags: AcceptedTags,
    /// Full Python version, which Requires-Python is judged against.
    pub python: Version,
    /// The best tag in words, for example ``cp311 on manylinux_2_36_x86_64``.
    pub tag_words: String,
}

/// Every preset, by name.
pub fn presets() -> Vec<Target> {
    DEBIAN.iter().map(|(name, python, libc)| debian(name, python, *libc)).collect()
}

/// The preset of this name; `debian-12/x86_64` is another spelling of `debian-12`.
pub fn preset(name: &str) -> Option<Target> {
    let release = match name.split_once('/') {
        Some((release, PRESET_ARCH)) => release,
        Some(_) => return None,
        None => name,
    };
    presets().into_iter().find(|target| target.name == release)
}

/// The preset or saved target of this name. Fails with [`TargetError::Unknown`].
pub async fn find_target(index: &Index, name: &str) -> Result<Target, ResolveError> {
    if let Some(target) = preset(name) {
        return Ok(target);
    }
    match index.find_target(name).await? {
        Some(target) => Ok(target),
        None => Err(TargetError::Unknown { name: shown(name) }.into()),
    }
}

/// The presets, then the saved targets, each by name; a saved one cannot take the place of a preset.
pub async fn list_targets(index: &Index) -> Result<Vec<Target>, ResolveError> {
    let mut targets = presets();
    let saved = index.list_targets().await?;
    targets.extend(saved.into_iter().filter(|target| preset(&target.name).is_none()));
    Ok(targets)
}

fn debian(name: &str, python: &str, libc: (u16, u16)) -> Target {
    Target {
        name: name.to_owned(),
        implementation: "cpython".to_owned(),
        python_full_version: python.to_owned(),
        arch: PRESET_ARCH.to_owned(),
        os: "linux".to_owned(),
        libc: Some(Libc { name: "glibc".to_owned(), version: libc }),
        platform_release: String::new(),
        platform_version: String::new(),
        tags: None,
    }
}

impl TryFrom<&Target> for TargetEnv {
    type Error = TargetError;

    /// Checks every field and works out markers and tags.
    fn try_from(target: &Target) -> Result<Self, TargetError> {
        let fault = |field: &'static str, given: &str, expected: &'static str| TargetError::Field {
            name: shown(&target.name),
            field,
            given: shown(given),
            expected,
        };
        check_name(target)?;
        if target.os != "linux" {
            return Err(fault("os", &target.os, "only `linux` is known so far"));
        }
        if !matches!(target.implementation.as_str(), "cpython" | "pypy") {
            return Err(fault("implementation", &target.implementation, "`cpython` or `pypy` is expected"));
        }
        let patch = "three numbers with the patch number are expected, like `3.11.2`";
        let python = parse_version(&target.python_full_version)
            .ok()
            .filter(|version| version.release().len() >= 3)
            .ok_or_else(|| fault("python_full_version", &target.python_full_version, patch))?;
        let short =
            python_pair(&python).ok_or_else(|| fault("python_full_version", &target.python_full_version, patch))?;
        let tags = tags_of(target, short)?;
        let markers = markers_of(target, short);
        let markers =
            markers.to_environment().map_err(|_| fault("python_full_version", &target.python_full_version, patch))?;
        let tag_words =
            tags.iter().next().map_or_else(String::new, |tag| format!("{} on {}", tag.python, tag.platform));
        Ok(Self { name: target.name.clone(), markers, tags, python, tag_words })
    }
}

fn check_name(target: &Target) -> Result<(), TargetError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
    let name = &target.name;
    if !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(plain) {
        return Ok(());
    }
    let expected = "up to 64 letters, digits, `.`, `_`, `-` and `/` are expected";
    Err(TargetError::Field { name: shown(name), field: "name", given: shown(name), expected })
}

/// Major and minor version.
fn python_pair(python: &Version) -> Option<(u8, u8)> {
    let [major, minor, ..] = python.release()[..] else { return None };
    Some((u8::try_from(major).ok()?, u8::try_from(minor).ok()?))
}

fn tags_of(target: &Target, python_version: (u8, u8)) -> Result<AcceptedTags, TargetError> {
    let fault = |field: &'static str, given: String, expected: &'static str| TargetError::Field {
        name: shown(&target.name),
        field,
        given,
        expected,
    };
    if let Some(tags) = &target.tags {
        let expected = "a list of tags like `cp311-cp311-manylinux_2_36_x86_64` is expected, best first";
        return AcceptedTags::from_strings(tags).map_err(|error| fault("tags", error.to_string(), expected));
    }
    if target.implementation != "cpython" {
        // PyPy's ABI tags carry its own version, which a target does not say.
        let expected = "so its `tags` have to be listed; `packaging.tags` on such a host prints them";
        return Err(fault("implementation", target.implementation.clone(), expected));
    }
    let libc_expected = "`glibc` 2.x or `musl` 1.x is expected for `linux`";
    let Some(libc) = &target.libc else { return Err(fault("libc", "null".to_owned(), libc_expected)) };
    let (major, minor) = libc.version;
    let os = match (libc.name.as_str(), major) {
        ("glibc", 2) => Os::Manylinux { major, minor },
        ("musl", 1) => Os::Musllinux { major, minor },
        _ => return Err(fault("libc", format!("{} {major}.{minor}", libc.name), libc_expected)),
    };
    let spec = PlatformSpec {
        implementation: target.implementation.clone(),
        python_version,
        implementation_version: python_version,
        is_free_threaded: false,
        os,
        arch: target.arch.clone(),
    };
    accepted_tags(&spec).map_err(|error| match error {
        TagError::UnknownArchitecture { arch } => {
            fault("arch", arch, "a machine as `platform.machine()` names it is expected, like `x86_64` or `aarch64`")
        }
        error => fault("python_full_version", error.to_string(), "so its `tags` have to be listed"),
    })
}

fn markers_of(target: &Target, (major, minor): (u8, u8)) -> MarkerValues {
    let is_cpython = target.implementation == "cpython";
    MarkerValues {
        implementation_name: target.implementation.clone(),
        // PyPy's own version is not part of a target; `0` stands for a version that cannot be computed (DEP-02).
        implementation_version: if is_cpython { target.python_full_version.clone() } else { "0".to_owned() },
        os_name: "posix".to_owned(),
        platform_machine: target.arch.clone(),
        platform_python_implementation: if is_cpython { "CPython" } else { "PyPy" }.to_owned(),
        platform_release: target.platform_release.clone(),
        platform_system: "Linux".to_owned(),
        platform_version: target.platform_version.clone(),
        python_full_version: target.python_full_version.clone(),
        python_version: format!("{major}.{minor}"),
        sys_platform: target.os.clone(),
    }
}
