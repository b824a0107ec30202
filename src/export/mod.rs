//! From a lock to a bundle: checks, manifest, layout and bytes. Nothing here runs Python, and nothing but the lock, the
//! entry point and this server's version decides a byte.

mod bootstrap;
mod build;
mod check;
mod clash;
mod error;
mod layout;
mod manifest;
mod plan;
#[cfg(test)]
mod samples;
mod stream;
mod texts;

pub use build::{ExportParts, build, open};
pub use error::ExportError;
pub use layout::{BundleLayout, Segment};
pub use stream::stream;
