//! HTML and JSON of any page say the same: both are read back, HTML as a browser does, and compared.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::runs::Runs;
use super::{Base, ProjectPage, RootPage, html, json};
use crate::model::{ListedFile, ListedProject, ProjectStatus, Serial, Sha256Digest, Timestamp, Yank};
use crate::packaging::ProjectName;

/// What a client learns of one file.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    url: String,
    sha256: String,
    requires_python: Option<String>,
    metadata: Option<String>,
    yanked: Option<String>,
    provenance: Option<String>,
}

/// A page as HTML: its anchors, each with attributes and text, and its `<meta>` names with their contents.
#[derive(Debug, Default)]
struct Parsed {
    anchors: Vec<(BTreeMap<String, String>, String)>,
    metas: BTreeMap<String, String>,
}

/// The character references that a page may use.
fn decode(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, behind) = after.split_once(';').unwrap();
        decoded.push_str(before);
        decoded.push(match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "#39" => '\'',
            "#13" => '\r',
            other => panic!("no such reference: {other}"),
        });
        rest = behind;
    }
    decoded + rest
}

/// Reads tags as the HTML standard has them, as far as these pages go; anything else in a page fails.
fn parse(page: &str) -> Parsed {
    // Section 13.2.3.5, "Preprocessing the input stream".
    let page = page.replace("\r\n", "\n").replace('\r', "\n");
    let mut parsed = Parsed::default();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    while let Some((_, tag)) = rest.split_once('<') {
        let name = tag.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap();
        let (attributes, behind) = attributes(&tag[name.len()..]);
        rest = behind;
        match name {
            "a" => {
                let (text, behind) = rest.split_once("</a>").unwrap();
                assert!(!text.contains('<'), "{text}");
                parsed.anchors.push((attributes, decode(text)));
                rest = behind;
            }
            "meta" if attributes.contains_key("name") => {
                parsed.metas.insert(attributes["name"].clone(), attributes["content"].clone());
            }
            _ => {}
        }
    }
    parsed
}

/// Attributes up to the end of the tag, and what comes after it; each is ` name="value"`.
fn attributes(tag: &str) -> (BTreeMap<String, String>, &str) {
    let (mut read, mut rest) = (BTreeMap::new(), tag);
    while let Some(attribute) = rest.strip_prefix(' ') {
        let (name, value) = attribute.split_once("=\"").unwrap();
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        let (value, behind) = value.split_once('"').unwrap();
        assert!(read.insert(name.to_owned(), decode(value)).is_none(), "{name} stands twice");
        rest = behind;
    }
    (read, rest.split_once('>').unwrap().1)
}

fn seen_in_html(page: &Parsed) -> Vec<(String, Seen)> {
    let seen = |(attributes, filename): &(BTreeMap<String, String>, String)| {
        let mut attributes = attributes.clone();
        let href = attributes.remove("href").unwrap();
        let (url, sha256) = href.split_once("#sha256=").unwrap();
        let metadata = attributes.remove("data-core-metadata");
        assert_eq!(attributes.remove("data-dist-info-metadata"), metadata);
        let seen = Seen {
            url: url.to_owned(),
            sha256: sha256.to_owned(),
            requires_python: attributes.remove("data-requires-python"),
            metadata: metadata.map(|text| text.strip_prefix("sha256=").unwrap().to_owned()),
            yanked: attributes.remove("data-yanked"),
            provenance: attributes.remove("data-provenance"),
        };
        assert!(attributes.is_empty(), "{attributes:?}");
        (filename.clone(), seen)
    };
    page.anchors.iter().map(seen).collect()
}

fn seen_in_json(page: &Value) -> Vec<(String, Seen)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let seen = |file: &Value| {
        let yanked = match &file["yanked"] {
            Value::Bool(false) => None,
            Value::Bool(true) => Some(String::new()),
            reason => Some(text(reason).filter(|reason| !reason.is_empty()).unwrap()),
        };
        assert!(file["size"].is_u64() && file["upload-time"].as_str().unwrap().ends_with('Z'));
        let seen = Seen {
            url: text(&file["url"]).unwrap(),
            sha256: text(&file["hashes"]["sha256"]).unwrap(),
            requires_python: text(&file["requires-python"]),
            metadata: text(&file["core-metadata"]["sha256"]),
            yanked,
            provenance: text(&file["provenance"]),
        };
        (text(&file["filename"]).unwrap(), seen)
    };
    page["files"].as_array().unwrap().iter().map(seen).collect()
}

/// Any text but NUL, which no database of ours takes.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[^\0]{0,20}",
        "[<>&\"'\r\n\t \u{b}\u{85}\u{2028}=#;a-z]{0,20}",
        Just("</a><a href=\"x\">&lt;&#13;".to_owned()),
    ]
}

