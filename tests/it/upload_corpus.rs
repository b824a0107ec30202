//! The bad-input corpus of `tests/badinput/`, sent through the upload form: every verdict and every reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use ferrywheel::archive::{Limits, read_entry, read_zip};
use reqwest::Method;
use serde_json::Value;

use super::support::server::answer;
use super::support::{Answer, TestServer};

/// Groups that an upload form can carry; the others are for batches, raw connections and pages.
const GROUPS: [&str; 5] = ["filename", "form", "zip", "wheel", "valid"];

/// Cases answered otherwise than the corpus asks, each with the reason why that is right here.
///
/// A character that no header line may hold makes the whole part unreadable, so there is no file name to complain about:
/// the upload is refused as `form-invalid`.
const DEVIATIONS: &[(&str, &str)] = &[
    ("fn-nul", "NUL ends the part's head"),
    ("fn-crlf", "CR LF ends the line"),
    ("fn-del", "DEL ends the part's head"),
];

/// The generated cases and their files.
pub struct Corpus {
    directory: tempfile::TempDir,
    pub cases: Vec<Value>,
}

impl Corpus {
    /// Runs the generator for one set of cases: `verdicts` or `rules`.
    pub fn generate(set: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/badinput/gen.py");
        let made = Command::new("python3").arg(script).arg(directory.path()).args(["--set", set]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let manifest = std::fs::read_to_string(directory.path().join("manifest.json")).unwrap();
        let manifest: Value = serde_json::from_str(&manifest).unwrap();
        Self { directory, cases: manifest["cases"].as_array().unwrap().clone() }
    }

    fn find(&self, id: &str) -> &Value {
        self.cases.iter().find(|case| case["id"] == id).unwrap()
    }

    /// The bytes that a case is about.
    pub fn bytes(&self, case: &Value) -> Vec<u8> {
        std::fs::read(self.directory.path().join(text(&case["file"]))).unwrap()
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The text fields that the case describes, in order.
fn fields(send: &Value, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    let mut set = |name: &str, value: Vec<u8>| match fields.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => fields.push((name.to_owned(), value)),
    };
    for (name, value) in [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", text(&send["name"])),
        ("version", text(&send["version"])),
        ("filetype", "bdist_wheel"),
        ("pyversion", "py3"),
        ("summary", "x"),
    ] {
        set(name, value.into());
    }
    let wanted = send.get("digests").map_or(vec!["sha256"], |names| list(names).iter().map(text).collect());
    for name in wanted {
        set(&format!("{name}_digest"), digest(name, bytes).into());
    }
    for (name, value) in send["fields"].as_object().into_iter().flatten() {
        set(name, text(value).into());
    }
    for (name, length) in send["fields_fill"].as_object().into_iter().flatten() {
        set(name, vec![b'a'; length.as_u64().unwrap() as usize]);
    }
    fields.retain(|(name, _)| !list(&send["omit"]).iter().any(|omitted| omitted == name));
    for (name, value) in send["fields_b64"].as_object().into_iter().flatten() {
        fields.push((name.clone(), base64::engine::general_purpose::STANDARD.decode(text(value)).unwrap()));
    }
    for pair in list(&send["repeat"]) {
        fields.push((text(&pair[0]).to_owned(), text(&pair[1]).into()));
    }
    fields
}

/// The form that the case describes, as raw bytes: nothing between the corpus and the socket may tidy it up.
fn form(case: &Value, bytes: &[u8]) -> Vec<u8> {
    let send = &case["send"];
    let mut body = Vec::new();
    let mut part = |head: &str, value: &[u8]| {
        body.extend_from_slice(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    };
    for (name, value) in fields(send, bytes) {
        part(&format!("name=\"{name}\""), &value);
    }
    if let [name, filename, value] = list(&send["extra_part"]) {
        part(&format!("name=\"{}\"; filename=\"{}\"", text(name), text(filename)), text(value).as_bytes());
    }
    let filename = match send["content_plain"].as_bool() {
        Some(true) => String::new(),
        _ => format!("; filename=\"{}\"", text(&send["filename"]).replace('"', "%22")),
    };
    let head = format!("name=\"content\"{filename}\r\nContent-Type: application/octet-stream");
    if !list(&send["omit"]).iter().any(|omitted| omitted == "content") {
        part(&head, bytes);
    }
    if send["content_twice"] == true {
        part(&head, &[bytes, b"x"].concat());
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

const BOUNDARY: &str = "badinputBoundary7f3a";

fn digest(name: &str, bytes: &[u8]) -> String {
    use sha2::Digest as _;
    match name {
        "sha256" => hex::encode(sha2::Sha256::digest(bytes)),
        "md5" => hex::encode(md5::Md5::digest(bytes)),
        _ => blake2b_simd::Params::new().hash_length(32).hash(bytes).to_hex().to_string(),
    }
}

async fn send(server: &TestServer, corpus: &Corpus, case: &Value) -> Answer {
    let request = server.request(Method::POST, "/legacy/").basic_auth("__token__", Some(server.token()));
    let request = request.header("Accept", "application/json");
    let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
    answer(request.body(form(case, &corpus.bytes(case)))).await
}

/// Names of the files that the upload channel holds.
async fn listed(server: &TestServer) -> BTreeSet<String> {
    let view = server.app().index.open_view(&"staging".parse().unwrap()).await.unwrap();
    let files = server.app().index.list_channel_files(&view).await.unwrap();
    files.into_iter().map(|file| file.stored.file.filename).collect()
}

/// The bytes of METADATA as clients get them.
async fn served_metadata(server: &TestServer, filename: &str) -> Vec<u8> {
    let file = server.app().index.find_file(filename).await.unwrap().unwrap().file;
    let path = ferrywheel::simple::file_path(&file.digests.sha256, filename);
    server.get(&format!("/{path}.metadata")).await.body.to_vec()
}

/// The bytes of METADATA in a wheel.
fn metadata_of(wheel: &[u8]) -> Vec<u8> {
    let listing = read_zip(wheel, wheel.len() as u64, &Limits::default()).unwrap();
    let entry = listing.files().find(|entry| entry.path.as_str().ends_with(".dist-info/METADATA")).unwrap();
    read_entry(wheel, entry, 1 << 20).unwrap()
}

/// Classes that an answer names: those of its findings that refuse, or what its code stands for.
fn reasons(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let findings = list(&body["findings"]).iter().filter(|finding| finding["severity"] == "refuse");
    let mut reasons: Vec<String> = findings.map(|finding| text(&finding["reason"]).to_owned()).collect();
    let by_code = match text(&body["type"]).rsplit('#').next() {
        Some("ingest-file-conflict" | "ingest-same-wheel") => Some("conflict"),
        Some("ingest-action-gone") => Some("form-invalid"),
        _ => None,
    };
    reasons.extend(by_code.map(str::to_owned));
    reasons
}

/// What is wrong with the answer to a case; nothing if it is as the corpus asks.
async fn judge(server: &TestServer, corpus: &Corpus, case: &Value) -> Option<String> {
    let before = listed(server).await;
    let mut last = send(server, corpus, case).await;
    if case["send"]["times"] == 2 {
        last = send(server, corpus, case).await;
    }
    let after = listed(server).await;
    let filename = text(&case["send"]["filename"]);
    if last.status >= 500 {
        return Some(format!("server error {}: {:?}", last.status, last.body));
    }
    match text(&case["expect"]) {
        "accept" if last.status != 200 => return Some(format!("refused with {}: {}", last.status, last.text())),
        "accept" if !after.contains(filename) => return Some("accepted, but not listed".to_owned()),
        "accept" if list(&case["verify"]).iter().any(|what| what == "core-metadata-equals-wheel") => {
            let served = served_metadata(server, filename).await;
            if served != metadata_of(&corpus.bytes(case)) {
                return Some("other metadata is served than the wheel has".to_owned());
            }
        }
        "reject" if !(400..500).contains(&last.status) => return Some(format!("answered {}", last.status)),
        "reject" if after != before => return Some("refused, but something new is listed".to_owned()),
        "reject" => {
            let found = reasons(&last);
            let right: BTreeSet<&str> = [&case["reason"]].into_iter().chain(list(&case["alt"])).map(text).collect();
            if !found.first().is_some_and(|first| right.contains(first.as_str())) {
                return Some(format!("for {found:?}, not {right:?}: {}", last.text()));
            }
        }
        _ => {}
    }
    let allowed: Vec<u64> = list(&case["status"]).iter().filter_map(Value::as_u64).collect();
    (!allowed.is_empty() && !allowed.contains(&u64::from(last.status)))
        .then(|| format!("status {} is none of {allowed:?}", last.status))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_corpus_gets_its_verdict_and_its_reason() {
    let corpus = Corpus::generate("verdicts");
    let server = TestServer::start().await;
    let (mut counts, mut wrong) = (BTreeMap::<(&str, &str), u32>::new(), Vec::new());
    for case in corpus.cases.iter().filter(|case| GROUPS.contains(&text(&case["group"]))) {
        if let Some(first) = case["before"].as_str() {
            assert_eq!(send(&server, &corpus, corpus.find(first)).await.status, 200, "{first}");
        }
        *counts.entry((text(&case["group"]), text(&case["expect"]))).or_default() += 1;
        let id = text(&case["id"]);
        let is_known = DEVIATIONS.iter().any(|(known, _)| *known == id);
        match judge(&server, &corpus, case).await {
            Some(fault) if !is_known => wrong.push(format!("{id} ({}): {fault}", text(&case["what"]))),
            None if is_known => wrong.push(format!("{id} is as the corpus asks; it is no deviation")),
            _ => {}
        }
    }
    println!("{counts:?}, {} known deviations", DEVIATIONS.len());
    assert!(wrong.is_empty(), "{} unlike the corpus:\n{}", wrong.len(), wrong.join("\n"));
    let left: Vec<_> = std::fs::read_dir(server.data().join("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
