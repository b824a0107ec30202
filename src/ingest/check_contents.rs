//! The one pass over all members: each is unpacked once, proved against its headers and against RECORD.

use std::io;

use super::check_dist_info::DistInfo;
use super::check_heads::{Head, Kinds};
use super::check_record::{MemberHasher, Record};
use super::findings::Findings;
use crate::archive::{ReadAt, ZipError, ZipListing, verify_entry};

/// Unpacks every member that is not in memory yet and compares all with RECORD.
///
/// A wheel whose RECORD cannot be read has its members proved all the same, so that one answer tells everything.
pub(super) fn check_contents<R: ReadAt + ?Sized>(
    source: &R,
    listing: &ZipListing,
    dist_info: Option<&DistInfo>,
    findings: &mut Findings,
) -> io::Result<()> {
    let record = dist_info.and_then(|dist_info| Record::read(dist_info, findings));
    let mut kinds = Kinds::new(dist_info.map(|dist_info| dist_info.folder.as_str()));
    for entry in &listing.entries {
        let path = entry.path.as_str();
        let row = record.as_ref().filter(|_| !entry.is_dir).map(|record| record.row_of(path));
        let mut hasher = MemberHasher::for_row(row.flatten());
        if let Some(bytes) = dist_info.and_then(|dist_info| dist_info.unpacked(path)) {
            hasher.update(bytes);
        } else {
            let mut head = Head::of(&kinds, entry);
            let mut take = |piece: &[u8]| {
                hasher.update(piece);
                head.take(piece);
            };
            match verify_entry(source, entry, &mut take) {
                Ok(()) => kinds.judge(entry, &head),
                Err(ZipError::Refused(faults)) => {
                    findings.add_zip_faults(faults);
                    continue;
                }
                Err(ZipError::Io(error)) => return Err(error),
            }
        }
        if let (Some(record), false) = (&record, entry.is_dir) {
            record.check_member(path, entry.uncompressed_bytes, hasher, findings);
        }
    }
    if let Some(record) = record {
        record.check_rows(listing, findings);
    }
    kinds.tell(findings);
    Ok(())
}
