//! The walks that are wanted: what the replay thread does next, and what it is told.
//!
//! Plain data driven by its owner's clock. Its invariants: one walk is under way at a time; of the walks that
//! wait, the newest counts; the answer of one has been drawn before the next begins, so that no more moments are made
//! than are seen; and a walk is cancelled for a newer one only after [`GRACE`], so that a key held down shows progress.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::sorting::Order;
use crate::ask::{Arrival, Generation, Told};
use crate::domain::{Cancel, Scope};
use crate::session::Placed;

/// How long a walk may go on when a newer one waits.
const GRACE: Duration = Duration::from_millis(100);

/// How long the place a walk leads to is not told, because what is so there may come meanwhile: a moment that comes at
/// once shows in one frame with its place.
const PLACE_GRACE: Duration = Duration::from_millis(40);

/// Where to walk.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Walk {
    /// To be repeated in the answer.
    pub(super) generation: Generation,
    /// In which scope.
    pub(super) scope: Scope,
    /// To which place in it.
    pub(super) place: u64,
}

/// What the replay thread is told.
#[derive(Debug)]
pub(super) enum Command {
    /// Walk, unless the token says no.
    Walk(Walk, Cancel),
    /// Something else.
    Order(Order),
}

/// Where commands are handed to the thread. What it counts meanwhile, behind the walks, ends when one comes.
#[derive(Clone, Debug)]
pub(super) struct Orders {
    commands: Sender<Command>,
    counting: Counting,
}

impl Orders {
    /// The orders, and where the thread takes them from and looks whether its count is to end.
    pub(super) fn new() -> (Self, Receiver<Command>, Counting) {
        let (commands, orders) = channel();
        let counting = Counting::default();
        (Self { commands, counting: counting.clone() }, orders, counting)
    }

    /// Hands out a command; whether there is somebody to take it.
    fn send(&self, command: Command) -> bool {
        let sent = self.commands.send(command).is_ok();
        // Afterwards: a count that begins later finds the command first.
        self.counting.stop();
        sent
    }
}

/// The token of the count that is under way.
#[derive(Clone, Debug, Default)]
pub(super) struct Counting(Arc<Mutex<Cancel>>);

impl Counting {
    /// The token of a count that may begin now.
    pub(super) fn token(&self) -> Cancel {
        let mut token = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if token.is_cancelled() {
            *token = Cancel::default();
        }
        token.clone()
    }

    fn stop(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cancel();
    }
}

#[derive(Debug)]
enum Waiting {
    Walk(Walk),
    Order(Order),
}

#[derive(Debug)]
struct Running {
    cancel: Cancel,
    since: Instant,
}

/// A place that is known and not told yet: what is so there may come within the grace.
#[derive(Debug)]
struct Held {
    generation: Generation,
    arrival: Arrival,
    until: Instant,
}

/// What the replay thread is to do, as the desk sees it.
#[derive(Debug)]
pub(super) struct Walks {
    orders: Orders,
    running: Option<Running>,
    waiting: VecDeque<Waiting>,
    /// Whether the last answer has been drawn.
    drawn: bool,
    /// The walk that was asked for last, until somebody stops it: the places of others are nobody's business.
    asked: Option<Generation>,
    held: Option<Held>,
    /// The place that has been told and whose moment has not come.
    behind: Option<Generation>,
}

impl Walks {
    pub(super) fn new(orders: Orders) -> Self {
        Self { orders, running: None, waiting: VecDeque::new(), drawn: true, asked: None, held: None, behind: None }
    }

    /// A walk is asked for: where it leads is being found out.
    pub(super) fn asked(&mut self, generation: Generation) {
        self.asked = Some(generation);
    }

    /// It is known where a walk leads: what is so there is wanted. The place itself is told once the moment has not come
    /// within its grace, and at once where the screen waits for a moment anyway.
    pub(super) fn placed(&mut self, generation: Generation, placed: Placed, now: Instant) {
        if self.asked != Some(generation) {
            return;
        }
        let until = match (&self.held, self.behind) {
            (_, Some(_)) => now,
            (Some(held), None) => held.until,
            (None, None) => now + PLACE_GRACE,
        };
        let Placed { scope, scope_at, event, stream_at, total, .. } = placed;
        self.go(Walk { generation, scope: scope.clone(), place: scope_at }, now);
        self.held = Some(Held { generation, arrival: Arrival { scope, scope_at, event, stream_at, total }, until });
    }

    /// The place that is to be told now, if one is.
    pub(super) fn due_place(&mut self, now: Instant) -> Option<Told> {
        let held = self.held.take_if(|held| held.until <= now)?;
        self.behind = Some(held.generation);
        Some(Told::PlaceReached { generation: held.generation, arrival: held.arrival })
    }

    /// Wants a walk. One that waits already is forgotten.
    fn go(&mut self, walk: Walk, now: Instant) {
        if matches!(self.waiting.back(), Some(Waiting::Walk(_))) {
            self.waiting.pop_back();
        }
        self.waiting.push_back(Waiting::Walk(walk));
        self.work(now);
    }

