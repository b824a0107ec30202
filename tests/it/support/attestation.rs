//! Attestations made by hand: of the right form, signed by nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ferrywheel::model::Sha256Digest;
use serde_json::{Value, json};

/// An attestation of the type `https://example.org/{kind}` about these bytes under this name.
pub fn attestation(filename: &str, bytes: &[u8], kind: &str) -> Value {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": Sha256Digest::of(bytes).to_hex()}}],
        "predicateType": format!("https://example.org/{kind}"),
        "predicate": null,
    });
    json!({
        "version": 1,
        "verification_material": {"certificate": STANDARD.encode("certificate"), "transparency_entries": [{}]},
        "envelope": {"statement": STANDARD.encode(statement.to_string()), "signature": STANDARD.encode("signature")},
    })
}

/// A provenance object as another index would have made it, with a key that is not known here.
pub fn provenance(attestation: &Value) -> String {
    let bundle = json!({"publisher": {"kind": "Other", "claims": {"ref": "main"}}, "attestations": [attestation]});
    format!("{{\"version\": 1,\n \"attestation_bundles\": [{bundle}],  \"future\": [1]}}")
}
