//! What an archive may cost before it is refused.

/// Limits of one archive. `Limits::default()` fits every wheel seen so far; a site may lower or raise single ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most entries. The largest real wheel has under 30 000; each costs some hundred bytes of memory.
    pub max_entries: usize,
    /// Largest central directory, in bytes, because it is held in memory whole: 100 000 entries with names of 300 bytes.
    pub max_central_directory_bytes: u64,
    /// Largest single file after unpacking, in bytes. The largest real ones are libraries of about 2 GiB.
    pub max_entry_bytes: u64,
    /// Largest sum of all files after unpacking, in bytes: what the disk of a host is expected to give.
    pub max_total_bytes: u64,
    /// Unpacked size, in bytes, from which on the ratio is judged; small archives of zeros are harmless.
    pub ratio_judged_from_bytes: u64,
    /// Most unpacked bytes per archive byte. Real packages reach 150 with tables of text.
    pub max_ratio: u64,
    /// Most faults that are reported of one archive; the rest is counted by nobody, and the archive is refused anyway.
    pub max_faults: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_entries: 100_000,
            max_central_directory_bytes: 40 << 20,
            max_entry_bytes: 4 << 30,
            max_total_bytes: 8 << 30,
            ratio_judged_from_bytes: 64 << 20,
            max_ratio: 200,
            max_faults: 50,
        }
    }
}
