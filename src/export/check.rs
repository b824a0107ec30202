//! What must hold of a set of wheels before it becomes a bundle. Pure: the facts were read when the wheels arrived.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{EntryPoint, EntryPointKind, FileKind, StoredFile, WheelFacts};
use crate::packaging::{is_dotted, shown};

use super::error::ExportError;

/// Most bytes a bundle may take unpacked: ten times the largest application we were shown, and no host's disk by accident.
pub(super) const MAX_UNPACKED_SIZE_BYTES: u64 = 32 << 30;

/// Facts of a file that is a wheel.
pub(super) fn wheel_facts(stored: &StoredFile) -> Result<&WheelFacts, ExportError> {
    match (&stored.file.wheel, stored.file.kind) {
        (Some(facts), FileKind::Wheel) => Ok(facts),
        _ => Err(ExportError::NotAWheel { filename: stored.file.filename.clone() }),
    }
}

/// Checks wheels and entry point together: wheels only, one owner per script, an entry point that exists, a size that fits.
pub(super) fn check_wheels(files: &[StoredFile], entry_point: &EntryPoint) -> Result<(), ExportError> {
    let scripts = check_scripts(files)?;
    let mut unpacked_size_bytes = 0_u64;
    let mut top_level = BTreeSet::new();
    for stored in files {
        let facts = wheel_facts(stored)?;
        check_record(stored)?;
        unpacked_size_bytes = unpacked_size_bytes.saturating_add(facts.unpacked_size_bytes);
        top_level.extend(facts.top_level.iter().map(String::as_str));
    }
    if unpacked_size_bytes > MAX_UNPACKED_SIZE_BYTES {
        return Err(ExportError::UnpackedTooLarge { unpacked_size_bytes, limit_bytes: MAX_UNPACKED_SIZE_BYTES });
    }
    check_entry_point(entry_point, &scripts, &top_level)
}

/// A mirrored wheel may have come in with a wrong RECORD as a note; the host checks every member against it and would stop.
fn check_record(stored: &StoredFile) -> Result<(), ExportError> {
    let Some(note) = stored.file.notes.iter().find(|note| note.rule.starts_with("REC-")) else { return Ok(()) };
    Err(ExportError::RecordWrong { filename: stored.file.filename.clone(), finding: note.message.clone() })
}

/// Every script by name with the wheel that brings it; two wheels with one name are refused.
///
/// A script that one wheel declares and also carries ready-made is one script: installers write the declared one.
fn check_scripts(files: &[StoredFile]) -> Result<BTreeMap<&str, &str>, ExportError> {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
    for stored in files {
        let facts = wheel_facts(stored)?;
        let names = facts.scripts.iter().map(|script| &script.name).chain(&facts.data_scripts);
        for script in names {
            let owner = *owners.entry(script).or_insert(&stored.file.filename);
            if owner != stored.file.filename {
                return Err(ExportError::ScriptClash {
                    script: script.clone(),
                    one: owner.to_owned(),
                    other: stored.file.filename.clone(),
                });
            }
        }
    }
    Ok(owners)
}

fn check_entry_point(
    entry_point: &EntryPoint,
    scripts: &BTreeMap<&str, &str>,
    top_level: &BTreeSet<&str>,
) -> Result<(), ExportError> {
    let value = entry_point.value.as_str();
    match entry_point.kind {
        EntryPointKind::Script if scripts.contains_key(value) => Ok(()),
        EntryPointKind::Script => Err(ExportError::ScriptUnknown {
            script: shown(value),
            offered: scripts.keys().map(|name| (*name).to_owned()).collect(),
        }),
        EntryPointKind::Function => match value.split_once(':') {
            Some((module, attribute)) if is_dotted(module) && is_dotted(attribute) => check_module(module, top_level),
            _ => Err(invalid(value, "a function: `package.module:function` is expected")),
        },
        EntryPointKind::Module if is_dotted(value) => check_module(value, top_level),
        EntryPointKind::Module => Err(invalid(value, "a module: `package.module` is expected")),
        EntryPointKind::Interpreter if value.is_empty() => Ok(()),
        EntryPointKind::Interpreter => Err(invalid(value, "empty, as it must be for the interpreter")),
    }
}

fn check_module(module: &str, top_level: &BTreeSet<&str>) -> Result<(), ExportError> {
    let first = module.split('.').next().unwrap_or_default();
    if top_level.contains(first) {
        return Ok(());
    }
    let offered = top_level.iter().map(|name| (*name).to_owned()).collect();
    Err(ExportError::ModuleUnknown { module: shown(first), offered })
}

