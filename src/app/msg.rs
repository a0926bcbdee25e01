//! Everything that can happen.

use std::sync::Arc;

use super::effect::Generation;
use super::failing::Failing;
use super::folding::FoldProgress;
use super::key::{Key, Mouse};
use super::panes::survey::Answer;
use super::walk::Arrival;
use crate::domain::{
    About, Change, Event, EventPage, Failure, Place, Progress, Scope, StreamSummary, Timestamp, Unjudged,
};
use crate::replay::Moment;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    KeyPressed(Key),
    /// The mouse did something.
    MouseMoved(Mouse),
    /// Text was pasted.
    Pasted(String),
    /// The terminal has a new size, in cells.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The source said what it is (once at the start, again when its words changed).
    SourceDescribed(Box<About>),
    /// The source has been read further.
    SourceProgressed(Progress),
    /// The list of all streams known now, in the order of their first events. Longer lists follow while the source is
    /// being read; a stream keeps its index.
    StreamsListed(Arc<Vec<StreamSummary>>),
    /// Answer to `Effect::FilterStreams`: indices into the list of streams, best first. `complete` is false for a first
    /// part that a longer answer will replace.
    StreamsFiltered {
        /// Of the effect.
        generation: Generation,
        /// Indices, best match first.
        matches: Arc<Vec<u32>>,
        /// Whether all streams have been looked at.
        complete: bool,
    },
    /// Answer to `Effect::LoadEvents`.
    EventsLoaded {
        /// Of the effect.
        generation: Generation,
        /// Which scope.
        scope: Scope,
        /// The events, forward.
        page: EventPage,
    },
    /// Answer to `Effect::LoadSome`: events with their ordinals. Some may be missing.
    SomeLoaded {
        /// Of the effect.
        generation: Generation,
        /// The events.
        events: Vec<(u64, Arc<Event>)>,
    },
    /// Answer to `Effect::SampleTimes`: ordinals with their times. Some may be missing.
    TimesSampled {
        /// Of the effect.
        generation: Generation,
        /// When they were recorded, as far as the store says.
        times: Vec<(u64, Option<Timestamp>)>,
    },
    /// `Effect::Sift` was understood; its answers follow.
    SiftBegan {
        /// Of the effect.
        generation: Generation,
    },
    /// `Effect::Sift` was not understood.
    SiftRefused {
        /// Of the effect.
        generation: Generation,
        /// Where, in characters from 1; 0 where it is no one place.
        column: usize,
        /// Why.
        why: String,
    },
    /// Answer to `Effect::Sift`, one of many, in order.
    Sifted {
        /// Of the effect.
        generation: Generation,
        /// The ordinals of events that pass.
        ordinals: Vec<u64>,
        /// Events looked at so far, from the first of the scope.
        looked: u64,
        /// Events in all as far as known.
        total: u64,
    },
    /// `Effect::Sift` has looked at everything.
    SiftEnded {
        /// Of the effect.
        generation: Generation,
        /// What could not be judged.
        unjudged: Unjudged,
    },
    /// First answer to `Effect::Go`: where it leads. What is so there follows, unless it followed already.
    PlaceReached {
        /// Of the effect.
        generation: Generation,
        /// Where.
        arrival: Arrival,
    },
    /// Answer to `Effect::Go`: the walk stands here now. `scope_at` is the same place counted in the scope's events.
    MomentReached {
        /// Of the effect.
        generation: Generation,
        /// The scope that is walked.
        scope: Scope,
        /// How many events of the scope lie at or before the cursor (0 is before the first).
        scope_at: u64,
        /// What is so there.
        moment: Box<Moment>,
    },
    /// `Effect::Go` is still folding.
    WalkProgressed {
        /// Of the effect.
        generation: Generation,
        /// How far it is.
        progress: FoldProgress,
    },
    /// Answer to `Effect::Pin` and to every walk while something is pinned: what differs from the pinned state.
    DiffMade {
        /// Of the effect.
        generation: Generation,
        /// From the pinned state to the current one.
        patch: Arc<crate::domain::Patch>,
    },
    /// `Effect::Find` found something: the place in the scope, counted like `scope_at`.
    Found {
        /// Of the effect.
        generation: Generation,
        /// The place.
        scope_at: u64,
    },
    /// `Effect::Find` is still looking.
    FindProgressed {
        /// Of the effect.
        generation: Generation,
        /// Events looked at.
        looked: u64,
        /// Events to look at in all, as far as known.
        total: u64,
    },
    /// `Effect::Find` looked at everything it was asked to and found nothing.
    NotFound {
        /// Of the effect.
        generation: Generation,
    },
    /// Answer to `Effect::Search`, one of many, in order.
    HitsFound {
        /// Of the effect.
        generation: Generation,
        /// The ordinals of events that match.
        ordinals: Vec<u64>,
        /// How much has been looked at, in percent.
        percent: u64,
    },
    /// `Effect::Search` has ended.
    SearchEnded {
        /// Of the effect.
        generation: Generation,
        /// Whether there are more hits than were told.
        more: bool,
    },
    /// What `Effect::Find` or `Effect::Search` is to look for is no regular expression.
    PatternRefused {
        /// Of the effect.
        generation: Generation,
        /// Why.
        why: String,
    },
    /// Answer to `Effect::Survey`.
    Surveyed {
        /// Of the effect.
        generation: Generation,
        /// What was found.
        answer: Answer,
    },
    /// `Effect::Survey` is still looking.
    SurveyProgressed {
        /// Of the effect.
        generation: Generation,
        /// At what.
        what: &'static str,
        /// How much of it is done.
        done: u64,
        /// How much there is, as far as known.
        total: u64,
    },
    /// Answer to `Effect::NamePlaces`: the places as they are written, in the order they were asked for.
    PlacesNamed {
        /// Of the effect.
        generation: Generation,
        /// How they are written.
        names: Vec<Place>,
    },
    /// A job failed.
    JobFailed {
        /// Of the effect.
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
    /// The text was handed to the terminal's clipboard: how many bytes, or why not.
    Copied(Result<usize, String>),
    /// The source is no longer what it was.
    SourceChanged(Change),
    /// The source has been opened again: everything about it is told again.
    Reopened,
    /// The play timer came round.
    PlayTicked,
    /// The program was suspended and is back: everything must be drawn again.
    Resumed,
}
