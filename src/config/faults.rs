//! What is said of settings that cannot be used: which one, its value, and what is expected. Never in the words of a parser.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::de::value::Error as Stop;
use serde::de::{Deserialize as _, Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::Settings;
use crate::model::{Diagnostic, Kind};

/// Characters of a value that are repeated.
const MAX_SHOWN: usize = 100;

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("the settings file `{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A name is unknown or a value does not fit.
    #[error("{place}: {message}")]
    Invalid {
        /// File, variable or flag.
        place: String,
        /// What is wrong there.
        message: String,
    },
}

impl Diagnostic for SettingsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "config/file-unreadable",
            Self::Invalid { .. } => "config/setting-invalid",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("The manual page `settings` lists every setting with its unit and default.".into())
    }
}

/// What settings take whose default does not say it.
const EXPECTED: &[(&str, &str)] = &[
    ("attestation_roots", "a list of paths of trust roots, and of the name `public-good`,"),
    ("cross_origin_reads", "`refused` or `allowed`"),
    ("data", "the path of a directory"),
    ("database", "a URL that begins with `postgres://`"),
    ("default_channel", CHANNEL),
    ("listen", "an address and a port like `127.0.0.1:8417`"),
    ("log", "a text like `info` or `ferrywheel=debug`"),
    ("log_format", "`text` or `json`"),
    ("public_url", "an `http` or `https` URL"),
    ("read", "`open` or `token`"),
    ("reserved_names", "a list of project names, or of beginnings of names with a `*` at the end,"),
    ("send_files_by", "`server`, `x-accel-redirect` or `x-sendfile`"),
    ("upload_channel", CHANNEL),
];

const CHANNEL: &str = "the name of a channel (a lowercase letter, then up to 38 lowercase letters, digits or hyphens)";

/// Settings whose value may hold a password, which is not repeated.
const HIDDEN: &[&str] = &["database", "public_url"];

/// The sentence about a setting whose value cannot be read, or whose name is none.
pub(super) fn fault(name: &str, value: &toml::Value, default: Option<&toml::Value>) -> String {
    if !names().contains(&name) {
        return format!("there is no setting `{}`", shown(name));
    }
    let expected = EXPECTED.iter().find(|(setting, _)| *setting == name).map(|(_, expected)| *expected);
    let expected = expected.unwrap_or_else(|| of_its_sort(name, default));
    if HIDDEN.contains(&name) {
        return format!("`{name}` has a value that is none; {expected} is expected");
    }
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("`{name}` is `{}`; {expected} is expected", shown(&value))
}

/// The beginning of what was given, fit for a terminal.
fn shown(given: &str) -> String {
    given.chars().take(MAX_SHOWN).map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// What the unit in the name and the sort of the default say.
fn of_its_sort(name: &str, default: Option<&toml::Value>) -> &'static str {
    match default {
        Some(toml::Value::Integer(_)) if name.ends_with("_bytes") => "a number of bytes from 0 on",
        Some(toml::Value::Integer(_)) if name.ends_with("_seconds") => "a number of seconds from 0 on",
        Some(toml::Value::Integer(_)) => "a whole number from 0 on",
        Some(toml::Value::Boolean(_)) => "`true` or `false`",
        Some(toml::Value::Array(_)) => "a list",
        _ => "a text",
    }
}

/// Every name that a setting has.
pub(super) fn names() -> &'static [&'static str] {
    let mut names = Names(&[]);
    // It stops as soon as it was told the names.
    drop(Settings::deserialize(&mut names));
    names.0
}

/// Asks the reader of a structure for the names of its fields, which it tells before it reads anything.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Stop> {
        Err(Stop::custom("only a structure has names"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Stop> {
        self.0 = fields;
        Err(Stop::custom("the names are known"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_is_said_of_settings_that_there_are() {
        let names = names();
        assert!(names.contains(&"data") && names.contains(&"public_url"), "{names:?}");
        for name in EXPECTED.iter().map(|(name, _)| name).chain(HIDDEN) {
            assert!(names.contains(name), "{name}");
        }
        let defaults = toml::Table::try_from(Settings::default()).unwrap();
        for name in names {
            let is_told = EXPECTED.iter().any(|(setting, _)| setting == name);
            let is_plain = !matches!(defaults.get(*name), None | Some(toml::Value::String(_) | toml::Value::Array(_)));
            assert!(is_told || is_plain, "say in EXPECTED what `{name}` takes");
        }
    }

    #[test]
    fn a_fault_names_setting_value_and_what_is_expected() {
        let number = toml::Value::Integer(1);
        for (name, value, default, expected) in [
            (
                "page_cache_bytes",
                "many",
                Some(&number),
                "`page_cache_bytes` is `many`; a number of bytes from 0 on is expected",
            ),
            ("read", "all", None, "`read` is `all`; `open` or `token` is expected"),
            ("raed", "all", None, "there is no setting `raed`"),
            (
                "database",
                "secret",
                None,
                "`database` has a value that is none; a URL that begins with `postgres://` is expected",
            ),
        ] {
            assert_eq!(fault(name, &toml::Value::String(value.to_owned()), default), expected);
        }
    }
}
