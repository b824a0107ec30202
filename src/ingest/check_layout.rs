//! Where files lie in a wheel: `.data` schemes, files that do not belong there, and what can be imported. Pure.

use std::collections::{BTreeSet, HashSet};

use super::findings::Findings;
use crate::archive::ZipListing;
use crate::model::Finding;
use crate::packaging::{is_identifier, is_interpreter_name};

/// Folders that `.data` may have (binary distribution format, "The .data directory").
const SCHEMES: [&str; 5] = ["purelib", "platlib", "headers", "scripts", "data"];

/// Files that installers write; in an archive they lie about how it was installed (standards WHL-16).
const WRITTEN_BY_INSTALLERS: [&str; 3] = ["INSTALLER", "REQUESTED", "direct_url.json"];

/// Folders that `.dist-info` may have (standards WHL-15): licences (PEP 639 and what came before it), SBOMs (PEP 770).
const RESERVED_FOLDERS: [&str; 4] = ["licenses", "license_files", "LICENSES", "sboms"];

/// Judges the place of every file (standards WHL-13 to WHL-16).
pub(super) fn check_layout(listing: &ZipListing, dist_info: &str, findings: &mut Findings) {
    let stem = dist_info.rsplit_once('.').map_or(dist_info, |(stem, _)| stem);
    let mut odd_folders = BTreeSet::new();
    for entry in listing.files() {
        let path = entry.path.as_str();
        let segments: Vec<&str> = entry.path.segments().collect();
        match segments[..] {
            [folder, name] if folder == dist_info && WRITTEN_BY_INSTALLERS.contains(&name) => {
                let text = format!("`{path}` is written by installers and does not belong in a wheel");
                findings.add_strict(Finding::refuse("WHL-16", "dist-info-invalid", text).at(path));
            }
            // Told once, of its first file.
            [folder, inner, _, ..]
                if folder == dist_info && !RESERVED_FOLDERS.contains(&inner) && odd_folders.insert(inner) =>
            {
                let text = format!("`{folder}` has a folder `{inner}`, which no specification knows");
                findings.add(Finding::note("WHL-15", "dist-info-folder", text).at(path));
            }
            [folder, ..] if folder.to_ascii_lowercase().ends_with(".data") => {
                check_data_file(path, &segments, stem, findings);
            }
            [name] => check_root_file(name, findings),
            [folder @ ("sitecustomize" | "usercustomize"), "__init__.py"] => {
                let text = format!("`{folder}` runs whenever the interpreter starts");
                findings.add(Finding::note("WHL-14", "code-at-start", text).at(path));
            }
            _ => {}
        }
    }
    check_compiled(listing, findings);
}

