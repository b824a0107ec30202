//! What is shown of a batch before its commit, and bytes that need not travel: each to whom may read it.

use ferrywheel::access::ReadPolicy;
use ferrywheel::config::Settings;
use ferrywheel::model::Sha256Digest;
use reqwest::Method;
use serde_json::json;

use crate::batches::{path_of, status, token};
use crate::support::batches::{Batch, verdicts};
use crate::support::server::{Setup, answer};
use crate::support::{TestServer, Wheel};

#[tokio::test]
async fn the_preview_shows_the_channel_with_the_batch_in_it() {
    let server = TestServer::start().await;
    let (old, new) = (Wheel::new("demo", "1.0"), Wheel::new("demo", "2.0").requires_python(">=3.9"));
    server.put_file("staging", &old.filename(), old.build()).await;
    let batch = Batch::open(&server).await;
    for wheel in [&new, &Wheel::new("other", "1.0")] {
        batch.put_wheel(wheel).await;
    }
    batch.put("broken-1.0-py3-none-any.whl", "no wheel").await;
    let root = server.get(&batch.path("/simple/")).await;
    assert_eq!(root.status, 200);
    assert!(root.text().contains("href=\"demo/\"") && root.text().contains("href=\"other/\""), "{}", root.text());
    assert!(!root.text().contains("broken"));
    let json = [("accept", "application/vnd.pypi.simple.v1+json")];
    let page = server.send(Method::GET, &batch.path("/simple/demo/"), &json).await;
    assert_eq!(page.header("cache-control"), "private, no-cache");
    let files = page.json()["files"].as_array().unwrap().clone();
    let names: Vec<&str> = files.iter().map(|file| file["filename"].as_str().unwrap()).collect();
    assert_eq!(names, [old.filename(), new.filename()]);
    for (file, wheel) in files.iter().zip([&old, &new]) {
        let base = url::Url::parse(&format!("{}{}", server.url(), batch.path("/simple/demo/"))).unwrap();
        let link = base.join(file["url"].as_str().unwrap()).unwrap();
        assert!(link.path().starts_with(&batch.path("/packages/")), "{link}");
        assert_eq!(server.get(link.path()).await.body, wheel.build());
        let metadata = server.get(&format!("{}.metadata", link.path())).await;
        assert_eq!(Sha256Digest::of(&metadata.body).to_hex(), file["core-metadata"]["sha256"]);
    }
    assert_eq!(status(&server, "/staging/simple/other/").await, 404);
    assert_eq!(status(&server, &format!("/packages/{}", path_of(&new.build(), &new.filename()))).await, 404);
    assert_eq!(status(&server, &batch.path("/simple/broken/")).await, 404);
    let moved = server.get(&batch.path("/simple/De.mo")).await;
    assert_eq!((moved.status, moved.header("location")), (301, batch.path("/simple/de-mo/").as_str()));
    assert_eq!(server.get(&batch.path("/simple")).await.header("location"), batch.path("/simple/"));
    assert_eq!(status(&server, &format!("/api/v1/batches/{}/simple/", "0".repeat(32))).await, 404);
    batch.commit().await;
    assert_eq!(status(&server, &batch.path("/simple/demo/")).await, 200);
}

#[tokio::test]
async fn where_reading_needs_a_token_the_preview_needs_it_too() {
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let reader = token(&server, "reader", "staging", "*").await;
    let stranger = token(&server, "stranger", "blessed", "*").await;
    let batch = Batch::open(&server).await;
    let wheel = Wheel::new("demo", "1.0");
    batch.put_wheel(&wheel).await;
    let file = format!("/packages/{}", path_of(&wheel.build(), &wheel.filename()));
    for below in ["/simple/", "/simple/demo/", &file] {
        let ask = async |token: &str| answer(batch.by(token).request(Method::GET, below)).await.status;
        assert_eq!(server.get(&batch.path(below)).await.status, 401, "{below}");
        assert_eq!((ask(&reader).await, ask(&stranger).await), (200, 403), "{below}");
    }
}

