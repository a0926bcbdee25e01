//! The walk through a track: a cursor over its events, and the state at the cursor.
//!
//! It folds forward only. Going back is a version still alive in the ring, or the nearest earlier state (a version, a
//! checkpoint, the beginning) and a fold from there. Events come from outside: the timeline says which it needs and never
//! fetches, waits or spawns; each call does bounded work.
//!
//! Invariant: what is found at a place is what a plain fold from the beginning finds there, whatever walk led to it and
//! whatever the limits. An event that cannot be folded has its error at its place, contributes nothing, and the walk goes
//! on.

mod counting;
mod fold;
mod forgetting;
mod recovery;
mod searching;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::checkpoints::Checkpoints;
use super::faults::{Failed, FaultCount, Faults};
use super::goal::{Advance, Budget, Goal, Limits, Memory};
use super::keyed::Keyed;
use super::log::{Log, event_bytes};
use super::ring::{Fresh, Given, Ring, Version};
use super::{FoldError, Lost, Moment, Patience, Reducer, ReducerInfo, Stale, Start, StateCost, Track};
use crate::domain::{Cancel, Event, EventPage, Parser, State, StreamName};
pub use counting::Counted;
use recovery::Recovery;

/// One of so many events walked leaves its version in the ring, when a state is a pointer.
const KEEP_ONE_OF: u64 = 16;

/// But so many do at least.
const KEEP_LEAST: u64 = 8;

/// States that cost a copy, asked for behind the cursor, are not more than so many bytes of text together.
const WINDOW_BYTES: usize = 8 << 20;

/// After so many pages that lack the event asked for, that event is taken not to exist.
const VAIN_PAGES: u32 = 3;

/// The history of a track, folded by one reducer, with a cursor.
pub struct Timeline {
    track: Track,
    /// The stream the fold is started for.
    key: StreamName,
    reducer: Box<dyn Reducer>,
    info: Arc<ReducerInfo>,
    limits: Limits,
    log: Log,
    ring: Ring,
    checkpoints: Checkpoints,
    faults: Faults,
    recovery: Recovery,
    patience: Patience,
    parser: Parser,
    /// How many events there are, once known.
    total: Option<u64>,
    /// While that is not known: so many there are for certain.
    sure: u64,
    /// The event asked for last, and how often in vain.
    asked: Option<(u64, u32)>,
    /// Bytes and number of the events fed, for their average size.
    fed: (u64, u64),
    /// How often something was forgotten: a search does not go on in another history.
    age: u64,
    /// The place the reducer's own state stands at; `None` when it has none.
    folded: Option<u64>,
    walk: Option<Walk>,
    /// Whether events behind the farthest walk are being counted.
    counting: bool,
    /// The state at the farthest place counted, while somebody else uses the reducer.
    parked: Option<(u64, State)>,
    shown: Moment,
    /// Who walks may no longer want to.
    cancel: Cancel,
}

/// A walk under way. The reducer is started and stands at `folded`.
struct Walk {
    purpose: Purpose,
    target: u64,
    /// Events folded for it so far.
    done: u64,
    /// From this place on every state is asked for.
    keep_from: u64,
    /// Where the next checkpoint is due.
    due: Option<u64>,
    /// The state where the reducer stands, when known; never below `keep_from`.
    here: Option<Given>,
    /// The versions found so far, up to where the reducer stands.
    fresh: Fresh,
}

impl Walk {
    /// Lets go of the state at this place when no version is to be made from it: as long as somebody else holds a state,
    /// the fold copies all it changes.
    fn forget_here(&mut self, place: u64) {
        if place < self.keep_from {
            self.here = None;
        }
    }
}

/// What a walk is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// To stand at its target.
    Arrive,
    /// To pass over the events before it.
    Count,
    /// To judge the places behind this one.
    Scan(u64),
}

/// Where a fold can start.
enum Origin {
    /// Where the reducer stands.
    Reducer,
    /// A live version.
    Version,
    /// A kept state.
    Checkpoint,
    /// The state kept at the farthest place counted.
    Parked,
    /// The initial state.
    Beginning,
}

