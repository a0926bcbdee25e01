//! The terminal: opened once, changed by one list of modes, and given back as it was.
//!
//! It is not what is drawn (`canvas`) nor who writes frames (`output`). The invariant: every mode that is set stands in
//! [`MODES`] beside its undoing, and [`restore`] undoes all of them, once, from whichever thread comes first, without
//! ever waiting for long on a terminal that does not read and without touching one that is gone.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios};

/// Each mode we set, in this order, and how it is undone, in the reverse one.
const MODES: [(&str, &str); 6] = [
    // Alternate screen, the cursor saved.
    ("\x1b[?1049h", "\x1b[?1049l"),
    // Cursor hidden.
    ("\x1b[?25l", "\x1b[?25h"),
    // Mouse: presses, then drags, told in decimal. Not every motion: that floods a slow line.
    ("\x1b[?1000h", "\x1b[?1000l"),
    ("\x1b[?1002h", "\x1b[?1002l"),
    ("\x1b[?1006h", "\x1b[?1006l"),
    // Bracketed paste.
    ("\x1b[?2004h", "\x1b[?2004l"),
];

/// Those of them that listen to the mouse. They are undone even where they were not set: that changes nothing.
const MOUSE: [&str; 3] = ["\x1b[?1000h", "\x1b[?1002h", "\x1b[?1006h"];

/// Ends whatever a frame may have left open: synchronised output, colours.
const CLOSE_FRAME: &str = "\x1b[?2026l\x1b[0m";

/// Aborts an escape sequence that was cut in the middle.
const CANCEL: u8 = 0x18;

/// How long the terminal may take to accept the undoing before its queue is thrown away, and then before we give up.
const PATIENCE: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(350)];

/// The largest size that is drawn; a terminal that claims more gets a picture in its corner, not our memory.
const LARGEST: (u16, u16) = (1024, 512);

/// The terminal's two ends.
#[derive(Debug)]
pub(crate) struct Tty {
    /// Where keys come from, and whose line discipline is set.
    pub(crate) input: OwnedFd,
    /// Where frames go. Our own opening of the device where possible, so that it can be non-blocking without the shell's
    /// descriptor becoming so too.
    output: OwnedFd,
    /// Whether `output` is non-blocking.
    never_blocks: bool,
    /// Whether to listen to the mouse.
    pub(crate) mouse: bool,
}

/// What became of a write to an entered terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrote {
    /// So many bytes.
    Some(usize),
    /// The terminal takes nothing now.
    Full,
    /// The terminal has been given back; the bytes are no longer wanted.
    Closed,
}

/// Why there is no interface to be had here, in words for a person; `None` when there is a terminal.
pub fn missing_terminal() -> Option<String> {
    Tty::open().err()
}

impl Tty {
    /// The terminal of this process.
    ///
    /// # Errors
    /// Why there is none that we could draw on, in words for a person.
    pub(crate) fn open() -> Result<Self, String> {
        if !io::stdout().is_terminal() {
            return Err("standard output is not a terminal".to_owned());
        }
        let term = std::env::var("TERM").unwrap_or_default();
        if term.is_empty() || term == "dumb" {
            let shown = if term.is_empty() { "not set".to_owned() } else { format!("{term:?}") };
            return Err(format!("this terminal cannot be drawn on (TERM is {shown})"));
        }
        let input = if io::stdin().is_terminal() {
            io::stdin().as_fd().try_clone_to_owned()
        } else {
            File::options().read(true).write(true).open("/dev/tty").map(OwnedFd::from)
        };
        let input = input.map_err(|error| format!("there is no terminal to read keys from: {error}"))?;
        let ours = open_again().filter(|fd| rustix::termios::isatty(fd));
        let never_blocks = ours.is_some();
        let output = match ours {
            Some(fd) => fd,
            None => io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .map_err(|error| format!("the terminal cannot be opened: {error}"))?,
        };
        Ok(Self { input, output, never_blocks, mouse: true })
    }

