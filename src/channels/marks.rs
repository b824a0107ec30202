//! Yank, unyank and remove: marks on files of one channel. Decide in [`plan_marks`], act in [`mark`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::select::{FileSelector, MAX_SELECTORS, projects_of};
use super::{ChannelMove, Reason};
use crate::index::{Index, IndexError};
use crate::model::{AuditEvent, Change, Channel, ChannelName, Diagnostic, Kind, Member, Principal, Serial, Yank};

/// Why nothing was marked. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// Neither a file name nor `name==version`.
    #[error("`{given}` names no file: a file name, or `name==version`, is expected")]
    SelectorInvalid {
        /// What was given, safe to show.
        given: String,
    },
    /// No file is named, or too many.
    #[error("the request names {count} files or releases; 1 to {MAX_SELECTORS} are expected")]
    SelectorCount {
        /// How many.
        count: usize,
    },
    /// The channel does not have the file.
    #[error("`{selector}` is not in channel `{channel}`")]
    NotInChannel {
        /// What was named.
        selector: FileSelector,
        /// The channel.
        channel: ChannelName,
    },
    /// The server does not have the file.
    #[error("`{selector}` is not on this server")]
    NotHere {
        /// What was named.
        selector: FileSelector,
    },
    /// A reason that cannot be shown on a page.
    #[error("the reason cannot be kept: {fault}")]
    ReasonInvalid {
        /// What is wrong with it.
        fault: String,
    },
    /// The index refused or did not answer.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Diagnostic for MarkError {
    fn code(&self) -> &'static str {
        match self {
            Self::SelectorInvalid { .. } | Self::SelectorCount { .. } => "channels/file-selector-invalid",
            Self::NotInChannel { .. } => "channels/file-not-in-channel",
            Self::NotHere { .. } => "channels/file-not-here",
            Self::ReasonInvalid { .. } => "channels/reason-invalid",
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::SelectorInvalid { .. } | Self::SelectorCount { .. } | Self::ReasonInvalid { .. } => Kind::Invalid,
            Self::NotInChannel { .. } | Self::NotHere { .. } => Kind::NotFound,
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::NotInChannel { .. } => "Name the channel that has it, or correct the spelling.",
            Self::NotHere { .. } => "Correct the spelling.",
            Self::Index(error) => return error.hint(),
            _ => return None,
        };
        Some(text.into())
    }
}

/// What becomes of the files that are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Installers pass them over unless they are pinned (PEP 592).
    Yank(Option<Reason>),
    /// They are offered as before.
    Unyank,
    /// They are no longer part of the channel.
    Remove,
}

/// What somebody wants to mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkWish {
    /// The channel.
    pub channel: ChannelName,
    /// Files and releases there.
    pub select: Vec<FileSelector>,
    /// What becomes of them.
    pub mark: Mark,
}

/// What was marked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkOutcome {
    /// The channel before and after; the serials are equal when nothing changed.
    #[serde(flatten)]
    pub at: ChannelMove,
    /// Names of the files that changed, sorted.
    pub changed: Vec<String>,
    /// Files that were as wanted already.
    pub unchanged_count: u64,
}

/// The difference that a mark makes.
#[derive(Debug, Default, PartialEq, Eq)]
struct MarkPlan {
    changes: Vec<Change>,
    changed: Vec<String>,
    unchanged_count: u64,
}

/// Compares the wish with what the channel has, or once had.
///
/// A file that left before cannot be yanked, but to remove it again changes nothing, so that repeating is harmless.
fn plan_marks(wish: &MarkWish, members: &[Member]) -> Result<MarkPlan, MarkError> {
    let may_be_gone = wish.mark == Mark::Remove;
    let mut chosen: BTreeMap<&str, &Member> = BTreeMap::new();
    for selector in &wish.select {
        let mut matching = members
            .iter()
            .filter(|member| selector.matches(&member.filename, &member.project, &member.version))
            .filter(|member| member.is_in_head || may_be_gone)
            .peekable();
        if matching.peek().is_none() {
            let (selector, channel) = (selector.clone(), wish.channel.clone());
            return Err(MarkError::NotInChannel { selector, channel });
        }
        chosen.extend(matching.map(|member| (member.filename.as_str(), member)));
    }
    let mut plan = MarkPlan::default();
    for (filename, member) in chosen {
        match change(&wish.mark, member) {
            Some(change) => {
                plan.changes.push(change);
                plan.changed.push(filename.to_owned());
            }
            None => plan.unchanged_count += 1,
        }
    }
    Ok(plan)
}

fn change(mark: &Mark, member: &Member) -> Option<Change> {
    let file_id = member.file_id;
    let yank = match mark {
        Mark::Remove => return member.is_in_head.then_some(Change::Remove { file_id }),
        Mark::Yank(reason) => Some(Yank { reason: reason.as_ref().map(ToString::to_string) }),
        Mark::Unyank => None,
    };
    (member.yank != yank).then_some(Change::Mark { file_id, yank })
}

