//! Environment markers: the eleven values of a target and the type that the evaluator takes (PEP 508).

use serde::{Deserialize, Serialize};
use uv_pep508::MarkerEnvironmentBuilder;
pub use uv_pep508::{MarkerEnvironment, MarkerTree};

/// What stands after the name in a requirement: version specifiers or a direct URL.
pub type VersionOrUrl = uv_pep508::VersionOrUrl<url::Url>;

/// The marker values of one target environment, with the names of PEP 508, all of them written out.
///
/// They are never taken from the machine that the server runs on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerValues {
    /// `sys.implementation.name`, such as `cpython`.
    pub implementation_name: String,
    /// `sys.implementation.version` as a version, such as `3.11.2`.
    pub implementation_version: String,
    /// `os.name`, such as `posix`.
    pub os_name: String,
    /// `platform.machine()`, such as `x86_64`.
    pub platform_machine: String,
    /// `platform.python_implementation()`, such as `CPython`.
    pub platform_python_implementation: String,
    /// `platform.release()`: the kernel's release on Linux.
    pub platform_release: String,
    /// `platform.system()`, such as `Linux`.
    pub platform_system: String,
    /// `platform.version()`.
    pub platform_version: String,
    /// `platform.python_version()`, such as `3.11.2`.
    pub python_full_version: String,
    /// The first two segments of it, such as `3.11`.
    pub python_version: String,
    /// `sys.platform`, such as `linux`.
    pub sys_platform: String,
}

/// Why marker values cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// One of the three version fields is not a version.
    #[error("the marker value {field} is `{value}`, which is not a version as PEP 440 defines it")]
    NotAVersion {
        /// The field's name.
        field: &'static str,
        /// Its value, safe to show.
        value: String,
    },
}

impl MarkerValues {
    /// The values in the type that marker evaluation takes.
    ///
    /// A pre-release of Python counts as the release that it becomes, as uv has it: the evaluator takes `python_version` for
    /// a range of `python_full_version`, and `3.14.0rc1` would be a Python 3.13 to it.
    ///
    /// Fails if `python_version`, `python_full_version` or `implementation_version` is not a version.
    pub fn to_environment(&self) -> Result<MarkerEnvironment, MarkerError> {
        let release = |field, value: &str| match super::parse_version(value) {
            Ok(version) => Ok(version.only_release().to_string()),
            Err(_) => Err(MarkerError::NotAVersion { field, value: super::faults::shown(value) }),
        };
        let python_version = release("python_version", &self.python_version)?;
        let python_full_version = release("python_full_version", &self.python_full_version)?;
        let implementation_version = release("implementation_version", &self.implementation_version)?;
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: &self.implementation_name,
            implementation_version: &implementation_version,
            os_name: &self.os_name,
            platform_machine: &self.platform_machine,
            platform_python_implementation: &self.platform_python_implementation,
            platform_release: &self.platform_release,
            platform_system: &self.platform_system,
            platform_version: &self.platform_version,
            python_full_version: &python_full_version,
            python_version: &python_version,
            sys_platform: &self.sys_platform,
        })
        .map_err(|_| MarkerError::NotAVersion {
            field: "python_full_version",
            value: super::faults::shown(&self.python_full_version),
        })
    }
}

impl TryFrom<&MarkerValues> for MarkerEnvironment {
    type Error = MarkerError;

    fn try_from(values: &MarkerValues) -> Result<Self, MarkerError> {
        values.to_environment()
    }
}

/// Fields of a marker that are texts and nothing else, so that the specification gives them no order.
const STRING_FIELDS: [&str; 6] = [
    "implementation_name",
    "os_name",
    "platform_machine",
    "platform_python_implementation",
    "platform_system",
    "sys_platform",
];

/// The first string field that the marker of a requirement compares by order (`<`, `<=`, `>`, `>=`, `~=`), which installers
/// judge differently or not at all (dependency specifiers, "Environment Markers").
pub(super) fn find_ordered_string(requirement: &str) -> Option<&'static str> {
    let tokens = tokens(requirement.split_once(';')?.1);
    let is_order = |operator: &str| matches!(operator, "<" | "<=" | ">" | ">=" | "~=");
    let field = |word: &str| STRING_FIELDS.into_iter().find(|field| *field == word);
    tokens.windows(3).find_map(|window| match window {
        [left, operator, right] if is_order(operator) => field(left).or_else(|| field(right)),
        _ => None,
    })
}

