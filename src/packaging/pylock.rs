//! Writing `pylock.toml` (PEP 751, lock-version 1.0): same lock, same bytes.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{ProjectName, Version};

/// A lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pylock {
    /// Name of the tool, normalized.
    pub created_by: String,
    /// Python versions it is for, as specifiers.
    pub requires_python: Option<String>,
    /// Environments it is for, as markers.
    pub environments: Vec<String>,
    /// The packages; the writer sorts them by name and version.
    pub packages: Vec<PylockPackage>,
}

/// One package of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PylockPackage {
    /// Its name.
    pub name: ProjectName,
    /// Its version.
    pub version: Version,
    /// When to install it, as a marker.
    pub marker: Option<String>,
    /// Its Requires-Python.
    pub requires_python: Option<String>,
    /// Base URL of the index it came from.
    pub index: Option<String>,
    /// Names of what it depends on; information for people. The writer sorts them.
    pub dependencies: Vec<ProjectName>,
    /// Its wheels; the writer sorts them by file name.
    pub wheels: Vec<PylockFile>,
    /// Its sdist.
    pub sdist: Option<PylockFile>,
}

/// One file of it; a URL or a path is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PylockFile {
    /// File name.
    pub name: String,
    /// Where it is served.
    pub url: Option<String>,
    /// Where it lies, relative to the lock file, `/` between segments.
    pub path: Option<String>,
    /// Length in bytes.
    pub size_bytes: Option<u64>,
    /// When it was first uploaded; printed in UTC.
    pub uploaded_at: Option<Timestamp>,
    /// SHA-256 in lower-case hex.
    pub sha256: String,
}

/// Why a lock cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PylockError {
    /// No wheel and no sdist.
    #[error("the lock has no file for {name} {version}")]
    NoFile {
        /// The package.
        name: ProjectName,
        /// Its version.
        version: Version,
    },
    /// Neither URL nor path.
    #[error("the lock does not say where `{file}` is")]
    NoPlace {
        /// File name.
        file: String,
    },
    /// An absolute path, a backslash or `..`.
    #[error("`{path}` in the lock is not a relative path with `/` between its segments")]
    Path {
        /// The path.
        path: String,
    },
    /// Not 64 lower-case hex digits.
    #[error("the digest of `{file}` in the lock is not SHA-256 in lower-case hex")]
    Digest {
        /// File name.
        file: String,
    },
}

/// The bytes of a lock file: fixed key order, packages and wheels sorted, LF, one newline at the end (LCK-02 to LCK-07).
pub fn render_pylock(lock: &Pylock) -> Result<String, PylockError> {
    let mut out = String::from("lock-version = \"1.0\"\n");
    if !lock.environments.is_empty() {
        let environments: Vec<String> = lock.environments.iter().map(|marker| quoted(marker)).collect();
        let _ = writeln!(out, "environments = [{}]", environments.join(", "));
    }
    put(&mut out, "requires-python", lock.requires_python.as_deref());
    out.push_str("extras = []\ndependency-groups = []\n");
    put(&mut out, "created-by", Some(&lock.created_by));
    // A lock of nothing still says so: the key is required.
    if lock.packages.is_empty() {
        out.push_str("packages = []\n");
    }
    let mut packages: Vec<&PylockPackage> = lock.packages.iter().collect();
    packages.sort_by(|a, b| (&a.name, &a.version, &a.marker).cmp(&(&b.name, &b.version, &b.marker)));
    for package in packages {
        put_package(&mut out, package)?;
    }
    Ok(out)
}

fn put_package(out: &mut String, package: &PylockPackage) -> Result<(), PylockError> {
    if package.wheels.is_empty() && package.sdist.is_none() {
        return Err(PylockError::NoFile { name: package.name.clone(), version: package.version.clone() });
    }
    out.push_str("\n[[packages]]\n");
    put(out, "name", Some(package.name.as_str()));
    put(out, "version", Some(&package.version.to_string()));
    put(out, "marker", package.marker.as_deref());
    put(out, "requires-python", package.requires_python.as_deref());
    if !package.dependencies.is_empty() {
        let mut names: Vec<String> =
            package.dependencies.iter().map(|name| format!("{{name = {}}}", quoted(name.as_str()))).collect();
        names.sort();
        names.dedup();
        let _ = writeln!(out, "dependencies = [{}]", names.join(", "));
    }
    put(out, "index", package.index.as_deref());
    if let Some(sdist) = &package.sdist {
        out.push_str("\n[packages.sdist]\n");
        put_file(out, sdist)?;
    }
    let mut wheels: Vec<&PylockFile> = package.wheels.iter().collect();
    wheels.sort_by(|a, b| a.name.cmp(&b.name));
    for wheel in wheels {
        out.push_str("\n[[packages.wheels]]\n");
        put_file(out, wheel)?;
    }
    Ok(())
}

fn put_file(out: &mut String, file: &PylockFile) -> Result<(), PylockError> {
    if file.url.is_none() && file.path.is_none() {
        return Err(PylockError::NoPlace { file: file.name.clone() });
    }
    if let Some(path) = &file.path
        && (path.contains(['\\', ':']) || path.split('/').any(|segment| matches!(segment, "" | "..")))
    {
        return Err(PylockError::Path { path: path.clone() });
    }
    let is_hex = file.sha256.len() == 64 && file.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hex {
        return Err(PylockError::Digest { file: file.name.clone() });
    }
    put(out, "name", Some(&file.name));
    if let Some(uploaded_at) = file.uploaded_at {
        // A TOML date-time, not a string: pip and uv refuse a string here.
        let _ = writeln!(out, "upload-time = {uploaded_at}");
    }
    put(out, "url", file.url.as_deref());
    put(out, "path", file.path.as_deref());
    if let Some(size_bytes) = file.size_bytes {
        let _ = writeln!(out, "size = {size_bytes}");
    }
    let _ = writeln!(out, "hashes = {{sha256 = {}}}", quoted(&file.sha256));
    Ok(())
}

