//! Zip and tar as formats: bounded readers that judge every byte, and the layout of a stored zip. Imports nothing of ours.

mod limits;
mod paths;
mod tar_read;
mod zip_read;
mod zip_write;

pub use limits::Limits;
pub use paths::{ArchivePath, PathError};
pub use tar_read::{SdistError, SdistListing, TarEntry, TarError, TarReader, read_sdist};
pub use zip_read::{
    EntryReader, Method, ReadAt, ZipEntry, ZipError, ZipFault, ZipListing, open_entry, read_entry, read_zip,
    verify_entry,
};
pub use zip_write::{LayoutError, PlacedEntry, StoredEntry, ZipLayout};
