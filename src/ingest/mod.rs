//! Receiving one file: bytes to a pending blob, checks that report everything at once, then rows. Nothing is visible before.
//!
//! `check_*` are pure rules over `packaging` and `archive`; `receive` acts. Order of a publish: bytes, rows, serial.

mod check_contents;
mod check_dist_info;
mod check_layout;
mod check_metadata;
mod check_record;
mod check_sdist;
mod check_wheel;
mod error;
mod findings;
mod form;
mod limits;
mod provenance;
mod receive;
mod upload;

pub use check_sdist::check_sdist;
pub use check_wheel::check_wheel;
pub use error::UploadError;
pub use findings::{FileFacts, FileReport, Profile};
pub use form::{Form, FormField};
pub use limits::{
    IngestLimits, MAX_DESCRIPTION_BYTES, MAX_FIELD_BYTES, MAX_FINDINGS, MAX_FORM_FIELDS, MAX_FORM_TEXT_BYTES,
};
pub use provenance::{ProvenanceError, ProvenanceOutcome, adopt_provenance, receive_provenance};
pub use receive::{IngestParts, PendingUpload, check_access, receive};
pub use upload::{Declared, SentProvenance, Upload, UploadOutcome, Verdict};
