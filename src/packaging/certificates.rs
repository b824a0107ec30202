//! The publisher that a Sigstore certificate names, read from its extensions. Nothing of the certificate is verified here.
//!
//! A certificate of Fulcio tells in extensions of its own which service asked for it and what was run there. They are found
//! by their object identifier, which is all that is needed to name the publisher that clients then verify.

use serde_json::{Value, json};

/// Body of the object identifiers of Fulcio, 1.3.6.1.4.1.57264.1, without the last number.
const FULCIO: [u8; 9] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01];

/// Last number of the extension with the issuer of the identity.
const ISSUER: u8 = 8;

/// Last number of the extension with the URI of what was run: repository, file of the workflow, `@`, branch or commit.
const BUILD_CONFIG: u8 = 18;

/// Object identifier of the alternative names of the subject, 2.5.29.17.
const SUBJECT_NAMES: [u8; 3] = [0x55, 0x1d, 0x11];

/// Tag of an e-mail address among them.
const EMAIL: u8 = 0x81;

const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const SEQUENCE: u8 = 0x30;

/// The publisher as a provenance object names it (PEP 740); `Unknown` if the certificate names none of the known services.
pub fn publisher_of(certificate: &[u8]) -> Value {
    let text = |number| extension(certificate, &[&FULCIO[..], &[number]].concat()).and_then(utf8_string);
    let build = text(BUILD_CONFIG).unwrap_or_default();
    let found = match text(ISSUER).unwrap_or_default() {
        "https://token.actions.githubusercontent.com" => github(build),
        "https://gitlab.com" => gitlab(build),
        "https://accounts.google.com" => google(certificate),
        _ => None,
    };
    found.unwrap_or_else(|| json!({"kind": "Unknown"}))
}

/// `https://github.com/OWNER/REPOSITORY/.github/workflows/FILE@REF`
fn github(build: &str) -> Option<Value> {
    let (repository, run) = build.strip_prefix("https://github.com/")?.split_once("/.github/workflows/")?;
    let (workflow, _) = run.split_once('@')?;
    Some(json!({"kind": "GitHub", "repository": repository, "workflow": workflow, "environment": null}))
}

/// `https://gitlab.com/GROUP/PROJECT//FILE@REF`
fn gitlab(build: &str) -> Option<Value> {
    let (repository, run) = build.strip_prefix("https://gitlab.com/")?.split_once("//")?;
    let (workflow, _) = run.split_once('@')?;
    Some(json!({"kind": "GitLab", "repository": repository, "workflow_filepath": workflow, "environment": null}))
}

/// A service account is named by its address.
fn google(certificate: &[u8]) -> Option<Value> {
    let (tag, mut names, _) = element(extension(certificate, &SUBJECT_NAMES)?)?;
    while let Some((name, content, rest)) = element(names).filter(|_| tag == SEQUENCE) {
        if name == EMAIL {
            return Some(json!({"kind": "Google", "email": std::str::from_utf8(content).ok()?}));
        }
        names = rest;
    }
    None
}

/// Content of the extension with this identifier: SEQUENCE { OBJECT IDENTIFIER, BOOLEAN?, OCTET STRING } (RFC 5280, 4.1).
fn extension<'a>(certificate: &'a [u8], identifier: &[u8]) -> Option<&'a [u8]> {
    let mut head = vec![OBJECT_IDENTIFIER, u8::try_from(identifier.len()).ok()?];
    head.extend_from_slice(identifier);
    let start = certificate.windows(head.len()).position(|window| window == head)?;
    let (mut tag, mut content, rest) = element(&certificate[start + head.len()..])?;
    if tag == BOOLEAN {
        (tag, content, _) = element(rest)?;
    }
    (tag == OCTET_STRING).then_some(content)
}

fn utf8_string(der: &[u8]) -> Option<&str> {
    let (tag, content, _) = element(der)?;
    (tag == UTF8_STRING).then(|| std::str::from_utf8(content).ok()).flatten()
}

/// Tag, content and what follows of the first DER element; `None` if it does not end inside.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [head, content.to_vec()].concat()
    }

    fn fulcio(number: u8, text: &str) -> Vec<u8> {
        let identifier = der(OBJECT_IDENTIFIER, &[&FULCIO[..], &[number]].concat());
        der(SEQUENCE, &[identifier, der(OCTET_STRING, &der(UTF8_STRING, text.as_bytes()))].concat())
    }

    #[test]
    fn ok_publishers() {
        let address = der(SEQUENCE, &der(EMAIL, b"ci@project.example"));
        let names =
            [der(OBJECT_IDENTIFIER, &SUBJECT_NAMES), der(BOOLEAN, &[0xff]), der(OCTET_STRING, &address)].concat();
        for (certificate, expected) in [
            (
                [
                    fulcio(ISSUER, "https://token.actions.githubusercontent.com"),
                    fulcio(BUILD_CONFIG, "https://github.com/acme/demo/.github/workflows/release.yml@refs/tags/v1.0"),
                ]
                .concat(),
                json!({"kind": "GitHub", "repository": "acme/demo", "workflow": "release.yml", "environment": null}),
            ),
            (
                [
                    fulcio(ISSUER, "https://gitlab.com"),
                    fulcio(BUILD_CONFIG, "https://gitlab.com/acme/sub/demo//.gitlab-ci.yml@refs/heads/main"),
                ]
                .concat(),
                json!({"kind": "GitLab", "repository": "acme/sub/demo", "workflow_filepath": ".gitlab-ci.yml", "environment": null}),
            ),
            (
                [fulcio(ISSUER, "https://accounts.google.com"), der(SEQUENCE, &names)].concat(),
                json!({"kind": "Google", "email": "ci@project.example"}),
            ),
            (fulcio(ISSUER, "https://accounts.google.com"), json!({"kind": "Unknown"})),
            (fulcio(ISSUER, "https://ci.example"), json!({"kind": "Unknown"})),
            (fulcio(BUILD_CONFIG, "https://github.com/a/b/.github/workflows/c@d"), json!({"kind": "Unknown"})),
            (b"certificate".to_vec(), json!({"kind": "Unknown"})),
            (Vec::new(), json!({"kind": "Unknown"})),
        ] {
            assert_eq!(publisher_of(&certificate), expected);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(cut in 0usize..200, changed in 0usize..200, byte: u8) {
            let mut certificate = [
                fulcio(ISSUER, "https://accounts.google.com"),
                der(SEQUENCE, &[der(OBJECT_IDENTIFIER, &SUBJECT_NAMES), der(OCTET_STRING, &der(SEQUENCE, &der(EMAIL, b"a@b")))].concat()),
            ].concat();
            if let Some(place) = certificate.get_mut(changed) { *place = byte; }
            certificate.truncate(cut);
            let _ = publisher_of(&certificate);
        }
    }
}
