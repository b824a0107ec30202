//! `ferrywheel admin`: tokens and the audit chain, on the data directory itself.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Environment;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::serve::{load_settings, open_app, random_generator};
use crate::access::new_token;
use crate::app::App;
use crate::model::{AuditEvent, Permission, Principal, Scope, Sha256Digest};

#[derive(Args)]
pub struct AdminArgs {
    /// Data directory [default: ./ferrywheel-data].
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<String>,
    /// Settings file (TOML) [variable: FERRYWHEEL_CONFIG].
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make, list and revoke API tokens.
    #[command(subcommand)]
    Token(TokenAction),
    /// Check the audit log.
    #[command(subcommand)]
    Audit(AuditAction),
}

#[derive(Subcommand)]
enum TokenAction {
    /// Make a token; it is printed once.
    Create {
        /// Name that the audit log shows.
        name: String,
        /// What it may do: read, upload, promote, export, admin; may be repeated.
        #[arg(long = "allow", value_name = "PERMISSION", required = true)]
        permissions: Vec<PermissionArg>,
        /// Channels it reaches; `*` stands for any run of characters.
        #[arg(long, default_value = "*", value_name = "PATTERN")]
        channels: String,
        /// Projects it reaches; `*` stands for any run of characters.
        #[arg(long, default_value = "*", value_name = "PATTERN")]
        projects: String,
    },
    /// List all tokens, without their secrets.
    List,
    /// Withdraw a token at once.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Subcommand)]
enum AuditAction {
    /// Recompute the chain of hashes and say where it breaks.
    Verify,
}

/// A permission on the command line, spelled as in JSON.
#[derive(Clone, Copy)]
struct PermissionArg(Permission);

impl FromStr for PermissionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = serde_json::Value::String(text.to_owned());
        serde_json::from_value(value).map(Self).map_err(|error| error.to_string())
    }
}

/// The one time that a token is shown.
#[derive(Serialize)]
struct NewToken {
    name: String,
    token: String,
}

#[derive(Serialize)]
struct SoundLog {
    row_count: i64,
    head_hash: Sha256Digest,
}

#[derive(Serialize)]
struct TokenLine {
    name: String,
    scope: Scope,
    created_at: String,
    is_revoked: bool,
}

pub async fn run(arguments: AdminArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let settings = load_settings(arguments.data, None, arguments.config, environment)?;
    let app = open_app(settings).await?;
    let outcome = act(arguments.action, &app, output).await;
    app.close().await;
    outcome
}

async fn act(action: Action, app: &App, output: &Output) -> Result<(), Failure> {
    match action {
        Action::Token(TokenAction::Create { name, permissions, channels, projects }) => {
            let permissions = permissions.into_iter().map(|permission| permission.0).collect();
            create_token(app, name, Scope { permissions, channels, projects }, output).await
        }
        Action::Token(TokenAction::List) => list_tokens(app, output).await,
        Action::Token(TokenAction::Revoke { name }) => revoke_token(app, name, output).await,
        Action::Audit(AuditAction::Verify) => verify_audit(app, output).await,
    }
}

async fn create_token(app: &App, name: String, scope: Scope, output: &Output) -> Result<(), Failure> {
    let (token, digest) = new_token(&mut random_generator());
    let mut tx = app.index.begin().await?;
    tx.create_token(&name, &scope, &digest, None).await?;
    tx.commit(&Principal::Local, &AuditEvent::TokenCreated { name: name.clone() }).await?;
    output.result(&NewToken { name, token }, |made| made.token.clone());
    Ok(())
}

async fn list_tokens(app: &App, output: &Output) -> Result<(), Failure> {
    let records = app.index.list_tokens().await?;
    let lines: Vec<TokenLine> = records
        .into_iter()
        .map(|record| TokenLine {
            name: record.name,
            scope: record.scope,
            created_at: record.created_at.to_string(),
            is_revoked: record.revoked_at.is_some(),
        })
        .collect();
    output.result(&lines, |lines| {
        let line = |line: &TokenLine| {
            let state = if line.is_revoked { " (revoked)" } else { "" };
            let permissions: Vec<String> = line.scope.permissions.iter().map(ToString::to_string).collect();
            format!(
                "{}{state}: {} on channels `{}`, projects `{}`\n",
                line.name,
                permissions.join(", "),
                line.scope.channels,
                line.scope.projects
            )
        };
        lines.iter().map(line).collect()
    });
    Ok(())
}

async fn revoke_token(app: &App, name: String, output: &Output) -> Result<(), Failure> {
    let mut tx = app.index.begin().await?;
    if !tx.revoke_token(&name).await? {
        return Err(Failure::new(Exit::Refused, format!("no live token is called `{name}`"))
            .with_hint("`ferrywheel admin token list` shows them."));
    }
    tx.commit(&Principal::Local, &AuditEvent::TokenRevoked { name: name.clone() }).await?;
    output.note(&format!("revoked `{name}`"));
    Ok(())
}

async fn verify_audit(app: &App, output: &Output) -> Result<(), Failure> {
    let verdict = app.index.verify_audit().await?;
    if let Some(sequence) = verdict.first_broken {
        let text = format!("the audit chain breaks at row {sequence} of {}", verdict.row_count);
        return Err(Failure::new(Exit::Refused, text).with_hint("Rows were changed or removed; compare with a backup."));
    }
    let sound = SoundLog { row_count: verdict.row_count, head_hash: verdict.head_hash };
    output.result(&sound, |log| format!("{} rows, unbroken; head {}", log.row_count, log.head_hash));
    Ok(())
}
