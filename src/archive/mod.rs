//! Zip and tar as formats: bounded readers that judge every byte, and the layout of a stored zip. Imports nothing of ours.

mod limits;
mod paths;
mod sdist;
mod tar_header;
mod tar_read;
mod zip_data;
mod zip_end;
mod zip_faults;
mod zip_headers;
#[cfg(test)]
mod zip_lies;
mod zip_read;
mod zip_tree;
mod zip_write;

pub use limits::Limits;
pub use paths::{ArchivePath, PathError};
pub use sdist::{SdistListing, TarFault, read_sdist};
pub use tar_read::{TarEntry, TarError, TarKind, TarReader};
pub use zip_data::{EntryReader, open_entry, read_entry, verify_entry};
pub use zip_faults::{ZipError, ZipFault};
pub use zip_read::{Method, ReadAt, ZipEntry, ZipListing, read_zip};
pub use zip_write::{LayoutError, PlacedEntry, StoredEntry, ZipLayout};
