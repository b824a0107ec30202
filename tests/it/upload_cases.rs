//! The part of the bad-input corpus that says which rules are told: both profiles, and the same over the network.

use std::collections::BTreeSet;

use ferrywheel::archive::Limits;
use ferrywheel::ingest::{FileReport, Profile, check_sdist, check_wheel};
use serde_json::Value;

use super::support::{TestServer, Wheel};
use super::upload_corpus::{Corpus, list, text};

/// Fewest cases: as many as the corpus has that this one stands beside.
const MIN_CASES: usize = 420;

/// Rules that may be broken by the archive as a whole, so that there is no entry to be named.
const OF_THE_WHOLE: [&str; 13] = [
    "ZIP-END",
    "ZIP-TRAILING",
    "ZIP-COMMENT",
    "ZIP-DISKS",
    "ZIP-END64",
    "ZIP-DIRECTORY",
    "ZIP-TILING",
    "ZIP-LIMIT",
    "WHL-10",
    "TAR-DAMAGED",
    "TAR-TRAILING",
    "TAR-LIMIT",
    "SDT-PKG-INFO",
];

fn judge(bytes: &[u8], filename: &str, profile: Profile) -> FileReport {
    let (length, limits) = (bytes.len() as u64, Limits::default());
    match filename.ends_with(".tar.gz") {
        true => check_sdist(bytes, length, filename, profile, &limits).unwrap(),
        false => check_wheel(bytes, length, filename, profile, &limits).unwrap(),
    }
}

/// Findings as the corpus writes them, sorted.
fn told(findings: &[(bool, String, String)]) -> Vec<String> {
    let line = |(refuses, rule, reason): &(bool, String, String)| {
        format!("{}{rule} {reason}", if *refuses { "!" } else { "" })
    };
    let mut lines: Vec<String> = findings.iter().map(line).collect();
    lines.sort();
    lines
}

fn told_by(report: &FileReport) -> Vec<String> {
    let found =
        report.findings.iter().map(|found| (found.is_refusal(), found.rule.to_string(), found.reason.to_string()));
    told(&found.collect::<Vec<_>>())
}

fn expected(case: &Value, profile: &str) -> Vec<String> {
    let mut lines: Vec<String> = list(&case["rules"][profile]).iter().map(|line| text(line).to_owned()).collect();
    lines.sort();
    lines
}

/// What a person would miss in these findings: where, what, and what to do.
fn poorly_told(report: &FileReport) -> Vec<String> {
    let mut problems = Vec::new();
    for found in &report.findings {
        let what = format!("{} {}: {}", found.rule, found.reason, found.message);
        if found.hint.is_none() {
            problems.push(format!("no remedy: {what}"));
        }
        if found.entry.is_none() && !OF_THE_WHOLE.contains(&&*found.rule) {
            problems.push(format!("no entry: {what}"));
        }
        let has_odd_end = found.message.ends_with('.') || found.message.trim() != found.message;
        if has_odd_end || found.message.chars().any(char::is_control) || found.message.len() > 700 {
            problems.push(format!("no sentence: {what:?}"));
        }
    }
    problems
}

