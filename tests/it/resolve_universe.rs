//! A source of packages that a test writes down: file names, what they require, what is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferrywheel::model::{Sha256Digest, Target, Timestamp};
use ferrywheel::packaging::{DistFileName, ProjectName, parse_requirement};
use ferrywheel::resolve::{Candidate, ResolveError, Source, SourceError, TargetEnv, WheelRequirements, preset, solve};

/// Files and their requirements, by file name.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    pub files: Vec<Candidate>,
    pub requires: BTreeMap<String, Result<WheelRequirements, String>>,
}

impl Universe {
    /// Adds a file; a bare `name-version` stands for a wheel that fits everywhere.
    pub fn file(mut self, name: &str, requires: &[&str]) -> Self {
        let filename = match name.contains(".whl") || name.contains(".tar.gz") {
            true => name.to_owned(),
            false => format!("{name}-py3-none-any.whl"),
        };
        let parsed: DistFileName = filename.parse().unwrap();
        self.files.push(Candidate {
            project: parsed.project().clone(),
            version: parsed.version().clone(),
            sha256: Sha256Digest::of(filename.as_bytes()),
            filename: filename.clone(),
            size_bytes: 1,
            uploaded_at: Timestamp::UNIX_EPOCH,
            requires_python: None,
            is_yanked: false,
            yank_reason: None,
        });
        let requires_dist: Vec<String> = requires.iter().map(ToString::to_string).collect();
        self.requires.insert(filename, Ok(WheelRequirements { requires_dist, provides_extra: Vec::new() }));
        self
    }

    /// Changes the file that was added last.
    pub fn with(mut self, change: impl FnOnce(&mut Candidate)) -> Self {
        change(self.files.last_mut().unwrap());
        self
    }

    /// Says which Python the file that was added last needs.
    pub fn needs_python(self, specifiers: &str) -> Self {
        self.with(|file| file.requires_python = Some(specifiers.to_owned()))
    }

    /// Yanks the file that was added last.
    pub fn yanked(self) -> Self {
        self.with(|file| file.is_yanked = true)
    }

    /// Gives extras to the file that was added last.
    pub fn extras(mut self, extras: &[&str]) -> Self {
        let filename = &self.files.last().unwrap().filename;
        let requires = self.requires.get_mut(filename).unwrap().as_mut().unwrap();
        requires.provides_extra = extras.iter().map(ToString::to_string).collect();
        self
    }

    /// Breaks the metadata of the file that was added last.
    pub fn broken(mut self, reason: &str) -> Self {
        self.requires.insert(self.files.last().unwrap().filename.clone(), Err(reason.to_owned()));
        self
    }

    /// The chosen file names for Debian 12, sorted by project, or the error.
    pub fn solve(&self, requirements: &[&str]) -> Result<Vec<String>, ResolveError> {
        self.solve_for(requirements, &preset("debian-12").unwrap())
    }

    /// As [`Universe::solve`], for another target.
    pub fn solve_for(&self, requirements: &[&str], target: &Target) -> Result<Vec<String>, ResolveError> {
        let requirements: Vec<_> = requirements.iter().map(|text| parse_requirement(text).unwrap()).collect();
        let chosen = solve(self, &requirements, &TargetEnv::try_from(target).unwrap())?;
        Ok(chosen.into_iter().map(|chosen| chosen.candidate.filename).collect())
    }

    /// As [`Universe::solve`], file names cut to `name-version`.
    pub fn versions(&self, requirements: &[&str]) -> Vec<String> {
        let short = |name: String| name.split('-').take(2).collect::<Vec<_>>().join("-");
        self.solve(requirements).unwrap().into_iter().map(short).collect()
    }

    /// The explanation of a request that has no answer.
    pub fn explanation(&self, requirements: &[&str]) -> String {
        self.solve(requirements).unwrap_err().to_string()
    }
}

impl Source for Universe {
    fn candidates(&self, project: &ProjectName) -> Result<Arc<Vec<Candidate>>, SourceError> {
        let files: Vec<_> = self.files.iter().filter(|file| file.project == *project).cloned().collect();
        match files.is_empty() {
            true => Err(SourceError::NotThere { project: project.clone() }),
            false => Ok(Arc::new(files)),
        }
    }

    fn requires(&self, candidate: &Candidate) -> Result<Arc<WheelRequirements>, SourceError> {
        match &self.requires[&candidate.filename] {
            Ok(requirements) => Ok(Arc::new(requirements.clone())),
            Err(reason) => Err(SourceError::Unusable { reason: reason.clone() }),
        }
    }

    fn place(&self) -> String {
        "channel `blessed` at serial 7".to_owned()
    }
}
