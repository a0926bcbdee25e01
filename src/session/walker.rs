//! Drives timelines through a source: goes where it is told and answers with one consistent moment.
//!
//! Every stream that is walked has a timeline of its own; the last few are kept, so that stepping across streams does
//! not fold them anew each time. A scope of many streams is walked by translating its places into places of streams.

use std::ops::RangeInclusive;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread::{Builder, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::reducers::ReducerBook;
use crate::domain::{
    Anchor, Cancel, Destination, Direction, Event, EventPage, EventQuery, Failure, FailureKind, Scope, StreamName,
    Timestamp, Version,
};
use crate::replay::{
    Advance, Budget, FoldError, Goal, Limits, Moment, Patch, Reducer, ReducerInfo, State, StateCost, Timeline,
};
use crate::sources::Source;

/// Timelines kept: each of a script has a process of its own.
const KEPT: usize = 6;

/// Events folded between two looks at the cancel token, at most. Of a script's a single batch: it may take its whole time
/// at each event, and nobody waits for that many times over.
const SLICE: u64 = 4096;

/// What a slice takes: after a longer one the next is smaller, after a shorter one larger.
const SLICE_TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_millis(50);

/// Unreadable records passed over with one read, at most.
const MOST_PASSED: usize = 256;

/// Events looked at in one read when a version has to be searched for.
const PAGE: usize = 1024;
/// So many events must lie behind a page for the next one to be read ahead.
const WORTH_READING_AHEAD: u64 = 512;

/// A timeline, and how many of its events are folded between two looks at anything else.
struct Kept {
    timeline: Timeline,
    slice: u64,
    batch: u64,
}

/// Where a walk arrived.
#[derive(Clone, PartialEq, Debug)]
pub struct Reached {
    /// The scope walked now: another one than asked when the destination lies in another stream.
    pub scope: Scope,
    /// How many events of the scope lie at or before the cursor.
    pub scope_at: u64,
    /// What is so there.
    pub moment: Moment,
}

/// Walks the streams of one source. Slow (it folds): in the interface it lives on a thread of its own.
pub struct Walker {
    source: Arc<dyn Source>,
    book: ReducerBook,
    /// Most recently walked last.
    timelines: Vec<Kept>,
    limits: Limits,
    current: State,
    pinned: Option<State>,
}

impl Walker {
    /// A walker over a source.
    pub fn new(source: Arc<dyn Source>, book: ReducerBook) -> Self {
        Self { source, book, timelines: Vec::new(), limits: Limits::default(), current: None, pinned: None }
    }

    /// The same walker for a single question: it keeps nothing for a way back.
    pub fn for_one_answer(self) -> Self {
        Self { limits: Limits::for_one_answer(), ..self }
    }

    /// Walks. `told` hears how many events are folded and how many are to be. A place beyond the end of a scope means its
    /// end.
    ///
    /// # Errors
    /// When the source cannot be read, the destination does not exist (or is not known yet), or the walk was cancelled
    /// (the walker stays usable).
    pub fn go(
        &mut self,
        scope: &Scope,
        from: u64,
        to: &Destination,
        cancel: &Cancel,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<Reached, Failure> {
        let (scope, place) = self.resolve(scope, from, to, cancel)?;
        let (scope_at, moment) = match &scope {
            Scope::Stream(stream) => {
                let moment = self.reach(stream, place, cancel, told)?;
                (moment.at, moment)
            }
            _ => self.reach_among_many(&scope, place, cancel, told)?,
        };
        self.current = moment.state.clone();
        Ok(Reached { scope, scope_at, moment })
    }

    /// The reducers it folds with, to be read again whenever that is asked for: for another walker.
    pub fn reducers(&self) -> impl Fn() -> Result<ReducerBook, Failure> + Send + Sync + use<> {
        self.book.reader()
    }

    /// Whether streams of this category are folded by a reducer of the user's, not by the generic guess.
    pub fn is_scripted(&self, category: &str) -> bool {
        self.book.script(category).is_some()
    }

    /// Keeps the current state to compare with.
    pub fn pin(&mut self) {
        self.pinned = Some(self.current.clone());
    }

    /// No longer compares.
    pub fn unpin(&mut self) {
        self.pinned = None;
    }

    /// From the pinned state to the current one, when something is pinned.
    pub fn difference(&self) -> Option<Patch> {
        self.pinned.as_ref().map(|pinned| Patch::between(pinned, &self.current))
    }

    /// Looks whether reducer files changed; when they did, loads them anew and says so in a sentence. Where the walk
    /// stands must then be asked for again.
    pub fn refresh(&mut self) -> Option<String> {
        let said = self.book.refresh()?;
        for Kept { timeline, slice, .. } in &mut self.timelines {
            *slice = 1;
            let category = timeline.stream().category().to_owned();
            timeline.replace_reducer(reducer_or_broken(&mut self.book, &category));
        }
        Some(said)
    }

    /// The place a destination means, and the scope it lies in.
    fn resolve(&self, scope: &Scope, from: u64, to: &Destination, cancel: &Cancel) -> Result<(Scope, u64), Failure> {
        match to {
            // Whether there is a later one is known only when everything has been read.
            Destination::AsOf(_) => {
                self.source.complete(cancel, &mut |_| {})?;
                self.known(scope, from, to, cancel)
            }
            Destination::Version(_) | Destination::Id(_) if !self.source.progress().complete => {
                self.known(scope, from, to, cancel).or_else(|failure| match failure.kind {
                    FailureKind::NotFound => {
                        self.source.complete(cancel, &mut |_| {})?;
                        self.known(scope, from, to, cancel)
                    }
                    _ => Err(failure),
                })
            }
            _ => self.known(scope, from, to, cancel),
        }
    }

    /// The same, as far as the source has been read.
    fn known(&self, scope: &Scope, from: u64, to: &Destination, cancel: &Cancel) -> Result<(Scope, u64), Failure> {
        match to {
            Destination::To(place) => Ok((scope.clone(), *place)),
            Destination::Version(version) => match version_in(&*self.source, scope, Version(*version), cancel)? {
                Some((ordinal, _)) => Ok((scope.clone(), ordinal + 1)),
                None => Err(self.nothing(format!("no event has version {version} or a later one"))),
            },
            Destination::AsOf(time) => Ok((scope.clone(), self.as_of(scope, *time, cancel)?)),
            Destination::Id(id) => {
                if let Some((ordinal, _)) = self.one(scope, Anchor::Id(id.clone()), cancel)? {
                    return Ok((scope.clone(), ordinal + 1));
                }
                match self.one(&Scope::All, Anchor::Id(id.clone()), cancel)? {
                    Some((ordinal, event)) => self.in_its_stream(ordinal, &event),
                    None => Err(self.nothing(format!("no event has the id {id}"))),
                }
            }
            Destination::InStore(place) if *scope == Scope::All => Ok((Scope::All, *place)),
            Destination::InStore(place) => match place.checked_sub(1) {
                Some(ordinal) => match self.one(&Scope::All, Anchor::Ordinal(ordinal), cancel)? {
                    // A record that is no event belongs to no stream.
                    Some((ordinal, event)) if event.trouble.is_some() => Ok((Scope::All, ordinal + 1)),
                    Some((ordinal, event)) => self.in_its_stream(ordinal, &event),
                    None => Err(self.nothing(format!("there is no event {place} in the store"))),
                },
                None => Ok((Scope::All, 0)),
            },
            Destination::Store(direction) => self.neighbour(scope, from, *direction, cancel),
        }
    }

    fn as_of(&self, scope: &Scope, time: Timestamp, cancel: &Cancel) -> Result<u64, Failure> {
        Ok(self.one(scope, Anchor::AsOf(time), cancel)?.map_or(0, |(ordinal, _)| ordinal + 1))
    }

    /// The next or previous readable event of the whole store, whatever its stream.
    fn neighbour(
        &self,
        scope: &Scope,
        from: u64,
        direction: Direction,
        cancel: &Cancel,
    ) -> Result<(Scope, u64), Failure> {
        // How many events of the whole store lie before the cursor, and whether it stands on the last of them.
        let (here, stands) = match from.checked_sub(1) {
            _ if *scope == Scope::All => (Some(from), from > 0),
            Some(ordinal) => (self.source.translate(scope, ordinal, &Scope::All)?.map(|ordinal| ordinal + 1), true),
            // Before the first event of a stream is also just before it in the store.
            None => (self.source.translate(scope, 0, &Scope::All)?, false),
        };
        let Some(here) = here else {
            return Err(self.nothing("there is no event here to go on from".into()));
        };
        let mut next = match direction {
            Direction::Forward => Some(here),
            Direction::Backward => here.checked_sub(1 + u64::from(stands)),
        };
        // Records that could not be read are passed over; few at first, because usually there are none.
        let mut limit = 1;
        while let Some(start) = next {
            let query = EventQuery { scope: Scope::All, from: Anchor::Ordinal(start), direction, limit };
            let page = self.source.events(&query, cancel)?;
            for (n, event) in (0..).zip(&page.events) {
                let ordinal = if direction == Direction::Forward { start + n } else { start - n };
                match scope {
                    _ if event.trouble.is_some() => {}
                    Scope::All => return Ok((Scope::All, ordinal + 1)),
                    _ => return self.in_its_stream(ordinal, event),
                }
            }
            let read = page.events.len() as u64;
            next = match direction {
                _ if read == 0 => None,
                Direction::Forward => Some(start + read),
                Direction::Backward => start.checked_sub(read),
            };
            limit = (limit * 4).min(MOST_PASSED);
        }
        let end = if direction == Direction::Forward { "last" } else { "first" };
        Err(self.nothing(format!("this is the {end} event of the store")))
    }

    fn in_its_stream(&self, ordinal: u64, event: &Event) -> Result<(Scope, u64), Failure> {
        let scope = Scope::Stream(event.stream.clone());
        match self.source.translate(&Scope::All, ordinal, &scope)? {
            Some(ordinal) => Ok((scope, ordinal + 1)),
            None => Err(self.nothing(format!("the event is not in its stream {}", event.stream))),
        }
    }

    /// The one event at an anchor, with its ordinal in the scope.
    fn one(&self, scope: &Scope, from: Anchor, cancel: &Cancel) -> Result<Option<(u64, Arc<Event>)>, Failure> {
        let query = EventQuery { scope: scope.clone(), from, direction: Direction::Forward, limit: 1 };
        let page = self.source.events(&query, cancel)?;
        Ok(page.events.first().map(|event| (page.first, event.clone())))
    }

    fn nothing(&self, why: String) -> Failure {
        let failure = Failure::new(FailureKind::NotFound, self.source.about().name, "go there", why);
        match self.source.progress().complete {
            true => failure,
            false => failure.hint("the store is still being read: it may be found later"),
        }
    }

    /// The moment of a place in a scope of many streams, that of the event's own stream; and the place.
    fn reach_among_many(
        &mut self,
        scope: &Scope,
        place: u64,
        cancel: &Cancel,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<(u64, Moment), Failure> {
        let Some(ordinal) = place.checked_sub(1) else { return Ok((0, outside(None))) };
        let mut page = self.source.events(&EventQuery::at(scope.clone(), ordinal, 1), cancel)?;
        if page.events.is_empty() {
            // Beyond the end is the end.
            let Some(last) = page.total.checked_sub(1) else { return Ok((0, outside(None))) };
            page = self.source.events(&EventQuery::at(scope.clone(), last, 1), cancel)?;
        }
        let Some(event) = page.events.pop() else {
            return Err(self.nothing(format!("there is no event {place} in this scope")));
        };
        let place = page.first + 1;
        if event.trouble.is_some() {
            return Ok((place, outside(Some(event))));
        }
        let stream = event.stream.clone();
        match self.source.translate(scope, page.first, &Scope::Stream(stream.clone()))? {
            Some(ordinal) => Ok((place, self.reach(&stream, ordinal + 1, cancel, told)?)),
            None => Err(self.nothing(format!("the event is not in its stream {stream}"))),
        }
    }

    /// The moment of a place in a stream, folded there by the stream's timeline.
    fn reach(
        &mut self,
        stream: &StreamName,
        place: u64,
        cancel: &Cancel,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<Moment, Failure> {
        let mut kept = self.take(stream);
        let result = drive(&*self.source, &mut kept, place, cancel, told);
        self.timelines.push(kept);
        result
    }

    fn take(&mut self, stream: &StreamName) -> Kept {
        if let Some(at) = self.timelines.iter().position(|kept| kept.timeline.stream() == stream) {
            return self.timelines.remove(at);
        }
        if self.timelines.len() >= KEPT {
            self.timelines.remove(0);
        }
        let reducer = reducer_or_broken(&mut self.book, stream.category());
        Kept {
            timeline: Timeline::new(stream.clone(), reducer, self.limits),
            slice: 1,
            batch: self.limits.batch as u64,
        }
    }
}

/// The event with this version and its ordinal; where there is none, the first with a later one. Versions of a foreign
/// store may go back, so that the first later one proves nothing about those behind it.
///
/// # Errors
/// When the scope is no stream, the source cannot be read, or nobody wants the answer any more.
pub fn version_in(
    source: &dyn Source,
    scope: &Scope,
    version: Version,
    cancel: &Cancel,
) -> Result<Option<(u64, Arc<Event>)>, Failure> {
    let at = |from, limit| EventQuery { scope: scope.clone(), from, direction: Direction::Forward, limit };
    let page = source.events(&at(Anchor::Version(version), 1), cancel)?;
    let Some(event) = page.events.first() else { return Ok(None) };
    let later = (page.first, event.clone());
    if event.version == version {
        return Ok(Some(later));
    }
    let mut next = page.first + 1;
    loop {
        let page = source.events(&at(Anchor::Ordinal(next), PAGE), cancel)?;
        if page.events.is_empty() {
            return Ok(Some(later));
        }
        if let Some((n, event)) = (0..).zip(&page.events).find(|(_, event)| event.version == version) {
            return Ok(Some((next + n, event.clone())));
        }
        next += page.events.len() as u64;
    }
}

fn drive(
    source: &dyn Source,
    Kept { timeline, slice, batch }: &mut Kept,
    place: u64,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Moment, Failure> {
    let scope = Scope::Stream(timeline.stream().clone());
    if let Some(summary) = source.stream(timeline.stream())? {
        timeline.grow(summary.events);
    }
    timeline.heed(cancel);
    let mut goal = Goal::To(place);
    let largest = match timeline.reducer().cost {
        StateCost::Pointer => SLICE,
        StateCost::Copy => SLICE.min(*batch),
    };
    let read = |from, limit| source.events(&EventQuery::at(scope.clone(), from, limit), cancel);
    std::thread::scope(|threads| {
        // On a long way the next page is read while this one is folded.
        let mut ahead: Option<(u64, ScopedJoinHandle<'_, Result<EventPage, Failure>>)> = None;
        loop {
            if cancel.is_cancelled() {
                return Err(Failure::new(FailureKind::Cancelled, source.about().name, "walk", "it was stopped"));
            }
            let begun = Instant::now();
            let answer = timeline.advance(&mut goal, Budget { events: *slice });
            // How fast it goes decides how often is looked up, never what is found.
            *slice = match begun.elapsed() {
                time if time < *SLICE_TIME.start() => (*slice * 2).min(largest),
                time if time > *SLICE_TIME.end() => (*slice / 4).max(1),
                _ => *slice,
            };
            match answer {
                Advance::Working { folded, to_fold } => told(folded, to_fold),
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
                Advance::Reached => return Ok(timeline.moment()),
                Advance::Failed(_) if cancel.is_cancelled() => {}
                Advance::Failed(why) => return unfolded(source, timeline, place, why, cancel),
            }
        }
    })
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
            let query = EventQuery::at(Scope::Stream(stream.clone()), ordinal, 1);
            source.events(&query, cancel)?.events.into_iter().next()
        }
        None => None,
    };
    let reducer = timeline.reducer().clone();
    let (patch, fault) = (Arc::default(), Some(why));
    Ok(Moment { stream, at, total, event, state: None, patch, unknown: true, fault, reducer })
}

/// The moment before the first event of a scope of many streams, or at a record that belongs to none.
fn outside(event: Option<Arc<Event>>) -> Moment {
    let fault =
        event.as_ref().and_then(|event| event.trouble.as_ref()).map(|trouble| FoldError::new(trouble.to_string()));
    Moment {
        stream: StreamName::from(""),
        at: 0,
        total: 0,
        event,
        state: None,
        patch: Arc::default(),
        unknown: false,
        fault,
        reducer: Arc::new(crate::reducers::Definition::Merge.info()),
    }
}

/// The reducer of a category, or one that says at every event why there is none.
fn reducer_or_broken(book: &mut ReducerBook, category: &str) -> Box<dyn Reducer> {
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let name = book.script(category).map(name);
    book.reducer(category).unwrap_or_else(|failure| {
        let info = ReducerInfo { name: name.unwrap_or_default(), ..crate::reducers::Definition::Merge.info() };
        Box::new(crate::reducers::Broken::new(info, FoldError::new(failure.to_string())))
    })
}

#[cfg(test)]
mod tests;
