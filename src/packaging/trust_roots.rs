//! Trust roots (Sigstore's `trusted_root.json`), and the signatures of attestations judged by them (PEP 740).
//!
//! A root names the authorities whose certificates are believed and the logs in which a signature must stand. Everything
//! that a verdict needs is in the attestation and in the root: nothing is asked of the network. A certificate lives for
//! ten minutes; what counts is that it was valid at the time to which the log has sworn, not today.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sigstore_verify::trust_root::{SigstoreInstance, TrustedRoot};
use sigstore_verify::types::{Bundle, Sha256Hash};
use sigstore_verify::{VerificationPolicy, Verifier};

use super::attestations::{AttestationFault, Provenance, bytes_at, certificate_of};
use super::certificates::publisher_of;
use super::faults::shown;

/// Name of the root of Sigstore's public instance, by which PyPI's attestations are signed. Its state is that of the
/// release of the library that it comes with; a newer one is given as a file.
pub const PUBLIC_GOOD_ROOT: &str = "public-good";

/// Type of the payload that is signed (DSSE).
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The bundle format that an attestation is brought into; it demands a proof that the log holds the signature.
const BUNDLE_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What to do about a signature that was not verified.
const REMEDY: &str = "Sign the file again and send what the tool has written, unchanged; if its signer is to be believed, \
                      name the signer's `trusted_root.json` in the setting `attestation_roots`.";

/// Who has signed, as a certificate says that chains to a trusted root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// What kind of statement was signed.
    pub predicate_type: String,
    /// A URI of the workflow that ran, or an e-mail address.
    pub identity: String,
    /// The service that has vouched for the identity.
    pub issuer: String,
    /// The same as PEP 740 names publishers; of the kind `Unknown` for a service that it does not know.
    pub publisher: Value,
}

/// Why a trust root cannot be used, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TrustRootFault(String);

/// The roots by which signatures are verified. What one of them believes is believed.
#[derive(Default)]
pub struct TrustRoots {
    roots: Vec<(String, Verifier)>,
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.roots.iter().map(|(name, _)| name)).finish()
    }
}

impl TrustRoots {
    /// Adds the root of Sigstore's public instance.
    pub fn add_public_good(&mut self) -> Result<(), TrustRootFault> {
        let root = SigstoreInstance::PublicGood.embedded_trusted_root().map_err(fault_of)?;
        self.add_root(PUBLIC_GOOD_ROOT, &root)
    }

    /// Adds a root from the text of a `trusted_root.json`; errors and verdicts call it `name`.
    ///
    /// Fails for a text of another form, and for a root without authorities or without logs: nothing could be verified.
    pub fn add_json(&mut self, name: &str, text: &str) -> Result<(), TrustRootFault> {
        self.add_root(name, &TrustedRoot::from_json(text).map_err(fault_of)?)
    }

