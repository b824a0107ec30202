//! Namespaces of PEP 752: off they do not exist; on they are granted, shown, and kept from strangers.

use ferrywheel::access::{ReadPolicy, new_token};
use ferrywheel::config::Settings;
use ferrywheel::model::{AuditEvent, Permission, Principal, Scope};
use rand::SeedableRng as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Setup, answer};
use crate::support::{Answer, SeedFile, TestServer, Wheel, seed};

async fn server_with_namespaces() -> TestServer {
    let settings = Settings { namespaces: true, ..Settings::default() };
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

async fn send(server: &TestServer, method: Method, path: &str, body: Value) -> Answer {
    answer(server.request(method, path).bearer_auth(server.token()).json(&body)).await
}

async fn grant(server: &TestServer, name: &str, owner: &str, principals: &[&str]) -> Answer {
    let body = json!({ "owner": owner, "principals": principals });
    send(server, Method::PUT, &format!("/api/v1/namespaces/{name}"), body).await
}

async fn token(server: &TestServer, name: &str, permission: Permission) -> String {
    let seed = name.bytes().fold(11, |seed, byte| seed * 31 + u64::from(byte));
    let (token, digest) = new_token(&mut rand::rngs::StdRng::seed_from_u64(seed));
    let scope = Scope { permissions: vec![permission], channels: "*".to_owned(), projects: "*".to_owned() };
    let mut tx = server.app().index.begin().await.unwrap();
    tx.create_token(name, &scope, &digest, None).await.unwrap();
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: name.to_owned() }).await.unwrap();
    token
}

async fn upload(server: &TestServer, token: &str, wheel: &Wheel) -> Answer {
    let path = format!("/api/v1/channels/staging/files/{}", wheel.filename());
    answer(server.request(Method::PUT, &path).bearer_auth(token).body(wheel.build())).await
}

/// `meta.api-version` and `namespaces` of a project's page.
async fn page(server: &TestServer, project: &str) -> (Value, Option<Value>) {
    let path = format!("/staging/simple/{project}/");
    let page = server.send(Method::GET, &path, &[("accept", "application/vnd.pypi.simple.v1+json")]).await.json();
    (page["meta"]["api-version"].clone(), page.get("namespaces").cloned())
}

#[tokio::test]
async fn switched_off_nothing_of_namespaces_is_to_be_seen() {
    let server = TestServer::start().await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    assert_eq!(page(&server, "demo").await, (json!("1.4"), None));
    for path in ["/namespaces", "/namespace/acme", "/simple/namespace/acme", "/staging/simple/namespace/acme"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("access/namespaces-off")), "{path}");
    }
    for (path, location) in
        [("/simple/namespaces", "/simple/namespaces/"), ("/staging/simple/namespaces", "/staging/simple/namespaces/")]
    {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (301, location), "a project may be called so");
    }
    assert_eq!(grant(&server, "acme", "Acme", &[]).await.json()["code"], "access/namespaces-off");
    assert_eq!(server.get_as_admin("/api/v1/namespaces").await.status, 404);
}

#[tokio::test]
async fn a_grant_is_told_to_everybody_but_for_its_tokens() {
    let server = server_with_namespaces().await;
    let granted = grant(&server, "Acme", " Acme Corp ", &["ci"]).await;
    assert_eq!(granted.status, 200, "{}", granted.text());
    assert_eq!(
        (&granted.json()["name"], &granted.json()["owner"], &granted.json()["principals"]),
        (&json!("acme"), &json!("Acme Corp"), &json!(["ci"]))
    );
    grant(&server, "acme-web", "Acme Corp", &[]).await;
    grant(&server, "acme-web-x", "Acme Corp", &[]).await;
    grant(&server, "zeta", "Zeta", &[]).await;
    let names = json!([{"name": "acme"}, {"name": "acme-web"}, {"name": "acme-web-x"}, {"name": "zeta"}]);
    for path in ["/namespaces", "/simple/namespaces", "/staging/simple/namespaces"] {
        assert_eq!(server.get(path).await.json(), names, "{path}");
    }
    let shown = json!({"name": "acme-web", "owner": "Acme Corp", "parent": "acme", "children": ["acme-web-x"]});
    for path in ["/namespace/acme-web", "/simple/namespace/acme-web", "/blessed/simple/namespace/acme-web"] {
        assert_eq!(server.get(path).await.json(), shown, "{path}");
    }
    let top = server.get("/namespace/acme").await.json();
    assert_eq!((&top["parent"], &top["children"]), (&json!(null), &json!(["acme-web"])));
    assert_eq!(server.get("/namespace/other").await.json()["code"], "access/namespace-unknown");
    assert_eq!(server.get("/nowhere/simple/namespaces").await.json()["code"], "index/channel-unknown");
    assert_eq!(server.get("/api/v1/namespaces").await.status, 401);
    let all = server.get_as_admin("/api/v1/namespaces").await.json();
    assert_eq!(all["namespaces"][0]["principals"], json!(["ci"]));
}

