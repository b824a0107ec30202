//! The header lines of a request, whoever has read them.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderName};

/// Header lines of one request.
#[derive(Clone, Copy)]
pub enum Fields<'a> {
    /// As the HTTP library hands them on.
    Map(&'a HeaderMap),
    /// As they came.
    Lines(&'a [httparse::Header<'a>]),
}

impl<'a> From<&'a HeaderMap> for Fields<'a> {
    fn from(headers: &'a HeaderMap) -> Self {
        Self::Map(headers)
    }
}

impl<'a> Fields<'a> {
    /// A header as text, several lines of it joined as RFC 9110 section 5.3 says; absent or not ASCII is `None`.
    pub fn text(self, name: &HeaderName) -> Option<Cow<'a, str>> {
        match self {
            Self::Map(headers) => joined(headers.get_all(name).iter().filter_map(|line| line.to_str().ok())),
            Self::Lines(lines) => joined(named(lines, name).filter_map(|line| ascii(line.value))),
        }
    }

    /// Whether there is such a line, whatever it says.
    pub fn contains(self, name: &HeaderName) -> bool {
        match self {
            Self::Map(headers) => headers.contains_key(name),
            Self::Lines(lines) => named(lines, name).next().is_some(),
        }
    }
}

fn named<'a>(lines: &'a [httparse::Header<'a>], name: &HeaderName) -> impl Iterator<Item = &'a httparse::Header<'a>> {
    lines.iter().filter(move |line| line.name.eq_ignore_ascii_case(name.as_str()))
}

fn joined<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<Cow<'a, str>> {
    let first = lines.next()?;
    Some(lines.fold(first.into(), |joined: Cow<'_, str>, line| joined + ", " + line))
}

/// What a [`HeaderMap`] takes for text: visible ASCII, blanks and tabs.
fn ascii(value: &[u8]) -> Option<&str> {
    let is_text = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    str::from_utf8(value).ok().filter(|_| is_text)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    #[test]
    fn lines_say_the_same_as_the_map_that_the_library_makes_of_them() {
        for given in [
            &[][..],
            &[("Accept", "text/html")],
            &[("accept", "a"), ("Host", "h"), ("ACCEPT", "b")],
            &[("accept", ""), ("accept", "b")],
            &[("accept", "caf\u{e9}"), ("accept", "b\tc")],
            &[("accepted", "a")],
        ] {
            let lines: Vec<httparse::Header<'_>> =
                given.iter().map(|(name, value)| httparse::Header { name, value: value.as_bytes() }).collect();
            let mut map = HeaderMap::new();
            for (name, value) in given {
                map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            for name in [header::ACCEPT, header::HOST, header::RANGE] {
                let (lines, map) = (Fields::Lines(&lines), Fields::from(&map));
                assert_eq!(lines.text(&name), map.text(&name), "{given:?}");
                assert_eq!(lines.contains(&name), map.contains(&name), "{given:?}");
            }
        }
    }
}
