//! Tokens that reach some projects read a channel as if no other project were in it, and change nothing that concerns all.

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::model::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::{Setup, answer};
use crate::support::tokens::token_of;
use crate::support::{Answer, SeedFile, TestServer, seed};

/// What no answer to the limited token may hold.
const FOREIGN: &str = "secret";

async fn server_that_reads(read: ReadPolicy) -> TestServer {
    let settings = Settings { read, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    for names in [["acme_web", "secret_tool"], ["secret", "acme_api"], ["secret_2", "secret_3"]] {
        seed(&server, "blessed", &names.map(|name| SeedFile::new(&format!("{name}-1.0-py3-none-any.whl")))).await;
    }
    server
}

async fn get(server: &TestServer, path: &str, token: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(server.request(Method::GET, path).bearer_auth(token), |request, (name, value)| {
            request.header(*name, *value)
        });
    answer(request).await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_list_of_projects_has_those_that_a_token_reaches() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = token_of(&server, "acme", &[Permission::Read], "*", "acme-*").await;
    let json = [("accept", "application/vnd.pypi.simple.v1+json")];
    for (path, expected) in [
        ("/simple/", &["acme_api", "acme_web"][..]),
        ("/blessed/simple/", &["acme_api", "acme_web"]),
        ("/blessed@1/simple/", &["acme_web"]),
    ] {
        let whole = get(&server, path, server.token(), &json).await;
        let own = get(&server, path, &token, &json).await;
        assert!(names(&whole.json()["projects"]).len() > expected.len(), "{path}");
        assert_eq!(names(&own.json()["projects"]), expected, "{path}");
        let html = get(&server, path, &token, &[("accept", "text/html")]).await;
        assert!(html.text().contains("acme-web") && !html.text().contains(FOREIGN), "{}", html.text());
        // What one is told is neither kept for the other nor known by its tag.
        assert_ne!(own.header("etag"), whole.header("etag"), "{path}");
        assert_eq!(own.header("vary"), "Accept, Accept-Encoding, Authorization");
        let keeping = own.header("cache-control");
        assert!(keeping.starts_with("private, "), "{path}: {keeping}");
        for (tag, status) in [(own.header("etag"), 304), (whole.header("etag"), 200)] {
            let again = get(&server, path, &token, &[json[0], ("if-none-match", tag)]).await;
            assert_eq!(again.status, status, "{path}");
        }
    }
    // Whoever reads everything still does, after others have read a part.
    assert_eq!(names(&get(&server, "/simple/", server.token(), &json).await.json()["projects"]).len(), 6);
}

#[tokio::test]
async fn the_preview_of_a_batch_lists_what_a_token_reaches() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = token_of(&server, "acme", &[Permission::Upload], "*", "acme-*").await;
    let open = server.request(Method::POST, "/api/v1/batches").bearer_auth(&token);
    let batch = answer(open.json(&json!({"channel": "blessed"}))).await;
    assert_eq!(batch.status, 201, "{}", batch.text());
    let path = format!("/api/v1/batches/{}/simple/", batch.json()["id"].as_str().unwrap());
    let json = [("accept", "application/vnd.pypi.simple.v1+json")];
    let own = get(&server, &path, &token, &json).await;
    assert_eq!(names(&own.json()["projects"]), ["acme_api", "acme_web"]);
    assert_eq!(names(&get(&server, &path, server.token(), &json).await.json()["projects"]).len(), 6);
}

#[tokio::test]
async fn a_search_finds_what_a_token_reaches_and_counts_nothing_else() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = token_of(&server, "acme", &[Permission::Read], "*", "acme-*").await;
    for (query, total) in [("", 2), ("acme", 2), ("web", 1), ("secret", 0), ("e", 2)] {
        let found = get(&server, &format!("/api/v1/search?q={query}"), &token, &[]).await;
        let kept = (found.header("vary"), found.header("cache-control"));
        assert_eq!(kept, ("Authorization", "private, no-cache"), "{query}");
        let found = found.json();
        assert_eq!(found["total"], json!(total), "{query}");
        assert!(found["results"].as_array().unwrap().len() == total && !found["results"].to_string().contains(FOREIGN));
    }
}

#[tokio::test]
async fn the_history_of_a_channel_tells_of_what_a_token_reaches_and_can_be_read_to_its_end() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = token_of(&server, "acme", &[Permission::Read], "*", "acme-*").await;
    for limit in [1, 2, 3, 500] {
        let (mut since, mut told) = ("0".to_owned(), Vec::new());
        loop {
            let path = format!("/api/v1/channels/blessed/changes?since={since}&limit={limit}");
            let page = get(&server, &path, &token, &[]).await;
            assert_eq!((page.status, page.header("vary")), (200, "Authorization"));
            assert_eq!(page.header("cache-control"), "private, no-cache");
            let whole = get(&server, &path, server.token(), &[("if-none-match", page.header("etag"))]).await;
            assert_eq!(whole.status, 200, "the tag of a part names the whole");
            let page = page.json();
            told.extend(
                page["changes"].as_array().unwrap().iter().map(|row| row["project"].as_str().unwrap().to_owned()),
            );
            since = page["next"].as_str().unwrap().to_owned();
            if page["more"] == json!(false) {
                break;
            }
        }
        assert_eq!(told, ["acme-web", "acme-api"], "{limit}");
    }
    let feed = get(&server, "/blessed/changes.atom", &token, &[]).await;
    assert!(feed.text().contains("acme_web") && !feed.text().contains(FOREIGN), "{}", feed.text());
}

