//! RECORD: the list of files in a wheel with their digests (PEP 376, PEP 427).

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::faults::{MAX_FAULTS, MetadataFault, shown};

/// Largest RECORD, in bytes: 100 000 rows of 600 bytes.
pub const MAX_RECORD_BYTES: usize = 64 << 20;
/// Most rows: more than an archive may have entries, far below what costs memory.
const MAX_ROWS: usize = 200_000;
/// Columns of a row. One more is kept to see that there are too many; a file of commas must not become a list of fields.
const COLUMNS: usize = 3;

const INVALID: &str = "record-invalid";
const MISMATCH: &str = "record-mismatch";

/// Digest algorithms that RECORD may use; md5 and sha1 are forbidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256, what every current builder writes.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A digest from RECORD.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RecordHash {
    /// Which algorithm.
    pub algorithm: HashAlgorithm,
    /// The digest; empty if the text was not base64 of the right length, so that it equals no digest.
    pub digest: Vec<u8>,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// Path inside the wheel: relative, `/` between segments (backslashes of old Windows builders are turned, and a
    /// leading `./` is taken off).
    pub path: String,
    /// Digest; only RECORD itself and its signatures have none.
    pub hash: Option<RecordHash>,
    /// Length in bytes, if given.
    pub size_bytes: Option<u64>,
    /// Whether the path was written as given here, and not with backslashes or a leading `./` (REC-04).
    pub is_plain: bool,
}

/// What RECORD says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordFile {
    /// Its rows, in order. One that breaks a rule has no hash and no size, so that nothing is compared with it.
    pub entries: Vec<RecordEntry>,
    /// Every row that breaks a rule, up to a limit.
    pub faults: Vec<MetadataFault>,
}

