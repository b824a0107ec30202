//! What every error of ours can say about itself: a stable code, a kind that decides the status, the next step.

use std::borrow::Cow;

use super::Finding;

/// What sort of failure an error is. `http/problem.rs` maps each kind to exactly one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is malformed or what was sent breaks a rule (400).
    Invalid,
    /// No or wrong credentials (401).
    Unauthenticated,
    /// Valid credentials that do not allow this (403).
    Forbidden,
    /// The named thing does not exist here (404).
    NotFound,
    /// The method is not offered at this URL (405).
    MethodNotAllowed,
    /// No representation that the client accepts (406).
    NotAcceptable,
    /// The client did not send its request in time (408).
    TimedOut,
    /// What is there already excludes the request (409).
    Conflict,
    /// Once offered, not any more (410).
    Gone,
    /// The client has another version of the thing than this one (412).
    PreconditionFailed,
    /// More than a limit allows (413).
    TooLarge,
    /// The body is of a type that is not read here (415).
    UnsupportedMedia,
    /// A part of the file that does not exist was asked for (416).
    RangeNotSatisfiable,
    /// Understood, and asks for what is not offered (422).
    Unprocessable,
    /// Too many at once; later is fine (429).
    TooMany,
    /// Our own fault; the text says nothing about our insides (500).
    Internal,
    /// Cannot be done now, may work later (503).
    Unavailable,
    /// The disk is full (507).
    StorageFull,
}

/// The text of an error's innermost cause, which says what the operating system, TLS or a parser said.
pub fn innermost_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

/// Implemented by every error that can reach a person.
///
/// `Display` gives the sentence: the thing, the fact. The cause is in `source()`, never in the text.
pub trait Diagnostic: std::error::Error {
    /// Stable identifier `area/what`; each has a heading in the manual's page of errors, none is ever reused.
    fn code(&self) -> &'static str;
    /// Decides the HTTP status and the exit code.
    fn kind(&self) -> Kind;
    /// The next step, where there is one.
    fn hint(&self) -> Option<Cow<'static, str>> {
        None
    }
    /// Everything that was found wrong, when more than one thing can be.
    fn findings(&self) -> &[Finding] {
        &[]
    }
}
