//! Layout of a stored zip from lengths and CRCs alone: the same entries give the same bytes, without reading any.

use std::collections::BTreeSet;

use super::paths::ArchivePath;

/// Most entries without zip64: 65 535 is the mark that asks for it, and Python before 3.13 cannot start from zip64.
pub const MAX_STORED_ENTRIES: usize = 65_534;

/// Every length and offset must stay below this mark, which asks for zip64.
const ZIP64_MARK: u64 = u32::MAX as u64;

/// 1980-01-01 in the date format of zip, the first day it can say; the time of day is zero.
const FIRST_DAY: u16 = 0x21;

/// Version 2.0 of the format: folders and deflate, what every reader knows.
const FORMAT_VERSION: u16 = 20;

/// Made on Unix, so that the upper half of the attributes is a Unix mode.
const MADE_BY_UNIX: u16 = 3 << 8;

/// One file to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Name with `/` between segments.
    pub name: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// CRC-32 of the bytes.
    pub crc32: u32,
    /// Unix permission bits, such as `0o644`; the mark of a regular file is added.
    pub mode: u32,
}

/// Where one file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEntry {
    /// Its local header: these bytes, then the file's.
    pub local_header: Vec<u8>,
    /// Where the header starts, in bytes from the front of the archive, prefix counted.
    pub header_offset: u64,
    /// Where the file's bytes start.
    pub data_offset: u64,
    /// How many they are.
    pub size_bytes: u64,
}

/// A whole archive: prefix, then the entries back to back, then the central directory with its end record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipLayout {
    /// The entries in the given order.
    pub entries: Vec<PlacedEntry>,
    /// Central directory and end record.
    pub central_directory: Vec<u8>,
    /// Where the central directory starts.
    pub central_directory_offset: u64,
    /// Length of the archive in bytes, prefix counted.
    pub total_bytes: u64,
}

/// Why a layout is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// More than `MAX_STORED_ENTRIES`.
    #[error("the archive would have {count} entries; at most {MAX_STORED_ENTRIES} fit without zip64")]
    TooManyEntries {
        /// How many.
        count: usize,
    },
    /// 4 GiB or more.
    #[error("the archive would have at least {bytes} bytes; it must stay below 4 GiB to fit without zip64")]
    TooLarge {
        /// How many, as far as it was counted.
        bytes: u64,
    },
    /// A name that is no safe path or is there twice.
    #[error("`{name}` cannot be the name of an entry: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ZipLayout {
    /// Places the entries after a prefix of this length, such as the `#!` line. No dates, no extra fields, no descriptors.
    ///
    /// Offsets count the prefix. Fails at the limits of 32-bit zip and for a name that is unsafe or repeated.
    pub fn new(prefix_bytes: u64, entries: &[StoredEntry]) -> Result<Self, LayoutError> {
        if entries.len() > MAX_STORED_ENTRIES {
            return Err(LayoutError::TooManyEntries { count: entries.len() });
        }
        let mut names = BTreeSet::new();
        let mut placed = Vec::with_capacity(entries.len());
        let mut central = Vec::new();
        let mut at = prefix_bytes;
        for entry in entries {
            check_name(entry, &mut names)?;
            let (header_offset, size) = (below_4_gib(at)?, below_4_gib(entry.size_bytes)?);
            let common = common_fields(entry, size)?;
            let local_header = local_header(&common, &entry.name);
            put_central_header(&mut central, &common, entry, header_offset);
            let data_offset = at.saturating_add(local_header.len() as u64);
            placed.push(PlacedEntry { local_header, header_offset: at, data_offset, size_bytes: entry.size_bytes });
            at = data_offset.saturating_add(entry.size_bytes);
        }
        let directory_offset = below_4_gib(at)?;
        let directory_size = below_4_gib(central.len() as u64)?;
        put_end_record(&mut central, entries.len(), directory_size, directory_offset);
        let total_bytes = at.saturating_add(central.len() as u64);
        below_4_gib(total_bytes)?;
        Ok(Self { entries: placed, central_directory: central, central_directory_offset: at, total_bytes })
    }
}

