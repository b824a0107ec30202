//! Finished pages in memory: each made once in each encoding that is asked for, and valid as long as its serial is.
//!
//! A page depends on the channel, the project and the serial of its last change there. The page of a head takes the place
//! of the one before it; snapshots share it as long as it is also theirs.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::sync::MutexGuard;
use url::Url;

use super::body::{Draft, KnownPieces, PageBody};
use super::large::LargeProjects;
use super::lists::Lists;
use super::runs::Runs;
use super::{Base, Encoding, Format, NameRules, ProjectPage, RootPage, html, json};
use crate::index::{Index, IndexError};
use crate::model::{ChannelRef, Diagnostic, Kind, ListedProject, PageNamespace, ProjectHead, Scope, Serial, View};
use crate::packaging::ProjectName;

/// Builders that may work at the same time; one key always goes to the same one, so each page is built once (threats 1.7).
const BUILDERS: usize = 64;

/// What an entry takes beside its texts, in bytes: key and body, and what the cache remembers of an entry.
const ENTRY_BYTES: usize = size_of::<Key>() + size_of::<PageBody>() + 160;

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
            Self::Compress(_) | Self::Stopped(_) => "simple/page-failed",
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchProject { .. } => Kind::NotFound,
            Self::Compress(_) | Self::Stopped(_) => Kind::Internal,
            Self::Index(error) => error.kind(),
        }
    }
}

/// The form in which a page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// Its representation.
    pub format: Format,
    /// How its bytes are encoded.
    pub encoding: Encoding,
    /// Where it stands.
    pub base: Base,
}

/// Whose page it is: the head's, which changes, or one of the past, which does not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Edition {
    Head,
    Past(Serial),
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    channel_id: i64,
    /// `None` is the list of projects.
    project: Option<ProjectName>,
    edition: Edition,
    form: Form,
}

/// What a page shows, and from which view.
struct Wanted {
    channel_id: i64,
    project: Option<ProjectName>,
    last_serial: Serial,
    beside: Beside,
    is_head: bool,
    form: Form,
}

/// What a page depends on that moves no serial.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Beside {
    /// A deletion takes a file out of pages whose serial does not change: those of older snapshots.
    deleted_count: i64,
    /// Changed by grants.
    namespaces: Option<Vec<PageNamespace>>,
}

/// A page, and what else it was made of.
type Kept = (Beside, Arc<PageBody>);

/// Makes the bytes of a page that was drafted.
pub(super) type Encode<'a> = dyn Fn(Draft<'_>) -> std::io::Result<PageBody> + 'a;

impl Wanted {
    fn key(&self, edition: Edition) -> Key {
        Key { channel_id: self.channel_id, project: self.project.clone(), edition, form: self.form }
    }

    /// Where the page is kept once it is made.
    fn own_key(&self) -> Key {
        self.key(if self.is_head { Edition::Head } else { Edition::Past(self.last_serial) })
    }
}

/// Finished pages, bounded by the bytes of their bodies and keys. Cheap to clone.
#[derive(Clone)]
pub struct PageCache {
    pages: moka::sync::Cache<Key, Kept>,
    pieces: KnownPieces,
    lists: Lists,
    large: LargeProjects,
    /// Public address below which pages name provenance; none where that would not be a secure origin.
    provenance_root: Option<Arc<str>>,
    builders: Arc<[tokio::sync::Mutex<()>]>,
    hasher: RandomState,
    names: Arc<NameRules>,
}

impl PageCache {
    /// A cache that holds at most `capacity_bytes` of pages.
    pub fn new(capacity_bytes: u64, names: NameRules) -> Self {
        Self {
            pages: moka::sync::Cache::builder().max_capacity(capacity_bytes).weigher(weigh).build(),
            pieces: KnownPieces::new(),
            lists: Lists::default(),
            large: LargeProjects::new(),
            provenance_root: None,
            builders: (0..BUILDERS).map(|_| tokio::sync::Mutex::new(())).collect(),
            hasher: RandomState::new(),
            names: Arc::new(names),
        }
    }

    /// Has pages name the provenance of files below this address, if its origin is secure: clients are to be given an
    /// absolute `https` URL or none (standards IDX-21, ATT-04), and it is never made of what a client sends.
    #[must_use]
    pub fn naming_provenance(mut self, public_url: Option<&Url>) -> Self {
        let secure = public_url.filter(|url| url.scheme() == "https");
        self.provenance_root = secure.map(|url| url.as_str().trim_end_matches('/').into());
        self
    }

