//! Marks over HTTP: yank, unyank, remove, delete, status; what is told, what is refused, what stays as it was.

use ferrywheel::access::new_token;
use ferrywheel::model::{AuditEvent, Permission, Principal, Scope};
use rand::SeedableRng as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Setup, answer};
use crate::support::{Answer, SeedFile, TestServer, seed};

const WHEEL: &str = "demo-1.0-py3-none-any.whl";
const SDIST: &str = "demo-1.0.tar.gz";

async fn send(server: &TestServer, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = server.request(method, path).bearer_auth(server.token());
    answer(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn patch(server: &TestServer, filename: &str, body: Value) -> Answer {
    send(server, Method::PATCH, &format!("/api/v1/channels/staging/files/{filename}"), Some(body)).await
}

async fn server_with_demo() -> TestServer {
    let server = TestServer::start().await;
    let newer = "demo-2.0-py3-none-any.whl";
    seed(&server, "staging", &[SeedFile::new(WHEEL), SeedFile::new(SDIST), SeedFile::new(newer)]).await;
    server
}

/// File names on a page, `!` and the reason before a yanked one.
async fn page(server: &TestServer, path: &str) -> Vec<String> {
    let page = server.send(Method::GET, path, &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
    let files = page.json()["files"].as_array().unwrap().clone();
    let line = |file: &Value| match &file["yanked"] {
        Value::Bool(false) => file["filename"].as_str().unwrap().to_owned(),
        mark => format!("!{mark} {}", file["filename"].as_str().unwrap()),
    };
    files.iter().map(line).collect()
}

/// The newest event of the audit log.
async fn last_event(server: &TestServer) -> Value {
    let log = server.get_as_admin("/api/v1/audit?limit=1000").await.json();
    serde_json::from_str(log["records"].as_array().unwrap().last().unwrap()["event"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_yank_is_shown_told_and_recorded_and_taken_off_again() {
    let server = server_with_demo().await;
    let file = server.get(&SeedFile::new(WHEEL).path()).await;
    let page_before = server.get("/staging/simple/demo/").await;
    let done = patch(&server, WHEEL, json!({"yanked": true, "reason": " loses <data> "})).await;
    let expected = json!({
        "channel": "staging", "serial_before": 1, "serial": 2, "changed": [WHEEL], "unchanged_count": 0,
    });
    assert_eq!((done.status, done.json()), (200, expected));
    assert_eq!(page(&server, "/staging/simple/demo/").await[0], format!("!\"loses <data>\" {WHEEL}"));
    let event = json!({
        "event": "file.yanked", "channel": "staging", "serial": 2, "filenames": [WHEEL], "reason": "loses <data>",
    });
    assert_eq!(last_event(&server).await, event);
    let after = server.get(&SeedFile::new(WHEEL).path()).await;
    assert_eq!((after.header("etag"), &after.body), (file.header("etag"), &file.body), "a yank changes no file");
    assert_ne!(server.get("/staging/simple/demo/").await.header("etag"), page_before.header("etag"));

    let again = patch(&server, WHEEL, json!({"yanked": true, "reason": "loses <data>"})).await.json();
    assert_eq!((&again["serial"], &again["changed"], &again["unchanged_count"]), (&json!(2), &json!([]), &json!(1)));
    patch(&server, WHEEL, json!({"yanked": true})).await;
    assert_eq!(page(&server, "/staging/simple/demo/").await[0], format!("!true {WHEEL}"));
    let off = patch(&server, WHEEL, json!({"yanked": false})).await;
    assert_eq!((off.status, &off.json()["serial"]), (200, &json!(4)));
    assert_eq!(last_event(&server).await["event"], "file.unyanked");
    assert_eq!(page(&server, "/staging/simple/demo/").await[0], WHEEL);
    assert_eq!(page(&server, "/staging@2/simple/demo/").await[0], format!("!\"loses <data>\" {WHEEL}"));
    assert_eq!(patch(&server, WHEEL, json!({"yanked": false})).await.json()["serial"], 4);
}

#[tokio::test]
async fn a_release_is_marked_as_a_whole_or_not_at_all() {
    let server = server_with_demo().await;
    let path = "/api/v1/channels/staging/files";
    let refused = json!({"select": ["demo==1.0", "demo==3.0"], "yanked": true});
    let refused = send(&server, Method::PATCH, path, Some(refused)).await;
    assert_eq!((refused.status, &refused.json()["code"]), (404, &json!("channels/file-not-in-channel")));
    assert_eq!(refused.json()["detail"], "`demo==3.0` is not in channel `staging`");
    assert_eq!(server.serial("staging").await, 1);
    let yank = json!({"select": ["Demo == 1", "demo-2.0-py3-none-any.whl"], "yanked": true});
    let done = send(&server, Method::PATCH, path, Some(yank)).await.json();
    assert_eq!(done["changed"], json!([WHEEL, SDIST, "demo-2.0-py3-none-any.whl"]));
    assert_eq!(server.serial("staging").await, 2, "one change");
    let removal = json!({"select": ["demo==1.0"]});
    let done = send(&server, Method::POST, "/api/v1/channels/staging/removals", Some(removal.clone())).await;
    assert_eq!((done.status, &done.json()["changed"]), (200, &json!([WHEEL, SDIST])));
    assert_eq!(page(&server, "/staging/simple/demo/").await, ["!true demo-2.0-py3-none-any.whl"]);
    assert_eq!(last_event(&server).await["event"], "file.removed");
    let again = send(&server, Method::POST, "/api/v1/channels/staging/removals", Some(removal)).await.json();
    assert_eq!((&again["serial"], &again["unchanged_count"]), (&json!(3), &json!(2)));
}

#[tokio::test]
async fn a_removed_file_stays_in_other_channels_and_older_snapshots() {
    let server = server_with_demo().await;
    server.promote("staging", "blessed").await;
    let path = format!("/api/v1/channels/staging/files/{WHEEL}");
    let done = send(&server, Method::DELETE, &path, None).await;
    assert_eq!((done.status, &done.json()["changed"]), (200, &json!([WHEEL])));
    assert!(!page(&server, "/staging/simple/demo/").await.contains(&WHEEL.to_owned()));
    assert!(page(&server, "/simple/demo/").await.contains(&WHEEL.to_owned()));
    assert!(page(&server, "/staging@1/simple/demo/").await.contains(&WHEEL.to_owned()));
    assert_eq!(server.get(&SeedFile::new(WHEEL).path()).await.status, 200);
    assert_eq!(send(&server, Method::DELETE, &path, None).await.json()["serial"], 2, "repeated");
    for filename in [SDIST, "demo-2.0-py3-none-any.whl"] {
        send(&server, Method::DELETE, &format!("/api/v1/channels/staging/files/{filename}"), None).await;
    }
    assert_eq!(server.get("/staging/simple/demo/").await.status, 200, "an empty page, not a missing one");
}

#[tokio::test]
async fn a_deleted_file_is_gone_everywhere_and_for_ever() {
    let server = server_with_demo().await;
    server.promote("staging", "blessed").await;
    let digest = server.get("/api/v1/channels/staging").await.json()["digest"].clone();
    let snapshot = server.get("/staging@1/simple/demo/").await;
    assert!(snapshot.text().contains(WHEEL));
    let done = send(&server, Method::DELETE, &format!("/api/v1/files/{WHEEL}"), None).await;
    let expected = json!({
        "deleted": [WHEEL],
        "channels": [
            {"channel": "blessed", "serial_before": 1, "serial": 2},
            {"channel": "staging", "serial_before": 1, "serial": 2},
        ],
        "unchanged_count": 0,
    });
    assert_eq!((done.status, done.json()), (200, expected));
    let event = json!({
        "event": "file.deleted", "filenames": [WHEEL], "channels": [["blessed", 2], ["staging", 2]],
    });
    assert_eq!(last_event(&server).await, event);
    for path in ["/simple/demo/", "/staging/simple/demo/", "/staging@1/simple/demo/"] {
        let page = server.get(path).await;
        assert!(page.status == 200 && !page.text().contains(WHEEL), "{path}: {}", page.text());
    }
    let file = SeedFile::new(WHEEL);
    assert_eq!(server.get(&file.path()).await.status, 404);
    assert_eq!(server.get(&format!("{}.metadata", file.path())).await.status, 404);
    let view = server.app().index.open_view(&"staging@1".parse().unwrap()).await.unwrap();
    assert_eq!(json!(server.app().index.snapshot_digest(&view).await.unwrap()), digest, "digests stay");
    let again = send(&server, Method::POST, "/api/v1/deletions", Some(json!({"select": ["demo==1.0"]}))).await;
    assert_eq!((again.status, &again.json()["deleted"]), (200, &json!([SDIST])), "what was left of the release");
    let repeated = send(&server, Method::DELETE, &format!("/api/v1/files/{WHEEL}"), None).await;
    assert_eq!((repeated.status, &repeated.json()["unchanged_count"]), (200, &json!(1)));
    assert_eq!(server.serial("staging").await, 3);
    let unknown = send(&server, Method::DELETE, "/api/v1/files/nope-1.0.tar.gz", None).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("channels/file-not-here")));
    assert_eq!(server.app().index.verify_audit().await.unwrap().first_broken, None);
}

#[tokio::test]
async fn the_bytes_of_a_deleted_file_are_left_to_the_sweep() {
    let server = server_with_demo().await;
    let blob = SeedFile::new(WHEEL).sha256();
    send(&server, Method::DELETE, &format!("/api/v1/files/{WHEEL}"), None).await;
    assert!(server.app().blobs.stat(&blob).await.unwrap().is_some());
    let server = TestServer::start_in(server.stop().await, Setup::default()).await;
    server.app().sweep().await.unwrap();
    assert_eq!(server.app().blobs.stat(&blob).await.unwrap(), None);
    assert!(server.app().blobs.stat(&SeedFile::new(SDIST).sha256()).await.unwrap().is_some());
}

#[tokio::test]
async fn a_status_is_shown_told_and_recorded() {
    let server = server_with_demo().await;
    let path = "/api/v1/channels/staging/projects/De.mo/status";
    let wish = json!({"status": "archived", "reason": "moved to other"});
    let done = send(&server, Method::PUT, path.replace("De.mo", "demo").as_str(), Some(wish.clone())).await;
    let expected = json!({
        "channel": "staging", "serial_before": 1, "serial": 2, "project": "demo", "status": "archived",
        "reason": "moved to other",
    });
    assert_eq!((done.status, done.json()), (200, expected));
    assert_eq!(last_event(&server).await["event"], "project.status");
    let page = server
        .send(Method::GET, "/staging/simple/demo/", &[("accept", "application/vnd.pypi.simple.v1+json")])
        .await
        .json();
    assert_eq!(page["project-status"], json!({"status": "archived", "reason": "moved to other"}));
    assert_eq!(page["files"].as_array().unwrap().len(), 3);
    let again = send(&server, Method::PUT, "/api/v1/channels/staging/projects/demo/status", Some(wish)).await;
    assert_eq!((again.status, &again.json()["serial"]), (200, &json!(2)));
    let active = json!({"status": "active"});
    send(&server, Method::PUT, "/api/v1/channels/staging/projects/demo/status", Some(active)).await;
    let page = server
        .send(Method::GET, "/staging/simple/demo/", &[("accept", "application/vnd.pypi.simple.v1+json")])
        .await
        .json();
    assert_eq!(page.get("project-status"), None);
}

#[tokio::test]
async fn what_cannot_be_marked_is_told_and_changes_nothing() {
    let server = server_with_demo().await;
    let yank = json!({"yanked": true});
    let staging = "/api/v1/channels/staging";
    let long = "x".repeat(1_001);
    let many: Vec<String> = (0..=1_000).map(|number| format!("demo=={number}")).collect();
    for (method, path, body, status, code) in [
        ("PATCH", format!("{staging}/files/nope-1.0.tar.gz"), yank.clone(), 404, "channels/file-not-in-channel"),
        ("PATCH", format!("{staging}/files/demo"), yank.clone(), 400, "channels/file-selector-invalid"),
        ("PATCH", format!("{staging}/files/demo==1.0"), yank.clone(), 400, "channels/file-selector-invalid"),
        ("PATCH", format!("/api/v1/channels/nowhere/files/{WHEEL}"), yank.clone(), 404, "index/channel-unknown"),
        ("PATCH", format!("/api/v1/channels/No/files/{WHEEL}"), yank, 404, "channels/name-invalid"),
        ("PATCH", format!("{staging}/files/{WHEEL}"), json!({}), 400, "http/body-invalid"),
        (
            "PATCH",
            format!("{staging}/files/{WHEEL}"),
            json!({"yanked": true, "reason": "a\nb"}),
            400,
            "channels/reason-invalid",
        ),
        (
            "PATCH",
            format!("{staging}/files/{WHEEL}"),
            json!({"yanked": true, "reason": long}),
            400,
            "channels/reason-invalid",
        ),
        (
            "PATCH",
            format!("{staging}/files/{WHEEL}"),
            json!({"yanked": false, "reason": "x"}),
            400,
            "channels/reason-invalid",
        ),
        (
            "PATCH",
            format!("{staging}/files"),
            json!({"yanked": true, "select": []}),
            400,
            "channels/file-selector-invalid",
        ),
        (
            "PATCH",
            format!("{staging}/files"),
            json!({"yanked": true, "select": many}),
            400,
            "channels/file-selector-invalid",
        ),
        ("POST", format!("{staging}/removals"), json!({"select": ["demo"]}), 400, "channels/file-selector-invalid"),
        ("POST", "/api/v1/deletions".to_owned(), json!({"select": ["demo==9"]}), 404, "channels/file-not-here"),
        ("PUT", format!("{staging}/projects/nope/status"), json!({"status": "archived"}), 404, "index/project-unknown"),
        ("PUT", format!("{staging}/projects/-/status"), json!({"status": "archived"}), 404, "simple/no-such-project"),
        ("PUT", format!("{staging}/projects/demo/status"), json!({"status": "Archived"}), 400, "http/body-invalid"),
    ] {
        let answer = send(&server, method.parse().unwrap(), &path, Some(body.clone())).await;
        let body = &body.to_string()[..body.to_string().len().min(80)];
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{method} {path} {body}");
    }
    assert_eq!(server.serial("staging").await, 1);
}

#[tokio::test]
async fn a_request_that_marks_is_small() {
    let server = TestServer::start().await;
    let body = json!({"yanked": true, "select": ["x".repeat(3 << 20)]});
    let large = send(&server, Method::PATCH, "/api/v1/channels/staging/files", Some(body)).await;
    assert_eq!((large.status, &large.json()["code"]), (413, &json!("http/body-too-large")));
}

#[tokio::test]
async fn a_token_marks_what_it_reaches() {
    let server = server_with_demo().await;
    seed(&server, "staging", &[SeedFile::new("other-1.0.tar.gz")]).await;
    let token = async |name: &str, permission: Permission, channels: &str, projects: &str| {
        let seed = name.bytes().fold(9, |seed, byte| seed * 31 + u64::from(byte));
        let (token, digest) = new_token(&mut rand::rngs::StdRng::seed_from_u64(seed));
        let scope =
            Scope { permissions: vec![permission], channels: channels.to_owned(), projects: projects.to_owned() };
        let mut tx = server.app().index.begin().await.unwrap();
        tx.create_token(name, &scope, &digest, None).await.unwrap();
        tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: name.to_owned() }).await.unwrap();
        token
    };
    let demo = token("demo", Permission::Upload, "staging", "demo").await;
    let narrow = token("narrow", Permission::Admin, "staging", "*").await;
    let ask = async |token: &str, method: Method, path: &str, body: Value| {
        answer(server.request(method, path).bearer_auth(token).json(&body)).await.status
    };
    let status = json!({"status": "archived"});
    let both = json!({"select": ["demo==1.0", "other==1.0"]});
    for (method, path, body) in [
        (Method::PATCH, "/api/v1/channels/staging/files/other-1.0.tar.gz", json!({"yanked": true})),
        (Method::PATCH, "/api/v1/channels/blessed/files/demo-1.0.tar.gz", json!({"yanked": true})),
        (Method::POST, "/api/v1/channels/staging/removals", both),
        (Method::DELETE, "/api/v1/channels/staging/files/other-1.0.tar.gz", json!(null)),
        (Method::PUT, "/api/v1/channels/staging/projects/other/status", status.clone()),
        (Method::PUT, "/api/v1/channels/blessed/projects/demo/status", status.clone()),
        (Method::DELETE, "/api/v1/files/demo-1.0.tar.gz", json!(null)),
    ] {
        assert_eq!(ask(&demo, method, path, body).await, 403, "{path}");
    }
    // A deletion reaches into every channel.
    assert_eq!(ask(&narrow, Method::DELETE, "/api/v1/files/demo-1.0.tar.gz", json!(null)).await, 403);
    assert_eq!(server.serial("staging").await, 2);
    assert_eq!(ask(&demo, Method::PUT, "/api/v1/channels/staging/projects/demo/status", status).await, 200);
    let yank = json!({"yanked": true});
    assert_eq!(ask(&demo, Method::PATCH, "/api/v1/channels/staging/files/demo-1.0.tar.gz", yank).await, 200);
}

#[tokio::test]
async fn marks_at_the_same_time_all_happen() {
    let server = TestServer::start().await;
    let names: Vec<String> = (0..8).map(|number| format!("demo-1.{number}.tar.gz")).collect();
    seed(&server, "staging", &names.iter().map(|name| SeedFile::new(name)).collect::<Vec<_>>()).await;
    server.promote("staging", "blessed").await;
    let yanks = names[..4].iter().map(|name| patch(&server, name, json!({"yanked": true})));
    let deletions = names[4..].iter().map(|name| {
        let (server, path) = (&server, format!("/api/v1/files/{name}"));
        async move { send(server, Method::DELETE, &path, None).await }
    });
    let (yanks, deletions) =
        tokio::join!(futures_util::future::join_all(yanks), futures_util::future::join_all(deletions));
    for answer in yanks.iter().chain(&deletions) {
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(server.serial("staging").await, 9);
    assert_eq!(server.serial("blessed").await, 5);
    assert_eq!(page(&server, "/staging/simple/demo/").await.len(), 4);
}
