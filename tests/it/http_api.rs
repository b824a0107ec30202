//! The JSON API of this room: status, search, channels, promotions, audit, health, and the form of problems.

use reqwest::Method;
use serde_json::json;

use crate::support::server::answer;
use crate::support::{SeedFile, TestServer, seed};

#[tokio::test]
async fn status_tells_what_the_server_holds() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz"), SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    let status = server.get("/api/v1/status").await.json();
    assert_eq!(
        (&status["server"], &status["default_channel"], &status["upload_channel"], &status["reads"]),
        (&json!("ferrywheel"), &json!("blessed"), &json!("staging"), &json!("open"))
    );
    assert_eq!((&status["version"], &status["public_url"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(null)));
    assert_eq!(
        status["channels"],
        json!([
            {"name": "blessed", "serial": 0, "project_count": 0, "release_count": 0, "file_count": 0, "size_bytes": 0},
            {"name": "staging", "serial": 1, "project_count": 1, "release_count": 1, "file_count": 2, "size_bytes": 40},
        ])
    );
    let targets = status["targets"].as_array().unwrap();
    assert!(targets.contains(&json!("debian-12")), "{targets:?}");
}

#[tokio::test]
async fn search_finds_by_a_part_of_the_name_in_one_channel() {
    let server = TestServer::start().await;
    let files = ["flask-login-1.0", "flask-1.0", "flask-1.1rc1", "numpy-2.0"].map(|stem| format!("{stem}.tar.gz"));
    let seeded: Vec<SeedFile> =
        files.iter().map(|name| SeedFile::new(&name.replace("flask-login", "flask_login"))).collect();
    seed(&server, "staging", &seeded).await;
    let found = server.get("/api/v1/search?q=Flask&channel=staging").await.json();
    assert_eq!((&found["query"], &found["channel"], &found["total"]), (&json!("Flask"), &json!("staging"), &json!(2)));
    assert_eq!(
        found["results"][0],
        json!({
            "name": "flask", "display_name": "flask", "version": "1.0", "summary": "About flask", "file_count": 2,
            "attested_count": 0, "verified_count": 0,
        })
    );
    assert_eq!(found["results"][1]["name"], "flask-login");
    assert_eq!(server.get("/api/v1/search?q=flask").await.json()["total"], 0);
    let limited = server.get("/api/v1/search?channel=staging&limit=1").await.json();
    assert_eq!((&limited["total"], limited["results"].as_array().unwrap().len()), (&json!(3), 1));
    for (path, status, code) in [
        ("/api/v1/search?channel=nowhere", 404, "index/channel-unknown"),
        ("/api/v1/search?channel=No%20where", 404, "channels/name-invalid"),
        ("/api/v1/search?limit=many", 400, "http/query-invalid"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{path}");
    }
}

#[tokio::test]
async fn a_promotion_brings_files_over_and_is_told_in_full() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz"), SeedFile::new("other-2.0.tar.gz")]).await;
    let path = "/api/v1/channels/blessed/promotions";
    let dry = server.post_json(path, &json!({"from": "staging", "select": ["demo"], "dry_run": true})).await;
    let expected = json!({
        "from": {"channel": "staging", "serial": 1},
        "to": {"channel": "blessed", "serial_before": 0, "serial": 1},
        "dry_run": true, "added": ["demo-1.0.tar.gz"], "unchanged_count": 0,
    });
    assert_eq!((dry.status, dry.json()), (200, expected));
    assert_eq!(server.serial("blessed").await, 0);
    let done =
        server.post_json(path, &json!({"from": "staging@1", "select": ["demo==1.0"], "expected_serial": 0})).await;
    assert_eq!((done.status, &done.json()["added"]), (200, &json!(["demo-1.0.tar.gz"])));
    assert_eq!(server.get("/simple/demo/").await.status, 200);
    assert_eq!(server.get("/simple/other/").await.status, 404);
    let late = server.post_json(path, &json!({"from": "staging", "expected_serial": 0})).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("index/channel-moved")));
    assert_eq!(server.serial("blessed").await, 1);
}

