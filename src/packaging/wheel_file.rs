//! The WHEEL file: format version, purelib or platlib, and the tags the builder meant (PEP 427).

use super::faults::MetadataFault;
use super::tags::WheelTag;

/// What WHEEL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WheelFile {
    /// Major and minor version of the wheel format.
    pub wheel_version: (u32, u32),
    /// Program that built it.
    pub generator: Option<String>,
    /// Whether the root goes to purelib instead of platlib.
    pub root_is_purelib: bool,
    /// All tags, expanded, sorted.
    pub tags: Vec<WheelTag>,
    /// Build tag, if it has one.
    pub build: Option<String>,
    /// What was found and refuses nothing.
    pub notes: Vec<MetadataFault>,
}

/// Reads WHEEL; whether its tags are those of the file name is for the caller to compare.
pub fn parse_wheel_file(bytes: &[u8]) -> Result<WheelFile, Vec<MetadataFault>> {
    let _ = bytes;
    todo!("the next commit reads it")
}
