//! Drives timelines through a source: goes where it is told and answers with one consistent moment.
//!
//! Every stream that is walked has a timeline of its own; the last few are kept, so that stepping across streams does
//! not fold them again each time. A scope of many streams is walked by translating its places into places of streams.

mod driving;
mod placing;
mod searching;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::open::categories;
use super::pages::Pages;
use super::places;
use super::reducers::{PROJECT_FILE, ReducerBook, Refreshed};
use crate::domain::{
    Anchor, Cancel, Destination, Direction, Event, EventQuery, Failure, FailureKind, Patch, Place, Scope, State,
    StreamName, Timestamp, Version,
};
use crate::replay::{
    Counted, FaultCount, Fingerprint, FoldError, Limits, Moment, Patience, Reducer, ReducerInfo, Suspension, Timeline,
};
use crate::sources::Source;
pub use driving::Underway;
use driving::{Kept, count, drive, stateless, stopped, suspended};
pub use placing::Placed;
pub use searching::{Searched, Step};

/// Timelines kept: each of a script has a process of its own.
const KEPT: usize = 6;

/// Unreadable records passed over with one read, at most.
const MOST_PASSED: usize = 256;

/// After so long a fold says how far it is.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// Where a walk arrived.
#[derive(Clone, PartialEq, Debug)]
pub struct Reached {
    /// The scope walked now: another one than asked when the destination lies in another stream.
    pub scope: Scope,
    /// How many events of the scope lie at or before the cursor.
    pub scope_at: u64,
    /// What is so there.
    pub moment: Moment,
    /// What the person should know of the place: that a version stands twice.
    pub notice: Option<String>,
}

/// What came of folding a stream to its end.
#[derive(Clone, PartialEq, Debug)]
pub struct Folded {
    /// What failed, as far as it was folded.
    pub counted: Counted,
    /// Why it was not folded to the end, or has no state there.
    pub failed: Option<FoldError>,
}

/// Walks the streams of one source. Slow (it folds): in the interface it lives on a thread of its own.
pub struct Walker {
    source: Arc<dyn Source>,
    book: ReducerBook,
    /// Most recently walked last.
    timelines: Vec<Kept>,
    limits: Limits,
    /// What all walks share; each has its own otherwise.
    patience: Option<Patience>,
    current: Option<State>,
    pinned: Option<State>,
}

impl Walker {
    /// A walker over a source.
    pub fn new(source: Arc<dyn Source>, book: ReducerBook) -> Self {
        Self {
            source,
            book,
            timelines: Vec::new(),
            limits: Limits::default(),
            patience: None,
            current: None,
            pinned: None,
        }
    }

    /// The same walker for a single question: it keeps nothing for a way back.
    pub fn for_one_answer(self) -> Self {
        Self { limits: Limits::for_one_answer(), ..self }
    }

    /// The same walker whose walks share their patience with a reducer that takes too long: for a whole store.
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Walks. `told` hears how far the fold is. A place beyond the end of a scope means its
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
        told: &mut dyn FnMut(&Underway<'_>),
    ) -> Result<Reached, Failure> {
        let (to, notice) = self.located(scope, to, cancel)?;
        let (scope, place) = self.resolve(scope, from, &to, cancel)?;
        let (scope_at, moment) = match &scope {
            Scope::Stream(stream) => {
                let moment = self.reach(stream, place, cancel, told)?;
                (moment.at, moment)
            }
            _ => self.reach_among_many(&scope, place, cancel, told)?,
        };
        self.current = moment.unknown.is_none().then(|| moment.state.clone());
        Ok(Reached { scope, scope_at, moment, notice })
    }

    /// The reducers it folds with, to be read again whenever that is asked for: for another walker.
    pub fn reducers(&self) -> impl Fn() -> Result<ReducerBook, Failure> + Send + Sync + use<> {
        self.book.reader()
    }

