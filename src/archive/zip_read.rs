//! Reading a zip so that a reader of the central directory and a streaming reader see the same files, byte for byte.

use std::collections::BTreeSet;
use std::io;

use super::limits::Limits;
use super::paths::ArchivePath;
use super::zip_end::{Directory, find_directory};
use super::zip_faults::{
    DIRECTORY, DUPLICATE, FOLDER_DATA, Faults, LIMIT, NAME, NO_END, POLYGLOT, TILING, TYPE, ZipError, ZipFault,
};
use super::zip_headers::{CentralHeader, Cursor, LocalRecord, check_local, read_central};
use super::zip_tree::check_tree;

/// Bytes that can be read at a position without moving one: a file or a slice.
pub trait ReadAt {
    /// Fills the buffer from this offset; an end of file before that is an error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for std::fs::File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// How an entry is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// As it is.
    Stored,
    /// Deflate.
    Deflated,
}

/// One entry whose two headers agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its safe path; folders without the trailing `/`.
    pub path: ArchivePath,
    /// How it is stored.
    pub method: Method,
    /// CRC-32 of the unpacked bytes, as declared; [`super::verify_entry`] proves it.
    pub crc32: u32,
    /// Length in the archive, in bytes.
    pub compressed_bytes: u64,
    /// Length unpacked, in bytes, as declared; [`super::verify_entry`] proves it.
    pub uncompressed_bytes: u64,
    /// Where its data starts, in bytes from the front of the archive.
    pub data_offset: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Whether a Unix execute bit is set.
    pub is_executable: bool,
}

/// The entries of a sound zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipListing {
    /// Files and folders in the order of the central directory.
    pub entries: Vec<ZipEntry>,
    /// Sum of the declared unpacked lengths, in bytes.
    pub uncompressed_bytes: u64,
    /// Found, but refusing is for the caller, as no installer stumbles over it: names that some file systems mix up
    /// (`ZIP-CASE`), comments of entries, set-id bits, zeros behind the end.
    pub notes: Vec<ZipFault>,
}

impl ZipListing {
    /// The file of this path, if there is one; folders are not found.
    pub fn find(&self, path: &str) -> Option<&ZipEntry> {
        self.files().find(|entry| entry.path.as_str() == path)
    }

    /// The entries that are no folders.
    pub fn files(&self) -> impl Iterator<Item = &ZipEntry> {
        self.entries.iter().filter(|entry| !entry.is_dir)
    }
}

/// Reads and judges the structure of a zip of `len` bytes without unpacking anything.
///
/// Local headers and central directory must tell the same, byte for byte, from the first byte to the last: so whoever
/// reads the archive, from the end or from the front, sees the files that were checked here. All broken rules are told.
pub fn read_zip<R: ReadAt + ?Sized>(source: &R, len: u64, limits: &Limits) -> Result<ZipListing, ZipError> {
    if len < 22 {
        return Err(ZipFault::new(NO_END, "the file is shorter than the end record of a zip").into());
    }
    let mut faults = Faults::new(limits.max_faults);
    let directory = find_directory(source, len, &mut faults)?;
    check_directory_limits(&directory, limits)?;
    let mut bytes = vec![0; usize::try_from(directory.size).unwrap_or(0)];
    source.read_exact_at(&mut bytes, directory.offset)?;
    let total = check_sizes(&bytes, len, limits)?;
    let mut walk = Walk::default();
    walk.entries(source, &directory, &bytes, &mut faults)?;
    check_tiling(&mut walk.records, directory.offset, &mut faults);
    check_polyglot(source, len, &mut faults)?;
    check_tree(&walk.listed, &mut faults);
    let notes = faults.into_notes()?;
    Ok(ZipListing { entries: walk.listed, uncompressed_bytes: total, notes })
}

/// Before anything is allocated for the entries.
fn check_directory_limits(directory: &Directory, limits: &Limits) -> Result<(), ZipFault> {
    if directory.entry_count > limits.max_entries as u64 {
        let message =
            format!("the archive has {} entries; at most {} are taken", directory.entry_count, limits.max_entries);
        return Err(ZipFault::new(LIMIT, message));
    }
    if directory.size > limits.max_central_directory_bytes {
        let message = format!(
            "the central directory has {} bytes; at most {} are taken",
            directory.size, limits.max_central_directory_bytes
        );
        return Err(ZipFault::new(LIMIT, message));
    }
    Ok(())
}

/// What the entries unpack to together, by the central directory alone. A bomb is refused here, before a byte of any
/// entry is read: no more is said about it, and it costs no more than its directory.
fn check_sizes(directory: &[u8], len: u64, limits: &Limits) -> Result<u64, ZipError> {
    let mut faults = Faults::new(limits.max_faults);
    let (mut cursor, mut total) = (Cursor::new(directory), 0_u64);
    // What else is wrong with the headers is told by the walk, unless this refuses the archive.
    while let Some(central) = read_central(&mut cursor, &mut Faults::new(1)) {
        if !central.has_sizes {
            continue;
        }
        total = total.saturating_add(central.uncompressed);
        faults.need(central.uncompressed <= limits.max_entry_bytes, LIMIT, central.name, || {
            format!("the entry unpacks to {} bytes; at most {} are taken", central.uncompressed, limits.max_entry_bytes)
        });
    }
    if total > limits.max_total_bytes {
        let message = format!("the archive unpacks to {total} bytes; at most {} are taken", limits.max_total_bytes);
        faults.push(ZipFault::new(LIMIT, message));
    } else if total > limits.ratio_judged_from_bytes && total / limits.max_ratio.max(1) > len {
        let message = format!(
            "the archive has {len} bytes and unpacks to {total}; more than {} for one is taken for a bomb",
            limits.max_ratio
        );
        faults.push(ZipFault::new(LIMIT, message));
    }
    faults.into_notes().map(|_| total)
}

