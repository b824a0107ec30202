//! Upload 2.0 (PEP 694; standards 4.7), call by call: what each answers, and why it refuses.

use ferrywheel::config::Settings;
use ferrywheel::model::{Permission, Sha256Digest};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Setup, answer};
use crate::support::tokens::token_of;
use crate::support::upload2::{CONTENT_TYPE, Client, states, text};
use crate::support::{Answer, TestServer, Wheel};

fn admin(server: &TestServer) -> Client<'_> {
    Client { server, token: server.token() }
}

/// Status, code of the problem, and that both words for the detail are there.
fn told(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["detail"], body["details"]);
    assert!(!text(&body["detail"]).is_empty() && body["status"] == json!(answer.status), "{body}");
    assert_eq!(body["meta"], json!({"api-version": "2.0"}));
    assert!(body["errors"].as_array().is_some_and(|errors| !errors.is_empty() && errors[0]["message"].is_string()));
    (answer.status, text(&body["code"]).to_owned())
}

fn assert_told(answer: &Answer, status: u16, code: &str) {
    assert_eq!(told(answer), (status, code.to_owned()), "{}", answer.text());
}

#[tokio::test]
async fn a_session_is_told_with_all_its_links() {
    let server = TestServer::start().await;
    let opened = admin(&server).open("Demo_Project", "1.0.0").await;
    assert_eq!((opened.status, opened.header("content-type")), (201, CONTENT_TYPE));
    assert_eq!(opened.header("cache-control"), "no-store");
    let view = opened.json();
    let token = text(&view["session-token"]);
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    let session = format!("{}/upload/2.0/sessions/{token}", server.url());
    assert_eq!(opened.header("location"), session);
    let expires_at = text(&view["expires-at"]).to_owned();
    assert!(expires_at.len() == 20 && expires_at.ends_with('Z'), "{expires_at}");
    let expected = json!({
        "meta": {"api-version": "2.0"},
        "links": {
            "session": session,
            "upload": format!("{session}/files"),
            "publish": format!("{session}/publish"),
            "extend": format!("{session}/extend"),
            "stage": format!("{}/upload/2.0/stage/{token}/simple/", server.url()),
        },
        "mechanisms": ["http-post-bytes"],
        "session-token": token,
        "expires-at": expires_at,
        "status": "open",
        "files": {},
        "notices": [],
    });
    assert_eq!(view, expected);
    let shown = admin(&server).get(&session).await;
    assert_eq!((shown.status, shown.json()), (200, expected));
}

