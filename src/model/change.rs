//! What happened in a channel, one row for each file or project that a serial changed, and how far a reader has come.

use std::fmt;
use std::str::FromStr;

use super::{Diagnostic, Kind, ProjectStatus, Serial, Sha256Digest, Timestamp, Yank};
use crate::packaging::{ProjectName, shown};

/// What a serial did to one file or project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PastAction {
    /// The file became part of the channel, with this yank mark.
    Added(PastFile, Option<Yank>),
    /// The file was yanked, or yanked for another reason.
    Yanked(PastFile, Yank),
    /// The file is yanked no longer.
    Unyanked(PastFile),
    /// The file left the channel.
    Removed(PastFile),
    /// The project has this status from then on, for this reason.
    Status(ProjectStatus, Option<String>),
}

/// The file that a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastFile {
    /// Its name.
    pub filename: String,
    /// Digest of its bytes.
    pub sha256: Sha256Digest,
}

/// One row of a channel's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastChange {
    /// Where a reader stands who has read this row and all before it.
    pub cursor: ChangeCursor,
    /// When the serial was reached.
    pub made_at: Timestamp,
    /// The project that it is about.
    pub project: ProjectName,
    /// What happened.
    pub action: PastAction,
}

/// How far a reader of a channel's history has come: `12` after all of serial 12, `12.f34` inside of it.
///
/// The rows of a serial have an order, because one promotion may change more than an answer can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeCursor {
    /// The serial that was read last, or is being read.
    pub serial: Serial,
    /// The last row of it that was read.
    pub row: CursorRow,
}

/// A row inside one serial, in the order in which rows are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CursorRow {
    /// A change of a project, by its key in the index.
    Project(i64),
    /// A change of a file, by its key in the index.
    File(i64),
    /// After the last one.
    End,
}

/// Why a text is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a place in a history: a serial, or the `next` of an earlier answer, is expected")]
pub struct CursorError {
    given: String,
}

impl Diagnostic for CursorError {
    fn code(&self) -> &'static str {
        "channels/cursor-invalid"
    }

    fn kind(&self) -> Kind {
        Kind::Invalid
    }
}

impl ChangeCursor {
    /// After everything that this serial changed.
    pub fn after(serial: Serial) -> Self {
        Self { serial, row: CursorRow::End }
    }
}

impl FromStr for ChangeCursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let read = || {
            let Some((serial, row)) = text.split_once('.') else { return Some(Self::after(Serial(count(text)?))) };
            let row = match row.split_at_checked(1)? {
                ("p", id) => CursorRow::Project(count(id)?),
                ("f", id) => CursorRow::File(count(id)?),
                _ => return None,
            };
            Some(Self { serial: Serial(count(serial)?), row })
        };
        read().ok_or_else(|| CursorError { given: shown(text) })
    }
}

fn count(digits: &str) -> Option<i64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().ok()).flatten()
}

impl fmt::Display for ChangeCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            CursorRow::Project(id) => write!(formatter, "{}.p{id}", self.serial),
            CursorRow::File(id) => write!(formatter, "{}.f{id}", self.serial),
            CursorRow::End => self.serial.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_cursors_are_written_as_they_are_read_and_ordered_as_rows_are_told() {
        let texts = ["0", "6.f9", "7.p3", "7.p10", "7.f1", "7.f20", "7", "8.p1"];
        let read: Vec<ChangeCursor> = texts.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
        assert!(read.is_sorted());
    }

    #[test]
    fn err_what_is_no_cursor() {
        for text in ["", "-1", "+1", "x", "7.", "7.f", "7.x1", "7.f-1", ".f1", "7.f1.f2", "7.é", "99999999999999999999"]
        {
            assert!(text.parse::<ChangeCursor>().is_err(), "{text}");
        }
    }
}