/// What the walk through the central directory has gathered.
#[derive(Default)]
struct Walk<'a> {
    listed: Vec<ZipEntry>,
    records: Vec<(LocalRecord, &'a [u8])>,
    names: BTreeSet<&'a [u8]>,
}

impl<'a> Walk<'a> {
    fn entries<R: ReadAt + ?Sized>(
        &mut self,
        source: &R,
        directory: &Directory,
        bytes: &'a [u8],
        faults: &mut Faults,
    ) -> io::Result<()> {
        let mut cursor = Cursor::new(bytes);
        let mut count = 0_u64;
        while !cursor.rest().is_empty() {
            if faults.is_full() {
                return Ok(());
            }
            let Some(central) = read_central(&mut cursor, faults) else {
                let message = "the central directory holds bytes that are no header of an entry";
                faults.push(ZipFault::new(DIRECTORY, message));
                return Ok(());
            };
            count += 1;
            if count > directory.entry_count {
                break;
            }
            self.entry(source, directory, &central, faults)?;
        }
        if count != directory.entry_count {
            let message = format!(
                "the end record counts {} entries; the central directory has another number",
                directory.entry_count
            );
            faults.push(ZipFault::new(DIRECTORY, message));
        }
        Ok(())
    }

    fn entry<R: ReadAt + ?Sized>(
        &mut self,
        source: &R,
        directory: &Directory,
        central: &CentralHeader<'a>,
        faults: &mut Faults,
    ) -> io::Result<()> {
        let name = central.name;
        let path = check_name(central, faults);
        let is_dir = name.ends_with(b"/");
        if !self.names.insert(name) {
            faults.push(ZipFault::at(DUPLICATE, name, "the archive has the entry twice"));
        }
        check_type(central, is_dir, faults);
        if !central.has_sizes {
            return Ok(());
        }
        let Some(record) = check_local(source, directory.offset, central, faults)? else { return Ok(()) };
        self.records.push((record, name));
        let (Some(path), Some(method)) = (path, central.method) else { return Ok(()) };
        self.listed.push(ZipEntry {
            path,
            method,
            crc32: central.crc32,
            compressed_bytes: central.compressed,
            uncompressed_bytes: central.uncompressed,
            data_offset: record.data_offset,
            is_dir,
            is_executable: !is_dir && central.mode & 0o111 != 0,
        });
        Ok(())
    }
}

fn check_name(central: &CentralHeader<'_>, faults: &mut Faults) -> Option<ArchivePath> {
    const IS_UTF8: u16 = 1 << 11;
    let name = central.name;
    // Without the flag CPython reads the name as code page 437, others as UTF-8: two readers, two names.
    faults.need(name.is_ascii() || central.flags & IS_UTF8 != 0, NAME, name, || {
        "the name is not ASCII and not marked as UTF-8".into()
    });
    match ArchivePath::parse(name) {
        Ok(path) => Some(path),
        Err(error) => {
            faults.push(ZipFault::at(NAME, name, error.to_string()));
            None
        }
    }
}

fn check_type(central: &CentralHeader<'_>, is_dir: bool, faults: &mut Faults) {
    const KIND: u32 = 0o170_000;
    let name = central.name;
    match central.mode & KIND {
        0 | 0o100_000 => {}
        0o040_000 => faults.need(is_dir, TYPE, name, || "the entry is a folder, but its name is that of a file".into()),
        0o120_000 => faults.push(ZipFault::at(TYPE, name, "the entry is a symbolic link")),
        _ => faults.push(ZipFault::at(TYPE, name, "the entry is neither a regular file nor a folder")),
    }
    if central.mode & 0o6000 != 0 {
        // No installer sets it, so the file is harmless once installed.
        faults.note(ZipFault::at(TYPE, name, "the entry has a set-user-id or set-group-id bit"));
    }
    faults
        .need(!is_dir || central.uncompressed == 0, FOLDER_DATA, name, || "the entry is a folder and has data".into());
    if central.method == Some(Method::Stored) {
        faults.need(central.compressed == central.uncompressed, super::zip_faults::DATA, name, || {
            "the entry is stored, but its two lengths differ".into()
        });
    }
}

/// Every byte before the central directory belongs to exactly one listed entry, so nothing is hidden.
fn check_tiling(records: &mut [(LocalRecord, &[u8])], directory_offset: u64, faults: &mut Faults) {
    // After an unplaceable entry the gap it leaves would be told a second time.
    if !faults.is_empty() {
        return;
    }
    records.sort_unstable();
    let mut position = 0;
    for (record, name) in records.iter() {
        if record.start != position {
            let message = if record.start > position {
                format!("{} bytes before the entry belong to no listed entry", record.start - position)
            } else {
                "the entry overlaps the one before it".to_owned()
            };
            faults.push(ZipFault::at(TILING, name, message));
        }
        position = position.max(record.end);
    }
    if position != directory_offset {
        let message = format!(
            "{} bytes before the central directory belong to no listed entry",
            directory_offset.saturating_sub(position)
        );
        faults.push(ZipFault::new(TILING, message));
    }
}

/// A first block that is a sound tar header as well lets a scanner look into the one and an installer into the other.
fn check_polyglot<R: ReadAt + ?Sized>(source: &R, len: u64, faults: &mut Faults) -> io::Result<()> {
    if len < 512 {
        return Ok(());
    }
    let mut block = [0; 512];
    source.read_exact_at(&mut block, 0)?;
    if super::tar_read::is_header(&block) {
        faults.push(ZipFault::new(POLYGLOT, "the file is a tar archive at the same time"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "zip_read_tests.rs"]
mod tests;
