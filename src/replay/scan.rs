//! The one search: which events of a history something holds for, in either direction.
//!
//! A scan judges places one after the other and knows no store, no language of conditions and no fold: the timeline hands it
//! each place (`Timeline::scan`). Forward it goes straight through. Backward it takes windows, the newest first; each is
//! folded forward from a kept state, its hits are collected and told from the last one on. What is told does not depend on
//! where the windows lie: a stop that turns true at the first place of a window is told only once the place before it, the
//! last one of the window before, is judged too.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::FoldError;
use super::ring::Version;
use crate::domain::patch::written;
use crate::domain::{Direction, Event, Patch, Path, State, Unjudged};

/// One place, as a probe sees it.
pub struct Subject<'a> {
    place: u64,
    version: &'a Version,
}

impl<'a> Subject<'a> {
    pub(super) fn new(place: u64, version: &'a Version) -> Self {
        Self { place, version }
    }

    /// How many events are folded here: 0 is before the first event.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// The event that led here; `None` before the first.
    pub fn event(&self) -> Option<&'a Arc<Event>> {
        self.version.event.as_ref()
    }

    /// The state before the event: at the first one, and before it, the reducer's initial state.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn prev(&self) -> Result<&'a State, &'a FoldError> {
        self.version.before.as_ref().map_err(|why| &**why)
    }

    /// The state after the event: where the event failed it is the one before.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn state(&self) -> Result<&'a State, &'a FoldError> {
        self.version.given.as_ref().map_err(|why| &**why)
    }

    /// What the event changed; nothing when it failed, or when one of the two states is not known.
    pub fn patch(&self) -> Arc<Patch> {
        self.version.patch()
    }

    /// Why the event could not be folded, or not be read.
    pub fn fault(&self) -> Option<&'a FoldError> {
        self.version.fault.as_deref()
    }
}

/// What a probe says of a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It holds here.
    Hit,
    /// It does not.
    Miss,
    /// That cannot be told, and why: no hit, and counted.
    Unjudged(String),
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Hit } else { Self::Miss }
    }
}

/// Judges places. It says the same of the same place, however often it is asked and in whatever order.
pub trait Probe: Send + Sync {
    /// Whether it holds here.
    fn judge(&self, subject: &Subject<'_>) -> Verdict;
}

impl<F: Fn(&Subject<'_>) -> Verdict + Send + Sync> Probe for F {
    fn judge(&self, subject: &Subject<'_>) -> Verdict {
        self(subject)
    }
}

/// Holds where the value at a path was written: where it differs before and after.
#[derive(Clone, PartialEq, Debug)]
pub struct Written(pub Path);

impl Probe for Written {
    fn judge(&self, subject: &Subject<'_>) -> Verdict {
        match (subject.prev(), subject.state()) {
            (Ok(before), Ok(after)) => written(before, after, &self.0).into(),
            (Err(why), _) | (_, Err(why)) => Verdict::Unjudged(format!("the state is not known: {why}")),
        }
    }
}

/// One reason to stop.
#[derive(Clone)]
pub struct Stop {
    probe: Arc<dyn Probe>,
    turns: bool,
}

impl Stop {
    /// At each place for which it holds.
    pub fn at_each(probe: impl Probe + 'static) -> Self {
        Self { probe: Arc::new(probe), turns: false }
    }

    /// Where it turns true: it holds there and does not at the place before. What cannot be judged does not hold.
    pub fn where_it_turns(probe: impl Probe + 'static) -> Self {
        Self { probe: Arc::new(probe), turns: true }
    }
}

/// What to stop for: a hit names those of them that hold by their numbers, from 0.
#[derive(Clone)]
pub struct Stops(Arc<[Stop]>);

impl Stops {
    /// These.
    pub fn new(stops: impl IntoIterator<Item = Stop>) -> Self {
        Self(stops.into_iter().collect())
    }
}

impl fmt::Debug for Stops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stops({})", self.0.len())
    }
}

/// A place where a scan stops.
#[derive(Clone, PartialEq, Debug)]
pub struct Hit {
    /// How many events are folded there.
    pub place: u64,
    /// Which stops it is for.
    pub stops: Vec<usize>,
    /// What could not be judged on the whole way to this place and at it.
    pub unjudged: Unjudged,
}

/// A place that was found, and what could not be judged there and behind it, before the next one found.
#[derive(Clone, Debug)]
struct Found {
    place: u64,
    stops: Vec<usize>,
    /// Stops that hold here, and turn true if they do not at the place before: that is not judged yet.
    undecided: Vec<usize>,
    unjudged: Unjudged,
}

/// Neighbouring places that are judged in one go.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// The place before the first to judge.
    bottom: u64,
    /// The last place judged; before anything is, the one before the first.
    pub judged: u64,
    /// The last place to judge.
    pub top: u64,
    /// Which stops hold at the last place judged.
    holds: Option<Vec<bool>>,
    found: Vec<Found>,
    /// What could not be judged before the first place found.
    head: Unjudged,
}

/// A search through a range of events, each of which is judged once.
#[derive(Clone, Debug)]
pub struct Scan {
    stops: Stops,
    direction: Direction,
    /// Hits lie behind this place.
    low: u64,
    /// And not behind this one.
    high: u64,
    /// Nothing up to here is judged.
    floor: u64,
    /// Up to here all is still to be judged, when it goes back.
    rest: u64,
    pub(super) window: Option<Window>,
    /// The first place of the window before, while it is undecided.
    held: Option<Found>,
    /// What is to be told, the last first.
    ready: Vec<Found>,
    /// What could not be judged before all of these.
    head: Unjudged,
    unjudged: Unjudged,
    judged: u64,
    /// The age of the history that is searched.
    pub(super) age: Option<u64>,
}

