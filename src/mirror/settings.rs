//! Where upstream is and how it is reached: from the user's own settings of pip and uv, never from a list of ours.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::ask_client::{ask_pip, ask_uv};
use super::local::read_settings;
use super::{MirrorError, netrc, pip_config, uv_config};

/// Variables that name a file of certificates, strongest first: pip's own, then those of its HTTP library and of OpenSSL.
const CERTIFICATE_VARIABLES: [&str; 4] = ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];

/// Pause before the first repetition of a request; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// Name and password for the index, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub user: String,
    /// Password or token.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(hidden)")
    }
}

/// Where upstream is and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Its simple index, without credentials, with a slash at the end.
    pub index_url: Url,
    /// Sent to the host of `index_url` and to no other.
    pub credentials: Option<Credentials>,
    /// File of certificates that are trusted instead of the system's.
    pub certificates: Option<PathBuf>,
    /// Proxy for `http` and for `https`.
    pub proxies: Proxies,
    /// Which setting named the index, in words.
    pub named_by: String,
    /// Pause before the first repetition of a request that failed; it doubles each time.
    pub first_pause: Duration,
}

/// Proxies as the usual variables name them. They may hold a password and are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<String>,
    /// For `https` URLs.
    pub https: Option<String>,
    /// Hosts that are reached directly, as `NO_PROXY` lists them.
    pub except: Option<String>,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Proxies(hidden)")
    }
}

impl UpstreamSettings {
    /// Settings for an index at this URL and nothing else: no proxy, the system's certificates.
    ///
    /// Credentials in the URL are taken out of it. `named_by` is told to people.
    pub fn new(url: &str, named_by: &str) -> Result<Self, MirrorError> {
        let refused = |reason: &str| MirrorError::Setting {
            place: named_by.to_owned(),
            setting: "index-url",
            reason: reason.to_owned(),
        };
        let mut index_url: Url = url.trim().parse().map_err(|_| refused("it is not a URL"))?;
        if !matches!(index_url.scheme(), "http" | "https") || index_url.host_str().is_none() {
            return Err(refused("only `http` and `https` URLs can be pulled from"));
        }
        let credentials = take_credentials(&mut index_url);
        if !index_url.path().ends_with('/') {
            let with_slash = format!("{}/", index_url.path());
            index_url.set_path(&with_slash);
        }
        Ok(Self {
            index_url,
            credentials,
            certificates: None,
            proxies: Proxies::default(),
            named_by: named_by.to_owned(),
            first_pause: FIRST_PAUSE,
        })
    }
}

