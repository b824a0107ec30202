//! The `.dist-info` folder: which one it is, its files in memory, WHEEL and entry points (standards 5.4, 5.6).

use std::collections::BTreeSet;
use std::io;

use super::findings::Findings;
use super::limits::MAX_SMALL_FILE_BYTES;
use crate::archive::{ReadAt, ZipEntry, ZipError, ZipListing, read_entry};
use crate::model::Finding;
use crate::packaging::{
    MAX_METADATA_BYTES, MAX_RECORD_BYTES, ProjectName, Script, WheelName, parse_entry_points, parse_version,
    parse_wheel_file,
};

/// Most metadata folders that a message names.
const MAX_NAMED_FOLDERS: usize = 5;

/// The files of the `.dist-info` folder that say something about the wheel; `None` is absent or unreadable.
pub(super) struct DistInfo {
    /// Name of the folder, for example `demo-1.0.dist-info`.
    pub(super) folder: String,
    pub(super) metadata: Option<Vec<u8>>,
    pub(super) wheel: Option<Vec<u8>>,
    pub(super) record: Option<Vec<u8>>,
    pub(super) entry_points: Option<Vec<u8>>,
}

impl DistInfo {
    /// Reads them, each once. A missing one that must be there is a finding (standards WHL-11).
    pub(super) fn read<R: ReadAt + ?Sized>(
        source: &R,
        listing: &ZipListing,
        folder: String,
        findings: &mut Findings,
    ) -> io::Result<Self> {
        let mut take = |name: &str, limit: u64, missing: Option<&'static str>, too_large: &'static str| {
            let path = format!("{folder}/{name}");
            match listing.find(&path) {
                Some(entry) => read_small(source, entry, limit, too_large, findings),
                None => {
                    if let Some(reason) = missing {
                        let text = format!("the wheel has no `{path}`");
                        findings.add(Finding::refuse("WHL-11", reason, text).at(path));
                    }
                    Ok(None)
                }
            }
        };
        let metadata = take("METADATA", MAX_METADATA_BYTES as u64, Some("metadata-missing"), "metadata-invalid")?;
        let wheel = take("WHEEL", MAX_SMALL_FILE_BYTES, Some("wheel-file-invalid"), "wheel-file-invalid")?;
        let record = take("RECORD", MAX_RECORD_BYTES as u64, Some("record-invalid"), "zip-bomb")?;
        let entry_points = take("entry_points.txt", MAX_SMALL_FILE_BYTES, None, "entry-points-invalid")?;
        Ok(Self { folder, metadata, wheel, record, entry_points })
    }

    /// The folder's name without `.dist-info`, which the `.data` folder shares.
    pub(super) fn stem(&self) -> &str {
        self.folder.rsplit_once('.').map_or(&self.folder, |(stem, _)| stem)
    }

    /// Path of a file in the folder.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    /// The bytes of a file that [`DistInfo::read`] has unpacked.
    pub(super) fn unpacked(&self, path: &str) -> Option<&[u8]> {
        let bytes = match path.strip_prefix(&self.folder)?.strip_prefix('/')? {
            "METADATA" => &self.metadata,
            "WHEEL" => &self.wheel,
            "RECORD" => &self.record,
            "entry_points.txt" => &self.entry_points,
            _ => return None,
        };
        bytes.as_deref()
    }
}

fn read_small<R: ReadAt + ?Sized>(
    source: &R,
    entry: &ZipEntry,
    limit_bytes: u64,
    too_large: &'static str,
    findings: &mut Findings,
) -> io::Result<Option<Vec<u8>>> {
    if entry.uncompressed_bytes > limit_bytes {
        let size_bytes = entry.uncompressed_bytes;
        let text = format!("`{}` has {size_bytes} bytes; at most {limit_bytes} are read", entry.path);
        findings.add(Finding::refuse("ZIP-01", too_large, text).at(entry.path.as_str()));
        return Ok(None);
    }
    match read_entry(source, entry, limit_bytes) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(ZipError::Refused(faults)) => {
            findings.add_zip_faults(faults);
            Ok(None)
        }
        Err(ZipError::Io(error)) => Err(error),
    }
}

