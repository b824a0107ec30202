//! Random small universes: every answer satisfies every rule, every refusal is confirmed by trying everything.

use std::collections::{BTreeMap, BTreeSet};

use ferrywheel::packaging::{ProjectName, Requirement, Version, VersionOrUrl, VersionSpecifiers, parse_requirement};
use ferrywheel::resolve::{Candidate, Chosen, ResolveError, TargetEnv, preset, solve};
use proptest::prelude::*;

use crate::resolve_universe::Universe;

const PROJECTS: [&str; 5] = ["a", "b", "c", "d", "e"];
const VERSIONS: [&str; 4] = ["1", "2rc1", "2", "3"];
const SPECIFIERS: [&str; 12] = ["", "", "==1", "==2", "==2rc1", ">=2", "<3", "<2", "!=2", "~=1.0", ">=2rc1", ">3"];

/// One version of a project.
#[derive(Clone, Debug)]
struct Release {
    version: &'static str,
    is_yanked: bool,
    needs_newer_python: bool,
    is_broken: bool,
    requires: Vec<String>,
}

fn requirement() -> impl Strategy<Value = String> {
    let extra = prop_oneof![3 => Just(""), 1 => Just("[x]")];
    let marker = prop_oneof![4 => Just(""), 1 => Just("; sys_platform == 'win32'"), 1 => Just("; extra == 'x'")];
    (prop::sample::select(&PROJECTS[..]), extra, prop::sample::select(&SPECIFIERS[..]), marker)
        .prop_map(|(project, extra, specifiers, marker)| format!("{project}{extra}{specifiers}{marker}"))
}

fn release(version: &'static str) -> impl Strategy<Value = Release> {
    let rare = || prop::bool::weighted(0.1);
    (rare(), rare(), rare(), prop::collection::vec(requirement(), 0..4)).prop_map(
        move |(is_yanked, needs_newer_python, is_broken, requires)| Release {
            version,
            is_yanked,
            needs_newer_python,
            is_broken,
            requires,
        },
    )
}

fn universe() -> impl Strategy<Value = Universe> {
    let project = || prop::sample::subsequence(&VERSIONS[..], 0..=VERSIONS.len());
    let projects: Vec<_> = PROJECTS
        .iter()
        .map(|project_name| {
            let releases = project().prop_flat_map(|versions| versions.into_iter().map(release).collect::<Vec<_>>());
            releases.prop_map(move |releases| (*project_name, releases))
        })
        .collect();
    projects.prop_map(|projects| {
        let mut universe = Universe::default();
        for (project, releases) in projects {
            for release in releases {
                let requires: Vec<&str> = release.requires.iter().map(String::as_str).collect();
                universe = universe.file(&format!("{project}-{}", release.version), &requires).extras(&["x"]);
                universe = if release.is_yanked { universe.yanked() } else { universe };
                universe = if release.needs_newer_python { universe.needs_python(">=3.12") } else { universe };
                universe = if release.is_broken { universe.broken("it is broken") } else { universe };
            }
        }
        universe
    })
}

/// The rules, written as plainly as they can be, without ranges and without search.
struct Oracle<'a> {
    universe: &'a Universe,
    target: TargetEnv,
    request: Vec<Requirement>,
}

type Picks<'a> = BTreeMap<ProjectName, &'a Candidate>;