#[tokio::test]
async fn links_begin_with_the_public_address_that_was_set() {
    let settings = Settings { public_url: Some("https://wheels.example/fw/".parse().unwrap()), ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let opened = admin(&server).open("demo", "1.0").await;
    assert!(opened.header("location").starts_with("https://wheels.example/fw/upload/2.0/sessions/"));
}

#[tokio::test]
async fn a_request_says_what_it_is_and_gets_what_it_reads() {
    let server = TestServer::start().await;
    let ask = async |content_type: &str, accept: &str, body: &str| {
        let request = server.request(Method::POST, "/upload/2.0/").bearer_auth(server.token());
        let request = request.header("content-type", content_type.to_owned()).header("accept", accept.to_owned());
        answer(request.body(body.to_owned())).await
    };
    let sound = r#"{"meta": {"api-version": "2.0", "_x": {}}, "name": "demo", "version": "1.0", "more": 1}"#;
    let with_charset = format!("{CONTENT_TYPE}; charset=utf-8");
    for (content_type, accept, body, status, code) in [
        ("application/json", "*/*", sound, 415, "upload/media-type"),
        ("", "*/*", sound, 415, "upload/media-type"),
        (CONTENT_TYPE, "text/html", sound, 406, "upload/not-acceptable"),
        (CONTENT_TYPE, "*/*", "{", 400, "upload/body-invalid"),
        (CONTENT_TYPE, "*/*", r#"{"name": "demo", "version": "1.0"}"#, 400, "upload/body-invalid"),
        (CONTENT_TYPE, "*/*", r#"{"meta": {"api-version": "2.0"}, "name": "demo"}"#, 400, "upload/body-invalid"),
        (CONTENT_TYPE, "*/*", &sound.replace("2.0", "3.0"), 400, "upload/api-version"),
        (CONTENT_TYPE, "*/*", &sound.replace("demo", "no name"), 400, "upload/name-invalid"),
        (CONTENT_TYPE, "*/*", &sound.replace("1.0", "one"), 400, "upload/version-invalid"),
        (CONTENT_TYPE, "*/*", &format!("{sound}{}", " ".repeat(70_000)), 413, "http/body-too-large"),
    ] {
        assert_told(&ask(content_type, accept, body).await, status, code);
    }
    let opened = ask(&with_charset, CONTENT_TYPE, sound).await;
    assert_eq!(opened.status, 201, "{}", opened.text());
}

#[tokio::test]
async fn strangers_are_told_to_come_with_a_token() {
    let server = TestServer::start().await;
    let refused = answer(server.request(Method::POST, "/upload/2.0/")).await;
    assert_told(&refused, 401, "access/token-missing");
    assert_eq!(refused.header("www-authenticate"), "Basic realm=\"ferrywheel\"");
}

#[tokio::test]
async fn a_release_has_one_session_at_a_time_and_who_may_not_upload_learns_of_none() {
    let server = TestServer::start().await;
    let opened = admin(&server).open("demo", "1.0").await;
    let again = admin(&server).open("Demo", "1.0.0").await;
    assert_told(&again, 409, "upload/session-exists");
    assert_eq!(again.header("location"), opened.header("location"));
    assert_eq!(admin(&server).open("demo", "1.1").await.status, 201);
    let token = token_of(&server, "other", &[Permission::Upload], "staging", "other").await;
    let other = Client { server: &server, token: &token };
    let refused = other.open("demo", "1.0").await;
    assert_told(&refused, 403, "access/not-allowed");
    assert_eq!(refused.header("location"), "");
    assert_told(&other.get(opened.header("location")).await, 403, "access/not-allowed");
    // Once it has ended there may be another, which nobody can take for the first.
    assert_eq!(admin(&server).delete(opened.header("location")).await.status, 204);
    let third = admin(&server).open("demo", "1.0").await;
    assert_eq!(third.status, 201);
    assert_ne!(third.header("location"), opened.header("location"));
    assert_eq!(states(&admin(&server).get(opened.header("location")).await.json()), ("canceled".to_owned(), vec![]));
}

#[tokio::test]
async fn another_channel_has_sessions_of_its_own() {
    let server = TestServer::start().await;
    let body = json!({"name": "demo", "version": "1.0"});
    assert_eq!(admin(&server).open("demo", "1.0").await.status, 201);
    let opened = admin(&server).call(Method::POST, "/blessed/upload/2.0/", Some(body.clone())).await;
    assert_eq!(opened.status, 201);
    admin(&server).put(&opened.json(), &Wheel::new("demo", "1.0")).await;
    assert_eq!(admin(&server).publish(&opened.json()).await.status, 201);
    assert_eq!(server.get("/blessed/simple/demo/").await.status, 200);
    assert_eq!(server.get("/staging/simple/demo/").await.status, 404);
    let unknown = admin(&server).call(Method::POST, "/nowhere/upload/2.0/", Some(body)).await;
    assert_told(&unknown, 404, "index/channel-unknown");
}

#[tokio::test]
async fn a_file_is_announced_sent_completed_and_published() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    let wheel = Wheel::new("demo", "1.0");
    let begun = client.begin(&session, &wheel.filename(), &wheel.build()).await;
    assert_eq!((begun.status, begun.header("retry-after")), (202, "1"));
    let file = begun.json();
    let url = begun.header("location").to_owned();
    assert!(url.starts_with(&format!("{}/files/", text(&session["links"]["session"]))), "{url}");
    let expected = json!({
        "meta": {"api-version": "2.0"},
        "links": {"file-upload-session": url, "complete": format!("{url}/complete")},
        "status": "pending",
        "expires-at": session["expires-at"],
        "mechanism": {
            "identifier": "http-post-bytes",
            "file_url": format!("{url}/content"),
            "attestations_url": format!("{url}/attestations"),
        },
    });
    assert_eq!(file, expected);
    assert_eq!(client.send(&file, wheel.build()).await.status, 204);
    assert_eq!(client.get(&url).await.json()["status"], "pending");
    // Nobody who looks at the channel sees anything of it.
    assert_eq!(server.get("/staging/simple/demo/").await.status, 404);
    let completed = client.complete(&file).await;
    assert_eq!((completed.status, completed.header("location")), (201, url.as_str()));
    assert_eq!(completed.json()["status"], "completed");
    let entry = json!({"status": "completed", "link": url});
    let shown = client.get(text(&session["links"]["session"])).await.json();
    assert_eq!(shown["files"], json!({wheel.filename(): entry}));
    let serial = server.serial("staging").await;
    let published = client.publish(&session).await;
    assert_eq!((published.status, published.header("location")), (201, text(&session["links"]["session"])));
    assert_eq!(published.json()["status"], "published");
    assert_eq!(server.get("/staging/simple/demo/").await.status, 200);
    assert_eq!(server.serial("staging").await, serial + 1);
    // To publish again, as after a lost answer, changes nothing.
    assert_eq!(client.publish(&session).await.status, 201);
    assert_eq!(server.serial("staging").await, serial + 1);
    for (answer, code) in [
        (client.delete(text(&session["links"]["session"])).await, "upload/session-state"),
        (client.delete(&url).await, "upload/session-state"),
        (client.send(&file, wheel.build()).await, "upload/session-state"),
        (client.begin(&session, &wheel.filename(), b"x").await, "upload/session-state"),
    ] {
        assert_told(&answer, 409, code);
    }
}

#[tokio::test]
async fn an_announcement_that_cannot_hold_is_refused_at_once() {
    let settings = Settings { max_file_size_bytes: 100_000, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let client = admin(&server);
    let published = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("staging", &published.filename(), published.build()).await.status, 200);
    let session = client.open("demo", "1.0").await.json();
    let sha256 = Sha256Digest::of(b"x").to_hex();
    let sound = json!({
        "filename": "demo-1.0-py2-none-any.whl", "size": 1, "hashes": {"sha256": sha256}, "mechanism": "http-post-bytes",
    });
    let with = |member: &str, value: Value| {
        let mut body = sound.clone();
        body[member] = value;
        body
    };
    for (body, status, code) in [
        (with("filename", json!("demo.exe")), 400, "upload/file-name"),
        (with("filename", json!("other-1.0-py3-none-any.whl")), 400, "upload/file-name"),
        (with("filename", json!("demo-1.1-py3-none-any.whl")), 400, "upload/file-name"),
        (with("filename", json!("../demo-1.0-py3-none-any.whl")), 400, "upload/file-name"),
        (with("filename", json!(published.filename())), 409, "upload/file-published"),
        (with("mechanism", json!("vnd-acme-postal")), 422, "upload/mechanism-unknown"),
        (with("hashes", json!({"md5": "0".repeat(32)})), 400, "upload/hashes-invalid"),
        (with("hashes", json!({})), 400, "upload/hashes-invalid"),
        (with("hashes", json!({"sha256": sha256, "crc32": "00"})), 400, "upload/hashes-invalid"),
        (with("size", json!(100_001)), 413, "ingest/too-large"),
        (with("size", json!(-1)), 400, "upload/body-invalid"),
    ] {
        let refused = client.call(Method::POST, text(&session["links"]["upload"]), Some(body)).await;
        assert_told(&refused, status, code);
    }
    let shown = client.get(text(&session["links"]["session"])).await.json();
    assert_eq!(shown["files"], json!({}));
    let begun = client.call(Method::POST, text(&session["links"]["upload"]), Some(sound.clone())).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let twice = client.call(Method::POST, text(&session["links"]["upload"]), Some(sound)).await;
    assert_told(&twice, 409, "upload/file-state");
}

#[tokio::test]
async fn bytes_that_are_not_what_was_announced_end_in_an_error_that_only_deleting_cures() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    let wheel = Wheel::new("demo", "1.0");
    let bytes = wheel.build();
    let mut other = bytes.to_vec();
    other[40] ^= 1;
    for (sent, status, code) in [
        (bytes[1..].to_vec(), 400, "upload/size-differs"),
        ([&bytes[..], b"x"].concat(), 400, "upload/size-differs"),
        (other, 400, "ingest/digest-mismatch"),
    ] {
        let file = client.begin(&session, &wheel.filename(), &bytes).await.json();
        assert_told(&client.send(&file, sent).await, status, code);
        assert_eq!(client.get(text(&file["links"]["file-upload-session"])).await.json()["status"], "pending");
        assert_told(&client.complete(&file).await, 400, "upload/file-refused");
        let shown = client.get(text(&file["links"]["file-upload-session"])).await.json();
        assert_eq!(shown["status"], "error");
        assert!(shown["notices"].as_array().is_some_and(|notices| !notices.is_empty()), "{shown}");
        // Neither right bytes nor completing it again help any more.
        assert_told(&client.send(&file, bytes.clone()).await, 409, "upload/file-state");
        assert_told(&client.complete(&file).await, 409, "upload/file-state");
        assert_told(&client.begin(&session, &wheel.filename(), &bytes).await, 409, "upload/file-state");
        assert_told(&client.publish(&session).await, 409, "upload/not-completed");
        for _ in 0..2 {
            assert_eq!(client.delete(text(&file["links"]["file-upload-session"])).await.status, 204);
        }
        assert_eq!(client.get(text(&file["links"]["file-upload-session"])).await.json()["status"], "canceled");
    }
    let file = client.begin(&session, &wheel.filename(), &bytes).await.json();
    assert_told(&client.complete(&file).await, 400, "upload/no-bytes");
    assert_eq!(client.delete(text(&file["links"]["file-upload-session"])).await.status, 204);
    // A second try within one file is possible as long as nobody has completed it.
    let file = client.begin(&session, &wheel.filename(), &bytes).await.json();
    assert_eq!(client.send(&file, "short").await.status, 400);
    assert_eq!(client.send(&file, bytes).await.status, 204);
    assert_eq!(client.complete(&file).await.status, 201);
    assert_eq!(client.publish(&session).await.status, 201);
}

#[tokio::test]
async fn a_wheel_that_breaks_rules_is_refused_with_every_finding() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    // Its METADATA says another version.
    let bytes = Wheel::new("demo", "2.0").build();
    let file = client.begin(&session, "demo-1.0-py3-none-any.whl", &bytes).await.json();
    let refused = client.send(&file, bytes).await;
    assert_told(&refused, 400, "ingest/wheel-refused");
    let body = refused.json();
    assert!(body["errors"].as_array().unwrap().len() == body["findings"].as_array().unwrap().len(), "{body}");
    assert_told(&client.complete(&file).await, 400, "upload/file-refused");
}

