//! Who acts, and what the credential allows.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ChannelName;
use crate::packaging::ProjectName;

/// What an operation needs. Every route that writes names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Pages, files and metadata.
    Read,
    /// Put new files into a channel.
    Upload,
    /// Bring files from one channel into another.
    Promote,
    /// Build bundles and locks.
    Export,
    /// Everything else: tokens, channels, settings.
    Admin,
}

impl fmt::Display for Permission {
    /// The word that the command line and JSON use.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Promote => "promote",
            Self::Export => "export",
            Self::Admin => "admin",
        })
    }
}

/// Limits of a token: what it may do, where, and to which projects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// What it may do; [`Permission::Admin`] includes the others.
    pub permissions: Vec<Permission>,
    /// Channel name, or a pattern in which `*` stands for any run of characters.
    pub channels: String,
    /// Normalized project name, or a pattern as above.
    pub projects: String,
}

impl Scope {
    /// Everything, everywhere: the scope of the first token.
    pub fn admin() -> Self {
        Self { permissions: vec![Permission::Admin], channels: "*".to_owned(), projects: "*".to_owned() }
    }

    /// Whether it grants `permission` at all.
    pub fn grants(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|held| *held == permission || *held == Permission::Admin)
    }

    /// Whether it reaches this channel.
    pub fn covers_channel(&self, channel: &ChannelName) -> bool {
        matches_glob(&self.channels, channel.as_str())
    }

    /// Whether it reaches this project.
    pub fn covers_project(&self, project: &ProjectName) -> bool {
        matches_glob(&self.projects, project.as_ref())
    }

    /// Whether it reaches every channel, those to come too.
    pub fn covers_all_channels(&self) -> bool {
        is_everything(&self.channels)
    }

    /// Whether it reaches every project, those to come too.
    pub fn covers_all_projects(&self) -> bool {
        is_everything(&self.projects)
    }
}

/// Whether every text matches this pattern.
fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

/// Whether `text` matches `pattern`, in which `*` stands for any run of characters; linear in both.
fn matches_glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = text.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut rest = rest;
    let mut pieces: Vec<&str> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Whoever sent a request, after the credential was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No credential was sent.
    Anonymous,
    /// The bearer of a token.
    Token {
        /// Name that the audit log shows.
        name: String,
        /// What it may do.
        scope: Scope,
    },
    /// The server acting on its own data directory: the command line's `admin` and `quickstart`.
    Local,
}

impl Principal {
    /// Name for the audit log.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Token { name, .. } => name,
            Self::Local => "local",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_and_err_patterns() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("*", "flask", true),
            ("flask", "flask", true),
            ("flask", "flask-login", false),
            ("flask*", "flask-login", true),
            ("*-internal", "acme-internal", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "acb", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches_glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn only_stars_are_everything() {
        for (pattern, expected) in [("*", true), ("**", true), ("", false), ("a*", false), ("*a", false)] {
            assert_eq!(is_everything(pattern), expected, "{pattern}");
        }
    }
}
