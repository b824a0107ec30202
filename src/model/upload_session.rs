//! Upload sessions of PEP 694: a release that is put together out of sight and published in one step.
//!
//! The two tables of transitions of the PEP are [`SessionState::after`] and [`FileState::after`]; whatever they do not list
//! is refused. This server settles everything within the request, so `processing` is a state that it knows and never enters.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{ChannelName, Sha256Digest, Timestamp};
use crate::packaging::{ProjectName, Version};

/// Random bytes of a token: 128 bits, because whoever knows the token may look at the staged files.
const TOKEN_BYTES: usize = 16;

/// Names a session in URLs: 32 lowercase hexadecimal digits that nobody can guess.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionToken([u8; TOKEN_BYTES]);

/// A text is no token of a session; nobody needs to know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the token of an upload session: 32 lowercase hexadecimal digits are expected")]
pub struct SessionTokenError;

impl SessionToken {
    /// Makes a token of random bytes.
    pub const fn from_bytes(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(bytes)
    }
}

impl FromStr for SessionToken {
    type Err = SessionTokenError;

    /// One spelling only, so that a session has one URL.
    fn from_str(text: &str) -> Result<Self, SessionTokenError> {
        let mut bytes = [0; TOKEN_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SessionTokenError)?;
        let is_lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        is_lowercase.then_some(Self(bytes)).ok_or(SessionTokenError)
    }
}

impl fmt::Display for SessionToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SessionToken {
    /// Without its digits: the token is a key, and this text goes into logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionToken(hidden)")
    }
}

impl Serialize for SessionToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text is no state that a session or a file of it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a state of PEP 694")]
pub struct UploadStateError;

/// Where a session stands (PEP 694, "Publishing Session States").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// Takes changes.
    Open,
    /// Is being published, which takes longer than the request did.
    Processing,
    /// Its files are in the channel; for good.
    Published,
    /// Takes changes, and the last attempt to publish it later has failed.
    Error,
    /// Given up, or expired; for good.
    Canceled,
}

/// What may happen to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEvent {
    /// A file is begun, received, completed or deleted, or the session is given more time.
    Edit,
    /// Published within the request.
    Publish,
    /// Accepted to be published later.
    PublishLater,
    /// What was to be done later has succeeded.
    Succeed,
    /// What was to be done later has failed.
    Fail,
    /// Given up.
    Cancel,
}

impl SessionState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Open, Self::Processing, Self::Published, Self::Error, Self::Canceled];

    /// The state after an event; nothing if the event is refused in this one.
    pub fn after(self, event: SessionEvent) -> Option<Self> {
        match (self, event) {
            (Self::Open | Self::Error, SessionEvent::Edit) => Some(self),
            (Self::Open | Self::Error, SessionEvent::Publish) => Some(Self::Published),
            (Self::Open | Self::Error, SessionEvent::PublishLater) => Some(Self::Processing),
            (Self::Open | Self::Error, SessionEvent::Cancel) => Some(Self::Canceled),
            (Self::Processing, SessionEvent::Succeed) => Some(Self::Published),
            (Self::Processing, SessionEvent::Fail) => Some(Self::Error),
            _ => None,
        }
    }

    /// Whether nothing can happen to it any more, so that another session for the same release may begin.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Published | Self::Canceled)
    }

    /// As the index and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Processing => "processing",
            Self::Published => "published",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }
}

impl FromStr for SessionState {
    type Err = UploadStateError;

    fn from_str(text: &str) -> Result<Self, UploadStateError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UploadStateError)
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Where one file of a session stands (PEP 694, "File Upload Session States").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Waits for its bytes, and for being completed.
    Pending,
    /// Is being judged, which takes longer than the request did.
    Processing,
    /// Will be published with the session.
    Completed,
    /// Cannot be used; it can only be deleted.
    Error,
    /// No longer part of the session; for good.
    Canceled,
}

/// What may happen to one file of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileEvent {
    /// Bytes or attestations arrive.
    Receive,
    /// Judged within the request, and good.
    Complete,
    /// Accepted to be judged later.
    CompleteLater,
    /// What was to be done later has succeeded.
    Succeed,
    /// Judged, now or later, and not good.
    Fail,
    /// Taken out.
    Delete,
}

impl FileState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Processing, Self::Completed, Self::Error, Self::Canceled];

    /// The state after an event; nothing if the event is refused in this one.
    pub fn after(self, event: FileEvent) -> Option<Self> {
        match (self, event) {
            (Self::Pending, FileEvent::Receive) => Some(Self::Pending),
            (Self::Pending, FileEvent::Complete) | (Self::Processing, FileEvent::Succeed) => Some(Self::Completed),
            (Self::Pending, FileEvent::CompleteLater) => Some(Self::Processing),
            (Self::Pending | Self::Processing, FileEvent::Fail) => Some(Self::Error),
            (Self::Pending | Self::Completed | Self::Error, FileEvent::Delete) => Some(Self::Canceled),
            _ => None,
        }
    }

    /// As the index and JSON write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }
}

impl FromStr for FileState {
    type Err = UploadStateError;

    fn from_str(text: &str) -> Result<Self, UploadStateError> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(UploadStateError)
    }
}

