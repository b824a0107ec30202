//! What can go wrong in the index. The words of the driver stay in the source chain; the text says what it means here.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::civil::Date;

use crate::model::{ChannelName, ChannelRef, Diagnostic, Kind, Serial, Sha256Digest};
use crate::packaging::ProjectName;

/// Why the index did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// No channel of this name.
    #[error("there is no channel `{channel}`")]
    NoSuchChannel {
        /// The name that was asked for.
        channel: ChannelName,
    },
    /// The channel exists, but has not reached this serial.
    #[error("there is no snapshot `{wanted}`: the channel is at serial {head}")]
    NoSuchSnapshot {
        /// What was asked for.
        wanted: ChannelRef,
        /// Serial of the channel's head.
        head: Serial,
    },
    /// The channel has no snapshot from that day or before, or the day is not yet.
    #[error("{}", no_such_day(channel, *day, *has_begun))]
    NoSuchDay {
        /// The channel.
        channel: ChannelName,
        /// The day that was asked for, UTC.
        day: Date,
        /// Whether the day has begun.
        has_begun: bool,
    },
    /// No snapshot of the channel is known by such a digest.
    #[error("channel `{channel}` has no snapshot that is known by a digest that begins with `{prefix}`")]
    NoSuchDigest {
        /// The channel.
        channel: ChannelName,
        /// The digits that were given.
        prefix: String,
    },
    /// Several contents of the channel have digests that begin alike.
    #[error(
        "several contents of channel `{channel}` have a digest that begins with `{prefix}`: {}",
        listed(channel, serials)
    )]
    AmbiguousDigest {
        /// The channel.
        channel: ChannelName,
        /// The digits that were given.
        prefix: String,
        /// The first snapshot of each content, at most eight.
        serials: Vec<Serial>,
    },
    /// The channel exists, but the project never was part of it.
    #[error("there is no project `{project}` in channel `{channel}`")]
    NoSuchProject {
        /// The channel.
        channel: ChannelName,
        /// The name that was asked for.
        project: ProjectName,
    },
    /// A channel of this name was made before.
    #[error("there is a channel `{channel}` already")]
    ChannelExists {
        /// Its name.
        channel: ChannelName,
    },
    /// Somebody else changed the channel first.
    #[error("channel `{channel}` is at serial {actual}, not at {expected}: somebody else changed it first")]
    ChannelMoved {
        /// Its name.
        channel: ChannelName,
        /// The serial that the caller had read.
        expected: Serial,
        /// The serial that it has now.
        actual: Serial,
    },
    /// The file name was published with other bytes.
    #[error("`{filename}` was published with other bytes: sha256 {published} is here, {sent} was sent")]
    FileConflict {
        /// The name.
        filename: String,
        /// Digest of what is here.
        published: Sha256Digest,
        /// Digest of what was sent.
        sent: Sha256Digest,
    },
    /// The same wheel was published under another spelling of its name.
    #[error("`{filename}` is another spelling of `{published_as}`, which is published")]
    SameWheel {
        /// The name that was sent.
        filename: String,
        /// The name that is here.
        published_as: String,
    },
    /// A file of this name was deleted; its name is never used again.
    #[error("`{filename}` was published and deleted; a file name is never used twice")]
    FileNameRetired {
        /// The name.
        filename: String,
    },
    /// The name is kept for whoever began the first session of the project.
    #[error("the name `{project}` is reserved by an upload session of somebody else")]
    NameReserved {
        /// The project.
        project: ProjectName,
    },
    /// The files of the project may not have so many bytes together.
    #[error("the files of `{project}` would have {size_bytes} bytes together; {limit_bytes} are allowed")]
    ProjectFull {
        /// The project.
        project: ProjectName,
        /// What its files would have together.
        size_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// A change names a file that is not in the index.
    #[error("file {file_id} of a change to channel `{channel}` is not in the index")]
    NoSuchFile {
        /// The channel that was to change.
        channel: ChannelName,
        /// Key that names no file.
        file_id: i64,
    },
    /// Two calls changed one file at one serial.
    #[error(
        "file {file_id} of channel `{channel}` was changed at serial {serial} before; all its changes belong together"
    )]
    ChangedTwice {
        /// The channel.
        channel: ChannelName,
        /// Its new serial.
        serial: Serial,
        /// Key of the file.
        file_id: i64,
    },
    /// A token of this name is in use.
    #[error("there is a token `{name}` already")]
    TokenExists {
        /// Its name.
        name: String,
    },
    /// A value cannot be stored the same way in both databases.
    #[error("`{field}` cannot be recorded: {reason}")]
    Unstorable {
        /// The field.
        field: &'static str,
        /// What is wrong with its value.
        reason: &'static str,
    },
    /// Others hold what this transaction needs; it may be repeated.
    #[error("the index is busy with other changes")]
    Busy {
        /// What the driver said.
        #[source]
        source: Option<sqlx::Error>,
    },
    /// The database cannot be reached.
    #[error("the index cannot be reached")]
    Unreachable {
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// No space is left for the database.
    #[error("the disk that holds the index is full")]
    StorageFull {
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// A row does not hold what this server wrote.
    #[error("a row of the index is damaged: {what}")]
    Damaged {
        /// Which value.
        what: String,
        /// Why it cannot be read.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The linked SQLite has a known defect that corrupts databases.
    #[error("SQLite {found} is linked, but {} or newer is needed", super::open::SQLITE_MINIMUM)]
    SqliteTooOld {
        /// Its version.
        found: String,
    },
    /// The PostgreSQL server is too old.
    #[error("PostgreSQL {found} answers, but {} or newer is needed", super::open::POSTGRES_MINIMUM)]
    PostgresTooOld {
        /// Its version number as the server writes it.
        found: String,
    },
    /// The location does not name a database.
    #[error("the setting of the index does not name a PostgreSQL database")]
    LocationInvalid {
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
    /// The database belongs to another program.
    #[error("the database at the place of the index belongs to another program")]
    Foreign,
    /// A newer server has written this database.
    #[error("the index was written by a newer server: its schema has migration {version}, which is unknown here")]
    SchemaNewer {
        /// Number of the first unknown migration.
        version: i64,
    },
    /// The schema could not be brought up to date.
    #[error("the schema of the index could not be brought up to date")]
    Migration {
        /// What the driver said.
        #[source]
        source: sqlx::migrate::MigrateError,
    },
    /// A transaction that several callers shared was lost.
    #[error(transparent)]
    Shared(Arc<IndexError>),
    /// Anything else that the database refuses.
    #[error("the index could not answer")]
    Failed {
        /// What the driver said.
        #[source]
        source: sqlx::Error,
    },
}

fn no_such_day(channel: &ChannelName, day: Date, has_begun: bool) -> String {
    match has_begun {
        true => format!("channel `{channel}` has no snapshot from {day} or before"),
        false => format!("channel `{channel}` has no snapshot of {day} yet: that day has not begun in UTC"),
    }
}

fn listed(channel: &ChannelName, serials: &[Serial]) -> String {
    let names: Vec<String> = serials.iter().map(|serial| format!("`{channel}@{serial}`")).collect();
    names.join(", ")
}

impl Diagnostic for IndexError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoSuchChannel { .. } => "index/channel-unknown",
            Self::NoSuchSnapshot { .. } | Self::NoSuchDay { .. } | Self::NoSuchDigest { .. } => {
                "index/snapshot-unknown"
            }
            Self::AmbiguousDigest { .. } => "index/snapshot-ambiguous",
            Self::NoSuchProject { .. } => "index/project-unknown",
            Self::ChannelExists { .. } => "index/channel-exists",
            Self::ChannelMoved { .. } => "index/channel-moved",
            Self::FileConflict { .. } => "index/file-conflict",
            Self::SameWheel { .. } => "index/same-wheel",
            Self::FileNameRetired { .. } => "index/filename-retired",
            Self::NameReserved { .. } => "upload/name-reserved",
            Self::ProjectFull { .. } => "limit/project-size",
            Self::NoSuchFile { .. } => "index/file-unknown",
            Self::ChangedTwice { .. } => "index/changed-twice",
            Self::TokenExists { .. } => "index/token-exists",
            Self::Unstorable { .. } => "index/value-unstorable",
            Self::Busy { .. } => "index/busy",
            Self::Unreachable { .. } => "index/unreachable",
            Self::StorageFull { .. } => "index/storage-full",
            Self::Damaged { .. } => "index/damaged",
            Self::SqliteTooOld { .. } | Self::PostgresTooOld { .. } => "index/database-too-old",
            Self::LocationInvalid { .. } => "index/location-invalid",
            Self::Foreign => "index/database-foreign",
            Self::SchemaNewer { .. } => "index/schema-newer",
            Self::Migration { .. } => "index/migration-failed",
            Self::Shared(error) => error.code(),
            Self::Failed { .. } => "index/failed",
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::NoSuchChannel { .. }
            | Self::NoSuchSnapshot { .. }
            | Self::NoSuchDay { .. }
            | Self::NoSuchDigest { .. }
            | Self::NoSuchProject { .. } => Kind::NotFound,
            Self::AmbiguousDigest { .. }
            | Self::ChannelExists { .. }
            | Self::ChannelMoved { .. }
            | Self::FileConflict { .. }
            | Self::SameWheel { .. }
            | Self::FileNameRetired { .. }
            | Self::TokenExists { .. } => Kind::Conflict,
            Self::Unstorable { .. } | Self::LocationInvalid { .. } => Kind::Invalid,
            Self::Busy { .. } | Self::Unreachable { .. } => Kind::Unavailable,
            Self::StorageFull { .. } => Kind::StorageFull,
            Self::NameReserved { .. } => Kind::Forbidden,
            Self::ProjectFull { .. } => Kind::TooLarge,
            Self::Shared(error) => error.kind(),
            Self::NoSuchFile { .. }
            | Self::ChangedTwice { .. }
            | Self::Damaged { .. }
            | Self::SqliteTooOld { .. }
            | Self::PostgresTooOld { .. }
            | Self::Foreign
            | Self::SchemaNewer { .. }
            | Self::Migration { .. }
            | Self::Failed { .. } => Kind::Internal,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::NoSuchDigest { .. } => {
                "A digest is known once somebody asked for it; name the snapshot by its serial or its day instead."
            }
            Self::AmbiguousDigest { .. } => "Write more digits, or the serial.",
            Self::NameReserved { .. } => "Wait until the session has ended, or have an administrator cancel it.",
            Self::ChannelMoved { .. } => "Look at the channel as it is now and decide again.",
            Self::FileConflict { .. } | Self::FileNameRetired { .. } => {
                "Give the release another version or the wheel a build number."
            }
            Self::Busy { .. } => "Repeat the request.",
            Self::StorageFull { .. } => "Free some space; reading goes on meanwhile.",
            Self::Damaged { .. } => "Restore the index from a backup.",
            Self::PostgresTooOld { .. } => "Upgrade the database server.",
            Self::LocationInvalid { .. } => "Write it as `postgres://user:password@host/database`.",
            Self::Foreign => "Name another file, or move that one away.",
            Self::Shared(error) => return error.hint(),
            Self::SchemaNewer { .. } => "Start the newer server, or restore the copy made before its migration.",
            _ => return None,
        };
        Some(text.into())
    }
}
