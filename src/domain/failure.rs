//! What went wrong with a source: which one, doing what, why, and of what kind.
//!
//! Code decides on the kind, never on the text. No secret of an address may reach any field.

use std::fmt;

use super::address::masked_name;
use super::text::safe;

/// What kind of failure it was; the exit code of a command follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureKind {
    /// The source cannot be reached now.
    Unreachable,
    /// It refused us.
    Denied,
    /// There is no such source, stream or event.
    NotFound,
    /// Somebody else holds it.
    Locked,
    /// What it holds cannot be understood.
    Malformed,
    /// It did not answer in time.
    TimedOut,
    /// It cannot do what was asked.
    Unsupported,
    /// What was asked makes no sense.
    Usage,
    /// Reading or writing failed in the operating system.
    Io,
    /// Whoever asked no longer wants the answer.
    Cancelled,
    /// Something else.
    Other,
}

/// A failure told to a person: source, action, reason, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// The source, as it may be shown.
    pub source: String,
    /// What was being done: `open`, `read events`.
    pub doing: String,
    /// Why it failed.
    pub why: String,
    /// What the user can do; empty when nothing is known.
    pub hint: String,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(kind: FailureKind, source: impl Into<String>, doing: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            kind,
            source: masked_name(&source.into()).into_owned(),
            doing: doing.into(),
            why: why.into(),
            hint: String::new(),
        }
    }

    /// Whoever asked no longer wants the answer.
    pub fn cancelled(source: impl Into<String>, doing: impl Into<String>) -> Self {
        Self::new(FailureKind::Cancelled, source, doing, "it was stopped before it was done")
    }

    /// The same failure, saying what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// A failure of the operating system, its kind read off the error.
    pub fn io(source: impl Into<String>, doing: impl Into<String>, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => FailureKind::NotFound,
            std::io::ErrorKind::PermissionDenied => FailureKind::Denied,
            std::io::ErrorKind::TimedOut => FailureKind::TimedOut,
            _ => FailureKind::Io,
        };
        Self::new(kind, source, doing, error.to_string())
    }

    /// A failure to open a file that is named beside the source: one that is no regular file is as little one as a source
    /// that is none.
    pub fn opening(source: impl Into<String>, doing: impl Into<String>, error: &std::io::Error) -> Self {
        let failure = Self::io(source, doing, error);
        match error.kind() {
            std::io::ErrorKind::InvalidInput => Self { kind: FailureKind::Unsupported, ..failure },
            _ => failure,
        }
    }

    /// A failure to write what is needed for a while, whatever is wrong with the place for it: the source is there.
    pub fn writing(source: impl Into<String>, doing: impl Into<String>, error: &std::io::Error) -> Self {
        Self::new(FailureKind::Io, source, doing, error.to_string())
    }
}

impl Failure {
    /// It in words, without the source: for where it is plain which one is meant.
    pub fn words(&self) -> String {
        let hint = if self.hint.is_empty() { String::new() } else { format!("\n  {}", self.hint) };
        format!("cannot {}: {}{hint}", self.doing, self.why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name of somebody else's; a line break in it would make a line of its own.
        write!(f, "{}: {}", safe(&self.source), self.words())
    }
}

impl std::error::Error for Failure {}
