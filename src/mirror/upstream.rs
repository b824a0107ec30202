//! Speaking to another index: pages, metadata and files, with caps, retries and no credentials for strangers.
//!
//! The only outbound HTTP of the server itself.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, NoProxy, Proxy, Response, StatusCode};
use tokio::sync::Semaphore;
use url::Url;

use super::MirrorError;
use super::html::read_html;
use super::local::{MAX_CERTIFICATES_BYTES, read_at_most};
use super::page::{ProjectPage, read_json};
use super::settings::{Credentials, Proxies, UpstreamSettings};
use crate::model::innermost_cause;
use crate::packaging::ProjectName;

/// What pages are asked for: JSON first, because only it has lengths and times.
const PAGE_TYPES: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

/// Largest page, in bytes after decoding. The largest public ones have some ten megabytes.
const MAX_PAGE_BYTES: usize = 96 << 20;

/// Most redirects of one request.
const MAX_REDIRECTS: u32 = 3;

/// How often one thing is asked for before it is given up.
pub(super) const ATTEMPTS: u32 = 4;

/// Longest time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest silence in an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for one page or metadata file, from request to last byte.
const SMALL_TIMEOUT: Duration = Duration::from_secs(90);

/// Longest pause that an answer may ask for with `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Pages and metadata files that are asked for at once: what pip and uv allow themselves on one host.
const AT_ONCE: usize = 16;

/// Another index, opened.
#[derive(Debug)]
pub struct Upstream {
    client: Client,
    index_url: Url,
    credentials: Option<Credentials>,
    first_pause: Duration,
    turns: Semaphore,
}

/// Why one attempt failed.
enum Failed {
    /// The next one may succeed; after this pause, if the answer named one.
    ForNow(Box<MirrorError>, Option<Duration>),
    /// It will not.
    ForGood(Box<MirrorError>),
}

impl Failed {
    fn for_now(error: MirrorError, pause: Option<Duration>) -> Self {
        Self::ForNow(Box::new(error), pause)
    }

    fn for_good(error: MirrorError) -> Self {
        Self::ForGood(Box::new(error))
    }

    fn into_error(self) -> MirrorError {
        match self {
            Self::ForNow(error, _) | Self::ForGood(error) => *error,
        }
    }
}

/// A small answer, whole.
struct Whole {
    /// Where it came from after redirects.
    url: Url,
    content_type: String,
    body: Bytes,
}

