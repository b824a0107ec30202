//! The bytes of a finished page in one encoding, with their entity tag. Compressing a large page again costs what changed.

use std::sync::Arc;

use bytes::Bytes;
use sha2::Digest as _;

use super::text::Text;
use super::{Base, Encoding, Format};
use crate::model::Serial;

/// Bodies up to this length are one run of bytes, so that they leave in one go; above, pieces are shared with their cache.
const WHOLE_BYTES: usize = 128 << 10;

/// Memory for compressed pieces, in bytes: the large pages of a server several times over.
const PIECES_BYTES: u64 = 16 << 20;

/// What a piece takes beside its bytes, in bytes: its key, its facts, and what the cache remembers of an entry.
const PIECE_BYTES: usize = 256;

/// Above this length, zstd takes its quickest level: pages are made while a client waits.
const QUICK_BYTES: usize = 64 << 10;

/// The head of a gzip stream: deflate, no flags, no time, no name, an unknown system. Two nodes send the same (IDX-25).
const GZIP_HEAD: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The last block of every gzip body: an empty one with fixed codes (RFC 1951 section 3.2.6).
const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// A finished page in one encoding.
#[derive(Debug)]
pub struct PageBody {
    /// Its representation.
    pub format: Format,
    /// How its bytes are encoded.
    pub encoding: Encoding,
    /// Serial of the last change that it shows (IDX-32).
    pub last_serial: Serial,
    /// The entity tag with its quotes, ASCII; differs between representations and encodings (IDX-29).
    pub etag: Bytes,
    /// What is sent, in order.
    pub pieces: Vec<Bytes>,
}

/// Writes the run at a position of its page.
type WriteRun<'page> = Box<dyn Fn(&mut Text, usize) + 'page>;

/// A page that is written as far as that is needed: of a run whose compressed bytes are known, nothing is.
pub struct Draft<'page> {
    /// Format and [`Base`] in which the runs are written.
    pub form: (Format, Option<Base>),
    /// What stands before the runs.
    pub head: Text,
    /// Number and length of each run, in entries; without a number where nothing is remembered of it.
    pub runs: Vec<(Option<u64>, usize)>,
    /// Writes a run; the position of the first is 0.
    pub write: WriteRun<'page>,
    /// Bytes of an entry, about: texts are made with room for all of them.
    pub entry_bytes: usize,
    /// What stands behind the runs.
    pub tail: Text,
}

impl Draft<'_> {
    /// The whole text.
    pub fn into_string(self) -> String {
        let entries: usize = self.runs.iter().map(|(_, entries)| entries).sum();
        let mut text = self.head;
        text.reserve(entries * self.entry_bytes + self.tail.as_str().len());
        (0..self.runs.len()).for_each(|position| (self.write)(&mut text, position));
        text.push(self.tail.as_str());
        text.into_string()
    }

    fn run(&self, position: usize, entries: usize) -> String {
        let mut text = Text::with_capacity(entries * self.entry_bytes);
        (self.write)(&mut text, position);
        text.into_string()
    }
}

impl PageBody {
    /// Encodes a page's text.
    ///
    /// The tag covers the content type too: the two names of HTML have the same bytes and are two representations.
    pub(super) fn new(
        format: Format,
        encoding: Encoding,
        last_serial: Serial,
        draft: Draft<'_>,
        known: &KnownPieces,
    ) -> std::io::Result<Self> {
        let pieces = match encoding {
            Encoding::Identity => vec![Bytes::from(draft.into_string())],
            Encoding::Zstd => vec![Bytes::from(compress_zstd(&draft.into_string())?)],
            Encoding::Gzip => joined(compress_gzip(draft, known)?),
        };
        let mut hasher = sha2::Sha256::new();
        hasher.update(format.content_type());
        hasher.update([0]);
        pieces.iter().for_each(|piece| hasher.update(piece));
        let etag = format!("\"{}\"", &hex::encode(hasher.finalize())[..32]).into();
        Ok(Self { format, encoding, last_serial, etag, pieces })
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }

    /// Whether there are no bytes, which no page is.
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Bytes::is_empty)
    }
}

/// What a piece is known by.
#[derive(PartialEq, Eq, Hash)]
enum PieceKey {
    /// The digest of its text.
    Text([u8; 32]),
    /// The number of its run, how that is written, and whether it is the first of its page.
    Run(u64, bool, Option<Base>, bool),
}

/// Compressed pieces of pages. A large page that changed is made of those that did not.
#[derive(Clone)]
pub(super) struct KnownPieces(moka::sync::Cache<PieceKey, Arc<Piece>>);

