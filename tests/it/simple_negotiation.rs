//! Which representation a client gets (standards 1.2), through the socket.

use reqwest::Method;

use crate::support::{SeedFile, TestServer, seed};

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML_V1: &str = "application/vnd.pypi.simple.v1+html";
const HTML: &str = "text/html; charset=utf-8";
const PIP: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
const UV: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const PAGES: [&str; 4] = ["/simple/", "/simple/demo/", "/blessed/simple/", "/blessed@1/simple/demo/"];

async fn server_with_a_page() -> TestServer {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    server
}

#[tokio::test]
async fn every_page_answers_each_client_in_the_form_it_asks_for() {
    let server = server_with_a_page().await;
    for (accept, expected) in [
        ("*/*", HTML),
        (JSON, JSON),
        (PIP, JSON),
        (UV, JSON),
        ("application/vnd.pypi.simple.v1+json, */*;q=0.1", JSON),
        (BROWSER, HTML),
        ("application/vnd.pypi.simple.v1+json, text/html", JSON),
        (HTML_V1, HTML_V1),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/*", JSON),
        ("text/*", HTML),
        ("application/vnd.pypi.simple.v1+json;q=0, text/html", HTML),
    ] {
        for page in PAGES {
            let answer = server.send(Method::GET, page, &[("accept", accept)]).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, expected), "{page} {accept}");
            assert_eq!(answer.header("vary"), "Accept, Accept-Encoding", "{page} {accept}");
            let head = server.send(Method::HEAD, page, &[("accept", accept)]).await;
            assert_eq!((head.status, head.body.len()), (200, 0), "{page} {accept}");
            assert_eq!(head.header("content-length"), answer.body.len().to_string(), "{page} {accept}");
            for name in ["content-type", "content-length", "etag", "vary", "cache-control", "x-pypi-last-serial"] {
                assert_eq!(head.header(name), answer.header(name), "{name} of {page} {accept}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_names_no_form_gets_html() {
    let server = server_with_a_page().await;
    let answer = server.get("/simple/demo/").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, HTML));
}

#[tokio::test]
async fn a_form_that_does_not_exist_is_refused_with_406() {
    let server = server_with_a_page().await;
    for accept in ["application/vnd.pypi.simple.v2+json", "application/json", "image/png"] {
        for method in [Method::GET, Method::HEAD] {
            let answer = server.send(method, "/simple/demo/", &[("accept", accept)]).await;
            assert_eq!(answer.status, 406, "{accept}");
            assert_eq!(answer.header("vary"), "Accept, Accept-Encoding", "{accept}");
        }
    }
    let answer = server.send(Method::GET, "/simple/", &[("accept", "image/png")]).await;
    assert!(answer.text().starts_with("no form of this page is accepted by the client\n"), "{}", answer.text());
}

#[tokio::test]
async fn the_format_parameter_wins_over_accept_with_plus_or_its_escape() {
    let server = server_with_a_page().await;
    for (parameter, status, expected) in [
        ("application/vnd.pypi.simple.v1+json", 200, JSON),
        ("application/vnd.pypi.simple.v1%2Bjson", 200, JSON),
        ("application%2Fvnd.pypi.simple.v1%2Bhtml", 200, HTML_V1),
        ("application/vnd.pypi.simple.latest+json", 200, JSON),
        ("text/html", 200, HTML),
        ("json", 406, "text/plain; charset=utf-8"),
    ] {
        let path = format!("/simple/demo/?format={parameter}");
        let answer = server.send(Method::GET, &path, &[("accept", BROWSER)]).await;
        assert_eq!((answer.status, answer.header("content-type")), (status, expected), "{parameter}");
    }
}

#[tokio::test]
async fn gzip_is_sent_to_those_who_take_it_and_unpacks_to_the_same_page() {
    use std::io::Read as _;
    let server = server_with_a_page().await;
    let plain = server.send(Method::GET, "/simple/demo/", &[("accept", JSON)]).await;
    assert_eq!(plain.header("content-encoding"), "");
    let packed =
        server.send(Method::GET, "/simple/demo/", &[("accept", JSON), ("accept-encoding", "gzip, deflate")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);
    let refused = server.send(Method::GET, "/simple/demo/", &[("accept-encoding", "identity;q=0")]).await;
    assert_eq!(refused.status, 406);
}
