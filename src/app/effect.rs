//! Everything the interface can want.

use std::time::Duration;

use super::panes::survey::Survey;
use crate::domain::State;
use crate::domain::{Destination, Direction, EventQuery, Scope, StreamName};

/// Numbers the questions of one kind: an answer with an older number is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Generation(pub u64);

/// Something the interface wants done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Read events for the list.
    LoadEvents {
        /// To be repeated in the answer.
        generation: Generation,
        /// Which; forward.
        query: EventQuery,
    },
    /// Read events for the list, one by one.
    LoadSome {
        /// To be repeated in the answer.
        generation: Generation,
        /// Of which scope.
        scope: Scope,
        /// Their ordinals in it, in order.
        ordinals: Vec<u64>,
    },
    /// Tell when events were recorded that stand anywhere in a scope.
    SampleTimes {
        /// To be repeated in the answer.
        generation: Generation,
        /// Of which scope.
        scope: Scope,
        /// Their ordinals in it, in order.
        ordinals: Vec<u64>,
    },
    /// Tell which events of a scope a filter lets through, one after the other.
    Sift {
        /// To be repeated in the answers.
        generation: Generation,
        /// Of which scope.
        scope: Scope,
        /// What was typed.
        filter: String,
        /// From which ordinal on.
        from: u64,
    },
    /// Nobody wants to know any more what a filter lets through.
    StopSift,
    /// Walk.
    Go {
        /// To be repeated in the answer.
        generation: Generation,
        /// In which scope.
        scope: Scope,
        /// Standing where, counted in the scope's events: where `Destination::Store` starts from.
        from: u64,
        /// Where to.
        to: Destination,
    },
    /// Narrow the list of streams by a fuzzy pattern (never empty).
    FilterStreams {
        /// To be repeated in the answer.
        generation: Generation,
        /// What was typed.
        pattern: String,
    },
    /// Look for text in types, streams, data and metadata of a scope's events.
    Find {
        /// To be repeated in the answer.
        generation: Generation,
        /// The text; without capital letters it matches both cases.
        pattern: String,
        /// Whether that is a regular expression.
        expression: bool,
        /// Where.
        scope: Scope,
        /// From which place (that one excluded), counted like `scope_at`.
        from: u64,
        /// In which scope that place is counted.
        counted_in: Scope,
        /// Which way; it goes round the end once.
        direction: Direction,
    },
    /// Tell everything a scope holds of a text, one after the other.
    Search {
        /// To be repeated in the answers.
        generation: Generation,
        /// The text; without capital letters it matches both cases.
        pattern: String,
        /// Whether that is a regular expression.
        expression: bool,
        /// Where.
        scope: Scope,
    },
    /// Nobody wants to know any more what is looked for.
    StopSearch,
    /// Open the source again.
    Reopen {
        /// To be repeated when that fails.
        generation: Generation,
    },
    /// Look at the whole store.
    Survey {
        /// To be repeated in the answer.
        generation: Generation,
        /// For what.
        survey: Survey,
    },
    /// Stop the survey that runs.
    StopSurvey,
    /// Stop the running jobs (walk, find, search, filters, survey).
    StopJobs,
    /// Go on with the fold of a stream that is suspended.
    KeepGoing(StreamName),
    /// Keep this state to compare with.
    Pin(State),
    /// No longer compare.
    Unpin,
    /// Tell how places of a stream are written so that each leads there and to nothing else.
    NamePlaces {
        /// To be repeated in the answer.
        generation: Generation,
        /// Of which stream.
        stream: StreamName,
        /// How many of its events lie at or before each.
        places: Vec<u64>,
    },
    /// Hand text to the terminal's clipboard.
    Copy(String),
    /// Tick every so often, or no more.
    Play(Option<Duration>),
    /// Suspend to the shell.
    Suspend,
    /// Draw everything again.
    Repaint,
    /// End.
    Quit,
}
