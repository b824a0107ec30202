//! Upload sessions of PEP 694: begun, looked at, given more time, given up. Files come in by `session_files`, and out by
//! `session_publish`.
//!
//! A session belongs to nobody: whoever may upload to its project at the moment of a request may go on with it. Only while
//! the project is new, it is reserved for whoever began its first session, and for administrators.

use std::time::Duration;

use crate::access::{ReadPolicy, authorize};
use crate::index::IndexError;
use crate::model::{
    AuditEvent, ChannelName, FileState, ListedFile, NewUploadSession, Permission, Principal, SessionEvent,
    SessionState, SessionToken, Timestamp, UploadSession,
};
use crate::packaging::{ProjectName, parse_version};

use super::receive::{check_namespace, check_status};
use super::session_files::Kept;
use super::{IngestParts, SessionError, UploadError};

/// Lives that a session may have together, when it is extended again and again: a release that was forgotten is not to
/// hold its bytes, and maybe a name, for ever.
const MAX_LIVES: u32 = 4;

/// What upload sessions need of the server.
#[derive(Clone)]
pub struct SessionParts {
    /// What receiving a file needs.
    pub ingest: IngestParts,
    /// How long a session stays open, and how long what became of it is told.
    pub lifetime: Duration,
}

impl SessionParts {
    fn now(&self) -> Timestamp {
        self.ingest.clock.now()
    }

    /// A lifetime from now.
    pub(super) fn end_of_lifetime(&self) -> Timestamp {
        self.now().checked_add(self.lifetime).unwrap_or(Timestamp::MAX)
    }

    /// How the session stands now.
    pub fn state_of(&self, session: &UploadSession) -> SessionState {
        session.state_at(self.now())
    }

    /// Whether this may happen to the session now.
    pub(super) fn need(
        &self,
        session: &UploadSession,
        event: SessionEvent,
        wish: &'static str,
    ) -> Result<(), SessionError> {
        let state = self.state_of(session);
        state.after(event).map(drop).ok_or(SessionError::State { state, wish })
    }

    /// The session as it is now.
    pub(super) async fn again(&self, session: &UploadSession) -> Result<UploadSession, SessionError> {
        self.ingest.index.find_upload_session(&session.token).await?.ok_or(SessionError::Unknown)
    }
}

/// What a session is begun for, as it was given.
#[derive(Clone, Debug)]
pub struct SessionWish {
    /// The channel.
    pub channel: ChannelName,
    /// The project, in any spelling.
    pub name: String,
    /// The version, in any spelling.
    pub version: String,
}

/// Begins a session for a release. `make_token` gives random tokens.
///
/// Fails with [`SessionError::Exists`] while there is one that has not ended.
pub async fn open_session(
    parts: &SessionParts,
    who: &Principal,
    wish: SessionWish,
    mut make_token: impl FnMut() -> SessionToken + Send,
) -> Result<UploadSession, SessionError> {
    let SessionWish { channel, name, version } = wish;
    let (project, version) = (name.parse::<ProjectName>()?, parse_version(&version)?);
    check_sender(parts, who, &channel, &project).await?;
    let index = &parts.ingest.index;
    if index.find_channel(&channel).await?.is_none() {
        return Err(IndexError::NoSuchChannel { channel }.into());
    }
    check_status(&channel, &project, index.find_status(&channel, &project).await?)?;
    loop {
        let mut tx = index.begin().await?;
        tx.hold_upload_sessions().await?;
        match tx.find_alive_upload_session(&channel, &project, &version).await? {
            None => {}
            Some(there) if parts.state_of(&there).is_terminal() => {
                // Its time is over and the sweep has not come by yet.
                drop(tx);
                expire_sessions(parts).await?;
                continue;
            }
            Some(there) => {
                let (token, by) = (there.token, there.created_by);
                return Err(SessionError::Exists { token, project, version, by });
            }
        }
        if tx.find_reservation(&project).await?.is_some_and(|by| by != who.name()) {
            return Err(UploadError::NameReserved { project }.into());
        }
        let new = NewUploadSession {
            token: make_token(),
            channel: channel.clone(),
            project: project.clone(),
            display_name: name.clone(),
            version: version.clone(),
            expires_at: parts.end_of_lifetime(),
        };
        // Nothing only if the token is taken, as when the generator was wound back; then the next one.
        if let Some(session) = tx.open_upload_session(&new, who).await? {
            let (session_key, version) = (session.key, version.to_string());
            let event = AuditEvent::UploadSessionOpened { session: session_key, channel, project, version };
            tx.commit(who, &event).await?;
            return Ok(session);
        }
    }
}

