//! What the other threads tell the loop: one bounded channel for the work, one small one for what cannot wait.

use tokio::sync::mpsc::Sender;

use crate::app::Msg;
use crate::session::desk::Heard;

/// How many notices may wait for the loop; who has more to say waits.
pub(crate) const WAITING_NOTICES: usize = 1024;

/// Something for the loop.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Something the person did.
    Input(Msg),
    /// Something for the desk.
    Desk(Heard),
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
}
