//! The forms of an import: one JSON record, an array, records one after another, or a zip of JSON files. Each record is
//! given on as it is read, so that memory holds no more than those that are kept.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::Value;

use super::ImportError;
use crate::archive::{Limits, ReadAt as _, ZipError, read_entry, read_zip};
use crate::packaging::shown;

/// Largest import, in bytes: the whole public export of the ecosystem is a tenth of it, packed.
pub const MAX_IMPORT_BYTES: u64 = 512 << 20;

/// Largest record, in bytes. The largest in the advisory database of the PyPA has 17 kB, with 700 versions; each record of a
/// project stands whole in a page that is as open as reads are.
pub const MAX_RECORD_BYTES: u64 = 1 << 20;

/// Most records of one import: several times what is published for the ecosystem today. Their text is held in memory.
pub const MAX_RECORDS: usize = 200_000;

/// First bytes of a zip.
const ZIP_MARK: &[u8] = b"PK";

/// Gives each record of `file` to `take`, with a name for messages. Blocks.
///
/// Fails with [`ImportError::Unreadable`] at the first byte that is not JSON; what `take` has got then is to be dropped.
pub fn read_records(
    file: &mut File,
    size_bytes: u64,
    mut take: impl FnMut(&str, Value) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let mut count = 0;
    let mut counted = |name: &str, record: Value| {
        count += 1;
        if count > MAX_RECORDS {
            return Err(too_many());
        }
        take(name, record)
    };
    if size_bytes >= ZIP_MARK.len() as u64 {
        let mut mark = [0; ZIP_MARK.len()];
        file.read_exact_at(&mut mark, 0).map_err(ImportError::ReadBack)?;
        if mark == ZIP_MARK {
            return read_archive(file, size_bytes, &mut counted);
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(ImportError::ReadBack)?;
    read_json(BufReader::with_capacity(256 << 10, file), MAX_RECORD_BYTES, &mut counted)
}

fn too_many() -> ImportError {
    ImportError::TooLarge { what: "the import has too many records".to_owned(), limit: MAX_RECORDS as u64 }
}

fn unreadable(error: &serde_json::Error) -> ImportError {
    match error.is_io() {
        true => ImportError::ReadBack(io::Error::other(error.to_string())),
        false => ImportError::Unreadable { reason: error.to_string() },
    }
}

type Take<'a> = dyn FnMut(&str, Value) -> Result<(), ImportError> + 'a;

/// An export of OSV is one flat zip; whatever else is in a zip than `.json` files is passed over.
fn read_archive(file: &File, size_bytes: u64, take: &mut Take<'_>) -> Result<(), ImportError> {
    let limits = Limits { max_entries: MAX_RECORDS, ..Limits::default() };
    let refused = |error: ZipError| match error {
        ZipError::Refused(faults) => ImportError::Unreadable {
            reason: faults.into_iter().next().map_or_else(|| "it is no sound zip".to_owned(), |fault| fault.message),
        },
        ZipError::Io(error) => ImportError::ReadBack(error),
    };
    let listing = read_zip(file, size_bytes, &limits).map_err(refused)?;
    for entry in listing.files().filter(|entry| entry.path.as_str().ends_with(".json")) {
        let name = entry.path.as_str();
        if entry.uncompressed_bytes > MAX_RECORD_BYTES {
            return Err(ImportError::RecordTooLarge { record: shown(name), limit: MAX_RECORD_BYTES });
        }
        let content = read_entry(file, entry, MAX_RECORD_BYTES).map_err(refused)?;
        let record = serde_json::from_slice(&content);
        take(name, record.map_err(|error| ImportError::Unreadable { reason: format!("`{name}`: {error}") })?)?;
    }
    Ok(())
}

/// Values one after another; of an array, its elements. None may have more than `limit` bytes.
fn read_json(mut source: impl Read, limit: u64, take: &mut Take<'_>) -> Result<(), ImportError> {
    let first = first_byte(&mut source)?;
    let (left, taken) = (Cell::new(limit), Cell::new(0_usize));
    let source = Metered { source: first.as_slice().chain(source), left: &left };
    let mut take = |name: &str, record: Value| {
        left.set(limit);
        taken.set(taken.get() + 1);
        take(name, record)
    };
    let refused = |error: &serde_json::Error| match left.get() {
        0 => ImportError::RecordTooLarge { record: format!("record {}", taken.get() + 1), limit },
        _ => unreadable(error),
    };
    let mut stopped = None;
    if first == b"[" {
        let mut json = serde_json::Deserializer::from_reader(source);
        let elements = Elements { take: &mut take, stopped: &mut stopped };
        let read = json.deserialize_seq(elements).and_then(|()| json.end());
        return match stopped {
            Some(error) => Err(error),
            None => read.map_err(|error| refused(&error)),
        };
    }
    for (position, record) in serde_json::Deserializer::from_reader(source).into_iter().enumerate() {
        take(&format!("record {}", position + 1), record.map_err(|error| refused(&error))?)?;
    }
    Ok(())
}

/// Gives no more bytes than are left for the record that is being read.
struct Metered<'a, R> {
    source: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("a record has too many bytes"));
        }
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = self.source.read(&mut buffer[..room])?;
        self.left.set(left - count as u64);
        Ok(count)
    }
}

/// The first byte that is no whitespace; nothing of an empty import.
fn first_byte(source: &mut impl Read) -> Result<Vec<u8>, ImportError> {
    let mut byte = [0];
    loop {
        if source.read(&mut byte).map_err(ImportError::ReadBack)? == 0 {
            return Err(ImportError::Unreadable { reason: "it is empty".to_owned() });
        }
        if !byte[0].is_ascii_whitespace() {
            return Ok(byte.to_vec());
        }
    }
}

