//! Requirements as the solver takes them: for each project the versions that they admit. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pubgrub::Ranges;

use super::candidates::{Shelf, Usable};
use crate::packaging::{
    ExtraName, MarkerEnvironment, MarkerTree, Operator, ProjectName, Requirement, Version, VersionOrUrl,
    VersionSpecifiers,
};

/// What the solver decides a version for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Node {
    /// The request itself; it has one version.
    Request,
    /// A project.
    Project(ProjectName),
    /// What one extra of a project adds; always of the same version as the project.
    Extra(ProjectName, ExtraName),
}

impl Node {
    /// The project that it belongs to.
    pub(super) fn project(&self) -> Option<&ProjectName> {
        match self {
            Self::Request => None,
            Self::Project(project) | Self::Extra(project, _) => Some(project),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => formatter.write_str("the request"),
            Self::Project(project) => project.fmt(formatter),
            Self::Extra(project, extra) => write!(formatter, "{project}[{extra}]"),
        }
    }
}

/// What the request itself asks for by name, and what therefore no other requirement shuts out.
#[derive(Debug, Default)]
pub(super) struct Licence {
    /// Projects whose pre-releases it names.
    pre_releases: BTreeSet<ProjectName>,
    /// Versions that it pins with `==` or `===`.
    pins: BTreeMap<ProjectName, Vec<VersionSpecifiers>>,
}

impl Licence {
    /// Reads it off the requirements of a request that hold on the target.
    pub(super) fn of<'a>(requirements: impl Iterator<Item = &'a Requirement>) -> Self {
        let mut licence = Self::default();
        for requirement in requirements {
            let Some(specifiers) = specifiers_of(requirement) else { continue };
            let project = ProjectName::from(&requirement.name);
            if asks_for_pre_releases(specifiers) {
                licence.pre_releases.insert(project.clone());
            }
            if is_pin(specifiers) {
                licence.pins.entry(project).or_default().push(specifiers.clone());
            }
        }
        licence
    }

    /// Whether pre-releases of the project are as good as final versions.
    pub(super) fn allows_pre_releases(&self, project: &ProjectName) -> bool {
        self.pre_releases.contains(project)
    }

    fn pins(&self, project: &ProjectName, version: &Version) -> bool {
        self.pins.get(project).is_some_and(|pins| pins.iter().any(|specifiers| specifiers.contains(version)))
    }
}

/// Why a version that could be used is not taken for a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    /// It is a pre-release, nobody asked for one, and a final version fits.
    PreRelease,
    /// It is yanked and not pinned.
    Yanked,
}

/// Versions that a requirement's specifiers allow but that wait to be asked for by name (PEP 440, PEP 592).
pub(super) fn held_back<'a>(
    requirement: &Requirement,
    shelf: &'a Shelf,
    licence: &Licence,
) -> Vec<(&'a Version, Held)> {
    let any = VersionSpecifiers::empty();
    let specifiers = specifiers_of(requirement).unwrap_or(&any);
    let project = ProjectName::from(&requirement.name);
    let fitting: Vec<(&Version, &Usable)> =
        shelf.usable.iter().filter(|(version, _)| specifiers.contains(version)).collect();
    let has_final = fitting.iter().any(|(version, usable)| !version.any_prerelease() && !usable.is_yanked);
    let takes_pre_releases = asks_for_pre_releases(specifiers) || licence.allows_pre_releases(&project) || !has_final;
    let is_pin = is_pin(specifiers);
    fitting
        .into_iter()
        .filter_map(|(version, usable)| {
            if usable.is_yanked && !is_pin && !licence.pins(&project, version) {
                Some((version, Held::Yanked))
            } else if version.any_prerelease() && !takes_pre_releases {
                Some((version, Held::PreRelease))
            } else {
                None
            }
        })
        .collect()
}

/// The versions that a requirement admits, given what there is.
pub(super) fn admitted(requirement: &Requirement, shelf: &Shelf, licence: &Licence) -> Ranges<Version> {
    let range = specifiers_of(requirement).map_or_else(Ranges::full, |specifiers| Ranges::from(specifiers.clone()));
    let held = held_back(requirement, shelf, licence);
    held.into_iter().fold(range, |range, (version, _)| range.difference(&Ranges::singleton(version.clone())))
}

/// Requirements whose marker holds on the target, with these extras switched on.
pub(super) fn active<'a>(
    requirements: &'a [Requirement],
    markers: &'a MarkerEnvironment,
    extras: &'a [ExtraName],
) -> impl Iterator<Item = &'a Requirement> {
    requirements.iter().filter(move |requirement| requirement.evaluate_markers(markers, extras))
}

/// A requirement in words: as written, without the marker, which is known to hold.
pub(super) fn in_words(requirement: &Requirement) -> String {
    Requirement { marker: MarkerTree::default(), ..requirement.clone() }.to_string()
}

fn specifiers_of(requirement: &Requirement) -> Option<&VersionSpecifiers> {
    match requirement.version_or_url.as_ref()? {
        VersionOrUrl::VersionSpecifier(specifiers) => Some(specifiers),
        VersionOrUrl::Url(_) => None,
    }
}

fn asks_for_pre_releases(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|specifier| specifier.any_prerelease())
}

fn is_pin(specifiers: &VersionSpecifiers) -> bool {
    specifiers.iter().any(|specifier| matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual))
}
