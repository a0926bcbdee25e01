//! Folding: one batch at a time, with states, versions and checkpoints taken where they are due.

use super::recovery::GivenUp;
use super::*;
use crate::domain::json;

/// What a state that costs a copy takes of the budget at least, in events.
const COPY: u64 = 32;

impl Timeline {
    /// Folds one batch of the walk under way. `None`: look again.
    pub(super) fn fold(&mut self, left: &mut u64) -> Option<Advance> {
        let mut walk = self.walk.take()?;
        let at = self.folded?;
        if at == walk.target {
            self.finish(walk);
            return None;
        }
        let keeps = at >= walk.keep_from;
        let is_keyed = self.track.is_keyed();
        if keeps && walk.here.is_none() && !is_keyed {
            let here = self.ask_state(None, None, left);
            if let Some(lost) = self.spent_somewhere(&here, at) {
                return self.begin_again(walk, &[at - 1], &[], lost, 0);
            }
            walk.here = Some(here);
        }
        // What was folded before may be folded again; nothing else is tried any more.
        let mut last = walk.target;
        if let Some(suspension) = self.patience.suspension() {
            // Those that are known to fail are passed over without being tried: the last that took too long is counted too.
            let counted = self.faults.counted();
            let known = (counted..last).take_while(|ordinal| self.faults.get(*ordinal).is_some()).count() as u64;
            last = last.min(counted + known);
            if at >= last {
                return Some(Advance::Suspended(suspension));
            }
        }
        let end = if keeps || self.recovery.is_careful(at) {
            at + 1
        } else {
            let batch = (self.limits.batch.max(1) as u64).min((*left).max(1));
            (at + batch).min(walk.keep_from).min(walk.due.unwrap_or(u64::MAX).max(at + 1)).min(last)
        };
        let run = self.log.run(at, end);
        let Some(event) = run.first().cloned() else {
            let target = walk.target;
            self.walk = Some(walk);
            return Some(self.need(at, target));
        };
        let mut end = at + run.len() as u64;
        let (mut sent, mut batch) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
        let mut failures = Vec::new();
        for (ordinal, event) in (at..).zip(run) {
            let known = self.faults.get(ordinal).cloned().or_else(|| unreadable(event));
            match known {
                Some(why) => failures.push(Failed { ordinal, event: event.clone(), why }),
                None => {
                    sent.push(ordinal);
                    batch.push(event.clone());
                }
            }
        }
        if keeps && is_keyed {
            walk.here = Some(self.ask_state(Some(&event), None, left));
        }
        let mut raised = Vec::new();
        *left = left.saturating_sub(end - at);
        let applied = if batch.is_empty() { Ok(0) } else { self.reducer.apply(&batch, &mut raised) };
        if let Ok(dealt) = applied
            && let Some(rest) = sent.get(dealt)
        {
            // It takes long: somebody may want to look up.
            end = *rest;
            failures.retain(|failed| failed.ordinal < end);
            *left = 0;
        }
        if let Err(lost) = applied {
            return self.begin_again(walk, &sent, &batch, lost, end - at);
        }
        self.folded = Some(end);
        if !batch.is_empty() {
            self.recovery.reached(end);
        }
        walk.done += end - at;
        for (index, why) in raised {
            if let (Some(&ordinal), Some(event)) = (sent.get(index), batch.get(index)) {
                let why = Arc::new(why);
                if why.is_spent() {
                    self.patience.spend(Some(event.clone()), why.clone());
                }
                self.faults.failed(ordinal, why.clone());
                failures.push(Failed { ordinal, event: event.clone(), why });
            }
        }
        let failed = failures.last().filter(|_| keeps).map(|failed| failed.why.clone());
        self.count(end, failures);
        if keeps {
            let before = walk.here.take().unwrap_or(Ok(None));
            let given =
                if failed.is_some() { before.clone() } else { self.ask_state(Some(&event), Some(&before), left) };
            let lost = self.spent_by(&given).filter(|_| failed.is_none() && before.is_ok());
            if let Some(lost) = lost {
                return self.begin_again(walk, &[at], &[event], lost, 1);
            }
            self.keep(&mut walk, at, event, failed, (before, given));
        } else if self.recovery.looks_at(at) {
            let given = self.ask_state(Some(&event), None, left);
            if let Some(lost) = self.spent_by(&given) {
                return self.begin_again(walk, &[at], &[event], lost, 1);
            }
            walk.here = Some(given);
        }
        if is_keyed {
            // It is the state of this event's key: neither that of the next one, nor all that a checkpoint keeps.
            walk.here = None;
        }
        if walk.due.is_some_and(|due| end >= due) {
            if let Err(why) = self.keep_checkpoint(&mut walk, end, left)
                && let Some(lost) = self.spent_somewhere(&Err(why), end)
            {
                return self.begin_again(walk, &[end - 1], &[], lost, 0);
            }
            walk.due = self.checkpoints.next_due(end, walk.target);
        }
        walk.forget_here(if is_keyed { 0 } else { end });
        self.walk = Some(walk);
        None
    }

    /// Keeps the state at `end`. One that costs a copy, and that nobody else asks for here, is kept as it came.
    fn keep_checkpoint(&mut self, walk: &mut Walk, end: u64, left: &mut u64) -> Result<(), Arc<FoldError>> {
        if walk.here.is_none() && self.info.cost == StateCost::Copy {
            let text = self.reducer.state_text().map_err(Arc::new)?;
            *left = left.saturating_sub(COPY.max(self.checkpoints.cost()));
            self.checkpoints.put_text(end, &text);
            return Ok(());
        }
        let state = self.state_here(walk, left)?;
        self.checkpoints.put(end, &state);
        Ok(())
    }

