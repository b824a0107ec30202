//! An archive of files into a batch: a tar, plain or packed with gzip or zstd, is read while it arrives; a zip is written
//! aside first, because its directory is at its end.
//!
//! Folders are passed over, and a file stands under its own name wherever it lies. What is no wheel or sdist, a link, a
//! device, a name that leads out of the archive and a name that is there twice are refused by name: they stand in the batch
//! as refused, and nothing is committed before somebody has taken them out.

use std::collections::BTreeSet;
use std::io;

use bytes::Bytes;
use futures_util::stream::FuturesOrdered;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, pin_mut, stream};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::archive_members::{Format, Member, read_tar, read_zip_members};
use super::batch::{is_refusal, refused};
use super::batch_put::{BatchPut, settle, tried, upload};
use super::{BatchParts, BatchRequestError, Declared, PendingUpload, UploadError, check_access};
use crate::access::{ReadPolicy, authorize};
use crate::archive::Limits;
use crate::blobs::Hashing;
use crate::model::{Batch, BatchFile, FileKind, Finding, Permission, Principal};
use crate::packaging::shown;

/// Pieces of an archive, and members of it, that wait for whoever reads them: some megabytes at most.
const WAITING: usize = 8;

/// Files of an archive that are judged and made durable at the same time.
const FILES_AT_ONCE: usize = 16;

/// What is done with the files of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveMode {
    /// They become part of the batch.
    Keep,
    /// They are judged, and nothing is kept.
    Try,
}

/// Takes every file of an archive into an open batch, or judges them only; tells of each in the order of the archive.
///
/// Fails with [`BatchRequestError::ArchiveRefused`] if the archive itself cannot be read to its end. Files before the place
/// where it is damaged are part of the batch then; of a zip, which is judged whole first, none is.
pub async fn put_archive(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    mode: ArchiveMode,
    body: impl Stream<Item = io::Result<Bytes>> + Send,
) -> Result<Vec<BatchFile>, BatchRequestError> {
    parts.need_open(batch)?;
    authorize(who, Permission::Upload, Some(&batch.channel), None, ReadPolicy::Open)?;
    let body = body.map_err(UploadError::Aborted);
    pin_mut!(body);
    // Enough to tell the format by, unless the archive is shorter than any.
    let mut begin = Vec::new();
    while begin.len() < Format::KNOWN_FROM_BYTES {
        match body.next().await.transpose()? {
            Some(piece) => begin.extend_from_slice(&piece),
            None => break,
        }
    }
    let format = Format::of(&begin);
    let body = stream::once(async { Ok(Bytes::from(begin)) }).chain(body);
    let (members, received) = mpsc::channel(WAITING);
    let limits = limits(parts);
    let taken = take_members(parts, who, batch, mode, received);
    if format == Format::Zip {
        let mut pending = parts.ingest.blobs.create(Hashing::Standard).await?;
        pin_mut!(body);
        while let Some(piece) = body.next().await.transpose()? {
            pending.write(piece).await?;
        }
        let (size_bytes, file) = (pending.finish().await?.size_bytes, pending.as_file()?);
        spawn_blocking(move || read_zip_members(&file, size_bytes, &limits, &members));
        return taken.await;
    }
    let (pieces, arriving) = mpsc::channel(WAITING);
    spawn_blocking(move || read_tar(format, arriving, &limits, &members));
    let feed = async {
        pin_mut!(body);
        while let Some(piece) = body.next().await {
            let (piece, error) = match piece {
                Ok(piece) => (Ok(piece), None),
                Err(error) => (Err(io::ErrorKind::ConnectionAborted.into()), Some(error)),
            };
            // The reader stops before the end when the archive is refused.
            if pieces.send(piece).await.is_err() {
                return Ok(());
            }
            if let Some(error) = error {
                return Err(error);
            }
        }
        drop(pieces);
        Ok(())
    };
    let (fed, taken) = tokio::join!(feed, taken);
    // What broke the connection is the reason of everything that came of it.
    fed?;
    taken
}

/// An archive may be as large as the disk takes; each file in it is held to the limits of one upload.
fn limits(parts: &BatchParts) -> Limits {
    let max_entry_bytes = parts.ingest.limits.max_file_size_bytes;
    Limits { max_entry_bytes, max_total_bytes: u64::MAX, ..parts.ingest.limits.archive.clone() }
}

/// A file of an archive on its way to a verdict.
enum Work<'a> {
    /// Bytes that are not judged yet.
    Judge(String, PendingUpload<'a>),
    /// A verdict that needed no bytes.
    Refused(String, UploadError),
}

/// Judges members as they come, several at a time, and records them in their order.
async fn take_members(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    mode: ArchiveMode,
    received: mpsc::Receiver<Member>,
) -> Result<Vec<BatchFile>, BatchRequestError> {
    let (works, waiting) = mpsc::channel(WAITING);
    let (gathered, judged) =
        tokio::join!(gather(parts, who, batch, received, works), judge_all(parts, who, batch, mode, waiting));
    let files = judged?;
    gathered.map(|()| files)
}

