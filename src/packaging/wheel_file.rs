//! The WHEEL file: format version, purelib or platlib, and the tags the builder meant (PEP 427).

use super::faults::{MetadataFault, settle};
use super::filenames::MAX_EXPANDED_TAGS;
use super::headers::{Headers, read_headers};
use super::tags::{WheelTag, expanded_count};

const RULE: &str = "WHL-12";
const CLASS: &str = "wheel-file-invalid";

/// Fields that decide something, as they are written.
const FIELDS: [&str; 4] = ["Wheel-Version", "Root-Is-Purelib", "Tag", "Build"];

/// What WHEEL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFile {
    /// Major and minor version of the wheel format; major is 1.
    pub wheel_version: (u32, u32),
    /// Program that built it.
    pub generator: Option<String>,
    /// Whether the root goes to purelib instead of platlib.
    pub root_is_purelib: bool,
    /// All tags, expanded, sorted, at least one.
    pub tags: Vec<WheelTag>,
    /// Build tag as written, if it has one.
    pub build: Option<String>,
    /// What was found and refuses nothing.
    pub notes: Vec<MetadataFault>,
}

/// Reads WHEEL; whether its tags and build are those of the file name is for the caller to compare.
pub fn parse_wheel_file(bytes: &[u8]) -> Result<WheelFile, Vec<MetadataFault>> {
    let mut faults = Vec::new();
    let Some(headers) = read_headers(bytes, RULE, CLASS, &mut faults) else { return Err(faults) };
    // Line-based readers go on behind an empty line, mail parsers do not.
    if headers.body.lines().any(|line| line.contains(':')) {
        faults.push(MetadataFault::error(
            RULE,
            CLASS,
            "",
            "there are fields behind an empty line, which some readers skip",
        ));
    }
    for field in &headers.fields {
        let spelling = FIELDS.iter().find(|known| known.eq_ignore_ascii_case(&field.name));
        if let Some(known) = spelling.filter(|known| **known != field.written) {
            let message = format!("`{}` is not written `{known}`, and uv does not find it", field.written);
            faults.push(MetadataFault::error(RULE, CLASS, &field.written, message));
        }
    }
    let wheel_version = wheel_version(&headers, &mut faults);
    let root_is_purelib = root_is_purelib(&headers, &mut faults);
    let tags = tags(&headers, &mut faults);
    let generator = one(&headers, "Generator", &mut faults);
    let build = one(&headers, "Build", &mut faults);
    let wheel = match (wheel_version, root_is_purelib, tags) {
        (Some(wheel_version), Some(root_is_purelib), Some(tags)) => {
            Some(WheelFile { wheel_version, generator, root_is_purelib, tags, build, notes: Vec::new() })
        }
        _ => None,
    };
    let (mut wheel, notes) = settle(wheel, faults)?;
    wheel.notes = notes;
    Ok(wheel)
}

fn values(headers: &Headers, field: &str) -> Vec<String> {
    let name = field.to_ascii_lowercase();
    headers.fields.iter().filter(|f| f.name == name).map(super::headers::Field::value).collect()
}

fn one(headers: &Headers, field: &str, faults: &mut Vec<MetadataFault>) -> Option<String> {
    let mut values = values(headers, field);
    if values.len() > 1 {
        faults.push(MetadataFault::error(RULE, CLASS, field, format!("`{field}` stands twice; it may stand once")));
    }
    values.drain(..).next().filter(|value| !value.is_empty())
}

fn wheel_version(headers: &Headers, faults: &mut Vec<MetadataFault>) -> Option<(u32, u32)> {
    const FIELD: &str = "Wheel-Version";
    let text = one(headers, FIELD, faults).unwrap_or_default();
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten();
    match text.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?))) {
        Some((1, minor)) => {
            if minor > 0 {
                let message = format!("wheel version `{text}` is newer than 1.0; installers warn about it");
                faults.push(MetadataFault::note(RULE, CLASS, FIELD, message));
            }
            Some((1, minor))
        }
        _ => {
            let message = format!("`Wheel-Version: {}` is not a version 1.x", super::faults::shown(&text));
            faults.push(MetadataFault::error(RULE, CLASS, FIELD, message));
            None
        }
    }
}

