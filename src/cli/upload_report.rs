//! What an upload has come to: one line for each refused file with all its findings, and one for the whole.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::failure::{Exit, Failure};
use super::output::{describe, human_size};
use crate::model::{ChannelName, Finding};

/// How it stands with one file.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Where it lies; of a file out of an archive, the archive.
    pub path: PathBuf,
    /// Its name on the server.
    pub filename: String,
    /// `stored`, `unchanged`, `accepted` (not shown yet) or `refused`.
    pub verdict: String,
    /// Code of what refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The next step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Everything that was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// How the program ends if there is nothing but this.
    #[serde(skip)]
    pub exit: Option<Exit>,
}

/// The part that is read of what the server says of a file.
#[derive(Clone, Debug, Deserialize)]
pub struct FileAnswer {
    /// Its name.
    pub filename: String,
    /// `stored`, `unchanged`, `accepted`, `partial` or `refused`.
    pub verdict: String,
    /// Digest of its bytes, if all are there.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Code of what refuses it.
    #[serde(default)]
    pub code: Option<String>,
    /// Why it is refused.
    #[serde(default)]
    pub detail: Option<String>,
    /// The next step.
    #[serde(default)]
    pub hint: Option<String>,
    /// Everything that was found.
    #[serde(default)]
    pub findings: Vec<Finding>,
}

impl Line {
    /// The line of a file that the server has told of.
    pub fn of(path: PathBuf, file: FileAnswer) -> Self {
        let FileAnswer { filename, verdict, code, detail, hint, findings, .. } = file;
        let exit = (verdict == "refused").then_some(Exit::Refused);
        Self { path, filename, verdict, code, message: detail, hint, findings, exit }
    }

    /// The line of a file that was refused by a failure.
    pub fn failed(path: PathBuf, filename: String, failure: Failure) -> Self {
        let Failure { exit, message, code, hint, findings, .. } = failure;
        let (verdict, exit) = ("refused".to_owned(), Some(exit));
        Self { path, filename, verdict, code, message: Some(message), hint, findings, exit }
    }

    /// Whether it is refused.
    pub fn is_refused(&self) -> bool {
        self.exit.is_some()
    }

    /// What people read of it: everything that was found, each in its own line below.
    pub fn text(&self) -> String {
        let message = self.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
        let inside = match self.path.file_name().is_some_and(|name| name.to_string_lossy() == self.filename) {
            true => String::new(),
            false => format!(" `{}`", self.filename),
        };
        let mut text = format!("{} {}{inside}{message}", self.verdict, self.path.display());
        for finding in &self.findings {
            text.push_str("\n  ");
            text.push_str(&describe(finding));
        }
        text
    }
}

/// The result of an upload.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The channel.
    pub channel: ChannelName,
    /// Its serial, if anything is shown by this upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<i64>,
    /// The batch that the files went through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Whether nothing was to be kept.
    pub dry_run: bool,
    /// Bytes that travelled.
    pub sent_bytes: u64,
    /// Files whose bytes were here before.
    pub here_count: usize,
    /// One entry for each file, by path.
    pub files: Vec<Line>,
}

impl Report {
    /// Everything that people read on standard output.
    pub fn text(&self) -> String {
        let mut lines: Vec<String> = self.files.iter().filter(|line| line.is_refused()).map(Line::text).collect();
        if lines.is_empty() {
            lines.push(self.summary());
        }
        lines.join("\n")
    }

    fn count(&self, verdict: &str) -> usize {
        self.files.iter().filter(|line| line.verdict == verdict).count()
    }

    fn summary(&self) -> String {
        let (channel, unchanged) = (&self.channel, self.count("unchanged"));
        let sent = human_size(self.sent_bytes);
        let serial = self.serial.map_or_else(String::new, |serial| format!(" (serial {serial})"));
        let new = self.files.len() - unchanged;
        match self.dry_run {
            true => format!("{new} would be stored in `{channel}`, {unchanged} are there; nothing was kept"),
            false => format!(
                "{new} stored in `{channel}`{serial}, {unchanged} were there; {sent} sent, {} needed not travel",
                self.here_count
            ),
        }
    }

    /// How the program ends: nothing is wrong, all were refused together, or some of them one by one.
    pub fn outcome(&self, is_one_by_one: bool) -> Result<(), Failure> {
        let refused: Vec<Exit> = self.files.iter().filter_map(|line| line.exit).collect();
        let Some(first) = refused.first() else { return Ok(()) };
        let (count, all) = (refused.len(), self.files.len());
        if is_one_by_one || self.dry_run {
            let exit = if count < all && !self.dry_run { Exit::Partial } else { *first };
            return Err(Failure::new(exit, format!("{count} of {all} files are refused")));
        }
        let exit = if refused.contains(&Exit::Refused) { Exit::Refused } else { *first };
        let text = format!("{count} of {all} files are refused, so none of them was stored");
        Err(Failure::new(exit, text).with_hint(
            "Repair them or leave them out, then repeat the command: what has arrived need not be sent again. \
             `--one-by-one` stores the others.",
        ))
    }
}
