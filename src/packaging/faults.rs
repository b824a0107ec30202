//! What a parser of a `.dist-info` file says about a rule that is broken.

use std::fmt;

/// Whether a broken rule refuses the file or is only told to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultLevel {
    /// The file is refused.
    Error,
    /// The file is taken; the sentence is shown beside it.
    Note,
}

/// One broken rule in METADATA, WHEEL, RECORD or entry_points.txt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataFault {
    /// The rule's id in our digest of the specifications, such as `MET-04`.
    pub rule: &'static str,
    /// Whether the rule refuses.
    pub level: FaultLevel,
    /// Reason class that a client may act on, such as `metadata-invalid`.
    pub class: &'static str,
    /// The header field, RECORD path or script that is meant, as written in the file; empty for the whole file.
    pub field: String,
    /// One sentence that names the thing and the fact.
    pub message: String,
}

impl MetadataFault {
    /// A fault that refuses the file.
    pub(super) fn error(rule: &'static str, class: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self { rule, level: FaultLevel::Error, class, field: shown(field), message: message.into() }
    }

    /// A fault that is only reported.
    pub(super) fn note(rule: &'static str, class: &'static str, field: &str, message: impl Into<String>) -> Self {
        Self { rule, level: FaultLevel::Note, class, field: shown(field), message: message.into() }
    }

    /// Whether the file is refused because of it.
    pub fn is_error(&self) -> bool {
        self.level == FaultLevel::Error
    }
}

impl fmt::Display for MetadataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.message)
    }
}

/// Most faults told of one file: enough to repair it, whatever its size.
pub(super) const MAX_FAULTS: usize = 50;

/// Adds a fault while there is room. The first one that refuses always finds some: a refusal must not get lost.
pub(super) fn push(faults: &mut Vec<MetadataFault>, fault: MetadataFault) {
    if faults.len() < MAX_FAULTS || (fault.is_error() && !faults.iter().any(MetadataFault::is_error)) {
        faults.push(fault);
    }
}

/// Most characters of a hostile value that are repeated in a message.
const MAX_SHOWN_CHARS: usize = 120;

/// A value as it may be repeated in a message: cut, and without characters that change how a terminal or a page reads.
pub fn shown(value: &str) -> String {
    let mut text: String = value
        .chars()
        .take(MAX_SHOWN_CHARS)
        .map(|c| if c.is_control() || ('\u{200b}'..='\u{206f}').contains(&c) { '\u{fffd}' } else { c })
        .collect();
    if value.chars().nth(MAX_SHOWN_CHARS).is_some() {
        text.push('…');
    }
    text
}

/// The value of a parse that found only notes, or the faults.
///
/// Notes stay with the faults of a refused file, because whoever repairs it wants to see all of them at once.
pub(super) fn settle<T>(
    value: Option<T>,
    faults: Vec<MetadataFault>,
) -> Result<(T, Vec<MetadataFault>), Vec<MetadataFault>> {
    match value {
        Some(value) if !faults.iter().any(MetadataFault::is_error) => Ok((value, faults)),
        _ => Err(faults),
    }
}
