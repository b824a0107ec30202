//! Tokens that reach some channels: what URLs that name no channel give them, and what they may change.

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::model::Permission;
use reqwest::Method;
use serde_json::json;

use crate::support::attestation::{attestation, provenance};
use crate::support::server::{Setup, answer};
use crate::support::tokens::token_of;
use crate::support::{Answer, SeedFile, TestServer, Wheel, seed};

async fn closed_server() -> TestServer {
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

async fn ask(server: &TestServer, method: Method, path: &str, token: &str) -> Answer {
    answer(server.request(method, path).bearer_auth(token)).await
}

async fn get(server: &TestServer, path: &str, token: &str) -> Answer {
    ask(server, Method::GET, path, token).await
}

async fn put(server: &TestServer, wheel: &Wheel, token: &str, body: String) -> Answer {
    let path = format!("/api/v1/files/{}/provenance", wheel.filename());
    answer(server.request(Method::PUT, &path).bearer_auth(token).body(body)).await
}

#[tokio::test]
async fn a_file_is_read_by_whoever_may_read_a_channel_that_has_or_had_it() {
    let server = closed_server().await;
    let [secret, shared, past] = ["secret", "shared", "past"].map(|name| SeedFile::new(&format!("{name}-1.0.tar.gz")));
    seed(&server, "blessed", &[secret.clone(), shared.clone()]).await;
    seed(&server, "staging", &[shared.clone(), past.clone()]).await;
    seed::change(&server, "staging", &past.filename, None).await;
    let staging = token_of(&server, "staging", &[Permission::Upload], "staging", "*").await;
    let blessed = token_of(&server, "blessed", &[Permission::Read], "bl*", "*").await;
    let all = token_of(&server, "all", &[Permission::Read], "*", "*").await;
    for (file, [to_staging, to_blessed]) in [(&secret, [404, 200]), (&shared, [200, 200]), (&past, [200, 404])] {
        for suffix in ["", ".metadata"] {
            let path = format!("{}{suffix}", file.path());
            // The second time from memory.
            for _ in 0..2 {
                assert_eq!(get(&server, &path, &staging).await.status, to_staging, "{path}");
                assert_eq!(get(&server, &path, &blessed).await.status, to_blessed, "{path}");
                assert_eq!(get(&server, &path, &all).await.status, 200, "{path}");
                assert_eq!(ask(&server, Method::HEAD, &path, &staging).await.status, to_staging, "{path}");
            }
        }
    }
    let given = get(&server, &shared.path(), &staging).await;
    let told = (given.header("cache-control"), given.header("vary"));
    assert_eq!(told, ("private, max-age=31536000, immutable", "Authorization"));
}

#[tokio::test]
async fn of_a_file_that_a_token_may_not_read_it_is_told_what_it_is_told_of_none() {
    let server = closed_server().await;
    let (secret, unknown) = (SeedFile::new("secret-1.0.tar.gz"), SeedFile::new("unknown-1.0.tar.gz"));
    seed(&server, "blessed", std::slice::from_ref(&secret)).await;
    for (name, channels, projects) in [("by-channel", "staging", "*"), ("by-project", "*", "acme-*")] {
        let token = token_of(&server, name, &[Permission::Read], channels, projects).await;
        let [hidden, missing] =
            [get(&server, &secret.path(), &token).await, get(&server, &unknown.path(), &token).await];
        let told = |answer: &Answer| {
            let problem = answer.json();
            let detail = problem["detail"].as_str().unwrap().replace("unknown-", "secret-");
            (answer.status, problem["code"].clone(), problem["hint"].clone(), detail)
        };
        assert_eq!(told(&hidden), told(&missing), "{name}");
    }
}

#[tokio::test]
async fn a_file_is_kept_back_from_who_sees_only_the_channel_that_quarantines_it() {
    let server = closed_server().await;
    let file = SeedFile::new("demo-1.0.tar.gz");
    seed(&server, "staging", std::slice::from_ref(&file)).await;
    seed(&server, "blessed", std::slice::from_ref(&file)).await;
    let path = "/api/v1/channels/blessed/projects/demo/status";
    let wish = json!({"status": "quarantined"});
    let set = answer(server.request(Method::PUT, path).bearer_auth(server.token()).json(&wish)).await;
    assert_eq!(set.status, 200, "{}", set.text());
    let blessed = token_of(&server, "blessed", &[Permission::Read], "blessed", "*").await;
    let staging = token_of(&server, "staging", &[Permission::Read], "staging", "*").await;
    let withheld = get(&server, &file.path(), &blessed).await;
    assert_eq!((withheld.status, &withheld.json()["code"]), (403, &json!("http/file-withheld")));
    assert_eq!(get(&server, &file.path(), &staging).await.status, 200);
    assert_eq!(get(&server, &file.path(), server.token()).await.status, 200);
}

#[tokio::test]
async fn provenance_is_read_and_kept_back_as_its_file_is() {
    let server = closed_server().await;
    let wheel = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("staging", &wheel.filename(), wheel.build()).await.status, 200);
    let object = provenance(&attestation(&wheel.filename(), &wheel.build(), "publish"));
    assert_eq!(put(&server, &wheel, server.token(), object.clone()).await.status, 200);
    let path = format!("/integrity/demo/1.0/{}/provenance", wheel.filename());
    let blessed = token_of(&server, "blessed", &[Permission::Read], "blessed", "*").await;
    let staging = token_of(&server, "staging", &[Permission::Read], "staging", "*").await;
    let hidden = get(&server, &path, &blessed).await;
    assert_eq!((hidden.status, &hidden.json()["code"]), (404, &json!("http/no-provenance")));
    assert_eq!(get(&server, &path, &staging).await.text(), object);
    let status = "/api/v1/channels/staging/projects/demo/status";
    let wish = json!({"status": "quarantined"});
    assert_eq!(answer(server.request(Method::PUT, status).bearer_auth(server.token()).json(&wish)).await.status, 200);
    for token in [&staging, server.token()] {
        let withheld = get(&server, &path, token).await;
        assert_eq!((withheld.status, &withheld.json()["code"]), (403, &json!("http/file-withheld")));
    }
}

