//! Files and their metadata over HTTP (standards 2): ranges, conditions, headers, damage.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use reqwest::Method;

use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

/// A file that is sent in more than one part, with bytes that tell where they stand.
fn large() -> SeedFile {
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(|number| number.to_be_bytes()).collect();
    SeedFile::new("large-1.0-py3-none-any.whl").bytes(bytes)
}

async fn server_with(file: &SeedFile) -> TestServer {
    let server = TestServer::start().await;
    seed(&server, "staging", std::slice::from_ref(file)).await;
    server
}

#[tokio::test]
async fn a_range_gives_exactly_its_bytes_of_file_and_metadata() {
    let middle = SeedFile::new("middle-1.0-py3-none-any.whl").bytes(large().bytes.slice(..100_000));
    for file in [large(), middle, SeedFile::new("small-1.0-py3-none-any.whl")] {
        let server = server_with(&file).await;
        let metadata = file.metadata.clone().unwrap();
        for (path, whole) in [(file.path(), &file.bytes), (format!("{}.metadata", file.path()), &metadata)] {
            let size = whole.len();
            let last = size - 1;
            for (range, status, start, end) in [
                ("bytes=0-0".to_owned(), 206, 0, 1),
                ("bytes=0-".to_owned(), 206, 0, size),
                (format!("bytes=0-{last}"), 206, 0, size),
                (format!("bytes={last}-"), 206, last, size),
                ("bytes=3-9999999".to_owned(), 206, 3, size),
                ("bytes=2-11".to_owned(), 206, 2, 12),
                ("bytes=-5".to_owned(), 206, size - 5, size),
                ("bytes=-9999999".to_owned(), 206, 0, size),
                (format!("bytes={size}-"), 416, 0, 0),
                ("bytes=-0".to_owned(), 416, 0, 0),
                ("bytes=0-1,4-5".to_owned(), 200, 0, size),
                ("bytes=9-2".to_owned(), 200, 0, size),
                ("lines=1-2".to_owned(), 200, 0, size),
            ] {
                let answer = server.send(Method::GET, &path, &[("range", &range)]).await;
                assert_eq!(answer.status, status, "{range} of {path}");
                let content_range = match status {
                    206 => format!("bytes {start}-{}/{size}", end - 1),
                    416 => format!("bytes */{size}"),
                    _ => String::new(),
                };
                assert_eq!(answer.header("content-range"), content_range, "{range}");
                assert_eq!(answer.header("accept-ranges"), "bytes", "{range}");
                if status != 416 {
                    assert!(answer.body == whole.slice(start..end), "{range} of {path}");
                    assert_eq!(answer.header("content-length"), (end - start).to_string(), "{range}");
                }
            }
        }
    }
}

/// The short way, for strangers, and the way through the routes, for whoever shows a token, give one answer.
#[tokio::test]
async fn a_file_from_memory_is_answered_as_the_routes_answer_it() {
    let file = SeedFile::new("small-1.0-py3-none-any.whl");
    let server = server_with(&file).await;
    let tag = format!("\"{}\"", server.get(&file.path()).await.header("etag").trim_matches('"'));
    for path in [file.path(), format!("{}.metadata", file.path()), file.path().replace("small-1.0", "small-2.0")] {
        for (name, value) in [
            ("accept", "*/*"),
            ("range", "bytes=2-11"),
            ("range", "bytes=-5"),
            ("range", "bytes=9999999-"),
            ("if-none-match", tag.as_str()),
            ("if-none-match", "*"),
            ("if-match", "\"other\""),
            ("if-range", tag.as_str()),
        ] {
            let bearer = format!("Bearer {}", server.token());
            let routed = server.send(Method::GET, &path, &[(name, value), ("authorization", &bearer)]).await;
            let short = server.send(Method::GET, &path, &[(name, value)]).await;
            assert_eq!(short.status, routed.status, "{name}: {value} of {path}");
            // A problem tells the request's id in its body too.
            assert!(short.status >= 400 || short.body == routed.body, "{name}: {value} of {path}");
            let [mut short, mut routed] = [short.headers, routed.headers];
            for headers in [&mut short, &mut routed] {
                headers.remove("x-request-id");
                headers.remove("date");
            }
            assert_eq!(short, routed, "{name}: {value} of {path}");
        }
    }
}

