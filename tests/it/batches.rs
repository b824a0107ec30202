//! Batches over HTTP: invisible until the commit, all or nothing, resumable, private, and gone when their time is over.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use ferrywheel::access::new_token;
use ferrywheel::config::Settings;
use ferrywheel::model::{AuditEvent, Clock, Permission, Principal, Scope, Sha256Digest};
use rand::SeedableRng as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::batches::{Batch, verdicts};
use crate::support::server::{Setup, answer};
use crate::support::{TestServer, Wheel};

/// A token that may upload to these projects.
pub async fn token(server: &TestServer, name: &str, channels: &str, projects: &str) -> String {
    let mut rng = rand::rngs::StdRng::seed_from_u64(name.bytes().map(u64::from).sum());
    let (token, digest) = new_token(&mut rng);
    let permissions = vec![Permission::Upload];
    let scope = Scope { permissions, channels: channels.to_owned(), projects: projects.to_owned() };
    let mut tx = server.app().index.begin().await.unwrap();
    tx.create_token(name, &scope, &digest, None).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: name.to_owned() }).await.unwrap();
    token
}

async fn events(server: &TestServer) -> Vec<Value> {
    let log = server.get_as_admin("/api/v1/audit?limit=1000").await.json();
    let event = |record: &Value| serde_json::from_str(record["event"].as_str().unwrap()).unwrap();
    log["records"].as_array().unwrap().iter().map(event).collect()
}

pub async fn status(server: &TestServer, path: &str) -> u16 {
    server.get(path).await.status
}

fn large(name: &str, version: &str) -> Wheel {
    let noise: Vec<u8> = (0..3 << 20_u32).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let package = name.replace('-', "_");
    Wheel::new(name, version).file(&format!("{package}/data.bin"), noise)
}

#[tokio::test]
async fn a_batch_is_invisible_until_its_commit_and_whole_after_it() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let (one, two) = (Wheel::new("demo", "1.0"), Wheel::new("other", "2.0"));
    for wheel in [&one, &two] {
        let put = batch.put_wheel(wheel).await;
        assert_eq!((put.status, &put.json()["verdict"]), (201, &json!("accepted")), "{}", put.text());
        assert_eq!(put.header("upload-complete"), "?1");
    }
    assert_eq!(status(&server, "/staging/simple/demo/").await, 404);
    assert_eq!(server.serial("staging").await, 0);
    let committed = batch.commit().await;
    assert_eq!(committed.status, 200, "{}", committed.text());
    let view = committed.json();
    assert_eq!((&view["state"], &view["serial"]), (&json!("committed"), &json!(1)));
    assert_eq!(verdicts(&view), ["demo-1.0-py3-none-any.whl: stored", "other-2.0-py3-none-any.whl: stored"]);
    assert_eq!(server.serial("staging").await, 1);
    for project in ["demo", "other"] {
        assert_eq!(status(&server, &format!("/staging/simple/{project}/")).await, 200);
    }
    let again = batch.commit().await;
    assert_eq!((again.status, again.text()), (200, committed.text()));
    let told: Vec<Value> = events(&server).await;
    let named = |event: &Value| event["event"].as_str().unwrap().starts_with("batch.");
    let names: Vec<&Value> = told.iter().filter(|event| named(event)).map(|event| &event["event"]).collect();
    assert!(names.contains(&&json!("batch.opened")) && names.contains(&&json!("batch.committed")), "{names:?}");
    assert_eq!(names.len(), 2);
    let late = batch.put_wheel(&Wheel::new("late", "1.0")).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("batch/ended")));
    assert_eq!(batch.abandon().await, 409);
}

