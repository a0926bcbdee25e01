//! What the desk needs of the program it stands in: threads, and somebody who hears what they say.
//!
//! The desk starts no thread by itself. A panic in one of its threads must give the terminal back, which only the program
//! that owns the terminal can do, and a test of what is said in turn wants to wait for nothing.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::ask::{Generation, Told};
use crate::session::{Placed, Refreshed, Walker};
use crate::sources::Source;

/// Threads, and the way from them to the desk's owner.
pub trait Threads: Send + Sync {
    /// Starts a thread.
    ///
    /// # Errors
    /// When the system refuses it.
    fn start(&self, name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<()>;

    /// Hands something to the owner, who gives it to [`Desk::hear`](super::Desk::hear); waits while too much waits already.
    /// False once nobody listens: the work is pointless.
    fn tell(&self, heard: Heard) -> bool;

    /// Lets the thread that calls it rest.
    fn pause(&self, time: Duration);

    /// Work of this kind begins on the thread that calls it.
    fn begins(&self, _work: &str) {}
}

/// What a thread says to the desk, and on behalf of which opening of the source.
#[derive(Debug)]
pub struct Heard {
    pub(super) opening: u64,
    pub(super) word: Word,
}

/// Something a thread says.
#[derive(Debug)]
pub(super) enum Word {
    /// Something for the guest.
    Told(Told),
    /// What the source is and the beginning of its list have been said.
    Opened,
    /// The source has been read to its end, or cannot be.
    SourceRead,
    /// It is known where a walk leads; what is so there can be folded now.
    Placed(Generation, Placed),
    /// The replay thread has finished what it was told to; these belong together.
    Walked(Vec<Told>),
    /// Reducer files changed and have been loaded again, or cannot be.
    Reloaded(Refreshed),
    /// The source has been opened again.
    Reopened(Box<Opened>),
    /// A slot has nothing to do any more.
    SlotEmptied,
}

/// A source that was opened again, and what walks it.
pub(super) struct Opened {
    pub(super) source: Arc<dyn Source>,
    pub(super) walker: Walker,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

/// A thread's way to the desk. What a job says, it says before it is reported as ended.
#[derive(Clone)]
pub(super) struct Outlet {
    pub(super) threads: Arc<dyn Threads>,
    /// Which opening of the source its thread serves.
    pub(super) opening: u64,
}

impl Outlet {
    /// False once nobody listens.
    pub(super) fn send(&self, word: Word) -> bool {
        self.threads.tell(Heard { opening: self.opening, word })
    }

    /// The same, for the guest.
    pub(super) fn say(&self, told: Told) -> bool {
        self.send(Word::Told(told))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod testing {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Threads as they are, whose words can be received; they never rest.
    struct Plain(Sender<Heard>);

    impl Threads for Plain {
        fn start(&self, _name: &str, work: Box<dyn FnOnce() + Send>) -> io::Result<()> {
            std::thread::spawn(work);
            Ok(())
        }

        fn tell(&self, heard: Heard) -> bool {
            self.0.send(heard).is_ok()
        }

        fn pause(&self, _time: Duration) {
            std::thread::yield_now();
        }
    }

    /// Threads for a test, and what they say.
    pub fn threads() -> (Arc<dyn Threads>, Receiver<Heard>) {
        let (said, heard) = channel();
        (Arc::new(Plain(said)), heard)
    }

    /// The way of the threads of the first opening, and what they say.
    pub fn outlet() -> (Outlet, Receiver<Heard>) {
        let (threads, heard) = threads();
        (Outlet { threads, opening: 0 }, heard)
    }
}
