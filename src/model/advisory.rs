//! Advisories: what is known of vulnerable versions, as OSV records write it, and which versions they mean.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::packaging::{ProjectName, Version, parse_version, shown};

/// The ecosystem of OSV that this index serves.
const ECOSYSTEM: &str = "PyPI";

/// Longest id of an advisory, in bytes; it is part of a URL. Real ones have about thirty.
const MAX_ID_BYTES: usize = 128;

/// Why a record is no advisory for this index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdvisoryError {
    /// It is not of the form of an OSV record.
    #[error("it is no OSV record: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Its id cannot be part of a URL.
    #[error("`{id}` cannot be the id of an advisory")]
    Id {
        /// The id, safe to show.
        id: String,
    },
    /// It is about something else.
    #[error("it names no project of the ecosystem `PyPI`")]
    OtherEcosystem,
}

/// One OSV record (schema 1.x), as far as this server reads it; unknown fields are ignored, as the schema asks.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Advisory {
    /// Its id, such as `PYSEC-2024-1`.
    pub id: String,
    /// When it was last changed; a newer one replaces an older one.
    pub modified: Timestamp,
    /// When it was taken back.
    #[serde(default)]
    pub withdrawn: Option<Timestamp>,
    /// Other ids of the same thing.
    #[serde(default, deserialize_with = "null_as_default")]
    pub aliases: Vec<String>,
    /// One line.
    #[serde(default)]
    pub summary: Option<String>,
    /// The whole text, Markdown.
    #[serde(default)]
    pub details: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    affected: Vec<Affected>,
}

/// Versions of one package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Affected {
    #[serde(default)]
    package: Option<Package>,
    #[serde(default, deserialize_with = "null_as_default")]
    ranges: Vec<Range>,
    #[serde(default, deserialize_with = "null_as_default")]
    versions: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Range {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "null_as_default")]
    events: Vec<RangeEvent>,
}

/// An event of a range: one of these keys; others are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct RangeEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
    limit: Option<String>,
}

/// Some publishers write `null` where the schema has an absent list.
fn null_as_default<'de, T: Default + Deserialize<'de>, D: serde::Deserializer<'de>>(source: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

/// An advisory as a version of a project is shown with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Vulnerability {
    /// Its id.
    pub id: String,
    /// Form of the record that says so.
    pub source: &'static str,
    /// Where the whole record is.
    pub link: String,
    /// Other ids of the same thing.
    pub aliases: Vec<String>,
    /// The whole text.
    pub details: Option<String>,
    /// One line.
    pub summary: Option<String>,
    /// Versions above the one asked about that are not affected any more, lowest first.
    pub fixed_in: Vec<String>,
    /// When it was taken back; it is shown then all the same, and readers leave it out.
    pub withdrawn: Option<Timestamp>,
}

impl Advisory {
    /// Reads an OSV record that names a project of PyPI.
    pub fn read(record: &serde_json::Value) -> Result<Self, AdvisoryError> {
        let advisory = Self::deserialize(record);
        let advisory = advisory.map_err(|error| AdvisoryError::Malformed { reason: error.to_string() })?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if advisory.id.is_empty() || advisory.id.len() > MAX_ID_BYTES || !advisory.id.bytes().all(is_plain) {
            return Err(AdvisoryError::Id { id: shown(&advisory.id) });
        }
        match advisory.projects().is_empty() {
            true => Err(AdvisoryError::OtherEcosystem),
            false => Ok(advisory),
        }
    }

    /// Projects that it is about.
    pub fn projects(&self) -> BTreeSet<ProjectName> {
        self.affected.iter().filter_map(Affected::project).collect()
    }

    /// What is to be said of it where this version of the project is shown; `None` if that version is not affected.
    ///
    /// `link` is where the record is.
    pub fn vulnerability(&self, project: &ProjectName, version: &Version, link: String) -> Option<Vulnerability> {
        let named: Vec<&Affected> =
            self.affected.iter().filter(|affected| affected.project().as_ref() == Some(project)).collect();
        if !named.iter().any(|affected| affected.includes(version)) {
            return None;
        }
        let fixed = named.iter().flat_map(|affected| affected.bounds(|event| event.fixed.as_deref()));
        let fixed: BTreeSet<Version> = fixed.filter(|fixed| fixed > version).collect();
        Some(Vulnerability {
            id: self.id.clone(),
            source: "osv",
            link,
            aliases: self.aliases.clone(),
            details: self.details.clone(),
            summary: self.summary.clone(),
            fixed_in: fixed.iter().map(Version::to_string).collect(),
            withdrawn: self.withdrawn,
        })
    }
}

