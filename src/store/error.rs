//! What can go wrong with a store, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::append::{Expected, NewEvent};
use crate::domain::{Event, Failure, FailureKind, StreamName};

/// A place in the journal whose bytes are not what was written there.
///
/// Everything before it is readable; nothing at or after it is trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The number of the segment: 3 is the file `journal/000003.evj`.
    pub segment: u32,
    /// The offset in that file, in bytes.
    pub offset: u64,
    /// What is wrong there, in words for a person.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "journal/{:06}.evj at byte {}: {}", self.segment, self.offset, self.reason)
    }
}

/// Why a store could not do what was asked. Nothing was appended when an append answers with one of these, except after
/// [`StoreError::Io`]: then the outcome is unknown until the store is opened again, and the same batch may be sent again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no store in this directory.
    #[error("there is no store at {0}")]
    NotFound(PathBuf),
    /// The directory holds other things; no store is made among them.
    #[error("the directory holds other files ({0}) and is no store")]
    NotAStore(String),
    /// The journal was written by a later program.
    #[error("the journal has a format this program does not know ({0})")]
    UnknownFormat(String),
    /// Another process (or another handle of this one) is writing.
    #[error("process {pid} on {host} is writing to it")]
    Locked {
        /// The process that holds the store, 0 when it has not said so yet.
        pid: u32,
        /// The machine it runs on.
        host: String,
    },
    /// The stream is not where the writer believed it to be, or an event with this id is already in the store and is a
    /// different one.
    #[error("stream `{stream}`: {}", taken.clone().unwrap_or_else(|| format!("expected {expected}, but {}", was(.actual))))]
    WrongExpectedVersion {
        /// The stream.
        stream: StreamName,
        /// What the writer expected.
        expected: Expected,
        /// The version of its last event; `None` when it has no event.
        actual: Option<u64>,
        /// Which id is taken by which other event of the store, when that is why.
        taken: Option<String>,
    },
    /// What was to be appended cannot be appended by anybody.
    #[error("refused: {0}")]
    Refused(String),
    /// The journal is damaged.
    #[error("the journal is damaged: {0}")]
    Damaged(Damage),
    /// A read that does not fit its scope.
    #[error("{0}")]
    Unsupported(String),
    /// Reading or writing failed in the operating system.
    #[error("{doing}: {error}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the operating system said.
        error: Arc<std::io::Error>,
    },
    /// A failed write left the journal in doubt; only opening the store again can tell what is there.
    #[error("an earlier write failed ({0}); open the store again to go on")]
    Stopped(String),
    /// The index cannot be used, so there are no snapshots and no read models; the events are not concerned.
    #[error("the index cannot be used: {0}")]
    Index(String),
    /// The fold of a projection failed; its read model stands before that event.
    #[error("projection `{name}` failed at position {position}: {why}")]
    Projection {
        /// The projection.
        name: String,
        /// The event it failed at.
        position: u64,
        /// What the fold said.
        why: String,
    },
    /// Whoever asked no longer wants the answer.
    #[error("cancelled")]
    Cancelled,
}

/// "it is at version 3", "it has no event".
fn was(actual: &Option<u64>) -> String {
    actual.map_or_else(|| "it has no event".into(), |version| format!("it is at version {version}"))
}

impl StoreError {
    /// An error of the operating system.
    pub(super) fn io(doing: &'static str, error: std::io::Error) -> Self {
        Self::Io { doing, error: Arc::new(error) }
    }

