//! Sentences for a request that has no answer: the facts that exclude it, one a line, from the request downward.

use std::collections::BTreeSet;

use super::candidates::Unusable;
use super::facts::{Facts, Obstacle, Proof, gather};
use super::needs::{Held, Node, active, in_words};
use super::provider::Provider;
use crate::packaging::{Version, shown};

/// Most lines of an explanation: more are read by nobody, and a page of an error must stay small.
const MAX_LINES: usize = 40;

/// Most requirements that the first line repeats.
const MAX_NAMED: usize = 6;

/// Most versions that are listed one by one.
const MAX_LISTED: usize = 4;

/// The explanation of a proof. Equal requests over equal snapshots give equal texts.
pub(super) fn explain(proof: &Proof, provider: &Provider<'_>) -> String {
    let mut lines = vec![headline(provider)];
    for (node, facts) in gather(proof, provider) {
        describe(&node, &facts, provider, &mut lines);
    }
    if lines.len() == 1 {
        let asked: Vec<String> = quoted(&asked(provider));
        lines.push(match &asked[..] {
            [only] => format!("No version can satisfy {only}."),
            _ => format!("{} exclude each other, whatever there is.", joined(&asked)),
        });
    }
    if lines.len() > MAX_LINES {
        let left_out = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!(
            "{left_out} more facts take part; pin some versions with `==` to see a shorter explanation."
        ));
    }
    lines.join("\n")
}

/// What the request asks for on this target, as written, sorted.
fn asked(provider: &Provider<'_>) -> BTreeSet<String> {
    active(provider.request, &provider.target.markers, &[]).map(in_words).collect()
}

fn headline(provider: &Provider<'_>) -> String {
    let texts = asked(provider);
    let mut named: Vec<String> = texts.iter().take(MAX_NAMED).map(|text| format!("`{text}`")).collect();
    if texts.len() > MAX_NAMED {
        named.push(format!("{} more", texts.len() - MAX_NAMED));
    }
    let place = provider.source.place();
    format!("No set of wheels in {place} satisfies {} for the target `{}`.", joined(&named), provider.target.name)
}

fn describe(node: &Node, facts: &Facts, provider: &Provider<'_>, lines: &mut Vec<String>) {
    let Some(project) = node.project() else {
        // The first line says it already if everything that was asked for takes part.
        for needed in facts.needs.keys().filter(|needed| needed.len() > MAX_NAMED || **needed != asked(provider)) {
            lines.push(format!("The request needs {}.", joined(&quoted(needed))));
        }
        return;
    };
    let place = provider.source.place();
    let shelf = provider.known_shelf(project);
    if facts.is_exhausted {
        match shelf.as_deref() {
            Some(shelf) if shelf.is_there => {
                let all: Vec<&Version> = shelf.all_versions();
                if all.is_empty() {
                    lines.push(format!("`{project}` has no files in {place}."));
                } else if facts.obstacles.is_empty() {
                    lines.push(format!("Of `{project}`, {place} has {} only.", versions(&all)));
                }
            }
            _ => lines.push(format!("`{project}` is not in {place}.")),
        }
    }
    for (obstacle, concerned) in &facts.obstacles {
        let concerned: Vec<&Version> = concerned.iter().collect();
        lines.push(obstacle_sentence(&format!("`{project}`"), obstacle, &concerned, provider));
    }
    for (needed, by) in &facts.needs {
        let by: Vec<&Version> = by.iter().collect();
        let verb = if by.len() == 1 { "needs" } else { "need" };
        lines.push(format!("`{node}` {} {verb} {}.", versions(&by), joined(&quoted(needed))));
    }
}

fn obstacle_sentence(project: &str, obstacle: &Obstacle, concerned: &[&Version], provider: &Provider<'_>) -> String {
    let target = provider.target;
    let subject = format!("{project} {}", versions(concerned));
    let is_one = concerned.len() == 1;
    let (has, needs, is) = if is_one { ("has", "needs", "is") } else { ("have", "need", "are") };
    match obstacle {
        Obstacle::Unusable(Unusable::NoWheel) => {
            format!("{subject} {has} no wheel, only source, and nothing is built here.")
        }
        Obstacle::Unusable(Unusable::NoFittingWheel) => format!("{subject} {has} no wheel for {}.", target.tag_words),
        Obstacle::Unusable(Unusable::Python(specifiers)) => {
            format!("{subject} {needs} Python {specifiers}; the target has {}.", target.python)
        }
        Obstacle::Unusable(Unusable::PythonUnreadable(text)) => {
            format!("{subject} {needs} Python `{}`, which is not a version specifier.", shown(text))
        }
        Obstacle::Held(Held::PreRelease) => {
            let what = if is_one { "is a pre-release" } else { "are pre-releases" };
            format!("{subject} {what}, taken only if the request names one, like `{}`.", example(project, concerned))
        }
        Obstacle::Held(Held::Yanked) => {
            format!("{subject} {is} yanked, taken only if the request pins it, like `{}`.", example(project, concerned))
        }
        Obstacle::Broken(reason) => format!("{subject} cannot be used: {reason}."),
    }
}

fn example(project: &str, concerned: &[&Version]) -> String {
    let newest = concerned.last().map(ToString::to_string).unwrap_or_default();
    format!("{}=={newest}", project.trim_matches('`'))
}

/// Ascending versions in words: each of a few, else the ends and the count.
fn versions(ascending: &[&Version]) -> String {
    match ascending {
        [first, .., last] if ascending.len() > MAX_LISTED => {
            format!("{first} to {last} ({} versions)", ascending.len())
        }
        _ => joined(&ascending.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

fn quoted(texts: &BTreeSet<String>) -> Vec<String> {
    texts.iter().map(|text| format!("`{text}`")).collect()
}

fn joined(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [front @ .., last] => format!("{} and {last}", front.join(", ")),
    }
}
