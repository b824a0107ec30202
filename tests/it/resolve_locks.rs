//! Locks over HTTP: requirements and a target in, exact files out, from one snapshot.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, SeedFile, TestServer, seed};

/// A server whose channel `blessed` holds an application for Debian 12 and a newer part of it for Debian 13 only.
async fn server() -> TestServer {
    let server = TestServer::start().await;
    let files = [
        SeedFile::new("hello-1.0-py3-none-any.whl").requires(&["fast>=1", "colors; sys_platform == 'win32'"]),
        SeedFile::new("fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl").requires_python(">=3.8"),
        SeedFile::new("fast-2.0-cp313-cp313-manylinux_2_17_x86_64.whl"),
    ];
    seed(&server, "blessed", &files).await;
    server
}

async fn lock(server: &TestServer, accept: &str, body: &serde_json::Value) -> Answer {
    let request =
        server.request(Method::POST, "/api/v1/locks").header("accept", accept).json(body).send().await.unwrap();
    let (status, headers) = (request.status().as_u16(), request.headers().clone());
    Answer { status, headers, body: request.bytes().await.unwrap() }
}

#[tokio::test]
async fn a_lock_is_a_pylock_file_of_the_snapshot_that_was_read() {
    let server = server().await;
    let answer = lock(&server, "*/*", &json!({"requirements": ["hello"], "target": "debian-12"})).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/toml"), "{}", answer.text());
    let file: toml::Table = answer.text().parse().unwrap();
    assert_eq!(file["lock-version"].as_str(), Some("1.0"));
    let packages = file["packages"].as_array().unwrap();
    let names: Vec<_> =
        packages.iter().map(|it| (it["name"].as_str().unwrap(), it["version"].as_str().unwrap())).collect();
    assert_eq!(names, [("fast", "1.0"), ("hello", "1.0")]);
    assert_eq!(packages[0]["index"].as_str().unwrap(), format!("{}/blessed@1/simple/", server.url()));
    let wheel = &packages[0]["wheels"][0];
    let download = server.get(wheel["url"].as_str().unwrap().strip_prefix(&server.url()).unwrap()).await;
    assert_eq!((download.status, download.text()), (200, "fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"));
}

#[tokio::test]
async fn a_lock_is_the_same_every_time_and_does_not_follow_the_head() {
    let server = server().await;
    let body = json!({"requirements": ["hello", "fast"], "target": "debian-13/x86_64", "channel": "blessed@1"});
    let turned = json!({"requirements": ["fast", "hello"], "target": "debian-13", "channel": "blessed@1"});
    let first = lock(&server, "application/json", &body).await;
    seed(&server, "blessed", &[SeedFile::new("hello-2.0-py3-none-any.whl")]).await;
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(first.text(), lock(&server, "application/json", &turned).await.text());
    assert_eq!(first.json()["serial"], 1);
    assert_eq!(first.json()["files"][0]["filename"], "fast-2.0-cp313-cp313-manylinux_2_17_x86_64.whl");
    assert_eq!(first.json()["files"][1]["dependencies"], json!(["fast"]));
}

#[tokio::test]
async fn a_request_without_an_answer_is_explained() {
    let server = server().await;
    let answer = lock(&server, "*/*", &json!({"requirements": ["hello"], "target": "debian-11"})).await;
    assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("resolve/unsolvable")));
    let lines = [
        "No set of wheels in channel `blessed` at serial 1 satisfies `hello` for the target `debian-11`.",
        "Of `hello`, channel `blessed` at serial 1 has 1.0 only.",
        "`hello` 1.0 needs `fast>=1`.",
        "`fast` 1.0 and 2.0 have no wheel for cp39 on manylinux_2_31_x86_64.",
    ];
    assert_eq!(answer.json()["detail"], lines.join("\n"));
}

#[tokio::test]
async fn requests_that_mean_nothing_are_refused() {
    let server = server().await;
    for (body, status, code) in [
        (json!({"requirements": [], "target": "debian-12"}), 400, "resolve/requirement-invalid"),
        (json!({"requirements": ["(x"], "target": "debian-12"}), 400, "resolve/requirement-invalid"),
        (json!({"requirements": ["x @ https://a.example/x.whl"], "target": "debian-12"}), 400, "resolve/direct-url"),
        (json!({"requirements": ["hello[more]"], "target": "debian-12"}), 409, "resolve/extra-unknown"),
        (json!({"requirements": ["hello"], "target": "debian-99"}), 400, "resolve/target-unknown"),
        (json!({"requirements": ["hello"], "target": "debian-12", "channel": "nowhere"}), 404, "index/channel-unknown"),
        (
            json!({"requirements": ["hello"], "target": "debian-12", "channel": "blessed@9"}),
            404,
            "index/snapshot-unknown",
        ),
    ] {
        let answer = lock(&server, "*/*", &body).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{body}");
    }
}

#[tokio::test]
async fn a_target_may_be_written_out() {
    let server = server().await;
    let known = server.get("/api/v1/targets").await.json();
    let names: Vec<_> = known["targets"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["debian-11", "debian-12", "debian-13"]);
    let mut target = known["targets"][1].clone();
    target["name"] = "our-host".into();
    target["python_full_version"] = "3.13.0".into();
    let answer = lock(&server, "application/json", &json!({"requirements": ["fast"], "target": target})).await;
    assert_eq!((answer.status, &answer.json()["target"]), (200, &json!("our-host")));
    target["libc"] = serde_json::Value::Null;
    let answer = lock(&server, "*/*", &json!({"requirements": ["fast"], "target": target})).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("resolve/target-invalid")));
}
