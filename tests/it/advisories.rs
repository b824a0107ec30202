//! Advisories: imported whole or not at all, the newest form kept, shown where audit tools look.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::server::answer;
use crate::support::{Answer, SeedFile, TestServer, seed};

/// A record about `project`, vulnerable below `fixed`.
pub fn record(id: &str, project: &str, fixed: &str, modified: &str) -> Value {
    json!({
        "id": id, "modified": modified, "summary": format!("About {project}"), "details": "Long.", "aliases": ["CVE-1"],
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": project},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}],
        }],
    })
}

fn demo(id: &str, fixed: &str) -> Value {
    record(id, "demo", fixed, "2026-08-01T12:00:00Z")
}

async fn import(server: &TestServer, body: impl Into<reqwest::Body>) -> Answer {
    let request = server.request(Method::POST, "/api/v1/advisories").bearer_auth(server.token());
    answer(request.body(body)).await
}

async fn ids(server: &TestServer, path: &str) -> Vec<String> {
    let body = server.get(path).await.json();
    let told = body["vulnerabilities"].as_array().unwrap().iter();
    told.map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_vulnerable_version_is_told_with_the_keys_of_the_standard() {
    let server = TestServer::start().await;
    let files = ["demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl", "other-1.0-py3-none-any.whl"];
    seed(&server, "blessed", &files.map(SeedFile::new)).await;
    let before = server.get("/pypi/demo/1.0/json").await;
    let mut withdrawn = demo("PYSEC-2", "9");
    withdrawn["withdrawn"] = json!("2026-08-03T00:00:00Z");
    let report = import(&server, format!("{}\n{withdrawn}\n", demo("PYSEC-1", "1.5"))).await;
    assert_eq!((report.status, &report.json()["added_count"]), (200, &json!(2)));
    let after = server.get("/pypi/demo/1.0/json").await;
    assert_ne!(after.header("etag"), before.header("etag"), "an import makes answers anew");
    assert_eq!(
        after.json()["vulnerabilities"][0],
        json!({
            "id": "PYSEC-1", "source": "osv", "link": "/api/v1/advisories/PYSEC-1", "aliases": ["CVE-1"],
            "details": "Long.", "summary": "About demo", "fixed_in": ["1.5"], "withdrawn": null,
        })
    );
    assert_eq!(after.json()["vulnerabilities"][1]["withdrawn"], "2026-08-03T00:00:00Z");
    assert_eq!(ids(&server, "/pypi/demo/json").await, ["PYSEC-2"], "the latest version is told of, which is 2.0");
    assert_eq!(ids(&server, "/blessed@1/pypi/demo/1.0/json").await, ["PYSEC-1", "PYSEC-2"]);
    assert!(ids(&server, "/pypi/other/json").await.is_empty());
    let whole = server.get("/api/v1/advisories/PYSEC-1").await;
    assert_eq!((whole.header("content-type"), whole.json()), ("application/json", demo("PYSEC-1", "1.5")));
    assert_eq!(server.get("/api/v1/advisories/CVE-1").await.status, 404);
    let list = server.get("/api/v1/advisories?project=demo&limit=1&after=PYSEC-1").await.json();
    assert_eq!(list["advisories"][0]["id"], "PYSEC-2");
    assert_eq!(list["advisories"][0]["projects"], json!(["demo"]));
}

#[tokio::test]
async fn a_query_as_osv_takes_it_is_answered_as_osv_does() {
    let server = TestServer::start().await;
    import(&server, demo("PYSEC-1", "1.5").to_string()).await;
    let ask = async |body: String| answer(server.request(Method::POST, "/api/v1/advisories/query").body(body)).await;
    for (project, version, expected) in [
        ("demo", "1.0", json!({"vulns": [demo("PYSEC-1", "1.5")]})),
        ("De-Mo", "1.0", json!({})),
        ("DEMO", "1.4+cpu", json!({"vulns": [demo("PYSEC-1", "1.5")]})),
        ("demo", "1.5", json!({})),
        ("other", "1.0", json!({})),
    ] {
        let package = json!({"name": project, "ecosystem": "PyPI"});
        let told = ask(json!({"package": package, "version": version}).to_string()).await;
        assert_eq!((told.status, told.json()), (200, expected), "{project} {version}");
    }
    let elsewhere = json!({"package": {"name": "demo", "ecosystem": "npm"}, "version": "1.0"});
    assert_eq!(ask(elsewhere.to_string()).await.json(), json!({}));
    for body in ["{}".to_owned(), String::new(), json!({"commit": "abc"}).to_string()] {
        let refused = ask(body).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some("http/query-invalid")));
    }
}