/// A piece as a run of deflate blocks that end on a byte and refer to nothing before them.
struct Piece {
    deflated: Bytes,
    checksum: crc32fast::Hasher,
    /// Bytes of the text, modulo 2^32.
    length: u32,
}

impl KnownPieces {
    pub(super) fn new() -> Self {
        let weigh =
            |_: &PieceKey, piece: &Arc<Piece>| u32::try_from(piece.deflated.len() + PIECE_BYTES).unwrap_or(u32::MAX);
        Self(moka::sync::Cache::builder().max_capacity(PIECES_BYTES).weigher(weigh).build())
    }

    fn of_text(&self, text: &str) -> std::io::Result<Arc<Piece>> {
        self.get_or_make(PieceKey::Text(sha2::Sha256::digest(text).into()), || Piece::new(text))
    }

    fn get_or_make(&self, key: PieceKey, make: impl FnOnce() -> std::io::Result<Piece>) -> std::io::Result<Arc<Piece>> {
        if let Some(known) = self.0.get(&key) {
            return Ok(known);
        }
        let piece = Arc::new(make()?);
        self.0.insert(key, piece.clone());
        Ok(piece)
    }
}

impl Piece {
    fn new(text: &str) -> std::io::Result<Self> {
        // In one call with room for all of it, also where nothing gets shorter: the library's writers flush once into what room
        // is left, then go on without flushing, and some lengths give a stream that no client can read.
        let room = text.len() + text.len() / 8 + 256;
        let mut deflated = Vec::with_capacity(room);
        let mut encoder = flate2::Compress::new(flate2::Compression::default(), false);
        encoder.compress_vec(text.as_bytes(), &mut deflated, flate2::FlushCompress::Sync)?;
        if encoder.total_in() != text.len() as u64 || deflated.len() == room {
            return Err(std::io::Error::other("a piece was not compressed whole"));
        }
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(text.as_bytes());
        // The format counts modulo 2^32.
        Ok(Self { deflated: Bytes::copy_from_slice(&deflated), checksum, length: text.len() as u32 })
    }
}

/// One gzip member (RFC 1952) of pieces that were compressed one by one; a page of at most one run is one piece.
fn compress_gzip(draft: Draft<'_>, known: &KnownPieces) -> std::io::Result<Vec<Bytes>> {
    let pieces = match draft.runs.len() {
        0 | 1 => vec![Arc::new(Piece::new(&draft.into_string())?)],
        _ => compress_pieces(&draft, known)?,
    };
    let (mut checksum, mut length) = (crc32fast::Hasher::new(), 0_u32);
    let mut stream = vec![Bytes::from_static(GZIP_HEAD)];
    for piece in pieces {
        checksum.combine(&piece.checksum);
        length = length.wrapping_add(piece.length);
        stream.push(piece.deflated.clone());
    }
    let mut tail = LAST_BLOCK.to_vec();
    tail.extend(checksum.finalize().to_le_bytes());
    tail.extend(length.to_le_bytes());
    stream.push(tail.into());
    Ok(stream)
}

fn compress_pieces(draft: &Draft<'_>, known: &KnownPieces) -> std::io::Result<Vec<Arc<Piece>>> {
    let mut pieces: Vec<Arc<Piece>> = draft.head.pieces().map(|text| known.of_text(text)).collect::<Result<_, _>>()?;
    let (format, base) = draft.form;
    for (position, (number, entries)) in draft.runs.iter().enumerate() {
        pieces.push(match *number {
            // In JSON the first entry alone has no comma before it.
            Some(number) => {
                let is_json = format == Format::Json;
                let key = PieceKey::Run(number, is_json, base, is_json && position == 0);
                known.get_or_make(key, || Piece::new(&draft.run(position, *entries)))?
            }
            None => known.of_text(&draft.run(position, *entries))?,
        });
    }
    pieces.push(Arc::new(Piece::new(draft.tail.as_str())?));
    Ok(pieces)
}

/// One zstd frame; level 1 for long texts, because somebody waits for it.
pub(super) fn compress_zstd(text: &str) -> std::io::Result<Vec<u8>> {
    let level = if text.len() > QUICK_BYTES { 1 } else { 3 };
    zstd::bulk::compress(text.as_bytes(), level)
}

