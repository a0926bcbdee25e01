//! An invariant over many streams: in which of them was it ever violated, where first, and does it hold at their ends.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::judging::subject_at;
use super::population::Population;
use super::walker::{Step, Walker};
use crate::condition::{Condition, Judge, Problem};
use crate::domain::{Cancel, Direction, Event, Failure, Json, StreamSummary};
use crate::replay::{self, FaultCount, Probe, ReducerInfo, Stop, Stops, Verdict};

/// A place and what is known of it.
#[derive(Clone, PartialEq, Debug)]
pub struct At {
    /// How many events are folded there.
    pub place: u64,
    /// The event that led there.
    pub event: Arc<Event>,
}

/// What an invariant is in one stream.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Checked {
    /// How many of its places were judged.
    pub judged: u64,
    /// Where it is false for the first time.
    pub violated: Option<At>,
    /// The values that its expression names there, each as it is written.
    pub values: Vec<(String, Json)>,
    /// Whether it holds at the end; `None` when that is not known.
    pub last_holds: Option<bool>,
    /// How often it changes between true and false.
    pub flips: u64,
    /// Where nobody knows whether it holds, how often, the first and why. Where there is no entity nothing is asked.
    pub unknown: Option<(u64, At, String)>,
    /// What of the stream failed.
    pub faults: FaultCount,
    /// What folded it.
    pub reducer: Option<Arc<ReducerInfo>>,
    /// Why it was not folded to its end, where it was not.
    pub failed: Option<String>,
}

impl Checked {
    /// Whether it holds for certain.
    pub fn holds(&self) -> bool {
        self.violated.is_none() && !self.is_unjudged()
    }

    /// Whether it cannot be said that it holds everywhere, nor where it does not.
    pub fn is_unjudged(&self) -> bool {
        self.violated.is_none() && (self.unknown.is_some() || self.failed.is_some())
    }
}

/// Judges an invariant at each place of a stream.
struct Judging {
    invariant: Condition,
    /// The only place that is judged, where it is only one.
    only_at: Option<u64>,
    noted: Mutex<(Judge, Noted)>,
}

#[derive(Default)]
struct Noted {
    checked: Checked,
    last: Option<bool>,
    refused: Option<Problem>,
}

impl Probe for Judging {
    fn judge(&self, place: &replay::Subject<'_>) -> Verdict {
        let Some(event) = place.event() else { return Verdict::Miss };
        if self.only_at.is_some_and(|at| place.place() != at) {
            return Verdict::Miss;
        }
        let (judge, noted) = &mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let subject = subject_at(place, self.invariant.needs());
        let at = || At { place: place.place(), event: Arc::clone(event) };
        let checked = &mut noted.checked;
        match judge.holds(&subject) {
            Ok(holds) => {
                checked.judged += 1;
                checked.last_holds = Some(holds);
                checked.flips += u64::from(noted.last.is_some_and(|last| last != holds));
                noted.last = Some(holds);
                if !holds && checked.violated.is_none() {
                    checked.violated = Some(at());
                    checked.values = self.invariant.values(&subject);
                }
            }
            // There is no entity of which it could be so.
            Err(_) if matches!(place.state(), Ok(None)) => checked.last_holds = None,
            Err(why) => {
                checked.judged += 1;
                checked.last_holds = None;
                match &mut checked.unknown {
                    Some((count, ..)) => *count += 1,
                    none => *none = Some((1, at(), why)),
                }
            }
        }
        noted.refused = noted.refused.take().or_else(|| judge.refused());
        Verdict::Miss
    }
}

/// What came of a check.
pub struct Checks {
    /// Of each stream that was folded, in the order of the streams: all of them, unless it was stopped.
    pub streams: Vec<(StreamSummary, Checked)>,
    /// That the expression is no condition: it was neither true nor false at any place.
    pub refused: Option<Problem>,
}

/// Checks an invariant over streams, at each event or only at their ends. `told` hears how many events of how many are done.
///
/// # Errors
/// When the store cannot be read, or a reducer file not be found.
pub fn check(
    population: &Population<'_>,
    streams: &[StreamSummary],
    (invariant, only_end): (&Condition, bool),
    cancel: &Cancel,
    told: &(dyn Fn(u64, u64) + Sync),
) -> Result<Checks, Failure> {
    let fold = |walker: &mut Walker, stream: &StreamSummary| one(walker, stream, (invariant, only_end), cancel);
    let results = population.fold(streams, cancel, told, &fold)?;
    // One place where it is a condition is enough.
    let is_condition = results.iter().any(|(_, (_, judged, _))| *judged);
    let refused = results.iter().find_map(|(_, (.., refused))| refused.clone()).filter(|_| !is_condition);
    let streams = results.into_iter().map(|(at, (checked, ..))| (streams[at].clone(), checked)).collect();
    Ok(Checks { streams, refused })
}

/// Checks one stream; gives besides whether the expression was true or false anywhere, and else why it is none.
fn one(
    walker: &mut Walker,
    summary: &StreamSummary,
    (invariant, only_end): (&Condition, bool),
    cancel: &Cancel,
) -> Result<(Checked, bool, Option<Problem>), Failure> {
    let judging = Arc::new(Judging {
        invariant: invariant.clone(),
        only_at: only_end.then_some(summary.events),
        noted: Mutex::new((invariant.judge(cancel), Noted::default())),
    });
    let stops = Stops::new([Stop::at_each(Arc::clone(&judging))]);
    let events = (0..summary.events, Direction::Forward);
    let searched = walker.search(&summary.stream, &stops, events, cancel, &mut |_: Step| ControlFlow::Continue(()))?;
    let (judge, noted) = &mut *judging.noted.lock().unwrap_or_else(PoisonError::into_inner);
    let mut checked = std::mem::take(&mut noted.checked);
    checked.failed = searched.failed.map(|why| why.to_string());
    if let Some((reducer, counted)) = walker.folded(&summary.stream) {
        (checked.reducer, checked.faults) = (Some(reducer), counted.faults);
    }
    Ok((checked, judge.has_judged(), noted.refused.take()))
}
