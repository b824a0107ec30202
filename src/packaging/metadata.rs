//! Core metadata: what METADATA of a wheel and PKG-INFO of an sdist say, judged field by field (PEP 241 to PEP 808).

use super::faults::{MetadataFault, settle};
use super::headers::{Headers, read_headers};
use super::metadata_fields as fields;
use super::metadata_fields::{CLASS, Reader};
use super::{ExtraName, ProjectName, Requirement, Version, VersionSpecifiers};

/// Largest METADATA, in bytes: the longest real ones carry a change log of under 2 MiB, and it is held in memory whole.
pub const MAX_METADATA_BYTES: usize = 8 << 20;

/// The core metadata of one distribution. Raw texts stand beside what was read from them.
#[derive(Debug, Clone)]
pub struct CoreMetadata {
    /// `Metadata-Version`, such as `2.4`.
    pub metadata_version: String,
    /// `Name` as written.
    pub name: String,
    /// `Name`, normalized.
    pub project: ProjectName,
    /// `Version`.
    pub version: Version,
    /// `Summary`.
    pub summary: Option<String>,
    /// `Requires-Python` as written.
    pub requires_python: Option<String>,
    /// `Requires-Python` read; legacy wildcards such as `>=3.6.*` are read as `>=3.6`.
    pub requires_python_specifiers: Option<VersionSpecifiers>,
    /// Every `Requires-Dist` as written, in order.
    pub requires_dist: Vec<String>,
    /// Every `Requires-Dist` read, in the same order.
    pub requirements: Vec<Requirement>,
    /// `Provides-Extra`, normalized, in order, each once.
    pub provides_extra: Vec<ExtraName>,
    /// `License-Expression` (an SPDX expression).
    pub license_expression: Option<String>,
    /// `License`, free text.
    pub license: Option<String>,
    /// `License-File`, only from metadata 2.4 on, where it is defined.
    pub license_files: Vec<String>,
    /// `Dynamic`, lower case.
    pub dynamic: Vec<String>,
    /// `Import-Name` without `; private`.
    pub import_names: Vec<String>,
    /// `Import-Namespace` without `; private`.
    pub import_namespaces: Vec<String>,
    /// `Keywords` as written.
    pub keywords: Option<String>,
    /// `Classifier`, in order.
    pub classifiers: Vec<String>,
    /// `Project-URL` as label and URL, in order. The URL is whatever was written; only http and https may become links.
    pub project_urls: Vec<(String, String)>,
    /// `Home-page`, with the same caution.
    pub home_page: Option<String>,
    /// `Author`.
    pub author: Option<String>,
    /// `Author-email`.
    pub author_email: Option<String>,
    /// `Maintainer`.
    pub maintainer: Option<String>,
    /// `Maintainer-email`.
    pub maintainer_email: Option<String>,
    /// The body, or the `Description` field of old files.
    pub description: Option<String>,
    /// `Description-Content-Type` as written.
    pub description_content_type: Option<String>,
    /// Every field as written, in order, also those not known here; names in lower case.
    pub fields: Vec<(String, String)>,
    /// What was found and refuses nothing.
    pub notes: Vec<MetadataFault>,
}

/// Reads METADATA or PKG-INFO; all broken rules are told at once (MET-02 to MET-05).
///
/// Whether name and version are those of the file name, and whether the license files exist, is for the caller.
pub fn parse_core_metadata(bytes: &[u8]) -> Result<CoreMetadata, Vec<MetadataFault>> {
    let mut faults = Vec::new();
    if bytes.len() > MAX_METADATA_BYTES {
        let message = format!("the file has {} bytes; at most {MAX_METADATA_BYTES} are taken", bytes.len());
        faults.push(MetadataFault::error("MET-02", CLASS, "", message));
        return Err(faults);
    }
    let Some(headers) = read_headers(bytes, "MET-02", CLASS, &mut faults) else { return Err(faults) };
    let mut reader = Reader::new(&headers, faults);
    let metadata = judge(&mut reader, &headers);
    let (mut metadata, notes) = settle(metadata, reader.into_faults())?;
    metadata.notes = notes;
    Ok(metadata)
}

fn judge(reader: &mut Reader<'_>, headers: &Headers) -> Option<CoreMetadata> {
    reader.need_single_fields_once();
    let metadata_version = fields::metadata_version(reader);
    let format = metadata_version.as_ref().map_or((0, 0), |(_, format)| *format);
    let name = fields::name(reader);
    let version = fields::version(reader);
    let requires_python = reader.one("requires-python");
    let requires_python_specifiers = fields::requires_python(reader, requires_python.as_deref());
    let requires_dist = reader.many("requires-dist");
    let requirements = fields::requirements(reader, &requires_dist);
    let provides_extra = fields::provides_extra(reader, format);
    let (license_expression, license) = fields::licenses(reader);
    let (import_names, import_namespaces) = fields::imports(reader);
    let (metadata_version, _) = metadata_version?;
    let (name, project) = name?;
    let summary = fields::summary(reader);
    Some(CoreMetadata {
        metadata_version,
        name,
        project,
        version: version?,
        summary,
        requires_python,
        requires_python_specifiers,
        requires_dist,
        requirements,
        provides_extra,
        license_expression,
        license,
        license_files: fields::license_files(reader, format),
        dynamic: fields::dynamic(reader),
        import_names,
        import_namespaces,
        keywords: reader.one("keywords"),
        classifiers: reader.many("classifier"),
        project_urls: fields::project_urls(reader),
        home_page: reader.one("home-page"),
        author: reader.one("author"),
        author_email: reader.one("author-email"),
        maintainer: reader.one("maintainer"),
        maintainer_email: reader.one("maintainer-email"),
        description: fields::description(reader, headers),
        description_content_type: fields::description_content_type(reader),
        fields: headers.fields.iter().map(|field| (field.name.clone(), field.value())).collect(),
        notes: Vec::new(),
    })
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