#[tokio::test]
async fn nothing_is_committed_while_one_file_stands_in_the_way_and_every_reason_is_told() {
    let server = TestServer::start().await;
    server.put_file("staging", &Wheel::new("taken", "1.0").filename(), Wheel::new("taken", "1.0").build()).await;
    let batch = Batch::open(&server).await;
    batch.put_wheel(&Wheel::new("good", "1.0")).await;
    let broken = batch.put("broken-1.0-py3-none-any.whl", "no wheel").await;
    assert_eq!((broken.status, &broken.json()["code"]), (400, &json!("ingest/wheel-refused")));
    let later = Wheel::new("later", "1.0");
    assert_eq!(batch.put_wheel(&later).await.status, 201);
    // Published meanwhile with other bytes.
    let other = later.clone().file("later/more.py", "x = 1\n");
    assert_eq!(server.put_file("staging", &later.filename(), other.build()).await.status, 200);
    let conflict = batch.put_wheel(&Wheel::new("taken", "1.0").file("taken/x.py", "")).await;
    assert_eq!((conflict.status, &conflict.json()["code"]), (409, &json!("ingest/file-conflict")));
    let serial = server.serial("staging").await;
    for _ in 0..2 {
        let refused = batch.commit().await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("batch/refused")));
        let reasons: Vec<(Value, Value)> = refused.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| (finding["entry"].clone(), finding["reason"].clone()))
            .collect();
        assert_eq!(
            reasons,
            [
                (json!("broken-1.0-py3-none-any.whl"), json!("ingest/wheel-refused")),
                (json!("taken-1.0-py3-none-any.whl"), json!("ingest/file-conflict")),
                (json!("later-1.0-py3-none-any.whl"), json!("ingest/file-conflict")),
            ]
        );
    }
    assert_eq!(server.serial("staging").await, serial);
    assert_eq!(status(&server, "/staging/simple/good/").await, 404);
    for name in ["broken-1.0-py3-none-any.whl", "taken-1.0-py3-none-any.whl", "later-1.0-py3-none-any.whl"] {
        assert_eq!(batch.remove(name).await, 204);
    }
    assert_eq!(batch.remove("broken-1.0-py3-none-any.whl").await, 404);
    assert_eq!(batch.commit().await.status, 200);
    assert_eq!(server.serial("staging").await, serial + 1);
}

#[tokio::test]
async fn a_file_that_the_channel_has_is_unchanged_and_moves_no_serial() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    server.put_file("staging", &wheel.filename(), wheel.build()).await;
    let batch = Batch::open(&server).await;
    assert_eq!(batch.put_wheel(&wheel).await.json()["verdict"], "unchanged");
    let committed = batch.commit().await.json();
    assert_eq!(
        (&committed["serial"], verdicts(&committed)),
        (&json!(1), vec![format!("{}: unchanged", wheel.filename())])
    );
    let empty = Batch::open(&server).await;
    assert_eq!((empty.commit().await.status, server.serial("staging").await), (200, 1));
}

#[tokio::test]
async fn the_last_file_of_a_name_counts() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let first = Wheel::new("demo", "1.0");
    let second = first.clone().file("demo/more.py", "x = 1\n");
    batch.put_wheel(&first).await;
    assert_eq!(batch.put_wheel(&first).await.status, 201);
    assert_eq!(batch.put("demo-1.0-py3-none-any.whl", "no wheel").await.status, 400);
    assert_eq!(batch.verdicts().await, ["demo-1.0-py3-none-any.whl: refused"]);
    let put = batch.put_wheel(&second).await.json();
    assert_eq!(put["sha256"], Sha256Digest::of(&second.build()).to_hex());
    assert_eq!(batch.commit().await.status, 200);
    let stored = server.app().index.find_file(&first.filename()).await.unwrap().unwrap();
    assert_eq!(stored.file.digests.sha256, Sha256Digest::of(&second.build()));
}

