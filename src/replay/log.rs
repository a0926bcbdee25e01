//! The events a walk was fed, by ordinal, within a byte budget.
//!
//! A cache, not a truth: whatever is missing is asked for again. Pages are kept in blocks; over the budget the block that
//! was used longest ago goes, but never the newest, so that a walk always gets on.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::Event;

/// Blocks of fewer events grow when the next page follows them.
const BLOCK: usize = 256;

/// What an event takes besides its payload: about.
const ENVELOPE: usize = 200;

/// The bytes an event holds in memory: about.
pub(super) fn event_bytes(event: &Event) -> usize {
    event.payload_bytes() as usize + ENVELOPE
}

#[derive(Debug)]
struct Block {
    events: Vec<Arc<Event>>,
    bytes: usize,
    used: u64,
}

/// Events by ordinal. Invariant: blocks do not overlap and none is empty.
#[derive(Debug)]
pub(super) struct Log {
    blocks: BTreeMap<u64, Block>,
    bytes: usize,
    budget: usize,
    clock: u64,
    /// The page that a count reads through: the next one replaces it.
    passing: Option<(u64, Vec<Arc<Event>>)>,
}

impl Log {
    pub fn new(budget: usize) -> Self {
        Self { blocks: BTreeMap::new(), bytes: 0, budget, clock: 0, passing: None }
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps neighbouring events, the first of which has the ordinal `at`. Those known already are not replaced.
    pub fn insert(&mut self, mut at: u64, mut events: Vec<Arc<Event>>) {
        while !events.is_empty() {
            let known = self.block_with(at).map_or(0, |(first, block)| first + block.events.len() as u64 - at);
            if known > 0 {
                let known = events.len().min(usize::try_from(known).unwrap_or(usize::MAX));
                events.drain(..known);
                at += known as u64;
                continue;
            }
            let room = self.blocks.range(at..).next().map_or(u64::MAX, |(first, _)| first - at);
            let rest = events.split_off(events.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
            let next = at + events.len() as u64;
            self.put(at, events);
            (at, events) = (next, rest);
        }
    }

    /// Keeps other neighbouring events in the place of those known: the first has the ordinal `at`.
    pub fn replace(&mut self, at: u64, events: Vec<Arc<Event>>) {
        let after = self.split_from(at.saturating_add(events.len() as u64));
        self.forget_from(at);
        self.insert(at, events);
        self.bytes += after.values().map(|block| block.bytes).sum::<usize>();
        self.blocks.extend(after);
    }

    /// Forgets every event from an ordinal on.
    pub fn forget_from(&mut self, at: u64) {
        self.split_from(at);
        if self.passing.as_ref().is_some_and(|(first, events)| first + events.len() as u64 > at) {
            self.passing = None;
        }
    }

    /// Takes out every event from an ordinal on.
    fn split_from(&mut self, at: u64) -> BTreeMap<u64, Block> {
        let mut after = self.blocks.split_off(&at);
        self.bytes -= after.values().map(|block| block.bytes).sum::<usize>();
        let within = self.block_with(at).map(|(first, _)| first);
        if let Some((first, block)) = within.and_then(|first| Some((first, self.blocks.get_mut(&first)?))) {
            let keep = usize::try_from(at - first).unwrap_or(usize::MAX);
            let events = block.events.split_off(keep);
            let bytes = events.iter().map(|event| event_bytes(event)).sum();
            block.bytes -= bytes;
            self.bytes -= bytes;
            after.insert(at, Block { events, bytes, used: block.used });
        }
        after
    }

    /// Holds neighbouring events that are read once, until the next ones come: they take nobody's room.
    pub fn pass(&mut self, at: u64, events: Vec<Arc<Event>>) {
        self.passing = Some((at, events));
    }

    /// Holds nothing that is read once.
    pub fn forget_passing(&mut self) {
        self.passing = None;
    }

    /// Known events from an ordinal on, before `end`: those of one block; none when the first is not known.
    pub fn run(&mut self, from: u64, end: u64) -> &[Arc<Event>] {
        self.clock += 1;
        let clock = self.clock;
        let (first, events) = match self.block_with(from).map(|(first, _)| first) {
            Some(first) => match self.blocks.get_mut(&first) {
                Some(block) => {
                    block.used = clock;
                    (first, &block.events)
                }
                None => return &[],
            },
            None => match &self.passing {
                Some((first, events)) if *first <= from => (*first, events),
                _ => return &[],
            },
        };
        let skip = usize::try_from(from - first).unwrap_or(usize::MAX).min(events.len());
        let wanted = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX);
        &events[skip..events.len().min(skip.saturating_add(wanted))]
    }

    fn block_with(&self, at: u64) -> Option<(u64, &Block)> {
        let (first, block) = self.blocks.range(..=at).next_back()?;
        (at - first < block.events.len() as u64).then_some((*first, block))
    }

    fn put(&mut self, at: u64, events: Vec<Arc<Event>>) {
        let bytes: usize = events.iter().map(|event| event_bytes(event)).sum();
        self.bytes += bytes;
        self.clock += 1;
        let mut newest = at;
        match self.blocks.range_mut(..at).next_back() {
            Some((first, block)) if first + block.events.len() as u64 == at && block.events.len() < BLOCK => {
                newest = *first;
                block.events.extend(events);
                block.bytes += bytes;
                block.used = self.clock;
            }
            _ => {
                self.blocks.insert(at, Block { events, bytes, used: self.clock });
            }
        }
        while self.bytes > self.budget {
            let oldest = self.blocks.iter().filter(|(first, _)| **first != newest).min_by_key(|(_, block)| block.used);
            let Some((&first, _)) = oldest else { return };
            if let Some(block) = self.blocks.remove(&first) {
                self.bytes -= block.bytes;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Payload, Position, Version};

    fn events(range: std::ops::Range<u64>) -> Vec<Arc<Event>> {
        let event = |n| Event {
            data: Payload::json_text("{}"),
            ..Event::new("s-1", Version(n), Position::Number(n), "Happened")
        };
        range.map(|n| Arc::new(event(n))).collect()
    }

    fn versions(run: &[Arc<Event>]) -> Vec<u64> {
        run.iter().map(|event| event.version.0).collect()
    }

    #[test]
    fn overlapping_pages_join_without_gap_or_double() {
        let mut log = Log::new(usize::MAX);
        log.insert(10, events(10..20));
        log.insert(30, events(30..40));
        log.insert(5, events(5..35));
        let mut seen = Vec::new();
        let mut at = 5;
        while at < 40 {
            let run = versions(log.run(at, 40));
            assert!(!run.is_empty(), "{at}");
            at += run.len() as u64;
            seen.extend(run);
        }
        assert_eq!(seen, (5..40).collect::<Vec<_>>());
        assert_eq!(log.bytes(), 35 * event_bytes(&events(0..1)[0]));
        assert!(log.run(4, 10).is_empty() && log.run(40, 50).is_empty() && log.run(12, 12).is_empty());
        assert_eq!(versions(log.run(12, 14)), [12, 13]);
    }

    #[test]
    fn what_is_forgotten_or_replaced_leaves_the_rest_as_it_was() {
        let one = event_bytes(&events(0..1)[0]);
        for at in 0..=45 {
            let filled = || {
                let mut log = Log::new(usize::MAX);
                log.insert(0, events(0..20));
                log.insert(25, events(25..40));
                log.pass(50, events(50..60));
                log
            };
            let mut log = filled();
            log.forget_from(at);
            let known = |n: &u64| *n < 20 || (25..40).contains(n);
            let kept: Vec<u64> = (0..at).filter(known).collect();
            assert_eq!(versions_to(&mut log, 80), kept);
            assert_eq!(log.bytes(), kept.len() * one);
            log.insert(at, events(at..at + 1));
            assert_eq!(versions(log.run(at, at + 9)), [at], "what was forgotten can be told again");

            let mut log = filled();
            log.replace(at, events(100..103));
            let place = |n: u64| (at..at + 3).contains(&n).then(|| n - at + 100).or_else(|| known(&n).then_some(n));
            let expected: Vec<u64> = (0..50).filter_map(place).collect();
            assert_eq!(versions_to(&mut log, 50), expected, "{at}");
            assert_eq!(log.bytes(), expected.len() * one);
        }
    }

    fn versions_to(log: &mut Log, end: u64) -> Vec<u64> {
        (0..end).flat_map(|n| versions(log.run(n, n + 1))).collect()
    }

    #[test]
    fn over_the_budget_the_block_used_longest_ago_goes() {
        let one = event_bytes(&events(0..1)[0]);
        let mut log = Log::new(600 * one);
        log.insert(0, events(0..300));
        log.insert(1000, events(1000..1300));
        assert!(!log.run(0, 1).is_empty());
        log.insert(2000, events(2000..2300));
        assert!(!log.run(0, 1).is_empty() && log.run(1000, 1001).is_empty() && !log.run(2000, 2001).is_empty());
        log.insert(3000, events(3000..4000));
        assert_eq!(versions(log.run(3999, 5000)), [3999], "the newest stays whatever its size");
        assert_eq!(log.bytes(), 1000 * one);
    }
}
