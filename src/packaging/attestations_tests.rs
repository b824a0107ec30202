//! One row for each rule of the form of attestations.

use super::*;

const FILE: AttestedFile<'static> = AttestedFile {
    filename: "demo-1.0-py3-none-any.whl",
    sha256: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

fn statement() -> Value {
    json!({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": FILE.filename, "digest": {"sha256": FILE.sha256}}],
        "predicateType": "https://example.org/one",
        "predicate": null,
    })
}

fn attestation(statement: &Value) -> Value {
    json!({
        "version": 1,
        "verification_material": {"certificate": STANDARD.encode(b"certificate"), "transparency_entries": [{}]},
        "envelope": {"statement": STANDARD.encode(statement.to_string()), "signature": STANDARD.encode(b"signed")},
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut attestation = attestation(&statement());
    *attestation.pointer_mut(pointer).unwrap() = value;
    attestation
}

fn with_statement(pointer: &str, value: Value) -> Value {
    let mut statement = statement();
    *statement.pointer_mut(pointer).unwrap() = value;
    attestation(&statement)
}

#[test]
fn ok_attestations_become_a_provenance_object() {
    let one = attestation(&statement());
    let two = with_statement("/predicateType", json!("https://example.org/two"));
    let list = json!([one, two]).to_string();
    let built = provenance_of_attestations(list.as_bytes(), FILE).unwrap();
    assert_eq!(built.attestation_count, 2);
    let object: Value = serde_json::from_str(&built.text).unwrap();
    let bundle = json!({"publisher": {"kind": "Unknown"}, "attestations": [one, two]});
    assert_eq!(object, json!({"version": 1, "attestation_bundles": [bundle]}));
    assert_eq!(parse_provenance(built.text.as_bytes(), FILE).unwrap(), built, "what is built can be read");
}

#[test]
fn ok_other_spellings() {
    for attestation in [
        with_statement("/subject/0/name", json!("Demo-1.0.0-py3-none-any.whl")),
        with("/verification_material/certificate", json!("Y2Vy\ndGlm\n")),
        with_statement("/predicate", json!({"any": "thing"})),
    ] {
        let list = json!([attestation]).to_string();
        assert!(provenance_of_attestations(list.as_bytes(), FILE).is_ok(), "{list}");
    }
}

#[test]
fn err_one_row_per_rule() {
    let good = attestation(&statement());
    for (list, rule, expected) in [
        (json!({}), "ATT-01", "no JSON array"),
        (json!([]), "ATT-01", "there are 0 attestations"),
        (json!([good, good]), "ATT-01", "attestation 2: there are two of the type"),
        (json!(vec![good.clone(); 17]), "ATT-01", "there are 17"),
        (json!([1]), "ATT-02", "attestation 1: it is no JSON object"),
        (json!([with("/version", json!(2))]), "ATT-02", "`version` is not 1"),
        (json!([with("/version", json!("1"))]), "ATT-02", "`version` is not 1"),
        (json!([with("/verification_material", json!(null))]), "ATT-02", "certificate"),
        (json!([with("/verification_material/certificate", json!("%"))]), "ATT-02", "certificate"),
        (json!([with("/verification_material/certificate", json!(""))]), "ATT-02", "certificate"),
        (json!([with("/verification_material/transparency_entries", json!([]))]), "ATT-02", "transparency_entries"),
        (json!([with("/verification_material/transparency_entries", json!([1]))]), "ATT-02", "transparency_entries"),
        (json!([with("/envelope/signature", json!(""))]), "ATT-02", "signature"),
        (json!([with("/envelope/statement", json!("e30"))]), "ATT-02", "statement"),
        (json!([with("/envelope/statement", json!("ew=="))]), "ATT-02", "statement"),
        (json!([with_statement("/_type", json!("x"))]), "ATT-02", "not of the type"),
        (json!([with_statement("/subject", json!([]))]), "ATT-02", "exactly one subject"),
        (json!([with_statement("/subject", json!([1, 2]))]), "ATT-02", "exactly one subject"),
        (
            json!([with_statement("/subject/0/name", json!("demo-1.1-py3-none-any.whl"))]),
            "ATT-02",
            "it is about `demo-1.1",
        ),
        (json!([with_statement("/subject/0/name", json!("demo-1.0.tar.gz"))]), "ATT-02", "it is about `demo-1.0.tar"),
        (json!([with_statement("/subject/0/digest", json!({"sha256": "bb"}))]), "ATT-02", "the SHA-256 `bb`"),
        (json!([with_statement("/predicateType", json!(7))]), "ATT-02", "predicateType"),
    ] {
        let error = provenance_of_attestations(list.to_string().as_bytes(), FILE).unwrap_err();
        assert_eq!(error.rule, rule, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert!(provenance_of_attestations(b"[", FILE).unwrap_err().to_string().contains("no JSON"));
    let large = vec![b' '; MAX_PROVENANCE_BYTES + 1];
    assert!(provenance_of_attestations(&large, FILE).unwrap_err().to_string().contains("is the most"));
}

#[test]
fn err_provenance_objects() {
    let good = attestation(&statement());
    for (object, expected) in [
        (json!([]), "no JSON object"),
        (json!({"attestation_bundles": []}), "`version`"),
        (json!({"version": 1}), "attestation_bundles"),
        (json!({"version": 1, "attestation_bundles": []}), "attestation_bundles"),
        (json!({"version": 1, "attestation_bundles": [{"attestations": [good]}]}), "bundle 1: `publisher`"),
        (json!({"version": 1, "attestation_bundles": [{"publisher": {"kind": "X"}}]}), "bundle 1: `attestations`"),
        (
            json!({"version": 1, "attestation_bundles": [{"publisher": {"kind": "X"}, "attestations": []}]}),
            "bundle 1: there are 0",
        ),
        (
            json!({"version": 1, "attestation_bundles": [{"publisher": {"kind": "X"}, "attestations": [{}]}]}),
            "bundle 1: attestation 1: its `version`",
        ),
    ] {
        let error = parse_provenance(object.to_string().as_bytes(), FILE).unwrap_err().to_string();
        assert!(error.contains(expected), "{object}: {error}");
    }
}
