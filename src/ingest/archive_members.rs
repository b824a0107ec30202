//! The files of an archive, read in a thread that may block and handed on piece by piece.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use tokio::sync::mpsc;

use crate::archive::{Limits, TarEntry, TarError, TarKind, TarReader, ZipError, open_entry, read_entry, read_zip};
use crate::model::Finding;
use crate::packaging::shown;

/// How much of a member is handed on at a time, in bytes.
const PIECE_BYTES: usize = 64 << 10;

/// Largest window of a zstd stream, as a power of two: 128 MiB, what zstd itself takes unless it is told otherwise.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// What an archive is, by its first bytes and by nothing that a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Tar,
    TarGz,
    TarZst,
    Zip,
}

impl Format {
    /// How many bytes tell it.
    pub(super) const KNOWN_FROM_BYTES: usize = 4;

    pub(super) fn of(begin: &[u8]) -> Self {
        match begin {
            [0x1f, 0x8b, ..] => Self::TarGz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::TarZst,
            // A zip without entries begins with its end.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            // Whatever is none is said to be a damaged tar.
            _ => Self::Tar,
        }
    }
}

/// Up to this length a file is handed on whole, in bytes.
const WHOLE_BYTES: u64 = 1 << 20;

/// What is met in an archive. A file is whole, or a begin, pieces, and an end.
pub(super) enum Member {
    /// A small file.
    Whole(String, Bytes),
    /// A file of this name, without the folders that it lies in.
    Begin(String),
    /// Its next bytes.
    Piece(Bytes),
    /// All of it is here.
    End,
    /// A member that is not taken: its name as it stands there, and why.
    Refused(String, Finding),
    /// Nothing can be read from here on.
    Damaged(Vec<Finding>),
    /// The bytes did not arrive, or could not be read back.
    Failed(io::Error),
}

/// Nobody waits for members any more.
struct Gone;

impl From<Gone> for io::Error {
    fn from(_: Gone) -> Self {
        io::ErrorKind::BrokenPipe.into()
    }
}

type Members = mpsc::Sender<Member>;

fn send(members: &Members, member: Member) -> Result<(), Gone> {
    members.blocking_send(member).map_err(|_| Gone)
}

/// Reads a tar that is still arriving. Blocks.
pub(super) fn read_tar(
    format: Format,
    arriving: mpsc::Receiver<io::Result<Bytes>>,
    limits: &Limits,
    members: &Members,
) {
    let packed = BufReader::with_capacity(PIECE_BYTES, Arriving { pieces: arriving, piece: Bytes::new(), count: 0 });
    let done = match format {
        Format::TarGz => walk(Unpacked { given: 0, packed: MultiGzDecoder::new(packed), limits }, limits, members),
        Format::TarZst => match zstd(packed) {
            Ok(packed) => walk(Unpacked { given: 0, packed, limits }, limits, members),
            Err(error) => Err(error.into()),
        },
        Format::Tar | Format::Zip => walk(packed, limits, members),
    };
    if let Err(error) = done {
        let told = match error {
            TarError::Refused { rule, class, message } => {
                Member::Damaged(vec![Finding::refuse(rule, class, message).at("archive")])
            }
            TarError::Io(error) => Member::Failed(error),
        };
        // Whoever does not listen any more needs no reason.
        let _ = send(members, told);
    }
}

