//! The texts that lie in a bundle for people and other tools: `README.txt` and `pylock.toml`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::model::{EntryPointKind, Lock};
use crate::packaging::{Pylock, PylockFile, PylockPackage, render_pylock};

use super::error::ExportError;
use super::manifest::Manifest;

/// Name of the lock in the archive.
pub(super) const PYLOCK_NAME: &str = "pylock.toml";

/// Name of the text for people in the archive.
pub(super) const README_NAME: &str = "README.txt";

/// One thing for each text: the text itself, or its digest in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Texts<T> {
    #[serde(rename = "README.txt")]
    pub(super) readme: T,
    #[serde(rename = "pylock.toml")]
    pub(super) pylock: T,
}

impl Texts<String> {
    /// Writes both; the manifest's own digests of them play no part.
    pub(super) fn render(manifest: &Manifest, lock: &Lock) -> Result<Self, ExportError> {
        Ok(Self { readme: render_readme(manifest), pylock: render_lock(lock)? })
    }
}

impl<T> Texts<T> {
    /// The same for what `change` makes of each.
    pub(super) fn map<U>(self, change: impl Fn(T) -> U) -> Texts<U> {
        Texts { readme: change(self.readme), pylock: change(self.pylock) }
    }
}

/// The lock with paths into the bundle; channel and serial stay out, so that a promotion does not change the bundle.
fn render_lock(lock: &Lock) -> Result<String, ExportError> {
    let packages = lock.files.iter().map(|file| PylockPackage {
        name: file.project.clone(),
        version: file.version.clone(),
        marker: None,
        requires_python: file.requires_python.clone(),
        index: None,
        dependencies: file.dependencies.clone(),
        wheels: vec![PylockFile {
            name: file.filename.clone(),
            url: None,
            path: Some(format!("wheels/{}", file.filename)),
            size_bytes: Some(file.size_bytes),
            // Each server has its own; the same wheels are to make the same bundle on both sides of a gap.
            uploaded_at: None,
            sha256: file.sha256.to_hex(),
        }],
        sdist: None,
    });
    let pylock = Pylock {
        created_by: "ferrywheel".to_owned(),
        requires_python: None,
        environments: Vec::new(),
        packages: packages.collect(),
    };
    Ok(render_pylock(&pylock)?)
}

fn render_readme(manifest: &Manifest) -> String {
    let (name, value) = (&manifest.name, &manifest.entry_point.value);
    let start = match manifest.entry_point.kind {
        EntryPointKind::Script => format!("the script `{value}`"),
        EntryPointKind::Function => format!("the function `{value}`"),
        EntryPointKind::Module => format!("the module `{value}`, like `python3 -m {value}`"),
        EntryPointKind::Interpreter => "the Python of its own environment".to_owned(),
    };
    let mut text = format!(
        "{name}.pyz: Python software in one file, built by Ferrywheel\n\n\
         Start it:      python3 {name}.pyz [arguments]\n\
         It starts:     {start}\n\
         It is made for {}\n\n\
         The first start unpacks it once into a folder of its own and needs no network, no pip and no compiler.\n\
         Later starts use that folder. FERRYWHEEL_ROOT names another place for it.\n\n\
         wheels/ holds the original wheels, byte for byte; pylock.toml and FERRYWHEEL.json list them with their\n\
         digests. The SHA-256 of FERRYWHEEL.json is the id of this bundle.\n\n\
         Inside:\n",
        manifest.target.describe()
    );
    for distribution in &manifest.distributions {
        for wheel in &distribution.wheels {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  {} {}  {}", distribution.name, distribution.version, wheel.filename);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::{Sample, debian_12, entry_point, lock_of};

    #[test]
    fn the_texts_name_the_wheels_and_nothing_of_this_server() {
        let files = [Sample::new("demo", "1.0").stored()];
        let (name, lock) = ("hello".parse().unwrap(), lock_of(&files));
        let start = entry_point(EntryPointKind::Module, "demo");
        let manifest = Manifest::new(&name, &start, &debian_12(), &lock, &files).unwrap();
        let texts = Texts::render(&manifest, &lock).unwrap();
        insta::assert_snapshot!(texts.readme, @"
        hello.pyz: Python software in one file, built by Ferrywheel

        Start it:      python3 hello.pyz [arguments]
        It starts:     the module `demo`, like `python3 -m demo`
        It is made for debian-12 (cpython 3.11, x86_64, glibc 2.36)

        The first start unpacks it once into a folder of its own and needs no network, no pip and no compiler.
        Later starts use that folder. FERRYWHEEL_ROOT names another place for it.

        wheels/ holds the original wheels, byte for byte; pylock.toml and FERRYWHEEL.json list them with their
        digests. The SHA-256 of FERRYWHEEL.json is the id of this bundle.

        Inside:
          demo 1.0  demo-1.0-py3-none-any.whl
        ");
        insta::assert_snapshot!(texts.pylock, @r#"
        lock-version = "1.0"
        extras = []
        dependency-groups = []
        created-by = "ferrywheel"

        [[packages]]
        name = "demo"
        version = "1.0"

        [[packages.wheels]]
        name = "demo-1.0-py3-none-any.whl"
        path = "wheels/demo-1.0-py3-none-any.whl"
        size = 4
        hashes = {sha256 = "2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea"}
        "#);
    }
}
