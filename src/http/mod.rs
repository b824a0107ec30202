//! The HTTP edge, the only place that names axum: handlers extract, call a product function and answer.
//!
//! `routes.rs` is the one table of routes, `problem.rs` the one table of statuses. A rule has no home here.

mod advisories;
mod audit;
mod auth;
mod batch_preview;
mod batch_view;
mod batches;
mod bundles;
mod changes;
mod channels;
mod conditional;
mod cross_origin;
mod download;
mod extract;
mod fields;
mod files;
mod files_api;
mod frame;
mod handover;
mod health;
mod legacy;
mod legacy_answer;
mod legacy_json;
mod locks;
mod marks;
mod namespaces;
mod pages;
mod pieces;
mod problem;
mod provenance;
mod quick;
mod quiet;
mod ranges;
mod routes;
mod search;
mod sendfile;
mod serve;
mod shortcut;
mod signers;
mod status;
mod ui;
mod upload2;
mod upload2_form;
mod upload2_stage;
mod upload2_view;
mod upload_body;
mod upload_form;

pub use problem::{Problem, status_of};
pub use routes::{ROUTES, Route, server};
pub use serve::{Timeouts, serve, serve_with};