#[test]
fn every_case_is_told_its_rules_under_both_profiles() {
    let corpus = Corpus::generate("rules");
    let mut wrong = Vec::new();
    for case in &corpus.cases {
        let (id, what, filename) = (text(&case["id"]), text(&case["what"]), text(&case["send"]["filename"]));
        let bytes = corpus.bytes(case);
        for (name, profile) in [("strict", Profile::Strict), ("mirror", Profile::Mirror)] {
            let report = judge(&bytes, filename, profile);
            let (found, wanted) = (told_by(&report), expected(case, name));
            if found != wanted {
                let texts: Vec<_> = report.findings.iter().map(|found| &found.message).collect();
                wrong.push(format!("{id} ({what}), {name}: {found:?}, not {wanted:?}: {texts:?}"));
            }
            if report.is_refused() != wanted.iter().any(|line| line.starts_with('!')) {
                wrong.push(format!("{id} ({what}), {name}: refused is {}", report.is_refused()));
            }
            wrong.extend(poorly_told(&report).into_iter().map(|problem| format!("{id}, {name}: {problem}")));
        }
    }
    println!("{} cases, each under both profiles", corpus.cases.len());
    assert!(corpus.cases.len() >= MIN_CASES, "{} cases", corpus.cases.len());
    assert!(wrong.is_empty(), "{} unlike the corpus:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_told_what_the_check_says_and_leaves_nothing_if_it_is_refused() {
    let corpus = Corpus::generate("rules");
    let server = TestServer::start().await;
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    for case in &corpus.cases {
        let (id, filename) = (text(&case["id"]), text(&case["send"]["filename"]));
        let is_plain = filename.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-!".contains(&byte));
        // A name that is used twice would collide with itself; a name that needs escapes has tests of its own.
        if !is_plain || !seen.insert(filename) {
            continue;
        }
        let answer = server.put_file("staging", filename, corpus.bytes(case)).await;
        let is_taken = case["expect"] == "accept";
        if is_taken != (answer.status == 200) || answer.status >= 500 {
            wrong.push(format!("{id}: {} {}", answer.status, answer.text()));
            continue;
        }
        let body = answer.json();
        let found: Vec<_> = list(&body["findings"])
            .iter()
            .map(|found| {
                (found["severity"] == "refuse", text(&found["rule"]).to_owned(), text(&found["reason"]).to_owned())
            })
            .collect();
        if told(&found) != expected(case, "strict") {
            wrong.push(format!("{id}: {}", answer.text()));
        }
        let is_known = server.app().index.find_file(filename).await.unwrap().is_some();
        if is_known != is_taken {
            wrong.push(format!("{id}: known is {is_known}"));
        }
    }
    assert!(seen.len() > MIN_CASES / 2, "{} were sent", seen.len());
    assert!(wrong.is_empty(), "{} unlike the corpus:\n{}", wrong.len(), wrong.join("\n"));
    let left: Vec<_> = std::fs::read_dir(server.data().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_wheel_that_disagrees_with_its_release_is_stored_with_a_note() {
    let server = TestServer::start().await;
    let first = Wheel::new("demo", "1.0")
        .tag("py3-none-win32")
        .requires("six>=1.16")
        .requires("tomli")
        .header("Provides-Extra: x");
    let same = Wheel::new("demo", "1.0")
        .tag("py3-none-win_amd64")
        .requires("tomli")
        .requires("six >= 1.16")
        .header("Provides-Extra: x");
    let other = Wheel::new("demo", "1.0").requires("six>=1.16").requires("attrs").requires_python(">=3.9");
    let mut told = Vec::new();
    for wheel in [first, same, other, Wheel::new("demo", "1.1").requires("attrs")] {
        let answer = server.put_file("staging", &wheel.filename(), wheel.build()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let body = answer.json();
        told.push(list(&body["findings"]).iter().map(|found| text(&found["message"]).to_owned()).collect::<Vec<_>>());
        let stored = server.app().index.find_file(&wheel.filename()).await.unwrap().unwrap();
        assert_eq!(
            stored.file.notes.iter().map(|note| note.message.clone()).collect::<Vec<_>>(),
            *told.last().unwrap()
        );
    }
    let of = "which is of the same release";
    assert_eq!(
        told[2],
        [
            format!("`Requires-Python` is not that of `demo-1.0-py3-none-win32.whl`, {of}: `>=3.9` is not there"),
            format!("`Requires-Dist` is not that of `demo-1.0-py3-none-win32.whl`, {of}: `attrs` is not there"),
            format!("`Provides-Extra` is not that of `demo-1.0-py3-none-win32.whl`, {of}: `x` is only there"),
        ]
    );
    assert_eq!([&told[0], &told[1], &told[3]], [&Vec::<String>::new(); 3]);
}
