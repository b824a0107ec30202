//! Pages as HTML (PEP 503, frozen at API 1.4 by PEP 833): one `<a>` per project or file and no other anchors.

use std::fmt::Write as _;

use super::page::status_word;
use super::{API_VERSION, PageFile, ProjectPage, RootPage};

/// The list of projects (IDX-13, IDX-14).
pub fn render_root(page: &RootPage) -> String {
    let mut html = String::with_capacity(256 + page.projects.len() * 64);
    open(&mut html, "Simple index", "");
    for project in &page.projects {
        let _ = writeln!(html, "<a href=\"{}/\">{}</a><br>", project.name, Escaped(&project.display_name));
    }
    close(&mut html, page.last_serial.0);
    html
}

/// One project's files (IDX-13 to IDX-17).
pub fn render_project(page: &ProjectPage) -> String {
    let mut html = String::with_capacity(512 + page.files.len() * 512);
    let mut status = String::new();
    if let Some(word) = status_word(page.status) {
        let _ = writeln!(status, "<meta name=\"pypi:project-status\" content=\"{word}\">");
        if let Some(reason) = &page.status_reason {
            let _ = writeln!(status, "<meta name=\"pypi:project-status-reason\" content=\"{}\">", Escaped(reason));
        }
    }
    open(&mut html, &format!("Links for {}", page.name), &status);
    for file in &page.files {
        anchor(&mut html, file);
    }
    close(&mut html, page.last_serial.0);
    html
}

fn open(html: &mut String, title: &str, more_meta: &str) {
    let _ = write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"pypi:repository-version\" content=\"{API_VERSION}\">\n{more_meta}<title>{title}</title>\n</head>\n\
         <body>\n<h1>{title}</h1>\n"
    );
}

/// The comment with the serial is what mirror tools read (IDX-32).
fn close(html: &mut String, last_serial: i64) {
    let _ = write!(html, "</body>\n</html>\n<!--SERIAL {last_serial}-->\n");
}

/// An absent attribute is left out: `data-core-metadata="false"` is read as present by pip, and a `data-yanked` without a
/// value as not yanked (IDX-16). The digest is SHA-256 only: uv refuses the whole page for one that it does not know (IDX-15).
fn anchor(html: &mut String, file: &PageFile) {
    let _ = write!(html, "<a href=\"{}#sha256={}\"", Escaped(&file.url), file.sha256);
    if let Some(requires_python) = &file.requires_python {
        let _ = write!(html, " data-requires-python=\"{}\"", Escaped(requires_python));
    }
    if let Some(sha256) = &file.metadata_sha256 {
        // pip 22 reads only the second spelling (PEP 714).
        let _ = write!(html, " data-core-metadata=\"sha256={sha256}\" data-dist-info-metadata=\"sha256={sha256}\"");
    }
    if let Some(yank) = &file.yank {
        let _ = write!(html, " data-yanked=\"{}\"", Escaped(yank.reason.as_deref().unwrap_or_default()));
    }
    let _ = writeln!(html, ">{}</a><br>", Escaped(&file.filename));
}

/// Text that is safe in HTML text and in quoted attributes. A carriage return that is written out would be read as a line
/// feed, and the page would say another thing than its JSON.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['<', '>', '&', '"', '\'', '\r']) {
            formatter.write_str(&rest[..at])?;
            formatter.write_str(match rest.as_bytes()[at] {
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'&' => "&amp;",
                b'"' => "&quot;",
                b'\r' => "&#13;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        formatter.write_str(rest)
    }
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
            assert_eq!(Escaped(text).to_string(), html);
        }
    }
}
