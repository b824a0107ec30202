//! Archives into a batch: every format, files wherever they lie, and hostile members refused by name.

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::batches::{Batch, Tar, verdicts};
use crate::support::server::answer;
use crate::support::wheel::zip;
use crate::support::{Answer, TestServer, Wheel};

fn wheels() -> [Wheel; 3] {
    [Wheel::new("demo", "1.0"), Wheel::new("demo", "2.0"), Wheel::new("other", "1.0")]
}

fn tar() -> Tar {
    let [one, two, three] = wheels();
    Tar::default()
        .member("./", b'5', "", b"")
        .wheel("./", &one)
        .member("folder/", b'5', "", b"")
        .wheel("folder/deeper/", &two)
        .wheel("", &three)
}

fn zipped() -> Vec<u8> {
    let [one, two, three] = wheels();
    let entry = |folder: &str, wheel: &Wheel| (format!("{folder}{}", wheel.filename()), wheel.build().to_vec());
    zip(&[entry("", &one), entry("folder/deeper/", &two), entry("", &three)]).to_vec()
}

#[tokio::test]
async fn every_format_brings_its_files_wherever_they_lie() {
    let accepted: Vec<String> = wheels().iter().map(|wheel| format!("{}: accepted", wheel.filename())).collect();
    for (format, bytes) in [("tar", tar().build()), ("gz", tar().gz()), ("zst", tar().zst()), ("zip", zipped())] {
        let server = TestServer::start().await;
        let batch = Batch::open(&server).await;
        let told = batch.archive(bytes).await;
        assert_eq!(told.status, 200, "{format}: {}", told.text());
        assert_eq!((verdicts(&told.json()), &told.json()["dry_run"]), (accepted.clone(), &json!(false)), "{format}");
        assert_eq!(batch.verdicts().await, accepted, "{format}");
        let committed = batch.commit().await.json();
        assert_eq!((&committed["serial"], &committed["counts"]["stored"]), (&json!(1), &json!(3)), "{format}");
    }
}

#[tokio::test]
async fn a_hostile_member_is_refused_by_name_and_the_others_are_taken() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let good = Wheel::new("good", "1.0");
    let twice = Wheel::new("twice", "1.0");
    let archive = Tar::default()
        .file("../up-1.0-py3-none-any.whl", b"x")
        .file("/absolute-1.0-py3-none-any.whl", b"x")
        .member("link-1.0-py3-none-any.whl", b'2', "/etc/passwd", b"")
        .member("hard-1.0-py3-none-any.whl", b'1', "good", b"")
        .member("device-1.0-py3-none-any.whl", b'3', "", b"")
        .file("README.txt", b"read me")
        .file("C:evil-1.0-py3-none-any.whl", b"x")
        .file("broken-1.0-py3-none-any.whl", b"no wheel")
        .wheel("a/", &twice)
        .wheel("b/", &twice)
        .wheel("", &good);
    let told = batch.archive(archive.build()).await;
    assert_eq!(told.status, 200, "{}", told.text());
    let reason = |file: &Value| {
        let finding = &file["findings"][0];
        format!("{} {}", file["filename"].as_str().unwrap(), finding["rule"].as_str().unwrap_or("-"))
    };
    let view = told.json();
    let told: Vec<String> = view["files"].as_array().unwrap().iter().map(reason).collect();
    assert_eq!(
        told,
        [
            "../up-1.0-py3-none-any.whl TAR-NAME",
            "/absolute-1.0-py3-none-any.whl TAR-NAME",
            "link-1.0-py3-none-any.whl TAR-TYPE",
            "hard-1.0-py3-none-any.whl TAR-TYPE",
            "device-1.0-py3-none-any.whl TAR-TYPE",
            "README.txt WHL-01",
            "C:evil-1.0-py3-none-any.whl TAR-NAME",
            "broken-1.0-py3-none-any.whl ZIP-END",
            "twice-1.0-py3-none-any.whl BAT-03",
            "good-1.0-py3-none-any.whl -",
        ]
    );
    assert_eq!(view["counts"]["refused"], 9);
    let refused = batch.commit().await;
    assert_eq!((refused.status, refused.json()["findings"].as_array().unwrap().len()), (409, 9));
    assert_eq!(server.serial("staging").await, 0);
    let listed = batch.get("").await.json();
    for file in listed["files"].as_array().unwrap().iter().filter(|file| file["verdict"] == "refused") {
        let name = file["filename"].as_str().unwrap().replace('/', "%2F");
        assert_eq!(batch.remove(&name).await, 204, "{name}");
    }
    assert_eq!(batch.commit().await.status, 200);
}

/// Our own writer refuses the name that leads out, so it is put in afterwards.
fn hostile_zip() -> Vec<u8> {
    let mut bytes = zip(&[("ab/x-1.0-py3-none-any.whl".to_owned(), b"x".to_vec())]).to_vec();
    while let Some(at) = bytes.windows(3).position(|three| three == b"ab/") {
        bytes[at..at + 2].copy_from_slice(b"..");
    }
    bytes
}

