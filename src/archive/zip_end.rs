//! The end of a zip: end record, zip64 end record and locator, and what they claim about the central directory.

use super::zip_faults::{COMMENT, DIRECTORY, DISKS, END64, Faults, NO_END, TRAILING, ZipError, ZipFault};
use super::zip_headers::Cursor;
use super::zip_read::ReadAt;

/// Length of the plain end record without its comment.
const END_BYTES: usize = 22;
/// Length of the zip64 locator, which stands right before the end record.
const LOCATOR_BYTES: u64 = 20;
/// Length of the zip64 end record without extensible data, which is refused.
const END64_BYTES: u64 = 56;
/// Where the end record can start at most before the end of the file: itself and the longest comment.
const TAIL_BYTES: u64 = END_BYTES as u64 + u16::MAX as u64;

/// Where the central directory is, after both end records were found to agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) entry_count: u64,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// The plain end record's numbers (APPNOTE 4.3.16).
struct EndRecord {
    disk: u16,
    directory_disk: u16,
    count_here: u64,
    count: u64,
    size: u64,
    offset: u64,
}

/// Finds the central directory; what makes it impossible to find is the error, all else goes to the faults.
pub(super) fn find_directory<R: ReadAt + ?Sized>(
    source: &R,
    len: u64,
    faults: &mut Faults,
) -> Result<Directory, ZipError> {
    let tail_start = len.saturating_sub(TAIL_BYTES);
    let mut tail = vec![0; usize::try_from(len - tail_start).unwrap_or(0)];
    source.read_exact_at(&mut tail, tail_start)?;
    // The last signature counts. A reader that takes an earlier one would see another archive, and then the lengths
    // do not add up here.
    let found = tail.windows(4).rposition(|window| window == b"PK\x05\x06");
    let Some(at) = found.filter(|at| tail.len() - at >= END_BYTES) else {
        return Err(ZipFault::new(NO_END, "the file has no end record of a zip").into());
    };
    let (record, comment) = read_end_record(&tail[at..], faults)?;
    if comment.iter().any(|byte| *byte < 9) {
        faults.push(ZipFault::new(COMMENT, "the comment of the archive holds control bytes"));
    }
    let end_at = tail_start + at as u64;
    let (record, directory_end) = follow_zip64(source, record, end_at, faults)?;
    if record.disk != 0 || record.directory_disk != 0 || record.count_here != record.count {
        faults.push(ZipFault::new(DISKS, "the end record tells of several disks"));
    }
    if record.offset.checked_add(record.size) != Some(directory_end) {
        let message = format!(
            "the end record puts the central directory at byte {} with {} bytes, but it must end at byte {directory_end}",
            record.offset, record.size
        );
        faults.push(ZipFault::new(DIRECTORY, message));
        std::mem::replace(faults, Faults::new(1)).into_notes()?;
    }
    Ok(Directory { entry_count: record.count, offset: record.offset, size: record.size })
}

fn read_end_record<'a>(bytes: &'a [u8], faults: &mut Faults) -> Result<(EndRecord, &'a [u8]), ZipFault> {
    let cut = || ZipFault::new(NO_END, "the end record is cut");
    let mut cursor = Cursor::new(bytes);
    cursor.skip(4).ok_or_else(cut)?;
    let mut next = || cursor.u16();
    let (disk, directory_disk) = (next().ok_or_else(cut)?, next().ok_or_else(cut)?);
    let (count_here, count) = (next().ok_or_else(cut)?, next().ok_or_else(cut)?);
    let (size, offset) = (cursor.u32().ok_or_else(cut)?, cursor.u32().ok_or_else(cut)?);
    let comment_length = usize::from(cursor.u16().ok_or_else(cut)?);
    let record = EndRecord {
        disk,
        directory_disk,
        count_here: count_here.into(),
        count: count.into(),
        size: size.into(),
        offset: offset.into(),
    };
    let rest = cursor.rest();
    let comment = rest.get(..comment_length).unwrap_or(rest);
    if comment_length == 0 && !rest.is_empty() && rest.iter().all(|byte| *byte == 0) {
        let message = format!("{} zero bytes follow the end record, which must end the file", rest.len());
        faults.note(ZipFault::new(TRAILING, message));
    } else if rest.len() != comment_length {
        let message = format!(
            "the end record must end the file; it announces a comment of {comment_length} bytes, and {} follow",
            rest.len()
        );
        faults.push(ZipFault::new(TRAILING, message));
    }
    Ok((record, comment))
}

/// The numbers of the zip64 end record if there is a locator, and where the central directory must end.
fn follow_zip64<R: ReadAt + ?Sized>(
    source: &R,
    plain: EndRecord,
    end_at: u64,
    faults: &mut Faults,
) -> Result<(EndRecord, u64), ZipError> {
    let Some(locator_at) = end_at.checked_sub(LOCATOR_BYTES) else { return Ok((plain, end_at)) };
    let mut locator = [0; LOCATOR_BYTES as usize];
    source.read_exact_at(&mut locator, locator_at)?;
    if !locator.starts_with(b"PK\x06\x07") {
        return Ok((plain, end_at));
    }
    let refused = |message: &str| ZipError::from(ZipFault::new(END64, message));
    let record_at = locator_at.checked_sub(END64_BYTES).ok_or_else(|| refused("the zip64 end record is missing"))?;
    let mut record = [0; END64_BYTES as usize];
    source.read_exact_at(&mut record, record_at)?;
    let wide = read_end64(&locator, &record, record_at)
        .ok_or_else(|| refused("the zip64 locator and end record do not stand back to back, or carry extra data"))?;
    let agree = |narrow: u64, wide: u64, mark: u64| narrow == wide || narrow == mark;
    let (short, long) = (u64::from(u16::MAX), u64::from(u32::MAX));
    if !agree(plain.count, wide.count, short)
        || !agree(plain.count_here, wide.count_here, short)
        || !agree(plain.size, wide.size, long)
        || !agree(plain.offset, wide.offset, long)
        || plain.disk != 0
    {
        faults.push(ZipFault::new(END64, "the zip64 end record and the plain one tell different numbers"));
    }
    Ok((wide, record_at))
}

/// Locator (APPNOTE 4.3.15) and zip64 end record (4.3.14), which must be 44 bytes long after its length field.
fn read_end64(locator: &[u8], record: &[u8], record_at: u64) -> Option<EndRecord> {
    let mut cursor = Cursor::new(locator.get(4..)?);
    let (locator_disk, told_at, disk_count) = (cursor.u32()?, cursor.u64()?, cursor.u32()?);
    let mut cursor = Cursor::new(record.strip_prefix(b"PK\x06\x06")?);
    let length = cursor.u64()?;
    cursor.skip(4)?;
    let (disk, directory_disk) = (cursor.u32()?, cursor.u32()?);
    let (count_here, count, size, offset) = (cursor.u64()?, cursor.u64()?, cursor.u64()?, cursor.u64()?);
    let sound = locator_disk == 0
        && disk_count == 1
        && told_at == record_at
        && length == END64_BYTES - 12
        && disk == 0
        && directory_disk == 0;
    sound.then_some(EndRecord { disk: 0, directory_disk: 0, count_here, count, size, offset })
}
