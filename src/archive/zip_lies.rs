//! A zip for the tests, built field by field so that every header can lie.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

pub(super) const MARK: u32 = u32::MAX;

/// The fields of a header; local and central ones are told apart so that they can differ.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) made_by: u16,
    /// Version of the format, times ten, that a reader needs.
    pub(super) needed: u16,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u32,
    pub(super) uncompressed: u32,
    pub(super) extra: Vec<u8>,
    pub(super) comment: Vec<u8>,
    pub(super) disk: u16,
    pub(super) mode: u32,
    pub(super) offset: Option<u32>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) local: Header,
    pub(super) central: Header,
    pub(super) data: Vec<u8>,
    pub(super) descriptor: Vec<u8>,
    pub(super) in_local: bool,
    pub(super) in_central: bool,
}

impl Entry {
    pub(super) fn new(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        Self::packed(name.as_ref(), content, encoder.finish().unwrap(), 8)
    }

    pub(super) fn stored(name: impl AsRef<[u8]>, content: &[u8], mode: u32) -> Self {
        let mut entry = Self::packed(name.as_ref(), content, content.to_vec(), 0);
        entry.central.mode = mode;
        entry
    }

    fn packed(name: &[u8], content: &[u8], data: Vec<u8>, method: u16) -> Self {
        let header = Header {
            name: name.to_vec(),
            made_by: 0x0314,
            needed: 20,
            flags: if name.is_ascii() { 0 } else { 0x800 },
            method,
            crc: crc32fast::hash(content),
            compressed: u32::try_from(data.len()).unwrap(),
            uncompressed: u32::try_from(content.len()).unwrap(),
            extra: Vec::new(),
            comment: Vec::new(),
            disk: 0,
            mode: 0o100_644,
            offset: None,
        };
        Self { local: header.clone(), central: header, data, descriptor: Vec::new(), in_local: true, in_central: true }
    }

    pub(super) fn local(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        self
    }

    pub(super) fn central(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.central);
        self
    }

    pub(super) fn both(self, change: impl Fn(&mut Header)) -> Self {
        self.local(&change).central(change)
    }

    pub(super) fn data(mut self, data: &[u8]) -> Self {
        self.data = data.to_vec();
        let length = u32::try_from(data.len()).unwrap();
        self.both(|header| header.compressed = length)
    }

    /// Streamed: sizes behind the data.
    pub(super) fn descriptor(mut self, is_signed: bool, change: impl Fn(&mut [u32; 3])) -> Self {
        let mut numbers = [self.central.crc, self.central.compressed, self.central.uncompressed];
        change(&mut numbers);
        if is_signed {
            self.descriptor.extend(b"PK\x07\x08");
        }
        numbers.iter().for_each(|number| self.descriptor.extend(number.to_le_bytes()));
        self.both(|header| header.flags |= 8)
            .local(|header| (header.crc, header.compressed, header.uncompressed) = (0, 0, 0))
    }
}

pub(super) struct Zip {
    pub(super) entries: Vec<Entry>,
    pub(super) prefix: Vec<u8>,
    pub(super) between: Vec<u8>,
    pub(super) suffix: Vec<u8>,
    pub(super) comment: Vec<u8>,
    /// Added to disk, count, size and offset of the end record.
    pub(super) end_lies: [i64; 4],
    pub(super) zip64: Option<Zip64>,
}

pub(super) struct Zip64 {
    pub(super) extra: Vec<u8>,
    pub(super) locator_delta: u64,
    pub(super) has_locator: bool,
}

pub(super) fn zip(entries: Vec<Entry>) -> Zip {
    Zip { entries, prefix: vec![], between: vec![], suffix: vec![], comment: vec![], end_lies: [0; 4], zip64: None }
}

impl Zip {
    pub(super) fn build(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut offsets = Vec::new();
        for entry in &self.entries {
            offsets.push(u32::try_from(out.len()).unwrap());
            if entry.in_local {
                out.extend(b"PK\x03\x04");
                put_common(&mut out, &entry.local);
                out.extend([&entry.local.name[..], &entry.local.extra, &entry.data, &entry.descriptor].concat());
            }
        }
        out.extend(&self.between);
        let start = out.len();
        let mut count = 0;
        for (entry, offset) in self.entries.iter().zip(offsets).filter(|(entry, _)| entry.in_central) {
            count += 1;
            let header = &entry.central;
            out.extend(b"PK\x01\x02");
            out.extend(header.made_by.to_le_bytes());
            put_common(&mut out, header);
            out.extend(u16::try_from(header.comment.len()).unwrap().to_le_bytes());
            out.extend(header.disk.to_le_bytes());
            out.extend([0; 2]);
            out.extend((header.mode << 16).to_le_bytes());
            out.extend(header.offset.unwrap_or(offset).to_le_bytes());
            out.extend([&header.name[..], &header.extra, &header.comment].concat());
        }
        self.put_end(&mut out, count, start);
        out.extend(&self.suffix);
        out
    }

    fn put_end(&self, out: &mut Vec<u8>, count: i64, start: usize) {
        let size = i64::try_from(out.len() - start).unwrap();
        let start = i64::try_from(start).unwrap();
        let mut told = [self.end_lies[0], count + self.end_lies[1], size + self.end_lies[2], start + self.end_lies[3]];
        if let Some(zip64) = &self.zip64 {
            let at = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend((44 + zip64.extra.len() as u64).to_le_bytes());
            out.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            [count, count, size, start].iter().for_each(|number| out.extend(number.to_le_bytes()));
            out.extend(&zip64.extra);
            if zip64.has_locator {
                out.extend(b"PK\x06\x07\0\0\0\0");
                out.extend((at + zip64.locator_delta).to_le_bytes());
                out.extend(1_u32.to_le_bytes());
            }
            told = [0, 0xffff, i64::from(MARK), i64::from(MARK)];
        }
        out.extend(b"PK\x05\x06");
        let short = |number: i64| u16::try_from(number).unwrap().to_le_bytes();
        [told[0], 0, told[1], told[1]].iter().for_each(|number| out.extend(short(*number)));
        [told[2], told[3]].iter().for_each(|number| out.extend(u32::try_from(*number).unwrap().to_le_bytes()));
        out.extend(short(i64::try_from(self.comment.len()).unwrap()));
        out.extend(&self.comment);
    }
}

fn put_common(out: &mut Vec<u8>, header: &Header) {
    [header.needed, header.flags, header.method, 0, 0x21]
        .iter()
        .for_each(|value: &u16| out.extend(value.to_le_bytes()));
    [header.crc, header.compressed, header.uncompressed].iter().for_each(|value| out.extend(value.to_le_bytes()));
    out.extend(u16::try_from(header.name.len()).unwrap().to_le_bytes());
    out.extend(u16::try_from(header.extra.len()).unwrap().to_le_bytes());
}

pub(super) fn zip64_extra(values: &[u64]) -> Vec<u8> {
    extra(1, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

pub(super) fn unicode_path(name: &[u8]) -> Vec<u8> {
    extra(0x7075, &[&[1, 0, 0, 0, 0], name].concat())
}

pub(super) fn extra(id: u16, content: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &u16::try_from(content.len()).unwrap().to_le_bytes(), content].concat()
}