impl HashAlgorithm {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// Whether a path is one that RECORD lists without a digest: itself and its signatures.
pub fn is_unhashed(path: &str, dist_info: &str) -> bool {
    let rest = path.strip_prefix(dist_info).and_then(|rest| rest.strip_prefix('/'));
    matches!(rest, Some("RECORD" | "RECORD.jws" | "RECORD.p7s"))
}

/// Reads RECORD of the wheel whose metadata folder is `dist_info` (such as `demo-1.0.dist-info`).
///
/// Paths are judged, digests are decoded (REC-01, REC-02, REC-04); comparing them with the archive is for the caller.
/// Fails only if no rows can be told apart.
pub fn parse_record(bytes: &[u8], dist_info: &str) -> Result<RecordFile, Vec<MetadataFault>> {
    let whole = |message: &str| vec![MetadataFault::error("REC-01", INVALID, "", message)];
    if bytes.len() > MAX_RECORD_BYTES {
        return Err(whole("RECORD is larger than any wheel needs"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole("RECORD is not UTF-8"))?;
    let rows = read_csv(text).map_err(|message| whole(&message))?;
    let (mut record, mut seen) = (RecordFile::default(), BTreeSet::new());
    let is_blank = |row: &Vec<String>| matches!(&row[..], [only] if only.is_empty());
    if rows.iter().any(is_blank) {
        record.add(MetadataFault::error("REC-01", INVALID, "", "RECORD has an empty line, over which pip stumbles"));
    }
    for row in rows.iter().filter(|row| !is_blank(row)) {
        let written = row.first().map_or("", String::as_str);
        let path = plain_path(written);
        let is_plain = path == written;
        if !seen.insert(path.clone()) {
            let message = format!("RECORD lists `{}` twice", shown(written));
            record.add(MetadataFault::error("REC-01", INVALID, written, message));
            continue;
        }
        let (hash, size_bytes) = match read_row(row, &path, dist_info) {
            Ok(claims) => claims,
            Err(fault) => {
                let leads_out = fault.rule == "REC-04";
                record.add(fault);
                if leads_out {
                    continue;
                }
                (None, None)
            }
        };
        record.entries.push(RecordEntry { path, hash, size_bytes, is_plain });
    }
    Ok(record)
}

impl RecordFile {
    fn add(&mut self, fault: MetadataFault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }
}

fn plain_path(written: &str) -> String {
    let path = written.replace('\\', "/");
    match path.strip_prefix("./") {
        Some(rest) => rest.to_owned(),
        None => path,
    }
}

/// Hash and size of a row.
type Claims = (Option<RecordHash>, Option<u64>);

fn read_row(row: &[String], path: &str, dist_info: &str) -> Result<Claims, MetadataFault> {
    let [_, hash, size] = row else {
        let message = format!("the row of `{}` in RECORD has not {COLUMNS} columns", shown(path));
        return Err(MetadataFault::error("REC-01", INVALID, path, message));
    };
    let error = |rule, class, message: String| MetadataFault::error(rule, class, path, message);
    // Whoever removes the package later deletes what RECORD names.
    let leads_out =
        path.is_empty() || path.starts_with('/') || path.contains(':') || path.split('/').any(|s| s == "..");
    if leads_out {
        return Err(error("REC-04", INVALID, format!("RECORD names `{}`, which leads out of the wheel", shown(path))));
    }
    let is_unhashed = is_unhashed(path, dist_info);
    let hash = match hash.split_once('=') {
        _ if is_unhashed => None,
        None if hash.is_empty() => {
            return Err(error("REC-02", INVALID, format!("RECORD has no hash for `{}`", shown(path))));
        }
        Some((name, value)) if HashAlgorithm::parse(name).is_some() => {
            HashAlgorithm::parse(name).map(|algorithm| decode(algorithm, value))
        }
        _ => {
            let message = format!("RECORD has a hash for `{}` that is none of sha256, sha384 and sha512", shown(path));
            return Err(error("REC-02", INVALID, message));
        }
    };
    let size_bytes = match size.as_str() {
        "" => None,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) && digits.len() < 20 => digits.parse().ok(),
        _ => {
            return Err(error(
                "REC-02",
                MISMATCH,
                format!("RECORD has a size for `{}` that is no number", shown(path)),
            ));
        }
    };
    Ok((hash, size_bytes))
}

fn decode(algorithm: HashAlgorithm, value: &str) -> RecordHash {
    let digest = URL_SAFE_NO_PAD.decode(value.trim_end_matches('=')).unwrap_or_default();
    RecordHash { algorithm, digest: if digest.len() == algorithm.digest_bytes() { digest } else { Vec::new() } }
}

/// Rows of strict CSV: what Python's `csv` module with `strict=True` reads, or a sentence.
fn read_csv(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut rows = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut row = Vec::new();
        loop {
            let (field, after, is_last) = read_field(rest)?;
            if row.len() <= COLUMNS {
                row.push(field);
            }
            rest = after;
            if is_last {
                break;
            }
        }
        if rows.len() == MAX_ROWS {
            return Err(format!("RECORD has more than {MAX_ROWS} rows"));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// One field, what follows its separator, and whether it was the last of the row.
fn read_field(text: &str) -> Result<(String, &str, bool), String> {
    let (field, rest) = match text.strip_prefix('"') {
        Some(quoted) => read_quoted(quoted)?,
        None => {
            let end = text.find([',', '\n', '\r']).unwrap_or(text.len());
            (text[..end].to_owned(), &text[end..])
        }
    };
    if let Some(rest) = rest.strip_prefix(',') {
        return Ok((field, rest, false));
    }
    let after = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n'));
    match after {
        Some(after) => Ok((field, after, true)),
        None if rest.is_empty() => Ok((field, "", true)),
        None => Err("RECORD is not CSV: a field is followed by neither a comma nor a line end".to_owned()),
    }
}

/// A field up to its closing quote; two quotes stand for one.
fn read_quoted(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or("RECORD is not CSV: a quote is not closed")?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INFO: &str = "demo-1.0.dist-info";
    const HASH: &str = "sha256=mHUu4o1UhL3CgU-3CttqCy-zH2qbjueugf0vyc8wCzs";

    fn parse(text: &str) -> Result<RecordFile, Vec<MetadataFault>> {
        parse_record(text.as_bytes(), INFO)
    }

    #[test]
    fn ok_records() {
        let text = format!(
            "pkg/a.py,{HASH},4\r\n\"pkg/a,\"\"b\"\".txt\",{HASH}=,\npkg\\b.py,{HASH},0\n{INFO}/RECORD.jws,,\n{INFO}/RECORD,,"
        );
        let entries = parse(&text).unwrap().entries;
        let paths: Vec<&str> = entries.iter().map(|e| e.path.as_str()).collect();
        assert_eq!(
            paths,
            ["pkg/a.py", "pkg/a,\"b\".txt", "pkg/b.py", "demo-1.0.dist-info/RECORD.jws", "demo-1.0.dist-info/RECORD"]
        );
        assert_eq!((entries[0].size_bytes, entries[1].size_bytes), (Some(4), None));
        let hash = entries[0].hash.as_ref().unwrap();
        assert_eq!((hash.algorithm, hash.digest.len(), hash.digest[0]), (HashAlgorithm::Sha256, 32, 0x98));
        assert_eq!(entries[4].hash, None);
        assert_eq!(parse("").unwrap(), RecordFile::default());
    }

    #[test]
    fn ok_longer_digests() {
        for (name, length) in [("sha384", 48), ("sha512", 64)] {
            let text = format!("a,{name}={},1\n", URL_SAFE_NO_PAD.encode(vec![7; length]));
            assert_eq!(parse(&text).unwrap().entries[0].hash.as_ref().unwrap().digest, vec![7; length]);
        }
    }

    #[test]
    fn ok_a_digest_of_another_form_equals_nothing() {
        for value in ["987", "zz", "", "!!!!", &"00".repeat(32)] {
            assert!(
                parse(&format!("a,sha256={value},1\n")).unwrap().entries[0].hash.as_ref().unwrap().digest.is_empty(),
                "{value}"
            );
        }
    }

    #[test]
    fn err_records() {
        for (text, rule, class) in [
            (format!("../../x,{HASH},1\n"), "REC-04", "record-invalid"),
            ("../../x,,\n".into(), "REC-04", "record-invalid"),
            ("/tmp/x,,\n".into(), "REC-04", "record-invalid"),
            (format!("a\\..\\..\\x,{HASH},1\n"), "REC-04", "record-invalid"),
            (format!("C:/x,{HASH},1\n"), "REC-04", "record-invalid"),
            (",,\n".into(), "REC-04", "record-invalid"),
            (format!("a,{HASH},1\n\nb,{HASH},1\n"), "REC-01", "record-invalid"),
            (format!("a,{HASH},1\r\n\r\n"), "REC-01", "record-invalid"),
            (format!("a,{HASH},1\na,{HASH},2\n"), "REC-01", "record-invalid"),
            (format!("a/b,{HASH},1\na\\b,{HASH},1\n"), "REC-01", "record-invalid"),
            ("a,md5=xx,1\n".into(), "REC-02", "record-invalid"),
            ("a,sha1=xx,1\n".into(), "REC-02", "record-invalid"),
            ("a,nonsense,1\n".into(), "REC-02", "record-invalid"),
            ("a,,\n".into(), "REC-02", "record-invalid"),
            ("other-1.0.dist-info/RECORD,,\n".into(), "REC-02", "record-invalid"),
            (format!("a,{HASH},1x\n"), "REC-02", "record-mismatch"),
            (format!("a,{HASH},-1\n"), "REC-02", "record-mismatch"),
            ("a\n".into(), "REC-01", "record-invalid"),
            (format!("a,{HASH},1,\n"), "REC-01", "record-invalid"),
            (",".repeat(1 << 20), "REC-01", "record-invalid"),
            (format!("\"open\na,{HASH},1\n"), "REC-01", "record-invalid"),
            (format!("\"a\"b,{HASH},1\n"), "REC-01", "record-invalid"),
            (format!("a,{HASH},1\rb,{HASH},1\n"), "REC-01", "record-invalid"),
            ("a,,\n".repeat(MAX_ROWS + 1), "REC-01", "record-invalid"),
        ] {
            let faults = parse(&text).map_or_else(|faults| faults, |record| record.faults);
            assert_eq!((faults[0].rule, faults[0].class), (rule, class), "{:.60}: {faults:?}", text);
        }
        assert!(parse_record(b"caf\xe9.py,,\n", INFO).is_err());
    }

    #[test]
    fn a_row_of_many_columns_keeps_few_of_them() {
        let rows = read_csv(&"a,".repeat(10_000)).unwrap();
        assert_eq!(rows, [vec!["a".to_owned(); COLUMNS + 1]]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_record(&bytes, INFO);
        }

        #[test]
        fn quoted_fields_come_back(path in "[a-z,\"]{1,20}") {
            let text = format!("\"{}\",{HASH},1\n", path.replace('"', "\"\""));
            prop_assert_eq!(&parse(&text).unwrap().entries[0].path, &path);
        }
    }
}
