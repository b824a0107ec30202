//! The solver's source over another index: pages and `.metadata` only, fetched ahead while the search runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::arrive::open_up;
use super::page::{ProjectPage, Promise, UpstreamFile};
use super::progress::{Progress, ProgressSink};
use super::upstream::ATTEMPTS;
use super::{MirrorError, Upstream};
use crate::ingest::IngestParts;
use crate::model::Sha256Digest;
use crate::packaging::{MAX_METADATA_BYTES, ProjectName, parse_core_metadata};
use crate::resolve::{Candidate, Source, SourceError, WheelRequirements};

/// Something that is being fetched, or was.
type Fetch<T> = Shared<BoxFuture<'static, Result<T, Arc<MirrorError>>>>;

/// Wheels that are fetched at once only to be opened: as many as downloads (see `pull.rs`).
static OPENED_AT_ONCE: Semaphore = Semaphore::const_new(4);

/// What became of a wheel's metadata: requirements, or why they cannot be used.
type Metadata = Result<Arc<WheelRequirements>, String>;

/// Reads another index project by project. Each thing is fetched once, also if it is asked for while it is on its way.
pub(super) struct UpstreamSource {
    upstream: Arc<Upstream>,
    parts: IngestParts,
    runtime: Handle,
    progress: ProgressSink,
    read_count: Arc<AtomicUsize>,
    pages: Mutex<BTreeMap<ProjectName, Fetch<Option<Arc<ProjectPage>>>>>,
    metadata: Mutex<BTreeMap<String, Fetch<Metadata>>>,
}

impl UpstreamSource {
    pub(super) fn new(upstream: Arc<Upstream>, parts: IngestParts, runtime: Handle, progress: ProgressSink) -> Self {
        Self {
            upstream,
            parts,
            runtime,
            progress,
            read_count: Arc::default(),
            pages: Mutex::default(),
            metadata: Mutex::default(),
        }
    }

    /// The file behind a candidate that the solver chose.
    pub(super) fn file(&self, candidate: &Candidate) -> Option<UpstreamFile> {
        let page = self.runtime.block_on(self.page(&candidate.project)).ok().flatten()?;
        page.files.get(&candidate.filename).cloned()
    }

    fn page(&self, project: &ProjectName) -> Fetch<Option<Arc<ProjectPage>>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let fetch = pages.entry(project.clone()).or_insert_with(|| {
            let (upstream, progress) = (Arc::clone(&self.upstream), Arc::clone(&self.progress));
            let (project, read_count) = (project.clone(), Arc::clone(&self.read_count));
            self.begin(async move {
                let page = upstream.project(&project).await.map_err(Arc::new)?;
                let project_count = read_count.fetch_add(1, Ordering::Relaxed) + 1;
                progress(Progress::Read { project, project_count });
                Ok(page.map(Arc::new))
            })
        });
        fetch.clone()
    }

    fn metadata(&self, file: &UpstreamFile) -> Fetch<Metadata> {
        let mut metadata = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        let fetch = metadata.entry(file.filename.clone()).or_insert_with(|| {
            let (upstream, parts, file) = (Arc::clone(&self.upstream), self.parts.clone(), file.clone());
            let progress = Arc::clone(&self.progress);
            self.begin(async move { fetch_metadata(&upstream, &parts, &file, &progress).await.map_err(Arc::new) })
        });
        fetch.clone()
    }

    fn begin<T: Clone + Send + Sync + 'static>(
        &self,
        work: impl Future<Output = Result<T, Arc<MirrorError>>> + Send + 'static,
    ) -> Fetch<T> {
        let fetch = work.boxed().shared();
        // The task drives it; whoever needs the outcome waits for the shared half.
        self.runtime.spawn(fetch.clone().map(drop));
        fetch
    }

    fn failed(project: &ProjectName, error: Arc<MirrorError>) -> SourceError {
        SourceError::Failed { project: project.clone(), cause: Box::new(error) }
    }
}

impl Source for UpstreamSource {
    fn candidates(&self, project: &ProjectName) -> Result<Arc<Vec<Candidate>>, SourceError> {
        match self.runtime.block_on(self.page(project)) {
            Ok(Some(page)) => Ok(Arc::new(page.candidates())),
            Ok(None) => Err(SourceError::NotThere { project: project.clone() }),
            Err(error) => Err(Self::failed(project, error)),
        }
    }

    fn requires(&self, candidate: &Candidate) -> Result<Arc<WheelRequirements>, SourceError> {
        let Some(file) = self.file(candidate) else {
            return Err(SourceError::Unusable { reason: format!("`{}` is not on its page", candidate.filename) });
        };
        match self.runtime.block_on(self.metadata(&file)) {
            Ok(Ok(requirements)) => Ok(requirements),
            Ok(Err(reason)) => Err(SourceError::Unusable { reason }),
            Err(error) => Err(Self::failed(&candidate.project, error)),
        }
    }

    fn place(&self) -> String {
        self.upstream.place()
    }

    fn expect_projects(&self, projects: &[ProjectName]) {
        for project in projects {
            drop(self.page(project));
        }
    }

    fn expect_requires(&self, candidate: &Candidate) {
        if let Some(file) = self.file(candidate) {
            drop(self.metadata(&file));
        }
    }
}

/// The metadata beside a wheel, or, where an index serves none, that inside it.
async fn fetch_metadata(
    upstream: &Upstream,
    parts: &IngestParts,
    file: &UpstreamFile,
    progress: &ProgressSink,
) -> Result<Metadata, MirrorError> {
    if file.metadata != Promise::No {
        let mut url = file.url.clone();
        url.set_path(&format!("{}.metadata", file.url.path()));
        if let Some(bytes) = upstream.small_file(&url, MAX_METADATA_BYTES).await? {
            if let Promise::Digest(promised) = file.metadata
                && Sha256Digest::of(&bytes) != promised
            {
                return Ok(Err(format!("the metadata that is served beside `{}` has another digest", file.filename)));
            }
            // Hostile metadata of some megabytes takes longer than the runtime may be held up.
            let file = file.clone();
            let read = tokio::task::spawn_blocking(move || read_metadata(&file, &bytes));
            return read.await.map_err(|_| MirrorError::Lost);
        }
    }
    let _turn = OPENED_AT_ONCE.acquire().await.map_err(|_| MirrorError::Lost)?;
    let mut attempt = 1;
    loop {
        match open_up(upstream, file, parts).await {
            Err(error) if attempt < ATTEMPTS && error.may_pass() => upstream.pause_before(attempt).await,
            outcome => {
                progress(Progress::Opened { filename: file.filename.clone() });
                return Ok(outcome?.map(Arc::new));
            }
        }
        attempt += 1;
    }
}

fn read_metadata(file: &UpstreamFile, bytes: &[u8]) -> Metadata {
    match parse_core_metadata(bytes) {
        Ok(metadata) if metadata.project != file.project || metadata.version != file.version => {
            Err(format!("its metadata is that of {} {}", metadata.project, metadata.version))
        }
        Ok(metadata) => Ok(Arc::new(WheelRequirements {
            requires_dist: metadata.requires_dist,
            provides_extra: metadata.provides_extra.iter().map(ToString::to_string).collect(),
        })),
        Err(faults) => {
            let first = faults.into_iter().find(|fault| fault.is_error());
            Err(first.map_or_else(|| "its metadata cannot be read".to_owned(), |fault| fault.message))
        }
    }
}
