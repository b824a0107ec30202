//! Small damages that a fuzzer chooses: enough of them turn a valid file into any file, and a few keep most of it readable.

use bolero::TypeGenerator;

/// One damage. Places are taken modulo the length, so that every choice does something.
#[derive(Clone, Debug, TypeGenerator)]
pub enum Mutation {
    /// Flips one bit.
    Flip {
        /// Where.
        at: u32,
        /// Which bit, modulo 8.
        bit: u8,
    },
    /// Writes a number that parsers get wrong, little-endian.
    Number {
        /// Where.
        at: u32,
        /// Which of [`NUMBERS`].
        which: u8,
        /// Bytes: 1, 2, 4 or 8.
        width: u8,
    },
    /// Writes a text that parsers get wrong over what is there.
    Word {
        /// Where.
        at: u32,
        /// Which of [`WORDS`].
        which: u8,
        /// Whether it is put between, not over.
        is_inserted: bool,
    },
    /// Takes bytes away.
    Remove {
        /// Where.
        at: u32,
        /// How many, modulo the rest.
        length: u16,
    },
    /// Repeats bytes.
    Repeat {
        /// Where.
        at: u32,
        /// How many bytes.
        length: u8,
        /// How often.
        times: u8,
    },
    /// Copies bytes from one place over another.
    Copy {
        /// From where.
        from: u32,
        /// To where.
        to: u32,
        /// How many.
        length: u8,
    },
    /// Cuts the end off.
    Cut {
        /// Where.
        at: u32,
    },
}

/// Numbers at the edges of what fields hold.
const NUMBERS: &[u64] = &[0, 1, 2, 7, 8, 20, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, u64::MAX, 1 << 40];

/// Texts at the edges of the formats that are read here.
const WORDS: &[&[u8]] = &[
    b"\0",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n ",
    b"\n\n",
    b":",
    b",",
    b"\"",
    b"'",
    b";",
    b"(",
    b"[",
    b"]",
    b"=",
    b"==",
    b"~=",
    b" @ ",
    b"#",
    b"-r ",
    b"\\",
    b"../",
    b"/",
    b".dist-info/",
    b".data/",
    b"RECORD",
    b"METADATA",
    b"sha256=",
    b"Name: ",
    b"Requires-Dist: ",
    b" and ",
    b"python_version",
    b"extra == 'x'",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"PK\x07\x08",
    b"\x1f\x8b\x08",
    b"ustar",
    b"9999999999999999999999",
    b"--boundary",
    b"--boundary--",
    b"Content-Disposition: form-data; name=\"content\"; filename=\"",
];

/// `bytes` with these damages, in order, never longer than `max_bytes`.
pub fn mutate(bytes: &[u8], mutations: &[Mutation], max_bytes: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for mutation in mutations {
        apply(&mut bytes, mutation);
        bytes.truncate(max_bytes);
    }
    bytes
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len();
    let place = |at: u32| at as usize % length.max(1);
    match *mutation {
        Mutation::Word { at, which, is_inserted } => {
            let (at, word) = (place(at), WORDS[usize::from(which) % WORDS.len()]);
            let end = if is_inserted { at } else { length.min(at + word.len()) };
            bytes.splice(at..end, word.iter().copied());
        }
        _ if length == 0 => {}
        Mutation::Flip { at, bit } => bytes[place(at)] ^= 1 << (bit % 8),
        Mutation::Number { at, which, width } => {
            let number = NUMBERS[usize::from(which) % NUMBERS.len()].to_le_bytes();
            let width = 1 << (width % 4);
            for (there, new) in bytes[place(at)..].iter_mut().zip(&number[..width]) {
                *there = *new;
            }
        }
        Mutation::Remove { at, length: count } => {
            let at = place(at);
            bytes.drain(at..length.min(at + usize::from(count)));
        }
        Mutation::Repeat { at, length: count, times } => {
            let at = place(at);
            let piece = bytes[at..length.min(at + usize::from(count))].repeat(usize::from(times));
            bytes.splice(at..at, piece);
        }
        Mutation::Copy { from, to, length: count } => {
            let (from, to) = (place(from), place(to));
            let piece = bytes[from..length.min(from + usize::from(count))].to_vec();
            for (there, new) in bytes[to..].iter_mut().zip(piece) {
                *there = new;
            }
        }
        Mutation::Cut { at } => bytes.truncate(place(at)),
    }
}
