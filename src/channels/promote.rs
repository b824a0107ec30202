//! Promotion: bring files from one channel into the next snapshot of another. Decide in [`plan`], act in [`promote`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::index::{Index, IndexError};
use crate::model::{
    AuditEvent, Change, ChannelFile, ChannelName, ChannelRef, Diagnostic, Kind, Principal, ProjectStatus, Serial, View,
    Yank,
};
use crate::packaging::{ProjectName, Version, shown};

/// How often a target that keeps moving is compared anew before the promotion is given up.
const ATTEMPTS: u32 = 10;

/// Why a promotion did not happen. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum PromotionError {
    /// Source and target are one channel.
    #[error("channel `{channel}` cannot be promoted into itself")]
    SameChannel {
        /// The channel.
        channel: ChannelName,
    },
    /// A selector that is no project name with an optional version.
    #[error("`{given}` selects nothing: a project name, or `name==version`, is expected")]
    SelectorInvalid {
        /// What was given, safe to show.
        given: String,
    },
    /// A selector that matches no file of the source.
    #[error("`{selector}` matches no file in `{from}`")]
    NothingSelected {
        /// The selector.
        selector: Selector,
        /// The source.
        from: ChannelRef,
    },
    /// Files of projects that give none there, or take none here.
    #[error("`{}` is {} in `{}`{}", first.project, first.status, first.channel, more(*project_count))]
    ProjectClosed {
        /// The first of those projects.
        first: ClosedProject,
        /// How many there are.
        project_count: usize,
    },
    /// The index refused or did not answer.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// A project whose status in a channel stands in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedProject {
    /// The project.
    pub project: ProjectName,
    /// Its status.
    pub status: ProjectStatus,
    /// Where it has that status.
    pub channel: ChannelName,
}

fn more(project_count: usize) -> String {
    match project_count {
        0 | 1 => String::new(),
        2 => " (and 1 more project stands in the way)".to_owned(),
        count => format!(" (and {} more projects stand in the way)", count - 1),
    }
}

impl Diagnostic for PromotionError {
    fn code(&self) -> &'static str {
        match self {
            Self::SameChannel { .. } => "channels/same-channel",
            Self::SelectorInvalid { .. } => "channels/selector-invalid",
            Self::NothingSelected { .. } => "channels/nothing-selected",
            Self::ProjectClosed { .. } => "channels/project-closed",
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::SameChannel { .. } | Self::SelectorInvalid { .. } | Self::NothingSelected { .. } => Kind::Invalid,
            Self::ProjectClosed { .. } => Kind::Conflict,
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NothingSelected { .. } => Some("Upload it first, or correct the spelling.".into()),
            Self::ProjectClosed { .. } => {
                Some("Select other projects, remove its files from the source, or change its status.".into())
            }
            Self::Index(error) => error.hint(),
            _ => None,
        }
    }
}

/// `flask` (every release) or `flask==3.1.0` (one of them).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// The project.
    pub project: ProjectName,
    /// One release, or all when absent.
    pub version: Option<Version>,
}

/// Selectors by project, so that choosing among many files does not compare each with every selector.
struct Selection<'a>(BTreeMap<&'a ProjectName, Vec<&'a Selector>>);

impl<'a> Selection<'a> {
    fn of(selectors: &'a [Selector]) -> Self {
        let mut by_project: BTreeMap<&ProjectName, Vec<&Selector>> = BTreeMap::new();
        for selector in selectors {
            by_project.entry(&selector.project).or_default().push(selector);
        }
        Self(by_project)
    }

    /// The selectors that match a file.
    fn matching(&self, file: &ChannelFile) -> impl Iterator<Item = &'a Selector> {
        let new = &file.stored.file;
        let about = self.0.get(&new.project).into_iter().flatten().copied();
        about.filter(move |selector| selector.version.as_ref().is_none_or(|version| *version == new.version))
    }
}

impl FromStr for Selector {
    type Err = PromotionError;

    fn from_str(text: &str) -> Result<Self, PromotionError> {
        let invalid = || PromotionError::SelectorInvalid { given: shown(text) };
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name, Some(version.trim().parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        Ok(Self { project: name.trim().parse().map_err(|_| invalid())?, version })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(formatter, "{}=={version}", self.project),
            None => self.project.fmt(formatter),
        }
    }
}

