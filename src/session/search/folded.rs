//! A filter whose condition names states: the streams of a scope are folded, one after the other, and every place of each is
//! judged.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

use super::filter::{EventFilter, Sieve};
use crate::condition::{Needs, Problem};
use crate::domain::{
    Cancel, Direction, EventQuery, Failure, FailureKind, Scope, StreamName, StreamSummary, Unjudged, words,
};
use crate::replay::{self, FaultCount, FirstFault, FoldError, Probe, ReducerInfo, Stop, Stops, Verdict};
use crate::session::judging::subject_at;
use crate::session::population;
use crate::session::walker::{Step, Walker};
use crate::sources::Source;

/// What came of it.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct FoldedSift {
    /// The ordinals within the scope of events that pass, in their order.
    pub passing: Vec<u64>,
    /// What could not be judged, and why.
    pub unjudged: Unjudged,
    /// How many streams were folded.
    pub streams: u64,
    /// How many of their events were judged.
    pub events: u64,
    /// How many were folded for it, from the first on.
    pub folded: u64,
    /// What of these failed.
    pub faults: FaultCount,
    /// What folded them, by name.
    pub reducers: BTreeSet<String>,
    /// Whether any of these is a guess.
    pub approximate: bool,
    /// Streams that could not be judged to their end, how many, and the first with the reason.
    pub unfolded: Option<(u64, StreamName, FoldError)>,
    /// The stream in which it was stopped: what passes up to there is given.
    pub stopped_in: Option<StreamName>,
    /// That the condition is none: it was neither true nor false at any place.
    pub refused: Option<Problem>,
}

impl FoldedSift {
    /// What was folded, for a person: `198 streams folded with merge, order.js`.
    pub fn words(&self) -> String {
        let names: Vec<&str> = self.reducers.iter().map(String::as_str).collect();
        let with = if names.is_empty() { String::new() } else { format!(" with {}", names.join(", ")) };
        let approximate = if self.approximate { " (approximate)" } else { "" };
        let mut said = format!("{} folded{with}{approximate}", words::counted(self.streams, "stream"));
        if let Some(stream) = &self.stopped_in {
            said.push_str(&format!(", stopped within {stream}"));
        }
        said
    }

    /// The same in one line with all that it lacks.
    pub fn summary(&self) -> String {
        let mut summary = self.words();
        if self.faults.before > 0 {
            summary.push_str(&format!(", {} of their events failed", words::count(self.faults.before)));
        }
        if let Some((count, stream, why)) = &self.unfolded {
            let streams = words::counted(*count, "stream");
            summary.push_str(&format!(", {streams} not to the end ({stream}: {why})"));
        }
        summary
    }
}

/// A filter as a probe.
struct Sifting {
    sieve: Mutex<Sieve>,
    needs: Needs,
    /// Which events of the stream that is folded are asked about; `None` where all are.
    asked: Mutex<Option<Vec<bool>>>,
}

impl Sifting {
    fn is_asked(&self, place: u64) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let ordinal = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
        asked.as_ref().is_none_or(|asked| ordinal.and_then(|at| asked.get(at)).copied().unwrap_or(false))
    }
}

impl Probe for Sifting {
    fn judge(&self, subject: &replay::Subject<'_>) -> Verdict {
        let Some(event) = subject.event() else { return Verdict::Miss };
        if !self.is_asked(subject.place()) {
            return Verdict::Miss;
        }
        let mut sieve = self.sieve.lock().unwrap_or_else(PoisonError::into_inner);
        match sieve.passes_at(event, &mut || subject_at(subject, self.needs)) {
            Ok(passes) => passes.into(),
            Err(why) => Verdict::Unjudged(why),
        }
    }
}

