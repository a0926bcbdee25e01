//! Where the walk stands and where it is going.
//!
//! Invariant: where one stands (scope, place, event) changes only all at once, when the newest walk has arrived there. What
//! was asked for and has not arrived is `wanted`; no pane shows it but as a mark. The moment follows: until `fold` says
//! that it is done, the moment is one of before, and no pane shows it as that of the cursor.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::failing::AskedFailing;
use super::folding::Fold;
use crate::ask::{Arrival, Failing, FoldProgress, Generation};
use crate::domain::{Direction, Event, Patch, Scope, StreamName, Version};
use crate::replay::Moment;

/// What an event did to the state, as far as its moment has been seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// It brought the state into being.
    Began,
    /// It changed the state.
    Changed,
    /// It changed nothing.
    Idle,
    /// It ended the entity.
    Ended,
    /// It could not be folded.
    Faulted,
    /// It was folded, but the state after it, or the one before, could not be given.
    Uncompared,
}

impl Fact {
    /// What a moment says of its event.
    pub fn of(moment: &Moment) -> Self {
        let began = moment.patch.0.iter().any(|change| change.path.0.is_empty() && change.before.is_none());
        match (&moment.fault, &moment.state) {
            (Some(_), _) => Self::Faulted,
            (None, _) if moment.uncompared => Self::Uncompared,
            (None, _) if moment.patch.0.is_empty() => Self::Idle,
            (None, None) => Self::Ended,
            (None, Some(_)) if began => Self::Began,
            (None, Some(_)) => Self::Changed,
        }
    }
}

/// The facts of the moments seen, by the places of the scopes they were seen in: a version, or a position, may stand twice.
#[derive(Clone, Debug, Default)]
pub struct Facts(HashMap<(Scope, u64), Fact>);

impl Facts {
    /// More than this and all are forgotten: they are marks for the eye, made again by walking.
    const KEPT: usize = 100_000;

    /// Remembers.
    pub fn note(&mut self, scope: Scope, place: u64, fact: Fact) {
        if self.0.len() >= Self::KEPT {
            self.0.clear();
        }
        self.0.insert((scope, place), fact);
    }

    /// What is known of the event at a place of a scope.
    pub fn of(&self, scope: &Scope, place: u64) -> Option<Fact> {
        // One lookup a row that is read: the copy of the name is a pointer.
        self.0.get(&(scope.clone(), place)).copied()
    }

    /// Forgets everything: another reducer may say something else.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// A walk that has not arrived.
#[derive(Clone, PartialEq, Debug)]
pub struct Wanted {
    /// Its number.
    pub generation: Generation,
    /// In which scope; that of a step across the store is not known before it arrives.
    pub scope: Option<Scope>,
    /// To which place, where that is known.
    pub place: Option<u64>,
    /// Steps within the scope to be made from where it leads, when that is not known beforehand.
    pub steps: i64,
    /// Whether it leads to another scope, or may do so: keys that are typed meanwhile are meant for what is there.
    pub leaves: bool,
}

/// A moment kept to compare with.
#[derive(Clone, PartialEq, Debug)]
pub struct Pin {
    /// Of which stream.
    pub stream: StreamName,
    /// After how many of its events.
    pub at: u64,
    /// The version of its event; `None` before the first one.
    pub version: Option<Version>,
    /// What is said of that place.
    pub name: String,
    /// Whether it is compared with the states of another stream.
    pub across: Across,
}

/// Whether the pinned state is compared with the states of another stream: never unasked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Across {
    /// No.
    #[default]
    No,
    /// It was said in this stream how to do so.
    Offered(StreamName),
    /// With the states of this one.
    Asked(StreamName),
}

/// Stepping by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Play {
    /// Whether it does now.
    pub running: bool,
    /// Steps a second, doubled this often; below 0 halved.
    pub speed: i8,
}

impl Default for Play {
    fn default() -> Self {
        Self { running: false, speed: 1 }
    }
}

impl Play {
    /// The slowest and the fastest speed.
    pub const SPEEDS: std::ops::RangeInclusive<i8> = -2..=6;

    /// The time from step to step.
    pub fn every(self) -> Duration {
        Duration::from_secs_f64(f64::powi(0.5, self.speed.into()))
    }

    /// Steps a second, in words.
    pub fn words(self) -> String {
        match self.speed {
            speed @ 0.. => format!("{}/s", 1_u32 << speed),
            speed => format!("1/{}/s", 1_u32 << -speed),
        }
    }
}

/// Where the walk stands.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    /// The scope that is shown.
    pub scope: Option<Scope>,
    /// The place in it: 0 is before the first event.
    pub place: u64,
    /// The event there.
    event: Option<Arc<Event>>,
    /// The place of that event in its own stream.
    pub stream_at: u64,
    /// What is so there once it is folded; until then what was so at a place before.
    pub moment: Option<Box<Moment>>,
    /// Whether it is.
    pub fold: Fold,
    /// The number of the walk whose moment it is.
    pub shown: Generation,
    /// The walk that is waited for.
    pub wanted: Option<Wanted>,
    /// Steps across the store still to be made once the one under way has arrived.
    pub queued: Option<(Direction, u64)>,
    /// What is pinned.
    pub pin: Option<Pin>,
    /// What differs from it, and for which walk that was computed.
    pub difference: Option<(Generation, Arc<Patch>)>,
    /// Stepping by itself.
    pub play: Play,
    /// What events did.
    pub facts: Facts,
    /// Streams whose fold was gone on with after it had been suspended.
    pub urged: HashSet<StreamName>,
    /// Those of the stream walked last that failed.
    pub failing: Option<Failing>,
    /// What was asked of them last and could not be answered for good.
    pub(super) asked_failing: Option<AskedFailing>,
    /// Where one stood in scopes that were left.
    pub left: HashMap<Scope, u64>,
}

