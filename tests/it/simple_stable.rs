//! The same content gives the same bytes: after restarts, and on another server that got it in another order.

use ferrywheel::model::Yank;
use reqwest::Method;

use crate::support::seed::change;
use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

const PATHS: [&str; 6] = [
    "/simple/",
    "/simple/demo/",
    "/blessed/simple/demo/",
    "/blessed@1/simple/",
    "/blessed@1/simple/demo/",
    "/blessed/changes.atom",
];
const ACCEPTED: [&str; 3] =
    ["application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.v1+html", "text/html, application/atom+xml"];

/// Body and tag of every page in every form.
async fn all(server: &TestServer, paths: &[&str]) -> Vec<(String, String, bytes::Bytes)> {
    let mut answers = Vec::new();
    for path in paths {
        for accept in ACCEPTED {
            for encoding in ["identity", "gzip", "zstd"] {
                let headers = [("accept", accept), ("accept-encoding", encoding)];
                let answer = server.send(Method::GET, path, &headers).await;
                assert_eq!(answer.status, 200, "{path}");
                answers.push((format!("{path} {accept} {encoding}"), answer.header("etag").to_owned(), answer.body));
            }
        }
    }
    answers
}

fn files() -> Vec<SeedFile> {
    let names = ["demo-1.0.tar.gz", "demo-1.10-py3-none-any.whl", "demo-1.9-py3-none-any.whl", "Other-2.0.tar.gz"];
    names.iter().map(|name| SeedFile::new(name)).collect()
}

#[tokio::test]
async fn pages_are_the_same_bytes_after_every_restart() {
    let mut server = TestServer::start().await;
    seed(&server, "blessed", &files()).await;
    change(&server, "blessed", "demo-1.0.tar.gz", Some(Some(Yank { reason: Some("bad".to_owned()) }))).await;
    let before = all(&server, &PATHS).await;
    for _ in 0..2 {
        let directory = server.stop().await;
        server = TestServer::start_in(directory, Setup::default()).await;
        assert_eq!(all(&server, &PATHS).await, before);
    }
}

#[tokio::test]
async fn pages_do_not_depend_on_the_order_of_arrival() {
    let (one, other) = (TestServer::start().await, TestServer::start().await);
    seed(&one, "blessed", &files()).await;
    seed(&other, "blessed", &files().into_iter().rev().collect::<Vec<_>>()).await;
    // Ids and times of a feed are those of its own server.
    let paths = &PATHS[..PATHS.len() - 1];
    assert_eq!(all(&one, paths).await, all(&other, paths).await);
}
