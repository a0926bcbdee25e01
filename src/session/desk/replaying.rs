//! The replay thread, which owns the walker: it takes orders from `walks` and answers with moments. While none waits, it
//! counts the events that fail.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};

use super::threads::{Outlet, Word};
use super::walking::Walking;
use super::walks::{Command, Counting, Orders};
use crate::session::Walker;

/// Starts the thread. It ends when the sender of its commands is dropped; `ended` is dropped then.
///
/// # Errors
/// When the system refuses a thread.
pub(super) fn start(walker: Walker, outlet: Outlet, ended: Sender<()>) -> std::io::Result<Orders> {
    let (all, orders, counts) = Orders::new();
    let threads = Arc::clone(&outlet.threads);
    let work = move || {
        let _ended = ended;
        replay(walker, &orders, &counts, &outlet);
    };
    threads.start("replay", Box::new(work))?;
    Ok(all)
}

fn replay(walker: Walker, orders: &Receiver<Command>, counts: &Counting, outlet: &Outlet) {
    let mut walking = Walking::new(walker);
    let tell = &mut |told| outlet.say(told);
    loop {
        let answers = match next(&mut walking, orders, counts, outlet) {
            Ok(Command::Walk(walk, cancel)) => {
                outlet.threads.begins("replay");
                walking.go(walk.generation, &walk.scope, walk.place, &cancel, tell)
            }
            Ok(Command::Order(order)) => walking.order(order).into_iter().collect(),
            Err(RecvTimeoutError::Timeout) => {
                let refreshed = walking.refresh(tell);
                // Once nobody listens any more the work is pointless.
                if refreshed.is_some_and(|refreshed| !outlet.send(Word::Reloaded(refreshed))) {
                    return;
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if !outlet.send(Word::Walked(answers)) {
            return;
        }
    }
}

/// The next command; a time-out when the reducer files are to be looked at. While none waits, events that fail are counted.
fn next(
    walking: &mut Walking,
    orders: &Receiver<Command>,
    counts: &Counting,
    outlet: &Outlet,
) -> Result<Command, RecvTimeoutError> {
    loop {
        let left = walking.until_refresh();
        if left.is_zero() {
            return Err(RecvTimeoutError::Timeout);
        }
        if !walking.has_to_count() {
            return orders.recv_timeout(left);
        }
        let token = counts.token();
        match orders.try_recv() {
            Ok(order) => return Ok(order),
            Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => walking.count(&token, &mut |told| outlet.say(told)),
        }
    }
}
