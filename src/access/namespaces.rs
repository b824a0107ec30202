//! Who has which namespace (PEP 752): grant and revoke. The rules are the noun's, in `model/namespace.rs`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::index::{Index, IndexError};
use crate::model::{AuditEvent, Diagnostic, Kind, MAX_NAMESPACE_HYPHENS, Namespace, Principal, Timestamp, overlapping};
use crate::packaging::ProjectName;

/// Longest name of an owner, in bytes.
const MAX_OWNER_BYTES: usize = 200;

/// Most tokens that may use one namespace.
const MAX_PRINCIPALS: usize = 1_000;

/// Why a namespace was not granted. Nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// More hyphens than a namespace may have.
    #[error("`{name}` has {hyphen_count} hyphens; a namespace has at most {MAX_NAMESPACE_HYPHENS}")]
    TooDeep {
        /// The name.
        name: ProjectName,
        /// Its hyphens.
        hyphen_count: usize,
    },
    /// A part of it, or all of it, is somebody else's.
    #[error("`{name}` overlaps with the namespace `{other}`, which `{owner}` has")]
    Overlaps {
        /// The name that was wished for.
        name: ProjectName,
        /// The namespace that is granted.
        other: ProjectName,
        /// Its owner.
        owner: String,
    },
    /// Owner or tokens cannot be kept.
    #[error("the grant cannot be kept: {fault}")]
    Invalid {
        /// What is wrong.
        fault: String,
    },
    /// No such namespace is granted.
    #[error("the namespace `{name}` is not granted")]
    Unknown {
        /// The name.
        name: ProjectName,
    },
    /// The server does not offer namespaces.
    #[error("namespaces are switched off on this server")]
    Off,
    /// The index refused or did not answer.
    #[error(transparent)]
    Index(#[from] IndexError),
}

impl Diagnostic for NamespaceError {
    fn code(&self) -> &'static str {
        match self {
            Self::TooDeep { .. } | Self::Invalid { .. } => "access/namespace-invalid",
            Self::Overlaps { .. } => "access/namespace-overlaps",
            Self::Unknown { .. } => "access/namespace-unknown",
            Self::Off => "access/namespaces-off",
            Self::Index(error) => error.code(),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::TooDeep { .. } | Self::Invalid { .. } => Kind::Invalid,
            Self::Overlaps { .. } => Kind::Conflict,
            Self::Unknown { .. } | Self::Off => Kind::NotFound,
            Self::Index(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            Self::Overlaps { .. } => "Grant it to the same owner, or take the other one back first.",
            Self::Off => "Set `namespaces = true` and start the server again.",
            Self::Index(error) => return error.hint(),
            _ => return None,
        };
        Some(text.into())
    }
}

/// What somebody wants to grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantWish {
    /// The namespace.
    pub name: ProjectName,
    /// Name of its owner, as people are shown it.
    pub owner: String,
    /// Names of the tokens that may upload into it, whether they are made already or not.
    pub principals: BTreeSet<String>,
}

/// Compares the wish with what is granted: the namespace as it will be, and whether that is news.
fn plan_grant(all: &[Namespace], wish: &GrantWish, now: Timestamp) -> Result<(Namespace, bool), NamespaceError> {
    let hyphen_count = wish.name.as_str().matches('-').count();
    if hyphen_count > MAX_NAMESPACE_HYPHENS {
        return Err(NamespaceError::TooDeep { name: wish.name.clone(), hyphen_count });
    }
    let owner = wish.owner.trim().to_owned();
    let is_line = |text: &str| !text.is_empty() && text.len() <= MAX_OWNER_BYTES && !text.chars().any(char::is_control);
    if !is_line(&owner) {
        return Err(NamespaceError::Invalid { fault: format!("an owner is one line of 1 to {MAX_OWNER_BYTES} bytes") });
    }
    if wish.principals.len() > MAX_PRINCIPALS || !wish.principals.iter().all(|name| is_line(name)) {
        let fault = format!("at most {MAX_PRINCIPALS} names of tokens of 1 to {MAX_OWNER_BYTES} bytes are taken");
        return Err(NamespaceError::Invalid { fault });
    }
    let known = all.iter().find(|namespace| namespace.name == wish.name);
    // To give a namespace to somebody else is a deed on itself; it collides with others only.
    let others: Vec<Namespace> = all.iter().filter(|namespace| namespace.name != wish.name).cloned().collect();
    if let Some(other) = overlapping(&others, &wish.name, &owner) {
        let (other, owner) = (other.name.clone(), other.owner.clone());
        return Err(NamespaceError::Overlaps { name: wish.name.clone(), other, owner });
    }
    let granted_at = known.map_or(now, |known| known.granted_at);
    let namespace = Namespace { name: wish.name.clone(), owner, principals: wish.principals.clone(), granted_at };
    let is_news = known != Some(&namespace);
    Ok((namespace, is_news))
}

