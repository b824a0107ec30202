//! Bundles asked for through the socket: what is built, what is recorded, what is refused.

use std::process::Command;

use ferrywheel::access::ReadPolicy;
use ferrywheel::archive::{Limits, ZipError, read_zip};
use ferrywheel::model::{AuditEvent, Principal, Sha256Digest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::bundles::{build, entries, hello, shop, shop_with, wheels, write};
use crate::support::server::{Setup, answer};
use crate::support::{TestServer, Wheel};

/// How many bundles the audit log says were built.
async fn built_count(server: &TestServer) -> usize {
    let rows = server.app().index.list_audit(0, 1000).await.unwrap();
    rows.iter().filter(|row| row.event.contains("\"bundle.built\"")).count()
}

#[tokio::test]
async fn a_second_request_is_answered_from_the_record() {
    let server = shop().await;
    let first = server.post_json("/api/v1/bundles", &hello()).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let second = server.post_json("/api/v1/bundles", &hello()).await;
    assert_eq!(second.status, 200);
    assert_eq!(first.json(), second.json());
    assert_eq!(built_count(&server).await, 1);
    let shown = server.get(first.header("location")).await;
    assert_eq!((shown.status, shown.json()), (200, first.json()));
}

#[tokio::test]
async fn the_answer_describes_the_bundle() {
    let server = shop().await;
    let (bundle, file) = build(&server, &hello()).await;
    assert_eq!(bundle["filename"], "hello.pyz");
    assert_eq!(bundle["size_bytes"], file.len());
    assert_eq!(bundle["sha256"], Sha256Digest::of(&file).to_hex());
    let locked: Vec<&str> =
        bundle["lock"]["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap()).collect();
    assert_eq!(locked, ["greet-1.1-py3-none-any.whl", "hello-1.0-py3-none-any.whl"]);
    assert_eq!(bundle["lock"]["requirements"], json!(["hello"]));
}

#[tokio::test]
async fn the_entries_stand_in_the_agreed_order_and_the_wheels_are_untouched() {
    let server = shop().await;
    let (bundle, file) = build(&server, &hello()).await;
    let entries = entries(&file);
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let own = names.iter().filter(|name| name.starts_with("_bootstrap/")).count();
    assert_eq!(names[0], "__main__.py");
    assert_eq!(names[1], "_bootstrap/__init__.py");
    assert!(names[1..=own].is_sorted());
    assert_eq!(
        names[1 + own..],
        [
            "FERRYWHEEL.json",
            "pylock.toml",
            "README.txt",
            "wheels/greet-1.1-py3-none-any.whl",
            "wheels/hello-1.0-py3-none-any.whl"
        ]
    );
    for wheel in wheels().iter().filter(|wheel| names.contains(&format!("wheels/{}", wheel.filename()).as_str())) {
        let inside = entries.iter().find(|(name, _)| name.ends_with(&wheel.filename())).unwrap();
        assert_eq!(inside.1, wheel.build(), "{}", wheel.filename());
    }
    let manifest = &entries[1 + own].1;
    assert_eq!(bundle["id"], Sha256Digest::of(manifest).to_hex());
    for text in [&entries[2 + own], &entries[3 + own]] {
        let manifest: Value = serde_json::from_slice(manifest).unwrap();
        assert_eq!(manifest["texts"][&text.0], Sha256Digest::of(&text.1).to_hex(), "{}", text.0);
    }
}

#[tokio::test]
async fn our_reader_and_pythons_zipapp_take_it_for_a_sound_archive() {
    let server = shop().await;
    let (_, file) = build(&server, &hello()).await;
    // Wheels may have nothing before their first entry; the `#!` line is the one thing that tells a bundle from them.
    match read_zip(&*file, file.len() as u64, &Limits::default()) {
        Err(ZipError::Refused(faults)) => assert_eq!(faults.len(), 1, "{faults:?}"),
        other => panic!("{other:?}"),
    }
    let directory = tempfile::tempdir().unwrap();
    let path = write(directory.path(), "hello.pyz", &file);
    let output = Command::new("python3").args(["-m", "zipapp", "--info"]).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "Interpreter: /usr/bin/env python3\n");
}

#[tokio::test]
async fn a_promotion_of_something_else_does_not_change_the_bundle() {
    let server = shop().await;
    let (before, bytes) = build(&server, &hello()).await;
    let unrelated = Wheel::new("unrelated", "1.0");
    server.put_file("staging", &unrelated.filename(), unrelated.build()).await;
    assert_eq!(server.promote("staging", "blessed").await.status, 200);
    let (after, same_bytes) = build(&server, &hello()).await;
    assert_eq!((&before["id"], &before["created_at"]), (&after["id"], &after["created_at"]));
    assert_eq!((&before["lock"]["serial"], &after["lock"]["serial"]), (&json!(1), &json!(2)));
    assert_eq!(bytes, same_bytes);
    assert_eq!(built_count(&server).await, 1);
}

#[tokio::test]
async fn what_cannot_be_built_is_refused_with_a_code_and_a_hint_and_leaves_nothing() {
    let server = shop().await;
    let request = |change: Value| {
        let mut request = hello();
        for (key, value) in change.as_object().unwrap() {
            request[key] = value.clone();
        }
        request
    };
    for (change, status, code) in [
        (json!({"requirements": ["torn"], "script": null}), 409, "resolve/unsolvable"),
        (json!({"requirements": ["nowhere"], "script": null}), 409, "resolve/unsolvable"),
        (json!({"requirements": ["future"], "script": null}), 409, "resolve/unsolvable"),
        (json!({"requirements": ["hello", "other"]}), 409, "export/script-clash"),
        (json!({"requirements": ["hello", "shadow"]}), 409, "export/file-clash"),
        (json!({"requirements": ["hello=="]}), 400, "resolve/requirement-invalid"),
        (json!({"requirements": []}), 400, "export/requirements-count"),
        (json!({"requirements": vec!["hello"; 501]}), 400, "export/requirements-count"),
        (json!({"script": "helo"}), 400, "export/script-unknown"),
        (json!({"script": null, "entry_point": "nothere:main"}), 400, "export/module-unknown"),
        (json!({"script": null, "entry_point": "hello.cli"}), 400, "export/entry-point-invalid"),
        (json!({"module": "hello"}), 400, "export/entry-point-invalid"),
        (json!({"target": "debian-2"}), 400, "resolve/target-unknown"),
        (json!({"channel": "nowhere"}), 404, "index/channel-unknown"),
        (json!({"name": "../hello"}), 400, "http/body-invalid"),
        (json!({"scripts": "hello"}), 400, "http/body-invalid"),
    ] {
        let answer = server.post_json("/api/v1/bundles", &request(change.clone())).await;
        let problem = answer.json();
        assert_eq!((answer.status, problem["code"].as_str()), (status, Some(code)), "{change}: {problem}");
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
    }
    assert_eq!(built_count(&server).await, 0);
}

#[tokio::test]
async fn what_cannot_be_solved_is_explained_in_sentences() {
    let server = shop().await;
    let request = json!({"name": "x", "requirements": ["torn"], "target": "debian-12"});
    let answer = server.post_json("/api/v1/bundles", &request).await;
    let problem = answer.json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("torn") && detail.contains("greet"), "{detail}");
}

