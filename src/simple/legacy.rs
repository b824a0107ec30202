//! The legacy JSON API of one release: what audit tools, bots and mirrors read (standards LEG-01, LEG-02). Pure.
//!
//! Keys are those of PyPI, all of them and no others: readers of this API take keys for granted.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::json::upload_time;
use super::page::file_path;
use crate::model::{ChannelFile, FileKind, NewFile, ProjectHead, ProjectStatus, Sha256Digest, Vulnerability, Yank};
use crate::packaging::{CoreMetadata, Version};

/// Where links of an answer lead. Nothing in it was sent by a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegacyUrls {
    /// The public address without a slash at its end; empty where none is set, so that links begin at the server's root.
    pub root: String,
    /// What stands before `/simple/` there: empty for the default channel, `/staging` or `/staging@7` for others.
    pub place: String,
}

/// One answer before it is bytes.
#[derive(Clone, Debug)]
pub struct LegacyRelease {
    /// The project as the view shows it.
    pub head: ProjectHead,
    /// The version that is shown.
    pub version: Version,
    /// What its METADATA says; absent where none is stored or it cannot be read any more.
    pub metadata: Option<CoreMetadata>,
    /// Files of that version.
    pub files: Vec<ChannelFile>,
    /// Files of all versions, for the answer that names none.
    pub all_files: Option<Vec<ChannelFile>>,
    /// Advisories that this version falls under.
    pub vulnerabilities: Vec<Vulnerability>,
    /// Where links lead.
    pub urls: LegacyUrls,
}

#[derive(Serialize)]
struct Answer<'a> {
    info: Info<'a>,
    last_serial: i64,
    ownership: Ownership,
    #[serde(skip_serializing_if = "Option::is_none")]
    releases: Option<Releases<'a>>,
    urls: Vec<File<'a>>,
    vulnerabilities: &'a [Vulnerability],
}

/// Nobody owns a project here: tokens have scopes. The keys are there for those who read them.
#[derive(Serialize)]
struct Ownership {
    organization: Option<&'static str>,
    roles: [&'static str; 0],
}

#[derive(Serialize)]
struct Info<'a> {
    author: Option<&'a str>,
    author_email: Option<&'a str>,
    bugtrack_url: Option<&'a str>,
    classifiers: &'a [String],
    description: &'a str,
    description_content_type: Option<&'a str>,
    docs_url: Option<&'a str>,
    download_url: Option<&'a str>,
    downloads: Downloads,
    dynamic: Option<&'a [String]>,
    home_page: Option<&'a str>,
    keywords: Option<&'a str>,
    license: Option<&'a str>,
    license_expression: Option<&'a str>,
    license_files: Option<&'a [String]>,
    maintainer: Option<&'a str>,
    maintainer_email: Option<&'a str>,
    name: &'a str,
    package_url: String,
    platform: Option<String>,
    project_url: String,
    project_urls: Option<BTreeMap<&'a str, &'a str>>,
    provides_extra: Option<&'a [String]>,
    release_url: String,
    requires_dist: Option<&'a [String]>,
    requires_python: Option<&'a str>,
    summary: Option<&'a str>,
    version: String,
    yanked: bool,
    yanked_reason: Option<&'a str>,
}

/// Nothing is counted; these numbers have been -1 on PyPI for years.
#[derive(Serialize)]
struct Downloads {
    last_day: i8,
    last_month: i8,
    last_week: i8,
}

#[derive(Serialize)]
struct File<'a> {
    comment_text: &'static str,
    #[serde(rename = "core-metadata")]
    core_metadata: CoreMetadataMark,
    digests: Digests,
    downloads: i8,
    filename: &'a str,
    has_sig: bool,
    md5_digest: Option<String>,
    packagetype: &'static str,
    python_version: &'a str,
    requires_python: Option<&'a str>,
    size: u64,
    upload_time: String,
    upload_time_iso_8601: String,
    url: String,
    yanked: bool,
    yanked_reason: Option<&'a str>,
}

/// BLAKE2b is right here and nowhere else: nobody feeds this object to pip's check (LEG-02).
#[derive(Serialize)]
struct Digests {
    blake2b_256: String,
    md5: Option<String>,
    sha256: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum CoreMetadataMark {
    None(bool),
    Digest { sha256: String },
}

/// Version and files, oldest version first.
struct Releases<'a>(Vec<(String, Vec<File<'a>>)>);

impl Serialize for Releases<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (version, files) in &self.0 {
            map.serialize_entry(version, files)?;
        }
        map.end()
    }
}

