//! What happened in a channel: `/api/v1/channels/{channel}/changes` for programs, `/{channel}/changes.atom` for people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::Problem;
use super::auth::Who;
use super::conditional::{Negotiated, Validators, Whole, moving};
use super::extract::{Query, Segments};
use crate::app::App;
use crate::channels::{AtomFeed, change_word, render_atom};
use crate::index::IndexError;
use crate::model::{
    ChangeCursor, Channel, ChannelName, CursorRow, Kind, PastAction, PastChange, PastFile, Permission, ProjectStatus,
    Scope, Serial, Sha256Digest, Timestamp, Yank,
};

/// Changes of one answer when no limit is given.
const DEFAULT_LIMIT: u32 = 500;

/// Most changes of one answer: about 1 MB of JSON.
const MAX_LIMIT: u32 = 5_000;

/// Most changes that the Atom feed tells.
const FEED_LIMIT: u32 = 300;

/// Query of [`list`].
#[derive(Deserialize)]
pub struct Wish {
    since: Option<String>,
    limit: Option<u32>,
}

/// Answer of [`list`].
#[derive(Serialize)]
struct Changes {
    channel: ChannelName,
    /// Serial of the channel's head.
    serial: Serial,
    /// What to send as `since` for what comes after these.
    next: String,
    /// Whether there is more now.
    more: bool,
    changes: Vec<Row>,
}

/// One change; what does not apply is left out.
#[derive(Serialize)]
struct Row {
    serial: Serial,
    time: Timestamp,
    project: String,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<Sha256Digest>,
    /// Whether the file is yanked from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    yanked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ProjectStatus>,
    /// Why it is yanked, or has that status.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The changes of a channel after a serial, oldest first.
pub async fn list(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    Query(wish): Query<Wish>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let channel = open(&app, &who, &channel).await?;
    let since = match &wish.since {
        Some(text) => text.parse()?,
        None => ChangeCursor::after(Serial(0)),
    };
    let limit = wish.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    if since.serial > channel.serial {
        return Err(ahead(&channel, since));
    }
    let limits = who.project_limits(&app);
    let question = format!("{since} {limit}");
    let validators = validators(&app, &channel, &question, limits);
    if validators.is_known(&headers) {
        return Ok(validators.answer(None, HeaderMap::new()));
    }
    // One more than is told says whether there is more.
    let mut changes = app.index.list_changes(&channel, since, limit + 1).await?;
    let more = changes.len() > limit as usize;
    changes.truncate(limit as usize);
    let next = match changes.last() {
        Some(last) if more => last.cursor,
        _ => ChangeCursor::after(channel.serial),
    };
    // The place in the history is that of all changes, so each answer costs the same, and none of a stretch may be told.
    changes.retain(|change| is_told(change, limits));
    let rows = changes.into_iter().map(Row::from).collect();
    let body =
        Changes { channel: channel.name.clone(), serial: channel.serial, next: next.to_string(), more, changes: rows };
    let body = Json(body).into_response().into_body();
    let whole = Whole { body, content_type: "application/json", encoding: None };
    Ok(validators.answer(Some(whole), HeaderMap::new()))
}

/// The newest changes of a channel as an Atom feed.
pub async fn atom(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let channel = open(&app, &who, &channel).await?;
    let limits = who.project_limits(&app);
    let validators = validators(&app, &channel, "atom", limits);
    if validators.is_known(&headers) {
        return Ok(validators.answer(None, HeaderMap::new()));
    }
    let newest = app.index.list_snapshots(&channel.name, 1).await?;
    let recent = app.index.find_recent_serial(&channel, FEED_LIMIT).await?;
    let mut changes = app.index.list_changes(&channel, ChangeCursor::after(recent), FEED_LIMIT).await?;
    let mut is_cut = false;
    if changes.is_empty() && recent.0 > 0 {
        // The newest change alone is more than a feed holds: its beginning is told.
        let first = ChangeCursor { serial: recent, row: CursorRow::Project(0) };
        changes = app.index.list_changes(&channel, first, FEED_LIMIT + 1).await?;
        is_cut = changes.len() > FEED_LIMIT as usize;
        changes.truncate(FEED_LIMIT as usize);
    }
    changes.retain(|change| is_told(change, limits));
    let root = app.settings.public_root().unwrap_or("..");
    let feed = AtomFeed {
        instance: &app.index.instance().await?,
        channel: &channel.name,
        root,
        updated_at: newest.first().map_or(channel.created_at, |snapshot| snapshot.made_at),
        changes: &changes,
        is_cut,
    };
    let body = render_atom(&feed).into();
    let whole = Whole { body, content_type: "application/atom+xml; charset=utf-8", encoding: None };
    Ok(validators.answer(Some(whole), HeaderMap::new()))
}

async fn open(app: &App, who: &Who, segment: &str) -> Result<Channel, Problem> {
    let name: ChannelName = segment.parse()?;
    who.may(app, Permission::Read, Some(&name), None)?;
    let found = app.index.find_channel(&name).await?;
    Ok(found.ok_or_else(|| IndexError::NoSuchChannel { channel: name })?)
}

/// A reader who was further than the channel is follows another channel: this one was restored, or made anew.
fn ahead(channel: &Channel, since: ChangeCursor) -> Problem {
    let detail = format!("channel `{}` is at serial {}, so nothing can follow {since}", channel.name, channel.serial);
    Problem::new(Kind::Conflict, "channels/cursor-ahead", detail)
        .with_hint("The channel was restored or made anew: forget what you know of it and start without `since`.")
}

/// Whether a sender with these limits is told of a change.
fn is_told(change: &PastChange, limits: Option<&Scope>) -> bool {
    limits.is_none_or(|limits| limits.covers_project(&change.project))
}

/// All that is in an answer follows from the question, whose it is, the serial of the head and this program.
fn validators(app: &App, channel: &Channel, question: &str, limits: Option<&Scope>) -> Validators {
    let projects = limits.map_or("*", |limits| &limits.projects);
    let text = format!("{} {} {} {question} {projects}", env!("CARGO_PKG_VERSION"), channel.id, channel.serial);
    let reads = app.settings.read;
    Validators {
        etag: format!("\"{}\"", &hex::encode(sha2::Sha256::digest(text))[..32]).into(),
        cache_control: moving(reads),
        vary: Negotiated::Nothing.vary(reads),
        last_serial: Some(channel.serial),
    }
}

impl From<PastChange> for Row {
    fn from(change: PastChange) -> Self {
        let mut row = Self {
            serial: change.cursor.serial,
            time: change.made_at,
            project: change.project.to_string(),
            action: change_word(&change.action),
            filename: None,
            sha256: None,
            yanked: None,
            status: None,
            reason: None,
        };
        match change.action {
            PastAction::Added(file, mark) => row.tell_file(file, Some(mark)),
            PastAction::Yanked(file, yank) => row.tell_file(file, Some(Some(yank))),
            PastAction::Unyanked(file) => row.tell_file(file, Some(None)),
            PastAction::Removed(file) => row.tell_file(file, None),
            PastAction::Status(status, reason) => (row.status, row.reason) = (Some(status), reason),
        }
        row
    }
}

impl Row {
    /// A file, and its yank mark if it is still in the channel.
    fn tell_file(&mut self, file: PastFile, mark: Option<Option<Yank>>) {
        self.filename = Some(file.filename);
        self.sha256 = Some(file.sha256);
        self.yanked = mark.as_ref().map(Option::is_some);
        self.reason = mark.flatten().and_then(|yank| yank.reason);
    }
}
