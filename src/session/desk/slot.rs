//! A place for one job at a time, beside the walk.
//!
//! The invariants: a newer job replaces the one that waits and stops the one that runs; and whatever a job says reaches
//! the owner before the word that the slot is empty.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::threads::{Outlet, Word};
use crate::domain::Cancel;

type Job = Box<dyn FnOnce(&Cancel) + Send>;

#[derive(Default)]
struct State {
    next: Option<Job>,
    running: Option<Cancel>,
    closed: bool,
}

/// A place for one job at a time, with a thread that does it.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<(Mutex<State>, Condvar)>);

impl Slot {
    /// An empty slot, and the thread that works in it.
    ///
    /// # Errors
    /// Of the operating system.
    pub(super) fn start(name: &str, outlet: Outlet) -> std::io::Result<Self> {
        let slot = Self::default();
        let worker = slot.clone();
        let threads = Arc::clone(&outlet.threads);
        threads.start(name, Box::new(move || worker.work(&outlet)))?;
        Ok(slot)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job in the place of the one that runs and the one that waits.
    pub(super) fn submit(&self, job: impl FnOnce(&Cancel) + Send + 'static) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        if let Some(running) = &state.running {
            running.cancel();
        }
        state.next = Some(Box::new(job));
        self.0.1.notify_one();
    }

    /// Stops the job that runs. One that waits runs into its stopped token, so that its question is answered.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        if let Some(running) = &state.running {
            running.cancel();
        }
        let waiting = state.next.take();
        drop(state);
        if let Some(job) = waiting {
            let cancelled = Cancel::default();
            cancelled.cancel();
            self.submit(move |_| job(&cancelled));
        }
    }

    /// Whether nothing runs and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state();
        state.next.is_none() && state.running.is_none()
    }

    /// Stops the job that runs, forgets the one that waits, and takes no other.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.next = None;
        if let Some(running) = &state.running {
            running.cancel();
        }
        self.0.1.notify_one();
    }

    fn work(&self, outlet: &Outlet) {
        loop {
            let (job, cancel) = {
                let mut state = self.state();
                loop {
                    if state.closed {
                        return;
                    }
                    if let Some(job) = state.next.take() {
                        let cancel = Cancel::default();
                        state.running = Some(cancel.clone());
                        break (job, cancel);
                    }
                    state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            };
            job(&cancel);
            let mut state = self.state();
            state.running = None;
            let empty = state.next.is_none();
            drop(state);
            if empty && !outlet.send(Word::SlotEmptied) {
                return;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::super::threads::{Heard, testing};
    use super::*;
    use crate::ask::Told;

    struct Bench {
        slot: Slot,
        heard: Receiver<Heard>,
        outlet: Outlet,
    }

    impl Bench {
        fn new() -> Self {
            let (outlet, heard) = testing::outlet();
            Self { slot: Slot::start("bench", outlet.clone()).unwrap(), heard, outlet }
        }

        /// A job that says `name`, and whether it was cancelled, once `gate` opens.
        fn job(&self, name: &str, gate: Receiver<()>) -> impl FnOnce(&Cancel) + Send + use<> {
            let (name, outlet) = (name.to_owned(), self.outlet.clone());
            move |cancel| {
                let _ = gate.recv();
                let stopped = if cancel.is_cancelled() { " stopped" } else { "" };
                outlet.say(Told::ReducerReloaded(format!("{name}{stopped}")));
            }
        }

        /// Submits a job, and waits until it runs; it ends when something is sent.
        fn running(&self, name: &str) -> Sender<()> {
            let (start, started) = channel();
            let (open, gate) = channel();
            let job = self.job(name, gate);
            self.slot.submit(move |cancel| {
                start.send(()).unwrap();
                job(cancel);
            });
            started.recv().unwrap();
            open
        }

        /// What is said until the slot is empty.
        fn said(&self) -> Vec<String> {
            let mut said = Vec::new();
            loop {
                match self.heard.recv().unwrap().word {
                    Word::Told(Told::ReducerReloaded(name)) => said.push(name),
                    Word::SlotEmptied => return said,
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[test]
    fn a_newer_job_stops_the_one_that_runs_and_replaces_the_one_that_waits() {
        let bench = Bench::new();
        let open = bench.running("first");
        bench.slot.submit(bench.job("second", channel().1));
        bench.slot.submit(bench.job("third", channel().1));
        assert!(!bench.slot.is_idle());
        open.send(()).unwrap();
        assert_eq!(bench.said(), ["first stopped", "third"]);
        assert!(bench.slot.is_idle());
    }

    #[test]
    fn a_stopped_job_still_answers_even_one_that_waited() {
        let bench = Bench::new();
        let open = bench.running("first");
        bench.slot.submit(bench.job("second", channel().1));
        bench.slot.stop();
        open.send(()).unwrap();
        assert_eq!(bench.said(), ["first stopped", "second stopped"]);
        bench.slot.submit(bench.job("third", channel().1));
        assert_eq!(bench.said(), ["third"]);
    }

    #[test]
    fn a_closed_slot_does_nothing_more() {
        let bench = Bench::new();
        bench.slot.close();
        bench.slot.submit(bench.job("late", channel().1));
        let Bench { slot, heard, outlet } = bench;
        drop(outlet);
        // The thread ends, and its sender with it.
        assert!(heard.recv().is_err());
        drop(slot);
    }
}
