//! `ferrywheel namespace`: grant, revoke and list namespaces (PEP 752).

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::client::Client;
use super::failure::Failure;
use super::output::Output;
use super::{Environment, ServerArgs};
use crate::model::Namespace;
use crate::packaging::ProjectName;

#[derive(Args)]
pub struct NamespaceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the namespaces with their owners and tokens.
    List {
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Grant a namespace, or change its owner and tokens.
    Grant {
        /// The namespace: `acme` covers `acme` and every `acme-…`.
        name: ProjectName,
        /// Name of the owner, as people are shown it.
        #[arg(long)]
        owner: String,
        /// Name of a token that may upload into it; may be repeated.
        #[arg(long = "token", value_name = "NAME")]
        tokens: Vec<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Take a namespace back.
    Revoke {
        /// The namespace.
        name: ProjectName,
        #[command(flatten)]
        server: ServerArgs,
    },
}

/// Answer of `GET /api/v1/namespaces`.
#[derive(Serialize, Deserialize)]
struct Grants {
    namespaces: Vec<Namespace>,
}

/// Body of `PUT /api/v1/namespaces/{namespace}`.
#[derive(Serialize)]
struct GrantRequest {
    owner: String,
    principals: BTreeSet<String>,
}

/// Answer of `DELETE /api/v1/namespaces/{namespace}`.
#[derive(Serialize, Deserialize)]
struct Revoked {
    name: ProjectName,
    revoked: bool,
}

pub async fn run(arguments: NamespaceArgs, environment: &Environment, output: &Output) -> Result<(), Failure> {
    match arguments.action {
        Action::List { server } => {
            let client = Client::new(&server, environment)?;
            let grants: Grants = client.get("api/v1/namespaces").await?;
            output.result(&grants, |grants| grants.namespaces.iter().map(|it| describe(it) + "\n").collect());
        }
        Action::Grant { name, owner, tokens, server } => {
            let client = Client::new(&server, environment)?;
            let request = GrantRequest { owner, principals: tokens.into_iter().collect() };
            let path = format!("api/v1/namespaces/{name}");
            let granted: Namespace = client.send_json(Method::PUT, &path, &request).await?;
            output.result(&granted, describe);
        }
        Action::Revoke { name, server } => {
            let client = Client::new(&server, environment)?;
            let revoked: Revoked = client.delete(&format!("api/v1/namespaces/{name}")).await?;
            output.result(&revoked, |revoked| match revoked.revoked {
                true => format!("revoked {}", revoked.name),
                false => format!("{} was not granted", revoked.name),
            });
        }
    }
    Ok(())
}

fn describe(namespace: &Namespace) -> String {
    let tokens: Vec<&str> = namespace.principals.iter().map(String::as_str).collect();
    let tokens = if tokens.is_empty() { "no token".to_owned() } else { tokens.join(", ") };
    format!("{}: owned by {}; uploads by {tokens}", namespace.name, namespace.owner)
}