fn zstd<R: BufRead>(packed: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(packed)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

fn walk<R: Read>(source: R, limits: &Limits, members: &Members) -> Result<(), TarError> {
    let mut tar = TarReader::new(source, limits);
    loop {
        let taken = match tar.next_entry() {
            Ok(None) => return Ok(()),
            Ok(Some(entry)) => take(&entry, &mut tar, members),
            Err(error) => Err(error),
        };
        match taken {
            Ok(()) => {}
            // Refused for what it is, and all readers agree where the next one begins.
            Err(TarError::Refused { rule, class: class @ "archive-unsafe", message }) if tar.can_go_on() => {
                let name = tar.last_name().unwrap_or_default().to_owned();
                let finding = Finding::refuse(rule, class, message).at(&name);
                send(members, Member::Refused(name, finding)).map_err(|gone| TarError::Io(gone.into()))?;
            }
            Err(error) => return Err(error),
        }
    }
}

fn take<R: Read>(entry: &TarEntry, tar: &mut TarReader<R>, members: &Members) -> Result<(), TarError> {
    match entry.kind {
        TarKind::Folder => Ok(()),
        TarKind::File if entry.size_bytes <= WHOLE_BYTES => {
            let path = entry.path()?;
            let bytes = tar.read_member(WHOLE_BYTES)?.into();
            let whole = Member::Whole(path.file_name().to_owned(), bytes);
            send(members, whole).map_err(|gone| TarError::Io(gone.into()))
        }
        TarKind::File => hand_on(members, entry.path()?.file_name(), |sink| tar.copy_member(sink)),
        TarKind::SymbolicLink(_) | TarKind::HardLink(_) => {
            let name = shown(&entry.name);
            let message = format!("`{name}` is a link; only the files themselves are taken");
            Err(TarError::Refused { rule: "TAR-TYPE", class: "archive-unsafe", message })
        }
    }
}

/// Hands a file on in pieces that `copy` gives.
fn hand_on<E: From<io::Error>>(
    members: &Members,
    name: &str,
    copy: impl FnOnce(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> Result<(), E>,
) -> Result<(), E> {
    let gone = |gone: Gone| io::Error::from(gone);
    send(members, Member::Begin(name.to_owned())).map_err(gone)?;
    copy(&mut |piece| Ok(send(members, Member::Piece(Bytes::copy_from_slice(piece)))?))?;
    send(members, Member::End).map_err(gone)?;
    Ok(())
}

/// Reads a zip that is here whole. Blocks.
pub(super) fn read_zip_members(file: &File, size_bytes: u64, limits: &Limits, members: &Members) {
    if let Err(error) = walk_zip(file, size_bytes, limits, members) {
        let told = match error {
            ZipError::Refused(faults) => {
                let finding = |fault: crate::archive::ZipFault| {
                    let finding = Finding::refuse(fault.rule, fault.class, fault.message);
                    finding.at(fault.entry.unwrap_or_else(|| "archive".to_owned()))
                };
                Member::Damaged(faults.into_iter().map(finding).collect())
            }
            ZipError::Io(error) => Member::Failed(error),
        };
        let _ = send(members, told);
    }
}

fn walk_zip(file: &File, size_bytes: u64, limits: &Limits, members: &Members) -> Result<(), ZipError> {
    let listing = read_zip(file, size_bytes, limits)?;
    for entry in listing.files() {
        if entry.uncompressed_bytes <= WHOLE_BYTES {
            let bytes = read_entry(file, entry, WHOLE_BYTES)?.into();
            let whole = Member::Whole(entry.path.file_name().to_owned(), bytes);
            send(members, whole).map_err(io::Error::from)?;
            continue;
        }
        hand_on(members, entry.path.file_name(), |sink| {
            let mut reader = open_entry(file, entry);
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                match reader.read(&mut piece)? {
                    0 => return Ok::<(), ZipError>(()),
                    length => sink(piece.get(..length).unwrap_or_default())?,
                }
            }
        })?;
    }
    Ok(())
}

/// A body that arrives, for whoever reads where it may block.
struct Arriving {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
    count: u64,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let length = self.piece.len().min(buffer.len());
        let taken = self.piece.split_to(length);
        if let Some(room) = buffer.get_mut(..length) {
            room.copy_from_slice(&taken);
        }
        self.count += length as u64;
        Ok(length)
    }
}

/// Tells how much was read of what is packed.
trait Packed: Read {
    fn packed_bytes(&self) -> u64;
}

impl Packed for MultiGzDecoder<BufReader<Arriving>> {
    fn packed_bytes(&self) -> u64 {
        self.get_ref().get_ref().count
    }
}

impl Packed for zstd::Decoder<'static, BufReader<Arriving>> {
    fn packed_bytes(&self) -> u64 {
        self.get_ref().get_ref().count
    }
}

/// An unpacked stream, stopped when it grows out of proportion.
struct Unpacked<'a, R> {
    packed: R,
    given: u64,
    limits: &'a Limits,
}

impl<R: Packed> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.packed.read(buffer)?;
        self.given += count as u64;
        let is_judged = self.given > self.limits.ratio_judged_from_bytes;
        if is_judged && self.given / self.limits.max_ratio.max(1) > self.packed.packed_bytes() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the archive unpacks to far more than it has"));
        }
        Ok(count)
    }
}
