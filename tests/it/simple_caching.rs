//! Entity tags, conditional answers and `Cache-Control` of pages (standards 1.6), through the socket.

use std::collections::BTreeSet;

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use reqwest::Method;

use crate::support::server::Setup;
use crate::support::{Answer, SeedFile, TestServer, seed};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const WHEEL: &str = "demo-1.0-py3-none-any.whl";

/// Every representation in every encoding.
const FORMS: [(&str, &str); 6] = [
    (JSON, "identity"),
    (JSON, "gzip"),
    ("text/html", "identity"),
    ("text/html", "gzip"),
    ("application/vnd.pypi.simple.v1+html", "identity"),
    ("application/vnd.pypi.simple.v1+html", "gzip"),
];

async fn fetch(server: &TestServer, path: &str, form: (&str, &str), if_none_match: Option<&str>) -> Answer {
    let mut headers = vec![("accept", form.0), ("accept-encoding", form.1)];
    headers.extend(if_none_match.map(|etag| ("if-none-match", etag)));
    server.send(Method::GET, path, &headers).await
}

#[tokio::test]
async fn each_form_has_its_own_strong_tag_and_304_only_for_itself() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new(WHEEL)]).await;
    for path in ["/simple/", "/simple/demo/"] {
        let mut tags = Vec::new();
        for form in FORMS {
            tags.push(fetch(&server, path, form, None).await.header("etag").to_owned());
        }
        assert_eq!(tags.iter().collect::<BTreeSet<_>>().len(), FORMS.len(), "{tags:?}");
        assert!(tags.iter().all(|tag| tag.len() == 34 && tag.starts_with('"')), "{tags:?}");
        for (position, form) in FORMS.into_iter().enumerate() {
            for (other, tag) in tags.iter().enumerate() {
                let answer = fetch(&server, path, form, Some(tag)).await;
                let expected = if other == position { 304 } else { 200 };
                assert_eq!(answer.status, expected, "{path} {form:?} {tag}");
                assert_eq!(answer.header("etag"), tags[position]);
                assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
                assert_eq!(answer.header("cache-control"), "no-cache");
                assert_eq!(answer.body.is_empty(), other == position);
            }
        }
        let listed = format!("\"other\", W/{}", tags[0]);
        assert_eq!(fetch(&server, path, FORMS[0], Some(&listed)).await.status, 304);
    }
}

#[tokio::test]
async fn a_change_of_another_project_leaves_a_page_as_it_is() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new(WHEEL)]).await;
    let before = fetch(&server, "/simple/demo/", FORMS[0], None).await;
    seed(&server, "blessed", &[SeedFile::new("other-1.0-py3-none-any.whl")]).await;
    let after = fetch(&server, "/simple/demo/", FORMS[0], Some(before.header("etag"))).await;
    assert_eq!((after.status, after.header("x-pypi-last-serial")), (304, "1"));
    let root = fetch(&server, "/simple/", FORMS[0], None).await;
    assert_eq!((root.header("x-pypi-last-serial"), &root.json()["meta"]["_last-serial"]), ("2", &2.into()));
}

#[tokio::test]
async fn a_snapshot_stays_as_it_was_and_may_be_kept_for_ever() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new(WHEEL)]).await;
    assert_eq!(server.promote("staging", "blessed").await.status, 200);
    let pages = ["/blessed@1/simple/", "/blessed@1/simple/demo/"];
    let mut before = Vec::new();
    for page in pages {
        before.push(fetch(&server, page, FORMS[0], None).await);
    }
    seed(&server, "staging", &[SeedFile::new("demo-2.0-py3-none-any.whl")]).await;
    assert_eq!(server.promote("staging", "blessed").await.status, 200);
    for (page, before) in pages.into_iter().zip(before) {
        let after = fetch(&server, page, FORMS[0], None).await;
        assert_eq!(after.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!((&after.body, after.header("etag")), (&before.body, before.header("etag")));
    }
    let head = fetch(&server, "/blessed/simple/demo/", FORMS[0], None).await.json();
    assert_eq!(head["versions"], serde_json::json!(["1.0", "2.0"]));
    let empty = fetch(&server, "/blessed@0/simple/", FORMS[0], None).await.json();
    assert_eq!(empty["projects"], serde_json::json!([]));
}

#[tokio::test]
async fn what_does_not_exist_yet_is_not_remembered_as_missing() {
    let server = TestServer::start().await;
    for path in ["/simple/nope/", "/blessed@1/simple/", "/nowhere/simple/"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("cache-control")), (404, "no-store"), "{path}");
    }
}

#[tokio::test]
async fn pages_behind_a_token_are_kept_apart_by_caches() {
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    seed(&server, "blessed", &[SeedFile::new(WHEEL)]).await;
    let page = server.get_as_admin("/simple/demo/").await;
    assert_eq!((page.status, page.header("vary")), (200, "Accept, Accept-Encoding, Authorization"));
    let snapshot = server.get_as_admin("/blessed@1/simple/demo/").await;
    assert_eq!(snapshot.header("cache-control"), "private, max-age=31536000, immutable");
}

#[tokio::test]
async fn many_at_once_after_a_change_all_get_the_new_page() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new(WHEEL)]).await;
    let answers = futures_util::future::join_all((0..200).map(|_| server.get("/simple/demo/"))).await;
    let tags: BTreeSet<&str> = answers.iter().map(|answer| answer.header("etag")).collect();
    assert!(answers.iter().all(|answer| answer.status == 200) && tags.len() == 1, "{tags:?}");
}
