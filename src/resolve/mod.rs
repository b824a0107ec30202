//! Solving: requirements and a target environment in, exact wheels out, or the reasons why there are none.
//!
//! The solver is synchronous and deterministic: the same snapshot and the same request give the same files, and an
//! unsolvable request the same sentences, on every machine. It never looks at the machine that it runs on.

mod candidates;
mod error;
mod explain;
mod facts;
mod from_index;
mod lock;
mod needs;
mod priorities;
mod provider;
mod pylock;
mod solve;
mod source;
mod targets;

pub use error::ResolveError;
pub use from_index::IndexSource;
pub use lock::{lock, lock_from, parse_requirements};
pub use pylock::render_pylock;
pub use solve::{Chosen, solve};
pub use source::{Candidate, Source, SourceError, WheelRequirements};
pub use targets::{TargetEnv, find_target, list_targets, preset, presets};
