//! The language between this program and the process that folds for it: frames over two pipes.
//!
//! ```text
//! frame  = length (u32, of what follows) kind (u8) body
//! text   = length (u32) UTF-8
//! ```
//!
//! All numbers are little-endian. The worker speaks first: `Hello` with the version of this protocol, its engine, and how
//! far it has locked itself in. Then every request is answered by exactly one final answer (`Done`, `Failed`, `Applied`,
//! `State`, `States`, `Gone`, `Heavy`), requests in their order; in between it may say `Working` (it is at work, within its time), `At` (it now
//! begins this event, when it was asked to be careful) or `Stuck` (the event it is at has used up its time and does not
//! come back: whoever hears this kills it). A worker ends when its input does.
//!
//! A worker holds one state (`StartInitial`, `StartResume`), or one for each key (`StartMany`): every event names its key
//! then. Watched values cross with the events that change them; whole states only when they are asked for.
//!
//! Payloads cross as the JSON text they are stored as. Nothing that arrives is trusted: every length is checked against
//! what is there, and a frame larger than its limit is an error before it is read.

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use crate::domain::Path;
use crate::replay::{Cause, StateText};

pub use read::{Body, first_frame};
pub use write::{write_apply, write_event};

/// What is spoken here. A worker of another version is refused.
pub const VERSION: u32 = 4;

/// The first bytes of a `Hello`.
pub const MAGIC: &[u8; 8] = b"stepback";

/// The largest state that is taken, in bytes of JSON text.
pub const MAX_STATE: usize = 64 << 20;

/// The largest answer: a state with its numbers' places, and a margin.
pub const MAX_ANSWER: usize = 2 * MAX_STATE;

/// The largest request: one event of this size can still be folded.
pub const MAX_REQUEST: usize = 256 << 20;

/// Error messages are cut to this many bytes.
pub const MAX_MESSAGE: usize = 4 << 10;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the protocol is broken: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// What went wrong in a script, and where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The words.
    pub message: String,
    /// Line (from 1) and column (from 1; 0 when unknown).
    pub place: Option<(u32, u32)>,
    /// What kind of failure it is.
    pub cause: Cause,
}

impl Problem {
    /// A problem without a place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, cause: Cause::Failed }
    }
}

/// What is asked of a worker.
#[derive(Clone, PartialEq, Debug)]
pub enum Request<'a> {
    /// Take this script. Answered by `Done` or `Failed`.
    Load {
        /// The time for folding one event, in microseconds.
        event_micros: u64,
        /// The time for everything else that runs the script once, in microseconds.
        call_micros: u64,
        /// The memory of the engine, in bytes.
        memory: u64,
        /// The script.
        source: &'a str,
    },
    /// Begin with the initial state of this stream. Answered by `Done` or `Failed`.
    StartInitial {
        /// The stream.
        stream: &'a str,
    },
    /// Begin with this state. Answered by `Done` or `Failed`.
    StartResume {
        /// The stream.
        stream: &'a str,
        /// The state as JSON text; `None` when the entity does not exist.
        state: Option<&'a str>,
        /// The places (ascending, counted over all numbers of the text) of integers that are exact although small.
        exact: Vec<u32>,
    },
    /// Fold these events. Answered by `Applied`, `Gone` or `Heavy`.
    Apply {
        /// Requests of one batch: once the worker has stopped before the end of one, it folds nothing of the others.
        batch: u32,
        /// Whether each event is to be announced by `At`.
        careful: bool,
        /// The events, see [`write_event`].
        events: &'a [u8],
    },
    /// Give the state. Answered by `State` or `Failed`.
    State,
    /// Begin with a state for each key, and none yet: each begins with the initial state of its key. Answered by `Done` or
    /// `Failed`.
    StartMany,
    /// Go on with these states, of these keys, after a `StartMany`. Answered by `Done` or `Failed`.
    Resume {
        /// The states by key.
        states: Vec<KeyedState<'a>>,
    },
    /// Give the state of this key. Answered by `State` or `Failed`.
    StateOf {
        /// The key.
        key: &'a str,
    },
    /// Give the states of all keys, as many as fit. Answered by `States` or `Failed`.
    States {
        /// How many of them are known already.
        from: u32,
    },
    /// From now on say of every event which of the values at these paths it changed. Answered by `Done` or `Failed`.
    Watch {
        /// The paths.
        paths: Vec<Path>,
    },
}

