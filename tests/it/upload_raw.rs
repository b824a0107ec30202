//! The part of the bad-input corpus that is no form: broken requests, smuggling, hostile URLs and headers, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use regex::bytes::Regex;
use serde_json::Value;
use tokio::task::{JoinSet, spawn_blocking};

use super::support::{TestServer, Wheel};
use super::upload_corpus::{Corpus, list, text};

/// How long the first byte of an answer is waited for; a server may rightly wait for the rest of a request.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long more is waited for after that.
const PAUSE: Duration = Duration::from_millis(700);

/// Everything that the server says to these bytes.
fn talk(address: SocketAddr, request: &[u8], half_close: bool) -> Vec<u8> {
    let mut socket = TcpStream::connect(address).unwrap();
    // An early answer and a close may meet us while we still write.
    let _ = socket.write_all(request);
    if half_close {
        let _ = socket.shutdown(Shutdown::Write);
    }
    let (mut answer, mut buffer) = (Vec::new(), [0; 1 << 16]);
    loop {
        let wait = if answer.is_empty() { PATIENCE } else { PAUSE };
        socket.set_read_timeout(Some(wait)).unwrap();
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return answer,
            Ok(length) => answer.extend_from_slice(&buffer[..length]),
        }
    }
}

fn statuses(answer: &[u8]) -> Vec<u64> {
    let lines = Regex::new(r"(?-u)(?:\A|\n|\}|>)HTTP/1\.[01] (\d{3})").unwrap();
    let found = lines.captures_iter(answer).map(|line| std::str::from_utf8(&line[1]).unwrap().parse().unwrap());
    found.filter(|status| *status != 100).collect()
}

/// Fills in what the corpus leaves open.
struct Filler {
    host: String,
    authorization: String,
    stored_file: String,
}

impl Filler {
    fn raw(&self, request: &[u8]) -> Vec<u8> {
        let at = request.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(request.len());
        let (head, body) = request.split_at(at);
        let head = self.fill(head);
        if body.len() < 4096 { [head, self.fill(body)].concat() } else { [&head[..], body].concat() }
    }

    fn fill(&self, bytes: &[u8]) -> Vec<u8> {
        // Latin-1 both ways keeps bytes as they are.
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = text
            .replace("{{HOST}}", &self.host)
            .replace("{{UPLOAD}}", "/legacy/")
            .replace("{{SIMPLE}}", "/staging/simple/")
            .replace("{{AUTH}}", &self.authorization);
        text.chars().map(|letter| letter as u8).collect()
    }

    fn request(&self, send: &Value) -> Vec<u8> {
        let target = text(&send["target"]).replace("{F}", "packages").replace("{FILE}", &self.stored_file);
        let mut request = format!("{} {target} HTTP/1.1\r\n", text(&send["method"]));
        let headers = send["headers"].as_object().unwrap();
        let mut add = |name: &str, value: &str| request.push_str(&format!("{name}: {value}\r\n"));
        if !headers.contains_key("Host") {
            add("Host", &self.host);
        }
        if !headers.contains_key("Connection") {
            add("Connection", "close");
        }
        for (name, value) in headers {
            add(name, text(value));
        }
        if !headers.contains_key("Authorization") {
            request.push_str(&self.authorization);
        }
        format!("{request}\r\n").into_bytes()
    }
}

/// What is wrong with the answer to a case; nothing if it is as the corpus asks.
fn judge(case: &Value, answer: &[u8]) -> Option<String> {
    let found = statuses(answer);
    let first = found.first().copied();
    let most = case["send"]["max_responses"].as_u64().unwrap_or(1) as usize;
    // A 400 for bytes that are left over is no second request that got through.
    if found.len() > most && found[1..] != [400] {
        return Some(format!("{} answers: {found:?}", found.len()));
    }
    let allowed: Vec<u64> = list(&case["status"]).iter().filter_map(Value::as_u64).collect();
    match first {
        Some(status) if case["expect"] == "reject" && !(400..=505).contains(&status) => {
            return Some(format!("answered {status}"));
        }
        Some(status) if !allowed.is_empty() && !allowed.contains(&status) => {
            return Some(format!("status {status} is none of {allowed:?}"));
        }
        Some(status) if status >= 500 && !allowed.contains(&status) => return Some(format!("server error {status}")),
        _ => {}
    }
    let answer = String::from_utf8_lossy(answer).to_lowercase();
    let missing = list(&case["need"]).iter().find(|part| first == Some(200) && !answer.contains(text(part)));
    let forbidden = list(&case["never"]).iter().find(|part| answer.contains(&text(part).to_lowercase()));
    match (missing, forbidden) {
        (Some(part), _) => Some(format!("the answer lacks {part}")),
        (_, Some(part)) => Some(format!("the answer holds {part}: {answer}")),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_and_hostile_urls_get_one_safe_answer() {
    let corpus = Corpus::generate("verdicts");
    let server = TestServer::start().await;
    let wheel = Wheel::new("demo", "1.0");
    let stored = server.put_file("staging", &wheel.filename(), wheel.build()).await.json();
    let sha256 = text(&stored["sha256"]).parse().unwrap();
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("__token__:{}", server.token()));
    let filler = Filler {
        host: server.address().to_string(),
        authorization: format!("Authorization: Basic {credentials}\r\n"),
        stored_file: format!("/{}", ferrywheel::simple::file_path(&sha256, &wheel.filename())),
    };
    let mut talks = JoinSet::new();
    for case in corpus.cases.iter().filter(|case| case["group"] == "http" || case["group"] == "url") {
        let request = match text(&case["send"]["kind"]) {
            "raw" => filler.raw(&corpus.bytes(case)),
            _ => filler.request(&case["send"]),
        };
        let (case, address) = (case.clone(), server.address());
        talks.spawn(async move {
            let half_close = case["id"] == "mp-client-abort";
            let answer = spawn_blocking(move || talk(address, &request, half_close)).await.unwrap();
            judge(&case, &answer).map(|fault| format!("{} ({}): {fault}", text(&case["id"]), text(&case["what"])))
        });
    }
    let count = talks.len();
    let mut wrong: Vec<String> = talks.join_all().await.into_iter().flatten().collect();
    wrong.sort();
    println!("{count} requests");
    assert!(wrong.is_empty(), "{} unlike the corpus:\n{}", wrong.len(), wrong.join("\n"));
    let view = server.app().index.open_view(&"staging".parse().unwrap()).await.unwrap();
    let projects = server.app().index.list_projects(&view).await.unwrap();
    // Of two file names in one part the plain one counts; all other requests are refused.
    let names: Vec<&str> = projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["bi-mp-two-filenames", "demo"], "nothing else was stored");
}