    fn add_root(&mut self, name: &str, root: &TrustedRoot) -> Result<(), TrustRootFault> {
        for (is_empty, what) in [
            (root.certificate_authorities.is_empty(), "certificate authority"),
            (root.tlogs.is_empty(), "transparency log"),
            (root.ctlogs.is_empty(), "log of certificates"),
        ] {
            if is_empty {
                return Err(TrustRootFault(format!("it names no {what}")));
            }
        }
        self.roots.push((name.to_owned(), Verifier::new(root).map_err(fault_of)?));
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Verifies every attestation of a provenance whose form is sound (ATT-01): certificate, log, signature, and that it is
    /// about these bytes; and that a publisher that the object names is the one whom the certificate names.
    ///
    /// Gives the signer of each attestation, or all that is wrong. Takes some milliseconds of CPU time for each one.
    pub fn verify(&self, provenance: &Provenance, sha256: &str) -> Result<Vec<Signer>, Vec<AttestationFault>> {
        // It was read before, as JSON of this very form.
        let object: Value = serde_json::from_str(&provenance.text).unwrap_or_default();
        let bundles = object.get("attestation_bundles").and_then(Value::as_array);
        let (mut signers, mut faults) = (Vec::new(), Vec::new());
        for bundle in bundles.into_iter().flatten() {
            let publisher = bundle.get("publisher").unwrap_or(&Value::Null);
            for attestation in bundle.get("attestations").and_then(Value::as_array).into_iter().flatten() {
                match self.verify_one(attestation, publisher, sha256) {
                    Ok(signer) => signers.push(signer),
                    Err(fault) => faults.push(fault),
                }
            }
        }
        match (faults.is_empty(), signers.len() == provenance.attestation_count) {
            (true, true) => Ok(signers),
            (true, false) => {
                Err(vec![AttestationFault::unverified("it has another number of attestations than it had")])
            }
            (false, _) => Err(faults),
        }
    }

    fn verify_one(&self, attestation: &Value, named: &Value, sha256: &str) -> Result<Signer, AttestationFault> {
        let predicate_type = predicate_type_of(attestation);
        let failed = |reason: String| {
            let kind = shown(&predicate_type);
            AttestationFault::unverified(format!("the signature of the attestation `{kind}` is not verified: {reason}"))
        };
        let certificate = certificate_of(attestation).unwrap_or_default();
        let bundle = bundle_of(attestation, &certificate).map_err(&failed)?;
        let digest = Sha256Hash::from_hex(sha256).map_err(|error| failed(error.to_string()))?;
        let mut reasons = Vec::new();
        for (name, verifier) in &self.roots {
            match verifier.verify(digest, &bundle, &VerificationPolicy::any_identity()) {
                Ok(verdict) => {
                    let (Some(identity), Some(issuer)) = (verdict.identity(), verdict.issuer()) else {
                        return Err(failed("its certificate names no identity or no issuer".to_owned()));
                    };
                    let publisher = publisher_of(&certificate);
                    agree(named, &publisher).map_err(&failed)?;
                    let (identity, issuer) = (identity.as_str().to_owned(), issuer.to_owned());
                    return Ok(Signer { predicate_type, identity, issuer, publisher });
                }
                Err(error) => reasons.push(format!("by the root `{name}`: {}", shown(&error.to_string()))),
            }
        }
        Err(failed(reasons.join("; ")))
    }
}

fn fault_of(error: impl fmt::Display) -> TrustRootFault {
    TrustRootFault(error.to_string())
}

impl AttestationFault {
    /// What is said of a signature that was not verified (ATT-01).
    pub fn unverified(message: impl Into<String>) -> Self {
        Self { rule: "ATT-01", place: String::new(), message: message.into(), hint: REMEDY }
    }
}

/// The attestation in the form that Sigstore's own tools write.
fn bundle_of(attestation: &Value, certificate: &[u8]) -> Result<Bundle, String> {
    // Written anew, because some writers break the lines of base64.
    let encoded = |pointer: &str| STANDARD.encode(bytes_at(attestation, pointer).unwrap_or_default());
    let bundle = json!({
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {
            "certificate": {"rawBytes": STANDARD.encode(certificate)},
            "tlogEntries": attestation.pointer("/verification_material/transparency_entries"),
        },
        "dsseEnvelope": {
            "payload": encoded("/envelope/statement"),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": encoded("/envelope/signature")}],
        },
    });
    serde_json::from_value(bundle).map_err(|error| shown(&error.to_string()))
}

/// The type of a statement whose form was checked.
fn predicate_type_of(attestation: &Value) -> String {
    let statement = bytes_at(attestation, "/envelope/statement").unwrap_or_default();
    let statement: Value = serde_json::from_slice(&statement).unwrap_or_default();
    statement.get("predicateType").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Whether the publisher that a provenance object names may be believed of one whom the certificate names: whoever has any
/// valid certificate could else pass for another. Kinds that are not known here are nobody's word, and are not shown.
fn agree(named: &Value, certified: &Value) -> Result<(), String> {
    let text = |publisher: &Value, key: &str| publisher.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let kind = text(named, "kind");
    let keys: &[&str] = match kind.as_str() {
        "GitHub" => &["kind", "repository", "workflow"],
        "GitLab" => &["kind", "repository", "workflow_filepath"],
        "Google" => &["kind", "email"],
        _ => &[],
    };
    for key in keys {
        let (named, certified) = (text(named, key), text(certified, key));
        // The forges fold the case of names of repositories.
        let is_same = if *key == "repository" { named.eq_ignore_ascii_case(&certified) } else { named == certified };
        if !is_same {
            let (named, certified) = (shown(&named), shown(&certified));
            return Err(format!("its publisher has the {key} `{named}`, its certificate says `{certified}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_publishers_that_are_named() {
        let github =
            json!({"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml", "environment": null});
        let gitlab = json!({"kind": "GitLab", "repository": "acme/demo", "workflow_filepath": ".gitlab-ci.yml"});
        let google = json!({"kind": "Google", "email": "ci@project.example"});
        for (named, certified, expected) in [
            (json!({"kind": "GitHub", "repository": "Acme/Demo", "workflow": "release.yml"}), &github, None),
            (
                json!({"kind": "GitHub", "repository": "acme/other", "workflow": "release.yml"}),
                &github,
                Some("repository"),
            ),
            (
                json!({"kind": "GitHub", "repository": "acme/demo", "workflow": "Release.yml"}),
                &github,
                Some("workflow"),
            ),
            (json!({"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml"}), &gitlab, Some("kind")),
            (json!({"kind": "GitHub"}), &json!({"kind": "Unknown"}), Some("kind")),
            (gitlab.clone(), &gitlab, None),
            (google.clone(), &google, None),
            (json!({"kind": "Google", "email": "me@project.example"}), &google, Some("email")),
            (json!({"kind": "Unknown"}), &github, None),
            (json!({"kind": "Other", "claims": {}}), &json!({"kind": "Unknown"}), None),
            (Value::Null, &github, None),
        ] {
            let told = agree(&named, certified).err();
            assert_eq!(told.is_some(), expected.is_some(), "{named}: {told:?}");
            assert!(expected.is_none_or(|key| told.unwrap().contains(&format!("has the {key} "))), "{named}");
        }
    }

    #[test]
    fn err_roots_that_could_verify_nothing() {
        let mut roots = TrustRoots::default();
        for (text, expected) in [
            ("[]", "failed to parse"),
            ("{}", "mediaType"),
            (
                r#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#,
                "no certificate authority",
            ),
        ] {
            let told = roots.add_json("ours", text).unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
        }
        assert!(roots.is_empty());
        roots.add_public_good().unwrap();
        assert_eq!(format!("{roots:?}"), "[\"public-good\"]");
    }
}