    /// The fold has come to `end`, past these failures.
    fn count(&mut self, end: u64, mut failures: Vec<Failed>) {
        failures.sort_by_key(|failed| failed.ordinal);
        failures.dedup_by_key(|failed| failed.ordinal);
        // A fold that does not do the same again: an event that was fine has failed.
        if let Some(failed) =
            failures.iter().find(|failed| failed.ordinal < self.faults.counted() && !self.faults.has(failed.ordinal))
        {
            self.doubt(failed.ordinal);
        }
        self.faults.passed(end, failures);
    }

    /// Finds whose fault it is that the reducer lost its state.
    ///
    /// # Errors
    /// When it was lost too often: nobody is blamed then.
    fn blame(&mut self, sent: &[u64], batch: &[Arc<Event>], lost: Lost) -> Result<(), FoldError> {
        let why = Arc::new(lost.why);
        match self.recovery.lost(sent, lost.at, &why, &mut self.faults) {
            Ok(None) => Ok(()),
            Ok(Some(culprit)) => {
                if why.is_spent() {
                    let event = sent.iter().position(|ordinal| *ordinal == culprit).and_then(|n| batch.get(n).cloned());
                    self.patience.spend(event, why);
                }
                if !self.faults.has(culprit) {
                    self.doubt(culprit);
                }
                Ok(())
            }
            Err(GivenUp { why, forgiven }) => {
                forgiven.into_iter().min().into_iter().for_each(|ordinal| self.doubt(ordinal));
                Err(why)
            }
        }
    }

    /// The reducer lost its state, or has one that is too much to be given. Whose fault it was is found, or a closer look
    /// taken, and the walk begins again from another place: only its count goes on. `None`: look again.
    fn begin_again(
        &mut self,
        walk: Walk,
        sent: &[u64],
        batch: &[Arc<Event>],
        lost: Lost,
        passed: u64,
    ) -> Option<Advance> {
        self.folded = None;
        if self.cancel.is_cancelled() {
            // It ended because it was asked to: nobody is to blame.
            return Some(Advance::Failed(lost.why));
        }
        let outcome = self.blame(sent, batch, lost);
        let (target, purpose, done) = (walk.target, walk.purpose, walk.done + passed);
        match outcome.map_err(Advance::Failed).and_then(|()| self.begin(target, purpose)) {
            Ok(()) => {
                if let Some(walk) = &mut self.walk {
                    walk.done = done;
                }
                None
            }
            Err(answer) => Some(answer),
        }
    }

    /// That the event folded last left a state that is too much to be given.
    fn spent_by(&self, given: &Given) -> Option<Lost> {
        let why = given.as_ref().err().filter(|why| why.is_spent())?;
        Some(Lost { at: Some(0), why: FoldError::clone(why) })
    }

    /// That the state at this place is too much to be given, and it is not known since which event: a closer look finds
    /// it. Where one was taken, and found nothing, the place has no state.
    fn spent_somewhere(&mut self, given: &Given, place: u64) -> Option<Lost> {
        let why = given.as_ref().err().filter(|why| why.is_spent())?;
        if place > 0 && !self.recovery.looks_at(place - 1) {
            return Some(Lost { at: None, why: FoldError::clone(why) });
        }
        self.patience.spend(None, why.clone());
        None
    }

    /// Makes the version of the place after `at`, where the reducer stands now.
    fn keep(
        &mut self,
        walk: &mut Walk,
        at: u64,
        event: Arc<Event>,
        fault: Option<Arc<FoldError>>,
        (before, given): (Given, Given),
    ) {
        let bytes = match (&before, &given) {
            (Ok(before), Ok(Some(state))) => state.unshared_bytes(before.as_ref()),
            (Err(_), Ok(Some(state))) => state.unshared_bytes(None),
            _ => 0,
        };
        walk.here = Some(given.clone());
        walk.fresh.push(at + 1, Version::new(Some(event), fault, before, given, bytes), self.limits.ring_bytes);
    }

    /// The state where the reducer stands.
    pub(super) fn state_here(&mut self, walk: &mut Walk, left: &mut u64) -> Given {
        let state = walk.here.take().unwrap_or_else(|| self.ask_state(None, None, left));
        walk.here.insert(state).clone()
    }

    /// The state before the first event, where the reducer stands: none, where every key has its own.
    pub(super) fn state_at_start(&mut self, walk: &mut Walk, left: &mut u64) -> Given {
        if self.track.is_keyed() { Ok(None) } else { self.state_here(walk, left) }
    }

    /// Asks the reducer for its state, where every key has its own for that of an event's; one that costs a copy takes
    /// over what it can of the one before.
    fn ask_state(&mut self, of: Option<&Event>, before: Option<&Given>, left: &mut u64) -> Given {
        let state = match of.filter(|_| self.track.is_keyed()) {
            Some(event) => self.reducer.state_of(event),
            None => self.reducer.state(),
        };
        let state = state.map_err(Arc::new)?;
        if self.info.cost == StateCost::Pointer {
            return Ok(state);
        }
        *left = left.saturating_sub(COPY.max(self.checkpoints.cost()));
        match (before, state) {
            (Some(Ok(Some(before))), Some(state)) => Ok(Some(json::adopt(before, state))),
            (_, state) => Ok(state),
        }
    }
}

/// Why an event that is none was not read.
fn unreadable(event: &Event) -> Option<Arc<FoldError>> {
    event.trouble.as_ref().map(|trouble| Arc::new(FoldError::new(trouble.to_string())))
}
