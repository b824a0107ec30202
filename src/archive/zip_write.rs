//! Layout of a stored zip from lengths and CRCs alone: the same entries give the same bytes, without reading any.

/// One file to place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Name with `/` between segments.
    pub name: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// CRC-32 of the bytes.
    pub crc32: u32,
    /// Unix permission bits, such as `0o644`.
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

/// Why a layout is not possible without zip64, which Python before 3.13 cannot start from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// More than 65 534 entries.
    #[error("the archive would have {count} entries; at most 65534 fit without zip64")]
    TooManyEntries {
        /// How many.
        count: usize,
    },
    /// 4 GiB or more.
    #[error("the archive would have {bytes} bytes; it must stay below 4 GiB to fit without zip64")]
    TooLarge {
        /// How many, as far as it was counted.
        bytes: u64,
    },
    /// A name that is empty, too long, unsafe or there twice.
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
    pub fn new(prefix_bytes: u64, entries: &[StoredEntry]) -> Result<Self, LayoutError> {
        let _ = (prefix_bytes, entries);
        todo!("the next commit computes it")
    }
}
