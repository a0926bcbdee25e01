//! The loop: one owner of the screen, the canvas and the terminal's modes.
//!
//! It awaits nothing but the next notice or the next moment something is due. The invariants: a frame is drawn only
//! after something happened, at most sixty times a second, and only when the last one is written; the source is begun
//! only after the first frame is; an idle program is woken by nothing.

use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Receiver, UnboundedReceiver};
use tokio::time::{Interval, MissedTickBehavior, interval_at, sleep_until};

use super::canvas::Canvas;
use super::clipboard::{self, Between};
use super::input::supersedes;
use super::notice::{Notice, Urgent};
use super::output::Output;
use super::panics;
use super::run::Screen;
use super::signals::{JobControl, Whom};
use super::terminal::{self, Tty};
use crate::app::{Effect, Msg};
use crate::session::desk::Desk;

/// The least time between two frames: sixty a second.
const FRAME: Duration = Duration::from_micros(16_667);

/// How long notices are taken before the screen is drawn again, when ever more of them wait.
const TURN: Duration = Duration::from_millis(8);

/// How long the first frame waits for what it is to show (the source, its first events, the state there): a full screen
/// at once instead of an empty one first.
const FIRST_FRAME: Duration = Duration::from_millis(60);

/// How long suspending waits for the frame under way.
const LAST_FRAME: Duration = Duration::from_millis(200);

/// The shortest time between two ticks of the play timer.
const FASTEST_PLAY: Duration = Duration::from_millis(10);

/// Set by tests that run the program in a terminal: it then says in the window's title when it is idle.
const TEST_READY: &str = "STEPBACK_TEST_READY";

/// Why the loop ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// The person left.
    Quit,
    /// A signal.
    Signal(i32),
    /// Nobody is at the terminal any more.
    HungUp,
    /// A bug; what the panic said.
    Panicked(String),
}

/// What the loop gives work to.
pub(crate) struct Parts {
    pub(crate) tty: Arc<Tty>,
    pub(crate) output: Output,
    pub(crate) desk: Desk,
    pub(crate) jobs: JobControl,
}

/// Frames and what decides when the next one is drawn.
struct Frames {
    canvas: Canvas,
    /// Whether something happened since the last one.
    wanted: bool,
    /// Not before this.
    next: Instant,
    /// Whether the terminal has been given back for a while.
    suspended: bool,
    /// Whether the terminal's modes are to be set with the next frame.
    entering: bool,
    /// Bytes for the terminal that are no picture.
    aside: Vec<u8>,
    /// A used buffer.
    spare: Vec<u8>,
    drawn: u64,
}

/// What tests are told.
struct ReadyMark {
    inputs: u64,
    said: String,
}

pub(crate) struct EventLoop<S> {
    screen: S,
    tty: Arc<Tty>,
    output: Output,
    desk: Desk,
    jobs: JobControl,
    notices: Receiver<Notice>,
    urgent: UnboundedReceiver<Urgent>,
    frames: Frames,
    play: Option<Interval>,
    ready: Option<ReadyMark>,
    ending: Option<Ending>,
}

impl<S: Screen> EventLoop<S> {
    pub(crate) fn new(screen: S, parts: Parts, notices: Receiver<Notice>, urgent: UnboundedReceiver<Urgent>) -> Self {
        let frames = Frames {
            canvas: Canvas::new(parts.tty.size()),
            wanted: true,
            next: Instant::now() + FIRST_FRAME,
            suspended: false,
            entering: true,
            aside: Vec::new(),
            spare: Vec::new(),
            drawn: 0,
        };
        let ready = std::env::var_os(TEST_READY).map(|_| ReadyMark { inputs: 0, said: String::new() });
        Self {
            screen,
            tty: parts.tty,
            output: parts.output,
            desk: parts.desk,
            jobs: parts.jobs,
            notices,
            urgent,
            frames,
            play: None,
            ready,
            ending: None,
        }
    }

    /// Runs until something ends it.
    pub(crate) async fn run(&mut self) -> Ending {
        self.resized();
        loop {
            if let Some(ending) = self.ending.take() {
                return ending;
            }
            if let Some(told) = self.desk.work(Instant::now()) {
                self.tell(Msg::Told(told));
            }
            self.draw();
            let wake = self.due();
            tokio::select! {
                biased;
                Some(urgent) = self.urgent.recv() => self.hear(urgent),
                () = tick(self.play.as_mut()) => self.tell(Msg::PlayTicked),
                () = sleep(wake) => {}
                Some(notice) = self.notices.recv() => self.take(notice),
                else => return Ending::Quit,
            }
        }
    }

    /// When something must be done although nothing happens.
    fn due(&self) -> Option<Instant> {
        let frame = (self.frames.wanted && self.may_write()).then_some(self.frames.next);
        [frame, self.desk.due()].into_iter().flatten().min()
    }

    fn may_write(&self) -> bool {
        !self.frames.suspended && !self.output.is_busy()
    }

    /// Draws when there is a reason, the time has come, and the terminal has taken the last frame.
    fn draw(&mut self) {
        if !self.may_write() {
            return;
        }
        let mut bytes = std::mem::take(&mut self.frames.spare);
        let now = Instant::now();
        if self.frames.wanted && now >= self.frames.next {
            self.frames.wanted = false;
            self.frames.next = now + FRAME;
            if std::mem::take(&mut self.frames.entering) {
                bytes.extend_from_slice(terminal::modes().as_bytes());
            }
            let screen = &self.screen;
            self.frames.canvas.draw(&mut bytes, |frame| screen.draw(frame));
            if !bytes.is_empty() {
                self.frames.drawn += 1;
            }
            self.desk.drawn(now);
        }
        if !self.frames.entering {
            bytes.append(&mut self.frames.aside);
        }
        if bytes.is_empty() && !self.frames.wanted {
            self.mark_ready(&mut bytes);
        }
        if bytes.is_empty() {
            self.frames.spare = bytes;
        } else {
            self.output.write(bytes);
        }
    }