#[tokio::test]
async fn what_is_named_and_out_of_reach_is_refused_whether_it_is_there_or_not() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = token_of(&server, "acme", &[Permission::Read], "*", "acme-*").await;
    for project in ["secret", "nothing"] {
        for path in [
            format!("/simple/{project}/"),
            format!("/blessed@1/simple/{project}/"),
            format!("/pypi/{project}/json"),
            format!("/pypi/{project}/1.0/json"),
            format!("/blessed/pypi/{project}/json"),
            format!("/integrity/{project}/1.0/{project}-1.0-py3-none-any.whl/provenance"),
        ] {
            let refused = get(&server, &path, &token, &[]).await;
            assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("access/not-allowed")), "{path}");
        }
    }
    let own = get(&server, "/pypi/acme-web/json", &token, &[]).await;
    assert_eq!((own.status, own.header("cache-control")), (200, "private, no-cache"));
    assert!(!own.text().contains(FOREIGN), "{}", own.text());
}

#[tokio::test]
async fn a_lock_and_a_bundle_are_made_of_what_a_token_reaches() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = token_of(&server, "acme", &[Permission::Export], "*", "acme-*").await;
    seed(&server, "blessed", &[SeedFile::new("acme_all-1.0-py3-none-any.whl").requires(&["secret", "missing"])]).await;
    let send = async |path: &str, requirement: &str| {
        let wish = match path {
            "/api/v1/locks" => json!({"requirements": [requirement], "target": "debian-12"}),
            _ => json!({"name": "x", "requirements": [requirement], "target": "debian-12"}),
        };
        let request = server.request(Method::POST, path).bearer_auth(&token).header("accept", "application/json");
        answer(request.json(&wish)).await
    };
    let locked = send("/api/v1/locks", "acme-web").await;
    assert_eq!((locked.status, &locked.json()["files"][0]["project"]), (200, &json!("acme-web")), "{}", locked.text());
    for path in ["/api/v1/locks", "/api/v1/bundles"] {
        let [there, missing] = [send(path, "secret").await, send(path, "nothing").await];
        assert_eq!((there.status, missing.status), (409, 409), "{}", there.text());
        let detail = |answer: &Answer| answer.json()["detail"].as_str().unwrap().replace("nothing", "secret");
        assert_eq!(detail(&there), detail(&missing));
        assert!(detail(&there).contains("as far as a token reaches that is limited to `acme-*`"), "{}", detail(&there));
        let dependency = send(path, "acme-all").await;
        assert_eq!(dependency.status, 409, "{}", dependency.text());
    }
}

#[tokio::test]
async fn a_promotion_names_the_projects_that_its_token_reaches() {
    let server = TestServer::start().await;
    seed(&server, "staging", &["acme-1.0.tar.gz", "secret-1.0.tar.gz"].map(SeedFile::new)).await;
    let token = token_of(&server, "acme", &[Permission::Promote], "*", "acme*").await;
    for (select, status, code) in [
        (json!([]), 403, json!("access/token-limited")),
        (json!(["secret"]), 403, json!("access/not-allowed")),
        (json!(["acme", "secret==1.0"]), 403, json!("access/not-allowed")),
        (json!(["acme"]), 200, Value::Null),
    ] {
        let wish = json!({"from": "staging", "select": select, "dry_run": true});
        let request = server.request(Method::POST, "/api/v1/channels/blessed/promotions").bearer_auth(&token);
        let told = answer(request.json(&wish)).await;
        assert_eq!((told.status, &told.json()["code"]), (status, &code), "{wish}");
        assert!(!told.text().contains("secret-1.0"), "{}", told.text());
    }
}

#[tokio::test]
async fn where_reads_are_open_a_limited_token_reads_what_strangers_read() {
    let server = server_that_reads(ReadPolicy::Open).await;
    let token = token_of(&server, "acme", &[Permission::Upload], "staging", "acme-*").await;
    let html = [("accept", "text/html")];
    for path in ["/simple/", "/simple/secret/", "/api/v1/search?q=secret", "/api/v1/channels/blessed/changes"] {
        let own = get(&server, path, &token, &html).await;
        let open = server.send(Method::GET, path, &html).await;
        assert_eq!(
            (own.status, own.text(), own.header("cache-control")),
            (200, open.text(), open.header("cache-control"))
        );
    }
}
