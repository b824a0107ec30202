//! File bytes that go from the kernel's memory to the socket and never through this process (`sendfile`).
//!
//! hyper knows bodies of bytes only. So a [`FileBody`] gives it stand-ins, slices of one buffer that nobody ever reads or
//! writes, and notes for each in the connection's [`Outbox`] which part of which file it stands for. [`SendfileIo`], below
//! hyper, knows a stand-in by its address and sends the file instead. hyper hands slices on as they are, because the socket
//! takes several at once; should it ever copy them, the connection is cut before a wrong byte leaves.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::blobs::BlobFile;

/// Longest part of a file that one stand-in stands for, in bytes: what a socket takes at once, so that the work around
/// it is spread thin, and little enough to be read from a disk while the part before it is sent.
const PART_BYTES: usize = 1 << 20;

/// Copied at once where the kernel cannot send the file itself, in bytes; on the stack.
const COPY_BYTES: usize = 16 << 10;

/// The buffer behind all stand-ins. The system gives it no memory, because it is never touched.
static STAND_IN: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![0; PART_BYTES]));

fn is_stand_in(slice: &[u8]) -> bool {
    STAND_IN.as_ptr_range().contains(&slice.as_ptr())
}

/// Part of a file that is to be sent.
struct Part {
    file: BlobFile,
    range: Range<u64>,
}

/// What the stand-ins on the way to one connection stand for, in order. Cheap to clone.
#[derive(Clone, Default)]
pub struct Outbox(Arc<Mutex<VecDeque<Part>>>);

impl Outbox {
    fn parts(&self) -> MutexGuard<'_, VecDeque<Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of an answer that consists of a range of a file. Holds no bytes, however slowly the client takes them.
pub struct FileBody {
    outbox: Outbox,
    file: BlobFile,
    /// What has no stand-in yet.
    rest: Range<u64>,
    /// Brings the next part into the kernel's memory, so that sending it does not wait for a disk.
    fetching: Option<JoinHandle<io::Result<()>>>,
}

impl FileBody {
    /// A body of these bytes, which lie in the file, for the connection that `outbox` belongs to.
    pub fn new(outbox: Outbox, file: BlobFile, range: Range<u64>) -> Self {
        let mut body = Self { outbox, file, rest: range, fetching: None };
        body.prepare();
        body
    }

    fn next_part(&self) -> Range<u64> {
        self.rest.start..self.rest.end.min(self.rest.start + PART_BYTES as u64)
    }