    /// Whether streams of this category are folded by a reducer of the user's, not by the generic guess.
    pub fn is_scripted(&self, category: &str) -> bool {
        self.script(category).is_some()
    }

    /// The user's file that folds streams of this category.
    pub fn script(&self, category: &str) -> Option<&Path> {
        self.book.script(category)
    }

    /// Folds a stream to its end, asks for the state there and counts what fails; no cursor moves. `told` hears how many
    /// events are folded.
    ///
    /// # Errors
    /// When the source cannot be read, or nobody wants it any more.
    pub fn fold_all(
        &mut self,
        stream: &StreamName,
        cancel: &Cancel,
        told: &mut dyn FnMut(u64),
    ) -> Result<Folded, Failure> {
        let mut kept = self.take(stream);
        let failed = loop {
            match count(&*self.source, &mut kept, TOLD_EVERY, cancel) {
                Err(failure) => break Err(failure),
                Ok(Some(why)) => break Ok(Some(why)),
                Ok(None) if cancel.is_cancelled() => break Err(stopped(&*self.source)),
                Ok(None) => {}
            }
            let counted = kept.timeline.counted();
            told(counted.events);
            match counted.suspended {
                Some(suspension) if !counted.is_whole() => break Ok(Some(suspended(&suspension))),
                Some(_) | None if counted.is_whole() => break Ok(None),
                Some(_) | None => {}
            }
        };
        let failed = failed.and_then(|failed| match failed {
            Some(why) => Ok(Some(why)),
            None => stateless(&*self.source, &mut kept, cancel),
        });
        let counted = kept.timeline.counted();
        self.timelines.push(kept);
        Ok(Folded { counted, failed: failed? })
    }

    /// Keeps a state to compare with.
    pub fn pin(&mut self, state: State) {
        self.pinned = Some(state);
    }

    /// No longer compares.
    pub fn unpin(&mut self) {
        self.pinned = None;
    }

    /// From the pinned state to the current one, when something is pinned and it is known what the state is here.
    pub fn difference(&self) -> Option<Patch> {
        let (pinned, current) = (self.pinned.as_ref()?, self.current.as_ref()?);
        Some(Patch::between(pinned, current))
    }

    /// How many events of a stream failed, and how far the count has come; `None` for a stream that was not walked lately.
    pub fn counted(&self, stream: &StreamName) -> Option<Counted> {
        self.timeline(stream).map(Timeline::counted)
    }

    /// Which reducer folds a stream that was walked lately, and what of it failed so far.
    pub fn folded(&self, stream: &StreamName) -> Option<(Arc<ReducerInfo>, Counted)> {
        self.timeline(stream).map(|timeline| (timeline.reducer().clone(), timeline.counted()))
    }

    /// Goes on counting the events of a stream that fail, for about so long, without moving any cursor. It is done when
    /// the answer is whole; a cancelled one answers what is known so far.
    ///
    /// # Errors
    /// When the source cannot be read or the reducer cannot fold at all: what was counted before stays.
    pub fn count_on(&mut self, stream: &StreamName, time: Duration, cancel: &Cancel) -> Result<Counted, Failure> {
        let mut kept = self.take(stream);
        let result = count(&*self.source, &mut kept, time, cancel);
        let (counted, name) = (kept.timeline.counted(), kept.timeline.reducer().name.clone());
        self.timelines.push(kept);
        match result? {
            None => Ok(counted),
            Some(why) => {
                let doing = format!("count the faults of {stream}");
                Err(Failure::new(FailureKind::Malformed, name, doing, why.to_string()))
            }
        }
    }

    /// Why nothing is folded any more, when all walks share their patience and it is spent.
    pub fn suspension(&self) -> Option<Suspension> {
        self.patience.as_ref().and_then(Patience::suspension)
    }

