//! Provenance (PEP 740; standards 4.4, FIL-10): taken with an upload, by `PUT` and from upstream, and served as it was taken.

use ferrywheel::config::Settings;
use ferrywheel::index::{IndexTx, StoredProvenance};
use ferrywheel::model::{Principal, Sha256Digest};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::index_site::{Site, on_both, wheel};
use crate::mirror_pull::{pulled, staging};
use crate::mirror_upstream::{FakeUpstream, Offer, Reply};
use crate::support::attestation::{attestation, provenance};
use crate::support::server::{Setup, answer};
use crate::support::{Answer, TestServer, Wheel};

on_both! {
    a_provenance_that_comes_later_is_a_change_of_each_head_and_of_no_snapshot,
    a_provenance_that_comes_with_its_file_is_shown_from_the_start,
    the_sweep_keeps_the_provenance_of_published_files,
}

const TYPE: &str = "application/vnd.pypi.integrity.v1+json";
const URL: &str = "/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance";
const PUT: &str = "/api/v1/files/demo-1.0-py3-none-any.whl/provenance";

async fn put(tx: &mut IndexTx, file_id: i64, object: &[u8]) -> bool {
    let stored = StoredProvenance { sha256: Sha256Digest::of(object), is_verified: false };
    tx.put_provenance(file_id, &stored, &Principal::Local).await.unwrap()
}

async fn commit(tx: IndexTx) {
    let (filename, sha256) = ("demo".to_owned(), Sha256Digest::of(b""));
    let event = ferrywheel::model::AuditEvent::ProvenanceStored { filename, sha256 };
    tx.commit(&Principal::Local, &event).await.unwrap();
}

/// Names of demo's files with provenance in a view, and the last serial of the project there.
async fn shown(site: &Site, place: &str) -> (Vec<String>, i64) {
    let view = site.view(place).await;
    let project = "demo".parse().unwrap();
    let names = site.index.list_provenance(&view, &project).await.unwrap().into_keys().collect();
    (names, site.index.find_project(&view, &project).await.unwrap().unwrap().last_serial.0)
}

async fn a_provenance_that_comes_later_is_a_change_of_each_head_and_of_no_snapshot(site: Site) {
    use ferrywheel::model::Change;
    let (staging, blessed) = (site.channel("staging").await, site.channel("blessed").await);
    let old = site.channel("old").await;
    let id = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    let add = [Change::Add { file_id: id, yank: None }];
    site.change(&blessed, &add).await;
    site.change(&old, &add).await;
    site.change(&old, &[Change::Remove { file_id: id }]).await;
    let mut tx = site.index.begin().await.unwrap();
    assert!(put(&mut tx, id, b"one").await);
    commit(tx).await;
    let name = vec!["demo-1.0-py3-none-any.whl".to_owned()];
    for (place, names, last_serial) in [
        ("staging@1", vec![], 1),
        ("staging@2", name.clone(), 2),
        ("staging", name.clone(), 2),
        ("blessed@1", vec![], 1),
        ("blessed", name.clone(), 2),
        ("old@1", vec![], 1),
        ("old", vec![], 2),
    ] {
        assert_eq!(shown(&site, place).await, (names, last_serial), "{place}");
    }
    // A channel that takes the file in afterwards shows it with its provenance at once, and so does one that had lost it.
    let late = site.channel("late").await;
    site.change(&late, &add).await;
    site.change(&old, &add).await;
    assert_eq!(shown(&site, "late@1").await, (name.clone(), 1));
    assert_eq!(shown(&site, "old@3").await, (name.clone(), 3));
    // An earlier view of a head that went on tells its own serial.
    site.publish(&staging, &[wheel("demo", "2.0")]).await;
    assert_eq!(shown(&site, "staging@2").await, (name, 2));
    assert_eq!(shown(&site, "staging@1").await, (vec![], 1));
    // Another object changes what its URL answers and no page; the same one nothing.
    let mut tx = site.index.begin().await.unwrap();
    assert!(put(&mut tx, id, b"two").await);
    commit(tx).await;
    assert_eq!(shown(&site, "staging").await.1, 3);
    assert_eq!(site.index.find_provenance(id).await.unwrap().unwrap().sha256, Sha256Digest::of(b"two"));
    let mut tx = site.index.begin().await.unwrap();
    assert!(!put(&mut tx, id, b"two").await);
}