/// Finds the events of a scope, among those with these ordinals, that a filter lets through. `told` hears what stream is
/// being folded as how many of how many, and can end it, as `cancel` does: what is known by then is given.
///
/// # Errors
/// When the source cannot be read.
pub fn sift_folded(
    source: &dyn Source,
    walker: &mut Walker,
    (scope, within): (&Scope, Range<u64>),
    filter: &EventFilter,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<FoldedSift, Failure> {
    let sieve = Mutex::new(filter.sieve(source, scope, cancel)?);
    let sifting = Arc::new(Sifting { sieve, needs: filter.needs(), asked: Mutex::default() });
    let stops = Stops::new([Stop::at_each(Arc::clone(&sifting))]);
    let total = source.events(&EventQuery::first(scope.clone(), 1), cancel)?.total;
    let streams = population::streams_of(source, scope, cancel, &mut |stream| filter.lets_stream(stream))?;
    let (mut found, of) = (FoldedSift::default(), streams.len() as u64);
    for (done, summary) in (0..).zip(&streams) {
        if told(done, of).is_break() {
            break;
        }
        let stream = &summary.stream;
        let asked = asked(source, summary, (scope, &within), total)?;
        // Nothing behind the last event that is asked about has to be folded.
        let events = match &asked {
            Some(asked) => {
                let Some(last) = asked.iter().rposition(|asked| *asked) else { continue };
                let first = asked.iter().position(|asked| *asked).unwrap_or(last);
                first as u64..last as u64 + 1
            }
            None => 0..summary.events,
        };
        let count = asked.as_ref().map_or(summary.events, |asked| asked.iter().filter(|asked| **asked).count() as u64);
        *sifting.asked.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        let own = Scope::Stream(stream.clone());
        let mut hits = Vec::new();
        let searched = walker.search(stream, &stops, (events.clone(), Direction::Forward), cancel, &mut |step| {
            match step {
                Step::Hit(hit) => hits.push(hit.place - 1),
                Step::Underway { .. } if of == 1 => {}
                Step::Underway { .. } => return told(done, of),
            }
            ControlFlow::Continue(())
        });
        for ordinal in hits {
            let ordinal = if own == *scope { Some(ordinal) } else { source.translate(&own, ordinal, scope)? };
            found.passing.extend(ordinal);
        }
        let searched = match searched {
            Err(failure) if failure.kind == FailureKind::Cancelled => {
                if let Some((reducer, counted)) = walker.folded(stream) {
                    found.note(&reducer, counted.faults);
                }
                found.stopped_in = Some(stream.clone());
                break;
            }
            searched => searched?,
        };
        found.unjudged.join(searched.unjudged);
        found.streams += 1;
        found.events += count;
        found.folded += events.end;
        if let Some((reducer, counted)) = walker.folded(stream) {
            found.note(&reducer, counted.faults);
        }
        if let Some(why) = searched.failed {
            let (count, ..) = found.unfolded.get_or_insert((0, stream.clone(), why));
            *count += 1;
        }
    }
    found.passing.sort_unstable();
    found.refused = sifting.sieve.lock().unwrap_or_else(PoisonError::into_inner).refused();
    Ok(found)
}

impl FoldedSift {
    fn note(&mut self, reducer: &ReducerInfo, faults: FaultCount) {
        if !self.reducers.contains(&reducer.name) {
            self.reducers.insert(reducer.name.clone());
        }
        self.approximate |= reducer.approximate;
        self.faults.before += faults.before;
        let is_earlier =
            |one: &FirstFault, other: &FirstFault| one.event.position.number() < other.event.position.number();
        self.faults.first = match (self.faults.first.take(), faults.first) {
            (Some(known), Some(other)) => Some(if is_earlier(&other, &known) { other } else { known }),
            (known, other) => known.or(other),
        };
    }
}

/// Which events of a stream lie in a scope and have one of these ordinals there; `None` where all do.
fn asked(
    source: &dyn Source,
    summary: &StreamSummary,
    (scope, within): (&Scope, &Range<u64>),
    total: u64,
) -> Result<Option<Vec<bool>>, Failure> {
    let is_all = match scope {
        Scope::Stream(_) | Scope::Category(_) | Scope::All => within.start == 0 && within.end >= total,
        Scope::Correlation(_) => false,
    };
    if is_all {
        return Ok(None);
    }
    let own = Scope::Stream(summary.stream.clone());
    let is_asked = |ordinal| {
        let there = if own == *scope { Some(ordinal) } else { source.translate(&own, ordinal, scope)? };
        Ok(there.is_some_and(|ordinal| within.contains(&ordinal)))
    };
    (0..summary.events).map(is_asked).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Event, Payload, Position, Version};
    use crate::session::reducers::ReducerBook;
    use crate::sources::memory::Memory;

    #[test]
    fn of_a_correlation_only_its_events_are_judged_in_the_states_of_all() {
        let correlated = [("a-1", "x"), ("a-1", "y"), ("b-1", "y"), ("a-1", "x"), ("c-1", "y"), ("b-1", "x")];
        let event = |(n, (stream, correlation)): (u64, (&str, &str))| Event {
            data: Payload::json_text(format!("{{\"f{n}\":1}}")),
            correlation: Some(correlation.into()),
            ..Event::new(stream, Version(n), Position::Number(n), "Done")
        };
        let source: Arc<dyn Source> = Arc::new(Memory::new("memory", (0..).zip(correlated).map(event).collect()));
        let mut walker = Walker::new(source.clone(), ReducerBook::empty());
        let mut sift = |filter: &str, within| {
            let filter = EventFilter::parse(filter).expect("a filter");
            let scope = Scope::Correlation("x".into());
            let mut go_on = |_, _| ControlFlow::Continue(());
            sift_folded(&*source, &mut walker, (&scope, within), &filter, &Cancel::default(), &mut go_on)
                .expect("a source that can be read")
        };
        // Of x are the events 0 and 3 of a-1, with 1 of another correlation between them, and 5 of b-1.
        let found = sift("state.f1 == 1 || state.f2 == 1", 0..9);
        assert_eq!((found.passing, found.streams, found.events), (vec![1, 2], 2, 3));
        assert_eq!(found.unjudged.total, 1, "event 0 has neither; what is of y does not count");
        assert_eq!(sift("state.f0 == 1", 0..1).passing, [0]);
        let found = sift("state.f9 == 1", 1..2);
        assert_eq!((found.streams, found.events, found.unjudged.total), (1, 1, 1), "only event 3 is asked about");
    }

    #[test]
    fn only_events_of_the_range_are_judged_and_counted() {
        let event = |n: u64| Event::new(["a-1", "b-1", "c-1"][n as usize % 3], Version(n), Position::Number(n), "Done");
        let source: Arc<dyn Source> = Arc::new(Memory::new("memory", (0..9).map(event).collect()));
        let filter = EventFilter::parse("state.never == 1").expect("a filter");
        for (within, streams, events, folded) in
            [(0..9, 3, 9, 9), (0..u64::MAX, 3, 9, 9), (4..6, 2, 2, 4), (3..4, 1, 1, 2)]
        {
            let mut walker = Walker::new(source.clone(), ReducerBook::empty());
            let mut go_on = |_, _| ControlFlow::Continue(());
            let asked = (&Scope::All, within.clone());
            let found = sift_folded(&*source, &mut walker, asked, &filter, &Cancel::default(), &mut go_on);
            let found = found.expect("a source that can be read");
            assert_eq!((found.streams, found.events, found.folded), (streams, events, folded), "{within:?}");
            assert_eq!(found.unjudged.total, events, "{within:?}");
        }
    }

    #[test]
    fn where_it_was_stopped_is_said() {
        let event = |n: u64| Event {
            data: Payload::json_text("{\"is\":true}"),
            ..Event::new(["a-1", "b-1"][n as usize % 2], Version(n), Position::Number(n), "Done")
        };
        let source: Arc<dyn Source> = Arc::new(Memory::new("memory", (0..6).map(event).collect()));
        let filter = EventFilter::parse("state.is").expect("a filter");
        let stopped = |at: u64| {
            let (cancel, mut walker) = (Cancel::default(), Walker::new(source.clone(), ReducerBook::empty()));
            let mut told = |done, _| {
                if done == at {
                    cancel.cancel();
                }
                ControlFlow::Continue(())
            };
            let found = sift_folded(&*source, &mut walker, (&Scope::All, 0..9), &filter, &cancel, &mut told);
            found.expect("a source that can be read")
        };
        let found = stopped(1);
        assert_eq!((found.passing.as_slice(), found.streams), (&[0, 2, 4][..], 1));
        assert_eq!(found.words(), "1 stream folded with merge (approximate), stopped within b-1");
        assert_eq!(stopped(9).words(), "2 streams folded with merge (approximate)");
    }
}
