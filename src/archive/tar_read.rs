//! Reading tar without ever writing to disk: a bounded walk that gives files, folders and links and refuses the rest.

use std::io::{self, Read};

use super::limits::Limits;
use super::paths::{ArchivePath, shown};
use super::tar_header::{Header, PaxRecords, is_zero, parse_pax};

/// Length of a header and the unit in which data is padded.
pub(super) const BLOCK_BYTES: usize = 512;
/// Longest extended header, in bytes: a path of 4096 with some records beside it.
const MAX_EXTENDED_BYTES: u64 = 64 << 10;
/// Most zero bytes behind the end mark: tapes are padded to at most this.
const MAX_PADDING_BYTES: u64 = 1 << 20;
/// How much of a member is read at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// One member of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Its name: relative, without `..`, a leading `./` and a trailing `/` dropped. [`TarEntry::path`] judges the rest.
    pub name: String,
    /// What it is.
    pub kind: TarKind,
    /// Length in bytes; 0 if it is no file.
    pub size_bytes: u64,
}

/// What a member is; devices, pipes and sparse files are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link with its target as written. Nobody here follows one.
    SymbolicLink(String),
    /// A hard link with the name of another member.
    HardLink(String),
}

/// Why a tar is refused.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// A rule is broken.
    #[error("{message}")]
    Refused {
        /// Which rule, such as `TAR-NAME`.
        rule: &'static str,
        /// Reason class: `archive-unsafe`, `archive-damaged` or `too-large`.
        class: &'static str,
        /// One sentence that names the thing and the fact.
        message: String,
    },
    /// The stream did not answer.
    #[error("the archive could not be read")]
    Io(#[source] io::Error),
}

impl TarError {
    /// The member could harm whoever unpacks it, or readers disagree about it.
    pub(super) fn unsafe_member(rule: &'static str, message: impl Into<String>) -> Self {
        Self::Refused { rule, class: "archive-unsafe", message: message.into() }
    }

    /// The bytes are no whole tar.
    pub(super) fn damaged(message: impl Into<String>) -> Self {
        Self::Refused { rule: "TAR-DAMAGED", class: "archive-damaged", message: message.into() }
    }

    /// A limit is reached.
    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::Refused { rule: "TAR-LIMIT", class: "too-large", message: message.into() }
    }
}

impl From<io::Error> for TarError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What a decompressor says of bytes that are not its own.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                Self::damaged("the archive is cut or its compression is damaged")
            }
            // What a reader of ours says when the stream grows out of proportion.
            io::ErrorKind::FileTooLarge => Self::too_large(error.to_string()),
            _ => Self::Io(error),
        }
    }
}

impl TarEntry {
    /// The name as a path that is safe and the same on every system; for members that will be stored under it.
    pub fn path(&self) -> Result<ArchivePath, TarError> {
        self.name
            .parse()
            .map_err(|error| TarError::unsafe_member("TAR-NAME", format!("`{}`: {error}", shown(self.name.as_bytes()))))
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == TarKind::File
    }
}

/// Walks the members of an unpacked tar stream; between two calls of [`TarReader::next_entry`] the member may be read.
pub struct TarReader<R: Read> {
    source: R,
    limits: Limits,
    unread: u64,
    padding: u64,
    entry_count: usize,
    total_bytes: u64,
    last_name: Option<String>,
    is_placed: bool,
    is_done: bool,
}

impl<R: Read> TarReader<R> {
    /// Starts at the front of an unpacked tar.
    pub fn new(source: R, limits: &Limits) -> Self {
        Self {
            source,
            limits: limits.clone(),
            unread: 0,
            padding: 0,
            entry_count: 0,
            total_bytes: 0,
            last_name: None,
            is_placed: false,
            is_done: false,
        }
    }