impl Timeline {
    /// A walk through a track, its cursor before the first event. Nothing is folded yet: the first `advance` starts the
    /// reducer.
    pub fn new(track: impl Into<Track>, reducer: Box<dyn Reducer>, limits: Limits) -> Self {
        let track = track.into();
        let reducer = for_track(&track, reducer);
        let key = track.key();
        let info = Arc::new(reducer.info().clone());
        let shown = Moment {
            stream: key.clone(),
            at: 0,
            total: 0,
            event: None,
            state: None,
            patch: Arc::default(),
            uncompared: false,
            unknown: None,
            suspended: None,
            urged: false,
            fault: None,
            faults: FaultCount::default(),
            reducer: info.clone(),
        };
        Self {
            track,
            key,
            log: Log::new(limits.log_bytes),
            ring: Ring::new(limits.ring_versions, limits.ring_bytes),
            checkpoints: Checkpoints::new(spacing_for(&info, &limits), limits.checkpoint_bytes),
            faults: Faults::default(),
            recovery: Recovery::default(),
            patience: Patience::default(),
            parser: Parser::default(),
            total: None,
            sure: 0,
            asked: None,
            fed: (0, 0),
            age: 0,
            folded: None,
            walk: None,
            counting: false,
            parked: None,
            shown,
            cancel: Cancel::default(),
            reducer,
            info,
            limits,
        }
    }

    /// The same walk with this patience, which others may share.
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Ends the walk and gives back what folded it, where that can fold another track as well.
    pub fn into_reducer(self) -> Option<Box<dyn Reducer>> {
        (!self.track.is_keyed()).then_some(self.reducer)
    }

    /// How often the reducer may still take too long.
    pub fn patience(&self) -> &Patience {
        &self.patience
    }

    /// The stream that is walked; an empty name where there are several.
    pub fn stream(&self) -> &StreamName {
        &self.key
    }

    /// What is walked.
    pub fn track(&self) -> &Track {
        &self.track
    }

    /// What folds it.
    pub fn reducer(&self) -> &Arc<ReducerInfo> {
        &self.info
    }

    /// The place of the cursor.
    pub fn at(&self) -> u64 {
        self.shown.at
    }

    /// How many events there are as far as known; `None` before anything was fed, and after it became
    /// another one from a place on.
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// What is so at the cursor: one consistent value. After a reducer was replaced, and before the first goal is
    /// reached, it is still that of before (an absent state before the first event).
    pub fn moment(&self) -> Moment {
        let total = self.total.unwrap_or(self.sure).max(self.shown.at);
        Moment { total, urged: self.patience.is_urged(), ..self.shown.clone() }
    }

    /// What is held now.
    pub fn memory(&self) -> Memory {
        Memory {
            log_bytes: self.log.bytes(),
            ring_versions: self.ring.len(),
            ring_bytes: self.ring.bytes(),
            checkpoints: self.checkpoints.len(),
            checkpoint_bytes: self.checkpoints.bytes(),
        }
    }

    /// Takes a page of the stream, read forward: neighbouring events and how many there are in all. Events appended to
    /// the stream invalidate nothing. A page that lacks the event asked for means that the stream ends before it.
    pub fn feed(&mut self, page: EventPage) {
        let first = page.first;
        if let Some(events) = self.learn(page) {
            self.log.insert(first, events);
        }
    }

    /// What a page says of the stream; gives its events, when it has any.
    fn learn(&mut self, page: EventPage) -> Option<Vec<Arc<Event>>> {
        let end = page.first + page.events.len() as u64;
        let mut total = self.total.unwrap_or(self.sure).max(page.total);
        if !page.events.is_empty() {
            total = total.max(end);
        }
        if let Some((from, tries)) = self.asked.take()
            && !(page.first..end).contains(&from)
        {
            if page.events.is_empty() || tries >= VAIN_PAGES {
                total = total.min(from);
            } else {
                self.asked = Some((from, tries + 1));
            }
        }
        self.total = Some(total);
        if page.events.is_empty() {
            return None;
        }
        self.fed.0 += page.events.iter().map(|event| event_bytes(event) as u64).sum::<u64>();
        self.fed.1 += page.events.len() as u64;
        self.learn_event_bytes();
        Some(page.events)
    }

