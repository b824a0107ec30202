//! Central and local headers of a zip: reading them, and proving that they tell the same.

use std::io;

use super::zip_faults::{COMMENT, DESCRIPTOR, DISKS, ENCRYPTED, EXTRA, Faults, LOCAL, METHOD, ZipFault};
use super::zip_read::{Method, ReadAt};

const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;
/// Bit 3: sizes and CRC stand behind the data.
const HAS_DESCRIPTOR: u16 = 1 << 3;
/// Bits 0, 5, 6 and 13: encrypted, patched, strongly encrypted, masked headers.
const UNREADABLE: u16 = 1 | 1 << 5 | 1 << 6 | 1 << 13;
/// Bits 1 and 2: how hard the packer tried; writers differ between the two headers.
const EFFORT: u16 = 0b110;
/// Newest version of the format, times ten, that Python's `zipfile` opens an archive of (APPNOTE 4.4.3).
const MAX_VERSION: u16 = 63;
const ZIP64_MARK: u64 = u32::MAX as u64;
const ZIP64_EXTRA: u16 = 0x0001;
const UNICODE_PATH_EXTRA: u16 = 0x7075;

/// Little-endian numbers from the front of a slice.
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// One record of the central directory, zip64 values filled in.
#[derive(Debug, Clone)]
pub(super) struct CentralHeader<'a> {
    pub(super) name: &'a [u8],
    pub(super) flags: u16,
    /// `None` for a method that is not taken; the fault was told.
    pub(super) method: Option<Method>,
    raw_method: u16,
    pub(super) crc32: u32,
    pub(super) compressed: u64,
    pub(super) uncompressed: u64,
    /// Unix mode, or 0 if the archive was made where there is none.
    pub(super) mode: u32,
    pub(super) header_offset: u64,
    /// Whether the sizes and the offset are known; if not, the fault was told.
    pub(super) has_sizes: bool,
}

/// Where an entry's local record lies: header, data, descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LocalRecord {
    pub(super) start: u64,
    pub(super) data_offset: u64,
    pub(super) end: u64,
}

/// Reads the next record; `None` if the bytes are none, so that the walk cannot go on.
pub(super) fn read_central<'a>(cursor: &mut Cursor<'a>, faults: &mut Faults) -> Option<CentralHeader<'a>> {
    let mut fixed = Cursor::new(cursor.take(CENTRAL_BYTES)?.strip_prefix(b"PK\x01\x02")?);
    let (made_by, needed) = (fixed.u16()?, fixed.u16()? & 0xff);
    let (flags, raw_method) = (fixed.u16()?, fixed.u16()?);
    fixed.skip(4)?;
    let (crc32, compressed, uncompressed) = (fixed.u32()?, u64::from(fixed.u32()?), u64::from(fixed.u32()?));
    let (name_length, extra_length, comment_length) = (fixed.u16()?, fixed.u16()?, fixed.u16()?);
    let disk = fixed.u16()?;
    fixed.skip(2)?;
    let (attributes, header_offset) = (fixed.u32()?, u64::from(fixed.u32()?));
    let name = cursor.take(name_length.into())?;
    let extra = cursor.take(extra_length.into())?;
    cursor.skip(comment_length.into())?;

    if comment_length != 0 {
        faults.note(ZipFault::at(COMMENT, name, "the entry has a comment"));
    }
    faults.need(needed <= MAX_VERSION, METHOD, name, || {
        format!("the entry needs version {}.{} of the zip format; installers know 6.3", needed / 10, needed % 10)
    });
    faults.need(disk == 0, DISKS, name, || "the entry lies on another disk".into());
    faults.need(flags & UNREADABLE == 0, ENCRYPTED, name, || "the entry is encrypted or patched".into());
    let method = match raw_method {
        0 => Some(Method::Stored),
        8 => Some(Method::Deflated),
        other => {
            let message = format!("the entry is packed with method {other}; only stored and deflate are taken");
            faults.push(ZipFault::at(METHOD, name, message));
            None
        }
    };
    let mut sizes = [uncompressed, compressed, header_offset];
    let judged = scan_extra(extra, name).and_then(|zip64| apply_zip64(zip64, &mut sizes));
    let has_sizes = judged.is_ok();
    match judged {
        Ok(Zip64::Needless) => faults.note(ZipFault::at(EXTRA, name, "a zip64 field is there that nothing asks for")),
        Ok(Zip64::Asked) => {}
        Err(message) => faults.push(ZipFault::at(EXTRA, name, message)),
    }
    let [uncompressed, compressed, header_offset] = sizes;
    // 3 is Unix and 19 macOS; elsewhere the upper half of the attributes means something else.
    let mode = if matches!(made_by >> 8, 3 | 19) { attributes >> 16 } else { 0 };
    Some(CentralHeader {
        name,
        flags,
        method,
        raw_method,
        crc32,
        compressed,
        uncompressed,
        mode,
        header_offset,
        has_sizes,
    })
}