/// What a worker says.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// Its first words.
    Hello {
        /// The version it speaks.
        version: u32,
        /// What runs the scripts.
        engine: String,
        /// How far it is locked in.
        sandbox: Sandbox,
    },
    /// It is done.
    Done,
    /// It could not be done; the worker can go on.
    Failed(Problem),
    /// The events are folded.
    Applied {
        /// Those that could not be, by their index.
        faults: Vec<(u32, Problem)>,
        /// The index of the first event that was not dealt with, when there is one: an event timed out, or they take long.
        next: Option<u32>,
        /// What the script wrote to its console.
        console: String,
        /// Which watched values they changed, in the order of the events.
        values: Vec<ValueRecord>,
    },
    /// The state.
    State {
        /// As JSON text; `None` when the entity does not exist.
        text: Option<String>,
        /// As in `StartResume`.
        exact: Vec<u32>,
    },
    /// States by key.
    States {
        /// Each with its key.
        states: Vec<(String, StateText)>,
        /// How many are known with these, when there are more.
        next: Option<u32>,
    },
    /// It is at work, within its time.
    Working,
    /// It begins this event.
    At(u32),
    /// It hangs, in this event if any.
    Stuck(Option<u32>),
    /// The state it has come to is too much to be written, and it is not known since which event of those folded last.
    Heavy(Problem),
    /// The state is lost, by this event: start over.
    Gone {
        /// The event.
        at: u32,
        /// Why.
        problem: Problem,
    },
}

/// The state of a key as it crosses to the worker.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyedState<'a> {
    /// The key.
    pub key: &'a str,
    /// The state as JSON text; `None` when the entity does not exist.
    pub text: Option<&'a str>,
    /// As in `StartResume`.
    pub exact: Vec<u32>,
}

/// What an event did to a watched value.
#[derive(Clone, PartialEq, Debug)]
pub struct ValueRecord {
    /// The index of the event.
    pub index: u32,
    /// Which of the paths.
    pub path: u32,
    /// What stood there before.
    pub before: Value,
    /// What stands there after it.
    pub after: Value,
}

/// What stands at a path: JSON text, nothing, or why it cannot be given.
pub type Value = Result<Option<String>, Problem>;

/// How far a worker is locked in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// By nothing but its engine.
    None,
    /// By some of what was asked of the system.
    Partial,
    /// By all of it.
    Full,
}

/// The lock and its weak spots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sandbox {
    /// How far.
    pub level: Level,
    /// What is missing, for a person; empty when nothing is.
    pub missing: String,
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::None => "none",
            Level::Partial => "partial",
            Level::Full => "full",
        })?;
        if !self.missing.is_empty() {
            write!(f, " (missing: {})", self.missing)?;
        }
        Ok(())
    }
}

/// An event as it crosses.
#[derive(Clone, PartialEq, Debug)]
pub struct EventRecord<'a> {
    /// Its index among the events of the caller.
    pub index: u32,
    /// The key of its state, where the worker holds many.
    pub key: Option<&'a str>,
    /// Its stream, where it differs from its key, or from the stream of the start.
    pub stream: Option<&'a str>,
    /// Its type.
    pub event_type: &'a str,
    /// Its version.
    pub version: u64,
    /// Its position.
    pub position: PositionRecord<'a>,
    /// Its id.
    pub id: Option<&'a str>,
    /// Its time, ISO 8601.
    pub time: Option<&'a str>,
    /// Its data.
    pub data: PayloadRecord<'a>,
    /// Its metadata.
    pub metadata: PayloadRecord<'a>,
    /// The fields of its record that are no part of it.
    pub fields: PayloadRecord<'a>,
}

/// A position as it crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PositionRecord<'a> {
    /// A number.
    Number(u64),
    /// Text.
    Text(&'a str),
}

/// A payload as it crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadRecord<'a> {
    /// Nothing.
    Absent,
    /// JSON text, not checked.
    Json(&'a [u8]),
    /// Not JSON, and why.
    Broken(&'a str),
}

/// The kinds of frames: requests below 64, answers from there.
mod kind {
    pub(super) const LOAD: u8 = 1;
    pub(super) const START_INITIAL: u8 = 2;
    pub(super) const START_RESUME: u8 = 3;
    pub(super) const APPLY: u8 = 4;
    pub(super) const STATE: u8 = 5;
    pub(super) const START_MANY: u8 = 6;
    pub(super) const RESUME: u8 = 7;
    pub(super) const STATE_OF: u8 = 8;
    pub(super) const STATES: u8 = 9;
    pub(super) const WATCH: u8 = 10;

    pub(super) const HELLO: u8 = 64;
    pub(super) const DONE: u8 = 65;
    pub(super) const FAILED: u8 = 66;
    pub(super) const APPLIED: u8 = 67;
    pub(super) const STATE_IS: u8 = 68;
    pub(super) const WORKING: u8 = 69;
    pub(super) const AT: u8 = 70;
    pub(super) const STUCK: u8 = 71;
    pub(super) const GONE: u8 = 72;
    pub(super) const HEAVY: u8 = 73;
    pub(super) const STATES_ARE: u8 = 74;
}