    /// Goes on with a fold that is suspended, however often its reducer takes too long from now on. Where the walk stands
    /// must then be asked for again.
    pub fn keep_going(&mut self, stream: &StreamName) {
        if let Some(kept) = self.timelines.iter().find(|kept| kept.timeline.stream() == stream) {
            kept.timeline.patience().go_on();
        }
    }

    fn timeline(&self, stream: &StreamName) -> Option<&Timeline> {
        self.timelines.iter().map(|kept| &kept.timeline).find(|timeline| timeline.stream() == stream)
    }

    /// Looks whether reducer files changed; when they did, loads them again and says what became of it. Where the walk
    /// stands must then be asked for again.
    pub fn refresh(&mut self) -> Option<Refreshed> {
        let streams: Vec<StreamName> = self.timelines.iter().rev().map(|kept| kept.timeline.stream().clone()).collect();
        let refreshed = self.book.refresh(&streams)?;
        for Kept { timeline, slice, .. } in &mut self.timelines {
            let stream = timeline.stream().clone();
            let reducer = reducer_for(&*self.source, &mut self.book, &stream);
            let (new, old) = (reducer.info(), timeline.reducer());
            // What folds as before keeps what it folded.
            if (new.fingerprint, &new.name) != (old.fingerprint, &old.name) {
                *slice = 1;
                timeline.replace_reducer(reducer);
            }
            timeline.mark_stale(self.book.stale(stream.category()));
        }
        Some(refreshed)
    }

    /// What the project files say that means nothing for the source, or why they cannot be understood; nothing is known of it
    /// while the source is being read.
    pub fn remarks(&self) -> Option<Vec<String>> {
        match self.book.unusable() {
            Some(why) => Some(vec![format!("nothing is folded: {why}")]),
            None if self.source.progress().complete => Some(self.book.remarks(&categories(&*self.source).ok()?)),
            None => None,
        }
    }

    /// Tells whether reducer files changed since they were read, while the walker is busy.
    pub fn watch(&self) -> impl Fn() -> bool + Send + use<> {
        self.book.watch()
    }

    /// The ordinals of a stream's events that failed, as runs of neighbours, as far as they are counted and at most so
    /// many.
    pub fn failed(&self, stream: &StreamName, most: usize) -> Vec<Range<u64>> {
        self.timeline(stream).map_or_else(Vec::new, |timeline| timeline.failed().take(most).collect())
    }

    /// The same destination; a place that was typed, as one counted in events, with what to know of it.
    fn located(
        &self,
        scope: &Scope,
        to: &Destination,
        cancel: &Cancel,
    ) -> Result<(Destination, Option<String>), Failure> {
        let Destination::At(place) = to else { return Ok((to.clone(), None)) };
        let look = || places::locate(&*self.source, scope, place, cancel);
        let complete = self.source.progress().complete;
        // Of a time, and of what counts from the end, the end must be known.
        let found = match place {
            Place::Time(_) | Place::Clock(_) | Place::Ago(_) | Place::Last if !complete => Err(FailureKind::NotFound),
            _ => match look() {
                Err(failure) if failure.kind == FailureKind::NotFound && !complete => Err(failure.kind),
                found => Ok(found),
            },
        };
        let found = match found {
            Ok(found) => found,
            Err(_) => self.source.complete(cancel, &mut |_| {}).and_then(|()| look()),
        }?;
        Ok((Destination::To(found.place), found.notice))
    }

