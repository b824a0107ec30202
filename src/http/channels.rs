//! `/api/v1/channels`: what channels there are, their snapshots, and promotion into one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::Who;
use super::extract::{self, Query, Segments};
use crate::access::Extent;
use crate::app::App;
use crate::channels::{PromotionOutcome, PromotionWish, Selector};
use crate::index::IndexError;
use crate::model::{ChannelName, ChannelRef, ChannelSummary, Permission, Serial, Sha256Digest, Timestamp};

/// Snapshots of one answer when no limit is given.
const DEFAULT_LIMIT: u32 = 50;

/// Most snapshots of one answer.
const MAX_LIMIT: u32 = 500;

/// Answer of [`list`].
#[derive(Serialize)]
pub struct Channels {
    channels: Vec<ChannelSummary>,
}

/// Answer of [`show`].
#[derive(Serialize)]
pub struct Shown {
    #[serde(flatten)]
    summary: ChannelSummary,
    /// Digest of the head's content; equal on every server with the same content.
    digest: Sha256Digest,
}

/// Answer of [`snapshots`].
#[derive(Serialize)]
pub struct Snapshots {
    channel: ChannelName,
    snapshots: Vec<Snapshot>,
}

#[derive(Serialize)]
struct Snapshot {
    serial: Serial,
    made_at: Timestamp,
    /// Absent until somebody has asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256Digest>,
}

/// Query of [`snapshots`].
#[derive(Deserialize)]
pub struct Limit {
    limit: Option<u32>,
}

/// Body of [`promote`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PromotionRequest {
    from: String,
    #[serde(default)]
    select: Vec<String>,
    #[serde(default)]
    expected_serial: Option<Serial>,
    #[serde(default)]
    dry_run: bool,
}

/// Every channel that the sender may look at, with the numbers of its head.
pub async fn list(State(app): State<Arc<App>>, who: Who) -> Result<Json<Channels>, Problem> {
    let channels = app.index.list_channels().await?;
    Ok(Json(Channels { channels: who.visible(&app, channels) }))
}

/// One channel with the digest of its head.
pub async fn show(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
) -> Result<Json<Shown>, Problem> {
    let name: ChannelName = channel.parse()?;
    who.may(&app, Permission::Read, Some(&name), None)?;
    let summary = app.index.list_channels().await?.into_iter().find(|summary| summary.name == name);
    let summary = summary.ok_or_else(|| IndexError::NoSuchChannel { channel: name.clone() })?;
    // At the serial that was counted: somebody may have moved the head meanwhile.
    let view = app.index.open_view(&ChannelRef { name, serial: Some(summary.serial) }).await?;
    let digest = app.index.snapshot_digest(&view).await?;
    Ok(Json(Shown { summary, digest }))
}

/// The newest snapshots of a channel.
pub async fn snapshots(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    Query(limit): Query<Limit>,
) -> Result<Json<Snapshots>, Problem> {
    let channel: ChannelName = channel.parse()?;
    who.may(&app, Permission::Read, Some(&channel), None)?;
    let rows = app.index.list_snapshots(&channel, limit.limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT)).await?;
    let snapshots =
        rows.into_iter().map(|row| Snapshot { serial: row.serial, made_at: row.made_at, digest: row.digest });
    Ok(Json(Snapshots { channel, snapshots: snapshots.collect() }))
}

/// Brings files of another channel into this one.
pub async fn promote(
    State(app): State<Arc<App>>,
    who: Who,
    Segments(channel): Segments<String>,
    extract::Json(request): extract::Json<PromotionRequest>,
) -> Result<Json<PromotionOutcome>, Problem> {
    let to: ChannelName = channel.parse()?;
    who.may(&app, Permission::Promote, Some(&to), None)?;
    let from = who.place(&app, Permission::Read, Some(&request.from)).await?;
    let select = request.select.iter().map(|text| text.parse()).collect::<Result<Vec<Selector>, _>>()?;
    for selector in &select {
        who.may(&app, Permission::Promote, Some(&to), Some(&selector.project))?;
    }
    if select.is_empty() {
        who.reaches(Extent::Projects, "a promotion that selects nothing brings every project over")?;
    }
    let wish =
        PromotionWish { from, to, select, expected_serial: request.expected_serial, is_dry_run: request.dry_run };
    Ok(Json(crate::channels::promote(&app.index, &who.0, &wish).await?))
}