    /// Its size in cells: columns and rows, at least 1 by 1.
    pub(crate) fn size(&self) -> (u16, u16) {
        let (columns, rows) = match rustix::termios::tcgetwinsize(&self.output) {
            Ok(size) => (size.ws_col, size.ws_row),
            Err(_) => (0, 0),
        };
        // A serial line does not know its size.
        let columns = if columns == 0 { 80 } else { columns };
        let rows = if rows == 0 { 24 } else { rows };
        (columns.min(LARGEST.0), rows.min(LARGEST.1))
    }

    /// Whether it has hung up.
    pub(crate) fn is_gone(&self) -> bool {
        let mut fds = [PollFd::new(&self.input, PollFlags::empty()), PollFd::new(&self.output, PollFlags::empty())];
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(0) | Err(_) => false,
            Ok(_) => fds.iter().any(|fd| hung_up(fd.revents())),
        }
    }

    /// Waits until it may take more bytes, has hung up, or the time is over.
    pub(crate) fn wait_writable(&self, at_most: Duration) {
        let mut fds = [PollFd::new(&self.output, PollFlags::OUT)];
        let timeout = Timespec::try_from(at_most).unwrap_or_default();
        // Interrupted is as good as woken: the caller looks again.
        let _ = poll(&mut fds, Some(&timeout));
    }

    /// Writes what fits now; 0 when nothing does.
    fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = if self.never_blocks {
            bytes
        } else {
            let mut fds = [PollFd::new(&self.output, PollFlags::OUT)];
            if poll(&mut fds, Some(&Timespec::default()))? == 0 {
                return Ok(0);
            }
            // What a writable terminal certainly has room for: a longer write would block.
            &bytes[..bytes.len().min(256)]
        };
        match rustix::io::write(&self.output, bytes) {
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes everything or gives up after `patience`; whether everything was written.
    fn write_within(&self, mut bytes: &[u8], patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while !bytes.is_empty() {
            match self.write_some(bytes) {
                Ok(0) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() || self.is_gone() {
                        return false;
                    }
                    self.wait_writable(left);
                }
                Ok(count) => bytes = &bytes[count..],
                Err(_) => return false,
            }
        }
        true
    }
}

/// Whether `poll` says that nobody is at the other end any more.
pub(crate) fn hung_up(flags: PollFlags) -> bool {
    flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
}

/// A description of our own of the terminal on standard output, non-blocking.
fn open_again() -> Option<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let named = rustix::termios::ttyname(io::stdout(), Vec::new()).ok();
    // The name is unknown in a container that was handed the terminal from outside.
    let named = named.and_then(|name| rustix::fs::open(name.as_c_str(), flags, Mode::empty()).ok());
    named.or_else(|| rustix::fs::open("/dev/tty", flags, Mode::empty()).ok())
}

/// A terminal that is changed now.
struct Entered {
    tty: Arc<Tty>,
    /// The line discipline to give back.
    saved: Termios,
    /// Whether anything was written: the modes come with the first frame.
    touched: bool,
    /// Whether a frame is written in part.
    midway: bool,
}

static ENTERED: Mutex<Option<Entered>> = Mutex::new(None);

/// Raw mode. The rest of [`MODES`] goes to the terminal with the first frame: see [`modes`]. Entering what is entered
/// sets the mode again but keeps what is to be given back.
///
/// # Errors
/// When the terminal refuses.
pub(crate) fn enter(tty: &Arc<Tty>) -> io::Result<()> {
    let mut entered = lock();
    let (saved, touched) = match entered.take() {
        Some(earlier) => (earlier.saved, earlier.touched),
        None => (rustix::termios::tcgetattr(&tty.input)?, false),
    };
    let mut raw = saved.clone();
    raw.make_raw();
    // From here on there is something to give back, whatever fails.
    *entered = Some(Entered { tty: Arc::clone(tty), saved, touched, midway: false });
    rustix::termios::tcsetattr(&tty.input, OptionalActions::Now, &raw)?;
    Ok(())
}