fn check_name<'a>(entry: &'a StoredEntry, names: &mut BTreeSet<&'a str>) -> Result<(), LayoutError> {
    let refused = |reason: String| LayoutError::Name { name: entry.name.clone(), reason };
    let path: ArchivePath = entry.name.parse().map_err(|error: super::PathError| refused(error.to_string()))?;
    if path.as_str() != entry.name {
        return Err(refused("it is a folder".to_owned()));
    }
    if !names.insert(&entry.name) {
        return Err(refused("another entry has it".to_owned()));
    }
    Ok(())
}

fn below_4_gib(bytes: u64) -> Result<u32, LayoutError> {
    match u32::try_from(bytes) {
        Ok(value) if bytes < ZIP64_MARK => Ok(value),
        _ => Err(LayoutError::TooLarge { bytes }),
    }
}

/// The 26 bytes that both headers share: version needed to extra length (APPNOTE 4.3.7 and 4.3.12).
fn common_fields(entry: &StoredEntry, size: u32) -> Result<Vec<u8>, LayoutError> {
    let name_length = u16::try_from(entry.name.len())
        .map_err(|_| LayoutError::Name { name: entry.name.clone(), reason: "it is too long".to_owned() })?;
    // Bit 11 says that the name is UTF-8; readers take plain ASCII the same way without it.
    let flags: u16 = if entry.name.is_ascii() { 0 } else { 1 << 11 };
    let mut fields = Vec::with_capacity(26);
    for value in [FORMAT_VERSION, flags, 0, 0, FIRST_DAY] {
        fields.extend(value.to_le_bytes());
    }
    for value in [entry.crc32, size, size] {
        fields.extend(value.to_le_bytes());
    }
    fields.extend(name_length.to_le_bytes());
    fields.extend(0_u16.to_le_bytes());
    Ok(fields)
}

fn local_header(common: &[u8], name: &str) -> Vec<u8> {
    let mut header = Vec::with_capacity(30 + name.len());
    header.extend(b"PK\x03\x04");
    header.extend(common);
    header.extend(name.as_bytes());
    header
}

fn put_central_header(out: &mut Vec<u8>, common: &[u8], entry: &StoredEntry, header_offset: u32) {
    out.extend(b"PK\x01\x02");
    out.extend((MADE_BY_UNIX | FORMAT_VERSION).to_le_bytes());
    out.extend(common);
    // Comment length, disk and internal attributes.
    out.extend([0; 6]);
    out.extend(((0o100_000 | (entry.mode & 0o777)) << 16).to_le_bytes());
    out.extend(header_offset.to_le_bytes());
    out.extend(entry.name.as_bytes());
}