/// What somebody wants to bring over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromotionWish {
    /// Where the files are: a channel's head or one of its snapshots.
    pub from: ChannelRef,
    /// Where they shall go.
    pub to: ChannelName,
    /// Which of them; everything when empty.
    pub select: Vec<Selector>,
    /// Serial that the target must still have; whatever it has when absent.
    pub expected_serial: Option<Serial>,
    /// Only say what would happen.
    pub is_dry_run: bool,
}

/// A channel and the serial that was read or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelAt {
    /// The channel.
    pub channel: ChannelName,
    /// Its serial.
    pub serial: Serial,
}

/// A channel before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelMove {
    /// The channel.
    pub channel: ChannelName,
    /// Its serial before.
    pub serial_before: Serial,
    /// Its serial afterwards; for a dry run, what it would be.
    pub serial: Serial,
}

/// What a promotion did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromotionOutcome {
    /// What was read.
    pub from: ChannelAt,
    /// What was changed.
    pub to: ChannelMove,
    /// Whether nothing was really done.
    pub dry_run: bool,
    /// File names that came in or whose yank mark changed, sorted.
    pub added: Vec<String>,
    /// Selected files that were there already, in the same state.
    pub unchanged_count: u64,
}

/// The difference that a promotion makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PromotionPlan {
    /// For the index.
    pub changes: Vec<Change>,
    /// File names behind `changes`, sorted.
    pub added: Vec<String>,
    /// Selected files that are there already.
    pub unchanged_count: u64,
}

/// Compares the selected files of the source with the target's head.
///
/// A yank mark travels along; its absence does not, so no promotion takes off a mark that somebody set in the target
/// (standards IDX-27). To take it off there is a deed of its own.
///
/// Fails with [`PromotionError::NothingSelected`] for the first selector that matches nothing.
pub fn plan(
    wish: &PromotionWish,
    source: &[ChannelFile],
    target: &[ChannelFile],
) -> Result<PromotionPlan, PromotionError> {
    let selection = Selection::of(&wish.select);
    let met: BTreeSet<&Selector> = source.iter().flat_map(|file| selection.matching(file)).collect();
    if let Some(selector) = wish.select.iter().find(|selector| !met.contains(selector)) {
        return Err(PromotionError::NothingSelected { selector: selector.clone(), from: wish.from.clone() });
    }
    let there: BTreeMap<i64, &ChannelFile> = target.iter().map(|file| (file.stored.id, file)).collect();
    let mut plan = PromotionPlan::default();
    let mut added = BTreeSet::new();
    for file in source {
        if !wish.select.is_empty() && selection.matching(file).next().is_none() {
            continue;
        }
        let (file_id, yank) = (file.stored.id, file.yank.clone());
        match there.get(&file_id) {
            Some(known) if !changes_mark(yank.as_ref(), known.yank.as_ref()) => {
                plan.unchanged_count += 1;
                continue;
            }
            Some(_) => plan.changes.push(Change::Mark { file_id, yank }),
            None => plan.changes.push(Change::Add { file_id, yank }),
        }
        added.insert(file.stored.file.filename.clone());
    }
    plan.added = added.into_iter().collect();
    Ok(plan)
}

/// Whether the mark in the source is news to the target.
fn changes_mark(source: Option<&Yank>, target: Option<&Yank>) -> bool {
    let Some(source) = source else { return false };
    target.is_none_or(|target| source.reason.is_some() && source.reason != target.reason)
}

/// Status of the projects of one channel that are not active.
type Statuses = BTreeMap<ProjectName, ProjectStatus>;