/// The version that an answer shows when none is named: not yanked before yanked, final before pre-release, then the
/// highest (LEG-01). `None` of no files.
pub fn latest(files: &[ChannelFile]) -> Option<Version> {
    let mut versions: Vec<(&Version, bool)> = Vec::new();
    for file in by_version(files) {
        let (version, is_offered) = (&file.stored.file.version, file.yank.is_none());
        match versions.last_mut() {
            // A version is yanked when all of its files are.
            Some((last, offered)) if *last == version => *offered |= is_offered,
            _ => versions.push((version, is_offered)),
        }
    }
    let best =
        versions.into_iter().max_by_key(|(version, is_offered)| (*is_offered, !version.any_prerelease(), *version));
    best.map(|(version, _)| version.clone())
}

/// The file that speaks for a release: the one that came first, as on PyPI, of those whose METADATA is stored.
fn speaker(files: &[ChannelFile]) -> Option<&NewFile> {
    let files = files.iter().map(|file| &file.stored.file);
    files.min_by_key(|file| (file.metadata_sha256.is_none(), file.uploaded_at, &file.filename))
}

/// Blob of the METADATA that is shown for a release; `None` where none of its files has one.
pub fn metadata_of(files: &[ChannelFile]) -> Option<Sha256Digest> {
    speaker(files).and_then(|file| file.metadata_sha256)
}

/// The bytes of an answer.
pub fn render(release: &LegacyRelease) -> serde_json::Result<String> {
    // A quarantined project offers no files anywhere (IDX-23).
    let is_hidden = release.head.status == ProjectStatus::Quarantined;
    let files = |files| if is_hidden { Vec::new() } else { shown_files(files, &release.urls) };
    serde_json::to_string(&Answer {
        info: info(release),
        last_serial: release.head.last_serial.0,
        ownership: Ownership { organization: None, roles: [] },
        releases: release.all_files.as_deref().map(|all| releases(all, is_hidden, &release.urls)),
        urls: files(by_version(&release.files)),
        vulnerabilities: &release.vulnerabilities,
    })
}

/// What the file says; where a release has no METADATA to read, what the index keeps of it.
fn info(release: &LegacyRelease) -> Info<'_> {
    let metadata = release.metadata.as_ref();
    let file = speaker(&release.files);
    let text = |read: fn(&CoreMetadata) -> &Option<String>| metadata.and_then(|metadata| read(metadata).as_deref());
    let field = |name: &str| {
        let mut fields = metadata.into_iter().flat_map(|metadata| &metadata.fields);
        fields.find(|(found, value)| found == name && is_said(value)).map(|(_, value)| value.as_str())
    };
    let yank = yank_of(&by_version(&release.files));
    let project_page = format!("{}{}/simple/{}/", release.urls.root, release.urls.place, release.head.name);
    let version = file.map_or(&release.version, |file| &file.version).to_string();
    Info {
        author: text(|metadata| &metadata.author),
        author_email: text(|metadata| &metadata.author_email),
        bugtrack_url: None,
        classifiers: metadata.map_or(&[], |metadata| &metadata.classifiers),
        description: text(|metadata| &metadata.description).unwrap_or_default(),
        description_content_type: text(|metadata| &metadata.description_content_type),
        docs_url: None,
        download_url: field("download-url"),
        downloads: Downloads { last_day: -1, last_month: -1, last_week: -1 },
        dynamic: metadata.and_then(|metadata| some_of(&metadata.dynamic)),
        home_page: text(|metadata| &metadata.home_page),
        keywords: text(|metadata| &metadata.keywords),
        license: text(|metadata| &metadata.license),
        license_expression: text(|metadata| &metadata.license_expression),
        license_files: metadata.and_then(|metadata| some_of(&metadata.license_files)),
        maintainer: text(|metadata| &metadata.maintainer),
        maintainer_email: text(|metadata| &metadata.maintainer_email),
        name: file.map_or(&release.head.display_name, |file| &file.display_name),
        package_url: project_page.clone(),
        platform: metadata.and_then(platforms),
        project_url: project_page,
        project_urls: metadata.and_then(project_urls),
        provides_extra: file.and_then(|file| some_of(&file.provides_extra)),
        release_url: release_url(release, &version),
        requires_dist: file.and_then(|file| some_of(&file.requires_dist)),
        requires_python: file.and_then(|file| file.requires_python.as_deref()).filter(|text| !text.is_empty()),
        summary: file.and_then(|file| file.summary.as_deref()),
        version,
        yanked: yank.is_some(),
        yanked_reason: yank.and_then(|yank| yank.reason.as_deref()),
    }
}

/// Where the record of an advisory is: on this server, because nothing else is behind the gap.
pub fn advisory_url(urls: &LegacyUrls, id: &str) -> String {
    format!("{}/api/v1/advisories/{id}", urls.root)
}