/// Grants a namespace, or changes its owner and tokens. To grant the same again changes nothing.
pub async fn grant_namespace(
    index: &Index,
    who: &Principal,
    wish: &GrantWish,
    now: Timestamp,
) -> Result<Namespace, NamespaceError> {
    let mut tx = index.begin().await?;
    let all = tx.hold_namespaces().await?;
    let (namespace, is_news) = plan_grant(&all, wish, now)?;
    if is_news {
        tx.set_namespace(&namespace).await?;
        let event = AuditEvent::NamespaceGranted {
            name: namespace.name.clone(),
            owner: namespace.owner.clone(),
            principals: namespace.principals.iter().cloned().collect(),
        };
        tx.commit(who, &event).await?;
    }
    Ok(namespace)
}

/// Takes a namespace back; tells whether it was granted.
pub async fn revoke_namespace(index: &Index, who: &Principal, name: &ProjectName) -> Result<bool, NamespaceError> {
    let mut tx = index.begin().await?;
    let was_granted = tx.delete_namespace(name).await?;
    if was_granted {
        tx.commit(who, &AuditEvent::NamespaceRevoked { name: name.clone() }).await?;
    }
    Ok(was_granted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, owner: &str, principals: &[&str]) -> GrantWish {
        let principals = principals.iter().map(ToString::to_string).collect();
        GrantWish { name: name.parse().unwrap(), owner: owner.to_owned(), principals }
    }

    /// Whether the grant is news, or the code of the refusal.
    fn plan(wished: &GrantWish) -> Result<bool, &'static str> {
        let (old, _) = plan_grant(&[], &wish("acme-web", "Acme", &["ci"]), Timestamp::UNIX_EPOCH).unwrap();
        let now = Timestamp::from_second(9).unwrap();
        plan_grant(&[old], wished, now).map(|(_, is_news)| is_news).map_err(|error| error.code())
    }

    #[test]
    fn ok_and_err_grants() {
        let long = "x".repeat(201);
        for (wished, expected) in [
            (wish("acme-web", "Acme", &["ci"]), Ok(false)),
            (wish("acme-web", "Acme", &["ci", "release"]), Ok(true)),
            (wish("acme-web", "Other", &["ci"]), Ok(true)),
            (wish("acme", "Acme", &[]), Ok(true)),
            (wish("acme", "Other", &[]), Err("access/namespace-overlaps")),
            (wish("acme-web-x", "Other", &[]), Err("access/namespace-overlaps")),
            (wish("a-b-c-d", "Acme", &[]), Ok(true)),
            (wish("a-b-c-d-e", "Acme", &[]), Err("access/namespace-invalid")),
            (wish("other", " ", &[]), Err("access/namespace-invalid")),
            (wish("other", "a\nb", &[]), Err("access/namespace-invalid")),
            (wish("other", &long, &[]), Err("access/namespace-invalid")),
            (wish("other", "Acme", &[""]), Err("access/namespace-invalid")),
        ] {
            assert_eq!(plan(&wished), expected, "{wished:?}");
        }
    }
}