#[tokio::test]
async fn where_reading_needs_a_token_a_stranger_builds_and_sees_nothing() {
    let mut setup = Setup::default();
    setup.settings.read = ReadPolicy::Token;
    let server = shop_with(setup, &wheels()).await;
    let asked = answer(server.request(Method::POST, "/api/v1/bundles").json(&hello())).await;
    assert_eq!(asked.status, 401);
    assert_eq!(server.get("/bundle/hello.pyz?requirement=hello&target=debian-12").await.status, 401);
    assert_eq!(built_count(&server).await, 0);
    let built = server.post_json("/api/v1/bundles", &hello()).await.json();
    for path in
        [format!("/api/v1/bundles/{}", built["id"].as_str().unwrap()), built["download"].as_str().unwrap().to_owned()]
    {
        assert_eq!(server.get(&path).await.status, 401);
        assert_eq!(server.get_as_admin(&path).await.status, 200);
    }
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found() {
    let server = shop().await;
    for id in ["abc".to_owned(), Sha256Digest::of(b"none").to_hex()] {
        for path in [format!("/api/v1/bundles/{id}"), format!("/api/v1/bundles/{id}/download")] {
            let answer = server.get(&path).await;
            assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("export/bundle-unknown")), "{path}");
        }
    }
}

#[tokio::test]
async fn a_damaged_wheel_does_not_get_into_a_bundle() {
    let server = shop().await;
    let wheel = wheels().remove(0).build();
    let hex = Sha256Digest::of(&wheel).to_hex();
    let path = server.data().join("blobs/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let answer = server.post_json("/api/v1/bundles", &hello()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("export/blob-damaged")));
    assert_eq!(built_count(&server).await, 0);
}

#[tokio::test]
async fn many_first_requests_at_once_build_one_bundle() {
    let server = shop().await;
    let request = hello();
    let asked = (0..8).map(|_| server.post_json("/api/v1/bundles", &request));
    let answers = futures_util::future::join_all(asked).await;
    let first = answers[0].json();
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201) && answer.json() == first));
    assert_eq!(built_count(&server).await, 1);
}

#[tokio::test]
async fn a_bundle_of_another_server_version_is_gone_and_never_sent_with_other_bytes() {
    let server = shop().await;
    let (bundle, _) = build(&server, &hello()).await;
    let index = &server.app().index;
    let id: Sha256Digest = bundle["id"].as_str().unwrap().parse().unwrap();
    let mut record = index.find_bundle(&id).await.unwrap().unwrap();
    let manifest: Value = serde_json::from_str(&record.manifest).unwrap();
    let bootstrap = manifest["bootstrap_sha256"].as_str().unwrap();
    record.manifest = record.manifest.replace(bootstrap, &Sha256Digest::of(b"an older bootstrap").to_hex());
    record.id = Sha256Digest::of(record.manifest.as_bytes());
    let mut tx = index.begin().await.unwrap();
    assert!(tx.put_bundle(&record).await.unwrap());
    tx.commit(&Principal::Local, &AuditEvent::ServerInitialized).await.unwrap();
    assert_eq!(server.get(&format!("/api/v1/bundles/{}", record.id)).await.status, 200);
    let answer = server.get(&format!("/api/v1/bundles/{}/download", record.id)).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (410, Some("export/server-changed")));
}

#[tokio::test]
async fn where_reads_are_open_a_stranger_fetches_a_bundle_but_records_none_by_name() {
    let server = shop().await;
    let asked = answer(server.request(Method::POST, "/api/v1/bundles").json(&hello())).await;
    assert_eq!(asked.status, 401);
    let path = "/bundle/hello.pyz?requirement=hello&script=hello&target=debian-12";
    assert_eq!(server.get(path).await.status, 200);
}
