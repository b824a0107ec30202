//! `/packages/{aa}/{bb}/{rest}/{filename}` and `….metadata`: stored bytes under a URL that never changes (FIL-01 to FIL-09).

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

use super::Problem;
use super::auth::Who;
use super::download::{Offer, Plan};
use super::extract::Segments;
use super::fields::Fields;
use super::handover::handed_over;
use super::quick;
use super::sendfile::{FileBody, Outbox};
use crate::access::{FileAccess, authorize};
use crate::app::App;
use crate::blobs::{BlobError, BlobFile, SMALL_BLOB_BYTES};
use crate::model::{Kind, Permission, Principal, ServedFile, Sha256Digest};
use crate::packaging::{MAX_METADATA_BYTES, ProjectName, shown};

const METADATA_SUFFIX: &str = ".metadata";

/// `GET /packages/{aa}/{bb}/{rest}/{filename}`, with or without `.metadata` at the end.
///
/// The path is looked up in the index; no part of it ever becomes a path of the file system.
pub async fn download(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((aa, bb, rest, filename)): Segments<(String, String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (name, _) = split(&filename);
    let digest = digest_of(&aa, &bb, &rest).ok_or_else(|| no_such_file(&filename))?;
    let file = app.index.find_served(name).await?.filter(|file| file.sha256 == digest);
    let file = file.ok_or_else(|| no_such_file(&filename))?;
    match who.file_access(&app, name, &file.project, file.is_withheld).await? {
        FileAccess::Hidden => return Err(no_such_file(&filename)),
        FileAccess::Withheld => return Err(withheld(name, &file.project)),
        FileAccess::Granted => {}
    }
    send(&app, &file, &filename, request).await
}

/// A file that the sender may have, or its metadata, whichever the last segment of the URL names.
pub(super) async fn send(app: &App, file: &ServedFile, filename: &str, request: Request) -> Result<Response, Problem> {
    let parts = request.into_parts().0;
    let outbox = parts.extensions.get();
    let (method, fields) = (&parts.method, Fields::from(&parts.headers));
    let asked = Asked { app, filename, method, fields, outbox };
    if !split(filename).1 {
        return asked.file(file).await;
    }
    let digest = file.metadata_sha256.ok_or_else(|| no_such_file(filename))?;
    // Small, and its length is recorded nowhere else.
    asked.bytes(&digest, &app.small_blobs.read(&digest, MAX_METADATA_BYTES as u64).await?, HeaderMap::new())
}

/// The answer that [`download`] would give to a stranger where everybody may read, if nothing has to be waited for.
///
/// The path is one of plain characters; every other spelling, and every error, is left to the routes.
pub fn at_hand(app: &App, asked: &quick::Asked<'_>, outbox: Option<&Outbox>, headers: HeaderMap) -> Option<Response> {
    let mut segments = asked.path.strip_prefix("/packages/")?.split('/');
    let (aa, bb, rest, filename) = (segments.next()?, segments.next()?, segments.next()?, segments.next()?);
    let (name, wants_metadata) = split(filename);
    let file = app.index.served_at_hand(name).filter(|_| segments.next().is_none())?;
    // To write the digest that is known takes less than to read the one that is asked for.
    let is_its_path = Etag::of(&file.sha256).digest().strip_prefix(aa.as_bytes()).is_some_and(|digest| {
        (aa.len(), bb.len()) == (2, 2) && digest.strip_prefix(bb.as_bytes()) == Some(rest.as_bytes())
    });
    if !is_its_path || file.is_withheld {
        return None;
    }
    authorize(&Principal::Anonymous, Permission::Read, None, Some(&file.project), app.settings.read).ok()?;
    let (method, fields) = (&Method::GET, asked.fields);
    let asked = Asked { app, filename, method, fields, outbox };
    if !wants_metadata {
        return asked.file_at_hand(&file, headers);
    }
    let digest = file.metadata_sha256?;
    asked.bytes(&digest, &app.small_blobs.at_hand(&digest)?, headers).ok()
}

/// Name of the file that a URL is about, and whether its metadata is meant.
pub(super) fn split(filename: &str) -> (&str, bool) {
    match filename.strip_suffix(METADATA_SUFFIX) {
        Some(name) => (name, true),
        None => (filename, false),
    }
}

/// Only the spelling that pages use: lowercase, cut after two and four digits.
pub(super) fn digest_of(aa: &str, bb: &str, rest: &str) -> Option<Sha256Digest> {
    let mut digest = [0; 32];
    let (first, others) = digest.split_at_mut(1);
    let (second, others) = others.split_at_mut(1);
    for (text, bytes) in [(aa, first), (bb, second), (rest, others)] {
        let is_lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        hex::decode_to_slice(text, bytes).ok().filter(|()| is_lowercase)?;
    }
    Some(Sha256Digest::from_bytes(digest))
}

pub(super) fn no_such_file(filename: &str) -> Problem {
    let detail = format!("no file `{}` with this digest is here", shown(filename));
    Problem::new(Kind::NotFound, "http/no-such-file", detail)
}

/// What is said of a file whose project is quarantined.
pub(super) fn withheld(filename: &str, project: &ProjectName) -> Problem {
    let detail = format!("`{}` is kept back: its project `{project}` is quarantined", shown(filename));
    Problem::new(Kind::Forbidden, "http/file-withheld", detail)
        .with_hint("Take another project, or ask an administrator of the channel why.")
}

/// A request for bytes that its sender may have.
struct Asked<'a> {
    app: &'a App,
    /// Last segment of the URL.
    filename: &'a str,
    method: &'a Method,
    fields: Fields<'a>,
    /// Of the connection, unless the request came by none.
    outbox: Option<&'a Outbox>,
}