/// The one top-level `.dist-info` folder (standards WHL-10); an `.egg-info` beside it counts as a second one.
pub(super) fn find_dist_info(
    listing: &ZipListing,
    name: Option<&WheelName>,
    findings: &mut Findings,
) -> Option<String> {
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    // Folders with nothing in them count: pip counts them too, and refuses.
    for entry in &listing.entries {
        let Some(first) = entry.path.segments().next() else { continue };
        let lower = first.to_ascii_lowercase();
        if lower.ends_with(".dist-info") || lower.ends_with(".egg-info") {
            folders.insert(first);
        }
    }
    let folders: Vec<&str> = folders.into_iter().collect();
    if !folders.iter().any(|folder| folder.to_ascii_lowercase().ends_with(".dist-info")) {
        let text = "the wheel has no top-level `.dist-info` folder";
        findings.add(Finding::refuse("WHL-10", "dist-info-missing", text));
        return None;
    }
    let [folder] = folders[..] else {
        let some = folders.iter().take(MAX_NAMED_FOLDERS).map(|folder| format!("`{folder}`")).collect::<Vec<_>>();
        let more = if folders.len() > some.len() { " and others" } else { "" };
        let text = format!("the wheel has {} metadata folders: {}{more}", folders.len(), some.join(", "));
        findings.add(Finding::refuse("WHL-10", "dist-info-multiple", text));
        return None;
    };
    if !folder.ends_with(".dist-info") {
        let text = format!("the folder `{folder}` is none to installers, which look for `.dist-info` in lower case");
        findings.add(Finding::refuse("WHL-10", "dist-info-missing", text).at(folder));
        return None;
    }
    if let Some(name) = name {
        check_folder_name(folder, name, findings);
    }
    Some(folder.to_owned())
}

/// The folder names the project and version of the file name; another spelling of the same is noted.
fn check_folder_name(folder: &str, name: &WheelName, findings: &mut Findings) {
    let stem = folder.rsplit_once('.').map_or(folder, |(stem, _)| stem);
    let parts = stem.split_once('-').filter(|(project, version)| {
        !version.contains('-') && project.parse::<ProjectName>().is_ok_and(|project| project == name.project)
    });
    let is_version = |text: &str| parse_version(text).is_ok_and(|version| version == name.version);
    let (is_same, is_old) =
        parts.map_or((false, false), |(_, version)| (is_version(version), is_version(&version.replace('_', "+"))));
    if is_old && !is_same {
        let text =
            format!("the folder `{folder}` has `_` for the `+` of the version, which pip does not read any more");
        findings.add_strict(Finding::refuse("WHL-10", "metadata-mismatch", text).at(folder));
        return;
    }
    if !is_same {
        let text = format!("the folder `{folder}` is not that of {} {}", name.project, name.version);
        findings.add(Finding::refuse("WHL-10", "metadata-mismatch", text).at(folder));
        return;
    }
    if !name.as_str().starts_with(&format!("{stem}-")) {
        let text = format!("the folder `{folder}` is spelled unlike the file name");
        findings.add(Finding::note("WHL-10", "dist-info-denormalized", text).at(folder));
    }
}

/// WHEEL: readable, and its tags and build tag are those of the file name (standards WHL-12, TAG-02).
pub(super) fn check_wheel_file(dist_info: &DistInfo, name: Option<&WheelName>, findings: &mut Findings) {
    let path = dist_info.path("WHEEL");
    let Some(bytes) = &dist_info.wheel else { return };
    let wheel = match parse_wheel_file(bytes) {
        Ok(wheel) => wheel,
        Err(faults) => return findings.add_faults(&path, faults),
    };
    findings.add_faults(&path, wheel.notes);
    let Some(name) = name else { return };
    if wheel.tags != name.tags {
        let differs = |tag| !(wheel.tags.contains(tag) && name.tags.contains(tag));
        let example = wheel.tags.iter().chain(&name.tags).find(|tag| differs(tag));
        let example = example.map(|tag| format!(", for example `{tag}`")).unwrap_or_default();
        let text = format!("the `Tag` lines of `{path}` are not the tags of the file name{example}");
        findings.add_strict(Finding::refuse("TAG-02", "wheel-file-invalid", text).at(&path));
    }
    let build = name.build.as_ref().map(ToString::to_string);
    if wheel.build.is_some() && wheel.build != build {
        let text = format!("the `Build` line of `{path}` is not the build tag of the file name");
        findings.add_strict(Finding::refuse("WHL-12", "wheel-file-invalid", text).at(&path));
    }
}

/// Scripts of `entry_points.txt` (standards EPT-01), in file order; none if it is absent or wrong.
pub(super) fn read_scripts(dist_info: &DistInfo, findings: &mut Findings) -> Vec<Script> {
    let path = dist_info.path("entry_points.txt");
    let Some(bytes) = &dist_info.entry_points else { return Vec::new() };
    match parse_entry_points(bytes) {
        Ok(entry_points) => {
            let scripts = entry_points.scripts();
            findings.add_faults(&path, entry_points.notes);
            scripts
        }
        Err(faults) => {
            findings.add_strict_faults(&path, faults);
            Vec::new()
        }
    }
}
