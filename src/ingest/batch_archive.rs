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
use super::batch::{accepted, is_refusal, refused};
use super::batch_put::{BatchPut, only_tried, upload};
use super::{
    BatchParts, BatchRequestError, CheckedUpload, Declared, PendingUpload, UploadError, check_access, keep_all,
};
use crate::access::{ReadPolicy, authorize};
use crate::archive::Limits;
use crate::blobs::Hashing;
use crate::model::{Batch, BatchFile, FileKind, Finding, Permission, Principal};
use crate::packaging::shown;

/// Pieces of an archive, and members of it, that wait for whoever reads them: some megabytes at most.
const WAITING: usize = 16;

/// Files of a group that are judged at the same time.
const FILES_AT_ONCE: usize = 16;

/// Files that are made durable together, and their bytes: enough that the disk's answers are waited for seldom, and few
/// enough to be held in memory some times.
const GROUP_FILES: usize = 256;
const GROUP_BYTES: u64 = 8 << 20;

/// Groups that are under way: one is checked while another waits for the disk.
const GROUPS_AT_ONCE: usize = 3;

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

/// Judges files in groups: those of one group share the flushes of the disk, and several groups are under way at once.
async fn judge_all(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    mode: ArchiveMode,
    mut waiting: mpsc::Receiver<Work<'_>>,
) -> Result<Vec<BatchFile>, BatchRequestError> {
    let (mut judging, mut is_over) = (FuturesOrdered::new(), false);
    let (mut files, mut group): (Vec<BatchFile>, Group<'_>) = (Vec::new(), Group::default());
    while !is_over || !judging.is_empty() {
        tokio::select! {
            work = waiting.recv(), if !is_over && judging.len() < GROUPS_AT_ONCE => {
                is_over = work.is_none();
                if group.add(work) || is_over {
                    judging.push_back(judge_group(parts, who, batch, mode, std::mem::take(&mut group).works));
                }
            },
            Some(judged) = judging.next(), if !judging.is_empty() => {
                // A name that is there twice is told once, as it stands in the batch.
                let judged = last_of_each_name(judged?);
                if mode == ArchiveMode::Keep {
                    parts.record(batch, &judged).await?;
                }
                files.extend(judged);
            }
        }
    }
    Ok(last_of_each_name(files))
}

/// Files that are judged together.
#[derive(Default)]
struct Group<'a> {
    works: Vec<Work<'a>>,
    size_bytes: u64,
}

impl<'a> Group<'a> {
    /// Adds a file; true if the group is full with it.
    fn add(&mut self, work: Option<Work<'a>>) -> bool {
        if let Some(Work::Judge(_, pending)) = &work {
            self.size_bytes += pending.size_bytes();
        }
        self.works.extend(work);
        self.works.len() >= GROUP_FILES || self.size_bytes >= GROUP_BYTES
    }
}

async fn judge_group(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    mode: ArchiveMode,
    works: Vec<Work<'_>>,
) -> Result<Vec<BatchFile>, BatchRequestError> {
    let mut works = works.into_iter();
    let (mut judging, mut judged) = (FuturesOrdered::new(), Vec::with_capacity(works.len()));
    loop {
        while judging.len() < FILES_AT_ONCE
            && let Some(work) = works.next()
        {
            judging.push_back(judge(parts, who, batch, work));
        }
        match judging.next().await {
            Some(verdict) => judged.push(verdict?),
            None => break,
        }
    }
    let (mut rows, mut checked) = (Vec::with_capacity(judged.len()), Vec::new());
    for verdict in judged {
        rows.push(match verdict {
            Ok(upload) => {
                checked.push(upload);
                None
            }
            Err(file) => Some(file),
        });
    }
    let staged = match mode {
        ArchiveMode::Keep => keep_all(&parts.ingest, checked).await?,
        ArchiveMode::Try => checked.iter().map(only_tried).collect(),
    };
    let names: Vec<&str> = staged.iter().map(|staged| staged.file.filename.as_str()).collect();
    let there = parts.ingest.index.list_in_head(&batch.channel, &names).await?;
    let now = parts.ingest.clock.now();
    let mut accepted = staged.iter().map(|staged| accepted(staged, there.contains(&staged.file.filename), now));
    // Each in the place that it has in the archive.
    rows.into_iter().filter_map(|row| row.map(Ok).or_else(|| accepted.next())).collect()
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
        Some(Member::Whole(name, bytes)) => {
            let pending = PendingUpload::in_memory(&parts.ingest, bytes);
            return Ok(Some(admitted(who, batch, names, name, pending)));
        }
        Some(Member::Begin(name)) => (name, PendingUpload::begin(&parts.ingest, Hashing::Standard).await?),
    };
    loop {
        match received.recv().await {
            Some(Member::Piece(piece)) => pending.write(piece).await?,
            Some(Member::End) => break,
            Some(Member::Damaged(findings)) => return Err(BatchRequestError::ArchiveRefused { findings }),
            Some(Member::Failed(error)) => return Err(UploadError::Check(error).into()),
            Some(Member::Begin(_) | Member::Whole(..) | Member::Refused(..)) | None => {
                return Err(out_of_order().into());
            }
        }
    }
    Ok(Some(admitted(who, batch, names, name, pending)))
}

/// The file, if its name is met for the first time and may be uploaded.
fn admitted<'a>(
    who: &Principal,
    batch: &Batch,
    names: &mut BTreeSet<String>,
    name: String,
    pending: PendingUpload<'a>,
) -> Work<'a> {
    if let Err(error) = check_access(who, &batch.channel, &name) {
        return Work::Refused(name, error);
    }
    if names.insert(name.clone()) {
        return Work::Judge(name, pending);
    }
    let text = format!("`{}` is in the archive twice", shown(&name));
    let error = refusal(&name, Finding::refuse("BAT-03", "duplicate-member", text));
    Work::Refused(name, error)
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

/// A file that passed every check, or the row of one that did not.
async fn judge<'a>(
    parts: &BatchParts,
    who: &Principal,
    batch: &Batch,
    work: Work<'a>,
) -> Result<Result<CheckedUpload<'a>, BatchFile>, BatchRequestError> {
    let now = parts.ingest.clock.now();
    let (filename, pending) = match work {
        Work::Refused(name, error) => return Ok(Err(refused(&name, &error, now))),
        Work::Judge(name, pending) => (name, pending),
    };
    let put = BatchPut { filename, declared: Declared::default(), part: None, length_bytes: None, provenance: None };
    match pending.check(who, upload(batch, &put)).await {
        Ok(checked) => Ok(Ok(checked)),
        Err(error) if is_refusal(&error) => Ok(Err(refused(&put.filename, &error, now))),
        Err(error) => Err(error.into()),
    }
}
