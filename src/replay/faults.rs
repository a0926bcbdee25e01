//! What went wrong at which event, kept in place.
//!
//! An event that failed once is not sent to the reducer again: it contributes nothing, whatever the walk. Those that cost
//! the reducer its state must never be sent again; of the others only so many are remembered, since sending one again
//! ends the same way.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::FoldError;

/// So many harmless faults are remembered.
const MOST: usize = 65_536;

/// Faults by ordinal.
#[derive(Debug, Default)]
pub(super) struct Faults {
    kept: BTreeMap<u64, Arc<FoldError>>,
}

impl Faults {
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

    pub fn clear(&mut self) {
        self.kept.clear();
    }
}
