//! What can be asked of an investigation and what is answered: the one language between the engine and its guests, the
//! interface, the commands and the tests. Plain data; `session::desk` answers.

use std::ops::Range;
use std::sync::Arc;

use crate::domain::report::Report;
use crate::domain::shape::Shapes;
use crate::domain::{
    About, Destination, Direction, Event, EventPage, EventQuery, Failure, Patch, Place, Progress, Scope, SourceChange,
    State, StreamName, StreamSummary, Timestamp, Unjudged,
};
use crate::replay::{Counted, Moment};

/// Numbers the questions of one kind: an answer with an older number is dropped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Generation(pub u64);

/// A question, or the wish to stop one.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
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
}

/// An answer, or something that became known without a question.
#[derive(Clone, Debug)]
pub enum Told {
    /// The source said what it is (once at the start, again when its words changed).
    SourceDescribed(Box<About>),
    /// The source has been read further.
    SourceProgressed(Progress),
    /// The list of all streams known now, in the order of their first events. Longer lists follow while the source is
    /// being read; a stream keeps its index.
    StreamsListed(Arc<Vec<StreamSummary>>),
    /// Answer to `Ask::FilterStreams`: indices into the list of streams, best first. `complete` is false for a first
    /// part that a longer answer will replace.
    StreamsFiltered {
        /// Of the question.
        generation: Generation,
        /// Indices, best match first.
        matches: Arc<Vec<u32>>,
        /// Whether all streams have been looked at.
        complete: bool,
    },
    /// Answer to `Ask::LoadEvents`.
    EventsLoaded {
        /// Of the question.
        generation: Generation,
        /// Which scope.
        scope: Scope,
        /// The events, forward.
        page: EventPage,
    },
    /// Answer to `Ask::LoadSome`: events with their ordinals. Some may be missing.
    SomeLoaded {
        /// Of the question.
        generation: Generation,
        /// The events.
        events: Vec<(u64, Arc<Event>)>,
    },
    /// Answer to `Ask::SampleTimes`: ordinals with their times. Some may be missing.
    TimesSampled {
        /// Of the question.
        generation: Generation,
        /// When they were recorded, as far as the store says.
        times: Vec<(u64, Option<Timestamp>)>,
    },
    /// `Ask::Sift` was understood; its answers follow.
    SiftBegan {
        /// Of the question.
        generation: Generation,
    },
    /// `Ask::Sift` was not understood.
    SiftRefused {
        /// Of the question.
        generation: Generation,
        /// Where, in characters from 1; 0 where it is no one place.
        column: usize,
        /// Why.
        why: String,
    },
    /// Answer to `Ask::Sift`, one of many, in order.
    Sifted {
        /// Of the question.
        generation: Generation,
        /// The ordinals of events that pass.
        ordinals: Vec<u64>,
        /// Events looked at so far, from the first of the scope.
        looked: u64,
        /// Events in all as far as known.
        total: u64,
    },
    /// `Ask::Sift` has looked at everything.
    SiftEnded {
        /// Of the question.
        generation: Generation,
        /// What could not be judged.
        unjudged: Unjudged,
        /// What was folded for it, and what of that failed, in words; empty where nothing was.
        folded: String,
    },
    /// First answer to `Ask::Go`: where it leads. What is so there follows, unless it followed already.
    PlaceReached {
        /// Of the question.
        generation: Generation,
        /// Where.
        arrival: Arrival,
    },
    /// Answer to `Ask::Go`: the walk stands here now. `scope_at` is the same place counted in the scope's events.
    MomentReached {
        /// Of the question.
        generation: Generation,
        /// The scope that is walked.
        scope: Scope,
        /// How many events of the scope lie at or before the cursor (0 is before the first).
        scope_at: u64,
        /// What is so there.
        moment: Box<Moment>,
    },
    /// `Ask::Go` is still folding.
    WalkProgressed {
        /// Of the question.
        generation: Generation,
        /// How far it is.
        progress: FoldProgress,
    },
    /// Answer to `Ask::Pin` and to every walk while something is pinned: what differs from the pinned state.
    DiffMade {
        /// Of the question.
        generation: Generation,
        /// From the pinned state to the current one.
        patch: Arc<Patch>,
    },
    /// `Ask::Find` found something: the place in the scope, counted like `scope_at`.
    Found {
        /// Of the question.
        generation: Generation,
        /// The place.
        scope_at: u64,
    },
    /// `Ask::Find` is still looking.
    FindProgressed {
        /// Of the question.
        generation: Generation,
        /// Events looked at.
        looked: u64,
        /// Events to look at in all, as far as known.
        total: u64,
    },
    /// `Ask::Find` looked at everything it was asked to and found nothing.
    NotFound {
        /// Of the question.
        generation: Generation,
    },
    /// Answer to `Ask::Search`, one of many, in order.
    HitsFound {
        /// Of the question.
        generation: Generation,
        /// The ordinals of events that match.
        ordinals: Vec<u64>,
        /// How much has been looked at, in percent.
        percent: u64,
    },
    /// `Ask::Search` has ended.
    SearchEnded {
        /// Of the question.
        generation: Generation,
        /// Whether there are more hits than were told.
        more: bool,
    },
    /// What `Ask::Find` or `Ask::Search` is to look for is no regular expression.
    PatternRefused {
        /// Of the question.
        generation: Generation,
        /// Why.
        why: String,
    },
    /// Answer to `Ask::Survey`.
    Surveyed {
        /// Of the question.
        generation: Generation,
        /// What was found.
        answer: Answer,
    },
    /// `Ask::Survey` is still looking.
    SurveyProgressed {
        /// Of the question.
        generation: Generation,
        /// At what.
        what: &'static str,
        /// How much of it is done.
        done: u64,
        /// How much there is, as far as known.
        total: u64,
    },
    /// Answer to `Ask::NamePlaces`: the places as they are written, in the order they were asked for.
    PlacesNamed {
        /// Of the question.
        generation: Generation,
        /// How they are written.
        names: Vec<Place>,
    },
    /// A job failed.
    JobFailed {
        /// Of the question.
        generation: Generation,
        /// Why.
        failure: Failure,
    },
    /// What the project files say that means nothing for the source.
    ProjectRemarked(Vec<String>),
    /// Something to know of the place that was gone to, in a sentence.
    PlaceNoticed(String),
    /// A reducer file changed on disk and was loaded again.
    ReducerReloaded(String),
    /// A reducer file changed on disk and cannot be used: the text says why. The one before is used still.
    ReducerRefused(String),
    /// What a reducer that was loaded again changed at the cursor.
    SaveCompared(String),
    /// Events that failed have been counted so far.
    FaultsCounted(Failing),
    /// The source is no longer what it was.
    SourceChanged(SourceChange),
    /// The source has been opened again: everything about it is told again.
    Reopened,
}

