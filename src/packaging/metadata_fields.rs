//! The rule of each core metadata field.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use super::faults::{self, MetadataFault, shown};
use super::headers::{Headers, is_known_field};
use super::licenses::is_license_expression;
use super::markers::find_ordered_string;
use super::names::NameError;
use super::{ExtraName, ProjectName, Requirement, Version, VersionSpecifiers};
use super::{is_direct_url, is_valid_display_name, parse_requirement, parse_requires_python, parse_version};

/// Reason class of almost every fault here.
pub(super) const CLASS: &str = "metadata-invalid";
/// Newest minor version of format 2 whose fields are known here.
const NEWEST_MINOR: u32 = 6;
/// Most `Requires-Dist` in one file; the largest real ones have about 1 500.
const MAX_REQUIREMENTS: usize = 5000;
/// Longest `Summary`, in characters, that the specification wishes for.
const MAX_SUMMARY_CHARS: usize = 512;
/// Longest label of a `Project-URL`, in characters.
const MAX_LABEL_CHARS: usize = 32;

/// Fields that may stand once.
const SINGLE: [&str; 16] = [
    "metadata-version",
    "name",
    "version",
    "summary",
    "description",
    "description-content-type",
    "keywords",
    "home-page",
    "download-url",
    "author",
    "author-email",
    "maintainer",
    "maintainer-email",
    "license",
    "license-expression",
    "requires-python",
];

/// Fields whose value is one line; folded they would be read differently by different tools.
const ONE_LINE: [&str; 11] = [
    "metadata-version",
    "name",
    "version",
    "requires-dist",
    "requires-python",
    "provides-extra",
    "license-expression",
    "license-file",
    "dynamic",
    "import-name",
    "import-namespace",
];

/// The fields of one file and what was found in them so far.
pub(super) struct Reader<'a> {
    headers: &'a Headers,
    faults: Vec<MetadataFault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(headers: &'a Headers, faults: Vec<MetadataFault>) -> Self {
        Self { headers, faults }
    }

    pub(super) fn into_faults(self) -> Vec<MetadataFault> {
        self.faults
    }

    fn push(&mut self, fault: MetadataFault) {
        faults::push(&mut self.faults, fault);
    }

    fn error(&mut self, field: &str, message: impl Into<String>) {
        self.push(MetadataFault::error("MET-04", CLASS, field, message));
    }

    fn note(&mut self, field: &str, message: impl Into<String>) {
        self.push(MetadataFault::note("MET-04", CLASS, field, message));
    }

    /// The value of a field that stands once; empty and `UNKNOWN`, which old tools write, count as absent (MET-05).
    pub(super) fn one(&self, name: &str) -> Option<String> {
        let value = self.headers.fields.iter().find(|field| field.name == name)?.value();
        (!value.trim().is_empty() && value != "UNKNOWN").then_some(value)
    }

    /// The values of a field that may stand several times, without empty ones.
    pub(super) fn many(&self, name: &str) -> Vec<String> {
        let values = self.headers.fields.iter().filter(|field| field.name == name).map(super::headers::Field::value);
        values.filter(|value| !value.trim().is_empty()).collect()
    }

    /// Repeated single fields and folded one-line fields: readers take the first, the last or none.
    pub(super) fn need_single_fields_once(&mut self) {
        let mut seen = BTreeSet::new();
        for field in &self.headers.fields {
            let name = field.name.as_str();
            if SINGLE.contains(&name) && !seen.insert(name) {
                let message = format!("`{}` stands twice; it may stand once", field.written);
                self.push(MetadataFault::error("MET-02", CLASS, &field.written, message));
            }
            if ONE_LINE.contains(&name) && field.is_folded() {
                let message = format!("`{}` is continued on a second line; its value is one line", field.written);
                self.push(MetadataFault::error("MET-02", CLASS, &field.written, message));
            }
        }
    }
}