/// The session with this token, for somebody who may upload to its project now.
pub async fn find_session(parts: &SessionParts, who: &Principal, token: &str) -> Result<UploadSession, SessionError> {
    let session = find_staged(parts, token).await?;
    check_sender(parts, who, &session.channel, &session.project).await?;
    Ok(session)
}

/// The session with this token, for whoever knows it.
pub async fn find_staged(parts: &SessionParts, token: &str) -> Result<UploadSession, SessionError> {
    let token: SessionToken = token.parse().map_err(|_| SessionError::Unknown)?;
    parts.ingest.index.find_upload_session(&token).await?.ok_or(SessionError::Unknown)
}

/// Whether somebody may upload to a project, and the name is not kept for somebody else.
async fn check_sender(
    parts: &SessionParts,
    who: &Principal,
    channel: &ChannelName,
    project: &ProjectName,
) -> Result<(), SessionError> {
    authorize(who, Permission::Upload, Some(channel), Some(project), ReadPolicy::Open)?;
    check_namespace(&parts.ingest, who, project).await.map_err(|error| match error {
        UploadError::ForeignNamespace { .. } => SessionError::Foreign(error),
        other => other.into(),
    })?;
    let is_admin = authorize(who, Permission::Admin, None, None, ReadPolicy::Open).is_ok();
    match parts.ingest.index.find_reservation(project).await? {
        Some(by) if by != who.name() && !is_admin => Err(UploadError::NameReserved { project: project.clone() }.into()),
        _ => Ok(()),
    }
}

/// Gives a session more time, as far as it may have more. One that takes no changes stays as it is.
pub async fn extend_session(
    parts: &SessionParts,
    session: UploadSession,
    by: Duration,
) -> Result<UploadSession, SessionError> {
    if parts.need(&session, SessionEvent::Edit, "more time").is_err() {
        return Ok(session);
    }
    let longest = parts.lifetime.saturating_mul(MAX_LIVES);
    let limit = session.created_at.checked_add(longest).unwrap_or(Timestamp::MAX);
    let wished = session.expires_at.checked_add(by).unwrap_or(Timestamp::MAX);
    parts.ingest.index.extend_upload_session(&session, wished.min(limit)).await?;
    parts.again(&session).await
}

/// Gives a session up with all its files; one that was given up before stays so.
pub async fn cancel_session(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
) -> Result<(), SessionError> {
    const WISH: &str = "to cancel it";
    if parts.state_of(session) == SessionState::Canceled {
        return Ok(());
    }
    parts.need(session, SessionEvent::Cancel, WISH)?;
    let mut tx = parts.ingest.index.begin().await?;
    if tx.end_upload_session(session, SessionState::Canceled, parts.end_of_lifetime()).await? {
        tx.commit(who, &AuditEvent::UploadSessionCanceled { session: session.key }).await?;
        return Ok(());
    }
    drop(tx);
    match parts.state_of(&parts.again(session).await?) {
        SessionState::Canceled => Ok(()),
        state => Err(SessionError::State { state, wish: WISH }),
    }
}

/// Gives up sessions whose time is over and forgets those that ended long ago; tells how many were given up.
///
/// Blobs that nothing names any more are left to the sweep of the store.
pub async fn expire_sessions(parts: &SessionParts) -> Result<u64, SessionError> {
    let mut tx = parts.ingest.index.begin().await?;
    let (canceled, forgotten_count) = tx.expire_upload_sessions(parts.end_of_lifetime()).await?;
    let count = canceled.len() as u64;
    if count > 0 || forgotten_count > 0 {
        let event = AuditEvent::UploadSessionsExpired { canceled, forgotten_count };
        tx.commit(&Principal::Local, &event).await?;
    }
    Ok(count)
}

/// The completed files of a session that is not over, as a page lists them.
///
/// Fails with [`SessionError::Unknown`] for one that is over: what it was about to show is shown by its channel, or by nothing.
pub async fn list_stage(parts: &SessionParts, session: &UploadSession) -> Result<Vec<ListedFile>, SessionError> {
    if parts.state_of(session).is_terminal() {
        return Err(SessionError::Unknown);
    }
    let mut listed = Vec::new();
    for file in parts.ingest.index.list_upload_files(session).await? {
        if file.state != FileState::Completed {
            continue;
        }
        let Kept { staged, .. } = Kept::of(&file)?;
        let (new, yank) = (staged.file, staged.yank);
        let entry = ListedFile {
            filename: new.filename,
            version: new.version,
            sha256: new.digests.sha256,
            size_bytes: new.digests.size_bytes,
            metadata_sha256: new.metadata_sha256,
            requires_python: new.requires_python.filter(|text| !text.is_empty()),
            uploaded_at: new.uploaded_at,
            yank,
            has_provenance: false,
        };
        listed.push(entry);
    }
    Ok(listed)
}
