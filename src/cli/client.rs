//! The client half of the command line: the same API that everybody else uses.

use std::io::SeekFrom;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use url::Url;

use super::failure::{Exit, Failure};
use super::{Environment, ServerArgs};
use crate::app::ADMIN_TOKEN_FILE;
use crate::config::Settings;
use crate::model::{Finding, Sha256Digest, innermost_cause};

/// Talks to one server.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    sent_bytes: Arc<AtomicU64>,
}

/// The rest of a file.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Bytes that are there already.
    pub offset: u64,
    /// Length of the whole file in bytes.
    pub size_bytes: u64,
}

/// How it stands with a file that is on its way.
pub struct Standing<T> {
    /// Bytes that have arrived.
    pub offset: u64,
    /// Whether that is all of them.
    pub is_complete: bool,
    /// What else is said of it.
    pub answer: T,
}

/// The parts of a problem answer that people are shown (RFC 9457, with our members).
#[derive(Deserialize)]
struct ProblemAnswer {
    detail: Option<String>,
    title: Option<String>,
    code: Option<String>,
    hint: Option<String>,
    #[serde(default)]
    findings: Vec<Finding>,
}

impl Client {
    /// The server that the flag or `FERRYWHEEL_SERVER` names, else the default address of this machine.
    ///
    /// The token is `FERRYWHEEL_TOKEN`. Only for the default address, the token file in the default data directory is
    /// read too: a token of this machine is never sent to a server that somebody named.
    pub fn new(server: &ServerArgs, environment: &Environment) -> Result<Self, Failure> {
        let variable = |name: &str| environment.get(name).filter(|value| !value.trim().is_empty());
        let named = server.server.as_ref().or_else(|| variable("FERRYWHEEL_SERVER"));
        let token = variable("FERRYWHEEL_TOKEN").map(|token| token.trim().to_owned());
        let token = match (token, named) {
            (Some(token), _) => Some(token),
            (None, Some(_)) => None,
            (None, None) => read_token(&Settings::default().data),
        };
        let address = named.cloned().unwrap_or_else(|| format!("http://{}", Settings::default().listen));
        Self::at(&address, token)
    }

    /// A client for an address, with or without a token.
    pub fn at(address: &str, token: Option<String>) -> Result<Self, Failure> {
        let usage =
            |reason: String| Failure::new(Exit::Usage, format!("`{address}` is not a server's address: {reason}"));
        let mut base = Url::parse(address).map_err(|error| usage(error.to_string()))?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut builder = reqwest::Client::builder().user_agent(concat!("ferrywheel/", env!("CARGO_PKG_VERSION")));
        if is_this_machine(&base) {
            // No proxy reaches what only this machine does, whatever the variables say.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| usage(innermost_cause(&error)))?;
        Ok(Self { http, base, token, sent_bytes: Arc::default() })
    }

    /// Address below the server's, without a leading slash.
    pub fn url(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path).map_err(|error| Failure::new(Exit::Usage, format!("`{path}` is no path: {error}")))
    }

