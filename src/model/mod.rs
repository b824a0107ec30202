//! Our nouns and their rules: what a digest, a file, a channel or a bundle is. No IO, no clock of its own.

mod address;
mod advisory;
mod audit;
mod batch;
mod bundle;
mod change;
mod channel;
mod clock;
mod diagnostic;
mod digest;
mod file;
mod finding;
mod lock;
mod namespace;
mod principal;
mod reserved;
mod snapshot;
mod target;
mod upload_session;

pub use address::{ChannelAddress, DigestPrefix, Moment, end_of_day};
pub use advisory::{Advisory, AdvisoryError, Vulnerability};
pub use audit::{AuditEvent, AuditRecord, chain_hash};
pub use batch::{Batch, BatchFile, BatchId, BatchIdError, BatchReport, BatchState, BatchVerdict, Refusal};
pub use bundle::{BundleName, BundleRecipe, BundleRecord, EntryPoint, EntryPointKind};
pub use change::{ChangeCursor, CursorError, CursorRow, PastAction, PastChange, PastFile};
pub use channel::{Channel, ChannelName, ChannelRef, ChannelSummary, Serial, View};
pub use clock::{Clock, Timestamp};
pub use diagnostic::{Diagnostic, Kind, innermost_cause};
pub use digest::{Blake2b256Digest, DigestError, FileDigests, Md5Digest, Sha256Digest};
pub use file::{
    ChannelFile, FileHolder, FileKind, KnownFile, ListedFile, ListedProject, Member, NewFile, OfferedFile, ProjectHead,
    ProjectStatus, ReleaseFacts, ServedFile, StoredFile, WheelFacts, Yank,
};
pub use finding::{Finding, Severity};
pub use lock::{Lock, LockedFile};
pub use namespace::{
    Founding, MAX_NAMESPACE_HYPHENS, Namespace, PageNamespace, children_of, foreign_namespace, namespaces_of,
    overlapping, parent_of,
};
pub use principal::{Permission, Principal, Scope};
pub use reserved::{ReservedName, ReservedNameError, ReservedNames};
pub use snapshot::{Change, SnapshotLine, snapshot_digest};
pub use target::{Libc, Target, TargetError};
pub use upload_session::{
    FileEvent, FileState, NewUploadSession, SessionEvent, SessionState, SessionToken, SessionTokenError, UploadBlobs,
    UploadFile, UploadSession, UploadStateError,
};