#[tokio::test]
async fn a_publication_with_one_pending_file_changes_nothing() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    client.put(&session, &Wheel::new("demo", "1.0")).await;
    let pending = Wheel::new("demo", "1.0").tag("py2-none-any");
    let file = client.begin(&session, &pending.filename(), &pending.build()).await.json();
    let serial = server.serial("staging").await;
    let refused = client.publish(&session).await;
    assert_told(&refused, 409, "upload/not-completed");
    assert_eq!(refused.json()["errors"][0]["source"], json!(pending.filename()));
    assert_eq!(server.serial("staging").await, serial);
    assert_eq!(server.get("/staging/simple/demo/").await.status, 404);
    let shown = client.get(text(&session["links"]["session"])).await.json();
    let [completed, waiting] = ["completed", "pending"].map(str::to_owned);
    let files = vec![(pending.filename(), waiting), ("demo-1.0-py3-none-any.whl".to_owned(), completed)];
    assert_eq!(states(&shown), ("open".to_owned(), files));
    assert_eq!(client.delete(text(&file["links"]["file-upload-session"])).await.status, 204);
    assert_eq!(client.publish(&session).await.status, 201);
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_stops_the_whole_publication() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    let (mine, theirs) = (Wheel::new("demo", "1.0"), Wheel::new("demo", "1.0").file("demo/theirs.py", "x = 1\n"));
    client.put(&session, &mine).await;
    let second = Wheel::new("demo", "1.0").tag("py2-none-any");
    client.put(&session, &second).await;
    assert_eq!(server.put_file("staging", &theirs.filename(), theirs.build()).await.status, 200);
    let refused = client.publish(&session).await;
    assert_told(&refused, 409, "upload/not-published");
    assert_eq!(refused.json()["errors"][0]["source"], json!(mine.filename()));
    let page = server.get("/staging/simple/demo/").await;
    assert!(!page.text().contains(&second.filename()), "{}", page.text());
    assert_eq!(client.get(text(&session["links"]["session"])).await.json()["status"], "open");
    let shown = client.get(text(&session["links"]["session"])).await.json();
    let link = text(&shown["files"][mine.filename()]["link"]);
    assert_eq!(client.delete(link).await.status, 204);
    assert_eq!(client.publish(&session).await.status, 201);
    assert!(server.get("/staging/simple/demo/").await.text().contains(&second.filename()));
}

#[tokio::test]
async fn a_completed_file_makes_way_for_another_of_its_name() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    let first = client.put(&session, &Wheel::new("demo", "1.0")).await;
    let better = Wheel::new("demo", "1.0").file("demo/better.py", "x = 1\n");
    client.put(&session, &better).await;
    assert_eq!(client.get(text(&first["links"]["file-upload-session"])).await.json()["status"], "canceled");
    assert_eq!(client.publish(&session).await.status, 201);
    let page = server.get("/staging/simple/demo/").await;
    assert!(page.text().contains(&Sha256Digest::of(&better.build()).to_hex()), "{}", page.text());
}

#[tokio::test]
async fn a_server_that_does_not_offer_it_says_so() {
    let settings = Settings { upload2: false, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    assert_told(&admin(&server).open("demo", "1.0").await, 404, "upload/off");
    let stage = format!("/upload/2.0/stage/{}/simple/", "0".repeat(32));
    assert_eq!(server.get(&stage).await.json()["code"], "upload/off");
}
