//! Upload 2.0 (PEP 694) over time and among others: stages, reserved names, races, expiry, restarts, attestations.

use std::time::Duration;

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::{DatabaseUrl, Settings};
use ferrywheel::model::{Clock, Permission, Sha256Digest, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::attestation::attestation;
use crate::support::postgres::postgres;
use crate::support::server::{Setup, answer};
use crate::support::tokens::token_of;
use crate::support::upload2::{Client, states, text};
use crate::support::{TestServer, Wheel};

const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn admin(server: &TestServer) -> Client<'_> {
    Client { server, token: server.token() }
}

async fn server_with(settings: Settings) -> TestServer {
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

/// The path of an absolute URL of this server.
fn path<'a>(server: &TestServer, url: &'a Value) -> &'a str {
    text(url).strip_prefix(&server.url()).unwrap()
}

#[tokio::test]
async fn a_stage_is_an_index_of_the_session_for_whoever_has_its_url() {
    let server = server_with(Settings { read: ReadPolicy::Token, ..Settings::default() }).await;
    let client = admin(&server);
    let session = client.open("Demo", "1.0").await.json();
    let wheel = Wheel::new("demo", "1.0").requires_python(">=3.8");
    let stage = path(&server, &session["links"]["stage"]).to_owned();
    let json_accept = [("accept", "application/vnd.pypi.simple.v1+json")];
    let root = server.send(Method::GET, &stage, &json_accept).await;
    assert_eq!((root.status, &root.json()["projects"]), (200, &json!([])));
    client.put(&session, &wheel).await;
    let waiting = Wheel::new("demo", "1.0").tag("py2-none-any");
    assert_eq!(client.begin(&session, &waiting.filename(), &waiting.build()).await.status, 202);
    let root = server.send(Method::GET, &stage, &json_accept).await;
    assert_eq!(root.json()["projects"][0]["name"], "Demo");
    assert_eq!(root.header("cache-control"), "private, no-cache");
    let page = server.send(Method::GET, &format!("{stage}demo/"), &json_accept).await.json();
    let files = page["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{page}");
    assert_eq!((&files[0]["filename"], &files[0]["requires-python"]), (&json!(wheel.filename()), &json!(">=3.8")));
    // Links lead below the stage, and there to the bytes.
    let url = format!("{stage}../{}", text(&files[0]["url"]).trim_start_matches("../"));
    let url = url.replace("/simple/../", "/");
    assert!(url.starts_with(stage.trim_end_matches("simple/")), "{url}");
    let bytes = server.get(&url).await;
    assert_eq!((bytes.status, &bytes.body), (200, &wheel.build()));
    assert!(server.get(&format!("{url}.metadata")).await.text().contains("Requires-Python: >=3.8"));
    assert_eq!(server.get(&url.replace("/stage/", "/sessions/")).await.status, 404);
    for moved in [stage.trim_end_matches('/').to_owned(), format!("{stage}demo"), format!("{stage}Demo/")] {
        let moved = server.get(&moved).await;
        assert!(moved.status == 301 && moved.header("location").starts_with("/upload/2.0/stage/"), "{}", moved.status);
    }
    assert_eq!(server.get(&format!("{stage}other/")).await.status, 404);
    // The channel itself is closed to strangers, and shows nothing of it to others.
    assert_eq!(server.get("/staging/simple/demo/").await.status, 401);
    assert_eq!(client.get("/staging/simple/demo/").await.status, 404);
    assert_eq!(client.delete(text(&session["links"]["session"])).await.status, 204);
    for gone in [stage.clone(), format!("{stage}demo/"), url] {
        assert_eq!(server.get(&gone).await.status, 404, "{gone}");
    }
}

