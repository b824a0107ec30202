//! Asks the installed clients: pip for its configuration and its built-in index, uv for its built-in index.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

/// Run by the user's own Python; prints one JSON object.
const ASK_PIP: &str = include_str!("ask_pip.py");

/// Longest time that a client may take to answer; starting Python and pip takes under a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Names under which Python is looked for on `PATH`.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// What pip says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PipAnswer {
    /// The index that it uses when nobody sets one.
    pub(super) default: Option<String>,
    /// The index that its configuration names.
    pub(super) index_url: Option<String>,
    /// Its file of certificates.
    pub(super) cert: Option<String>,
    /// Its proxy.
    pub(super) proxy: Option<String>,
}

/// Asks pip. `None` if there is no Python with pip on `PATH`.
pub(super) async fn ask_pip(environment: &BTreeMap<String, String>) -> Option<PipAnswer> {
    for python in PYTHONS {
        if let Some(answer) = output(environment, python, &["-c", ASK_PIP]).await
            && let Ok(answer) = serde_json::from_str(&answer)
        {
            return Some(answer);
        }
    }
    None
}

/// Asks uv for its built-in index, which only its help tells. `None` if there is no uv on `PATH`.
pub(super) async fn ask_uv(environment: &BTreeMap<String, String>) -> Option<String> {
    read_uv_help(&output(environment, "uv", &["pip", "install", "--help"]).await?)
}

/// The URL in `The URL of the default package index (by default: <URL>)`.
fn read_uv_help(help: &str) -> Option<String> {
    let about = &help[help.find("--default-index")?..];
    let url = about.split_once("by default:")?.1.trim_start().trim_start_matches('<');
    let end = url.find(|c: char| c.is_whitespace() || matches!(c, '>' | ')'))?;
    url.starts_with("http").then(|| url[..end].to_owned())
}

async fn output(environment: &BTreeMap<String, String>, program: &str, arguments: &[&str]) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, child).await.ok()?.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_the_help_of_uv() {
        let help = "      --index <INDEX>\n          The URLs to use (by default: none)\n      --default-index <DEFAULT_INDEX>\n          \
                    The URL of the default package index (by default: <https://index.example/simple>)\n";
        assert_eq!(read_uv_help(help).as_deref(), Some("https://index.example/simple"));
    }

    #[test]
    fn err_other_texts() {
        for help in ["", "--default-index", "--default-index (by default: )", "--default-index by default: <ftp://x>"] {
            assert_eq!(read_uv_help(help), None, "{help}");
        }
    }
}
