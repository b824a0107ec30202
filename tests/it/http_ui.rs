//! The start page and the manual: embedded whole, nothing from elsewhere, headers that keep it so.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;
use reqwest::Method;

use crate::support::TestServer;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Paths of all files below `static/`, as URLs.
fn files() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let mut files = BTreeSet::new();
    for folder in ["ui", "manual"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            files.insert(format!("/{folder}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    files
}

#[tokio::test]
async fn every_file_is_in_the_program_under_a_strict_policy() {
    let server = TestServer::start().await;
    for path in files() {
        let answer = server.get(&path).await;
        let disk = std::fs::read(format!("{}/static{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        assert_eq!((answer.status, &answer.body[..]), (200, &disk[..]), "{path}");
        let expected = match path.rsplit('.').next().unwrap() {
            "html" => "text/html; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            other => panic!("give .{other} a content type"),
        };
        assert_eq!(answer.header("content-type"), expected, "{path}");
        assert_eq!(answer.header("content-security-policy"), POLICY, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let again = server.send(Method::GET, &path, &[("if-none-match", answer.header("etag"))]).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
    }
}

#[tokio::test]
async fn the_front_doors_show_their_pages() {
    let server = TestServer::start().await;
    assert_eq!(server.get("/").await.body, server.get("/ui/index.html").await.body);
    assert_eq!(server.get("/manual/").await.body, server.get("/manual/index.html").await.body);
    let redirect = server.get("/manual").await;
    assert_eq!((redirect.status, redirect.header("location")), (301, "/manual/"));
    for path in ["/ui/", "/ui/nope.js", "/ui/..%2Fmanual%2Findex.html", "/manual/nope.html", "/manual/../Cargo.toml"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[test]
fn no_page_needs_what_its_policy_forbids() {
    let inline = Regex::new(
        r#"(?i)<style|\sstyle=|\son[a-z]+=|<script(?:\s+type="module")?>|<base\s|(?:src|href)="(?:https?:)?//"#,
    )
    .unwrap();
    for path in files().into_iter().filter(|path| path.ends_with(".html")) {
        let text = std::fs::read_to_string(format!("{}/static{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        if let Some(found) = inline.find(&text) {
            panic!("{path}: {}", found.as_str());
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_safe_headers() {
    let server = TestServer::start().await;
    for path in ["/", "/simple/", "/simple", "/nope", "/api/v1/status", "/-/live", "/api/v1/audit"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert!(answer.headers.contains_key("permissions-policy"), "{path}");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert!(!answer.header("date").is_empty(), "{path}");
    }
}
