//! Trust roots that change: what is stored is verified anew when somebody asks for it.

use serde_json::{Value, json};

use crate::support::TestServer;
use crate::support::signed::{EMAIL, GITHUB, PUBLIC_GOOD, staging_root, trusting};

async fn verify(server: &TestServer) -> Value {
    let answer = server.post_json("/api/v1/provenance/verifications", &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn counts(report: &Value) -> [i64; 3] {
    ["checked_count", "verified_count", "changed_count"].map(|name| report[name].as_i64().unwrap())
}

#[tokio::test]
async fn what_is_stored_is_verified_by_the_roots_of_today_and_nothing_is_lost() {
    let (_directory, path) = staging_root();
    let staging = path.to_str().unwrap();
    let server = TestServer::start().await;
    for signed in [GITHUB, EMAIL] {
        assert_eq!(signed.upload(&server, &signed.attestations()).await.status, 200);
    }
    // Without a root nothing is verified, and that is nobody's fault.
    let report = verify(&server).await;
    assert_eq!((counts(&report), &report["unverified"]), ([2, 0, 0], &json!([])));
    let (objects, mut directory) = (both_objects(&server).await, server.stop().await);
    for (roots, expected, verified) in [
        (&[PUBLIC_GOOD][..], [2, 1, 1], [true, false]),
        (&[PUBLIC_GOOD, staging], [2, 2, 1], [true, true]),
        (&[staging], [2, 1, 1], [false, true]),
        (&[], [2, 0, 1], [false, false]),
    ] {
        let server = TestServer::start_in(directory, trusting(roots)).await;
        let report = verify(&server).await;
        assert_eq!(counts(&report), expected, "{roots:?}: {report}");
        for (signed, is_verified) in [GITHUB, EMAIL].into_iter().zip(verified) {
            assert_eq!(signed.told(&server, "staging").await["is_verified"], is_verified, "{roots:?}");
            let told = report["unverified"].as_array().unwrap().iter().find(|it| it["filename"] == signed.filename);
            assert_eq!(told.is_some(), !is_verified && !roots.is_empty(), "{report}");
            assert!(told.is_none_or(|it| it["reasons"][0].as_str().unwrap().contains("is not verified")), "{report}");
        }
        assert_eq!(counts(&verify(&server).await)[2], 0, "a second time changes nothing");
        assert_eq!(both_objects(&server).await, objects);
        directory = server.stop().await;
    }
}

async fn both_objects(server: &TestServer) -> Vec<String> {
    let mut objects = Vec::new();
    for signed in [GITHUB, EMAIL] {
        objects.push(server.get(&signed.integrity()).await.text().to_owned());
    }
    objects
}

#[tokio::test]
async fn every_change_of_a_verdict_is_in_the_audit_log_and_on_no_page() {
    let server = TestServer::start().await;
    assert_eq!(GITHUB.upload(&server, &GITHUB.attestations()).await.status, 200);
    let serial = server.serial("staging").await;
    let server = TestServer::start_in(server.stop().await, trusting(&[PUBLIC_GOOD])).await;
    assert_eq!(counts(&verify(&server).await), [1, 1, 1]);
    assert_eq!(server.serial("staging").await, serial);
    let events = server.get_as_admin("/api/v1/audit?limit=1000").await.text().to_owned();
    assert_eq!(events.matches("file.provenance-stored").count(), 1);
}