    /// The id of an event that is to happen in a stream is that of another one that has happened, there or elsewhere.
    pub(super) fn id_taken(
        stream: &StreamName,
        event: &NewEvent,
        old: &Event,
        expected: Expected,
        actual: Option<u64>,
    ) -> Self {
        let differs = [
            ("type", event.event_type != old.event_type),
            ("data", event.data != old.data),
            ("metadata", event.metadata != old.metadata),
            ("correlation", event.correlation != old.correlation),
            ("causation", event.causation != old.causation),
        ];
        let differs: Vec<&str> = differs.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        let how =
            if differs.is_empty() { String::new() } else { format!(", which has another {}", differs.join(" and ")) };
        let id = old.id.as_deref().unwrap_or_default();
        let (version, position, event_type) = (old.version, &old.position, &old.event_type);
        let at = match old.stream == *stream {
            true => format!("version {version}"),
            false => format!("version {version} of stream `{}`", old.stream),
        };
        let taken = format!("the id `{id}` is taken by {at} ({event_type}, position {position}){how}");
        Self::WrongExpectedVersion { stream: stream.clone(), expected, actual, taken: Some(taken) }
    }

    /// The same as a failure of the source `name` while `doing` something.
    pub fn failure(&self, name: &str, doing: &str) -> Failure {
        let (kind, hint) = match self {
            Self::NotFound(_) => (FailureKind::NotFound, ""),
            Self::NotAStore(_) => (FailureKind::Denied, "choose an empty directory or one that does not exist yet"),
            Self::UnknownFormat(_) => (FailureKind::Unsupported, "use the version of stepback that wrote it"),
            Self::Locked { .. } => (FailureKind::Locked, "wait until it is done; looking at the store works meanwhile"),
            Self::WrongExpectedVersion { taken: Some(_), .. } => {
                (FailureKind::Other, "give the event an id of its own, or none")
            }
            Self::WrongExpectedVersion { .. } => (FailureKind::Other, "read the stream again and decide again"),
            Self::Refused(_) => (FailureKind::Malformed, ""),
            Self::Damaged(_) => (
                FailureKind::Malformed,
                "`stepback verify` tells all damage; everything before it can still be read and exported",
            ),
            Self::Unsupported(_) => (FailureKind::Unsupported, ""),
            Self::Io { error, .. } => {
                let io = Failure::io("", "", error);
                let hint = match error.kind() {
                    std::io::ErrorKind::StorageFull => "free some space; what is stored can still be read",
                    _ => "",
                };
                (io.kind, hint)
            }
            Self::Stopped(_) | Self::Index(_) => (FailureKind::Io, ""),
            Self::Projection { .. } => (FailureKind::Other, ""),
            Self::Cancelled => (FailureKind::Cancelled, ""),
        };
        Failure::new(kind, name, doing, self.to_string()).hint(hint)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        error.failure("store", "use it")
    }
}

/// What a store found when it was opened, and did about it. All of it is to be shown to a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// The journal ended in the middle of a record that was never acknowledged; it was cut off.
    TornTailCut {
        /// The segment.
        segment: u32,
        /// Where it ends now.
        offset: u64,
        /// How many bytes were cut.
        bytes: u64,
    },
    /// The file that remembers how far the journal was acknowledged was missing or unreadable, and was rewritten.
    HeadRewritten {
        /// Why.
        why: String,
    },
    /// The index did not agree with the journal or could not be opened; it was set aside and is rebuilt.
    IndexSetAside {
        /// Where it lies now.
        to: PathBuf,
        /// Why.
        why: String,
    },
    /// The index was missing and was rebuilt from the journal.
    IndexRebuilt,
    /// The index cannot be opened now: appending and reading work, snapshots and read models do not.
    IndexUnavailable {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TornTailCut { segment, offset, bytes } => write!(
                f,
                "journal/{segment:06}.evj ended in {bytes} bytes of a write that was never acknowledged; it was cut at byte {offset}"
            ),
            Self::HeadRewritten { why } => write!(f, "journal/head {why}; it was rewritten"),
            Self::IndexSetAside { to, why } => {
                write!(f, "the index was set aside as {} and rebuilt from the journal: {why}", to.display())
            }
            Self::IndexRebuilt => f.write_str("the index was missing and was rebuilt from the journal"),
            Self::IndexUnavailable { why } => {
                write!(f, "the index cannot be used (no snapshots, no read models): {why}")
            }
        }
    }
}