/// Writes the files of the archive aside, one after another.
async fn gather<'a>(
    parts: &'a BatchParts,
    who: &Principal,
    batch: &Batch,
    mut received: mpsc::Receiver<Member>,
    works: mpsc::Sender<Work<'a>>,
) -> Result<(), BatchRequestError> {
    let mut names = BTreeSet::new();
    while let Some(work) = next_work(parts, who, batch, &mut received, &mut names).await? {
        // Who judges has stopped, and says why.
        if works.send(work).await.is_err() {
            break;
        }
    }
    Ok(())
}

async fn judge_all(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    mode: ArchiveMode,
    mut waiting: mpsc::Receiver<Work<'_>>,
) -> Result<Vec<BatchFile>, BatchRequestError> {
    let (mut judging, mut is_over) = (FuturesOrdered::new(), false);
    let (mut files, mut group): (Vec<BatchFile>, Vec<BatchFile>) = (Vec::new(), Vec::new());
    while !is_over || !judging.is_empty() {
        tokio::select! {
            work = waiting.recv(), if !is_over && judging.len() < FILES_AT_ONCE => match work {
                Some(work) => judging.push_back(judge(parts, who, batch, mode, work)),
                None => is_over = true,
            },
            Some(file) = judging.next(), if !judging.is_empty() => group.push(file?),
        }
        if group.len() < FILES_AT_ONCE && !(is_over && judging.is_empty()) {
            continue;
        }
        // A name that is there twice is told once, as it stands in the batch.
        let group: Vec<BatchFile> = last_of_each_name(std::mem::take(&mut group));
        if mode == ArchiveMode::Keep {
            parts.record(batch, &group).await?;
        }
        files.extend(group);
    }
    Ok(last_of_each_name(files))
}

/// The files without those whose name a later one has.
fn last_of_each_name(files: Vec<BatchFile>) -> Vec<BatchFile> {
    let mut names = BTreeSet::new();
    let mut kept: Vec<BatchFile> = files.into_iter().rev().filter(|file| names.insert(file.filename.clone())).collect();
    kept.reverse();
    kept
}

/// The next file of the archive with its bytes aside; nothing at its end.
async fn next_work<'a>(
    parts: &'a BatchParts,
    who: &Principal,
    batch: &Batch,
    received: &mut mpsc::Receiver<Member>,
    names: &mut BTreeSet<String>,
) -> Result<Option<Work<'a>>, BatchRequestError> {
    let (name, mut pending) = match received.recv().await {
        None => return Ok(None),
        Some(Member::Damaged(findings)) => return Err(BatchRequestError::ArchiveRefused { findings }),
        Some(Member::Failed(error)) => return Err(UploadError::Check(error).into()),
        Some(Member::Refused(name, finding)) => return Ok(Some(Work::Refused(name.clone(), refusal(&name, finding)))),
        Some(Member::Piece(_) | Member::End) => return Err(out_of_order().into()),
        Some(Member::Begin(name)) => (name, PendingUpload::begin(&parts.ingest, Hashing::Standard).await?),
    };
    loop {
        match received.recv().await {
            Some(Member::Piece(piece)) => pending.write(piece).await?,
            Some(Member::End) => break,
            Some(Member::Damaged(findings)) => return Err(BatchRequestError::ArchiveRefused { findings }),
            Some(Member::Failed(error)) => return Err(UploadError::Check(error).into()),
            Some(Member::Begin(_) | Member::Refused(..)) | None => return Err(out_of_order().into()),
        }
    }
    if let Err(error) = check_access(who, &batch.channel, &name) {
        return Ok(Some(Work::Refused(name, error)));
    }
    if !names.insert(name.clone()) {
        let text = format!("`{}` is in the archive twice", shown(&name));
        let finding = Finding::refuse("BAT-03", "duplicate-member", text);
        return Ok(Some(Work::Refused(name.clone(), refusal(&name, finding))));
    }
    Ok(Some(Work::Judge(name, pending)))
}

/// The reader was stopped in the middle of a member.
fn out_of_order() -> UploadError {
    UploadError::Check(io::ErrorKind::UnexpectedEof.into())
}

/// What is said of a member that is refused for what it is.
fn refusal(name: &str, finding: Finding) -> UploadError {
    let kind = if name.ends_with(".tar.gz") { FileKind::Sdist } else { FileKind::Wheel };
    UploadError::FileRefused { filename: shown(name), kind, findings: vec![finding] }
}

async fn judge(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    mode: ArchiveMode,
    work: Work<'_>,
) -> Result<BatchFile, BatchRequestError> {
    let now = parts.ingest.clock.now();
    let (filename, pending) = match work {
        Work::Refused(name, error) => return Ok(refused(&name, &error, now)),
        Work::Judge(name, pending) => (name, pending),
    };
    let put = BatchPut { filename, declared: Declared::default(), part: None, length_bytes: None, provenance: None };
    let checked = match pending.check(who, upload(batch, &put)).await {
        Ok(checked) => checked,
        Err(error) if is_refusal(&error) => return Ok(refused(&put.filename, &error, now)),
        Err(error) => return Err(error.into()),
    };
    match mode {
        ArchiveMode::Try => tried(parts, batch, &checked).await,
        ArchiveMode::Keep => settle(parts, batch, &checked.keep().await?).await,
    }
}
