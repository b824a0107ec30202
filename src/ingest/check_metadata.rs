//! METADATA: readable, true to the file name, and its licence files are there (standards section 3, WHL-03). Pure.

use std::collections::BTreeSet;

use super::check_dist_info::DistInfo;
use super::findings::Findings;
use crate::archive::ZipListing;
use crate::model::Finding;
use crate::packaging::{CoreMetadata, ProjectName, Version, WheelName, parse_core_metadata};

/// Judges METADATA of a wheel; nothing if it is absent or breaks a rule of its own.
pub(super) fn check_metadata(
    dist_info: &DistInfo,
    listing: &ZipListing,
    name: Option<&WheelName>,
    findings: &mut Findings,
) -> Option<CoreMetadata> {
    let path = dist_info.path("METADATA");
    let metadata = read_metadata(&path, dist_info.metadata.as_deref()?, findings)?;
    if let Some(name) = name {
        check_agreement(&path, &metadata, &name.project, &name.version, findings);
    }
    let licenses = dist_info.path("licenses/");
    let there: BTreeSet<&str> =
        listing.files().filter_map(|entry| entry.path.as_str().strip_prefix(&licenses)).collect();
    for file in &metadata.license_files {
        if !there.contains(file.as_str()) {
            let place = format!("{licenses}{file}");
            let text = format!("`{path}` names the licence file `{file}`, but the wheel has no `{place}`");
            findings.add_strict(Finding::refuse("MET-04", "metadata-invalid", text).at(&path));
        }
    }
    Some(metadata)
}

/// Reads METADATA or PKG-INFO and moves what was noted to the findings.
pub(super) fn read_metadata(path: &str, bytes: &[u8], findings: &mut Findings) -> Option<CoreMetadata> {
    match parse_core_metadata(bytes) {
        Ok(mut metadata) => {
            findings.add_faults(path, std::mem::take(&mut metadata.notes));
            Some(metadata)
        }
        Err(faults) => {
            findings.add_faults(path, faults);
            None
        }
    }
}

/// Name and version inside the file are those of its name: pip would install the wheel, uv would not (standards WHL-03).
pub(super) fn check_agreement(
    path: &str,
    metadata: &CoreMetadata,
    project: &ProjectName,
    version: &Version,
    findings: &mut Findings,
) {
    if metadata.project != *project {
        let text = format!("`{path}` says project `{}`, the file name says `{project}`", metadata.project);
        findings.add(Finding::refuse("WHL-03", "metadata-mismatch", text).at(format!("{path}: Name")));
    }
    if metadata.version != *version {
        let text = format!("`{path}` says version `{}`, the file name says `{version}`", metadata.version);
        findings.add(Finding::refuse("WHL-03", "metadata-mismatch", text).at(format!("{path}: Version")));
    }
}
