//! Publishing an upload session: all of its files become visible by one transaction, or none does and each reason is told.

use crate::index::IndexTx;
use crate::model::{
    AuditEvent, Diagnostic as _, FileState, Finding, Principal, Serial, SessionEvent, SessionState, UploadFile,
    UploadSession, snapshot_digest,
};

use super::session_files::Kept;
use super::{BatchOutcome, BatchWrite, SessionError, SessionParts, Staged};

const WISH: &str = "to publish it";

/// Shows all files of a session in its channel, and gives the session as it is then. One that is published stays so.
///
/// File names are decided on in the transaction, as for every other way in. A session without files registers the name of
/// its project. Fails with [`SessionError::NotReady`] and [`SessionError::NotPublished`], which name each file that stands
/// in the way; then the session is as before.
pub async fn publish_session(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
) -> Result<UploadSession, SessionError> {
    if session.state == SessionState::Published {
        return Ok(session.clone());
    }
    parts.need(session, SessionEvent::Publish, WISH)?;
    let mut tx = parts.ingest.index.begin().await?;
    // Takes the session: files that come meanwhile, and another who publishes it, wait for the end of this transaction.
    if tx.end_upload_session(session, SessionState::Published, parts.end_of_lifetime()).await? {
        write(parts, who, session, tx).await?;
    } else {
        drop(tx);
    }
    let now = parts.again(session).await?;
    match parts.state_of(&now) {
        SessionState::Published => Ok(now),
        state => Err(SessionError::State { state, wish: WISH }),
    }
}

/// Writes everything and commits, or leaves the transaction to be taken back.
async fn write(
    parts: &SessionParts,
    who: &Principal,
    session: &UploadSession,
    mut tx: IndexTx,
) -> Result<(), SessionError> {
    let files = tx.list_upload_files(session).await?;
    let findings: Vec<Finding> =
        files.iter().filter(|file| file.state != FileState::Completed).map(not_completed).collect();
    if !findings.is_empty() {
        return Err(SessionError::NotReady { findings });
    }
    let staged = files.iter().map(|file| Kept::of(file).map(|kept| kept.staged));
    let staged: Vec<Staged> = staged.collect::<Result<_, _>>()?;
    let outcome = match staged.is_empty() {
        true => register(session, &mut tx).await?,
        false => BatchWrite::prepare(&parts.ingest, who, &session.channel, &staged).await?.write(&mut tx).await?,
    };
    tx.settle_upload_session(session).await?;
    let event = AuditEvent::UploadSessionPublished {
        session: session.key,
        channel: outcome.channel,
        serial: outcome.serial,
        project: session.project.clone(),
        version: session.version.to_string(),
        file_count: outcome.file_count,
        digest: outcome.digest,
    };
    tx.commit(who, &event).await?;
    Ok(())
}

/// Registers the name of the project, if there is none of this name: its page is there from then on, and empty.
async fn register(session: &UploadSession, tx: &mut IndexTx) -> Result<BatchOutcome, SessionError> {
    tx.begin_part().await?;
    let advanced = tx.advance(&session.channel, None).await?;
    let is_new = tx.register_project(&advanced, &session.project, &session.display_name).await?;
    let mut serial = advanced.serial;
    if is_new {
        tx.keep_part().await?;
    } else {
        tx.undo_part().await?;
        serial = Serial(serial.0 - 1);
    }
    Ok(BatchOutcome {
        channel: session.channel.clone(),
        serial,
        file_count: 0,
        changed_count: 0,
        digest: snapshot_digest(&mut []),
        stored: Vec::new(),
    })
}

/// Why a file stands in the way.
fn not_completed(file: &UploadFile) -> Finding {
    let error = SessionError::FileInState { filename: file.filename.clone(), state: file.state, wish: "to publish it" };
    let finding = Finding::refuse("BAT-01", "not-completed", error.to_string()).at(&file.filename);
    Finding { hint: error.hint(), ..finding }
}
