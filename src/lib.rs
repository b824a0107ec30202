//! Ferrywheel: an offline Python package repository. Modules stand in dependency order; imports point only upwards.

pub mod packaging;

pub mod archive;

pub mod model;

pub mod index;

pub mod blobs;

pub mod access;

pub mod ingest;

pub mod advisories;

pub mod resolve;

pub mod channels;

pub mod simple;

pub mod export;

pub mod mirror;

pub mod telemetry;

pub mod config;

pub mod app;

pub mod http;

pub mod cli;