#[tokio::test]
async fn a_file_goes_on_where_it_broke_off_after_a_restart_of_the_server_too() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let (wheel, small) = (large("demo", "1.0"), Wheel::new("small", "1.0"));
    let (bytes, name) = (wheel.build(), wheel.filename());
    assert_eq!(batch.offset(&name).await, None);
    let part = batch.put_part(&name, &bytes, 0, 1_000_000).await;
    assert_eq!((part.status, part.header("upload-offset"), part.header("upload-complete")), (202, "1000000", "?0"));
    batch.put_part(&small.filename(), &small.build(), 0, 10).await;
    let gap = batch.put_part(&name, &bytes, 1_500_000, bytes.len()).await;
    assert_eq!((gap.status, gap.header("upload-offset")), (409, "1000000"));
    assert_eq!(gap.json()["code"], "batch/offset-ahead");
    assert_eq!(batch.verdicts().await, [format!("{name}: partial"), format!("{}: partial", small.filename())]);
    let blocked = batch.commit().await;
    assert_eq!((blocked.status, &blocked.json()["findings"][0]["reason"]), (409, &json!("partial")));
    let kept = Batch { server: &server, ..batch.clone() };
    let (id, token) = (kept.id, kept.token);
    let server = TestServer::start_in(server.stop().await, Setup::default()).await;
    server.app().sweep().await.unwrap();
    let batch = Batch { server: &server, id, token };
    assert_eq!(batch.offset(&name).await, Some(1_000_000));
    // What is sent again takes the place of what was there.
    assert_eq!(batch.put_part(&name, &bytes, 900_000, 2_000_000).await.header("upload-offset"), "2000000");
    let whole = batch.put_part(&name, &bytes, 2_000_000, bytes.len()).await;
    assert_eq!((whole.status, &whole.json()["sha256"]), (201, &json!(Sha256Digest::of(&bytes).to_hex())));
    assert_eq!(batch.offset(&name).await, Some(bytes.len() as u64));
    let small_bytes = small.build();
    assert_eq!(batch.put_part(&small.filename(), &small_bytes, 10, small_bytes.len()).await.status, 201);
    assert!(server.app().blobs.list_partials().await.unwrap().is_empty());
    assert_eq!(batch.commit().await.status, 200);
    let link = format!("/packages/{}", path_of(&bytes, &name));
    assert_eq!(server.get(&link).await.body, bytes);
}

pub fn path_of(bytes: &[u8], filename: &str) -> String {
    let digest = Sha256Digest::of(bytes).to_hex();
    format!("{}/{}/{}/{filename}", &digest[..2], &digest[2..4], &digest[4..])
}

