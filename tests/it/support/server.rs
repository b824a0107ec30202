//! A whole server in the test's process: its own directory, a free port on loopback, a client that hides nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use ferrywheel::app::App;
use ferrywheel::config::Settings;
use ferrywheel::http::{Timeouts, serve_with};
use ferrywheel::model::{ChannelName, Clock};
use rand::SeedableRng as _;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How a server is to be started; the defaults are those of the product.
#[derive(Default)]
pub struct Setup {
    pub settings: Settings,
    pub timeouts: Timeouts,
    pub clock: Clock,
}

/// A running server. Dropping it stops it and removes its directory.
pub struct TestServer {
    app: Arc<App>,
    address: SocketAddr,
    client: Client,
    token: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<std::io::Result<()>>,
    directory: TempDir,
}

impl TestServer {
    /// Starts a server with the settings of the product, the system's clock and SQLite.
    pub async fn start() -> Self {
        Self::start_with(Setup::default()).await
    }

    /// Starts a server that differs from the product's defaults; `data` and `listen` are the test's own.
    pub async fn start_with(setup: Setup) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), setup).await
    }

    /// Starts a server in a directory that another one has left behind.
    pub async fn start_in(directory: TempDir, setup: Setup) -> Self {
        let settings = Settings { data: directory.path().to_owned(), ..setup.settings };
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let app = App::open(settings, setup.clock, &mut rng).await.unwrap();
        let token = std::fs::read_to_string(directory.path().join("admin-token")).unwrap().trim().to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // Also when the server is dropped.
            let _ = stopped.await;
        };
        let task = tokio::spawn(serve_with(listener, app.clone(), setup.timeouts, shutdown));
        let client =
            Client::builder().no_proxy().no_gzip().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { app, address, client, token, stop, task, directory }
    }

    /// Stops accepting, waits for running requests, and hands over the directory.
    pub async fn stop(self) -> TempDir {
        let Self { app, client, stop, task, directory, .. } = self;
        // A kept-alive connection would be waited for.
        drop(client);
        stop.send(()).unwrap();
        task.await.unwrap().unwrap();
        app.index.close().await;
        directory
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens, for tests that speak to the socket.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token of the first start; it may do everything.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The opened parts, to look at or to fill without the network.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The data directory.
    pub fn data(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A request without credentials. Redirects are not followed and nothing is decoded.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url()))
    }

    /// `GET` without credentials.
    pub async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    /// `GET` or another method with these headers.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.request(method, path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await
    }

    /// `GET` with the first token.
    pub async fn get_as_admin(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).bearer_auth(&self.token)).await
    }

    /// `POST` of JSON with the first token.
    pub async fn post_json(&self, path: &str, body: &serde_json::Value) -> Answer {
        answer(self.request(Method::POST, path).bearer_auth(&self.token).json(body)).await
    }

    /// Uploads one file as the plain body of a request, with the first token.
    pub async fn put_file(&self, channel: &str, filename: &str, bytes: impl Into<reqwest::Body>) -> Answer {
        let path = format!("/api/v1/channels/{channel}/files/{filename}");
        answer(self.request(Method::PUT, &path).bearer_auth(&self.token).body(bytes)).await
    }

    /// Promotes everything in `from` into `to`, with the first token.
    pub async fn promote(&self, from: &str, to: &str) -> Answer {
        let wish = serde_json::json!({ "from": from });
        self.post_json(&format!("/api/v1/channels/{to}/promotions"), &wish).await
    }

    /// Serial of a channel's head.
    pub async fn serial(&self, channel: &str) -> i64 {
        let name: ChannelName = channel.parse().unwrap();
        self.app.index.find_channel(&name).await.unwrap().unwrap().serial.0
    }
}

/// An answer as it came over the wire.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }
}

/// Sends a request and reads the whole answer.
pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    Answer { status, headers, body: response.bytes().await.unwrap() }
}