/// What is to be sent of a file.
enum Wanted {
    /// Nothing has to be read.
    Done(Box<Response>),
    /// A part of a file that is kept in memory.
    Small(StatusCode, Range<u64>),
    /// A part of another one.
    Large(StatusCode, Range<u64>),
}

impl Asked<'_> {
    fn offer<'a>(&'a self, etag: &'a str, size_bytes: u64) -> Offer<'a> {
        Offer { etag, size_bytes, filename: self.filename, reads: self.app.settings.read }
    }

    /// The answer with bytes that are in memory; its headers go into an empty map.
    fn bytes(&self, digest: &Sha256Digest, bytes: &Bytes, empty: HeaderMap) -> Result<Response, Problem> {
        let etag = Etag::of(digest);
        let offer = self.offer(etag.as_str(), bytes.len() as u64);
        match offer.plan(self.method, self.fields)? {
            Plan::Done(response) => Ok(*response),
            Plan::Send(status, range) if self.is_head() => Ok(offer.answer(status, &range, Body::empty())),
            Plan::Send(status, range) => Ok(offer.answer_with(empty, status, &range, part_of(bytes, &range))),
        }
    }

    async fn file(&self, file: &ServedFile) -> Result<Response, Problem> {
        let ServedFile { sha256: digest, size_bytes, .. } = *file;
        let etag = Etag::of(&digest);
        let offer = self.offer(etag.as_str(), size_bytes);
        let (status, range, body) = match self.wanted(&digest, &offer)? {
            Wanted::Done(response) => return Ok(*response),
            Wanted::Small(status, range) => {
                let bytes = self.app.small_blobs.read(&digest, SMALL_BLOB_BYTES).await?;
                check_length(&digest, bytes.len() as u64, size_bytes)?;
                let body = part_of(&bytes, &range);
                (status, range, body)
            }
            Wanted::Large(status, range) => {
                let blob = self.app.blobs.as_file(&digest).await?;
                check_length(&digest, blob.size_bytes(), size_bytes)?;
                let body = match is_short(&range) {
                    true => blob.read(range.clone()).await.map_err(|error| BlobError::io("read", error))?.into(),
                    false => self.streamed(blob, range.clone()),
                };
                (status, range, body)
            }
        };
        Ok(offer.answer(status, &range, body))
    }

    fn file_at_hand(&self, file: &ServedFile, empty: HeaderMap) -> Option<Response> {
        let ServedFile { sha256: digest, size_bytes, .. } = *file;
        let etag = Etag::of(&digest);
        let offer = self.offer(etag.as_str(), size_bytes);
        let (status, range, body) = match self.wanted(&digest, &offer).ok()? {
            Wanted::Done(response) => return Some(*response),
            Wanted::Small(status, range) => {
                let bytes = self.app.small_blobs.at_hand(&digest).filter(|bytes| bytes.len() as u64 == size_bytes)?;
                let body = part_of(&bytes, &range);
                (status, range, body)
            }
            Wanted::Large(status, range) => {
                let blob = self.app.blobs.as_file_at_hand(&digest).filter(|blob| blob.size_bytes() == size_bytes)?;
                let body = match is_short(&range) {
                    true => blob.read_at_hand(&range)?.into(),
                    false => self.streamed(blob, range.clone()),
                };
                (status, range, body)
            }
        };
        Some(offer.answer_with(empty, status, &range, body))
    }

    fn wanted(&self, digest: &Sha256Digest, offer: &Offer<'_>) -> Result<Wanted, Problem> {
        let (status, range) = match offer.plan(self.method, self.fields)? {
            Plan::Done(response) => return Ok(Wanted::Done(response)),
            Plan::Send(status, range) => (status, range),
        };
        if self.is_head() {
            return Ok(Wanted::Done(Box::new(offer.answer(status, &range, Body::empty()))));
        }
        if offer.size_bytes <= SMALL_BLOB_BYTES {
            return Ok(Wanted::Small(status, range));
        }
        // A proxy would read `Range` anew: one that we ignore (RFC 9110 section 14.2) is none of its business.
        let is_ignored = status == StatusCode::OK && self.fields.contains(&header::RANGE);
        match handed_over(self.app, digest, offer).filter(|_| !is_ignored) {
            Some(response) => Ok(Wanted::Done(Box::new(response))),
            None => Ok(Wanted::Large(status, range)),
        }
    }

    /// A blob that gets shorter while it is sent ends the connection early: never a whole answer with wrong bytes.
    fn streamed(&self, blob: BlobFile, range: Range<u64>) -> Body {
        match self.outbox {
            Some(outbox) => Body::new(FileBody::new(outbox.clone(), blob, range)),
            None => Body::from_stream(blob.pieces(range)),
        }
    }

    fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// Strong tag of bytes: their digest never lies.