#[tokio::test]
async fn no_range_is_in_an_empty_file_and_the_whole_of_it_is_nothing() {
    let file = SeedFile::new("empty-1.0.tar.gz").bytes("");
    let server = server_with(&file).await;
    for (range, status) in [
        ("bytes=0-0", 416),
        ("bytes=0-", 416),
        ("bytes=-1", 416),
        ("bytes=-0", 416),
        ("bytes=5-9", 416),
        ("bytes=0-0,2-3", 200),
        ("", 200),
    ] {
        let answer = server.send(Method::GET, &file.path(), &[("range", range)]).await;
        let content_range = if status == 416 { "bytes */0" } else { "" };
        assert_eq!((answer.status, answer.header("content-range")), (status, content_range), "{range}");
        if status == 200 {
            assert_eq!((answer.header("content-length"), answer.body.len()), ("0", 0), "{range}");
        }
    }
    assert_eq!(server.send(Method::HEAD, &file.path(), &[]).await.header("content-length"), "0");
}

#[tokio::test]
async fn a_broken_download_goes_on_only_with_the_same_bytes() {
    let file = large();
    let server = server_with(&file).await;
    let etag = format!("\"{}\"", file.sha256());
    for (if_range, status) in [(etag.as_str(), 206), ("\"other\"", 200), ("Fri, 20 Nov 2026 11:00:00 GMT", 200)] {
        let headers = [("range", "bytes=1000000-"), ("if-range", if_range)];
        let answer = server.send(Method::GET, &file.path(), &headers).await;
        assert_eq!(answer.status, status, "{if_range}");
        let start = if status == 206 { 1_000_000 } else { 0 };
        assert!(answer.body == file.bytes.slice(start..), "{if_range}");
    }
}

#[tokio::test]
async fn head_answers_with_the_headers_of_get_and_the_type_is_never_guessed() {
    let file = SeedFile::new("demo-1.0+local-py3-none-any.whl");
    let server = server_with(&file).await;
    for path in [file.path(), format!("{}.metadata", file.path())] {
        let get = server.send(Method::GET, &path, &[("accept-encoding", "gzip")]).await;
        let head = server.send(Method::HEAD, &path, &[("accept-encoding", "gzip")]).await;
        assert_eq!((get.status, head.status, head.body.len()), (200, 200, 0));
        for (name, value) in &get.headers {
            if name != "date" && name != "x-request-id" {
                assert_eq!(head.headers.get(name), Some(value), "{name}");
            }
        }
        assert_eq!(get.headers.len(), head.headers.len());
        assert_eq!(get.header("content-type"), "application/octet-stream");
        assert_eq!(get.header("content-length"), get.body.len().to_string());
        assert_eq!(get.header("content-encoding"), "");
        assert_eq!(get.header("x-content-type-options"), "nosniff");
        assert_eq!(get.header("cache-control"), "public, max-age=31536000, immutable");
        assert_eq!(get.header("content-security-policy"), "default-src 'none'; sandbox");
        let name = path.rsplit('/').next().unwrap().replace("%2B", "+");
        assert_eq!(get.header("content-disposition"), format!("attachment; filename=\"{name}\""));
    }
    let ranged = server.send(Method::HEAD, &file.path(), &[("range", "bytes=0-1")]).await;
    assert_eq!(ranged.status, 200);
}

#[tokio::test]
async fn the_tag_of_a_file_is_its_digest_and_gives_304() {
    let file = SeedFile::new("demo-1.0-py3-none-any.whl");
    let server = server_with(&file).await;
    let etag = format!("\"{}\"", file.sha256());
    assert_eq!(server.get(&file.path()).await.header("etag"), etag);
    for (listed, status) in [(etag.as_str(), 304), ("*", 304), ("\"other\"", 200)] {
        let answer = server.send(Method::GET, &file.path(), &[("if-none-match", listed)]).await;
        assert_eq!((answer.status, answer.header("etag")), (status, etag.as_str()), "{listed}");
    }
    let metadata = server.get(&format!("{}.metadata", file.path())).await;
    let digest = ferrywheel::model::Sha256Digest::of(&file.metadata.unwrap());
    assert_eq!(metadata.header("etag"), format!("\"{digest}\""));
}