/// Quoted texts, operators and words of a marker.
fn tokens(marker: &str) -> Vec<&str> {
    let (mut tokens, mut rest) = (Vec::new(), marker.trim_start());
    while let Some(first) = rest.chars().next() {
        let up_to = |ends: fn(char) -> bool| rest.find(ends).unwrap_or(rest.len());
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            '<' | '>' | '=' | '!' | '~' => up_to(|letter| !"<>=!~".contains(letter)),
            letter if letter.is_alphanumeric() || letter == '_' => {
                up_to(|letter| !letter.is_alphanumeric() && letter != '_' && letter != '.')
            }
            other => other.len_utf8(),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::parse_requirement;

    #[test]
    fn ok_an_order_of_strings_is_found() {
        for (requirement, field) in [
            ("a; os_name > 'posix'", Some("os_name")),
            ("a; 'linux'<=sys_platform", Some("sys_platform")),
            ("a>=1; (python_version >= '3' and platform_machine~='x86')", Some("platform_machine")),
            ("a; os_name == 'posix' and python_version < '3'", None),
            ("a; platform_release >= '20'", None),
            ("a; os_name != '>' and extra == \"os_name < 'a'\"", None),
            ("a>=1", None),
            ("a; os_name < 'é", Some("os_name")),
        ] {
            assert_eq!(find_ordered_string(requirement), field, "{requirement}");
        }
    }

    fn debian() -> MarkerValues {
        MarkerValues {
            implementation_name: "cpython".into(),
            implementation_version: "3.11.2".into(),
            os_name: "posix".into(),
            platform_machine: "x86_64".into(),
            platform_python_implementation: "CPython".into(),
            platform_release: String::new(),
            platform_system: "Linux".into(),
            platform_version: String::new(),
            python_full_version: "3.11.2".into(),
            python_version: "3.11".into(),
            sys_platform: "linux".into(),
        }
    }

    #[test]
    fn ok_markers_are_judged_for_the_given_target() {
        let here = debian().to_environment().unwrap();
        let windows = MarkerValues {
            sys_platform: "win32".into(),
            platform_system: "Windows".into(),
            os_name: "nt".into(),
            ..debian()
        };
        let there = windows.to_environment().unwrap();
        for (requirement, holds_here, holds_there) in [
            ("a; sys_platform == 'win32'", false, true),
            ("a; os_name == 'posix' and python_version >= '3.11'", true, false),
            ("a; python_full_version < '3.11.1'", false, false),
            ("a; platform_system in 'Linux Windows'", true, true),
            ("a; python_version not in '3.9, 3.10'", true, true),
            ("a", true, true),
        ] {
            let requirement = parse_requirement(requirement).unwrap();
            assert_eq!(requirement.evaluate_markers(&here, &[]), holds_here, "{requirement}");
            assert_eq!(requirement.evaluate_markers(&there, &[]), holds_there, "{requirement}");
        }
    }

    #[test]
    fn ok_a_pre_release_of_python_is_its_release() {
        let next = MarkerValues { python_full_version: "3.14.0rc1".into(), python_version: "3.14".into(), ..debian() };
        let next = next.to_environment().unwrap();
        for (requirement, holds) in [
            ("a; python_version == '3.14'", true),
            ("a; python_version == '3.13'", false),
            ("a; python_version < '3.14'", false),
            ("a; python_full_version >= '3.14'", true),
        ] {
            assert_eq!(parse_requirement(requirement).unwrap().evaluate_markers(&next, &[]), holds, "{requirement}");
        }
    }

    #[test]
    fn ok_extras_are_compared_normalized() {
        let here = debian().to_environment().unwrap();
        let requirement = parse_requirement("a; extra == 'Foo.Bar'").unwrap();
        assert!(requirement.evaluate_markers(&here, &["foo-bar".parse().unwrap()]));
        assert!(!requirement.evaluate_markers(&here, &[]));
    }

    #[test]
    fn err_a_version_field_that_is_no_version() {
        let broken = MarkerValues { python_full_version: "three".into(), ..debian() };
        assert_eq!(
            broken.to_environment().unwrap_err().to_string(),
            "the marker value python_full_version is `three`, which is not a version as PEP 440 defines it"
        );
    }

    #[test]
    fn err_a_missing_or_unknown_field() {
        assert!(serde_json::from_str::<MarkerValues>("{}").is_err());
        let mut json = serde_json::to_value(debian()).unwrap();
        assert!(serde_json::from_value::<MarkerValues>(json.clone()).is_ok());
        json["python_verson"] = "3.11".into();
        assert!(serde_json::from_value::<MarkerValues>(json).is_err());
    }
}