/// Compiled modules of Python whose source is not in the wheel: nobody can read what they do.
fn check_compiled(listing: &ZipListing, findings: &mut Findings) {
    let compiled: Vec<&str> =
        listing.files().map(|entry| entry.path.as_str()).filter(|path| path.ends_with(".pyc")).collect();
    if compiled.is_empty() {
        return;
    }
    let files: HashSet<&str> = listing.files().map(|entry| entry.path.as_str()).collect();
    let mut orphans = compiled.iter().filter(|path| !files.contains(source_of(path).as_str()));
    let Some(first) = orphans.next() else { return };
    let others = match orphans.count() {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    let text = format!("`{first}`{others} is compiled code without its source");
    findings.add(Finding::note("WHL-14", "code-without-source", text).at(*first));
}

/// `a/b.py` of `a/__pycache__/b.cpython-311.opt-1.pyc` (PEP 3147) and of `a/b.pyc`.
fn source_of(compiled: &str) -> String {
    let (folder, name) = compiled.rsplit_once('/').unwrap_or(("", compiled));
    let (folder, module) = match folder.strip_suffix("__pycache__") {
        Some(folder) => (folder.trim_end_matches('/'), name.split('.').next().unwrap_or(name)),
        None => (folder, name.trim_end_matches(".pyc")),
    };
    match folder {
        "" => format!("{module}.py"),
        folder => format!("{folder}/{module}.py"),
    }
}

fn check_data_file(path: &str, segments: &[&str], stem: &str, findings: &mut Findings) {
    let invalid = |text: String| Finding::refuse("WHL-13", "data-dir-invalid", text).at(path);
    if segments[0] != format!("{stem}.data") {
        let text = format!("`{path}` lies in the `.data` folder of another name; this wheel's is `{stem}.data`");
        return findings.add_strict(invalid(text));
    }
    match segments[1..] {
        [scheme, ref rest @ ..] if SCHEMES.contains(&scheme) && !rest.is_empty() => match (scheme, rest) {
            ("scripts", [name]) if is_interpreter_name(name) => {
                findings.add_strict(invalid(format!("the script `{path}` would take the place of the interpreter")));
            }
            ("scripts", [_]) => {}
            ("scripts", _) => {
                findings.add_strict(invalid(format!("`{path}` lies in a folder; `scripts` holds files only")));
            }
            ("purelib" | "platlib", [name]) => check_root_file(name, findings),
            _ => {}
        },
        [_] => findings.add_strict(invalid(format!("`{path}` lies directly in `.data`, where no installer puts it"))),
        _ => {
            let text = format!("`{path}` is in no scheme that installers know: {}", SCHEMES.join(", "));
            findings.add_strict(invalid(text));
        }
    }
}

/// Files at the root that act on their own or shadow others; legal, so they are shown and not refused.
fn check_root_file(name: &str, findings: &mut Findings) {
    let (reason, what) = match name {
        "sitecustomize.py" | "usercustomize.py" => ("code-at-start", "runs whenever the interpreter starts"),
        "setup.py" => ("setup-at-root", "would be installed as the module `setup`"),
        _ if name.ends_with(".pth") => ("pth-file", "can run code whenever the interpreter starts"),
        _ => return,
    };
    findings.add(Finding::note("WHL-14", reason, format!("`{name}` {what}")).at(name));
}

/// Names that can be imported from the wheel, sorted: modules and folders at the root and in `purelib` and `platlib`.
pub(super) fn top_level_names(listing: &ZipListing, stem: &str) -> Vec<String> {
    let prefixes = [format!("{stem}.data/purelib/"), format!("{stem}.data/platlib/")];
    let mut names = BTreeSet::new();
    for entry in listing.files() {
        let path = entry.path.as_str();
        let installed = prefixes.iter().find_map(|prefix| path.strip_prefix(prefix.as_str())).unwrap_or(path);
        let name = match installed.split_once('/') {
            Some((folder, _)) => Some(folder),
            None => module_name(installed),
        };
        names.extend(name.filter(|name| is_identifier(name)).map(str::to_owned));
    }
    names.into_iter().collect()
}

/// `demo` of `demo.py` and of `demo.cpython-311-x86_64-linux-gnu.so`.
fn module_name(file_name: &str) -> Option<&str> {
    let is_module = [".py", ".so", ".pyd"].iter().any(|suffix| file_name.ends_with(suffix));
    file_name.split_once('.').filter(|_| is_module).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_compiled_files_and_their_sources() {
        for (compiled, source) in [
            ("a/b.pyc", "a/b.py"),
            ("b.pyc", "b.py"),
            ("a/__pycache__/b.cpython-311.pyc", "a/b.py"),
            ("__pycache__/b.cpython-311.opt-1.pyc", "b.py"),
        ] {
            assert_eq!(source_of(compiled), source);
        }
    }

    #[test]
    fn ok_modules_and_their_files() {
        for (file_name, module) in [
            ("demo.py", Some("demo")),
            ("_fast.cpython-311-x86_64-linux-gnu.so", Some("_fast")),
            ("_fast.abi3.so", Some("_fast")),
            ("x.pyd", Some("x")),
            ("README.md", None),
            ("demo.pth", None),
        ] {
            assert_eq!(module_name(file_name), module, "{file_name}");
        }
    }
}
