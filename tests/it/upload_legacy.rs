//! The upload form as clients send it and read its answers (standards UPL-01 to UPL-08).

use std::io::{Read as _, Write as _};

use ferrywheel::config::Settings;
use ferrywheel::model::{AuditEvent, Permission, Principal, Scope, Sha256Digest};
use reqwest::Method;
use serde_json::Value;

use super::support::server::{Setup, answer};
use super::support::{Answer, TestServer, Wheel};

/// A part of a form: its head after `form-data; ` and its bytes.
type Part = (String, Vec<u8>);

const BOUNDARY: &str = "7c3e0e8f6b";

fn text(name: &str, value: &str) -> Part {
    (format!("name=\"{name}\""), value.as_bytes().to_vec())
}

fn content(filename: &str, bytes: &[u8]) -> Part {
    (format!("name=\"content\"; filename=\"{filename}\""), bytes.to_vec())
}

fn body(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, value) in parts {
        body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// The least that a form needs, and the file last.
fn minimal(wheel: &Wheel, name: &str, version: &str) -> Vec<Part> {
    vec![
        text(":action", "file_upload"),
        text("protocol_version", "1"),
        text("name", name),
        text("version", version),
        text("filetype", "bdist_wheel"),
        content(&wheel.filename(), &wheel.build()),
    ]
}

async fn post(server: &TestServer, path: &str, accept: Option<&str>, parts: &[Part]) -> Answer {
    let mut request = server.request(Method::POST, path).basic_auth("__token__", Some(server.token()));
    if let Some(accept) = accept {
        request = request.header("Accept", accept);
    }
    let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
    answer(request.body(body(parts))).await
}

async fn upload(server: &TestServer, parts: &[Part]) -> Answer {
    post(server, "/legacy/", None, parts).await
}

fn digests(bytes: &[u8], names: &[&str]) -> Vec<Part> {
    use sha2::Digest as _;
    let digest = |name: &str| match name {
        "sha256_digest" => hex::encode(sha2::Sha256::digest(bytes)),
        "md5_digest" => hex::encode(md5::Md5::digest(bytes)).to_uppercase(),
        _ => blake2b_simd::Params::new().hash_length(32).hash(bytes).to_hex().to_string(),
    };
    names.iter().map(|name| text(name, &digest(name))).collect()
}

/// A client, its fields without digests and the file, and the digests that it sends (standards UPL-03).
type ClientForm = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

const CLIENTS: [ClientForm; 6] = [
    (
        "twine",
        &[
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.4"),
            ("summary", "A demo"),
            ("classifiers", "Programming Language :: Python"),
            ("classifiers", "Private :: Do Not Upload"),
            ("requires_dist", "six"),
            ("requires_dist", "attrs; extra == 'x'"),
            ("pyversion", "py3"),
            ("filetype", "bdist_wheel"),
            ("comment", ""),
            ("attestations", ""),
        ],
        &["sha256_digest", "blake2_256_digest"],
    ),
    (
        "uv",
        &[
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.4"),
            ("filetype", "bdist_wheel"),
            ("pyversion", "py3"),
            ("requires_python", ""),
            ("license_file", "LICENSE"),
            ("import_names", "demo"),
        ],
        &["sha256_digest", "blake2_256_digest"],
    ),
    (
        "flit",
        &[
            (":action", "file_upload"),
            ("filetype", "bdist_wheel"),
            ("protocol_version", "1"),
            ("metadata_version", "2.3"),
            ("pyversion", "py3"),
            ("home_page", "UNKNOWN"),
            ("description_content_type", "text/x-rst"),
        ],
        &["md5_digest", "sha256_digest"],
    ),
    (
        "hatch",
        &[
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.4"),
            ("project_urls", "Source, https://example.invalid/"),
            ("dynamic", "description"),
            ("pyversion", "py2.py3"),
            ("filetype", "bdist_wheel"),
        ],
        &["md5_digest", "sha256_digest", "blake2_256_digest"],
    ),
    (
        "poetry",
        &[
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.3"),
            ("license", "UNKNOWN"),
            ("author_email", "someone@example.invalid"),
            ("keywords", "a,b"),
            ("pyversion", "py3"),
            ("filetype", "bdist_wheel"),
        ],
        &["md5_digest", "sha256_digest", "blake2_256_digest"],
    ),
    (
        "pdm",
        &[
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("metadata_version", "2.1"),
            ("provides_extras", "x"),
            ("platform", ""),
            ("home_page", ""),
            ("pyversion", "py3"),
            ("filetype", "bdist_wheel"),
        ],
        &["md5_digest", "sha256_digest", "blake2_256_digest"],
    ),
];

#[tokio::test]
async fn the_forms_of_all_clients_are_taken_in_any_order_with_and_without_content_type() {
    let server = TestServer::start().await;
    for (client, fields, digest_names) in CLIENTS {
        let wheel = Wheel::new(&format!("Demo.{client}"), "1.0").requires("six").requires_python(">=3.9");
        let bytes = wheel.build();
        // twine replaces what it thinks is unsafe, so names never agree letter by letter (standards MET-01).
        let mut parts = vec![text("name", &format!("demo-{client}")), text("version", "1.0")];
        parts.extend(fields.iter().map(|(name, value)| text(name, value)));
        parts.extend(digests(&bytes, digest_names));
        parts.push(content(&wheel.filename(), &bytes));
        let first = upload(&server, &parts).await;
        assert_eq!((first.status, first.header("content-type")), (200, "text/plain; charset=utf-8"), "{client}");
        assert!(first.text().contains(" is now in staging (serial "), "{}", first.text());
        let serial = server.serial("staging").await;
        let stored = server.app().index.find_file(&wheel.filename()).await.unwrap().unwrap();
        assert_eq!(stored.file.digests.md5.is_some(), digest_names.contains(&"md5_digest"));
        assert_eq!(stored.file.requires_python.as_deref(), Some(">=3.9"), "the file is believed, not the form");
        assert_eq!(stored.file.requires_dist, ["six"]);

        for turn in 0..parts.len() {
            parts.rotate_left(1);
            let last = parts.len() - 1;
            parts.swap(turn, last);
            let with_type = turn % 2 == 0;
            let sent: Vec<Part> = parts
                .iter()
                .map(|(head, value)| match with_type && head.contains("filename") {
                    true => (format!("{head}\r\nContent-Type: application/octet-stream"), value.clone()),
                    false => (head.clone(), value.clone()),
                })
                .collect();
            let again = upload(&server, &sent).await;
            assert_eq!(again.status, 200, "{client} {turn}: {}", again.text());
            assert!(again.text().contains(" was already in staging "), "{}", again.text());
        }
        assert_eq!(server.serial("staging").await, serial, "{client}: repeating an upload changes nothing");
        assert_eq!(server.app().index.find_file(&wheel.filename()).await.unwrap().unwrap(), stored);
    }
}

#[tokio::test]
async fn every_url_of_the_form_takes_uploads_and_none_redirects() {
    let server = TestServer::start().await;
    for (number, path) in
        ["/legacy/", "/legacy", "/staging/legacy/", "/staging/legacy", "/blessed/legacy/"].iter().enumerate()
    {
        let version = format!("1.{number}");
        let wheel = Wheel::new("demo", &version);
        assert_eq!(post(&server, path, None, &minimal(&wheel, "demo", &version)).await.status, 200, "{path}");
        let channel = if path.starts_with("/blessed") { "blessed" } else { "staging" };
        let page = server.get(&format!("/{channel}/simple/demo/")).await;
        assert!(page.text().contains(&wheel.filename()), "{path}");
        let help = server.get(path).await;
        assert_eq!((help.status, help.header("allow")), (405, "POST"), "{path}");
        assert!(help.text().contains("twine upload --repository-url"), "{}", help.text());
    }
    let wheel = Wheel::new("demo", "2.0");
    assert_eq!(post(&server, "/nope/legacy/", None, &minimal(&wheel, "demo", "2.0")).await.status, 404);
    assert_eq!(post(&server, "/staging@1/legacy/", None, &minimal(&wheel, "demo", "2.0")).await.status, 404);
    let with_query = minimal(&wheel, "demo", "2.0").split_off(1);
    assert_eq!(post(&server, "/legacy/?:action=file_upload", None, &with_query).await.status, 200);
}

#[tokio::test]
async fn the_table_of_statuses() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    let form = minimal(&wheel, "demo", "1.0");
    assert_eq!(upload(&server, &form).await.status, 200);
    let other = Wheel::new("demo", "1.0").file("demo/more.py", "1\n");
    let conflict = upload(&server, &minimal(&other, "demo", "1.0")).await;
    assert_eq!(conflict.status, 409);
    assert!(conflict.text().starts_with("File already exists: `demo-1.0-py3-none-any.whl`"), "{}", conflict.text());
    let mut respelled = form.clone();
    respelled[5] = content("Demo-1.0.0-py3-none-any.whl", &wheel.build());
    let same = upload(&server, &respelled).await;
    assert_eq!(same.status, 409);
    assert!(same.text().contains("is another spelling of `demo-1.0-py3-none-any.whl`"), "{}", same.text());
    let mut gone = form.clone();
    gone[0] = text(":action", "submit");
    assert_eq!(upload(&server, &gone).await.status, 410);
    let mut wrong = form.clone();
    wrong.insert(0, text("sha256_digest", &"0".repeat(64)));
    let mismatch = upload(&server, &wrong).await;
    assert_eq!(mismatch.status, 400);
    assert!(mismatch.text().contains("`sha256_digest` is not the digest of the"), "{}", mismatch.text());
    assert_eq!(server.request(Method::POST, "/legacy/").send().await.unwrap().status(), 401);
    let not_a_form = server.request(Method::POST, "/legacy/").bearer_auth(server.token()).body("x");
    assert_eq!(answer(not_a_form).await.status, 400);
    assert_eq!(server.send(Method::POST, "/simple/demo/", &[]).await.status, 405);
    assert_eq!(server.serial("staging").await, 1);
}