/// On both databases: the name is kept by a row of one table, and asked for by writers of another.
#[tokio::test]
async fn the_first_session_of_a_project_keeps_its_name_until_it_ends() {
    let databases = [None, Some(DatabaseUrl(postgres().await))];
    for database in databases {
        let server = server_with(Settings { database, ..Settings::default() }).await;
        let upload = [Permission::Upload];
        let (alice, bob) =
            (token_of(&server, "alice", &upload, "*", "*").await, token_of(&server, "bob", &upload, "*", "*").await);
        let (alice, bob) = (Client { server: &server, token: &alice }, Client { server: &server, token: &bob });
        let opened = alice.open("fresh", "1.0").await;
        let wheel = Wheel::new("fresh", "2.0");
        let put = async |client: Client<'_>| {
            let path = format!("/api/v1/channels/blessed/files/{}", wheel.filename());
            let request = server.request(Method::PUT, &path).bearer_auth(client.token);
            answer(request.body(wheel.build())).await
        };
        for refused in [
            bob.open("fresh", "1.0").await,
            bob.open("Fresh", "2.0").await,
            bob.get(opened.header("location")).await,
            put(bob).await,
        ] {
            assert_eq!(
                (refused.status, &refused.json()["code"]),
                (403, &json!("upload/name-reserved")),
                "{}",
                refused.text()
            );
            assert_eq!(refused.header("location"), "");
        }
        // Visible to nobody, and to an administrator who has to free it.
        assert_eq!(server.get("/staging/simple/fresh/").await.status, 404);
        let found = admin(&server).open("fresh", "1.0").await;
        assert_eq!((found.status, found.header("location")), (409, opened.header("location")));
        assert_eq!(alice.open("fresh", "3.0").await.status, 201);
        assert_eq!(admin(&server).delete(opened.header("location")).await.status, 204);
        // The other session of hers keeps it as well.
        assert_eq!(put(bob).await.status, 403);
        let third = alice.open("fresh", "3.0").await;
        assert_eq!(alice.delete(third.header("location")).await.status, 204);
        assert_eq!(put(bob).await.status, 200);
        // From then on whoever may upload to the project may have a session.
        assert_eq!(alice.open("fresh", "1.0").await.status, 201);
        assert_eq!(bob.open("fresh", "1.0").await.status, 409);
    }
}

#[tokio::test]
async fn a_session_without_files_registers_the_name() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("New_Name", "0").await.json();
    let before = server.serial("staging").await;
    assert_eq!(client.publish(&session).await.status, 201);
    assert_eq!(server.serial("staging").await, before + 1);
    let accept = [("accept", "application/vnd.pypi.simple.v1+json")];
    let page = server.send(Method::GET, "/staging/simple/new-name/", &accept).await;
    assert_eq!((page.status, &page.json()["files"]), (200, &json!([])));
    // A change behind it does not take it out of the snapshot that it is in.
    let wheel = Wheel::new("new-name", "1.0");
    assert_eq!(server.put_file("staging", &wheel.filename(), wheel.build()).await.status, 200);
    let at = |serial: i64| format!("/staging@{serial}/simple/new-name/");
    let page = server.send(Method::GET, &at(before + 1), &accept).await;
    assert_eq!((page.status, &page.json()["files"]), (200, &json!([])));
    assert_eq!(server.get(&at(before)).await.status, 404);
    assert_eq!(server.send(Method::GET, &at(before + 2), &accept).await.json()["files"].as_array().unwrap().len(), 1);
    // Of a project that is there it changes nothing.
    let session = client.open("new-name", "2.0").await.json();
    assert_eq!(client.publish(&session).await.status, 201);
    assert_eq!(server.serial("staging").await, before + 2);
}

