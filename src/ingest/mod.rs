//! Receiving files: bytes to a pending blob, checks that report everything at once, then rows. Nothing is visible before.
//!
//! `check_*` are pure rules over `packaging` and `archive`. `stage` makes bytes durable, `publish` writes rows and serial;
//! `queue` lets uploads that meet share a transaction; `receive` does both for one file, a batch keeps what is staged and publishes it whole.

mod archive_members;
mod batch;
mod batch_archive;
mod batch_commit;
mod batch_error;
mod batch_have;
mod batch_put;
mod batch_senders;
mod check_contents;
mod check_dist_info;
mod check_heads;
mod check_layout;
mod check_metadata;
mod check_record;
mod check_release;
mod check_sdist;
mod check_wheel;
mod content;
mod dry_run;
mod error;
mod findings;
mod form;
mod founding;
mod limits;
mod provenance;
mod publish;
mod publish_batch;
mod queue;
mod receive;
mod remedies;
mod reverify;
mod session;
mod session_error;
mod session_files;
mod session_hashes;
mod session_publish;
mod stage;
mod trust;
mod turns;
mod upload;

pub use batch::{
    BatchParts, abandon_batch, expire_batches, find_batch, find_own_batch, list_preview, open_batch, remove_batch_file,
};
pub use batch_archive::{ArchiveMode, put_archive};
pub use batch_commit::commit_batch;
pub use batch_error::BatchRequestError;
pub use batch_have::{Adopted, KnownBytes, MAX_DIGESTS, adopt_files, list_missing};
pub use batch_put::{BatchPut, BatchPutOutcome, FilePart, find_batch_file, put_batch_file, try_batch_file};
pub use batch_senders::{Senders, Sending};
pub use check_sdist::check_sdist;
pub use check_wheel::check_wheel;
pub use dry_run::{try_publish, try_receive};
pub use error::UploadError;
pub use findings::{FileFacts, FileReport, Profile};
pub use form::{Form, FormField};
pub use limits::{IngestLimits, MAX_FINDINGS, MAX_FORM_FIELDS};
pub use provenance::{ProvenanceError, ProvenanceOutcome, adopt_provenance, receive_provenance};
pub use publish::publish;
pub use publish_batch::{BatchError, BatchOutcome, BatchWrite, publish_all};
pub use queue::PublishQueue;
pub use receive::{IngestParts, check_access, receive};
pub use reverify::{ReverifyReport, Unverified, reverify};
pub use session::{
    SessionParts, SessionWish, cancel_session, expire_sessions, extend_session, find_session, find_staged, list_stage,
    open_session,
};
pub use session_error::SessionError;
pub use session_files::{
    FileWish, MECHANISM, begin_file, complete_file, delete_file, find_file, receive_attestations, receive_bytes,
};
pub use session_publish::publish_session;
pub use stage::{CheckedUpload, PendingUpload, Staged, keep_all, stage};
pub use trust::{Trust, TrustRootsError};
pub use turns::{Turn, Turns};
pub use upload::{Declared, SentProvenance, Upload, UploadOutcome, Verdict};
