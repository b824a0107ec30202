//! What the search algorithm asks us: versions of a project, best first, and what one version needs.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use pubgrub::{Dependencies, DependencyConstraints, DependencyProvider, PackageResolutionStatistics, Ranges};

use super::candidates::Shelf;
use super::needs::{self, Licence, Node};
use super::priorities::{Priority, priority};
use super::source::{Source, SourceError};
use super::targets::TargetEnv;
use super::{ResolveError, WheelRequirements};
use crate::packaging::{ExtraName, ProjectName, Requirement, Version, is_direct_url, parse_requirement};

/// Most steps of one search. Real requests of 300 projects take a few thousand; a step is well under a millisecond.
pub(super) const MAX_STEPS: u32 = 200_000;

/// What one version needs, or why it cannot be used.
pub(super) type Needs = Result<ParsedRequirements, String>;

/// The requirements of one wheel, read.
#[derive(Debug)]
pub(super) struct ParsedRequirements {
    /// `Requires-Dist`, in file order.
    pub(super) requirements: Vec<Requirement>,
    /// `Provides-Extra`, normalized and sorted; names that are no extras are left out.
    pub(super) extras: Vec<ExtraName>,
}

/// The search's view of one request. Everything that was read is kept, so a source is asked once for each thing.
pub(super) struct Provider<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) target: &'a TargetEnv,
    pub(super) request: &'a [Requirement],
    pub(super) licence: Licence,
    shelves: RefCell<BTreeMap<ProjectName, Rc<Shelf>>>,
    needs: RefCell<BTreeMap<(ProjectName, Version), Rc<Needs>>>,
    steps: Cell<u32>,
}

impl<'a> Provider<'a> {
    pub(super) fn new(source: &'a dyn Source, target: &'a TargetEnv, request: &'a [Requirement]) -> Self {
        let licence = Licence::of(needs::active(request, &target.markers, &[]));
        Self {
            source,
            target,
            request,
            licence,
            shelves: RefCell::default(),
            needs: RefCell::default(),
            steps: Cell::new(0),
        }
    }

    /// The versions of a project as the target sees them.
    pub(super) fn shelf(&self, project: &ProjectName) -> Result<Rc<Shelf>, SourceError> {
        if let Some(shelf) = self.shelves.borrow().get(project) {
            return Ok(Rc::clone(shelf));
        }
        let shelf = match self.source.candidates(project) {
            Ok(files) => Shelf::sort(&files, self.target),
            Err(SourceError::NotThere { .. }) => Shelf::default(),
            Err(error) => return Err(error),
        };
        let shelf = Rc::new(shelf);
        self.shelves.borrow_mut().insert(project.clone(), Rc::clone(&shelf));
        Ok(shelf)
    }

    /// What is already known of a project, without asking the source.
    pub(super) fn known_shelf(&self, project: &ProjectName) -> Option<Rc<Shelf>> {
        self.shelves.borrow().get(project).cloned()
    }

    /// What one usable version needs.
    pub(super) fn needs(&self, project: &ProjectName, version: &Version) -> Result<Rc<Needs>, SourceError> {
        let key = (project.clone(), version.clone());
        if let Some(needs) = self.needs.borrow().get(&key) {
            return Ok(Rc::clone(needs));
        }
        let shelf = self.shelf(project)?;
        let Some(usable) = shelf.usable.get(version) else {
            return Ok(Rc::new(Err("it has no usable wheel".to_owned())));
        };
        let needs = match self.source.requires(&usable.candidate) {
            Ok(requirements) => read(&requirements),
            Err(SourceError::Unusable { reason }) => Err(reason),
            Err(error) => return Err(error),
        };
        let needs = Rc::new(needs);
        self.needs.borrow_mut().insert(key, Rc::clone(&needs));
        Ok(needs)
    }

    /// What is already known of a version's needs, without asking the source.
    pub(super) fn known_needs(&self, project: &ProjectName, version: &Version) -> Option<Rc<Needs>> {
        self.needs.borrow().get(&(project.clone(), version.clone())).cloned()
    }

    /// The version that is taken first: the newest final one, or the newest at all where the request names pre-releases.
    fn best(&self, project: &ProjectName, shelf: &Shelf, range: &Ranges<Version>) -> Option<Version> {
        let mut fitting = shelf.usable.keys().rev().filter(|version| range.contains(version)).peekable();
        let newest = (*fitting.peek()?).clone();
        if self.licence.allows_pre_releases(project) {
            return Some(newest);
        }
        let newest_final = fitting.find(|version| !version.any_prerelease());
        Some(newest_final.cloned().unwrap_or(newest))
    }