fn refusal(told: &Answer) -> (u16, Value, Value) {
    let body = told.json();
    (told.status, body["code"].clone(), body["findings"][0]["rule"].clone())
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_to_its_end_is_refused() {
    let server = TestServer::start().await;
    let whole = tar().build();
    let zeros = Tar::default().file("zeros-1.0-py3-none-any.whl", &vec![0; 80 << 20]).gz();
    let cut_gz = tar().gz();
    for (case, bytes, rule) in [
        ("empty", Vec::new(), "TAR-DAMAGED"),
        ("text", b"no archive at all".to_vec(), "TAR-DAMAGED"),
        ("cut", whole[..whole.len() - 2_000].to_vec(), "TAR-DAMAGED"),
        ("no end mark", whole[..whole.len() - 1_024].to_vec(), "TAR-DAMAGED"),
        ("more behind", [whole.clone(), vec![1; 512]].concat(), "TAR-TRAILING"),
        ("cut gzip", cut_gz[..cut_gz.len() - 20].to_vec(), "TAR-DAMAGED"),
        ("gzip of nothing", vec![0x1f, 0x8b, 8, 0], "TAR-DAMAGED"),
        ("zstd of nothing", vec![0x28, 0xb5, 0x2f, 0xfd], "TAR-DAMAGED"),
        ("a bomb", zeros, "TAR-LIMIT"),
        ("cut zip", zipped()[..600].to_vec(), "ZIP-END"),
        ("hostile zip", hostile_zip(), "ZIP-NAME"),
    ] {
        let batch = Batch::open(&server).await;
        let told = batch.archive(bytes).await;
        assert_eq!(refusal(&told), (400, json!("batch/archive-refused"), json!(rule)), "{case}: {}", told.text());
    }
    assert_eq!(server.serial("staging").await, 0);
}

#[tokio::test]
async fn a_dry_run_of_an_archive_or_a_file_tells_every_verdict_and_keeps_nothing() {
    let server = TestServer::start().await;
    let there = Wheel::new("there", "1.0");
    server.put_file("staging", &there.filename(), there.build()).await;
    let batch = Batch::open(&server).await;
    let before = (server.app().blobs.list().await.unwrap(), server.get_as_admin("/api/v1/audit").await.json());
    let archive = tar().wheel("", &there).file("broken-1.0-py3-none-any.whl", b"no wheel").build();
    let told = answer(batch.request(Method::POST, "/archive?dry_run").body(archive)).await;
    assert_eq!((told.status, &told.json()["dry_run"]), (200, &json!(true)));
    assert_eq!(
        verdicts(&told.json())[2..],
        [
            "other-1.0-py3-none-any.whl: accepted",
            "there-1.0-py3-none-any.whl: unchanged",
            "broken-1.0-py3-none-any.whl: refused"
        ]
    );
    let [one, ..] = wheels();
    let put = |query: &str| batch.request(Method::PUT, &format!("/files/{}{query}", one.filename()));
    let tried = answer(put("?dry_run").body(one.build())).await;
    assert_eq!((tried.status, verdicts(&tried.json())), (200, vec![format!("{}: accepted", one.filename())]));
    let refused = answer(put("?dry_run=true").body("no wheel")).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("ingest/wheel-refused")));
    let part = put("?dry_run").header("Content-Range", "bytes 0-1/9").body("no");
    assert_eq!(answer(part).await.json()["code"], "batch/range-invalid");
    assert!(batch.verdicts().await.is_empty());
    let alone = |query: &str| format!("/api/v1/channels/staging/files/{}?{query}", one.filename());
    let alone =
        |bytes: Bytes, query| server.request(Method::PUT, &alone(query)).bearer_auth(server.token()).body(bytes);
    let told = answer(alone(one.build(), "dry_run=1")).await.json();
    assert_eq!((&told["dry_run"], &told["verdict"], &told["serial"]), (&json!(true), &json!("stored"), &json!(1)));
    assert_eq!(answer(alone(Bytes::from_static(b"no wheel"), "dry_run")).await.status, 400);
    let form = reqwest::multipart::Form::new()
        .text(":action", "file_upload")
        .text("protocol_version", "1")
        .text("name", "demo")
        .text("version", "1.0")
        .text("filetype", "bdist_wheel")
        .part("content", reqwest::multipart::Part::bytes(one.build().to_vec()).file_name(one.filename()));
    let legacy = server.request(Method::POST, "/legacy/?dry_run").basic_auth("__token__", Some(server.token()));
    let told = answer(legacy.multipart(form)).await;
    assert_eq!(
        (told.status, told.text()),
        (200, "demo-1.0-py3-none-any.whl would be in staging; this was a dry run\n")
    );
    let after = (server.app().blobs.list().await.unwrap(), server.get_as_admin("/api/v1/audit").await.json());
    assert_eq!(before, after);
    assert!(server.app().blobs.list_partials().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_project_out_of_reach_is_refused_by_name_too() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let status = json!({"status": "archived"});
    let other = Wheel::new("other", "0.1");
    server.put_file("staging", &other.filename(), other.build()).await;
    let path = "/api/v1/channels/staging/projects/other/status";
    let closed = server.request(Method::PUT, path).bearer_auth(server.token()).json(&status);
    assert_eq!(answer(closed).await.status, 200);
    let told = batch.archive(tar().build()).await.json();
    assert_eq!(
        (verdicts(&told)[2].as_str(), &told["files"][2]["code"]),
        ("other-1.0-py3-none-any.whl: refused", &json!("ingest/project-closed"))
    );
}

#[tokio::test]
async fn a_thousand_files_come_and_show_at_once() {
    let server = TestServer::start().await;
    let batch = Batch::open(&server).await;
    let archive = (0..1_000).fold(Tar::default(), |tar, n| tar.wheel("", &Wheel::new(&format!("demo-{n}"), "1.0")));
    let told = batch.archive(archive.zst()).await.json();
    assert_eq!((&told["file_count"], &told["counts"]["accepted"]), (&json!(1_000), &json!(1_000)));
    assert_eq!(server.get("/staging/simple/").await.text().matches("<a ").count(), 0);
    let committed = batch.commit().await.json();
    assert_eq!((&committed["serial"], &committed["counts"]["stored"]), (&json!(1), &json!(1_000)));
    assert_eq!(server.get("/staging/simple/").await.text().matches("<a ").count(), 1_000);
    assert_eq!(server.get("/staging/simple/demo-999/").await.status, 200);
}