    /// The place a destination means, and the scope it lies in.
    fn resolve(&self, scope: &Scope, from: u64, to: &Destination, cancel: &Cancel) -> Result<(Scope, u64), Failure> {
        match to {
            // Whether there is a later one is known only when everything has been read.
            Destination::AsOf(_) => {
                self.source.complete(cancel, &mut |_| {})?;
                self.known(scope, from, to, cancel)
            }
            Destination::Version { .. } | Destination::Id(_) | Destination::Same(..)
                if !self.source.progress().complete =>
            {
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
            Destination::At(place) => Ok((scope.clone(), places::locate(&*self.source, scope, place, cancel)?.place)),
            Destination::Version { version, at } => {
                let found = places::locate(&*self.source, scope, &Place::Number(*version), cancel)?;
                let (near, there, _) = self.event_at(scope, *at, cancel)?;
                let is_one = there.is_some_and(|event| event.version == Version(*version));
                Ok((scope.clone(), if is_one { near } else { found.place }))
            }
            Destination::Same(other, place) => match place.checked_sub(1) {
                None => Ok((scope.clone(), 0)),
                Some(ordinal) => match self.source.translate(other, ordinal, scope)? {
                    Some(ordinal) => Ok((scope.clone(), ordinal + 1)),
                    None => Err(self.nothing("this event does not stand there".into())),
                },
            },
            Destination::AsOf(time) => Ok((scope.clone(), self.as_of(scope, *time, cancel)?)),
            Destination::Id(id) => {
                if let Some((ordinal, _)) = self.one(scope, Anchor::Id(id.clone()), cancel)? {
                    return Ok((scope.clone(), ordinal + 1));
                }
                match self.one(&Scope::All, Anchor::Id(id.clone()), cancel)? {
                    Some((ordinal, event)) => self.in_its_stream(ordinal, &event),
                    None => self.at_position(scope, id, cancel),
                }
            }
            Destination::InStore(place) if *scope == Scope::All => Ok((Scope::All, *place)),
            Destination::InStore(place) => match place.checked_sub(1) {
                Some(ordinal) => match self.one(&Scope::All, Anchor::Ordinal(ordinal), cancel)? {
                    // A record that is no event may belong to no stream.
                    Some((ordinal, event)) if event.is_loose() => Ok((Scope::All, ordinal + 1)),
                    Some((ordinal, event)) => self.in_its_stream(ordinal, &event),
                    None => Err(self.nothing(format!("there is no event {place} in the store"))),
                },
                None => Ok((Scope::All, 0)),
            },
            Destination::Store(direction) => self.neighbour(scope, from, *direction, cancel),
        }
    }

    /// What has no such id may be a position of a wider scope that is no number.
    fn at_position(&self, scope: &Scope, text: &Arc<str>, cancel: &Cancel) -> Result<(Scope, u64), Failure> {
        let place = Place::Position(text.clone());
        Ok((scope.clone(), places::locate(&*self.source, scope, &place, cancel)?.place))
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
        let range = match direction {
            Direction::Forward => here..u64::MAX,
            Direction::Backward => 0..here.saturating_sub(u64::from(stands)),
        };
        // Records that could not be read are passed over; few at first, because usually there are none.
        let mut pages = Pages::within(Scope::All, direction, range, 1);
        while let Some(page) = pages.next(|query| self.source.events(query, cancel))? {
            for (ordinal, event) in page.numbered(direction) {
                match scope {
                    _ if event.trouble.is_some() => {}
                    Scope::All => return Ok((Scope::All, ordinal + 1)),
                    _ => return self.in_its_stream(ordinal, event),
                }
            }
            pages.limit = (pages.limit * 4).min(MOST_PASSED);
        }
        let end = if direction == Direction::Forward { "last" } else { "first" };
        Err(self.nothing(format!("this is the {end} event of the store")))
    }

    fn in_its_stream(&self, ordinal: u64, event: &Event) -> Result<(Scope, u64), Failure> {
        Ok((Scope::Stream(event.stream.clone()), self.in_its_stream_from(&Scope::All, ordinal, event)?))
    }

    /// The one event at an anchor, with its ordinal in the scope.
    fn one(&self, scope: &Scope, from: Anchor, cancel: &Cancel) -> Result<Option<(u64, Arc<Event>)>, Failure> {
        let query = EventQuery { scope: scope.clone(), from, direction: Direction::Forward, limit: 1 };
        let page = self.source.events(&query, cancel)?;
        Ok(page.events.first().map(|event| (page.first, event.clone())))
    }

    fn nothing(&self, why: String) -> Failure {
        places::nothing(&*self.source, why)
    }

    /// The moment of a place in a scope of many streams, that of the event's own stream; and the place.
    fn reach_among_many(
        &mut self,
        scope: &Scope,
        place: u64,
        cancel: &Cancel,
        told: &mut dyn FnMut(&Underway<'_>),
    ) -> Result<(u64, Moment), Failure> {
        let (place, event, _) = self.event_at(scope, place, cancel)?;
        match event {
            Some(event) if !event.is_loose() => {
                let at = self.in_its_stream_from(scope, place - 1, &event)?;
                Ok((place, self.reach(&event.stream.clone(), at, cancel, told)?))
            }
            none => Ok((place, outside(none))),
        }
    }

    /// The moment of a place in a stream, folded there by the stream's timeline.
    fn reach(
        &mut self,
        stream: &StreamName,
        place: u64,
        cancel: &Cancel,
        told: &mut dyn FnMut(&Underway<'_>),
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
        // The store knows where the category stands in a name; whoever typed the name does not.
        let known = self.source.stream(stream).ok().flatten().map_or_else(|| stream.clone(), |known| known.stream);
        let most = if self.limits == Limits::for_one_answer() { 1 } else { KEPT };
        let mut reducer = None;
        if self.timelines.len() >= most {
            // A process that folded one stream folds the next one as well.
            let gone = self.timelines.remove(0).timeline;
            let (was, is) = (self.book.script(gone.stream().category()), self.book.script(known.category()));
            reducer = (was.is_some() && was == is).then(|| gone.into_reducer()).flatten();
        }
        let reducer = reducer.unwrap_or_else(|| reducer_for(&*self.source, &mut self.book, &known));
        let mut timeline = Timeline::new(known.clone(), reducer, self.limits);
        if let Some(patience) = &self.patience {
            timeline = timeline.with_patience(patience.clone());
        }
        timeline.mark_stale(self.book.stale(known.category()));
        Kept { timeline, slice: 1, batch: self.limits.batch as u64 }
    }
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
        uncompared: false,
        unknown: None,
        suspended: None,
        urged: false,
        fault,
        faults: FaultCount::default(),
        // Nothing folds outside of a stream.
        reducer: Arc::new(ReducerInfo {
            name: String::new(),
            approximate: false,
            ..crate::reducers::Definition::Merge.info()
        }),
    }
}

/// What folds a stream: the user's reducer; else what was recorded by whoever wrote the store; else the generic fold.
fn reducer_for(source: &dyn Source, book: &mut ReducerBook, stream: &StreamName) -> Box<dyn Reducer> {
    if book.script(stream.category()).is_none()
        && book.unusable().is_none()
        && let Some(states) = source.recorded(stream)
    {
        return Box::new(crate::reducers::Recorded::new(states));
    }
    reducer_or_broken(book, stream.category())
}

/// The reducer of a category, or one that says at every event why there is none.
fn reducer_or_broken(book: &mut ReducerBook, category: &str) -> Box<dyn Reducer> {
    if let Some(why) = book.unusable() {
        // Another mistake is another fold: it is folded, and said, again.
        let fingerprint = Fingerprint(crc32c::crc32c(why.to_string().as_bytes()).into());
        let info = ReducerInfo {
            name: PROJECT_FILE.into(),
            approximate: false,
            fingerprint,
            ..crate::reducers::Definition::Merge.info()
        };
        return Box::new(crate::reducers::Broken::new(info, why.clone()));
    }
    let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let name = book.script(category).map(name);
    book.reducer(category).unwrap_or_else(|failure| {
        let info = ReducerInfo { name: name.unwrap_or_default(), ..crate::reducers::Definition::Merge.info() };
        Box::new(crate::reducers::Broken::new(info, FoldError::new(failure.to_string())))
    })
}