#[tokio::test]
async fn errors_are_text_or_json_by_accept_and_one_line_in_the_status() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0").file("demo-1.0.dist-info/INSTALLER", "pip").script("../x", "demo:main");
    let parts = minimal(&wheel, "other", "2.0");
    let uv = "application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7";
    let json = post(&server, "/legacy/", Some(uv), &parts).await;
    assert_eq!((json.status, json.header("content-type")), (400, "application/json"));
    let body = json.json();
    let rules: Vec<&str> =
        body["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["MET-01", "MET-01", "WHL-16", "EPT-01"], "all findings come together: {body}");
    assert_eq!(body["title"], "Bad Request");
    assert_eq!(body["code"], "400 MET-01: the form says name `other`, the file name says `demo`");
    assert!(body["message"].as_str().unwrap().ends_with("(and 3 more)"), "{body}");

    let plain = post(&server, "/legacy/", Some("*/*"), &parts).await;
    assert_eq!(plain.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(plain.text().lines().filter(|line| line.starts_with("refused: ")).count(), 4, "{}", plain.text());

    let head = format!(
        "POST /legacy/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nContent-Type: \
         multipart/form-data; boundary={BOUNDARY}\r\n",
        server.token()
    );
    let status = status_line(&server, &head, &self::body(&parts)).await;
    assert_eq!(status, "HTTP/1.1 400 MET-01: the form says name `other`, the file name says `demo`");
    let head = "POST /legacy/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    assert_eq!(status_line(&server, head, b"").await, "HTTP/1.1 401 this needs a token");
}

/// The first line of the answer as bytes on the wire; the whole body is sent before anything is read.
async fn status_line(server: &TestServer, head: &str, body: &[u8]) -> String {
    let (address, mut request) =
        (server.address(), format!("{head}Content-Length: {}\r\n\r\n", body.len()).into_bytes());
    request.extend_from_slice(body);
    let talk = move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(&request).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        answer
    };
    let answer = tokio::task::spawn_blocking(talk).await.unwrap();
    let end = answer.iter().position(|byte| *byte == b'\r').unwrap();
    String::from_utf8(answer[..end].to_vec()).unwrap()
}

