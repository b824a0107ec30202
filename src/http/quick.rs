//! The quick way of a connection: requests whose answers are in memory are read and answered without the HTTP library.
//!
//! Installers ask for hundreds of pages and small files by a few connections, and between the kernel and the lookup the
//! library costs more than both. Nothing is decided here: the head is parsed by the library's own parser, answers and their
//! headers are those of `shortcut.rs`, and the first request that is not a plain GET, or whose answer is not at hand, hands
//! the connection over to the library, with all that was read of it, for the rest of its life.

use std::io::{self, IoSlice, Write as _};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, StatusCode, header, response};
use bytes::{Buf as _, Bytes, BytesMut};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::fields::Fields;
use super::frame::{Framed, Origin};
use super::quiet::WatchedIo;
use crate::model::Timestamp;

/// Read at once: requests have a few hundred bytes, and several may come together.
const READ_BYTES: usize = 8 << 10;

/// Longest head that is plain; those of installers have a few hundred bytes.
const PLAIN_HEAD_BYTES: usize = 4 << 10;

/// Most lines of a plain head.
const MAX_LINES: usize = 24;

/// A body up to this length is copied behind its head: that is less work than to have the kernel gather two pieces.
const COPIED_BYTES: usize = 4 << 10;

/// Bytes of a body that are gathered for one call of the system, about.
const GATHERED_BYTES: usize = 512 << 10;

/// A request with one of these needs the library: it has a body, wants more than an answer, or says who sends it.
const NOT_PLAIN: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONTENT_ENCODING,
    header::EXPECT,
    header::UPGRADE,
    header::AUTHORIZATION,
    header::TRAILER,
];

/// A GET as the short way needs it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Path of the URL as it was sent.
    pub path: &'a str,
    /// What stands behind the question mark.
    pub query: Option<&'a str>,
    /// Header lines.
    pub fields: Fields<'a>,
}

/// Answers what is at hand until the client closes the connection (`None`) or asks something else: then what was read of
/// that is given back. A stop ends a connection that waits for a request.
pub async fn serve<Io: AsyncRead + AsyncWrite + Unpin>(
    io: &mut WatchedIo<Io>,
    server: &Framed,
    origin: &Origin,
    max_head_bytes: usize,
    stop: &CancellationToken,
) -> io::Result<Option<Bytes>> {
    let mut input = BytesMut::with_capacity(READ_BYTES);
    let max_head_bytes = max_head_bytes.min(PLAIN_HEAD_BYTES);
    let mut answers = Answers::default();
    let stopped = stop.cancelled();
    tokio::pin!(stopped);
    loop {
        // The library tells the client which answer is the last one.
        if stop.is_cancelled() && !input.is_empty() {
            return Ok(Some(input.freeze()));
        }
        match answers.next(&input, max_head_bytes, server, origin) {
            Next::Answer(length, body) => {
                answers.send(io, body).await?;
                io.end_request();
                input.advance(length);
            }
            Next::More => {
                input.reserve(READ_BYTES);
                tokio::select! {
                    biased;
                    read = io.read_buf(&mut input) => if read? == 0 { return Ok(None) },
                    () = &mut stopped, if input.is_empty() => return Ok(None),
                }
            }
            Next::NotPlain => return Ok(Some(input.freeze())),
        }
    }
}

/// What is to be done with what was read.
enum Next {
    /// Send the answer, of which this is the body, to the request that has so many bytes.
    Answer(usize, Body),
    /// Read more.
    More,
    /// Have the library do it.
    NotPlain,
}

/// What one answer after the other is written with.
#[derive(Default)]
struct Answers {
    /// An empty map with room: one serves all answers.
    headers: HeaderMap,
    /// Head of the answer.
    head: Vec<u8>,
    date: Date,
    /// Parts of the body, empty between the answers.
    parts: Vec<Bytes>,
}

impl Answers {
    fn next(&mut self, input: &[u8], max_head_bytes: usize, server: &Framed, origin: &Origin) -> Next {
        if input.is_empty() {
            return Next::More;
        }
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        let mut head = httparse::Request::new(&mut lines);
        match head.parse(input) {
            Ok(httparse::Status::Complete(length)) if length <= max_head_bytes => {
                self.answer(&head, server, origin).map_or(Next::NotPlain, |body| Next::Answer(length, body))
            }
            Ok(httparse::Status::Partial) if input.len() < max_head_bytes => Next::More,
            Ok(_) | Err(_) => Next::NotPlain,
        }
    }