#[tokio::test]
async fn an_older_form_changes_nothing_and_a_newer_one_replaces() {
    let server = TestServer::start().await;
    seed(&server, "blessed", &[SeedFile::new("demo-1.0-py3-none-any.whl")]).await;
    let form = |fixed, modified| record("A-1", "demo", fixed, modified);
    let newest = form("1.5", "2026-08-02T00:00:00Z");
    // Of two forms in one import the newer one counts.
    let both = json!([newest, form("3", "2026-08-01T00:00:00Z")]);
    assert_eq!(import(&server, both.to_string()).await.json()["added_count"], 1);
    let events =
        async || server.get_as_admin("/api/v1/audit?limit=1000").await.json()["records"].as_array().unwrap().len();
    let before = events().await;
    for (form, counts) in [
        (form("0.5", "2026-08-01T00:00:00Z"), (0, 0, 1)),
        (newest, (0, 0, 1)),
        (form("0.5", "2026-08-03T00:00:00Z"), (0, 1, 0)),
    ] {
        let report = import(&server, form.to_string()).await.json();
        let found = (&report["added_count"], &report["replaced_count"], &report["unchanged_count"]);
        assert_eq!(found, (&json!(counts.0), &json!(counts.1), &json!(counts.2)), "{report}");
        let is_affected = !ids(&server, "/pypi/demo/json").await.is_empty();
        assert_eq!(is_affected, counts.1 == 0, "{form}");
    }
    assert_eq!(events().await, before + 1, "an import that changes nothing is no event");
    let event =
        server.get_as_admin("/api/v1/audit?limit=1000").await.json()["records"].as_array().unwrap().last().cloned();
    let event: Value = serde_json::from_str(event.unwrap()["event"].as_str().unwrap()).unwrap();
    assert_eq!((&event["event"], &event["replaced_count"]), (&json!("advisories.imported"), &json!(1)));
}

#[tokio::test]
async fn what_is_not_for_this_index_is_skipped_and_named() {
    let server = TestServer::start().await;
    let mut foreign = demo("GHSA-1", "1.0");
    foreign["affected"][0]["package"]["ecosystem"] = json!("npm");
    let report = import(&server, json!([foreign, {"id": "X"}, 7, demo("A-1", "1.0")]).to_string()).await.json();
    assert_eq!(
        (&report["record_count"], &report["added_count"], &report["skipped_count"]),
        (&json!(4), &json!(1), &json!(3))
    );
    let skipped: Vec<&str> =
        report["skipped"].as_array().unwrap().iter().map(|one| one["record"].as_str().unwrap()).collect();
    assert_eq!(skipped, ["GHSA-1", "X", "record 3"]);
}

#[tokio::test]
async fn an_import_that_breaks_off_leaves_nothing() {
    let server = TestServer::start().await;
    for (body, code) in [
        (format!("{}\n{{\"id\":", demo("A-1", "1.0")), "advisories/unreadable"),
        (format!("[{}, oops]", demo("A-1", "1.0")), "advisories/unreadable"),
        ("PK\u{3}\u{4} no zip".to_owned(), "advisories/unreadable"),
        (String::new(), "advisories/unreadable"),
    ] {
        let refused = import(&server, body).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (400, Some(code)), "{:?}", refused.text());
    }
    assert_eq!(server.get("/api/v1/advisories").await.json(), json!({"advisories": []}));
    assert!(server.app().blobs.list().await.unwrap().is_empty());
}
