//! What marks do elsewhere: to uploads, files, promotions and locks, and how the command line sets them.

use std::process::Command;

use ferrywheel::config::Settings;
use ferrywheel::ingest::{Declared, Profile, Upload, receive};
use ferrywheel::model::{Principal, Yank};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::bundles::{build, hello, shop};
use crate::support::seed::change;
use crate::support::server::{Setup, answer};
use crate::support::{Answer, SeedFile, TestServer, Wheel, seed};

async fn set_status(server: &TestServer, channel: &str, project: &str, status: &str) {
    let path = format!("/api/v1/channels/{channel}/projects/{project}/status");
    let request = server.request(Method::PUT, &path).bearer_auth(server.token());
    let done = answer(request.json(&json!({ "status": status, "reason": "a reason" }))).await;
    assert_eq!(done.status, 200, "{}", done.text());
}

async fn put(server: &TestServer, wheel: &Wheel) -> Answer {
    server.put_file("staging", &wheel.filename(), wheel.build()).await
}

#[tokio::test]
async fn a_closed_project_takes_no_uploads_in_that_channel() {
    let server = TestServer::start().await;
    let (first, second) = (Wheel::new("demo", "1.0"), Wheel::new("demo", "2.0"));
    assert_eq!(put(&server, &first).await.status, 200);
    for status in ["archived", "quarantined"] {
        set_status(&server, "staging", "demo", status).await;
        let (serial, blob_count) = (server.serial("staging").await, server.app().blobs.list().await.unwrap().len());
        let refused = put(&server, &second).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("ingest/project-closed")));
        let detail = format!("`demo` is {status} in channel `staging` and takes no new files");
        assert_eq!(refused.json()["detail"], detail);
        assert_eq!(server.serial("staging").await, serial);
        assert_eq!(server.app().blobs.list().await.unwrap().len(), blob_count, "no bytes stay");
        let known = put(&server, &first).await;
        assert_eq!(
            (known.status, &known.json()["verdict"]),
            (200, &json!("unchanged")),
            "what is there may be repeated"
        );
        assert_eq!(server.put_file("blessed", &second.filename(), second.build()).await.status, 200);
        change(&server, "blessed", &second.filename(), None).await;
        // The bytes are known now; the file would still be new to this channel.
        assert_eq!(put(&server, &second).await.status, 403);
    }
    for status in ["deprecated", "active"] {
        set_status(&server, "staging", "demo", status).await;
        assert_eq!(put(&server, &Wheel::new("demo", if status == "active" { "3" } else { "4" })).await.status, 200);
    }
}

#[tokio::test]
async fn a_client_is_told_in_the_reason_phrase_that_a_project_is_closed() {
    let server = TestServer::start().await;
    put(&server, &Wheel::new("demo", "1.0")).await;
    set_status(&server, "staging", "demo", "archived").await;
    let wheel = Wheel::new("demo", "2.0");
    let file = reqwest::multipart::Part::bytes(wheel.build().to_vec()).file_name(wheel.filename());
    let form = reqwest::multipart::Form::new()
        .text(":action", "file_upload")
        .text("protocol_version", "1")
        .text("name", "demo")
        .text("version", "2.0")
        .text("filetype", "bdist_wheel")
        .part("content", file);
    let request = server.request(Method::POST, "/legacy/").basic_auth("__token__", Some(server.token()));
    let refused = answer(request.multipart(form)).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("`demo` is archived in channel `staging`"), "{}", refused.text());
}

#[tokio::test]
async fn a_quarantined_projects_files_are_kept_back_until_it_is_released() {
    let server = TestServer::start().await;
    let file = SeedFile::new("demo-1.0-py3-none-any.whl");
    seed(&server, "staging", std::slice::from_ref(&file)).await;
    let (url, metadata) = (file.path(), format!("{}.metadata", file.path()));
    assert_eq!(server.get(&url).await.status, 200);
    let etag = server.get(&url).await.header("etag").to_owned();
    set_status(&server, "staging", "demo", "quarantined").await;
    for (path, headers) in [(&url, None), (&metadata, None), (&url, Some(("if-none-match", etag.as_str())))] {
        let refused = server.send(Method::GET, path, headers.as_slice()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("http/file-withheld")), "{path}");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    assert_eq!(server.send(Method::HEAD, &url, &[]).await.status, 403);
    let page = server
        .send(Method::GET, "/staging/simple/demo/", &[("accept", "application/vnd.pypi.simple.v1+json")])
        .await
        .json();
    assert_eq!((&page["files"], &page["project-status"]["status"]), (&json!([]), &json!("quarantined")));
    set_status(&server, "staging", "demo", "active").await;
    assert_eq!((server.get(&url).await.status, server.get(&metadata).await.status), (200, 200));
}