impl fmt::Display for FileState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A session, apart from its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadSession {
    /// Key in the index, by which the audit log names it.
    pub key: i64,
    /// Name in URLs.
    pub token: SessionToken,
    /// Channel that its files become part of.
    pub channel: ChannelName,
    /// The project.
    pub project: ProjectName,
    /// Name of the project as whoever began the session spelt it.
    pub display_name: String,
    /// The version.
    pub version: Version,
    /// Where it stands.
    pub state: SessionState,
    /// When it began.
    pub created_at: Timestamp,
    /// Name of the principal that began it.
    pub created_by: String,
    /// When it is given up, unless it has ended before.
    pub expires_at: Timestamp,
    /// When it was published or given up.
    pub ended_at: Option<Timestamp>,
    /// What people are told of the session as a whole.
    pub notices: Vec<String>,
}

impl UploadSession {
    /// How it stands at this time: an expired session is given up, also while it waits for the sweep.
    pub fn state_at(&self, now: Timestamp) -> SessionState {
        match !self.state.is_terminal() && now >= self.expires_at {
            true => SessionState::Canceled,
            false => self.state,
        }
    }
}

/// What a session was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUploadSession {
    /// Name in URLs.
    pub token: SessionToken,
    /// Channel that its files are for.
    pub channel: ChannelName,
    /// The project.
    pub project: ProjectName,
    /// Name of the project as it was given.
    pub display_name: String,
    /// The version.
    pub version: Version,
    /// Until when it may stay open.
    pub expires_at: Timestamp,
}

/// One file of a session. A file that is begun again after it was deleted is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadFile {
    /// Key in the index, and name in URLs.
    pub key: i64,
    /// Name of the file.
    pub filename: String,
    /// Its length in bytes, as the client has announced it.
    pub size_bytes: u64,
    /// Digests that the client has announced, by the name of the algorithm.
    pub hashes: BTreeMap<String, String>,
    /// Where it stands.
    pub state: FileState,
    /// What people are told of it.
    pub notices: Vec<String>,
    /// The attestations that came for it, as they came.
    pub attestations: Option<String>,
    /// What is to be published, as JSON; absent until its bytes are here.
    pub staged: Option<String>,
}

/// Blobs of a file whose bytes are here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadBlobs {
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
    /// Blob of its METADATA.
    pub metadata_sha256: Option<Sha256Digest>,
    /// Blob of its provenance.
    pub provenance_sha256: Option<Sha256Digest>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_one_spelling_and_no_log_shows_it() {
        let token = SessionToken::from_bytes([0xab; 16]);
        assert_eq!(token.to_string().parse(), Ok(token));
        assert!(!format!("{token:?}").contains("ab"), "{token:?}");
        for text in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &"xy".repeat(16), &format!("{}/", "ab".repeat(15))] {
            assert_eq!(text.parse::<SessionToken>(), Err(SessionTokenError), "{text}");
        }
    }

    /// PEP 694, "Publishing Session States": every pair of the table; all others are refused.
    #[test]
    fn the_whole_table_of_sessions() {
        use SessionEvent as Event;
        use SessionState as State;
        let table = [
            (State::Open, Event::Edit, State::Open),
            (State::Open, Event::Publish, State::Published),
            (State::Open, Event::PublishLater, State::Processing),
            (State::Open, Event::Cancel, State::Canceled),
            (State::Processing, Event::Succeed, State::Published),
            (State::Processing, Event::Fail, State::Error),
            (State::Error, Event::Edit, State::Error),
            (State::Error, Event::Publish, State::Published),
            (State::Error, Event::PublishLater, State::Processing),
            (State::Error, Event::Cancel, State::Canceled),
        ];
        let events = [Event::Edit, Event::Publish, Event::PublishLater, Event::Succeed, Event::Fail, Event::Cancel];
        for from in State::ALL {
            for event in events {
                let listed = table.iter().find(|row| (row.0, row.1) == (from, event)).map(|row| row.2);
                assert_eq!(from.after(event), listed, "{from} {event:?}");
            }
            assert_eq!(from.is_terminal(), events.iter().all(|event| from.after(*event).is_none()), "{from}");
        }
    }

    /// PEP 694, "File Upload Session States": every pair of the table; all others are refused.
    #[test]
    fn the_whole_table_of_files() {
        use FileEvent as Event;
        use FileState as State;
        let table = [
            (State::Pending, Event::Receive, State::Pending),
            (State::Pending, Event::Complete, State::Completed),
            (State::Pending, Event::CompleteLater, State::Processing),
            (State::Pending, Event::Fail, State::Error),
            (State::Pending, Event::Delete, State::Canceled),
            (State::Processing, Event::Succeed, State::Completed),
            (State::Processing, Event::Fail, State::Error),
            (State::Completed, Event::Delete, State::Canceled),
            (State::Error, Event::Delete, State::Canceled),
        ];
        let events =
            [Event::Receive, Event::Complete, Event::CompleteLater, Event::Succeed, Event::Fail, Event::Delete];
        for from in State::ALL {
            for event in events {
                let listed = table.iter().find(|row| (row.0, row.1) == (from, event)).map(|row| row.2);
                assert_eq!(from.after(event), listed, "{from} {event:?}");
            }
        }
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in SessionState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        for state in FileState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("complete".parse::<FileState>(), Err(UploadStateError));
    }
}
