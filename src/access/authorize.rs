//! The table of who may do what. Pure.

use serde::{Deserialize, Serialize};

use super::AccessError;
use crate::model::{ChannelName, FileHolder, Permission, Principal, Scope};
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

/// What concerns all of something, so that a token which reaches a part of it does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every channel.
    Channels,
    /// Every project.
    Projects,
    /// Every channel and every project.
    Everything,
}

/// Whether `who` reaches all that `what` concerns, a beginning of a sentence. What it may do there, [`authorize`] says.
pub fn check_extent(who: &Principal, extent: Extent, what: &'static str) -> Result<(), AccessError> {
    let Principal::Token { name, scope } = who else { return Ok(()) };
    let (channels, projects) = (scope.covers_all_channels(), scope.covers_all_projects());
    let reaches = match extent {
        Extent::Channels => channels,
        Extent::Projects => projects,
        Extent::Everything => channels && projects,
    };
    if reaches { Ok(()) } else { Err(AccessError::Limited { name: name.clone(), what }) }
}

/// What somebody is told who asks for the bytes of a file by its URL, which names no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// That there is no such file.
    Hidden,
    /// That it is kept back, because its project is quarantined (PEP 792).
    Withheld,
    /// What is in it.
    Granted,
}

/// The limits of the token of a reader who may not see all that is here; `None` for whoever reads everything.
///
/// For requests that [`authorize`] has let through.
pub fn read_limits(who: &Principal, reads: ReadPolicy) -> Option<&Scope> {
    match who {
        Principal::Token { scope, .. } if reads == ReadPolicy::Token => {
            (!scope.covers_all_channels() || !scope.covers_all_projects()).then_some(scope)
        }
        _ => None,
    }
}

/// Whether a token with these limits may read a file: of a project and in a channel that it reaches, of which any snapshot
/// counts, because those may be read too.
///
/// For who sees only some channels, the file is kept back where none of their heads offers it.
pub fn file_access(limits: &Scope, project: &ProjectName, holders: &[FileHolder]) -> FileAccess {
    let reached: Vec<&FileHolder> = holders.iter().filter(|holder| limits.covers_channel(&holder.channel)).collect();
    if reached.is_empty() || !limits.covers_project(project) {
        return FileAccess::Hidden;
    }
    let mut heads = reached.into_iter().filter(|holder| holder.is_in_head).peekable();
    match heads.peek().is_some() && heads.all(|head| head.is_quarantined) {
        true => FileAccess::Withheld,
        false => FileAccess::Granted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn ok_and_err_files_by_their_channels() {
        use FileAccess::{Granted, Hidden, Withheld};
        let holder = |channel: &str, is_in_head, is_quarantined| FileHolder {
            channel: channel.parse().unwrap(),
            is_in_head,
            is_quarantined,
        };
        for (channels, projects, holders, expected) in [
            ("staging", "*", vec![], Hidden),
            ("staging", "*", vec![holder("blessed", true, false)], Hidden),
            ("staging", "*", vec![holder("blessed", true, false), holder("staging", true, false)], Granted),
            ("staging", "*", vec![holder("staging", false, false)], Granted),
            ("staging", "*", vec![holder("staging", true, true), holder("blessed", true, false)], Withheld),
            ("*", "*", vec![holder("staging", true, true), holder("blessed", true, false)], Granted),
            ("*", "*", vec![holder("staging", true, true), holder("blessed", false, false)], Withheld),
            ("staging", "*", vec![holder("staging", false, true)], Granted),
            ("*", "acme-*", vec![holder("staging", true, false)], Hidden),
            ("*", "fl*", vec![holder("staging", true, false)], Granted),
        ] {
            let Principal::Token { scope, .. } = token(&[Permission::Read], channels, projects) else { panic!() };
            let access = file_access(&scope, &"flask".parse().unwrap(), &holders);
            assert_eq!(access, expected, "{channels} {projects} {holders:?}");
        }
    }

    #[test]
    fn only_tokens_that_reach_a_part_are_limited_readers() {
        use ReadPolicy::{Open, Token};
        for (who, reads, expected) in [
            (Principal::Anonymous, Open, false),
            (Principal::Local, Token, false),
            (token(&[Permission::Read], "*", "*"), Token, false),
            (token(&[Permission::Read], "staging", "*"), Token, true),
            (token(&[Permission::Read], "*", "acme-*"), Token, true),
            (token(&[Permission::Read], "staging", "acme-*"), Open, false),
        ] {
            assert_eq!(read_limits(&who, reads).is_some(), expected, "{who:?} {reads:?}");
        }
    }
}
