//! Entity tags, conditional answers and `Cache-Control` of pages (standards 1.6), through the socket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::simple::{Base, Encoding, Form, Format};
use reqwest::Method;

use crate::support::server::Setup;
use crate::support::{Answer, SeedFile, TestServer, seed};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const WHEEL: &str = "demo-1.0-py3-none-any.whl";

/// Every representation in every encoding.
const FORMS: [(&str, &str); 9] = [
    (JSON, "identity"),
    (JSON, "gzip"),
    (JSON, "zstd"),
    ("text/html", "identity"),
    ("text/html", "gzip"),
    ("text/html", "zstd"),
    ("application/vnd.pypi.simple.v1+html", "identity"),
    ("application/vnd.pypi.simple.v1+html", "gzip"),
    ("application/vnd.pypi.simple.v1+html", "zstd"),
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
                assert!(!answer.header("date").is_empty(), "pip uses no page without a date");
                assert_eq!(answer.body.is_empty(), other == position);
                // What is true of the bytes that the client has was said with them.
                assert_eq!(answer.header("x-content-type-options").is_empty(), other == position);
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

/// Status, headers but those of the moment, and body.
fn told(answer: &Answer) -> (u16, BTreeMap<String, String>, Vec<u8>) {
    let of_the_moment = ["date", "x-request-id"];
    let headers = answer.headers.iter().filter(|(name, _)| !of_the_moment.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    (answer.status, headers.collect(), answer.body.to_vec())
}

#[tokio::test]
async fn the_short_way_and_the_way_through_the_routes_give_the_same_answer() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new(WHEEL)]).await;
    seed(&server, "blessed", &[SeedFile::new("other-1.0-py3-none-any.whl")]).await;
    let authorization = format!("Bearer {}", server.token());
    for path in ["/simple/", "/simple/demo/", "/blessed/simple/demo/", "/blessed@1/simple/", "/blessed@2/simple/demo/"]
    {
        for form in FORMS {
            let etag = fetch(&server, path, form, None).await.header("etag").to_owned();
            for known in [None, Some(etag.as_str()), Some("*"), Some("\"other\"")] {
                let short = fetch(&server, path, form, known).await;
                let mut headers =
                    vec![("accept", form.0), ("accept-encoding", form.1), ("authorization", &authorization)];
                headers.extend(known.map(|etag| ("if-none-match", etag)));
                let routed = server.send(Method::GET, path, &headers).await;
                assert_eq!(told(&short), told(&routed), "{path} {form:?} {known:?}");
                let head = server.send(Method::HEAD, path, &headers).await;
                assert_eq!(
                    (told(&head).0, told(&head).1),
                    (told(&short).0, told(&short).1),
                    "{path} {form:?} {known:?}"
                );
            }
        }
    }
    // It was the short way: what the second request needed was in memory.
    let app = server.app();
    let form = Form { format: Format::Json, encoding: Encoding::Zstd, base: Base::Default };
    let blessed = "blessed".parse().unwrap();
    assert!(app.pages.project_at_hand(&app.index, &blessed, &"demo".parse().unwrap(), form).is_some());
    assert!(app.pages.root_at_hand(&app.index, &blessed, form).is_some());
    assert!(app.pages.project_at_hand(&app.index, &blessed, &"none".parse().unwrap(), form).is_none());
}

#[tokio::test]
async fn nobody_reads_an_older_page_than_was_acknowledged() {
    const WRITES: i64 = 30;
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new(WHEEL)]).await;
    let (acknowledged, is_done) = (AtomicI64::new(1), AtomicBool::new(false));
    let write = async {
        for number in 0..WRITES {
            let file = SeedFile::new(&format!("demo-2.{number}-py3-none-any.whl"));
            acknowledged.store(seed(&server, "blessed", &[file]).await.0, Ordering::SeqCst);
        }
        is_done.store(true, Ordering::SeqCst);
    };
    let read = async |path: &str, encoding: &str| {
        let mut seen = 0;
        while !is_done.load(Ordering::SeqCst) {
            let least = acknowledged.load(Ordering::SeqCst).max(seen);
            let page = fetch(&server, path, (JSON, encoding), None).await;
            seen = page.header("x-pypi-last-serial").parse().unwrap();
            assert!(seen >= least, "{path} at {seen} after {least} was acknowledged");
        }
        let page = fetch(&server, path, (JSON, "identity"), None).await.json();
        assert_eq!(page["meta"]["_last-serial"], WRITES + 1);
    };
    futures_util::join!(
        write,
        read("/simple/demo/", "identity"),
        read("/simple/demo/", "gzip"),
        read("/blessed/simple/demo/", "zstd"),
        read("/simple/", "identity"),
        read("/simple/", "zstd"),
    );
}

#[tokio::test]
async fn a_restart_changes_no_byte_of_any_page() {
    let server = TestServer::start().await;
    // Read between the changes, so that pages and lists are brought up to date step by step.
    for number in 0..12 {
        let files: Vec<SeedFile> =
            (0..60).map(|file| SeedFile::new(&format!("demo-{number}.{file}-py3-none-any.whl"))).collect();
        seed(&server, "blessed", &files).await;
        seed(&server, "blessed", &[SeedFile::new(&format!("p{}-1.0-py3-none-any.whl", number * 7 % 12))]).await;
        for form in FORMS {
            fetch(&server, "/simple/", form, None).await;
            fetch(&server, "/simple/demo/", form, None).await;
        }
    }
    let pages = async |server: &TestServer| {
        let mut told_of = Vec::new();
        for path in
            ["/simple/", "/simple/demo/", "/blessed/simple/demo/", "/blessed@9/simple/", "/blessed@9/simple/demo/"]
        {
            for form in FORMS {
                told_of.push(told(&fetch(server, path, form, None).await));
            }
        }
        told_of
    };
    let before = pages(&server).await;
    let directory = server.stop().await;
    let server = TestServer::start_in(directory, Setup::default()).await;
    assert!(pages(&server).await == before);
}
