//! Answers that the quick way of a connection gives are those that the HTTP library sends, byte for byte. Speaks to the
//! socket itself.

use std::time::Duration;

use bytes::Bytes;
use ferrywheel::http::Timeouts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

/// A line that changes nothing and that the quick way leaves to the library.
const FOR_THE_LIBRARY: &str = "content-length: 0\r\n";

async fn server() -> (TestServer, SeedFile, SeedFile) {
    let small = SeedFile::new("demo-1.0+a-py3-none-any.whl");
    let large = SeedFile::new("demo-2.0-py3-none-any.whl").bytes(Bytes::from(vec![7; 300_000]));
    let server = TestServer::start().await;
    seed(&server, "staging", &[small.clone(), large.clone()]).await;
    (server, small, large)
}

/// Sends the text as it is and reads until the server closes.
async fn exchange(server: &TestServer, text: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let _ = stream.read_to_end(&mut read).await;
    read
}

/// Reads one answer: its head without what differs each time, and its body.
async fn read_answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let is_same = |line: &&str| !line.starts_with("x-request-id: ") && !line.starts_with("date: ");
    let count = head.lines().filter(|line| !is_same(line)).count();
    assert_eq!(count, 2, "{head}");
    (head.lines().filter(is_same).collect::<Vec<_>>().join("\n"), body)
}

async fn ask(server: &TestServer, path: &str, lines: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n{lines}\r\n").as_bytes()).await.unwrap();
    read_answer(&mut stream).await
}

#[tokio::test]
async fn an_answer_is_the_same_by_the_quick_way_and_by_the_library() {
    let (server, small, large) = server().await;
    let page = "/staging/simple/demo/";
    let known = server.get(page).await.header("etag").to_owned();
    let known = format!("if-none-match: {known}\r\n");
    for (path, lines, status) in [
        (page.to_owned(), "", 200),
        (page.to_owned(), "Accept: application/vnd.pypi.simple.v1+json\r\nAccept-Encoding: gzip\r\n", 200),
        (page.to_owned(), "ACCEPT: text/html\r\naccept-encoding: gzip;q=0.5\r\naccept-encoding: zstd\r\n", 200),
        (page.to_owned(), "accept: image/png\r\n", 406),
        (page.to_owned(), &known, 304),
        (format!("{page}?format=application/vnd.pypi.simple.v1%2Bjson"), "connection: keep-alive\r\n", 200),
        (format!("{page}?format=application/vnd.pypi.simple.v1+json#part"), "", 200),
        ("/staging/simple/".to_owned(), "", 200),
        ("/staging/simple/missing/".to_owned(), "", 404),
        ("/staging/simple/Demo/".to_owned(), "", 301),
        (small.path(), "", 200),
        (small.path(), "range: bytes=2-5\r\n", 206),
        (small.path(), "range: bytes=999-\r\n", 416),
        (small.path(), "if-match: \"other\"\r\n", 412),
        (format!("{}.metadata", small.path()), "", 200),
        (large.path(), "", 200),
        (large.path(), "range: bytes=1000-1003\r\n", 206),
        (large.path(), "range: bytes=100000-299999\r\n", 206),
        ("/-/live".to_owned(), "", 200),
    ] {
        // The first answer brings it into memory.
        ask(&server, &path, lines).await;
        let quick = ask(&server, &path, lines).await;
        let library = ask(&server, &path, &format!("{lines}{FOR_THE_LIBRARY}")).await;
        assert!(quick.0.starts_with(&format!("HTTP/1.1 {status}")), "{path} {lines}: {}", quick.0);
        assert_eq!(quick.0, library.0, "{path} {lines}");
        // A problem names its request.
        assert!(quick.1 == library.1 || status >= 400, "{path} {lines}: the bodies differ");
    }
}

