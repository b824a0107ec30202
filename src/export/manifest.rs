//! `FERRYWHEEL.json`, format 1: what a bundle holds and for whom. The digest of its bytes is the bundle's id.

use serde::{Deserialize, Serialize};

use crate::model::{BundleName, EntryPoint, Lock, Sha256Digest, StoredFile, Target, TargetError};
use crate::packaging::{ProjectName, ScriptKind, Version, VersionSpecifiers};

use super::bootstrap::bootstrap_sha256;
use super::check::wheel_facts;
use super::error::ExportError;
use super::texts::Texts;

/// Number of the layout and of the manifest's own form; the bootstrap reads exactly this one.
pub(super) const FORMAT: u32 = 1;

/// The manifest. Fields stand in the order of their names, because canonical JSON has sorted keys.
///
/// Channel, serial, time and requester are not in it: the same wheels for the same target are the same bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    bootstrap_sha256: Sha256Digest,
    console_scripts: Vec<ConsoleScript>,
    pub(super) distributions: Vec<Distribution>,
    pub(super) entry_point: EntryPoint,
    file_count: u64,
    format: u32,
    pub(super) name: BundleName,
    requires_python: String,
    pub(super) target: ManifestTarget,
    texts: Option<Texts<Sha256Digest>>,
    unpacked_size_bytes: u64,
}

/// A script that the host generates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ConsoleScript {
    distribution: String,
    kind: ScriptKind,
    name: String,
    value: String,
}

/// A project of the bundle with its wheels: one today, a list so that more platforms fit later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Distribution {
    pub(super) name: ProjectName,
    pub(super) version: Version,
    pub(super) wheels: Vec<ManifestWheel>,
}

/// A wheel of the bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ManifestWheel {
    pub(super) filename: String,
    is_native: bool,
    sha256: Sha256Digest,
    size_bytes: u64,
    unpacked_size_bytes: u64,
}

/// The environment that it was resolved for, in the words of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestTarget {
    abi: String,
    arch: String,
    implementation: String,
    libc: String,
    libc_version: String,
    pub(super) name: String,
    platform: String,
    pub(super) python: String,
    python_full_version: String,
}

impl Manifest {
    /// Describes these wheels, and by digest the other texts in the bundle, so that its id covers them too.
    ///
    /// The files belong to the lock's, in the same order. Fails for a file without wheel facts and for a target whose
    /// Python version has no minor number.
    pub(super) fn new(
        name: &BundleName,
        entry_point: &EntryPoint,
        target: &Target,
        lock: &Lock,
        files: &[StoredFile],
    ) -> Result<Self, ExportError> {
        let mut distributions = Vec::with_capacity(files.len());
        let mut console_scripts = Vec::new();
        let (mut file_count, mut unpacked_size_bytes) = (0_u64, 0_u64);
        for stored in files {
            let facts = wheel_facts(stored)?;
            file_count = file_count.saturating_add(facts.entry_count);
            unpacked_size_bytes = unpacked_size_bytes.saturating_add(facts.unpacked_size_bytes);
            console_scripts.extend(facts.scripts.iter().map(|script| ConsoleScript {
                distribution: stored.file.project.to_string(),
                kind: script.kind,
                name: script.name.clone(),
                value: script.value.clone(),
            }));
            distributions.push(Distribution {
                name: stored.file.project.clone(),
                version: stored.file.version.clone(),
                wheels: vec![ManifestWheel {
                    filename: stored.file.filename.clone(),
                    is_native: facts.is_native,
                    sha256: stored.file.digests.sha256,
                    size_bytes: stored.file.digests.size_bytes,
                    unpacked_size_bytes: facts.unpacked_size_bytes,
                }],
            });
        }
        console_scripts.sort_by(|one, other| (&one.name, &one.value).cmp(&(&other.name, &other.value)));
        distributions.sort_by(|one, other| one.name.cmp(&other.name));
        let specifiers = files.iter().filter_map(|stored| stored.file.requires_python.as_deref());
        let mut manifest = Self {
            bootstrap_sha256: bootstrap_sha256(),
            console_scripts,
            distributions,
            entry_point: entry_point.clone(),
            file_count,
            format: FORMAT,
            name: name.clone(),
            requires_python: intersect_requires_python(specifiers),
            target: ManifestTarget::new(target)?,
            texts: None,
            unpacked_size_bytes,
        };
        manifest.texts = Some(Texts::render(&manifest, lock)?.map(|text| Sha256Digest::of(text.as_bytes())));
        Ok(manifest)
    }

