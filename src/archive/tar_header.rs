//! One tar header block and the records of a pax header, read strictly.

use super::tar_read::{BLOCK_BYTES, TarError};

/// A header block whose checksum is right (POSIX.1 ustar, and the forms of GNU and before POSIX).
pub(super) struct Header {
    pub(super) kind: u8,
    pub(super) size_bytes: u64,
    name: Vec<u8>,
    link_name: Vec<u8>,
    prefix: Vec<u8>,
}

/// What the records of a pax header say of the next member.
#[derive(Default)]
pub(super) struct PaxRecords {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link_path: Option<Vec<u8>>,
    pub(super) size_bytes: Option<u64>,
    pub(super) is_sparse: bool,
}

/// Whether all bytes are zero.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK_BYTES]) -> Result<Self, TarError> {
        let told = octal(&block[148..156]).ok_or_else(|| TarError::damaged("a header's checksum is no number"))?;
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        if told != sum {
            return Err(TarError::damaged("a header's checksum is wrong"));
        }
        let size_bytes = number(&block[124..136]).ok_or_else(|| TarError::damaged("a member's size is no number"))?;
        // GNU uses the room of the prefix for other things and says so in the magic.
        let prefix = if &block[257..263] == b"ustar\0" { until_nul(&block[345..500]) } else { Vec::new() };
        Ok(Self {
            kind: block[156],
            size_bytes,
            name: until_nul(&block[..100]),
            link_name: until_nul(&block[157..257]),
            prefix,
        })
    }

    /// The name, joined from its two fields.
    pub(super) fn name(&self) -> Vec<u8> {
        match self.prefix.is_empty() {
            true => self.name.clone(),
            false => [&self.prefix[..], b"/", &self.name[..]].concat(),
        }
    }

    /// What a link points to.
    pub(super) fn link_name(&self) -> Vec<u8> {
        self.link_name.clone()
    }
}

impl PaxRecords {
    /// A global header may say nothing that changes a member.
    pub(super) fn need_harmless(self) -> Result<(), TarError> {
        match self {
            Self { path: None, link_path: None, size_bytes: None, is_sparse: false } => Ok(()),
            _ => Err(TarError::unsafe_member("TAR-EXTENDED", "a global header names or sizes members")),
        }
    }
}

/// Reads `length key=value\n` records; the ones that this reader does not use are passed over.
pub(super) fn parse_pax(mut content: &[u8]) -> Result<PaxRecords, TarError> {
    let damaged = || TarError::damaged("a pax header is damaged");
    let mut records = PaxRecords::default();
    while !content.is_empty() {
        let space = content.iter().position(|byte| *byte == b' ').filter(|at| *at < 20).ok_or_else(damaged)?;
        let length = decimal(&content[..space]).and_then(|n| usize::try_from(n).ok()).ok_or_else(damaged)?;
        let record = content.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n")).ok_or_else(damaged)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(damaged)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let is_repeated = match key {
            b"path" => records.path.replace(value.to_vec()).is_some(),
            b"linkpath" => records.link_path.replace(value.to_vec()).is_some(),
            b"size" => records.size_bytes.replace(decimal(value).ok_or_else(damaged)?).is_some(),
            _ => {
                records.is_sparse |= key.starts_with(b"GNU.sparse.");
                false
            }
        };
        if is_repeated {
            return Err(TarError::unsafe_member("TAR-EXTENDED", "a pax header tells one thing twice"));
        }
        content = &content[length..];
    }
    Ok(records)
}

fn until_nul(field: &[u8]) -> Vec<u8> {
    field.iter().copied().take_while(|byte| *byte != 0).collect()
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A number field: octal, or GNU's base 256 for what does not fit; negative ones are none.
fn number(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((0x80, rest)) => {
            let (high, low) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
            is_zero(high).then(|| low.try_into().ok().map(u64::from_be_bytes))?
        }
        Some((first, _)) if *first > 0x80 => None,
        _ => octal(field),
    }
}

/// Octal digits between spaces and NULs; an empty field is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    match text {
        "" => Some(0),
        digits if digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) => u64::from_str_radix(digits, 8).ok(),
        _ => None,
    }
}