    /// Says that the stream has at least so many events: they can be walked to from now on.
    pub fn grow(&mut self, total: u64) {
        self.total = Some(self.total.unwrap_or(self.sure).max(total));
    }

    /// Says from now on that the reducer is not the one that was saved last, or no longer says so.
    pub fn mark_stale(&mut self, stale: Option<Arc<Stale>>) {
        if self.info.stale != stale {
            self.info = Arc::new(ReducerInfo { stale, ..ReducerInfo::clone(&self.info) });
            self.shown.reducer = self.info.clone();
        }
    }

    /// Names the token of the walk that begins: a reducer that is slow looks at it too. Once it is cancelled, `advance` may
    /// answer `Failed` at once; nothing is remembered of that, and the next walk folds again from the nearest state.
    pub fn heed(&mut self, cancel: &Cancel) {
        self.cancel = cancel.clone();
        self.reducer.heed(cancel);
    }

    /// Walks towards the goal within the budget. A relative goal becomes a place, and what is searched for a search, at
    /// the first call.
    pub fn advance(&mut self, goal: &mut Goal, budget: Budget) -> Advance {
        let place = match goal {
            Goal::Forward(events) => self.shown.at.saturating_add(*events),
            Goal::Back(events) => self.shown.at.saturating_sub(*events),
            Goal::To(place) => *place,
            Goal::Next(_) | Goal::Previous(_) | Goal::NextWrite(_) | Goal::PreviousWrite(_) | Goal::Searching(_) => {
                return self.search(goal, budget);
            }
        };
        *goal = Goal::To(place);
        self.walk_to(place, budget)
    }

    fn walk_to(&mut self, place: u64, budget: Budget) -> Advance {
        let mut left = budget.events.max(1);
        loop {
            if place > self.sure && self.total.is_none() {
                return self.need(self.sure, place);
            }
            let target = place.min(self.total.unwrap_or(self.sure));
            if self.arrive(target) {
                return Advance::Reached;
            }
            if left == 0 {
                let done = self.walk.as_ref().map_or(0, |walk| walk.done);
                let ahead = target.saturating_sub(self.folded.unwrap_or(0));
                return Advance::Working { folded: done, to_fold: done + ahead };
            }
            if self.walk.as_ref().is_none_or(|walk| walk.target != target || walk.purpose != Purpose::Arrive)
                && let Err(answer) = self.begin(target, Purpose::Arrive)
            {
                return answer;
            }
            if let Some(answer) = self.fold(&mut left) {
                return answer;
            }
        }
    }

    fn learn_event_bytes(&mut self) {
        if let Some(average) = self.fed.0.checked_div(self.fed.1) {
            self.checkpoints.set_event_bytes(average as usize);
        }
    }

    /// Stands at a place, when what is so there is known.
    fn arrive(&mut self, place: u64) -> bool {
        let Some(version) = self.ring.get(place) else { return false };
        self.shown = Moment {
            stream: match (&version.event, self.track.stream()) {
                (Some(event), None) => event.stream.clone(),
                (Some(_) | None, _) => self.key.clone(),
            },
            at: place,
            total: self.total.unwrap_or(self.sure),
            event: version.event.clone(),
            state: version.given.clone().unwrap_or_default(),
            patch: version.patch(),
            uncompared: version.is_uncompared(),
            unknown: version.given.as_ref().err().map(|why| (**why).clone()),
            suspended: None,
            urged: false,
            fault: version.fault.clone().map(Arc::unwrap_or_clone),
            faults: self.faults.before(place),
            reducer: self.info.clone(),
        };
        self.walk.take_if(|walk| walk.purpose == Purpose::Arrive);
        if self.walk.is_none() {
            self.recovery = Recovery::default();
        }
        true
    }

