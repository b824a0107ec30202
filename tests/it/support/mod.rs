//! What tests stand on: a running server, files to put into it.

pub mod attestation;
pub mod batches;
pub mod bundles;
pub mod mutation;
pub mod postgres;
pub mod seed;
pub mod server;
pub mod signed;
pub mod tokens;
pub mod upload2;
pub mod wheel;
pub mod zip;

pub use seed::{SeedFile, seed};
pub use server::{Answer, TestServer};
pub use wheel::Wheel;
