//! How many events are older than their streams show events for.
//!
//! Such a store measures by the clock of its server when it is read. Here it is the newest event of the table: what was too
//! old by then no reader sees any more, and the same rows always say the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::domain::Timestamp;

/// Counts them while rows are scanned in any order.
#[derive(Debug, Default)]
pub struct Aging {
    /// When those expire that had not when the newest event so far was written; the earliest on top.
    pending: BinaryHeap<Reverse<i64>>,
    newest: Option<i64>,
}

/// When an event of that time is not shown any more, in seconds since 1970.
pub fn end(time: Timestamp, seconds: u64) -> i64 {
    // What is left of a second counts as a whole one, so that nothing expires too early.
    let whole = time.as_second().saturating_add(i64::from(time.subsec_nanosecond() > 0));
    whole.saturating_add_unsigned(seconds)
}

impl Aging {
    /// An event was met. Gives how many of those met have expired by it that had not before.
    pub fn met(&mut self, time: Option<Timestamp>, age: Option<u64>) -> u64 {
        let Some(time) = time else { return 0 };
        self.newest = self.newest.max(Some(time.as_second()));
        if let Some(age) = age {
            self.pending.push(Reverse(end(time, age)));
        }
        let mut expired = 0;
        while self.pending.peek().is_some_and(|Reverse(end)| Some(*end) <= self.newest) {
            self.pending.pop();
            expired += 1;
        }
        expired
    }

    /// The newest event, in seconds since 1970.
    pub fn newest(&self) -> Option<i64> {
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_expires_once_in_whatever_order_they_are_met() {
        let events = [(0, Some(10)), (5, None), (9, Some(1)), (10, None), (3, Some(100)), (11, Some(0)), (2, Some(9))];
        let count = |events: &[(i64, Option<u64>)]| -> u64 {
            let mut aging = Aging::default();
            let met = |&(second, age): &(i64, Option<u64>)| aging.met(Timestamp::from_second(second).ok(), age);
            let expired = events.iter().map(met).sum();
            assert_eq!(aging.newest(), Some(11));
            expired
        };
        let backwards: Vec<_> = events.iter().rev().copied().collect();
        assert_eq!((count(&events), count(&backwards)), (4, 4));
        assert_eq!(Aging::default().met(None, Some(1)), 0);
        let time = Timestamp::new(1, 1).unwrap();
        assert_eq!((end(time, 3), end(time, u64::MAX)), (5, i64::MAX));
    }
}
