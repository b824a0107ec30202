//! One thing that a check found in an uploaded file.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Whether a finding refuses the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is not stored.
    Refuse,
    /// The file is stored and the finding is shown with it.
    Note,
}

/// One thing found in a file, named by the rule it breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Rule id as the manual lists it, for example `REC-02`.
    pub rule: Cow<'static, str>,
    /// Machine-readable class, for example `record-mismatch`.
    pub reason: Cow<'static, str>,
    /// Whether the file is refused because of it.
    pub severity: Severity,
    /// The archive entry, metadata field or form field concerned.
    pub entry: Option<String>,
    /// One sentence: the thing and the fact.
    pub message: String,
    /// How to repair it.
    pub hint: Option<Cow<'static, str>>,
}

impl Finding {
    /// A finding that refuses the file.
    pub fn refuse(rule: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            reason: reason.into(),
            severity: Severity::Refuse,
            entry: None,
            message: message.into(),
            hint: None,
        }
    }

    /// A finding that is shown and refuses nothing.
    pub fn note(rule: &'static str, reason: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, ..Self::refuse(rule, reason, message) }
    }

    /// Names the archive entry or field that it is about.
    #[must_use]
    pub fn at(mut self, entry: impl Into<String>) -> Self {
        self.entry = Some(entry.into());
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether the file is refused because of it.
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Refuse
    }
}