    fn need(&mut self, from: u64, target: u64) -> Advance {
        let tries = self.asked.filter(|(asked, _)| *asked == from).map_or(0, |(_, tries)| tries);
        self.asked = Some((from, tries));
        let ahead = usize::try_from(target - from).unwrap_or(usize::MAX);
        // A walk by single steps goes on: a little more than was asked saves the next questions.
        Advance::NeedEvents { from, limit: ahead.max(256).min(self.limits.page.max(1)) }
    }

    /// Starts a walk to a place that the ring does not hold, from where it costs least.
    fn begin(&mut self, target: u64, purpose: Purpose) -> Result<(), Advance> {
        let same = |walk: &Walk| walk.target == target && walk.purpose == purpose;
        let done = self.walk.take().filter(same).map_or(0, |walk| walk.done);
        match purpose {
            Purpose::Arrive => self.begin_to_arrive(target, done),
            Purpose::Count => self.begin_count(target, done),
            Purpose::Scan(from) => self.begin_scan(target, from, done),
        }
    }

    fn begin_to_arrive(&mut self, target: u64, done: u64) -> Result<(), Advance> {
        let purpose = Purpose::Arrive;
        // Behind a ring that was left backwards a whole window is made, so that the next steps back are free.
        let window = match self.info.cost {
            StateCost::Pointer => self.limits.ring_versions as u64 / 4,
            StateCost::Copy => {
                let most = WINDOW_BYTES.checked_div(self.checkpoints.latest_text()).unwrap_or(usize::MAX);
                self.limits.behind.min(most as u64)
            }
        };
        let walks_back = self.ring.first().is_some_and(|first| target < first && first - target <= window.max(1));
        let latest = target.saturating_sub(if walks_back { window.max(1) } else { 1 });
        let (origin, from) = self.nearest(latest);
        let here = self.start(origin, from)?;
        let from = self.folded.unwrap_or(0);
        let kept = match self.info.cost {
            // A version kept in passing makes the fold copy what it changes: a part of the walk is spent on them.
            StateCost::Pointer if walks_back => u64::MAX,
            StateCost::Pointer => ((target - from) / KEEP_ONE_OF).max(KEEP_LEAST),
            StateCost::Copy => target - latest,
        };
        let keep_from = from.max(target.saturating_sub(kept.min(self.limits.ring_versions.max(1) as u64)));
        let due = self.checkpoints.next_due(from, target);
        let mut walk = Walk { purpose, target, done, keep_from, due, here, fresh: Fresh::default() };
        walk.forget_here(from);
        self.walk = Some(walk);
        Ok(())
    }

    /// Starts to pass over the events that are not counted yet. No version is made on the way.
    fn begin_count(&mut self, target: u64, done: u64) -> Result<(), Advance> {
        let (origin, from) = self.nearest(self.faults.counted());
        self.start(origin, from)?;
        let from = self.folded.unwrap_or(0);
        let due = self.checkpoints.next_due(from, target);
        let (purpose, keep_from, fresh) = (Purpose::Count, u64::MAX, Fresh::default());
        self.walk = Some(Walk { purpose, target, done, keep_from, due, here: None, fresh });
        Ok(())
    }

    /// The cheapest start at or before a place.
    fn nearest(&self, latest: u64) -> (Origin, u64) {
        let copy = match self.info.cost {
            StateCost::Pointer => 0,
            StateCost::Copy => self.checkpoints.cost(),
        };
        let own = self.folded.filter(|at| *at <= latest).map(|at| (Origin::Reducer, at, 0));
        let version = self.version_at_or_before(latest).map(|at| (Origin::Version, at, copy));
        let kept = self.checkpoints.at_or_before(latest).map(|(at, cost)| (Origin::Checkpoint, at, cost + copy));
        let parked = self.parked.as_ref().map(|(at, _)| *at).filter(|at| *at <= latest);
        let parked = parked.map(|at| (Origin::Parked, at, copy));
        let beginning = Some((Origin::Beginning, 0, 0));
        [own, version, kept, parked, beginning]
            .into_iter()
            .flatten()
            .min_by_key(|(_, at, cost)| (latest - at).saturating_add(*cost))
            .map_or((Origin::Beginning, 0), |(origin, at, _)| (origin, at))
    }

