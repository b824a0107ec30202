//! Status of a project in a channel (PEP 792): set by people, obeyed by pages, files, uploads, promotions and locks.

use serde::{Deserialize, Serialize};

use super::{ChannelMove, MarkError, Reason};
use crate::index::Index;
use crate::model::{AuditEvent, ChannelName, Principal, ProjectStatus, Serial};
use crate::packaging::ProjectName;

/// The status that somebody wants a project to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusWish {
    /// The channel.
    pub channel: ChannelName,
    /// The project.
    pub project: ProjectName,
    /// Its status there from now on.
    pub status: ProjectStatus,
    /// Why; pages show it but for an active project.
    pub reason: Option<Reason>,
}

/// The status that a project has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusOutcome {
    /// The channel before and after; the serials are equal when nothing changed.
    #[serde(flatten)]
    pub at: ChannelMove,
    /// The project.
    pub project: ProjectName,
    /// Its status there.
    pub status: ProjectStatus,
    /// Why, if a reason was given.
    pub reason: Option<String>,
}

/// Sets the status. What changes nothing succeeds and leaves the serial as it is.
///
/// Fails with `index/project-unknown` for a project that never was part of the channel.
pub async fn set_status(index: &Index, who: &Principal, wish: &StatusWish) -> Result<StatusOutcome, MarkError> {
    let StatusWish { channel, project, status, reason } = wish;
    let reason = reason.as_ref().map(ToString::to_string);
    let mut tx = index.begin().await?;
    let advanced = tx.advance(channel, None).await?;
    let serial_before = Serial(advanced.serial.0 - 1);
    let is_changed = tx.set_status(&advanced, project, *status, reason.as_deref()).await?;
    let serial = if is_changed { advanced.serial } else { serial_before };
    if is_changed {
        let (channel, project, reason) = (channel.clone(), project.clone(), reason.clone());
        let event = AuditEvent::ProjectStatusSet { channel, serial, project, status: *status, reason };
        tx.commit(who, &event).await?;
        tracing::info!(
            channel.name = %wish.channel,
            channel.serial = serial.0,
            "`{}` is {status} in `{}`",
            wish.project,
            wish.channel
        );
    }
    let at = ChannelMove { channel: channel.clone(), serial_before, serial };
    Ok(StatusOutcome { at, project: project.clone(), status: *status, reason })
}