impl Affected {
    fn project(&self) -> Option<ProjectName> {
        let package = self.package.as_ref()?;
        // An ecosystem may have a suffix after a colon; PyPI has none today.
        let ecosystem = package.ecosystem.split(':').next().unwrap_or_default();
        (ecosystem == ECOSYSTEM).then(|| package.name.parse().ok()).flatten()
    }

    /// Whether the version is listed or lies in a range (OSV schema, "Evaluation").
    ///
    /// A local version such as `1.0+cpu` is a build of `1.0` and shares its faults; a list or bound that has a local part
    /// itself means exactly that. What is no version by PEP 440 means no file that could be here.
    fn includes(&self, version: &Version) -> bool {
        let is_listed = |text: &String| parse_version(text).is_ok_and(|listed| compare(version, &listed).is_eq());
        self.versions.iter().any(is_listed) || self.ranges().any(|range| range.includes(version))
    }

    /// Ranges in the order of the ecosystem; those of commits are nothing that a file tells.
    fn ranges(&self) -> impl Iterator<Item = &Range> {
        self.ranges.iter().filter(|range| range.kind == "ECOSYSTEM")
    }

    fn bounds<'a>(&'a self, bound: impl Fn(&RangeEvent) -> Option<&str> + 'a) -> impl Iterator<Item = Version> + 'a {
        let events = self.ranges().flat_map(|range| &range.events);
        events.filter_map(move |event| bound(event).and_then(|text| parse_version(text).ok()))
    }
}

/// What an event does to a version that reaches it. Ordered as events at the same version are applied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    Begins,
    Ends,
    EndsAfter,
}

impl Range {
    fn includes(&self, version: &Version) -> bool {
        let mut events: Vec<(Option<Version>, Effect)> = Vec::new();
        let mut limits = Vec::new();
        for event in &self.events {
            let bounds = [
                (&event.introduced, Effect::Begins),
                (&event.fixed, Effect::Ends),
                (&event.last_affected, Effect::EndsAfter),
            ];
            for (text, effect) in bounds {
                match text.as_deref() {
                    None => {}
                    // Before every version, also before `0.dev1`.
                    Some("0") if effect == Effect::Begins => events.push((None, effect)),
                    Some(text) => events.extend(parse_version(text).ok().map(|bound| (Some(bound), effect))),
                }
            }
            limits
                .extend(event.limit.as_deref().filter(|limit| *limit != "*").and_then(|text| parse_version(text).ok()));
        }
        if !limits.is_empty() && !limits.iter().any(|limit| compare(version, limit).is_lt()) {
            return false;
        }
        events.sort();
        let mut is_included = false;
        for (bound, effect) in &events {
            let reached = bound.as_ref().map_or(Ordering::Greater, |bound| compare(version, bound));
            match effect {
                Effect::Begins if reached.is_ge() => is_included = true,
                Effect::Ends if reached.is_ge() => is_included = false,
                Effect::EndsAfter if reached.is_gt() => is_included = false,
                _ => {}
            }
        }
        is_included
    }
}