    /// Reads a recorded manifest; `None` unless this server would write the same start-up code and texts again.
    pub(super) fn read_own(json: &str, lock: &Lock) -> Result<Option<(Self, Texts<String>)>, ExportError> {
        let manifest: Self = serde_json::from_str(json)?;
        let texts = Texts::render(&manifest, lock)?;
        let digests = texts.clone().map(|text| Sha256Digest::of(text.as_bytes()));
        let is_own = manifest.format == FORMAT
            && manifest.bootstrap_sha256 == bootstrap_sha256()
            && manifest.texts == Some(digests);
        Ok(is_own.then_some((manifest, texts)))
    }

    /// The bytes in the bundle: sorted keys, no blanks, one newline at the end.
    pub(super) fn to_json(&self) -> Result<String, ExportError> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

impl ManifestTarget {
    fn new(target: &Target) -> Result<Self, ExportError> {
        let field = |given: &str| TargetError::Field {
            name: target.name.clone(),
            field: "python_full_version",
            given: given.to_owned(),
            expected: "a version such as `3.11.2` is expected",
        };
        let full = &target.python_full_version;
        let version: Version = full.parse().map_err(|_| field(full))?;
        let &[major, minor, ..] = &*version.release() else { return Err(field(full).into()) };
        let family = if target.implementation == "pypy" { "pp" } else { "cp" };
        let libc = target.libc.as_ref();
        let libc_version = libc.map(|libc| libc.version);
        let platform = match libc.map(|libc| libc.name.as_str()) {
            Some("musl") => format!("musllinux_{}_{}", numbers(libc_version, '_'), target.arch),
            Some(_) => format!("manylinux_{}_{}", numbers(libc_version, '_'), target.arch),
            None => format!("{}_{}", target.os, target.arch),
        };
        Ok(Self {
            abi: format!("{family}{major}{minor}"),
            arch: target.arch.clone(),
            implementation: target.implementation.clone(),
            libc: libc.map_or_else(String::new, |libc| libc.name.clone()),
            libc_version: numbers(libc_version, '.'),
            name: target.name.clone(),
            platform,
            python: format!("{major}.{minor}"),
            python_full_version: full.clone(),
        })
    }

    /// The environment in words, such as `debian-12 (cpython 3.11, x86_64, glibc 2.36)`.
    pub(super) fn describe(&self) -> String {
        let libc = if self.libc.is_empty() { String::new() } else { format!(", {} {}", self.libc, self.libc_version) };
        format!("{} ({} {}, {}{libc})", self.name, self.implementation, self.python, self.arch)
    }
}

fn numbers(version: Option<(u16, u16)>, separator: char) -> String {
    version.map_or_else(String::new, |(major, minor)| format!("{major}{separator}{minor}"))
}

/// All specifiers together, each once; of lower bounds (`>=`) only the highest, because the others say nothing more.
///
/// A text that is no specifier is left out: the host judges wheels by their tags as well.
fn intersect_requires_python<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut floor: Option<Version> = None;
    let mut others: Vec<String> = Vec::new();
    for specifiers in texts.filter_map(|text| text.parse::<VersionSpecifiers>().ok()) {
        for specifier in specifiers.iter() {
            match specifier.to_string().strip_prefix(">=") {
                Some(_) if floor.as_ref().is_none_or(|floor| floor < specifier.version()) => {
                    floor = Some(specifier.version().clone());
                }
                Some(_) => {}
                None => others.push(specifier.to_string()),
            }
        }
    }
    others.sort();
    others.dedup();
    floor.map(|floor| format!(">={floor}")).into_iter().chain(others).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::samples::{Sample, debian_12, entry_point, lock_of};
    use crate::model::EntryPointKind;

