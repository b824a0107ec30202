//! Attestations and provenance of files (PEP 740): their form, and that they are about the very file.
//!
//! Signatures are verified in `trust_roots.rs`; certificates are looked into for one thing, the publisher that they name
//! (`certificates.rs`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::certificates::publisher_of;
use super::faults::shown;
use super::filenames::{DistFileName, parse_dist_filename};

/// Largest provenance and largest list of attestations, in bytes. Real attestations have about ten thousand.
pub const MAX_PROVENANCE_BYTES: usize = 1 << 20;

/// Most attestations of one publisher; PyPI takes two, one of each kind that it knows.
pub const MAX_ATTESTATIONS: usize = 16;

/// Most publishers that vouch for one file.
const MAX_BUNDLES: usize = 16;

/// Type of an in-toto statement, version 1.
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What is wrong with an attestation, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{message}")]
pub struct AttestationFault {
    /// Rule of the standards digest.
    pub rule: &'static str,
    /// Where, with a separator at its end; empty for the whole.
    pub place: String,
    /// What.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

/// The file that attestations have to be about.
#[derive(Clone, Copy, Debug)]
pub struct AttestedFile<'a> {
    /// Its name.
    pub filename: &'a str,
    /// SHA-256 of its bytes, lowercase hexadecimal.
    pub sha256: &'a str,
}

/// A provenance object whose form is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The object as it is served: what was given, byte for byte, or what was built.
    pub text: String,
    /// Attestations in it.
    pub attestation_count: usize,
}

/// Reads the list of attestations that comes with an upload and builds the provenance object of it (ATT-01 to ATT-03).
///
/// Each attestation stands under the publisher that its certificate names.
pub fn provenance_of_attestations(bytes: &[u8], file: AttestedFile<'_>) -> Result<Provenance, AttestationFault> {
    let attestations: Value = parse(bytes)?;
    let attestations = attestations.as_array().ok_or_else(|| fault("ATT-01", "", "it is no JSON array"))?;
    check_attestations(attestations, "", file)?;
    let mut bundles: Vec<(Value, Vec<&Value>)> = Vec::new();
    for attestation in attestations {
        let certificate = certificate_of(attestation).unwrap_or_default();
        let publisher = publisher_of(&certificate);
        match bundles.iter_mut().find(|(known, _)| *known == publisher) {
            Some((_, list)) => list.push(attestation),
            None => bundles.push((publisher, vec![attestation])),
        }
    }
    let bundles: Vec<Value> = bundles
        .into_iter()
        .map(|(publisher, attestations)| json!({"publisher": publisher, "attestations": attestations}))
        .collect();
    let text = json!({"version": 1, "attestation_bundles": bundles}).to_string();
    Ok(Provenance { text, attestation_count: attestations.len() })
}

/// Reads a provenance object that was made elsewhere; it is kept byte for byte (ATT-03).
pub fn parse_provenance(bytes: &[u8], file: AttestedFile<'_>) -> Result<Provenance, AttestationFault> {
    let provenance: Value = parse(bytes)?;
    let object = object_at(&provenance, "ATT-03", "")?;
    need_version(object, "ATT-03", "")?;
    let bundles = object.get("attestation_bundles").and_then(Value::as_array);
    let bundles = bundles.filter(|bundles| (1..=MAX_BUNDLES).contains(&bundles.len())).ok_or_else(|| {
        fault("ATT-03", "", format!("`attestation_bundles` is no array of 1 to {MAX_BUNDLES} bundles"))
    })?;
    let mut attestation_count = 0;
    for (position, bundle) in bundles.iter().enumerate() {
        let place = format!("bundle {}: ", position + 1);
        let bundle = object_at(bundle, "ATT-03", &place)?;
        let kind = bundle.get("publisher").and_then(|publisher| publisher.get("kind")).and_then(Value::as_str);
        kind.ok_or_else(|| fault("ATT-03", &place, "`publisher` names no `kind`"))?;
        let attestations = bundle.get("attestations").and_then(Value::as_array);
        let attestations = attestations.ok_or_else(|| fault("ATT-03", &place, "`attestations` is no array"))?;
        check_attestations(attestations, &place, file)?;
        attestation_count += attestations.len();
    }
    // JSON is UTF-8, or it would not have been read.
    Ok(Provenance { text: String::from_utf8_lossy(bytes).into_owned(), attestation_count })
}

fn parse(bytes: &[u8]) -> Result<Value, AttestationFault> {
    if bytes.len() > MAX_PROVENANCE_BYTES {
        let message = format!("it has {} bytes, {MAX_PROVENANCE_BYTES} is the most", bytes.len());
        return Err(fault("ATT-01", "", message));
    }
    serde_json::from_slice(bytes).map_err(|error| fault("ATT-01", "", format!("it is no JSON: {error}")))
}

fn fault(rule: &'static str, place: &str, message: impl Into<String>) -> AttestationFault {
    let hint = match rule {
        "ATT-02" => "Sign the file that is sent; a file that was built anew needs new attestations.",
        "ATT-03" => "Send the object as the index that published the file serves it.",
        _ => "Send what the tool that signed has written, unchanged, or leave it out.",
    };
    AttestationFault { rule, place: place.to_owned(), message: message.into(), hint }
}

