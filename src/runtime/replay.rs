//! The replay thread, which owns the walker, and the desk in the loop that decides what it does next.
//!
//! The desk is plain data driven by the loop's clock. Its invariants: one walk is under way at a time; of the walks that
//! wait, the newest counts; the answer of one has been drawn before the next begins, so that no more moments are made
//! than are seen; and a walk is cancelled for a newer one only after [`GRACE`], so that a key held down shows progress.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use super::notice::{Notice, Outlet, Urgent};
use super::panics;
use crate::app::{Generation, Msg};
use crate::domain::{Cancel, Destination, Scope};
use crate::session::Walker;

/// How long a walk may go on when a newer one waits.
const GRACE: Duration = Duration::from_millis(100);

/// How often a walk says how far it is, and after how long for the first time.
pub(crate) const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// How often the reducer files are looked at.
const REFRESH_EVERY: Duration = Duration::from_secs(1);

/// Where to walk.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Walk {
    /// To be repeated in the answer.
    pub(crate) generation: Generation,
    /// In which scope.
    pub(crate) scope: Scope,
    /// Standing where.
    pub(crate) from: u64,
    /// Where to.
    pub(crate) to: Destination,
}

/// What the replay thread is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Walk, unless the token says no.
    Walk(Walk, Cancel),
    /// Keep the current state to compare with.
    Pin,
    /// No longer compare.
    Unpin,
}

#[derive(Debug)]
enum Waiting {
    Walk(Walk),
    Pin,
    Unpin,
}

#[derive(Debug)]
struct Running {
    cancel: Cancel,
    since: Instant,
}

/// What the replay thread is to do, as the loop sees it.
#[derive(Debug)]
pub(crate) struct Desk {
    commands: Sender<Command>,
    running: Option<Running>,
    waiting: VecDeque<Waiting>,
    /// Whether the last answer has been drawn.
    drawn: bool,
    /// Where the last walk arrived.
    stands: Option<(Generation, Scope, u64)>,
}

impl Desk {
    pub(crate) fn new(commands: Sender<Command>) -> Self {
        Self { commands, running: None, waiting: VecDeque::new(), drawn: true, stands: None }
    }

    /// Wants a walk. One that waits already is forgotten.
    pub(crate) fn go(&mut self, walk: Walk, now: Instant) {
        if matches!(self.waiting.back(), Some(Waiting::Walk(_))) {
            self.waiting.pop_back();
        }
        self.waiting.push_back(Waiting::Walk(walk));
        self.work(now);
    }

    /// Wants the state pinned where the walks asked for so far arrive.
    pub(crate) fn pin(&mut self, now: Instant) {
        self.waiting.push_back(Waiting::Pin);
        self.work(now);
    }

    /// Wants it no longer pinned.
    pub(crate) fn unpin(&mut self, now: Instant) {
        self.waiting.push_back(Waiting::Unpin);
        self.work(now);
    }

