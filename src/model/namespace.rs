//! Namespaces: beginnings of project names that one owner has to itself (PEP 752).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Principal, Timestamp};
use crate::packaging::ProjectName;

/// Most hyphens in the name of a namespace. The PEP asks for a limit; deeper ones say more of a project than of an owner.
pub const MAX_NAMESPACE_HYPHENS: usize = 3;

/// A namespace that is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// Normalized, as a project's name is.
    pub name: ProjectName,
    /// Name of the owner, as people are shown it.
    pub owner: String,
    /// Names of the tokens that may upload into it.
    pub principals: BTreeSet<String>,
    /// When it was granted; projects from before may go on.
    pub granted_at: Timestamp,
}

/// Where a project comes from: when its first file came, and who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// When the project was first published here.
    pub created_at: Timestamp,
    /// Name of the principal that sent its first file.
    pub founder: String,
}

/// A namespace on the page of a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PageNamespace {
    /// Its normalized name.
    pub name: ProjectName,
    /// Whether the project is its owner's; one that was there before the grant may be somebody else's.
    pub owned: bool,
}

impl Namespace {
    /// Whether the project is inside: `foo` covers `foo` and `foo-bar`, not `foobar`.
    pub fn covers(&self, project: &ProjectName) -> bool {
        is_inside(project.as_str(), self.name.as_str())
    }

    /// Whether a project of this origin belongs to the owner.
    fn owns(&self, founding: Option<&Founding>) -> bool {
        founding.is_none_or(|founding| {
            founding.created_at >= self.granted_at || self.principals.contains(&founding.founder)
        })
    }
}

fn is_inside(name: &str, namespace: &str) -> bool {
    name.strip_prefix(namespace).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The namespaces around a project as its page names them, outermost first.
pub fn namespaces_of(all: &[Namespace], project: &ProjectName, founding: Option<&Founding>) -> Vec<PageNamespace> {
    let around = all.iter().filter(|namespace| namespace.covers(project));
    around.map(|around| PageNamespace { name: around.name.clone(), owned: around.owns(founding) }).collect()
}

/// The namespace that keeps `who` from uploading to the project.
///
/// Whoever may use one namespace around the project may upload; so may everybody the project lets, if it was there before
/// all of them.
pub fn foreign_namespace<'a>(
    all: &'a [Namespace],
    project: &ProjectName,
    who: &Principal,
    founding: Option<&Founding>,
) -> Option<&'a Namespace> {
    let around: Vec<&Namespace> = all.iter().filter(|namespace| namespace.covers(project)).collect();
    let is_local = *who == Principal::Local;
    if is_local || around.iter().any(|namespace| namespace.principals.contains(who.name())) {
        return None;
    }
    let is_older = |namespace: &Namespace| founding.is_some_and(|founding| founding.created_at < namespace.granted_at);
    around.into_iter().find(|namespace| !is_older(namespace))
}

/// A granted namespace of another owner that overlaps with one that somebody wishes to have.
///
/// PEP 752 asks this of namespaces inside the wished one. One around it is asked too: two owners cannot have one name.
pub fn overlapping<'a>(all: &'a [Namespace], wished: &ProjectName, owner: &str) -> Option<&'a Namespace> {
    let overlaps =
        |it: &Namespace| is_inside(it.name.as_str(), wished.as_str()) || is_inside(wished.as_str(), it.name.as_str());
    all.iter().find(|namespace| overlaps(namespace) && namespace.owner != owner)
}

/// The innermost granted namespace around this one.
pub fn parent_of<'a>(all: &'a [Namespace], name: &ProjectName) -> Option<&'a Namespace> {
    let around =
        all.iter().filter(|namespace| namespace.name != *name && is_inside(name.as_str(), namespace.name.as_str()));
    around.max_by_key(|namespace| namespace.name.as_str().len())
}

