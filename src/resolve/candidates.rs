//! The files of one project judged for one target: which versions can be used, by which wheel, and why others cannot.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::source::Candidate;
use super::targets::TargetEnv;
use crate::packaging::{BuildTag, TagPriority, Version, WheelName, parse_requires_python};

/// Why no file of a version can be used on the target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unusable {
    /// Only source distributions were published.
    NoWheel,
    /// Wheels were published, none for this target.
    NoFittingWheel,
    /// `Requires-Python` excludes the target's Python.
    Python(String),
    /// `Requires-Python` is not a list of version specifiers, so nobody can say whether it fits.
    PythonUnreadable(String),
}

/// A version that can be used, by its best wheel.
#[derive(Clone, Debug)]
pub(super) struct Usable {
    /// The best wheel of the version: best tag, then highest build tag, then file name.
    pub(super) candidate: Candidate,
    /// Whether only yanked wheels of it fit.
    pub(super) is_yanked: bool,
}

/// The versions of one project as one target sees them.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Whether the source knows the project at all.
    pub(super) is_there: bool,
    /// Versions with a wheel that fits.
    pub(super) usable: BTreeMap<Version, Usable>,
    /// Versions without one, and why.
    pub(super) unusable: BTreeMap<Version, Unusable>,
}

impl Shelf {
    /// Judges every file of a project.
    pub(super) fn sort(files: &[Candidate], target: &TargetEnv) -> Self {
        let mut shelf = Self { is_there: true, ..Self::default() };
        let mut best: BTreeMap<&Version, (Rank, &Candidate)> = BTreeMap::new();
        for file in files {
            match judge(file, target) {
                Ok(rank) => match best.get(&file.version) {
                    Some((held, _)) if *held >= rank => {}
                    _ => {
                        best.insert(&file.version, (rank, file));
                    }
                },
                Err(reason) => shelf.note_unusable(&file.version, reason),
            }
        }
        for (version, (_, file)) in best {
            shelf.unusable.remove(version);
            let usable = Usable { candidate: file.clone(), is_yanked: file.is_yanked };
            shelf.usable.insert(version.clone(), usable);
        }
        shelf
    }

    /// Keeps the reason that came nearest to a usable file: the greater one of the order of [`Unusable`].
    fn note_unusable(&mut self, version: &Version, reason: Unusable) {
        match self.unusable.get(version) {
            Some(held) if *held >= reason => {}
            _ => {
                self.unusable.insert(version.clone(), reason);
            }
        }
    }

    /// Every version of the project, usable or not, ascending.
    pub(super) fn all_versions(&self) -> Vec<&Version> {
        let mut all: Vec<&Version> = self.usable.keys().chain(self.unusable.keys()).collect();
        all.sort();
        all
    }
}

/// How good a wheel is among those of its version; the greatest wins.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_not_yanked: bool,
    tags: TagPriority,
    build: Option<BuildTag>,
    filename: Reverse<String>,
}

fn judge(file: &Candidate, target: &TargetEnv) -> Result<Rank, Unusable> {
    if !file.filename.ends_with(".whl") {
        return Err(Unusable::NoWheel);
    }
    let Ok(name) = file.filename.parse::<WheelName>() else { return Err(Unusable::NoFittingWheel) };
    let Some(tags) = target.tags.priority(&name) else { return Err(Unusable::NoFittingWheel) };
    if let Some(text) = &file.requires_python {
        match parse_requires_python(text) {
            Some(specifiers) if specifiers.contains(&target.python) => {}
            Some(_) => return Err(Unusable::Python(text.clone())),
            None => return Err(Unusable::PythonUnreadable(text.clone())),
        }
    }
    let filename = Reverse(file.filename.clone());
    Ok(Rank { is_not_yanked: !file.is_yanked, tags, build: name.build, filename })
}