    /// The next member, or `None` after the end mark; what was not read of the one before is skipped.
    pub fn next_entry(&mut self) -> Result<Option<TarEntry>, TarError> {
        let mut extended = Extended::default();
        while !self.is_done {
            (self.last_name, self.is_placed) = (None, false);
            self.copy_member(&mut |_| Ok(()))?;
            let Some(header) = self.read_header()? else {
                return match extended {
                    Extended { name: None, link_name: None, pax: None } => Ok(None),
                    _ => Err(TarError::damaged("the archive ends after the extended header of a member")),
                };
            };
            self.entry_count += 1;
            if self.entry_count > self.limits.max_entries {
                return Err(TarError::too_large(format!(
                    "the archive has more than {} members",
                    self.limits.max_entries
                )));
            }
            match header.kind {
                b'x' => put_once(&mut extended.pax, parse_pax(&self.read_extended(&header)?)?)?,
                b'g' => parse_pax(&self.read_extended(&header)?)?.need_harmless()?,
                b'L' => put_once(&mut extended.name, self.read_extended(&header)?)?,
                b'K' => put_once(&mut extended.link_name, self.read_extended(&header)?)?,
                _ => {
                    if let Some(entry) = self.member(&header, std::mem::take(&mut extended))? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Gives what is left of the current member to `sink`, piece by piece.
    pub fn copy_member(&mut self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), TarError> {
        let mut piece = vec![0; usize::try_from(self.unread).unwrap_or(PIECE_BYTES).min(PIECE_BYTES)];
        while self.unread > 0 {
            let length = usize::try_from(self.unread).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            self.source.read_exact(&mut piece[..length])?;
            self.unread -= length as u64;
            sink(&piece[..length]).map_err(TarError::Io)?;
        }
        let mut padding = [0; BLOCK_BYTES];
        let length = usize::try_from(self.padding).unwrap_or(0);
        self.source.read_exact(&mut padding[..length])?;
        self.padding = 0;
        Ok(())
    }

    /// What is left of the current member; refuses one of more than `max_bytes`.
    pub fn read_member(&mut self, max_bytes: u64) -> Result<Vec<u8>, TarError> {
        if self.unread > max_bytes {
            let message = format!("the member has {} bytes; at most {max_bytes} are taken of it", self.unread);
            return Err(TarError::too_large(message));
        }
        let mut content = Vec::new();
        self.copy_member(&mut |piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    /// Name of the member that [`TarReader::next_entry`] judged last, made visible; `None` if it got to none.
    pub fn last_name(&self) -> Option<&str> {
        self.last_name.as_deref()
    }

    /// Whether the walk can go on behind the member that was refused last: all readers agree where it ends.
    pub fn can_go_on(&self) -> bool {
        self.is_placed
    }

    /// How many bytes the members seen so far announce.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// The stream below, to see what follows the tar.
    pub fn into_source(self) -> R {
        self.source
    }

    /// The next header, or `None` at the end mark, after which only zeros may follow.
    fn read_header(&mut self) -> Result<Option<Header>, TarError> {
        let mut block = [0; BLOCK_BYTES];
        self.source.read_exact(&mut block)?;
        if !is_zero(&block) {
            return Header::parse(&block).map(Some);
        }
        self.is_done = true;
        let mut padding = 0_u64;
        loop {
            let mut piece = [0; BLOCK_BYTES];
            let count = self.source.read(&mut piece)?;
            if count == 0 {
                break;
            }
            padding += count as u64;
            if !is_zero(&piece) {
                return Err(TarError::unsafe_member(
                    "TAR-TRAILING",
                    "there are bytes behind the end mark of the archive",
                ));
            }
            if padding > MAX_PADDING_BYTES {
                return Err(TarError::too_large("the archive is padded with too many zeros"));
            }
        }
        match padding >= BLOCK_BYTES as u64 {
            true => Ok(None),
            false => Err(TarError::damaged("the archive has no whole end mark")),
        }
    }

    /// The content of an extended header, which describes the next member.
    fn read_extended(&mut self, header: &Header) -> Result<Vec<u8>, TarError> {
        if header.size_bytes > MAX_EXTENDED_BYTES {
            let message =
                format!("an extended header has {} bytes; at most {MAX_EXTENDED_BYTES} are taken", header.size_bytes);
            return Err(TarError::unsafe_member("TAR-EXTENDED", message));
        }
        self.start_data(header.size_bytes);
        self.read_member(MAX_EXTENDED_BYTES)
    }

    fn start_data(&mut self, size_bytes: u64) {
        let block = BLOCK_BYTES as u64;
        self.unread = size_bytes;
        self.padding = (block - size_bytes % block) % block;
    }

    /// A member from its header and what the extended headers before it say; `None` for the folder `./` itself.
    fn member(&mut self, header: &Header, extended: Extended) -> Result<Option<TarEntry>, TarError> {
        let pax = extended.pax.unwrap_or_default();
        let name = match (pax.path, extended.name) {
            (Some(_), Some(_)) => {
                return Err(TarError::unsafe_member("TAR-NAME", "a member is named by two extended headers"));
            }
            (Some(name), None) => name,
            (None, Some(name)) => without_nul(name),
            (None, None) => header.name(),
        };
        self.last_name = Some(shown(&name));
        if pax.is_sparse {
            return Err(TarError::unsafe_member("TAR-TYPE", format!("`{}` is a sparse file", shown(&name))));
        }
        if pax.size_bytes.is_some_and(|size| size != header.size_bytes) {
            // CVE-2025-62518: one reader skips by the one number and finds members inside the other's data.
            return Err(TarError::unsafe_member("TAR-SIZE", "a member's two headers tell different sizes"));
        }
        let is_folder_name = name.ends_with(b"/");
        // What other kinds have behind their header is read differently.
        self.is_placed = matches!(header.kind, b'0' | 0) || (header.size_bytes == 0 && header.kind != b'S');
        if self.is_placed {
            self.start_data(header.size_bytes);
        }
        let kind = match header.kind {
            b'5' => TarKind::Folder,
            // Before POSIX folders had no kind of their own.
            b'0' | 0 if is_folder_name => TarKind::Folder,
            b'0' | 0 => TarKind::File,
            b'1' | b'2' => {
                let told = pax.link_path.or(extended.link_name.map(without_nul));
                let target = plain_text(told.unwrap_or_else(|| header.link_name()))?;
                if header.kind == b'1' { TarKind::HardLink(target) } else { TarKind::SymbolicLink(target) }
            }
            b'S' => return Err(TarError::unsafe_member("TAR-TYPE", format!("`{}` is a sparse file", shown(&name)))),
            _ => {
                return Err(TarError::unsafe_member(
                    "TAR-TYPE",
                    format!("`{}` is neither a file nor a folder", shown(&name)),
                ));
            }
        };
        let size_bytes = if kind == TarKind::File { header.size_bytes } else { 0 };
        if size_bytes != header.size_bytes {
            self.is_placed = false;
            return Err(TarError::unsafe_member("TAR-SIZE", format!("`{}` is no file and has data", shown(&name))));
        }
        self.count_bytes(size_bytes).inspect_err(|_| self.is_placed = false)?;
        let Some(name) = relative_name(name)? else {
            return match kind {
                TarKind::Folder => Ok(None),
                _ => Err(TarError::unsafe_member("TAR-NAME", "a member has no name")),
            };
        };
        Ok(Some(TarEntry { name, kind, size_bytes }))
    }

    fn count_bytes(&mut self, size_bytes: u64) -> Result<(), TarError> {
        self.total_bytes = self.total_bytes.saturating_add(size_bytes);
        if size_bytes > self.limits.max_entry_bytes || self.total_bytes > self.limits.max_total_bytes {
            return Err(TarError::too_large(format!(
                "the archive unpacks to more than {} bytes, or one member to more than {}",
                self.limits.max_total_bytes, self.limits.max_entry_bytes
            )));
        }
        Ok(())
    }
}

/// What the extended headers before a member say of it.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    link_name: Option<Vec<u8>>,
    pax: Option<PaxRecords>,
}

fn without_nul(name: Vec<u8>) -> Vec<u8> {
    name.strip_suffix(b"\0").map(<[u8]>::to_vec).unwrap_or(name)
}

fn put_once<T>(slot: &mut Option<T>, value: T) -> Result<(), TarError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(TarError::unsafe_member("TAR-EXTENDED", "a member has two extended headers of one kind")),
    }
}

fn plain_text(name: Vec<u8>) -> Result<String, TarError> {
    let text = String::from_utf8(name).map_err(|_| TarError::unsafe_member("TAR-NAME", "a name is not UTF-8"))?;
    match text.contains('\0') {
        false => Ok(text),
        true => Err(TarError::unsafe_member("TAR-NAME", "a name holds a NUL character")),
    }
}

/// The name without leading `./` and trailing `/`; `None` if nothing is left.
fn relative_name(name: Vec<u8>) -> Result<Option<String>, TarError> {
    let name = plain_text(name)?;
    if name.starts_with('/') || name.split('/').any(|segment| segment == "..") {
        let message = format!("`{}` leads out of the archive", shown(name.as_bytes()));
        return Err(TarError::unsafe_member("TAR-NAME", message));
    }
    let mut rest = name.as_str();
    while let Some(shorter) = rest.strip_prefix("./") {
        rest = shorter;
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    Ok((!rest.is_empty() && rest != ".").then(|| rest.to_owned()))
}

/// Whether a block is a tar header with a right checksum.
pub(super) fn is_header(block: &[u8; BLOCK_BYTES]) -> bool {
    !is_zero(block) && Header::parse(block).is_ok()
}

#[cfg(test)]
#[path = "tar_read_tests.rs"]
mod tests;
