//! `/api/v1/batches`: uploads that become visible together, and `/api/v1/have`, which says what need not travel.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, HttpBody as _};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::batch_view::{BatchView, FileView, FilesView, url_of};
use super::conditional::header_text;
use super::extract::{self, Query, Segments};
use crate::app::App;
use crate::ingest::{self, ArchiveMode, BatchPut, BatchPutOutcome, BatchRequestError, Declared, FilePart, KnownBytes};
use crate::model::{Batch, BatchFile, ChannelName, Md5Digest, Sha256Digest};

/// How many bytes of a file are here.
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// Whether all of them are: `?1` or `?0`, as the draft of resumable uploads writes it.
const UPLOAD_COMPLETE: HeaderName = HeaderName::from_static("upload-complete");

/// What a batch is opened for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenWish {
    /// The channel; the one for uploads, when absent.
    channel: Option<ChannelName>,
}

/// What may stand in the query of a file or an archive.
#[derive(Debug, Deserialize)]
pub struct PutQuery {
    /// Digest of the file; when given, anything else is refused.
    sha256: Option<Sha256Digest>,
    /// As above.
    md5: Option<Md5Digest>,
    /// Present: everything is judged and nothing kept.
    dry_run: Option<String>,
}

impl PutQuery {
    fn is_dry_run(&self) -> bool {
        is_dry_run(self.dry_run.as_deref())
    }
}

/// Whether `?dry_run` was asked for: by its name alone, or with any value but `false` and `0`.
pub(super) fn is_dry_run(value: Option<&str>) -> bool {
    value.is_some_and(|value| !matches!(value, "false" | "0"))
}

/// `POST /api/v1/batches`
pub async fn open(
    State(app): State<Arc<App>>,
    who: Who,
    extract::Json(wish): extract::Json<OpenWish>,
) -> Result<Response, Problem> {
    let channel = wish.channel.unwrap_or_else(|| app.settings.upload_channel.clone());
    let batch = ingest::open_batch(&app.batch_parts(), &who.0, &channel, || app.new_batch_id()).await?;
    let location = url_of(&app, &batch.id);
    let view = BatchView::new(&app, batch, Vec::new());
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(view)).into_response())
}