impl Walk {
    /// Where one will stand when everything has arrived: what the next step starts from.
    pub fn target(&self) -> (Option<&Scope>, u64) {
        match &self.wanted {
            Some(Wanted { scope: Some(scope), place: Some(place), .. }) => (Some(scope), *place),
            _ => (self.scope.as_ref(), self.place),
        }
    }

    /// Stands somewhere. What is so there is not known yet.
    pub fn stand(&mut self, arrival: Arrival, generation: Generation) {
        let Arrival { scope, scope_at, event, stream_at, .. } = arrival;
        self.scope = Some(scope);
        self.place = scope_at;
        self.event = event;
        self.stream_at = stream_at;
        self.fold = Fold::Running { generation, progress: None };
    }

    /// The moment of the cursor, once it is folded.
    pub fn here(&self) -> Option<&Moment> {
        self.moment.as_deref().filter(|_| self.fold == Fold::Done)
    }

    /// The moment of before that is shown while the one of the cursor is being folded: one of the same stream, whose state
    /// is known.
    pub fn before(&self) -> Option<&Moment> {
        let running = matches!(self.fold, Fold::Running { .. });
        self.moment
            .as_deref()
            .filter(|moment| running && moment.unknown.is_none() && self.stream() == Some(&moment.stream))
    }

    /// Whether somebody said to go on with a fold of this stream that was suspended: who folds it again must say so too.
    pub fn is_urged(&self) -> bool {
        match self.here() {
            Some(moment) => moment.urged,
            None => self.stream().is_some_and(|stream| self.urged.contains(stream)),
        }
    }

    /// The stream one stands in: that of the event, or of the scope.
    pub fn stream(&self) -> Option<&StreamName> {
        match (&self.event, &self.scope) {
            (Some(event), _) if !event.is_loose() => Some(&event.stream),
            (_, Some(Scope::Stream(name))) => Some(name),
            _ => None,
        }
    }

    /// A fold says how far it is.
    pub fn folded_so_far(&mut self, asked: Generation, so_far: FoldProgress) {
        if let Fold::Running { generation, progress } = &mut self.fold
            && *generation == asked
        {
            *progress = Some(so_far);
        }
    }

    /// Whether somebody waits for a place or a state.
    pub fn is_under_way(&self) -> bool {
        self.wanted.is_some() || matches!(self.fold, Fold::Running { .. })
    }

    /// Whether a walk is under way that may take its time: any but a step to the event beside this one.
    pub fn is_going_far(&self) -> bool {
        let beside = |wanted: &Wanted| {
            wanted.scope == self.scope && wanted.place.is_some_and(|place| place.abs_diff(self.place) <= 1)
        };
        self.wanted.as_ref().is_some_and(|wanted| self.scope.is_none() || !beside(wanted))
    }

    /// Whether a walk is under way whose end is another scope, at a place nobody knows yet.
    pub fn is_leaving(&self) -> bool {
        self.scope.is_some() && self.wanted.as_ref().is_some_and(|wanted| wanted.leaves)
    }

    /// The event one stands at.
    pub fn event(&self) -> Option<&Arc<Event>> {
        self.event.as_ref()
    }

    /// What is said of the pinned place. Where the cursor stands at another event of the same version, which of them it is.
    pub fn pin_name(&self) -> Option<String> {
        let pin = self.pin.as_ref()?;
        let is_twin = |event: &Arc<Event>| {
            event.stream == pin.stream && Some(event.version) == pin.version && self.stream_at != pin.at
        };
        Some(if self.event.as_ref().is_some_and(is_twin) {
            format!("{}#{}", pin.stream, pin.at)
        } else {
            pin.name.clone()
        })
    }

    /// Whether the moment is the pinned one.
    pub fn is_at_pin(&self) -> bool {
        match (&self.pin, self.here()) {
            (Some(pin), Some(moment)) => pin.stream == moment.stream && pin.at == moment.at,
            (Some(pin), None) => self.stream() == Some(&pin.stream) && pin.at == self.stream_at,
            (None, _) => false,
        }
    }

    /// Whether the state shown is compared with the pinned one: it is of the same stream, or that was asked for.
    pub fn compares_here(&self) -> bool {
        match (&self.pin, &self.moment) {
            (Some(pin), Some(moment)) => {
                pin.stream == moment.stream || pin.across == Across::Asked(moment.stream.clone())
            }
            _ => false,
        }
    }

    /// What differs from the pinned state here, when it is known.
    pub fn difference_here(&self) -> Option<&Arc<Patch>> {
        if !self.compares_here() {
            return None;
        }
        self.difference.as_ref().filter(|(generation, _)| *generation == self.shown).map(|(_, patch)| patch)
    }

    /// Remembers the place in the scope that is left; the end is no place to remember, it moves.
    pub fn leave(&mut self, total: u64) {
        if self.left.len() > 10_000 {
            self.left.clear();
        }
        if let Some(scope) = &self.scope {
            if self.place < total {
                self.left.insert(scope.clone(), self.place);
            } else {
                self.left.remove(scope);
            }
        }
    }
}
