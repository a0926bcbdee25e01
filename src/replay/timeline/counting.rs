//! Counting the events that fail, as far as the stream goes and without moving the cursor.
//!
//! Every walk counts what it folds for the first time. To know of the events behind the farthest walk, the same reducer
//! goes on from there whenever nobody walks: it keeps checkpoints, as any walk does, but no versions and no events. A
//! walk that needs the reducer meanwhile takes it; the farthest state is then kept, so that counting goes on from it.

use super::*;
use crate::replay::Suspension;

/// How many events failed, as far as is known.
#[derive(Clone, PartialEq, Debug)]
pub struct Counted {
    /// Those that failed among the events counted.
    pub faults: FaultCount,
    /// How many events are counted, from the first on.
    pub events: u64,
    /// How many events the stream has as far as known.
    pub total: u64,
    /// Why it does not go on: the reducer took too long again and again.
    pub suspended: Option<Suspension>,
}

impl Counted {
    /// Whether all events of the stream are counted; else the number is one so far.
    pub fn is_whole(&self) -> bool {
        self.events >= self.total
    }
}

impl Timeline {
    /// How many events failed, and how far the count has come.
    pub fn counted(&self) -> Counted {
        let events = self.faults.counted();
        Counted {
            faults: self.faults.before(events),
            events,
            total: self.total.unwrap_or(self.sure).max(events),
            suspended: self.patience.suspension(),
        }
    }

    /// How many events failed at or before a place, as far as they are counted.
    pub fn faults_before(&self, place: u64) -> FaultCount {
        self.faults.before(place.min(self.faults.counted()))
    }

    /// The ordinals that failed, as runs of neighbours in their order, as far as they are counted.
    pub fn failed(&self) -> impl Iterator<Item = std::ops::Range<u64>> + '_ {
        self.faults.runs()
    }

    /// Counts on towards the end of the stream, within the budget. The cursor and its moment stay. `Reached`: all events
    /// are counted. What it needs is to be fed by [`Timeline::feed_count`]. Its progress is the count's.
    pub fn count_on(&mut self, budget: Budget) -> Advance {
        let mut left = budget.events.max(1);
        loop {
            let Some(total) = self.total else { return self.need(self.sure, self.sure + 1) };
            if self.faults.counted() >= total {
                self.end_count();
                return Advance::Reached;
            }
            if left == 0 {
                return Advance::Working { folded: self.faults.counted(), to_fold: total };
            }
            self.counting = true;
            if self.walk.as_ref().is_none_or(|walk| walk.target != total || walk.purpose != Purpose::Count)
                && let Err(answer) = self.begin(total, Purpose::Count)
            {
                return answer;
            }
            if let Some(answer) = self.fold(&mut left) {
                return answer;
            }
        }
    }

    /// Takes a page for the count, as [`Timeline::feed`] does for a walk. It is held until the next one comes.
    pub fn feed_count(&mut self, page: EventPage) {
        let first = page.first;
        if let Some(events) = self.learn(page) {
            self.log.pass(first, events);
        }
    }

    /// Whether the reducer stands at this place and can give its state. Where it does not, a walk there says what is so.
    pub fn gives_state_at(&mut self, place: u64) -> bool {
        if self.folded != Some(place) {
            return false;
        }
        let given = self.reducer.state().is_ok();
        if !given {
            // It may have been killed over it.
            self.folded = None;
        }
        given
    }

    /// Nobody counts any more: the page and the state kept for it go.
    fn end_count(&mut self) {
        if self.counting {
            self.counting = false;
            self.parked = None;
            self.log.forget_passing();
            self.walk.take_if(|walk| walk.purpose == Purpose::Count);
        }
    }

    /// Before the reducer leaves the farthest place of an unfinished count, keeps the state there, unless one is known
    /// that lies about as far.
    pub(super) fn park(&mut self) {
        let farthest = self.faults.counted();
        if !self.counting || self.folded != Some(farthest) {
            return;
        }
        let parked = self.parked.as_ref().map(|(at, _)| *at);
        let version = self.version_at_or_before(farthest);
        let kept = self.checkpoints.at_or_before(farthest).map(|(at, _)| at);
        let known = [parked, version, kept].into_iter().flatten().max().unwrap_or(0);
        if farthest - known > self.checkpoints.cost()
            && let Ok(state) = self.reducer.state()
        {
            self.parked = Some((farthest, state));
        }
    }
}
