//! Snapshots named by a day or by their digest, through the socket: a redirect to the serial, each time anew.

use std::time::Duration;

use ferrywheel::access::{ReadPolicy, new_token};
use ferrywheel::config::Settings;
use ferrywheel::model::{AuditEvent, Clock, Permission, Principal, Scope};
use rand::SeedableRng as _;
use reqwest::Method;
use serde_json::json;

use crate::support::server::{Setup, answer};
use crate::support::{SeedFile, TestServer, seed};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// A server at noon of the first of August 2026 whose `blessed` got one file today and another tomorrow.
async fn server_with_two_days(settings: Settings) -> TestServer {
    let clock = Clock::manual("2026-08-01T12:00:00Z".parse().unwrap());
    let server = TestServer::start_with(Setup { settings, clock: clock.clone(), ..Setup::default() }).await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    clock.advance(Duration::from_hours(24));
    seed(&server, "blessed", &[SeedFile::new("demo-2.0.tar.gz")]).await;
    server
}

#[tokio::test]
async fn a_day_and_a_digest_redirect_to_the_serial_and_keep_the_rest() {
    let server = server_with_two_days(Settings::default()).await;
    let digest = server.get("/api/v1/channels/blessed").await.json()["digest"].as_str().unwrap().to_owned();
    let short = &digest[..8];
    for (path, location) in [
        ("/blessed@2026-08-01/simple/".to_owned(), "/blessed@1/simple/"),
        ("/blessed@2026-08-02/simple/".to_owned(), "/blessed@2/simple/"),
        ("/blessed@2026-08-01/simple".to_owned(), "/blessed@1/simple/"),
        ("/blessed@2026-08-01/simple/demo/".to_owned(), "/blessed@1/simple/demo/"),
        (
            "/blessed@2026-08-01/simple/De.Mo?format=text/html&x=a%20b".to_owned(),
            "/blessed@1/simple/de-mo/?format=text/html&x=a%20b",
        ),
        ("/blessed%402026-08-01/simple/demo".to_owned(), "/blessed@1/simple/demo/"),
        (format!("/blessed@sha256:{digest}/simple/"), "/blessed@2/simple/"),
        (format!("/blessed@sha256:{short}/simple/demo/"), "/blessed@2/simple/demo/"),
        (format!("/blessed%40sha256%3A{}/simple/demo/", short.to_uppercase()), "/blessed@2/simple/demo/"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = server.send(method, &path, &[("host", "evil.example")]).await;
            let told = (answer.status, answer.header("location"), answer.header("cache-control"));
            assert_eq!(told, (302, location, "no-store"), "{path}");
        }
    }
    let page = server.send(Method::GET, "/blessed@1/simple/demo/", &[("accept", JSON)]).await;
    assert_eq!(page.json()["versions"], json!(["1.0"]));
}

#[tokio::test]
async fn what_names_no_snapshot_is_not_found() {
    let server = server_with_two_days(Settings::default()).await;
    for (address, code) in [
        ("blessed@2026-07-31", "index/snapshot-unknown"),
        ("blessed@2026-08-03", "index/snapshot-unknown"),
        ("blessed@sha256:00000000", "index/snapshot-unknown"),
        ("blessed@sha256:0000000", "channels/serial-invalid"),
        ("blessed@2026-02-30", "channels/serial-invalid"),
        ("nowhere@2026-08-01", "index/channel-unknown"),
    ] {
        for end in ["/simple/", "/simple", "/simple/demo/"] {
            let path = format!("/{address}{end}");
            let answer = server.get(&path).await;
            assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some(code)), "{path}");
        }
    }
}

#[tokio::test]
async fn a_redirect_names_the_public_url_when_one_is_set() {
    let settings = Settings { public_url: Some("https://wheels.example/py/".parse().unwrap()), ..Settings::default() };
    let server = server_with_two_days(settings).await;
    let answer = server.get("/blessed@2026-08-01/simple/Demo?x=1").await;
    assert_eq!(answer.header("location"), "https://wheels.example/py/blessed@1/simple/demo/?x=1");
}

#[tokio::test]
async fn nobody_learns_a_serial_of_a_channel_that_he_may_not_read() {
    let server = server_with_two_days(Settings { read: ReadPolicy::Token, ..Settings::default() }).await;
    let (token, digest) = new_token(&mut rand::rngs::StdRng::seed_from_u64(3));
    let scope = Scope { permissions: vec![Permission::Read], channels: "staging".to_owned(), projects: "*".to_owned() };
    let mut tx = server.app().index.begin().await.unwrap();
    tx.create_token("narrow", &scope, &digest, None).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: "narrow".to_owned() }).await.unwrap();
    for day in ["2026-08-01", "2026-07-31"] {
        for path in [format!("/blessed@{day}/simple/demo/"), format!("/blessed@{day}/simple")] {
            assert_eq!(server.get(&path).await.status, 401, "{path}");
            assert_eq!(answer(server.request(Method::GET, &path).bearer_auth(&token)).await.status, 403, "{path}");
        }
    }
    let mine = answer(server.request(Method::GET, "/staging@2026-08-01/simple/").bearer_auth(&token)).await;
    assert_eq!((mine.status, mine.header("vary")), (302, "Accept, Accept-Encoding, Authorization"));
}

#[tokio::test]
async fn the_api_takes_a_day_or_a_digest_where_it_takes_a_serial() {
    let server = server_with_two_days(Settings::default()).await;
    let digest = server.get("/api/v1/channels/blessed").await.json()["digest"].as_str().unwrap().to_owned();
    for (channel, version) in [("blessed@2026-08-01".to_owned(), "1.0"), (format!("blessed@sha256:{digest}"), "2.0")] {
        let found = server.get(&format!("/api/v1/search?q=demo&channel={channel}")).await.json();
        assert_eq!(found["results"][0]["version"], version, "{channel}");
    }
    let wish = json!({"from": "blessed@2026-08-01", "select": []});
    let promoted = server.post_json("/api/v1/channels/staging/promotions", &wish).await;
    assert_eq!((promoted.status, &promoted.json()["from"]["serial"]), (200, &json!(1)), "{}", promoted.text());
    for path in ["/api/v1/search?channel=blessed@2026-07-01", "/api/v1/search?channel=blessed@sha256:00000000"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}
