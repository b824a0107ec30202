//! `/packages/{aa}/{bb}/{rest}/{filename}` and `….metadata`: stored bytes under a URL that never changes (FIL-01 to FIL-09).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;

use super::Problem;
use super::auth::Who;
use super::download::{Offer, Plan};
use super::extract::Segments;
use crate::app::App;
use crate::blobs::CHUNK_SIZE_BYTES;
use crate::model::{Kind, NewFile, Permission, Sha256Digest};
use crate::packaging::{MAX_METADATA_BYTES, shown};

/// Files up to this many bytes are read whole: one change of thread, and their digest is checked before anything is sent.
const WHOLE_READ_BYTES: u64 = CHUNK_SIZE_BYTES as u64;

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
    let stored = app.index.find_file(name).await?.filter(|stored| stored.file.digests.sha256 == digest);
    let file = stored.ok_or_else(|| no_such_file(&filename))?.file;
    who.may(&app, Permission::Read, None, Some(&file.project))?;
    let parts = request.into_parts().0;
    if wants_metadata {
        return metadata(&app, &file, &filename, &parts).await;
    }
    whole_file(&app, &file, &parts).await
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

async fn metadata(app: &App, file: &NewFile, filename: &str, parts: &Parts) -> Result<Response, Problem> {
    let digest = file.metadata_sha256.ok_or_else(|| no_such_file(filename))?;
    // Small, and its length is recorded nowhere else.
    let bytes = checked(app.blobs.read(&digest, MAX_METADATA_BYTES as u64).await?, &digest)?;
    let size_bytes = bytes.len() as u64;
    let offer = Offer { etag: &format!("\"{digest}\""), size_bytes, filename, reads: app.settings.read };
    match offer.plan(&parts.method, &parts.headers)? {
        Plan::Done(response) => Ok(*response),
        Plan::Send(status, range) => {
            let (from, to) = (usize::try_from(range.start), usize::try_from(range.end));
            let part = from.ok().zip(to.ok()).filter(|_| parts.method != Method::HEAD);
            let body = part.map_or_else(Body::empty, |(from, to)| Body::from(bytes.slice(from..to)));
            Ok(offer.answer(status, &range, body))
        }
    }
}

async fn whole_file(app: &App, file: &NewFile, parts: &Parts) -> Result<Response, Problem> {
    let digest = file.digests.sha256;
    let size_bytes = file.digests.size_bytes;
    let etag = format!("\"{digest}\"");
    let offer = Offer { etag: &etag, size_bytes, filename: &file.filename, reads: app.settings.read };
    let (status, range) = match offer.plan(&parts.method, &parts.headers)? {
        Plan::Done(response) => return Ok(*response),
        Plan::Send(status, range) => (status, range),
    };
    let body = if parts.method == Method::HEAD {
        Body::empty()
    } else if range == (0..size_bytes) && size_bytes <= WHOLE_READ_BYTES {
        Body::from(checked(app.blobs.read(&digest, WHOLE_READ_BYTES).await?, &digest)?)
    } else {
        // A blob that is shorter than its row says ends the connection early: never a whole answer with wrong bytes.
        Body::from_stream(app.blobs.open(&digest, range.clone()).await?)
    };
    Ok(offer.answer(status, &range, body))
}

/// Bytes whose digest is what the index says; damaged ones are never sent (FIL-15).
fn checked(bytes: Bytes, digest: &Sha256Digest) -> Result<Bytes, Problem> {
    if Sha256Digest::of(&bytes) == *digest {
        return Ok(bytes);
    }
    Err(Problem::internal(format!("the blob `sha256:{digest}` is damaged: its bytes have another digest")))
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