    /// The latest place before which all is known from a live version. Of many states a version knows but one.
    fn version_at_or_before(&self, latest: u64) -> Option<u64> {
        if self.track.is_keyed() {
            return None;
        }
        self.ring.state_at_or_before(latest).map(|(at, _)| at)
    }

    /// Gets the reducer to stand at a place, and says the state there when that is known without asking.
    fn start(&mut self, origin: Origin, at: u64) -> Result<Option<Given>, Advance> {
        if matches!(origin, Origin::Beginning)
            && self.faults.counted() == 0
            && let Some(suspension) = self.patience.suspension()
        {
            return Err(Advance::Suspended(suspension));
        }
        let here = self.start_reducer(origin, at).map_err(|why| {
            self.folded = None;
            if why.is_spent() {
                self.patience.spend(None, Arc::new(why.clone()));
            }
            self.patience.suspension().map_or(Advance::Failed(why), Advance::Suspended)
        })?;
        Ok(here.filter(|_| !self.track.is_keyed()))
    }

    fn start_reducer(&mut self, origin: Origin, at: u64) -> Result<Option<Given>, FoldError> {
        if !matches!(origin, Origin::Reducer) {
            self.park();
        }
        let state = match origin {
            Origin::Reducer => {
                return Ok(self.ring.get(at).map(|version| version.given.clone()));
            }
            // It came as text, and goes back as it came: what it is in our words is made when somebody looks.
            Origin::Checkpoint if self.info.cost == StateCost::Copy => {
                let text = self.checkpoints.restore_text(at);
                if text.is_some_and(|text| self.reducer.start_from_text(&self.key, &text).is_ok()) {
                    self.folded = Some(at);
                    return Ok(None);
                }
                None
            }
            Origin::Version => self.ring.state_at_or_before(at).map(|(_, state)| state.clone()),
            Origin::Checkpoint => self.checkpoints.restore(at, &mut self.parser),
            Origin::Parked => self.parked.as_ref().map(|(_, state)| state.clone()),
            Origin::Beginning => None,
        };
        // A state that cannot be taken back (too large to be sent, say) is no reason to stop: the beginning always is.
        if let Some(state) = state
            && self.reducer.start(Start::Resume(&self.key, &state)).is_ok()
        {
            self.folded = Some(at);
            return Ok(Some(Ok(state)));
        }
        self.reducer.start(Start::Initial(&self.key))?;
        self.folded = Some(0);
        Ok(None)
    }

    /// The walk has come to its end: what it found is kept alive.
    fn finish(&mut self, mut walk: Walk) {
        match walk.purpose {
            Purpose::Arrive => {}
            Purpose::Count | Purpose::Scan(_) => return,
        }
        if walk.target == 0 {
            let state = self.state_at_start(&mut walk, &mut 0);
            if let Some(why) = state.as_ref().err().filter(|why| why.is_spent()) {
                self.patience.spend(None, why.clone());
            }
            let version = Version::new(None, None, state.clone(), state, 0);
            walk.fresh = Fresh::default();
            walk.fresh.push(0, version, usize::MAX);
        }
        let Fresh { first, versions, .. } = walk.fresh;
        self.ring.put(first, versions, walk.target);
    }
}

/// What folds a track: where it has a state for each key, a fold that keeps them apart, itself or by our help.
fn for_track(track: &Track, mut reducer: Box<dyn Reducer>) -> Box<dyn Reducer> {
    match track.partition() {
        Some(partition) if !reducer.keep_by(&partition) => Box::new(Keyed::new(reducer, partition)),
        Some(_) | None => reducer,
    }
}

/// States that cost a copy are kept farther apart: about one whole batch, when they are small.
fn spacing_for(info: &ReducerInfo, limits: &Limits) -> super::Spacing {
    let super::Spacing { floor, volume } = limits.spacing;
    match info.cost {
        StateCost::Pointer => super::Spacing { floor, volume },
        StateCost::Copy => super::Spacing { floor: floor.saturating_mul(8), volume: volume.saturating_mul(4) },
    }
}