    /// Has an order for the owner of the walker, in its place among the walks.
    pub(super) fn order(&mut self, order: Order, now: Instant) {
        self.waiting.push_back(Waiting::Order(order));
        self.work(now);
    }

    /// Stops the walk under way and forgets those that wait.
    pub(super) fn stop(&mut self) {
        self.waiting.retain(|waiting| !matches!(waiting, Waiting::Walk(_)));
        self.asked = None;
        self.held = None;
        self.behind = None;
        if let Some(running) = &self.running {
            running.cancel.cancel();
        }
        self.orders.counting.stop();
    }

    /// The thread finished what it was told to. A place that its answers do not tell is to be told before them.
    pub(super) fn finished(&mut self, answers: &[Told], now: Instant) -> Option<Told> {
        self.running = None;
        self.drawn &= answers.is_empty();
        let mut place = None;
        for answer in answers {
            if let Told::MomentReached { generation, .. } = answer {
                self.held.take_if(|held| held.generation <= *generation);
                self.behind.take_if(|behind| *behind <= *generation);
            } else if let Told::JobFailed { generation, .. } = answer {
                if let Some(held) = self.held.as_mut().filter(|held| held.generation == *generation) {
                    held.until = now;
                    place = self.due_place(now);
                }
                self.behind.take_if(|behind| behind == generation);
            }
        }
        self.work(now);
        place
    }

    /// A frame with everything said so far is on its way to the terminal.
    pub(super) fn drawn(&mut self, now: Instant) {
        self.drawn = true;
        self.work(now);
    }

    /// When [`Walks::work`] must be called again at the latest, or [`Walks::due_place`].
    pub(super) fn due(&self) -> Option<Instant> {
        let held = self.held.as_ref().map(|held| held.until);
        [held, self.yields_at()].into_iter().flatten().min()
    }

    /// When the walk under way is to yield to a newer one.
    fn yields_at(&self) -> Option<Instant> {
        let running = self.running.as_ref().filter(|running| !running.cancel.is_cancelled())?;
        matches!(self.waiting.front(), Some(Waiting::Walk(_))).then(|| running.since + GRACE)
    }

    /// Whether nothing is under way and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_none() && self.waiting.is_empty()
    }

    /// Tells the thread what can be told now, and stops a walk that nobody waits for any more.
    pub(super) fn work(&mut self, now: Instant) {
        if let Some(due) = self.yields_at()
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
                Some(Waiting::Order(order)) => Command::Order(order),
                None => return,
            };
            if self.orders.send(command) {
                self.running = Some(Running { cancel, since: now });
            }
        }
    }
}

