//! Every place where an expression changes: when it turns true, false or unknown, or, where it is of another kind, takes
//! another value.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::judging::subject_at;
use super::walker::{Searched, Step, Walker};
use crate::condition::{Expression, Judge, Needs};
use crate::domain::{Cancel, Direction, Event, Failure, Json, Patch, StreamName};
use crate::replay::{self, Probe, Stop, Stops, Verdict};

/// What an expression gives at a place.
#[derive(Clone, PartialEq, Debug)]
pub enum Given {
    /// True or false.
    Truth(bool),
    /// Something else.
    Value(Json),
    /// Nothing, and why.
    Unknown(String),
}

impl Given {
    fn of(value: Result<Json, String>) -> Self {
        match value {
            Ok(Json::Bool(truth)) => Self::Truth(truth),
            Ok(value) => Self::Value(value),
            Err(why) => Self::Unknown(why),
        }
    }

    /// Whether it is the same, whatever the reason of what is unknown; values are compared as a patch compares them.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Truth(one), Self::Truth(other)) => one == other,
            (Self::Value(one), Self::Value(other)) => {
                Patch::between(&Some(one.clone()), &Some(other.clone())).is_empty()
            }
            (Self::Unknown(_), Self::Unknown(_)) => true,
            (Self::Truth(_) | Self::Value(_) | Self::Unknown(_), _) => false,
        }
    }
}

/// A place where an expression gives something else than at the one before; the first is the one before the first event.
#[derive(Clone, PartialEq, Debug)]
pub struct Flip {
    /// How many events are folded there.
    pub place: u64,
    /// The event that led there; `None` before the first.
    pub event: Option<Arc<Event>>,
    /// What the expression gives from there on.
    pub given: Given,
}

/// What an expression gave over the history of a stream.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Flips {
    /// Where it changed, in their order.
    pub flips: Vec<Flip>,
    /// How many places were judged.
    pub places: u64,
    /// At how many it was true.
    pub holds: u64,
    /// At how many it was unknown.
    pub unknown: u64,
    /// At how many of these there was no entity: there it says nothing, and nobody expects it to.
    pub absent: u64,
    /// At how many it was neither true nor false but something else.
    pub other: u64,
}

impl Flips {
    /// At how many places nobody knows whether it holds though there is an entity.
    pub fn in_doubt(&self) -> u64 {
        // Where it is never known, not even an absent entity explains it.
        if self.unknown == self.places { self.unknown } else { self.unknown - self.absent }
    }

    fn add(&mut self, place: u64, event: Option<Arc<Event>>, given: Given, is_absent: bool) {
        self.places += 1;
        match &given {
            Given::Truth(truth) => self.holds += u64::from(*truth),
            Given::Value(_) => self.other += 1,
            Given::Unknown(_) => {
                self.unknown += 1;
                self.absent += u64::from(is_absent);
            }
        }
        if self.flips.last().is_none_or(|last| !last.given.is_same(&given)) {
            self.flips.push(Flip { place, event, given });
        }
    }
}

/// Notes what an expression gives at each place.
struct Recorder {
    needs: Needs,
    noted: Mutex<(Judge, Flips)>,
}

impl Probe for Recorder {
    fn judge(&self, subject: &replay::Subject<'_>) -> Verdict {
        let (judge, flips) = &mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let given = Given::of(judge.value(&subject_at(subject, self.needs)));
        let is_absent = matches!(subject.state(), Ok(None));
        flips.add(subject.place(), subject.event().cloned(), given, is_absent);
        Verdict::Miss
    }
}

/// Goes through the whole history of a stream, from the place before its first event on. `told` hears how many of how many
/// events are judged. What is known when it fails or is stopped is given too.
pub fn flips(
    walker: &mut Walker,
    stream: &StreamName,
    expression: &Expression,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
) -> (Flips, Result<Searched, Failure>) {
    let noted = Mutex::new((expression.judge(cancel), Flips::default()));
    let recorder = Arc::new(Recorder { needs: expression.needs(), noted });
    // What turns at the first event is told by the place before it, so that this one is judged too.
    let stops = Stops::new([Stop::where_it_turns(Arc::clone(&recorder))]);
    let ended = walker.search(stream, &stops, (0..u64::MAX, Direction::Forward), cancel, &mut |step| {
        if let Step::Underway { judged, of } = step {
            told(judged, of);
        }
        ControlFlow::Continue(())
    });
    let mut noted = recorder.noted.lock().unwrap_or_else(PoisonError::into_inner);
    (std::mem::take(&mut noted.1), ended)
}
