//! Limits of uploads: each refusal names the limit and the setting, and clients that stall or go away leave nothing.

use std::time::{Duration, Instant};

use ferrywheel::config::Settings;
use ferrywheel::http::Timeouts;
use ferrywheel::model::{AuditEvent, Clock, Principal, Scope};
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::server::{Setup, answer};
use super::support::{TestServer, Wheel};

const BOUNDARY: &str = "4f1c";

/// Longest silence that the servers of these tests bear, where it matters.
const GAP: Duration = Duration::from_millis(300);

async fn server_with(settings: Settings) -> TestServer {
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

/// A server that soon cuts silent bodies and bears everything else.
async fn impatient() -> TestServer {
    let far = Duration::from_secs(600);
    let timeouts = Timeouts { head: far, idle: far, body_gap: GAP, write_gap: far, stop: far };
    TestServer::start_with(Setup { timeouts, ..Setup::default() }).await
}

/// One upload as it goes over the wire.
struct Request {
    head: String,
    body: Vec<u8>,
    /// Where the bytes of the file begin in `body`.
    file_at: usize,
}

impl Request {
    fn put(token: &str, wheel: &Wheel) -> Self {
        let body = wheel.build().to_vec();
        let target = format!("PUT /api/v1/channels/staging/files/{}", wheel.filename());
        let head = format!("{target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n");
        let head = format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { head, body, file_at: 0 }
    }

    fn form(token: &str, wheel: &Wheel) -> Self {
        let mut body = String::new();
        for (name, value) in
            [(":action", "file_upload"), ("name", "demo"), ("version", "1.0"), ("filetype", "bdist_wheel")]
        {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.push_str(&part);
        }
        let filename = wheel.filename();
        body.push_str(&format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{filename}\"\r\n\r\n"
        ));
        let file_at = body.len();
        let mut body = body.into_bytes();
        body.extend_from_slice(&wheel.build());
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let head =
            format!("POST /legacy/ HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nconnection: close\r\n");
        let head = format!(
            "{head}content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Self { head, body, file_at }
    }

    /// The first bytes of head and body together.
    fn first(&self, count: usize) -> Vec<u8> {
        self.head.bytes().chain(self.body.iter().copied()).take(count).collect()
    }

    fn length(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// Sends bytes and leaves the connection open.
async fn begin(server: &TestServer, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until the server closes; a reset counts as closed.
async fn read_to_end(stream: &mut TcpStream) -> String {
    let (mut read, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        read.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

fn pending_count(server: &TestServer) -> usize {
    std::fs::read_dir(server.data().join("tmp")).unwrap().count()
}

/// Waits until an upload is in the middle of its file.
async fn wait_for_pending(server: &TestServer, count: usize) {
    while pending_count(server) != count {
        tokio::task::yield_now().await;
    }
}

async fn assert_nothing_is_left(server: &TestServer) {
    wait_for_pending(server, 0).await;
    assert_eq!(server.app().blobs.list().await.unwrap(), []);
    assert_eq!(server.serial("staging").await, 0);
}

fn large() -> Wheel {
    Wheel::new("demo", "1.0").file("demo/noise.bin", vec![7; 600_000])
}

#[tokio::test]
async fn a_principal_has_only_so_many_uploads_at_once_and_keeps_nobody_else_out() {
    let server = server_with(Settings { max_uploads_per_principal: 1, ..Settings::default() }).await;
    let scope = Scope::admin();
    let mut tx = server.app().index.begin().await.unwrap();
    tx.create_token("other", &scope, &ferrywheel::access::secret_digest("fw_other"), None).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: "other".to_owned() }).await.unwrap();
    let request = Request::put(server.token(), &large());
    let mut first = begin(&server, &request.first(request.length() - 1)).await;
    wait_for_pending(&server, 1).await;
    let second = Wheel::new("second", "1.0");
    let refused = server.put_file("staging", &second.filename(), second.build()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "5"));
    let problem = refused.json();
    assert_eq!(problem["code"], "limit/concurrent-uploads");
    let detail = "`admin` has 1 uploads running, as many as `max_uploads_per_principal` allows at the same time";
    assert_eq!(problem["detail"], detail);
    let path = format!("/api/v1/channels/staging/files/{}", second.filename());
    let by_another = server.request(Method::PUT, &path).bearer_auth("fw_other").body(second.build());
    assert_eq!(answer(by_another).await.status, 200);
    assert_eq!(server.get("/staging/simple/second/").await.status, 200, "reading needs no turn");
    first.write_all(&request.body[request.body.len() - 1..]).await.unwrap();
    assert!(read_to_end(&mut first).await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.put_file("staging", &second.filename(), second.build()).await.status, 200);
}

#[tokio::test]
async fn an_upload_that_stands_still_is_cut_and_told_by_which_limit() {
    let server = impatient().await;
    for request in [Request::put(server.token(), &large()), Request::form(server.token(), &large())] {
        let into_file = request.head.len() + request.file_at + 300_000;
        let in_form = request.head.len() + request.file_at / 2;
        for count in [into_file, in_form] {
            let mut stream = begin(&server, &request.first(count)).await;
            let told = read_to_end(&mut stream).await;
            assert!(told.starts_with("HTTP/1.1 408"), "{told}");
            assert!(told.contains("`upload_idle_seconds`") && told.contains("limit/upload-pace"), "{told}");
            assert_nothing_is_left(&server).await;
        }
    }
}

#[tokio::test]
async fn a_slow_but_steady_upload_takes_as_long_as_it_takes() {
    let server = impatient().await;
    let request = Request::form(server.token(), &large());
    let started = Instant::now();
    let mut stream = begin(&server, request.head.as_bytes()).await;
    for piece in request.body.chunks(request.body.len() / 12) {
        tokio::time::sleep(GAP / 3).await;
        stream.write_all(piece).await.unwrap();
    }
    let told = read_to_end(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 200"), "{told}");
    assert!(started.elapsed() > GAP * 3);
}

#[tokio::test]
async fn a_client_that_goes_away_at_any_point_leaves_nothing() {
    let server = TestServer::start().await;
    for request in [Request::put(server.token(), &large()), Request::form(server.token(), &large())] {
        let (head, file_at) = (request.head.len(), request.file_at);
        // The form ends with its last boundary, whatever comes behind that.
        let last = request.length() - 8;
        for count in [10, head, head + file_at / 2, head + file_at + 1, head + file_at + 400_000, last] {
            drop(begin(&server, &request.first(count)).await);
            // The next request comes after it, and by then the server has seen that it was left.
            assert_eq!(server.get("/-/live").await.status, 200);
            assert_nothing_is_left(&server).await;
        }
    }
}

#[tokio::test]
async fn an_upload_whose_answer_nobody_reads_is_whole_or_not_there() {
    let server = TestServer::start().await;
    let wheel = large();
    let request = Request::form(server.token(), &wheel);
    drop(begin(&server, &request.first(request.length())).await);
    let again = server.put_file("staging", &wheel.filename(), wheel.build()).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(server.serial("staging").await, 1);
    wait_for_pending(&server, 0).await;
    let page = server.get("/staging/simple/demo/").await;
    assert!(page.text().contains(&wheel.filename()));
}

#[tokio::test]
async fn a_disk_that_is_nearly_full_takes_no_upload_and_serves_on() {
    let directory = {
        let server = TestServer::start().await;
        let wheel = Wheel::new("demo", "1.0");
        assert_eq!(server.put_file("staging", &wheel.filename(), wheel.build()).await.status, 200);
        server.stop().await
    };
    let settings = Settings { min_free_bytes: 1 << 62, ..Settings::default() };
    let server = TestServer::start_in(directory, Setup { settings, ..Setup::default() }).await;
    let small = Wheel::new("demo", "2.0");
    let refused = server.put_file("staging", &small.filename(), small.build()).await;
    assert_eq!((refused.status, refused.json()["code"].as_str().unwrap()), (507, "limit/free-space"));
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`min_free_bytes`") && detail.contains("4611686018427387904"), "{detail}");
    // A large body is refused before it is sent.
    for target in ["PUT /api/v1/channels/staging/files/big-1.0-py3-none-any.whl", "POST /legacy/"] {
        let head = format!(
            "{target} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\nexpect: 100-continue\r\nconnection: close\r\n\
             content-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            server.token(),
            100 << 20
        );
        let mut stream = begin(&server, head.as_bytes()).await;
        let told = read_to_end(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 507") && told.contains("`min_free_bytes`"), "{target}: {told}");
    }
    assert_eq!(pending_count(&server), 0);
    let page = server.get("/staging/simple/demo/").await;
    assert!(page.status == 200 && page.text().contains("demo-1.0-py3-none-any.whl"));
    assert_eq!(server.promote("staging", "blessed").await.status, 200, "what was acknowledged can be used");
}

#[tokio::test]
async fn limits_of_forms_archives_and_heads_are_settings_that_refusals_name() {
    let settings = Settings {
        max_form_field_bytes: 2_000,
        max_archive_entries: 5,
        max_head_bytes: 9_000,
        max_unpacked_size_bytes: 2_000_000,
        max_file_size_bytes: 3_000_000,
        ..Settings::default()
    };
    let server = server_with(settings).await;
    let form = async |name: &str, length: usize| {
        let value = "a".repeat(length);
        let body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--{BOUNDARY}--\r\n"
        );
        let request = server.request(Method::POST, "/legacy/").bearer_auth(server.token());
        answer(request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}")).body(body)).await
    };
    for (name, length, status) in
        [("summary", 2_000, 400), ("summary", 2_001, 413), ("description", 20_000, 400), ("description", 20_001, 413)]
    {
        let told = form(name, length).await;
        assert_eq!(told.status, status, "{name} {length}: {}", told.text());
        assert_eq!(told.text().contains("`max_form_field_bytes`"), status == 413, "{}", told.text());
    }
    let many = (0..5).fold(Wheel::new("demo", "1.0"), |wheel, n| wheel.file(&format!("demo/m{n}.py"), ""));
    let wide = Wheel::new("demo", "1.0").file("demo/noise.bin", vec![7; 1_500_000]);
    for wheel in [many, wide] {
        let refused = server.put_file("staging", &wheel.filename(), wheel.build()).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let finding = &refused.json()["findings"][0];
        assert_eq!(finding["rule"], "ZIP-LIMIT");
        assert!(finding["hint"].as_str().unwrap().contains("`max_archive_entries`"), "{finding}");
    }
    let large = Wheel::new("demo", "1.0").file("demo/noise.bin", vec![7; 3_000_000]);
    let refused = server.put_file("staging", &large.filename(), large.build()).await;
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("`max_file_size_bytes`"), "{}", refused.text());
    let (fits, too_long) = ("a".repeat(8_000), "a".repeat(9_500));
    assert_eq!(server.send(Method::GET, "/-/live", &[("x-a", &fits)]).await.status, 200);
    assert_eq!(server.send(Method::GET, "/-/live", &[("x-a", &too_long)]).await.status, 431);
    assert_nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_project_takes_no_more_than_its_room_and_a_repeated_upload_needs_none() {
    let wheels: Vec<Wheel> =
        (1..=3).map(|n| Wheel::new("demo", &format!("{n}.0")).file("demo/noise.bin", vec![7; 5_000])).collect();
    let size_bytes = wheels[0].build().len() as u64;
    let server = server_with(Settings { max_project_size_bytes: size_bytes * 2, ..Settings::default() }).await;
    let put = async |wheel: &Wheel| server.put_file("staging", &wheel.filename(), wheel.build()).await;
    assert_eq!(put(&wheels[0]).await.status, 200);
    assert_eq!(put(&wheels[1]).await.status, 200);
    let blobs = server.app().blobs.list().await.unwrap();
    let refused = put(&wheels[2]).await;
    assert_eq!((refused.status, refused.json()["code"].as_str().unwrap()), (413, "limit/project-size"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("`max_project_size_bytes`"), "{}", refused.text());
    assert_eq!(server.app().blobs.list().await.unwrap(), blobs, "nothing of it was kept");
    assert_eq!(put(&wheels[1]).await.status, 200);
    let other = Wheel::new("other", "1.0");
    assert_eq!(put(&other).await.status, 200);
    let gone = format!("/api/v1/files/{}", wheels[0].filename());
    let deleted = answer(server.request(Method::DELETE, &gone).bearer_auth(server.token())).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text());
    assert_eq!(put(&wheels[2]).await.status, 200, "what was deleted does not count");
}

#[tokio::test]
async fn a_release_is_closed_after_its_days_where_that_is_set() {
    let clock = Clock::manual("2026-01-02T03:04:05Z".parse().unwrap());
    let settings = Settings { release_closes_after_days: 14, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, clock: clock.clone(), ..Setup::default() }).await;
    let put = async |wheel: &Wheel| server.put_file("staging", &wheel.filename(), wheel.build()).await;
    let days = |count: u64| clock.advance(Duration::from_secs(count * 86_400));
    assert_eq!(put(&Wheel::new("demo", "1.0")).await.status, 200);
    days(13);
    assert_eq!(put(&Wheel::new("demo", "1.0").tag("py2-none-any")).await.status, 200);
    days(2);
    let late = put(&Wheel::new("demo", "1.0").tag("cp311-none-any")).await;
    assert_eq!((late.status, late.json()["code"].as_str().unwrap()), (403, "ingest/release-closed"));
    assert_eq!(put(&Wheel::new("demo", "1.0")).await.status, 200, "what is there is no new file");
    assert_eq!(put(&Wheel::new("demo", "1.1")).await.status, 200);
}

#[tokio::test]
async fn the_first_file_of_a_project_is_told_that_its_name_is_easily_mistaken() {
    let server = TestServer::start().await;
    let notes = async |name: &str, version: &str| {
        let wheel = Wheel::new(name, version);
        let stored = server.put_file("staging", &wheel.filename(), wheel.build()).await;
        assert_eq!(stored.status, 200, "{}", stored.text());
        let found = stored.json()["findings"].as_array().unwrap().clone();
        found.iter().map(|found| found["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(notes("lib-tool", "1.0").await, [""; 0]);
    assert_eq!(
        notes("l1btool", "1.0").await,
        ["the new project `l1btool` is easily mistaken for `lib-tool`, which is here"]
    );
    assert_eq!(notes("l1btool", "1.1").await, [""; 0], "only the first file of a project founds it");
    assert_eq!(
        notes("json", "1.0").await,
        ["the new project `json` has the name of a module of Python's standard library"]
    );
}
