//! Pages as HTML (PEP 503, frozen at API 1.4 by PEP 833): one `<a>` per project or file and no other anchors.

use super::page::status_word;
use super::text::Text;
use super::{API_VERSION, ProjectPage, RootPage};
use crate::model::{ListedFile, ProjectStatus, Serial};

/// Bytes of an entry of either page, about: texts are made with room for all of them.
const FILE_BYTES: usize = 600;
const PROJECT_BYTES: usize = 64;

/// The list of projects (IDX-13, IDX-14).
pub fn render_root(page: &RootPage) -> Text {
    let mut html = Text::with_capacity(512 + page.projects.len() * PROJECT_BYTES);
    open(&mut html, "Simple index", |_| ());
    for project in page.projects.iter() {
        html.push("<a href=\"");
        html.push(project.name.as_str());
        html.push("/\">");
        escape(&mut html, &project.display_name);
        html.push("</a><br>\n");
        html.end_project(project.name.as_str());
    }
    close(&mut html, page.last_serial);
    html
}

/// One project's files (IDX-13 to IDX-17).
pub fn render_project(page: &ProjectPage) -> Text {
    let mut html = Text::with_capacity(512 + page.files.len() * FILE_BYTES);
    let status = |html: &mut Text| status(html, page.status, page.status_reason.as_deref());
    open(&mut html, &format!("Links for {}", page.name), status);
    for file in &page.files {
        anchor(&mut html, file, page.base.root_of_server(), page.provenance.get(&file.filename));
        html.end_file(&file.sha256);
    }
    close(&mut html, page.last_serial);
    html
}

fn open(html: &mut Text, title: &str, more_meta: impl FnOnce(&mut Text)) {
    html.push("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    meta(html, "pypi:repository-version", API_VERSION);
    more_meta(html);
    html.push("<title>");
    html.push(title);
    html.push("</title>\n</head>\n<body>\n<h1>");
    html.push(title);
    html.push("</h1>\n");
    html.cut();
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
fn close(html: &mut Text, last_serial: Serial) {
    html.cut();
    html.push("</body>\n</html>\n<!--SERIAL ");
    html.push_number(last_serial);
    html.push("-->\n");
}

/// An absent attribute is left out: `data-core-metadata="false"` is read as present by pip, and a `data-yanked` without a
/// value as not yanked (IDX-16). The digest is SHA-256 only: uv refuses the whole page for one that it does not know (IDX-15).
fn anchor(html: &mut Text, file: &ListedFile, root_of_server: &str, provenance: Option<&String>) {
    html.push("<a href=\"");
    html.push(root_of_server);
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
    if let Some(url) = provenance {
        attribute(html, "data-provenance", url);
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
