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
}

impl<Io> WatchedIo<Io> {
    /// Watches `io`; a new connection has the time of a head for its first request.
    pub fn new(io: Io, timeouts: Timeouts, in_flight: InFlight) -> Self {
        let mut read_alarm = Alarm::default();
        read_alarm.set(timeouts.head);
        let write_alarm = Alarm::default();
        Self { io, timeouts, in_flight, waiting: Waiting::Head, read_alarm, write_alarm, is_writing: false }
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

/// A request body that fails when nothing of it comes for too long; there is no limit on the whole (threats 1.7).
pub struct GapBody {
    body: Incoming,
    gap: Duration,
    alarm: Alarm,
    is_waiting: bool,
}

impl GapBody {
    /// Watches `body`.
    pub fn new(body: Incoming, gap: Duration) -> Self {
        Self { body, gap, alarm: Alarm::default(), is_waiting: false }
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
            this.is_waiting = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if !this.is_waiting {
            this.is_waiting = true;
            this.alarm.set(this.gap);
        }
        if this.alarm.has_rung(context) {
            return Poll::Ready(Some(Err(silence("sent nothing more of the body").into())));
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