/// `Metadata-Version` with its two numbers (MET-03).
pub(super) fn metadata_version(reader: &mut Reader<'_>) -> Option<(String, (u32, u32))> {
    const FIELD: &str = "Metadata-Version";
    let Some(text) = reader.one("metadata-version") else {
        reader.error(FIELD, "`Metadata-Version` is missing");
        return None;
    };
    let is_digits = |part: &str| !part.is_empty() && part.len() < 4 && part.bytes().all(|b| b.is_ascii_digit());
    let parts = text.split_once('.').filter(|(major, minor)| is_digits(major) && is_digits(minor));
    let format = parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    match format {
        Some((1, 0..=2) | (2, 0..=NEWEST_MINOR)) => {}
        Some((2, _)) => {
            let message = format!(
                "metadata version `{text}` is newer than 2.{NEWEST_MINOR}; fields unknown here are kept unread"
            );
            reader.push(MetadataFault::note("MET-03", CLASS, FIELD, message));
        }
        _ => {
            let message = format!("metadata version `{}` is not one that this server reads", shown(&text));
            reader.push(MetadataFault::error("MET-03", CLASS, FIELD, message));
            return None;
        }
    }
    format.map(|format| (text, format))
}

/// `Name` as written and normalized.
pub(super) fn name(reader: &mut Reader<'_>) -> Option<(String, ProjectName)> {
    let Some(text) = reader.one("name") else {
        reader.error("Name", "`Name` is missing");
        return None;
    };
    match ProjectName::from_str(&text) {
        Ok(project) => Some((text, project)),
        Err(error) => {
            // A folded name was told as such, and is no matter of letters.
            if !text.contains('\n') {
                let message = match error {
                    NameError::NotAName { .. } | NameError::TooLong { .. } => format!("`Name`: {error}"),
                };
                reader.push(MetadataFault::error("MET-04", "name-invalid", "Name", message));
            }
            None
        }
    }
}

/// `Version`.
pub(super) fn version(reader: &mut Reader<'_>) -> Option<Version> {
    let Some(text) = reader.one("version") else {
        reader.error("Version", "`Version` is missing");
        return None;
    };
    match parse_version(&text) {
        Ok(version) => {
            if version.epoch() != 0 {
                let message = format!("version `{version}` has an epoch and sorts above every version without one");
                reader.push(MetadataFault::note("VER-05", CLASS, "Version", message));
            }
            Some(version)
        }
        Err(error) => {
            reader.error("Version", format!("`Version`: {error}"));
            None
        }
    }
}

/// `Requires-Python` read; old files with `>=3.6.*` are read as every installer read them.
pub(super) fn requires_python(reader: &mut Reader<'_>, text: Option<&str>) -> Option<VersionSpecifiers> {
    const FIELD: &str = "Requires-Python";
    let text = text?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".,<>=!~* +-".contains(c);
    if let Some(character) = text.chars().find(|c| !is_plain(*c)) {
        // The value is not repeated: it may be markup that is meant for the pages that carry it as an attribute.
        reader.error(
            FIELD,
            format!("`Requires-Python` holds the character {character:?}, which no version specifier has"),
        );
        return None;
    }
    let Some(specifiers) = parse_requires_python(text) else {
        reader.error(FIELD, format!("`Requires-Python: {}` is not a set of version specifiers", shown(text)));
        return None;
    };
    if VersionSpecifiers::from_str(text).is_err() {
        let message = format!("`Requires-Python: {}` is of an old form and is read as `{specifiers}`", shown(text));
        reader.note(FIELD, message);
    }
    Some(specifiers)
}

