//! The table of who may do what. Pure.

use serde::{Deserialize, Serialize};

use super::AccessError;
use crate::model::{ChannelName, Permission, Principal};
use crate::packaging::ProjectName;

/// Who may read pages and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadPolicy {
    /// Everybody who reaches the server.
    #[default]
    Open,
    /// Only bearers of a token that grants `read`.
    Token,
}

/// Whether `who` may do `permission`, in this channel and to this project where the operation names them.
///
/// Fails with [`AccessError::Missing`] for an anonymous request that a token would allow, and with
/// [`AccessError::NotAllowed`] for a token that does not reach.
pub fn authorize(
    who: &Principal,
    permission: Permission,
    channel: Option<&ChannelName>,
    project: Option<&ProjectName>,
    reads: ReadPolicy,
) -> Result<(), AccessError> {
    let is_public = reads == ReadPolicy::Open && permission == Permission::Read;
    if is_public {
        return Ok(());
    }
    match who {
        Principal::Local => Ok(()),
        Principal::Anonymous => Err(AccessError::Missing),
        Principal::Token { name, scope, .. } => {
            // A token that may write somewhere may read there too: clients read back what they sent.
            let granted = scope.grants(permission) || permission == Permission::Read;
            let reaches = channel.is_none_or(|channel| scope.covers_channel(channel))
                && project.is_none_or(|project| scope.covers_project(project));
            if granted && reaches {
                return Ok(());
            }
            Err(AccessError::NotAllowed { name: name.clone(), permission })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;

    fn token(permissions: &[Permission], channels: &str, projects: &str) -> Principal {
        let scope =
            Scope { permissions: permissions.to_vec(), channels: channels.to_owned(), projects: projects.to_owned() };
        Principal::Token { name: "ci".to_owned(), scope }
    }

    fn verdict(
        who: &Principal,
        permission: Permission,
        channel: &str,
        project: &str,
        reads: ReadPolicy,
    ) -> &'static str {
        match authorize(who, permission, channel.parse().ok().as_ref(), project.parse().ok().as_ref(), reads) {
            Ok(()) => "allowed",
            Err(AccessError::Missing) => "missing",
            Err(_) => "not allowed",
        }
    }

    #[test]
    fn the_whole_table() {
        use Permission::{Admin, Export, Promote, Read, Upload};
        use ReadPolicy::{Open, Token};
        let uploader = token(&[Upload], "staging", "acme-*");
        let admin = token(&[Admin], "*", "*");
        for (who, permission, channel, project, reads, expected) in [
            (&Principal::Anonymous, Read, "blessed", "flask", Open, "allowed"),
            (&Principal::Anonymous, Export, "blessed", "flask", Open, "missing"),
            (&Principal::Anonymous, Read, "blessed", "flask", Token, "missing"),
            (&Principal::Anonymous, Export, "blessed", "flask", Token, "missing"),
            (&Principal::Anonymous, Upload, "staging", "flask", Open, "missing"),
            (&Principal::Anonymous, Promote, "blessed", "flask", Open, "missing"),
            (&Principal::Anonymous, Admin, "blessed", "flask", Open, "missing"),
            (&uploader, Upload, "staging", "acme-web", Open, "allowed"),
            (&uploader, Upload, "staging", "flask", Open, "not allowed"),
            (&uploader, Upload, "blessed", "acme-web", Open, "not allowed"),
            (&uploader, Read, "staging", "acme-web", Token, "allowed"),
            (&uploader, Read, "blessed", "acme-web", Token, "not allowed"),
            (&uploader, Promote, "staging", "acme-web", Open, "not allowed"),
            (&uploader, Admin, "staging", "acme-web", Open, "not allowed"),
            (&admin, Upload, "blessed", "flask", Token, "allowed"),
            (&admin, Admin, "blessed", "flask", Token, "allowed"),
            (&Principal::Local, Admin, "blessed", "flask", Token, "allowed"),
        ] {
            assert_eq!(
                verdict(who, permission, channel, project, reads),
                expected,
                "{who:?} {permission:?} {channel} {project}"
            );
        }
    }
}