#[tokio::test]
async fn a_promotion_takes_nothing_out_of_or_into_a_closed_project() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz"), SeedFile::new("other-1.0.tar.gz")]).await;
    set_status(&server, "staging", "demo", "quarantined").await;
    for from in ["staging", "staging@1"] {
        let refused = server.promote(from, "blessed").await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("channels/project-closed")), "{from}");
        assert_eq!(refused.json()["detail"], "`demo` is quarantined in `staging`");
    }
    assert_eq!(server.serial("blessed").await, 0, "nothing at all came over");
    let path = "/api/v1/channels/blessed/promotions";
    let others = server.post_json(path, &json!({"from": "staging", "select": ["other"]})).await;
    assert_eq!(others.status, 200, "{}", others.text());
    set_status(&server, "staging", "demo", "archived").await;
    assert_eq!(server.promote("staging", "blessed").await.status, 200, "an archived project gives what it has");
    seed(&server, "staging", &[SeedFile::new("demo-2.0.tar.gz"), SeedFile::new("other-2.0.tar.gz")]).await;
    for status in ["archived", "quarantined"] {
        set_status(&server, "blessed", "demo", status).await;
        set_status(&server, "blessed", "other", status).await;
        let refused = server.promote("staging", "blessed").await.json();
        let detail = format!("`demo` is {status} in `blessed` (and 1 more project stands in the way)");
        assert_eq!(refused["detail"], detail);
    }
    // Marks on what is there travel all the same.
    change(&server, "staging", "demo-1.0.tar.gz", Some(Some(Yank { reason: None }))).await;
    let marked = server.post_json(path, &json!({"from": "staging", "select": ["demo==1.0"]})).await;
    assert_eq!((marked.status, &marked.json()["added"]), (200, &json!(["demo-1.0.tar.gz"])));
}

#[tokio::test]
async fn a_yank_travels_by_promotion_and_is_never_lost_by_one() {
    let server = TestServer::start().await;
    let name = "demo-1.0.tar.gz";
    let yank = |reason: Option<&str>| Some(Some(Yank { reason: reason.map(str::to_owned) }));
    let mark = async || {
        let view = server.app().index.open_view(&"blessed".parse().unwrap()).await.unwrap();
        let files = server.app().index.list_files(&view, &"demo".parse().unwrap()).await.unwrap();
        files.into_iter().next().unwrap().yank.map(|yank| yank.reason)
    };
    let reason = |text: &str| Some(Some(text.to_owned()));
    seed(&server, "staging", &[SeedFile::new(name).yanked(Some("bad"))]).await;
    server.promote("staging", "blessed").await;
    assert_eq!(mark().await, reason("bad"), "it comes with its mark");
    change(&server, "staging", name, Some(None)).await;
    let unmarked = server.promote("staging", "blessed").await.json();
    assert_eq!((&unmarked["added"], &unmarked["unchanged_count"]), (&json!([]), &json!(1)));
    assert_eq!(mark().await, reason("bad"), "no promotion takes a mark off");
    change(&server, "staging", name, yank(None)).await;
    server.promote("staging", "blessed").await;
    assert_eq!(mark().await, reason("bad"), "a mark without a reason says nothing new");
    change(&server, "staging", name, yank(Some("worse"))).await;
    server.promote("staging", "blessed").await;
    assert_eq!(mark().await, reason("worse"));
    change(&server, "blessed", name, Some(None)).await;
    assert_eq!(mark().await, None);
    server.promote("staging", "blessed").await;
    assert_eq!(mark().await, reason("worse"), "and it comes again while the source has it");
}

#[tokio::test]
async fn a_file_that_is_mirrored_again_brings_its_yank_mark() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    let arrive = async |yank: Option<Yank>| {
        let upload = Upload {
            channel: "staging".parse().unwrap(),
            filename: wheel.filename(),
            declared: Declared::default(),
            profile: Profile::Mirror,
            uploaded_at: None,
            yank,
            provenance: None,
        };
        let body = futures_util::stream::iter([Ok(wheel.build())]);
        let outcome = receive(&server.app().ingest_parts(), &Principal::Local, upload, body).await.unwrap();
        serde_json::to_value(outcome).unwrap()
    };
    let withdrawn = Some(Yank { reason: Some("withdrawn".to_owned()) });
    for (yank, verdict, serial) in
        [(None, "stored", 1), (withdrawn.clone(), "unchanged", 2), (withdrawn, "unchanged", 2), (None, "unchanged", 2)]
    {
        let outcome = arrive(yank.clone()).await;
        assert_eq!((&outcome["verdict"], &outcome["serial"]), (&json!(verdict), &json!(serial)), "{yank:?}");
    }
    let page = server
        .send(Method::GET, "/staging/simple/demo/", &[("accept", "application/vnd.pypi.simple.v1+json")])
        .await
        .json();
    assert_eq!(page["files"][0]["yanked"], "withdrawn");
}

