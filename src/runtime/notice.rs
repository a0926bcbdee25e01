//! What the other threads tell the loop: one bounded channel for the work, one small one for what cannot wait.
//!
//! The invariant: whatever a job says, it says before it is reported as ended, through the same channel.

use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use crate::app::Msg;
use crate::ask::{Generation, Told};
use crate::session::{Placed, Refreshed, Walker};
use crate::sources::Source;

/// How many notices may wait for the loop; who has more to say waits.
pub(crate) const WAITING_NOTICES: usize = 1024;

/// A source that was opened again, and what walks it.
pub(crate) struct Opened {
    pub(crate) source: Arc<dyn Source>,
    pub(crate) walker: Walker,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

/// Something for the loop.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Something the person did.
    Input(Msg),
    /// Something for the screen.
    Said(Told),
    /// What the source is and the beginning of its list have been said.
    Opened,
    /// The source has been read to its end, or cannot be.
    SourceRead,
    /// It is known where a walk leads; what is so there can be folded now.
    Placed(Generation, Placed),
    /// The replay thread has finished what it was told to; these belong into one frame.
    Walked(Vec<Told>),
    /// Reducer files changed and have been loaded again, or cannot be.
    Reloaded(Refreshed),
    /// The source has been opened again.
    Reopened(Box<Opened>),
    /// A slot has nothing to do any more.
    SlotEmptied,
    /// What was handed to the output is written, or was dropped. The buffer comes back.
    Written(Vec<u8>),
}

/// What cannot wait behind anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Urgent {
    /// A signal that ends the program.
    Ended(i32),
    /// A signal that asks to suspend it.
    Suspended,
    /// The program was stopped and goes on.
    Continued,
    /// The terminal has another size.
    Resized,
    /// Nobody is at the terminal any more.
    HungUp,
    /// A thread of ours panicked.
    Panicked(String),
}

/// A thread's way to the loop.
#[derive(Clone, Debug)]
pub(crate) struct Outlet(pub(crate) Sender<Notice>);

impl Outlet {
    /// Tells the loop, waiting while too much waits already. False when the loop is gone: the work is pointless.
    pub(crate) fn send(&self, notice: Notice) -> bool {
        self.0.blocking_send(notice).is_ok()
    }

    /// Tells the screen.
    pub(crate) fn say(&self, told: Told) -> bool {
        self.send(Notice::Said(told))
    }
}
