//! Scripts of other sites in a browser: they read nothing, unless the settings open what is open to everybody anyway.

use ferrywheel::config::{CrossOriginReads, Settings};
use reqwest::Method;

use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

const ORIGIN: &str = "access-control-allow-origin";

async fn server_that(cross_origin_reads: CrossOriginReads) -> (TestServer, [String; 6]) {
    let settings = Settings { cross_origin_reads, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let file = SeedFile::new("demo-1.0-py3-none-any.whl");
    seed(&server, "blessed", std::slice::from_ref(&file)).await;
    let reads = [
        "/simple/".to_owned(),
        "/simple".to_owned(),
        "/blessed@1/simple/demo/".to_owned(),
        "/simple/nope/".to_owned(),
        file.path(),
        "/api/v1/channels/blessed/changes".to_owned(),
    ];
    (server, reads)
}

#[tokio::test]
async fn nothing_is_open_to_other_sites_by_default() {
    let (server, reads) = server_that(CrossOriginReads::default()).await;
    for path in &reads {
        let answer = server.send(Method::GET, path, &[("origin", "https://evil.example")]).await;
        assert!(answer.header(ORIGIN).is_empty(), "{path}");
        assert_eq!(server.send(Method::OPTIONS, path, &[]).await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn reads_can_be_opened_and_writes_never() {
    let (server, reads) = server_that(CrossOriginReads::Allowed).await;
    for path in &reads {
        for method in [Method::GET, Method::HEAD] {
            let answer = server.send(method, path, &[("origin", "https://tools.example")]).await;
            assert_eq!(answer.header(ORIGIN), "*", "{path}");
            assert!(answer.header("access-control-expose-headers").contains("X-PyPI-Last-Serial"), "{path}");
            assert!(answer.header("access-control-allow-credentials").is_empty(), "{path}");
        }
        let asked = [("origin", "https://tools.example"), ("access-control-request-method", "GET")];
        let answer = server.send(Method::OPTIONS, path, &asked).await;
        let told = (answer.status, answer.header(ORIGIN), answer.header("access-control-allow-methods"));
        assert_eq!(told, (204, "*", "GET, HEAD"), "{path}");
    }
    let page = server.get("/simple/demo/").await;
    let same = server.send(Method::GET, "/simple/demo/", &[("if-none-match", page.header("etag"))]).await;
    assert_eq!((same.status, same.header(ORIGIN)), (304, "*"));
    for path in ["/legacy/", "/api/v1/channels/staging/promotions", "/api/v1/audit"] {
        for method in [Method::POST, Method::OPTIONS, Method::GET] {
            assert!(server.send(method.clone(), path, &[]).await.header(ORIGIN).is_empty(), "{method} {path}");
        }
    }
}
