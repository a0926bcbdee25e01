//! A filter whose condition names states: the streams of a scope are folded, one after the other, and every place of each is
//! judged.

use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};

use super::filter::{EventFilter, Sieve};
use crate::condition::{Needs, Problem};
use crate::domain::{Cancel, Direction, Failure, FailureKind, Scope, StreamName, StreamSummary, Unjudged, words};
use crate::replay::{self, FaultCount, FirstFault, FoldError, Probe, ReducerInfo, Stop, Stops, Verdict};
use crate::session::judging::subject_at;
use crate::session::walker::{Step, Walker};
use crate::sources::Source;

/// Streams listed at once.
const LISTED: usize = 4096;

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
    /// What of them failed.
    pub faults: FaultCount,
    /// What folded them, by name.
    pub reducers: BTreeSet<String>,
    /// Whether any of these is a guess.
    pub approximate: bool,
    /// Streams that could not be judged to their end, how many, and the first with the reason.
    pub unfolded: Option<(u64, StreamName, FoldError)>,
    /// That the condition is none: it was neither true nor false at any place.
    pub refused: Option<Problem>,
}

impl FoldedSift {
    /// What was folded, for a person: `198 streams folded with merge, order.js`.
    pub fn words(&self) -> String {
        let names: Vec<&str> = self.reducers.iter().map(String::as_str).collect();
        let approximate = if self.approximate { " (approximate)" } else { "" };
        format!("{} folded with {}{approximate}", words::counted(self.streams, "stream"), names.join(", "))
    }
}

/// A filter as a probe.
struct Sifting {
    sieve: Mutex<Sieve>,
    needs: Needs,
}

impl Probe for Sifting {
    fn judge(&self, subject: &replay::Subject<'_>) -> Verdict {
        let Some(event) = subject.event() else { return Verdict::Miss };
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
    let sifting = Arc::new(Sifting { sieve, needs: filter.needs() });
    let stops = Stops::new([Stop::at_each(Arc::clone(&sifting))]);
    let streams = streams_of(source, scope, filter)?;
    let (mut found, of) = (FoldedSift::default(), streams.len() as u64);
    for (done, summary) in (0..).zip(&streams) {
        if told(done, of).is_break() {
            break;
        }
        let stream = &summary.stream;
        // Within one stream only what is asked for has to be folded.
        let events = match scope {
            Scope::Stream(_) => within.start..within.end.min(summary.events),
            Scope::Category(_) | Scope::All => 0..summary.events,
        };
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
            found.passing.extend(ordinal.filter(|ordinal| within.contains(ordinal)));
        }
        let searched = match searched {
            Err(failure) if failure.kind == FailureKind::Cancelled => break,
            searched => searched?,
        };
        found.unjudged.join(searched.unjudged);
        found.streams += 1;
        found.events += events.end.saturating_sub(events.start);
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

/// The streams of a scope in which a filter can let anything through, in the order of their first events.
fn streams_of(source: &dyn Source, scope: &Scope, filter: &EventFilter) -> Result<Vec<StreamSummary>, Failure> {
    if let Scope::Stream(stream) = scope {
        return Ok(source.stream(stream)?.into_iter().collect());
    }
    let (mut found, mut from) = (Vec::new(), 0);
    loop {
        let page = source.streams(from, LISTED)?;
        if page.streams.is_empty() {
            return Ok(found);
        }
        from += page.streams.len();
        found.extend(page.streams.into_iter().filter(|summary| {
            let is_in = match scope {
                Scope::Category(category) => summary.stream.category() == &**category,
                Scope::Stream(_) | Scope::All => true,
            };
            is_in && filter.lets_stream(&summary.stream)
        }));
    }
}