fn invalid(given: &str, expected: &'static str) -> ExportError {
    ExportError::EntryPointInvalid { given: shown(given), expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::{Sample, entry_point};
    use crate::model::{Diagnostic as _, Finding};

    fn wheels() -> Vec<StoredFile> {
        vec![
            Sample::new("flask", "3.1").script("flask", "flask.cli:main").top_level("flask").stored(),
            Sample::new("tool", "1.0").data_script("tool.sh").top_level("tool").stored(),
        ]
    }

    #[test]
    fn ok_entry_points_that_a_wheel_brings() {
        for (kind, value) in [
            (EntryPointKind::Script, "flask"),
            (EntryPointKind::Script, "tool.sh"),
            (EntryPointKind::Function, "flask.cli:main"),
            (EntryPointKind::Function, "flask:app.run"),
            (EntryPointKind::Module, "tool"),
            (EntryPointKind::Module, "flask.sansio.app"),
            (EntryPointKind::Interpreter, ""),
        ] {
            check_wheels(&wheels(), &entry_point(kind, value)).unwrap();
        }
    }

    #[test]
    fn err_a_mirrored_wheel_whose_record_is_wrong() {
        let mut wheels = wheels();
        let note = Finding::note("REC-02", "record-mismatch", "`tool/__init__.py` has another digest than RECORD says");
        wheels[1].file.notes.push(note);
        let error = check_wheels(&wheels, &entry_point(EntryPointKind::Interpreter, "")).unwrap_err();
        assert_eq!(error.code(), "export/record-wrong");
        assert!(
            error.to_string().starts_with("`tool-1.0-py3-none-any.whl` cannot go into a bundle: `tool/"),
            "{error}"
        );
    }

    #[test]
    fn err_entry_points_name_the_fact_and_the_code() {
        for (kind, value, code) in [
            (EntryPointKind::Script, "gunicorn", "export/script-unknown"),
            (EntryPointKind::Script, "Flask", "export/script-unknown"),
            (EntryPointKind::Script, "", "export/script-unknown"),
            (EntryPointKind::Function, "flask", "export/entry-point-invalid"),
            (EntryPointKind::Function, "flask:", "export/entry-point-invalid"),
            (EntryPointKind::Function, ":main", "export/entry-point-invalid"),
            (EntryPointKind::Function, "flask:main()", "export/entry-point-invalid"),
            (EntryPointKind::Function, "a.b:c:d", "export/entry-point-invalid"),
            (EntryPointKind::Function, "django:main", "export/module-unknown"),
            (EntryPointKind::Module, "django", "export/module-unknown"),
            (EntryPointKind::Module, "flask/cli", "export/entry-point-invalid"),
            (EntryPointKind::Module, "flask..cli", "export/entry-point-invalid"),
            (EntryPointKind::Module, "2flask", "export/entry-point-invalid"),
            (EntryPointKind::Interpreter, "flask", "export/entry-point-invalid"),
        ] {
            let error = check_wheels(&wheels(), &entry_point(kind, value)).unwrap_err();
            assert_eq!(error.code(), code, "{value}: {error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn an_unknown_script_is_answered_with_the_known_ones() {
        let error = check_wheels(&wheels(), &entry_point(EntryPointKind::Script, "flsk")).unwrap_err();
        assert_eq!(error.hint().unwrap(), "The wheels bring these scripts: `flask`, `tool.sh`.");
    }

    #[test]
    fn two_wheels_with_one_script_are_refused_by_name() {
        let mut files = wheels();
        files.push(Sample::new("other", "1.0").data_script("flask").stored());
        let error = check_wheels(&files, &entry_point(EntryPointKind::Interpreter, "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`flask-3.1-py3-none-any.whl` and `other-1.0-py3-none-any.whl` both bring a script called `flask`"
        );
    }

    #[test]
    fn one_wheel_may_declare_a_script_that_it_also_carries() {
        let both = Sample::new("old", "1").script("old", "old:main").data_script("old").stored();
        check_wheels(&[both], &entry_point(EntryPointKind::Script, "old")).unwrap();
    }

    #[test]
    fn a_source_distribution_never_enters_a_bundle() {
        let mut file = Sample::new("src", "1").stored();
        file.file.kind = FileKind::Sdist;
        let error = check_wheels(&[file], &entry_point(EntryPointKind::Interpreter, "")).unwrap_err();
        assert_eq!(error.code(), "export/not-a-wheel");
    }

    #[test]
    fn a_bundle_that_would_fill_a_disk_is_refused_before_it_is_built() {
        let big = || Sample::new("big", "1").unpacked(MAX_UNPACKED_SIZE_BYTES / 2 + 1).stored();
        let start = entry_point(EntryPointKind::Interpreter, "");
        check_wheels(&[big()], &start).unwrap();
        assert_eq!(check_wheels(&[big(), big()], &start).unwrap_err().code(), "export/too-large");
    }
}
