//! Finished pages in memory: each made once, plain and compressed, found again by what they depend on and nothing else.
//!
//! A page depends on the channel, the project and the serial of its last change there, so nothing is ever invalidated:
//! a change makes another key, and the old page leaves when room is needed. Snapshots share pages with the head.

use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use sha2::Digest as _;

use super::{Base, Encoding, Format, ProjectPage, RootPage, html, json};
use crate::index::{Index, IndexError};
use crate::model::{ChannelRef, Diagnostic, Kind, Serial, View};
use crate::packaging::ProjectName;

/// Builders that may work at the same time; one key always goes to the same one, so each page is built once (threats 1.7).
const BUILDERS: usize = 64;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The name was never part of this channel (IDX-05).
    #[error("`{project}` is not in channel `{channel}` at serial {serial}")]
    NoSuchProject {
        /// The name that was asked for.
        project: ProjectName,
        /// The channel that was read.
        channel: String,
        /// The serial that was read.
        serial: Serial,
    },
    /// The page could not be written out.
    #[error("the page could not be made")]
    Render(#[source] serde_json::Error),
    /// The page could not be compressed.
    #[error("the page could not be compressed")]
    Compress(#[source] std::io::Error),
    /// The thread that makes the page was stopped.
    #[error("the page could not be made")]
    Stopped(#[source] tokio::task::JoinError),
    /// The index could not be read.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Diagnostic for PageError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchProject { .. } => "simple/no-such-project",
            Self::Render(_) | Self::Compress(_) | Self::Stopped(_) => "simple/page-failed",
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchProject { .. } => Kind::NotFound,
            Self::Render(_) | Self::Compress(_) | Self::Stopped(_) => Kind::Internal,
            Self::Index(error) => error.kind(),
        }
    }
}

/// What a finished page depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    channel_id: i64,
    /// `None` is the list of projects.
    project: Option<ProjectName>,
    last_serial: Serial,
    /// A deletion takes a file out of pages whose serial does not change: those of older snapshots.
    deleted_count: i64,
    format: Format,
    base: Base,
}

/// The bytes of a page in one encoding, with their strong entity tag.
#[derive(Clone, Debug)]
pub struct PageBody {
    /// What is sent.
    pub bytes: Bytes,
    /// With its quotes; differs between representations and encodings (IDX-29).
    pub etag: String,
}

/// A finished page.
#[derive(Debug)]
pub struct RenderedPage {
    /// Its representation.
    pub format: Format,
    /// Serial of the last change that it shows (IDX-32).
    pub last_serial: Serial,
    identity: PageBody,
    gzip: PageBody,
}

impl RenderedPage {
    /// The bytes in this encoding.
    pub fn body(&self, encoding: Encoding) -> &PageBody {
        match encoding {
            Encoding::Identity => &self.identity,
            Encoding::Gzip => &self.gzip,
        }
    }
}

/// Finished pages, bounded by the bytes of their bodies. Cheap to clone.
#[derive(Clone)]
pub struct PageCache {
    pages: moka::sync::Cache<Key, Arc<RenderedPage>>,
    builders: Arc<[tokio::sync::Mutex<()>]>,
    hasher: RandomState,
}

impl PageCache {
    /// A cache that holds at most `capacity_bytes` of page bodies.
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh = |_: &Key, page: &Arc<RenderedPage>| {
            let body_bytes = page.identity.bytes.len() + page.gzip.bytes.len();
            u32::try_from(body_bytes + size_of::<(Key, RenderedPage)>()).unwrap_or(u32::MAX)
        };
        Self {
            pages: moka::sync::Cache::builder().max_capacity(capacity_bytes).weigher(weigh).build(),
            builders: (0..BUILDERS).map(|_| tokio::sync::Mutex::new(())).collect(),
            hasher: RandomState::new(),
        }
    }

    /// The list of projects of a view.
    pub async fn root(
        &self,
        index: &Index,
        view: &View,
        format: Format,
        base: Base,
    ) -> Result<Arc<RenderedPage>, PageError> {
        let last_serial = view.serial;
        let key = Key { channel_id: view.channel_id, project: None, last_serial, deleted_count: 0, format, base };
        self.get_or_make(key, async || {
            let projects = index.list_projects(view).await?;
            make(format, last_serial, move || render_root(&RootPage { projects, last_serial }, format)).await
        })
        .await
    }

    /// A project's page in a channel or snapshot. One read of the index when the page is in memory.
    ///
    /// A project that was once part of the channel and has no files now has an empty page, which keeps uv from taking the
    /// name from another index; [`PageError::NoSuchProject`] is only for names that were never here (IDX-05).
    pub async fn project(
        &self,
        index: &Index,
        wanted: &ChannelRef,
        project: &ProjectName,
        format: Format,
        base: Base,
    ) -> Result<Arc<RenderedPage>, PageError> {
        let (view, head) = index.open_project(wanted, project).await?;
        let Some(head) = head else {
            return Err(PageError::NoSuchProject {
                project: project.clone(),
                channel: view.channel.to_string(),
                serial: view.serial,
            });
        };
        let last_serial = head.last_serial;
        let project = Some(project.clone());
        let deleted_count = head.deleted_count;
        let key = Key { channel_id: view.channel_id, project, last_serial, deleted_count, format, base };
        self.get_or_make(key, async || {
            let files = index.list_files(&view, &head.name).await?;
            make(format, last_serial, move || render_project(&ProjectPage::new(head, files, base), format)).await
        })
        .await
    }

    async fn get_or_make(
        &self,
        key: Key,
        make: impl AsyncFnOnce() -> Result<RenderedPage, PageError>,
    ) -> Result<Arc<RenderedPage>, PageError> {
        if let Some(page) = self.pages.get(&key) {
            return Ok(page);
        }
        let place = self.hasher.hash_one(&key) % BUILDERS as u64;
        let builder = self.builders.get(usize::try_from(place).unwrap_or_default());
        let _turn = match builder {
            Some(builder) => Some(builder.lock().await),
            None => None,
        };
        if let Some(page) = self.pages.get(&key) {
            return Ok(page);
        }
        let page = Arc::new(make().await?);
        self.pages.insert(key, page.clone());
        Ok(page)
    }
}

