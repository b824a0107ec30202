//! Where every byte of a bundle comes from, known before one is read: texts of ours, and whole blobs between them.

use std::ops::Range;

use bytes::Bytes;

use crate::archive::{StoredEntry, ZipLayout};
use crate::model::{Lock, Sha256Digest, StoredFile};

use super::bootstrap::BOOTSTRAP;
use super::error::ExportError;
use super::manifest::Manifest;
use super::texts::{PYLOCK_NAME, README_NAME};

/// First line of every bundle: the host's own `python3` starts it when it is made executable (PEP 441).
const PREFIX: &[u8] = b"#!/usr/bin/env python3\n";

/// Name of the manifest in the archive.
const MANIFEST_NAME: &str = "FERRYWHEEL.json";

/// Mode of every entry; nothing in the archive is run from it but `__main__.py`, which Python reads.
const MODE: u32 = 0o644;

/// A run of bytes from one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Bytes that this server writes: headers, bootstrap, texts.
    Inline(Bytes),
    /// Bytes of a stored wheel.
    Blob {
        /// The blob.
        sha256: Sha256Digest,
        /// The part of it, in bytes from its front.
        range: Range<u64>,
    },
}

impl Segment {
    /// Length in bytes.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob { range, .. } => range.end - range.start,
        }
    }

    /// The part of it that lies in `range`, counted from its own front.
    fn part(&self, range: Range<u64>) -> Self {
        match self {
            // An inline segment is in memory, so its length fits `usize`.
            Self::Inline(bytes) => Self::Inline(bytes.slice(range.start as usize..range.end as usize)),
            Self::Blob { sha256, range: whole } => {
                Self::Blob { sha256: *sha256, range: whole.start + range.start..whole.start + range.end }
            }
        }
    }
}

/// A bundle as a virtual file: its segments in order, and its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleLayout {
    segments: Vec<Segment>,
    size_bytes: u64,
}

/// Content of an entry before it is placed.
enum Content<'a> {
    Text(&'a [u8]),
    Wheel(Sha256Digest),
}

impl BundleLayout {
    /// Lays out the bundle of this manifest and lock; the files are the lock's, in any order.
    ///
    /// Fails with [`ExportError::ServerChanged`] when the manifest was written by a server with other start-up code or
    /// texts, and with [`ExportError::Layout`] from 4 GiB on: Python before 3.13 cannot start a zip64 (bundles.md 0.8).
    pub fn new(manifest: &str, lock: &Lock, files: &[StoredFile]) -> Result<Self, ExportError> {
        let Some((_, texts)) = Manifest::read_own(manifest, lock)? else {
            return Err(ExportError::ServerChanged { id: Sha256Digest::of(manifest.as_bytes()) });
        };
        let mut entries = Vec::with_capacity(BOOTSTRAP.len() + 3 + files.len());
        let mut contents = Vec::with_capacity(entries.capacity());
        let own = BOOTSTRAP.iter().map(|file| (file.name, file.bytes)).chain([
            (MANIFEST_NAME, manifest.as_bytes()),
            (PYLOCK_NAME, texts.pylock.as_bytes()),
            (README_NAME, texts.readme.as_bytes()),
        ]);
        for (name, bytes) in own {
            entries.push(entry(name.to_owned(), bytes.len() as u64, crc32fast::hash(bytes)));
            contents.push(Content::Text(bytes));
        }
        let mut wheels: Vec<&StoredFile> = files.iter().collect();
        wheels.sort_by(|one, other| one.file.filename.cmp(&other.file.filename));
        for wheel in wheels {
            let digests = &wheel.file.digests;
            entries.push(entry(format!("wheels/{}", wheel.file.filename), digests.size_bytes, digests.crc32));
            contents.push(Content::Wheel(digests.sha256));
        }
        let zip = ZipLayout::new(PREFIX.len() as u64, &entries).map_err(ExportError::Layout)?;
        Ok(Self::assemble(&zip, &contents))
    }

    fn assemble(zip: &ZipLayout, contents: &[Content<'_>]) -> Self {
        let mut segments = Vec::new();
        let mut inline = PREFIX.to_vec();
        for (placed, content) in zip.entries.iter().zip(contents) {
            inline.extend_from_slice(&placed.local_header);
            match content {
                Content::Text(bytes) => inline.extend_from_slice(bytes),
                Content::Wheel(sha256) => {
                    segments.push(Segment::Inline(std::mem::take(&mut inline).into()));
                    segments.push(Segment::Blob { sha256: *sha256, range: 0..placed.size_bytes });
                }
            }
        }
        inline.extend_from_slice(&zip.central_directory);
        segments.push(Segment::Inline(inline.into()));
        Self { segments, size_bytes: zip.total_bytes }
    }

    /// Length of the whole file in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The segments that make up `range` of the file, cut to it; beyond the end there is nothing.
    pub fn segments(&self, range: Range<u64>) -> Vec<Segment> {
        let mut parts = Vec::new();
        let mut start = 0;
        for segment in &self.segments {
            let end = start + segment.size_bytes();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                parts.push(segment.part(from - start..to - start));
            }
            start = end;
        }
        parts
    }
}