/// What is looked for in a whole store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Survey {
    /// What is out of order.
    Doctor,
    /// Which types of events there are, and what they look like.
    Types,
}

impl Survey {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Doctor => "Doctor",
            Self::Types => "Types",
        }
    }
}

/// What a survey gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// The doctor's.
    Doctor(Arc<Report>),
    /// Of the types.
    Types(Arc<Shapes>),
}

/// Where a walk leads, known before anything is folded.
#[derive(Clone, PartialEq, Debug)]
pub struct Arrival {
    /// The scope that is walked.
    pub scope: Scope,
    /// How many events of the scope lie at or before the cursor (0 is before the first).
    pub scope_at: u64,
    /// The event there.
    pub event: Option<Arc<Event>>,
    /// How many events of its own stream lie at or before it; 0 where it belongs to no stream.
    pub stream_at: u64,
    /// How many events the scope has as far as known.
    pub total: u64,
}

/// How far a fold is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FoldProgress {
    /// Events folded so far.
    pub folded: u64,
    /// Events to fold in all.
    pub to_fold: u64,
    /// How long it has taken so far, in whole seconds.
    pub seconds: u64,
}

/// The events of a stream that failed, as far as they are counted.
#[derive(Clone, PartialEq, Debug)]
pub struct Failing {
    /// Of which stream.
    pub stream: StreamName,
    /// How many, and how far the count has come.
    pub counted: Counted,
    /// Their ordinals, as runs of neighbours.
    pub failed: Arc<Vec<Range<u64>>>,
    /// Why nobody counts on, when that is so.
    pub why: Option<Arc<str>>,
}
