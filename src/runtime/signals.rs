//! Signals, taken on a thread of their own and told to the loop.
//!
//! The invariant: whoever sends a signal that ends programs sees this one ended by it, with the terminal given back, at
//! the latest [`BUDGET`] later, even when the loop is stuck.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGBUS, SIGCONT, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::mpsc::UnboundedSender;

use super::notice::Urgent;
use super::{panics, terminal};

/// What ends a program that does not take it, as far as it can be taken: SIGKILL cannot; SIGILL, SIGFPE and SIGSEGV are
/// those of a fault within, and who takes one of these without touching memory by hand faults forever; SIGPIPE is ignored.
const ENDING: [i32; 15] = [
    SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGXFSZ, SIGABRT, SIGBUS,
    SIGSYS, SIGTRAP,
];

/// The same, where the system has them.
#[cfg(target_os = "linux")]
const ENDING_HERE: [i32; 3] = [Signal::IO.as_raw(), Signal::POWER.as_raw(), Signal::STKFLT.as_raw()];
#[cfg(not(target_os = "linux"))]
const ENDING_HERE: [i32; 0] = [];

/// The signals without a meaning, which end programs too. The first ones are the C library's own.
#[cfg(all(target_os = "linux", not(target_env = "musl")))]
const REAL_TIME: std::ops::RangeInclusive<i32> = 34..=64;
#[cfg(all(target_os = "linux", target_env = "musl"))]
const REAL_TIME: std::ops::RangeInclusive<i32> = 35..=64;
#[cfg(not(target_os = "linux"))]
const REAL_TIME: [i32; 0] = [];

/// How long the program may take to end in order.
pub(crate) const BUDGET: Duration = Duration::from_secs(2);

/// How long a stop signal to our own process group may take to come round.
const ECHO: Duration = Duration::from_millis(200);

/// Lets the program suspend itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobControl(Arc<(Mutex<bool>, Condvar)>);

/// Starts taking signals.
///
/// # Errors
/// When the system refuses the handlers or the thread.
pub(crate) fn start(urgent: &UnboundedSender<Urgent>) -> std::io::Result<JobControl> {
    let ending = ENDING.into_iter().chain(ENDING_HERE).chain(REAL_TIME);
    let mut signals = Signals::new(ending.chain([SIGTSTP, SIGCONT, SIGWINCH]))?;
    let control = JobControl::default();
    let (ours, reporter) = (control.clone(), urgent.clone());
    panics::spawn("signals", urgent.clone(), move || {
        let mut ending = false;
        for signal in signals.forever() {
            let notice = match signal {
                SIGTSTP if ours.take_echo() => continue,
                SIGTSTP => Urgent::Suspended,
                SIGCONT => Urgent::Continued,
                SIGWINCH => Urgent::Resized,
                // Asked twice: at once.
                _ if ending => die_of(signal),
                _ => {
                    ending = true;
                    let _ = std::thread::Builder::new().name("stepback deadline".to_owned()).spawn(move || {
                        std::thread::sleep(BUDGET);
                        die_of(signal)
                    });
                    Urgent::Ended(signal)
                }
            };
            // Without a loop there is nobody to end in order; the deadline does it.
            let _ = reporter.send(notice);
        }
    })?;
    Ok(control)
}

/// Gives the terminal back and ends the program by this signal, so that the parent sees the true cause.
pub(crate) fn die_of(signal: i32) -> ! {
    terminal::restore();
    let _ = emulate_default_handler(signal);
    // Not reached for the signals we take; the shell's number for them all the same.
    std::process::exit(128 + signal)
}

impl JobControl {
    /// Stops the program, alone or with the others of its pipeline as the terminal would have done on Ctrl-Z. Returns
    /// when the program goes on. The terminal must have been given back.
    pub(crate) fn stop(&self, whom: Whom) {
        if whom == Whom::Group {
            // The terminal sends its stop signal to every process of a pipeline, and so must we, or the shell waits for
            // the others. Ours comes back to us and is swallowed.
            *self.echo() = true;
            if rustix::process::kill_current_process_group(Signal::TSTP).is_ok() {
                let (_, swallowed) = &*self.0;
                let waited = swallowed.wait_timeout_while(self.echo(), ECHO, |expected| *expected);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
            *self.echo() = false;
        }
        // SIGSTOP, for a stop signal that can be caught is dropped in an orphaned process group.
        let _ = emulate_default_handler(SIGTSTP);
    }

    fn echo(&self) -> std::sync::MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a stop signal is the one we sent ourselves.
    fn take_echo(&self) -> bool {
        let taken = std::mem::take(&mut *self.echo());
        if taken {
            self.0.1.notify_all();
        }
        taken
    }
}

/// Who is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whom {
    /// This process.
    Us,
    /// Every process of our group.
    Group,
}
