//! The opened parts of a server: data directory, index, blobs, page cache. The only place that puts them together.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng as _};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::access::new_token;
use crate::blobs::{BlobError, BlobStore as _, Blobs, LocalBlobs, SmallBlobs, SweepReport};
use crate::config::Settings;
use crate::index::{Index, IndexError, IndexLocation};
use crate::ingest::{
    BatchParts, BatchRequestError, IngestLimits, IngestParts, PublishQueue, Senders, SessionError, SessionParts, Trust,
    TrustRootsError, Turns, expire_batches, expire_sessions,
};
use crate::model::{
    AuditEvent, BatchId, ChannelName, Clock, Diagnostic, Kind, Principal, Scope, SessionToken, Timestamp,
};
use crate::simple::{LegacyPages, NameRules, PageCache};

/// File in the data directory that holds the first token, readable by its owner only.
pub const ADMIN_TOKEN_FILE: &str = "admin-token";

/// Longest time that closing waits for statements that still run.
const CLOSE_PATIENCE: Duration = Duration::from_secs(10);

/// Answers of the legacy JSON API get this part of the memory for pages, and beside it: few clients ask for them.
const LEGACY_PART: u64 = 8;

/// Why a server could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another process works on the data directory.
    #[error("the data directory `{}` is in use by process {holder}", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What the lock file says of the other process.
        holder: String,
    },
    /// The data directory cannot be used.
    #[error("`{}` cannot be used", path.display())]
    Directory {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The index is new, but files were stored here before: they would all look like leftovers.
    #[error("the index is empty and new, but `{}` holds {blob_count} stored files of an earlier one", path.display())]
    IndexLost {
        /// The data directory.
        path: PathBuf,
        /// Blobs that are there.
        blob_count: usize,
    },
    /// The index cannot be opened.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The blob store cannot be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Batches could not be looked after.
    #[error(transparent)]
    Batches(#[from] BatchRequestError),
    /// A trust root that was set cannot be used.
    #[error(transparent)]
    TrustRoots(#[from] TrustRootsError),
    /// Upload sessions could not be looked after.
    #[error(transparent)]
    Sessions(#[from] SessionError),
}

impl Diagnostic for AppError {
    fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "app/data-in-use",
            Self::Directory { .. } => "app/data-unusable",
            Self::IndexLost { .. } => "app/index-lost",
            Self::Index(error) => error.code(),
            Self::Blobs(error) => error.code(),
            Self::Batches(error) => error.code(),
            Self::TrustRoots(error) => error.code(),
            Self::Sessions(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::InUse { .. } | Self::Directory { .. } | Self::IndexLost { .. } => Kind::Unavailable,
            Self::Index(error) => error.kind(),
            Self::Blobs(error) => error.kind(),
            Self::Batches(error) => error.kind(),
            Self::TrustRoots(error) => error.kind(),
            Self::Sessions(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::InUse { .. } => Some("Stop that process, or name another directory with `--data`.".into()),
            Self::Directory { .. } => Some("Check that it exists and belongs to the user of this process.".into()),
            Self::IndexLost { .. } => Some(
                "Name the database that this directory was used with, or restore it; to begin anew, take another \
                 directory. Nothing was removed."
                    .into(),
            ),
            Self::Index(error) => error.hint(),
            Self::Blobs(error) => error.hint(),
            Self::Batches(error) => error.hint(),
            Self::TrustRoots(error) => error.hint(),
            Self::Sessions(error) => error.hint(),
        }
    }
}

/// An opened server. Dropping it releases the data directory.
pub struct App {
    /// The queryable record.
    pub index: Index,
    /// The stored bytes.
    pub blobs: Blobs,
    /// Small ones of them in memory.
    pub small_blobs: SmallBlobs,
    /// Rendered pages.
    pub pages: PageCache,
    /// Answers of the legacy JSON API.
    pub legacy_pages: LegacyPages,
    /// Uploads that run now.
    pub turns: Turns,
    /// Uploads that wait for their transaction.
    pub uploads: PublishQueue,
    /// The time.
    pub clock: Clock,
    /// What was set.
    pub settings: Settings,
    senders: Senders,
    /// Chance, for ids that nobody can guess.
    chance: Mutex<StdRng>,
    /// The first token, when this start made it; shown once.
    pub new_admin_token: Option<String>,
    trust: Trust,
    opened_at: Timestamp,
    _lock: File,
}

impl App {
    /// Opens the data directory, makes what is missing in it, and removes the half-written files of an earlier process.
    ///
    /// Fails with [`AppError::InUse`] at once when another process holds the directory.
    pub async fn open(settings: Settings, clock: Clock, rng: &mut (impl Rng + Send)) -> Result<Arc<Self>, AppError> {
        let trust = Trust::load(&settings.attestation_roots)?;
        let data = settings.data.clone();
        let unusable = |source| AppError::Directory { path: data.clone(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&data).map_err(unusable)?;
        let (lock, opened_at) = lock_directory(&data)?;
        let blobs = LocalBlobs::open_keeping_free(&data, settings.min_free_bytes)?;
        let location = match &settings.database {
            Some(url) => IndexLocation::Postgres(url.0.clone()),
            None => {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data.join("db")).map_err(unusable)?;
                IndexLocation::Sqlite(data.join("db").join("main.sqlite"))
            }
        };
        let index = Index::open(&location, clock.clone()).await?.limiting_projects(settings.max_project_size_bytes);
        refuse_lost_index(&index, &blobs, &data).await?;
        for channel in [&settings.upload_channel, &settings.default_channel] {
            ensure_channel(&index, channel).await?;
        }
        let new_admin_token = ensure_admin_token(&index, &data, rng).await?;
        // The lock makes this the only process here: nobody is going to finish them.
        let pending_count = blobs.sweep_pending()?;
        if pending_count > 0 {
            tracing::info!(pending_count, "removed the half-written files of an earlier process");
        }
        let names = NameRules { reserved: settings.reserved_names.clone(), has_namespaces: settings.namespaces };
        let pages = PageCache::new(settings.page_cache_bytes, names).naming_provenance(settings.public_url.as_ref());
        let legacy_pages = LegacyPages::new(settings.page_cache_bytes / LEGACY_PART);
        let blobs: Blobs = Arc::new(blobs);
        let small_blobs = SmallBlobs::new(blobs.clone(), settings.file_cache_bytes);
        Ok(Arc::new(Self {
            index,
            blobs,
            small_blobs,
            pages,
            legacy_pages,
            turns: Turns::default(),
            uploads: PublishQueue::default(),
            clock,
            settings,
            senders: Senders::default(),
            chance: Mutex::new(StdRng::from_rng(rng)),
            new_admin_token,
            trust,
            opened_at,
            _lock: lock,
        }))
    }

    /// Gives up batches and upload sessions whose time is over, and removes bytes that an earlier process stored and then never named in the
    /// index. May run while requests are served.
    ///
    /// Apart from opening, because it looks at every blob, which takes seconds where there are many.
    pub async fn sweep(&self) -> Result<SweepReport, AppError> {
        expire_batches(&self.batch_parts()).await?;
        expire_sessions(&self.session_parts()).await?;
        // The lock makes this the only process here: what an earlier one stored and is not named now never will be.
        self.sweep_blobs(self.opened_at).await
    }

    /// As [`App::sweep`], again and again while the server runs; `last` and `before` are when it was done the last two times.
    ///
    /// The blobs are looked at only if batches or upload sessions were given up since `before`, and only those that were there
    /// at `last`: whatever is not named in the index so long after it was stored never will be.
    pub async fn sweep_again(&self, last: Timestamp, before: Timestamp) -> Result<SweepReport, AppError> {
        expire_batches(&self.batch_parts()).await?;
        expire_sessions(&self.session_parts()).await?;
        let given_up = self.index.count_given_up_batches(before).await?;
        match given_up + self.index.count_canceled_upload_sessions(before).await? {
            0 => Ok(SweepReport::default()),
            _ => self.sweep_blobs(last).await,
        }
    }

    async fn sweep_blobs(&self, older_than: Timestamp) -> Result<SweepReport, AppError> {
        let swept = self.blobs.sweep(self.index.referenced_blobs().await?, older_than).await?;
        if swept.orphan_count > 0 {
            let (orphan_count, size_bytes) = (swept.orphan_count, swept.orphan_size_bytes);
            tracing::info!(orphan_count, size_bytes, "removed stored bytes that nothing names");
        }
        Ok(swept)
    }

    /// Closes the index, which folds SQLite's write-ahead log into its file: a copy of the file alone is whole then.
    pub async fn close(&self) {
        if tokio::time::timeout(CLOSE_PATIENCE, self.index.close()).await.is_err() {
            tracing::warn!("the index is still in use; its write-ahead log is folded at the next stop");
        }
    }

    /// What batches need of this server.
    pub fn batch_parts(&self) -> BatchParts {
        BatchParts {
            ingest: self.ingest_parts(),
            senders: self.senders.clone(),
            lifetime: Duration::from_secs(self.settings.batch_lifetime_seconds),
            reads: self.settings.read,
        }
    }

    /// An id for a batch that nobody can guess.
    pub fn new_batch_id(&self) -> BatchId {
        BatchId::from_bytes(self.random_bytes())
    }

    /// What upload sessions need of this server.
    pub fn session_parts(&self) -> SessionParts {
        let lifetime = Duration::from_secs(self.settings.upload_session_seconds);
        SessionParts { ingest: self.ingest_parts(), lifetime }
    }

    /// A token for an upload session that nobody can guess.
    pub fn new_session_token(&self) -> SessionToken {
        SessionToken::from_bytes(self.random_bytes())
    }

    fn random_bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// What receiving a file needs of this server.
    pub fn ingest_parts(&self) -> IngestParts {
        IngestParts {
            index: self.index.clone(),
            blobs: self.blobs.clone(),
            limits: ingest_limits(&self.settings),
            clock: self.clock.clone(),
            has_namespaces: self.settings.namespaces,
            queue: self.uploads.clone(),
            trust: self.trust.clone(),
        }
    }
}

/// What one upload may cost here.
fn ingest_limits(settings: &Settings) -> IngestLimits {
    let limits = IngestLimits {
        release_closes_after_days: settings.release_closes_after_days,
        max_form_field_bytes: settings.max_form_field_bytes,
        ..IngestLimits::new(settings.max_file_size_bytes)
    };
    limits.unpacking(settings.max_archive_entries, settings.max_unpacked_size_bytes, settings.max_compression_ratio)
}

/// Stops before the sweep where it would remove everything: an index without a token has never been served, so the blobs
/// beside it belong to a lost database, or to another one than was named this time.
async fn refuse_lost_index(index: &Index, blobs: &LocalBlobs, data: &Path) -> Result<(), AppError> {
    if !index.list_tokens().await?.is_empty() {
        return Ok(());
    }
    match blobs.list().await?.len() {
        0 => Ok(()),
        blob_count => Err(AppError::IndexLost { path: data.to_owned(), blob_count }),
    }
}

/// Takes `LOCK` in the data directory for as long as the returned file is open.
///
/// Also tells when that was, by the clock of the file system: whatever this process stores later has a later time.
fn lock_directory(data: &Path) -> Result<(File, Timestamp), AppError> {
    let path = data.join("LOCK");
    let unusable = |source| AppError::Directory { path: path.clone(), source };
    let mut file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != Errno::WOULDBLOCK {
            return Err(unusable(error.into()));
        }
        let holder = std::fs::read_to_string(&path).unwrap_or_default().trim().to_owned();
        return Err(AppError::InUse { path: data.to_owned(), holder });
    }
    file.set_len(0).map_err(unusable)?;
    writeln!(file, "{}", std::process::id()).map_err(unusable)?;
    let about = file.metadata().map_err(unusable)?;
    let nanoseconds = i32::try_from(about.mtime_nsec()).unwrap_or_default();
    let taken_at = Timestamp::new(about.mtime(), nanoseconds).unwrap_or(Timestamp::MIN);
    Ok((file, taken_at))
}

async fn ensure_channel(index: &Index, name: &ChannelName) -> Result<(), IndexError> {
    if index.find_channel(name).await?.is_some() {
        return Ok(());
    }
    let mut tx = index.begin().await?;
    match tx.create_channel(name).await {
        Ok(_) => tx.commit(&Principal::Local, &AuditEvent::ChannelCreated { channel: name.clone() }).await.map(drop),
        // Another server on the same database was faster.
        Err(IndexError::ChannelExists { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the first token when there is none: the file first, then the row, so that a row never names a lost token.
async fn ensure_admin_token(index: &Index, data: &Path, rng: &mut impl Rng) -> Result<Option<String>, AppError> {
    if !index.list_tokens().await?.is_empty() {
        return Ok(None);
    }
    let (token, digest) = new_token(rng);
    let path = data.join(ADMIN_TOKEN_FILE);
    write_secret(&path, &token).map_err(|source| AppError::Directory { path, source })?;
    let mut tx = index.begin().await?;
    tx.create_token("admin", &Scope::admin(), &digest, None).await?;
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: "admin".to_owned() }).await?;
    Ok(Some(token))
}

/// Writes a file that only its owner can read, whole or not at all; when this returns, it survives a loss of power.
fn write_secret(path: &Path, secret: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(path))?.sync_all()
}
