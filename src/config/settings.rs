//! The settings of a server, each with its unit and its default.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use crate::access::ReadPolicy;
use crate::model::{ChannelName, Diagnostic, Kind, ReservedNames};
use crate::telemetry::LogFormat;

/// Everything that can be set. Each field is documented in the manual under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Directory that holds everything; made when missing.
    pub data: PathBuf,
    /// Address and port to listen on; a socket from the service manager wins.
    pub listen: String,
    /// Address under which people reach the server, when a proxy stands in front.
    pub public_url: Option<Url>,
    /// PostgreSQL URL; absent means SQLite inside `data`.
    pub database: Option<DatabaseUrl>,
    /// Who may read: `open` or `token`.
    pub read: ReadPolicy,
    /// Whether scripts of other sites may read in a browser: `refused` or `allowed`.
    pub cross_origin_reads: CrossOriginReads,
    /// Channel that `/simple/` shows.
    pub default_channel: ChannelName,
    /// Channel that `/legacy/` puts uploads into.
    pub upload_channel: ChannelName,
    /// Largest file that is accepted, in bytes.
    pub max_file_size_bytes: u64,
    /// Memory that rendered pages may take, in bytes.
    pub page_cache_bytes: u64,
    /// Memory that small files and metadata may take, in bytes.
    pub file_cache_bytes: u64,
    /// Who sends large files: `server`, or a proxy that reads them from disk.
    pub send_files_by: SendFilesBy,
    /// Projects that are ours even without a file: names, or beginnings with `*`.
    pub reserved_names: ReservedNames,
    /// Whether namespaces are offered (PEP 752).
    pub namespaces: bool,
    /// Connections served at once.
    pub max_connections: usize,
    /// How log lines look: `text` or `json`.
    pub log_format: LogFormat,
    /// What is logged, for example `info` or `ferrywheel=debug`.
    pub log: String,
}

/// Who sends the bytes of files that are too large to be kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendFilesBy {
    /// This server.
    Server,
    /// A proxy in front that understands `X-Accel-Redirect`, as nginx does.
    XAccelRedirect,
    /// A proxy in front that understands `X-Sendfile`, as Apache with `mod_xsendfile` does.
    XSendfile,
}

/// Whether a browser may show what is open to everybody here to scripts of other sites (CORS).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CrossOriginReads {
    /// No: a page that somebody inside the network has open must not read the server out.
    #[default]
    Refused,
    /// Yes, as PyPI does.
    Allowed,
}

/// URL of a PostgreSQL database. It may hold a password and is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(pub String);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DatabaseUrl(hidden)")
    }
}

/// Most connections that may be set: more than one process has file descriptors for.
const MAX_CONNECTIONS: usize = 1_000_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("ferrywheel-data"),
            listen: "127.0.0.1:8417".to_owned(),
            public_url: None,
            database: None,
            read: ReadPolicy::Open,
            cross_origin_reads: CrossOriginReads::Refused,
            default_channel: ChannelName::blessed(),
            upload_channel: ChannelName::staging(),
            // The largest wheels of the field (accelerator runtimes) are about 3 GiB; bundles end at 4 GiB.
            max_file_size_bytes: 4 << 30,
            page_cache_bytes: 64 << 20,
            // A few thousand `.metadata`; with the pages, a loaded server stays under 100 MB.
            file_cache_bytes: 16 << 20,
            send_files_by: SendFilesBy::Server,
            reserved_names: ReservedNames::default(),
            namespaces: false,
            max_connections: 1024,
            log_format: LogFormat::Text,
            log: "info".to_owned(),
        }
    }
}

/// Where settings come from, read at the edge.
///
/// Not `Debug`: among the variables of a machine are secrets.
#[derive(Clone, Default)]
pub struct SettingsSource {
    /// Path of the TOML file, when one was named.
    pub file: Option<PathBuf>,
    /// Environment variables, by name; only `FERRYWHEEL_*` are looked at.
    pub environment: BTreeMap<String, String>,
    /// Values of flags, by name of the setting.
    pub flags: BTreeMap<String, String>,
}

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

/// Variables that start with our prefix and belong to the command line or to bundles, not to the server's settings: a
/// shell, or a bundle, that has them set may start a server all the same.
const OTHER_VARIABLES: &[&str] = &[
    // the command line
    "CONFIG",
    "SERVER",
    "TOKEN",
    // bundles
    "ARCHIVE",
    "BUNDLE_ID",
    "COMPILE",
    "ENTRY_POINT",
    "ENV",
    "FORCE_EXTRACT",
    "INHERIT_PATH",
    "INTERPRETER",
    "JOBS",
    "LOCK_TIMEOUT",
    "MODE",
    "NO_REEXEC",
    "PYTHON",
    "ROOT",
    "RUN",
    "SCRIPT",
    "SITE_PACKAGES",
    "TOOLS",
    "VERBOSE",
    "VERIFY",
];

impl Settings {
    /// The public address without its last slash: links begin with it where one is set, never with what a client sends.
    pub fn public_root(&self) -> Option<&str> {
        self.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/'))
    }

