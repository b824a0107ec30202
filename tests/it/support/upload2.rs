//! A client of PEP 694 that hides nothing.

use ferrywheel::model::Sha256Digest;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::answer;
use super::{Answer, TestServer, Wheel};

/// What the JSON of the API is called.
pub const CONTENT_TYPE: &str = "application/vnd.pypi.upload.v2+json";

/// Somebody with a token.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub server: &'a TestServer,
    pub token: &'a str,
}

impl Client<'_> {
    /// A request with these members beside `meta`; none without a body.
    pub async fn call(&self, method: Method, url: &str, body: Option<Value>) -> Answer {
        let path = url.strip_prefix(&self.server.url()).unwrap_or(url);
        let mut request = self.server.request(method, path).bearer_auth(self.token);
        if let Some(mut body) = body {
            body["meta"] = json!({"api-version": "2.0"});
            request = request.header("content-type", CONTENT_TYPE).body(body.to_string());
        }
        answer(request).await
    }

    pub async fn get(&self, url: &str) -> Answer {
        self.call(Method::GET, url, None).await
    }

    pub async fn delete(&self, url: &str) -> Answer {
        self.call(Method::DELETE, url, None).await
    }

    pub async fn post(&self, url: &str) -> Answer {
        self.call(Method::POST, url, Some(json!({}))).await
    }

    pub async fn open(&self, name: &str, version: &str) -> Answer {
        self.call(Method::POST, "/upload/2.0/", Some(json!({"name": name, "version": version}))).await
    }

    /// Announces a file of these bytes.
    pub async fn begin(&self, session: &Value, filename: &str, bytes: &[u8]) -> Answer {
        let hashes = json!({"sha256": Sha256Digest::of(bytes).to_hex()});
        let body = json!({
            "filename": filename, "size": bytes.len(), "hashes": hashes, "mechanism": "http-post-bytes",
        });
        self.call(Method::POST, text(&session["links"]["upload"]), Some(body)).await
    }

    /// Sends bytes by the one mechanism.
    pub async fn send(&self, file: &Value, bytes: impl Into<reqwest::Body>) -> Answer {
        let url = text(&file["mechanism"]["file_url"]);
        let path = url.strip_prefix(&self.server.url()).unwrap();
        let request = self.server.request(Method::POST, path).bearer_auth(self.token);
        answer(request.header("content-type", "application/octet-stream").body(bytes)).await
    }

    pub async fn complete(&self, file: &Value) -> Answer {
        self.post(text(&file["links"]["complete"])).await
    }

    pub async fn publish(&self, session: &Value) -> Answer {
        self.post(text(&session["links"]["publish"])).await
    }

    /// Announces, sends and completes a wheel.
    pub async fn put(&self, session: &Value, wheel: &Wheel) -> Value {
        let bytes = wheel.build();
        let file = self.begin(session, &wheel.filename(), &bytes).await;
        assert_eq!(file.status, 202, "{}", file.text());
        let file = file.json();
        let sent = self.send(&file, bytes).await;
        assert_eq!(sent.status, 204, "{}", sent.text());
        let completed = self.complete(&file).await;
        assert_eq!(completed.status, 201, "{}", completed.text());
        file
    }
}

/// A member that is text.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// Status of a session, and that of each of its files.
pub fn states(session: &Value) -> (String, Vec<(String, String)>) {
    let files = session["files"].as_object().unwrap().iter();
    let files = files.map(|(name, file)| (name.clone(), text(&file["status"]).to_owned())).collect();
    (text(&session["status"]).to_owned(), files)
}
