//! Zips in which headers may lie, written by hand: our own writer only tells the truth.

use std::io::Write as _;

/// One member; both headers say the same of it.
#[derive(Clone, Debug)]
pub struct Member {
    name: String,
    method: u16,
    crc32: u32,
    packed: Vec<u8>,
    unpacked_bytes: u64,
    size_bytes: Option<u32>,
    header_offset: Option<u32>,
}

impl Member {
    /// As it is.
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self::new(name, content, content.to_vec(), 0)
    }

    /// Deflated.
    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        Self::new(name, content, encoder.finish().unwrap(), 8)
    }

    /// Makes both headers tell this length instead of the right one, in bytes.
    #[must_use]
    pub fn claiming(mut self, size_bytes: u32) -> Self {
        self.size_bytes = Some(size_bytes);
        self
    }

    /// Makes it share the local record that lies there; only the first member of an archive has one of its own then.
    #[must_use]
    pub fn sharing(mut self, header_offset: u32) -> Self {
        self.header_offset = Some(header_offset);
        self
    }

    fn new(name: &str, content: &[u8], packed: Vec<u8>, method: u16) -> Self {
        let (crc32, unpacked_bytes) = (crc32fast::hash(content), content.len() as u64);
        Self { name: name.to_owned(), method, crc32, packed, unpacked_bytes, size_bytes: None, header_offset: None }
    }

    /// What both headers have, from the version on.
    fn common(&self) -> Vec<u8> {
        let size_bytes = self.size_bytes.unwrap_or(u32::try_from(self.unpacked_bytes).unwrap());
        let mut common = Vec::new();
        for number in [20, 0, self.method, 0, 0x21] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        for number in [self.crc32, u32::try_from(self.packed.len()).unwrap(), size_bytes] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        for number in [u16::try_from(self.name.len()).unwrap(), 0] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common
    }
}

/// The archive, with a zip64 end record when it has too many members for a plain one.
pub fn zip(members: &[Member]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        let offset = member.header_offset.unwrap_or(u32::try_from(zip.len()).unwrap());
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&member.common());
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(0o100_644_u32 << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(member.name.as_bytes());
        if member.header_offset.is_none() || zip.is_empty() {
            zip.extend_from_slice(b"PK\x03\x04");
            zip.extend_from_slice(&member.common());
            zip.extend_from_slice(member.name.as_bytes());
            zip.extend_from_slice(&member.packed);
        }
    }
    let (offset, size, count) = (zip.len() as u64, directory.len() as u64, members.len() as u64);
    zip.extend_from_slice(&directory);
    put_end(&mut zip, count, size, offset);
    zip
}

/// The end record of an archive, behind its directory; a zip64 one before it where the numbers ask for it.
pub fn put_end(zip: &mut Vec<u8>, count: u64, size_bytes: u64, offset: u64) {
    let is_wide = count >= 0xffff || offset >= u64::from(u32::MAX);
    if is_wide {
        let at = offset + size_bytes;
        zip.extend_from_slice(b"PK\x06\x06");
        zip.extend_from_slice(&44_u64.to_le_bytes());
        zip.extend_from_slice(&[45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for number in [count, count, size_bytes, offset] {
            zip.extend_from_slice(&number.to_le_bytes());
        }
        zip.extend_from_slice(b"PK\x06\x07\0\0\0\0");
        zip.extend_from_slice(&at.to_le_bytes());
        zip.extend_from_slice(&1_u32.to_le_bytes());
    }
    let short = |number: u64| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let long = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    zip.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    for number in [short(count), short(count)] {
        zip.extend_from_slice(&number);
    }
    for number in [long(size_bytes), long(offset)] {
        zip.extend_from_slice(&number);
    }
    zip.extend_from_slice(&[0; 2]);
}
