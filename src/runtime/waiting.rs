//! The time before the interface: a source is opened on a thread of its own, and whoever waits for it sees what is being
//! done and can leave.
//!
//! Most sources are open before anybody sees that they were waited for; then nothing of this is shown.

use std::time::Duration;

use tokio::sync::oneshot;

use super::event_loop::Ending;
use super::notice::{Notice, Urgent};
use super::run::Stage;
use super::signals::Whom;
use super::terminal::{self, Wrote};
use crate::app::{KeyCode, Msg};
use crate::domain::{Failure, text};
use crate::sources::Looking;

/// How long is waited before anything is said.
const SILENCE: Duration = Duration::from_millis(150);

/// How often what is said is said again.
const TICK: Duration = Duration::from_millis(100);

/// Work that somebody waits for.
pub(crate) struct Work<T> {
    done: oneshot::Receiver<T>,
    looking: Looking,
    /// What it is done with.
    name: String,
}

/// What became of the work.
pub(crate) enum Waited<T> {
    /// It is done.
    Done(T),
    /// Somebody left before.
    Left(Ending),
}

impl<T: Send + 'static> Work<T> {
    /// Begins it on a thread of its own.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub(crate) fn begin(
        name: String,
        looking: &Looking,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Self, Failure> {
        let (told, done) = oneshot::channel();
        let working = move || {
            // Whoever waited may have left.
            let _ = told.send(work());
        };
        std::thread::Builder::new()
            .name("stepback open".to_owned())
            .spawn(working)
            .map_err(|error| Failure::io(name.as_str(), "start a thread", &error))?;
        Ok(Self { done, looking: looking.clone(), name })
    }

    /// What comes of it while nobody has to be told anything; else the work again.
    ///
    /// # Errors
    /// When the thread ended without an answer: a bug of ours.
    pub(crate) fn at_once(self) -> Result<Result<T, Self>, Failure> {
        let Self { mut done, looking, name } = self;
        let clock = clock(&name)?;
        let waited = clock.block_on(async { tokio::time::timeout(SILENCE, &mut done).await });
        match waited {
            Ok(answer) => answer.map(Ok).map_err(|_| gone(&name)),
            Err(_) => Ok(Err(Self { done, looking, name })),
        }
    }

    /// Waits on a terminal that is taken, until it is done or somebody leaves.
    ///
    /// # Errors
    /// As [`Work::at_once`].
    pub(crate) fn on(mut self, stage: &mut Stage) -> Result<Waited<T>, Failure> {
        let clock = clock(&self.name)?;
        clock.block_on(async {
            let mut shown = String::new();
            loop {
                self.draw(stage, &mut shown);
                tokio::select! {
                    biased;
                    Some(urgent) = stage.urgencies.recv() => {
                        // The terminal may be empty now, or have another size.
                        shown.clear();
                        if let Some(ending) = hear(stage, urgent) {
                            self.looking.unwanted().cancel();
                            return Ok(Waited::Left(ending));
                        }
                    }
                    answer = &mut self.done => return answer.map(Waited::Done).map_err(|_| gone(&self.name)),
                    Some(notice) = stage.notices.recv() => {
                        if leaves(&notice) {
                            self.looking.unwanted().cancel();
                            return Ok(Waited::Left(Ending::Quit));
                        }
                    }
                    () = tokio::time::sleep(TICK) => {}
                }
            }
        })
    }

    /// Says what is being done, where that is not what is shown. A terminal that takes nothing now is told at the next tick.
    fn draw(&self, stage: &Stage, shown: &mut String) {
        let (columns, rows) = stage.tty.size();
        let mut picture = String::from("\x1b[2J");
        for (row, line) in (1..=rows).zip(self.lines()) {
            let line: String = text::safe(&line).chars().take(columns.into()).collect();
            picture.push_str(&format!("\x1b[{row};1H{line}"));
        }
        if *shown != picture && matches!(terminal::write((terminal::modes() + &picture).as_bytes()), Ok(Wrote::Some(_)))
        {
            *shown = picture;
        }
    }

    fn lines(&self) -> [String; 3] {
        let Self { looking, name, .. } = self;
        let (doing, read, length) = (looking.doing(), looking.read(), looking.length());
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        let is_over = looking.is_over();
        let what = match length {
            _ if is_over && doing.is_empty() => "reading it".to_owned(),
            _ if is_over => doing,
            0 => "nothing has come yet".to_owned(),
            _ if doing.is_empty() => "reading its beginning".to_owned(),
            _ => format!("it looks like {doing}: {} of {} MiB looked at", mib(read.min(length)), mib(length)),
        };
        let title = match is_over {
            true => format!("opening {name}"),
            false => format!("looking at what this is: {name}"),
        };
        [title, what, "q leaves".to_owned()]
    }
}

fn clock(name: &str) -> Result<tokio::runtime::Runtime, Failure> {
    let clock = tokio::runtime::Builder::new_current_thread().enable_time().build();
    clock.map_err(|error| Failure::io(name, "wait for it", &error))
}

fn gone(name: &str) -> Failure {
    let why = "the thread that opened it ended without an answer: a bug of ours";
    Failure::new(crate::domain::FailureKind::Other, name, "open", why)
}

/// Whether somebody wants to leave.
fn leaves(notice: &Notice) -> bool {
    match notice {
        Notice::Input(Msg::KeyPressed(key)) => match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'Q') => true,
            KeyCode::Char('c') => key.modifiers.control,
            _ => false,
        },
        _ => false,
    }
}

/// Does what cannot wait; gives how the program ends, if it does.
fn hear(stage: &Stage, urgent: Urgent) -> Option<Ending> {
    match urgent {
        Urgent::Ended(signal) => Some(Ending::Signal(signal)),
        Urgent::HungUp => Some(Ending::HungUp),
        Urgent::Panicked(report) => Some(Ending::Panicked(report)),
        Urgent::Resized => None,
        Urgent::Suspended => {
            terminal::restore();
            stage.jobs.stop(Whom::Us);
            enter_again(stage)
        }
        Urgent::Continued => enter_again(stage),
    }
}

/// Takes the terminal again; a terminal that refuses is gone.
fn enter_again(stage: &Stage) -> Option<Ending> {
    terminal::enter(&stage.tty).err().map(|_| Ending::HungUp)
}