/// Every `Requires-Dist` read; direct URLs are refused, because they lead away from the index.
pub(super) fn requirements(reader: &mut Reader<'_>, texts: &[String]) -> Vec<Requirement> {
    const FIELD: &str = "Requires-Dist";
    if texts.len() > MAX_REQUIREMENTS {
        let message = format!("there are {} `Requires-Dist`; at most {MAX_REQUIREMENTS} are taken", texts.len());
        reader.error(FIELD, message);
        return Vec::new();
    }
    let mut requirements = Vec::with_capacity(texts.len());
    for text in texts.iter().filter(|text| !text.contains('\n')) {
        match parse_requirement(text) {
            Ok(requirement) if is_direct_url(&requirement) => {
                let message = format!(
                    "`Requires-Dist: {}` names a URL instead of versions; the index cannot serve it",
                    shown(text)
                );
                reader.error(FIELD, message);
            }
            Ok(requirement) => {
                if let Some(marker) = find_ordered_string(text) {
                    let message = format!(
                        "`Requires-Dist: {}` compares `{marker}` by order, which installers judge differently",
                        shown(text)
                    );
                    reader.note(FIELD, message);
                }
                requirements.push(requirement);
            }
            Err(error) => reader.error(FIELD, format!("`Requires-Dist`: {error}")),
        }
    }
    requirements
}

/// `Provides-Extra`, normalized; two spellings of one extra are refused.
pub(super) fn provides_extra(reader: &mut Reader<'_>, format: (u32, u32)) -> Vec<ExtraName> {
    const FIELD: &str = "Provides-Extra";
    let mut spellings: BTreeMap<ExtraName, String> = BTreeMap::new();
    let mut extras = Vec::new();
    for text in reader.many("provides-extra") {
        let extra = ExtraName::from_str(&text).ok().filter(|_| is_valid_display_name(&text));
        let Some(extra) = extra else {
            let message = format!("`Provides-Extra: {}` is not a name", shown(&text));
            // Before 2.3 there was no rule, and files with odd names are out there.
            if format >= (2, 3) {
                reader.error(FIELD, message)
            } else {
                reader.note(FIELD, message)
            }
            continue;
        };
        if format >= (2, 3) && extra.as_str() != text {
            reader.note(FIELD, format!("`Provides-Extra: {text}` is not normalized; it is served as `{extra}`"));
        }
        match spellings.insert(extra.clone(), text.clone()) {
            None => extras.push(extra),
            Some(other) if other == text => reader.note(FIELD, format!("`Provides-Extra: {text}` stands twice")),
            Some(other) => reader.error(FIELD, format!("`Provides-Extra: {text}` and `{other}` are one extra")),
        }
    }
    extras
}

/// `License-Expression` and `License`, which exclude each other (PEP 639).
pub(super) fn licenses(reader: &mut Reader<'_>) -> (Option<String>, Option<String>) {
    let (expression, license) = (reader.one("license-expression"), reader.one("license"));
    if let Some(expression) = &expression {
        if !is_license_expression(expression) {
            let message = format!("`License-Expression: {}` is not an SPDX license expression", shown(expression));
            reader.error("License-Expression", message);
        }
        if license.is_some() {
            reader.error("License", "`License` and `License-Expression` are both there; only one may be");
        }
    }
    (expression, license)
}

/// `License-File`, defined from 2.4 on; older files carry private ones of setuptools.
pub(super) fn license_files(reader: &mut Reader<'_>, format: (u32, u32)) -> Vec<String> {
    if format < (2, 4) {
        return Vec::new();
    }
    let files = reader.many("license-file");
    for path in &files {
        let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
        if path.contains(['\\', ':']) || !path.split('/').all(is_plain) {
            reader.error("License-File", format!("`License-File: {}` is not a plain relative path", shown(path)));
        }
    }
    files
}

/// `Dynamic`, in lower case.
pub(super) fn dynamic(reader: &mut Reader<'_>) -> Vec<String> {
    let names: Vec<String> = reader.many("dynamic").iter().map(|name| name.to_ascii_lowercase()).collect();
    for name in &names {
        if matches!(name.as_str(), "name" | "version" | "metadata-version") {
            reader.error("Dynamic", format!("`Dynamic: {name}` is not allowed; this field never changes"));
        } else if !is_known_field(name) {
            reader.note("Dynamic", format!("`Dynamic: {}` names no field that is known here", shown(name)));
        }
    }
    names
}