struct Etag([u8; 66]);

impl Etag {
    fn of(digest: &Sha256Digest) -> Self {
        let mut text = [b'"'; 66];
        // The lengths fit.
        let _ = hex::encode_to_slice(digest.as_bytes(), &mut text[1..65]);
        Self(text)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The digest's digits.
    fn digest(&self) -> &[u8] {
        &self.0[1..65]
    }
}

/// Whether a range is copied into the answer: for so little that is less work than a second call of the system.
fn is_short(range: &Range<u64>) -> bool {
    range.end - range.start <= SMALL_BLOB_BYTES
}

/// A range that was planned for these very bytes.
fn part_of(bytes: &Bytes, range: &Range<u64>) -> Body {
    match (usize::try_from(range.start), usize::try_from(range.end)) {
        (Ok(from), Ok(to)) => Body::from(bytes.slice(from..to)),
        _ => Body::empty(),
    }
}

/// A blob of another length than its row says is damaged, whatever its bytes are.
fn check_length(digest: &Sha256Digest, found: u64, recorded: u64) -> Result<(), BlobError> {
    if found == recorded { Ok(()) } else { Err(BlobError::Damaged { digest: *digest }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_digests_in_paths() {
        let rest = "c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (aa, bb, rest, expected) in [
            ("e3", "b0", rest, true),
            ("E3", "b0", rest, false),
            ("e3b", "0", rest, false),
            ("e3", "b0", &rest[1..], false),
            ("e3", "b0", &rest.replace('c', "z"), false),
            ("", "", "", false),
            ("..", "..", "..", false),
        ] {
            assert_eq!(digest_of(aa, bb, rest).is_some(), expected, "{aa}/{bb}/{rest}");
        }
    }
}
