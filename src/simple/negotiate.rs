//! Which representation and which encoding a client gets (RFC 9110 section 12; standards IDX-06 to IDX-12). Pure.

/// A representation of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// PEP 691 JSON.
    Json,
    /// The same HTML under its versioned name.
    HtmlV1,
    /// HTML as browsers and old clients ask for it.
    Html,
}

const JSON: &str = "application/vnd.pypi.simple.v1+json";
const HTML_V1: &str = "application/vnd.pypi.simple.v1+html";
const HTML: &str = "text/html";

/// The names that a request may use for each representation; `latest` is answered with the concrete version (IDX-08).
const OFFERS: [(Format, &[&str]); 3] = [
    (Format::Json, &[JSON, "application/vnd.pypi.simple.latest+json"]),
    (Format::HtmlV1, &[HTML_V1, "application/vnd.pypi.simple.latest+html"]),
    (Format::Html, &[HTML]),
];

impl Format {
    /// Exactly as it is sent: clients compare it byte for byte (IDX-06).
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => JSON,
            Self::HtmlV1 => HTML_V1,
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// How the bytes of a page are encoded. Files are never encoded (FIL-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878): shorter than gzip and quicker to make and to read.
    Zstd,
}

impl Encoding {
    /// The value of `Content-Encoding`; identity has none.
    pub fn header(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// Quality in thousandths, 0 to 1000; 0 forbids.
type Quality = u16;

/// How closely a range of the header names an offer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Anything,
    TopLevel,
    Exact,
}

/// The representation for this `Accept` header and `format` parameter, the latter before the former; `None` is a 406.
pub fn format(accept: Option<&str>, parameter: Option<&str>) -> Option<Format> {
    match parameter {
        Some(wanted) => format_parameter(wanted),
        None => format_by_accept(accept),
    }
}

/// One exact content type; an unescaped `+` of the query arrives as a space (IDX-12).
fn format_parameter(wanted: &str) -> Option<Format> {
    let wanted = wanted.replace(' ', "+");
    OFFERS.iter().find(|(_, names)| names.contains(&wanted.as_str())).map(|(format, _)| *format)
}

/// Equal quality gives JSON, except when JSON was only meant by `*/*`: that is how hatch and people ask for HTML (IDX-10).
fn format_by_accept(accept: Option<&str>) -> Option<Format> {
    let accept = accept.map(str::trim).filter(|accept| !accept.is_empty()).unwrap_or("*/*");
    let ranges = parse(accept);
    let mut best: Option<(Quality, bool, Format)> = None;
    for (format, names) in OFFERS {
        let judged = names.iter().filter_map(|name| judge(&ranges, name));
        let Some((closeness, quality)) = judged.max_by_key(|(closeness, quality)| (*closeness, *quality)) else {
            continue;
        };
        let is_meant = closeness > Closeness::Anything || format == Format::Html;
        let better = best.is_none_or(|(held, held_is_meant, _)| (quality, is_meant) > (held, held_is_meant));
        if quality > 0 && better {
            best = Some((quality, is_meant, format));
        }
    }
    best.map(|(_, _, format)| format)
}

/// Quality that an `Accept` header gives to one media type, in thousandths; an absent header accepts everything.
pub fn quality(accept: Option<&str>, media_type: &str) -> u16 {
    let Some(accept) = accept.map(str::trim).filter(|accept| !accept.is_empty()) else { return 1000 };
    judge(&parse(accept), media_type).map_or(0, |(_, quality)| quality)
}

/// The encoding for this `Accept-Encoding` header; `None` is a 406 (RFC 9110 section 12.5.3).
pub fn encoding(accept_encoding: Option<&str>) -> Option<Encoding> {
    let Some(header) = accept_encoding.map(str::trim).filter(|header| !header.is_empty()) else {
        return Some(Encoding::Identity);
    };
    let codings = parse(header);
    let find = |names: &[&str]| {
        let listed = codings.iter().filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
        listed.map(|(_, quality)| *quality).max()
    };
    let others = find(&["*"]);
    // Identity is acceptable unless it is excluded, but being silent about it is no preference for it.
    let identity = find(&["identity"]).or(others);
    let mut best = (identity.unwrap_or(0), identity.is_none_or(|quality| quality > 0).then_some(Encoding::Identity));
    // From worse to better: of equal ones, the last.
    // `*` is gzip, which everybody reads.
    let gzip = find(&["gzip", "x-gzip"]).or(others).unwrap_or(0);
    for (encoding, quality) in [(Encoding::Gzip, gzip), (Encoding::Zstd, find(&["zstd"]).unwrap_or(0))] {
        if quality > 0 && quality >= best.0 {
            best = (quality, Some(encoding));
        }
    }
    best.1
}

/// The value of `name` in a query string, percent-decoded, `+` as a space.
pub fn query_value(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Closest range that covers `media_type`, with its quality.
fn judge(ranges: &[(&str, Quality)], media_type: &str) -> Option<(Closeness, Quality)> {
    let top_level = media_type.split_once('/').map_or(media_type, |(top_level, _)| top_level);
    let covers = |range: &str| match range {
        "*/*" | "*" => Some(Closeness::Anything),
        _ if range.eq_ignore_ascii_case(media_type) => Some(Closeness::Exact),
        _ if range.strip_suffix("/*").is_some_and(|range| range.eq_ignore_ascii_case(top_level)) => {
            Some(Closeness::TopLevel)
        }
        _ => None,
    };
    ranges.iter().filter_map(|(range, quality)| Some((covers(range)?, *quality))).max()
}

/// The members of a list header, without parameters but `q`; a member with a malformed `q` is left out.
fn parse(header: &str) -> Vec<(&str, Quality)> {
    header.split(',').filter_map(parse_member).collect()
}

fn parse_member(member: &str) -> Option<(&str, Quality)> {
    let mut parts = member.split(';');
    let name = parts.next()?.trim();
    if name.is_empty() {
        return None;
    }
    let mut quality = 1000;
    for parameter in parts {
        let Some((key, value)) = parameter.split_once('=') else { continue };
        if key.trim().eq_ignore_ascii_case("q") {
            quality = parse_quality(value.trim())?;
        }
    }
    Some((name, quality))
}

/// `0` to `1` with up to three decimals (RFC 9110 section 12.4.2).
fn parse_quality(text: &str) -> Option<Quality> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !matches!(whole, "0" | "1") {
        return None;
    }
    let thousandths: Quality = format!("{decimals:0<3}").parse().ok()?;
    let quality = if whole == "1" { 1000 + thousandths } else { thousandths };
    (quality <= 1000).then_some(quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIP: &str =
        "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01";
    const UV: &str = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
    const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

    /// The acceptance table of standards 1.2, then its edges.
    #[test]
    fn ok_and_err_accept_headers() {
        let pyx = "application/vnd.pyx.simple.v1+msgpack, application/vnd.pyx.simple.v1+json;q=0.9, \
                   application/vnd.pypi.simple.v1+json;q=0.8, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
        for (accept, expected) in [
            (None, Some(Format::Html)),
            (Some("*/*"), Some(Format::Html)),
            (Some("application/vnd.pypi.simple.v1+json"), Some(Format::Json)),
            (Some(PIP), Some(Format::Json)),
            (Some(UV), Some(Format::Json)),
            (Some("application/vnd.pypi.simple.v1+json, */*;q=0.1"), Some(Format::Json)),
            (Some(pyx), Some(Format::Json)),
            (Some(BROWSER), Some(Format::Html)),
            (Some("application/vnd.pypi.simple.v1+json, text/html"), Some(Format::Json)),
            (Some("application/vnd.pypi.simple.v1+html"), Some(Format::HtmlV1)),
            (Some("application/vnd.pypi.simple.latest+json"), Some(Format::Json)),
            (Some("application/vnd.pypi.simple.latest+html"), Some(Format::HtmlV1)),
            (Some("application/*"), Some(Format::Json)),
            (Some("text/*"), Some(Format::Html)),
            (Some("application/vnd.pypi.simple.v1+json;q=0, text/html"), Some(Format::Html)),
            (Some("application/vnd.pypi.simple.v2+json"), None),
            (Some("application/json"), None),
            (Some("image/png"), None),
            // Order is no preference, case does not matter, spaces and parameters neither.
            (Some("text/html, application/vnd.pypi.simple.v1+json"), Some(Format::Json)),
            (Some("TEXT/HTML ; q=1.000 , Application/Vnd.Pypi.Simple.V1+Json;q=0.999"), Some(Format::Html)),
            (Some("text/html;charset=utf-8;q=0.5, application/vnd.pypi.simple.v1+json;q=0.4"), Some(Format::Html)),
            // The closer range decides for its offer, also when it forbids.
            (Some("*/*, application/vnd.pypi.simple.v1+json;q=0"), Some(Format::Html)),
            (Some("text/html;q=0, */*"), Some(Format::Json)),
            (Some("application/*;q=0.2, */*;q=0.9"), Some(Format::Html)),
            (Some("*/*;q=0"), None),
            (Some("text/html;q=0"), None),
            (Some("text/html, */*"), Some(Format::Html)),
            (Some("image/png, */*;q=0.5"), Some(Format::Html)),
            (Some(""), Some(Format::Html)),
            // A quality that is none takes its range out.
            (Some("application/vnd.pypi.simple.v1+json;q=2, text/html;q=0.1"), Some(Format::Html)),
            (Some("application/vnd.pypi.simple.v1+json;q=0.1234"), None),
            (Some("application/vnd.pypi.simple.v1+json;q=1.001"), None),
            (Some(",,;q=1,"), None),
        ] {
            assert_eq!(format(accept, None), expected, "{accept:?}");
        }
    }

    #[test]
    fn ok_and_err_format_parameters() {
        for (parameter, expected) in [
            ("application/vnd.pypi.simple.v1+json", Some(Format::Json)),
            ("application/vnd.pypi.simple.v1 json", Some(Format::Json)),
            ("application/vnd.pypi.simple.latest html", Some(Format::HtmlV1)),
            ("text/html", Some(Format::Html)),
            ("json", None),
            ("", None),
        ] {
            assert_eq!(format(Some("image/png"), Some(parameter)), expected, "{parameter}");
        }
    }

    #[test]
    fn ok_and_err_accept_encodings() {
        for (header, expected) in [
            (None, Some(Encoding::Identity)),
            (Some(""), Some(Encoding::Identity)),
            (Some("gzip, deflate"), Some(Encoding::Gzip)),
            (Some("gzip, deflate, br, zstd"), Some(Encoding::Zstd)),
            (Some("gzip, deflate, zstd"), Some(Encoding::Zstd)),
            (Some("zstd, gzip, deflate"), Some(Encoding::Zstd)),
            (Some("zstd;q=0.9, gzip"), Some(Encoding::Gzip)),
            (Some("ZSTD;q=0.9, gzip;q=0.8"), Some(Encoding::Zstd)),
            (Some("zstd;q=0, gzip"), Some(Encoding::Gzip)),
            (Some("zstd;q=0, *"), Some(Encoding::Gzip)),
            (Some("zstd;q=0.5, identity"), Some(Encoding::Identity)),
            (Some("X-GZIP"), Some(Encoding::Gzip)),
            (Some("*"), Some(Encoding::Gzip)),
            (Some("identity"), Some(Encoding::Identity)),
            (Some("br"), Some(Encoding::Identity)),
            (Some("gzip;q=0"), Some(Encoding::Identity)),
            (Some("gzip;q=0, *"), Some(Encoding::Identity)),
            (Some("gzip;q=0.5, identity"), Some(Encoding::Identity)),
            (Some("identity;q=0.5, gzip;q=0.5"), Some(Encoding::Gzip)),
            (Some("identity;q=0, gzip"), Some(Encoding::Gzip)),
            (Some("identity;q=0"), None),
            (Some("*;q=0"), None),
            (Some("gzip;q=0, identity;q=0"), None),
            (Some("*;q=0, identity"), Some(Encoding::Identity)),
        ] {
            assert_eq!(encoding(header), expected, "{header:?}");
        }
    }

    #[test]
    fn ok_query_values_decode_once() {
        for (query, expected) in [
            ("format=text%2Fhtml", Some("text/html")),
            ("a=1&format=v1+json", Some("v1 json")),
            ("format=v1%2Bjson", Some("v1+json")),
            ("format=%252B", Some("%2B")),
            ("a=1", None),
            ("", None),
        ] {
            assert_eq!(query_value(query, "format").as_deref(), expected, "{query}");
        }
    }

    #[test]
    fn ok_qualities_of_other_media_types() {
        for (accept, media_type, expected) in [
            (None, "application/json", 1000),
            (Some("*/*"), "application/json", 1000),
            (Some("application/json;q=0.5, */*;q=0.1"), "application/json", 500),
            (Some(BROWSER), "application/json", 800),
            (Some(PIP), "application/json", 0),
        ] {
            assert_eq!(quality(accept, media_type), expected, "{accept:?}");
        }
    }
}
