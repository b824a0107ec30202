//! A project page of another index as we use it, and its JSON form (PEP 691, PEP 700, PEP 714). Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use crate::model::{Sha256Digest, Timestamp, Yank};
use crate::packaging::{ProjectName, Version, parse_dist_filename};
use crate::resolve::Candidate;

/// What an index says of the metadata that it serves beside a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// None is served.
    No,
    /// It is served, digest unknown.
    Yes,
    /// It is served and has this digest.
    Digest(Sha256Digest),
}

/// One file of a page that could be pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamFile {
    /// Project, from the file name.
    pub project: ProjectName,
    /// Version, from the file name.
    pub version: Version,
    /// File name.
    pub filename: String,
    /// Where it is; absolute, without fragment.
    pub url: Url,
    /// Digest of its bytes. Files without one are left out of the page: nothing could be verified.
    pub sha256: Sha256Digest,
    /// Length in bytes, if the index says it.
    pub size_bytes: Option<u64>,
    /// When it was published there, if the index says it.
    pub uploaded_at: Option<Timestamp>,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// Its yank mark.
    pub yank: Option<Yank>,
    /// Whether `.metadata` is served.
    pub metadata: Promise,
    /// Where its provenance is (PEP 740), if the index names one.
    pub provenance: Option<Url>,
}

/// The files of one project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectPage {
    /// By file name.
    pub files: BTreeMap<String, UpstreamFile>,
}

/// One file as a page describes it, JSON or HTML, before anything is checked.
#[derive(Debug, Default)]
pub(super) struct RawFile {
    pub(super) filename: String,
    pub(super) url: String,
    pub(super) sha256: Option<String>,
    pub(super) size_bytes: Option<u64>,
    pub(super) uploaded_at: Option<String>,
    pub(super) requires_python: Option<String>,
    pub(super) yank: Option<Yank>,
    pub(super) metadata: Option<Promise>,
    pub(super) provenance: Option<String>,
}

impl ProjectPage {
    /// Keeps the files that belong to `project`, have a name and a URL that can be used, and a digest.
    pub(super) fn collect(project: &ProjectName, base: &Url, raw: Vec<RawFile>) -> Self {
        let files = raw.into_iter().filter_map(|file| read_file(project, base, file));
        Self { files: files.map(|file| (file.filename.clone(), file)).collect() }
    }

    /// The files in the solver's form, by file name.
    pub fn candidates(&self) -> Vec<Candidate> {
        self.files.values().map(UpstreamFile::candidate).collect()
    }
}

impl UpstreamFile {
    fn candidate(&self) -> Candidate {
        Candidate {
            project: self.project.clone(),
            version: self.version.clone(),
            filename: self.filename.clone(),
            sha256: self.sha256,
            size_bytes: self.size_bytes.unwrap_or_default(),
            uploaded_at: self.uploaded_at.unwrap_or(Timestamp::UNIX_EPOCH),
            requires_python: self.requires_python.clone(),
            is_yanked: self.yank.is_some(),
            yank_reason: self.yank.as_ref().and_then(|yank| yank.reason.clone()),
        }
    }
}

fn read_file(project: &ProjectName, base: &Url, raw: RawFile) -> Option<UpstreamFile> {
    let name = parse_dist_filename(&raw.filename).ok()?;
    let url = read_url(base, &raw.url)?;
    (name.project() == project).then_some(())?;
    Some(UpstreamFile {
        project: project.clone(),
        version: name.version().clone(),
        filename: raw.filename,
        url,
        sha256: raw.sha256?.parse().ok()?,
        size_bytes: raw.size_bytes,
        uploaded_at: raw.uploaded_at.and_then(|text| text.parse().ok()),
        requires_python: raw.requires_python.filter(|text| !text.trim().is_empty()),
        yank: raw.yank,
        metadata: raw.metadata.unwrap_or(Promise::No),
        provenance: raw.provenance.and_then(|text| read_url(base, &text)),
    })
}