#[tokio::test]
async fn a_plus_in_a_name_is_found_escaped_or_not_and_never_is_a_space() {
    let file = SeedFile::new("loc-1.0+cu118-py3-none-any.whl");
    let server = server_with(&file).await;
    assert!(file.path().ends_with("/loc-1.0%2Bcu118-py3-none-any.whl"));
    for (spelling, status) in [("+", 200), ("%2B", 200), ("%2b", 200), ("%20", 404), ("%252B", 404)] {
        let path = file.path().replace("%2B", spelling);
        assert_eq!(server.get(&path).await.status, status, "{spelling}");
        assert_eq!(server.get(&format!("{path}.metadata")).await.status, status, "{spelling}");
    }
}

#[tokio::test]
async fn the_mark_of_an_epoch_is_found_escaped_or_not() {
    let file = SeedFile::new("epoch-1!2.0-py3-none-any.whl");
    let server = server_with(&file).await;
    for spelling in ["!", "%21"] {
        let path = file.path().replace("%21", spelling);
        assert_eq!(server.get(&path).await.body, file.bytes, "{spelling}");
        assert_eq!(server.get(&format!("{path}.metadata")).await.body, file.metadata.as_ref().unwrap(), "{spelling}");
    }
}

#[tokio::test]
async fn only_the_one_url_of_a_file_finds_it() {
    let file = SeedFile::new("demo-1.0-py3-none-any.whl");
    let server = server_with(&file).await;
    let path = file.path();
    let hex = file.sha256().to_hex();
    let other_digest = path.replace(&hex[4..8], "0000");
    for wrong in [
        other_digest,
        path.replace("demo", "Demo"),
        path.replace(&format!("/{}/", &hex[..2]), &format!("/{}/", hex[..2].to_uppercase()))
            .replace("packages", "Packages"),
        format!("{path}.asc"),
        format!("{path}.metadata.metadata"),
        format!("{path}/"),
        path.replace("demo", "..%2F..%2Fadmin-token"),
        format!("/packages/{}/{}/{}/..%2f..%2fadmin-token", &hex[..2], &hex[2..4], &hex[4..]),
        format!("/packages/{}/{}/{}/demo%00.whl", &hex[..2], &hex[2..4], &hex[4..]),
        "/packages/".to_owned(),
    ] {
        assert_eq!(server.get(&wrong).await.status, 404, "{wrong}");
    }
    assert_eq!(server.get(&path).await.status, 200);
    assert_eq!(server.send(Method::POST, &path, &[]).await.status, 405);
}

#[tokio::test]
async fn a_damaged_file_is_never_sent_whole() {
    let small = SeedFile::new("small-1.0-py3-none-any.whl");
    let server = server_with(&small).await;
    let hex = small.sha256().to_hex();
    let blob = server.data().join("blobs/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex);
    std::fs::remove_file(&blob).unwrap();
    let mut file = std::fs::File::create(&blob).unwrap();
    file.write_all(&vec![b'x'; small.bytes.len()]).unwrap();
    let answer = server.get(&small.path()).await;
    assert_eq!((answer.status, answer.header("content-type")), (500, "application/problem+json"));
    assert!(answer.text().contains("\"blobs/damaged\"") && !answer.text().contains(&hex), "{}", answer.text());
    std::fs::remove_file(&blob).unwrap();
    assert_eq!(server.get(&small.path()).await.status, 500);
}

#[tokio::test]
async fn files_behind_a_token_are_private() {
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let file = SeedFile::new("demo-1.0-py3-none-any.whl");
    seed(&server, "staging", std::slice::from_ref(&file)).await;
    assert_eq!(server.get(&file.path()).await.status, 401);
    let answer = server.get_as_admin(&file.path()).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "private, max-age=31536000, immutable"));
    assert_eq!(answer.header("vary"), "Authorization");
}

/// Where the log of a test goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_from_a_missing_file_and_stands_in_the_log_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let file = SeedFile::new("demo-1.0-py3-none-any.whl");
    seed(&server, "staging", std::slice::from_ref(&file)).await;
    // The server of a test runs on the test's own thread.
    let listening = tracing::subscriber::set_default(subscriber);
    let answer = server.send(Method::GET, &file.path(), &[("authorization", "Bearer fw_wrong")]).await;
    drop(listening);
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Basic realm=\"ferrywheel\""));
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains(&file.path())).collect();
    assert_eq!(lines.len(), 1, "{text}");
    for part in [" 401", "caller=\"anonymous\"", "peer=127.0.0.1:", "code=\"access/token-unknown\""] {
        assert!(lines[0].contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("fw_wrong"), "{text}");
}