/// Marks files in one transaction, all or none.
///
/// What changes nothing succeeds and leaves the serial as it is. Fails with [`MarkError::NotInChannel`] for the first
/// selector that names nothing there.
pub async fn mark(index: &Index, who: &Principal, wish: &MarkWish) -> Result<MarkOutcome, MarkError> {
    let mut tx = index.begin().await?;
    let advanced = tx.advance(&wish.channel, None).await?;
    let members = tx.list_members(&advanced, &projects_of(&wish.select)).await?;
    let MarkPlan { changes, changed, unchanged_count } = plan_marks(wish, &members)?;
    let serial_before = Serial(advanced.serial.0 - 1);
    let channel = wish.channel.clone();
    if changes.is_empty() {
        // Dropped, the transaction leaves the channel at the serial it had.
        let at = ChannelMove { channel, serial_before, serial: serial_before };
        return Ok(MarkOutcome { at, changed, unchanged_count });
    }
    tx.apply(&advanced, &changes).await?;
    tx.commit(who, &event(&advanced, &wish.mark, &changed)).await?;
    tracing::info!(
        channel.name = %channel,
        channel.serial = advanced.serial.0,
        file_count = changed.len(),
        "{} {} files in `{channel}`",
        verb(&wish.mark),
        changed.len()
    );
    Ok(MarkOutcome { at: ChannelMove { channel, serial_before, serial: advanced.serial }, changed, unchanged_count })
}

fn verb(mark: &Mark) -> &'static str {
    match mark {
        Mark::Yank(_) => "yanked",
        Mark::Unyank => "unyanked",
        Mark::Remove => "removed",
    }
}

fn event(at: &Channel, mark: &Mark, changed: &[String]) -> AuditEvent {
    let (channel, serial, filenames) = (at.name.clone(), at.serial, changed.to_vec());
    match mark {
        Mark::Yank(reason) => {
            AuditEvent::FilesYanked { channel, serial, filenames, reason: reason.as_ref().map(ToString::to_string) }
        }
        Mark::Unyank => AuditEvent::FilesUnyanked { channel, serial, filenames },
        Mark::Remove => AuditEvent::FilesRemoved { channel, serial, filenames },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(file_id: i64, filename: &str, is_in_head: bool, yank: Option<&str>) -> Member {
        let version = filename.split('-').nth(1).unwrap().trim_end_matches(".tar.gz").parse().unwrap();
        let yank = yank.map(|reason| Yank { reason: Some(reason.to_owned()) });
        Member { file_id, filename: filename.to_owned(), project: "demo".parse().unwrap(), version, is_in_head, yank }
    }

    /// Names that change and the count that does not, or the code of the refusal.
    fn plan(select: &[&str], mark: Mark) -> Result<(Vec<String>, u64), &'static str> {
        let members = [
            member(1, "demo-1.0.tar.gz", true, None),
            member(2, "demo-1.0-py3-none-any.whl", true, Some("bad")),
            member(3, "demo-2.0.tar.gz", false, None),
        ];
        let select = select.iter().map(|text| text.parse().unwrap()).collect();
        let wish = MarkWish { channel: ChannelName::staging(), select, mark };
        let plan = plan_marks(&wish, &members).map_err(|error| error.code())?;
        Ok((plan.changed, plan.unchanged_count))
    }

    #[test]
    fn ok_and_err_marks() {
        let yank = |reason: &str| Mark::Yank(Reason::parse(Some(reason.to_owned())).unwrap());
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (wheel, sdist) = ("demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz");
        for (select, mark, expected) in [
            (vec![sdist], yank("bad"), Ok((names(&[sdist]), 0))),
            (vec![wheel], yank("bad"), Ok((names(&[]), 1))),
            (vec![wheel], yank("worse"), Ok((names(&[wheel]), 0))),
            (vec!["demo==1"], yank("bad"), Ok((names(&[sdist]), 1))),
            (vec!["demo==1.0", sdist, sdist], Mark::Remove, Ok((names(&[wheel, sdist]), 0))),
            (vec!["demo==1.0"], Mark::Unyank, Ok((names(&[wheel]), 1))),
            (vec!["demo-2.0.tar.gz"], Mark::Remove, Ok((names(&[]), 1))),
            (vec!["demo-2.0.tar.gz"], Mark::Unyank, Err("channels/file-not-in-channel")),
            (vec![sdist, "demo==3.0"], Mark::Remove, Err("channels/file-not-in-channel")),
            (vec!["Demo-1.0.tar.gz"], yank("bad"), Err("channels/file-not-in-channel")),
        ] {
            assert_eq!(plan(&select, mark.clone()), expected, "{select:?} {mark:?}");
        }
    }
}
