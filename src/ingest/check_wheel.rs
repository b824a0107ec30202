//! The checks of one wheel from its file name to its last byte. Pure but for reading the file.

use std::collections::BTreeSet;
use std::io;

use bytes::Bytes;

use super::check_contents::check_contents;
use super::check_dist_info::{DistInfo, check_wheel_file, find_dist_info, read_scripts};
use super::check_heads::is_native_file;
use super::check_layout::{check_layout, top_level_names};
use super::check_metadata::check_metadata;
use super::findings::{FileFacts, FileReport, Findings, Profile};
use crate::archive::{Limits, ReadAt, ZipError, ZipListing, read_zip};
use crate::model::{FileKind, Finding, WheelFacts};
use crate::packaging::{
    CoreMetadata, DistFileName, PlatformForm, Script, WheelName, parse_dist_filename, platform_form,
};

/// Judges a wheel of `size_bytes` (standards 5.1 to 5.6); all findings are told at once.
///
/// Every member is unpacked exactly once. Fails only if the file cannot be read.
pub fn check_wheel<R: ReadAt + ?Sized>(
    source: &R,
    size_bytes: u64,
    filename: &str,
    profile: Profile,
    limits: &Limits,
) -> io::Result<FileReport> {
    let mut findings = Findings::new(profile);
    let name = check_name(filename, &mut findings);
    let listing = match read_zip(source, size_bytes, limits) {
        Ok(listing) => listing,
        Err(ZipError::Refused(faults)) => {
            findings.add_zip_faults(faults);
            return Ok(findings.into_report(None));
        }
        Err(ZipError::Io(error)) => return Err(error),
    };
    findings.add_strict_zip_faults(listing.notes.clone());
    let dist_info = match find_dist_info(&listing, name.as_ref(), &mut findings) {
        Some(folder) => Some(DistInfo::read(source, &listing, folder, &mut findings)?),
        None => None,
    };
    check_contents(source, &listing, dist_info.as_ref(), &mut findings)?;
    let Some(dist_info) = dist_info else { return Ok(findings.into_report(None)) };
    check_layout(&listing, &dist_info.folder, &mut findings);
    if let Some(name) = &name {
        check_purity(name, &listing, &mut findings);
    }
    check_wheel_file(&dist_info, name.as_ref(), &mut findings);
    let scripts = read_scripts(&dist_info, &mut findings);
    let metadata = check_metadata(&dist_info, &listing, name.as_ref(), &mut findings);
    let facts = match (name, metadata) {
        (Some(name), Some(metadata)) => Some(gather(&name, metadata, &dist_info, &listing, scripts)),
        _ => None,
    };
    Ok(findings.into_report(facts))
}

/// File name rules; a name that is taken but not in its normal form is noted (standards WHL-02, WHL-04).
fn check_name(filename: &str, findings: &mut Findings) -> Option<WheelName> {
    let name = match parse_dist_filename(filename) {
        Ok(DistFileName::Wheel(name)) => name,
        Ok(DistFileName::Sdist(_)) => {
            findings.add(Finding::refuse("UPL-10", "type-not-allowed", format!("`{filename}` is not a wheel")));
            return None;
        }
        Err(error) => {
            findings.add(Finding::refuse(error.rule(), error.class(), error.to_string()).at("file name"));
            return None;
        }
    };
    let start = format!("{}-{}-", name.project.as_file_name_part(), name.version);
    if !filename.starts_with(&start) {
        let text = format!("`{filename}` is not written in its normal form, which starts with `{start}`");
        findings.add(Finding::note("WHL-02", "filename-denormalized", text).at("file name"));
    }
    let sets: Vec<&str> = filename.trim_end_matches(".whl").rsplitn(4, '-').take(3).collect();
    if let Some(set) = sets.iter().find(|set| !set.split('.').is_sorted()) {
        let text = format!("the joined tags `{set}` of `{filename}` are not sorted");
        findings.add(Finding::note("WHL-04", "tags-unsorted", text).at("file name"));
    }
    check_platforms(&name, findings);
    Some(name)
}

/// Platforms that few or no hosts look for (standards 5.2): legal, so they are shown and not refused.
fn check_platforms(name: &WheelName, findings: &mut Findings) {
    let platforms: BTreeSet<&str> = name.tags.iter().map(|tag| tag.platform.as_str()).collect();
    for platform in platforms {
        let (reason, text) = match platform_form(platform) {
            PlatformForm::Known => continue,
            PlatformForm::BareLinux => {
                let text =
                    format!("`{platform}` promises no C library: the wheel fits hosts like the one that built it");
                ("platform-not-portable", text)
            }
            PlatformForm::Unknown => {
                ("platform-unknown", format!("`{platform}` is no platform that installers are known to look for"))
            }
        };
        findings.add(Finding::note("TAG-03", reason, text).at("file name"));
    }
}

/// Native code under tags that promise to run anywhere.
fn check_purity(name: &WheelName, listing: &ZipListing, findings: &mut Findings) {
    let native = || listing.files().filter(|entry| is_native_file(entry.path.file_name()));
    let Some(first) = native().next().filter(|_| !name.is_native()) else { return };
    let others = match native().count() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let text = format!("`{}`{others} is native code, but the tags say that the wheel runs anywhere", first.path);
    findings.add(Finding::note("WHL-14", "native-in-pure", text).at(first.path.as_str()));
}

fn gather(
    name: &WheelName,
    metadata: CoreMetadata,
    dist_info: &DistInfo,
    listing: &ZipListing,
    scripts: Vec<Script>,
) -> FileFacts {
    let files = || listing.files();
    let scripts_folder = format!("{}.data/scripts/", dist_info.stem());
    let mut data_scripts: Vec<String> =
        files().filter_map(|entry| entry.path.as_str().strip_prefix(&scripts_folder)).map(str::to_owned).collect();
    data_scripts.sort();
    let wheel = WheelFacts {
        scripts,
        data_scripts,
        top_level: top_level_names(listing, dist_info.stem()),
        unpacked_size_bytes: listing.uncompressed_bytes,
        entry_count: files().count() as u64,
        is_native: name.is_native() || files().any(|entry| is_native_file(entry.path.file_name())),
    };
    FileFacts {
        kind: FileKind::Wheel,
        project: metadata.project,
        display_name: metadata.name,
        version: metadata.version,
        identity: name.identity_key(),
        metadata: dist_info.metadata.clone().map(Bytes::from),
        requires_python: metadata.requires_python,
        requires_dist: metadata.requires_dist,
        provides_extra: metadata.provides_extra.iter().map(ToString::to_string).collect(),
        summary: metadata.summary,
        wheel: Some(wheel),
    }
}
