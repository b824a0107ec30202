//! A client of the batch API, and archives to send.

use std::io::Write as _;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::answer;
use super::{Answer, TestServer, Wheel};

/// An open batch and who uses it.
#[derive(Clone)]
pub struct Batch<'a> {
    pub server: &'a TestServer,
    pub id: String,
    pub token: String,
}

impl<'a> Batch<'a> {
    /// Opens one for `staging` with the first token.
    pub async fn open(server: &'a TestServer) -> Self {
        Self::open_as(server, server.token()).await
    }

    /// Opens one for `staging`.
    pub async fn open_as(server: &'a TestServer, token: &str) -> Self {
        let request = server.request(Method::POST, "/api/v1/batches").bearer_auth(token);
        let opened = answer(request.json(&json!({"channel": "staging"}))).await;
        assert_eq!(opened.status, 201, "{}", opened.text());
        let view = opened.json();
        let id = view["id"].as_str().unwrap().to_owned();
        assert_eq!(opened.header("location"), format!("/api/v1/batches/{id}"));
        assert_eq!((&view["state"], &view["channel"], &view["files"]), (&json!("open"), &json!("staging"), &json!([])));
        Self { server, id, token: token.to_owned() }
    }

    /// The same batch in the hands of somebody else.
    pub fn by(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    pub fn path(&self, below: &str) -> String {
        format!("/api/v1/batches/{}{below}", self.id)
    }

    pub fn request(&self, method: Method, below: &str) -> reqwest::RequestBuilder {
        self.server.request(method, &self.path(below)).bearer_auth(&self.token)
    }

    pub async fn get(&self, below: &str) -> Answer {
        answer(self.request(Method::GET, below)).await
    }

    pub async fn put(&self, filename: &str, bytes: impl Into<reqwest::Body>) -> Answer {
        answer(self.request(Method::PUT, &format!("/files/{filename}")).body(bytes)).await
    }

    pub async fn put_wheel(&self, wheel: &Wheel) -> Answer {
        self.put(&wheel.filename(), wheel.build()).await
    }

    /// Sends the bytes from `from` up to `to` of a file.
    pub async fn put_part(&self, filename: &str, whole: &Bytes, from: usize, to: usize) -> Answer {
        let range = format!("bytes {from}-{}/{}", to - 1, whole.len());
        let request = self.request(Method::PUT, &format!("/files/{filename}")).header("Content-Range", range);
        answer(request.body(whole.slice(from..to))).await
    }

    /// How many bytes of a file are here; nothing if none was begun.
    pub async fn offset(&self, filename: &str) -> Option<u64> {
        let head = answer(self.request(Method::HEAD, &format!("/files/{filename}"))).await;
        match head.status {
            200 => Some(head.header("upload-offset").parse().unwrap()),
            404 => None,
            status => panic!("{status}"),
        }
    }

    pub async fn archive(&self, bytes: impl Into<reqwest::Body>) -> Answer {
        answer(self.request(Method::POST, "/archive").body(bytes)).await
    }

    pub async fn commit(&self) -> Answer {
        answer(self.request(Method::POST, "/commit")).await
    }

    pub async fn remove(&self, filename: &str) -> u16 {
        answer(self.request(Method::DELETE, &format!("/files/{filename}"))).await.status
    }

    pub async fn abandon(&self) -> u16 {
        answer(self.request(Method::DELETE, "")).await.status
    }

    /// `name: verdict` of each file, as the batch tells it.
    pub async fn verdicts(&self) -> Vec<String> {
        verdicts(&self.get("").await.json())
    }
}

/// `name: verdict` of each file in an answer.
pub fn verdicts(view: &Value) -> Vec<String> {
    let line = |file: &Value| format!("{}: {}", file["filename"].as_str().unwrap(), file["verdict"].as_str().unwrap());
    view["files"].as_array().unwrap().iter().map(line).collect()
}

/// A tar, member by member.
#[derive(Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    /// A file.
    pub fn file(self, path: &str, content: &[u8]) -> Self {
        self.member(path, b'0', "", content)
    }

    /// A wheel under its own name in a folder.
    pub fn wheel(self, folder: &str, wheel: &Wheel) -> Self {
        self.file(&format!("{folder}{}", wheel.filename()), &wheel.build())
    }

    /// A member of any kind.
    pub fn member(mut self, path: &str, kind: u8, target: &str, content: &[u8]) -> Self {
        let mut block = [0_u8; 512];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[156] = kind;
        block[157..157 + target.len()].copy_from_slice(target.as_bytes());
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&block);
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The whole archive.
    pub fn build(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    /// Packed with gzip.
    pub fn gz(self) -> Vec<u8> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(&self.build()).unwrap();
        packed.finish().unwrap()
    }

    /// Packed with zstd.
    pub fn zst(self) -> Vec<u8> {
        zstd::bulk::compress(&self.build(), 1).unwrap()
    }
}
