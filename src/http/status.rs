//! `GET /api/v1/status`: what this server holds, for the start page and for people.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::Problem;
use super::auth::Who;
use crate::access::ReadPolicy;
use crate::app::App;
use crate::model::{ChannelName, ChannelSummary};

/// The answer.
#[derive(Serialize)]
pub struct Status {
    server: &'static str,
    version: &'static str,
    default_channel: ChannelName,
    upload_channel: ChannelName,
    public_url: Option<String>,
    reads: ReadPolicy,
    channels: Vec<ChannelSummary>,
    /// Names of the target environments that locks and bundles can be made for.
    targets: Vec<String>,
}

/// Reads the numbers of the head of every channel that the sender may look at.
pub async fn status(State(app): State<Arc<App>>, who: Who) -> Result<Json<Status>, Problem> {
    let settings = &app.settings;
    Ok(Json(Status {
        server: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        default_channel: settings.default_channel.clone(),
        upload_channel: settings.upload_channel.clone(),
        public_url: settings.public_url.as_ref().map(ToString::to_string),
        reads: settings.read,
        channels: who.visible(&app, app.index.list_channels().await?),
        targets: crate::resolve::list_targets(&app.index).await?.into_iter().map(|target| target.name).collect(),
    }))
}