    /// The list of projects of a view.
    ///
    /// Of a head, only what changed is read and compressed anew, by one caller, while the others wait.
    pub async fn root(&self, index: &Index, wanted: &ChannelRef, form: Form) -> Result<Arc<PageBody>, PageError> {
        let view = index.open_view(wanted).await?;
        let is_head = wanted.serial.is_none();
        let page = list_of(&view, is_head, form);
        self.get_or_make(page, async || {
            let projects = self.projects_of(index, &view, is_head).await?;
            self.make_root(&view, form, projects).await
        })
        .await
    }

    /// The list of projects of a view with those alone that `limits` cover. Made for one reader and not kept.
    pub async fn root_within(
        &self,
        index: &Index,
        wanted: &ChannelRef,
        form: Form,
        limits: &Scope,
    ) -> Result<Arc<PageBody>, PageError> {
        let view = index.open_view(wanted).await?;
        let projects = {
            let _turn = self.turn(view.channel_id, None).await;
            self.projects_of(index, &view, wanted.serial.is_none()).await?
        };
        let covered = projects.entries().filter(|project| limits.covers_project(&project.name)).cloned().collect();
        Ok(Arc::new(self.make_root(&view, form, Runs::new(covered)).await?))
    }

    /// The projects of a view. One caller at a time for each channel.
    async fn projects_of(&self, index: &Index, view: &View, is_head: bool) -> Result<Runs<ListedProject>, IndexError> {
        match is_head {
            true => self.lists.of_head(index, view).await,
            false => Ok(Runs::new(index.list_projects(view).await?)),
        }
    }

    pub(super) async fn make_root(
        &self,
        view: &View,
        form: Form,
        projects: Runs<ListedProject>,
    ) -> Result<PageBody, PageError> {
        let (last_serial, has_namespaces) = (view.serial, self.names.has_namespaces);
        let page = RootPage { projects, last_serial, has_namespaces };
        self.make(form, last_serial, move |encode| encode(draft_root(&page, form.format))).await
    }

    /// A project's page in a channel or snapshot. At most one read of the index when the page is in memory.
    ///
    /// A project that was once part of the channel and has no files now has an empty page, which keeps uv from taking the
    /// name from another index, and so has a name that is reserved; [`PageError::NoSuchProject`] is only for names that were
    /// never here (IDX-05).
    pub async fn project(
        &self,
        index: &Index,
        wanted: &ChannelRef,
        project: &ProjectName,
        form: Form,
    ) -> Result<Arc<PageBody>, PageError> {
        let (view, head) = index.open_project(wanted, project).await?;
        let namespaces = self.names.namespaces(index, project).await?;
        let Some(head) = head.or_else(|| self.names.head_of_reserved(project, namespaces.as_deref())) else {
            return Err(PageError::NoSuchProject {
                project: project.clone(),
                channel: view.channel.to_string(),
                serial: view.serial,
            });
        };
        let last_serial = head.last_serial;
        let page = page_of(&view, &head, namespaces.clone(), wanted.serial.is_none(), form);
        self.get_or_make(page, async || {
            let names_provenance = self.provenance_root.is_some();
            let files = match wanted.serial {
                None => self.large.of_head(index, &view, &head, names_provenance).await?,
                Some(_) => Runs::new(index.list_page(&view, &head.name, names_provenance).await?),
            };
            let provenance_root = self.provenance_root.clone();
            let page = ProjectPage { namespaces, provenance_root, ..ProjectPage::new(head, files, form.base) };
            self.make(form, last_serial, move |encode| encode(draft_project(&page, form.format))).await
        })
        .await
    }

    /// What [`PageCache::root`] gives, if nothing has to be read or made for it.
    pub fn root_at_hand(&self, index: &Index, wanted: &ChannelRef, form: Form) -> Option<Arc<PageBody>> {
        let view = index.view_at_hand(wanted)?;
        self.get(&list_of(&view, wanted.serial.is_none(), form))
    }