    /// Writes the head of the answer if that is at hand, and gives its body.
    fn answer(&mut self, request: &httparse::Request<'_, '_>, server: &Framed, origin: &Origin) -> Option<Body> {
        let target = request.path.filter(|target| is_plain(request, target))?;
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let asked = Asked { path, query, fields: Fields::Lines(request.headers) };
        let (response, now) = server.answer_at_hand(&asked, origin, std::mem::take(&mut self.headers))?;
        let (parts, body) = response.into_parts();
        self.write_head(&parts, body.size_hint().exact()?, now);
        self.headers = parts.headers;
        self.headers.clear();
        Some(body)
    }

    fn write_head(&mut self, parts: &response::Parts, body_bytes: u64, now: Timestamp) {
        let head = &mut self.head;
        head.clear();
        // Writing to memory cannot fail.
        let _ = write!(head, "HTTP/1.1 {}\r\n", StatusText(parts.status));
        for (name, value) in &parts.headers {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        // Of a 304 it would be the length of what the client has (RFC 9110 section 8.6).
        if parts.status != StatusCode::NOT_MODIFIED && !parts.headers.contains_key(header::CONTENT_LENGTH) {
            let _ = write!(head, "content-length: {body_bytes}\r\n");
        }
        for part in [b"date: ", self.date.text(now).as_bytes(), b"\r\n\r\n"] {
            head.extend_from_slice(part);
        }
    }

    async fn send<Io: AsyncWrite + Unpin>(&mut self, io: &mut Io, mut body: Body) -> io::Result<()> {
        gather(&mut body, &mut self.parts).await?;
        match self.parts.as_slice() {
            [] => io.write_all(&self.head).await?,
            [part] if part.len() <= COPIED_BYTES => {
                self.head.extend_from_slice(part);
                io.write_all(&self.head).await?;
            }
            [part] => write_all(io, &mut [IoSlice::new(&self.head), IoSlice::new(part)]).await?,
            parts => {
                let slices = [&self.head].into_iter().map(|head| IoSlice::new(head));
                let mut slices: Vec<_> = slices.chain(parts.iter().map(|part| IoSlice::new(part))).collect();
                write_all(io, &mut slices).await?;
            }
        }
        while !body.is_end_stream() {
            gather(&mut body, &mut self.parts).await?;
            let mut slices: Vec<_> = self.parts.iter().map(|part| IoSlice::new(part)).collect();
            write_all(io, &mut slices).await?;
        }
        self.parts.clear();
        io.flush().await
    }
}

/// Takes what the body has now, up to a limit; waits only for the first part.
async fn gather(body: &mut Body, parts: &mut Vec<Bytes>) -> io::Result<()> {
    parts.clear();
    let mut gathered = 0;
    while gathered < GATHERED_BYTES && !body.is_end_stream() {
        let frame = match parts.is_empty() {
            true => body.frame().await,
            false => match body.frame().now_or_never() {
                Some(frame) => frame,
                None => break,
            },
        };
        let Some(frame) = frame else { break };
        if let Ok(part) = frame.map_err(io::Error::other)?.into_data() {
            gathered += part.len();
            parts.push(part);
        }
    }
    Ok(())
}

async fn write_all<Io: AsyncWrite + Unpin>(io: &mut Io, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match io.write_vectored(slices).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => IoSlice::advance_slices(&mut slices, written),
        }
    }
    Ok(())
}

/// Whether a request is one that can be answered here: HTTP/1.1, one `Host`, nothing that changes how it is to be read.
fn is_plain(request: &httparse::Request<'_, '_>, target: &str) -> bool {
    let is_get = request.method == Some("GET") && request.version == Some(1) && target.starts_with('/');
    // As a pattern it is a few comparisons; a search would be one for each byte.
    let is_usual = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'/' | b'-' | b'.' | b'_' | b'~' | b'%' | b'+' | b'@' | b'!' | b'=' | b'&' | b'?' | b':' | b','
            )
    };
    let mut hosts = 0;
    let is_plain_line = |line: &httparse::Header<'_>| {
        let is = |name: &HeaderName| line.name.eq_ignore_ascii_case(name.as_str());
        hosts += usize::from(is(&header::HOST));
        // Every other option of a connection is the library's to see.
        let keeps = !is(&header::CONNECTION) || line.value.eq_ignore_ascii_case(b"keep-alive");
        keeps && !NOT_PLAIN.iter().any(is)
    };
    is_get && target.bytes().all(is_usual) && request.headers.iter().all(is_plain_line) && hosts == 1
}

/// The first line of an answer behind its version.
struct StatusText(StatusCode);

impl std::fmt::Display for StatusText {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.0.as_str(), self.0.canonical_reason().unwrap_or_default())
    }
}

/// The header `Date`, written once a second.
#[derive(Default)]
struct Date {
    second: i64,
    text: String,
}

impl Date {
    fn text(&mut self, now: Timestamp) -> &str {
        if self.text.is_empty() || self.second != now.as_second() {
            self.second = now.as_second();
            // Fails for years that have five digits only.
            self.text = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_default();
        }
        &self.text
    }
}
