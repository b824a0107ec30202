//! Reading a zip so that a reader of the central directory and a streaming reader see the same files, byte for byte.

use std::io;

use super::limits::Limits;
use super::paths::ArchivePath;

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
    /// CRC-32 of the unpacked bytes, as declared; [`verify_entry`] proves it.
    pub crc32: u32,
    /// Length in the archive, in bytes.
    pub compressed_bytes: u64,
    /// Length unpacked, in bytes, as declared; [`verify_entry`] proves it.
    pub uncompressed_bytes: u64,
    /// Where its data starts in the archive, in bytes from the front.
    pub data_offset: u64,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Whether a Unix execute bit is set.
    pub is_executable: bool,
}

/// One broken rule of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipFault {
    /// Which rule, such as `ZIP-TRAILING`.
    pub rule: &'static str,
    /// Reason class that a client may act on, such as `zip-structure`.
    pub class: &'static str,
    /// The entry that is meant, made visible; `None` for the archive itself.
    pub entry: Option<String>,
    /// One sentence that names the thing and the fact.
    pub message: String,
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// It breaks rules; all that were found, in the order of the archive.
    #[error("the archive breaks {} rules of a sound zip", .0.len())]
    Refused(Vec<ZipFault>),
    /// The disk did not answer: nothing is known about the archive.
    #[error("the archive could not be read")]
    Io(#[from] io::Error),
}

/// The entries of a sound zip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZipListing {
    /// Files and folders in the order of the central directory.
    pub entries: Vec<ZipEntry>,
    /// Sum of the declared unpacked lengths, in bytes.
    pub uncompressed_bytes: u64,
    /// Found, but refusing is for the caller: rule `ZIP-CASE`, names equal but for case or Unicode normalization.
    pub notes: Vec<ZipFault>,
}

impl ZipListing {
    /// The file of this path, if there is one; folders are not found.
    pub fn find(&self, path: &str) -> Option<&ZipEntry> {
        self.entries.iter().find(|entry| !entry.is_dir && entry.path.as_str() == path)
    }
}

/// Reads and judges the structure of a zip of `len` bytes without unpacking anything.
///
/// Local headers and central directory must tell the same, byte for byte, from the first byte to the last.
pub fn read_zip<R: ReadAt + ?Sized>(source: &R, len: u64, limits: &Limits) -> Result<ZipListing, ZipError> {
    let _ = (source, len, limits);
    todo!("the next commit reads it")
}

/// The unpacked bytes of an entry, never more than it declares; the end is reached only if length and CRC are right.
pub struct EntryReader<'a, R: ReadAt + ?Sized> {
    source: &'a R,
}

impl<R: ReadAt + ?Sized> io::Read for EntryReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = (self.source, buffer);
        todo!("the next commit reads it")
    }
}

/// Opens an entry for reading.
pub fn open_entry<'a, R: ReadAt + ?Sized>(source: &'a R, entry: &ZipEntry) -> EntryReader<'a, R> {
    let _ = entry;
    EntryReader { source }
}

/// The whole of a small entry; refuses one that declares more than `max_bytes`.
pub fn read_entry<R: ReadAt + ?Sized>(source: &R, entry: &ZipEntry, max_bytes: u64) -> Result<Vec<u8>, ZipError> {
    let _ = (source, entry, max_bytes);
    todo!("the next commit reads it")
}

/// Unpacks an entry once, giving the bytes to `sink` piece by piece, and proves length, CRC and the end of the stream.
pub fn verify_entry<R: ReadAt + ?Sized>(
    source: &R,
    entry: &ZipEntry,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), ZipError> {
    let _ = (source, entry, sink);
    todo!("the next commit reads it")
}
