//! How a subcommand fails: an exit code, a sentence, the next step.

use crate::model::{Diagnostic, Finding, Kind};

/// Exit codes other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A rule refused it.
    Refused,
    /// The command line is wrong.
    Usage,
    /// The server does not answer or does not allow it.
    Unreachable,
    /// Some of it was done.
    Partial,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Partial => 4,
        }
    }

    /// Code and next step of a failure that has none of its own.
    fn in_general(self) -> (&'static str, &'static str) {
        match self {
            Self::Refused => ("cli/refused", "Remove the cause that the message names, and repeat the command."),
            Self::Usage => ("cli/usage", "`ferrywheel COMMAND --help` shows what a command takes."),
            Self::Unreachable => ("cli/unreachable", "Check the address and the token, and look at the server's log."),
            Self::Partial => ("cli/partial", "The output says what is missing; repeat the command for that."),
        }
    }

    /// The exit code for a kind of error.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::TimedOut
            | Kind::TooMany
            | Kind::Internal
            | Kind::Unavailable => Self::Unreachable,
            Kind::Invalid
            | Kind::NotFound
            | Kind::MethodNotAllowed
            | Kind::NotAcceptable
            | Kind::Conflict
            | Kind::Gone
            | Kind::TooLarge
            | Kind::UnsupportedMedia
            | Kind::Unprocessable
            | Kind::PreconditionFailed
            | Kind::RangeNotSatisfiable
            | Kind::StorageFull => Self::Refused,
        }
    }
}

/// What a person is told when a subcommand fails.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Exit code.
    pub exit: Exit,
    /// The sentence.
    pub message: String,
    /// Stable code of the error, when there is one.
    pub code: Option<String>,
    /// The next step.
    pub hint: Option<String>,
    /// Everything that was found wrong, when more than one thing was.
    pub findings: Vec<Finding>,
    /// Whether the same request may succeed in a while: the server is away or busy.
    pub is_passing: bool,
}

impl Failure {
    /// A failure without a code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), code: None, hint: None, findings: Vec::new(), is_passing: false }
    }

    /// Whether each other file would fail in the same way: the token, the disk, the batch.
    pub fn is_of_all(&self) -> bool {
        let of_all = [
            "access/token-missing",
            "access/token-unknown",
            "access/token-ended",
            "batch/ended",
            "batch/unknown",
            "limit/free-space",
            "blobs/storage-full",
            "index/storage-full",
        ];
        of_all.contains(&self.code())
    }

    /// Stable code of the error, or of the sort of failure.
    pub fn code(&self) -> &str {
        self.code.as_deref().unwrap_or_else(|| self.exit.in_general().0)
    }

    /// The next step.
    pub fn next_step(&self) -> &str {
        self.hint.as_deref().unwrap_or_else(|| self.exit.in_general().1)
    }

    /// Adds the next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl<E: Diagnostic> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        // On the command line the person at the keyboard is the operator: causes are shown.
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Errors of other libraries often repeat their cause in their own text.
            if !message.ends_with(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self {
            exit: Exit::of(error.kind()),
            message,
            code: Some(error.code().to_owned()),
            hint: error.hint().map(Into::into),
            findings: error.findings().to_vec(),
            is_passing: false,
        }
    }
}