fn object_at<'a>(
    value: &'a Value,
    rule: &'static str,
    place: &str,
) -> Result<&'a Map<String, Value>, AttestationFault> {
    value.as_object().ok_or_else(|| fault(rule, place, "it is no JSON object"))
}

fn need_version(object: &Map<String, Value>, rule: &'static str, place: &str) -> Result<(), AttestationFault> {
    match object.get("version") {
        Some(version) if *version == json!(1) => Ok(()),
        _ => Err(fault(rule, place, "its `version` is not 1")),
    }
}

/// At least one, not too many, each sound, and of each kind of statement one.
fn check_attestations(attestations: &[Value], place: &str, file: AttestedFile<'_>) -> Result<(), AttestationFault> {
    if attestations.is_empty() || attestations.len() > MAX_ATTESTATIONS {
        let message = format!("there are {} attestations; 1 to {MAX_ATTESTATIONS} are taken", attestations.len());
        return Err(fault("ATT-01", place, message));
    }
    let mut kinds: Vec<String> = Vec::new();
    for (position, attestation) in attestations.iter().enumerate() {
        let place = format!("{place}attestation {}: ", position + 1);
        let kind = check_attestation(attestation, &place, file)?;
        if kinds.contains(&kind) {
            let message = format!("there are two of the type `{}`; one of each is taken", shown(&kind));
            return Err(fault("ATT-01", &place, message));
        }
        kinds.push(kind);
    }
    Ok(())
}

/// Checks one attestation and tells the type of what it says.
fn check_attestation(attestation: &Value, place: &str, file: AttestedFile<'_>) -> Result<String, AttestationFault> {
    let wrong = |message: &str| fault("ATT-02", place, message);
    let object = object_at(attestation, "ATT-02", place)?;
    need_version(object, "ATT-02", place)?;
    if certificate_of(attestation).is_none_or(|certificate| certificate.is_empty()) {
        return Err(wrong("`verification_material.certificate` is no base64"));
    }
    let entries = attestation.pointer("/verification_material/transparency_entries").and_then(Value::as_array);
    if entries.is_none_or(|entries| entries.is_empty() || !entries.iter().all(Value::is_object)) {
        return Err(wrong("`verification_material.transparency_entries` is no array of entries"));
    }
    if bytes_at(attestation, "/envelope/signature").is_none_or(|signature| signature.is_empty()) {
        return Err(wrong("`envelope.signature` is no base64"));
    }
    let statement = bytes_at(attestation, "/envelope/statement");
    let statement: Option<Value> = statement.and_then(|statement| serde_json::from_slice(&statement).ok());
    let statement = statement.ok_or_else(|| wrong("`envelope.statement` is no JSON in base64"))?;
    check_statement(&statement, place, file)
}

/// The statement is about this file and no other (in-toto Statement, version 1).
fn check_statement(statement: &Value, place: &str, file: AttestedFile<'_>) -> Result<String, AttestationFault> {
    let wrong = |message: String| fault("ATT-02", place, message);
    if statement.get("_type").and_then(Value::as_str) != Some(STATEMENT_TYPE) {
        return Err(wrong(format!("its statement is not of the type `{STATEMENT_TYPE}`")));
    }
    let subjects = statement.get("subject").and_then(Value::as_array).map(Vec::as_slice);
    let Some([subject]) = subjects else { return Err(wrong("its statement has not exactly one subject".to_owned())) };
    let name = subject.get("name").and_then(Value::as_str).unwrap_or_default();
    if !is_same_file(name, file.filename) {
        return Err(wrong(format!("it is about `{}`, not about `{}`", shown(name), shown(file.filename))));
    }
    let sha256 = subject.pointer("/digest/sha256").and_then(Value::as_str).unwrap_or_default();
    if sha256 != file.sha256 {
        return Err(wrong(format!("it is about the SHA-256 `{}`, the file has `{}`", shown(sha256), file.sha256)));
    }
    let kind = statement.get("predicateType").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    kind.map(str::to_owned).ok_or_else(|| wrong("its statement has no `predicateType`".to_owned()))
}

/// Compared after parsing, not as text (ATT-02).
fn is_same_file(one: &str, other: &str) -> bool {
    let key = |name: &str| {
        parse_dist_filename(name).ok().map(|name| match name {
            DistFileName::Wheel(wheel) => wheel.identity_key(),
            DistFileName::Sdist(sdist) => sdist.identity_key(),
        })
    };
    one == other || key(one).is_some_and(|one| Some(one) == key(other))
}

/// The certificate of an attestation, DER.
pub(super) fn certificate_of(attestation: &Value) -> Option<Vec<u8>> {
    bytes_at(attestation, "/verification_material/certificate")
}

/// Bytes that stand there as base64; some writers break its lines.
pub(super) fn bytes_at(value: &Value, pointer: &str) -> Option<Vec<u8>> {
    let text: String = value.pointer(pointer)?.as_str()?.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok()
}

#[cfg(test)]
#[path = "attestations_tests.rs"]
mod tests;