/// `Import-Name` and `Import-Namespace` without `; private` (PEP 794).
pub(super) fn imports(reader: &mut Reader<'_>) -> (Vec<String>, Vec<String>) {
    let mut read = |field: &'static str| {
        let mut names = Vec::new();
        for text in reader.many(&field.to_ascii_lowercase()) {
            let (name, mark) =
                text.split_once(';').map_or((text.trim(), "private"), |(name, mark)| (name.trim(), mark.trim()));
            if mark != "private" || !name.split('.').all(is_identifier) {
                reader.error(
                    field,
                    format!("`{field}: {}` is not a dotted name, with `; private` at most", shown(&text)),
                );
            } else {
                names.push(name.to_owned());
            }
        }
        names
    };
    let (names, namespaces) = (read("Import-Name"), read("Import-Namespace"));
    let known: BTreeSet<&String> = namespaces.iter().collect();
    if let Some(name) = names.iter().find(|name| known.contains(name)) {
        reader.error("Import-Namespace", format!("`{name}` is both an `Import-Name` and an `Import-Namespace`"));
    }
    (names, namespaces)
}

/// Whether a text can be a Python identifier, by its letters; keywords are not told apart.
pub fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_') && letters.all(|c| c.is_alphanumeric() || c == '_')
}

/// `Summary`.
pub(super) fn summary(reader: &mut Reader<'_>) -> Option<String> {
    let summary = reader.one("summary")?;
    if summary.contains('\n') || summary.chars().count() > MAX_SUMMARY_CHARS {
        reader.note("Summary", format!("`Summary` is longer than one line of {MAX_SUMMARY_CHARS} characters"));
    }
    Some(summary)
}

/// `Project-URL` as label and URL.
pub(super) fn project_urls(reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let mut urls = Vec::new();
    for text in reader.many("project-url") {
        let Some((label, url)) = text.split_once(',').map(|(label, url)| (label.trim(), url.trim())) else {
            reader.note("Project-URL", format!("`Project-URL: {}` is not of the form `label, URL`", shown(&text)));
            continue;
        };
        let is_web = ["http://", "https://"].iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme));
        if label.is_empty() || label.chars().count() > MAX_LABEL_CHARS || !is_web {
            let message = format!(
                "`Project-URL: {}` needs a label of at most {MAX_LABEL_CHARS} characters and an http URL",
                shown(&text)
            );
            reader.note("Project-URL", message);
        }
        urls.push((label.to_owned(), url.to_owned()));
    }
    urls
}

/// The body, or the `Description` field of old files.
pub(super) fn description(reader: &mut Reader<'_>, headers: &Headers) -> Option<String> {
    let field = headers.fields.iter().find(|field| field.name == "description");
    let body = (!headers.body.trim().is_empty()).then(|| headers.body.clone());
    if body.is_some() && field.is_some() {
        reader.note("Description", "there are a `Description` field and a body; the body is shown");
    }
    body.or_else(|| field.map(super::headers::Field::unfolded_description))
        .filter(|text| !text.trim().is_empty() && text != "UNKNOWN")
}

/// `Description-Content-Type`: what the description may be rendered as.
pub(super) fn description_content_type(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.one("description-content-type")?;
    let kind = text.split(';').next().unwrap_or(&text).trim().to_ascii_lowercase();
    if !matches!(kind.as_str(), "text/plain" | "text/x-rst" | "text/markdown") {
        let message = format!(
            "`Description-Content-Type: {}` is none of `text/plain`, `text/x-rst` and `text/markdown`",
            shown(&text)
        );
        reader.error("Description-Content-Type", message);
    }
    Some(text)
}
