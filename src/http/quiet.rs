//! Limits on silence: a connection on which a request's head crawls, nobody asks, or nobody listens is cut; a body may take
//! as long as it likes in total, but not stand still (threats 1.7).

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::Timeouts;

/// Whether a request is being served on a connection; then silence of the client is no fault.
#[derive(Clone, Debug, Default)]
pub struct InFlight(Arc<AtomicBool>);

impl InFlight {
    /// Marks the begin of a request. It ends when the returned mark is dropped.
    pub fn begin(&self) -> InFlightMark {
        self.0.store(true, Ordering::Release);
        InFlightMark(self.0.clone())
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Held by the body of the answer.
#[derive(Debug)]
pub struct InFlightMark(Arc<AtomicBool>);

impl Drop for InFlightMark {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What the client is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// For the first byte of a further request.
    Idle,
    /// For the rest of a request's head.
    Head,
    /// For nothing: a request is being served.
    Nothing,
}

/// How often a timer looks whether its time has come, at most; and so how late it may ring, at most.
const TICK: Duration = Duration::from_secs(5);

/// A timer that is made once and set again. Setting it costs no more than noting the time, because every request does it:
/// the runtime's timer behind it runs for a [`TICK`] at most, and only then sees whether the time has come.
#[derive(Default)]
struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    deadline: Option<Instant>,
}

impl Alarm {
    fn set(&mut self, after: Duration) {
        let now = Instant::now();
        let deadline = now + after;
        self.deadline = Some(deadline);
        let look = now + after.min(TICK);
        match &mut self.sleep {
            // It looks early enough.
            Some(sleep) if sleep.deadline() <= look && !sleep.is_elapsed() => {}
            Some(sleep) => sleep.as_mut().reset(look),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(look))),
        }
    }

    fn has_rung(&mut self, context: &mut Context<'_>) -> bool {
        let (Some(sleep), Some(deadline)) = (&mut self.sleep, self.deadline) else { return false };
        while sleep.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            if now >= deadline {
                return true;
            }
            sleep.as_mut().reset(deadline.min(now + TICK));
        }
        false
    }
}

/// A connection that ends with an error when its client falls silent at the wrong time.
pub struct WatchedIo<Io> {
    io: Io,
    timeouts: Timeouts,
    in_flight: InFlight,
    waiting: Waiting,
    read_alarm: Alarm,
    write_alarm: Alarm,
    is_writing: bool,
    unread: Bytes,
}

impl<Io> WatchedIo<Io> {
    /// Watches `io`; a new connection has the time of a head for its first request.
    pub fn new(io: Io, timeouts: Timeouts, in_flight: InFlight) -> Self {
        let mut read_alarm = Alarm::default();
        read_alarm.set(timeouts.head);
        let write_alarm = Alarm::default();
        let (waiting, unread) = (Waiting::Head, Bytes::new());
        Self { io, timeouts, in_flight, waiting, read_alarm, write_alarm, is_writing: false, unread }
    }

    /// Has what was read already read once more.
    pub fn unread(&mut self, bytes: Bytes) {
        self.unread = bytes;
    }

    /// After an answer was sent that was not in flight: from now on the client is waited for.
    pub fn end_request(&mut self) {
        self.waiting = Waiting::Nothing;
    }

    /// After something was read: the head's time runs from its first byte, however slowly the others follow.
    fn note_read(&mut self) {
        match self.waiting {
            _ if self.in_flight.is_set() => self.waiting = Waiting::Nothing,
            Waiting::Head => {}
            Waiting::Idle | Waiting::Nothing => {
                self.waiting = Waiting::Head;
                self.read_alarm.set(self.timeouts.head);
            }
        }
    }

    /// When nothing is there to be read: whether the client has been silent for too long.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        if self.in_flight.is_set() {
            self.waiting = Waiting::Nothing;
            return false;
        }
        if self.waiting == Waiting::Nothing {
            self.waiting = Waiting::Idle;
            self.read_alarm.set(self.timeouts.idle);
        }
        self.read_alarm.has_rung(context)
    }

    /// Watches the client take what is sent.
    fn watch_write<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_writing = false;
            return written;
        }
        if !self.is_writing {
            self.is_writing = true;
            self.write_alarm.set(self.timeouts.write_gap);
        }
        if self.write_alarm.has_rung(context) { Poll::Ready(Err(silence("took nothing"))) } else { Poll::Pending }
    }
}

