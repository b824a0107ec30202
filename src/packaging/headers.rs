//! The `Key: value` form that METADATA, PKG-INFO and WHEEL share: mail headers as every reader of them agrees on.
//!
//! Python's mail parser, line-based readers and `str.splitlines` split some bytes differently. What they would split
//! differently is refused here, so that all of them see the fields that were judged.

use super::faults::{MetadataFault, shown};

/// Characters that `str.splitlines` takes for line ends and mail parsers do not.
const OTHER_LINE_ENDS: [char; 8] = ['\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];

/// Most lines before the body. Old files fold a whole description into one field; each line costs some hundred bytes.
const MAX_LINES: usize = 100_000;

/// One field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Name in lower case.
    pub(super) name: String,
    /// Name as written.
    pub(super) written: String,
    /// What stands behind the colon, without whitespace around it.
    first: String,
    /// Continuation lines as they are.
    folded: Vec<String>,
}

/// The fields in order and what follows the first empty line.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    pub(super) fields: Vec<Field>,
    pub(super) body: String,
}

impl Field {
    /// The value; continuation lines are trimmed and joined by line breaks.
    pub(super) fn value(&self) -> String {
        let mut value = self.first.clone();
        for line in &self.folded {
            value.push('\n');
            value.push_str(line.trim());
        }
        value
    }

    /// Whether it has continuation lines.
    pub(super) fn is_folded(&self) -> bool {
        !self.folded.is_empty()
    }

    /// The value of an old `Description` field: the margin of eight spaces, or seven and a bar, is taken off.
    pub(super) fn unfolded_description(&self) -> String {
        let mut value = self.first.clone();
        for line in &self.folded {
            let line = line.strip_prefix("       |").or_else(|| line.strip_prefix("        ")).unwrap_or(line);
            value.push('\n');
            value.push_str(line);
        }
        value
    }
}

/// Splits a file into fields and body; `rule` and `class` name the faults. `None` if nothing can be read.
pub(super) fn read_headers(
    bytes: &[u8],
    rule: &'static str,
    class: &'static str,
    faults: &mut Vec<MetadataFault>,
) -> Option<Headers> {
    let mut refuse = |message: &str| faults.push(MetadataFault::error(rule, class, "", message));
    if bytes.is_empty() {
        refuse("the file is empty");
        return None;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        refuse("the file is not UTF-8");
        return None;
    };
    if text.starts_with('\u{feff}') {
        refuse("the file starts with a byte-order mark, which hides its first field from some readers");
        return None;
    }
    if text.contains('\0') {
        refuse("the file holds a NUL character");
        return None;
    }
    let text = text.replace("\r\n", "\n");
    let mut headers = Headers::default();
    let mut rest = text.as_str();
    let mut line_count = 0;
    while !rest.is_empty() {
        line_count += 1;
        if line_count > MAX_LINES {
            let message = format!("the file has more than {MAX_LINES} lines of fields");
            faults.push(MetadataFault::error(rule, class, "", message));
            return None;
        }
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        if line.is_empty() {
            headers.body = rest.to_owned();
            break;
        }
        if let Err(message) = take_line(&mut headers.fields, line) {
            faults.push(MetadataFault::error(rule, class, line, message));
            return None;
        }
    }
    Some(headers)
}