#[tokio::test]
async fn whoever_may_upload_now_may_go_on_and_whoever_may_not_any_more_may_not() {
    let server = TestServer::start().await;
    let first = Wheel::new("demo", "0.1");
    assert_eq!(server.put_file("staging", &first.filename(), first.build()).await.status, 200);
    let token = token_of(&server, "ci", &[Permission::Upload], "staging", "demo").await;
    let ci = Client { server: &server, token: &token };
    let session = ci.open("demo", "1.0").await.json();
    ci.put(&session, &Wheel::new("demo", "1.0")).await;
    let index = &server.app().index;
    let mut tx = index.begin().await.unwrap();
    tx.revoke_token("ci").await.unwrap();
    let event = ferrywheel::model::AuditEvent::TokenRevoked { name: "ci".to_owned() };
    tx.commit(&ferrywheel::model::Principal::Local, &event).await.unwrap();
    assert_eq!(ci.publish(&session).await.status, 401);
    let token = token_of(&server, "other", &[Permission::Upload], "staging", "demo").await;
    assert_eq!(Client { server: &server, token: &token }.publish(&session).await.status, 201);
}

#[tokio::test]
async fn two_who_race_for_one_name_find_one_winner() {
    let databases = [None, Some(DatabaseUrl(postgres().await))];
    for database in databases {
        let server = server_with(Settings { database, ..Settings::default() }).await;
        let client = admin(&server);
        // Of two who begin a session, and of two who begin a file, one is told of the other.
        let mut opened = tokio::join!(client.open("demo", "1.0"), client.open("demo", "1.0"));
        if opened.0.status != 201 {
            std::mem::swap(&mut opened.0, &mut opened.1);
        }
        assert_eq!((opened.0.status, opened.1.status), (201, 409));
        let session = opened.0.json();
        let (mine, theirs) = (Wheel::new("demo", "1.0"), Wheel::new("demo", "1.0").file("demo/theirs.py", "x = 1\n"));
        let (name, bytes) = (mine.filename(), mine.build());
        let begun = tokio::join!(client.begin(&session, &name, &bytes), client.begin(&session, &name, &bytes));
        let file = if begun.0.status == 202 { &begun.0 } else { &begun.1 };
        assert_eq!(begun.0.status + begun.1.status, 202 + 409);
        assert_eq!(client.send(&file.json(), bytes).await.status, 204);
        assert_eq!(client.complete(&file.json()).await.status, 201);
        // The older API and a publication: whoever is first, there are never two files of one name.
        let raced = tokio::join!(client.publish(&session), server.put_file("staging", &name, theirs.build()));
        let expected = if raced.0.status == 201 { (201, 409, mine.build()) } else { (409, 200, theirs.build()) };
        assert_eq!((raced.0.status, raced.1.status), (expected.0, expected.1), "{}", raced.0.text());
        let page = server.get("/staging/simple/demo/").await;
        assert!(page.text().contains(&Sha256Digest::of(&expected.2).to_hex()), "{}", page.text());
    }
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_is_remembered_for_as_long_again() {
    let clock = Clock::manual(Timestamp::from_second(1_780_000_000).unwrap());
    let server = TestServer::start_with(Setup { clock: clock.clone(), ..Setup::default() }).await;
    let client = admin(&server);
    let opened = client.open("demo", "1.0").await;
    let session = opened.json();
    let url = opened.header("location");
    let wheel = Wheel::new("demo", "1.0");
    let file = client.put(&session, &wheel).await;
    // More time, as much as there may be and no more.
    let extend = async |by: u64| {
        let url = text(&session["links"]["extend"]);
        let answer = client.call(Method::POST, url, Some(json!({"extend-for": by}))).await;
        assert_eq!(answer.status, 200);
        text(&answer.json()["expires-at"]).parse::<Timestamp>().unwrap().as_second() - 1_780_000_000
    };
    let week = i64::try_from(WEEK.as_secs()).unwrap();
    assert_eq!(extend(3600).await, week + 3600);
    assert_eq!(extend(u64::MAX).await, 4 * week);
    assert_eq!(extend(1).await, 4 * week);
    clock.advance(4 * WEEK);
    let shown = client.get(url).await.json();
    assert_eq!(states(&shown), ("canceled".to_owned(), vec![]));
    assert_eq!(client.get(text(&file["links"]["file-upload-session"])).await.json()["status"], "canceled");
    assert_eq!(client.publish(&session).await.json()["code"], "upload/session-state");
    assert_eq!(client.delete(url).await.status, 204);
    assert_eq!(server.get(path(&server, &session["links"]["stage"])).await.status, 404);
    // Also before the sweep has come by, the release is free for another.
    let second = client.open("demo", "1.0").await;
    assert_eq!(second.status, 201);
    server.app().sweep().await.unwrap();
    assert_eq!(client.get(url).await.status, 200);
    clock.advance(WEEK);
    server.app().sweep().await.unwrap();
    assert_eq!(client.get(url).await.json()["code"], "upload/session-unknown");
    assert_eq!(client.get(second.header("location")).await.json()["status"], "canceled");
    let verdict = server.app().index.verify_audit().await.unwrap();
    assert_eq!(verdict.first_broken, None);
}

#[tokio::test]
async fn what_is_staged_survives_a_restart_and_what_was_given_up_does_not() {
    let server = TestServer::start().await;
    let kept = admin(&server).open("demo", "1.0").await.json();
    let wheel = Wheel::new("demo", "1.0");
    admin(&server).put(&kept, &wheel).await;
    let dropped = admin(&server).open("demo", "2.0").await.json();
    let other = Wheel::new("demo", "2.0");
    admin(&server).put(&dropped, &other).await;
    assert_eq!(admin(&server).delete(text(&dropped["links"]["session"])).await.status, 204);
    let publish = path(&server, &kept["links"]["publish"]).to_owned();
    let server = TestServer::start_in(server.stop().await, Setup::default()).await;
    let report = server.app().sweep().await.unwrap();
    // The wheel and its METADATA.
    assert_eq!(report.orphan_count, 2, "{report:?}");
    assert_eq!(admin(&server).post(&publish).await.status, 201);
    assert_eq!(server.get("/staging/simple/demo/").await.status, 200);
    let digest = Sha256Digest::of(&wheel.build()).to_hex();
    let url = format!("/packages/{}/{}/{}/{}", &digest[..2], &digest[2..4], &digest[4..], wheel.filename());
    assert_eq!(server.get(&url).await.body, wheel.build());
}

#[tokio::test]
async fn attestations_come_before_or_after_the_bytes_and_must_be_about_them() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let attest = async |file: &Value, sent: String| {
        let path = path(&server, &file["mechanism"]["attestations_url"]).to_owned();
        let request = server.request(Method::POST, &path).bearer_auth(client.token);
        answer(request.header("content-type", "application/json").body(sent)).await
    };
    for (version, is_first) in [("1.0", true), ("2.0", false)] {
        let wheel = Wheel::new("demo", version);
        let (name, bytes) = (wheel.filename(), wheel.build());
        let session = client.open("demo", version).await.json();
        let good = json!([attestation(&name, &bytes, "publish")]).to_string();
        let bad = json!([attestation(&name, b"tampered", "publish")]).to_string();
        let begin = async || client.begin(&session, &name, &bytes).await.json();
        let file = begin().await;
        for sent in ["", "{}", "[]", "[1]", "\u{fe}"] {
            let refused = attest(&file, sent.to_owned()).await;
            assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("upload/attestations-invalid")));
        }
        // About other bytes: refused where both have met.
        if is_first {
            assert_eq!(attest(&file, bad).await.status, 204);
            assert_eq!(client.send(&file, bytes.clone()).await.json()["code"], "ingest/wheel-refused");
            assert_eq!(client.complete(&file).await.status, 400);
        } else {
            assert_eq!(client.send(&file, bytes.clone()).await.status, 204);
            assert_eq!(attest(&file, bad).await.status, 204);
            assert_eq!(client.complete(&file).await.json()["code"], "ingest/wheel-refused");
        }
        assert_eq!(client.delete(text(&file["links"]["file-upload-session"])).await.status, 204);
        let file = begin().await;
        if is_first {
            assert_eq!(attest(&file, good.clone()).await.status, 204);
        }
        assert_eq!(client.send(&file, bytes.clone()).await.status, 204);
        if !is_first {
            assert_eq!(attest(&file, good.clone()).await.status, 204);
        }
        assert_eq!(client.complete(&file).await.status, 201);
        assert_eq!(attest(&file, good).await.status, 409);
        assert_eq!(client.publish(&session).await.status, 201);
        let served = server.get(&format!("/integrity/demo/{version}/{name}/provenance")).await;
        assert_eq!(served.status, 200, "{}", served.text());
    }
}