impl<'a> Oracle<'a> {
    fn usable(&self, project: &ProjectName) -> Vec<&'a Candidate> {
        let runs = |file: &&Candidate| file.requires_python.is_none();
        self.universe.files.iter().filter(|file| file.project == *project).filter(runs).collect()
    }

    fn specifiers(requirement: &Requirement) -> VersionSpecifiers {
        match &requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.clone(),
            _ => VersionSpecifiers::empty(),
        }
    }

    fn names_a_pre_release(requirement: &Requirement) -> bool {
        Self::specifiers(requirement).to_string().contains("rc1")
    }

    fn pins(requirement: &Requirement, version: &Version) -> bool {
        let specifiers = Self::specifiers(requirement);
        specifiers.to_string().contains("==") && specifiers.contains(version)
    }

    fn admits(&self, requirement: &Requirement, file: &Candidate) -> bool {
        let specifiers = Self::specifiers(requirement);
        let project = ProjectName::from(&requirement.name);
        let of_request: Vec<&Requirement> =
            self.active(&self.request, false).into_iter().filter(|it| it.name == requirement.name).collect();
        let is_final = |file: &&Candidate| !file.version.any_prerelease() && !file.is_yanked;
        let has_final = self.usable(&project).iter().any(|file| is_final(file) && specifiers.contains(&file.version));
        let pre_release_asked =
            Self::names_a_pre_release(requirement) || of_request.iter().any(|it| Self::names_a_pre_release(it));
        let pinned =
            Self::pins(requirement, &file.version) || of_request.iter().any(|it| Self::pins(it, &file.version));
        file.project == project
            && specifiers.contains(&file.version)
            && (!file.is_yanked || pinned)
            && (!file.version.any_prerelease() || file.is_yanked || pre_release_asked || !has_final)
    }

    fn active<'r>(&self, requirements: &'r [Requirement], with_extra: bool) -> Vec<&'r Requirement> {
        let extras: Vec<_> = with_extra.then(|| "x".parse().unwrap()).into_iter().collect();
        requirements.iter().filter(|it| it.evaluate_markers(&self.target.markers, &extras)).collect()
    }

    /// What is needed together, from the request down; `None` if something that is needed is not picked or broken.
    fn needed(&self, picks: &Picks<'a>) -> Option<BTreeSet<ProjectName>> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<Requirement> = self.active(&self.request, false).into_iter().cloned().collect();
        let mut done = BTreeSet::new();
        while let Some(requirement) = open.pop() {
            let project = ProjectName::from(&requirement.name);
            let file = picks.get(&project)?;
            if !self.admits(&requirement, file) {
                return None;
            }
            needed.insert(project.clone());
            for with_extra in [false, true] {
                if with_extra && requirement.extras.is_empty() || !done.insert((project.clone(), with_extra)) {
                    continue;
                }
                let written = self.universe.requires[&file.filename].as_ref().ok()?;
                let requirements: Vec<Requirement> =
                    written.requires_dist.iter().map(|text| parse_requirement(text).unwrap()).collect();
                open.extend(self.active(&requirements, with_extra).into_iter().cloned());
            }
        }
        Some(needed)
    }

    /// Whether any combination of versions satisfies the request.
    fn is_solvable(&self) -> bool {
        let choices: Vec<Vec<Option<&Candidate>>> = PROJECTS
            .iter()
            .map(|name| {
                let usable = self.usable(&name.parse().unwrap());
                std::iter::once(None).chain(usable.into_iter().map(Some)).collect()
            })
            .collect();
        let total: usize = choices.iter().map(Vec::len).product();
        (0..total).any(|mut number| {
            let mut picks = Picks::new();
            for options in &choices {
                if let Some(file) = options[number % options.len()] {
                    picks.insert(file.project.clone(), file);
                }
                number /= options.len();
            }
            self.needed(&picks).is_some()
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_satisfy_every_rule_and_refusals_have_no_answer(
        universe in universe(),
        request in prop::collection::vec(requirement(), 1..4),
    ) {
        let target = TargetEnv::try_from(&preset("debian-12").unwrap()).unwrap();
        let request: Vec<Requirement> = request.iter().map(|text| parse_requirement(text).unwrap()).collect();
        let answer = solve(&universe, &request, &target);
        let oracle = Oracle { universe: &universe, target: target.clone(), request: request.clone() };
        match answer {
            Ok(chosen) => check_answer(&oracle, &chosen)?,
            Err(ResolveError::Unsolvable { explanation }) => {
                prop_assert!(!oracle.is_solvable(), "{explanation}");
                check_text(&universe, &request, &target, &explanation)?;
            }
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

fn check_answer(oracle: &Oracle<'_>, chosen: &[Chosen]) -> Result<(), TestCaseError> {
    let picks: Picks<'_> = chosen.iter().map(|it| (it.candidate.project.clone(), &it.candidate)).collect();
    prop_assert_eq!(picks.len(), chosen.len(), "one file per project");
    let needed = oracle.needed(&picks);
    prop_assert_eq!(needed, Some(picks.keys().cloned().collect()), "all that is needed and nothing else");
    Ok(())
}

/// The sentences do not depend on the order in which files, requirements and the request are written down.
fn check_text(
    universe: &Universe,
    request: &[Requirement],
    target: &TargetEnv,
    explanation: &str,
) -> Result<(), TestCaseError> {
    let mut turned = universe.clone();
    turned.files.reverse();
    for requires in turned.requires.values_mut().filter_map(|it| it.as_mut().ok()) {
        requires.requires_dist.reverse();
    }
    let request: Vec<Requirement> = request.iter().rev().cloned().collect();
    let again = solve(&turned, &request, target).unwrap_err().to_string();
    prop_assert_eq!(again, explanation);
    prop_assert!(explanation.lines().count() > 1, "{}", explanation);
    Ok(())
}
