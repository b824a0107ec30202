//! Names that are ours without a file (standards IDX-05): an empty page instead of none, as every page is answered.

use ferrywheel::config::Settings;
use ferrywheel::model::{ReservedName, ReservedNames};
use reqwest::Method;
use serde_json::json;

use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

async fn reserving(names: &[&str]) -> TestServer {
    let names: Vec<ReservedName> = names.iter().map(|name| name.parse().unwrap()).collect();
    let settings = Settings { reserved_names: ReservedNames(names), ..Settings::default() };
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

#[tokio::test]
async fn a_reserved_name_has_an_empty_page_and_an_unknown_one_has_none() {
    let server = reserving(&["acme-*", "secret"]).await;
    seed(&server, "blessed", &[SeedFile::new("acme_web-1.0.tar.gz")]).await;
    for path in ["/simple/acme-new/", "/simple/secret/", "/staging/simple/acme-web/", "/blessed@0/simple/acme-web/"] {
        let page = server.send(Method::GET, path, &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap();
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(
            page.json(),
            json!({"meta": {"api-version": "1.4", "_last-serial": 0}, "name": name, "versions": [], "files": []})
        );
        let html = server.send(Method::GET, path, &[("accept", "text/html")]).await;
        assert!(html.status == 200 && !html.text().contains("<a "), "{}", html.text());
        assert_eq!(html.header("vary"), page.header("vary"));
        let etag = page.header("etag").to_owned();
        assert!(!etag.is_empty() && etag != html.header("etag"));
        let headers = [("accept", "application/vnd.pypi.simple.v1+json"), ("if-none-match", etag.as_str())];
        assert_eq!(server.send(Method::GET, path, &headers).await.status, 304, "{path}");
    }
    for path in ["/simple/acme/", "/simple/acmenew/", "/simple/secret2/", "/simple/other/"] {
        let page = server.get(path).await;
        assert_eq!((page.status, &page.json()["code"]), (404, &json!("simple/no-such-project")), "{path}");
    }
    assert_eq!(server.get("/simple/Acme_New/").await.status, 301, "one spelling, as of every page");
    assert_eq!(server.get("/nowhere/simple/secret/").await.json()["code"], "index/channel-unknown");
    assert!(!server.get("/simple/").await.text().contains("secret"), "a list of projects names what is there");
}

#[tokio::test]
async fn a_reserved_name_that_gets_a_file_shows_it_at_once() {
    let server = reserving(&["*"]).await;
    let empty = server.get("/simple/demo/").await;
    assert_eq!(empty.status, 200);
    seed(&server, "blessed", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    let page = server.get("/simple/demo/").await;
    assert!(page.text().contains("demo-1.0.tar.gz"), "{}", page.text());
    assert_ne!(page.header("etag"), empty.header("etag"));
}
