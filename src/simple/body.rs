//! The bytes of a finished page in one encoding, with their entity tag. Compressing a large page again costs what changed.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use sha2::Digest as _;

use super::text::Text;
use super::{Encoding, Format};
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

impl PageBody {
    /// Encodes a page's text.
    ///
    /// The tag covers the content type too: the two names of HTML have the same bytes and are two representations.
    pub(super) fn new(
        format: Format,
        encoding: Encoding,
        last_serial: Serial,
        text: Text,
        known: &KnownPieces,
    ) -> std::io::Result<Self> {
        let pieces = match encoding {
            Encoding::Identity => vec![Bytes::from(text.into_string())],
            Encoding::Zstd => vec![Bytes::from(compress_zstd(text.as_str())?)],
            Encoding::Gzip => joined(compress_gzip(&text, known)?),
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

/// Compressed pieces of pages by the digest of their text. A large page that changed is made of those that did not.
#[derive(Clone)]
pub(super) struct KnownPieces(moka::sync::Cache<[u8; 32], Arc<Piece>>);

/// A piece as a run of deflate blocks that end on a byte and refer to nothing before them.
struct Piece {
    deflated: Bytes,
    checksum: crc32fast::Hasher,
}

impl KnownPieces {
    pub(super) fn new() -> Self {
        let weigh =
            |_: &[u8; 32], piece: &Arc<Piece>| u32::try_from(piece.deflated.len() + PIECE_BYTES).unwrap_or(u32::MAX);
        Self(moka::sync::Cache::builder().max_capacity(PIECES_BYTES).weigher(weigh).build())
    }

    fn get_or_make(&self, text: &str) -> std::io::Result<Arc<Piece>> {
        let key: [u8; 32] = sha2::Sha256::digest(text).into();
        if let Some(known) = self.0.get(&key) {
            return Ok(known);
        }
        let piece = Arc::new(Piece::new(text)?);
        self.0.insert(key, piece.clone());
        Ok(piece)
    }
}

impl Piece {
    fn new(text: &str) -> std::io::Result<Self> {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes())?;
        encoder.flush()?;
        let deflated = std::mem::take(encoder.get_mut()).into();
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(text.as_bytes());
        Ok(Self { deflated, checksum })
    }
}

/// One gzip member (RFC 1952) of pieces that were compressed one by one.
fn compress_gzip(text: &Text, known: &KnownPieces) -> std::io::Result<Vec<Bytes>> {
    let is_alone = text.pieces().nth(1).is_none();
    let mut checksum = crc32fast::Hasher::new();
    let mut stream = vec![Bytes::from_static(GZIP_HEAD)];
    for piece in text.pieces() {
        // A page of one piece is kept whole already.
        let piece = if is_alone { Arc::new(Piece::new(piece)?) } else { known.get_or_make(piece)? };
        checksum.combine(&piece.checksum);
        stream.push(piece.deflated.clone());
    }
    let mut tail = LAST_BLOCK.to_vec();
    tail.extend(checksum.finalize().to_le_bytes());
    // The format counts modulo 2^32.
    tail.extend((text.as_str().len() as u32).to_le_bytes());
    stream.push(tail.into());
    Ok(stream)
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

    /// A page of so many entries; those whose number is in `changed` say something else.
    fn page(entries: u32, changed: &[u32]) -> Text {
        let mut text = Text::default();
        for number in 0..entries {
            let sha256 = Sha256Digest::of(&number.to_be_bytes());
            text.push_digest(&sha256);
            text.push(if changed.contains(&number) { ",yanked\n" } else { "\n" });
            text.end_file(&sha256);
        }
        text
    }

    fn body(encoding: Encoding, text: Text, known: &KnownPieces) -> PageBody {
        PageBody::new(Format::Json, encoding, Serial(1), text, known).unwrap()
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
        for entries in [0, 1, 100, 5_000] {
            let text = page(entries, &[]);
            for encoding in [Encoding::Identity, Encoding::Gzip, Encoding::Zstd] {
                let body = body(encoding, page(entries, &[]), &known);
                assert_eq!(decoded(&body), text.as_str().as_bytes(), "{encoding:?} {entries}");
                assert_eq!(body.len(), body.pieces.concat().len());
            }
        }
    }

    #[test]
    fn a_body_does_not_depend_on_what_was_made_before() {
        let known = KnownPieces::new();
        let before = body(Encoding::Gzip, page(5_000, &[]), &known);
        let after = body(Encoding::Gzip, page(5_000, &[2_500]), &known);
        let anew = body(Encoding::Gzip, page(5_000, &[2_500]), &KnownPieces::new());
        assert_eq!((&after.etag, after.pieces.concat()), (&anew.etag, anew.pieces.concat()));
        assert_ne!(before.etag, after.etag);
    }

    #[test]
    fn what_did_not_change_is_not_compressed_again() {
        let known = KnownPieces::new();
        let before = body(Encoding::Gzip, page(5_000, &[]), &known);
        let after = body(Encoding::Gzip, page(5_000, &[2_500]), &known);
        let is_shared = |piece: &&Bytes| before.pieces.iter().any(|known| known.as_ptr() == piece.as_ptr());
        let shared = after.pieces.iter().filter(is_shared).count();
        // All but the piece of the change and the tail.
        assert!(shared > 10 && shared == after.pieces.len() - 2, "{shared} of {}", after.pieces.len());
    }
}