    /// Reads the settings: the later source wins, name by name.
    ///
    /// Fails on an unknown name or a value of the wrong sort, naming the place.
    pub fn load(source: &SettingsSource) -> Result<Self, SettingsError> {
        let mut table = match &source.file {
            Some(path) => read_file(path)?,
            None => toml::Table::new(),
        };
        let known = toml::Table::try_from(Self::default()).unwrap_or_default();
        let file_place = source.file.as_ref().map_or_else(String::new, |path| format!("`{}`", path.display()));
        name_fault(&table, &file_place)?;
        parse(table.clone(), &file_place)?;
        for (name, value) in overrides(source) {
            let place = format!("`{}`", name.shown);
            table.insert(name.setting.clone(), typed(known.get(&name.setting), value));
            // Checked after each one, so that the message names the variable or flag that is wrong.
            parse(table.clone(), &place)?;
        }
        parse(table, &file_place)
    }
}

struct OverrideName {
    setting: String,
    shown: String,
}

fn overrides(source: &SettingsSource) -> impl Iterator<Item = (OverrideName, &String)> {
    let variables = source.environment.iter().filter_map(|(name, value)| {
        let setting = name.strip_prefix("FERRYWHEEL_")?;
        let is_ours = !OTHER_VARIABLES.contains(&setting) && !value.is_empty();
        is_ours.then(|| (OverrideName { setting: setting.to_ascii_lowercase(), shown: name.clone() }, value))
    });
    let flags = source.flags.iter().map(|(name, value)| {
        let shown = format!("--{}", name.replace('_', "-"));
        (OverrideName { setting: name.clone(), shown }, value)
    });
    variables.chain(flags)
}

/// Variables and flags are texts; where the setting is a number, a switch or a list (with commas), so is the value.
fn typed(default: Option<&toml::Value>, text: &str) -> toml::Value {
    let typed = match default {
        Some(toml::Value::Integer(_)) => text.parse().ok().map(toml::Value::Integer),
        Some(toml::Value::Boolean(_)) => text.parse().ok().map(toml::Value::Boolean),
        Some(toml::Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(toml::Value::Array(items.map(|item| toml::Value::String(item.to_owned())).collect()))
        }
        _ => None,
    };
    typed.unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn read_file(path: &Path) -> Result<toml::Table, SettingsError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    text.parse().map_err(|error: toml::de::Error| SettingsError::Invalid {
        place: format!("`{}`", path.display()),
        message: error.to_string(),
    })
}

/// Looks at each setting of a file by itself: what is said of a value does not say whose it is.
fn name_fault(table: &toml::Table, file_place: &str) -> Result<(), SettingsError> {
    for (name, value) in table {
        let alone = toml::Table::from_iter([(name.clone(), value.clone())]);
        if let Err(error) = alone.try_into::<Settings>() {
            let place = format!("`{name}` in {file_place}");
            return Err(SettingsError::Invalid { place, message: error.message().to_owned() });
        }
    }
    Ok(())
}

fn parse(table: toml::Table, place: &str) -> Result<Settings, SettingsError> {
    let invalid = |message: String| SettingsError::Invalid { place: place.to_owned(), message };
    let settings: Settings = table.try_into().map_err(|error: toml::de::Error| invalid(error.message().to_owned()))?;
    if !(1..=MAX_CONNECTIONS).contains(&settings.max_connections) {
        let given = settings.max_connections;
        return Err(invalid(format!("`max_connections` is {given}; 1 to {MAX_CONNECTIONS} are expected")));
    }
    if settings.public_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
        return Err(invalid("`public_url` is not an `http` or `https` URL".to_owned()));
    }
    match unusable(&settings) {
        Some(reason) => Err(invalid(reason.to_owned())),
        None => Ok(settings),
    }
}

