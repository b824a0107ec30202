//! The search itself: requirements, a source and a target in, one wheel per project out.

use std::collections::{BTreeMap, BTreeSet};

use pubgrub::{PubGrubError, SelectedDependencies};

use super::ResolveError;
use super::explain::explain;
use super::facts::dismantle;
use super::needs::{self, Node};
use super::provider::{Provider, request_version};
use super::source::{Candidate, Source};
use super::targets::TargetEnv;
use crate::packaging::{ExtraName, ProjectName, Requirement, Version, is_direct_url};

/// Most requirements of one request: more than the largest application lists, little enough to answer at once.
pub const MAX_REQUIREMENTS: usize = 2_000;

/// One project of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The wheel.
    pub candidate: Candidate,
    /// Extras that something in the answer switched on, sorted.
    pub extras: Vec<ExtraName>,
    /// What it needs here, sorted.
    pub dependencies: Vec<ProjectName>,
}

/// Finds one wheel for every project that the requirements lead to, sorted by project.
///
/// Newest final versions first. Fails with [`ResolveError::Unsolvable`], whose text is the explanation; with
/// [`ResolveError::DirectUrl`] for a requirement that names a file by its URL; with [`ResolveError::Source`] if the
/// source fails. The same input gives the same output, in value and in text.
pub fn solve(
    source: &dyn Source,
    requirements: &[Requirement],
    target: &TargetEnv,
) -> Result<Vec<Chosen>, ResolveError> {
    check_request(requirements)?;
    let provider = Provider::new(source, target, requirements);
    match pubgrub::resolve(&provider, Node::Request, request_version()) {
        Ok(selected) => collect(&provider, &selected),
        Err(PubGrubError::NoSolution(proof)) => {
            let explanation = explain(&proof, &provider);
            dismantle(proof);
            Err(ResolveError::Unsolvable { explanation })
        }
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => Err(source),
    }
}

fn check_request(requirements: &[Requirement]) -> Result<(), ResolveError> {
    if requirements.is_empty() {
        return Err(ResolveError::Empty);
    }
    if requirements.len() > MAX_REQUIREMENTS {
        return Err(ResolveError::TooMany { count: requirements.len(), limit: MAX_REQUIREMENTS });
    }
    match requirements.iter().find(|requirement| is_direct_url(requirement)) {
        Some(requirement) => Err(ResolveError::DirectUrl { requirement: needs::in_words(requirement) }),
        None => Ok(()),
    }
}

fn collect(
    provider: &Provider<'_>,
    selected: &SelectedDependencies<Node, Version>,
) -> Result<Vec<Chosen>, ResolveError> {
    let mut versions: BTreeMap<&ProjectName, &Version> = BTreeMap::new();
    let mut extras: BTreeMap<&ProjectName, BTreeSet<ExtraName>> = BTreeMap::new();
    for (node, version) in selected.iter() {
        match node {
            Node::Request => {}
            Node::Project(project) => {
                versions.insert(project, version);
            }
            Node::Extra(project, extra) => {
                extras.entry(project).or_default().insert(extra.clone());
            }
        }
    }
    check_extras(provider, &versions)?;
    let mut chosen = Vec::with_capacity(versions.len());
    for (project, version) in versions {
        let shelf = provider.shelf(project)?;
        let usable = shelf.usable.get(version).ok_or(ResolveError::Lost)?;
        let extras: Vec<ExtraName> = extras.remove(project).unwrap_or_default().into_iter().collect();
        let dependencies = dependencies(provider, project, version, &extras)?;
        chosen.push(Chosen { candidate: usable.candidate.clone(), extras, dependencies });
    }
    Ok(chosen)
}

fn dependencies(
    provider: &Provider<'_>,
    project: &ProjectName,
    version: &Version,
    extras: &[ExtraName],
) -> Result<Vec<ProjectName>, ResolveError> {
    let needs = provider.needs(project, version)?;
    let needs = needs.as_ref().as_ref().map_err(|_| ResolveError::Lost)?;
    let mut names = BTreeSet::new();
    // Each extra is judged alone, as the search does.
    for extras in std::iter::once(&[][..]).chain(extras.chunks(1)) {
        let active = needs::active(&needs.requirements, &provider.target.markers, extras);
        names.extend(active.map(|requirement| ProjectName::from(&requirement.name)));
    }
    names.remove(project);
    Ok(names.into_iter().collect())
}

/// Refuses an extra of the request that the chosen version does not have: a misspelt one would add nothing, silently.
///
/// Extras that wheels ask of each other are not checked; projects drop extras, and installers go on without them.
fn check_extras(provider: &Provider<'_>, versions: &BTreeMap<&ProjectName, &Version>) -> Result<(), ResolveError> {
    for requirement in needs::active(provider.request, &provider.target.markers, &[]) {
        let project = ProjectName::from(&requirement.name);
        let Some(version) = versions.get(&project) else { continue };
        let needs = provider.needs(&project, version)?;
        let Ok(needs) = needs.as_ref() else { continue };
        if let Some(extra) = requirement.extras.iter().find(|extra| needs.extras.binary_search(extra).is_err()) {
            let known: Vec<String> = needs.extras.iter().map(|extra| format!("`{extra}`")).collect();
            return Err(ResolveError::UnknownExtra {
                project,
                version: version.to_string(),
                extra: extra.to_string(),
                known: if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) },
            });
        }
    }
    Ok(())
}
