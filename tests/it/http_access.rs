//! Who may do what over HTTP: generated from the table of routes, so that no route can be forgotten.

use base64::Engine as _;
use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::http::{ROUTES, Route};
use ferrywheel::model::Permission;
use reqwest::Method;

use crate::support::server::{Setup, answer};
use crate::support::tokens::token_of;
use crate::support::{Answer, SeedFile, TestServer, seed};

async fn server_that_reads(read: ReadPolicy) -> TestServer {
    let settings = Settings { read, ..Settings::default() };
    TestServer::start_with(Setup { settings, ..Setup::default() }).await
}

/// A URL of the route whose parameters name things that exist, where that is easy, and fit in any case.
fn url_of(route: &Route) -> String {
    let values = [
        ("{channel}", "staging"),
        ("{project}", "demo"),
        ("{aa}", "aa"),
        ("{bb}", "bb"),
        ("{rest}", "cc"),
        ("{filename}", "demo-1.0-py3-none-any.whl"),
        ("{file}", "app.js"),
        ("{page}", "api.html"),
        ("{namespace}", "acme"),
        ("{id}", "0000000000000000000000000000000000000000000000000000000000000000"),
        ("{name}", "demo.pyz"),
        ("{version}", "1.0"),
        ("{token}", "00000000000000000000000000000000"),
        ("{key}", "1"),
    ];
    let url = values.iter().fold(route.path.to_owned(), |url, (name, value)| url.replace(name, value));
    assert!(!url.contains('{'), "give {} a value in this test", route.path);
    url
}

async fn ask(server: &TestServer, route: &Route, token: Option<&str>) -> Answer {
    let mut request = server.request(route.method.parse().unwrap(), &url_of(route));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    answer(request).await
}

/// What a stranger is told: that a credential is needed. pip asks for one at `Basic`, and so would a browser on our page.
fn assert_refused(answer: &Answer, route: &Route) {
    let scheme = if route.path.starts_with("/api/") { "Bearer" } else { "Basic" };
    let told = (answer.status, answer.header("www-authenticate"));
    assert_eq!(told, (401, format!("{scheme} realm=\"ferrywheel\"").as_str()), "{} {}", route.method, route.path);
}

