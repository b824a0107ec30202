//! Addresses of snapshots as people write them: a serial, a day, or the beginning of the content's digest.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::channel::{ChannelName, ChannelNameError, ChannelRef, Serial, serial_of};
use super::{Sha256Digest, Timestamp};
use crate::packaging::shown;

/// What stands before the digits of a digest.
const DIGEST_MARK: &str = "sha256:";

/// Fewest digits of a digest that name a snapshot: with fewer, two contents of one channel would meet by chance.
const MIN_DIGITS: usize = 8;

/// The beginning of a snapshot's digest: 8 to 64 lowercase hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestPrefix(String);

impl DigestPrefix {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this digest begins so.
    pub fn begins(&self, digest: &Sha256Digest) -> bool {
        digest.to_hex().starts_with(&self.0)
    }

    /// What sorts after every digest that begins so, and before all others that sort after it.
    pub fn end(&self) -> String {
        // `g` is the first letter that is no hexadecimal digit.
        format!("{}g", self.0)
    }
}

/// Which content of a channel is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// What the channel shows now.
    Head,
    /// The snapshot of this serial.
    Serial(Serial),
    /// The last snapshot that was made before the end of this day, UTC. Until then another may be made.
    Day(Date),
    /// The snapshot whose digest begins so.
    Digest(DigestPrefix),
}

/// `blessed`, `blessed@7`, `blessed@2026-11-20` or `blessed@sha256:0123abcd`, as URLs and the command line write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAddress {
    /// The channel.
    pub name: ChannelName,
    /// Which of its contents.
    pub moment: Moment,
}

impl ChannelAddress {
    /// The channel as it is now.
    pub fn head(name: ChannelName) -> Self {
        Self { name, moment: Moment::Head }
    }

    /// The same, if it needs no look at the index: a day and a digest must first be found there.
    pub fn settled(&self) -> Option<ChannelRef> {
        let serial = match self.moment {
            Moment::Head => None,
            Moment::Serial(serial) => Some(serial),
            Moment::Day(_) | Moment::Digest(_) => return None,
        };
        Some(ChannelRef { name: self.name.clone(), serial })
    }
}

/// The first instant after this day, UTC; `None` at the end of time.
pub fn end_of_day(day: Date) -> Option<Timestamp> {
    day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
}

impl FromStr for ChannelAddress {
    type Err = ChannelNameError;

    fn from_str(text: &str) -> Result<Self, ChannelNameError> {
        let Some((name, moment)) = text.split_once('@') else { return Ok(Self::head(text.parse()?)) };
        let moment = match moment.strip_prefix(DIGEST_MARK) {
            Some(digits) => prefix(digits).map(Moment::Digest),
            None => day(moment).map(Moment::Day).or_else(|| serial_of(moment).map(Moment::Serial)),
        };
        let moment = moment.ok_or_else(|| ChannelNameError::Serial { given: shown(text) })?;
        Ok(Self { name: name.parse()?, moment })
    }
}

fn prefix(digits: &str) -> Option<DigestPrefix> {
    let fits = (MIN_DIGITS..=64).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| DigestPrefix(digits.to_ascii_lowercase()))
}

/// Exactly `YYYY-MM-DD`; the parser of dates would take many other forms.
fn day(text: &str) -> Option<Date> {
    let well_formed = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    well_formed.then(|| text.parse().ok()).flatten()
}

impl From<ChannelRef> for ChannelAddress {
    fn from(place: ChannelRef) -> Self {
        Self { name: place.name, moment: place.serial.map_or(Moment::Head, Moment::Serial) }
    }
}

impl fmt::Display for ChannelAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.moment {
            Moment::Head => self.name.fmt(formatter),
            Moment::Serial(serial) => write!(formatter, "{}@{serial}", self.name),
            Moment::Day(day) => write!(formatter, "{}@{day}", self.name),
            Moment::Digest(prefix) => write!(formatter, "{}@{DIGEST_MARK}{}", self.name, prefix.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_addresses_are_written_as_they_are_read() {
        for text in ["blessed", "blessed@0", "blessed@17", "blessed@2026-02-28", "blessed@sha256:0123abcd"] {
            assert_eq!(text.parse::<ChannelAddress>().unwrap().to_string(), text);
        }
        let upper: ChannelAddress = "blessed@sha256:0123ABCD".parse().unwrap();
        assert_eq!(upper.to_string(), "blessed@sha256:0123abcd");
    }

    #[test]
    fn err_what_names_no_snapshot() {
        let long = format!("blessed@sha256:{}", "a".repeat(65));
        for text in [
            "blessed@",
            "blessed@-1",
            "blessed@x",
            "blessed@01",
            "blessed@1@2",
            "blessed@2026-02-30",
            "blessed@2026-2-3",
            "blessed@2026-02-03T00:00:00",
            "blessed@+026-02-03",
            "blessed@sha256:0123abc",
            "blessed@sha256:0123abcg",
            "blessed@SHA256:0123abcd",
            "blessed@0123abcd",
            "Blessed@2026-02-03",
            "simple@2026-02-03",
            &long,
        ] {
            assert!(text.parse::<ChannelAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_ends_where_the_next_one_begins() {
        let end = |text: &str| end_of_day(text.parse().unwrap()).map(|at| at.to_string());
        assert_eq!(end("2024-02-28").as_deref(), Some("2024-02-29T00:00:00Z"));
        assert_eq!(end("2026-12-31").as_deref(), Some("2027-01-01T00:00:00Z"));
        assert_eq!(end("9999-12-31"), None);
    }

    #[test]
    fn a_prefix_bounds_the_digests_that_begin_so() {
        let digest = Sha256Digest::of(b"");
        let prefix = prefix(&digest.to_hex()[..8]).unwrap();
        assert!(prefix.begins(&digest) && digest.to_hex() < prefix.end() && !prefix.begins(&Sha256Digest::of(b"a")));
    }
}