fn root_is_purelib(headers: &Headers, faults: &mut Vec<MetadataFault>) -> Option<bool> {
    const FIELD: &str = "Root-Is-Purelib";
    match one(headers, FIELD, faults).unwrap_or_default().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            faults.push(MetadataFault::error(RULE, CLASS, FIELD, "`Root-Is-Purelib` is neither `true` nor `false`"));
            None
        }
    }
}

fn tags(headers: &Headers, faults: &mut Vec<MetadataFault>) -> Option<Vec<WheelTag>> {
    let mut tags = Vec::new();
    for text in values(headers, "Tag") {
        let parts: Vec<&str> = text.split('-').collect();
        let expanded = match parts[..] {
            [python, abi, platform] => {
                if expanded_count(python, abi, platform).saturating_add(tags.len()) > MAX_EXPANDED_TAGS {
                    let message = format!("the `Tag` lines expand to more than {MAX_EXPANDED_TAGS} tags");
                    faults.push(MetadataFault::error(RULE, CLASS, "Tag", message));
                    return None;
                }
                WheelTag::expand(python, abi, platform).ok()
            }
            _ => None,
        };
        let Some(expanded) = expanded else {
            let message = format!("`Tag: {}` is not of the form `python-abi-platform`", super::faults::shown(&text));
            faults.push(MetadataFault::error(RULE, CLASS, "Tag", message));
            return None;
        };
        tags.extend(expanded);
    }
    if tags.is_empty() {
        faults.push(MetadataFault::error(RULE, CLASS, "Tag", "`Tag` is missing"));
        return None;
    }
    tags.sort();
    tags.dedup();
    Some(tags)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ok_wheel_files() {
        let text = "Wheel-Version: 1.0\nGenerator: x (1)\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\nBuild: 2\n";
        let wheel = parse_wheel_file(text.as_bytes()).unwrap();
        assert_eq!((wheel.wheel_version, wheel.root_is_purelib, wheel.build.as_deref()), ((1, 0), true, Some("2")));
        assert_eq!(wheel.tags.iter().map(ToString::to_string).collect::<Vec<_>>(), ["py2-none-any", "py3-none-any"]);
        let compressed =
            parse_wheel_file(b"Wheel-Version: 1.0\r\nRoot-Is-Purelib: False\r\nTag: py2.py3-none-any\r\n\r\n").unwrap();
        assert_eq!(compressed.tags, wheel.tags);
        assert!(!compressed.root_is_purelib);
        let newer = parse_wheel_file(b"Wheel-Version: 1.9\nRoot-Is-Purelib: true\nTag: py3-none-any").unwrap();
        assert_eq!(newer.notes[0].rule, "WHL-12");
    }

    #[test]
    fn err_wheel_files() {
        for text in [
            "",
            "Generator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "Wheel-Version: one\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "Wheel-Version: 1.+0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "Wheel-Version: 1.0\nWheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
            "Wheel-Version: 1.0\nTag: py3-none-any\n",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\nTag: py3-none-any\n",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none\n",
            "wheel-version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTAG: py3-none-any\n",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3--any\n",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n\nTag: cp311-cp311-win32\n",
            &format!("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {}-none-any\n", "p.".repeat(1001)),
        ] {
            let faults = parse_wheel_file(text.as_bytes()).unwrap_err();
            assert!(
                faults.iter().any(|f| (f.rule, f.class, f.is_error()) == ("WHL-12", "wheel-file-invalid", true)),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_wheel_file(&bytes);
            let _ = parse_wheel_file(&[b"Wheel-Version: 1.0\nTag: ", &bytes[..]].concat());
        }
    }
}