    /// Stops the walk under way and forgets those that wait.
    pub(crate) fn stop(&mut self) {
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::Walk(_)));
        if let Some(running) = &self.running {
            running.cancel.cancel();
        }
    }

    /// The thread finished what it was told to.
    pub(crate) fn finished(&mut self, answers: &[Msg], now: Instant) {
        self.running = None;
        self.drawn &= answers.is_empty();
        for answer in answers {
            if let Msg::MomentReached { generation, scope, scope_at, .. } = answer {
                self.stands = Some((*generation, scope.clone(), *scope_at));
            }
        }
        self.work(now);
    }

    /// A frame with everything said so far is on its way to the terminal.
    pub(crate) fn drawn(&mut self, now: Instant) {
        self.drawn = true;
        self.work(now);
    }

    /// The reducers are others: the moment that is shown must be made anew, unless a walk will make one anyway.
    pub(crate) fn reloaded(&mut self, now: Instant) {
        let walks = self.running.is_some() || self.waiting.iter().any(|waiting| matches!(waiting, Waiting::Walk(_)));
        if let Some((generation, scope, at)) = self.stands.clone()
            && !walks
        {
            self.go(Walk { generation, scope, from: at, to: Destination::To(at) }, now);
        }
    }

    /// Whether the thread has been told something and has not answered.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.running.is_some()
    }

    /// When [`Desk::work`] must be called again at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        let running = self.running.as_ref().filter(|running| !running.cancel.is_cancelled())?;
        matches!(self.waiting.front(), Some(Waiting::Walk(_))).then(|| running.since + GRACE)
    }

    /// Whether nothing is under way and nothing waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// Tells the thread what can be told now, and stops a walk that nobody waits for any more.
    pub(crate) fn work(&mut self, now: Instant) {
        if let Some(due) = self.due()
            && due <= now
            && let Some(running) = &self.running
        {
            running.cancel.cancel();
        }
        while self.running.is_none() {
            let command = match self.waiting.front() {
                Some(Waiting::Walk(_)) if !self.drawn => return,
                Some(_) => self.waiting.pop_front(),
                None => return,
            };
            let cancel = Cancel::default();
            let command = match command {
                Some(Waiting::Walk(walk)) => Command::Walk(walk, cancel.clone()),
                Some(Waiting::Pin) => Command::Pin,
                Some(Waiting::Unpin) => Command::Unpin,
                None => return,
            };
            if self.commands.send(command).is_ok() {
                self.running = Some(Running { cancel, since: now });
            }
        }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the thread. It ends when the sender of its commands is dropped; `ended` is dropped then.
///
/// # Errors
/// When the system refuses a thread.
pub(crate) fn start(
    walker: Walker,
    outlet: Outlet,
    urgent: UnboundedSender<Urgent>,
    ended: Sender<()>,
) -> std::io::Result<Sender<Command>> {
    let (commands, orders) = channel();
    panics::spawn("replay", urgent, move || {
        let _ended = ended;
        replay(walker, &orders, &outlet);
    })?;
    Ok(commands)
}

fn replay(mut walker: Walker, orders: &Receiver<Command>, outlet: &Outlet) {
    let mut generation = Generation::default();
    let mut refreshed = Instant::now();
    loop {
        let left = REFRESH_EVERY.saturating_sub(refreshed.elapsed());
        let order = if left.is_zero() { Err(RecvTimeoutError::Timeout) } else { orders.recv_timeout(left) };
        let answers = match order {
            Ok(Command::Walk(walk, cancel)) => {
                panics::inject("replay");
                generation = walk.generation;
                go(&mut walker, &walk, &cancel, outlet)
            }
            Ok(Command::Pin) => {
                walker.pin();
                difference(&walker, generation).into_iter().collect()
            }
            Ok(Command::Unpin) => {
                walker.unpin();
                Vec::new()
            }
            Err(RecvTimeoutError::Timeout) => {
                refreshed = Instant::now();
                if let Some(sentence) = walker.refresh()
                    && !outlet.send(Notice::Reloaded(sentence))
                {
                    return;
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if !outlet.send(Notice::Walked(answers)) {
            return;
        }
    }
}

fn go(walker: &mut Walker, walk: &Walk, cancel: &Cancel, outlet: &Outlet) -> Vec<Msg> {
    let generation = walk.generation;
    let mut told = Instant::now();
    let reached = walker.go(&walk.scope, walk.from, &walk.to, cancel, &mut |folded, total| {
        if told.elapsed() >= PROGRESS_EVERY {
            told = Instant::now();
            if !outlet.say(Msg::WalkProgressed { generation, folded, total }) {
                cancel.cancel();
            }
        }
    });
    match reached {
        Ok(reached) => {
            let moment = Msg::MomentReached {
                generation,
                scope: reached.scope,
                scope_at: reached.scope_at,
                moment: Box::new(reached.moment),
            };
            std::iter::once(moment).chain(difference(walker, generation)).collect()
        }
        Err(failure) => vec![Msg::JobFailed { generation, failure }],
    }
}

fn difference(walker: &Walker, generation: Generation) -> Option<Msg> {
    walker.difference().map(|patch| Msg::DiffMade { generation, patch: patch.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Failure, FailureKind};

    fn walk(number: u64) -> Walk {
        Walk { generation: Generation(number), scope: Scope::All, from: 0, to: Destination::To(number) }
    }

    fn failed(number: u64) -> [Msg; 1] {
        let failure = Failure::new(FailureKind::Cancelled, "memory", "walk", "cancelled");
        [Msg::JobFailed { generation: Generation(number), failure }]
    }

    /// What the thread would find in its channel: the generation of a walk, or what else it is told.
    fn told(orders: &Receiver<Command>) -> Vec<String> {
        orders
            .try_iter()
            .map(|command| match command {
                Command::Walk(walk, _) => walk.generation.0.to_string(),
                Command::Pin => "pin".to_owned(),
                Command::Unpin => "unpin".to_owned(),
            })
            .collect()
    }

    fn desk() -> (Desk, Receiver<Command>, Instant) {
        let (commands, orders) = channel();
        (Desk::new(commands), orders, Instant::now())
    }

    #[test]
    fn of_the_walks_that_wait_the_newest_counts() {
        let (mut desk, orders, now) = desk();
        for number in 1..=4 {
            desk.go(walk(number), now);
        }
        assert_eq!(told(&orders), ["1"]);
        desk.finished(&failed(1), now);
        assert!(told(&orders).is_empty(), "the answer is not drawn yet");
        desk.drawn(now);
        assert_eq!(told(&orders), ["4"]);
        desk.finished(&failed(4), now);
        desk.drawn(now);
        assert!(told(&orders).is_empty() && desk.is_idle());
    }

    #[test]
    fn a_walk_yields_to_a_newer_one_after_its_grace() {
        let (mut desk, orders, now) = desk();
        desk.go(walk(1), now);
        let Ok(Command::Walk(_, cancel)) = orders.try_recv() else { panic!("not told") };
        assert_eq!(desk.due(), None, "nothing waits");
        desk.go(walk(2), now + GRACE / 2);
        assert!(!cancel.is_cancelled());
        assert_eq!(desk.due(), Some(now + GRACE));
        desk.work(now + GRACE);
        assert!(cancel.is_cancelled());
        assert_eq!(desk.due(), None, "it has been told");
    }

    #[test]
    fn stopping_is_at_once() {
        let (mut desk, orders, now) = desk();
        desk.go(walk(1), now);
        desk.go(walk(2), now);
        desk.stop();
        let Ok(Command::Walk(_, cancel)) = orders.try_recv() else { panic!("not told") };
        assert!(cancel.is_cancelled());
        desk.finished(&failed(1), now);
        desk.drawn(now);
        assert!(told(&orders).is_empty() && desk.is_idle());
    }

    #[test]
    fn a_pin_keeps_its_place_among_the_walks() {
        let (mut desk, orders, now) = desk();
        desk.go(walk(1), now);
        desk.pin(now);
        desk.go(walk(2), now);
        desk.go(walk(3), now);
        assert_eq!(desk.due(), None, "the walk before a pin is not cut short");
        assert_eq!(told(&orders), ["1"]);
        desk.finished(&failed(1), now);
        assert_eq!(told(&orders), ["pin"]);
        desk.finished(&[], now);
        desk.drawn(now);
        assert_eq!(told(&orders), ["3"]);
        desk.finished(&failed(3), now);
        desk.unpin(now);
        assert_eq!(told(&orders), ["unpin"]);
    }

    #[test]
    fn a_reload_asks_for_the_shown_moment_again() {
        let (mut desk, orders, now) = desk();
        desk.reloaded(now);
        assert!(told(&orders).is_empty(), "nothing is shown");
        desk.stands = Some((Generation(7), Scope::All, 3));
        desk.reloaded(now);
        match orders.try_recv() {
            Ok(Command::Walk(walk, _)) => {
                assert_eq!((walk.generation, walk.from, walk.to), (Generation(7), 3, Destination::To(3)));
            }
            other => panic!("{other:?}"),
        }
        desk.reloaded(now);
        assert!(told(&orders).is_empty(), "a walk is under way and uses them");
    }
}
