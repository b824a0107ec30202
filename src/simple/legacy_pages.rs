//! Finished answers of the legacy JSON API in memory: each made once for what it depends on, from one release's METADATA.

use std::borrow::Cow;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use sha2::Digest as _;
use tokio::sync::Semaphore;

use super::body::compress_zstd;
use super::legacy::{LegacyRelease, LegacyUrls, advisory_url, latest, metadata_of, render};
use super::{Encoding, PageError};
use crate::blobs::{BlobError, BlobStore};
use crate::index::{AdvisoryRecord, Index, IndexError};
use crate::model::{ChannelRef, Diagnostic, Kind, ProjectHead, Serial, Sha256Digest, View};
use crate::packaging::{CoreMetadata, MAX_METADATA_BYTES, ProjectName, Version, parse_core_metadata, release_key};

/// Answers that are made at the same time. Each may hold some megabytes of METADATA; these URLs are asked by machines that
/// walk through lists, never by installers, so a queue is no harm.
const MADE_AT_ONCE: usize = 4;

/// Most advisories that are looked at for one project; the most ill-famed have some hundred.
const MAX_ADVISORIES: u32 = 10_000;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// The project has no files in this view, or none of the version that was named.
    #[error("{what} is not in channel `{channel}` at serial {serial}")]
    NoSuchRelease {
        /// The project, with the version that was named.
        what: String,
        /// The channel that was read.
        channel: String,
        /// The serial that was read.
        serial: Serial,
    },
    /// The answer could not be written out.
    #[error("the page could not be made")]
    Render(#[source] serde_json::Error),
    /// What stops every page stops this one.
    #[error(transparent)]
    Page(#[from] PageError),
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The METADATA could not be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
}

impl Diagnostic for LegacyError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchRelease { .. } => "simple/no-such-release",
            Self::Render(_) => "simple/page-failed",
            Self::Page(error) => error.code(),
            Self::Index(error) => error.code(),
            Self::Blob(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchRelease { .. } => Kind::NotFound,
            Self::Render(_) => Kind::Internal,
            Self::Page(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Blob(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Index(error) => error.hint(),
            Self::Blob(error) => error.hint(),
            _ => None,
        }
    }
}

/// What an answer depends on. Importing advisories for a project gives it another edition.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    channel_id: i64,
    project: ProjectName,
    release_key: Option<String>,
    last_serial: Serial,
    /// A deletion takes a file out of the answers of older snapshots, whose serial does not change.
    deleted_count: i64,
    advisory_edition: i64,
    urls: LegacyUrls,
}

/// The bytes of an answer in one encoding.
#[derive(Clone, Debug)]
pub struct LegacyBody {
    /// What is sent.
    pub bytes: Bytes,
    /// With its quotes; differs between encodings (IDX-29).
    pub etag: Bytes,
}

/// A finished answer.
#[derive(Debug)]
pub struct LegacyPage {
    /// Serial of the last change of the project (IDX-32).
    pub last_serial: Serial,
    identity: LegacyBody,
    gzip: LegacyBody,
    zstd: LegacyBody,
}

