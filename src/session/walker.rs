//! Drives timelines through a source: goes where it is told and answers with one consistent moment.

use std::sync::Arc;

use crate::domain::{Cancel, Destination, Failure, FailureKind, Scope};
use crate::replay::{Moment, Patch};
use crate::sources::Source;

/// Where a walk arrived.
#[derive(Clone, PartialEq, Debug)]
pub struct Reached {
    /// The scope walked now: another one than asked when the destination lies in another stream.
    pub scope: Scope,
    /// How many events of the scope lie at or before the cursor.
    pub scope_at: u64,
    /// What is so there.
    pub moment: Moment,
}

/// Walks the streams of one source. Slow (it folds): it lives on a thread of its own.
pub struct Walker {
    source: Arc<dyn Source>,
}

impl Walker {
    /// A walker over a source.
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self { source }
    }

    /// Walks. `told` hears how many events are folded and how many are to be.
    ///
    /// # Errors
    /// When the source cannot be read, the destination does not exist, or the walk was cancelled (the walker stays
    /// usable and stands where it stood).
    pub fn go(
        &mut self,
        scope: &Scope,
        from: u64,
        to: &Destination,
        cancel: &Cancel,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<Reached, Failure> {
        let _ = (scope, from, to, cancel, told);
        Err(Failure::new(FailureKind::Unsupported, self.source.about().name, "walk", "not built"))
    }

    /// Keeps the current state to compare with.
    pub fn pin(&mut self) {}

    /// No longer compares.
    pub fn unpin(&mut self) {}

    /// From the pinned state to the current one, when something is pinned.
    pub fn difference(&self) -> Option<Patch> {
        None
    }

    /// Looks whether reducer files changed; when they did, loads them anew and says so in a sentence. Where the walk
    /// stands must then be asked for again.
    pub fn refresh(&mut self) -> Option<String> {
        None
    }
}