    /// Sends JSON and reads a JSON answer.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.json(self.request(Method::POST, path)?.header("accept", "application/json").json(body)).await
    }

    /// Reads a JSON answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(self.request(Method::GET, path)?.header("accept", "application/json")).await
    }

    /// Asks for something to be taken away, and reads a JSON answer.
    pub async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.json(self.request(Method::DELETE, path)?.header("accept", "application/json")).await
    }

    /// As [`Client::post`], with another method.
    pub async fn send_json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        self.json(self.request(method, path)?.header("accept", "application/json").json(body)).await
    }

    /// Sends JSON and reads the answer as text, of the type that `accept` names.
    pub async fn post_for_text(&self, path: &str, body: &impl Serialize, accept: &str) -> Result<String, Failure> {
        // A refusal is read as a problem, whatever the answer itself would be.
        let accept = format!("{accept}, application/problem+json;q=0.1");
        let answer = self.send(self.request(Method::POST, path)?.header("accept", accept).json(body)).await?;
        answer.text().await.map_err(|error| self.unreachable(&error))
    }

    /// Sends a file's bytes, or for `-` what comes on standard input, and reads a JSON answer.
    pub async fn post_file<T: DeserializeOwned>(&self, path: &str, file: &Path) -> Result<T, Failure> {
        let request = self.request(Method::POST, path)?.header("accept", "application/json");
        let unreadable = |error| Failure::new(Exit::Usage, format!("`{}` cannot be read: {error}", file.display()));
        let opened = match file == Path::new("-") {
            true => std::io::stdin().as_fd().try_clone_to_owned().map(|input| std::fs::File::from(input).into()),
            false => tokio::fs::File::open(file).await,
        };
        let opened: tokio::fs::File = opened.map_err(unreadable)?;
        if opened.metadata().await.map_err(unreadable)?.is_dir() {
            // Opening one succeeds; reading fails, and that would look like a server that does not answer.
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(opened, 256 << 10));
        self.json(request.header("content-type", "application/octet-stream").body(body)).await
    }

    /// Sends the rest of a file from an offset on and reads a JSON answer; the bar moves with it, and back if it fails.
    pub async fn put_part<T: DeserializeOwned>(
        &self,
        path: &str,
        file: &Path,
        part: Part,
        bar: &ProgressBar,
    ) -> Result<T, Failure> {
        let Part { offset, size_bytes } = part;
        let length = size_bytes - offset;
        let (body, moved) = self.body_with_bar(file, offset, bar).await?;
        let mut request = self.request(Method::PUT, path)?.header("content-length", length).body(body);
        if offset > 0 {
            let last = size_bytes.saturating_sub(1);
            request = request.header("content-range", format!("bytes {offset}-{last}/{size_bytes}"));
        }
        let request = request.header("accept", "application/json").header("content-type", "application/octet-stream");
        self.json(request).await.inspect_err(|_| bar.dec(moved.load(Ordering::Relaxed)))
    }

    /// Sends a file as the body of a `POST` and reads a JSON answer; the bar moves as in [`Client::put_part`].
    pub async fn post_with_bar<T: DeserializeOwned>(
        &self,
        path: &str,
        file: &Path,
        bar: &ProgressBar,
    ) -> Result<T, Failure> {
        let length = tokio::fs::metadata(file).await.map_err(|error| unreadable(file, &error))?.len();
        let (body, moved) = self.body_with_bar(file, 0, bar).await?;
        let request = self.request(Method::POST, path)?.header("content-length", length).body(body);
        let request = request.header("accept", "application/json").header("content-type", "application/octet-stream");
        self.json(request).await.inspect_err(|_| bar.dec(moved.load(Ordering::Relaxed)))
    }

    /// How much of a file has arrived; `None` if nothing is known of it.
    pub async fn standing<T: DeserializeOwned>(&self, path: &str) -> Result<Option<Standing<T>>, Failure> {
        let request = self.request(Method::GET, path)?.header("accept", "application/json");
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let offset = header("upload-offset").and_then(|offset| offset.parse().ok()).unwrap_or_default();
        let is_complete = header("upload-complete").is_some_and(|value| value == "?1");
        let answer = self.read_json(judge(answer).await?).await?;
        Ok(Some(Standing { offset, is_complete, answer }))
    }

    /// Asks for something to be taken away; it may be gone already.
    pub async fn take_away(&self, path: &str) -> Result<(), Failure> {
        let answer = self.request(Method::DELETE, path)?.header("accept", "application/json").send().await;
        let answer = answer.map_err(|error| self.unreachable(&error))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(()),
            _ => judge(answer).await.map(drop),
        }
    }

    /// Bytes of files that were sent so far, also those that were sent again.
    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    /// A file from an offset on as a body that moves the bar; also what it has moved it by.
    async fn body_with_bar(
        &self,
        file: &Path,
        offset: u64,
        bar: &ProgressBar,
    ) -> Result<(reqwest::Body, Arc<AtomicU64>), Failure> {
        let mut opened = tokio::fs::File::open(file).await.map_err(|error| unreadable(file, &error))?;
        opened.seek(SeekFrom::Start(offset)).await.map_err(|error| unreadable(file, &error))?;
        let (moved, sent, bar) = (Arc::new(AtomicU64::new(offset)), self.sent_bytes.clone(), bar.clone());
        bar.inc(offset);
        let counted = moved.clone();
        let stream = tokio_util::io::ReaderStream::with_capacity(opened, 256 << 10).inspect_ok(move |piece| {
            let length = piece.len() as u64;
            bar.inc(length);
            counted.fetch_add(length, Ordering::Relaxed);
            sent.fetch_add(length, Ordering::Relaxed);
        });
        Ok((reqwest::Body::wrap_stream(stream), moved))
    }

    /// The server's address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Writes what `path` answers into `target`: beside it first, then renamed, so that no half file is left.
    pub async fn download(&self, path: &str, expected: &Sha256Digest, target: &Path) -> Result<u64, Failure> {
        use sha2::Digest as _;
        let answer = self.send(self.request(Method::GET, path)?).await?;
        let failed = |error: std::io::Error| {
            Failure::new(Exit::Refused, format!("`{}` cannot be written: {error}", target.display()))
        };
        let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let beside = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
        let mut file = tokio::fs::File::from_std(beside.reopen().map_err(failed)?);
        let mut hasher = sha2::Sha256::new();
        let mut length = 0;
        let mut body = answer.bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| self.unreachable(&error))?;
            hasher.update(&chunk);
            length += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.sync_all().await.map_err(failed)?;
        let received = Sha256Digest::from_bytes(hasher.finalize().into());
        if received != *expected {
            let text =
                format!("what arrived has SHA-256 {received}, the server announced {expected}; nothing was kept");
            return Err(Failure::new(Exit::Refused, text).with_hint("Repeat the command."));
        }
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(beside.path(), std::fs::Permissions::from_mode(0o755)).map_err(failed)?;
        beside.persist(target).map_err(|error| failed(error.error))?;
        Ok(length)
    }

    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Failure> {
        let request = self.http.request(method, self.url(path)?);
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Failure> {
        let answer = self.send(request).await?;
        self.read_json(answer).await
    }

    async fn read_json<T: DeserializeOwned>(&self, answer: Response) -> Result<T, Failure> {
        answer.json().await.map_err(|error| {
            let text = format!("`{}` answered something else than expected: {error}", self.base);
            // An answer that breaks off is a server that has gone.
            Failure { is_passing: error.is_body(), ..Failure::new(Exit::Unreachable, text) }
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        judge(answer).await
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let text = format!("`{}` does not answer: {}", self.base, innermost_cause(error));
        let hint = "Start it with `ferrywheel serve`, or name it with `--server`.";
        Failure { is_passing: true, ..Failure::new(Exit::Unreachable, text).with_hint(hint) }
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("`{}` cannot be read: {error}", file.display()))
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
        Some(url::Host::Ipv6(address)) => address.is_loopback() || address.is_unspecified(),
        None => false,
    }
}

/// An answer that is no refusal.
async fn judge(answer: Response) -> Result<Response, Failure> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    Err(refusal(answer.status(), answer.bytes().await.unwrap_or_default().as_ref()))
}

fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Exit::Unreachable,
        status if status.is_server_error() => Exit::Unreachable,
        _ => Exit::Refused,
    };
    let is_passing = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    );
    match serde_json::from_slice::<ProblemAnswer>(body) {
        Ok(problem) => Failure {
            exit,
            message: problem.detail.or(problem.title).unwrap_or_else(|| status.to_string()),
            code: problem.code,
            hint: problem.hint,
            findings: problem.findings,
            is_passing,
        },
        Err(_) => {
            let text = format!("the server answered {status}: {}", String::from_utf8_lossy(body).trim());
            Failure { is_passing, ..Failure::new(exit, text) }
        }
    }
}

/// The first token of a data directory, when this user may read it.
pub fn read_token(data: &Path) -> Option<String> {
    let token = std::fs::read_to_string(data.join(ADMIN_TOKEN_FILE)).ok()?;
    Some(token.trim().to_owned())
}