fn take_credentials(url: &mut Url) -> Option<Credentials> {
    let user = percent_decoded(url.username());
    let password = percent_decoded(url.password().unwrap_or_default());
    // Neither can fail: the URL has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (!user.is_empty() || !password.is_empty()).then_some(Credentials { user, password })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let pair = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, pair.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Looks up where upstream is, in this order: uv's variables and files, pip's variables and files, pip as it is
/// installed, uv as it is installed.
///
/// `environment` holds the variables of the caller. Runs `python3` and `uv` from its `PATH` only where no setting names
/// an index. Fails with [`MirrorError::NoUpstream`] if nobody names one.
pub async fn find_upstream(environment: &BTreeMap<String, String>) -> Result<UpstreamSettings, MirrorError> {
    let mut found = Found::default();
    found.read_uv(environment).await?;
    found.read_pip(environment).await?;
    if found.index_url.is_none() {
        found.ask(environment).await;
    }
    let Some((place, url)) = &found.index_url else { return Err(MirrorError::NoUpstream) };
    let mut settings = UpstreamSettings::new(url, place)?;
    settings.certificates = found.certificates(environment);
    settings.proxies = found.proxies(environment);
    if settings.credentials.is_none() {
        settings.credentials = from_netrc(environment, &settings.index_url).await?;
    }
    Ok(settings)
}

/// What was found so far; the first one of each wins.
#[derive(Default)]
struct Found {
    /// Place and URL.
    index_url: Option<(String, String)>,
    cert: Option<String>,
    proxy: Option<String>,
}

impl Found {
    fn index(&mut self, place: impl FnOnce() -> String, url: Option<&str>) {
        if let (None, Some(url)) = (&self.index_url, url.filter(|url| !url.trim().is_empty())) {
            self.index_url = Some((place(), url.to_owned()));
        }
    }

    async fn read_uv(&mut self, environment: &BTreeMap<String, String>) -> Result<(), MirrorError> {
        for name in ["UV_DEFAULT_INDEX", "UV_INDEX_URL"] {
            let url = environment.get(name).map(|value| uv_config::without_name(value));
            self.index(|| format!("the variable `{name}`"), url);
        }
        for path in uv_config::places(environment) {
            if let Some(text) = read_settings(&path).await? {
                self.index(|| format!("`{}`", path.display()), uv_config::index_url(&text).as_deref());
            }
        }
        Ok(())
    }

    async fn read_pip(&mut self, environment: &BTreeMap<String, String>) -> Result<(), MirrorError> {
        let url = environment.get("PIP_INDEX_URL").map(String::as_str);
        self.index(|| "the variable `PIP_INDEX_URL`".to_owned(), url);
        self.proxy = environment.get("PIP_PROXY").cloned();
        for path in pip_config::places(environment) {
            let Some(text) = read_settings(&path).await? else { continue };
            let mut options = pip_config::read(&text);
            self.index(|| format!("`{}`", path.display()), options.get("index-url").map(String::as_str));
            self.cert = self.cert.take().or_else(|| options.remove("cert"));
            self.proxy = self.proxy.take().or_else(|| options.remove("proxy"));
        }
        Ok(())
    }

    /// Asks the installed clients: their configuration may lie where only they look, and only they know their default.
    async fn ask(&mut self, environment: &BTreeMap<String, String>) {
        if let Some(answer) = ask_pip(environment).await {
            self.index(|| "the configuration of pip".to_owned(), answer.index_url.as_deref());
            self.index(|| "pip's built-in default".to_owned(), answer.default.as_deref());
            self.cert = self.cert.take().or(answer.cert);
            self.proxy = self.proxy.take().or(answer.proxy);
        }
        if self.index_url.is_none() {
            let default = ask_uv(environment).await;
            self.index(|| "uv's built-in default".to_owned(), default.as_deref());
        }
    }

    fn certificates(&self, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
        let [own, others @ ..] = CERTIFICATE_VARIABLES;
        let from_variable = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let found = from_variable(own).or_else(|| self.cert.clone());
        found.or_else(|| others.into_iter().find_map(from_variable)).map(PathBuf::from)
    }

    fn proxies(&self, environment: &BTreeMap<String, String>) -> Proxies {
        let variable = |names: &[&str]| {
            names.iter().find_map(|name| environment.get(*name).filter(|value| !value.is_empty()).cloned())
        };
        let own = self.proxy.clone().filter(|proxy| !proxy.is_empty());
        let all = || variable(&["all_proxy", "ALL_PROXY"]);
        Proxies {
            http: own.clone().or_else(|| variable(&["http_proxy", "HTTP_PROXY"])).or_else(all),
            https: own.or_else(|| variable(&["https_proxy", "HTTPS_PROXY"])).or_else(all),
            except: variable(&["no_proxy", "NO_PROXY"]),
        }
    }
}

async fn from_netrc(environment: &BTreeMap<String, String>, url: &Url) -> Result<Option<Credentials>, MirrorError> {
    let named = environment.get("NETRC").map(PathBuf::from);
    let usual = || environment.get("HOME").map(|home| Path::new(home).join(".netrc"));
    let (Some(path), Some(host)) = (named.or_else(usual), url.host_str()) else { return Ok(None) };
    Ok(read_settings(&path).await?.and_then(|text| netrc::find(&text, host)))
}