#[tokio::test]
async fn provenance_is_stored_by_who_may_upload_to_every_channel_of_the_file() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("staging", &wheel.filename(), wheel.build()).await.status, 200);
    let staging = token_of(&server, "staging", &[Permission::Upload], "staging", "*").await;
    let other = token_of(&server, "other", &[Permission::Upload], "other", "*").await;
    let foreign = token_of(&server, "foreign", &[Permission::Upload], "*", "acme-*").await;
    let signed = |identity| provenance(&attestation(&wheel.filename(), &wheel.build(), identity));
    assert_eq!(put(&server, &wheel, &staging, signed("publish")).await.status, 200);
    server.promote("staging", "blessed").await;
    let before = server.serial("blessed").await;
    for (token, status, code) in [
        (&staging, 403, "access/not-allowed"),
        (&other, 404, "ingest/no-such-file"),
        (&foreign, 403, "access/not-allowed"),
    ] {
        let refused = put(&server, &wheel, token, signed("build")).await;
        assert_eq!((refused.status, &refused.json()["code"]), (status, &json!(code)), "{}", refused.text());
    }
    // Whether there is a file of that name or not.
    let unknown = Wheel::new("unknown", "1.0");
    for (token, status) in [(&staging, 404), (&other, 404), (&foreign, 403)] {
        assert_eq!(put(&server, &unknown, token, signed("build")).await.status, status);
    }
    assert_eq!(put(&server, &wheel, server.token(), signed("build")).await.json()["verdict"], "stored");
    assert_eq!(server.serial("blessed").await, before);
}

#[tokio::test]
async fn attestations_that_come_with_a_file_of_a_channel_out_of_reach_are_left_out() {
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("blessed", &wheel.filename(), wheel.build()).await.status, 200);
    let staging = token_of(&server, "staging", &[Permission::Upload], "staging", "*").await;
    let signed = attestation(&wheel.filename(), &wheel.build(), "publish");
    let form = reqwest::multipart::Form::new()
        .text(":action", "file_upload")
        .text("name", "demo")
        .text("version", "1.0")
        .text("filetype", "bdist_wheel")
        .text("attestations", json!([signed]).to_string())
        .part("content", reqwest::multipart::Part::bytes(wheel.build().to_vec()).file_name(wheel.filename()));
    let request = server.request(Method::POST, "/legacy/").bearer_auth(&staging).header("accept", "application/json");
    let stored = answer(request.multipart(form)).await;
    assert_eq!((stored.status, &stored.json()["findings"][0]["rule"]), (200, &json!("ATT-04")), "{}", stored.text());
    assert_eq!((server.serial("staging").await, server.serial("blessed").await), (1, 1));
    let path = format!("/integrity/demo/1.0/{}/provenance", wheel.filename());
    assert_eq!(server.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_bundle_is_given_to_who_may_read_all_of_its_files() {
    let server = closed_server().await;
    let wheel = Wheel::new("demo", "1.0");
    assert_eq!(server.put_file("staging", &wheel.filename(), wheel.build()).await.status, 200);
    let wish = json!({"name": "demo", "requirements": ["demo"], "target": "debian-12", "channel": "staging"});
    let built = server.post_json("/api/v1/bundles", &wish).await;
    assert_eq!(built.status, 201, "{}", built.text());
    let id = built.json()["id"].as_str().unwrap().to_owned();
    let staging = token_of(&server, "staging", &[Permission::Read], "staging", "*").await;
    let blessed = token_of(&server, "blessed", &[Permission::Read], "blessed", "*").await;
    let foreign = token_of(&server, "foreign", &[Permission::Read], "*", "acme-*").await;
    for path in [format!("/api/v1/bundles/{id}"), format!("/api/v1/bundles/{id}/download")] {
        assert_eq!(get(&server, &path, &staging).await.status, 200, "{path}");
        for token in [&blessed, &foreign] {
            let hidden = get(&server, &path, token).await;
            assert_eq!((hidden.status, &hidden.json()["code"]), (404, &json!("export/bundle-unknown")), "{path}");
        }
    }
    server.promote("staging", "blessed").await;
    assert_eq!(get(&server, &format!("/api/v1/bundles/{id}/download"), &blessed).await.status, 200);
    // It was built from a channel that this token is to know nothing of.
    assert_eq!(get(&server, &format!("/api/v1/bundles/{id}"), &blessed).await.status, 404);
}
