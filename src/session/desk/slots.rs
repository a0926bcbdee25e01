//! Long work beside the walk: one slot for each kind of question, one thread for each slot.
//!
//! Answers carry the generation of their question; dropping late ones is the guest's business.

use std::sync::Arc;

use super::Reopen;
use super::answers::Answers;
use super::slot::Slot;
use super::sorting::Kind;
use super::threads::{Opened, Outlet, Word};
use crate::ask::{Ask, Generation, Told};
use crate::domain::{Cancel, Destination, Scope};

/// The long work that can be asked for besides walking.
pub(super) struct Slots {
    answers: Arc<Answers>,
    outlet: Outlet,
    /// In the order of their kinds.
    slots: Vec<Slot>,
}

impl Slots {
    /// Starts the slots.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn start(answers: Arc<Answers>, outlet: Outlet) -> std::io::Result<Self> {
        let slot = |(_, name): &(Kind, &str)| Slot::start(name, outlet.clone());
        Ok(Self { slots: Kind::ALL.iter().map(slot).collect::<Result<_, _>>()?, answers, outlet })
    }

    fn submit(&self, kind: Kind, job: impl FnOnce(&Answers, &Outlet, &Cancel) + Send + 'static) {
        let (answers, outlet) = (Arc::clone(&self.answers), self.outlet.clone());
        self.slots[kind as usize].submit(move |cancel| job(&answers, &outlet, cancel));
    }

    /// Answers a question about the source in the slot of its kind.
    pub(super) fn answer(&self, kind: Kind, ask: Ask) {
        self.submit(kind, move |answers, outlet, cancel| {
            outlet.threads.begins("task");
            answers.answer(ask, cancel, &mut |told| outlet.say(told));
        });
    }

    /// Finds out where a walk leads.
    pub(super) fn place(&self, generation: Generation, scope: Scope, from: u64, to: Destination) {
        self.submit(Kind::Place, move |answers, outlet, cancel| {
            match answers.place(&scope, from, &to, cancel) {
                Ok(placed) => {
                    let notice = placed.notice.clone();
                    outlet.send(Word::Placed(generation, placed))
                        && notice.is_none_or(|notice| outlet.say(Told::PlaceNoticed(notice)))
                }
                Err(failure) => outlet.say(Told::JobFailed { generation, failure }),
            };
        });
    }

    /// Opens the source again.
    pub(super) fn reopen(&self, generation: Generation, reopen: Reopen) {
        self.submit(Kind::Open, move |_, outlet, _| match reopen() {
            Ok((source, walker)) => _ = outlet.send(Word::Reopened(Box::new(Opened { source, walker }))),
            Err(failure) => _ = outlet.say(Told::JobFailed { generation, failure }),
        });
    }

    /// Stops what is done in these.
    pub(super) fn stop(&self, kinds: &[Kind]) {
        for kind in kinds {
            self.slots[*kind as usize].stop();
        }
    }

    /// Whether nothing is under way and nothing waits.
    pub(super) fn are_idle(&self) -> bool {
        self.slots.iter().all(Slot::is_idle)
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for slot in &self.slots {
            slot.close();
        }
    }
}
