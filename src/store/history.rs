//! Everything that happened, to be read: by the writer of a store and by any number of viewers alike.
//!
//! Invariant: a history only grows, at its end. Ordinals (from 0) and positions (ordinal + 1) never change.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::batch::{Batch, micros, timestamp};
use super::catalog::{Catalog, Categories, Place, Stream};
use super::error::{Damage, StoreError};
use super::ids::hash_id;
use super::journal::{Grows, Segments};
use super::segment::body_at;
use super::subscription::Subscription;
use super::viewer::Follower;
use crate::domain::{
    Anchor, Cancel, Direction, Event, EventPage, EventQuery, Position, Scope, StreamName, StreamPage, StreamSummary,
    Timestamp, Version,
};

/// Unpacked records kept for the next read, in bytes.
const KEPT: usize = 8 << 20;

/// So many events are read at a time to learn which have a correlation.
const GATHERED: usize = 4096;

/// A store's events, in the order they were appended.
pub struct History {
    pub(super) segments: Arc<Segments>,
    pub(super) catalog: RwLock<Catalog>,
    categories: Mutex<Categories>,
    kept: Mutex<VecDeque<(Place, Arc<Batch>)>>,
    names: Mutex<HashSet<Arc<str>>>,
    /// Set for viewers: how they learn what was appended since.
    pub(super) follower: Option<Mutex<Follower>>,
    /// Told whenever the catalog grew.
    grown: Condvar,
    grown_lock: Mutex<()>,
}

impl History {
    pub(super) fn new(segments: Arc<Segments>, catalog: Catalog, follower: Option<Follower>) -> Self {
        Self {
            segments,
            catalog: RwLock::new(catalog),
            categories: Mutex::default(),
            kept: Mutex::default(),
            names: Mutex::default(),
            follower: follower.map(Mutex::new),
            grown: Condvar::new(),
            grown_lock: Mutex::default(),
        }
    }

    pub(super) fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn categories(&self) -> MutexGuard<'_, Categories> {
        self.categories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for events.
    pub(super) fn announce(&self) {
        drop(self.grown_lock.lock());
        self.grown.notify_all();
    }

    /// Waits until there are more than `known` events, but no longer than a moment. Events of this process are noticed
    /// at once, those of another one when it is looked for them, which this does.
    pub(super) fn wait(&self, known: u64, moment: std::time::Duration) -> Result<(), StoreError> {
        self.refresh()?;
        let guard = self.grown_lock.lock().unwrap_or_else(PoisonError::into_inner);
        if self.events_known() <= known {
            drop(self.grown.wait_timeout(guard, moment));
        }
        Ok(())
    }

    /// How many events are known: the position of the last one.
    pub fn events_known(&self) -> u64 {
        self.catalog().events()
    }

    /// How many streams are known.
    pub fn streams_known(&self) -> usize {
        self.catalog().stream_count()
    }

    /// Streams in the order of their first events, at most `limit` from the `from`-th.
    pub fn streams(&self, from: usize, limit: usize) -> StreamPage {
        let catalog = self.catalog();
        let total = catalog.stream_count();
        let to = from.saturating_add(limit).min(total);
        let streams = (from..to).filter_map(|n| catalog.stream_at(n)).map(|stream| summary(&catalog, stream)).collect();
        StreamPage { streams, total, partial: false }
    }

    /// One stream.
    pub fn stream(&self, name: &StreamName) -> Option<StreamSummary> {
        let catalog = self.catalog();
        catalog.stream(name.as_str()).map(|stream| summary(&catalog, stream))
    }

    /// Events of a scope, forward or backward from any place. An anchor that does not exist gives an empty page.
    ///
    /// # Errors
    /// `Damaged` when a record is not what was written, `Unsupported` for a version outside a stream, `Cancelled`, `Io`.
    pub fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, StoreError> {
        // The places first, so that no lock is held while the journal is read.
        let (first, total, ordinals) = self.places(query, cancel)?;
        let mut events = Vec::with_capacity(ordinals.len());
        for (ordinal, record) in ordinals {
            if cancel.is_cancelled() {
                return Err(StoreError::Cancelled);
            }
            events.push(Arc::new(self.event_in(record, ordinal)?));
        }
        Ok(EventPage { first: if events.is_empty() { 0 } else { first }, events, total, partial: false })
    }