    /// Says that everything asked for is done and shown: how many inputs were taken and how many frames drawn.
    fn mark_ready(&mut self, bytes: &mut Vec<u8>) {
        let Some(ready) = &mut self.ready else { return };
        let idle = self.desk.is_read() && self.desk.is_idle();
        // In this order: what a job said waits here before it counts as ended.
        if !idle || !self.notices.is_empty() || !self.urgent.is_empty() {
            return;
        }
        let mark = format!("\x1b]2;stepback ready inputs={} frames={}\x1b\\", ready.inputs, self.frames.drawn);
        if ready.said != mark {
            bytes.extend_from_slice(mark.as_bytes());
            ready.said = mark;
        }
    }

    /// Takes a notice, and those that wait behind it, for a while.
    fn take(&mut self, notice: Notice) {
        let end = Instant::now() + TURN;
        let mut next = Some(notice);
        while let Some(notice) = next.take() {
            let mut following = None;
            // Once the loop is to end, what waits is no longer anybody's business.
            if self.ending.is_none() && self.urgent.is_empty() && Instant::now() < end {
                following = self.notices.try_recv().ok();
            }
            match (&notice, &following) {
                (Notice::Input(earlier), Some(Notice::Input(later))) if supersedes(later, earlier) => {
                    self.count_input()
                }
                _ => self.handle(notice),
            }
            next = following;
        }
        if self.is_first_frame_due() {
            self.frames.next = Instant::now();
        }
    }

    fn handle(&mut self, notice: Notice) {
        match notice {
            Notice::Input(msg) => {
                panics::inject("ui");
                self.count_input();
                self.tell(msg);
            }
            Notice::Desk(heard) => {
                for told in self.desk.hear(heard, Instant::now()) {
                    self.tell(Msg::Told(told));
                }
            }
            Notice::Written(spare) => {
                self.output.written();
                self.frames.spare = spare;
                self.desk.begin();
            }
        }
    }

    /// Whether all that the first frame waits for is there.
    fn is_first_frame_due(&self) -> bool {
        self.frames.drawn == 0 && self.desk.is_opened() && self.desk.is_idle()
    }

    fn count_input(&mut self) {
        if let Some(ready) = &mut self.ready {
            ready.inputs += 1;
        }
    }

    fn hear(&mut self, urgent: Urgent) {
        match urgent {
            Urgent::Ended(signal) => self.ending = Some(Ending::Signal(signal)),
            Urgent::HungUp => self.ending = Some(Ending::HungUp),
            Urgent::Panicked(report) => self.ending = Some(Ending::Panicked(report)),
            Urgent::Suspended => self.suspend(Whom::Us),
            Urgent::Continued => self.resume(),
            Urgent::Resized => self.resized(),
        }
    }

    /// Tells the screen and carries out what it wants.
    fn tell(&mut self, msg: Msg) {
        self.frames.wanted = true;
        for effect in self.screen.update(msg) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Ask(ask) => {
                if let Some(told) = self.desk.ask(ask, Instant::now()) {
                    self.tell(Msg::Told(told));
                }
            }
            Effect::Copy(text) => self.copy(&text),
            Effect::Play(every) => {
                self.play = every.map(|every| {
                    let every = every.max(FASTEST_PLAY);
                    let mut ticks = interval_at(tokio::time::Instant::now() + every, every);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
                    ticks
                });
            }
            Effect::Suspend => self.suspend(Whom::Group),
            Effect::Repaint => {
                self.frames.canvas.forget();
                self.frames.wanted = true;
            }
            Effect::Quit => self.ending = Some(Ending::Quit),
        }
    }

    fn copy(&mut self, text: &str) {
        let between = if std::env::var_os("TMUX").is_some() { Between::Tmux } else { Between::Nothing };
        let directory: PathBuf = std::env::temp_dir();
        let copied = clipboard::copy(text, between, &directory);
        self.frames.aside.extend_from_slice(&copied.bytes);
        self.tell(Msg::Copied(copied.said));
    }

    fn resized(&mut self) {
        let (width, height) = self.tty.size();
        self.frames.canvas.resize((width, height));
        self.tell(Msg::Resized { width, height });
    }

    /// Gives the terminal back and stops. What comes after is told by [`Urgent::Continued`], as after any other stop.
    fn suspend(&mut self, whom: Whom) {
        self.output.wait(LAST_FRAME);
        self.frames.suspended = true;
        terminal::restore();
        self.jobs.stop(whom);
    }

    /// Takes the terminal again after a stop, whoever stopped us: a shell has used it meanwhile.
    fn resume(&mut self) {
        if terminal::enter(&self.tty).is_err() {
            // Gone, or taken away: the watcher of hang-ups says so if it is for good.
            return;
        }
        self.frames.suspended = false;
        self.frames.entering = true;
        self.frames.canvas.forget();
        self.resized();
        self.tell(Msg::Resumed);
    }
}

async fn tick(play: Option<&mut Interval>) {
    match play {
        Some(play) => {
            play.tick().await;
        }
        None => pending().await,
    }
}

async fn sleep(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => pending().await,
    }
}
