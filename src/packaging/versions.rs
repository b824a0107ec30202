//! Versions and specifiers (PEP 440), and the key under which a release is stored.

use std::fmt::Write as _;
use std::str::FromStr;

pub use uv_pep440::{Operator, Version, VersionSpecifier, VersionSpecifiers};

/// Longest version text, in bytes: longer ones are no versions of people, and the text is a key and part of file names.
pub const MAX_VERSION_BYTES: usize = 128;

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version as PEP 440 defines it")]
pub struct VersionError {
    /// The text, safe to show.
    pub text: String,
}

/// Reads a version; whitespace around it, control characters and more than `MAX_VERSION_BYTES` are refused.
pub fn parse_version(text: &str) -> Result<Version, VersionError> {
    let refused = || VersionError { text: super::faults::shown(text) };
    if text.is_empty() || text.len() > MAX_VERSION_BYTES || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(refused());
    }
    Version::from_str(text).map_err(|_| refused())
}

/// Reads `Requires-Python`, also in the old form `>=3.6.*`, as every installer reads it; `None` if it is no set of specifiers.
pub fn parse_requires_python(text: &str) -> Option<VersionSpecifiers> {
    if let Ok(specifiers) = VersionSpecifiers::from_str(text) {
        return Some(specifiers);
    }
    let without_wildcard = |part: &str| match part.starts_with(['<', '>', '~']) {
        true => part.strip_suffix(".*").unwrap_or(part).to_owned(),
        false => part.to_owned(),
    };
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    VersionSpecifiers::from_str(&parts.map(without_wildcard).collect::<Vec<_>>().join(",")).ok()
}

/// The key of a release: normalized, trailing zeros of the release segment dropped, so `1.0` and `1.0.0` are one release.
///
/// Equal versions (PEP 440, version matching with zero padding) have equal keys, and different ones different keys.
pub fn release_key(version: &Version) -> String {
    let mut key = String::new();
    if version.epoch() != 0 {
        let _ = write!(key, "{}!", version.epoch());
    }
    let release = version.release();
    let kept = release.iter().rposition(|segment| *segment != 0).map_or(1, |last| last + 1);
    for (position, segment) in release.iter().take(kept).enumerate() {
        let _ = write!(key, "{}{segment}", if position == 0 { "" } else { "." });
    }
    if let Some(pre) = version.pre() {
        let _ = write!(key, "{pre}");
    }
    if let Some(post) = version.post() {
        let _ = write!(key, ".post{post}");
    }
    if let Some(dev) = version.dev() {
        let _ = write!(key, ".dev{dev}");
    }
    if version.is_local() {
        let _ = write!(key, "+{}", version.local());
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_versions_are_normalized() {
        // PEP 440, "Normalization".
        for (given, normal) in [
            ("1.1RC1", "1.1rc1"),
            ("1.0-1", "1.0.post1"),
            ("1.2.dev", "1.2.dev0"),
            ("1.0+ubuntu-1", "1.0+ubuntu.1"),
            ("v1.0", "1.0"),
            ("1.0+foo0100", "1.0+foo0100"),
            ("09000", "9000"),
            ("1.0alpha1", "1.0a1"),
            ("1.0-preview2", "1.0rc2"),
            ("1.0.rev3", "1.0.post3"),
            ("1!2.0", "1!2.0"),
            ("1.0rc1.post2.dev3", "1.0rc1.post2.dev3"),
        ] {
            assert_eq!(parse_version(given).unwrap().to_string(), normal, "{given}");
        }
    }

    #[test]
    fn err_versions() {
        for text in
            ["", "1.0-", "1.0_cu1", "not a version", "1.0\0", "1.0\n", " 1.0", "1.0.x", "1..0", &"1".repeat(129)]
        {
            assert!(parse_version(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ok_release_keys() {
        for (given, key) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1.0.0", "1"),
            ("0.0", "0"),
            ("1.0.1", "1.0.1"),
            ("1.10", "1.10"),
            ("1!2.0", "1!2"),
            ("1.0rc1", "1rc1"),
            ("1.0.post2.dev3", "1.post2.dev3"),
            ("1.0.0+CU-1", "1+cu.1"),
        ] {
            assert_eq!(release_key(&parse_version(given).unwrap()), key, "{given}");
        }
    }

    #[test]
    fn ok_order_of_the_specification() {
        // PEP 440, "Summary of permitted suffixes and relative ordering", with local versions.
        let sorted = [
            "1.0.dev456",
            "1.0a1",
            "1.0a2.dev456",
            "1.0a12.dev456",
            "1.0a12",
            "1.0b1.dev456",
            "1.0b2",
            "1.0b2.post345.dev456",
            "1.0b2.post345",
            "1.0rc1.dev456",
            "1.0rc1",
            "1.0",
            "1.0+abc.5",
            "1.0+abc.7",
            "1.0+5",
            "1.0.post456.dev34",
            "1.0.post456",
            "1.0.15",
            "1.1.dev1",
            "1!0.1",
        ];
        for pair in sorted.windows(2) {
            assert!(parse_version(pair[0]).unwrap() < parse_version(pair[1]).unwrap(), "{pair:?}");
        }
    }

    #[test]
    fn ok_specifiers() {
        // PEP 440, "Version specifiers".
        for (specifiers, version, holds) in [
            ("~=2.2", "2.3", true),
            ("~=2.2", "3.0", false),
            ("==1.1.*", "1.1.5", true),
            ("==1.0", "1.0+local", true),
            ("==1.0+local", "1.0", false),
            (">1.7", "1.7.0.post1", false),
            (">1.7", "1.7+x", false),
            ("<1.7", "1.7rc1", false),
            (">=1.0,<2", "1.9", true),
        ] {
            let specifiers: VersionSpecifiers = specifiers.parse().unwrap();
            assert_eq!(specifiers.contains(&parse_version(version).unwrap()), holds, "{specifiers} {version}");
        }
        for specifiers in ["~=1", "==1.0.x", ">=1<2", "3.x", "><1"] {
            assert!(specifiers.parse::<VersionSpecifiers>().is_err(), "{specifiers}");
        }
    }

    #[test]
    fn ok_requires_python_of_old_files() {
        for (text, read) in [
            (">=3.8", Some(">=3.8")),
            (">=3.6.*, <4", Some(">=3.6, <4")),
            ("==3.6.*", Some("==3.6.*")),
            (">=3.6,", Some(">=3.6")),
            ("three", None),
            (">=3.x", None),
        ] {
            let expected: Option<VersionSpecifiers> = read.map(|read| read.parse().unwrap());
            assert_eq!(parse_requires_python(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_for_equal_versions(
            a in "[0-2](\\.[0-2]){0,3}(rc1)?(\\.post1)?(\\+a)?", b in "[0-2](\\.[0-2]){0,3}(rc1)?(\\.post1)?(\\+a)?"
        ) {
            let (a, b) = (parse_version(&a).unwrap(), parse_version(&b).unwrap());
            prop_assert_eq!(a == b, release_key(&a) == release_key(&b));
            prop_assert_eq!(parse_version(&release_key(&a)).unwrap(), a);
        }

        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC{0,60}") {
            let _ = parse_version(&text);
        }
    }
}