impl Drop for Walks {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Destination, Failure};
    use crate::session::Walker;

    fn walk(number: u64) -> Walk {
        Walk { generation: Generation(number), scope: Scope::All, place: number }
    }

    fn placed(number: u64) -> Placed {
        Placed { scope: Scope::All, scope_at: number, event: None, stream_at: 0, total: 9, notice: None }
    }

    impl Walks {
        fn place(&mut self, number: u64, now: Instant) {
            self.asked(Generation(number));
            self.placed(Generation(number), placed(number), now);
        }
    }

    fn moment(number: u64) -> [Told; 1] {
        let source = crate::sources::memory::Memory::new("memory", Vec::new());
        let mut walker = Walker::new(std::sync::Arc::new(source), crate::session::ReducerBook::empty());
        let start = Destination::To(0);
        let reached = walker.go(&Scope::All, 0, &start, &Cancel::default(), &mut |_| {}).expect("the start");
        let moment = Box::new(reached.moment);
        [Told::MomentReached { generation: Generation(number), scope: Scope::All, scope_at: number, moment }]
    }

    fn place(told: Option<Told>) -> Option<u64> {
        match told? {
            Told::PlaceReached { generation, .. } => Some(generation.0),
            other => panic!("{other:?}"),
        }
    }

    fn failed(number: u64) -> [Told; 1] {
        let failure = Failure::cancelled("memory", "walk");
        [Told::JobFailed { generation: Generation(number), failure }]
    }

    /// What the thread would find in its channel: the generation of a walk, or what else it is told.
    fn told(orders: &Receiver<Command>) -> Vec<String> {
        orders
            .try_iter()
            .map(|command| match command {
                Command::Walk(walk, _) => walk.generation.0.to_string(),
                Command::Order(Order::KeepGoing(_)) => "keep going".to_owned(),
                Command::Order(Order::Pin(_)) => "pin".to_owned(),
                Command::Order(Order::Unpin) => "unpin".to_owned(),
            })
            .collect()
    }

    fn walks() -> (Walks, Receiver<Command>, Instant) {
        let (all, orders, _) = Orders::new();
        (Walks::new(all), orders, Instant::now())
    }

    #[test]
    fn of_the_walks_that_wait_the_newest_counts() {
        let (mut walks, orders, now) = walks();
        for number in 1..=4 {
            walks.go(walk(number), now);
        }
        assert_eq!(told(&orders), ["1"]);
        walks.finished(&failed(1), now);
        assert!(told(&orders).is_empty(), "the answer is not drawn yet");
        walks.drawn(now);
        assert_eq!(told(&orders), ["4"]);
        walks.finished(&failed(4), now);
        walks.drawn(now);
        assert!(told(&orders).is_empty() && walks.is_idle());
    }

    #[test]
    fn a_walk_yields_to_a_newer_one_after_its_grace() {
        let (mut walks, orders, now) = walks();
        walks.go(walk(1), now);
        let Ok(Command::Walk(_, cancel)) = orders.try_recv() else { panic!("not told") };
        assert_eq!(walks.due(), None, "nothing waits");
        walks.go(walk(2), now + GRACE / 2);
        assert!(!cancel.is_cancelled());
        assert_eq!(walks.due(), Some(now + GRACE));
        walks.work(now + GRACE);
        assert!(cancel.is_cancelled());
        assert_eq!(walks.due(), None, "it has been told");
    }

    #[test]
    fn stopping_is_at_once() {
        let (mut walks, orders, now) = walks();
        walks.go(walk(1), now);
        walks.go(walk(2), now);
        walks.stop();
        let Ok(Command::Walk(_, cancel)) = orders.try_recv() else { panic!("not told") };
        assert!(cancel.is_cancelled());
        walks.finished(&failed(1), now);
        walks.drawn(now);
        assert!(told(&orders).is_empty() && walks.is_idle());
    }

    #[test]
    fn what_is_counted_behind_the_walks_ends_when_there_is_something_else_to_do() {
        let (mut walks, orders, now) = walks();
        let counting = walks.orders.counting.clone();
        let token = counting.token();
        assert!(!token.is_cancelled());
        walks.go(walk(1), now);
        assert!(token.is_cancelled() && told(&orders) == ["1"]);
        let token = counting.token();
        assert!(!token.is_cancelled(), "the next one starts over");
        walks.stop();
        assert!(token.is_cancelled(), "somebody stops what is folded");
    }

    #[test]
    fn a_pin_keeps_its_place_among_the_walks() {
        let (mut walks, orders, now) = walks();
        walks.go(walk(1), now);
        walks.order(Order::Pin(None), now);
        walks.go(walk(2), now);
        walks.go(walk(3), now);
        assert_eq!(walks.due(), None, "the walk before a pin is not cut short");
        assert_eq!(told(&orders), ["1"]);
        walks.finished(&failed(1), now);
        assert_eq!(told(&orders), ["pin"]);
        walks.finished(&[], now);
        walks.drawn(now);
        assert_eq!(told(&orders), ["3"]);
        walks.finished(&failed(3), now);
        walks.order(Order::Unpin, now);
        assert_eq!(told(&orders), ["unpin"]);
    }

    #[test]
    fn a_place_is_told_alone_only_when_its_moment_does_not_come() {
        let (mut walks, orders, now) = walks();
        walks.place(1, now);
        assert_eq!(told(&orders), ["1"]);
        assert_eq!(place(walks.due_place(now)), None);
        assert_eq!(walks.due(), Some(now + PLACE_GRACE));
        walks.finished(&moment(1), now);
        assert_eq!(walks.due(), None, "the moment tells its place");
        walks.drawn(now);
        walks.place(2, now);
        let later = now + PLACE_GRACE;
        assert_eq!(place(walks.due_place(later)), Some(2));
        assert_eq!(walks.due(), None);
    }

    #[test]
    fn a_key_held_down_moves_at_once_while_a_moment_is_waited_for() {
        let (mut walks, _orders, now) = walks();
        walks.place(1, now);
        walks.place(2, now + PLACE_GRACE / 2);
        let due = now + PLACE_GRACE;
        assert_eq!(place(walks.due_place(due)), Some(2), "the grace is that of the first");
        walks.place(3, due);
        assert_eq!(place(walks.due_place(due)), Some(3));
        walks.finished(&moment(2), due);
        walks.place(4, due);
        assert_eq!(place(walks.due_place(due)), Some(4), "the moment of the third has not come");
        walks.finished(&moment(4), due);
        walks.place(5, due);
        assert_eq!(place(walks.due_place(due)), None);
    }

    #[test]
    fn a_fold_that_fails_keeps_nobody_from_its_event() {
        let (mut walks, orders, now) = walks();
        walks.place(1, now);
        assert_eq!(place(walks.finished(&failed(1), now)), Some(1));
        walks.place(2, now);
        walks.stop();
        assert_eq!(place(walks.due_place(now + PLACE_GRACE)), None, "nobody waits for it any more");
        let known = told(&orders).len();
        walks.placed(Generation(2), placed(2), now);
        walks.finished(&failed(2), now);
        walks.drawn(now);
        assert_eq!((known, told(&orders).len()), (1, 0), "nor for one that is found out afterwards");
    }
}