/// Sends the head of a `PUT` of `length` bytes and some of them, and leaves the connection as it is.
fn begin_put(batch: &Batch<'_>, filename: &str, length: usize, bytes: &[u8]) -> std::net::TcpStream {
    let mut socket = std::net::TcpStream::connect(batch.server.address()).unwrap();
    let path = batch.path(&format!("/files/{filename}"));
    let token = &batch.token;
    let head =
        format!("PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(bytes).unwrap();
    socket
}

/// Waits until so many bytes of a file are here.
async fn wait_for_offset(batch: &Batch<'_>, filename: &str, at_least: u64) -> u64 {
    loop {
        match batch.offset(filename).await {
            Some(here) if here >= at_least => return here,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_before_a_connection_broke_is_kept() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let wheel = large("demo", "1.0");
    let (bytes, name) = (wheel.build(), wheel.filename());
    drop(begin_put(&batch, &name, bytes.len(), &bytes[..2_000_000]));
    let here = wait_for_offset(&batch, &name, 2_000_000).await;
    assert_eq!(here, 2_000_000);
    let rest = batch.put_part(&name, &bytes, 2_000_000, bytes.len()).await;
    assert_eq!(rest.status, 201, "{}", rest.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sender_of_a_file_stops_the_first() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let wheel = large("demo", "1.0");
    let (bytes, name) = (wheel.build(), wheel.filename());
    // Still connected, and silent, as after a change of network.
    let mut stuck = begin_put(&batch, &name, bytes.len(), &bytes[..1_500_000]);
    let here = wait_for_offset(&batch, &name, 1).await;
    let rest = batch.put_part(&name, &bytes, usize::try_from(here).unwrap(), bytes.len()).await;
    assert_eq!(rest.status, 201, "{}", rest.text());
    let mut told = [0; 12];
    stuck.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 409");
    assert_eq!(batch.commit().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_given_up_stops_who_sends_to_it_and_leaves_nothing() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let wheel = large("demo", "1.0");
    let (bytes, name) = (wheel.build(), wheel.filename());
    batch.put_wheel(&Wheel::new("other", "1.0")).await;
    let mut stuck = begin_put(&batch, &name, bytes.len(), &bytes[..1_500_000]);
    wait_for_offset(&batch, &name, 1).await;
    assert_eq!(batch.abandon().await, 204);
    assert_eq!(batch.abandon().await, 204);
    let mut told = [0; 12];
    stuck.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 409");
    assert!(server.app().blobs.list_partials().await.unwrap().is_empty());
    let view = batch.get("").await.json();
    assert_eq!((&view["state"], &view["files"]), (&json!("abandoned"), &json!([])));
    let commit = batch.commit().await;
    assert_eq!((commit.status, &commit.json()["code"]), (409, &json!("batch/ended")));
    let server = TestServer::start_in(server.stop().await, Setup::default()).await;
    server.app().sweep().await.unwrap();
    assert!(server.app().blobs.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn parts_that_cannot_be_placed_are_refused() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let wheel = Wheel::new("demo", "1.0");
    let bytes = wheel.build();
    for range in ["bytes 0-9/*", "bytes */20", "bytes 0-4/20", "bytes 5-9/9", "lines 0-9/20", "ü"] {
        let request = batch.request(Method::PUT, &format!("/files/{}", wheel.filename()));
        let refused = answer(request.header("Content-Range", range.as_bytes()).body(bytes.slice(0..10))).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("batch/range-invalid")), "{range}");
    }
    assert_eq!(batch.offset(&wheel.filename()).await, None);
    let request = batch.request(Method::PUT, &format!("/files/{}?sha256={}", wheel.filename(), "0".repeat(64)));
    let other = answer(request.body(bytes)).await;
    assert_eq!((other.status, &other.json()["code"]), (400, &json!("ingest/digest-mismatch")));
    assert_eq!(batch.verdicts().await, [format!("{}: refused", wheel.filename())]);
}

#[tokio::test]
async fn a_batch_is_its_openers_and_the_administrators() {
    let server = TestServer::start().await;
    let [mine, yours] = ["mine", "yours"].map(|name| (name, "acme-*"));
    let mine = token(&server, mine.0, "staging", mine.1).await;
    let yours = token(&server, yours.0, "*", "*").await;
    let batch = Batch::open_as(&server, &mine).await;
    assert_eq!(batch.put_wheel(&Wheel::new("acme-web", "1.0")).await.status, 201);
    let foreign = batch.put_wheel(&Wheel::new("other", "1.0")).await;
    assert_eq!((foreign.status, &foreign.json()["code"]), (403, &json!("access/not-allowed")));
    let stranger = batch.by(&yours);
    for told in [
        stranger.get("").await.status,
        stranger.put_wheel(&Wheel::new("acme-web", "2.0")).await.status,
        stranger.archive("x").await.status,
        stranger.commit().await.status,
        stranger.abandon().await,
        stranger.remove("acme_web-1.0-py3-none-any.whl").await,
        stranger.get("/files/acme_web-1.0-py3-none-any.whl").await.status,
    ] {
        assert_eq!(told, 404);
    }
    let unknown = Batch { id: "0".repeat(32), ..stranger.clone() }.get("").await;
    assert_eq!(stranger.get("").await.json()["detail"], unknown.json()["detail"]);
    assert_eq!(batch.verdicts().await, ["acme_web-1.0-py3-none-any.whl: accepted"]);
    assert_eq!(batch.by(server.token()).commit().await.status, 200);
    let blessed = server.request(Method::POST, "/api/v1/batches").bearer_auth(&mine);
    assert_eq!(answer(blessed.json(&json!({"channel": "blessed"}))).await.status, 403);
    let nowhere = server.post_json("/api/v1/batches", &json!({"channel": "nowhere"})).await;
    assert_eq!((nowhere.status, &nowhere.json()["code"]), (404, &json!("index/channel-unknown")));
}

#[tokio::test]
async fn a_batch_whose_time_is_over_is_given_up_and_later_forgotten() {
    let clock = Clock::manual("2026-11-20T12:00:00Z".parse().unwrap());
    let settings = Settings { batch_lifetime_seconds: 3_600, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, clock: clock.clone(), ..Setup::default() }).await;
    let (batch, done) = (Batch::open(&server).await, Batch::open(&server).await);
    let wheel = Wheel::new("demo", "1.0");
    batch.put_part(&wheel.filename(), &wheel.build(), 0, 10).await;
    done.put_wheel(&Wheel::new("done", "1.0")).await;
    clock.advance(Duration::from_secs(3_599));
    assert_eq!(done.commit().await.status, 200);
    server.app().sweep().await.unwrap();
    assert_eq!(batch.offset(&wheel.filename()).await, Some(10));
    clock.advance(Duration::from_secs(1));
    let late = batch.put_wheel(&wheel).await;
    assert_eq!((late.status, &late.json()["code"]), (409, &json!("batch/ended")));
    assert_eq!(batch.commit().await.status, 409);
    server.app().sweep().await.unwrap();
    assert_eq!(batch.get("").await.json()["state"], "abandoned");
    assert!(server.app().blobs.list_partials().await.unwrap().is_empty());
    assert_eq!(done.commit().await.json()["state"], "committed");
    clock.advance(Duration::from_secs(3_600));
    server.app().sweep().await.unwrap();
    for gone in [&batch, &done] {
        assert_eq!(gone.get("").await.status, 404);
    }
    assert_eq!(status(&server, "/staging/simple/done/").await, 200);
    let expired: Vec<Value> =
        events(&server).await.into_iter().filter(|event| event["event"] == "batch.expired").collect();
    assert_eq!(expired.len(), 2, "{expired:?}");
}

#[tokio::test]
async fn what_an_open_batch_holds_survives_the_sweep() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let wheel = Wheel::new("demo", "1.0").requires("six");
    batch.put_wheel(&wheel).await;
    let (id, token) = (batch.id.clone(), batch.token.clone());
    let server = TestServer::start_in(server.stop().await, Setup::default()).await;
    server.app().sweep().await.unwrap();
    let batch = Batch { server: &server, id, token };
    assert_eq!(batch.commit().await.status, 200);
    let link = format!("/packages/{}", path_of(&wheel.build(), &wheel.filename()));
    assert_eq!(server.get(&link).await.body, wheel.build());
    assert_eq!(status(&server, &format!("{link}.metadata")).await, 200);
}

#[tokio::test]
async fn the_bytes_of_a_batch_that_was_given_up_go_while_the_server_runs() {
    let server = TestServer::start().await;
    let (app, start) = (server.app(), server.app().clock.now());
    let (kept, batch) = (Batch::open(&server).await, Batch::open(&server).await);
    kept.put_wheel(&Wheel::new("kept", "1.0")).await;
    batch.put_wheel(&Wheel::new("demo", "1.0")).await;
    let blobs = async || app.blobs.list().await.unwrap().len();
    assert_eq!((batch.abandon().await, blobs().await), (204, 4));
    // What was stored since the last time may be somebody's who has not named it yet.
    app.sweep_again(start, start).await.unwrap();
    assert_eq!(blobs().await, 4);
    // Nothing was given up since: nobody looks.
    let now = app.clock.now();
    app.sweep_again(now, now).await.unwrap();
    assert_eq!(blobs().await, 4);
    app.sweep_again(now, start).await.unwrap();
    assert_eq!(blobs().await, 2);
    assert_eq!(kept.commit().await.status, 200);
}
