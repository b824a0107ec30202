//! The facts that exclude an answer, taken out of the search's proof.
//!
//! A proof is a deep tree of ranges whose shape depends on the order of the search. Its leaves are plain facts: who needs
//! what, and what is there. Together they are the whole proof, so they are all that is told, in an order of our own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use pubgrub::{DerivationTree, External, Ranges};

use super::candidates::Unusable;
use super::needs::{self, Held, Node};
use super::provider::Provider;
use crate::packaging::{ExtraName, ProjectName, Requirement, Version};

/// The proof as the search returns it.
pub(super) type Proof = DerivationTree<Node, Ranges<Version>, String>;

/// Why none of some versions can be taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// No file of it can be used on the target.
    Unusable(Unusable),
    /// It waits to be asked for by name.
    Held(Held),
    /// Its metadata leaves no way to install it; the rest of a sentence.
    Broken(String),
}

/// What the proof says of one project.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// What is needed, as written, by which versions of this node.
    pub(super) needs: BTreeMap<BTreeSet<String>, BTreeSet<Version>>,
    /// Versions that would have been needed, by what stands against them.
    pub(super) obstacles: BTreeMap<Obstacle, BTreeSet<Version>>,
    /// Whether the proof rests on there being no other versions than these.
    pub(super) is_exhausted: bool,
}

/// Facts of every node in the proof, in the order in which a reader meets them: from the request downward.
pub(super) fn gather(proof: &Proof, provider: &Provider<'_>) -> Vec<(Node, Facts)> {
    let mut facts: BTreeMap<Node, Facts> = BTreeMap::new();
    let mut edges: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
    let mut written: BTreeMap<(Node, Version), BTreeSet<String>> = BTreeMap::new();
    let leaves = leaves(proof);
    for leaf in &leaves {
        match leaf {
            External::FromDependencyOf(by, versions, on, _) => {
                let Some(project) = on.project() else { continue };
                edges.entry(by.clone()).or_default().insert(on.clone());
                for (version, requirement) in requirements_behind(provider, by, versions, project) {
                    note_held(&mut facts, provider, project, &requirement);
                    written.entry((by.clone(), version)).or_default().insert(needs::in_words(&requirement));
                }
            }
            External::NoVersions(node, range) => note_missing(&mut facts, provider, node, range),
            External::Custom(node, range, reason) => {
                let versions = versions_in(provider, node, range);
                let obstacle = Obstacle::Broken(reason.clone());
                facts.entry(base_of(node)).or_default().obstacles.entry(obstacle).or_default().extend(versions);
            }
            External::NotRoot(..) => {}
        }
    }
    for ((node, version), texts) in written {
        facts.entry(node).or_default().needs.entry(texts).or_default().insert(version);
    }
    in_reading_order(facts, &edges)
}

/// The leaves of the proof. It shares subtrees, so each is visited once.
fn leaves(proof: &Proof) -> Vec<&External<Node, Ranges<Version>, String>> {
    let mut seen = BTreeSet::new();
    let mut open = vec![proof];
    let mut leaves = Vec::new();
    while let Some(tree) = open.pop() {
        match tree {
            DerivationTree::External(external) => leaves.push(external),
            DerivationTree::Derived(derived) => {
                for cause in [&derived.cause1, &derived.cause2] {
                    if seen.insert(Arc::as_ptr(cause)) {
                        open.push(cause);
                    }
                }
            }
        }
    }
    leaves
}

/// Takes a proof apart without recursion: its depth grows with the search, and a stack overflow ends the whole server.
pub(super) fn dismantle(proof: Proof) {
    let mut open = vec![Arc::new(proof)];
    while let Some(tree) = open.pop() {
        // What others still hold is left to the last of them.
        if let Ok(DerivationTree::Derived(derived)) = Arc::try_unwrap(tree) {
            open.push(derived.cause1);
            open.push(derived.cause2);
        }
    }
}

/// The versions of a node that a range holds, of those that exist.
fn versions_in(provider: &Provider<'_>, node: &Node, range: &Ranges<Version>) -> Vec<Version> {
    let Some(shelf) = node.project().and_then(|project| provider.known_shelf(project)) else { return Vec::new() };
    shelf.usable.keys().filter(|version| range.contains(version)).cloned().collect()
}

