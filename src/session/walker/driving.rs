//! Folds a timeline through a source in slices, so that a walk can be stopped and says how far it is.

use std::ops::{Range, RangeInclusive};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{Builder, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::domain::{Cancel, EventPage, EventQuery, Failure, StreamName};
use crate::replay::{Advance, Budget, Counted, FoldError, Goal, Moment, StateCost, Suspension, Timeline};
use crate::sources::Source;

/// Events folded between two looks at the cancel token, at most. Of a script's a single batch: it may take its whole time
/// at each event, and nobody waits for that many times over.
pub(super) const SLICE: u64 = 4096;

/// What a slice takes: after a longer one the next is smaller, after a shorter one larger.
const SLICE_TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_millis(50);

/// So many events must lie behind a page for the next one to be read ahead.
const WORTH_READING_AHEAD: u64 = 512;

/// A timeline, and how many of its events are folded between two looks at anything else.
pub(super) struct Kept {
    pub(super) timeline: Timeline,
    pub(super) slice: u64,
    pub(super) batch: u64,
}

/// How far a fold is.
pub struct Underway<'a> {
    /// Events folded so far.
    pub folded: u64,
    /// Events to fold in all.
    pub to_fold: u64,
    timeline: &'a Timeline,
}

impl Underway<'_> {
    /// The stream that is folded.
    pub fn stream(&self) -> &StreamName {
        self.timeline.stream()
    }

    /// How many of its events failed so far.
    pub fn counted(&self) -> Counted {
        self.timeline.counted()
    }

    /// Their ordinals, as runs of neighbours, at most so many.
    pub fn failed(&self, most: usize) -> Vec<Range<u64>> {
        self.timeline.failed().take(most).collect()
    }
}