impl LegacyPage {
    /// The bytes in this encoding.
    pub fn body(&self, encoding: Encoding) -> &LegacyBody {
        match encoding {
            Encoding::Identity => &self.identity,
            Encoding::Gzip => &self.gzip,
            Encoding::Zstd => &self.zstd,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct LegacyWish<'a> {
    /// The channel or snapshot.
    pub view: &'a ChannelRef,
    /// The project.
    pub project: &'a ProjectName,
    /// One version; the latest with a list of all when absent.
    pub version: Option<&'a Version>,
    /// Where links lead.
    pub urls: &'a LegacyUrls,
}

/// Finished answers, bounded by the bytes of their bodies. Cheap to clone.
#[derive(Clone)]
pub struct LegacyPages {
    pages: moka::sync::Cache<Key, Arc<LegacyPage>>,
    makers: Arc<Semaphore>,
}

impl LegacyPages {
    /// A cache that holds at most `capacity_bytes` of bodies.
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh = |_: &Key, page: &Arc<LegacyPage>| {
            let body_bytes = page.identity.bytes.len() + page.gzip.bytes.len() + page.zstd.bytes.len();
            u32::try_from(body_bytes + size_of::<(Key, LegacyPage)>()).unwrap_or(u32::MAX)
        };
        Self {
            pages: moka::sync::Cache::builder().max_capacity(capacity_bytes).weigher(weigh).build(),
            makers: Arc::new(Semaphore::new(MADE_AT_ONCE)),
        }
    }

    /// The answer for a project or one of its versions, by two small reads of the index when it is in memory.
    ///
    /// Fails with [`LegacyError::NoSuchRelease`] where there is no file to tell of.
    pub async fn page(
        &self,
        index: &Index,
        blobs: &dyn BlobStore,
        wish: LegacyWish<'_>,
    ) -> Result<Arc<LegacyPage>, LegacyError> {
        let (view, head) = index.open_project(wish.view, wish.project).await?;
        let Some(head) = head else {
            let (project, channel) = (wish.project.clone(), view.channel.to_string());
            return Err(PageError::NoSuchProject { project, channel, serial: view.serial }.into());
        };
        let key = Key {
            channel_id: view.channel_id,
            project: wish.project.clone(),
            release_key: wish.version.map(release_key),
            last_serial: head.last_serial,
            deleted_count: head.deleted_count,
            advisory_edition: index.advisory_edition(wish.project).await?,
            urls: wish.urls.clone(),
        };
        if let Some(page) = self.pages.get(&key) {
            return Ok(page);
        }
        // Nobody closes the semaphore, so there is always a turn.
        let _turn = self.makers.acquire().await;
        if let Some(page) = self.pages.get(&key) {
            return Ok(page);
        }
        let page = Arc::new(make(index, blobs, wish, &view, head).await?);
        self.pages.insert(key, page.clone());
        Ok(page)
    }
}

async fn make(
    index: &Index,
    blobs: &dyn BlobStore,
    wish: LegacyWish<'_>,
    view: &View,
    head: ProjectHead,
) -> Result<LegacyPage, LegacyError> {
    let (files, all_files) = match wish.version {
        Some(version) => (index.list_files_of_version(view, wish.project, version).await?, None),
        None => {
            let all = index.list_files(view, wish.project).await?;
            let shown = latest(&all);
            let is_shown = |version: &Version| Some(version) == shown.as_ref();
            (all.iter().filter(|file| is_shown(&file.stored.file.version)).cloned().collect(), Some(all))
        }
    };
    let Some(version) = files.first().map(|file| file.stored.file.version.clone()) else {
        let what = match wish.version {
            Some(version) => format!("`{}` {version}", wish.project),
            None => format!("a file of `{}`", wish.project),
        };
        return Err(LegacyError::NoSuchRelease { what, channel: view.channel.to_string(), serial: view.serial });
    };
    let metadata = match metadata_of(&files) {
        Some(digest) => Some((digest, blobs.read(&digest, MAX_METADATA_BYTES as u64).await?)),
        None => None,
    };
    // Read after the edition: what is newer than it is kept under the old edition at worst until the next question.
    let advisories = index.list_advisories(Some(wish.project), "", MAX_ADVISORIES).await?;
    let (urls, last_serial) = (wish.urls.clone(), head.last_serial);
    let work = move || {
        let metadata = metadata.and_then(|(digest, bytes)| read(&digest, &bytes));
        let told = |known: &AdvisoryRecord| {
            let link = advisory_url(&urls, &known.advisory.id);
            known.advisory.vulnerability(&head.name, &version, link)
        };
        let vulnerabilities = advisories.iter().filter_map(told).collect();
        let text = render(&LegacyRelease { head, version, metadata, files, all_files, vulnerabilities, urls });
        let text = text.map_err(LegacyError::Render)?;
        let gzip = compress_gzip(&text).map(body).map_err(PageError::Compress)?;
        let zstd = compress_zstd(&text).map(body).map_err(PageError::Compress)?;
        Ok(LegacyPage { last_serial, identity: body(text.into_bytes()), gzip, zstd })
    };
    tokio::task::spawn_blocking(work).await.map_err(PageError::Stopped)?
}

/// What METADATA says; nothing if the blob is damaged, or was taken by rules that have become stricter since.
fn read(digest: &Sha256Digest, bytes: &[u8]) -> Option<CoreMetadata> {
    (Sha256Digest::of(bytes) == *digest).then(|| parse_core_metadata(bytes).ok()).flatten()
}

/// The header of the stream holds no time and no name, so two nodes send the same bytes.
fn compress_gzip(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

fn body(bytes: Vec<u8>) -> LegacyBody {
    let etag = format!("\"{}\"", &hex::encode(sha2::Sha256::digest(&bytes))[..32]);
    LegacyBody { bytes: bytes.into(), etag: etag.into() }
}
