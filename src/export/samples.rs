//! Stored wheels for tests of the pure parts: a name, a version, and only what the test is about.

use crate::model::{
    BundleRecipe, ChannelName, EntryPoint, EntryPointKind, FileDigests, FileKind, Lock, LockedFile, NewFile, Serial,
    Sha256Digest, StoredFile, Target, Timestamp, WheelFacts,
};
use crate::packaging::{Script, ScriptKind};

/// Builds a [`StoredFile`] of a pure wheel.
pub(super) struct Sample {
    stored: StoredFile,
    version: String,
    tag: String,
}

impl Sample {
    /// A wheel for any Python, without scripts, that provides a module of its own name.
    pub(super) fn new(project: &str, version: &str) -> Self {
        let file = NewFile {
            project: project.parse().unwrap(),
            display_name: project.to_owned(),
            version: version.parse().unwrap(),
            filename: String::new(),
            kind: FileKind::Wheel,
            digests: FileDigests {
                sha256: Sha256Digest::of(project.as_bytes()),
                blake2b_256: crate::model::Blake2b256Digest::from_bytes([0; 32]),
                md5: None,
                crc32: crc32fast::hash(project.as_bytes()),
                size_bytes: project.len() as u64,
            },
            metadata_sha256: None,
            requires_python: None,
            requires_dist: Vec::new(),
            provides_extra: Vec::new(),
            summary: None,
            identity: String::new(),
            wheel: Some(WheelFacts {
                top_level: vec![project.replace('-', "_")],
                unpacked_size_bytes: 1000,
                entry_count: 10,
                ..WheelFacts::default()
            }),
            notes: Vec::new(),
            uploaded_at: Timestamp::UNIX_EPOCH,
            received_at: Timestamp::UNIX_EPOCH,
            uploaded_by: "test".to_owned(),
        };
        let stored = StoredFile { id: 1, file };
        Self { stored, version: version.to_owned(), tag: "py3-none-any".to_owned() }
    }

    fn facts(&mut self) -> &mut WheelFacts {
        self.stored.file.wheel.as_mut().unwrap()
    }

    pub(super) fn tag(mut self, tag: &str) -> Self {
        self.tag = tag.to_owned();
        self
    }

    pub(super) fn native(mut self) -> Self {
        self.facts().is_native = true;
        self
    }

    pub(super) fn script(mut self, name: &str, value: &str) -> Self {
        let script = Script { name: name.to_owned(), value: value.to_owned(), kind: ScriptKind::Console };
        self.facts().scripts.push(script);
        self
    }

    pub(super) fn data_script(mut self, name: &str) -> Self {
        self.facts().data_scripts.push(name.to_owned());
        self
    }

    pub(super) fn top_level(mut self, name: &str) -> Self {
        self.facts().top_level = vec![name.to_owned()];
        self
    }

    pub(super) fn unpacked(mut self, bytes: u64) -> Self {
        self.facts().unpacked_size_bytes = bytes;
        self
    }

    pub(super) fn size(mut self, bytes: u64) -> Self {
        self.stored.file.digests.size_bytes = bytes;
        self
    }

    pub(super) fn content(mut self, bytes: &[u8]) -> Self {
        let digests = &mut self.stored.file.digests;
        digests.sha256 = Sha256Digest::of(bytes);
        digests.crc32 = crc32fast::hash(bytes);
        digests.size_bytes = bytes.len() as u64;
        self
    }

    pub(super) fn requires_python(mut self, specifiers: &str) -> Self {
        self.stored.file.requires_python = Some(specifiers.to_owned());
        self
    }

    pub(super) fn stored(mut self) -> StoredFile {
        let name = self.stored.file.project.to_string().replace('-', "_");
        self.stored.file.filename = format!("{name}-{}-{}.whl", self.version, self.tag);
        self.stored
    }
}

pub(super) fn entry_point(kind: EntryPointKind, value: &str) -> EntryPoint {
    EntryPoint { kind, value: value.to_owned() }
}

pub(super) fn debian_12() -> Target {
    crate::resolve::preset("debian-12").unwrap()
}

/// A recipe that starts the environment's interpreter.
pub(super) fn recipe() -> BundleRecipe {
    BundleRecipe {
        name: "hello".parse().unwrap(),
        requirements: Vec::new(),
        target: debian_12(),
        channel: "blessed".parse().unwrap(),
        entry_point: entry_point(EntryPointKind::Interpreter, ""),
    }
}

/// The lock that names these files.
pub(super) fn lock_of(files: &[StoredFile]) -> Lock {
    let mut locked: Vec<LockedFile> = files
        .iter()
        .map(|stored| LockedFile {
            project: stored.file.project.clone(),
            version: stored.file.version.clone(),
            filename: stored.file.filename.clone(),
            sha256: stored.file.digests.sha256,
            size_bytes: stored.file.digests.size_bytes,
            uploaded_at: stored.file.uploaded_at,
            requires_python: stored.file.requires_python.clone(),
            dependencies: Vec::new(),
        })
        .collect();
    locked.sort_by(|one, other| one.project.cmp(&other.project));
    Lock {
        channel: ChannelName::blessed(),
        serial: Serial(1),
        target: "debian-12".to_owned(),
        requirements: Vec::new(),
        files: locked,
    }
}