#[tokio::test]
async fn a_grant_is_recorded_once_and_can_be_taken_back() {
    let server = server_with_namespaces().await;
    let count = async || server.app().index.verify_audit().await.unwrap().row_count;
    let before = count().await;
    for _ in 0..2 {
        assert_eq!(grant(&server, "acme", "Acme", &["ci"]).await.status, 200);
    }
    assert_eq!(count().await, before + 1);
    let overlap = grant(&server, "acme-web", "Other", &[]).await;
    assert_eq!((overlap.status, &overlap.json()["code"]), (409, &json!("access/namespace-overlaps")));
    assert_eq!(grant(&server, "a-b-c-d-e", "Acme", &[]).await.json()["code"], "access/namespace-invalid");
    for revoked in [true, false] {
        let answer = send(&server, Method::DELETE, "/api/v1/namespaces/acme", json!(null)).await;
        assert_eq!((answer.status, answer.json()), (200, json!({"name": "acme", "revoked": revoked})));
    }
    assert_eq!(count().await, before + 2);
    assert_eq!(grant(&server, "acme-web", "Other", &[]).await.status, 200);
}

#[tokio::test]
async fn strangers_do_not_upload_into_a_namespace() {
    let server = server_with_namespaces().await;
    let (ci, stranger) =
        (token(&server, "ci", Permission::Upload).await, token(&server, "x", Permission::Upload).await);
    assert_eq!(upload(&server, &stranger, &Wheel::new("acme-old", "1.0")).await.status, 200);
    grant(&server, "acme", "Acme", &["ci"]).await;
    let (new, serial) = (Wheel::new("acme-new", "1.0"), server.serial("staging").await);
    let refused = upload(&server, &stranger, &new).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("ingest/foreign-namespace")));
    assert_eq!(refused.json()["detail"], "`acme-new` is inside the namespace `acme`, which `Acme` has");
    assert_eq!(server.serial("staging").await, serial);
    assert_eq!(upload(&server, &stranger, &Wheel::new("acmenew", "1.0")).await.status, 200, "not inside");
    assert_eq!(upload(&server, &stranger, &Wheel::new("acme-old", "2.0")).await.status, 200, "from before the grant");
    assert_eq!(upload(&server, &ci, &new).await.status, 200);
    assert_eq!(upload(&server, &stranger, &new).await.status, 409, "not even the same bytes");
    assert_eq!(upload(&server, &stranger, &Wheel::new("acme-new", "2.0")).await.status, 409);
    send(&server, Method::DELETE, "/api/v1/namespaces/acme", json!(null)).await;
    assert_eq!(upload(&server, &stranger, &Wheel::new("acme-new", "2.0")).await.status, 200, "taken back");
}

#[tokio::test]
async fn pages_tell_the_namespaces_of_a_project_as_soon_as_they_change() {
    let server = server_with_namespaces().await;
    let ci = token(&server, "ci", Permission::Upload).await;
    seed(&server, "staging", &[SeedFile::new("acme_old-1.0.tar.gz"), SeedFile::new("other-1.0.tar.gz")]).await;
    assert_eq!(page(&server, "acme-old").await, (json!("1.5"), Some(json!(null))));
    grant(&server, "acme", "Acme", &["ci"]).await;
    upload(&server, &ci, &Wheel::new("acme-new", "1.0")).await;
    let told = |owned: bool| Some(json!([{"name": "acme", "owned": owned}]));
    assert_eq!(page(&server, "acme-old").await.1, told(false), "it was there before, by somebody else");
    assert_eq!(page(&server, "acme-new").await.1, told(true));
    assert_eq!(page(&server, "acme-reserved").await.1, told(true), "a name inside is reserved");
    assert_eq!(page(&server, "other").await.1, Some(json!(null)));
    assert_eq!(server.get("/staging/simple/unknown/").await.status, 404);
    grant(&server, "acme", "Acme", &["ci", "seed"]).await;
    assert_eq!(page(&server, "acme-old").await.1, told(true));
    let root = server.send(Method::GET, "/simple/", &[("accept", "application/vnd.pypi.simple.v1+json")]).await;
    assert_eq!(root.json()["meta"]["api-version"], "1.5");
    let html = server.send(Method::GET, "/staging/simple/acme-old/", &[("accept", "text/html")]).await;
    assert!(html.text().contains("content=\"1.4\"") && !html.text().contains("namespace"), "{}", html.text());
    send(&server, Method::DELETE, "/api/v1/namespaces/acme", json!(null)).await;
    assert_eq!(page(&server, "acme-old").await.1, Some(json!(null)));
    assert_eq!(server.get("/staging/simple/acme-reserved/").await.status, 404);
}

#[tokio::test]
async fn a_closed_server_tells_its_namespaces_to_readers_only() {
    let settings = Settings { namespaces: true, read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    for path in ["/namespaces", "/namespace/acme", "/simple/namespaces", "/staging/simple/namespaces"] {
        assert_eq!(server.get(path).await.status, 401, "{path}");
    }
    assert_eq!(server.get_as_admin("/namespaces").await.json(), json!([]));
}
