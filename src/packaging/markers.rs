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
    /// Fails if `python_version`, `python_full_version` or `implementation_version` is not a version.
    pub fn to_environment(&self) -> Result<MarkerEnvironment, MarkerError> {
        for (field, value) in [
            ("python_version", &self.python_version),
            ("python_full_version", &self.python_full_version),
            ("implementation_version", &self.implementation_version),
        ] {
            super::parse_version(value)
                .map_err(|_| MarkerError::NotAVersion { field, value: super::faults::shown(value) })?;
        }
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: &self.implementation_name,
            implementation_version: &self.implementation_version,
            os_name: &self.os_name,
            platform_machine: &self.platform_machine,
            platform_python_implementation: &self.platform_python_implementation,
            platform_release: &self.platform_release,
            platform_system: &self.platform_system,
            platform_version: &self.platform_version,
            python_full_version: &self.python_full_version,
            python_version: &self.python_version,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packaging::parse_requirement;

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
