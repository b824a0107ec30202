//! Collecting what is wrong with a file, and the facts of one that is sound.

use bytes::Bytes;

use super::limits::MAX_FINDINGS;
use super::remedies::with_remedy;
use crate::archive::{TarFault, ZipFault};
use crate::model::{FileKind, Finding, WheelFacts};
use crate::packaging::{MetadataFault, ProjectName, Version};

/// How strictly a file is judged (standards section 5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// First-party uploads: they can be rebuilt, so every rule that guards order refuses.
    #[default]
    Strict,
    /// Files that another index has published: they cannot be rebuilt, so only what would do harm refuses.
    Mirror,
}

/// What the file itself says, as far as the index records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Wheel or sdist.
    pub kind: FileKind,
    /// Normalized name of the project.
    pub project: ProjectName,
    /// The name as the metadata spells it.
    pub display_name: String,
    /// Version.
    pub version: Version,
    /// Key under which two spellings of one file are the same (standards WHL-05).
    pub identity: String,
    /// METADATA byte for byte, when it may be served (standards FIL-09).
    pub metadata: Option<Bytes>,
    /// `Requires-Python`, as written.
    pub requires_python: Option<String>,
    /// `Requires-Dist`, as written.
    pub requires_dist: Vec<String>,
    /// `Provides-Extra`, normalized.
    pub provides_extra: Vec<String>,
    /// `Summary`.
    pub summary: Option<String>,
    /// What bundles need to know; wheels only.
    pub wheel: Option<WheelFacts>,
}

/// Everything that the checks have to say of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// What was found, in the order of the checks, refusals first.
    pub findings: Vec<Finding>,
    /// The facts, if nothing refuses the file.
    pub facts: Option<FileFacts>,
}

impl FileReport {
    /// Whether anything refuses the file.
    pub fn is_refused(&self) -> bool {
        self.facts.is_none()
    }
}

/// Collects findings up to [`MAX_FINDINGS`].
#[derive(Debug)]
pub(super) struct Findings {
    profile: Profile,
    list: Vec<Finding>,
    dropped_count: usize,
    is_refused: bool,
}

impl Findings {
    pub(super) fn new(profile: Profile) -> Self {
        Self { profile, list: Vec::new(), dropped_count: 0, is_refused: false }
    }

    /// Adds a finding that counts the same in both profiles.
    pub(super) fn add(&mut self, finding: Finding) {
        if self.list.len() >= MAX_FINDINGS {
            self.dropped_count += 1;
            // The first refusal is the reason that a client is shown; no number of notes may crowd it out.
            if self.is_refused || !finding.is_refusal() {
                return;
            }
            self.list.pop();
        }
        self.is_refused |= finding.is_refusal();
        self.list.push(with_remedy(finding));
    }

    /// Adds a refusal that a mirrored file only has noted.
    pub(super) fn add_strict(&mut self, finding: Finding) {
        match self.profile {
            Profile::Strict => self.add(finding),
            Profile::Mirror => self.add(Finding { severity: crate::model::Severity::Note, ..finding }),
        }
    }

    /// Adds what the reader of a `.dist-info` file found; `file` is the file's path in the archive.
    pub(super) fn add_faults(&mut self, file: &str, faults: Vec<MetadataFault>) {
        for fault in faults {
            self.add(from_metadata(file, fault));
        }
    }

    /// As [`Findings::add_faults`], for files that a mirrored wheel may have wrong.
    pub(super) fn add_strict_faults(&mut self, file: &str, faults: Vec<MetadataFault>) {
        for fault in faults {
            self.add_strict(from_metadata(file, fault));
        }
    }

    /// Adds what the reader of the archive found.
    pub(super) fn add_zip_faults(&mut self, faults: Vec<ZipFault>) {
        for fault in faults {
            self.add(from_archive(fault.rule, fault.class, fault.entry, fault.message));
        }
    }

    /// As [`Findings::add_zip_faults`], for what a mirrored wheel may have wrong.
    pub(super) fn add_strict_zip_faults(&mut self, faults: Vec<ZipFault>) {
        for fault in faults {
            self.add_strict(from_archive(fault.rule, fault.class, fault.entry, fault.message));
        }
    }

    /// Adds what the reader of a source distribution found.
    pub(super) fn add_tar_faults(&mut self, faults: Vec<TarFault>) {
        for fault in faults {
            self.add(from_archive(fault.rule, fault.class, fault.entry, fault.message));
        }
    }

    /// Closes the list; without facts, or with a refusal, the file is refused.
    pub(super) fn into_report(self, facts: Option<FileFacts>) -> FileReport {
        let facts = facts.filter(|_| !self.is_refused);
        let (mut findings, notes): (Vec<_>, Vec<_>) = self.list.into_iter().partition(Finding::is_refusal);
        findings.extend(notes);
        if self.dropped_count > 0 {
            let text = format!("{} more findings are not listed", self.dropped_count);
            findings.push(with_remedy(Finding::note("ING-01", "more-findings", text)));
        }
        FileReport { findings, facts }
    }
}

fn from_metadata(file: &str, fault: MetadataFault) -> Finding {
    let entry = match fault.field.is_empty() {
        true => file.to_owned(),
        false => format!("{file}: {}", fault.field),
    };
    let finding = match fault.is_error() {
        true => Finding::refuse(fault.rule, fault.class, fault.message),
        false => Finding::note(fault.rule, fault.class, fault.message),
    };
    finding.at(entry)
}

/// The message names the entry: the reason phrase of an upload, which is all that twine shows, holds nothing else.
fn from_archive(rule: &'static str, class: &'static str, entry: Option<String>, message: String) -> Finding {
    let Some(entry) = entry else { return Finding::refuse(rule, class, message) };
    let message = match message.contains(&format!("`{entry}`")) {
        true => message,
        false => format!("`{entry}`: {message}"),
    };
    Finding::refuse(rule, class, message).at(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_an_entry_names_it_in_the_sentence_once() {
        for (message, sentence) in [
            ("the name is not a plain relative path", "`../evil`: the name is not a plain relative path"),
            ("`../evil` is there twice", "`../evil` is there twice"),
        ] {
            let entry = Some("../evil".to_owned());
            let finding = from_archive("ZIP-NAME", "zip-unsafe-path", entry.clone(), message.to_owned());
            assert_eq!((finding.message.as_str(), finding.entry), (sentence, entry));
        }
    }

    #[test]
    fn a_refusal_is_told_first_however_many_notes_stand_before_it() {
        let mut findings = Findings::new(Profile::Strict);
        for _ in 0..MAX_FINDINGS {
            findings.add(Finding::note("WHL-14", "pth-file", "noted"));
        }
        findings.add(Finding::refuse("WHL-03", "metadata-mismatch", "refused"));
        findings.add(Finding::refuse("REC-01", "record-mismatch", "refused too"));
        let report = findings.into_report(None);
        assert_eq!(report.findings[0].message, "refused");
        assert_eq!(report.findings.last().unwrap().message, "2 more findings are not listed");
        assert_eq!(report.findings.len(), MAX_FINDINGS + 1);
    }
}
