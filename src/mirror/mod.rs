//! Pulling from another index: where upstream is, what of it is needed for a target, and bringing exactly that in.
//!
//! Planning reads pages and `.metadata` only; files come in through the same `ingest` as every upload. Outbound requests
//! are made in `upstream.rs` and nowhere else here, and only when somebody asks for a pull.

mod arrive;
mod ask_client;
mod error;
mod from_dir;
mod html;
mod local;
mod netrc;
mod page;
mod pip_config;
mod plan;
mod progress;
mod pull;
mod settings;
mod source;
mod upstream;
mod uv_config;

pub use error::MirrorError;
pub use from_dir::pull_from_dir;
pub use page::{ProjectPage, Promise, UpstreamFile};
pub use plan::{Plan, plan};
pub use progress::{Progress, ProgressSink, PullReport, PulledFile};
pub use pull::pull;
pub use settings::{Credentials, UpstreamSettings, find_upstream};
pub use upstream::Upstream;
