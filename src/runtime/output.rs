//! Writes frames to the terminal on a thread of its own: a slow terminal blocks this thread and nobody else.
//!
//! The invariant: at most one frame is under way. Whoever draws waits for [`Notice::Written`] before handing over the
//! next, and what changed meanwhile goes into that one: frames are dropped by not being drawn.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Outlet, Urgent};
use super::panics;
use super::terminal::{self, Tty, Wrote};

/// How long a blocked write waits before it looks whether anybody still wants it.
const LOOK_UP: Duration = Duration::from_millis(50);

/// The way of frames to the terminal.
#[derive(Debug)]
pub(crate) struct Output {
    frames: SyncSender<Vec<u8>>,
    /// Whether a frame is under way, as the loop knows it.
    busy: bool,
    /// The same as the thread knows it: ahead of what the loop has heard.
    writing: Writing,
}

type Writing = Arc<(Mutex<bool>, Condvar)>;

impl Output {
    /// Starts the writing thread.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn start(tty: Arc<Tty>, outlet: Outlet, urgent: UnboundedSender<Urgent>) -> std::io::Result<Self> {
        let (frames, waiting) = sync_channel(1);
        let writing = Writing::default();
        let told = Arc::clone(&writing);
        panics::spawn("output", urgent, move || write_frames(&tty, &waiting, &told, &outlet))?;
        Ok(Self { frames, busy: false, writing })
    }

    /// Whether a frame is under way.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Hands over bytes; only when nothing is under way.
    pub(crate) fn write(&mut self, bytes: Vec<u8>) {
        debug_assert!(!self.busy, "one frame at a time");
        set(&self.writing, true);
        self.busy = self.frames.try_send(bytes).is_ok();
        if !self.busy {
            set(&self.writing, false);
        }
    }

    /// Lets the frame under way reach the terminal, if it takes it within this time.
    pub(crate) fn wait(&self, at_most: Duration) {
        let (writing, written) = &*self.writing;
        let writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(written.wait_timeout_while(writing, at_most, |writing| *writing));
    }

    /// Hears that what was under way is written.
    pub(crate) fn written(&mut self) {
        self.busy = false;
    }
}

fn set(writing: &Writing, to: bool) {
    *writing.0.lock().unwrap_or_else(PoisonError::into_inner) = to;
    writing.1.notify_all();
}

fn write_frames(tty: &Tty, frames: &Receiver<Vec<u8>>, writing: &Writing, outlet: &Outlet) {
    while let Ok(mut bytes) = frames.recv() {
        let mut done = 0;
        while done < bytes.len() {
            match terminal::write(&bytes[done..]) {
                Ok(Wrote::Some(count)) => done += count,
                Ok(Wrote::Full) => {
                    let start = Instant::now();
                    tty.wait_writable(LOOK_UP);
                    if tty.is_gone() {
                        break;
                    }
                    // A terminal that says it is writable and takes nothing must not cost a processor.
                    if start.elapsed() < Duration::from_millis(1) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                Ok(Wrote::Closed) | Err(_) => break,
            }
        }
        bytes.clear();
        set(writing, false);
        if !outlet.send(Notice::Written(bytes)) {
            return;
        }
    }
}
