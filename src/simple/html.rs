//! Pages as HTML (PEP 503, frozen at API 1.4 by PEP 833): one `<a>` per project or file and no other anchors.

use super::body::Draft;
use super::page::status_word;
use super::text::Text;
use super::{API_VERSION, Format, ProjectPage, RootPage};
use crate::model::{ListedFile, ProjectStatus, Serial};

/// Bytes of an entry of either page, about.
const FILE_BYTES: usize = 600;
const PROJECT_BYTES: usize = 64;

/// The list of projects (IDX-13, IDX-14).
pub fn draft_root(page: &RootPage) -> Draft<'_> {
    let write = |html: &mut Text, position: usize| {
        let run = page.projects.runs().get(position);
        for project in run.into_iter().flat_map(|run| &run.entries) {
            html.push("<a href=\"");
            html.push(project.name.as_str());
            html.push("/\">");
            escape(html, &project.display_name);
            html.push("</a><br>\n");
        }
    };
    Draft {
        form: (Format::Html, None),
        head: open("Simple index", |_| ()),
        runs: page.projects.numbers(),
        write: Box::new(write),
        entry_bytes: PROJECT_BYTES,
        tail: close(page.last_serial),
    }
}

/// One project's files (IDX-13 to IDX-17).
pub fn draft_project(page: &ProjectPage) -> Draft<'_> {
    let write = |html: &mut Text, position: usize| {
        let run = page.files.runs().get(position);
        run.into_iter().flat_map(|run| &run.entries).for_each(|file| anchor(html, file, page));
    };
    let status = |html: &mut Text| status(html, page.status, page.status_reason.as_deref());
    Draft {
        form: (Format::Html, Some(page.base)),
        head: open(&format!("Links for {}", page.name), status),
        runs: page.files.numbers(),
        write: Box::new(write),
        entry_bytes: FILE_BYTES,
        tail: close(page.last_serial),
    }
}

fn open(title: &str, more_meta: impl FnOnce(&mut Text)) -> Text {
    let mut html = Text::with_capacity(512);
    html.push("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    meta(&mut html, "pypi:repository-version", API_VERSION);
    more_meta(&mut html);
    html.push("<title>");
    html.push(title);
    html.push("</title>\n</head>\n<body>\n<h1>");
    html.push(title);
    html.push("</h1>\n");
    html
}

fn status(html: &mut Text, status: ProjectStatus, reason: Option<&str>) {
    let Some(word) = status_word(status) else { return };
    meta(html, "pypi:project-status", word);
    if let Some(reason) = reason {
        meta(html, "pypi:project-status-reason", reason);
    }
}

fn meta(html: &mut Text, name: &str, content: &str) {
    html.push("<meta name=\"");
    html.push(name);
    html.push("\" content=\"");
    escape(html, content);
    html.push("\">\n");
}

/// The comment with the serial is what mirror tools read (IDX-32).
fn close(last_serial: Serial) -> Text {
    let mut html = Text::default();
    html.push("</body>\n</html>\n<!--SERIAL ");
    html.push_number(last_serial);
    html.push("-->\n");
    html
}

/// An absent attribute is left out: `data-core-metadata="false"` is read as present by pip, and a `data-yanked` without a
/// value as not yanked (IDX-16). The digest is SHA-256 only: uv refuses the whole page for one that it does not know (IDX-15).
fn anchor(html: &mut Text, file: &ListedFile, page: &ProjectPage) {
    html.push("<a href=\"");
    html.push(page.base.root_of_server());
    html.push_file_path(&file.sha256, &file.filename);
    html.push("#sha256=");
    html.push_digest(&file.sha256);
    html.push("\"");
    if let Some(requires_python) = &file.requires_python {
        attribute(html, "data-requires-python", requires_python);
    }
    if let Some(sha256) = &file.metadata_sha256 {
        // pip 22 reads only the second spelling (PEP 714).
        for name in [" data-core-metadata=\"sha256=", " data-dist-info-metadata=\"sha256="] {
            html.push(name);
            html.push_digest(sha256);
            html.push("\"");
        }
    }
    if let Some(yank) = &file.yank {
        attribute(html, "data-yanked", yank.reason.as_deref().unwrap_or_default());
    }
    if let Some(url) = page.provenance_of(file) {
        attribute(html, "data-provenance", &url);
    }
    html.push(">");
    escape(html, &file.filename);
    html.push("</a><br>\n");
}

fn attribute(html: &mut Text, name: &str, value: &str) {
    html.push(" ");
    html.push(name);
    html.push("=\"");
    escape(html, value);
    html.push("\"");
}

/// Appends text so that it is safe in HTML text and in quoted attributes. A carriage return that is written out would be
/// read as a line feed, and the page would say another thing than its JSON.
fn escape(html: &mut Text, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '"', '\'', '\r']) {
        html.push(&rest[..at]);
        html.push(match rest.as_bytes()[at] {
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'&' => "&amp;",
            b'"' => "&quot;",
            b'\r' => "&#13;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    html.push(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_escapes() {
        for (text, html) in [
            ("", ""),
            (">=3.8,<4", "&gt;=3.8,&lt;4"),
            ("a & b", "a &amp; b"),
            ("\"><script>'", "&quot;&gt;&lt;script&gt;&#39;"),
            ("ünïcode", "ünïcode"),
            ("two\r\nlines", "two&#13;\nlines"),
        ] {
            let mut written = Text::default();
            escape(&mut written, text);
            assert_eq!(written.as_str(), html);
        }
    }
}