/// `GET /api/v1/batches/{id}`
pub async fn show(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<BatchView>, Problem> {
    let batch = own(&app, &who, &id).await?;
    view(&app, batch).await
}

/// `POST /api/v1/batches/{id}/commit`. Repeating it is answered as the first time.
pub async fn commit(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<Json<BatchView>, Problem> {
    let batch = own(&app, &who, &id).await?;
    let committed = ingest::commit_batch(&app.batch_parts(), &who.0, &batch).await?;
    view(&app, committed).await
}

/// `DELETE /api/v1/batches/{id}`
pub async fn abandon(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
) -> Result<StatusCode, Problem> {
    let batch = own(&app, &who, &id).await?;
    ingest::abandon_batch(&app.batch_parts(), &who.0, &batch).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /api/v1/batches/{id}/files/{filename}`: the file, or with `Content-Range` a part of it.
pub async fn put_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((id, filename)): Segments<(String, String)>,
    Query(query): Query<PutQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let batch = own(&app, &who, &id).await?;
    let part = part_of(&headers)?;
    let length_bytes = body.size_hint().exact();
    if let (Some(part), Some(length_bytes)) = (part, length_bytes)
        && part.length_bytes != length_bytes
    {
        let fault = format!("`Content-Range` names {} bytes, the body has {length_bytes}", part.length_bytes);
        return Err(BatchRequestError::RangeInvalid { fault }.into());
    }
    let declared = Declared { sha256: query.sha256, md5: query.md5, ..Declared::default() };
    let put = BatchPut { filename, declared, part, length_bytes, provenance: None };
    let (parts, is_dry_run) = (app.batch_parts(), query.is_dry_run());
    let body = body.into_data_stream().map_err(std::io::Error::other);
    if is_dry_run {
        let file = ingest::try_batch_file(&parts, &who.0, &batch, put, body).await?;
        return Ok(Json(FilesView::new(vec![file], true)).into_response());
    }
    match ingest::put_batch_file(&parts, &who.0, &batch, put, body).await {
        Ok(BatchPutOutcome::Whole(file)) => {
            let size_bytes = file.size_bytes.unwrap_or_default();
            let answer = (StatusCode::CREATED, Json(FileView::from(*file)));
            Ok(with_offset(answer.into_response(), size_bytes, true))
        }
        Ok(BatchPutOutcome::Partial(here)) => Ok(with_offset(StatusCode::ACCEPTED.into_response(), here, false)),
        Err(error @ BatchRequestError::OffsetAhead { size_bytes, .. }) => {
            Err(Problem::from(error).with_header(UPLOAD_OFFSET, &size_bytes.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /api/v1/batches/{id}/files/{filename}`: how it stands with the file, and how many of its bytes are here.
pub async fn show_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((id, filename)): Segments<(String, String)>,
) -> Result<Response, Problem> {
    let batch = own(&app, &who, &id).await?;
    let (here, file) = ingest::find_batch_file(&app.batch_parts(), &batch, &filename).await?;
    let is_complete = file.sha256.is_some();
    let mut answer = with_offset(Json(FileView::from(file)).into_response(), here, is_complete);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// `DELETE /api/v1/batches/{id}/files/{filename}`
pub async fn remove_file(
    State(app): State<Arc<App>>,
    who: Who,
    Segments((id, filename)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let batch = own(&app, &who, &id).await?;
    ingest::remove_batch_file(&app.batch_parts(), &batch, &filename).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/batches/{id}/archive`
pub async fn put_archive(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
    Query(query): Query<PutQuery>,
    body: Body,
) -> Result<Json<FilesView>, Problem> {
    let batch = own(&app, &who, &id).await?;
    let mode = if query.is_dry_run() { ArchiveMode::Try } else { ArchiveMode::Keep };
    let body = body.into_data_stream().map_err(std::io::Error::other);
    let files = ingest::put_archive(&app.batch_parts(), &who.0, &batch, mode, body).await?;
    Ok(Json(FilesView::new(files, mode == ArchiveMode::Try)))
}

/// What is asked of `have`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HaveQuestion {
    /// Digests of files that somebody wants to send.
    sha256: Vec<Sha256Digest>,
}

/// Which of them have to be sent.
#[derive(Serialize)]
pub struct HaveAnswer {
    missing: Vec<Sha256Digest>,
}

/// `POST /api/v1/have`
pub async fn have(
    State(app): State<Arc<App>>,
    who: Who,
    extract::Json(question): extract::Json<HaveQuestion>,
) -> Result<Json<HaveAnswer>, Problem> {
    let missing = ingest::list_missing(&app.batch_parts(), &who.0, &question.sha256).await?;
    Ok(Json(HaveAnswer { missing }))
}

/// Files to be made of bytes that are here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptWish {
    files: Vec<AdoptFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdoptFile {
    filename: String,
    sha256: Sha256Digest,
}

/// What became of them.
#[derive(Serialize)]
pub struct Adopted {
    /// Digests of those that have to be sent.
    missing: Vec<Sha256Digest>,
    #[serde(flatten)]
    taken: FilesView,
}

/// `POST /api/v1/batches/{id}/have`
pub async fn adopt(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(id): Segments<String>,
    extract::Json(wish): extract::Json<AdoptWish>,
) -> Result<Json<Adopted>, Problem> {
    let batch = own(&app, &who, &id).await?;
    let known = |file: AdoptFile| KnownBytes { filename: file.filename, sha256: file.sha256 };
    let wanted = wish.files.into_iter().map(known).collect();
    let adopted = ingest::adopt_files(&app.batch_parts(), &who.0, &batch, wanted).await?;
    Ok(Json(Adopted { missing: adopted.missing, taken: FilesView::new(adopted.files, false) }))
}

async fn own(app: &App, who: &Who, id: &str) -> Result<Batch, Problem> {
    Ok(ingest::find_own_batch(&app.batch_parts(), &who.0, id).await?)
}

async fn view(app: &App, batch: Batch) -> Result<Json<BatchView>, Problem> {
    let files: Vec<BatchFile> = app.index.list_batch_files(&batch).await?;
    Ok(Json(BatchView::new(app, batch, files)))
}

fn with_offset(mut answer: Response, here: u64, is_complete: bool) -> Response {
    let headers = answer.headers_mut();
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(here));
    headers.insert(UPLOAD_COMPLETE, HeaderValue::from_static(if is_complete { "?1" } else { "?0" }));
    answer
}

/// Reads `Content-Range: bytes FIRST-LAST/TOTAL` (RFC 9110 section 14.4). A whole length that is not known yet is refused:
/// nobody would know when the file is whole.
fn part_of(headers: &HeaderMap) -> Result<Option<FilePart>, BatchRequestError> {
    let Some(text) = header_text(headers, header::CONTENT_RANGE) else {
        return match headers.contains_key(header::CONTENT_RANGE) {
            true => Err(unreadable("")),
            false => Ok(None),
        };
    };
    parse_part(&text).map(Some).ok_or_else(|| unreadable(&text))
}

fn unreadable(text: &str) -> BatchRequestError {
    let fault = format!("`Content-Range: {}` is not read here", crate::packaging::shown(text));
    BatchRequestError::RangeInvalid { fault }
}

fn parse_part(text: &str) -> Option<FilePart> {
    let (range, total) = text.strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let [first_byte, last_byte, total_bytes] = [first, last, total].map(number);
    let (first_byte, last_byte, total_bytes) = (first_byte?, last_byte?, total_bytes?);
    let is_inside = first_byte <= last_byte && last_byte < total_bytes;
    is_inside.then(|| FilePart { first_byte, length_bytes: last_byte - first_byte + 1, total_bytes })
}

fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_parts() {
        let part = |first_byte, length_bytes, total_bytes| Some(FilePart { first_byte, length_bytes, total_bytes });
        for (text, expected) in [
            ("bytes 0-0/1", part(0, 1, 1)),
            ("bytes 0-9/20", part(0, 10, 20)),
            ("bytes 10-19/20", part(10, 10, 20)),
            ("bytes 10-20/20", None),
            ("bytes 9-8/20", None),
            ("bytes 0-9/*", None),
            ("bytes */20", None),
            ("bytes 0-/20", None),
            ("bytes -9/20", None),
            ("bytes +0-9/20", None),
            ("items 0-9/20", None),
            ("bytes 0-9", None),
            ("bytes 0-18446744073709551615/18446744073709551616", None),
            ("", None),
        ] {
            assert_eq!(parse_part(text), expected, "{text}");
        }
    }

    #[test]
    fn ok_dry_runs() {
        for (value, expected) in
            [(None, false), (Some(""), true), (Some("true"), true), (Some("1"), true), (Some("false"), false)]
        {
            assert_eq!(is_dry_run(value), expected, "{value:?}");
        }
    }
}
