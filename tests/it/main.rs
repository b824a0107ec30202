//! Tests from outside, one binary: the server is spoken to through its socket, its rooms through their public faces.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod blob_contract;
mod blob_faults;
mod bundle_build;
mod bundle_download;
mod bundle_run;
mod bundle_stable;
mod http_access;
mod http_api;
mod http_files;
mod http_serve;
mod http_ui;
mod index_audit;
mod index_contract;
mod index_opening;
mod index_site;
mod index_views;
mod kill;
mod mirror_folder;
mod mirror_pull;
mod mirror_settings;
mod mirror_upstream;
mod resolve_locks;
mod resolve_random;
mod resolve_solve;
mod resolve_targets;
mod resolve_universe;
mod simple_caching;
mod simple_negotiation;
mod simple_pages;
mod support;
mod tidy;
mod upload_corpus;
mod upload_faults;
mod upload_legacy;
mod upload_raw;