/// What no server could work with. Values are not repeated: an address may hold a password.
fn unusable(settings: &Settings) -> Option<&'static str> {
    // It is shown to everybody, and paths are put behind it.
    let is_plain = |url: &Url| {
        let has_user = !url.username().is_empty() || url.password().is_some();
        !has_user && url.query().is_none() && url.fragment().is_none()
    };
    let is_postgres = |url: &str| url.starts_with("postgres://") || url.starts_with("postgresql://");
    if settings.data.as_os_str().is_empty() {
        return Some("`data` names no directory");
    }
    if settings.public_url.as_ref().is_some_and(|url| !is_plain(url)) {
        return Some("`public_url` has a user, a query or a fragment");
    }
    if settings.cross_origin_reads == CrossOriginReads::Allowed && settings.read == ReadPolicy::Token {
        return Some(
            "`cross_origin_reads` is `allowed`, but `read` is `token`: there is nothing that other sites may read",
        );
    }
    if settings.database.as_ref().is_some_and(|url| !is_postgres(&url.0)) {
        return Some("`database` does not begin with `postgres://`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> SettingsSource {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        SettingsSource { file: None, environment: owned(environment), flags: owned(flags) }
    }

    #[test]
    fn a_flag_wins_over_a_variable_and_a_variable_over_the_default() {
        let settings = Settings::load(&source(
            &[("FERRYWHEEL_LISTEN", "127.0.0.1:1"), ("FERRYWHEEL_MAX_CONNECTIONS", "7"), ("FERRYWHEEL_TOKEN", "x")],
            &[("listen", "127.0.0.1:2")],
        ))
        .unwrap();
        assert_eq!((settings.listen.as_str(), settings.max_connections), ("127.0.0.1:2", 7));
        assert_eq!(settings.read, ReadPolicy::Open);
    }

    #[test]
    fn an_unknown_name_is_refused_where_it_stands() {
        let error = Settings::load(&source(&[("FERRYWHEEL_LISTNE", "x")], &[])).unwrap_err().to_string();
        assert!(error.starts_with("`FERRYWHEEL_LISTNE`: unknown field `listne`"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_sort_is_refused_where_it_stands() {
        let error = Settings::load(&source(&[], &[("max_connections", "many")])).unwrap_err().to_string();
        assert!(error.starts_with("`--max-connections`: invalid type"), "{error}");
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_where_it_stands() {
        for (name, value, fault) in [
            ("max_connections", "0", "`max_connections` is 0; 1 to 1000000 are expected"),
            ("max_connections", "9223372036854775807", "`max_connections` is 9223372036854775807; 1 to"),
            ("public_url", "ftp://wheels.example/", "`public_url` is not an `http` or `https` URL"),
        ] {
            let error = Settings::load(&source(&[], &[(name, value)])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`--{}`: {fault}", name.replace('_', "-"))), "{error}");
        }
    }

    #[test]
    fn a_value_that_no_server_could_work_with_is_refused_and_not_repeated() {
        for (name, value) in [
            ("data", ""),
            ("public_url", "https://user:secret@wheels.example/"),
            ("public_url", "https://wheels.example/?secret"),
            ("public_url", "https://wheels.example/#secret"),
            ("database", "mysql://user:secret@host/index"),
        ] {
            let error = Settings::load(&source(&[], &[(name, value)])).err().map(|error| error.to_string());
            let error = error.unwrap_or_else(|| panic!("{name} = {value} was taken"));
            assert!(error.contains(&format!("`{name}`")) && !error.contains("secret"), "{name} = {value}: {error}");
        }
        for (name, value) in
            [("public_url", "http://wheels.example:8080/pkg/"), ("database", "postgresql://host/index")]
        {
            Settings::load(&source(&[], &[(name, value)])).unwrap();
        }
    }

    #[test]
    fn a_switch_and_a_list_can_stand_in_the_environment() {
        let settings = Settings::load(&source(
            &[("FERRYWHEEL_NAMESPACES", "true"), ("FERRYWHEEL_RESERVED_NAMES", "Acme-*, secret")],
            &[],
        ))
        .unwrap();
        let names = settings.reserved_names.0.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((settings.namespaces, names), (true, vec!["acme-*".to_owned(), "secret".to_owned()]));
        let error = Settings::load(&source(&[("FERRYWHEEL_NAMESPACES", "perhaps")], &[])).unwrap_err().to_string();
        assert!(error.starts_with("`FERRYWHEEL_NAMESPACES`: invalid type"), "{error}");
        let error = Settings::load(&source(&[("FERRYWHEEL_RESERVED_NAMES", "a*b")], &[])).unwrap_err().to_string();
        assert!(error.starts_with("`FERRYWHEEL_RESERVED_NAMES`: `a*b` reserves no name"), "{error}");
    }

    #[test]
    fn other_sites_read_only_what_everybody_may() {
        let open = source(&[], &[("cross_origin_reads", "allowed")]);
        assert_eq!(Settings::load(&open).unwrap().cross_origin_reads, CrossOriginReads::Allowed);
        let closed = source(&[], &[("cross_origin_reads", "allowed"), ("read", "token")]);
        assert!(Settings::load(&closed).is_err());
    }

    #[test]
    fn a_password_is_in_no_debug_output() {
        let settings = Settings::load(&source(&[("FERRYWHEEL_DATABASE", "postgres://x:secret@h/db")], &[])).unwrap();
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
    }

    #[test]
    fn a_file_is_read_and_an_unknown_name_in_it_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ferrywheel.toml");
        std::fs::write(&path, "read = \"token\"\npublic_url = \"https://wheels.example/\"\n").unwrap();
        let settings = Settings::load(&SettingsSource { file: Some(path.clone()), ..source(&[], &[]) }).unwrap();
        assert_eq!(settings.read, ReadPolicy::Token);
        std::fs::write(&path, "raed = \"token\"\n").unwrap();
        let error = Settings::load(&SettingsSource { file: Some(path), ..source(&[], &[]) }).unwrap_err();
        assert!(error.to_string().contains("unknown field `raed`"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_sort_in_a_file_is_refused_by_its_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ferrywheel.toml");
        std::fs::write(&path, "read = \"token\"\nreserved_names = \"acme-*\"\n").unwrap();
        let error = Settings::load(&SettingsSource { file: Some(path.clone()), ..source(&[], &[]) }).unwrap_err();
        let expected = format!("`reserved_names` in `{}`: invalid type", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