fn any_file() -> impl Strategy<Value = ListedFile> {
    let name = "[a-zA-Z0-9_]{1,8}-[0-9]{1,3}(\\.[0-9]{1,3})?(\\+[a-z0-9.]{1,6})?(-py3-none-any\\.whl|\\.tar\\.gz)";
    let yank = proptest::option::of(proptest::option::of(any_text()).prop_map(|reason| Yank { reason }));
    let specifier = proptest::option::of("[<>=!~]{1,2}[0-9.*]{1,5}(, ?<4)?");
    let times = 0_i64..4_000_000_000_000_000;
    let metadata = proptest::option::of(any::<[u8; 32]>());
    (name, any::<[u8; 32]>(), specifier, any::<u64>(), times, yank, metadata, any::<bool>()).prop_map(
        |(filename, sha256, requires_python, size_bytes, micros, yank, metadata, has_provenance)| ListedFile {
            filename,
            version: "1.0+a".parse().unwrap(),
            sha256: Sha256Digest::from_bytes(sha256),
            size_bytes,
            metadata_sha256: metadata.map(Sha256Digest::from_bytes),
            requires_python,
            uploaded_at: Timestamp::from_microsecond(micros).unwrap(),
            yank,
            has_provenance,
        },
    )
}

fn any_page() -> impl Strategy<Value = ProjectPage> {
    let status = prop_oneof![
        Just(ProjectStatus::Active),
        Just(ProjectStatus::Archived),
        Just(ProjectStatus::Quarantined),
        Just(ProjectStatus::Deprecated),
    ];
    let base = prop_oneof![Just(Base::Default), Just(Base::Channel)];
    let files = proptest::collection::vec(any_file(), 0..12);
    let name = "[a-z0-9]{1,9}(-[a-z0-9]{1,9})?";
    (name, status, proptest::option::of(any_text()), 0_i64..i64::MAX, files, base).prop_map(
        |(name, status, status_reason, last_serial, files, base)| ProjectPage {
            name: name.parse().unwrap(),
            status,
            status_reason,
            last_serial: Serial(last_serial),
            versions: Vec::new(),
            files: Runs::new(files),
            base,
            namespaces: None,
            provenance_root: Some("https://wheels.example".into()),
        },
    )
}

/// A reason without text is no reason in JSON, and an empty one in HTML.
fn plain(reason: Option<String>) -> Option<String> {
    reason.filter(|reason| !reason.is_empty())
}

proptest! {
    #[test]
    fn html_and_json_of_any_project_say_the_same(page in any_page()) {
        let html = html::draft_project(&page).into_string();
        let parsed = parse(&html);
        let json: Value = serde_json::from_str(&json::draft_project(&page).into_string()).unwrap();
        prop_assert_eq!(seen_in_html(&parsed), seen_in_json(&json));
        let told = |key: &str| json["project-status"][key].as_str().map(str::to_owned);
        prop_assert_eq!(parsed.metas.get("pypi:project-status").cloned(), told("status"));
        prop_assert_eq!(plain(parsed.metas.get("pypi:project-status-reason").cloned()), plain(told("reason")));
        prop_assert_eq!(&parsed.metas["pypi:repository-version"], json["meta"]["api-version"].as_str().unwrap());
        let serial = format!("<!--SERIAL {}-->\n", json["meta"]["_last-serial"]);
        prop_assert!(html.ends_with(&serial));
    }

    #[test]
    fn html_and_json_of_any_list_of_projects_say_the_same(
        names in proptest::collection::btree_set("[a-zA-Z0-9]{1,6}([._-]{1,2}[a-zA-Z0-9]{1,6})?", 0..20)
    ) {
        let projects: Vec<ListedProject> = names
            .into_iter()
            .map(|display_name| ListedProject {
                name: display_name.parse().unwrap(),
                display_name,
                last_serial: Serial(3),
            })
            .collect();
        let page = RootPage { projects: Runs::new(projects), last_serial: Serial(7), has_namespaces: false };
        let in_html: Vec<(String, String)> =
            parse(&html::draft_root(&page).into_string()).anchors.into_iter().map(|(mut it, text)| (it.remove("href").unwrap(), text)).collect();
        let json: Value = serde_json::from_str(&json::draft_root(&page).into_string()).unwrap();
        let in_json: Vec<(String, String)> = json["projects"].as_array().unwrap().iter().map(|project| {
            let name = project["name"].as_str().unwrap();
            (format!("{}/", name.parse::<ProjectName>().unwrap()), name.to_owned())
        }).collect();
        prop_assert_eq!(in_html, in_json);
    }
}
