//! The JSON forms of PEP 694: a session with its files, and one file of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::upload2_form::{META, Meta};
use crate::ingest::MECHANISM;
use crate::model::{FileState, SessionState, SessionToken, Timestamp, UploadFile, UploadSession};

/// Where the URLs of a session begin.
pub struct Links {
    root: String,
}

impl Links {
    /// Below this address of the server, which has no slash at the end.
    pub fn below(root: &str) -> Self {
        Self { root: format!("{root}/upload/2.0") }
    }

    /// The session itself.
    pub fn session(&self, token: &SessionToken) -> String {
        format!("{}/sessions/{token}", self.root)
    }

    /// One of its files.
    pub fn file(&self, token: &SessionToken, key: i64) -> String {
        format!("{}/sessions/{token}/files/{key}", self.root)
    }

    /// The index of what is in it: the token, between words that are always the same.
    pub fn stage(&self, token: &SessionToken) -> String {
        format!("{}/stage/{token}/simple/", self.root)
    }
}

#[derive(Serialize)]
struct SessionLinks {
    session: String,
    upload: String,
    publish: String,
    extend: String,
    stage: String,
}

/// A session as it stands.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SessionView {
    meta: Meta,
    links: SessionLinks,
    mechanisms: [&'static str; 1],
    session_token: SessionToken,
    expires_at: String,
    status: SessionState,
    files: BTreeMap<String, EntryView>,
    notices: Vec<String>,
}

/// A file as its session lists it.
#[derive(Serialize)]
struct EntryView {
    status: FileState,
    link: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

impl SessionView {
    /// `state` is that of the session now.
    pub fn new(links: &Links, session: UploadSession, state: SessionState, files: Vec<UploadFile>) -> Self {
        let url = links.session(&session.token);
        let entry = |file: UploadFile| {
            let link = links.file(&session.token, file.key);
            (file.filename, EntryView { status: file.state, link, notices: file.notices })
        };
        Self {
            meta: META,
            links: SessionLinks {
                upload: format!("{url}/files"),
                publish: format!("{url}/publish"),
                extend: format!("{url}/extend"),
                stage: links.stage(&session.token),
                session: url,
            },
            mechanisms: [MECHANISM],
            session_token: session.token,
            expires_at: whole_seconds(session.expires_at),
            status: state,
            files: files.into_iter().map(entry).collect(),
            notices: session.notices,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct FileLinks {
    file_upload_session: String,
    complete: String,
}

#[derive(Serialize)]
struct MechanismView {
    identifier: &'static str,
    file_url: String,
    attestations_url: String,
}

/// One file of a session as it stands.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileView {
    meta: Meta,
    links: FileLinks,
    status: FileState,
    expires_at: String,
    mechanism: MechanismView,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

impl FileView {
    /// A file lives as long as its session.
    pub fn new(links: &Links, session: &UploadSession, file: UploadFile) -> Self {
        let url = links.file(&session.token, file.key);
        Self {
            meta: META,
            status: file.state,
            expires_at: whole_seconds(session.expires_at),
            mechanism: MechanismView {
                identifier: MECHANISM,
                file_url: format!("{url}/content"),
                attestations_url: format!("{url}/attestations"),
            },
            links: FileLinks { complete: format!("{url}/complete"), file_upload_session: url },
            notices: file.notices,
        }
    }
}

/// RFC 3339 in UTC, without parts of a second.
fn whole_seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_whole_seconds_and_a_z() {
        let time = Timestamp::from_microsecond(1_785_000_000_999_999).unwrap();
        assert_eq!(whole_seconds(time), "2026-07-25T17:20:00Z");
    }
}
