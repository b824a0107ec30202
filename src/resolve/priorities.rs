//! Which project the solver decides next. The order changes which of several answers is found, so it is fixed here.

use std::cmp::Reverse;

use pubgrub::{PackageResolutionStatistics, Ranges};

use super::candidates::Shelf;
use super::needs::Node;
use crate::packaging::Version;

/// Greater goes first: the request, then what cannot be satisfied at all, then what clashed most often, then what
/// leaves the fewest versions to choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Priority {
    urgency: u32,
    choices: Reverse<usize>,
}

/// The priority of a node whose versions are narrowed to `range`.
pub(super) fn priority(
    node: &Node,
    shelf: Option<&Shelf>,
    range: &Ranges<Version>,
    clashes: &PackageResolutionStatistics,
) -> Priority {
    if matches!(node, Node::Request) {
        return Priority { urgency: u32::MAX, choices: Reverse(0) };
    }
    let choices = shelf.map_or(0, |shelf| shelf.usable.keys().filter(|version| range.contains(version)).count());
    // One contradiction that is certain ends the search earlier than any guess.
    let urgency = if choices == 0 { u32::MAX } else { clashes.conflict_count() };
    Priority { urgency, choices: Reverse(choices) }
}
