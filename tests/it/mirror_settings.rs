//! Where upstream is looked for: the user's own variables, files and programs, in their order.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ferrywheel::mirror::{Credentials, UpstreamSettings, find_upstream};
use ferrywheel::model::Diagnostic as _;
use tempfile::TempDir;

/// A home directory and variables that see nothing of this machine.
struct User {
    home: TempDir,
    environment: BTreeMap<String, String>,
}

impl User {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name).display().to_string();
        let environment = BTreeMap::from([
            ("HOME".to_owned(), path("")),
            ("PATH".to_owned(), path("bin")),
            // The machine's own files must not be seen, until a test has put stronger ones into the home directory.
            ("PIP_CONFIG_FILE".to_owned(), "/dev/null".to_owned()),
            ("XDG_CONFIG_DIRS".to_owned(), path("etc")),
        ]);
        std::fs::create_dir(home.path().join("bin")).unwrap();
        Self { home, environment }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// A program on `PATH` that prints `text`.
    fn program(self, name: &str, text: &str) -> Self {
        let user = self.file(&format!("bin/{name}"), &format!("#!/bin/sh\ncat <<'END'\n{text}\nEND\n"));
        std::fs::set_permissions(user.path(&format!("bin/{name}")), Permissions::from_mode(0o755)).unwrap();
        // The script's own tools.
        std::os::unix::fs::symlink("/bin/cat", user.path("bin/cat")).ok();
        user
    }

    async fn found(&self) -> UpstreamSettings {
        find_upstream(&self.environment).await.unwrap()
    }

    async fn url(&self) -> String {
        self.found().await.index_url.to_string()
    }
}

#[tokio::test]
async fn settings_win_over_programs_and_stronger_settings_over_weaker_ones() {
    let mut user = User::new().program(
        "uv",
        "  --default-index <DEFAULT_INDEX>\n   The URL (by default: <https://uv-default.example/simple>)",
    );
    assert_eq!(user.url().await, "https://uv-default.example/simple/");
    user = user.program("python3", r#"{"default": "https://pip-default.example/simple"}"#);
    assert_eq!(user.url().await, "https://pip-default.example/simple/");
    assert_eq!(user.found().await.named_by, "pip's built-in default");
    user = user.program(
        "python3",
        r#"{"default": "https://pip-default.example/simple", "index-url": "https://pip-site.example/simple", "cert": "/site.pem"}"#,
    );
    assert_eq!(user.url().await, "https://pip-site.example/simple/");
    assert_eq!(user.found().await.certificates.as_deref(), Some(Path::new("/site.pem")));
    user = user
        .set("PIP_CONFIG_FILE", "")
        .file(".config/pip/pip.conf", "[global]\nindex-url = https://pip-file.example/simple\n");
    assert_eq!(user.url().await, "https://pip-file.example/simple/");
    user = user.set("PIP_INDEX_URL", "https://pip-variable.example/simple");
    assert_eq!(user.url().await, "https://pip-variable.example/simple/");
    user = user.file(".config/uv/uv.toml", "index-url = 'https://uv-file.example/simple'\n");
    assert_eq!(user.url().await, "https://uv-file.example/simple/");
    user = user.set("UV_INDEX_URL", "https://uv-old.example/simple");
    assert_eq!(user.url().await, "https://uv-old.example/simple/");
    user = user.set("UV_DEFAULT_INDEX", "ours=https://uv-variable.example/simple/");
    assert_eq!(user.url().await, "https://uv-variable.example/simple/");
    assert_eq!(user.found().await.named_by, "the variable `UV_DEFAULT_INDEX`");
}

#[tokio::test]
async fn credentials_come_from_the_url_or_from_netrc_and_are_never_shown() {
    let user = User::new()
        .set("PIP_INDEX_URL", "https://ann:s%40cret@index.example/simple")
        .file(".netrc", "machine index.example login bob password other\nmachine else.example login eve password no\n");
    let settings = user.found().await;
    assert_eq!(settings.index_url.as_str(), "https://index.example/simple/");
    let expected = Credentials { user: "ann".to_owned(), password: "s@cret".to_owned() };
    assert_eq!(settings.credentials, Some(expected));
    assert!(!format!("{settings:?}").contains("cret"), "{settings:?}");
    let user = user.set("PIP_INDEX_URL", "https://index.example/simple");
    let expected = Credentials { user: "bob".to_owned(), password: "other".to_owned() };
    assert_eq!(user.found().await.credentials, Some(expected));
    let user = user.set("NETRC", "/nowhere/netrc");
    assert_eq!(user.found().await.credentials, None);
}

#[tokio::test]
async fn certificates_and_proxies_follow_pip_before_the_usual_variables() {
    let user = User::new()
        .set("PIP_INDEX_URL", "https://index.example/simple")
        .set("SSL_CERT_FILE", "/ssl.pem")
        .set("https_proxy", "http://usual.example:3128")
        .set("NO_PROXY", "internal.example");
    let settings = user.found().await;
    assert_eq!(settings.certificates.as_deref(), Some(Path::new("/ssl.pem")));
    assert_eq!(settings.proxies.https.as_deref(), Some("http://usual.example:3128"));
    assert_eq!(
        (settings.proxies.http.as_deref(), settings.proxies.except.as_deref()),
        (None, Some("internal.example"))
    );
    let user = user
        .set("PIP_CONFIG_FILE", "")
        .file(".pip/pip.conf", "[global]\ncert = /pip.pem\nproxy = http://pip.example:8080\n");
    let settings = user.found().await;
    assert_eq!(settings.certificates.as_deref(), Some(Path::new("/pip.pem")));
    assert_eq!(settings.proxies.https.as_deref(), Some("http://pip.example:8080"));
    let user = user.set("PIP_CERT", "/variable.pem");
    assert_eq!(user.found().await.certificates.as_deref(), Some(Path::new("/variable.pem")));
}

#[tokio::test]
async fn nobody_names_an_upstream() {
    let error = find_upstream(&User::new().environment).await.unwrap_err();
    assert_eq!(error.code(), "mirror/no-upstream");
    assert!(error.hint().unwrap().contains("`ferrywheel quickstart --from DIR`"));
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named_without_its_value() {
    for value in ["not a url", "file:///srv/wheels", "ftp://ann:secret@index.example/", "http://"] {
        let user = User::new().set("PIP_INDEX_URL", value);
        let error = find_upstream(&user.environment).await.unwrap_err();
        assert_eq!(error.code(), "mirror/setting-invalid", "{value}");
        let text = error.to_string();
        assert!(
            text.starts_with("the variable `PIP_INDEX_URL` sets `index-url`") && !text.contains("secret"),
            "{text}"
        );
    }
}