/// One run of bytes, if it is short enough to be worth it.
fn joined(pieces: Vec<Bytes>) -> Vec<Bytes> {
    let length: usize = pieces.iter().map(Bytes::len).sum();
    if length > WHOLE_BYTES { pieces } else { vec![pieces.concat().into()] }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::model::Sha256Digest;

    /// A page of so many runs; those whose number is in `changed` say something else.
    fn page(runs: u64, changed: &[u64], is_kept: bool) -> Draft<'static> {
        let (mut head, mut tail) = (Text::default(), Text::default());
        head.push("begin\n");
        tail.push("end\n");
        let number = |run: u64| if changed.contains(&run) { run + runs } else { run };
        let numbers: Vec<u64> = (0..runs).map(number).collect();
        Draft {
            form: (Format::Json, None),
            head,
            runs: numbers.iter().map(|number| (is_kept.then_some(*number), 100)).collect(),
            write: Box::new(move |text, position| {
                for entry in 0..100_u64 {
                    text.push_digest(&Sha256Digest::of(&[numbers[position], entry].map(u64::to_be_bytes).concat()));
                    text.push("\n");
                }
            }),
            entry_bytes: 65,
            tail,
        }
    }

    fn body(encoding: Encoding, draft: Draft<'_>, known: &KnownPieces) -> PageBody {
        PageBody::new(Format::Json, encoding, Serial(1), draft, known).unwrap()
    }

    fn decoded(body: &PageBody) -> Vec<u8> {
        let bytes = body.pieces.concat();
        let mut text = Vec::new();
        match body.encoding {
            Encoding::Identity => text = bytes,
            // Of one member: whoever reads only the first must read all.
            Encoding::Gzip => drop(flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut text).unwrap()),
            Encoding::Zstd => drop(zstd::Decoder::new(&*bytes).unwrap().single_frame().read_to_end(&mut text).unwrap()),
        }
        text
    }

    #[test]
    fn every_encoding_gives_the_text_back() {
        let known = KnownPieces::new();
        for (runs, is_kept) in [(0, false), (1, true), (2, false), (2, true), (40, true), (40, false)] {
            let text = page(runs, &[], is_kept).into_string();
            for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
                let body = body(encoding, page(runs, &[], is_kept), &known);
                assert_eq!(decoded(&body), text.as_bytes(), "{encoding:?} {runs}");
                assert_eq!(body.len(), body.pieces.concat().len());
            }
        }
    }

    #[test]
    fn a_piece_of_any_length_is_read_back() {
        // Lengths around those at which a buffer of the library is full, and texts that get shorter by much, a little, not.
        let noise: Vec<u8> =
            (0..40_000_u32).flat_map(|number| *Sha256Digest::of(&number.to_be_bytes()).as_bytes()).collect();
        let texts =
            [noise.iter().map(|byte| char::from(byte % 128)).collect::<String>(), hex::encode(&noise[..400_000])];
        for (text, step) in texts.iter().zip([9_001, 3_001]) {
            for length in (0..400_000).step_by(step) {
                let mut head = Text::default();
                head.push(&text[..length]);
                let write = Box::new(|_: &mut Text, _| ());
                let (form, runs, tail) = ((Format::Json, None), Vec::new(), Text::default());
                let draft = Draft { form, head, runs, write, entry_bytes: 0, tail };
                let body = body(Encoding::Gzip, draft, &KnownPieces::new());
                assert!(decoded(&body) == text.as_bytes()[..length], "{length}");
            }
        }
    }

    #[test]
    fn a_body_does_not_depend_on_what_was_made_before() {
        let known = KnownPieces::new();
        let before = body(Encoding::Gzip, page(40, &[], true), &known);
        let after = body(Encoding::Gzip, page(40, &[25], true), &known);
        for is_kept in [true, false] {
            let anew = body(Encoding::Gzip, page(40, &[25], is_kept), &KnownPieces::new());
            assert_eq!((&after.etag, after.pieces.concat()), (&anew.etag, anew.pieces.concat()));
        }
        assert_ne!(before.etag, after.etag);
    }

    #[test]
    fn what_did_not_change_is_not_compressed_again() {
        for is_kept in [true, false] {
            let known = KnownPieces::new();
            let before = body(Encoding::Gzip, page(40, &[], is_kept), &known);
            let after = body(Encoding::Gzip, page(40, &[25], is_kept), &known);
            let is_shared = |piece: &&Bytes| before.pieces.iter().any(|known| known.as_ptr() == piece.as_ptr());
            let shared = after.pieces.iter().filter(is_shared).count();
            // All but the piece of the change, what closes the page, and the tail.
            assert_eq!(shared, after.pieces.len() - 3, "kept: {is_kept}");
        }
    }
}
