//! Provenance (PEP 740; standards 4.4, FIL-10): taken with an upload, by `PUT` and from upstream, and served as it was taken.

use ferrywheel::config::Settings;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::mirror_pull::{pulled, staging};
use crate::mirror_upstream::{FakeUpstream, Offer, Reply};
use crate::support::attestation::{attestation, provenance};
use crate::support::server::{Setup, answer};
use crate::support::{Answer, TestServer, Wheel};

const TYPE: &str = "application/vnd.pypi.integrity.v1+json";
const URL: &str = "/integrity/demo/1.0/demo-1.0-py3-none-any.whl/provenance";
const PUT: &str = "/api/v1/files/demo-1.0-py3-none-any.whl/provenance";

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
async fn attestations_that_come_with_the_same_bytes_again_are_recorded_once() {
    let server = TestServer::start().await;
    let (wheel, first) = demo();
    let send = async |attestation: &Value| upload(&server, &wheel, &json!([attestation]).to_string()).await;
    assert_eq!(upload(&server, &wheel, "").await.status, 200);
    let about_other = attestation(&wheel.filename(), b"tampered", "publish");
    let refused = send(&about_other).await;
    assert_eq!((refused.status, &refused.json()["findings"][0]["rule"]), (400, &json!("ATT-02")));
    assert_eq!((server.get(URL).await.status, server.serial("staging").await), (404, 1));

    let recorded = send(&first).await;
    assert_eq!((recorded.status, &recorded.json()["findings"]), (200, &json!([])), "{}", recorded.text());
    assert_eq!((&recorded.json()["verdict"], &recorded.json()["serial"]), (&json!("unchanged"), &json!(2)));
    let served = server.get(URL).await;
    assert_eq!(served.json()["attestation_bundles"][0]["attestations"], json!([first]));
    let second = attestation(&wheel.filename(), &wheel.build(), "build");
    let again = send(&second).await;
    assert_eq!((again.status, &again.json()["findings"][0]["rule"]), (200, &json!("ATT-04")), "{}", again.text());
    assert_eq!((server.get(URL).await.text(), server.serial("staging").await), (served.text(), 2));
    let events = server.get_as_admin("/api/v1/audit?limit=1000").await;
    assert_eq!(events.text().matches("file.provenance-stored").count(), 1);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_later_pull_brings_the_provenance_of_a_file_that_came_without() {
    let (server, upstream) = (TestServer::start().await, FakeUpstream::start().await);
    let offer = Offer::new("demo", "1.0", &[]);
    upstream.offers(std::slice::from_ref(&offer));
    pulled(&server, &upstream, &["demo"]).await;
    let objects = ["publish", "build"].map(|kind| provenance(&attestation(&offer.filename(), &offer.bytes(), kind)));
    let wrong = "{\"version\": 1}".to_owned();
    // What is no provenance of the file is left out; the first that is one stays.
    for (sent, status, serial) in [(&wrong, 404, 1), (&objects[0], 200, 2), (&objects[1], 200, 2)] {
        upstream.says("/integrity/demo", &[Reply::ok("application/json", sent.clone())]);
        let url = format!("{}/integrity/demo", upstream.url());
        let offer = Offer::new("demo", "1.0", &[]);
        upstream.offers(&[offer.with(|offer| offer.provenance = Some(url))]);
        pulled(&server, &upstream, &["demo"]).await;
        assert_eq!((server.get(URL).await.status, server.serial("staging").await), (status, serial), "{sent}");
    }
    assert_eq!(server.get(URL).await.text(), objects[0]);
    let asked = upstream.asked().into_iter().filter(|asked| asked.path == "/integrity/demo");
    assert_eq!(asked.count(), 2, "one that is here is not asked for again");
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
