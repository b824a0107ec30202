//! How the bytes of large files leave: in order, without holding memory for slow clients, and never wrong when a file changes
//! under way. Speaks to the socket itself.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use bytes::Bytes;
use ferrywheel::access::ReadPolicy;
use ferrywheel::config::{SendFilesBy, Settings};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::server::Setup;
use crate::support::{SeedFile, TestServer, seed};

/// Bytes that tell where they stand.
fn telling(size_bytes: u32) -> Bytes {
    (0..size_bytes / 4).flat_map(u32::to_be_bytes).collect()
}

async fn server_with(settings: Settings, files: &[SeedFile]) -> TestServer {
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    seed(&server, "staging", files).await;
    server
}

async fn ask(server: &TestServer, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n").as_bytes()).await.unwrap();
    stream
}

/// Reads the head of an answer, and not one byte more.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn blob(server: &TestServer, file: &SeedFile) -> PathBuf {
    let hex = file.sha256().to_hex();
    server.data().join("blobs/sha256").join(&hex[..2]).join(&hex[2..4]).join(&hex)
}

/// Memory that this process, and so the server in it, takes.
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[tokio::test]
async fn answers_to_requests_that_came_at_once_follow_each_other_whole() {
    let large = SeedFile::new("large-1.0-py3-none-any.whl").bytes(telling(5_000_000));
    let middle = SeedFile::new("middle-1.0-py3-none-any.whl").bytes(telling(70_000));
    let small = SeedFile::new("small-1.0-py3-none-any.whl");
    let files = [large, middle, small];
    let server = server_with(Settings::default(), &files).await;
    let order = [0, 2, 1, 0, 1, 2, 2, 0];
    let requests: String =
        order.iter().map(|&number| format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", files[number].path())).collect();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(requests.as_bytes()).await.unwrap();
    for number in order {
        let file = &files[number];
        let head = read_head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(head.contains(&format!("content-length: {}\r\n", file.bytes.len())), "{head}");
        let mut body = vec![0; file.bytes.len()];
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == file.bytes, "{}", file.filename);
    }
}

#[tokio::test]
async fn slow_clients_hold_no_memory_of_the_server() {
    let file = SeedFile::new("large-1.0-py3-none-any.whl").bytes(telling(64 << 20));
    let server = server_with(Settings::default(), std::slice::from_ref(&file)).await;
    let mut first = ask(&server, &file.path(), "").await;
    read_head(&mut first).await;
    let before = resident_bytes();
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = ask(&server, &file.path(), "").await;
        read_head(&mut stream).await;
        slow.push(stream);
    }
    let grown = resident_bytes().saturating_sub(before);
    // A connection itself takes about 20 KB on each of the two sides that live in this process.
    assert!(grown < 300 * (100 << 10), "300 slow clients hold {grown} bytes");
    for stream in [&mut first, &mut slow[299]] {
        let mut body = vec![0; file.bytes.len()];
        stream.read_exact(&mut body).await.unwrap();
        assert!(body == file.bytes);
    }
}

#[tokio::test]
async fn a_file_that_gets_shorter_while_it_is_sent_ends_the_answer_early() {
    let file = SeedFile::new("large-1.0-py3-none-any.whl").bytes(telling(64 << 20));
    let server = server_with(Settings::default(), std::slice::from_ref(&file)).await;
    let mut stream = ask(&server, &file.path(), "").await;
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let path = blob(&server, &file);
    std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(40 << 20).unwrap();
    let mut body = Vec::new();
    let _ = stream.read_to_end(&mut body).await;
    assert!(body.len() <= 40 << 20 && file.bytes.starts_with(&body), "{} bytes came", body.len());
    // Known before the first byte is sent, it is an answer of its own.
    let answer = server.get(&file.path()).await;
    assert_eq!((answer.status, answer.header("content-type")), (500, "application/problem+json"));
    assert_eq!(server.send(Method::GET, &file.path(), &[("range", "bytes=0-0")]).await.status, 500);
}

