//! Another index for tests of the mirror: it answers what a test tells it to, the truth or not, and remembers who asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ferrywheel::model::Sha256Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::Wheel;

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub path: String,
    pub authorization: Option<String>,
    pub accept: String,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// How much of the body is sent before the connection is closed.
    pub sent_bytes: usize,
}

impl Reply {
    pub fn ok(content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, sent_bytes: body.len(), body }
    }

    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), sent_bytes: 0 }
    }

    pub fn redirect(location: &str) -> Self {
        let headers = vec![("location".to_owned(), location.to_owned())];
        Self { headers, ..Self::status(302) }
    }

    pub fn cut(mut self, sent_bytes: usize) -> Self {
        self.sent_bytes = sent_bytes;
        self
    }
}

/// A running index. Each path has a list of answers: one a request, the last one for ever; what has none is 404.
pub struct FakeUpstream {
    address: SocketAddr,
    replies: Arc<Mutex<BTreeMap<String, Vec<Reply>>>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: JoinHandle<()>,
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeUpstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let replies: Arc<Mutex<BTreeMap<String, Vec<Reply>>>> = Arc::default();
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (told, heard) = (replies.clone(), asked.clone());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (told, heard) = (told.clone(), heard.clone());
                tokio::spawn(async move { answer(stream, &told, &heard).await });
            }
        });
        Self { address, replies, asked, task }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the answers of a path.
    pub fn says(&self, path: &str, replies: &[Reply]) {
        self.replies.lock().unwrap().insert(path.to_owned(), replies.to_vec());
    }

    /// Everything that was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Paths that were asked for, sorted, each once.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.asked().into_iter().map(|asked| asked.path).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Offers files in the JSON form; pages, metadata and bytes are all true.
    pub fn offers(&self, offers: &[Offer]) {
        let mut pages: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for offer in offers {
            pages.entry(&offer.name).or_default().push(offer.json());
            self.says(&offer.path(), &[Reply::ok("application/octet-stream", offer.bytes())]);
            self.says(&format!("{}.metadata", offer.path()), &[Reply::ok("text/plain", offer.metadata())]);
        }
        for (name, files) in pages {
            let body = format!(r#"{{"meta":{{"api-version":"1.4"}},"name":"{name}","files":[{}]}}"#, files.join(","));
            self.says(&format!("/simple/{name}/"), &[Reply::ok("application/vnd.pypi.simple.v1+json", body)]);
        }
    }

    /// Offers files of one project in the HTML form, without metadata beside them.
    pub fn offers_in_html(&self, offers: &[Offer]) {
        let anchors: String = offers.iter().map(Offer::html).collect();
        self.says(&format!("/simple/{}/", offers[0].name), &[Reply::ok("text/html", anchors)]);
        for offer in offers {
            self.says(&offer.path(), &[Reply::ok("application/octet-stream", offer.bytes())]);
        }
    }
}

async fn answer(mut stream: TcpStream, told: &Mutex<BTreeMap<String, Vec<Reply>>>, heard: &Mutex<Vec<Asked>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let asked = Asked {
        path: path.clone(),
        authorization: header("authorization"),
        accept: header("accept").unwrap_or_default(),
    };
    heard.lock().unwrap().push(asked);
    let reply = {
        let mut told = told.lock().unwrap();
        match told.get_mut(&path) {
            Some(replies) if replies.len() > 1 => replies.remove(0),
            Some(replies) => replies[0].clone(),
            None => Reply::status(404),
        }
    };
    let mut text =
        format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    // The client may have gone away; that is its right.
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.write_all(&reply.body[..reply.sent_bytes.min(reply.body.len())]).await;
    let _ = stream.shutdown().await;
}

/// One wheel that an index offers, with what its page says of it.
#[derive(Clone, Debug)]
pub struct Offer {
    pub name: String,
    version: String,
    requires: Vec<String>,
    pub sha256: Option<Sha256Digest>,
    pub size_bytes: Option<usize>,
    pub metadata_sha256: Option<Sha256Digest>,
    pub has_metadata: bool,
    pub yanked: Option<String>,
    pub provenance: Option<String>,
}

impl Offer {
    pub fn new(name: &str, version: &str, requires: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            requires: requires.iter().map(ToString::to_string).collect(),
            sha256: None,
            size_bytes: None,
            metadata_sha256: None,
            has_metadata: true,
            yanked: None,
            provenance: None,
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn wheel(&self) -> Wheel {
        self.requires.iter().fold(Wheel::new(&self.name, &self.version), |wheel, it| wheel.requires(it))
    }

    pub fn filename(&self) -> String {
        self.wheel().filename()
    }

    pub fn path(&self) -> String {
        format!("/files/{}", self.filename())
    }

    pub fn bytes(&self) -> Bytes {
        self.wheel().build()
    }

    fn metadata(&self) -> String {
        let requires: String = self.requires.iter().map(|it| format!("Requires-Dist: {it}\n")).collect();
        format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n{requires}", self.name, self.version)
    }

    fn json(&self) -> String {
        let bytes = self.bytes();
        let sha256 = self.sha256.unwrap_or_else(|| Sha256Digest::of(&bytes));
        let metadata = self.metadata_sha256.unwrap_or_else(|| Sha256Digest::of(self.metadata().as_bytes()));
        let metadata = if self.has_metadata { format!(r#"{{"sha256":"{metadata}"}}"#) } else { "false".to_owned() };
        let yanked = self.yanked.as_ref().map_or_else(|| "false".to_owned(), |reason| format!("\"{reason}\""));
        let provenance = self.provenance.as_ref().map_or_else(|| "null".to_owned(), |url| format!("\"{url}\""));
        format!(
            r#"{{"filename":"{}","url":"../..{}","hashes":{{"sha256":"{sha256}"}},"size":{},"yanked":{yanked},
            "provenance":{provenance},
            "upload-time":"2026-01-02T03:04:05.000006Z","core-metadata":{metadata}}}"#,
            self.filename(),
            self.path(),
            self.size_bytes.unwrap_or(bytes.len()),
        )
    }

    fn html(&self) -> String {
        let sha256 = self.sha256.unwrap_or_else(|| Sha256Digest::of(&self.bytes()));
        format!("<a href=\"../..{}#sha256={sha256}\">{}</a><br>\n", self.path(), self.filename())
    }
}
