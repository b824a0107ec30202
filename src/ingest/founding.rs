//! What a project has to say to a new file: room for it, a release that is open, and, for a new project, its name.

use super::{IngestParts, Profile, UploadError};
use crate::index::Survey;
use crate::model::{Finding, NewFile};
use crate::packaging::is_standard_module;

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// Refuses a file that its project has no room for or whose release is closed; notes of the first file of a project that its
/// name is easily mistaken (standards UPL-09, UPL-11, UPL-22).
pub(super) fn check_project(
    parts: &IngestParts,
    profile: Profile,
    survey: &Survey,
    file: &mut NewFile,
) -> Result<(), UploadError> {
    parts.index.check_room(survey, file)?;
    if survey.project_bytes.is_none() {
        file.notes.extend(note_of_name(survey, file));
        return Ok(());
    }
    let days = parts.limits.release_closes_after_days;
    // What another index has published is not ours to date.
    if days > 0
        && profile == Profile::Strict
        && let Some(begun) = survey.release_begun_at
        && file.received_at.as_second() - begun.as_second() > i64::from(days) * DAY_SECONDS
    {
        let (project, version) = (file.project.clone(), file.version.clone());
        return Err(UploadError::ReleaseClosed { project, version, days });
    }
    Ok(())
}

fn note_of_name(survey: &Survey, file: &NewFile) -> Option<Finding> {
    let project = &file.project;
    let text = match &survey.alike {
        Some(other) => format!("the new project `{project}` is easily mistaken for `{other}`, which is here"),
        None if is_standard_module(project) => {
            format!("the new project `{project}` has the name of a module of Python's standard library")
        }
        None => return None,
    };
    Some(Finding::note("UPL-22", "name-confusable", text).at("name"))
}