/// Judges the extra fields of an entry and gives the content of the zip64 one.
fn scan_extra<'a>(extra: &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, &'static str> {
    let mut cursor = Cursor::new(extra);
    let (mut zip64, mut unicode_path) = (None, None);
    while !cursor.rest().is_empty() {
        let (Some(id), Some(length)) = (cursor.u16(), cursor.u16()) else { return Err("the extra field is cut") };
        let content = cursor.take(length.into()).ok_or("an extra field is longer than the room for it")?;
        let slot = match id {
            ZIP64_EXTRA => &mut zip64,
            UNICODE_PATH_EXTRA => &mut unicode_path,
            _ => continue,
        };
        if slot.replace(content).is_some() {
            return Err("an extra field that changes the entry is there twice");
        }
    }
    // Readers disagree on which name counts (Info-ZIP, CPython from 3.12 on take this one).
    if unicode_path.is_some_and(|content| content.get(5..) != Some(name)) {
        return Err("a Unicode path field gives the entry another name");
    }
    Ok(zip64)
}

/// Whether the zip64 field of a header, if it has one, is there for a reason.
enum Zip64 {
    /// It is, or there is none.
    Asked,
    /// It repeats what the header says. Most readers take it, uv does not.
    Needless,
}

/// Replaces the values that are marked as too long for 32 bits; the field must hold exactly those.
fn apply_zip64(zip64: Option<&[u8]>, values: &mut [u64]) -> Result<Zip64, &'static str> {
    let marked = values.iter().filter(|value| **value == ZIP64_MARK).count();
    let Some(content) = zip64 else {
        return if marked == 0 {
            Ok(Zip64::Asked)
        } else {
            Err("a size is marked as zip64, but there is no zip64 field")
        };
    };
    let mut cursor = Cursor::new(content);
    if marked == 0 {
        let repeats = content.len() % 8 == 0
            && values.iter().map_while(|value| Some((*value, cursor.u64()?))).all(|(a, b)| a == b);
        return if repeats && cursor.rest().is_empty() {
            Ok(Zip64::Needless)
        } else {
            Err("a zip64 field that nothing asks for tells other sizes")
        };
    }
    if content.len() != 8 * marked {
        return Err("the zip64 field does not hold exactly the sizes that are marked");
    }
    for value in values.iter_mut().filter(|value| **value == ZIP64_MARK) {
        *value = cursor.u64().ok_or("the zip64 field is cut")?;
    }
    Ok(Zip64::Asked)
}

/// Reads the local header of an entry and proves that it says what the central one says.
///
/// `Ok(None)` means that the record cannot be placed; the fault was told.
pub(super) fn check_local<R: ReadAt + ?Sized>(
    source: &R,
    directory_offset: u64,
    central: &CentralHeader<'_>,
    faults: &mut Faults,
) -> io::Result<Option<LocalRecord>> {
    let start = central.header_offset;
    let name = central.name;
    let room = directory_offset.saturating_sub(start);
    let Some(header) = read_local_bytes(source, start, room, name.len())? else {
        faults.push(ZipFault::at(LOCAL, name, "there is no local header where the central directory says"));
        return Ok(None);
    };
    let local = match LocalHeader::read(&header, name) {
        Ok(local) => local,
        Err(message) => {
            faults.push(ZipFault::at(LOCAL, name, message));
            return Ok(None);
        }
    };
    local.compare(central, faults);
    let data_offset = start + header.len() as u64;
    let Some(data_end) = data_offset.checked_add(central.compressed).filter(|end| *end <= directory_offset) else {
        faults.push(ZipFault::at(LOCAL, name, "the entry's data runs into the central directory"));
        return Ok(None);
    };
    let mut end = data_end;
    if central.flags & HAS_DESCRIPTOR != 0 {
        let mut after = [0; 24];
        let available = usize::try_from((directory_offset - data_end).min(24)).unwrap_or(24);
        source.read_exact_at(&mut after[..available], data_end)?;
        match descriptor_length(&after[..available], central) {
            Some(length) => end += length,
            None => {
                faults.push(ZipFault::at(DESCRIPTOR, name, "the data descriptor is missing or tells other numbers"));
                return Ok(None);
            }
        }
    }
    Ok(Some(LocalRecord { start, data_offset, end }))
}

/// The bytes of a local header with name and extra field, or `None` if there is not room for one.
fn read_local_bytes<R: ReadAt + ?Sized>(
    source: &R,
    start: u64,
    room: u64,
    name_length: usize,
) -> io::Result<Option<Vec<u8>>> {
    if room < LOCAL_BYTES as u64 {
        return Ok(None);
    }
    // One read is enough for almost every header: the name is known, and extra fields are short.
    let guess = u64::try_from(LOCAL_BYTES + name_length + 32).unwrap_or(room).min(room);
    let mut header = vec![0; usize::try_from(guess).unwrap_or(0)];
    source.read_exact_at(&mut header, start)?;
    let Some(fixed) = header.get(..LOCAL_BYTES).filter(|fixed| fixed.starts_with(b"PK\x03\x04")) else {
        return Ok(None);
    };
    let lengths =
        u16::from_le_bytes([fixed[26], fixed[27]]) as usize + u16::from_le_bytes([fixed[28], fixed[29]]) as usize;
    let wanted = LOCAL_BYTES + lengths;
    if wanted as u64 > room {
        return Ok(None);
    }
    let known = header.len();
    header.resize(wanted, 0);
    if wanted > known {
        source.read_exact_at(&mut header[known..], start + known as u64)?;
    }
    Ok(Some(header))
}