#[tokio::test]
async fn a_lock_chooses_nothing_that_is_quarantined_and_yanked_files_only_when_pinned() {
    let server = TestServer::start().await;
    let files = ["demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"].map(SeedFile::new);
    seed(&server, "blessed", &files).await;
    change(&server, "blessed", "demo-2.0-py3-none-any.whl", Some(Some(Yank { reason: None }))).await;
    let lock = async |requirement: &str, channel: &str| {
        let wish = json!({"requirements": [requirement], "target": "debian-12", "channel": channel});
        server.post_json("/api/v1/locks", &wish).await
    };
    let loose = lock("demo", "blessed").await;
    assert!(loose.status == 200 && loose.text().contains("demo-1.0-py3"), "{}", loose.text());
    assert!(lock("demo==2.0", "blessed").await.text().contains("demo-2.0-py3"));
    assert_ne!(lock("demo>=2.0", "blessed").await.status, 200);
    set_status(&server, "blessed", "demo", "quarantined").await;
    for channel in ["blessed", "blessed@1"] {
        let refused = lock("demo==1.0", channel).await;
        assert!((400..500).contains(&refused.status), "{channel}: {}", refused.text());
    }
}

#[tokio::test]
async fn a_bundle_with_a_quarantined_wheel_is_neither_built_nor_handed_out() {
    let server = shop().await;
    let (bundle, _) = build(&server, &hello()).await;
    let path = bundle["download"].as_str().unwrap();
    set_status(&server, "blessed", "greet", "quarantined").await;
    assert_eq!(server.get(path).await.status, 200, "staging offers the wheel still");
    let refused = server.post_json("/api/v1/bundles", &hello()).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    set_status(&server, "staging", "greet", "quarantined").await;
    let withheld = server.get(path).await;
    assert_eq!((withheld.status, &withheld.json()["code"]), (403, &json!("export/file-withheld")));
    set_status(&server, "blessed", "greet", "active").await;
    assert_eq!(server.get(path).await.status, 200);
}

/// Runs the program against the server; exit code, stdout, stderr.
async fn ferrywheel(server: &TestServer, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferrywheel"));
    command.args(arguments).args(["--server", &server.url()]).env_clear().env("FERRYWHEEL_TOKEN", server.token());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_grants_namespaces() {
    let settings = Settings { namespaces: true, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let grant = ["namespace", "grant", "Acme", "--owner", "Acme Corp", "--token", "release", "--token", "ci"];
    let (code, stdout, stderr) = ferrywheel(&server, &grant).await;
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (Some(0), "acme: owned by Acme Corp; uploads by ci, release\n", "")
    );
    let (code, stdout, _) = ferrywheel(&server, &["namespace", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &listed["namespaces"][0]["name"]), (Some(0), &json!("acme")));
    for expected in ["revoked acme\n", "acme was not granted\n"] {
        assert_eq!(ferrywheel(&server, &["namespace", "revoke", "acme"]).await.1, expected);
    }
    let (code, _, stderr) = ferrywheel(&server, &["namespace", "grant", "a-b-c-d-e", "--owner", "Acme"]).await;
    assert_eq!(code, Some(1), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_sets_every_mark() {
    let server = TestServer::start().await;
    let names = ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz", "demo-2.0.tar.gz"];
    seed(&server, "blessed", &names.map(SeedFile::new)).await;
    let (code, stdout, stderr) = ferrywheel(&server, &["yank", "demo==1.0", "--reason", "bad"]).await;
    assert_eq!(
        (code, stdout.as_str(), stderr.as_str()),
        (
            Some(0),
            "yanked demo-1.0-py3-none-any.whl\nyanked demo-1.0.tar.gz\n\
             blessed: yanked 2 files; serial 1 → 2; 0 were so already\n",
            ""
        )
    );
    let (code, stdout, _) = ferrywheel(&server, &["unyank", "demo-1.0.tar.gz", "--json"]).await;
    let told: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["changed"], &told["serial"]), (Some(0), &json!(["demo-1.0.tar.gz"]), &json!(3)));
    let (code, stdout, _) = ferrywheel(&server, &["status", "demo", "deprecated", "--reason", "old"]).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "demo is deprecated in blessed; serial 3 → 4\n"));
    let (code, stdout, _) = ferrywheel(&server, &["remove", "demo-2.0.tar.gz", "--channel", "blessed"]).await;
    assert_eq!(code, Some(0));
    assert!(stdout.ends_with("blessed: removed 1 file; serial 4 → 5; 0 were so already\n"), "{stdout}");
    let (code, stdout, _) = ferrywheel(&server, &["delete", "demo-1.0.tar.gz", "demo==2.0"]).await;
    assert_eq!(code, Some(0));
    let expected = "deleted demo-1.0.tar.gz\ndeleted demo-2.0.tar.gz\nblessed: serial 5 → 6\n\
                    deleted 2 files; 0 were gone already\n";
    assert_eq!(stdout, expected);
    let (code, _, stderr) = ferrywheel(&server, &["yank", "demo==9", "--channel", "staging"]).await;
    assert_eq!(code, Some(1));
    assert!(stderr.starts_with("error: `demo==9` is not in channel `staging`\nhint: Name the channel"), "{stderr}");
    assert_eq!(ferrywheel(&server, &["status", "demo", "gone"]).await.0, Some(2));
    assert_eq!(ferrywheel(&server, &["yank"]).await.0, Some(2));
}
