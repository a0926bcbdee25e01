//! What a walk is asked, what it answers, and what it may hold.
//!
//! A place is a number of events folded: 0 is before the first event, n is after the event with ordinal n - 1.

use super::scan::{Hit, Scan, Stops};
use super::{FoldError, Spacing, Suspension};
use crate::domain::{Path, Unjudged};

/// Where to walk to. Places beyond either end mean that end. The place one stands at is never the next or the previous
/// one that is searched for.
#[derive(Clone, Debug)]
pub enum Goal {
    /// So many events later.
    Forward(u64),
    /// So many events earlier.
    Back(u64),
    /// To this place.
    To(u64),
    /// To the next place where one of these holds.
    Next(Stops),
    /// To the previous place where one of these holds.
    Previous(Stops),
    /// To the next event that writes this path.
    NextWrite(Path),
    /// To the previous event that writes this path.
    PreviousWrite(Path),
    /// What one of these four becomes. After a hit it goes on to the one after that.
    Searching(Box<Searching>),
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Searching {
    pub(super) scan: Scan,
    /// What was found, while the walk there is under way.
    pub(super) found: Option<Hit>,
}

/// How much work one call may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Events folded; a state that costs a copy counts as several. At least one step is made.
    pub events: u64,
}

/// How far a walk came.
#[derive(Clone, PartialEq, Debug)]
pub enum Advance {
    /// The budget is used up: go on with the same goal.
    Working {
        /// Events folded for this goal so far.
        folded: u64,
        /// Events to fold for it in all, as far as known now.
        to_fold: u64,
    },
    /// The cursor stands at the goal, which is a place; the moment is that of the goal.
    Reached,
    /// Something that was searched for holds here. Of a goal: the cursor stands here.
    Stopped(Hit),
    /// Nothing more of it lies that way. Of a goal: the cursor and its moment are as before.
    NotFound(Unjudged),
    /// Feed a page of events, forward from this ordinal, and go on with the same goal.
    NeedEvents {
        /// The first event needed.
        from: u64,
        /// How many will be of use; fewer will do.
        limit: usize,
    },
    /// The reducer cannot be started, or loses its state again and again. The cursor and its moment are as before.
    Failed(FoldError),
    /// The reducer took too long so often that nobody waits any more. The cursor and its moment are as before; places that
    /// lie before the suspension can still be walked to.
    Suspended(Suspension),
}

/// What a timeline may hold and how it works. Nothing of it shows in what a walk finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of events kept.
    pub log_bytes: usize,
    /// Versions kept alive around the cursor.
    pub ring_versions: usize,
    /// Bytes of those versions, about.
    pub ring_bytes: usize,
    /// Bytes of checkpoints, compressed.
    pub checkpoint_bytes: usize,
    /// How far apart checkpoints are.
    pub spacing: Spacing,
    /// Events folded at once, between two looks at anything else.
    pub batch: usize,
    /// States asked for behind the cursor when a walk back has left the ring and a state costs a copy.
    pub behind: u64,
    /// Events asked for at once, at most.
    pub page: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log_bytes: 32 << 20,
            ring_versions: 1000,
            ring_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
            spacing: Spacing::default(),
            batch: 512,
            behind: 64,
            page: 1024,
        }
    }
}

impl Limits {
    /// For a walk whose way nobody goes back: one answer, and nothing kept that only a later walk would use. Whatever
    /// is asked next is found all the same, by folding from the beginning where it lies earlier.
    pub fn for_one_answer() -> Self {
        Self {
            log_bytes: 8 << 20,
            page: 2048,
            ring_versions: 1,
            spacing: Spacing { floor: u64::MAX, volume: u64::MAX },
            batch: 1024,
            ..Self::default()
        }
    }
}

/// What a timeline holds, for the status line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Memory {
    /// Bytes of events.
    pub log_bytes: usize,
    /// Versions alive.
    pub ring_versions: usize,
    /// Their bytes, about.
    pub ring_bytes: usize,
    /// Checkpoints.
    pub checkpoints: usize,
    /// Their bytes.
    pub checkpoint_bytes: usize,
}
