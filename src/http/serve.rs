//! The accept loop: HTTP/1.1 on TCP, with limits on connections, heads and silence, and a stop that lets requests finish.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::frame::{Framed, Origin};
use super::quick;
use super::quiet::{GapBody, InFlight, MarkedBody, Patience, WatchedIo};
use super::sendfile::{Outbox, SendfileIo};
use super::server;
use crate::app::App;
use crate::config::Settings;

/// Most header lines of a request; clients send about ten, attacks thousands (threats 2.3).
const MAX_HEADERS: usize = 64;

/// Largest read and write buffer of a connection in bytes; bodies of uploads come in pieces of at most this.
const MAX_BUFFER_BYTES: usize = 128 << 10;

/// How long to wait before accepting again when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long silence is borne, and how long a stop waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head; for a new connection, from the accept.
    pub head: Duration,
    /// From one answer to the next request.
    pub idle: Duration,
    /// Between two pieces of a request's body.
    pub body_gap: Duration,
    /// While the client takes nothing of the answer.
    pub write_gap: Duration,
    /// How long a stop waits for running requests.
    pub stop: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            body_gap: Duration::from_secs(30),
            write_gap: Duration::from_secs(60),
            stop: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    /// The usual ones, with what the settings say of bodies.
    pub fn of(settings: &Settings) -> Self {
        Self { body_gap: Duration::from_secs(settings.upload_idle_seconds), ..Self::default() }
    }
}

/// Serves until `shutdown` is done, then lets running requests finish.
///
/// Fails only if the listener itself is broken; what happens on one connection never ends the loop.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = ()> + Send) -> io::Result<()> {
    let timeouts = Timeouts::of(&app.settings);
    serve_with(listener, app, timeouts, shutdown).await
}

/// [`serve`] with other limits.
pub async fn serve_with(
    listener: TcpListener,
    app: Arc<App>,
    timeouts: Timeouts,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(app.settings.max_connections));
    let max_head_bytes = app.settings.max_head_bytes;
    let patience = Patience { gap: timeouts.body_gap, bytes_per_second: app.settings.min_upload_bytes_per_second };
    let server = Arc::new(server(app));
    let graceful = GracefulShutdown::new();
    let stop = CancellationToken::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await, slot))
        };
        let (accepted, slot) = tokio::select! {
            accepted = accepted => accepted?,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (server, stop) = (server.clone(), stop.clone());
                let connection =
                    Connection { stream, peer, server, timeouts, patience, max_head_bytes, stop, _slot: slot };
                tokio::spawn(connection.run(graceful.watcher()));
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.cancel();
    if tokio::time::timeout(timeouts.stop, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests that were still running have been given up");
    }
    Ok(())
}

/// The peer was gone before we looked; nothing is wrong here.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// One accepted connection, with its place among those that may be open.
struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    server: Arc<Framed>,
    timeouts: Timeouts,
    patience: Patience,
    max_head_bytes: usize,
    stop: CancellationToken,
    _slot: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, watcher: Watcher) {
        let Self { stream, peer, server, timeouts, patience, max_head_bytes, stop, _slot } = self;
        // Answers are written whole; waiting to fill a packet would only add latency.
        let _ = stream.set_nodelay(true);
        let in_flight = InFlight::default();
        let outbox = Outbox::default();
        let mut io = WatchedIo::new(SendfileIo::new(stream, outbox.clone()), timeouts, in_flight.clone());
        let origin = Arc::new(Origin { peer: Some(peer), outbox: Some(outbox) });
        match quick::serve(&mut io, &server, &origin, max_head_bytes, &stop).await {
            Ok(Some(unread)) => io.unread(unread),
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%peer, error = %error, "a connection ended early");
                return;
            }
        }
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mark = in_flight.begin();
            let request = request.map(|body| match body.is_end_stream() {
                true => Body::empty(),
                false => Body::new(GapBody::new(body, patience)),
            });
            let (server, origin) = (server.clone(), origin.clone());
            async move {
                let answer = server.answer_by(request, &origin).await;
                Ok::<_, Infallible>(answer.map(|body| MarkedBody::new(body, mark)))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            // `WatchedIo` tells an idle connection from a slow head; the timer of hyper does not.
            .header_read_timeout(None)
            .max_headers(MAX_HEADERS)
            .max_header_size(max_head_bytes)
            .max_buf_size(MAX_BUFFER_BYTES)
            .serve_connection(TokioIo::new(io), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, error = %error, "a connection ended early");
        }
    }
}
