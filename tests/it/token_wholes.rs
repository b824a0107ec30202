//! What concerns every channel and project is for tokens that reach them all.

use ferrywheel::config::Settings;
use ferrywheel::model::Permission;
use reqwest::Method;
use serde_json::json;

use crate::support::TestServer;
use crate::support::server::{Setup, answer};
use crate::support::tokens::token_of;

#[tokio::test]
async fn an_administrator_of_a_part_has_no_say_in_what_concerns_all() {
    let settings = Settings { namespaces: true, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let by_channel = token_of(&server, "by-channel", &[Permission::Admin], "staging", "*").await;
    let by_project = token_of(&server, "by-project", &[Permission::Admin], "*", "acme-*").await;
    let whole = token_of(&server, "whole", &[Permission::Admin], "*", "**").await;
    let advisory = json!({"id": "A-1", "modified": "2026-01-01T00:00:00Z", "affected": []});
    let grant = json!({"owner": "Acme"});
    let before = server.get_as_admin("/api/v1/audit").await.json();
    for (method, path, body, [channel, project]) in [
        (Method::GET, "/api/v1/audit", json!(null), [403, 403]),
        (Method::POST, "/api/v1/advisories", advisory, [403, 403]),
        (Method::GET, "/api/v1/namespaces", json!(null), [403, 403]),
        (Method::PUT, "/api/v1/namespaces/acme-web", grant, [403, 200]),
        (Method::DELETE, "/api/v1/namespaces/acme-web", json!(null), [403, 200]),
    ] {
        for (token, status) in [(&by_channel, channel), (&by_project, project), (&whole, 200)] {
            let told = answer(server.request(method.clone(), path).bearer_auth(token).json(&body)).await;
            assert_eq!(told.status, status, "{method} {path}: {}", told.text());
            if status == 403 {
                assert_eq!(told.json()["code"], json!("access/token-limited"), "{method} {path}");
            } else {
                assert_eq!((told.header("vary"), told.header("cache-control")), ("Authorization", "private, no-cache"));
            }
        }
    }
    let after = server.get_as_admin("/api/v1/audit").await.json();
    let count = |log: &serde_json::Value| log["records"].as_array().unwrap().len();
    assert_eq!(count(&after) - count(&before), 2, "one grant, one revocation");
}