impl Upstream {
    /// Prepares the client; nothing is sent yet. Fails if the certificates or a proxy cannot be used.
    pub async fn open(settings: &UpstreamSettings) -> Result<Self, MirrorError> {
        let unusable = |setting, reason: &dyn std::fmt::Display| MirrorError::Setting {
            place: settings.named_by.clone(),
            setting,
            reason: reason.to_string(),
        };
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .no_proxy();
        for proxy in proxies(&settings.proxies).map_err(|()| unusable("proxy", &"it is not a URL"))? {
            builder = builder.proxy(proxy);
        }
        if let Some(path) = &settings.certificates {
            let unreadable = |reason: &dyn std::fmt::Display| {
                unusable("cert", &format!("`{}` holds no certificates: {reason}", path.display()))
            };
            let pem = read_at_most(path, MAX_CERTIFICATES_BYTES).await.map_err(|error| unreadable(&error))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unreadable(&error))?;
            if certificates.is_empty() {
                return Err(unreadable(&"the file has none in PEM form"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build().map_err(|error| unusable("cert", &innermost_cause(&error)))?;
        Ok(Self {
            client,
            index_url: settings.index_url.clone(),
            credentials: settings.credentials.clone(),
            first_pause: settings.first_pause,
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// The index in words.
    pub fn place(&self) -> String {
        format!("the upstream index `{}`", self.index_url)
    }

    /// The page of a project; `None` if there is no such project.
    pub async fn project(&self, project: &ProjectName) -> Result<Option<ProjectPage>, MirrorError> {
        let url = self.index_url.join(&format!("{project}/")).map_err(|_| MirrorError::Lost)?;
        let Some(whole) = self.small(&url, PAGE_TYPES, MAX_PAGE_BYTES).await? else { return Ok(None) };
        let shown = whole.url.to_string();
        let unusable = move |reason: String| MirrorError::Answer { url: shown, reason };
        // Reading a page of many megabytes takes longer than the runtime may be held up.
        let project = project.clone();
        let read = tokio::task::spawn_blocking(move || {
            let media_type = whole.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            match media_type.as_str() {
                "application/vnd.pypi.simple.v1+json" | "application/json" => {
                    read_json(&project, &whole.url, &whole.body)
                }
                "application/vnd.pypi.simple.v1+html" | "text/html" => {
                    Ok(read_html(&project, &whole.url, &String::from_utf8_lossy(&whole.body)))
                }
                other => Err(format!("its type is `{}`, not that of a simple page", other.escape_debug())),
            }
        });
        read.await.map_err(|_| MirrorError::Lost)?.map(Some).map_err(unusable)
    }

    /// A small file, such as `.metadata`; `None` if it is not there.
    pub async fn small_file(&self, url: &Url, limit_bytes: usize) -> Result<Option<Bytes>, MirrorError> {
        Ok(self.small(url, "*/*", limit_bytes).await?.map(|whole| whole.body))
    }

    /// Begins the download of a file. Its body is the caller's to read and to check.
    pub async fn download(&self, url: &Url) -> Result<Response, MirrorError> {
        let mut attempt = 0;
        loop {
            match self.send(url, "*/*").await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => return Err(status_error(url, response.status())),
                Err(failed) => self.pause(&mut attempt, failed).await?,
            }
        }
    }

    /// Waits before the next attempt, or gives the failure back if there is none.
    async fn pause(&self, attempt: &mut u32, failed: Failed) -> Result<(), MirrorError> {
        *attempt += 1;
        match failed {
            Failed::ForNow(_, asked) if *attempt < ATTEMPTS => {
                let doubled = self.first_pause * 2_u32.pow(*attempt - 1);
                tokio::time::sleep(asked.unwrap_or_default().max(doubled).min(LONGEST_PAUSE)).await;
                Ok(())
            }
            failed => Err(failed.into_error()),
        }
    }

    /// Waits before a download is begun anew; `attempt` counts from 1.
    pub(super) async fn pause_before(&self, attempt: u32) {
        tokio::time::sleep((self.first_pause * 2_u32.pow(attempt.min(8))).min(LONGEST_PAUSE)).await;
    }

    async fn small(&self, url: &Url, accept: &str, limit_bytes: usize) -> Result<Option<Whole>, MirrorError> {
        let _turn = self.turns.acquire().await.map_err(|_| MirrorError::Lost)?;
        let mut attempt = 0;
        loop {
            let once = tokio::time::timeout(SMALL_TIMEOUT, self.small_once(url, accept, limit_bytes)).await;
            let too_slow = || Failed::for_now(unreachable(url, "it took too long".to_owned()), None);
            match once.unwrap_or_else(|_| Err(too_slow())) {
                Ok(whole) => return Ok(whole),
                Err(failed) => self.pause(&mut attempt, failed).await?,
            }
        }
    }

    async fn small_once(&self, url: &Url, accept: &str, limit_bytes: usize) -> Result<Option<Whole>, Failed> {
        let mut response = self.send(url, accept).await?;
        match response.status() {
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            status if !status.is_success() => return Err(Failed::for_good(status_error(url, status))),
            _ => {}
        }
        let too_large = || {
            let reason = format!("it is larger than {limit_bytes} bytes");
            Failed::for_good(MirrorError::Answer { url: url.to_string(), reason })
        };
        let mut body = BytesMut::new();
        loop {
            let piece = response.chunk().await.map_err(|error| broken_off(url, &error))?;
            let Some(piece) = piece else { break };
            if body.len() + piece.len() > limit_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        Ok(Some(Whole { url: response.url().clone(), content_type, body: body.freeze() }))
    }

    /// One request with its redirects. Credentials go to the index's own origin only.
    async fn send(&self, start: &Url, accept: &str) -> Result<Response, Failed> {
        let mut url = start.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.client.get(url.clone()).header(ACCEPT, accept);
            if let Some(credentials) = self.credentials.as_ref().filter(|_| url.origin() == self.index_url.origin()) {
                request = request.basic_auth(&credentials.user, Some(&credentials.password));
            }
            let response = request.send().await.map_err(|error| broken_off(start, &error))?;
            let status = response.status();
            if is_passing(status) {
                return Err(Failed::for_now(status_error(start, status), retry_after(&response)));
            }
            if !status.is_redirection() || status == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            url = next_url(start, &response).map_err(Failed::for_good)?;
        }
        let reason = format!("it redirects more than {MAX_REDIRECTS} times");
        Err(Failed::for_good(MirrorError::Answer { url: start.to_string(), reason }))
    }
}

/// Where a redirect leads. From `https` only to `https`: the way of a file is not to be weakened.
fn next_url(start: &Url, response: &Response) -> Result<Url, MirrorError> {
    let refused = |reason: &str| MirrorError::Answer { url: start.to_string(), reason: reason.to_owned() };
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| refused("it redirects to nowhere"))?;
    let mut url = response.url().join(location).map_err(|_| refused("it redirects to something that is no URL"))?;
    if !matches!((response.url().scheme(), url.scheme()), ("http", "http" | "https") | ("https", "https")) {
        return Err(refused("it redirects away from `https`"));
    }
    // Credentials in a redirect are the other side's idea, not the user's.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Ok(url)
}

fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT || status.is_server_error()
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn status_error(url: &Url, status: StatusCode) -> MirrorError {
    MirrorError::Status { url: url.to_string(), status: status.as_u16() }
}

fn unreachable(url: &Url, reason: String) -> MirrorError {
    MirrorError::Unreachable { url: url.to_string(), reason }
}

fn broken_off(url: &Url, error: &reqwest::Error) -> Failed {
    Failed::for_now(unreachable(url, innermost_cause(error)), None)
}

fn proxies(settings: &Proxies) -> Result<Vec<Proxy>, ()> {
    let except = settings.except.as_deref().and_then(NoProxy::from_string);
    let http = settings.http.as_deref().map(Proxy::http).transpose().map_err(|_| ())?;
    let https = settings.https.as_deref().map(Proxy::https).transpose().map_err(|_| ())?;
    Ok([http, https].into_iter().flatten().map(|proxy| proxy.no_proxy(except.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_statuses_that_pass() {
        for (status, passes) in
            [(429, true), (503, true), (500, true), (408, true), (404, false), (403, false), (200, false)]
        {
            assert_eq!(is_passing(StatusCode::from_u16(status).unwrap()), passes, "{status}");
        }
    }
}