    /// What [`PageCache::project`] gives, if nothing has to be read or made for it.
    pub fn project_at_hand(
        &self,
        index: &Index,
        wanted: &ChannelRef,
        project: &ProjectName,
        form: Form,
    ) -> Option<Arc<PageBody>> {
        if self.names.has_namespaces {
            return None;
        }
        let opened = index.project_at_hand(wanted, project)?;
        let (view, head) = &*opened;
        self.get(&page_of(view, head.as_ref()?, None, wanted.serial.is_none(), form))
    }

    /// Namespaces around a project; nothing where they are not offered.
    pub(super) async fn namespaces_of(
        &self,
        index: &Index,
        project: &ProjectName,
    ) -> Result<Option<Vec<PageNamespace>>, IndexError> {
        self.names.namespaces(index, project).await
    }

    /// The head of a project that is ours without a file.
    pub(super) fn head_of_reserved(
        &self,
        project: &ProjectName,
        namespaces: Option<&[PageNamespace]>,
    ) -> Option<ProjectHead> {
        self.names.head_of_reserved(project, namespaces)
    }

    fn get(&self, page: &Wanted) -> Option<Arc<PageBody>> {
        let kept = |edition| {
            let (beside, body) = self.pages.get(&page.key(edition))?;
            (body.last_serial == page.last_serial && beside == page.beside).then_some(body)
        };
        kept(Edition::Head).or_else(|| if page.is_head { None } else { kept(Edition::Past(page.last_serial)) })
    }

    async fn get_or_make(
        &self,
        page: Wanted,
        make: impl AsyncFnOnce() -> Result<PageBody, PageError>,
    ) -> Result<Arc<PageBody>, PageError> {
        if let Some(body) = self.get(&page) {
            return Ok(body);
        }
        // The forms of a page are made one after another: they need the same reads.
        let _turn = self.turn(page.channel_id, page.project.as_ref()).await;
        if let Some(body) = self.get(&page) {
            return Ok(body);
        }
        let body = Arc::new(make().await?);
        self.pages.insert(page.own_key(), (page.beside, body.clone()));
        Ok(body)
    }

    /// Waits until nobody else makes this page, or the list of projects.
    async fn turn(&self, channel_id: i64, project: Option<&ProjectName>) -> Option<MutexGuard<'_, ()>> {
        let place = self.hasher.hash_one((channel_id, project)) % BUILDERS as u64;
        match self.builders.get(usize::try_from(place).unwrap_or_default()) {
            Some(builder) => Some(builder.lock().await),
            None => None,
        }
    }

    /// Renders and encodes off the runtime's threads: a large page takes milliseconds.
    pub(super) async fn make(
        &self,
        form: Form,
        last_serial: Serial,
        draft: impl FnOnce(&Encode<'_>) -> std::io::Result<PageBody> + Send + 'static,
    ) -> Result<PageBody, PageError> {
        let pieces = self.pieces.clone();
        let work = move || draft(&|draft| PageBody::new(form.format, form.encoding, last_serial, draft, &pieces));
        let made = tokio::task::spawn_blocking(work).await.map_err(PageError::Stopped)?;
        made.map_err(PageError::Compress)
    }
}

fn list_of(view: &View, is_head: bool, form: Form) -> Wanted {
    let (channel_id, last_serial) = (view.channel_id, view.serial);
    Wanted { channel_id, project: None, last_serial, beside: Beside::default(), is_head, form }
}

fn page_of(
    view: &View,
    head: &ProjectHead,
    namespaces: Option<Vec<PageNamespace>>,
    is_head: bool,
    form: Form,
) -> Wanted {
    let (channel_id, project) = (view.channel_id, Some(head.name.clone()));
    let beside = Beside { deleted_count: head.deleted_count, namespaces };
    Wanted { channel_id, project, last_serial: head.last_serial, beside, is_head, form }
}

fn weigh(key: &Key, (_, body): &Kept) -> u32 {
    let name_bytes = key.project.as_ref().map_or(0, |project| project.as_str().len());
    let body_bytes = body.len() + body.pieces.len() * size_of::<bytes::Bytes>();
    u32::try_from(body_bytes + name_bytes + ENTRY_BYTES).unwrap_or(u32::MAX)
}

pub(super) fn draft_root(page: &RootPage, format: Format) -> Draft<'_> {
    match format {
        Format::Json => json::draft_root(page),
        Format::Html | Format::HtmlV1 => html::draft_root(page),
    }
}

