//! From a launch to an exit code: opens the terminal, starts the threads, runs the loop, and gives everything back.
//!
//! The invariant: whatever ends the program (a key, a signal, a bug, a vanished terminal), the terminal is given back
//! exactly once, before anything is printed, and within the budget.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ratatui::Frame;
use tokio::sync::mpsc;

use super::event_loop::{Ending, EventLoop, Parts};
use super::notice::{Notice, Outlet, Urgent, WAITING_NOTICES};
use super::output::Output;
use super::signals::JobControl;
use super::terminal::{self, TerminalGuard, Tty};
use super::threads::Contained;
use super::{input, panics, signals};
use crate::app::{Effect, Msg};
use crate::domain::Failure;
use crate::session::Walker;
use crate::session::desk::{Desk, Reopen};
use crate::sources::Source;

/// The exit code of a terminal that is missing (usage) and of one that vanished (as if by `SIGHUP`).
pub(crate) const NO_TERMINAL: u8 = 2;
const HUNG_UP: u8 = 128 + 1;

/// How long ending by a key waits for the replay thread, so that the processes of reducers end before we do.
const GOODBYE: Duration = Duration::from_millis(300);

/// What the loop drives: it takes what happened, says what it wants, and can be drawn.
pub trait Screen {
    /// Takes what happened and answers with what is wanted.
    fn update(&mut self, msg: Msg) -> Vec<Effect>;

    /// Draws. The same screen is the same picture.
    fn draw(&self, frame: &mut Frame<'_>);
}

/// What the interface is started with.
pub struct Launch<S> {
    /// The opened store. It is read to its end once the first frame is painted.
    pub source: Arc<dyn Source>,
    /// What walks it.
    pub walker: Walker,
    /// What is shown. Its first message is the size of the terminal.
    pub screen: S,
    /// How the source is opened again, where that is possible.
    pub reopen: Option<Reopen>,
    /// Whether to listen to the mouse.
    pub mouse: bool,
    /// What must outlive the interface and end before the program does, even when a signal ends it.
    pub held: Option<Box<dyn std::any::Any>>,
}

/// Runs the interface until it is left. Without a terminal it says so on standard error and gives exit code 2; a signal
/// that ends programs ends this one by itself, so that the parent sees it.
///
/// # Errors
/// When the system refuses a thread, a handler, or the terminal its modes; the terminal is as it was then.
pub fn run<S: Screen>(launch: Launch<S>) -> Result<ExitCode, Failure> {
    match Stage::enter(launch.mouse)? {
        Some(stage) => run_on(stage, launch),
        None => Ok(ExitCode::from(NO_TERMINAL)),
    }
}

/// The terminal, taken, and what is heard from it: keys and signals.
pub(crate) struct Stage {
    pub(crate) tty: Arc<Tty>,
    pub(crate) guard: TerminalGuard,
    pub(crate) outlet: Outlet,
    pub(crate) notices: tokio::sync::mpsc::Receiver<Notice>,
    pub(crate) urgent: mpsc::UnboundedSender<Urgent>,
    pub(crate) urgencies: mpsc::UnboundedReceiver<Urgent>,
    pub(crate) jobs: JobControl,
}

fn refused(error: std::io::Error) -> Failure {
    Failure::io("terminal", "start the interface", &error)
}

impl Stage {
    /// Takes the terminal; without one, says so and gives none.
    ///
    /// # Errors
    /// When the system refuses a thread, a handler, or the terminal its modes; the terminal is as it was then.
    pub(crate) fn enter(mouse: bool) -> Result<Option<Self>, Failure> {
        let tty = match Tty::open() {
            Ok(mut tty) => {
                tty.mouse = mouse;
                Arc::new(tty)
            }
            Err(why) => {
                panics::print_line(&format!("stepback: {why}"));
                return Ok(None);
            }
        };
        panics::install();
        let (urgent, urgencies) = mpsc::unbounded_channel();
        let (notices, waiting) = mpsc::channel(WAITING_NOTICES);
        let outlet = Outlet(notices);
        let jobs = signals::start(&urgent).map_err(refused)?;
        let guard = TerminalGuard::enter(&tty).map_err(refused)?;
        input::start(&tty, outlet.clone(), &urgent).map_err(refused)?;
        Ok(Some(Self { tty, guard, outlet, notices: waiting, urgent, urgencies, jobs }))
    }

    /// Gives the terminal back and says how it ended.
    pub(crate) fn leave(self, ending: Ending) -> ExitCode {
        let (_, nobody) = channel();
        end(ending, self.guard, None, &nobody)
    }
}

/// Runs the interface on a terminal that is taken.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_on<S: Screen>(stage: Stage, launch: Launch<S>) -> Result<ExitCode, Failure> {
    let Stage { tty, guard, outlet, notices: waiting, urgent, urgencies: urgent_waiting, jobs } = stage;
    let output = Output::start(Arc::clone(&tty), outlet.clone(), urgent.clone()).map_err(refused)?;
    let threads = Arc::new(Contained { outlet, urgent });
    let (desk, replay_ended) = Desk::start(launch.source, launch.walker, launch.reopen, threads).map_err(refused)?;

    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(refused)?;
    let parts = Parts { tty, output, desk, jobs };
    let ending = panics::contain(|| {
        let mut events = EventLoop::new(launch.screen, parts, waiting, urgent_waiting);
        clock.block_on(events.run())
        // Dropped here: every job is stopped and every thread of ours ends when it next looks up.
    });
    Ok(end(ending.unwrap_or_else(Ending::Panicked), guard, launch.held, &replay_ended))
}

fn end(
    ending: Ending,
    guard: TerminalGuard,
    held: Option<Box<dyn std::any::Any>>,
    replay_ended: &Receiver<()>,
) -> ExitCode {
    if ending == Ending::HungUp {
        terminal::forget();
    }
    // The person gets the terminal back first; whatever else has to end does so behind the prompt's back.
    drop(guard);
    drop(held);
    // A store that is read again may be in the middle of a copy.
    crate::sources::remove_copies();
    match ending {
        Ending::Quit => {
            let _ = replay_ended.recv_timeout(GOODBYE);
            ExitCode::SUCCESS
        }
        Ending::HungUp => {
            let _ = replay_ended.recv_timeout(GOODBYE);
            ExitCode::from(HUNG_UP)
        }
        Ending::Panicked(report) => {
            panics::say(&report);
            ExitCode::from(panics::BUG)
        }
        Ending::Signal(signal) => {
            let _ = replay_ended.recv_timeout(GOODBYE);
            signals::die_of(signal)
        }
    }
}
