//! The changes of a channel over HTTP: complete, resumable anywhere, and what the Atom feed tells of them.

use std::collections::{BTreeMap, BTreeSet};

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::model::Yank;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::seed::change;
use crate::support::server::{Setup, answer};
use crate::support::{SeedFile, TestServer, seed};

async fn server_with_history() -> TestServer {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz"), SeedFile::new("demo-2.0.tar.gz")]).await;
    let yank = Yank { reason: Some("bad <b>".to_owned()) };
    change(&server, "blessed", "demo-1.0.tar.gz", Some(Some(yank))).await;
    change(&server, "blessed", "demo-2.0.tar.gz", None).await;
    server
}

const CHANGES: &str = "/api/v1/channels/blessed/changes";

#[tokio::test]
async fn a_mirror_that_follows_the_changes_holds_what_the_pages_show() {
    let server = server_with_history().await;
    for limit in [1, 2, 100] {
        let mut held: BTreeMap<String, Value> = BTreeMap::new();
        let mut since = String::from("0");
        loop {
            let answer = server.get(&format!("{CHANGES}?since={since}&limit={limit}")).await.json();
            for row in answer["changes"].as_array().unwrap() {
                let filename = row["filename"].as_str().unwrap().to_owned();
                match row["action"].as_str().unwrap() {
                    "removed" => assert!(held.remove(&filename).is_some()),
                    _ => drop(held.insert(filename, row.clone())),
                }
            }
            since = answer["next"].as_str().unwrap().to_owned();
            if answer["more"] == false {
                break;
            }
        }
        assert_eq!(since, "3");
        let page =
            server.send(Method::GET, "/simple/demo/", &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
        let shown: BTreeSet<String> =
            page.json()["files"].as_array().unwrap().iter().map(|file| file["filename"].to_string()).collect();
        assert_eq!(held.values().map(|row| row["filename"].to_string()).collect::<BTreeSet<_>>(), shown);
        assert_eq!(
            (&held["demo-1.0.tar.gz"]["yanked"], &held["demo-1.0.tar.gz"]["reason"]),
            (&json!(true), &json!("bad <b>"))
        );
    }
}

#[tokio::test]
async fn a_change_is_told_with_all_that_a_mirror_needs() {
    let server = server_with_history().await;
    let answer = server.get(&format!("{CHANGES}?since=1&limit=1")).await;
    let mut body = answer.json();
    let time = body["changes"][0]["time"].take();
    assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
    let sha256 = SeedFile::new("demo-1.0.tar.gz").sha256().to_hex();
    assert_eq!(
        body,
        json!({"channel": "blessed", "serial": 3, "next": "2.f1", "more": true, "changes": [{
            "serial": 2, "time": null, "project": "demo", "action": "yanked", "filename": "demo-1.0.tar.gz",
            "sha256": sha256, "yanked": true, "reason": "bad <b>",
        }]})
    );
    assert_eq!((answer.header("x-pypi-last-serial"), answer.header("cache-control")), ("3", "no-cache"));
    let end = server.get(&format!("{CHANGES}?since=3")).await.json();
    assert_eq!(end, json!({"channel": "blessed", "serial": 3, "next": "3", "more": false, "changes": []}));
}

#[tokio::test]
async fn marks_of_people_are_changes_too() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    let project = "/api/v1/channels/blessed/projects/demo/status";
    let file = "/api/v1/channels/blessed/files/demo-1.0.tar.gz";
    for (method, path, body) in [
        (Method::PUT, project, json!({"status": "archived", "reason": "done"})),
        (Method::PATCH, file, json!({"yanked": true, "reason": "bad"})),
        (Method::PATCH, file, json!({"yanked": false})),
        (Method::PUT, project, json!({"status": "active"})),
        (Method::DELETE, file, Value::Null),
    ] {
        let request = server.request(method.clone(), path).bearer_auth(server.token());
        let request = if body.is_null() { request } else { request.json(&body) };
        let told = answer(request).await;
        assert!(told.status < 300, "{method} {path}: {}", told.text());
    }
    let rows = server.get(&format!("{CHANGES}?since=1")).await.json();
    let told: Vec<Value> = rows["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["serial"], row["action"], row["status"], row["reason"], row["yanked"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!([2, "status", "archived", "done", null]),
            json!([3, "yanked", null, "bad", true]),
            json!([4, "unyanked", null, null, false]),
            json!([5, "status", "active", null, null]),
            json!([6, "removed", null, null, null]),
        ]
    );
}