fn render_root(page: &RootPage, format: Format) -> serde_json::Result<String> {
    match format {
        Format::Json => json::render_root(page),
        Format::Html | Format::HtmlV1 => Ok(html::render_root(page)),
    }
}

fn render_project(page: &ProjectPage, format: Format) -> serde_json::Result<String> {
    match format {
        Format::Json => json::render_project(page),
        Format::Html | Format::HtmlV1 => Ok(html::render_project(page)),
    }
}

/// Renders and compresses off the runtime's threads: a large page takes tens of milliseconds.
async fn make(
    format: Format,
    last_serial: Serial,
    render: impl FnOnce() -> serde_json::Result<String> + Send + 'static,
) -> Result<RenderedPage, PageError> {
    let work = move || {
        let text = render().map_err(PageError::Render)?;
        let gzip = compress(text.as_bytes()).map_err(PageError::Compress)?;
        let identity = page_body(format, text.into_bytes());
        Ok(RenderedPage { format, last_serial, identity, gzip: page_body(format, gzip) })
    };
    tokio::task::spawn_blocking(work).await.map_err(PageError::Stopped)?
}

/// The header of the stream holds no time and no name, so two nodes send the same bytes (IDX-25).
fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// The tag covers the content type too: the two names of HTML have the same bytes and are two representations.
fn page_body(format: Format, bytes: Vec<u8>) -> PageBody {
    let mut hasher = sha2::Sha256::new();
    hasher.update(format.content_type());
    hasher.update([0]);
    hasher.update(&bytes);
    let etag = format!("\"{}\"", &hex::encode(hasher.finalize())[..32]);
    PageBody { bytes: bytes.into(), etag }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn key(number: i64) -> Key {
        Key {
            channel_id: 1,
            project: Some("demo".parse().unwrap()),
            last_serial: Serial(number),
            deleted_count: 0,
            format: Format::Json,
            base: Base::Default,
        }
    }

    fn page(text: &str) -> RenderedPage {
        let body = page_body(Format::Json, text.as_bytes().to_vec());
        RenderedPage { format: Format::Json, last_serial: Serial(1), identity: body.clone(), gzip: body }
    }

    #[tokio::test]
    async fn a_page_that_many_ask_for_at_once_is_made_once() {
        let (cache, made) = (PageCache::new(1 << 20), AtomicUsize::new(0));
        let ask = || {
            cache.get_or_make(key(1), async || {
                made.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(page("text"))
            })
        };
        let pages = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(pages.iter().all(|page| page.as_ref().is_ok_and(|page| page.identity.bytes == "text")));
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_page_that_could_not_be_made_is_tried_again() {
        let cache = PageCache::new(1 << 20);
        let failed = cache.get_or_make(key(1), async || Err(PageError::Compress(std::io::Error::other("no")))).await;
        assert!(failed.is_err());
        let made = cache.get_or_make(key(1), async || Ok(page("text"))).await.unwrap();
        assert_eq!(made.identity.bytes, "text");
    }

    #[tokio::test]
    async fn pages_take_no_more_memory_than_they_may() {
        let cache = PageCache::new(100_000);
        for number in 0..100 {
            cache.get_or_make(key(number), async || Ok(page(&"x".repeat(5_000)))).await.unwrap();
        }
        cache.pages.run_pending_tasks();
        assert!((1..=100_000).contains(&cache.pages.weighted_size()), "{}", cache.pages.weighted_size());
    }
}