fn release_url(release: &LegacyRelease, version: &str) -> String {
    let LegacyUrls { root, place } = &release.urls;
    // A version has no character but `+` and `!` that an URL would spell differently.
    let version = version.replace('+', "%2B").replace('!', "%21");
    format!("{root}{place}/pypi/{}/{version}/json", release.head.name)
}

fn is_said(value: &str) -> bool {
    !value.trim().is_empty() && value != "UNKNOWN"
}

fn some_of(list: &[String]) -> Option<&[String]> {
    (!list.is_empty()).then_some(list)
}

/// Every `Platform`, joined, as PyPI does.
fn platforms(metadata: &CoreMetadata) -> Option<String> {
    let named = metadata.fields.iter().filter(|(name, value)| name == "platform" && is_said(value));
    let named: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
    (!named.is_empty()).then(|| named.join(","))
}

/// Labels and URLs; a home page that only its old field names is there too, as PyPI does.
fn project_urls(metadata: &CoreMetadata) -> Option<BTreeMap<&str, &str>> {
    let mut urls: BTreeMap<&str, &str> = BTreeMap::new();
    for (label, url) in &metadata.project_urls {
        urls.entry(label).or_insert(url);
    }
    if let Some(home_page) = &metadata.home_page {
        urls.entry("Homepage").or_insert(home_page);
    }
    (!urls.is_empty()).then_some(urls)
}

/// The mark of a release: there only if every file of it is yanked; its reason is the first one given.
fn yank_of<'a>(files: &[&'a ChannelFile]) -> Option<&'a Yank> {
    let marks: Option<Vec<&Yank>> = files.iter().map(|file| file.yank.as_ref()).collect();
    let marks = marks?;
    marks.iter().find(|mark| mark.reason.is_some()).or_else(|| marks.first()).copied()
}

/// The files by version, then by name; equal versions stand side by side.
fn by_version(files: &[ChannelFile]) -> Vec<&ChannelFile> {
    let mut sorted: Vec<&ChannelFile> = files.iter().collect();
    sorted.sort_by(|left, right| {
        let (left, right) = (&left.stored.file, &right.stored.file);
        left.version.cmp(&right.version).then_with(|| left.filename.cmp(&right.filename))
    });
    sorted
}

/// Every version, also those of a quarantined project, which have no files then.
fn releases<'a>(files: &'a [ChannelFile], is_hidden: bool, urls: &LegacyUrls) -> Releases<'a> {
    let sorted = by_version(files);
    let same = sorted.chunk_by(|left, right| left.stored.file.version == right.stored.file.version);
    let of_version = |files: &[&'a ChannelFile]| {
        let version = files.first().map(|file| file.stored.file.version.to_string()).unwrap_or_default();
        (version, if is_hidden { Vec::new() } else { shown_files(files.to_vec(), urls) })
    };
    Releases(same.map(of_version).collect())
}

fn shown_files<'a>(files: Vec<&'a ChannelFile>, urls: &LegacyUrls) -> Vec<File<'a>> {
    files.into_iter().map(|file| shown_file(file, urls)).collect()
}

fn shown_file<'a>(shown: &'a ChannelFile, urls: &LegacyUrls) -> File<'a> {
    let file = &shown.stored.file;
    let md5 = file.digests.md5.map(|digest| digest.to_hex());
    let (packagetype, python_version) = match file.kind {
        FileKind::Wheel => ("bdist_wheel", python_tag(&file.filename)),
        FileKind::Sdist => ("sdist", "source"),
    };
    File {
        comment_text: "",
        core_metadata: match file.metadata_sha256 {
            Some(sha256) => CoreMetadataMark::Digest { sha256: sha256.to_hex() },
            None => CoreMetadataMark::None(false),
        },
        digests: Digests {
            blake2b_256: file.digests.blake2b_256.to_hex(),
            md5: md5.clone(),
            sha256: file.digests.sha256.to_hex(),
        },
        downloads: -1,
        filename: &file.filename,
        has_sig: false,
        md5_digest: md5,
        packagetype,
        python_version,
        requires_python: file.requires_python.as_deref().filter(|text| !text.is_empty()),
        size: file.digests.size_bytes,
        upload_time: file.uploaded_at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        upload_time_iso_8601: upload_time(file.uploaded_at),
        url: format!("{}/{}", urls.root, file_path(&file.digests.sha256, &file.filename)),
        yanked: shown.yank.is_some(),
        yanked_reason: shown.yank.as_ref().and_then(|yank| yank.reason.as_deref()),
    }
}

/// The Python tag of a wheel: the third part from the end of its name.
fn python_tag(filename: &str) -> &str {
    filename.rsplit('-').nth(2).unwrap_or_default()
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