#[tokio::test]
async fn a_client_that_sends_everything_first_still_sees_why_it_is_refused() {
    let server = TestServer::start().await;
    let head = "POST /legacy/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer fw_wrong\r\nContent-Type: \
                multipart/form-data; boundary=x\r\n";
    let status = status_line(&server, head, &vec![b'a'; 20 << 20]).await;
    assert_eq!(status, "HTTP/1.1 401 the token is not known here");
    // With a good token the form is cut where nothing can come of it any more, and the answer still arrives.
    let head = head.replace("fw_wrong", server.token());
    let status = status_line(&server, &head, &vec![b'a'; 20 << 20]).await;
    assert!(status.starts_with("HTTP/1.1 400 UPL-03: the body is not sound `multipart/form-data`"), "{status}");
}

#[tokio::test]
async fn a_file_over_the_limit_is_refused_whatever_its_length_was_said_to_be() {
    let settings = Settings { max_file_size_bytes: 10_000, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let wheel = Wheel::new("demo", "1.0").file("demo/noise.bin", vec![7; 20_000]);
    let refused = upload(&server, &minimal(&wheel, "demo", "1.0")).await;
    assert_eq!(refused.status, 413);
    assert!(refused.text().contains("UPL-09 too-large: the file is larger than the 10000 bytes"), "{}", refused.text());
    let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
        wheel.build().chunks(999).map(|piece| Ok(piece.to_vec())).collect();
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    assert_eq!(server.put_file("staging", &wheel.filename(), chunked).await.status, 413);
    let mut parts = minimal(&Wheel::new("demo", "1.0"), "demo", "1.0");
    parts.insert(0, text("summary", &"a".repeat((1 << 20) + 1)));
    assert_eq!(upload(&server, &parts).await.status, 413);
    assert_eq!(upload(&server, &vec![text("classifiers", "x"); 5000]).await.status, 400);
    assert_nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_refused_wheel_leaves_no_blob_behind() {
    let server = TestServer::start().await;
    let broken = Wheel::new("demo", "1.0").header("Requires-Dist: not a requirement !");
    let refused = upload(&server, &minimal(&broken, "demo", "1.0")).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_nothing_is_left(&server).await;
    assert_eq!(server.get("/staging/simple/demo/").await.status, 404);
}

async fn assert_nothing_is_left(server: &TestServer) {
    assert_eq!(server.app().blobs.list().await.unwrap(), []);
    assert_eq!(std::fs::read_dir(server.data().join("tmp")).unwrap().count(), 0);
    assert_eq!(server.serial("staging").await, 0);
}

#[tokio::test]
async fn of_racing_uploads_of_one_name_exactly_one_wins() {
    let server = TestServer::start().await;
    let wheels: Vec<Wheel> =
        (0..4).map(|number| Wheel::new("demo", "1.0").file("demo/n.py", format!("{number}\n"))).collect();
    let forms: Vec<Vec<Part>> = wheels.iter().map(|wheel| minimal(wheel, "demo", "1.0")).collect();
    let (a, b, c, d, again) = tokio::join!(
        upload(&server, &forms[0]),
        upload(&server, &forms[1]),
        upload(&server, &forms[2]),
        upload(&server, &forms[3]),
        upload(&server, &forms[0]),
    );
    let statuses = [a.status, b.status, c.status, d.status];
    let winner = server.app().index.find_file(&wheels[0].filename()).await.unwrap().unwrap().file.digests.sha256;
    for (status, wheel) in statuses.iter().zip(&wheels) {
        let is_winner = Sha256Digest::of(&wheel.build()) == winner;
        assert_eq!(*status, if is_winner { 200 } else { 409 });
    }
    assert_eq!(again.status, a.status, "the same bytes are answered the same");
    assert_eq!(server.serial("staging").await, 1);
}

#[tokio::test]
async fn a_token_reaches_as_far_as_its_scope() {
    let server = TestServer::start().await;
    let secret = "fw_scoped";
    let scope =
        Scope { permissions: vec![Permission::Upload], channels: "staging".to_owned(), projects: "acme-*".to_owned() };
    let mut tx = server.app().index.begin().await.unwrap();
    tx.create_token("ci", &scope, &ferrywheel::access::secret_digest(secret), None).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: "ci".to_owned() }).await.unwrap();
    for (project, channel, status) in
        [("acme-web", "staging", 200), ("demo", "staging", 403), ("acme-web", "blessed", 403)]
    {
        let wheel = Wheel::new(project, "1.0");
        let request =
            server.request(Method::POST, &format!("/{channel}/legacy/")).basic_auth("ci", Some(" fw_scoped\n"));
        let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let reply = answer(request.body(body(&minimal(&wheel, project, "1.0")))).await;
        assert_eq!(reply.status, status, "{project} {channel}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_raw_put_answers_with_the_outcome_or_a_problem() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0").file("extra.pth", "import demo\n");
    let stored = server.put_file("staging", &wheel.filename(), wheel.build()).await;
    let sha256 = Sha256Digest::of(&wheel.build()).to_hex();
    assert_eq!(stored.status, 200, "{}", stored.text());
    let mut outcome = stored.json();
    let findings = outcome.as_object_mut().unwrap().remove("findings").unwrap();
    assert_eq!(
        outcome,
        serde_json::json!({
            "verdict": "stored", "filename": "demo-1.0-py3-none-any.whl", "project": "demo", "version": "1.0",
            "sha256": sha256, "size_bytes": wheel.build().len(), "channel": "staging", "serial": 1
        })
    );
    assert_eq!(findings[0]["reason"], "pth-file");
    let again = server.put_file("staging", &wheel.filename(), wheel.build()).await;
    assert_eq!((again.status, &again.json()["verdict"]), (200, &Value::from("unchanged")));
    let refused = server.put_file("staging", "demo-1.0-py3-none-any.exe", wheel.build()).await;
    assert_eq!((refused.status, refused.header("content-type")), (400, "application/problem+json"));
    assert_eq!(refused.json()["code"], "ingest/wheel-refused");
    let path = format!("/api/v1/channels/staging/files/{}?sha256={}", wheel.filename(), "0".repeat(64));
    let request = server.request(Method::PUT, &path).bearer_auth(server.token()).body(wheel.build());
    assert_eq!(answer(request).await.json()["code"], "ingest/digest-mismatch");
}

#[tokio::test]
async fn the_same_bytes_under_another_name_are_noted() {
    let server = TestServer::start().await;
    let bytes = Wheel::new("demo", "1.0").build();
    for (filename, is_noted) in [("demo-1.0-py3-none-any.whl", false), ("demo-1.0-1-py3-none-any.whl", true)] {
        let stored = server.put_file("staging", filename, bytes.clone()).await;
        assert_eq!((stored.status, stored.text().contains("UPL-06")), (200, is_noted), "{}", stored.text());
    }
}
