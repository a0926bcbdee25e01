//! What went wrong at which event: its words, kept in place, and an exact count.
//!
//! An event that failed once is not sent to the reducer again: it contributes nothing, whatever the walk. Those that cost
//! the reducer its state must never be sent again; of the others only the words of so many are remembered, since sending
//! one again ends the same way. The count knows all of them: it grows with the fold, from the first event on, as runs of
//! neighbouring ordinals. Records that could not be read count like events that failed.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::FoldError;
use crate::domain::Event;

/// The words of so many harmless faults are remembered.
const MOST: usize = 65_536;

/// An event that failed, and why.
#[derive(Clone, PartialEq, Debug)]
pub struct FirstFault {
    /// The event: one that could not be folded, or a record that could not be read.
    pub event: Arc<Event>,
    /// Its place in what is walked, counted from 1: its version may stand twice.
    pub at: u64,
    /// What the reducer, or the reader, said.
    pub error: Arc<FoldError>,
}

/// How many events failed up to a place: the state there does not contain them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FaultCount {
    /// Events that failed at or before the place.
    pub before: u64,
    /// The first of them.
    pub first: Option<FirstFault>,
}

impl FaultCount {
    /// Whether nothing failed.
    pub fn is_none(&self) -> bool {
        self.before == 0
    }
}

/// An event that failed, with its ordinal.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub ordinal: u64,
    pub event: Arc<Event>,
    pub why: Arc<FoldError>,
}

/// Neighbouring ordinals that failed. Where the run ends follows from the next one's `before`.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u64,
    /// How many failed before it.
    before: u64,
}

/// Faults by ordinal.
#[derive(Debug, Default)]
pub(super) struct Faults {
    kept: BTreeMap<u64, Arc<FoldError>>,
    runs: Vec<Run>,
    /// How many failed among those counted.
    total: u64,
    /// The ordinal of the first, and what it was.
    first: Option<(u64, FirstFault)>,
    /// The count knows all ordinals below this one.
    counted: u64,
}

impl Faults {
    /// Why an event failed, as far as the words are remembered.
    pub fn get(&self, ordinal: u64) -> Option<&Arc<FoldError>> {
        if self.kept.is_empty() { None } else { self.kept.get(&ordinal) }
    }

    /// An event that could not be folded.
    pub fn failed(&mut self, ordinal: u64, why: Arc<FoldError>) {
        if self.kept.len() < MOST {
            self.kept.insert(ordinal, why);
        }
    }

    /// An event that cost the reducer its state.
    pub fn killed(&mut self, ordinal: u64, why: Arc<FoldError>) {
        self.kept.insert(ordinal, why);
    }

    /// Takes a blame back.
    pub fn forgive(&mut self, ordinal: u64) {
        self.kept.remove(&ordinal);
    }

    /// Forgets all that is known of the events from an ordinal on; gives the words that were kept of them.
    pub fn forget_from(&mut self, ordinal: u64) -> Vec<Arc<FoldError>> {
        self.recount_from(ordinal);
        self.kept.split_off(&ordinal).into_values().collect()
    }

    /// How far the count has come: it knows all events before this place.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// The fold has passed all events before `end`; of those it passed just now, these failed, in their order.
    pub fn passed(&mut self, end: u64, failed: Vec<Failed>) {
        for Failed { ordinal, event, why } in failed {
            if ordinal >= self.counted {
                let joins = self.runs.last().is_some_and(|run| run.first + (self.total - run.before) == ordinal);
                if !joins {
                    self.runs.push(Run { first: ordinal, before: self.total });
                }
                self.total += 1;
                self.first.get_or_insert_with(|| (ordinal, FirstFault { event, at: ordinal + 1, error: why }));
            }
        }
        self.counted = self.counted.max(end);
    }

    /// Whether an event that was counted failed.
    pub fn has(&self, ordinal: u64) -> bool {
        self.run_before(ordinal + 1).is_some_and(|n| self.run(n).contains(&ordinal))
    }

    /// The count up to a place.
    pub fn before(&self, place: u64) -> FaultCount {
        let before = self.run_before(place).map_or(0, |n| {
            let run = self.run(n);
            self.runs[n].before + (run.end.min(place) - run.start)
        });
        let first = self.first.as_ref().filter(|(ordinal, _)| *ordinal < place).map(|(_, first)| first.clone());
        FaultCount { before, first }
    }