async fn a_provenance_that_comes_with_its_file_is_shown_from_the_start(site: Site) {
    use ferrywheel::model::Change;
    let staging = site.channel("staging").await;
    let mut tx = site.index.begin().await.unwrap();
    let advanced = tx.advance(&staging, None).await.unwrap();
    let id = tx.add_file(&wheel("demo", "1.0")).await.unwrap().id;
    assert!(put(&mut tx, id, b"one").await);
    tx.apply(&advanced, &[Change::Add { file_id: id, yank: None }]).await.unwrap();
    commit(tx).await;
    assert_eq!(shown(&site, "staging@1").await, (vec!["demo-1.0-py3-none-any.whl".to_owned()], 1));
    assert_eq!(site.channel_now(&staging).await.serial.0, 1);
    let other = "other".parse().unwrap();
    assert!(site.index.list_provenance(&site.view("staging").await, &other).await.unwrap().is_empty());
    assert_eq!(site.index.find_provenance(id + 1).await.unwrap(), None);
}

async fn the_sweep_keeps_the_provenance_of_published_files(site: Site) {
    let staging = site.channel("staging").await;
    let id = site.publish(&staging, &[wheel("demo", "1.0")]).await[0];
    let mut tx = site.index.begin().await.unwrap();
    put(&mut tx, id, b"one").await;
    commit(tx).await;
    assert!(site.index.referenced_blobs().await.unwrap().contains(&Sha256Digest::of(b"one")));
}

/// Uploads as twine does, with this text as the field `attestations`.
async fn upload(server: &TestServer, wheel: &Wheel, attestations: &str) -> Answer {
    let form = Form::new()
        .text(":action", "file_upload")
        .text("name", "demo")
        .text("version", "1.0")
        .text("filetype", "bdist_wheel")
        .text("attestations", attestations.to_owned())
        .part("content", Part::bytes(wheel.build().to_vec()).file_name(wheel.filename()));
    let request = server.request(Method::POST, "/legacy/").basic_auth("__token__", Some(server.token()));
    answer(request.header("accept", "application/json").multipart(form)).await
}

fn demo() -> (Wheel, Value) {
    let wheel = Wheel::new("demo", "1.0");
    let attestation = attestation(&wheel.filename(), &wheel.build(), "publish");
    (wheel, attestation)
}

async fn send(server: &TestServer, path: &str, body: String) -> Answer {
    answer(server.request(Method::PUT, path).bearer_auth(server.token()).body(body)).await
}

#[tokio::test]
async fn attestations_of_an_upload_are_served_as_a_provenance_object() {
    let server = TestServer::start().await;
    let (wheel, attestation) = demo();
    let stored = upload(&server, &wheel, &json!([attestation]).to_string()).await;
    assert_eq!(stored.status, 200, "{}", stored.text());
    for (accept, content_type) in
        [(None, "application/json"), (Some(TYPE), TYPE), (Some("application/json"), "application/json")]
    {
        let headers: Vec<_> = accept.map(|accept| ("accept", accept)).into_iter().collect();
        let served = server.send(Method::GET, URL, &headers).await;
        assert_eq!((served.status, served.header("content-type")), (200, content_type));
        let bundle = json!({"publisher": {"kind": "Unknown"}, "attestations": [attestation]});
        assert_eq!(served.json(), json!({"version": 1, "attestation_bundles": [bundle]}));
        assert_eq!((served.header("cache-control"), served.header("vary")), ("no-cache", "Accept"));
        let mut again = headers.clone();
        again.push(("if-none-match", served.header("etag")));
        assert_eq!(server.send(Method::GET, URL, &again).await.status, 304);
    }
    assert_eq!(server.send(Method::GET, URL, &[("accept", "text/plain")]).await.status, 406);
    assert_eq!(server.send(Method::HEAD, URL, &[]).await.status, 200);
}