pub(super) fn draft_project(page: &ProjectPage, format: Format) -> Draft<'_> {
    match format {
        Format::Json => json::draft_project(page),
        Format::Html | Format::HtmlV1 => html::draft_project(page),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::text::Text;
    use super::*;

    fn wanted(project: &str, serial: i64, is_head: bool) -> Wanted {
        let form = Form { format: Format::Json, encoding: Encoding::Identity, base: Base::Default };
        let project = Some(project.parse().unwrap());
        Wanted { channel_id: 1, project, last_serial: Serial(serial), beside: Beside::default(), is_head, form }
    }

    fn body(text: &str, serial: i64) -> PageBody {
        let mut head = Text::default();
        head.push(text);
        let (form, write) = ((Format::Json, None), Box::new(|_: &mut Text, _| ()));
        let draft = Draft { form, head, runs: Vec::new(), write, entry_bytes: 0, tail: Text::default() };
        PageBody::new(Format::Json, Encoding::Identity, Serial(serial), draft, &KnownPieces::new()).unwrap()
    }

    #[tokio::test]
    async fn a_page_that_many_ask_for_at_once_is_made_once() {
        let (cache, made) = (PageCache::new(1 << 20, NameRules::default()), AtomicUsize::new(0));
        let ask = || {
            cache.get_or_make(wanted("demo", 1, true), async || {
                made.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok(body("text", 1))
            })
        };
        let pages = futures_util::future::join_all((0..100).map(|_| ask())).await;
        assert!(pages.iter().all(|page| page.as_ref().is_ok_and(|page| page.pieces[0] == "text")));
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_page_that_could_not_be_made_is_tried_again() {
        let cache = PageCache::new(1 << 20, NameRules::default());
        let fails = async || Err(PageError::Compress(std::io::Error::other("no")));
        assert!(cache.get_or_make(wanted("demo", 1, true), fails).await.is_err());
        let made = cache.get_or_make(wanted("demo", 1, true), async || Ok(body("text", 1))).await.unwrap();
        assert_eq!(made.pieces[0], "text");
    }

    #[tokio::test]
    async fn a_newer_page_of_a_head_takes_the_place_of_the_older_and_a_snapshot_keeps_its_own() {
        let cache = PageCache::new(1 << 20, NameRules::default());
        let ask = async |serial, is_head| {
            let text = format!("made for {serial}, head: {is_head}");
            let page = wanted("demo", serial, is_head);
            let made = cache.get_or_make(page, async || Ok(body(&text, serial))).await.unwrap();
            String::from_utf8(made.pieces.concat()).unwrap()
        };
        assert_eq!(ask(1, true).await, "made for 1, head: true");
        assert_eq!(ask(1, false).await, "made for 1, head: true");
        assert_eq!(ask(2, true).await, "made for 2, head: true");
        assert_eq!(ask(1, false).await, "made for 1, head: false");
        assert_eq!(ask(2, true).await, "made for 2, head: true");
        cache.pages.run_pending_tasks();
        assert_eq!(cache.pages.entry_count(), 2);
    }

    #[tokio::test]
    async fn a_deletion_makes_pages_of_the_same_serial_anew() {
        let cache = PageCache::new(1 << 20, NameRules::default());
        for (deleted_count, is_head) in [(0, true), (0, false), (1, false), (2, true), (2, false), (3, false)] {
            let beside = Beside { deleted_count, namespaces: None };
            let page = Wanted { beside, ..wanted("demo", 1, is_head) };
            let made = cache.get_or_make(page, async || Ok(body(&deleted_count.to_string(), 1))).await.unwrap();
            assert_eq!(made.pieces[0], deleted_count.to_string());
        }
    }

    #[tokio::test]
    async fn pages_take_no_more_memory_than_they_may() {
        let cache = PageCache::new(100_000, NameRules::default());
        for number in 0..1_000 {
            let page = wanted(&format!("demo-{number}"), 1, true);
            cache.get_or_make(page, async || Ok(body("x", 1))).await.unwrap();
        }
        cache.pages.run_pending_tasks();
        // Short pages are bounded too: what is remembered of them counts.
        assert!((1..400).contains(&cache.pages.entry_count()), "{}", cache.pages.entry_count());
        assert!((1..=100_000).contains(&cache.pages.weighted_size()), "{}", cache.pages.weighted_size());
    }
}
