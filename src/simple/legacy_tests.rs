//! Which version is shown, what speaks for it, and that every answer has PyPI's keys and no others.

use serde_json::{Value, json};

use super::*;
use crate::model::{Blake2b256Digest, FileDigests, Serial, StoredFile, Timestamp};
use crate::packaging::parse_core_metadata;

const METADATA: &str = "Metadata-Version: 2.4\nName: Demo\nVersion: 1.0\nSummary: About demo\nPlatform: linux\n\
     Platform: darwin\nDownload-URL: https://demo.example/get\nHome-page: https://demo.example/\nKeywords: a,b\n\
     Author: Ann\nAuthor-email: ann@demo.example\nMaintainer: Max\nMaintainer-email: max@demo.example\n\
     License-Expression: MIT\nLicense-File: LICENSE\nClassifier: Topic :: Utilities\nDynamic: Keywords\n\
     Project-URL: Docs, https://demo.example/docs\nDescription-Content-Type: text/markdown\n\n# Demo\n";

fn shown(filename: &str, version: &str, yank: Option<Option<&str>>) -> ChannelFile {
    let is_wheel = filename.ends_with(".whl");
    let file = NewFile {
        project: "demo".parse().unwrap(),
        display_name: "Demo".to_owned(),
        version: version.parse().unwrap(),
        filename: filename.to_owned(),
        kind: if is_wheel { FileKind::Wheel } else { FileKind::Sdist },
        digests: FileDigests {
            sha256: Sha256Digest::of(filename.as_bytes()),
            blake2b_256: Blake2b256Digest::from_bytes([2; 32]),
            md5: None,
            crc32: 0,
            size_bytes: 7,
        },
        metadata_sha256: is_wheel.then(|| Sha256Digest::of(version.as_bytes())),
        requires_python: Some(">=3.8".to_owned()),
        requires_dist: vec!["six".to_owned()],
        provides_extra: Vec::new(),
        summary: Some("About demo".to_owned()),
        identity: filename.to_owned(),
        wheel: None,
        notes: Vec::new(),
        uploaded_at: "2026-08-01T12:00:00.5Z".parse().unwrap(),
        received_at: Timestamp::UNIX_EPOCH,
        uploaded_by: "ci".to_owned(),
    };
    let yank = yank.map(|reason| Yank { reason: reason.map(str::to_owned) });
    ChannelFile { stored: StoredFile { id: 1, file }, yank }
}

fn release(files: Vec<ChannelFile>, all: Option<Vec<ChannelFile>>) -> LegacyRelease {
    LegacyRelease {
        head: ProjectHead {
            name: "demo".parse().unwrap(),
            display_name: "Demo".to_owned(),
            last_serial: Serial(4),
            status: ProjectStatus::Active,
            status_reason: None,
            deleted_count: 0,
        },
        version: files[0].stored.file.version.clone(),
        metadata: parse_core_metadata(METADATA.as_bytes()).ok(),
        files,
        all_files: all,
        vulnerabilities: Vec::new(),
        urls: LegacyUrls { root: String::new(), place: "/staging".to_owned() },
    }
}

