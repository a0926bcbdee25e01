//! Events in memory: the reference that says what every source must answer, and the source of other tests.
//!
//! Everything is done the plainest way, over a list of all events; nothing is indexed. It is always complete, and may still
//! be appended to, as a store is while somebody looks at it.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::{Source, lacking};
use crate::domain::{
    About, Anchor, Cancel, DeclaredStream, Direction, Event, EventPage, EventQuery, Failure, FailureKind, NoteKind,
    Progress, Scope, StoredSnapshot, StreamName, StreamPage, StreamSummary,
};

/// A source that holds its events.
#[derive(Debug)]
pub struct Memory {
    name: String,
    events: RwLock<Vec<Arc<Event>>>,
    about: About,
    snapshots: Vec<StoredSnapshot>,
    declared: Vec<DeclaredStream>,
}

impl Memory {
    /// A source of these events, in the order of the store.
    pub fn new(name: impl Into<String>, events: Vec<Event>) -> Self {
        let (name, events) = (name.into(), RwLock::new(events.into_iter().map(kept).collect()));
        let about = About { name: name.clone(), kind: "memory".into(), ..About::default() };
        Self { name, events, about, snapshots: Vec::new(), declared: Vec::new() }
    }

    /// The same, saying this of itself.
    pub fn with_about(self, about: About) -> Self {
        Self { about, ..self }
    }

    /// The same, with what a store keeps beside its events.
    pub fn beside(self, snapshots: Vec<StoredSnapshot>, declared: Vec<DeclaredStream>) -> Self {
        Self { snapshots, declared, ..self }
    }

    /// Adds events at the end.
    pub fn append(&self, events: impl IntoIterator<Item = Event>) {
        let mut all = self.events.write().unwrap_or_else(PoisonError::into_inner);
        all.extend(events.into_iter().map(kept));
    }

    fn all(&self) -> RwLockReadGuard<'_, Vec<Arc<Event>>> {
        self.events.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn scope(&self, scope: &Scope) -> Vec<Arc<Event>> {
        self.all().iter().filter(|event| is_in(scope, event)).cloned().collect()
    }
}

/// An event as every source gives it.
fn kept(event: Event) -> Arc<Event> {
    let mut event = Arc::new(event);
    lacking::note_repeated(&mut event);
    event
}

/// Whether an event belongs to a scope.
fn is_in(scope: &Scope, event: &Event) -> bool {
    // A link is an event of its own stream only.
    let linked = || event.has(NoteKind::Link) || event.has(NoteKind::BrokenLink);
    match scope {
        Scope::All => !linked(),
        Scope::Stream(name) => !event.is_loose() && event.stream == *name,
        Scope::Correlation(id) => event.correlation.as_ref() == Some(id) && !linked(),
        Scope::Category(name) => !event.is_loose() && event.stream.category() == &**name && !linked(),
    }
}

fn summary(stream: &StreamName, events: &[Arc<Event>]) -> Option<StreamSummary> {
    let (first, last) = (events.first()?, events.last()?);
    let times = || events.iter().filter_map(|event| event.time);
    Some(StreamSummary {
        stream: stream.clone(),
        events: events.len() as u64,
        first_version: first.version,
        last_version: last.version,
        first_time: times().min(),
        last_time: times().max(),
        kind: crate::domain::StreamKind::Domain,
    })
}

impl Source for Memory {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn progress(&self) -> Progress {
        let all = self.all();
        let troubles = all.iter().filter(|event| event.trouble.is_some()).count() as u64;
        let streams: HashSet<_> = all.iter().filter(|event| !event.is_loose()).map(|event| &event.stream).collect();
        let total = all.len() as u64;
        let streams = streams.len() as u64;
        Progress { done: total, total, events: total - troubles, troubles, streams, complete: true }
    }

    fn begin(&self) {}

    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.wanted(cancel)?;
        told(self.progress());
        Ok(())
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        let mut names: Vec<StreamName> = Vec::new();
        let mut known = HashSet::new();
        for event in self.all().iter().filter(|event| !event.is_loose()) {
            if known.insert(event.stream.clone()) {
                names.push(event.stream.clone());
            }
        }
        let summary = |name: &StreamName| summary(name, &self.scope(&Scope::Stream(name.clone())));
        let streams = names.iter().skip(from).take(limit).filter_map(summary).collect();
        Ok(StreamPage { streams, total: names.len(), partial: false })
    }

    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        Ok(summary(name, &self.scope(&Scope::Stream(name.clone()))))
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        self.wanted(cancel)?;
        let events = self.scope(&query.scope);
        let start = match &query.from {
            Anchor::Start => Some(0),
            Anchor::End => events.len().checked_sub(1),
            Anchor::Ordinal(ordinal) => usize::try_from(*ordinal).ok(),
            Anchor::Version(version) => match query.scope {
                Scope::Stream(_) => events.iter().position(|event| event.version >= *version),
                _ => {
                    let why = "a version is a place in one stream";
                    return Err(Failure::new(FailureKind::Unsupported, &self.name, "read events", why));
                }
            },
            Anchor::AsOf(time) => events.iter().rposition(|event| event.time.is_some_and(|then| then <= *time)),
            Anchor::Id(id) => events.iter().position(|event| event.id.as_ref() == Some(id)),
        };
        let page: Vec<_> = match (start.filter(|start| *start < events.len()), query.direction) {
            (None, _) => Vec::new(),
            (Some(start), Direction::Forward) => events[start..].iter().take(query.limit).cloned().collect(),
            (Some(start), Direction::Backward) => events[..=start].iter().rev().take(query.limit).cloned().collect(),
        };
        let first = if page.is_empty() { 0 } else { start.unwrap_or(0) as u64 };
        Ok(EventPage { first, events: page, total: events.len() as u64, partial: false })
    }

    fn snapshots(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.wanted(cancel)?;
        let _ = self.snapshots.iter().cloned().try_for_each(told);
        Ok(())
    }

    fn declared(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.wanted(cancel)?;
        let _ = self.declared.iter().cloned().try_for_each(told);
        Ok(())
    }

    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
        let Some(event) = usize::try_from(ordinal).ok().and_then(|at| self.scope(from).get(at).cloned()) else {
            return Ok(None);
        };
        Ok(self.scope(to).iter().position(|other| Arc::ptr_eq(other, &event)).map(|at| at as u64))
    }
}

impl Memory {
    fn wanted(&self, cancel: &Cancel) -> Result<(), Failure> {
        if cancel.is_cancelled() {
            return Err(Failure::cancelled(&self.name, "read events"));
        }
        Ok(())
    }
}