#[tokio::test]
async fn there_is_none_for_a_file_without_one_and_under_another_address() {
    let server = TestServer::start().await;
    let (wheel, attestation) = demo();
    assert_eq!(upload(&server, &wheel, "").await.status, 200);
    assert_eq!(server.get(URL).await.status, 404);
    assert_eq!(send(&server, PUT, provenance(&attestation)).await.status, 200);
    for (path, status) in [
        (URL, 200),
        ("/integrity/Demo/1.0.0/demo-1.0-py3-none-any.whl/provenance", 200),
        ("/integrity/other/1.0/demo-1.0-py3-none-any.whl/provenance", 404),
        ("/integrity/demo/1.1/demo-1.0-py3-none-any.whl/provenance", 404),
        ("/integrity/demo/1.0/demo-1.1-py3-none-any.whl/provenance", 404),
        ("/integrity/demo/x/demo-1.0-py3-none-any.whl/provenance", 404),
    ] {
        assert_eq!(server.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn attestations_that_are_not_about_the_file_refuse_the_upload_and_leave_nothing() {
    let server = TestServer::start().await;
    let (wheel, mut attestation) = demo();
    let about_other = crate::support::attestation::attestation(&wheel.filename(), b"tampered", "publish");
    attestation["version"] = json!(2);
    for (sent, rule) in [
        ("[]".to_owned(), "ATT-01"),
        (json!([about_other]).to_string(), "ATT-02"),
        (json!([attestation]).to_string(), "ATT-02"),
    ] {
        let refused = upload(&server, &wheel, &sent).await;
        assert_eq!(refused.status, 400);
        let finding = &refused.json()["findings"][0];
        assert_eq!((&finding["rule"], &finding["entry"]), (&json!(rule), &json!("attestations")), "{}", refused.text());
    }
    assert!(server.app().blobs.list().await.unwrap().is_empty());
    assert_eq!(server.serial("staging").await, 0);
}

#[tokio::test]
async fn attestations_of_a_published_file_are_dropped_with_a_note() {
    let server = TestServer::start().await;
    let (wheel, attestation) = demo();
    assert_eq!(upload(&server, &wheel, "").await.status, 200);
    let again = upload(&server, &wheel, &json!([attestation]).to_string()).await;
    assert_eq!((again.status, &again.json()["findings"][0]["rule"]), (200, &json!("ATT-04")), "{}", again.text());
    assert_eq!(server.get(URL).await.status, 404);
}

#[tokio::test]
async fn a_provenance_object_that_is_put_is_kept_byte_for_byte_and_may_grow() {
    let server = TestServer::start().await;
    let (wheel, attestation) = demo();
    server.put_file("staging", &wheel.filename(), wheel.build()).await;
    let object = provenance(&attestation);
    let stored = send(&server, PUT, object.clone()).await.json();
    assert_eq!((&stored["verdict"], &stored["attestation_count"]), (&json!("stored"), &json!(1)));
    assert_eq!((&stored["is_verified"], server.serial("staging").await), (&json!(false), 2));
    assert_eq!(server.get(URL).await.text(), object);
    assert_eq!(send(&server, PUT, object).await.json()["verdict"], "unchanged");
    let second = crate::support::attestation::attestation(&wheel.filename(), &wheel.build(), "build");
    let grown = send(&server, PUT, json!([attestation, second]).to_string()).await.json();
    assert_eq!((&grown["verdict"], &grown["attestation_count"]), (&json!("stored"), &json!(2)));
    assert_eq!(server.serial("staging").await, 2, "only the first one shows on pages");
    let events = server.get_as_admin("/api/v1/audit?limit=1000").await;
    assert_eq!(events.text().matches("file.provenance-stored").count(), 2);
}

#[tokio::test]
async fn what_is_put_must_be_a_provenance_of_a_published_file() {
    let server = TestServer::start().await;
    let (wheel, attestation) = demo();
    server.put_file("staging", &wheel.filename(), wheel.build()).await;
    let nothing = "/api/v1/files/demo-9-py3-none-any.whl/provenance";
    for (path, body, status, code) in [
        (nothing, provenance(&attestation), 404, "ingest/no-such-file"),
        (PUT, "{}".to_owned(), 400, "ingest/provenance-invalid"),
        (PUT, String::new(), 400, "ingest/provenance-invalid"),
        (PUT, " ".repeat((1 << 20) + 1), 413, "ingest/too-large"),
    ] {
        let refused = send(&server, path, body).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (status, Some(code)), "{}", refused.text());
    }
    assert_eq!(server.get(URL).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_brings_the_provenance_that_upstream_names_byte_for_byte() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    for (name, object) in [("demo", true), ("bare", false)] {
        let offer = Offer::new(name, "1.0", &[]);
        let filename = format!("{name}-1.0-py3-none-any.whl");
        let wrong = "{\"version\": 1}".to_owned();
        let object = if object { provenance(&attestation(&filename, &offer.bytes(), "publish")) } else { wrong };
        upstream.says(&format!("/integrity/{name}"), &[Reply::ok("application/json", object)]);
        let url = format!("{}/integrity/{name}", upstream.url());
        upstream.offers(&[offer.with(|offer| offer.provenance = Some(url))]);
    }
    pulled(&server, &upstream, &["demo", "bare"]).await;
    let served = server.get(URL).await;
    let bytes = Offer::new("demo", "1.0", &[]).bytes();
    assert_eq!(served.text(), provenance(&attestation("demo-1.0-py3-none-any.whl", &bytes, "publish")));
    // What is no provenance of the file is left out, noted, and refuses nothing.
    let bare = staging(&server).await.into_iter().find(|file| file.stored.file.project.as_str() == "bare").unwrap();
    assert!(bare.stored.file.notes.iter().any(|note| note.rule == "ATT-04"), "{:?}", bare.stored.file.notes);
    assert_eq!(server.get("/integrity/bare/1.0/bare-1.0-py3-none-any.whl/provenance").await.status, 404);
}

#[tokio::test]
async fn pages_name_a_provenance_below_a_secure_public_address_and_nowhere_else() {
    let url = "https://wheels.example/py/integrity/demo/1.0%2Bcpu/demo-1.0%2Bcpu-py3-none-any.whl/provenance";
    for (public_url, expected) in
        [(Some("https://wheels.example/py/"), Some(url)), (Some("http://wheels.example/"), None), (None, None)]
    {
        let settings = Settings { public_url: public_url.map(|url| url.parse().unwrap()), ..Settings::default() };
        let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
        let wheel = Wheel::new("demo", "1.0+cpu");
        server.put_file("staging", &wheel.filename(), wheel.build()).await;
        let bare = Wheel::new("demo", "2.0");
        server.put_file("staging", &bare.filename(), bare.build()).await;
        let object = provenance(&attestation(&wheel.filename(), &wheel.build(), "publish"));
        let path = format!("/api/v1/files/{}/provenance", wheel.filename());
        assert_eq!(send(&server, &path, object).await.status, 200);
        let page = async |place: &str| {
            let accept = [("accept", "application/vnd.pypi.simple.v1+json")];
            let json = server.send(Method::GET, &format!("/{place}/simple/demo/"), &accept).await.json();
            let html = server.get(&format!("/{place}/simple/demo/")).await;
            (json["files"].clone(), html.text().to_owned())
        };
        let (files, html) = page("staging").await;
        assert_eq!(files[0].get("provenance").and_then(Value::as_str), expected);
        assert_eq!(files[1].get("provenance"), None);
        assert_eq!(html.matches("data-provenance").count(), usize::from(expected.is_some()));
        assert!(expected.is_none_or(|url| html.contains(&format!(" data-provenance=\"{url}\""))), "{html}");
        let (files, html) = page("staging@2").await;
        assert_eq!(files[0].get("provenance"), None, "a snapshot stays what it was");
        assert!(!html.contains("data-provenance"));
        let (files, _) = page("staging@3").await;
        assert_eq!(files[0].get("provenance").and_then(Value::as_str), expected);
    }
}