fn answer(release: &LegacyRelease) -> Value {
    serde_json::from_str(&render(release).unwrap()).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn ok_the_latest_is_not_yanked_then_final_then_highest() {
    let yanked = Some(None);
    for (files, expected) in [
        (&[("1.0", None), ("1.10", None), ("1.9", None)][..], "1.10"),
        (&[("1.0", None), ("2.0rc1", None)], "1.0"),
        (&[("1.0rc1", None), ("1.0rc2", None), ("1.0.dev1", None)], "1.0rc2"),
        (&[("1.0", None), ("2.0", yanked)], "1.0"),
        (&[("1.0rc1", None), ("2.0", yanked)], "1.0rc1"),
        (&[("1.0", yanked), ("2.0", yanked)], "2.0"),
        // One file that is not yanked keeps its version on offer.
        (&[("1.0", None), ("2.0", yanked), ("2.0.0", None)], "2.0"),
        (&[("1.0", None), ("1.0.post1", None)], "1.0.post1"),
    ] {
        let files: Vec<_> =
            files.iter().map(|(version, yank)| shown(&format!("d-{version}.whl"), version, *yank)).collect();
        assert_eq!(latest(&files), Some(expected.parse().unwrap()), "{expected}");
    }
    assert_eq!(latest(&[]), None);
}

#[test]
fn an_answer_has_the_keys_of_the_standard_and_no_others() {
    let wheel = shown("demo-1.0-cp311-cp311-linux_x86_64.whl", "1.0", None);
    let all = vec![wheel.clone(), shown("demo-0.9.tar.gz", "0.9", None)];
    let answer = answer(&release(vec![wheel], Some(all)));
    assert_eq!(keys(&answer), ["info", "last_serial", "ownership", "releases", "urls", "vulnerabilities"]);
    assert_eq!(
        keys(&answer["info"]).join(" "),
        "author author_email bugtrack_url classifiers description description_content_type docs_url download_url \
         downloads dynamic home_page keywords license license_expression license_files maintainer maintainer_email name \
         package_url platform project_url project_urls provides_extra release_url requires_dist requires_python summary \
         version yanked yanked_reason"
    );
    assert_eq!(
        keys(&answer["urls"][0]).join(" "),
        "comment_text core-metadata digests downloads filename has_sig md5_digest packagetype python_version \
         requires_python size upload_time upload_time_iso_8601 url yanked yanked_reason"
    );
    assert_eq!(keys(&answer["urls"][0]["digests"]), ["blake2b_256", "md5", "sha256"]);
    assert_eq!(keys(&answer["releases"]), ["0.9", "1.0"]);
}

#[test]
fn info_says_what_the_metadata_says() {
    let info = &answer(&release(vec![shown("demo-1.0-py3-none-any.whl", "1.0", None)], None))["info"];
    for (key, expected) in [
        ("author", json!("Ann")),
        ("classifiers", json!(["Topic :: Utilities"])),
        ("description", json!("# Demo\n")),
        ("description_content_type", json!("text/markdown")),
        ("download_url", json!("https://demo.example/get")),
        ("downloads", json!({"last_day": -1, "last_week": -1, "last_month": -1})),
        ("dynamic", json!(["keywords"])),
        ("license", json!(null)),
        ("license_expression", json!("MIT")),
        ("license_files", json!(["LICENSE"])),
        ("name", json!("Demo")),
        ("package_url", json!("/staging/simple/demo/")),
        ("platform", json!("linux,darwin")),
        ("project_urls", json!({"Docs": "https://demo.example/docs", "Homepage": "https://demo.example/"})),
        ("provides_extra", json!(null)),
        ("release_url", json!("/staging/pypi/demo/1.0/json")),
        ("requires_dist", json!(["six"])),
        ("requires_python", json!(">=3.8")),
        ("version", json!("1.0")),
        ("yanked", json!(false)),
    ] {
        assert_eq!(info[key], expected, "{key}");
    }
}

#[test]
fn a_file_is_told_with_its_kind_its_times_and_its_mark() {
    let files = vec![
        shown("demo-1.0-py2.py3-none-any.whl", "1.0", Some(Some("broken"))),
        shown("demo-1.0.tar.gz", "1.0", None),
    ];
    let answer = answer(&release(files, None));
    let (wheel, sdist) = (&answer["urls"][0], &answer["urls"][1]);
    assert_eq!((&wheel["packagetype"], &wheel["python_version"]), (&json!("bdist_wheel"), &json!("py2.py3")));
    assert_eq!((&sdist["packagetype"], &sdist["python_version"]), (&json!("sdist"), &json!("source")));
    assert_eq!(wheel["upload_time"], "2026-08-01T12:00:00");
    assert_eq!(wheel["upload_time_iso_8601"], "2026-08-01T12:00:00.500000Z");
    assert_eq!((&wheel["yanked"], &wheel["yanked_reason"]), (&json!(true), &json!("broken")));
    assert_eq!(wheel["core-metadata"], json!({"sha256": Sha256Digest::of(b"1.0").to_hex()}));
    assert_eq!(sdist["core-metadata"], json!(false));
    assert!(wheel["url"].as_str().unwrap().starts_with("/packages/"));
    // One file that is not yanked keeps the release on offer.
    assert_eq!(answer["info"]["yanked"], json!(false));
}

#[test]
fn a_release_without_metadata_tells_what_the_index_keeps() {
    let mut release = release(vec![shown("demo-1.0.tar.gz", "1.0", None)], None);
    release.metadata = None;
    let info = &answer(&release)["info"];
    assert_eq!((&info["summary"], &info["requires_dist"]), (&json!("About demo"), &json!(["six"])));
    assert_eq!((&info["description"], &info["author"], &info["classifiers"]), (&json!(""), &json!(null), &json!([])));
    assert_eq!(metadata_of(&release.files), None);
}

#[test]
fn a_quarantined_project_tells_no_file() {
    let wheel = shown("demo-1.0-py3-none-any.whl", "1.0", None);
    let mut release = release(vec![wheel.clone()], Some(vec![wheel]));
    release.head.status = ProjectStatus::Quarantined;
    let answer = answer(&release);
    assert_eq!((&answer["urls"], &answer["releases"]), (&json!([]), &json!({"1.0": []})));
}