    #[allow(clippy::type_complexity)]
    fn places(&self, query: &EventQuery, cancel: &Cancel) -> Result<(u64, u64, Vec<(u32, Place)>), StoreError> {
        self.gather(&query.scope, cancel)?;
        let first = self.locate(&query.scope, &query.from, cancel)?;
        let catalog = self.catalog();
        let mut categories = self.categories();
        let total = catalog.total(&query.scope, &mut categories);
        let Some(first) = first.filter(|&first| first < total) else { return Ok((0, total, Vec::new())) };
        let limit = query.limit as u64;
        let mut places = Vec::with_capacity(query.limit.min(4096));
        let mut add = |n| {
            if let Some(ordinal) = catalog.in_store(&query.scope, n, &mut categories) {
                places.push((ordinal, catalog.record(ordinal)));
            }
        };
        match query.direction {
            Direction::Forward => (first..total.min(first.saturating_add(limit))).for_each(&mut add),
            Direction::Backward => ((first + 1).saturating_sub(limit)..=first).rev().for_each(&mut add),
        }
        Ok((first, total, places))
    }

    /// Reads which events have a correlation: the catalog does not say it.
    fn gather(&self, scope: &Scope, cancel: &Cancel) -> Result<(), StoreError> {
        let Scope::Correlation(id) = scope else { return Ok(()) };
        loop {
            let from = self.categories().gathered(id);
            let upto = (self.events_known() as usize).min(from + GATHERED);
            if from >= upto {
                return Ok(());
            }
            let mut found = Vec::new();
            for ordinal in from as u32..upto as u32 {
                if cancel.is_cancelled() {
                    return Err(StoreError::Cancelled);
                }
                if self.at(ordinal)?.correlation.as_ref() == Some(id) {
                    found.push(ordinal);
                }
            }
            self.categories().gather(id, from, upto, &found);
        }
    }

    /// The ordinal of an anchor in its scope, if it exists.
    fn locate(&self, scope: &Scope, anchor: &Anchor, cancel: &Cancel) -> Result<Option<u64>, StoreError> {
        match anchor {
            Anchor::Start => Ok(Some(0)),
            Anchor::Ordinal(ordinal) => Ok(Some(*ordinal)),
            Anchor::End => Ok(self.catalog().total(scope, &mut self.categories()).checked_sub(1)),
            Anchor::Version(version) => match scope {
                Scope::Stream(name) => {
                    let catalog = self.catalog();
                    Ok(catalog.stream(name.as_str()).map(|stream| stream.before_version(version.0) as u64))
                }
                _ => Err(StoreError::Unsupported("a version is a place in one stream only".into())),
            },
            Anchor::AsOf(time) => self.as_of(scope, *time, cancel),
            Anchor::Id(id) => {
                for ordinal in self.with_id(id)? {
                    let found = self.catalog().in_scope(scope, ordinal, &mut self.categories());
                    if found.is_some() {
                        return Ok(found);
                    }
                }
                Ok(None)
            }
        }
    }

    fn as_of(&self, scope: &Scope, time: Timestamp, cancel: &Cancel) -> Result<Option<u64>, StoreError> {
        let limit = micros(time);
        let mut n = self.catalog().total(scope, &mut self.categories());
        while n > 0 {
            if cancel.is_cancelled() {
                return Err(StoreError::Cancelled);
            }
            // In slices, so that a writer is not kept waiting by a long look back.
            let low = n.saturating_sub(65_536);
            let catalog = self.catalog();
            let mut categories = self.categories();
            let mut recorded = |n: &u64| {
                let ordinal = catalog.in_store(scope, *n, &mut categories)?;
                catalog.time(ordinal).filter(|&at| at <= limit)
            };
            if let Some(found) = (low..n).rev().find(|n| recorded(n).is_some()) {
                return Ok(Some(found));
            }
            n = low;
        }
        Ok(None)
    }

