//! The HTML form of a project page (PEP 503), for indexes that speak nothing newer. Pure.
//!
//! Not a browser: it finds anchors with their attributes and a `<base>`, which is all that the form has.

use url::Url;

use super::page::{ProjectPage, Promise, RawFile, digest_promise};
use crate::model::Yank;
use crate::packaging::ProjectName;

/// One start tag.
struct Tag<'a> {
    name: String,
    attributes: Vec<(String, Option<String>)>,
    /// What follows it.
    rest: &'a str,
}

impl Tag<'_> {
    /// The value of an attribute; the empty text for one without a value.
    fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(found, _)| found == name)?;
        Some(value.as_deref().unwrap_or_default())
    }
}

/// Reads an HTML page that was answered at `url`.
pub(super) fn read_html(project: &ProjectName, url: &Url, body: &str) -> ProjectPage {
    let mut base = url.clone();
    let mut raw = Vec::new();
    let mut rest = body;
    while let Some(tag) = next_tag(rest) {
        rest = tag.rest;
        match tag.name.as_str() {
            "base" => base = tag.get("href").and_then(|href| url.join(href).ok()).unwrap_or(base),
            "a" => raw.extend(anchor(&tag)),
            _ => {}
        }
    }
    ProjectPage::collect(project, &base, raw)
}

fn anchor(tag: &Tag<'_>) -> Option<RawFile> {
    let href = tag.get("href")?;
    let text = tag.rest.split('<').next().unwrap_or_default();
    let (url, fragment) = href.split_once('#').unwrap_or((href, ""));
    let metadata = tag.get("data-core-metadata").or_else(|| tag.get("data-dist-info-metadata"));
    let sha256 = fragment.split('&').find_map(|pair| pair.strip_prefix("sha256="));
    Some(RawFile {
        filename: unescape(text.trim()),
        url: url.to_owned(),
        sha256: sha256.map(str::to_owned),
        size_bytes: tag.get("data-size").and_then(|size| size.parse().ok()),
        uploaded_at: tag.get("data-upload-time").map(str::to_owned),
        requires_python: tag.get("data-requires-python").map(str::to_owned),
        yank: tag.get("data-yanked").map(|reason| Yank { reason: Some(reason.to_owned()).filter(|it| !it.is_empty()) }),
        metadata: metadata.map(|value| match value.strip_prefix("sha256=") {
            _ if value == "false" => Promise::No,
            digest => digest_promise(digest),
        }),
        provenance: tag.get("data-provenance").filter(|url| !url.is_empty()).map(str::to_owned),
    })
}

/// The next start tag; comments and end tags are passed over.
fn next_tag(mut text: &str) -> Option<Tag<'_>> {
    loop {
        text = &text[text.find('<')? + 1..];
        if let Some(comment) = text.strip_prefix("!--") {
            text = &comment[comment.find("-->")?..];
            continue;
        }
        if text.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return read_tag(text);
        }
    }
}

/// Reads a tag from its name on. Text that ends inside a tag has no tag.
fn read_tag(text: &str) -> Option<Tag<'_>> {
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')?;
    let name = text[..end].to_ascii_lowercase();
    let mut rest = &text[end..];
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(rest) = rest.strip_prefix('>') {
            return Some(Tag { name, attributes, rest });
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))?;
        // An attribute that starts with `=` has no name; the sign is passed over.
        let attribute = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let value = match rest.strip_prefix('=') {
            None => None,
            Some(after) => {
                let (value, after) = read_value(after.trim_start())?;
                rest = after;
                Some(unescape(value))
            }
        };
        attributes.push((attribute, value));
    }
}

fn read_value(text: &str) -> Option<(&str, &str)> {
    for quote in ['"', '\''] {
        if let Some(quoted) = text.strip_prefix(quote) {
            return quoted.split_once(quote);
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    Some(text.split_at(end))
}

/// Longest character reference, in bytes, with its `&` and `;`.
const MAX_REFERENCE_BYTES: usize = 10;

/// Character references as such pages have them: the five named ones and numbers.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        // Looked for nearby only: a page of nothing but `&` must not be walked once for each of them.
        let end = rest.bytes().take(MAX_REFERENCE_BYTES).position(|byte| byte == b';');
        match end.and_then(|end| Some((character(&rest[1..end])?, &rest[end + 1..]))) {
            Some((found, after)) => {
                plain.push(found);
                rest = after;
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::page::UpstreamFile;
    use super::*;

    fn read(body: &str) -> Vec<UpstreamFile> {
        let url: Url = "https://up.example/simple/x/".parse().unwrap();
        read_html(&"x".parse().unwrap(), &url, body).files.into_values().collect()
    }

    #[test]
    fn ok_anchors_with_their_attributes() {
        let sha256 = "a".repeat(64);
        let body = format!(
            "<!DOCTYPE html><!-- <a href='no-1-py3-none-any.whl'> --><body>\n<A\n HREF='../../f/x-1-py3-none-any.whl#sha256={sha256}' \
             data-requires-python=\"&gt;=3.8,&lt;4\" data-yanked data-core-metadata=sha256={sha256}>x-1-py3-none-any.whl</A><br/>\
             <a href=\"/x-2.tar.gz#sha256={sha256}\" rel=internal>\n x-2.tar.gz\n</a>"
        );
        let files = read(&body);
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].url.as_str(), "https://up.example/f/x-1-py3-none-any.whl");
        assert_eq!(files[0].requires_python.as_deref(), Some(">=3.8,<4"));
        assert_eq!(files[0].yank, Some(Yank { reason: None }));
        assert_eq!(files[0].metadata, Promise::Digest(sha256.parse().unwrap()));
        assert_eq!((files[1].filename.as_str(), files[1].metadata), ("x-2.tar.gz", Promise::No));
    }

    #[test]
    fn ok_a_base_moves_the_files() {
        let sha256 = "a".repeat(64);
        let body = format!(
            "<base href='https://files.example/deep/'><a href='x-1-py3-none-any.whl#sha256={sha256}'>x-1-py3-none-any.whl</a>"
        );
        assert_eq!(read(&body)[0].url.as_str(), "https://files.example/deep/x-1-py3-none-any.whl");
    }

    #[test]
    fn ok_promises_of_metadata() {
        for (value, promise) in [("true", Promise::Yes), ("false", Promise::No), ("sha256=zz", Promise::Yes)] {
            let body = format!(
                "<a data-dist-info-metadata='{value}' href='x#sha256={}'>x-1-py3-none-any.whl</a>",
                "a".repeat(64)
            );
            assert_eq!(read(&body)[0].metadata, promise, "{value}");
        }
    }

    #[test]
    fn ok_references() {
        for (text, plain) in [
            ("&gt;=3 &amp;&lt; &#39;&#x27;&quot;&apos;", ">=3 &< ''\"'"),
            ("a & b &nope; &#xFFFFFFFF; &", "a & b &nope; &#xFFFFFFFF; &"),
        ] {
            assert_eq!(unescape(text), plain);
        }
    }

    #[test]
    fn err_pages_that_end_early() {
        for body in ["", "<", "<a", "<a href", "<a href='x", "<!-- <a>", "<a =>x"] {
            assert!(read(body).is_empty(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(body in "(<a |<base |href=|data-yanked|'|\"|>|</a>|<!--|-->|=|&|#|;|é|x){0,40}") {
            let _ = read(&body);
        }
    }
}