#[tokio::test]
async fn a_file_that_is_removed_while_it_is_sent_arrives_whole_and_is_not_sent_again() {
    let file = SeedFile::new("large-1.0-py3-none-any.whl").bytes(telling(64 << 20));
    let server = server_with(Settings::default(), std::slice::from_ref(&file)).await;
    let mut stream = ask(&server, &file.path(), "connection: close\r\n").await;
    read_head(&mut stream).await;
    assert!(server.app().blobs.delete(&file.sha256()).await.unwrap());
    let mut body = Vec::new();
    stream.read_to_end(&mut body).await.unwrap();
    assert!(body == file.bytes);
    assert_eq!(server.get(&file.path()).await.status, 500);
}

#[tokio::test]
async fn a_proxy_is_told_where_a_large_file_lies_and_everything_else_stays_ours() {
    let large = SeedFile::new("large-1.0+local-py3-none-any.whl").bytes(telling(100_000));
    let small = SeedFile::new("small-1.0-py3-none-any.whl");
    for (send_files_by, name) in
        [(SendFilesBy::XAccelRedirect, "x-accel-redirect"), (SendFilesBy::XSendfile, "x-sendfile")]
    {
        let settings = Settings { send_files_by, ..Settings::default() };
        let server = server_with(settings, &[large.clone(), small.clone()]).await;
        let hex = large.sha256().to_hex();
        let place = match send_files_by {
            SendFilesBy::XSendfile => blob(&server, &large).canonicalize().unwrap().to_str().unwrap().to_owned(),
            _ => format!("/-/blobs/{}/{}/{hex}", &hex[..2], &hex[2..4]),
        };
        let etag = format!("\"{hex}\"");
        for header in [("accept", "*/*"), ("range", "bytes=0-9")] {
            let answer = server.send(Method::GET, &large.path(), &[header]).await;
            assert_eq!((answer.status, answer.header(name), answer.body.len()), (200, place.as_str(), 0));
            assert_eq!((answer.header("etag"), answer.header("content-range")), (etag.as_str(), ""));
            assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{}\"", large.filename));
        }
        // The proxy would read these in its own way.
        for headers in [[("range", "bytes=0-1,4-5"), ("x", "")], [("range", "bytes=0-9"), ("if-range", "\"other\"")]] {
            let answer = server.send(Method::GET, &large.path(), &headers).await;
            assert_eq!((answer.status, answer.header(name), &answer.body), (200, "", &large.bytes), "{headers:?}");
        }
        let head = server.send(Method::HEAD, &large.path(), &[]).await;
        assert_eq!((head.status, head.header("content-length"), head.header(name)), (200, "100000", ""));
        for (header, value, status) in
            [("if-none-match", etag.as_str(), 304), ("range", "bytes=100000-", 416), ("range", "bytes=-0", 416)]
        {
            let answer = server.send(Method::GET, &large.path(), &[(header, value)]).await;
            assert_eq!((answer.status, answer.header(name)), (status, ""), "{value}");
        }
        for (path, bytes) in
            [(small.path(), &small.bytes), (format!("{}.metadata", large.path()), large.metadata.as_ref().unwrap())]
        {
            let answer = server.get(&path).await;
            assert_eq!((answer.status, answer.header(name), &answer.body), (200, "", bytes), "{path}");
        }
    }
}

#[tokio::test]
async fn a_proxy_is_told_nothing_for_a_stranger() {
    let settings =
        Settings { read: ReadPolicy::Token, send_files_by: SendFilesBy::XAccelRedirect, ..Settings::default() };
    let file = SeedFile::new("large-1.0-py3-none-any.whl").bytes(telling(100_000));
    let server = server_with(settings, std::slice::from_ref(&file)).await;
    let stranger = server.get(&file.path()).await;
    assert_eq!((stranger.status, stranger.header("x-accel-redirect")), (401, ""));
    assert_ne!(server.get_as_admin(&file.path()).await.header("x-accel-redirect"), "");
}