fn put_end_record(out: &mut Vec<u8>, count: usize, directory_size: u32, directory_offset: u32) {
    // The count was checked against `MAX_STORED_ENTRIES`, so it fits.
    let count = u16::try_from(count).unwrap_or(u16::MAX);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(directory_size.to_le_bytes());
    out.extend(directory_offset.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rawzip::ZipArchive;

    use super::*;
    use crate::archive::{Limits, Method, read_entry, read_zip};

    fn stored(name: &str, content: &[u8]) -> StoredEntry {
        StoredEntry {
            name: name.into(),
            size_bytes: content.len() as u64,
            crc32: crc32fast::hash(content),
            mode: 0o644,
        }
    }

    fn write(prefix: &[u8], files: &[(String, Vec<u8>)]) -> (ZipLayout, Vec<u8>) {
        let entries: Vec<StoredEntry> = files.iter().map(|(name, content)| stored(name, content)).collect();
        let layout = ZipLayout::new(prefix.len() as u64, &entries).unwrap();
        let mut bytes = prefix.to_vec();
        for (placed, (_, content)) in layout.entries.iter().zip(files) {
            assert_eq!(bytes.len() as u64, placed.header_offset);
            bytes.extend(&placed.local_header);
            assert_eq!(bytes.len() as u64, placed.data_offset);
            bytes.extend(content);
        }
        assert_eq!(bytes.len() as u64, layout.central_directory_offset);
        bytes.extend(&layout.central_directory);
        assert_eq!(bytes.len() as u64, layout.total_bytes);
        (layout, bytes)
    }

    fn names_seen_by_rawzip(bytes: &[u8]) -> Vec<String> {
        let archive = ZipArchive::from_slice(bytes).unwrap();
        let mut names = Vec::new();
        let mut entries = archive.entries();
        while let Some(entry) = entries.next_entry().unwrap() {
            names.push(String::from_utf8(entry.file_path().as_ref().to_vec()).unwrap());
            archive.get_entry(entry.wayfinder()).unwrap();
        }
        names
    }

    #[test]
    fn the_bytes_of_a_small_archive_are_these() {
        let (_, bytes) = write(b"#!x\n", &[("a".into(), b"hi".to_vec())]);
        // CPython's zipfile reads the same bytes as one file of mode 0644 from 1980-01-01.
        let expected = [
            "2321780a",
            "504b0304140000000000000021 00ac2a93d8 02000000 02000000 0100 0000 61",
            "6869",
            "504b0102 1403 14000000000000002100 ac2a93d8 02000000 02000000 0100 0000 0000 0000 0000 0000a481 04000000 61",
            "504b0506 0000 0000 0100 0100 2f000000 25000000 0000",
        ];
        assert_eq!(hex::encode(bytes), expected.concat().replace(' ', ""));
    }

    #[test]
    fn err_limits_of_32_bit_zip() {
        let mut huge = stored("a", b"");
        huge.size_bytes = 4 << 30;
        assert!(matches!(ZipLayout::new(0, &[huge]), Err(LayoutError::TooLarge { .. })));
        let half = |name: &str| StoredEntry { size_bytes: 2 << 30, ..stored(name, b"") };
        assert!(matches!(ZipLayout::new(0, &[half("a"), half("b")]), Err(LayoutError::TooLarge { .. })));
        assert!(matches!(ZipLayout::new(u64::MAX, &[stored("a", b"")]), Err(LayoutError::TooLarge { .. })));
        let many: Vec<StoredEntry> = (0..65_535).map(|i| stored(&i.to_string(), b"")).collect();
        assert!(matches!(ZipLayout::new(0, &many), Err(LayoutError::TooManyEntries { count: 65_535 })));
        assert!(ZipLayout::new(0, &many[1..]).is_ok());
    }

    #[test]
    fn err_names_that_a_reader_would_refuse() {
        for names in [&["a", "a"][..], &["../a"], &["/a"], &[""], &["a/"], &["a\\b"]] {
            let entries: Vec<StoredEntry> = names.iter().map(|name| stored(name, b"")).collect();
            assert!(matches!(ZipLayout::new(0, &entries), Err(LayoutError::Name { .. })), "{names:?}");
        }
    }

    #[test]
    fn an_archive_without_a_prefix_passes_our_own_reader() {
        let files =
            [("a/b.txt".to_owned(), b"text".to_vec()), ("数.whl".to_owned(), vec![0; 3000]), ("e".to_owned(), vec![])];
        let (_, bytes) = write(b"", &files);
        let listing = read_zip(bytes.as_slice(), bytes.len() as u64, &Limits::default()).unwrap();
        assert_eq!(listing.entries.len(), 3);
        for (entry, (name, content)) in listing.entries.iter().zip(&files) {
            assert_eq!((entry.path.as_str(), entry.method), (name.as_str(), Method::Stored));
            assert_eq!(&read_entry(bytes.as_slice(), entry, 10_000).unwrap(), content);
        }
    }

    proptest! {
        #[test]
        fn every_layout_is_opened_by_another_reader(
            prefix in proptest::collection::vec(any::<u8>(), 0..40),
            contents in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..12),
        ) {
            let files: Vec<(String, Vec<u8>)> =
                contents.into_iter().enumerate().map(|(i, content)| (format!("d/ü{i}"), content)).collect();
            let (_, bytes) = write(&prefix, &files);
            let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
            prop_assert_eq!(names_seen_by_rawzip(&bytes), names);
        }
    }
}