/// What the local header says, zip64 values filled in where they count.
struct LocalHeader<'a> {
    name: &'a [u8],
    flags: u16,
    raw_method: u16,
    crc32: u32,
    compressed: u64,
    uncompressed: u64,
}

impl<'a> LocalHeader<'a> {
    fn read(header: &'a [u8], central_name: &[u8]) -> Result<Self, &'static str> {
        Self::fields(header, central_name).ok_or("the local header is cut")?
    }

    fn fields(header: &'a [u8], central_name: &[u8]) -> Option<Result<Self, &'static str>> {
        let mut cursor = Cursor::new(header.get(6..)?);
        let (flags, raw_method) = (cursor.u16()?, cursor.u16()?);
        cursor.skip(4)?;
        let crc32 = cursor.u32()?;
        let (compressed, uncompressed) = (u64::from(cursor.u32()?), u64::from(cursor.u32()?));
        let (name_length, extra_length) = (cursor.u16()?, cursor.u16()?);
        let name = cursor.take(name_length.into())?;
        let extra = cursor.take(extra_length.into())?;
        let mut sizes = [uncompressed, compressed];
        // With a descriptor the sizes here are placeholders, also those in the zip64 field.
        let are_placeholders = flags & HAS_DESCRIPTOR != 0;
        let judged = scan_extra(extra, central_name)
            .and_then(|zip64| if are_placeholders { Ok(Zip64::Asked) } else { apply_zip64(zip64, &mut sizes) });
        if let Err(message) = judged {
            return Some(Err(message));
        }
        let [uncompressed, compressed] = sizes;
        Some(Ok(Self { name, flags, raw_method, crc32, compressed, uncompressed }))
    }

    fn compare(&self, central: &CentralHeader<'_>, faults: &mut Faults) {
        let name = central.name;
        faults.need(self.name == name, LOCAL, name, || {
            format!("the local header names it `{}`", super::paths::shown(self.name))
        });
        faults.need(self.flags & !EFFORT == central.flags & !EFFORT, LOCAL, name, || {
            "the two headers have different flags".into()
        });
        faults.need(self.raw_method == central.raw_method, LOCAL, name, || {
            "the two headers name different methods".into()
        });
        let agrees = |local: u64, central: u64, placeholders: &[u64]| local == central || placeholders.contains(&local);
        let placeholders: &[u64] = if central.flags & HAS_DESCRIPTOR != 0 { &[0, ZIP64_MARK] } else { &[] };
        faults.need(
            agrees(self.crc32.into(), central.crc32.into(), &placeholders[..placeholders.len().min(1)]),
            LOCAL,
            name,
            || "the two headers tell different CRCs".into(),
        );
        let sizes_agree = agrees(self.compressed, central.compressed, placeholders)
            && agrees(self.uncompressed, central.uncompressed, placeholders);
        faults.need(sizes_agree, LOCAL, name, || "the two headers tell different sizes".into());
    }
}

/// Length of the data descriptor (APPNOTE 4.3.9) if it tells the central directory's numbers: with or without its
/// signature, with 32 or 64 bits a size.
fn descriptor_length(after: &[u8], central: &CentralHeader<'_>) -> Option<u64> {
    const SIGNATURE: &[u8] = b"PK\x07\x08";
    let (crc, compressed, uncompressed) = (central.crc32, central.compressed, central.uncompressed);
    let wide: Vec<u8> =
        [&crc.to_le_bytes()[..], &compressed.to_le_bytes()[..], &uncompressed.to_le_bytes()[..]].concat();
    let narrow = match (u32::try_from(compressed), u32::try_from(uncompressed)) {
        (Ok(compressed), Ok(uncompressed)) => {
            [&crc.to_le_bytes()[..], &compressed.to_le_bytes()[..], &uncompressed.to_le_bytes()[..]].concat()
        }
        _ => wide.clone(),
    };
    // A CRC that looks like the signature would let two readers end the entry at different bytes.
    let is_ambiguous = crc.to_le_bytes() == *SIGNATURE;
    let signed = after.strip_prefix(SIGNATURE);
    let length = match signed {
        Some(signed) if signed.starts_with(&narrow) => SIGNATURE.len() + narrow.len(),
        Some(signed) if signed.starts_with(&wide) => SIGNATURE.len() + wide.len(),
        _ if is_ambiguous => return None,
        _ if after.starts_with(&narrow) => narrow.len(),
        _ if after.starts_with(&wide) => wide.len(),
        _ => return None,
    };
    u64::try_from(length).ok()
}