/// No request of today's server leaves anything in `processing`; one of tomorrow's, or another server on the same database,
/// may.
#[tokio::test]
async fn what_is_being_processed_is_left_alone() {
    let url = postgres().await;
    let server = server_with(Settings { database: Some(DatabaseUrl(url.clone())), ..Settings::default() }).await;
    let client = admin(&server);
    let database = sqlx::PgPool::connect(&url).await.unwrap();
    let session = client.open("demo", "1.0").await.json();
    let file = client.put(&session, &Wheel::new("demo", "1.0")).await;
    let links = (text(&session["links"]["session"]), text(&file["links"]["file-upload-session"]));
    sqlx::query("UPDATE upload_files SET state = 'processing'").execute(&database).await.unwrap();
    assert_eq!(client.delete(links.1).await.json()["code"], "upload/file-state");
    assert_eq!(client.complete(&file).await.json()["code"], "upload/file-state");
    assert_eq!(client.publish(&session).await.json()["code"], "upload/not-completed");
    sqlx::query("UPDATE upload_files SET state = 'completed'").execute(&database).await.unwrap();
    sqlx::query("UPDATE upload_sessions SET state = 'processing'").execute(&database).await.unwrap();
    assert_eq!(client.open("demo", "1.0").await.status, 409);
    for refused in [client.delete(links.0).await, client.publish(&session).await, client.delete(links.1).await] {
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("upload/session-state")));
    }
    // An attempt that has failed later leaves the session as editable as before.
    let failed = "UPDATE upload_sessions SET state = 'error', notices = '[\"it has failed\"]'";
    sqlx::query(failed).execute(&database).await.unwrap();
    let shown = client.get(links.0).await.json();
    assert_eq!((&shown["status"], &shown["notices"]), (&json!("error"), &json!(["it has failed"])));
    client.put(&session, &Wheel::new("demo", "1.0").tag("py2-none-any")).await;
    assert_eq!(client.get(links.0).await.json()["status"], "error");
    assert_eq!(client.publish(&session).await.json()["status"], "published");
    // What is in `processing` when the whole session is given up goes with it.
    let session = client.open("demo", "2.0").await.json();
    client.put(&session, &Wheel::new("demo", "2.0")).await;
    sqlx::query("UPDATE upload_files SET state = 'processing' WHERE staged IS NOT NULL")
        .execute(&database)
        .await
        .unwrap();
    assert_eq!(client.delete(text(&session["links"]["session"])).await.status, 204);
    database.close().await;
}

#[tokio::test]
async fn the_audit_log_tells_of_sessions_and_never_of_their_tokens() {
    let server = TestServer::start().await;
    let client = admin(&server);
    let session = client.open("demo", "1.0").await.json();
    client.put(&session, &Wheel::new("demo", "1.0")).await;
    assert_eq!(client.publish(&session).await.status, 201);
    let second = client.open("demo", "2.0").await.json();
    assert_eq!(client.delete(text(&second["links"]["session"])).await.status, 204);
    let log = server.get_as_admin("/api/v1/audit").await;
    for event in ["upload.opened", "upload.published", "upload.canceled"] {
        assert!(log.text().contains(event), "{event} is not in {}", log.text());
    }
    assert!(!log.text().contains(text(&session["session-token"])), "{}", log.text());
}