#[tokio::test]
async fn bytes_that_are_here_need_not_travel() {
    let server = TestServer::start().await;
    let [published, renamed, held, new] = [("demo", "1.0"), ("demo", "1.0"), ("held", "1.0"), ("new", "1.0")]
        .map(|(name, version)| Wheel::new(name, version));
    server.put_file("blessed", &published.filename(), published.build()).await;
    let [first, second] = [Batch::open(&server).await, Batch::open(&server).await];
    first.put_wheel(&held).await;
    let digest = |wheel: &Wheel| Sha256Digest::of(&wheel.build()).to_hex();
    let question = json!({"sha256": [digest(&new), digest(&published), digest(&held), digest(&new)]});
    let asked = server.post_json("/api/v1/have", &question).await;
    assert_eq!((asked.status, asked.json()), (200, json!({"missing": [digest(&new)]})));
    let other = token(&server, "other", "*", "*").await;
    let request = server.request(Method::POST, "/api/v1/have").bearer_auth(&other);
    assert_eq!(answer(request.json(&question)).await.json(), json!({"missing": [digest(&new), digest(&held)]}));
    let wish = json!({"files": [
        {"filename": published.filename(), "sha256": digest(&published)},
        {"filename": held.filename(), "sha256": digest(&held)},
        {"filename": "demo-1.0-1-py3-none-any.whl", "sha256": digest(&renamed)},
        {"filename": "wrong-1.0-py3-none-any.whl", "sha256": digest(&held)},
        {"filename": new.filename(), "sha256": digest(&new)},
    ]});
    let adopted = answer(second.request(Method::POST, "/have").json(&wish)).await;
    assert_eq!(adopted.status, 200, "{}", adopted.text());
    assert_eq!(adopted.json()["missing"], json!([digest(&new)]));
    assert_eq!(
        verdicts(&adopted.json()),
        [
            format!("{}: accepted", published.filename()),
            format!("{}: accepted", held.filename()),
            "demo-1.0-1-py3-none-any.whl: accepted".to_owned(),
            "wrong-1.0-py3-none-any.whl: refused".to_owned(),
        ]
    );
    assert_eq!(second.remove("wrong-1.0-py3-none-any.whl").await, 204);
    assert_eq!(second.commit().await.status, 200);
    assert_eq!(server.app().index.list_channel_files(&staging_head(&server).await).await.unwrap().len(), 3);
    let too_many = json!({"sha256": vec![digest(&new); 10_001]});
    assert_eq!(server.post_json("/api/v1/have", &too_many).await.json()["code"], "batch/too-many");
}

async fn staging_head(server: &TestServer) -> ferrywheel::model::View {
    server.app().index.open_view(&"staging".parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_token_takes_over_only_bytes_that_it_may_read() {
    let settings = Settings { read: ReadPolicy::Token, ..Settings::default() };
    let server = TestServer::start_with(Setup { settings, ..Setup::default() }).await;
    let secret = Wheel::new("secret", "1.0");
    server.put_file("staging", &secret.filename(), secret.build()).await;
    let narrow = token(&server, "narrow", "staging", "acme-*").await;
    let batch = Batch::open_as(&server, &narrow).await;
    let digest = Sha256Digest::of(&secret.build()).to_hex();
    let have = server.request(Method::POST, "/api/v1/have").bearer_auth(&narrow);
    assert_eq!(answer(have.json(&json!({"sha256": [digest]}))).await.json(), json!({"missing": [digest]}));
    let wish = json!({"files": [{"filename": "acme_web-1.0-py3-none-any.whl", "sha256": digest}]});
    let adopted = answer(batch.request(Method::POST, "/have").json(&wish)).await.json();
    assert_eq!((&adopted["missing"], &adopted["files"]), (&json!([digest]), &json!([])));
}
