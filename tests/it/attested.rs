//! Signatures of attestations (PEP 740; standards 4.4): verified by the trust roots that were set, or told to be unverified.

use ferrywheel::model::{Clock, Diagnostic as _, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::mirror_pull::{pulled, staging};
use crate::mirror_upstream::{FakeUpstream, Reply};
use crate::support::server::{Setup, answer};
use crate::support::signed::{EMAIL, GITHUB, GITHUB_OBJECT, GITLAB, PUBLIC_GOOD, Signed, staging_root, trusting};
use crate::support::{Answer, TestServer};

async fn put(server: &TestServer, signed: &Signed, object: &str) -> Answer {
    let path = format!("/api/v1/files/{}/provenance", signed.filename);
    answer(server.request(Method::PUT, &path).bearer_auth(server.token()).body(object.to_owned())).await
}

/// The refusals of an answer: rule, sentence and remedy of each.
fn refusals(answer: &Answer) -> Vec<(String, String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let findings = answer.json()["findings"].as_array().unwrap().clone();
    findings.iter().map(|it| (text(it, "rule"), text(it, "message"), text(it, "hint"))).collect()
}

async fn assert_nothing_is_left(server: &TestServer) {
    assert!(server.app().blobs.list().await.unwrap().is_empty());
    assert_eq!(server.serial("staging").await, 0);
}

#[tokio::test]
async fn what_a_root_verifies_is_told_with_its_signers() {
    let (_directory, path) = staging_root();
    let server = TestServer::start_with(trusting(&[PUBLIC_GOOD, path.to_str().unwrap()])).await;
    let (publish, slsa) = ("/attestations/publish/v1", "https://slsa.dev/provenance/v1");
    for (signed, types, issuer, identity, publisher) in [
        (
            GITHUB,
            vec![publish, slsa],
            "https://token.actions.githubusercontent.com",
            "/pypi-attestations/.github/workflows/release.yml@refs/tags/v0.0.19",
            "GitHub",
        ),
        (GITLAB, vec![publish], "https://gitlab.com", "/gitlab-oidc-project//.gitlab-ci.yml@refs/heads/main", "GitLab"),
        (EMAIL, vec![publish], "https://github.com/login/oauth", ".net", "Unknown"),
    ] {
        let stored = signed.upload(&server, &signed.attestations()).await;
        assert_eq!(stored.status, 200, "{}", stored.text());
        let told = signed.told(&server, "staging").await;
        assert_eq!(told["is_verified"], true, "{told}");
        let signers = told["signers"].as_array().unwrap();
        assert_eq!(signers.len(), types.len());
        for (signer, expected) in signers.iter().zip(types) {
            assert!(signer["predicate_type"].as_str().unwrap().ends_with(expected), "{signer}");
            assert!(signer["identity"].as_str().unwrap().ends_with(identity), "{signer}");
            assert_eq!((&signer["issuer"], &signer["publisher"]["kind"]), (&json!(issuer), &json!(publisher)));
        }
        assert_eq!(signed.counted(&server).await, (1, 1));
        assert_eq!(server.get(&signed.integrity()).await.status, 200);
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_counts_at_the_time_to_which_the_log_has_sworn() {
    // The certificate was valid for ten minutes in 2024; a server that asked for it today would refuse every signature.
    let ended: Timestamp = "2024-12-04T23:24:01Z".parse().unwrap();
    assert!(Clock::System.now() > ended);
    let server = TestServer::start_with(trusting(&[PUBLIC_GOOD])).await;
    assert_eq!(GITHUB.upload(&server, &GITHUB.attestations()).await.status, 200);
    assert_eq!(GITHUB.told(&server, "staging").await["is_verified"], true);
    // A time at which nobody has sworn is no way around it.
    let mut late = GITLAB.attestations();
    late[0]["verification_material"]["transparency_entries"][0]["integratedTime"] = json!("1735689600");
    assert_eq!(GITLAB.upload(&server, &late).await.status, 400);
}

#[tokio::test]
async fn without_a_root_attestations_are_stored_and_told_to_be_unverified() {
    let server = TestServer::start().await;
    assert_eq!(GITHUB.upload(&server, &GITHUB.attestations()).await.status, 200);
    let told = GITHUB.told(&server, "staging").await;
    assert_eq!((&told["is_verified"], &told["signers"]), (&json!(false), &json!([])), "{told}");
    assert_eq!(GITHUB.counted(&server).await, (1, 0));
    assert_eq!(server.get(&GITHUB.integrity()).await.status, 200);
    let stored = put(&server, &GITHUB, GITHUB_OBJECT).await.json();
    assert_eq!((&stored["is_verified"], &stored["signers"]), (&json!(false), &json!([])));
}

#[tokio::test]
async fn signatures_that_no_root_believes_refuse_the_upload() {
    let (_directory, path) = staging_root();
    for (root, signed) in [(PUBLIC_GOOD, EMAIL), (path.to_str().unwrap(), GITHUB)] {
        let server = TestServer::start_with(trusting(&[root])).await;
        let refused = signed.upload(&server, &signed.attestations()).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let all = refusals(&refused);
        assert_eq!(all.len(), signed.attestations().as_array().unwrap().len(), "all of them are told: {all:?}");
        for (rule, message, hint) in all {
            assert_eq!(rule, "ATT-01");
            assert!(message.contains(&format!("is not verified: by the root `{root}`: ")), "{message}");
            assert!(message.contains("log"), "{message}");
            assert!(hint.contains("`attestation_roots`"), "{hint}");
        }
        assert_nothing_is_left(&server).await;
    }
}

/// The attestation with one byte changed at the middle of a text.
fn changed(attestation: &Value, pointer: &str) -> Value {
    let mut attestation = attestation.clone();
    let place = attestation.pointer_mut(pointer).unwrap();
    let mut text = place.as_str().unwrap().as_bytes().to_vec();
    let middle = text.len() / 2;
    text[middle] = if text[middle] == b'A' { b'B' } else { b'A' };
    *place = json!(String::from_utf8(text).unwrap());
    attestation
}

#[tokio::test]
async fn one_changed_byte_anywhere_in_an_attestation_refuses_the_upload() {
    let server = TestServer::start_with(trusting(&[PUBLIC_GOOD])).await;
    let good = GITHUB.attestations()[0].clone();
    let entry = "/verification_material/transparency_entries/0";
    for pointer in [
        "/envelope/signature".to_owned(),
        "/verification_material/certificate".to_owned(),
        format!("{entry}/canonicalizedBody"),
        format!("{entry}/inclusionPromise/signedEntryTimestamp"),
        format!("{entry}/inclusionProof/hashes/0"),
        format!("{entry}/inclusionProof/rootHash"),
        format!("{entry}/logId/keyId"),
        format!("{entry}/integratedTime"),
    ] {
        let bad = changed(&good, &pointer);
        assert_ne!(bad, good, "{pointer}");
        let refused = GITHUB.upload(&server, &json!([bad])).await;
        assert_eq!(refused.status, 400, "{pointer}: {}", refused.text());
        assert_eq!(refusals(&refused)[0].0, "ATT-01", "{pointer}");
    }
    // A good one beside it saves nothing.
    let mut both = GITHUB.attestations();
    both[1] = changed(&both[1], "/envelope/signature");
    let refused = GITHUB.upload(&server, &both).await;
    let all = refusals(&refused);
    assert!(all.len() == 1 && all[0].1.contains("`https://slsa.dev/provenance/v1`"), "{all:?}");
    assert_nothing_is_left(&server).await;
}

#[tokio::test]
async fn attestations_of_another_file_or_of_other_bytes_refuse_the_upload() {
    let server = TestServer::start_with(trusting(&[PUBLIC_GOOD])).await;
    // The parts of one attestation that a signature binds together, taken from two.
    let (one, other) = (GITHUB.attestations(), GITLAB.attestations());
    let mut mixed = one[0].clone();
    mixed["verification_material"] = other[0]["verification_material"].clone();
    let mut resigned = one[0].clone();
    resigned["envelope"]["statement"] =
        crate::support::attestation::attestation(GITHUB.filename, GITHUB.bytes, "publish")["envelope"]["statement"]
            .clone();
    for (attestations, rule) in
        [(other.clone(), "ATT-02"), (json!([mixed]), "ATT-01"), (json!([resigned]), "ATT-01"), (json!([]), "ATT-01")]
    {
        let refused = GITHUB.upload(&server, &attestations).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let all = refusals(&refused);
        assert_eq!(all[0].0, rule, "{all:?}");
        assert!(!all[0].2.is_empty(), "a refusal names a remedy");
    }
    // One byte of the file: the statement is about another SHA-256.
    let mut bytes = GITHUB.bytes.to_vec();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let tampered = Signed { bytes: Box::leak(bytes.into_boxed_slice()), ..GITHUB };
    let refused = tampered.upload(&server, &one).await;
    assert!(refusals(&refused).iter().any(|(rule, ..)| rule == "ATT-02"), "{}", refused.text());
    assert_nothing_is_left(&server).await;
}

#[tokio::test]
async fn an_object_is_verified_with_the_publisher_that_it_names_and_kept_byte_for_byte() {
    let server = TestServer::start_with(trusting(&[PUBLIC_GOOD])).await;
    server.put_file("staging", GITHUB.filename, GITHUB.bytes).await;
    let mut object: Value = serde_json::from_str(GITHUB_OBJECT).unwrap();
    let publisher = &mut object["attestation_bundles"][0]["publisher"];
    assert_eq!(publisher["kind"], "GitHub");
    publisher["repository"] = json!("acme/demo");
    let refused = put(&server, &GITHUB, &object.to_string()).await;
    assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("ingest/provenance-invalid")));
    let (rule, message, _) = refusals(&refused).remove(0);
    assert!(rule == "ATT-01" && message.contains("its publisher has the repository `acme/demo`"), "{message}");
    assert_eq!(server.get(&GITHUB.integrity()).await.status, 404);

    let stored = put(&server, &GITHUB, GITHUB_OBJECT).await.json();
    assert_eq!((&stored["is_verified"], &stored["signers"][0]["publisher"]["kind"]), (&json!(true), &json!("GitHub")));
    assert_eq!(server.get(&GITHUB.integrity()).await.text(), GITHUB_OBJECT);
    let events = server.get_as_admin("/api/v1/audit?limit=1000").await.text().replace('\\', "");
    assert!(
        events.contains(r#""event":"file.provenance-stored""#) && events.contains(r#""is_verified":true"#),
        "{events}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pulled_file_comes_without_a_provenance_that_is_not_verified() {
    let (_directory, path) = staging_root();
    let page = format!(
        r#"{{"meta":{{"api-version":"1.4"}},"name":"rfc8785","files":[{{"filename":"{0}","url":"/files/{0}",
        "hashes":{{"sha256":"{1}"}},"provenance":"/integrity/rfc8785"}}]}}"#,
        EMAIL.filename,
        ferrywheel::model::Sha256Digest::of(EMAIL.bytes),
    );
    let bundle = json!({"publisher": {"kind": "Other"}, "attestations": EMAIL.attestations()});
    let object = json!({"version": 1, "attestation_bundles": [bundle]}).to_string();
    for (root, is_kept) in [(path.to_str().unwrap(), true), (PUBLIC_GOOD, false)] {
        let (server, upstream) = (TestServer::start_with(trusting(&[root])).await, FakeUpstream::start().await);
        upstream.says("/simple/rfc8785/", &[Reply::ok("application/vnd.pypi.simple.v1+json", page.clone())]);
        upstream.says(&format!("/files/{}", EMAIL.filename), &[Reply::ok("application/octet-stream", EMAIL.bytes)]);
        upstream.says("/integrity/rfc8785", &[Reply::ok("application/json", object.clone())]);
        for _ in 0..2 {
            pulled(&server, &upstream, &["rfc8785"]).await;
            let file = staging(&server).await.remove(0).stored.file;
            let told = EMAIL.told(&server, "staging").await;
            assert_eq!(told.is_null(), !is_kept, "{told}");
            assert!(!is_kept || told["is_verified"] == true, "{told}");
            let note = file.notes.iter().find(|note| note.rule == "ATT-04");
            assert_eq!(note.is_none(), is_kept);
            assert!(note.is_none_or(|note| note.message.contains("by the root `public-good`")), "{note:?}");
        }
    }
}

#[tokio::test]
async fn a_root_that_cannot_be_used_stops_the_start_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let none = directory.path().join("none.json");
    let empty = directory.path().join("empty.json");
    std::fs::write(&empty, "{}").unwrap();
    for path in [&none, &empty] {
        let Setup { settings, .. } = trusting(&[PUBLIC_GOOD, path.to_str().unwrap()]);
        let settings = ferrywheel::config::Settings { data: directory.path().join("data"), ..settings };
        let mut rng: rand::rngs::StdRng = rand::SeedableRng::seed_from_u64(1);
        let error = ferrywheel::app::App::open(settings, Clock::System, &mut rng).await.err().unwrap();
        assert_eq!(error.code(), "ingest/trust-root-unusable");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(error.hint().unwrap().contains("`public-good`"));
    }
    assert!(!directory.path().join("data").exists(), "nothing is made for a server that cannot start");
}