    fn manifest(files: &[StoredFile]) -> Manifest {
        let name = "hello".parse().unwrap();
        let start = entry_point(EntryPointKind::Script, "flask");
        Manifest::new(&name, &start, &debian_12(), &lock_of(files), files).unwrap()
    }

    fn files() -> Vec<StoredFile> {
        vec![
            Sample::new("zlib-ng", "1.0").tag("cp311-cp311-manylinux_2_17_x86_64").native().stored(),
            Sample::new("flask", "3.1.0")
                .script("flask", "flask.cli:main")
                .script("a-tool", "flask.cli:tool")
                .requires_python(">=3.9")
                .stored(),
        ]
    }

    #[test]
    fn the_manifest_is_canonical_json_of_the_agreed_form() {
        let text = manifest(&files()).to_json().unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        // serde_json's map is sorted, so writing it again gives the canonical form.
        assert_eq!(serde_json::to_string(&value).unwrap() + "\n", text);
        assert!(text.contains(r#","format":1,"name":"hello","#), "the bootstrap finds the name by these bytes");
        assert_eq!(value["entry_point"], serde_json::json!({"kind": "script", "value": "flask"}));
        assert_eq!(
            value["target"],
            serde_json::json!({
                "name": "debian-12", "implementation": "cpython", "python": "3.11", "python_full_version": "3.11.2",
                "abi": "cp311", "platform": "manylinux_2_36_x86_64", "arch": "x86_64", "libc": "glibc",
                "libc_version": "2.36",
            })
        );
        assert_eq!(value["distributions"][0]["name"], "flask");
        assert_eq!(value["distributions"][1]["wheels"][0]["is_native"], true);
        let scripts = value["console_scripts"].as_array().unwrap();
        assert_eq!(scripts[0]["name"], "a-tool");
        assert_eq!(
            scripts[1],
            serde_json::json!({"name": "flask", "value": "flask.cli:main", "distribution": "flask", "kind": "console"})
        );
    }

    #[test]
    fn the_order_of_files_channel_and_serial_do_not_enter() {
        let (one, mut reversed) = (files(), files());
        reversed.reverse();
        let first = manifest(&one).to_json().unwrap();
        assert_eq!(first, manifest(&reversed).to_json().unwrap());
        let mut lock = lock_of(&one);
        lock.serial = crate::model::Serial(99);
        lock.channel = crate::model::ChannelName::staging();
        let start = entry_point(EntryPointKind::Script, "flask");
        let other = Manifest::new(&"hello".parse().unwrap(), &start, &debian_12(), &lock, &one).unwrap();
        assert_eq!(first, other.to_json().unwrap());
    }

    #[test]
    fn ok_specifiers_are_joined_once() {
        for (texts, joined) in [
            (vec![], ""),
            (vec![">=3.9"], ">=3.9"),
            (vec![">=3.9", ">=3.10", ">= 3.8 , <4"], ">=3.10,<4"),
            (vec![">=3.8,!=3.9.1", "!=3.9.1,>=3.8"], ">=3.8,!=3.9.1"),
            (vec!["not a specifier", "~=3.11"], "~=3.11"),
        ] {
            assert_eq!(intersect_requires_python(texts.into_iter()), joined);
        }
    }

    #[test]
    fn a_target_without_a_minor_version_is_refused() {
        let mut target = debian_12();
        target.python_full_version = "3".to_owned();
        assert!(matches!(ManifestTarget::new(&target), Err(ExportError::Target(_))));
    }

    #[test]
    fn musl_and_other_systems_are_described_in_their_own_words() {
        let mut target = debian_12();
        target.libc = Some(crate::model::Libc { name: "musl".to_owned(), version: (1, 2) });
        assert_eq!(ManifestTarget::new(&target).unwrap().platform, "musllinux_1_2_x86_64");
        target.libc = None;
        let plain = ManifestTarget::new(&target).unwrap();
        assert_eq!((plain.platform.as_str(), plain.libc_version.as_str()), ("linux_x86_64", ""));
    }
}