/// Refuses files that come in from a project which the source keeps back, or into one which the target has closed.
///
/// Marks on files that are there already travel all the same.
fn check_statuses(
    plan: &PromotionPlan,
    source: &[ChannelFile],
    (from, gives): (&ChannelName, &Statuses),
    (to, takes): (&ChannelName, &Statuses),
) -> Result<(), PromotionError> {
    let is_new = |change: &Change| matches!(change, Change::Add { .. }).then(|| change.file_id());
    let new: BTreeSet<i64> = plan.changes.iter().filter_map(is_new).collect();
    let coming = source.iter().filter(|file| new.contains(&file.stored.id)).map(|file| &file.stored.file.project);
    let mut closed = Vec::new();
    for project in coming.collect::<BTreeSet<_>>() {
        let kept_back = gives.get(project).filter(|status| !status.offers_files()).map(|status| (from, status));
        let shut = takes.get(project).filter(|status| !status.takes_files()).map(|status| (to, status));
        if let Some((channel, status)) = kept_back.or(shut) {
            closed.push(ClosedProject { project: project.clone(), status: *status, channel: channel.clone() });
        }
    }
    let project_count = closed.len();
    match closed.into_iter().next() {
        None => Ok(()),
        Some(first) => Err(PromotionError::ProjectClosed { first, project_count }),
    }
}

/// Brings files over in one transaction, or says what would come over.
///
/// Fails with `index/channel-moved` when the target's serial is not the expected one any more, in a dry run too. A
/// promotion that changes nothing succeeds and leaves the serial as it is, so that repeating one is harmless.
pub async fn promote(index: &Index, who: &Principal, wish: &PromotionWish) -> Result<PromotionOutcome, PromotionError> {
    if wish.from.name == wish.to {
        return Err(PromotionError::SameChannel { channel: wish.to.clone() });
    }
    let view = index.open_view(&wish.from).await?;
    let source = index.list_channel_files(&view).await?;
    let mut attempt = 1;
    loop {
        match promote_from(index, who, wish, &view, &source).await {
            // Somebody changed the target after it was read. Nothing was said about its serial, so it is compared anew.
            Err(PromotionError::Index(IndexError::ChannelMoved { .. }))
                if wish.expected_serial.is_none() && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// One attempt: both channels are read and compared before the write transaction, which then only moves the target on from
/// the serial that was read. A transaction that reads a large channel would keep every upload waiting.
async fn promote_from(
    index: &Index,
    who: &Principal,
    wish: &PromotionWish,
    view: &View,
    source: &[ChannelFile],
) -> Result<PromotionOutcome, PromotionError> {
    let target = index.open_view(&ChannelRef { name: wish.to.clone(), serial: None }).await?;
    let before = target.serial;
    if let Some(expected) = wish.expected_serial.filter(|expected| *expected != before) {
        return Err(IndexError::ChannelMoved { channel: target.channel, expected, actual: before }.into());
    }
    let plan = plan(wish, source, &index.list_channel_files(&target).await?)?;
    // What the source says now, also of an older snapshot: nobody promotes around a quarantine.
    let source_head = index.open_view(&ChannelRef { name: wish.from.name.clone(), serial: None }).await?;
    let (gives, takes) = (index.list_statuses(&source_head).await?, index.list_statuses(&target).await?);
    check_statuses(&plan, source, (&wish.from.name, &gives), (&wish.to, &takes))?;
    let after = if plan.changes.is_empty() { before } else { Serial(before.0 + 1) };
    if !wish.is_dry_run && !plan.changes.is_empty() {
        let event = AuditEvent::Promoted {
            from: view.channel.clone(),
            from_serial: view.serial,
            channel: wish.to.clone(),
            serial: after,
            added: plan.added.clone(),
        };
        let mut tx = index.begin().await?;
        let advanced = tx.advance(&wish.to, Some(before)).await?;
        tx.apply(&advanced, &plan.changes).await?;
        tx.commit(who, &event).await?;
        tracing::info!(
            channel.name = %wish.to,
            channel.serial = after.0,
            file_count = plan.added.len(),
            "promoted {} files from `{}` to `{}`",
            plan.added.len(),
            wish.from,
            wish.to
        );
    }
    Ok(PromotionOutcome {
        from: ChannelAt { channel: view.channel.clone(), serial: view.serial },
        to: ChannelMove { channel: wish.to.clone(), serial_before: before, serial: after },
        dry_run: wish.is_dry_run,
        added: plan.added,
        unchanged_count: plan.unchanged_count,
    })
}
