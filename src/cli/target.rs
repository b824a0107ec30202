//! `ferrywheel target`: the known target environments, and the script that describes a host.

use std::path::Path;

use clap::{Args, Subcommand};
use tokio::process::Command;

use super::Environment;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::model::Target;
use crate::resolve::{preset, presets};

/// Prints a target environment as JSON when it is run on a host; standard library only.
const PROBE: &str = include_str!("target_probe.py");

/// Longest answer of the probe that is read, in bytes; it prints well under one kilobyte.
const MAX_PROBE_BYTES: usize = 64 << 10;

#[derive(Args)]
pub struct TargetArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the presets.
    List,
    /// Print one of them in full.
    Show {
        /// Name of a preset.
        name: String,
    },
    /// Print the script that describes the host it runs on, or run it here.
    Probe {
        /// Run it with this Python instead of printing it.
        #[arg(long, value_name = "PYTHON")]
        python: Option<String>,
    },
}

pub async fn run(arguments: TargetArgs, _environment: &Environment, output: &Output) -> Result<(), Failure> {
    match arguments.action {
        Action::List => {
            output.result(&presets(), |targets| targets.iter().map(|target| format!("{}\n", summary(target))).collect())
        }
        Action::Show { name } => {
            let target = preset(&name).ok_or(crate::model::TargetError::Unknown { name })?;
            output.data(&to_json(&target)?);
        }
        Action::Probe { python: None } => output.data(PROBE.trim_end()),
        Action::Probe { python: Some(python) } => output.data(&to_json(&probe(&python).await?)?),
    }
    Ok(())
}

fn summary(target: &Target) -> String {
    let libc = target
        .libc
        .as_ref()
        .map_or_else(String::new, |libc| format!(", {} {}.{}", libc.name, libc.version.0, libc.version.1));
    format!(
        "{}: {} {} on {} {}{libc}",
        target.name, target.implementation, target.python_full_version, target.os, target.arch
    )
}

fn to_json(target: &Target) -> Result<String, Failure> {
    serde_json::to_string_pretty(target).map_err(|error| Failure::new(Exit::Refused, error.to_string()))
}

/// Describes the host as `python` sees it.
pub async fn probe(python: &str) -> Result<Target, Failure> {
    let failed = |reason: String| {
        Failure::new(Exit::Refused, format!("`{python}` did not describe this host: {reason}"))
            .with_hint("Install Python 3.8 or newer, or name one with `--python`.")
    };
    let answer =
        Command::new(python).args(["-I", "-c", PROBE]).output().await.map_err(|error| failed(error.to_string()))?;
    if !answer.status.success() || answer.stdout.len() > MAX_PROBE_BYTES {
        return Err(failed(String::from_utf8_lossy(&answer.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&answer.stdout).map_err(|error| failed(error.to_string()))
}

/// What `--target` names: a preset's or saved target's name, or a file that holds one as JSON.
pub fn target_value(text: &str) -> Result<serde_json::Value, Failure> {
    if !Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        return Ok(serde_json::Value::String(text.to_owned()));
    }
    let unreadable =
        |reason: String| Failure::new(Exit::Usage, format!("target file `{text}` cannot be read: {reason}"));
    let json = std::fs::read_to_string(text).map_err(|error| unreadable(error.to_string()))?;
    serde_json::from_str(&json).map_err(|error| unreadable(error.to_string()))
}