/// Compares a version with a bound, without its local part unless the bound has one.
fn compare(version: &Version, bound: &Version) -> Ordering {
    match version.is_local() && !bound.is_local() {
        true => version.clone().without_local().cmp(bound),
        false => version.cmp(bound),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn advisory(affected: serde_json::Value) -> Advisory {
        let record = json!({"id": "PYSEC-2026-1", "modified": "2026-08-01T12:00:00Z", "affected": affected});
        Advisory::read(&record).unwrap()
    }

    fn includes(ranges: serde_json::Value, versions: &[&str], version: &str) -> bool {
        let package = json!({"ecosystem": "PyPI", "name": "De.Mo"});
        let advisory = advisory(json!([{"package": package, "ranges": ranges, "versions": versions}]));
        let version = version.parse().unwrap();
        advisory.vulnerability(&"de-mo".parse().unwrap(), &version, String::new()).is_some()
    }

    fn range(events: serde_json::Value) -> serde_json::Value {
        json!([{"type": "ECOSYSTEM", "events": events}])
    }

    #[test]
    fn ok_versions_in_ranges() {
        let fixed = range(json!([{"introduced": "0"}, {"fixed": "1.10"}]));
        let two = range(json!([{"introduced": "2.0"}, {"fixed": "1.5"}, {"introduced": "1.0"}, {"fixed": "2.3.1"}]));
        let last = range(json!([{"introduced": "1.0"}, {"last_affected": "1.9"}]));
        let open = range(json!([{"introduced": "3.0"}]));
        let limited = range(json!([{"introduced": "0"}, {"limit": "2.0"}]));
        let local = range(json!([{"introduced": "0"}, {"fixed": "1.0+patched"}]));
        for (ranges, version, expected) in [
            (&fixed, "0.dev1", true),
            (&fixed, "1.9", true),
            (&fixed, "1.10rc1", true),
            (&fixed, "1.10", false),
            (&fixed, "1.10+cpu", false),
            (&fixed, "1.9.post1", true),
            (&fixed, "1!0.1", false),
            (&two, "0.9", false),
            (&two, "1.0.0", true),
            (&two, "1.5", false),
            (&two, "1.9", false),
            (&two, "2.3", true),
            (&two, "2.3.1", false),
            (&last, "1.9", true),
            (&last, "1.9+cpu", true),
            (&last, "1.9.1", false),
            (&open, "2.9", false),
            (&open, "99", true),
            (&limited, "1.9", true),
            (&limited, "2.0", false),
            (&local, "1.0", true),
            (&local, "1.0+patched", false),
        ] {
            assert_eq!(includes(ranges.clone(), &[], version), expected, "{ranges} {version}");
        }
    }

    #[test]
    fn ok_versions_in_lists() {
        for (listed, version, expected) in [
            (&["1.0"][..], "1.0.0", true),
            (&["1.0"], "1.0+cpu", true),
            (&["1.0+cpu"], "1.0", false),
            (&["2004d", "v1.0"], "1.0", true),
            (&[], "1.0", false),
        ] {
            assert_eq!(includes(json!([]), listed, version), expected, "{listed:?} {version}");
        }
        let commits = json!([{"type": "GIT", "events": [{"introduced": "0"}]}]);
        assert!(!includes(commits, &[], "1.0"));
        assert!(includes(json!(null), &["1.0"], "1.0"));
    }

    #[test]
    fn fixes_below_the_version_are_not_told() {
        let package = json!({"ecosystem": "PyPI", "name": "demo"});
        let ranges = range(json!([{"introduced": "0"}, {"fixed": "1.5"}, {"introduced": "2.0"}, {"fixed": "2.10"}]));
        let advisory = advisory(json!([{"package": package, "ranges": ranges}]));
        for (version, fixed_in) in [("1.0", &["1.5", "2.10"][..]), ("2.9", &["2.10"])] {
            let found = advisory.vulnerability(&"demo".parse().unwrap(), &version.parse().unwrap(), String::new());
            assert_eq!(found.unwrap().fixed_in, fixed_in);
        }
    }

    #[test]
    fn err_records_that_are_none() {
        let package = |ecosystem: &str| json!([{"package": {"ecosystem": ecosystem, "name": "demo"}}]);
        for (record, expected) in [
            (json!({"id": "X-1", "modified": "2026-08-01T12:00:00Z", "affected": package("npm")}), "names no project"),
            (json!({"id": "X-1", "modified": "2026-08-01T12:00:00Z"}), "names no project"),
            (
                json!({"id": "X-1", "modified": "2026-08-01T12:00:00Z", "affected": [{"versions": ["1"]}]}),
                "names no project",
            ),
            (
                json!({"id": "../1", "modified": "2026-08-01T12:00:00Z", "affected": package("PyPI")}),
                "cannot be the id",
            ),
            (json!({"id": "", "modified": "2026-08-01T12:00:00Z", "affected": package("PyPI")}), "cannot be the id"),
            (json!({"id": "X-1", "affected": package("PyPI")}), "modified"),
            (json!({"modified": "2026-08-01T12:00:00Z"}), "id"),
            (json!("X-1"), "no OSV record"),
        ] {
            let error = Advisory::read(&record).unwrap_err().to_string();
            assert!(error.contains(expected), "{record}: {error}");
        }
    }
}
