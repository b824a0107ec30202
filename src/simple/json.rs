//! Pages as JSON (PEP 691, 700, 714, 792). Absent keys are left out: uv refuses a whole page for one null (IDX-20).

use serde::Serialize;

use super::page::status_word;
use super::{API_VERSION, PageFile, ProjectPage, RootPage};
use crate::model::{ProjectStatus, Timestamp, Yank};

#[derive(Serialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: &'static str,
    /// Private key, as PyPI has it; mirror tools read it (IDX-32).
    #[serde(rename = "_last-serial")]
    last_serial: i64,
}

#[derive(Serialize)]
struct Root<'a> {
    meta: Meta,
    projects: Vec<RootProject<'a>>,
}

#[derive(Serialize)]
struct RootProject<'a> {
    name: &'a str,
    /// Private key, as PyPI has it: bandersnatch skips a project without it, and fetches those above its own (IDX-32).
    #[serde(rename = "_last-serial")]
    last_serial: i64,
}

#[derive(Serialize)]
struct Project<'a> {
    meta: Meta,
    name: &'a str,
    /// At the top level with the key `status`; PEP 792's text and its example are both wrong (IDX-23).
    #[serde(rename = "project-status", skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    versions: &'a [String],
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct Status<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct File<'a> {
    filename: &'a str,
    url: &'a str,
    hashes: Hashes,
    #[serde(rename = "requires-python", skip_serializing_if = "Option::is_none")]
    requires_python: Option<&'a str>,
    size: u64,
    #[serde(rename = "upload-time")]
    upload_time: String,
    yanked: Yanked<'a>,
    #[serde(rename = "core-metadata", skip_serializing_if = "Option::is_none")]
    core_metadata: Option<Hashes>,
}

/// SHA-256 alone: pip takes the first key of the object and stops at one that it does not know (IDX-21).
#[derive(Serialize)]
struct Hashes {
    sha256: String,
}

/// `false`, `true` or a reason, never the empty text, which means opposite things to pip and uv (IDX-21).
#[derive(Serialize)]
#[serde(untagged)]
enum Yanked<'a> {
    Claim(bool),
    Reason(&'a str),
}

/// The list of projects (IDX-18).
pub fn render_root(page: &RootPage) -> serde_json::Result<String> {
    let projects = page
        .projects
        .iter()
        .map(|project| RootProject { name: &project.display_name, last_serial: project.last_serial.0 });
    serde_json::to_string(&Root { meta: meta(page.last_serial.0), projects: projects.collect() })
}

/// One project's files (IDX-19 to IDX-23).
pub fn render_project(page: &ProjectPage) -> serde_json::Result<String> {
    serde_json::to_string(&Project {
        meta: meta(page.last_serial.0),
        name: page.name.as_str(),
        status: status(page.status, page.status_reason.as_deref()),
        versions: &page.versions,
        files: page.files.iter().map(file).collect(),
    })
}

fn meta(last_serial: i64) -> Meta {
    Meta { api_version: API_VERSION, last_serial }
}

fn status(status: ProjectStatus, reason: Option<&str>) -> Option<Status<'_>> {
    status_word(status).map(|status| Status { status, reason })
}

fn file(file: &PageFile) -> File<'_> {
    File {
        filename: &file.filename,
        url: &file.url,
        hashes: Hashes { sha256: file.sha256.to_hex() },
        requires_python: file.requires_python.as_deref(),
        size: file.size_bytes,
        upload_time: upload_time(file.uploaded_at),
        yanked: yanked(file.yank.as_ref()),
        core_metadata: file.metadata_sha256.map(|sha256| Hashes { sha256: sha256.to_hex() }),
    }
}

fn yanked(yank: Option<&Yank>) -> Yanked<'_> {
    match yank.map(|yank| yank.reason.as_deref().filter(|reason| !reason.is_empty())) {
        None => Yanked::Claim(false),
        Some(None) => Yanked::Claim(true),
        Some(Some(reason)) => Yanked::Reason(reason),
    }
}

/// `yyyy-mm-ddThh:mm:ss.ffffffZ`: exactly six digits, because pip on Python 3.10 stops at other counts (IDX-21).
pub fn upload_time(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_upload_times_have_six_digits_and_a_z() {
        for (text, written) in [
            ("2026-08-01T12:00:00Z", "2026-08-01T12:00:00.000000Z"),
            ("2026-08-01T12:00:00.5Z", "2026-08-01T12:00:00.500000Z"),
            ("1999-12-31T23:59:59.123456Z", "1999-12-31T23:59:59.123456Z"),
            ("2026-08-01T14:00:00.25+02:00", "2026-08-01T12:00:00.250000Z"),
        ] {
            assert_eq!(upload_time(text.parse().unwrap()), written);
        }
    }

    #[test]
    fn ok_yank_marks() {
        for (yank, json) in [
            (None, "false"),
            (Some(Yank { reason: None }), "true"),
            (Some(Yank { reason: Some(String::new()) }), "true"),
            (Some(Yank { reason: Some("broken".to_owned()) }), "\"broken\""),
        ] {
            assert_eq!(serde_json::to_string(&yanked(yank.as_ref())).unwrap(), json);
        }
    }
}
