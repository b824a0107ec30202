//! How a person names files to be marked: one file by its name, or all files of one release.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::MarkError;
use crate::packaging::{DistFileName, ProjectName, Version, parse_dist_filename, shown};

/// Most files or releases of one request: enough for a cleaning, little enough for one transaction.
pub const MAX_SELECTORS: usize = 1_000;

/// `flask-3.1.0-py3-none-any.whl` (one file) or `flask==3.1.0` (every file of a release).
///
/// Never a whole project: that would be one word away from a slip of the pen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSelector {
    /// One file.
    File {
        /// Its name.
        filename: String,
        /// The project that the name tells.
        project: ProjectName,
    },
    /// Every file of one release.
    Release {
        /// The project.
        project: ProjectName,
        /// The version.
        version: Version,
    },
}

impl FileSelector {
    /// The project that it is about.
    pub fn project(&self) -> &ProjectName {
        match self {
            Self::File { project, .. } | Self::Release { project, .. } => project,
        }
    }

    /// One file, as the end of a URL names it.
    pub fn file(filename: &str) -> Result<Self, MarkError> {
        let name = parse_dist_filename(filename);
        let name = name.map_err(|_| MarkError::SelectorInvalid { given: shown(filename) })?;
        Ok(Self::File { filename: filename.to_owned(), project: DistFileName::project(&name).clone() })
    }

    /// Whether it means this file.
    pub(super) fn matches(&self, name: &str, of: &ProjectName, at: &Version) -> bool {
        match self {
            Self::File { filename, .. } => filename == name,
            Self::Release { project, version } => project == of && version == at,
        }
    }

    /// The selectors of a request; fails with [`MarkError::SelectorInvalid`] for the first that is none, and with
    /// [`MarkError::SelectorCount`] for none or too many.
    pub fn parse_all(texts: &[String]) -> Result<Vec<Self>, MarkError> {
        if texts.is_empty() || texts.len() > MAX_SELECTORS {
            return Err(MarkError::SelectorCount { count: texts.len() });
        }
        texts.iter().map(|text| text.parse()).collect()
    }
}

/// The projects that selectors are about.
pub fn projects_of(selectors: &[FileSelector]) -> BTreeSet<ProjectName> {
    selectors.iter().map(|selector| selector.project().clone()).collect()
}

impl FromStr for FileSelector {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        let Some((name, version)) = text.split_once("==") else { return Self::file(text) };
        let invalid = || MarkError::SelectorInvalid { given: shown(text) };
        let project = name.trim().parse().map_err(|_| invalid())?;
        let version = version.trim().parse().map_err(|_| invalid())?;
        Ok(Self::Release { project, version })
    }
}

impl fmt::Display for FileSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { filename, .. } => formatter.write_str(filename),
            Self::Release { project, version } => write!(formatter, "{project}=={version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_files_and_releases() {
        for (text, project, written) in [
            ("Flask_Login-1.0-py3-none-any.whl", "flask-login", "Flask_Login-1.0-py3-none-any.whl"),
            ("demo-1.0.tar.gz", "demo", "demo-1.0.tar.gz"),
            ("Flask.Login == 1.0", "flask-login", "flask-login==1.0"),
        ] {
            let selector: FileSelector = text.parse().unwrap();
            assert_eq!((selector.project().as_str(), selector.to_string().as_str()), (project, written));
        }
    }

    #[test]
    fn err_whole_projects_and_what_is_no_name() {
        for text in ["", "flask", "flask>=1", "flask==", "==1.0", "../x.whl", "demo-1.0.zip", "flask==1.*"] {
            assert!(text.parse::<FileSelector>().is_err(), "{text}");
        }
        assert!(FileSelector::parse_all(&[]).is_err());
        assert!(FileSelector::parse_all(&vec!["a==1".to_owned(); MAX_SELECTORS + 1]).is_err());
    }
}
