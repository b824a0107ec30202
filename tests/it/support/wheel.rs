//! Wheels made to measure: valid in every respect unless a test says otherwise, the same bytes for the same calls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use ferrywheel::archive::{StoredEntry, ZipLayout};
use ferrywheel::model::Sha256Digest;

/// Builds a wheel with one package of the project's name; everything that a test does not name has a default.
#[derive(Clone, Debug)]
pub struct Wheel {
    name: String,
    version: String,
    tag: String,
    headers: Vec<String>,
    scripts: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
}

impl Wheel {
    /// A pure wheel; `name` is written in METADATA as given and normalized in file names.
    pub fn new(name: &str, version: &str) -> Self {
        let wheel = Self {
            name: name.to_owned(),
            version: version.to_owned(),
            tag: "py3-none-any".to_owned(),
            headers: Vec::new(),
            scripts: Vec::new(),
            files: Vec::new(),
        };
        let package = format!("{}/__init__.py", wheel.stem());
        wheel.file(&package, format!("VERSION = \"{version}\"\n"))
    }

    /// Name as file names spell it.
    fn stem(&self) -> String {
        self.name.to_lowercase().replace(['-', '.'], "_")
    }

    /// Adds or replaces a file.
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.retain(|(there, _)| there != path);
        self.files.push((path.to_owned(), content.into()));
        self
    }

    /// Adds a `Requires-Dist`.
    pub fn requires(self, requirement: &str) -> Self {
        self.header(&format!("Requires-Dist: {requirement}"))
    }

    /// Sets `Requires-Python`.
    pub fn requires_python(self, specifiers: &str) -> Self {
        self.header(&format!("Requires-Python: {specifiers}"))
    }

    /// Adds a line to METADATA.
    pub fn header(mut self, line: &str) -> Self {
        self.headers.push(line.to_owned());
        self
    }

    /// Adds a console script.
    pub fn script(mut self, name: &str, value: &str) -> Self {
        self.scripts.push(format!("{name} = {value}"));
        self
    }

    /// Adds a ready-made script.
    pub fn data_script(self, name: &str, content: &str) -> Self {
        let path = format!("{}-{}.data/scripts/{name}", self.stem(), self.version);
        self.file(&path, content)
    }

    /// Replaces `py3-none-any`.
    pub fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.to_owned();
        self
    }

    /// Name of the file.
    pub fn filename(&self) -> String {
        format!("{}-{}-{}.whl", self.stem(), self.version, self.tag)
    }

    /// The bytes.
    pub fn build(&self) -> Bytes {
        let info = format!("{}-{}.dist-info", self.stem(), self.version);
        let mut files = self.files.clone();
        let mut metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        for line in &self.headers {
            metadata.push_str(&format!("{line}\n"));
        }
        files.push((format!("{info}/METADATA"), metadata.into_bytes()));
        let is_pure = self.tag.ends_with("-any");
        let tag = &self.tag;
        let about = format!("Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {is_pure}\nTag: {tag}\n");
        files.push((format!("{info}/WHEEL"), about.into_bytes()));
        if !self.scripts.is_empty() {
            let text = format!("[console_scripts]\n{}\n", self.scripts.join("\n"));
            files.push((format!("{info}/entry_points.txt"), text.into_bytes()));
        }
        let record = record(&files, &info);
        files.push((format!("{info}/RECORD"), record.into_bytes()));
        zip(&files)
    }
}

fn record(files: &[(String, Vec<u8>)], info: &str) -> String {
    let mut lines = String::new();
    for (path, content) in files {
        let digest = URL_SAFE_NO_PAD.encode(Sha256Digest::of(content).as_bytes());
        lines.push_str(&format!("{path},sha256={digest},{}\n", content.len()));
    }
    lines + &format!("{info}/RECORD,,\n")
}

/// A zip of stored files.
pub fn zip(files: &[(String, Vec<u8>)]) -> Bytes {
    let entries: Vec<StoredEntry> = files
        .iter()
        .map(|(name, content)| StoredEntry {
            name: name.clone(),
            size_bytes: content.len() as u64,
            crc32: crc32fast::hash(content),
            mode: 0o644,
        })
        .collect();
    let layout = ZipLayout::new(0, &entries).unwrap();
    let mut bytes = Vec::new();
    for (placed, (_, content)) in layout.entries.iter().zip(files) {
        bytes.extend_from_slice(&placed.local_header);
        bytes.extend_from_slice(content);
    }
    bytes.extend_from_slice(&layout.central_directory);
    bytes.into()
}
