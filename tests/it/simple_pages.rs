//! What pages say and where they stand (standards 1.1, 1.3, 1.4), through the socket.

use std::collections::BTreeMap;

use ferrywheel::config::Settings;
use regex::Regex;
use reqwest::{Method, Url};
use serde_json::{Value, json};

use crate::support::seed::change;
use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

async fn page(server: &TestServer, path: &str) -> Value {
    let answer = server.send(Method::GET, path, &[("accept", JSON)]).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// What a client learns of one file, from either form of the page.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    url: String,
    sha256: String,
    requires_python: Option<String>,
    metadata: Option<String>,
    yanked: Option<String>,
}

fn unescape(text: &str) -> String {
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#13;", "\r");
    text.replace("&amp;", "&")
}

/// Reads a page as strictly as its own rules: every anchor is a file, with nothing but known attributes.
fn seen_in_html(html: &str) -> BTreeMap<String, Seen> {
    let anchor =
        Regex::new(r#"\n<a href="([^"]*)#sha256=([0-9a-f]{64})"((?: [a-z-]+="[^"]*")*)>([^<]+)</a><br>"#).unwrap();
    let attribute = Regex::new(r#" ([a-z-]+)="([^"]*)""#).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>\n"), "{html}");
    assert!(html.contains(r#"<meta name="pypi:repository-version" content="1.4">"#), "{html}");
    let mut seen = BTreeMap::new();
    assert_eq!(anchor.find_iter(html).count(), html.matches("<a").count(), "{html}");
    for parts in anchor.captures_iter(html) {
        let mut attributes: BTreeMap<&str, String> = BTreeMap::new();
        for pair in attribute.captures_iter(parts.get(3).unwrap().as_str()) {
            attributes.insert(pair.get(1).unwrap().as_str(), unescape(&pair[2]));
        }
        let metadata = attributes.remove("data-core-metadata");
        assert_eq!(attributes.remove("data-dist-info-metadata"), metadata);
        let file = Seen {
            url: unescape(&parts[1]),
            sha256: parts[2].to_owned(),
            requires_python: attributes.remove("data-requires-python"),
            metadata: metadata.map(|text| text.strip_prefix("sha256=").unwrap().to_owned()),
            yanked: attributes.remove("data-yanked"),
        };
        assert!(attributes.is_empty(), "{attributes:?}");
        seen.insert(unescape(&parts[4]), file);
    }
    seen
}

fn seen_in_json(page: &Value) -> BTreeMap<String, Seen> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut seen = BTreeMap::new();
    for file in page["files"].as_array().unwrap() {
        let hashes = file["hashes"].as_object().unwrap();
        assert_eq!(hashes.keys().collect::<Vec<_>>(), ["sha256"]);
        let yanked = match &file["yanked"] {
            Value::Bool(false) => None,
            Value::Bool(true) => Some(String::new()),
            reason => Some(reason.as_str().filter(|reason| !reason.is_empty()).unwrap().to_owned()),
        };
        let one = Seen {
            url: text(&file["url"]).unwrap(),
            sha256: text(&hashes["sha256"]).unwrap(),
            requires_python: text(&file["requires-python"]),
            metadata: text(&file["core-metadata"]["sha256"]),
            yanked,
        };
        seen.insert(text(&file["filename"]).unwrap(), one);
    }
    seen
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}

/// Projects with every mixture of what a file may or may not have, and texts that would break a careless page.
fn generated() -> Vec<SeedFile> {
    let mut files = Vec::new();
    for number in 0..96_u32 {
        let version = ["1.0", "2!1.0", "1.0+cu118", "1.0rc1", "1.10", "1.0.post2"][number as usize % 6];
        let kind = if number % 7 == 6 { ".tar.gz".to_owned() } else { format!("-{number}-py3-none-any.whl") };
        let mut file = SeedFile::new(&format!("gen{}-{version}{kind}", number % 4));
        if number % 7 == 6 && files.iter().any(|other: &SeedFile| other.filename == file.filename) {
            continue;
        }
        file = match number % 3 {
            0 => file.requires_python(">=3.8,<4,!=3.9.*"),
            1 => file.without_metadata(),
            _ => file,
        };
        file = match number % 5 {
            0 => file.yanked(None),
            1 => file.yanked(Some("broken: <b>\"1\" & '2'</b>\r\nünïcode")),
            _ => file,
        };
        files.push(file);
    }
    files
}

#[tokio::test]
async fn html_and_json_say_the_same_and_json_holds_no_null() {
    let server = TestServer::start().await;
    let files = generated();
    seed(&server, "blessed", &files).await;
    let mut count = 0;
    for number in 0..4 {
        let path = format!("/simple/gen{number}/");
        let json = page(&server, &path).await;
        assert!(!has_null(&json), "{json}");
        assert_eq!((&json["name"], &json["meta"]["api-version"]), (&json!(format!("gen{number}")), &json!("1.4")));
        let html = server.send(Method::GET, &path, &[("accept", "text/html")]).await;
        let seen = seen_in_json(&json);
        assert_eq!(seen_in_html(html.text()), seen);
        count += seen.len();
        for file in json["files"].as_array().unwrap() {
            assert!(file["size"].is_u64());
            assert_eq!(file["upload-time"], "2026-08-01T12:00:00.000000Z");
            let keys =
                ["filename", "url", "hashes", "requires-python", "size", "upload-time", "yanked", "core-metadata"];
            assert!(file.as_object().unwrap().keys().all(|key| keys.contains(&key.as_str())), "{file}");
        }
    }
    assert_eq!(count, files.len());
}

#[tokio::test]
async fn every_link_of_every_kind_of_page_leads_to_the_bytes() {
    let server = TestServer::start().await;
    let files = [
        SeedFile::new("loc-1.0+cu118-py3-none-any.whl"),
        SeedFile::new("loc-1!2.0-py3-none-any.whl"),
        SeedFile::new("loc-1.0.tar.gz").without_metadata(),
    ];
    seed(&server, "blessed", &files).await;
    seed(&server, "staging", &files).await;
    let places = ["/simple/loc/", "/blessed/simple/loc/", "/blessed@1/simple/loc/"];
    // What hatch asks for, below the URLs of uploads.
    let below_uploads = ["/legacy/+simple/loc/", "/legacy/%2Bsimple/loc/", "/blessed/legacy/%2Bsimple/loc/"];
    for path in places.into_iter().chain(below_uploads) {
        let base = Url::parse(&format!("{}{path}", server.url())).unwrap();
        for file in page(&server, path).await["files"].as_array().unwrap() {
            let relative = file["url"].as_str().unwrap();
            assert!(!relative.contains(['+', '!', '?', '#']), "{relative}");
            let url = base.join(relative).unwrap();
            let answer = server.get(url.path()).await;
            let expected = files.iter().find(|seeded| seeded.filename == file["filename"]).unwrap();
            assert_eq!((answer.status, &answer.body), (200, &expected.bytes), "{path} {url}");
            let metadata = server.get(&format!("{}.metadata", url.path())).await;
            match &expected.metadata {
                Some(bytes) => assert_eq!((metadata.status, &metadata.body), (200, bytes)),
                None => assert_eq!(metadata.status, 404),
            }
        }
    }
}

#[tokio::test]
async fn files_stand_by_version_and_versions_are_listed_once() {
    let server = TestServer::start().await;
    let names =
        ["demo-1.10-py3-none-any.whl", "demo-1.9-py3-none-any.whl", "demo-1.9.tar.gz", "demo-2.0rc1-py3-none-any.whl"];
    seed(&server, "blessed", &names.map(SeedFile::new)).await;
    let page = page(&server, "/simple/demo/").await;
    let order: Vec<&str> =
        page["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap()).collect();
    assert_eq!(order, [names[1], names[2], names[0], names[3]]);
    assert_eq!(page["versions"], json!(["1.9", "1.10", "2.0rc1"]));
}

#[tokio::test]
async fn the_list_of_projects_links_to_their_pages() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("Zope.Interface-1.0.tar.gz"), SeedFile::new("flask-1.0.tar.gz")]).await;
    let json = page(&server, "/simple/").await;
    assert_eq!(
        json["projects"],
        json!([{"name": "flask", "_last-serial": 1}, {"name": "Zope.Interface", "_last-serial": 1}])
    );
    assert_eq!(json["meta"], json!({"api-version": "1.4", "_last-serial": 1}));
    let html = server.get("/simple/").await;
    let links =
        r#"<a href="flask/">flask</a><br>"#.to_owned() + "\n" + r#"<a href="zope-interface/">Zope.Interface</a><br>"#;
    assert!(html.text().contains(&links), "{}", html.text());
    assert!(html.text().ends_with("<!--SERIAL 1-->\n"));
    assert_eq!(server.get("/simple/zope-interface/").await.status, 200);
}

#[tokio::test]
async fn a_missing_slash_or_another_spelling_redirects_for_ever_and_keeps_the_query() {
    let server = TestServer::start().await;
    for (path, location) in [
        ("/simple", "/simple/"),
        ("/simple?x=1&y=a%20b", "/simple/?x=1&y=a%20b"),
        ("/simple/demo", "/simple/demo/"),
        ("/simple/FrIeNdLy-._.-bArD?x=1", "/simple/friendly-bard/?x=1"),
        ("/simple/Foo_Bar/?format=text/html", "/simple/foo-bar/?format=text/html"),
        ("/simple/Foo%5FBar/", "/simple/foo-bar/"),
        ("/staging/simple", "/staging/simple/"),
        ("/staging@3/simple/Foo", "/staging@3/simple/foo/"),
        ("/staging%403/simple/Foo/", "/staging@3/simple/foo/"),
    ] {
        let answer = server.send(Method::GET, path, &[("host", "evil.example")]).await;
        assert_eq!((answer.status, answer.header("location")), (301, location), "{path}");
        assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
    }
}

#[tokio::test]
async fn redirects_name_the_public_url_when_one_is_set() {
    let settings = Settings { public_url: Some("https://wheels.example/py/".parse().unwrap()), ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let answer = server.get("/simple/Foo?x=1").await;
    assert_eq!(answer.header("location"), "https://wheels.example/py/simple/foo/?x=1");
}

#[tokio::test]
async fn what_is_no_page_is_not_found() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    for path in [
        "/simple/nope/",
        "/simple/-demo/",
        "/simple/demo%0A/",
        "/simple/d%C3%A9mo/",
        "/simple/demo%2F..%2Fx/",
        "/simple/%ff/",
        "/simple/demo/1.0/",
        "/nowhere/simple/",
        "/Blessed/simple/",
        "/api/simple/",
        "/blessed@2/simple/",
        "/blessed@x/simple/demo/",
        "/staging/simple/demo/",
        "/blessed/",
        "/nothing",
    ] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_page_is_only_read() {
    let server = TestServer::start().await;
    for path in ["/simple/", "/simple/demo/", "/blessed/simple/", "/simple"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = server.send(method.clone(), path, &[]).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_name_whose_files_are_gone_keeps_an_empty_page() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    change(&server, "blessed", "demo-1.0.tar.gz", None).await;
    let json = page(&server, "/simple/demo/").await;
    assert_eq!((&json["files"], &json["versions"]), (&json!([]), &json!([])));
    assert_eq!(page(&server, "/simple/").await["projects"], json!([]));
    assert_eq!(page(&server, "/blessed@1/simple/demo/").await["versions"], json!(["1.0"]));
}

#[tokio::test]
async fn a_yank_changes_the_page_and_not_the_file() {
    let server = TestServer::start().await;
    let file = SeedFile::new("demo-1.0.tar.gz");
    seed(&server, "blessed", std::slice::from_ref(&file)).await;
    let before = (server.get("/simple/demo/").await, server.get(&file.path()).await);
    let yank = ferrywheel::model::Yank { reason: Some("bad".to_owned()) };
    change(&server, "blessed", &file.filename, Some(Some(yank))).await;
    let after = (server.get("/simple/demo/").await, server.get(&file.path()).await);
    assert_ne!(before.0.header("etag"), after.0.header("etag"));
    assert_eq!((before.1.header("etag"), &before.1.body), (after.1.header("etag"), &after.1.body));
    assert_eq!(page(&server, "/simple/demo/").await["files"][0]["yanked"], "bad");
    assert_eq!(page(&server, "/blessed@1/simple/demo/").await["files"][0]["yanked"], false);
}
