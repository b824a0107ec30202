//! `/packages/{aa}/{bb}/{rest}/{filename}` and `….metadata`: stored bytes under a URL that never changes (FIL-01 to FIL-09).

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use bytes::Bytes;

use super::Problem;
use super::auth::Who;
use super::download::{Offer, Plan};
use super::extract::Segments;
use super::handover::handed_over;
use super::sendfile::{FileBody, Outbox};
use crate::access::authorize;
use crate::app::App;
use crate::blobs::{BlobError, SMALL_BLOB_BYTES};
use crate::model::{Kind, Permission, Principal, ServedFile, Sha256Digest};
use crate::packaging::{MAX_METADATA_BYTES, shown};

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
    let (name, wants_metadata) = match filename.strip_suffix(METADATA_SUFFIX) {
        Some(name) => (name, true),
        None => (filename.as_str(), false),
    };
    let digest = digest_of(&aa, &bb, &rest).ok_or_else(|| no_such_file(&filename))?;
    let file = app.index.find_served(name).await?.filter(|file| file.sha256 == digest);
    let file = file.ok_or_else(|| no_such_file(&filename))?;
    who.may(&app, Permission::Read, None, Some(&file.project))?;
    if file.is_withheld {
        return Err(withheld(&file, name));
    }
    let parts = request.into_parts().0;
    if wants_metadata {
        return metadata(&app, &file, &filename, &parts).await;
    }
    whole_file(&app, &file, name, &parts).await
}

/// What [`download`] answers an anonymous GET, if file and bytes are in memory and everybody may have them.
pub fn at_hand(app: &App, path: &str, headers: &HeaderMap) -> Option<Response> {
    let (directory, filename) = path.strip_prefix("/packages/")?.rsplit_once('/')?;
    let mut cuts = directory.split('/');
    let digest = digest_of(cuts.next()?, cuts.next()?, cuts.next()?)?;
    let metadata_of = filename.strip_suffix(METADATA_SUFFIX);
    // A name with an escape is not one that was looked up before, so it is not found.
    let file = app.index.served_at_hand(metadata_of.unwrap_or(filename))?;
    if cuts.next().is_some() || file.sha256 != digest || file.is_withheld {
        return None;
    }
    authorize(&Principal::Anonymous, Permission::Read, None, Some(&file.project), app.settings.read).ok()?;
    let blob = if metadata_of.is_some() { file.metadata_sha256? } else { digest };
    let bytes = app.small_blobs.at_hand(&blob)?;
    if metadata_of.is_none() && bytes.len() as u64 != file.size_bytes {
        return None;
    }
    let etag = format!("\"{blob}\"");
    let offer = Offer { etag: &etag, size_bytes: bytes.len() as u64, filename, reads: app.settings.read };
    match offer.plan(&Method::GET, headers).ok()? {
        Plan::Done(response) => Some(*response),
        Plan::Send(status, range) => Some(offer.answer(status, &range, part_of(&bytes, &range))),
    }
}

/// Only the spelling that pages use: lowercase, cut after two and four digits.
fn digest_of(aa: &str, bb: &str, rest: &str) -> Option<Sha256Digest> {
    let is_cut_right = aa.len() == 2 && bb.len() == 2;
    let hex = format!("{aa}{bb}{rest}");
    let is_lowercase = !hex.bytes().any(|byte| byte.is_ascii_uppercase());
    hex.parse().ok().filter(|_| is_cut_right && is_lowercase)
}

fn no_such_file(filename: &str) -> Problem {
    let detail = format!("no file `{}` with this digest is here", shown(filename));
    Problem::new(Kind::NotFound, "http/no-such-file", detail)
}

fn withheld(file: &ServedFile, filename: &str) -> Problem {
    let detail = format!("`{}` is kept back: its project `{}` is quarantined", shown(filename), file.project);
    Problem::new(Kind::Forbidden, "http/file-withheld", detail)
        .with_hint("Take another project, or ask an administrator of the channel why.")
}

async fn metadata(app: &App, file: &ServedFile, filename: &str, parts: &Parts) -> Result<Response, Problem> {
    let digest = file.metadata_sha256.ok_or_else(|| no_such_file(filename))?;
    // Small, and its length is recorded nowhere else.
    let bytes = app.small_blobs.read(&digest, MAX_METADATA_BYTES as u64).await?;
    let size_bytes = bytes.len() as u64;
    let offer = Offer { etag: &format!("\"{digest}\""), size_bytes, filename, reads: app.settings.read };
    match offer.plan(&parts.method, &parts.headers)? {
        Plan::Done(response) => Ok(*response),
        Plan::Send(status, range) if parts.method == Method::HEAD => Ok(offer.answer(status, &range, Body::empty())),
        Plan::Send(status, range) => Ok(offer.answer(status, &range, part_of(&bytes, &range))),
    }
}

async fn whole_file(app: &App, file: &ServedFile, filename: &str, parts: &Parts) -> Result<Response, Problem> {
    let ServedFile { sha256: digest, size_bytes, .. } = *file;
    let etag = format!("\"{digest}\"");
    let offer = Offer { etag: &etag, size_bytes, filename, reads: app.settings.read };
    let (status, range) = match offer.plan(&parts.method, &parts.headers)? {
        Plan::Done(response) => return Ok(*response),
        Plan::Send(status, range) => (status, range),
    };
    if parts.method == Method::HEAD {
        return Ok(offer.answer(status, &range, Body::empty()));
    }
    if size_bytes <= SMALL_BLOB_BYTES {
        let bytes = app.small_blobs.read(&digest, SMALL_BLOB_BYTES).await?;
        check_length(&digest, bytes.len() as u64, size_bytes)?;
        return Ok(offer.answer(status, &range, part_of(&bytes, &range)));
    }
    if let Some(response) = handed_over(app, &digest, &offer) {
        return Ok(response);
    }
    // A blob that gets shorter while it is sent ends the connection early: never a whole answer with wrong bytes.
    let blob = app.blobs.as_file(&digest).await?;
    check_length(&digest, blob.size_bytes(), size_bytes)?;
    let is_short = range.end - range.start <= SMALL_BLOB_BYTES;
    let body = match parts.extensions.get::<Outbox>() {
        _ if is_short => Body::from(blob.read(range.clone()).await.map_err(|error| BlobError::io("read", error))?),
        Some(outbox) => Body::new(FileBody::new(outbox.clone(), blob, range.clone())),
        None => Body::from_stream(blob.pieces(range.clone())),
    };
    Ok(offer.answer(status, &range, body))
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
