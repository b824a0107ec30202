//! The same as a pull from a folder of wheels: for machines that reach no upstream.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt as _;
use sha2::Digest as _;
use tokio_util::io::ReaderStream;

use super::MirrorError;
use super::progress::{Progress, ProgressSink, PullReport};
use super::pull::report;
use crate::ingest::{Declared, FileFacts, IngestLimits, IngestParts, Profile, Upload, Verdict, check_wheel, receive};
use crate::model::{ChannelName, Principal, Sha256Digest, Target, Timestamp};
use crate::packaging::{ProjectName, Requirement};
use crate::resolve::{
    Candidate, Chosen, ResolveError, Source, SourceError, TargetEnv, WheelRequirements, parse_requirements, solve,
};

/// The wheels of a folder, each read once.
struct Folder {
    path: PathBuf,
    projects: BTreeMap<ProjectName, Arc<Vec<Candidate>>>,
    requirements: BTreeMap<String, Arc<WheelRequirements>>,
}

/// Brings the wheels that `requirements` lead to on `target` from the folder `directory` into `channel`.
///
/// Wheels that cannot be used are left out and told through `progress`. Fails with [`MirrorError::NoWheels`] for a folder
/// without a usable wheel, and as [`solve`] does.
pub async fn pull_from_dir(
    parts: &IngestParts,
    directory: &Path,
    requirements: &[String],
    target: &Target,
    channel: &ChannelName,
    progress: ProgressSink,
) -> Result<PullReport, MirrorError> {
    let requirements = parse_requirements(requirements)?;
    let target = TargetEnv::try_from(target).map_err(ResolveError::from)?;
    let (limits, path, sink) = (parts.limits.clone(), directory.to_owned(), Arc::clone(&progress));
    let search = tokio::task::spawn_blocking(move || choose(&path, &limits, &requirements, &target, &sink));
    let chosen = search.await.map_err(|_| MirrorError::Lost)??;
    progress(Progress::Planned {
        file_count: chosen.len(),
        size_bytes: chosen.iter().map(|chosen| chosen.candidate.size_bytes).sum(),
        present_count: 0,
    });
    let mut new = BTreeMap::new();
    for Chosen { candidate, .. } in &chosen {
        if bring(parts, directory, candidate, channel).await? == Verdict::Stored {
            new.insert(candidate.filename.as_str(), candidate.size_bytes);
        }
        progress(Progress::Stored { filename: candidate.filename.clone() });
    }
    let received_bytes = new.values().sum();
    Ok(report(place(directory), &chosen, &new, received_bytes))
}

fn place(directory: &Path) -> String {
    format!("the folder `{}`", directory.display())
}

fn choose(
    path: &Path,
    limits: &IngestLimits,
    requirements: &[Requirement],
    target: &TargetEnv,
    progress: &ProgressSink,
) -> Result<Vec<Chosen>, MirrorError> {
    let folder = Folder::read(path, limits, progress)?;
    if folder.projects.is_empty() {
        return Err(MirrorError::NoWheels { path: path.to_owned() });
    }
    Ok(solve(&folder, requirements, target)?)
}

async fn bring(
    parts: &IngestParts,
    directory: &Path,
    candidate: &Candidate,
    channel: &ChannelName,
) -> Result<Verdict, MirrorError> {
    let path = directory.join(&candidate.filename);
    let file = tokio::fs::File::open(&path).await;
    let file = file.map_err(|cause| MirrorError::Directory { path: path.clone(), cause: Box::new(cause) })?;
    let upload = Upload {
        channel: channel.clone(),
        filename: candidate.filename.clone(),
        declared: Declared { sha256: Some(candidate.sha256), ..Declared::default() },
        profile: Profile::Mirror,
        uploaded_at: None,
        yank: None,
        provenance: None,
    };
    let body = ReaderStream::with_capacity(file, crate::blobs::CHUNK_SIZE_BYTES).boxed();
    let outcome = receive(parts, &Principal::Local, upload, body).await;
    let not_taken = |cause| MirrorError::NotTaken { filename: candidate.filename.clone(), cause };
    Ok(outcome.map_err(not_taken)?.verdict)
}

impl Folder {
    /// Reads every wheel in `path`, not in folders below it; blocks.
    fn read(path: &Path, limits: &IngestLimits, progress: &ProgressSink) -> Result<Self, MirrorError> {
        let unreadable =
            |cause: std::io::Error| MirrorError::Directory { path: path.to_owned(), cause: Box::new(cause) };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            names.extend(name.into_string().ok().filter(|name| name.ends_with(".whl")));
        }
        names.sort();
        let mut projects: BTreeMap<ProjectName, Vec<Candidate>> = BTreeMap::new();
        let mut requirements = BTreeMap::new();
        for filename in names {
            match read_wheel(&path.join(&filename), &filename, limits) {
                Ok((candidate, written)) => {
                    requirements.insert(filename, Arc::new(written));
                    projects.entry(candidate.project.clone()).or_default().push(candidate);
                }
                Err(reason) => progress(Progress::LeftOut { filename, reason }),
            }
        }
        let projects = projects.into_iter().map(|(name, files)| (name, Arc::new(files))).collect();
        Ok(Self { path: path.to_owned(), projects, requirements })
    }
}

fn digest(file: &mut std::fs::File) -> std::io::Result<(Sha256Digest, u64)> {
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; crate::blobs::CHUNK_SIZE_BYTES];
    let mut size_bytes = 0;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((Sha256Digest::from_bytes(hasher.finalize().into()), size_bytes));
        }
        hasher.update(&buffer[..count]);
        size_bytes += count as u64;
    }
}

/// What the solver has to know of a wheel, or why it is left out.
fn read_wheel(path: &Path, filename: &str, limits: &IngestLimits) -> Result<(Candidate, WheelRequirements), String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    let mut file = std::fs::File::open(path).map_err(unreadable)?;
    let (sha256, size_bytes) = digest(&mut file).map_err(unreadable)?;
    let report = check_wheel(&file, size_bytes, filename, Profile::Mirror, &limits.archive).map_err(unreadable)?;
    let Some(facts) = report.facts else {
        return Err(report.findings.into_iter().next().map_or_else(String::new, |finding| finding.message));
    };
    let FileFacts { project, version, requires_python, requires_dist, provides_extra, .. } = facts;
    let candidate = Candidate {
        project,
        version,
        filename: filename.to_owned(),
        sha256,
        size_bytes,
        uploaded_at: Timestamp::UNIX_EPOCH,
        requires_python,
        is_yanked: false,
        yank_reason: None,
    };
    Ok((candidate, WheelRequirements { requires_dist, provides_extra }))
}

impl Source for Folder {
    fn candidates(&self, project: &ProjectName) -> Result<Arc<Vec<Candidate>>, SourceError> {
        let found = self.projects.get(project).map(Arc::clone);
        found.ok_or_else(|| SourceError::NotThere { project: project.clone() })
    }

    fn requires(&self, candidate: &Candidate) -> Result<Arc<WheelRequirements>, SourceError> {
        let found = self.requirements.get(&candidate.filename).map(Arc::clone);
        found.ok_or_else(|| SourceError::NotThere { project: candidate.project.clone() })
    }

    fn place(&self) -> String {
        place(&self.path)
    }
}
