//! Locks over our own index: requirements in, exact files out.

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::from_index::IndexSource;
use super::solve::{Chosen, solve};
use super::targets::TargetEnv;
use super::{ResolveError, Source, SourceError};
use crate::index::{Index, IndexError};
use crate::model::{Lock, LockedFile, Scope, Target, View};
use crate::packaging::{Requirement, parse_requirement};

/// Searches at once. Each keeps one core busy and holds the metadata that it read; the others wait their turn.
static SEARCHES: Semaphore = Semaphore::const_new(2);

/// Solves `requirements` in `view` for `target`; with `limits`, as if no project were there that they do not cover.
///
/// Equal arguments give equal locks. Fails as [`solve`] does, and with [`ResolveError::Requirement`] for a text that is
/// no requirement and [`ResolveError::Target`] for a target that cannot be used.
pub async fn lock(
    index: &Index,
    view: &View,
    limits: Option<&Scope>,
    requirements: &[String],
    target: &Target,
) -> Result<Lock, ResolveError> {
    let requirements = parse_requirements(requirements)?;
    let target = TargetEnv::try_from(target)?;
    let turn = SEARCHES.acquire().await.map_err(|_| ResolveError::Lost)?;
    let (view, source_view, limits) = (view.clone(), view.clone(), limits.cloned());
    let (index, runtime) = (index.clone(), Handle::current());
    let search = tokio::task::spawn_blocking(move || {
        // The search goes on when whoever asked has gone away, so the turn is its own.
        let _turn = turn;
        let source = IndexSource::new(index, source_view, limits, runtime);
        lock_from(&source, &view, &requirements, &target)
    });
    search.await.map_err(|_| ResolveError::Lost)?.map_err(own_cause)
}

/// What the index said, if it was the index that stopped the search.
fn own_cause(error: ResolveError) -> ResolveError {
    match error {
        ResolveError::Source(SourceError::Failed { project, cause }) => match cause.downcast::<IndexError>() {
            Ok(own) => ResolveError::Index(*own),
            Err(cause) => ResolveError::Source(SourceError::Failed { project, cause }),
        },
        error => error,
    }
}

/// As [`lock`], from any source, on this thread; `view` is what the lock says it was taken from.
pub fn lock_from(
    source: &dyn Source,
    view: &View,
    requirements: &[Requirement],
    target: &TargetEnv,
) -> Result<Lock, ResolveError> {
    let chosen = solve(source, requirements, target)?;
    let mut texts: Vec<String> = requirements.iter().map(ToString::to_string).collect();
    texts.sort();
    texts.dedup();
    Ok(Lock {
        channel: view.channel.clone(),
        serial: view.serial,
        target: target.name.clone(),
        requirements: texts,
        files: chosen.into_iter().map(locked_file).collect(),
    })
}

/// Reads requirements as people write them. Fails at the first one that is none.
pub fn parse_requirements(texts: &[String]) -> Result<Vec<Requirement>, ResolveError> {
    let read = texts.iter().map(|text| parse_requirement(text));
    let mut requirements: Vec<Requirement> = read.collect::<Result<_, _>>()?;
    // The order in which people write them is not part of the request.
    requirements.sort_by_cached_key(ToString::to_string);
    Ok(requirements)
}

fn locked_file(chosen: Chosen) -> LockedFile {
    let Chosen { candidate, dependencies, .. } = chosen;
    LockedFile {
        project: candidate.project,
        version: candidate.version,
        filename: candidate.filename,
        sha256: candidate.sha256,
        size_bytes: candidate.size_bytes,
        uploaded_at: candidate.uploaded_at,
        requires_python: candidate.requires_python,
        dependencies,
    }
}
