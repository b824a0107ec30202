//! Pages as JSON (PEP 691, 700, 714, 792). Absent keys are left out: uv refuses a whole page for one null (IDX-20).

use super::body::Draft;
use super::page::status_word;
use super::text::Text;
use super::{API_VERSION, API_VERSION_WITH_NAMESPACES, Format, ProjectPage, RootPage};
use crate::model::{ListedFile, PageNamespace, ProjectStatus, Serial, Timestamp, Yank};

/// Bytes of an entry of either page, about.
const FILE_BYTES: usize = 600;
const PROJECT_BYTES: usize = 64;

/// The list of projects (IDX-18).
pub fn draft_root(page: &RootPage) -> Draft<'_> {
    let mut head = open(page.last_serial, page.has_namespaces);
    head.push(",\"projects\":[");
    let write = |json: &mut Text, position: usize| {
        let run = page.projects.runs().get(position);
        for (at, project) in run.into_iter().flat_map(|run| &run.entries).enumerate() {
            json.push(if (position, at) == (0, 0) { "{\"name\":" } else { ",{\"name\":" });
            quote(json, &project.display_name);
            // Private key, as PyPI has it: bandersnatch skips a project without it, and fetches those above its own (IDX-32).
            json.push(",\"_last-serial\":");
            json.push_number(project.last_serial);
            json.push("}");
        }
    };
    Draft {
        form: (Format::Json, None),
        head,
        runs: page.projects.numbers(),
        write: Box::new(write),
        entry_bytes: PROJECT_BYTES,
        tail: close(),
    }
}

/// One project's files (IDX-19 to IDX-23).
pub fn draft_project(page: &ProjectPage) -> Draft<'_> {
    let mut head = open(page.last_serial, page.namespaces.is_some());
    head.push(",\"name\":");
    quote(&mut head, page.name.as_str());
    status(&mut head, page.status, page.status_reason.as_deref());
    namespaces(&mut head, page.namespaces.as_deref());
    head.push(",\"versions\":[");
    head.cut();
    for (position, version) in page.versions.iter().enumerate() {
        head.push(if position == 0 { "" } else { "," });
        quote(&mut head, version);
        head.end_version(version);
    }
    head.push("],\"files\":[");
    let write = |json: &mut Text, position: usize| {
        let run = page.files.runs().get(position);
        for (at, shown) in run.into_iter().flat_map(|run| &run.entries).enumerate() {
            json.push(if (position, at) == (0, 0) { "" } else { "," });
            file(json, shown, page);
        }
    };
    Draft {
        form: (Format::Json, Some(page.base)),
        head,
        runs: page.files.numbers(),
        write: Box::new(write),
        entry_bytes: FILE_BYTES,
        tail: close(),
    }
}

fn close() -> Text {
    let mut json = Text::default();
    json.push("]}");
    json
}

/// `_last-serial` is a private key, as PyPI has it; mirror tools read it (IDX-32).
fn open(last_serial: Serial, has_namespaces: bool) -> Text {
    let mut json = Text::with_capacity(512);
    json.push("{\"meta\":{\"api-version\":\"");
    json.push(if has_namespaces { API_VERSION_WITH_NAMESPACES } else { API_VERSION });
    json.push("\",\"_last-serial\":");
    json.push_number(last_serial);
    json.push("}");
    json
}

/// At the top level with the key `status`; PEP 792's text and its example are both wrong (IDX-23).
fn status(json: &mut Text, status: ProjectStatus, reason: Option<&str>) {
    let Some(word) = status_word(status) else { return };
    json.push(",\"project-status\":{\"status\":\"");
    json.push(word);
    json.push("\"");
    if let Some(reason) = reason {
        json.push(",\"reason\":");
        quote(json, reason);
    }
    json.push("}");
}

/// `null` for a project outside of all; no key at all where namespaces are not offered (IDX-24).
fn namespaces(json: &mut Text, namespaces: Option<&[PageNamespace]>) {
    let Some(around) = namespaces else { return };
    if around.is_empty() {
        return json.push(",\"namespaces\":null");
    }
    json.push(",\"namespaces\":[");
    for (position, namespace) in around.iter().enumerate() {
        json.push(if position == 0 { "{\"name\":" } else { ",{\"name\":" });
        quote(json, namespace.name.as_str());
        json.push(if namespace.owned { ",\"owned\":true}" } else { ",\"owned\":false}" });
    }
    json.push("]");
}

/// SHA-256 alone: pip takes the first key of the object and stops at one that it does not know (IDX-21).
fn file(json: &mut Text, file: &ListedFile, page: &ProjectPage) {
    json.push("{\"filename\":");
    quote(json, &file.filename);
    json.push(",\"url\":\"");
    json.push(page.base.root_of_server());
    json.push_file_path(&file.sha256, &file.filename);
    json.push("\",\"hashes\":{\"sha256\":\"");
    json.push_digest(&file.sha256);
    json.push("\"}");
    if let Some(requires_python) = &file.requires_python {
        json.push(",\"requires-python\":");
        quote(json, requires_python);
    }
    json.push(",\"size\":");
    json.push_number(file.size_bytes);
    json.push(",\"upload-time\":\"");
    json.push_time(file.uploaded_at);
    json.push("\",\"yanked\":");
    yanked(json, file.yank.as_ref());
    if let Some(sha256) = &file.metadata_sha256 {
        json.push(",\"core-metadata\":{\"sha256\":\"");
        json.push_digest(sha256);
        json.push("\"}");
    }
    if let Some(url) = page.provenance_of(file) {
        json.push(",\"provenance\":");
        quote(json, &url);
    }
    json.push("}");
}

/// `false`, `true` or a reason, never the empty text, which means opposite things to pip and uv (IDX-21).
fn yanked(json: &mut Text, yank: Option<&Yank>) {
    match yank.map(|yank| yank.reason.as_deref().filter(|reason| !reason.is_empty())) {
        None => json.push("false"),
        Some(None) => json.push("true"),
        Some(Some(reason)) => quote(json, reason),
    }
}

/// A text in quotation marks, escaped where that is needed (RFC 8259 section 7).
fn quote(json: &mut Text, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        return json.push_number(serde_json::Value::from(text));
    }
    json.push("\"");
    json.push(text);
    json.push("\"");
}

/// `yyyy-mm-ddThh:mm:ss.ffffffZ`, as files' entries have it.
pub fn upload_time(at: Timestamp) -> String {
    let mut text = Text::default();
    text.push_time(at);
    text.into_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Text)) -> String {
        let mut json = Text::default();
        write(&mut json);
        json.into_string()
    }

    #[test]
    fn ok_texts_are_quoted_as_a_library_does_it() {
        for text in
            ["", "demo", ">=3.8,<4", "\"", "a\\b", "two\nlines\r", "\u{0}\u{1f}\u{7f}", "ünïcode \u{2028}", "</script>"]
        {
            assert_eq!(written(|json| quote(json, text)), serde_json::to_string(text).unwrap());
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
            assert_eq!(written(|text| yanked(text, yank.as_ref())), json);
        }
    }
}