#[tokio::test]
async fn requests_that_come_at_once_or_in_crumbs_are_answered_in_order_across_the_change_to_the_library() {
    let (server, small, large) = server().await;
    let paths = ["/staging/simple/demo/".to_owned(), small.path(), large.path()];
    let mut answers = Vec::new();
    for path in &paths {
        ask(&server, path, "").await;
        answers.push(ask(&server, path, "").await);
    }
    // Two for the quick way, one for the library, and from there on all for the library.
    let order = [(0, ""), (1, ""), (2, ""), (1, FOR_THE_LIBRARY), (0, ""), (2, ""), (1, "connection: close\r\n")];
    let text: String =
        order.iter().map(|(path, lines)| format!("GET {} HTTP/1.1\r\nhost: a\r\n{lines}\r\n", paths[*path])).collect();
    for crumb in [text.len(), 700, 61] {
        let stream = TcpStream::connect(server.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (mut reader, mut writer) = stream.into_split();
        let write = async {
            for crumb in text.as_bytes().chunks(crumb) {
                writer.write_all(crumb).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            let mut read = Vec::new();
            reader.read_to_end(&mut read).await.unwrap();
            read
        };
        let (read, ()) = tokio::join!(read, write);
        let mut rest = read.as_slice();
        for (path, _) in order {
            let body = &answers[path].1;
            let at = rest.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
            assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"));
            assert!(rest[at..].starts_with(body), "{} in crumbs of {crumb}", paths[path]);
            rest = &rest[at + body.len()..];
        }
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn what_is_no_plain_request_is_judged_by_the_library() {
    let (server, ..) = server().await;
    ask(&server, "/staging/simple/demo/", "").await;
    let many: String = (0..70).map(|number| format!("x-{number}: a\r\n")).collect();
    for (request, status) in [
        ("GET /staging/simple/demo/ HTTP/1.0\r\n\r\n".to_owned(), "HTTP/1.0 200"),
        ("GET /staging/simple/demo/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), "HTTP/1.1 200"),
        ("GET /staging/simple/demo/ HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (
            "GET /staging/simple/demo/ HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned(),
            "HTTP/1.1 400",
        ),
        ("GET /staging/simple/demo/ HTTP/1.1\r\nhost : a\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        ("GET /staging/simple/demo/ HTTP/1.1\r\nhost: a\r\ntransfer-encoding: x\r\n\r\n".to_owned(), "HTTP/1.1 400"),
        (format!("GET /staging/simple/demo/ HTTP/1.1\r\nhost: a\r\n{many}\r\n"), "HTTP/1.1 431"),
        ("HEAD /staging/simple/demo/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), "HTTP/1.1 200"),
        ("\0\r\n\r\n".to_owned(), "HTTP/1.1 400"),
    ] {
        let read = exchange(&server, &request).await;
        let read = String::from_utf8_lossy(&read);
        assert!(read.starts_with(status), "{request}: {}", &read[..read.len().min(300)]);
    }
}

#[tokio::test]
async fn a_stop_ends_connections_that_wait_for_a_request() {
    let (server, small, _) = server().await;
    ask(&server, &small.path(), "").await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", small.path()).as_bytes()).await.unwrap();
    read_answer(&mut stream).await;
    server.stop().await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_quick_connection_is_cut_when_it_is_silent_for_too_long() {
    let (short, far) = (Duration::from_millis(300), Duration::from_secs(600));
    let timeouts = Timeouts { head: short, idle: short * 2, body_gap: far, write_gap: far, stop: far };
    let server = TestServer::start_with(Setup { timeouts, ..Setup::default() }).await;
    let small = SeedFile::new("demo-1.0-py3-none-any.whl");
    seed(&server, "staging", std::slice::from_ref(&small)).await;
    ask(&server, &small.path(), "").await;
    // Longer idle than a head may take, and a second head that does not end.
    for half in ["", "GET / HTTP/1.1\r\n"] {
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", small.path()).as_bytes()).await.unwrap();
        read_answer(&mut stream).await;
        let began = std::time::Instant::now();
        stream.write_all(half.as_bytes()).await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap_or_default(), 0);
        assert!(began.elapsed() >= if half.is_empty() { short * 2 } else { short } - Duration::from_millis(50));
    }
}
