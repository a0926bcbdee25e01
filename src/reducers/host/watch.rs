//! Two watches over the script. The `Timer` is asked by the engine in the middle of running code and stops loops; it is
//! an ordinary fault then. The `Watchdog` is a thread of its own: it sees what the engine's built-ins do not let the
//! timer see, and tells the parent, who kills.
//!
//! Both count processor time, so that a busy machine makes nobody a culprit.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::Output;
use crate::reducers::protocol::Answer;

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(20);

/// How often it says that work goes on.
const WORKING: Duration = Duration::from_millis(100);

/// How long it waits to be killed before it ends the process itself: its parent may be gone.
const LAST_WAIT: Duration = Duration::from_secs(2);

fn processor_time(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// The time of one step: a single run of the script.
pub struct Timer {
    started: Cell<Instant>,
    limit: Cell<Duration>,
    /// Processor time of this thread when half of the limit had passed by the clock.
    halfway: Cell<Option<Duration>>,
    expired: Cell<bool>,
    watched: Arc<Watched>,
}

/// What the watchdog sees.
#[derive(Default)]
struct Watched {
    busy: AtomicBool,
    step: AtomicU64,
    event: AtomicU32,
    limit_micros: AtomicU64,
}

impl Timer {
    /// A step begins, in this event if any.
    pub fn begin(&self, limit: Duration, event: Option<u32>) {
        self.started.set(Instant::now());
        self.limit.set(limit);
        self.halfway.set(None);
        self.expired.set(false);
        self.watched.event.store(event.unwrap_or(u32::MAX), Ordering::Relaxed);
        self.watched.limit_micros.store(limit.as_micros() as u64, Ordering::Relaxed);
        self.watched.step.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the step must end; asked by the engine every few thousand operations.
    pub fn is_over(&self) -> bool {
        let (limit, passed) = (self.limit.get(), self.started.get().elapsed());
        if passed < limit / 2 {
            return false;
        }
        let now = processor_time(ClockId::ThreadCPUTime);
        let Some(halfway) = self.halfway.get() else {
            self.halfway.set(Some(now));
            return false;
        };
        let over = passed >= limit && now.saturating_sub(halfway) >= limit / 2;
        self.expired.set(self.expired.get() | over);
        over
    }

    /// Whether the step was ended by its limit.
    pub fn has_expired(&self) -> bool {
        self.expired.get()
    }

    /// The limit of the step.
    pub fn limit(&self) -> Duration {
        self.limit.get()
    }
}

/// The thread that watches.
pub struct Watchdog {
    watched: Arc<Watched>,
    thread: Thread,
}

impl Watchdog {
    /// Starts it.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(output: Arc<Output>) -> std::io::Result<(Self, Timer)> {
        let watched = Arc::new(Watched::default());
        let theirs = watched.clone();
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(move || watch(&theirs, &output))?;
        let timer = Timer {
            started: Cell::new(Instant::now()),
            limit: Cell::new(Duration::MAX),
            halfway: Cell::new(None),
            expired: Cell::new(false),
            watched: watched.clone(),
        };
        Ok((Self { watched, thread: thread.thread().clone() }, timer))
    }

    /// A request has come.
    pub fn wake(&self) {
        self.watched.busy.store(true, Ordering::Release);
        self.thread.unpark();
    }

    /// It is answered.
    pub fn rest(&self) {
        self.watched.busy.store(false, Ordering::Release);
    }
}

fn watch(watched: &Watched, output: &Output) {
    let mut seen = 0;
    // Processor time when the step was first seen, and when we last spoke.
    let (mut since, mut worked) = (Duration::ZERO, Duration::ZERO);
    let mut told = Instant::now();
    loop {
        if !watched.busy.load(Ordering::Acquire) {
            std::thread::park();
            told = Instant::now();
            seen = 0;
            continue;
        }
        std::thread::sleep(LOOK);
        let step = watched.step.load(Ordering::Relaxed);
        let now = processor_time(ClockId::ProcessCPUTime);
        if step != seen {
            (seen, since) = (step, now);
        }
        let limit = Duration::from_micros(watched.limit_micros.load(Ordering::Relaxed));
        // The timer comes first where it can: it leaves the engine whole.
        if watched.busy.load(Ordering::Acquire) && now.saturating_sub(since) > limit * 5 / 4 + 3 * LOOK {
            let event = watched.event.load(Ordering::Relaxed);
            output.send(&Answer::Stuck(Some(event).filter(|event| *event != u32::MAX)));
            std::thread::sleep(LAST_WAIT);
            std::process::abort();
        }
        // Our own looking costs far less than this.
        if told.elapsed() >= WORKING && now.saturating_sub(worked) > LOOK / 10 {
            (told, worked) = (Instant::now(), now);
            output.send(&Answer::Working);
        }
    }
}
