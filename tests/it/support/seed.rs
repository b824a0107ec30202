//! Files put straight into the index and the blob store, for tests of what is served; uploads have their own tests.

use bytes::Bytes;
use ferrywheel::blobs;
use ferrywheel::model::{
    AuditEvent, Blake2b256Digest, Change, ChannelName, FileDigests, FileKind, NewFile, Principal, Serial, Sha256Digest,
    Timestamp, WheelFacts, Yank,
};

use super::TestServer;

/// A file with made-up bytes; everything that a test does not name has a default.
#[derive(Clone, Debug)]
pub struct SeedFile {
    pub filename: String,
    pub bytes: Bytes,
    pub metadata: Option<Bytes>,
    pub requires_python: Option<String>,
    pub requires_dist: Vec<String>,
    pub uploaded_at: Timestamp,
    pub yank: Option<Yank>,
}

impl SeedFile {
    /// A file of this name: project and version are read from it, the bytes are the name itself.
    pub fn new(filename: &str) -> Self {
        Self {
            filename: filename.to_owned(),
            bytes: Bytes::from(filename.to_owned()),
            metadata: Some(Bytes::from(format!("Metadata-Version: 2.1\nName: {}\n", filename))),
            requires_python: None,
            requires_dist: Vec::new(),
            uploaded_at: "2026-08-01T12:00:00Z".parse().unwrap(),
            yank: None,
        }
    }

    pub fn bytes(mut self, bytes: impl Into<Bytes>) -> Self {
        self.bytes = bytes.into();
        self
    }

    pub fn requires_python(mut self, specifier: &str) -> Self {
        self.requires_python = Some(specifier.to_owned());
        self
    }

    pub fn requires(mut self, requirements: &[&str]) -> Self {
        self.requires_dist = requirements.iter().map(ToString::to_string).collect();
        self
    }

    pub fn without_metadata(mut self) -> Self {
        self.metadata = None;
        self
    }

    pub fn yanked(mut self, reason: Option<&str>) -> Self {
        self.yank = Some(Yank { reason: reason.map(str::to_owned) });
        self
    }

    /// Name and version as the file name has them: `name-version-…whl` or `name-version.tar.gz`.
    fn release(&self) -> (&str, &str) {
        let stem = self.filename.trim_end_matches(".tar.gz").trim_end_matches(".whl");
        let mut parts = stem.split('-');
        (parts.next().unwrap(), parts.next().unwrap())
    }

    /// Digest of the bytes.
    pub fn sha256(&self) -> Sha256Digest {
        Sha256Digest::of(&self.bytes)
    }

    /// URL of the file on the server, `+` as pages write it.
    pub fn path(&self) -> String {
        format!("/{}", ferrywheel::simple::file_path(&self.sha256(), &self.filename))
    }

    fn record(&self, metadata_sha256: Option<Sha256Digest>) -> NewFile {
        let (name, version) = self.release();
        let is_wheel = self.filename.ends_with(".whl");
        NewFile {
            project: name.parse().unwrap(),
            display_name: name.to_owned(),
            version: version.parse().unwrap(),
            filename: self.filename.clone(),
            kind: if is_wheel { FileKind::Wheel } else { FileKind::Sdist },
            digests: FileDigests {
                sha256: self.sha256(),
                blake2b_256: Blake2b256Digest::from_bytes([1; 32]),
                md5: None,
                crc32: 0,
                size_bytes: self.bytes.len() as u64,
            },
            metadata_sha256,
            requires_python: self.requires_python.clone(),
            requires_dist: self.requires_dist.clone(),
            provides_extra: Vec::new(),
            summary: Some(format!("About {name}")),
            identity: self.filename.clone(),
            wheel: is_wheel.then(WheelFacts::default),
            notes: Vec::new(),
            uploaded_at: self.uploaded_at,
            received_at: self.uploaded_at,
            uploaded_by: "seed".to_owned(),
        }
    }
}

/// Makes the files part of a channel in one change; tells its new serial.
pub async fn seed(server: &TestServer, channel: &str, files: &[SeedFile]) -> Serial {
    let app = server.app();
    let channel: ChannelName = channel.parse().unwrap();
    let mut records = Vec::new();
    for file in files {
        blobs::put(&*app.blobs, file.bytes.clone()).await.unwrap();
        let metadata_sha256 = match &file.metadata {
            Some(bytes) => Some(blobs::put(&*app.blobs, bytes.clone()).await.unwrap()),
            None => None,
        };
        records.push(file.record(metadata_sha256));
    }
    let mut tx = app.index.begin().await.unwrap();
    let advanced = tx.advance(&channel, None).await.unwrap();
    let mut changes = Vec::new();
    for (record, file) in records.iter().zip(files) {
        let file_id = tx.add_file(record).await.unwrap().id;
        changes.push(Change::Add { file_id, yank: file.yank.clone() });
    }
    tx.apply(&advanced, &changes).await.unwrap();
    let event = AuditEvent::FileUploaded {
        channel,
        serial: advanced.serial,
        filename: files.first().map_or_else(String::new, |file| file.filename.clone()),
        sha256: Sha256Digest::of(b""),
    };
    tx.commit(&Principal::Local, &event).await.unwrap();
    advanced.serial
}

/// Takes a file out of a channel, or changes its yank mark; tells the new serial.
pub async fn change(server: &TestServer, channel: &str, filename: &str, yank: Option<Option<Yank>>) -> Serial {
    let app = server.app();
    let channel: ChannelName = channel.parse().unwrap();
    let file_id = app.index.find_file(filename).await.unwrap().unwrap().id;
    let mut tx = app.index.begin().await.unwrap();
    let advanced = tx.advance(&channel, None).await.unwrap();
    let change = match yank {
        Some(yank) => Change::Mark { file_id, yank },
        None => Change::Remove { file_id },
    };
    tx.apply(&advanced, &[change]).await.unwrap();
    let event = AuditEvent::TargetSaved { name: "seed".to_owned() };
    tx.commit(&Principal::Local, &event).await.unwrap();
    advanced.serial
}