impl Scan {
    /// A search through the events with these ordinals.
    pub fn new(stops: Stops, events: Range<u64>, direction: Direction) -> Self {
        let (low, high) = (events.start, events.end.max(events.start));
        // Whether a stop turns true at the first of them is told by the place before.
        let turns = stops.0.iter().any(|stop| stop.turns);
        let floor = if turns { low.saturating_sub(1) } else { low };
        Self {
            stops,
            direction,
            low,
            high,
            floor,
            rest: high,
            window: None,
            held: None,
            ready: Vec::new(),
            head: Unjudged::default(),
            unjudged: Unjudged::default(),
            judged: 0,
            age: None,
        }
    }

    /// What could not be judged so far.
    pub fn unjudged(&self) -> &Unjudged {
        &self.unjudged
    }

    /// How many events are judged, and how many are to be.
    pub fn progress(&self) -> (u64, u64) {
        (self.judged, self.high - self.low)
    }

    /// The history ends here.
    pub(super) fn shorten(&mut self, total: u64) {
        self.high = self.high.min(total);
        self.low = self.low.min(total);
        self.floor = self.floor.min(total);
        self.rest = self.rest.min(total);
        if let Some(window) = &mut self.window {
            window.top = window.top.min(total);
        }
    }

    /// The last place of the next window; `None` when all is judged.
    pub(super) fn next_top(&self) -> Option<u64> {
        let goes_on = self.rest > self.low || (self.held.is_some() && self.rest > self.floor);
        goes_on.then_some(self.rest)
    }

    /// From where on the window up to this place is judged, when a state is kept at `kept`.
    pub(super) fn bottom(&self, kept: u64) -> u64 {
        match self.direction {
            Direction::Forward => self.floor,
            Direction::Backward => kept.max(self.floor),
        }
    }

    /// Begins a window behind this place.
    pub(super) fn begin(&mut self, bottom: u64, top: u64) {
        let (found, head) = (Vec::new(), Unjudged::default());
        self.window = Some(Window { bottom, judged: bottom, top, holds: None, found, head });
    }

    /// Whether the place before the first event is to be judged now, for what turns true at the first.
    pub(super) fn wants_start(&self) -> bool {
        let turns = || self.stops.0.iter().any(|stop| stop.turns);
        self.window.as_ref().is_some_and(|window| window.judged == 0 && window.holds.is_none() && turns())
    }

    /// Takes the next place of the window.
    pub(super) fn judge(&mut self, subject: &Subject<'_>) {
        let Some(window) = &mut self.window else { return };
        let place = subject.place();
        let mut found = Found { place, stops: Vec::new(), undecided: Vec::new(), unjudged: Unjudged::default() };
        let (mut holds, mut why) = (vec![false; self.stops.0.len()], None);
        for (n, stop) in self.stops.0.iter().enumerate() {
            match stop.probe.judge(subject) {
                Verdict::Hit => holds[n] = true,
                Verdict::Miss => {}
                Verdict::Unjudged(reason) => _ = why.get_or_insert(reason),
            }
            match (&window.holds, holds[n]) {
                (_, false) => {}
                (_, true) if !stop.turns => found.stops.push(n),
                (None, true) => found.undecided.push(n),
                (Some(before), true) => found.stops.extend((!before[n]).then_some(n)),
            }
        }
        window.judged = place;
        window.holds = Some(holds);
        if place <= self.low {
            return;
        }
        self.judged += 1;
        let is_found = !(found.stops.is_empty() && found.undecided.is_empty());
        let unjudged = match (self.direction, is_found) {
            (Direction::Forward, _) => &mut self.unjudged,
            (Direction::Backward, true) => &mut found.unjudged,
            (Direction::Backward, false) => {
                window.found.last_mut().map_or(&mut window.head, |found| &mut found.unjudged)
            }
        };
        if let (Some(why), Some(event)) = (why, subject.event()) {
            unjudged.count(why, event);
        }
        if is_found {
            match self.direction {
                Direction::Forward => self.ready.push(found),
                Direction::Backward => window.found.push(found),
            }
        }
    }

    /// All of the window is judged.
    pub(super) fn end_window(&mut self) {
        let Some(Window { bottom, holds, mut found, mut head, .. }) = self.window.take() else { return };
        if self.direction == Direction::Forward {
            self.rest = self.floor;
            return;
        }
        self.rest = bottom;
        if let Some(mut held) = self.held.take() {
            let holds = holds.unwrap_or_default();
            held.stops.extend(held.undecided.drain(..).filter(|n| !holds.get(*n).is_some_and(|holds| *holds)));
            held.stops.sort_unstable();
            if held.stops.is_empty() {
                found.last_mut().map_or(&mut head, |found| &mut found.unjudged).join(held.unjudged);
            } else {
                found.push(held);
            }
        }
        if found.first().is_some_and(|first| !first.undecided.is_empty()) {
            self.held = Some(found.remove(0));
        }
        self.ready = found;
        self.head = head;
    }

    /// The next hit, once it is known.
    pub(super) fn take(&mut self) -> Option<Hit> {
        let Some(Found { place, stops, unjudged, .. }) = self.ready.pop() else {
            if self.head.total > 0 {
                let head = std::mem::take(&mut self.head);
                self.precede(head);
            }
            return None;
        };
        self.precede(unjudged);
        Some(Hit { place, stops, unjudged: self.unjudged.clone() })
    }

    /// What could not be judged before all that is told so far.
    fn precede(&mut self, mut earlier: Unjudged) {
        earlier.join(std::mem::take(&mut self.unjudged));
        self.unjudged = earlier;
    }
}
