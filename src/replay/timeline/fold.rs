//! Folding: one batch at a time, with states, versions and checkpoints taken where they are due.

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
        if keeps && walk.here.is_none() {
            walk.here = Some(self.ask_state(None, left));
        }
        let end = if keeps || self.recovery.is_careful(at) {
            at + 1
        } else {
            let batch = (self.limits.batch.max(1) as u64).min((*left).max(1));
            (at + batch).min(walk.keep_from).min(walk.due.unwrap_or(u64::MAX).max(at + 1))
        };
        let run = self.log.run(at, end);
        let Some(event) = run.first().cloned() else {
            let target = walk.target;
            self.walk = Some(walk);
            return Some(self.need(at, target));
        };
        let end = at + run.len() as u64;
        let (mut sent, mut batch) = (Vec::with_capacity(run.len()), Vec::with_capacity(run.len()));
        for (ordinal, event) in (at..).zip(run) {
            if event.trouble.is_none() && self.faults.get(ordinal).is_none() {
                sent.push(ordinal);
                batch.push(event.clone());
            }
        }
        let mut raised = Vec::new();
        *left = left.saturating_sub(end - at);
        if !batch.is_empty()
            && let Err(lost) = self.reducer.apply(&batch, &mut raised)
        {
            self.folded = None;
            if self.cancel.is_cancelled() {
                // It ended because it was asked to: nobody is to blame.
                return Some(Advance::Failed(lost.why));
            }
            let outcome = self.recovery.lost(&sent, lost, &mut self.faults);
            // The walk is begun anew, from another place: only its count goes on.
            let (target, done) = (walk.target, walk.done + (end - at));
            let begun = outcome.and_then(|()| {
                self.begin(target)?;
                Ok(())
            });
            return match begun {
                Ok(()) => {
                    if let Some(walk) = &mut self.walk {
                        walk.done = done;
                    }
                    None
                }
                Err(why) => Some(Advance::Failed(why)),
            };
        }
        self.folded = Some(end);
        if !batch.is_empty() {
            self.recovery.reached(end);
        }
        walk.done += end - at;
        let mut failed = None;
        for (index, why) in raised {
            if let Some(ordinal) = sent.get(index) {
                let why = Arc::new(why);
                self.faults.failed(*ordinal, why.clone());
                failed = Some(why);
            }
        }
        if keeps {
            self.keep(&mut walk, at, event, failed, left);
        }
        if walk.due.is_some_and(|due| end >= due) {
            if let Ok(state) = self.state_here(&mut walk, left) {
                self.checkpoints.put(end, &state);
            }
            walk.forget_here(end);
            walk.due = self.checkpoints.next_due(end, walk.target);
        }
        self.walk = Some(walk);
        None
    }

    /// Makes the version of the place after `at`, where the reducer stands now.
    fn keep(&mut self, walk: &mut Walk, at: u64, event: Arc<Event>, failed: Option<Arc<FoldError>>, left: &mut u64) {
        let trouble = || event.trouble.as_ref().map(|trouble| Arc::new(FoldError::new(trouble.to_string())));
        let fault = failed.or_else(|| self.faults.get(at).cloned()).or_else(trouble);
        let before = walk.here.take().unwrap_or(Ok(None));
        let given = if fault.is_some() { before.clone() } else { self.ask_state(Some(&before), left) };
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
        let state = walk.here.take().unwrap_or_else(|| self.ask_state(None, left));
        walk.here.insert(state).clone()
    }

    /// Asks the reducer for its state; one that costs a copy takes over what it can of the one before.
    fn ask_state(&mut self, before: Option<&Given>, left: &mut u64) -> Given {
        let state = self.reducer.state().map_err(Arc::new)?;
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