#[tokio::test]
async fn nothing_new_is_a_304_until_something_happens() {
    let server = server_with_history().await;
    for path in [format!("{CHANGES}?since=3"), CHANGES.to_owned(), "/blessed/changes.atom".to_owned()] {
        let before = server.get(&path).await;
        let etag = before.header("etag").to_owned();
        let again = server.send(Method::GET, &path, &[("if-none-match", &etag)]).await;
        assert_eq!((again.status, again.header("etag"), again.body.len()), (304, etag.as_str(), 0), "{path}");
        assert_eq!(server.send(Method::HEAD, &path, &[]).await.header("etag"), etag);
        seed(&server, "blessed", &[SeedFile::new(&format!("other{}-1.0.tar.gz", path.len()))]).await;
        let after = server.send(Method::GET, &path, &[("if-none-match", &etag)]).await;
        assert!(after.status == 200 && after.body != before.body, "{path}");
    }
    let other = server.get(&format!("{CHANGES}?since=3&limit=7")).await;
    assert_ne!(other.header("etag"), server.get(&format!("{CHANGES}?since=3")).await.header("etag"));
}

#[tokio::test]
async fn what_cannot_be_followed_is_said() {
    let server = server_with_history().await;
    for (path, status, code) in [
        ("/api/v1/channels/blessed/changes?since=x", 400, "channels/cursor-invalid"),
        ("/api/v1/channels/blessed/changes?since=4", 409, "channels/cursor-ahead"),
        ("/api/v1/channels/blessed/changes?limit=x", 400, "http/query-invalid"),
        ("/api/v1/channels/nowhere/changes", 404, "index/channel-unknown"),
        ("/nowhere/changes.atom", 404, "index/channel-unknown"),
        ("/blessed@1/changes.atom", 404, "channels/name-invalid"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{path}");
    }
}

#[tokio::test]
async fn the_feed_has_an_entry_for_each_snapshot_and_keeps_its_ids() {
    let server = server_with_history().await;
    let lines = |text: &str, mark: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with(mark)).map(str::to_owned).collect()
    };
    let feed = server.get("/blessed/changes.atom").await;
    assert_eq!(feed.header("content-type"), "application/atom+xml; charset=utf-8");
    let (text, ids) = (feed.text(), lines(feed.text(), "<id>"));
    assert_eq!(
        lines(text, "<title>"),
        [
            "<title>Changes of blessed</title>",
            "<title>blessed@3: 1 removed</title>",
            "<title>blessed@2: 1 yanked</title>",
            "<title>blessed@1: 2 added</title>",
        ]
    );
    assert!(text.contains("yanked demo-1.0.tar.gz: bad &lt;b&gt;\n") && text.contains("href=\"../blessed@2/simple/\""));
    seed(&server, "blessed", &[SeedFile::new("other-1.0.tar.gz")]).await;
    let later = lines(server.get("/blessed/changes.atom").await.text(), "<id>");
    assert_eq!((&later[0], &later[2..]), (&ids[0], &ids[1..]));
    assert_ne!(lines(server.get("/staging/changes.atom").await.text(), "<id>")[0], ids[0]);
}

#[tokio::test]
async fn a_promotion_of_many_files_does_not_burst_the_feed() {
    let server = TestServer::start().await;
    let files: Vec<SeedFile> = (0..400).map(|number| SeedFile::new(&format!("many{number}-1.0.tar.gz"))).collect();
    seed(&server, "blessed", &files).await;
    let text = server.get("/blessed/changes.atom").await.text().to_owned();
    assert!(text.contains("<title>blessed@1: 300 added, and more</title>"), "{text}");
    assert_eq!(text.matches("\nadded ").count() + 1, 300);
    seed(&server, "blessed", &[SeedFile::new("one-1.0.tar.gz")]).await;
    let text = server.get("/blessed/changes.atom").await.text().to_owned();
    assert!(text.contains("<title>blessed@2: 1 added</title>") && !text.contains("blessed@1:"), "{text}");
}

#[tokio::test]
async fn a_feed_names_the_public_url_and_is_behind_the_token_where_pages_are() {
    let settings = Settings {
        public_url: Some("https://wheels.example/py/".parse().unwrap()),
        read: ReadPolicy::Token,
        ..Settings::default()
    };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    let feed = server.get_as_admin("/blessed/changes.atom").await;
    assert!(feed.text().contains("href=\"https://wheels.example/py/blessed/changes.atom\""), "{}", feed.text());
    assert_eq!(feed.header("vary"), "Authorization");
    for path in ["/blessed/changes.atom", CHANGES] {
        assert_eq!(server.get(path).await.status, 401, "{path}");
    }
}
