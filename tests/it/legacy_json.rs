//! PyPI's legacy JSON API (standards section 6), through the socket.

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::model::Clock;
use reqwest::Method;

use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, Wheel, seed};

async fn upload(server: &TestServer, wheel: &Wheel) {
    let answer = server.put_file("staging", &wheel.filename(), wheel.build()).await;
    assert_eq!(answer.status, 200, "{:?}", answer.text());
}

#[tokio::test]
async fn a_release_is_told_at_the_root_and_in_each_channel_with_and_without_a_slash() {
    let server = TestServer::start().await;
    upload(&server, &Wheel::new("Demo", "1.0").header("Summary: one").header("Author: Ann")).await;
    server.promote("staging", "blessed").await;
    upload(&server, &Wheel::new("Demo", "2.0").header("Summary: two")).await;
    for (path, version, summary) in [
        ("/pypi/demo/json", "1.0", "one"),
        ("/pypi/demo/json/", "1.0", "one"),
        ("/pypi/demo/1.0.0/json", "1.0", "one"),
        ("/pypi/demo/1/json/", "1.0", "one"),
        ("/blessed/pypi/demo/json", "1.0", "one"),
        ("/staging/pypi/demo/json/", "2.0", "two"),
        ("/staging/pypi/demo/2.0/json", "2.0", "two"),
        ("/staging/pypi/demo/1.0/json/", "1.0", "one"),
        ("/staging@1/pypi/demo/json", "1.0", "one"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{path}");
        let body = answer.json();
        assert_eq!((&body["info"]["version"], &body["info"]["summary"]), (&version.into(), &summary.into()), "{path}");
        assert_eq!(body["urls"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(body.get("releases").is_some(), !path.contains("/demo/1") && !path.contains("/demo/2"), "{path}");
        assert_eq!(answer.header("x-pypi-last-serial"), body["last_serial"].to_string(), "{path}");
    }
    let body = server.get("/pypi/demo/json").await.json();
    let file = server.get(body["urls"][0]["url"].as_str().unwrap()).await;
    assert_eq!(file.status, 200);
}

#[tokio::test]
async fn what_is_not_there_is_404_and_another_spelling_redirects() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    for (path, code) in [
        ("/pypi/nope/json", "simple/no-such-project"),
        ("/pypi/demo/9.9/json", "simple/no-such-release"),
        ("/pypi/demo/one/json", "simple/no-such-release"),
        ("/pypi/d%C3%A9mo/json", "simple/no-such-release"),
        ("/staging/pypi/demo/json", "simple/no-such-project"),
        ("/nowhere/pypi/demo/json", "index/channel-unknown"),
    ] {
        let answer = server.send(Method::GET, path, &[("accept", "application/json")]).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.json()["code"], code, "{path}");
    }
    for (path, location) in [
        ("/pypi/De_mo/json?x=1", "/pypi/de-mo/json?x=1"),
        ("/pypi/Demo/1.0+CU.1/json/", "/pypi/demo/1.0%2Bcu.1/json"),
        ("/staging@7/pypi/Demo/json", "/staging@7/pypi/demo/json"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (301, location), "{path}");
    }
}

#[tokio::test]
async fn a_snapshot_named_by_a_day_redirects_to_its_serial_just_this_time() {
    let clock = Clock::manual("2026-11-20T12:00:00Z".parse().unwrap());
    let server = TestServer::start_with(Setup { clock, ..Setup::default() }).await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    let answer = server.get("/blessed@2026-11-20/pypi/Demo/1.0/json/?x=1").await;
    let told = (answer.status, answer.header("location"), answer.header("cache-control"));
    assert_eq!(told, (302, "/blessed@1/pypi/demo/1.0/json?x=1", "no-store"));
}

#[tokio::test]
async fn answers_are_compressed_tagged_and_asked_about_each_time() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    for path in ["/pypi/demo/json", "/blessed@1/pypi/demo/json"] {
        let mut tags = Vec::new();
        for encoding in ["identity", "gzip", "zstd"] {
            let answer = server.send(Method::GET, path, &[("accept-encoding", encoding)]).await;
            assert_eq!(answer.header("content-encoding"), encoding.trim_start_matches("identity"));
            assert_eq!((answer.header("cache-control"), answer.header("vary")), ("no-cache", "Accept-Encoding"));
            let etag = answer.header("etag").to_owned();
            let again = [("accept-encoding", encoding), ("if-none-match", etag.as_str())];
            let known = server.send(Method::GET, path, &again).await;
            assert_eq!((known.status, known.header("etag")), (304, etag.as_str()));
            assert_eq!((known.header("vary"), known.header("x-pypi-last-serial")), ("Accept-Encoding", "1"));
            tags.push(etag);
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3);
    }
    let head = server.send(Method::HEAD, "/pypi/demo/json", &[]).await;
    assert_eq!((head.status, head.body.is_empty()), (200, true));
}

#[tokio::test]
async fn a_change_of_the_project_makes_the_answer_anew_and_another_project_does_not() {
    let server = TestServer::start().await;
    upload(&server, &Wheel::new("demo", "1.0")).await;
    let first = server.get("/staging/pypi/demo/json").await;
    upload(&server, &Wheel::new("other", "1.0")).await;
    assert_eq!(server.get("/staging/pypi/demo/json").await.header("etag"), first.header("etag"));
    upload(&server, &Wheel::new("demo", "1.1")).await;
    let second = server.get("/staging/pypi/demo/json").await.json();
    assert_eq!((&second["info"]["version"], &second["last_serial"]), (&"1.1".into(), &3.into()));
}

#[tokio::test]
async fn links_are_absolute_where_a_public_address_is_set_and_never_repeat_a_host() {
    let public_url = Some("https://wheels.example/py/".parse().unwrap());
    let settings = Settings { public_url, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0+cpu-py3-none-any.whl")]).await;
    let answer = server.send(Method::GET, "/pypi/demo/json", &[("host", "evil.example")]).await;
    assert!(!answer.text().contains("evil"));
    let body = answer.json();
    let url = body["urls"][0]["url"].as_str().unwrap();
    assert!(url.starts_with("https://wheels.example/py/packages/") && url.ends_with("demo-1.0%2Bcpu-py3-none-any.whl"));
    assert_eq!(body["info"]["package_url"], "https://wheels.example/py/simple/demo/");
    assert_eq!(body["info"]["release_url"], "https://wheels.example/py/pypi/demo/1.0%2Bcpu/json");
}

#[tokio::test]
async fn a_server_that_reads_by_token_tells_strangers_nothing() {
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    assert_eq!(server.get("/pypi/demo/json").await.status, 401);
    let answer = server.get_as_admin("/pypi/demo/json").await;
    assert_eq!((answer.status, answer.header("vary")), (200, "Accept-Encoding, Authorization"));
}

#[tokio::test]
async fn metadata_that_cannot_be_read_any_more_leaves_what_the_index_keeps() {
    let server = TestServer::start().await;
    // The seed's METADATA has no version, which no check would have let pass.
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    let body = server.get("/pypi/demo/json").await.json();
    assert_eq!((&body["info"]["summary"], &body["info"]["description"]), (&"About demo".into(), &"".into()));
}
