//! The versions around the cursor, kept alive: a step back to one of them is a pointer move.
//!
//! Neighbouring versions share structure, so a thousand of them cost about their differences. Invariant: the places are
//! contiguous, and every version knows all that is shown at its place.

use std::cell::OnceCell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::FoldError;
use super::log::event_bytes;
use crate::domain::{Event, Patch, State};

/// A state, or why the reducer could not give it.
pub(super) type Given = Result<State, Arc<FoldError>>;

/// What is so at one place.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// The event that led here.
    pub event: Option<Arc<Event>>,
    /// Why that event could not be folded.
    pub fault: Option<Arc<FoldError>>,
    /// The state before that event.
    pub before: Given,
    /// The state here.
    pub given: Given,
    /// What the event changed; made when first looked at.
    patch: OnceCell<Arc<Patch>>,
    /// What it holds alone, about.
    bytes: usize,
}

impl Version {
    /// A version; `state_bytes` is about what its state does not share with the one before.
    pub fn new(
        event: Option<Arc<Event>>,
        fault: Option<Arc<FoldError>>,
        before: Given,
        given: Given,
        state_bytes: usize,
    ) -> Self {
        let bytes = event.as_ref().map_or(0, |event| event_bytes(event)) + state_bytes;
        Self { event, fault, before, given, patch: OnceCell::new(), bytes }
    }

    /// Whether it cannot be told what the event changed.
    pub fn is_uncompared(&self) -> bool {
        self.event.is_some() && (self.before.is_err() || self.given.is_err())
    }

    /// What the event changed. Nothing, where one of the two states could not be given.
    pub fn patch(&self) -> Arc<Patch> {
        let make = || match (&self.before, &self.given) {
            (Ok(before), Ok(after)) => Arc::new(Patch::between(before, after)),
            (Err(_), _) | (_, Err(_)) => Arc::default(),
        };
        self.patch.get_or_init(make).clone()
    }
}

/// Versions of neighbouring places.
#[derive(Debug, Default)]
pub(super) struct Ring {
    first: u64,
    versions: VecDeque<Version>,
    bytes: usize,
    most: usize,
    budget: usize,
}

impl Ring {
    /// Keeps at most `most` versions (at least one) within a byte budget.
    pub fn new(most: usize, budget: usize) -> Self {
        Self { most: most.max(1), budget, ..Self::default() }
    }

    pub fn len(&self) -> usize {
        self.versions.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first place kept.
    pub fn first(&self) -> Option<u64> {
        (!self.versions.is_empty()).then_some(self.first)
    }

    pub fn get(&self, place: u64) -> Option<&Version> {
        self.versions.get(usize::try_from(place.checked_sub(self.first)?).ok()?)
    }

    /// The latest place at or before `place` whose state is known, with that state.
    pub fn state_at_or_before(&self, place: u64) -> Option<(u64, &State)> {
        let skip = usize::try_from(place.checked_sub(self.first)?).unwrap_or(usize::MAX);
        let end = self.versions.len().min(skip.saturating_add(1));
        let known = |n: usize| Some((self.first + n as u64, self.versions[n].given.as_ref().ok()?));
        (0..end).rev().find_map(known)
    }

    fn clear(&mut self) {
        self.versions.clear();
        self.bytes = 0;
    }

    /// Forgets the versions of this place and of all behind it.
    pub fn forget_from(&mut self, place: u64) {
        let keep = usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let gone = self.versions.drain(keep.min(self.versions.len())..);
        self.bytes -= gone.map(|version| version.bytes).sum::<usize>();
    }

    /// Adds the versions of neighbouring places from `first` on. Those beside or over the kept ones join them, others
    /// replace them; then the ones farthest from `cursor` go until the limits hold.
    pub fn put(&mut self, first: u64, fresh: VecDeque<Version>, cursor: u64) {
        let (end, kept_end) = (first + fresh.len() as u64, self.first + self.versions.len() as u64);
        if self.versions.is_empty() || end < self.first || kept_end < first {
            self.clear();
            self.first = first;
            self.bytes = fresh.iter().map(|version| version.bytes).sum();
            self.versions = fresh;
        } else {
            let mut earlier = Vec::new();
            for (place, version) in (first..).zip(fresh) {
                if place < self.first {
                    earlier.push(version);
                } else if place >= kept_end {
                    self.bytes += version.bytes;
                    self.versions.push_back(version);
                }
            }
            for version in earlier.into_iter().rev() {
                self.bytes += version.bytes;
                self.first -= 1;
                self.versions.push_front(version);
            }
        }
        while self.versions.len() > self.most || (self.bytes > self.budget && self.versions.len() > 1) {
            let last = self.first + self.versions.len() as u64 - 1;
            let gone = if cursor.saturating_sub(self.first) > last.saturating_sub(cursor) {
                self.first += 1;
                self.versions.pop_front()
            } else {
                self.versions.pop_back()
            };
            self.bytes -= gone.map_or(0, |version| version.bytes);
        }
    }
}

/// Versions on their way into the ring: as many of the latest as the limits allow.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// The place of the first.
    pub first: u64,
    /// The versions.
    pub versions: VecDeque<Version>,
    bytes: usize,
}