#[tokio::test]
async fn a_stranger_reads_an_open_server_and_changes_nothing() {
    let server = server_that_reads(ReadPolicy::Open).await;
    for route in ROUTES {
        let answer = ask(&server, route, None).await;
        match route.permission {
            None | Some(Permission::Read) => {
                assert!(![401, 403, 405].contains(&answer.status), "{} {}", route.method, route.path);
            }
            Some(_) => assert_refused(&answer, route),
        }
    }
    // A lock is a question that is too long for a URL, and OSV's clients ask by POST; everything else that is no GET changes
    // something.
    let questions = ["/api/v1/locks", "/api/v1/advisories/query"];
    let writes = ROUTES.iter().filter(|route| route.method != "GET" && !questions.contains(&route.path));
    for route in writes {
        assert!(route.permission.is_some_and(|it| it != Permission::Read), "{} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_stranger_gets_nothing_from_a_closed_server_but_its_front() {
    let server = server_that_reads(ReadPolicy::Token).await;
    for route in ROUTES {
        let answer = ask(&server, route, None).await;
        match route.permission {
            // Whoever knows the token of a session may look at what is staged; nobody knows this one.
            None if route.path.contains("{token}") => assert_eq!(answer.status, 404, "{}", route.path),
            None => assert!(answer.status < 400, "{} {}", route.method, route.path),
            Some(_) => assert_refused(&answer, route),
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_so_wherever_it_is_sent() {
    for reads in [ReadPolicy::Open, ReadPolicy::Token] {
        let server = server_that_reads(reads).await;
        for route in ROUTES.iter().filter(|route| route.permission.is_some()) {
            assert_refused(&ask(&server, route, Some("fw_wrong")).await, route);
        }
    }
}

#[tokio::test]
async fn the_first_token_may_use_every_route() {
    let server = server_that_reads(ReadPolicy::Token).await;
    for route in ROUTES {
        let answer = ask(&server, route, Some(server.token())).await;
        assert!(![401, 403, 405].contains(&answer.status), "{} {}: {}", route.method, route.path, answer.status);
    }
}

#[tokio::test]
async fn a_token_without_the_permission_is_forbidden_what_it_may_not() {
    let server = server_that_reads(ReadPolicy::Token).await;
    for held in [Permission::Read, Permission::Upload, Permission::Promote, Permission::Export] {
        let token = token_of(&server, &format!("{held:?}"), &[held], "*", "*").await;
        for route in ROUTES {
            let Some(needed) = route.permission else { continue };
            let answer = ask(&server, route, Some(&token)).await;
            let may = needed == held || needed == Permission::Read;
            assert_eq!(answer.status == 403, !may, "{held:?} at {} {}: {}", route.method, route.path, answer.status);
            assert_ne!(answer.status, 401, "{held:?} at {} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_token_reaches_only_its_channels() {
    let server = server_that_reads(ReadPolicy::Token).await;
    seed(&server, "staging", &[SeedFile::new("demo-1.0.tar.gz")]).await;
    let token = token_of(&server, "narrow", &[Permission::Promote], "staging", "*").await;
    let get = async |path: &str| answer(server.request(Method::GET, path).bearer_auth(&token)).await.status;
    assert_eq!(get("/staging/simple/demo/").await, 200);
    assert_eq!(get("/blessed/simple/").await, 403);
    assert_eq!(get("/nowhere/simple/").await, 403);
    assert_eq!(get("/api/v1/channels/blessed").await, 403);
    assert_eq!(get("/api/v1/search?channel=blessed").await, 403);
    for path in ["/api/v1/status", "/api/v1/channels"] {
        let told = answer(server.request(Method::GET, path).bearer_auth(&token)).await.json();
        let names: Vec<&str> =
            told["channels"].as_array().unwrap().iter().map(|channel| channel["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["staging"], "{path}");
    }
    let wish = serde_json::json!({"from": "staging"});
    let promotion = server.request(Method::POST, "/api/v1/channels/blessed/promotions").bearer_auth(&token).json(&wish);
    assert_eq!(answer(promotion).await.status, 403);
    assert_eq!(server.serial("blessed").await, 0);
}

#[tokio::test]
async fn a_token_is_taken_in_every_form_that_clients_send() {
    let server = server_that_reads(ReadPolicy::Token).await;
    let token = server.token();
    let basic = |pair: String| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
    for (authorization, status) in [
        (format!("Bearer {token}"), 200),
        (format!("Token {token}"), 200),
        (basic(format!("__token__:{token}")), 200),
        (basic(format!("anybody:{token}\n")), 200),
        (basic(format!("{token}:")), 401),
        (basic("__token__:fw_wrong".to_owned()), 401),
        ("Bearer".to_owned(), 401),
        (String::new(), 401),
    ] {
        let answer = server.send(Method::GET, "/simple/", &[("authorization", &authorization)]).await;
        assert_eq!(answer.status, status, "{authorization}");
    }
}

#[test]
fn every_route_is_described_in_the_manual() {
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/static/manual/api.html")).unwrap();
    for route in ROUTES {
        let anchor = format!("id=\"{}\"", route.manual);
        assert!(manual.contains(&anchor), "{} {} has no {anchor}", route.method, route.path);
    }
}

#[tokio::test]
async fn of_two_credentials_none_is_taken() {
    let server = TestServer::start().await;
    let right = format!("Bearer {}", server.token());
    for (first, second) in
        [(right.as_str(), right.as_str()), (right.as_str(), "Bearer fw_wrong"), ("Bearer fw_wrong", &right)]
    {
        let request = server.request(Method::GET, "/api/v1/audit").header("authorization", first);
        let refused = answer(request.header("authorization", second)).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (401, Some("access/authorization-malformed")));
    }
}

#[tokio::test]
async fn a_reader_does_not_wait_for_the_note_of_his_token() {
    let server = server_that_reads(ReadPolicy::Token).await;
    // On SQLite nothing else can be written meanwhile, not even that.
    let _change = server.app().index.begin().await.unwrap();
    assert_eq!(server.get_as_admin("/simple/").await.status, 200);
}