/// The requirements as written that made `by` depend on `project`.
fn requirements_behind(
    provider: &Provider<'_>,
    by: &Node,
    versions: &Ranges<Version>,
    project: &ProjectName,
) -> Vec<(Version, Requirement)> {
    let markers = &provider.target.markers;
    let about = |requirements: &[Requirement], extras: &[ExtraName]| -> Vec<Requirement> {
        let active = needs::active(requirements, markers, extras);
        active.filter(|requirement| ProjectName::from(&requirement.name) == *project).cloned().collect()
    };
    let Some(dependent) = by.project() else {
        let request = about(provider.request, &[]);
        return request.into_iter().map(|requirement| (super::provider::request_version(), requirement)).collect();
    };
    let extras: &[ExtraName] = match by {
        Node::Extra(_, extra) => std::slice::from_ref(extra),
        _ => &[],
    };
    let mut behind = Vec::new();
    for version in versions_in(provider, by, versions) {
        let Some(needs) = provider.known_needs(dependent, &version) else { continue };
        let Ok(needs) = needs.as_ref() else { continue };
        behind.extend(about(&needs.requirements, extras).into_iter().map(|it| (version.clone(), it)));
    }
    behind
}

fn note_held(
    facts: &mut BTreeMap<Node, Facts>,
    provider: &Provider<'_>,
    project: &ProjectName,
    requirement: &Requirement,
) {
    let Some(shelf) = provider.known_shelf(project) else { return };
    for (version, held) in needs::held_back(requirement, &shelf, &provider.licence) {
        let facts = facts.entry(Node::Project(project.clone())).or_default();
        facts.obstacles.entry(Obstacle::Held(held)).or_default().insert(version.clone());
    }
}

fn note_missing(facts: &mut BTreeMap<Node, Facts>, provider: &Provider<'_>, node: &Node, range: &Ranges<Version>) {
    let facts = facts.entry(base_of(node)).or_default();
    facts.is_exhausted = true;
    let Some(shelf) = node.project().and_then(|project| provider.known_shelf(project)) else { return };
    for (version, reason) in shelf.unusable.iter().filter(|(version, _)| range.contains(version)) {
        facts.obstacles.entry(Obstacle::Unusable(reason.clone())).or_default().insert(version.clone());
    }
}

/// What there is of an extra is what there is of its project.
fn base_of(node: &Node) -> Node {
    node.project().map_or(Node::Request, |project| Node::Project(project.clone()))
}

/// Breadth first from the request; what the edges do not reach comes last, by name.
fn in_reading_order(mut facts: BTreeMap<Node, Facts>, edges: &BTreeMap<Node, BTreeSet<Node>>) -> Vec<(Node, Facts)> {
    let mut ordered = Vec::with_capacity(facts.len());
    let mut open = VecDeque::from([Node::Request]);
    let mut seen = BTreeSet::from([Node::Request]);
    while let Some(node) = open.pop_front() {
        if let Some(found) = facts.remove(&node) {
            ordered.push((node.clone(), found));
        }
        for next in edges.get(&node).into_iter().flatten() {
            for next in [base_of(next), next.clone()] {
                if seen.insert(next.clone()) {
                    open.push_back(next);
                }
            }
        }
    }
    ordered.extend(facts);
    ordered
}

#[cfg(test)]
mod tests {
    use pubgrub::Derived;

    use super::*;

    #[test]
    fn a_proof_of_any_depth_is_taken_apart() {
        let leaf = || DerivationTree::External(External::NotRoot(Node::Request, Version::new([0])));
        let mut proof: Proof = leaf();
        for _ in 0..300_000 {
            let (cause1, cause2) = (Arc::new(proof), Arc::new(leaf()));
            proof = DerivationTree::Derived(Derived { terms: Default::default(), shared_id: None, cause1, cause2 });
        }
        assert_eq!(leaves(&proof).len(), 300_001);
        dismantle(proof);
    }
}