fn take_line(fields: &mut Vec<Field>, line: &str) -> Result<(), String> {
    if line.contains('\r') {
        return Err("a line holds a bare carriage return, at which some readers start a new field".to_owned());
    }
    if line.starts_with([' ', '\t']) {
        let field = fields.last_mut().ok_or("the file starts with a continuation line")?;
        if line.split(OTHER_LINE_ENDS).skip(1).any(starts_a_known_field) {
            return Err("a line holds a character at which some readers start a new field".to_owned());
        }
        field.folded.push(line.to_owned());
        return Ok(());
    }
    if line.contains(OTHER_LINE_ENDS) {
        return Err("a line holds a character at which some readers start a new field".to_owned());
    }
    let (written, value) = line
        .split_once(':')
        .filter(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(|| format!("the line `{}` is not of the form `Key: value`", shown(line)))?;
    fields.push(Field {
        name: written.to_ascii_lowercase(),
        written: written.to_owned(),
        first: value.trim().to_owned(),
        folded: Vec::new(),
    });
    Ok(())
}

/// Whether a piece of a continuation line would become a field that means something, if a reader split there.
fn starts_a_known_field(piece: &str) -> bool {
    piece.split_once(':').is_some_and(|(name, _)| is_known_field(&name.to_ascii_lowercase()))
}

/// Fields of core metadata, in lower case, up to version 2.6.
pub(super) fn is_known_field(name: &str) -> bool {
    const KNOWN: [&str; 34] = [
        "author",
        "author-email",
        "classifier",
        "description",
        "description-content-type",
        "download-url",
        "dynamic",
        "home-page",
        "import-name",
        "import-namespace",
        "keywords",
        "license",
        "license-expression",
        "license-file",
        "maintainer",
        "maintainer-email",
        "metadata-version",
        "name",
        "obsoletes",
        "obsoletes-dist",
        "platform",
        "project-url",
        "provides",
        "provides-dist",
        "provides-extra",
        "requires",
        "requires-dist",
        "requires-external",
        "requires-python",
        "root-is-purelib",
        "summary",
        "supported-platform",
        "tag",
        "version",
    ];
    KNOWN.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Headers, String> {
        let mut faults = Vec::new();
        read_headers(text.as_bytes(), "R", "c", &mut faults).ok_or_else(|| faults[0].message.clone())
    }

    #[test]
    fn ok_fields_folds_and_body() {
        let headers = read("A: 1\r\nB:2 \nC: x\n y\n\tz\n        \n\nbody\n\nmore").unwrap();
        let values: Vec<(String, String)> = headers.fields.iter().map(|f| (f.name.clone(), f.value())).collect();
        assert_eq!(values, [("a".into(), "1".into()), ("b".into(), "2".into()), ("c".into(), "x\ny\nz\n".into())]);
        assert_eq!(headers.body, "body\n\nmore");
        assert!(headers.fields[2].is_folded() && !headers.fields[0].is_folded());
        assert!(read("\nName: x\n").unwrap().fields.is_empty());
    }

    #[test]
    fn ok_an_old_description_loses_its_margin() {
        let headers = read("Description: one\n        two\n          three\n       |four\n").unwrap();
        assert_eq!(headers.fields[0].unfolded_description(), "one\ntwo\n  three\nfour");
    }

    #[test]
    fn ok_page_breaks_inside_a_folded_text() {
        assert!(read("License: GPL\n        page\u{c}\n        \u{c}GNU GENERAL PUBLIC LICENSE\n").is_ok());
    }

    #[test]
    fn err_what_readers_split_differently() {
        for text in [
            "",
            "A: a\rRequires-Dist: evil\n",
            "A: a\u{b}Requires-Dist: evil\n",
            "A: a\u{2028}x\n",
            "A: a\u{85}x\n",
            "A: a\n  b\u{c}Requires-Dist: evil\n",
            "A: a\n  b\u{1c}requires-dist: evil\n",
            "A: a\0b\n",
            "A: a\n\nbody\0",
            "\u{feff}A: a\n",
            " A: a\n",
            "no colon\n",
            ": nothing\n",
            "A b: c\n",
            "É: c\n",
            &"A:\n".repeat(MAX_LINES + 1),
            &format!("A:\n{}", " \n".repeat(MAX_LINES)),
        ] {
            assert!(read(text).is_err(), "{text:.60?}");
        }
        assert!(read_headers(b"A: Ren\xe9\n", "R", "c", &mut Vec::new()).is_none());
    }

    #[test]
    fn the_known_fields_are_sorted_for_the_search() {
        for name in ["author", "version", "requires-dist", "tag", "license-file"] {
            assert!(is_known_field(name), "{name}");
        }
        assert!(!is_known_field("x-internal"));
    }
}
