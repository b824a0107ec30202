//! The data of a zip entry: unpacked piece by piece, never more than declared, and proven at its end.

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::zip_faults::{DATA, LIMIT, ZipError, ZipFault};
use super::zip_read::{Method, ReadAt, ZipEntry};

/// How much is read and unpacked at a time, in bytes: large enough for the disk, small enough for many uploads at once.
const PIECE_BYTES: usize = 64 << 10;

/// The unpacked bytes of an entry, never more than it declares.
///
/// The end (`Ok(0)`) is reached only if length, CRC and the end of the packed stream are right; a fault is an
/// [`io::Error`] that turns into [`ZipError::Refused`] by `From`.
pub struct EntryReader<'a, R: ReadAt + ?Sized> {
    source: &'a R,
    entry: &'a ZipEntry,
    input: Vec<u8>,
    taken: usize,
    next_offset: u64,
    unread: u64,
    decoder: Option<Decompress>,
    crc: crc32fast::Hasher,
    produced: u64,
    is_done: bool,
}

/// Opens an entry for reading.
pub fn open_entry<'a, R: ReadAt + ?Sized>(source: &'a R, entry: &'a ZipEntry) -> EntryReader<'a, R> {
    EntryReader {
        source,
        entry,
        input: Vec::new(),
        taken: 0,
        next_offset: entry.data_offset,
        unread: entry.compressed_bytes,
        decoder: (entry.method == Method::Deflated).then(|| Decompress::new(false)),
        crc: crc32fast::Hasher::new(),
        produced: 0,
        is_done: false,
    }
}

/// The whole of a small entry, proven; refuses one that declares more than `max_bytes` before anything is unpacked.
pub fn read_entry<R: ReadAt + ?Sized>(source: &R, entry: &ZipEntry, max_bytes: u64) -> Result<Vec<u8>, ZipError> {
    if entry.uncompressed_bytes > max_bytes {
        let message =
            format!("the entry unpacks to {} bytes; at most {max_bytes} are taken of it", entry.uncompressed_bytes);
        return Err(ZipFault::at(LIMIT, entry.path.as_str().as_bytes(), message).into());
    }
    let mut content = Vec::new();
    verify_entry(source, entry, &mut |piece| content.extend_from_slice(piece))?;
    Ok(content)
}

/// Unpacks an entry once, giving the bytes to `sink` piece by piece, and proves length, CRC and the end of the stream.
pub fn verify_entry<R: ReadAt + ?Sized>(
    source: &R,
    entry: &ZipEntry,
    sink: &mut dyn FnMut(&[u8]),
) -> Result<(), ZipError> {
    let mut reader = open_entry(source, entry);
    let length = usize::try_from(entry.uncompressed_bytes).unwrap_or(PIECE_BYTES).clamp(1, PIECE_BYTES);
    let mut piece = vec![0; length];
    loop {
        match reader.read(&mut piece)? {
            0 => return Ok(()),
            count => sink(&piece[..count]),
        }
    }
}

impl<R: ReadAt + ?Sized> Read for EntryReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.is_done {
            return Ok(0);
        }
        // With everything declared already given, one byte of room shows whether there is more.
        let missing = self.entry.uncompressed_bytes - self.produced;
        let mut probe = [0];
        let room = usize::try_from(missing).unwrap_or(usize::MAX).min(buffer.len());
        let output = if room == 0 { &mut probe[..] } else { &mut buffer[..room] };
        let (count, is_end) = self.unpack(output)?;
        if count as u64 > missing {
            return Err(self.fault("the data unpacks to more than the entry declares"));
        }
        self.crc.update(&output[..count]);
        self.produced += count as u64;
        if is_end {
            self.is_done = true;
            self.prove_end()?;
        }
        if count == 0 && !is_end {
            return Err(self.fault("the packed data ends too early"));
        }
        Ok(count)
    }
}

impl<R: ReadAt + ?Sized> EntryReader<'_, R> {
    /// The next bytes, at least one unless the data is at its end, and whether it is.
    fn unpack(&mut self, output: &mut [u8]) -> io::Result<(usize, bool)> {
        loop {
            self.fill()?;
            let input = &self.input[self.taken..];
            let Some(decoder) = &mut self.decoder else {
                let count = input.len().min(output.len());
                output[..count].copy_from_slice(&input[..count]);
                self.taken += count;
                let is_end = self.taken == self.input.len() && self.unread == 0;
                return Ok((count, is_end));
            };
            let (in_before, out_before) = (decoder.total_in(), decoder.total_out());
            let status = decoder
                .decompress(input, output, FlushDecompress::None)
                .map_err(|_| fault_of(self.entry, "the packed data is not a deflate stream"))?;
            let consumed = usize::try_from(decoder.total_in() - in_before).unwrap_or(0);
            let count = usize::try_from(decoder.total_out() - out_before).unwrap_or(0);
            self.taken += consumed;
            if status == Status::StreamEnd {
                return Ok((count, true));
            }
            let is_stuck = consumed == 0 && self.taken < self.input.len();
            let is_exhausted = self.taken == self.input.len() && self.unread == 0;
            if count > 0 || is_stuck || is_exhausted {
                return Ok((count, false));
            }
        }
    }

    /// Reads the next piece of packed data when the last one is used up.
    fn fill(&mut self) -> io::Result<()> {
        if self.taken < self.input.len() || self.unread == 0 {
            return Ok(());
        }
        let length = self.unread.min(PIECE_BYTES as u64);
        self.input.resize(usize::try_from(length).unwrap_or(PIECE_BYTES), 0);
        self.source.read_exact_at(&mut self.input, self.next_offset)?;
        self.taken = 0;
        self.next_offset += length;
        self.unread -= length;
        Ok(())
    }

    fn prove_end(&mut self) -> io::Result<()> {
        if self.unread > 0 || self.taken < self.input.len() {
            return Err(self.fault("there are bytes after the end of the packed data"));
        }
        if self.produced != self.entry.uncompressed_bytes {
            return Err(self.fault("the data unpacks to less than the entry declares"));
        }
        if self.crc.clone().finalize() != self.entry.crc32 {
            return Err(self.fault("the data has another CRC than the entry declares"));
        }
        Ok(())
    }

    fn fault(&self, message: &str) -> io::Error {
        fault_of(self.entry, message)
    }
}

fn fault_of(entry: &ZipEntry, message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, ZipFault::at(DATA, entry.path.as_str().as_bytes(), message))
}