#[tokio::test]
async fn promotions_at_the_same_time_each_bring_their_files_over() {
    let server = TestServer::start().await;
    let names: Vec<String> = (0..6).map(|number| format!("demo{number}-1.0.tar.gz")).collect();
    seed(&server, "staging", &names.iter().map(|name| SeedFile::new(name)).collect::<Vec<_>>()).await;
    let path = "/api/v1/channels/blessed/promotions";
    let wishes: Vec<_> = (0..6).map(|number| json!({"from": "staging", "select": [format!("demo{number}")]})).collect();
    let answers = futures_util::future::join_all(wishes.iter().map(|wish| server.post_json(path, wish))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(server.serial("blessed").await, 6);
    let view = server.app().index.open_view(&"blessed".parse().unwrap()).await.unwrap();
    let files = server.app().index.list_channel_files(&view).await.unwrap();
    assert_eq!(files.into_iter().map(|file| file.stored.file.filename).collect::<Vec<_>>(), names);
}

#[tokio::test]
async fn a_promotion_that_cannot_be_read_changes_nothing() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    for (channel, body, status, code) in [
        ("blessed", json!({}), 400, "http/body-invalid"),
        ("blessed", json!({"from": "staging", "selekt": []}), 400, "http/body-invalid"),
        ("blessed", json!({"from": "staging", "select": ["-"]}), 400, "channels/selector-invalid"),
        ("blessed", json!({"from": "staging", "select": ["nope"]}), 400, "channels/nothing-selected"),
        ("blessed", json!({"from": "blessed"}), 400, "channels/same-channel"),
        ("blessed", json!({"from": "nowhere"}), 404, "index/channel-unknown"),
        ("blessed", json!({"from": "staging@9"}), 404, "index/snapshot-unknown"),
        ("nowhere", json!({"from": "staging"}), 404, "index/channel-unknown"),
    ] {
        let answer = server.post_json(&format!("/api/v1/channels/{channel}/promotions"), &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{channel} {body}");
    }
    let plain =
        server.request(Method::POST, "/api/v1/channels/blessed/promotions").bearer_auth(server.token()).body("{}");
    assert_eq!(answer(plain).await.status, 415);
    assert_eq!(server.serial("blessed").await, 0);
}

#[tokio::test]
async fn channels_and_their_snapshots_are_listed() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    seed(&server, "staging", &[SeedFile::new("other-1.0.tar.gz")]).await;
    let names = server.get("/api/v1/channels").await.json();
    let names: Vec<&str> =
        names["channels"].as_array().unwrap().iter().map(|channel| channel["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["blessed", "staging"]);
    let blessed = server.get("/api/v1/channels/blessed").await.json();
    assert_eq!((&blessed["serial"], &blessed["file_count"]), (&json!(1), &json!(1)));
    let listed = server.get("/api/v1/channels/staging/snapshots").await.json();
    let serials: Vec<i64> =
        listed["snapshots"].as_array().unwrap().iter().map(|row| row["serial"].as_i64().unwrap()).collect();
    assert_eq!((serials.first(), &listed["channel"]), (Some(&2), &json!("staging")));
    let one = server.get("/api/v1/channels/staging/snapshots?limit=1").await.json();
    assert_eq!(one["snapshots"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/api/v1/channels/nowhere/snapshots").await.status, 404);
    let staging = server.get("/api/v1/channels/staging").await.json();
    assert_ne!(staging["digest"], blessed["digest"]);
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    let all = server.get_as_admin("/api/v1/audit").await.json();
    let all = all["records"].as_array().unwrap();
    assert!(all.len() >= 4 && all[0]["sequence"] == 1, "{all:?}");
    let second = server.get_as_admin("/api/v1/audit?after=1&limit=1").await.json();
    assert_eq!(second["records"], json!([all[1]]));
    assert_eq!(second["records"][0]["previous_hash"], all[0]["hash"]);
}

#[tokio::test]
async fn health_is_told_without_a_token_and_never_kept() {
    let server = TestServer::start().await;
    for (path, text) in [("/-/live", "live\n"), ("/-/ready", "ready\n")] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.text(), answer.header("cache-control")), (200, text, "no-store"));
    }
}

#[tokio::test]
async fn a_server_whose_index_is_gone_says_that_it_is_not_ready() {
    let server = TestServer::start().await;
    server.app().index.close().await;
    let answer = server.get("/-/ready").await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("http/not-ready")));
    assert_eq!(answer.header("retry-after"), "5");
    assert_eq!(server.get("/-/live").await.status, 200);
}

#[tokio::test]
async fn a_problem_is_json_for_programs_and_text_for_the_rest() {
    let server = TestServer::start().await;
    let problem = server.send(Method::GET, "/simple/nope/", &[("accept", "text/html"), ("accept", "*/*")]).await;
    assert_eq!((problem.status, problem.header("content-type")), (404, "application/problem+json"));
    let id = problem.header("x-request-id").to_owned();
    assert_eq!(
        problem.json(),
        json!({
            "type": "/manual/errors.html#simple-no-such-project", "title": "Not found", "status": 404,
            "detail": "`nope` is not in channel `blessed` at serial 0", "code": "simple/no-such-project",
            "request_id": id, "findings": [],
        })
    );
    let text = server.send(Method::GET, "/simple/nope/", &[("accept", "text/html")]).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert!(text.text().starts_with("`nope` is not in channel `blessed` at serial 0\n"), "{}", text.text());
    assert_ne!(text.header("x-request-id"), id);
    let encoded =
        server.send(Method::POST, "/api/v1/channels/blessed/promotions", &[("content-encoding", "gzip")]).await;
    assert_eq!((encoded.status, &encoded.json()["code"]), (415, &json!("http/body-encoded")));
}
