//! Which part of a file a request wants (RFC 9110 sections 13 and 14). Pure.

use std::ops::Range;

use super::conditional::{is_listed, is_listed_strongly};

/// The conditions of a request for a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Conditions<'a> {
    /// `Range`.
    pub range: Option<&'a str>,
    /// `If-Range`.
    pub if_range: Option<&'a str>,
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
}

/// What to answer with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// 412: the client means other bytes.
    OtherVersion,
    /// 304.
    NotModified,
    /// 200, all of it.
    Whole,
    /// 206, these bytes; never empty.
    Bytes(Range<u64>),
    /// 416.
    NotSatisfiable,
}

/// Decides what a GET is answered with. `etag` is strong and stands in its quotes.
///
/// Several ranges, an unknown unit and a malformed header are answered whole, as section 14.2 allows; a date in `If-Range`
/// never matches, because we send none.
pub fn part(conditions: Conditions<'_>, etag: &str, size_bytes: u64) -> Part {
    if conditions.if_match.is_some_and(|header| !is_listed_strongly(header, etag)) {
        return Part::OtherVersion;
    }
    if conditions.if_none_match.is_some_and(|header| is_listed(header, etag)) {
        return Part::NotModified;
    }
    let is_same = conditions.if_range.is_none_or(|validator| validator.trim() == etag);
    match conditions.range.filter(|_| is_same) {
        Some(header) => parse(header, size_bytes).unwrap_or(Part::Whole),
        None => Part::Whole,
    }
}

/// `None` for a header that is to be ignored.
fn parse(header: &str, size_bytes: u64) -> Option<Part> {
    let (unit, ranges) = header.trim().split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") || ranges.contains(',') {
        return None;
    }
    let (first, last) = ranges.trim().split_once('-')?;
    let part = match (first.trim(), last.trim()) {
        ("", "") => return None,
        ("", suffix) => suffix_of(number(suffix)?, size_bytes),
        (first, last) => {
            let first = number(first)?;
            let last = if last.is_empty() { u64::MAX } else { number(last)? };
            if last < first {
                return None;
            }
            let end = last.saturating_add(1).min(size_bytes);
            if first < size_bytes { Part::Bytes(first..end) } else { Part::NotSatisfiable }
        }
    };
    Some(part)
}

/// A suffix longer than the file is the whole file, as 206 (FIL-04).
fn suffix_of(length: u64, size_bytes: u64) -> Part {
    if length == 0 || size_bytes == 0 {
        return Part::NotSatisfiable;
    }
    Part::Bytes(size_bytes.saturating_sub(length)..size_bytes)
}

/// Digits only; a number too large for 64 bits is past every end.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ETAG: &str = "\"abc\"";

    fn ranged(range: &str, size_bytes: u64) -> Part {
        part(Conditions { range: Some(range), ..Conditions::default() }, ETAG, size_bytes)
    }

    #[test]
    fn ok_and_err_ranges() {
        for (range, size_bytes, expected) in [
            ("bytes=0-0", 10, Part::Bytes(0..1)),
            ("bytes=0-9", 10, Part::Bytes(0..10)),
            ("bytes=2-5", 10, Part::Bytes(2..6)),
            ("bytes=9-9", 10, Part::Bytes(9..10)),
            ("bytes=4-", 10, Part::Bytes(4..10)),
            ("bytes=4-99", 10, Part::Bytes(4..10)),
            ("bytes=4-99999999999999999999999", 10, Part::Bytes(4..10)),
            ("bytes=-3", 10, Part::Bytes(7..10)),
            ("bytes=-10", 10, Part::Bytes(0..10)),
            ("bytes=-99", 10, Part::Bytes(0..10)),
            ("Bytes = 1 - 2", 10, Part::Bytes(1..3)),
            ("bytes=10-", 10, Part::NotSatisfiable),
            ("bytes=10-12", 10, Part::NotSatisfiable),
            ("bytes=99999999999999999999999-", 10, Part::NotSatisfiable),
            ("bytes=-0", 10, Part::NotSatisfiable),
            ("bytes=0-", 0, Part::NotSatisfiable),
            ("bytes=-1", 0, Part::NotSatisfiable),
            ("bytes=5-2", 10, Part::Whole),
            ("bytes=0-1,4-5", 10, Part::Whole),
            ("bytes=-", 10, Part::Whole),
            ("bytes=", 10, Part::Whole),
            ("bytes=a-b", 10, Part::Whole),
            ("bytes=+1-2", 10, Part::Whole),
            ("items=0-1", 10, Part::Whole),
            ("", 10, Part::Whole),
        ] {
            assert_eq!(ranged(range, size_bytes), expected, "{range} of {size_bytes}");
        }
    }

    #[test]
    fn ok_if_range_and_if_none_match() {
        let range = Some("bytes=0-0");
        for (if_range, if_none_match, expected) in [
            (None, None, Part::Bytes(0..1)),
            (Some(ETAG), None, Part::Bytes(0..1)),
            (Some("\"other\""), None, Part::Whole),
            (Some("W/\"abc\""), None, Part::Whole),
            (Some("Fri, 20 Nov 2026 11:00:00 GMT"), None, Part::Whole),
            (None, Some(ETAG), Part::NotModified),
            (None, Some("\"other\""), Part::Bytes(0..1)),
            (Some("\"other\""), Some("*"), Part::NotModified),
        ] {
            let conditions = Conditions { range, if_range, if_none_match, if_match: None };
            assert_eq!(part(conditions, ETAG, 10), expected, "{conditions:?}");
        }
    }

    #[test]
    fn ok_and_err_if_match() {
        for (if_match, if_none_match, expected) in [
            (Some(ETAG), None, Part::Whole),
            (Some("*"), None, Part::Whole),
            (Some("\"other\", \"abc\""), None, Part::Whole),
            (Some("\"other\""), None, Part::OtherVersion),
            (Some("W/\"abc\""), None, Part::OtherVersion),
            (Some("\"other\""), Some(ETAG), Part::OtherVersion),
            (Some(ETAG), Some(ETAG), Part::NotModified),
        ] {
            let conditions = Conditions { if_match, if_none_match, ..Conditions::default() };
            assert_eq!(part(conditions, ETAG, 10), expected, "{conditions:?}");
        }
    }
}