/// Folds to a place.
pub(super) fn drive(
    source: &dyn Source,
    Kept { timeline, slice, batch }: &mut Kept,
    place: u64,
    cancel: &Cancel,
    told: &mut dyn FnMut(&Underway<'_>),
) -> Result<Moment, Failure> {
    let scope = timeline.track().scope.clone();
    if let Some(stream) = timeline.track().stream()
        && let Some(summary) = source.stream(stream)?
    {
        timeline.grow(summary.events);
    }
    timeline.heed(cancel);
    let mut goal = Goal::To(place);
    let largest = largest_slice(timeline, *batch);
    let read = |from, limit| source.events(&EventQuery::at(scope.clone(), from, limit), cancel);
    std::thread::scope(|threads| {
        // On a long way the next page is read while this one is folded.
        let mut ahead: Option<(u64, ScopedJoinHandle<'_, Result<EventPage, Failure>>)> = None;
        loop {
            if cancel.is_cancelled() {
                return Err(stopped(source));
            }
            let begun = Instant::now();
            let answer = timeline.advance(&mut goal, Budget { events: *slice });
            *slice = next_slice(*slice, begun.elapsed(), largest);
            match answer {
                Advance::Working { folded, to_fold } => told(&Underway { folded, to_fold, timeline }),
                Advance::NeedEvents { from, limit } => {
                    let page = match ahead.take().filter(|(at, _)| *at == from) {
                        Some((_, page)) => page.join().unwrap_or_else(|panic| resume_unwind(panic))?,
                        None => read(from, limit)?,
                    };
                    let next = page.first + page.events.len() as u64;
                    let left = place.min(timeline.total().unwrap_or(0)).saturating_sub(next);
                    if page.events.len() == limit && left >= WORTH_READING_AHEAD {
                        let read = &read;
                        // Without a thread it is read when it is needed.
                        ahead = Builder::new()
                            .spawn_scoped(threads, move || read(next, limit))
                            .ok()
                            .map(|page| (next, page));
                    }
                    timeline.feed(page);
                }
                Advance::Reached | Advance::Stopped(_) | Advance::NotFound(_) => return Ok(timeline.moment()),
                Advance::Failed(_) if cancel.is_cancelled() => {}
                Advance::Failed(why) => return unfolded(source, timeline, place, why, cancel),
                Advance::Suspended(suspension) => {
                    let moment = unfolded(source, timeline, place, suspended(&suspension), cancel)?;
                    return Ok(Moment { suspended: Some(suspension), ..moment });
                }
            }
        }
    })
}

/// Counts on for about so long; says why, when the reducer cannot fold at all.
pub(super) fn count(
    source: &dyn Source,
    Kept { timeline, slice, batch }: &mut Kept,
    time: Duration,
    cancel: &Cancel,
) -> Result<Option<FoldError>, Failure> {
    let scope = timeline.track().scope.clone();
    if let Some(stream) = timeline.track().stream()
        && let Some(summary) = source.stream(stream)?
    {
        timeline.grow(summary.events);
    }
    timeline.heed(cancel);
    let (begun, largest) = (Instant::now(), largest_slice(timeline, *batch));
    while !cancel.is_cancelled() && begun.elapsed() < time {
        let slice_begun = Instant::now();
        let answer = timeline.count_on(Budget { events: *slice });
        *slice = next_slice(*slice, slice_begun.elapsed(), largest);
        match answer {
            Advance::Working { .. } => {}
            Advance::NeedEvents { from, limit } => {
                timeline.feed_count(source.events(&EventQuery::at(scope.clone(), from, limit), cancel)?);
            }
            Advance::Reached | Advance::Suspended(_) | Advance::Stopped(_) | Advance::NotFound(_) => break,
            Advance::Failed(_) if cancel.is_cancelled() => break,
            Advance::Failed(why) => return Ok(Some(why)),
        }
    }
    Ok(None)
}

/// Why a stream that is folded to its end has no state there; `None` where it has one.
pub(super) fn stateless(source: &dyn Source, kept: &mut Kept, cancel: &Cancel) -> Result<Option<FoldError>, Failure> {
    let end = kept.timeline.counted().total;
    if kept.timeline.gives_state_at(end) {
        return Ok(None);
    }
    let why = drive(source, kept, end, cancel, &mut |_| {})?.unknown;
    Ok(why.map(|why| FoldError { message: format!("there is no state at its end: {}", why.message), ..why }))
}

/// That a fold stands still, as an error.
pub(super) fn suspended(suspension: &Suspension) -> FoldError {
    FoldError::timed_out(suspension.to_string())
}

pub(super) fn stopped(source: &dyn Source) -> Failure {
    Failure::cancelled(source.about().name, "walk")
}

/// The most events folded between two looks at the cancel token.
pub(super) fn largest_slice(timeline: &Timeline, batch: u64) -> u64 {
    match timeline.reducer().cost {
        StateCost::Pointer => SLICE,
        StateCost::Copy => SLICE.min(batch),
    }
}

/// How fast it goes decides how often is looked up, never what is found.
pub(super) fn next_slice(slice: u64, took: Duration, largest: u64) -> u64 {
    match took {
        time if time < *SLICE_TIME.start() => (slice * 2).min(largest),
        time if time > *SLICE_TIME.end() => (slice / 4).max(1),
        _ => slice,
    }
}

/// The moment of a place whose reducer cannot fold at all: the event, and why there is no state.
fn unfolded(
    source: &dyn Source,
    timeline: &Timeline,
    place: u64,
    why: FoldError,
    cancel: &Cancel,
) -> Result<Moment, Failure> {
    let stream = timeline.stream().clone();
    let total = timeline.total().unwrap_or(0);
    let at = place.min(total);
    let event = match at.checked_sub(1) {
        Some(ordinal) => {
            let query = EventQuery::at(timeline.track().scope.clone(), ordinal, 1);
            source.events(&query, cancel)?.events.into_iter().next()
        }
        None => None,
    };
    let reducer = timeline.reducer().clone();
    let (patch, unknown, faults) = (Arc::default(), Some(why), timeline.faults_before(at));
    let (state, suspended, urged, fault) = (None, None, timeline.patience().is_urged(), None);
    let uncompared = event.is_some();
    Ok(Moment { stream, at, total, event, state, patch, uncompared, unknown, suspended, urged, fault, faults, reducer })
}
