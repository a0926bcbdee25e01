//! What to do when the reducer loses its state.
//!
//! Whose fault it was is found (the reducer says it, or the events are folded one by one until it happens again), that
//! event is not sent any more, and the fold starts over from the nearest state. A reducer that gets nowhere is given up.

use std::sync::Arc;

use super::{Faults, FoldError};

/// A reducer that was lost so often without getting any farther is given up.
const MOST_LOSSES: usize = 64;

/// A reducer that gets nowhere.
#[derive(Debug)]
pub(super) struct GivenUp {
    /// What happened last.
    pub why: FoldError,
    /// Events that were blamed, and no longer are.
    pub forgiven: Vec<u64>,
}

/// The losses since the walk last got farther.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Up to here events are folded one by one.
    careful_until: u64,
    /// Up to here the state is asked for after each of them: one that was too much to be given is to blame.
    looks_until: u64,
    /// The farthest place reached.
    farthest: u64,
    losses: usize,
    blamed: Vec<u64>,
}

impl Recovery {
    /// Whether the event at this place is to be folded alone.
    pub fn is_careful(&self, place: u64) -> bool {
        place < self.careful_until
    }

    /// Whether the state behind the event at this place is to be looked at, for one that is too much to be given.
    pub fn looks_at(&self, place: u64) -> bool {
        place < self.looks_until
    }

    /// The reducer folded events up to this place. Passing over events is not getting farther.
    pub fn reached(&mut self, place: u64) {
        if place > self.farthest {
            self.farthest = place;
            self.losses = 0;
            self.blamed.clear();
        }
    }

    /// The reducer lost its state over events with these ordinals (at least one). Says who is to blame, when it is known.
    ///
    /// # Errors
    /// When it has been lost too often; nobody is blamed then.
    pub fn lost(
        &mut self,
        sent: &[u64],
        at: Option<usize>,
        why: &Arc<FoldError>,
        faults: &mut Faults,
    ) -> Result<Option<u64>, GivenUp> {
        self.losses += 1;
        if self.losses > MOST_LOSSES {
            self.blamed.iter().for_each(|ordinal| faults.forgive(*ordinal));
            let forgiven = std::mem::take(self).blamed;
            return Err(GivenUp { why: FoldError::clone(why), forgiven });
        }
        let alone = sent.first().filter(|first| sent.len() == 1 && self.is_careful(**first));
        match at.and_then(|at| sent.get(at)).or(alone) {
            Some(&culprit) => {
                faults.killed(culprit, why.clone());
                self.blamed.push(culprit);
                Ok(Some(culprit))
            }
            None => {
                self.careful_until = sent.last().map_or(0, |last| last + 1).max(self.careful_until);
                if why.is_spent() {
                    self.looks_until = self.careful_until;
                }
                Ok(None)
            }
        }
    }
}
