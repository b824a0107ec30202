//! The checks of one source distribution (standards 5.7): stored and served, never part of a bundle.

use std::io::{self, BufReader};

use bytes::Bytes;

use super::check_metadata::{check_agreement, read_metadata};
use super::findings::{FileFacts, FileReport, Findings, Profile};
use crate::archive::{Limits, ReadAt, read_sdist};
use crate::model::{FileKind, Finding};
use crate::packaging::{CoreMetadata, DistFileName, SdistName, parse_dist_filename};

/// Judges an sdist of `size_bytes`; all findings are told at once. Fails only if the file cannot be read.
pub fn check_sdist<R: ReadAt + ?Sized>(
    source: &R,
    size_bytes: u64,
    filename: &str,
    profile: Profile,
    limits: &Limits,
) -> io::Result<FileReport> {
    let mut findings = Findings::new(profile);
    let name = match parse_dist_filename(filename) {
        Ok(DistFileName::Sdist(name)) => Some(name),
        Ok(DistFileName::Wheel(_)) => {
            findings.add(Finding::refuse("UPL-10", "type-not-allowed", format!("`{filename}` is not an sdist")));
            None
        }
        Err(error) => {
            findings.add(Finding::refuse(error.rule(), error.class(), error.to_string()).at("file name"));
            None
        }
    };
    let stream = BufReader::with_capacity(64 << 10, InOrder { source, position: 0, end: size_bytes });
    let listing = read_sdist(stream, limits)?;
    findings.add_tar_faults(listing.faults);
    let (Some(top_folder), Some(pkg_info)) = (listing.top_folder, listing.pkg_info) else {
        return Ok(findings.into_report(None));
    };
    let path = format!("{top_folder}/PKG-INFO");
    let metadata = read_metadata(&path, &pkg_info, &mut findings);
    let facts = match (name, metadata) {
        (Some(name), Some(metadata)) => {
            check_agreement(&path, &metadata, &name.project, &name.version, &mut findings);
            check_spelling(&name, &top_folder, &mut findings);
            Some(gather(&name, metadata, pkg_info))
        }
        _ => None,
    };
    Ok(findings.into_report(facts))
}

/// PEP 625 wants the file name normalized and the folder called like the file; older builders spelled them differently,
/// and nothing breaks by that.
fn check_spelling(name: &SdistName, top_folder: &str, findings: &mut Findings) {
    let normal = format!("{}-{}", name.project.as_file_name_part(), name.version);
    if name.top_folder() != normal {
        let text = format!("`{name}` is not written in its normal form, which is `{normal}.tar.gz`");
        findings.add(Finding::note("SDT-01", "filename-denormalized", text).at("file name"));
    }
    if name.top_folder() != top_folder {
        let text = format!("everything lies in `{top_folder}`; the folder of `{name}` is `{}`", name.top_folder());
        findings.add(Finding::note("SDT-01", "sdist-denormalized", text).at(top_folder));
    }
}

/// Metadata of an sdist is told to clients only if a wheel built from it is bound to have the same (standards FIL-09):
/// from version 2.2 on, and with none of the fields that decide a resolution left dynamic.
fn gather(name: &SdistName, metadata: CoreMetadata, pkg_info: Vec<u8>) -> FileFacts {
    let decides = ["requires-dist", "requires-python", "provides-extra"];
    let is_final = !matches!(metadata.metadata_version.as_str(), "1.0" | "1.1" | "1.2" | "2.0" | "2.1")
        && !metadata.dynamic.iter().any(|field| decides.contains(&field.as_str()));
    FileFacts {
        kind: FileKind::Sdist,
        project: metadata.project,
        display_name: metadata.name,
        version: metadata.version,
        identity: name.identity_key(),
        metadata: is_final.then(|| Bytes::from(pkg_info)),
        requires_python: metadata.requires_python,
        requires_dist: metadata.requires_dist,
        provides_extra: metadata.provides_extra.iter().map(ToString::to_string).collect(),
        summary: metadata.summary,
        wheel: None,
    }
}

/// Reads a file from its front without moving the position that other handles share.
struct InOrder<'a, R: ReadAt + ?Sized> {
    source: &'a R,
    position: u64,
    end: u64,
}

impl<R: ReadAt + ?Sized> io::Read for InOrder<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.source.read_exact_at(&mut buffer[..length], self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}