fn silence(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("the client {what} for too long"))
}

impl<Io: AsyncRead + Unpin> AsyncRead for WatchedIo<Io> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.unread.is_empty() {
            let length = this.unread.len().min(buffer.remaining());
            buffer.put_slice(&this.unread.split_to(length));
            return Poll::Ready(Ok(()));
        }
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        if read.is_ready() {
            this.note_read();
            // A head that comes byte by byte is read often and never pending for long.
            let is_slow = this.waiting == Waiting::Head && this.read_alarm.has_rung(context);
            return if is_slow { Poll::Ready(Err(silence("sent no whole head"))) } else { read };
        }
        if this.is_overdue(context) { Poll::Ready(Err(silence("sent nothing"))) } else { Poll::Pending }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for WatchedIo<Io> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write(context, bytes);
        this.watch_write(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.watch_write(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

/// What is borne of a client that sends a body.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Longest silence between two pieces.
    pub gap: Duration,
    /// Slowest pace after [`PACE_FREE`]; 0 bears any.
    pub bytes_per_second: u64,
}

/// For so long a body is waited for at any pace: a short one that crawls does no harm.
const PACE_FREE: Duration = Duration::from_secs(60);

impl Patience {
    /// Whether `arrived_bytes` are too few for the time that they were waited for; the server's own time does not count.
    fn is_at_end(&self, arrived_bytes: u64, waited: Duration) -> bool {
        waited > PACE_FREE && arrived_bytes < self.bytes_per_second.saturating_mul(waited.as_secs())
    }
}

/// A request body that fails when nothing of it comes for too long, or when it crawls; there is no limit on the whole
/// (threats 1.7).
pub struct GapBody {
    body: Incoming,
    patience: Patience,
    alarm: Alarm,
    waiting_since: Option<Instant>,
    waited: Duration,
    arrived_bytes: u64,
}

impl GapBody {
    /// Watches `body`.
    pub fn new(body: Incoming, patience: Patience) -> Self {
        let (alarm, waited) = (Alarm::default(), Duration::ZERO);
        Self { body, patience, alarm, waiting_since: None, waited, arrived_bytes: 0 }
    }

    /// After a piece came: whether they come too slowly.
    fn crawls(&mut self, piece_bytes: usize) -> bool {
        self.arrived_bytes += piece_bytes as u64;
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.patience.is_at_end(self.arrived_bytes, self.waited)
    }
}

impl Body for GapBody {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            let piece_bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
            if this.crawls(piece_bytes) && frame.is_some() {
                let pace = this.patience.bytes_per_second;
                let text = format!(
                    "the body came at fewer than the {pace} bytes a second that `min_upload_bytes_per_second` asks"
                );
                return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, text).into())));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if this.waiting_since.is_none() {
            this.waiting_since = Some(Instant::now());
            this.alarm.set(this.patience.gap);
        }
        if this.alarm.has_rung(context) {
            let text = format!(
                "nothing of the body came for {} seconds, the longest that `upload_idle_seconds` bears",
                this.patience.gap.as_secs()
            );
            return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, text).into())));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body that keeps the request in flight until it is sent or given up.
pub struct MarkedBody {
    body: axum::body::Body,
    _mark: InFlightMark,
}

impl MarkedBody {
    /// Holds `mark` as long as the body lives.
    pub fn new(body: axum::body::Body, mark: InFlightMark) -> Self {
        Self { body, _mark: mark }
    }
}

impl Body for MarkedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.get_mut().body).poll_frame(context));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_paces() {
        let patience = Patience { gap: Duration::from_secs(30), bytes_per_second: 1000 };
        for (arrived, seconds, is_at_end) in [
            (0, 60, false),
            (1, 61, true),
            (60_999, 61, true),
            (61_000, 61, false),
            (5_000_000_000, 4_000_000, false),
            (5_000_000_000, 6_000_000, true),
        ] {
            assert_eq!(
                patience.is_at_end(arrived, Duration::from_secs(seconds)),
                is_at_end,
                "{arrived} in {seconds} s"
            );
        }
        let patience = Patience { bytes_per_second: 0, ..patience };
        assert!(!patience.is_at_end(0, Duration::from_secs(1 << 40)));
    }
}