    /// Starts to read the next part from the disk if it is not in memory.
    fn prepare(&mut self) {
        let part = self.next_part();
        if !part.is_empty() && !self.file.is_in_memory(&part) {
            let file = self.file.clone();
            self.fetching = Some(spawn_blocking(move || file.fetch(part)));
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let part = this.next_part();
        if part.is_empty() {
            return Poll::Ready(None);
        }
        if let Some(fetching) = &mut this.fetching {
            let fetched = ready!(Pin::new(fetching).poll(context));
            this.fetching = None;
            if let Err(error) = fetched.map_err(io::Error::other).flatten() {
                return Poll::Ready(Some(Err(error)));
            }
        }
        let length = usize::try_from(part.end - part.start).unwrap_or(PART_BYTES);
        this.outbox.parts().push_back(Part { file: this.file.clone(), range: part.clone() });
        this.rest.start = part.end;
        this.prepare();
        Poll::Ready(Some(Ok(Frame::data(STAND_IN.slice(..length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.end - self.rest.start)
    }
}

/// A socket that sends files where stand-ins are written to it.
pub struct SendfileIo {
    stream: TcpStream,
    outbox: Outbox,
}

impl SendfileIo {
    /// The socket of the connection that `outbox` belongs to.
    pub fn new(stream: TcpStream, outbox: Outbox) -> Self {
        Self { stream, outbox }
    }

    /// Sends as much of the first part as the socket takes, at most as much as is written of its stand-in.
    fn poll_send_part(&self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        let mut parts = self.outbox.parts();
        let Some(part) = parts.front_mut() else {
            return Poll::Ready(Err(io::Error::other("a stand-in stands for no file")));
        };
        let sent = ready!(self.poll_send(context, || send_part(&self.stream, part, length)))?;
        part.range.start += sent as u64;
        if sent == 0 {
            // The file is shorter than it was: an early end tells the client, as FIL-15 wants.
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        if part.range.is_empty() {
            parts.pop_front();
        }
        Poll::Ready(Ok(sent))
    }

    /// Calls `send` when the socket takes something, again and again while it does not.
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        mut send: impl FnMut() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_io(Interest::WRITABLE, &mut send) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }
}

fn send_part(stream: &TcpStream, part: &Part, length: usize) -> io::Result<usize> {
    let mut at = part.range.start;
    match rustix::fs::sendfile(stream, &*part.file, Some(&mut at), length) {
        // Not every file system can, and a filter of system calls may not let it.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => send_copy(stream, part, length),
        sent => Ok(sent?),
    }
}

fn send_copy(stream: &TcpStream, part: &Part, length: usize) -> io::Result<usize> {
    let mut buffer = [0; COPY_BYTES];
    let read = part.file.read_at(buffer.get_mut(..length.min(COPY_BYTES)).unwrap_or_default(), part.range.start)?;
    Ok(send(stream, buffer.get(..read).unwrap_or_default(), SendFlags::NOSIGNAL)?)
}

impl AsyncRead for SendfileIo {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for SendfileIo {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match !is_stand_in(bytes) && this.outbox.parts().is_empty() {
            true => Pin::new(&mut this.stream).poll_write(context, bytes),
            false => Pin::new(this).poll_write_vectored(context, &[IoSlice::new(bytes)]),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut written = slices.iter().filter(|slice| !slice.is_empty());
        match written.next() {
            Some(first) if is_stand_in(first) => this.poll_send_part(context, first.len()),
            // The head of the answer: it leaves together with the first bytes of the file.
            Some(first) if slices.iter().any(|slice| is_stand_in(slice)) => {
                this.poll_send(context, || Ok(send(&this.stream, first, SendFlags::MORE | SendFlags::NOSIGNAL)?))
            }
            _ if this.outbox.parts().is_empty() => Pin::new(&mut this.stream).poll_write_vectored(context, slices),
            _ => Poll::Ready(Err(io::Error::other("a stand-in was copied instead of passed on"))),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    fn file(bytes: &[u8]) -> BlobFile {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        BlobFile::new(file).unwrap()
    }

    #[tokio::test]
    async fn a_part_is_the_same_bytes_sent_or_copied() {
        let bytes: Vec<u8> = (0..5_000_u32).flat_map(u32::to_be_bytes).collect();
        for send in [send_part, send_copy] {
            let (mut client, server) = connection().await;
            server.writable().await.unwrap();
            let part = Part { file: file(&bytes), range: 100..20_000 };
            let sent = server.try_io(Interest::WRITABLE, || send(&server, &part, 10_000)).unwrap();
            assert!((1..=10_000).contains(&sent), "{sent}");
            let mut read = vec![0; sent];
            client.read_exact(&mut read).await.unwrap();
            assert!(read == bytes[100..100 + sent]);
        }
    }

    #[tokio::test]
    async fn a_stand_in_that_was_copied_never_leaves() {
        let (mut client, server) = connection().await;
        let outbox = Outbox::default();
        let mut body = Box::pin(FileBody::new(outbox.clone(), file(&[7; 1000]), 0..1000));
        let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await.unwrap().unwrap();
        let mut io = SendfileIo::new(server, outbox);
        io.write_all(b"head").await.unwrap_err();
        let stand_in = frame.into_data().unwrap();
        let copied = stand_in.to_vec();
        io.write_all(&copied).await.unwrap_err();
        io.write_all(&stand_in).await.unwrap();
        io.write_all(b"next head").await.unwrap();
        drop(io);
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, [&[7_u8; 1000][..], b"next head"].concat());
    }
}
