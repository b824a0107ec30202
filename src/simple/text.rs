//! A page's text while it is written, with the places at which it may be cut into pieces.

use std::fmt::Write as _;

use crate::model::{Sha256Digest, Timestamp};

/// Versions of a page between two cuts, on average: they are short, and there may be thousands.
const VERSIONS_A_PIECE: u32 = 1024;

/// Text that is made by appending, and cuts in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text {
    text: String,
    cuts: Vec<usize>,
}

impl Text {
    /// An empty text with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), cuts: Vec::new() }
    }

    /// Makes room for so many more bytes.
    pub fn reserve(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// Appends text as it is.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Appends a number.
    pub fn push_number(&mut self, number: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{number}");
    }

    /// Appends a digest in lowercase hexadecimal digits.
    pub fn push_digest(&mut self, sha256: &Sha256Digest) {
        push_hex(&mut self.text, sha256.as_bytes());
    }

    /// Appends the path of a file below the server's root, without a leading slash: `packages/{aa}/{bb}/{rest}/{filename}`.
    ///
    /// The file name is percent-encoded but for RFC 3986 unreserved characters, so a `+` of a local version is `%2B` (FIL-07).
    pub fn push_file_path(&mut self, sha256: &Sha256Digest, filename: &str) {
        let [first, second, rest @ ..] = sha256.as_bytes();
        self.text.push_str("packages/");
        push_hex(&mut self.text, &[*first]);
        self.text.push('/');
        push_hex(&mut self.text, &[*second]);
        self.text.push('/');
        push_hex(&mut self.text, rest);
        self.text.push('/');
        self.push_segment(filename);
    }

    /// Appends a segment of a URL's path: everything but RFC 3986 unreserved characters is percent-encoded (FIL-07).
    pub fn push_segment(&mut self, segment: &str) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if segment.bytes().all(is_plain) {
            return self.text.push_str(segment);
        }
        for byte in segment.bytes() {
            match is_plain(byte) {
                true => self.text.push(char::from(byte)),
                false => drop(write!(self.text, "%{byte:02X}")),
            }
        }
    }

    /// Appends `yyyy-mm-ddThh:mm:ss.ffffffZ`: exactly six digits, because pip on Python 3.10 stops at other counts (IDX-21).
    pub fn push_time(&mut self, at: Timestamp) {
        let micros = at.as_microsecond();
        let (seconds, micros) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        // In one piece: a page has thousands of times, and the formatter of the library takes twice as long.
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let parts = [(year, 0..4), (month, 5..7), (day, 8..10), (hour, 11..13), (minute, 14..16), (second, 17..19)];
        for (number, place) in parts.into_iter().chain([(micros, 20..26)]) {
            put_digits(&mut text[place], number.unsigned_abs() as u32);
        }
        self.text.push_str(str::from_utf8(&text).unwrap_or_default());
    }

    /// After a version: cuts here if the version says so, see [`ends_piece`].
    pub fn end_version(&mut self, version: &str) {
        if ends_piece(crc32fast::hash(version.as_bytes()), VERSIONS_A_PIECE) {
            self.cut();
        }
    }

    /// Cuts here.
    pub fn cut(&mut self) {
        self.cuts.push(self.text.len());
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The whole text.
    pub fn into_string(self) -> String {
        self.text
    }

    /// The text piece by piece; none is empty.
    pub fn pieces(&self) -> impl Iterator<Item = &str> {
        let ends = self.cuts.iter().copied().chain([self.text.len()]);
        let pieces = ends.scan(0, |start, end| Some(&self.text[std::mem::replace(start, end)..end]));
        pieces.filter(|piece| !piece.is_empty())
    }
}

/// Whether a piece ends after what has this digest, if pieces are to have so many entries on average.
///
/// Where a cut is depends on the entry before it and on nothing else, so that a new entry changes one piece only, and two
/// nodes cut alike (IDX-25).
pub fn ends_piece(digest: u32, entries_a_piece: u32) -> bool {
    digest < u32::MAX / entries_a_piece
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    let mut digits = [0; 64];
    for bytes in bytes.chunks(digits.len() / 2) {
        let digits = &mut digits[..bytes.len() * 2];
        // The lengths fit, and digits are ASCII: a page has thousands of them, and digit by digit takes twice as long.
        if hex::encode_to_slice(bytes, digits).is_ok() {
            text.push_str(str::from_utf8(digits).unwrap_or_default());
        }
    }
}

/// Writes the last digits of a number, as many as there is room for.
fn put_digits(place: &mut [u8], mut number: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is their last; four hundred of them have 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(at: Timestamp) -> String {
        let mut text = Text::default();
        text.push_time(at);
        text.into_string()
    }

    #[test]
    fn ok_times_have_six_digits_and_a_z() {
        for (given, written) in [
            ("2026-08-01T12:00:00Z", "2026-08-01T12:00:00.000000Z"),
            ("2026-08-01T12:00:00.5Z", "2026-08-01T12:00:00.500000Z"),
            ("1999-12-31T23:59:59.123456Z", "1999-12-31T23:59:59.123456Z"),
            ("2026-08-01T14:00:00.25+02:00", "2026-08-01T12:00:00.250000Z"),
            ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:59.900000Z"),
        ] {
            assert_eq!(time(given.parse().unwrap()), written);
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        // Some four hundred years by steps of about ten days, which meet every month and leap day.
        for step in -7_000_i64..7_000 {
            let at = Timestamp::from_microsecond(step * 912_345_678_901).unwrap();
            assert_eq!(time(at), format!("{at:.6}"));
        }
    }

    #[test]
    fn a_new_version_changes_one_piece() {
        let page = |numbers: &mut dyn Iterator<Item = u32>| {
            let mut text = Text::default();
            for version in numbers.map(|number| format!("1.{number}")) {
                text.push(&version);
                text.end_version(&version);
            }
            text
        };
        let before = page(&mut (0..9_000).filter(|number| *number != 5_000));
        let after = page(&mut (0..9_000));
        assert_eq!(after.pieces().collect::<String>(), after.as_str());
        assert!(after.pieces().count() > 4);
        let known: Vec<&str> = before.pieces().collect();
        assert!(after.pieces().filter(|piece| !known.contains(piece)).count() <= 2);
    }

    #[test]
    fn ok_paths_of_files() {
        let sha256 = Sha256Digest::of(b"");
        let folder = "packages/e3/b0/c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (filename, written) in [
            ("demo-1.0-py3-none-any.whl", "demo-1.0-py3-none-any.whl"),
            ("loc-1.0+cu118-py3-none-any.whl", "loc-1.0%2Bcu118-py3-none-any.whl"),
            ("epoch-1!2.0.tar.gz", "epoch-1%212.0.tar.gz"),
        ] {
            let mut text = Text::default();
            text.push_file_path(&sha256, filename);
            assert_eq!(text.as_str(), format!("{folder}/{written}"));
        }
    }
}