    /// The ordinals of the events with an id, oldest first.
    pub(super) fn with_id(&self, id: &str) -> Result<Vec<u32>, StoreError> {
        let candidates = self.catalog().candidates(hash_id(id));
        let mut found = Vec::new();
        for ordinal in candidates {
            if self.at(ordinal)?.id.as_deref() == Some(id) {
                found.push(ordinal);
            }
        }
        Ok(found)
    }

    /// The event at an ordinal of the store, which must exist.
    pub(super) fn at(&self, ordinal: u32) -> Result<Event, StoreError> {
        let record = self.catalog().record(ordinal);
        self.event_in(record, ordinal)
    }

    /// The event at a position, if there is one.
    ///
    /// # Errors
    /// As for [`Self::events`].
    pub fn event(&self, position: u64) -> Result<Option<Event>, StoreError> {
        match position.checked_sub(1).filter(|&ordinal| ordinal < self.events_known()) {
            Some(ordinal) => self.at(ordinal as u32).map(Some),
            None => Ok(None),
        }
    }

    /// The ordinal within `to` of the event at `ordinal` within `from`.
    ///
    /// # Errors
    /// As for [`Self::events`]: which events have a correlation must be read.
    pub fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, StoreError> {
        for scope in [from, to] {
            self.gather(scope, &Cancel::default())?;
        }
        let catalog = self.catalog();
        let mut categories = self.categories();
        let ordinal = catalog.in_store(from, ordinal, &mut categories);
        Ok(ordinal.and_then(|ordinal| catalog.in_scope(to, ordinal, &mut categories)))
    }

    /// Follows the history from after a position (0 is the beginning): what is there, then what comes, in order.
    pub fn subscribe(self: &Arc<Self>, after: u64, cancel: &Cancel) -> Subscription {
        Subscription::new(self.clone(), after, cancel.clone())
    }

    fn event_in(&self, record: Place, ordinal: u32) -> Result<Event, StoreError> {
        let batch = self.batch(record)?;
        let position = u64::from(ordinal) + 1;
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        // Types are few; a store with as many types as events must not be held in memory by them.
        if names.len() > 65_536 {
            names.clear();
        }
        let mut share = |name: &str| match names.get(name) {
            Some(shared) => shared.clone(),
            None => {
                let shared: Arc<str> = name.into();
                names.insert(shared.clone());
                shared
            }
        };
        batch
            .event((ordinal - record.first) as usize, &mut share)
            .filter(|event| event.position == Position::Number(position))
            .ok_or_else(|| damage(record, format!("the record does not hold position {position}")))
    }

    fn batch(&self, record: Place) -> Result<Arc<Batch>, StoreError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut kept = kept();
            if let Some(at) = kept.iter().rposition(|(place, _)| *place == record) {
                let found = kept[at].1.clone();
                if at + 8 < kept.len() {
                    let moved = kept.remove(at);
                    kept.extend(moved);
                }
                return Ok(found);
            }
        }
        let (file, _) = self.segments.file(record.segment)?;
        let body = body_at(&file, &self.segments.store, u64::from(record.offset))
            .map_err(|error| StoreError::io("read the journal", error))?;
        let body = body.map_err(|reason| damage(record, reason))?;
        let batch =
            Arc::new(Batch::unpack(body).ok_or_else(|| damage(record, "the record cannot be unpacked".into()))?);
        let mut kept = kept();
        let mut weight: usize = kept.iter().map(|(_, batch)| batch.weight()).sum::<usize>() + batch.weight();
        while weight > KEPT {
            let Some((_, old)) = kept.pop_front() else { break };
            weight -= old.weight();
        }
        kept.push_back((record, batch.clone()));
        Ok(batch)
    }
}

fn damage(record: Place, reason: String) -> StoreError {
    StoreError::Damaged(Damage { segment: record.segment, offset: u64::from(record.offset), reason })
}

fn summary(catalog: &Catalog, stream: &Stream) -> StreamSummary {
    let times = || stream.ordinals.iter().filter_map(|&ordinal| catalog.time(ordinal));
    StreamSummary {
        stream: stream.name.clone(),
        events: stream.ordinals.len() as u64,
        first_version: Version(stream.version(0)),
        last_version: Version(stream.last_version()),
        first_time: times().min().and_then(timestamp),
        last_time: times().max().and_then(timestamp),
        kind: crate::domain::StreamKind::Domain,
    }
}
