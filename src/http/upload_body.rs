//! The body of an upload on its way in: what a refusal leaves unread is drained, what cannot be parsed is not hoarded.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

use super::Problem;
use super::auth::Who;
use crate::app::App;
use crate::ingest::UploadError;

/// Most bytes of a refused upload that are read and thrown away. Most clients send the whole file before they look at the
/// answer, and a connection that is closed on them loses it (standards UPL-05); a wheel of usual size fits.
const DRAIN_LIMIT_BYTES: u64 = 128 << 20;

/// Longest time that is spent on it.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// Most bytes that may arrive without the form's reader getting anywhere: a preamble or the headers of a part. They are
/// held in memory; honest ones have some hundred bytes, and the rest is room for what the connection had read ahead.
const MAX_UNPARSED_BYTES: usize = 1 << 20;

/// Bodies from this length on are looked at before they come: of a shorter one, what is written looks for itself, and no more
/// than this was sent in vain.
const LARGE_BODY_BYTES: u64 = 1 << 20;

/// Counts what arrived since the reader of the form last got somewhere.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicUsize>);

impl Progress {
    /// The reader got somewhere.
    pub fn made(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Whether `arrived` bytes more are too many.
    fn is_stuck(&self, arrived: usize) -> bool {
        self.0.fetch_add(arrived, Ordering::Relaxed).saturating_add(arrived) > MAX_UNPARSED_BYTES
    }
}

/// Layer before everything else on an upload route.
pub async fn watch(request: Request, next: Next) -> Response {
    // A client that waits for `100 Continue` has sent nothing yet; reading on would tell it to start.
    let is_drained = !request.headers().contains_key(header::EXPECT);
    next.run(request.map(|body| Body::new(DrainedBody { body: Some(body), is_drained }))).await
}

/// Layer behind the guard of an upload route: nobody has more uploads running than he may, and the disk has room for the
/// body. Asked before anything of the body is read.
pub async fn admit(State(app): State<Arc<App>>, who: Who, request: Request, next: Next) -> Response {
    let limit = app.settings.max_uploads_per_principal;
    let Some(turn) = app.turns.take(who.0.name(), limit) else {
        let name = who.0.name().to_owned();
        return Problem::from(UploadError::TooManyUploads { name, limit }).into_response();
    };
    let size_bytes = request.body().size_hint().lower();
    // A file that is too large on any disk is refused for that.
    if (LARGE_BODY_BYTES..=app.settings.max_file_size_bytes).contains(&size_bytes)
        && let Err(error) = app.blobs.check_room(size_bytes).await
    {
        return Problem::from(error).into_response();
    }
    let response = next.run(request).await;
    drop(turn);
    response
}

/// A body of which the rest is read and thrown away when it is dropped before its end.
struct DrainedBody {
    body: Option<Body>,
    is_drained: bool,
}

impl HttpBody for DrainedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            this.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for DrainedBody {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| self.is_drained && !body.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, drain(rest)));
        }
    }
}

async fn drain(mut body: Body) {
    let mut size_bytes = 0;
    while let Some(Ok(frame)) = body.frame().await {
        size_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
        if size_bytes > DRAIN_LIMIT_BYTES {
            return;
        }
    }
}

/// A body that fails when too much of it arrives without progress being made.
pub struct CountedBody {
    body: Body,
    progress: Progress,
}

impl CountedBody {
    /// Counts what `body` gives against `progress`.
    pub fn new(body: Body, progress: Progress) -> Self {
        Self { body, progress }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let arrived = frame.data_ref().map_or(0, Bytes::len);
            if this.progress.is_stuck(arrived) {
                return Poll::Ready(Some(Err(axum::Error::new(Stuck))));
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// More than [`MAX_UNPARSED_BYTES`] arrived that are no part of a form.
#[derive(Debug, thiserror::Error)]
#[error("a part of the form has a head that is too long")]
struct Stuck;
