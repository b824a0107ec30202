//! The settings of a server, each with its unit and its default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::SettingsError;
use super::faults::fault;
use crate::access::ReadPolicy;
use crate::model::{ChannelName, ReservedNames};
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
    /// Most bytes that the files of one project may have together.
    pub max_project_size_bytes: u64,
    /// Days after which a release takes no new files; 0 is never.
    pub release_closes_after_days: u32,
    /// Most entries of a wheel, and members of an sdist.
    pub max_archive_entries: usize,
    /// Most bytes that an archive may unpack to; one file in it may have half of them.
    pub max_unpacked_size_bytes: u64,
    /// Most bytes that one byte of an archive may unpack to.
    pub max_compression_ratio: u64,
    /// Longest text field of an upload form, in bytes; a description may have ten times as much.
    pub max_form_field_bytes: usize,
    /// Uploads that one token may have running at the same time.
    pub max_uploads_per_principal: usize,
    /// How long the body of a request may stand still.
    pub upload_idle_seconds: u64,
    /// Slowest pace of a body, measured after its first minute; 0 bears any.
    pub min_upload_bytes_per_second: u64,
    /// What no upload may take of the disk's free space, in bytes.
    pub min_free_bytes: u64,
    /// How long a batch may stay open, in seconds, and how long what became of it is remembered.
    pub batch_lifetime_seconds: u64,
    /// Whether Upload 2.0 (PEP 694) is offered.
    pub upload2: bool,
    /// How long an upload session stays open, in seconds, and how long what became of it is told.
    pub upload_session_seconds: u64,
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
    /// Trust roots by which attestations are verified: files, or `public-good`; none stores them unverified.
    pub attestation_roots: Vec<String>,
    /// Connections served at once.
    pub max_connections: usize,
    /// Largest head of a request, its URL included, in bytes.
    pub max_head_bytes: usize,
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

/// Numbers that no server could work with: name, least and most. More connections than this are more than one process has
/// file descriptors for; a head of fewer bytes does not hold what clients send; a longer one is memory for nothing; after a year
/// nobody remembers what a batch or a session was for.
const BOUNDS: [(&str, u64, u64); 10] = [
    ("max_connections", 1, 1_000_000),
    ("max_head_bytes", 8 << 10, 1 << 20),
    ("max_archive_entries", 1, 10_000_000),
    ("max_compression_ratio", 1, 1_000_000),
    ("max_form_field_bytes", 1 << 10, 64 << 20),
    ("max_uploads_per_principal", 1, 1_000_000),
    ("upload_idle_seconds", 1, 86_400),
    ("min_upload_bytes_per_second", 0, 1_000_000),
    ("batch_lifetime_seconds", 1, 366 * 24 * 3_600),
    ("upload_session_seconds", 1, 366 * 24 * 3_600),
];

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
            // Three hundred wheels of an accelerator library; a build that publishes every night is noticed before the disk is full.
            max_project_size_bytes: 100 << 30,
            release_closes_after_days: 0,
            max_archive_entries: 100_000,
            max_unpacked_size_bytes: 8 << 30,
            max_compression_ratio: 200,
            max_form_field_bytes: 1 << 20,
            // Well above what a client sends in parallel, or a few build machines that share a token.
            max_uploads_per_principal: 64,
            upload_idle_seconds: 30,
            // A modem is six times faster; whoever is slower holds a connection and sends nothing.
            min_upload_bytes_per_second: 1000,
            // Some times the log of the index: what was acknowledged is recorded, and marks and tokens can still be set.
            min_free_bytes: 256 << 20,
            // A week, as the draft of the upload API recommends (PEP 694).
            batch_lifetime_seconds: 7 * 24 * 3_600,
            upload2: true,
            upload_session_seconds: 7 * 24 * 3_600,
            page_cache_bytes: 64 << 20,
            // A few thousand `.metadata`; with the pages, a loaded server stays under 100 MB.
            file_cache_bytes: 16 << 20,
            send_files_by: SendFilesBy::Server,
            reserved_names: ReservedNames::default(),
            namespaces: false,
            attestation_roots: Vec::new(),
            max_connections: 1024,
            max_head_bytes: 32 << 10,
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
        for (name, value) in &table {
            check_value(name, value, known.get(name), &format!("`{name}` in {file_place}"))?;
        }
        parse(table.clone(), &file_place)?;
        for (name, value) in overrides(source) {
            let place = format!("`{}`", name.shown);
            let default = known.get(&name.setting);
            let value = typed(default, value);
            check_value(&name.setting, &value, default, &place)?;
            table.insert(name.setting, value);
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

/// Looks at a setting by itself: what a parser says of a value does not say whose it is, and not in our words.
fn check_value(
    name: &str,
    value: &toml::Value,
    default: Option<&toml::Value>,
    place: &str,
) -> Result<(), SettingsError> {
    let alone = toml::Table::from_iter([(name.to_owned(), value.clone())]);
    match alone.try_into::<Settings>() {
        Ok(_) => Ok(()),
        Err(_) => Err(SettingsError::Invalid { place: place.to_owned(), message: fault(name, value, default) }),
    }
}

fn parse(table: toml::Table, place: &str) -> Result<Settings, SettingsError> {
    let invalid = |message: String| SettingsError::Invalid { place: place.to_owned(), message };
    let numbers = table.clone();
    let settings: Settings = table.try_into().map_err(|error: toml::de::Error| invalid(error.message().to_owned()))?;
    for (name, least, most) in BOUNDS {
        let given = numbers.get(name).and_then(toml::Value::as_integer).and_then(|given| u64::try_from(given).ok());
        if let Some(given) = given.filter(|given| !(least..=most).contains(given)) {
            return Err(invalid(format!("`{name}` is {given}; {least} to {most} are expected")));
        }
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
#[path = "settings_tests.rs"]
mod tests;
