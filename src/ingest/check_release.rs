//! Whether the wheels of a release agree (standards 5.8): installers read the metadata of one and take it for all. Pure.

use std::collections::BTreeSet;

use super::remedies::with_remedy;
use crate::model::{Finding, NewFile, ReleaseFacts};
use crate::packaging::parse_requirement;

/// What `file` says otherwise than a wheel of the same release that was here before; noted, never refused, because which
/// of the two is right only their builder knows.
pub(super) fn check_release(file: &NewFile, sibling: &ReleaseFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut compare = |field: &str, here: BTreeSet<String>, there: BTreeSet<String>| {
        let other = &sibling.filename;
        let difference = match (here.difference(&there).next(), there.difference(&here).next()) {
            (Some(only), _) => format!("`{only}` is not there"),
            (None, Some(only)) => format!("`{only}` is only there"),
            (None, None) => return,
        };
        let text = format!("`{field}` is not that of `{other}`, which is of the same release: {difference}");
        findings.push(with_remedy(Finding::note("REL-01", "release-differs", text).at(format!("METADATA: {field}"))));
    };
    let one = |text: &Option<String>| text.iter().map(|text| text.replace(' ', "")).collect();
    compare("Requires-Python", one(&file.requires_python), one(&sibling.requires_python));
    compare("Requires-Dist", normal(&file.requires_dist), normal(&sibling.requires_dist));
    let extras = |extras: &[String]| extras.iter().cloned().collect();
    compare("Provides-Extra", extras(&file.provides_extra), extras(&sibling.provides_extra));
    findings
}

/// Requirements in one spelling, so that spaces and order make no difference.
fn normal(requirements: &[String]) -> BTreeSet<String> {
    let one =
        |text: &String| parse_requirement(text).map_or_else(|_| text.clone(), |requirement| requirement.to_string());
    requirements.iter().map(one).collect()
}