/// The granted namespaces directly inside this one, by name.
pub fn children_of<'a>(all: &'a [Namespace], name: &ProjectName) -> Vec<&'a ProjectName> {
    let is_child = |namespace: &&Namespace| parent_of(all, &namespace.name).is_some_and(|parent| parent.name == *name);
    all.iter().filter(is_child).map(|namespace| &namespace.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn namespace(text: &str, owner: &str, principal: &str, granted: i64) -> Namespace {
        let principals = BTreeSet::from([principal.to_owned()]);
        Namespace { name: name(text), owner: owner.to_owned(), principals, granted_at: at(granted) }
    }

    fn token(name: &str) -> Principal {
        Principal::Token { name: name.to_owned(), scope: Scope::admin() }
    }

    fn founding(second: i64, founder: &str) -> Option<Founding> {
        Some(Founding { created_at: at(second), founder: founder.to_owned() })
    }

    #[test]
    fn ok_and_err_insides() {
        for (project, namespace, expected) in [
            ("foo", "foo", true),
            ("foo-bar", "foo", true),
            ("foobar", "foo", false),
            ("foo-bar-baz", "foo-bar", true),
            ("foo-barbaz", "foo-bar", false),
            ("fo", "foo", false),
        ] {
            assert_eq!(is_inside(project, namespace), expected, "{project} in {namespace}");
        }
    }

    #[test]
    fn ok_and_err_uploads() {
        let all = [namespace("foo", "Acme", "ci", 100), namespace("foo-bar", "Acme", "bar", 200)];
        for (project, who, founded, foreign) in [
            ("other", token("x"), None, None),
            ("foobar", token("x"), None, None),
            ("foo-new", token("ci"), None, None),
            ("foo-new", Principal::Local, None, None),
            ("foo-new", token("x"), None, Some("foo")),
            ("foo-new", token("bar"), None, Some("foo")),
            ("foo-bar-new", token("bar"), None, None),
            ("foo-bar-new", token("ci"), None, None),
            ("foo-old", token("x"), founding(99, "x"), None),
            ("foo-bar-old", token("x"), founding(150, "x"), Some("foo")),
            ("foo-old", token("x"), founding(100, "x"), Some("foo")),
        ] {
            let found = foreign_namespace(&all, &name(project), &who, founded.as_ref());
            assert_eq!(found.map(|namespace| namespace.name.as_str()), foreign, "{project} by {}", who.name());
        }
    }

    #[test]
    fn ok_namespaces_on_pages() {
        let all = [namespace("foo", "Acme", "ci", 100), namespace("foo-bar", "Acme", "ci", 200)];
        let told = |project: &str, founded: Option<Founding>| {
            let told = namespaces_of(&all, &name(project), founded.as_ref());
            told.into_iter().map(|it| format!("{} {}", it.name, it.owned)).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told("foobar", None), "");
        assert_eq!(told("foo-x", None), "foo true");
        assert_eq!(told("foo-bar", founding(150, "stranger")), "foo true, foo-bar false");
        assert_eq!(told("foo-bar", founding(50, "ci")), "foo true, foo-bar true");
    }

    #[test]
    fn ok_and_err_grants_beside_others() {
        let all = [namespace("foo-bar", "Acme", "ci", 1), namespace("foo-bar-baz-x", "Acme", "ci", 1)];
        for (wished, owner, other) in [
            ("foo", "Acme", None),
            ("foo", "Other", Some("foo-bar")),
            ("foo-bar", "Other", Some("foo-bar")),
            ("foo-bar-new", "Other", Some("foo-bar")),
            ("foo-bar-new", "Acme", None),
            ("foo-barnew", "Other", None),
            ("fo", "Other", None),
        ] {
            let found = overlapping(&all, &name(wished), owner);
            assert_eq!(found.map(|namespace| namespace.name.as_str()), other, "{wished} for {owner}");
        }
    }

    #[test]
    fn ok_parents_and_children() {
        let all =
            ["foo", "foo-bar", "foo-bar-baz", "foo-quux-x", "foobar"].map(|name| namespace(name, "Acme", "ci", 1));
        let parent = |text: &str| parent_of(&all, &name(text)).map(|parent| parent.name.to_string());
        assert_eq!(parent("foo"), None);
        assert_eq!(parent("foobar"), None);
        assert_eq!(parent("foo-bar-baz").as_deref(), Some("foo-bar"));
        assert_eq!(parent("foo-quux-x").as_deref(), Some("foo"));
        let children =
            |text: &str| children_of(&all, &name(text)).into_iter().map(ProjectName::as_str).collect::<Vec<_>>();
        assert_eq!(children("foo"), ["foo-bar", "foo-quux-x"]);
        assert_eq!(children("foo-bar"), ["foo-bar-baz"]);
        assert_eq!(children("foobar"), Vec::<&str>::new());
    }
}
