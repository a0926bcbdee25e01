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

use super::event_loop::{Again, Ending, EventLoop, Threads};
use super::notice::{Notice, Outlet, Urgent, WAITING_NOTICES};
use super::output::Output;
use super::signals::JobControl;
use super::tasks::Tasks;
use super::terminal::{self, TerminalGuard, Tty};
use super::{input, panics, replay, signals, watch};
use crate::app::{Effect, Msg};
use crate::ask::Told;
use crate::domain::{Cancel, Failure};
use crate::session::desk::Reducers;
use crate::session::{Walker, categories};
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

/// Opens the source of the interface again, with what walks it. May take long.
pub type Reopen = Arc<dyn Fn() -> Result<(Arc<dyn Source>, Walker), Failure> + Send + Sync>;

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
    let (walked_out, replay_ended) = channel();
    let again = Again {
        reopen: launch.reopen,
        outlet: outlet.clone(),
        urgent: urgent.clone(),
        walked_out: walked_out.clone(),
        reading: Cancel::default(),
    };
    let reducers: Reducers = Arc::new(launch.walker.reducers());
    let orders = replay::start(launch.walker, outlet.clone(), urgent.clone(), walked_out).map_err(refused)?;
    let tasks =
        Tasks::start(Arc::clone(&launch.source), Arc::clone(&reducers), outlet.clone(), &urgent).map_err(refused)?;
    let output = Output::start(Arc::clone(&tty), outlet.clone(), urgent.clone()).map_err(refused)?;
    let (begin, begun) = channel();
    watch_over((launch.source, reducers), begun, again.reading.clone(), outlet, urgent).map_err(refused)?;

    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(refused)?;
    let threads = Threads { tty, output, orders, tasks, jobs, begin, again };
    let ending = panics::contain(|| {
        let mut events = EventLoop::new(launch.screen, threads, waiting, urgent_waiting);
        clock.block_on(events.run())
        // Dropped here: every job is stopped and every thread of ours ends when it next looks up.
    });
    Ok(end(ending.unwrap_or_else(Ending::Panicked), guard, launch.held, &replay_ended))
}

/// Starts the thread that reads a source to its end and then looks after it.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn watch_over(
    (source, reducers): (Arc<dyn Source>, Reducers),
    begun: Receiver<()>,
    reading: Cancel,
    outlet: Outlet,
    urgent: mpsc::UnboundedSender<Urgent>,
) -> std::io::Result<()> {
    panics::spawn("watch", urgent, move || {
        watch::watch(&*source, &begun, &reading, &outlet);
        remark(&*source, &reducers, &outlet);
        if !reading.is_cancelled() {
            watch::follow(&*source, &reading, &outlet);
        }
    })
    .map(|_| ())
}

/// Says what the project files name that is not in the source, now that it is read.
fn remark(source: &dyn Source, reducers: &Reducers, outlet: &Outlet) {
    let remarks = match reducers() {
        Ok(book) => categories(source).map(|categories| book.remarks(&categories)).unwrap_or_default(),
        Err(failure) => vec![format!("nothing is folded: {failure}")],
    };
    if !remarks.is_empty() {
        outlet.say(Told::ProjectRemarked(remarks));
    }
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