    /// All that failed, as runs of neighbouring ordinals.
    pub fn runs(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        (0..self.runs.len()).map(|n| self.run(n))
    }

    /// Counts again from an ordinal on: what was found there no longer holds.
    pub fn recount_from(&mut self, ordinal: u64) {
        if ordinal >= self.counted {
            return;
        }
        self.total = self.before(ordinal).before;
        self.runs.truncate(self.runs.partition_point(|run| run.first < ordinal));
        self.first.take_if(|(first, _)| *first >= ordinal);
        self.counted = ordinal;
    }

    /// The last run that begins before an ordinal.
    fn run_before(&self, ordinal: u64) -> Option<usize> {
        self.runs.partition_point(|run| run.first < ordinal).checked_sub(1)
    }

    fn run(&self, n: usize) -> Range<u64> {
        let Run { first, before } = self.runs[n];
        let next = self.runs.get(n + 1).map_or(self.total, |run| run.before);
        first..first + (next - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Position, Version};

    fn failed(ordinal: u64) -> Failed {
        let event = Arc::new(Event::new("s-1", Version(ordinal), Position::Number(ordinal), "Happened"));
        Failed { ordinal, event, why: Arc::new(FoldError::new("no")) }
    }

    /// All that can be asked, against the plain list.
    fn assert_counts(faults: &Faults, plain: &[u64], counted: u64) {
        assert_eq!(faults.counted(), counted);
        for place in 0..counted + 3 {
            let count = faults.before(place);
            assert_eq!(count.before, plain.iter().filter(|ordinal| **ordinal < place).count() as u64, "{place}");
            let first = plain.first().filter(|ordinal| **ordinal < place);
            assert_eq!(count.first.map(|first| first.event.version.0).as_ref(), first, "{place}");
            assert_eq!(faults.has(place), plain.contains(&place), "{place}");
            let listed: Vec<u64> = faults.runs().flatten().collect();
            assert_eq!(listed, plain);
        }
    }

    #[test]
    fn every_fault_is_counted_once_however_often_it_is_passed() {
        let mut faults = Faults::default();
        assert_counts(&faults, &[], 0);
        faults.passed(4, vec![failed(0), failed(1), failed(3)]);
        assert_counts(&faults, &[0, 1, 3], 4);
        faults.passed(6, vec![failed(3), failed(4)]);
        faults.passed(2, vec![failed(0)]);
        assert_counts(&faults, &[0, 1, 3, 4], 6);
        faults.passed(20, vec![failed(10), failed(12), failed(13)]);
        assert_counts(&faults, &[0, 1, 3, 4, 10, 12, 13], 20);
        assert_eq!(faults.runs.len(), 4);
        for cut in (0..=20).rev() {
            faults.recount_from(cut);
            let plain: Vec<u64> = [0, 1, 3, 4, 10, 12, 13].into_iter().filter(|ordinal| *ordinal < cut).collect();
            assert_counts(&faults, &plain, cut);
        }
    }

    #[test]
    fn what_is_forgotten_fails_or_not_as_if_it_had_never_been_seen() {
        let mut faults = Faults::default();
        for ordinal in [2, 5, 9] {
            faults.failed(ordinal, Arc::new(FoldError::new("no")));
        }
        faults.passed(7, vec![failed(2), failed(5)]);
        assert_eq!(faults.forget_from(5).len(), 2, "one of them was not counted yet");
        assert_counts(&faults, &[2], 5);
        assert!(faults.get(2).is_some() && faults.get(5).is_none() && faults.get(9).is_none());
    }

    #[test]
    fn the_count_goes_on_beyond_the_words_that_are_kept() {
        let mut faults = Faults::default();
        let all = MOST as u64 + 1000;
        for ordinal in 0..all {
            faults.failed(ordinal, Arc::new(FoldError::new("no")));
            faults.passed(ordinal + 1, vec![failed(ordinal)]);
        }
        assert_eq!((faults.before(all).before, faults.kept.len(), faults.runs.len()), (all, MOST, 1));
        assert!(faults.get(all - 1).is_none() && faults.has(all - 1));
    }
}