fn put(out: &mut String, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        let _ = writeln!(out, "{key} = {}", quoted(value));
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packaging::parse_version;

    fn file(name: &str) -> PylockFile {
        PylockFile {
            name: name.into(),
            url: None,
            path: Some(format!("wheels/{name}")),
            size_bytes: Some(63152),
            uploaded_at: Some("2025-01-25T12:30:10.164985+01:00".parse().unwrap()),
            sha256: "c7".repeat(32),
        }
    }

    fn package(name: &str, version: &str) -> PylockPackage {
        PylockPackage {
            name: name.parse().unwrap(),
            version: parse_version(version).unwrap(),
            marker: None,
            requires_python: None,
            index: None,
            dependencies: Vec::new(),
            wheels: vec![file(&format!("{name}-{version}-py3-none-any.whl"))],
            sdist: None,
        }
    }

    fn lock(packages: Vec<PylockPackage>) -> Pylock {
        Pylock { created_by: "ferrywheel".into(), requires_python: None, environments: Vec::new(), packages }
    }

    #[test]
    fn ok_a_lock_is_written_like_this() {
        let mut attrs = package("attrs", "25.1.0");
        attrs.index = Some("https://index.example/blessed/simple/".into());
        attrs.marker = Some("python_version >= \"3.8\"".into());
        attrs.requires_python = Some(">=3.8".into());
        attrs.dependencies = vec!["zipp".parse().unwrap(), "six".parse().unwrap()];
        let text = render_pylock(&Pylock {
            requires_python: Some(">=3.10".into()),
            environments: vec!["sys_platform == 'linux'".into()],
            ..lock(vec![package("zipp", "1.0"), attrs])
        })
        .unwrap();
        let digest = "c7".repeat(32);
        let expected = format!(
            r#"lock-version = "1.0"
environments = ["sys_platform == 'linux'"]
requires-python = ">=3.10"
extras = []
dependency-groups = []
created-by = "ferrywheel"

[[packages]]
name = "attrs"
version = "25.1.0"
marker = "python_version >= \"3.8\""
requires-python = ">=3.8"
dependencies = [{{name = "six"}}, {{name = "zipp"}}]
index = "https://index.example/blessed/simple/"

[[packages.wheels]]
name = "attrs-25.1.0-py3-none-any.whl"
upload-time = 2025-01-25T11:30:10.164985Z
path = "wheels/attrs-25.1.0-py3-none-any.whl"
size = 63152
hashes = {{sha256 = "{digest}"}}

[[packages]]
name = "zipp"
version = "1.0"

[[packages.wheels]]
name = "zipp-1.0-py3-none-any.whl"
upload-time = 2025-01-25T11:30:10.164985Z
path = "wheels/zipp-1.0-py3-none-any.whl"
size = 63152
hashes = {{sha256 = "{digest}"}}
"#
        );
        assert_eq!(text, expected);
        let table: toml::Table = text.parse().unwrap();
        assert!(table["packages"][0]["wheels"][0]["upload-time"].is_datetime());
    }

    #[test]
    fn ok_the_order_of_the_input_does_not_matter() {
        let mut two = package("demo", "2.0");
        two.wheels.push(file("demo-2.0-cp311-cp311-linux_x86_64.whl"));
        let mut turned = two.clone();
        turned.wheels.reverse();
        let one = package("demo", "10.0");
        assert_eq!(
            render_pylock(&lock(vec![one.clone(), two])).unwrap(),
            render_pylock(&lock(vec![turned, one])).unwrap()
        );
    }

    #[test]
    fn ok_empty_locks_and_sdists() {
        let table: toml::Table = render_pylock(&lock(vec![])).unwrap().parse().unwrap();
        assert!(table["packages"].as_array().unwrap().is_empty());
        let source = PylockPackage { wheels: vec![], sdist: Some(file("demo-1.0.tar.gz")), ..package("demo", "1.0") };
        let table: toml::Table = render_pylock(&lock(vec![source])).unwrap().parse().unwrap();
        assert_eq!(table["packages"][0]["sdist"]["name"].as_str(), Some("demo-1.0.tar.gz"));
    }

    #[test]
    fn err_locks() {
        let broken = |change: fn(&mut PylockFile)| {
            let mut package = package("demo", "1.0");
            change(&mut package.wheels[0]);
            render_pylock(&lock(vec![package])).unwrap_err()
        };
        assert!(matches!(broken(|f| f.path = None), PylockError::NoPlace { .. }));
        assert!(matches!(broken(|f| f.path = Some("/x".into())), PylockError::Path { .. }));
        assert!(matches!(broken(|f| f.path = Some("../x".into())), PylockError::Path { .. }));
        assert!(matches!(broken(|f| f.path = Some("a\\x".into())), PylockError::Path { .. }));
        assert!(matches!(broken(|f| f.sha256 = "C7".repeat(32)), PylockError::Digest { .. }));
        let empty = PylockPackage { wheels: vec![], ..package("demo", "1.0") };
        assert_eq!(render_pylock(&lock(vec![empty])).unwrap_err().to_string(), "the lock has no file for demo 1.0");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_toml(marker in any::<String>()) {
            let lock = Pylock { environments: vec![marker.clone()], ..lock(vec![package("demo", "1.0")]) };
            let table: toml::Table = render_pylock(&lock).unwrap().parse().unwrap();
            prop_assert_eq!(table["environments"][0].as_str(), Some(marker.as_str()));
        }
    }
}
