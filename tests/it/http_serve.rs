//! The accept loop: silence is cut, floods are bounded, a stop lets requests finish. Speaks to the socket itself.

use std::time::{Duration, Instant};

use ferrywheel::config::Settings;
use ferrywheel::http::Timeouts;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::TestServer;
use crate::support::server::Setup;

const SHORT: Duration = Duration::from_millis(200);

/// All limits far away but one, so that each test shows which one it was.
fn far() -> Timeouts {
    let far = Duration::from_secs(600);
    Timeouts { head: far, idle: far, body_gap: far, write_gap: far, stop: far }
}

async fn server_with(timeouts: Timeouts) -> TestServer {
    TestServer::start_with(Setup { timeouts, ..Setup::default() }).await
}

async fn connect(server: &TestServer, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes; a reset counts as closed.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Reads one answer without closing.
async fn read_answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !read.ends_with(b"live\n") {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&read));
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_though_bytes_keep_coming() {
    let server = server_with(Timeouts { head: SHORT, ..far() }).await;
    let mut stream = connect(&server, "GET / HTTP/1.1\r\n").await;
    let started = Instant::now();
    let (mut reader, mut writer) = stream.split();
    let drip = async {
        // Ends when the server has closed.
        while writer.write_all(b"x-a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let closed = async {
        let mut rest = Vec::new();
        let _ = reader.read_to_end(&mut rest).await;
        rest
    };
    let rest = tokio::select! { rest = closed => rest, () = drip => Vec::new() };
    assert!(!rest.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&rest));
    assert!(started.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_is_cut() {
    let server = server_with(Timeouts { head: SHORT, ..far() }).await;
    let mut stream = connect(&server, "").await;
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_own_time_and_then_cut() {
    let server = server_with(Timeouts { head: SHORT, idle: SHORT * 6, ..far() }).await;
    let mut stream = connect(&server, "GET /-/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let started = Instant::now();
    assert!(read_answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    tokio::time::sleep(SHORT * 3 / 2).await;
    stream.write_all(b"GET /-/live HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(read_answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(read_to_end(&mut stream).await, "");
    assert!(started.elapsed() >= SHORT * 7);
}

#[tokio::test]
async fn a_body_that_stands_still_is_cut() {
    let server = server_with(Timeouts { body_gap: SHORT, ..far() }).await;
    let head = format!(
        "POST /api/v1/channels/blessed/promotions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        server.token()
    );
    let mut stream = connect(&server, &head).await;
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    // With one place, the second client is served only when the first has lost it.
    let settings = Settings { max_connections: 1, ..Settings::default() };
    let timeouts = Timeouts { write_gap: SHORT, ..far() };
    let server = TestServer::start_with(Setup { settings, timeouts, ..Setup::default() }).await;
    let file = crate::support::SeedFile::new("demo-1.0.tar.gz").bytes(vec![7; 64 << 20]);
    crate::support::seed(&server, "staging", std::slice::from_ref(&file)).await;
    let mut first = connect(&server, &format!("GET {} HTTP/1.1\r\nhost: a\r\n\r\n", file.path())).await;
    let mut second = connect(&server, "GET /-/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(read_answer(&mut second).await.starts_with("HTTP/1.1 200"));
    assert!(read_to_end(&mut first).await.len() < 64 << 20);
}

#[tokio::test]
async fn a_head_of_unreasonable_size_is_refused() {
    let server = server_with(far()).await;
    let many: String = (0..65).map(|number| format!("x-{number}: 1\r\n")).collect();
    let mut stream = connect(&server, &format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 431"));
    let long = "a".repeat(40 << 10);
    let mut stream = connect(&server, &format!("GET / HTTP/1.1\r\nx: {long}\r\n\r\n")).await;
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = server_with(far()).await;
    for (hosts, status) in [("", "400"), ("host: a\r\nhost: b\r\n", "400"), ("host: a\r\n", "200")] {
        let mut stream = connect(&server, &format!("GET /-/live HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")).await;
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{hosts}: {answer}");
    }
    let mut old = connect(&server, "GET /-/live HTTP/1.0\r\n\r\n").await;
    assert!(read_to_end(&mut old).await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_a_free_place() {
    let settings = Settings { max_connections: 1, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, timeouts: far(), ..Setup::default() }).await;
    let mut first = connect(&server, "GET /-/live HTTP/1.1\r\nhost: a\r\n\r\n").await;
    read_answer(&mut first).await;
    let mut second = connect(&server, "GET /-/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    let early = tokio::time::timeout(SHORT, second.read_u8()).await;
    assert!(early.is_err(), "served beyond the limit");
    drop(first);
    assert!(read_to_end(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_stop_lets_a_running_request_finish_and_accepts_no_more() {
    let server = server_with(far()).await;
    let address = server.address();
    let body = "{\"from\": \"nowhere\"}";
    let head = format!(
        "POST /api/v1/channels/blessed/promotions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        server.token(),
        body.len()
    );
    let mut stream = connect(&server, &head).await;
    // The server asks for the body, so the request is running.
    let mut buffer = [0; 25];
    stream.read_exact(&mut buffer).await.unwrap();
    assert!(buffer.starts_with(b"HTTP/1.1 100 Continue"));
    let stopping = tokio::spawn(server.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.contains("HTTP/1.1 404") && answer.contains("index/channel-unknown"), "{answer}");
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_said_to_be_too_large_is_refused_before_it_is_sent() {
    let server = server_with(far()).await;
    for target in ["PUT /api/v1/channels/staging/files/big-1.0-py3-none-any.whl", "POST /legacy/"] {
        let head = format!(
            "{target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\nexpect: 100-continue\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            server.token(),
            5_u64 << 30
        );
        let mut stream = connect(&server, &head).await;
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("ingest/too-large"), "{target}: {answer}");
    }
}