impl Fresh {
    /// The place of the last.
    pub fn last(&self) -> Option<u64> {
        (self.first + self.versions.len() as u64).checked_sub(1).filter(|_| !self.versions.is_empty())
    }

    /// Lets all but so many of the last go.
    pub fn keep_last(&mut self, most: usize) {
        while self.versions.len() > most {
            self.bytes -= self.versions.pop_front().map_or(0, |version| version.bytes);
            self.first += 1;
        }
    }

    /// Adds the version of the next place.
    pub fn push(&mut self, place: u64, version: Version, budget: usize) {
        if self.versions.is_empty() {
            self.first = place;
        }
        self.bytes += version.bytes;
        self.versions.push_back(version);
        while self.bytes > budget && self.versions.len() > 1 {
            self.bytes -= self.versions.pop_front().map_or(0, |version| version.bytes);
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Json;

    fn versions(range: std::ops::Range<i64>, bytes: usize) -> VecDeque<Version> {
        let state = |n: i64| Ok((n >= 0).then(|| Json::from(n)));
        range.map(|n| Version::new(None, None, state(n - 1), state(n), bytes)).collect()
    }

    fn places(ring: &mut Ring) -> Vec<u64> {
        let places: Vec<u64> = (0..100).filter(|place| ring.get(*place).is_some()).collect();
        for &place in &places {
            assert_eq!(ring.get(place).map(|version| version.given.clone()), Some(Ok(Some(Json::from(place as i64)))));
        }
        assert_eq!(places.len(), ring.len());
        places
    }

    #[test]
    fn neighbours_join_and_strangers_replace() {
        let mut ring = Ring::new(100, usize::MAX);
        assert_eq!(ring.first(), None);
        ring.put(10, versions(10..15, 1), 14);
        ring.put(5, versions(5..10, 1), 5);
        ring.put(13, versions(13..18, 1), 17);
        assert_eq!(places(&mut ring), (5..18).collect::<Vec<_>>());
        assert_eq!(ring.bytes(), 13);
        assert_eq!(ring.state_at_or_before(12), Some((12, &Some(Json::from(12)))));
        assert_eq!(ring.state_at_or_before(50), Some((17, &Some(Json::from(17)))));
        assert_eq!(ring.state_at_or_before(4), None);
        ring.put(30, versions(30..32, 1), 31);
        assert_eq!(places(&mut ring), [30, 31]);
        ring.put(32, versions(32..36, 1), 31);
        for (from, kept) in [(40, 6), (36, 6), (34, 4), (31, 1), (30, 0), (0, 0)] {
            ring.forget_from(from);
            assert_eq!((places(&mut ring).len(), ring.bytes()), (kept, kept));
        }
    }

    #[test]
    fn the_farthest_from_the_cursor_go_first() {
        let mut ring = Ring::new(5, usize::MAX);
        ring.put(0, versions(0..10, 1), 9);
        assert_eq!(places(&mut ring), [5, 6, 7, 8, 9]);
        ring.put(2, versions(2..5, 1), 2);
        assert_eq!(places(&mut ring), [2, 3, 4, 5, 6]);
        let mut ring = Ring::new(5, 3);
        ring.put(0, versions(0..10, 2), 4);
        assert_eq!(places(&mut ring), [4], "one stays whatever its size");
    }

    #[test]
    fn a_patch_is_made_once() {
        let mut version = versions(1..2, 0).remove(0).expect("one");
        let patch = version.patch();
        assert_eq!(patch.0.len(), 1);
        assert!(Arc::ptr_eq(&patch, &version.patch()));
        version.given = Err(Arc::new(FoldError::new("no")));
        version.patch = OnceCell::new();
        assert!(version.patch().is_empty());
    }
}