/// The bytes that set the modes: the beginning of the first frame after [`enter`].
pub(crate) fn modes() -> String {
    let mouse = lock().as_ref().is_none_or(|entered| entered.tty.mouse);
    MODES.iter().map(|(set, _)| *set).filter(|set| mouse || !MOUSE.contains(set)).collect()
}

/// Writes a part of a frame, without waiting.
///
/// # Errors
/// When the terminal refuses, mostly because it is gone.
pub(crate) fn write(bytes: &[u8]) -> io::Result<Wrote> {
    let mut entered = lock();
    let Some(entered) = entered.as_mut() else { return Ok(Wrote::Closed) };
    let count = entered.tty.write_some(bytes)?;
    if count > 0 {
        entered.touched = true;
        entered.midway = count < bytes.len();
    }
    Ok(if count == 0 { Wrote::Full } else { Wrote::Some(count) })
}

/// Gives the terminal back as it was found. Further calls do nothing; any thread may call it, a panicking one too.
pub fn restore() {
    // A panic inside the few lines that hold the lock must not become a deadlock.
    let end = Instant::now() + Duration::from_millis(500);
    let mut entered = loop {
        match ENTERED.try_lock() {
            Ok(entered) => break entered,
            Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::WouldBlock) => return,
        }
    };
    if let Some(entered) = entered.take() {
        entered.undo();
    }
}

/// Lets go of a terminal that has hung up, touching nothing.
pub(crate) fn forget() {
    lock().take();
}

impl Entered {
    fn undo(&self) {
        if self.tty.is_gone() {
            return;
        }
        if self.touched {
            self.undo_modes();
        }
        let _ = rustix::termios::tcsetattr(&self.tty.input, OptionalActions::Now, &self.saved);
    }

    fn undo_modes(&self) {
        let mut bytes = Vec::with_capacity(128);
        if self.midway {
            bytes.push(CANCEL);
        }
        bytes.extend_from_slice(CLOSE_FRAME.as_bytes());
        for (_, undo) in MODES.iter().rev() {
            bytes.extend_from_slice(undo.as_bytes());
        }
        if !self.tty.write_within(&bytes, PATIENCE[0]) {
            // It does not read: what it has not read yet is only a picture that nobody needs any more. Thrown away,
            // there is room for what it must read when it comes back.
            let _ = rustix::termios::tcflush(&self.tty.output, QueueSelector::OFlush);
            bytes.insert(0, CANCEL);
            self.tty.write_within(&bytes, PATIENCE[1]);
        }
    }
}

fn lock() -> MutexGuard<'static, Option<Entered>> {
    ENTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the terminal back when it is dropped, however the scope is left.
#[derive(Debug)]
pub(crate) struct TerminalGuard;

impl TerminalGuard {
    /// Enters the terminal.
    ///
    /// # Errors
    /// When the terminal refuses; it is as it was then.
    pub(crate) fn enter(tty: &Arc<Tty>) -> io::Result<Self> {
        let guard = Self;
        enter(tty)?;
        Ok(guard)
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_is_undone_by_its_opposite() {
        for (set, undo) in MODES {
            let (number, on) = set.split_at(set.len() - 1);
            let (same, off) = undo.split_at(undo.len() - 1);
            assert_eq!(number, same);
            assert!(matches!((on, off), ("h", "l") | ("l", "h")), "{set:?} {undo:?}");
        }
    }

    #[test]
    fn restoring_what_was_never_entered_does_nothing() {
        restore();
        restore();
        assert!(matches!(write(b"x"), Ok(Wrote::Closed)));
    }

    #[test]
    fn a_terminal_that_left_is_known() {
        assert!(hung_up(PollFlags::IN | PollFlags::HUP));
        assert!(hung_up(PollFlags::ERR));
        assert!(hung_up(PollFlags::NVAL));
        assert!(!hung_up(PollFlags::IN | PollFlags::OUT));
    }
}
