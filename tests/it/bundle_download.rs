//! Bundles as files over HTTP: headers, every range, conditions, and building by a plain GET.

use bytes::Bytes;
use ferrywheel::model::Sha256Digest;
use reqwest::Method;

use crate::support::TestServer;
use crate::support::bundles::{build, hello, shop};

const GET_URL: &str = "/bundle/hello.pyz?requirement=hello&script=hello&target=debian-12";

async fn part(server: &TestServer, path: &str, range: &str) -> (u16, String, Bytes) {
    let answer = server.send(Method::GET, path, &[("range", range)]).await;
    let content_range = answer.header("content-range").to_owned();
    (answer.status, content_range, answer.body)
}

#[tokio::test]
async fn get_and_head_carry_the_same_headers() {
    let server = shop().await;
    let (bundle, file) = build(&server, &hello()).await;
    let path = bundle["download"].as_str().unwrap();
    let get = server.get(path).await;
    let head = server.send(Method::HEAD, path, &[]).await;
    assert_eq!(get.header("content-length"), file.len().to_string());
    assert_eq!(get.header("etag"), format!("\"{}\"", Sha256Digest::of(&file)));
    assert_eq!(get.header("accept-ranges"), "bytes");
    assert_eq!(get.header("content-type"), "application/octet-stream");
    assert_eq!(get.header("content-disposition"), "attachment; filename=\"hello.pyz\"");
    assert_eq!(get.header("x-ferrywheel-bundle-id"), bundle["id"].as_str().unwrap());
    assert!(get.header("cache-control").contains("immutable"));
    assert!(get.header("transfer-encoding").is_empty());
    for name in get.headers.keys().filter(|name| !matches!(name.as_str(), "date" | "x-request-id")) {
        assert_eq!(get.headers.get(name), head.headers.get(name), "{name}");
    }
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn every_range_equals_the_slice() {
    let server = shop().await;
    let (bundle, file) = build(&server, &hello()).await;
    let path = bundle["download"].as_str().unwrap();
    let size = file.len();
    // Around every local header and the end of the file, and at odd places between.
    let mut cuts: Vec<usize> =
        file.windows(4).enumerate().filter(|(_, w)| w == b"PK\x03\x04").map(|(at, _)| at).collect();
    cuts.extend(file.windows(4).position(|window| window == b"PK\x01\x02"));
    cuts.extend((0..size).step_by(size / 17));
    for cut in cuts {
        for (from, to) in [(cut.saturating_sub(1), cut + 1), (cut, cut), (cut / 2, cut + 70_000), (cut, size - 1)] {
            let to = to.min(size - 1);
            let (status, content_range, body) = part(&server, path, &format!("bytes={from}-{to}")).await;
            assert_eq!((status, content_range), (206, format!("bytes {from}-{to}/{size}")));
            assert!(body == file[from..=to], "{from}-{to}");
        }
    }
    let (_, _, tail) = part(&server, path, "bytes=-22").await;
    assert_eq!(tail, file[size - 22..]);
    let (status, content_range, _) = part(&server, path, &format!("bytes={size}-")).await;
    assert_eq!((status, content_range), (416, format!("bytes */{size}")));
}

#[tokio::test]
async fn a_broken_download_goes_on_only_with_the_same_bytes() {
    let server = shop().await;
    let (bundle, file) = build(&server, &hello()).await;
    let path = bundle["download"].as_str().unwrap();
    let etag = format!("\"{}\"", bundle["sha256"].as_str().unwrap());
    for (if_range, status, length) in [(etag.as_str(), 206, file.len() - 1000), ("\"other\"", 200, file.len())] {
        let answer = server.send(Method::GET, path, &[("range", "bytes=1000-"), ("if-range", if_range)]).await;
        assert_eq!((answer.status, answer.body.len()), (status, length), "{if_range}");
    }
    let known = server.send(Method::GET, path, &[("if-none-match", &etag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
}

#[tokio::test]
async fn a_plain_get_builds_and_sends_the_same_file() {
    let server = shop().await;
    let answer = server.get(GET_URL).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-cache");
    let (bundle, file) = build(&server, &hello()).await;
    assert!(answer.body == file);
    assert_eq!(answer.header("x-ferrywheel-bundle-id"), bundle["id"].as_str().unwrap());
    let head = server.send(Method::HEAD, GET_URL, &[]).await;
    assert_eq!(head.header("content-length"), file.len().to_string());
    let part = server.send(Method::GET, GET_URL, &[("range", "bytes=5-9")]).await;
    assert_eq!((part.status, &part.body[..]), (206, &file[5..10]));
    let known = server.send(Method::GET, GET_URL, &[("if-none-match", answer.header("etag"))]).await;
    assert_eq!(known.status, 304);
}

#[tokio::test]
async fn a_get_that_cannot_be_built_is_a_problem_and_no_file() {
    let server = shop().await;
    for (path, status, code) in [
        ("/bundle/hello.pyz", 400, "http/query-invalid"),
        ("/bundle/hello.pyz?target=debian-12", 400, "export/requirements-count"),
        ("/bundle/hello.zip?requirement=hello&target=debian-12", 404, "http/no-such-page"),
        ("/bundle/.pyz?requirement=hello&target=debian-12", 400, "export/name-invalid"),
        ("/bundle/hello.pyz?requirement=hello&target=debian-12&wish=1", 400, "http/query-invalid"),
        ("/bundle/hello.pyz?requirement=hello&target=debian-12&channel=Nope", 404, "channels/name-invalid"),
        ("/bundle/hello.pyz?requirement=torn&target=debian-12", 409, "resolve/unsolvable"),
        ("/bundle/hello.pyz?requirement=hello&target=debian-12&script=helo", 400, "export/script-unknown"),
    ] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{path}");
        assert!(answer.header("etag").is_empty());
    }
}