/// A URL of a page, absolute and without fragment.
fn read_url(base: &Url, text: &str) -> Option<Url> {
    let mut url = base.join(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.set_fragment(None);
    // Credentials in a page are the index's idea, not the user's; they would be sent, and shown in messages.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(url)
}

/// A page as PEP 691 writes it. Unknown keys are ignored, as clients must.
#[derive(Deserialize)]
struct JsonPage {
    #[serde(default)]
    files: Vec<JsonFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct JsonFile {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
    requires_python: Option<String>,
    size: Option<u64>,
    upload_time: Option<String>,
    yanked: Option<JsonYank>,
    core_metadata: Option<JsonPromise>,
    dist_info_metadata: Option<JsonPromise>,
    provenance: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonYank {
    Flag(bool),
    Reason(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JsonPromise {
    Flag(bool),
    Digests(BTreeMap<String, String>),
}

impl JsonYank {
    fn mark(self) -> Option<Yank> {
        match self {
            Self::Flag(false) => None,
            Self::Flag(true) => Some(Yank { reason: None }),
            Self::Reason(reason) => Some(Yank { reason: Some(reason).filter(|reason| !reason.is_empty()) }),
        }
    }
}

impl JsonPromise {
    fn promise(self) -> Promise {
        match self {
            Self::Flag(false) => Promise::No,
            Self::Flag(true) => Promise::Yes,
            Self::Digests(mut digests) => digest_promise(digests.remove("sha256").as_deref()),
        }
    }
}

/// The promise with this digest; a digest that cannot be read promises no more than that there is something.
pub(super) fn digest_promise(sha256: Option<&str>) -> Promise {
    sha256.and_then(|digest| digest.parse().ok()).map_or(Promise::Yes, Promise::Digest)
}

/// Reads a JSON page that was answered at `base`.
pub(super) fn read_json(project: &ProjectName, base: &Url, body: &[u8]) -> Result<ProjectPage, String> {
    let page: JsonPage = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let raw = page.files.into_iter().map(|mut file| RawFile {
        filename: file.filename,
        url: file.url,
        sha256: file.hashes.remove("sha256"),
        size_bytes: file.size,
        uploaded_at: file.upload_time,
        requires_python: file.requires_python,
        yank: file.yanked.and_then(JsonYank::mark),
        metadata: file.core_metadata.or(file.dist_info_metadata).map(JsonPromise::promise),
        provenance: file.provenance,
    });
    Ok(ProjectPage::collect(project, base, raw.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Vec<UpstreamFile> {
        let base: Url = "https://up.example/simple/x/".parse().unwrap();
        read_json(&"x".parse().unwrap(), &base, body.as_bytes()).unwrap().files.into_values().collect()
    }

    #[test]
    fn ok_a_file_with_everything() {
        let sha256 = "a".repeat(64);
        let body = format!(
            r#"{{"meta":{{"api-version":"1.4"}},"name":"x","files":[{{"filename":"x-1.0-py3-none-any.whl",
            "url":"../../packages/x-1.0-py3-none-any.whl#egg=x","hashes":{{"sha256":"{sha256}","md5":"0"}},"size":7,
            "upload-time":"2026-08-01T12:00:00.000001Z","requires-python":">=3.8","yanked":"broken",
            "core-metadata":{{"sha256":"{sha256}"}},"future-key":[1],
            "provenance":"https://a:b@up.example/integrity/x#y"}}]}}"#
        );
        let file = &read(&body)[0];
        assert_eq!(file.url.as_str(), "https://up.example/packages/x-1.0-py3-none-any.whl");
        assert_eq!((file.size_bytes, file.requires_python.as_deref()), (Some(7), Some(">=3.8")));
        assert_eq!(file.yank, Some(Yank { reason: Some("broken".to_owned()) }));
        assert_eq!(file.metadata, Promise::Digest(sha256.parse().unwrap()));
        assert_eq!(file.provenance.as_ref().unwrap().as_str(), "https://up.example/integrity/x");
        assert_eq!(file.uploaded_at, Some("2026-08-01T12:00:00.000001Z".parse().unwrap()));
    }

    #[test]
    fn ok_credentials_in_a_page_are_dropped() {
        let sha256 = "d".repeat(64);
        let body = format!(
            r#"{{"files":[{{"filename":"x-1-py3-none-any.whl","url":"https://a:b@up.example/x.whl","hashes":{{"sha256":"{sha256}"}}}}]}}"#
        );
        assert_eq!(read(&body)[0].url.as_str(), "https://up.example/x.whl");
    }

    #[test]
    fn ok_spellings_of_yank_and_metadata() {
        let sha256 = "b".repeat(64);
        for (keys, is_yanked, metadata) in [
            ("", false, Promise::No),
            (r#","yanked":false,"core-metadata":false"#, false, Promise::No),
            (r#","yanked":true,"core-metadata":true"#, true, Promise::Yes),
            (r#","yanked":"","dist-info-metadata":true"#, true, Promise::Yes),
            (r#","core-metadata":{"md5":"0"}"#, false, Promise::Yes),
            (r#","core-metadata":false,"dist-info-metadata":true"#, false, Promise::No),
            (
                r#","requires-python":null,"size":null,"upload-time":null,"yanked":null,"provenance":null"#,
                false,
                Promise::No,
            ),
        ] {
            let body = format!(
                r#"{{"files":[{{"filename":"x-1-py3-none-any.whl","url":"x.whl","hashes":{{"sha256":"{sha256}"}}{keys}}}]}}"#
            );
            let file = &read(&body)[0];
            assert_eq!((file.yank.is_some(), file.metadata), (is_yanked, metadata), "{keys}");
        }
    }

    #[test]
    fn err_files_that_cannot_be_verified_or_belong_elsewhere_are_left_out() {
        let sha256 = "c".repeat(64);
        for (filename, url, hashes) in [
            ("x-1-py3-none-any.whl", "x.whl", r#""md5":"0""#.to_owned()),
            ("x-1-py3-none-any.whl", "x.whl", r#""sha256":"zz""#.to_owned()),
            ("y-1-py3-none-any.whl", "y.whl", format!(r#""sha256":"{sha256}""#)),
            ("x-1.exe", "x.exe", format!(r#""sha256":"{sha256}""#)),
            ("x-1-py3-none-any.whl", "file:///etc/passwd", format!(r#""sha256":"{sha256}""#)),
            ("../x-1-py3-none-any.whl", "x.whl", format!(r#""sha256":"{sha256}""#)),
        ] {
            let body = format!(r#"{{"files":[{{"filename":"{filename}","url":"{url}","hashes":{{{hashes}}}}}]}}"#);
            assert!(read(&body).is_empty(), "{filename} {url} {hashes}");
        }
    }
}
