//! Searching: the timeline folds, a scan judges.
//!
//! A window is a walk that keeps the version of every place, of which only the last few stay. A window back begins at a
//! checkpoint, so that searching all the way back folds each event once more.

use super::*;
use crate::domain::Direction;
use crate::replay::goal::Searching;
use crate::replay::scan::{Scan, Stop, Stops, Subject, Written};

/// So many of the versions judged last stay, for the steps back from a hit.
const KEEP_JUDGED: usize = 8;

impl Timeline {
    /// Goes on with a search, within the budget: `Stopped` at each place that is found, in the direction of the search, and
    /// `NotFound` when all is judged. The cursor stays where it is.
    pub fn scan(&mut self, scan: &mut Scan, budget: Budget) -> Advance {
        if *scan.age.get_or_insert(self.age) != self.age {
            return Advance::Failed(FoldError::new("the history has become another one while it was searched"));
        }
        let mut left = budget.events.max(1);
        loop {
            if let Some(total) = self.total {
                scan.shorten(total);
            }
            if let Some(hit) = scan.take() {
                return Advance::Stopped(hit);
            }
            if scan.window.as_ref().is_some_and(|window| window.judged >= window.top) {
                scan.end_window();
                continue;
            }
            let Some(top) = scan.window.as_ref().map(|window| window.top).or_else(|| scan.next_top()) else {
                self.walk.take_if(|walk| matches!(walk.purpose, Purpose::Scan(_)));
                return Advance::NotFound(scan.unjudged().clone());
            };
            if self.total.is_none() && top > self.sure {
                return self.need(self.sure, top);
            }
            if left == 0 {
                let (folded, to_fold) = scan.progress();
                return Advance::Working { folded, to_fold };
            }
            if let Err(answer) = self.stand_in(scan, top) {
                return answer;
            }
            if scan.wants_start() && self.folded == Some(0) {
                self.judge_start(scan, &mut left);
            }
            if let Some(answer) = self.fold(&mut left) {
                return answer;
            }
            self.judge_last(scan);
        }
    }

    /// Gets the walk into the window of a scan: where it was, or where a window begins.
    fn stand_in(&mut self, scan: &mut Scan, top: u64) -> Result<(), Advance> {
        match scan.window.as_ref().map(|window| window.judged) {
            Some(judged) => {
                // Another walk may have been here since.
                let is_there = |walk: &Walk| {
                    matches!(walk.purpose, Purpose::Scan(_)) && walk.target == top && walk.keep_from <= judged
                };
                if self.walk.as_ref().is_some_and(is_there) && self.folded.is_some_and(|at| at <= judged) {
                    return Ok(());
                }
                self.begin(top, Purpose::Scan(judged))
            }
            None => {
                self.recovery = Recovery::default();
                let kept = self.checkpoints.at_or_before(top - 1).map_or(0, |(at, _)| at);
                let bottom = scan.bottom(kept);
                self.begin(top, Purpose::Scan(bottom))?;
                // Where the state kept cannot be taken back, the window begins where the fold does.
                let bottom = scan.bottom(self.folded.unwrap_or(0).min(bottom));
                if let Some(walk) = &mut self.walk {
                    walk.keep_from = bottom;
                }
                scan.begin(bottom, top);
                Ok(())
            }
        }
    }

    /// Starts a walk on which every version behind a place is kept.
    pub(super) fn begin_scan(&mut self, target: u64, from: u64, done: u64) -> Result<(), Advance> {
        let (origin, at) = self.nearest(from);
        let here = self.start(origin, at)?;
        let stands = self.folded.unwrap_or(0);
        let due = self.checkpoints.next_due(stands, target);
        let (purpose, fresh) = (Purpose::Scan(from), Fresh::default());
        let mut walk = Walk { purpose, target, done, keep_from: from, due, here, fresh };
        walk.forget_here(stands);
        self.walk = Some(walk);
        Ok(())
    }

    /// Judges the place before the first event, where the reducer stands.
    fn judge_start(&mut self, scan: &mut Scan, left: &mut u64) {
        let Some(mut walk) = self.walk.take() else { return };
        let state = self.state_at_start(&mut walk, left);
        scan.judge(&Subject::new(0, &Version::new(None, None, state.clone(), state, 0)));
        self.walk = Some(walk);
    }

    /// Judges the place the walk has come to, when that is the next one.
    fn judge_last(&mut self, scan: &mut Scan) {
        let Some(walk) = &mut self.walk else { return };
        let judged = scan.window.as_ref().map_or(u64::MAX, |window| window.judged);
        if let (Some(place), Some(version)) = (walk.fresh.last(), walk.fresh.versions.back())
            && place == judged.saturating_add(1)
        {
            scan.judge(&Subject::new(place, version));
        }
        walk.fresh.keep_last(KEEP_JUDGED);
    }

    /// Searches from the cursor, and walks to what is found.
    pub(super) fn search(&mut self, goal: &mut Goal, budget: Budget) -> Advance {
        let (stops, direction) = match goal {
            Goal::Next(stops) => (Some(stops.clone()), Direction::Forward),
            Goal::Previous(stops) => (Some(stops.clone()), Direction::Backward),
            Goal::NextWrite(path) => (Some(writes(path.clone())), Direction::Forward),
            Goal::PreviousWrite(path) => (Some(writes(path.clone())), Direction::Backward),
            Goal::Searching(_) | Goal::Forward(_) | Goal::Back(_) | Goal::To(_) => (None, Direction::Forward),
        };
        if let Some(stops) = stops {
            let at = self.shown.at;
            let Some(total) = self.total else { return self.need(self.sure, self.sure + 1) };
            let events = match direction {
                Direction::Forward => at.min(total)..total,
                Direction::Backward => 0..at.saturating_sub(1).min(total),
            };
            *goal = Goal::Searching(Box::new(Searching { scan: Scan::new(stops, events, direction), found: None }));
        }
        let Goal::Searching(search) = goal else { return Advance::Reached };
        loop {
            if let Some(hit) = search.found.take() {
                let answer = self.walk_to(hit.place, budget);
                if answer == Advance::Reached {
                    return Advance::Stopped(hit);
                }
                search.found = Some(hit);
                return answer;
            }
            match self.scan(&mut search.scan, budget) {
                Advance::Stopped(hit) => {
                    self.keep_judged(hit.place);
                    search.found = Some(hit);
                }
                answer => return answer,
            }
        }
    }

    /// Where the walk has just come to a hit, what was judged last is what is shown there.
    fn keep_judged(&mut self, place: u64) {
        let came = |walk: &mut Walk| matches!(walk.purpose, Purpose::Scan(_)) && walk.fresh.last() == Some(place);
        if let Some(Walk { fresh: Fresh { first, versions, .. }, .. }) = self.walk.take_if(came) {
            self.ring.put(first, versions, place);
        }
    }
}

fn writes(path: crate::domain::Path) -> Stops {
    Stops::new([Stop::at_each(Written(path))])
}