    /// One entry per node, because the search takes several for contradicting twins.
    fn constraints(
        &self,
        requirements: &[Requirement],
        extras: &[ExtraName],
    ) -> Result<BTreeMap<Node, Ranges<Version>>, SourceError> {
        let active: Vec<&Requirement> = needs::active(requirements, &self.target.markers, extras).collect();
        let projects: Vec<ProjectName> = active.iter().map(|requirement| (&requirement.name).into()).collect();
        self.source.expect_projects(&projects);
        let mut constraints = BTreeMap::new();
        for (requirement, project) in active.into_iter().zip(projects) {
            let shelf = self.shelf(&project)?;
            let range = needs::admitted(requirement, &shelf, &self.licence);
            if let Some(usable) = self.best(&project, &shelf, &range).and_then(|best| shelf.usable.get(&best)) {
                self.source.expect_requires(&usable.candidate);
            }
            for extra in &requirement.extras {
                narrow(&mut constraints, Node::Extra(project.clone(), extra.clone()), &range);
            }
            narrow(&mut constraints, Node::Project(project), &range);
        }
        Ok(constraints)
    }
}

fn narrow(constraints: &mut BTreeMap<Node, Ranges<Version>>, node: Node, range: &Ranges<Version>) {
    constraints.entry(node).and_modify(|held| *held = held.intersection(range)).or_insert_with(|| range.clone());
}

/// Takes out what a version requires of its own project: it holds already, or the version can never be installed.
///
/// The search must not see such a constraint; it would take the version and the contradiction for nothing.
fn settle_itself(
    constraints: &mut BTreeMap<Node, Ranges<Version>>,
    project: &ProjectName,
    version: &Version,
) -> Option<String> {
    let itself = constraints.remove(&Node::Project(project.clone()))?;
    let fits = itself.contains(version);
    (!fits).then(|| format!("it requires another version of `{project}` beside itself"))
}

/// Reads what a wheel requires. One line that cannot be read makes the version unusable: guessing would drop a need.
fn read(written: &WheelRequirements) -> Needs {
    let mut requirements = Vec::with_capacity(written.requires_dist.len());
    for text in &written.requires_dist {
        requirements.push(parse_requirement(text).map_err(|error| format!("its metadata cannot be read: {error}"))?);
    }
    let mut extras: Vec<ExtraName> = written.provides_extra.iter().filter_map(|name| name.parse().ok()).collect();
    extras.sort();
    extras.dedup();
    Ok(ParsedRequirements { requirements, extras })
}

impl DependencyProvider for Provider<'_> {
    type P = Node;
    type V = Version;
    type VS = Ranges<Version>;
    type M = String;
    type Err = ResolveError;
    type Priority = Priority;

    fn prioritize(&self, node: &Node, range: &Ranges<Version>, clashes: &PackageResolutionStatistics) -> Priority {
        let shelf = node.project().and_then(|project| self.known_shelf(project));
        priority(node, shelf.as_deref(), range, clashes)
    }

    fn choose_version(&self, node: &Node, range: &Ranges<Version>) -> Result<Option<Version>, ResolveError> {
        let Some(project) = node.project() else { return Ok(Some(request_version())) };
        Ok(self.best(project, &*self.shelf(project)?, range))
    }

    fn get_dependencies(
        &self,
        node: &Node,
        version: &Version,
    ) -> Result<Dependencies<Node, Ranges<Version>, String>, ResolveError> {
        let Some(project) = node.project() else {
            let constraints = self.constraints(self.request, &[])?;
            return Ok(Dependencies::Available(constraints.into_iter().collect()));
        };
        let needs = self.needs(project, version)?;
        let needs = match &*needs {
            Ok(needs) => needs,
            Err(reason) => return Ok(Dependencies::Unavailable(reason.clone())),
        };
        let extras: &[ExtraName] = match node {
            Node::Extra(_, extra) => std::slice::from_ref(extra),
            _ => &[],
        };
        if let Some(url) = needs::active(&needs.requirements, &self.target.markers, extras).find(|it| is_direct_url(it))
        {
            let reason = format!("it requires `{}`, and only files of the index are installed", needs::in_words(url));
            return Ok(Dependencies::Unavailable(reason));
        }
        let mut constraints = self.constraints(&needs.requirements, extras)?;
        if let Some(reason) = settle_itself(&mut constraints, project, version) {
            return Ok(Dependencies::Unavailable(reason));
        }
        if matches!(node, Node::Extra(..)) {
            narrow(&mut constraints, Node::Project(project.clone()), &Ranges::singleton(version.clone()));
        }
        Ok(Dependencies::Available(constraints.into_iter().collect::<DependencyConstraints<_, _>>()))
    }

    fn should_cancel(&self) -> Result<(), ResolveError> {
        self.steps.set(self.steps.get() + 1);
        match self.steps.get() {
            steps if steps > MAX_STEPS => Err(ResolveError::TooHard { steps: MAX_STEPS }),
            _ => Ok(()),
        }
    }
}

/// The one version of [`Node::Request`].
pub(super) fn request_version() -> Version {
    Version::new([0])
}
