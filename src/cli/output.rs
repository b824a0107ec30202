//! Writing for people and for scripts: data on stdout, the rest on stderr, and no panic on a closed pipe.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use super::failure::Failure;
use crate::model::Finding;

/// A failure as scripts read it.
#[derive(Serialize)]
struct FailureLine<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
    findings: &'a [Finding],
    exit_code: u8,
}

/// Where a subcommand writes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    is_json: bool,
}

impl Output {
    /// Lines for people, or JSON.
    pub fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether JSON was asked for.
    pub fn is_json(self) -> bool {
        self.is_json
    }

    /// The result: JSON when asked for, else the lines that `lines` makes.
    pub fn result<T: Serialize>(self, value: &T, lines: impl FnOnce(&T) -> String) {
        if !self.is_json {
            return self.data(lines(value).trim_end());
        }
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.data(&text),
            Err(error) => self.note(&format!("the result cannot be written as JSON: {error}")),
        }
    }

    /// A line of data on stdout. A reader that went away is not an error: `ferrywheel … | head` is fine.
    #[expect(clippy::unused_self, reason = "writing always goes through the one Output")]
    pub fn data(self, text: &str) {
        drop(writeln!(std::io::stdout().lock(), "{text}"));
    }

    /// A line for people on stderr.
    #[expect(clippy::unused_self, reason = "writing always goes through the one Output")]
    pub fn note(self, text: &str) {
        drop(writeln!(std::io::stderr().lock(), "{text}"));
    }

    /// Says why the program fails and gives its exit code. As JSON it is one line, the last one on stderr.
    pub fn failure(self, failure: &Failure) -> ExitCode {
        if self.is_json {
            let told = FailureLine {
                code: failure.code(),
                message: &failure.message,
                hint: failure.next_step(),
                findings: &failure.findings,
                exit_code: failure.exit.code(),
            };
            self.note(&serde_json::to_string(&told).unwrap_or_default());
            return ExitCode::from(failure.exit.code());
        }
        self.note(&format!("error: {}", failure.message));
        for finding in &failure.findings {
            self.note(&format!("  {}", describe(finding)));
        }
        self.note(&format!("hint: {}", failure.next_step()));
        self.note(&format!("code: {}", failure.code()));
        ExitCode::from(failure.exit.code())
    }
}

/// A finding in one line: rule, entry, sentence, remedy.
pub fn describe(finding: &Finding) -> String {
    let entry = finding.entry.as_ref().map_or_else(String::new, |entry| format!(" `{entry}`:"));
    let hint = finding.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    format!("{}{entry} {}{hint}", finding.rule, finding.message)
}

/// A length for people: `1.2 MB`.
pub fn human_size(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}