fn entry(name: String, size_bytes: u64, crc32: u32) -> StoredEntry {
    StoredEntry { name, size_bytes, crc32, mode: MODE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::plan::plan_bundle;
    use crate::export::samples::{Sample, lock_of, recipe};
    use crate::model::Diagnostic as _;

    fn files() -> Vec<(StoredFile, &'static [u8])> {
        let (one, other): (&[u8], &[u8]) = (b"the bytes of one wheel", b"and of another");
        vec![
            (Sample::new("zebra", "1.0").content(one).stored(), one),
            (Sample::new("ant", "2.0").content(other).stored(), other),
        ]
    }

    fn layout_of(files: &[StoredFile]) -> BundleLayout {
        plan_bundle(&recipe(), &lock_of(files), files.to_vec()).unwrap().layout
    }

    fn bytes(layout: &BundleLayout, range: Range<u64>) -> Vec<u8> {
        let blobs = files();
        let mut whole = Vec::new();
        for segment in layout.segments(range) {
            match segment {
                Segment::Inline(bytes) => whole.extend_from_slice(&bytes),
                Segment::Blob { sha256, range } => {
                    let (_, content) = blobs.iter().find(|(_, content)| Sha256Digest::of(content) == sha256).unwrap();
                    whole.extend_from_slice(&content[range.start as usize..range.end as usize]);
                }
            }
        }
        whole
    }

    #[test]
    fn the_length_is_known_before_a_byte_is_read() {
        let stored: Vec<_> = files().into_iter().map(|(stored, _)| stored).collect();
        let layout = layout_of(&stored);
        let whole = bytes(&layout, 0..u64::MAX);
        assert_eq!(whole.len() as u64, layout.size_bytes());
        assert!(whole.starts_with(b"#!/usr/bin/env python3\nPK\x03\x04"));
    }

    #[test]
    fn every_range_equals_the_slice() {
        let stored: Vec<_> = files().into_iter().map(|(stored, _)| stored).collect();
        let layout = layout_of(&stored);
        let whole = bytes(&layout, 0..layout.size_bytes());
        let mut cuts: Vec<usize> = (0..whole.len()).step_by(997).collect();
        // Around every border between two segments, where a mistake would be.
        let mut start = 0;
        for segment in layout.segments(0..u64::MAX) {
            cuts.extend([start, start + 1, start + 2]);
            start += segment.size_bytes() as usize;
        }
        cuts.push(whole.len());
        for from in &cuts {
            for to in cuts.iter().filter(|to| *to >= from) {
                assert_eq!(bytes(&layout, *from as u64..*to as u64), whole[*from..*to], "{from}..{to}");
            }
        }
    }

    #[test]
    fn the_order_of_the_files_does_not_matter() {
        let mut stored: Vec<_> = files().into_iter().map(|(stored, _)| stored).collect();
        let layout = layout_of(&stored);
        stored.reverse();
        assert_eq!(layout, layout_of(&stored));
    }

    #[test]
    fn four_gibibytes_are_refused_before_anything_is_read() {
        let big = |name| Sample::new(name, "1.0").size(3 << 30).stored();
        let stored = vec![big("one"), big("two")];
        let error = plan_bundle(&recipe(), &lock_of(&stored), stored).err().unwrap();
        assert_eq!(error.code(), "export/too-large");
    }

    #[test]
    fn a_manifest_of_other_start_up_code_is_gone_and_not_mixed_with_ours() {
        let stored: Vec<_> = files().into_iter().map(|(stored, _)| stored).collect();
        let lock = lock_of(&stored);
        let plan = plan_bundle(&recipe(), &lock, stored.clone()).unwrap();
        let own = super::super::bootstrap::bootstrap_sha256().to_hex();
        let foreign = plan.manifest.replace(&own, &Sha256Digest::of(b"other").to_hex());
        let error = BundleLayout::new(&foreign, &lock, &stored).unwrap_err();
        assert_eq!(error.code(), "export/server-changed");
    }
}