/// Gives the elements of an array on one by one.
struct Elements<'a, 'b> {
    take: &'a mut Take<'b>,
    stopped: &'a mut Option<ImportError>,
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of OSV records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut count = 0;
        while let Some(record) = elements.next_element::<Value>()? {
            count += 1;
            if let Err(error) = (self.take)(&format!("record {count}"), record) {
                *self.stopped = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::archive::{StoredEntry, ZipLayout};

    /// Names and records that an import of these bytes gives on.
    fn read(bytes: &[u8]) -> Result<Vec<(String, String)>, ImportError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let mut found = Vec::new();
        read_records(&mut file, bytes.len() as u64, |name, record| {
            found.push((name.to_owned(), record.to_string()));
            Ok(())
        })?;
        Ok(found)
    }

    fn zip(files: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(name, content): &(&str, &str)| StoredEntry {
            name: (*name).to_owned(),
            size_bytes: content.len() as u64,
            crc32: crc32fast::hash(content.as_bytes()),
            mode: 0o644,
        };
        let layout = ZipLayout::new(0, &files.iter().map(entry).collect::<Vec<_>>()).unwrap();
        let mut bytes = Vec::new();
        for (placed, (_, content)) in layout.entries.iter().zip(files) {
            bytes.extend_from_slice(&placed.local_header);
            bytes.extend_from_slice(content.as_bytes());
        }
        bytes.extend_from_slice(&layout.central_directory);
        bytes
    }

    #[test]
    fn ok_every_form() {
        for (text, expected) in [
            ("{\"id\": 1}", &["{\"id\":1}"][..]),
            (" \n{\"id\": 1}\n{\"id\":\n2}\n\n", &["{\"id\":1}", "{\"id\":2}"]),
            ("[{\"id\": 1}, {\"id\": 2}]\n", &["{\"id\":1}", "{\"id\":2}"]),
            ("[]", &[]),
        ] {
            let found: Vec<String> = read(text.as_bytes()).unwrap().into_iter().map(|(_, record)| record).collect();
            assert_eq!(found, expected, "{text}");
        }
        let found = read(&zip(&[("A-1.json", "{\"id\": 1}"), ("README", "{"), ("B-2.json", "{\"id\":2}")])).unwrap();
        let expected = [("A-1.json", "{\"id\":1}"), ("B-2.json", "{\"id\":2}")];
        assert_eq!(found, expected.map(|(name, record)| (name.to_owned(), record.to_owned())));
    }

    #[test]
    fn err_what_cannot_be_read() {
        let broken = zip(&[("A-1.json", "{\"id\": ")]);
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"P", "expected value"),
            (b"{\"id\": 1", "EOF"),
            (b"{\"id\": 1} x", "expected value"),
            (b"[{\"id\": 1}", "EOF"),
            (b"[{\"id\": 1}] x", "trailing characters"),
            (b"PK\x03\x04", "shorter"),
            (&broken, "`A-1.json`: EOF"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(matches!(error, ImportError::Unreadable { .. }), "{error:?}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_record_over_the_limit_is_refused_wherever_it_stands() {
        let read_within = |text: &str, limit| {
            let mut count = 0;
            read_json(text.as_bytes(), limit, &mut |_, _| {
                count += 1;
                Ok(())
            })
            .map(|()| count)
        };
        for text in ["{\"id\":1}{\"id\":2}", "{\"id\":1}\n{\"id\":2}\n", "[{\"id\":1}, {\"id\":2}]"] {
            assert_eq!(read_within(text, 12).unwrap(), 2, "{text}");
            let error = read_within(text, 7).unwrap_err();
            assert!(matches!(error, ImportError::RecordTooLarge { limit: 7, .. }), "{text}: {error:?}");
        }
        let error = read_within("[{}, {\"id\":12345678}]", 12).unwrap_err();
        assert_eq!(error.to_string(), "`record 2` has more than the 12 bytes that are taken of one record");
    }

    #[test]
    fn a_record_over_the_limit_is_named() {
        let length = usize::try_from(MAX_RECORD_BYTES).unwrap();
        let long = format!("{{\"id\": \"{}\"}}", "x".repeat(length));
        let told = |error: ImportError| error.to_string();
        let limit = "has more than the 1048576 bytes that are taken of one record";
        assert_eq!(
            told(read(&zip(&[("A-1.json", "{}"), ("B-2.json", &long)])).unwrap_err()),
            format!("`B-2.json` {limit}")
        );
        assert_eq!(told(read(format!("{{}}\n{long}").as_bytes()).unwrap_err()), format!("`record 2` {limit}"));
        // What is no record may be as long as it likes.
        assert_eq!(read(&zip(&[("A-1.json", "{}"), ("README", &long)])).unwrap().len(), 1);
        let longest = format!("{{\"id\": \"{}\"}}", "x".repeat(length - 10));
        assert_eq!(read(&zip(&[("A-1.json", &longest)])).unwrap().len(), 1);
        assert_eq!(read(longest.as_bytes()).unwrap().len(), 1);
    }

    #[test]
    fn an_error_of_the_taker_ends_the_reading() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"[1, 2, 3]").unwrap();
        let mut count = 0;
        let ended = read_records(&mut file, 9, |_, _| {
            count += 1;
            Err(too_many())
        });
        assert!(matches!(ended, Err(ImportError::TooLarge { .. })));
        assert_eq!(count, 1);
    }
}
