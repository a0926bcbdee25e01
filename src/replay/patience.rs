//! How often a reducer may take too long, or leave too much, before nobody waits for it any more.
//!
//! An event that takes too long costs its whole time, so a reducer that loops on every event of a type would hold a walk
//! for hours and end with a state that lacks them all. After the third time the fold is suspended: no state is given for
//! what lies behind, until somebody says to go on.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Cause, FoldError};
use crate::domain::Event;

/// So often a reducer may take too long.
const TIMES: u32 = 3;

/// So many of the latest times are remembered.
const LATEST: usize = 64;

/// A fold that stands still because the reducer took too long again and again.
#[derive(Clone, PartialEq, Debug)]
pub struct Suspension {
    /// How often it took too long.
    pub times: u32,
    /// The last event it took too long for; `None` when it was its initial state, or giving a state.
    pub event: Option<Arc<Event>>,
    /// What was said of it then.
    pub error: Arc<FoldError>,
}

impl fmt::Display for Suspension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.error.cause {
            Cause::TooMuch => "took too much time or memory",
            Cause::TimedOut | Cause::Failed => "timed out",
        };
        write!(f, "suspended: it {what} {} times", self.times)?;
        if let Some(event) = &self.event {
            write!(f, ", the last at {} version {} ({})", event.stream, event.version, event.event_type)?;
        }
        Ok(())
    }
}

/// How often it may still take too long. Clones share it: all folds of a command that reads a whole store.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<Mutex<Spent>>);

#[derive(Debug, Default)]
struct Spent {
    times: u32,
    /// The latest of them: what each was spent on, and what was said of it.
    latest: VecDeque<(Option<Arc<Event>>, Arc<FoldError>)>,
    goes_on: bool,
    /// Whether it went on from the start.
    endless: bool,
}

impl Patience {
    /// One that never ends.
    pub fn endless() -> Self {
        Self(Arc::new(Mutex::new(Spent { goes_on: true, endless: true, ..Spent::default() })))
    }

    /// It took too long once more, or left more than a state may be: finding that out takes as long.
    pub fn spend(&self, event: Option<Arc<Event>>, error: Arc<FoldError>) {
        let mut spent = self.spent();
        spent.times = spent.times.saturating_add(1);
        spent.latest.push_back((event, error));
        if spent.latest.len() > LATEST {
            spent.latest.pop_front();
        }
    }

    /// What these errors spent was spent on events that are no longer there.
    pub fn give_back(&self, forgotten: &[Arc<FoldError>]) {
        let mut spent = self.spent();
        let before = spent.latest.len();
        spent.latest.retain(|(_, error)| !forgotten.iter().any(|gone| Arc::ptr_eq(gone, error)));
        let given = u32::try_from(before - spent.latest.len()).unwrap_or(u32::MAX);
        spent.times = spent.times.saturating_sub(given);
    }

    /// Why nothing is folded any more, when that is so.
    pub fn suspension(&self) -> Option<Suspension> {
        let spent = self.spent();
        let (event, error) = spent.latest.back().cloned().filter(|_| spent.times >= TIMES && !spent.goes_on)?;
        Some(Suspension { times: spent.times, event, error })
    }

    /// Goes on however often it takes too long.
    pub fn go_on(&self) {
        self.spent().goes_on = true;
    }

    /// Whether it goes on because somebody said so after it had been spent.
    pub fn is_urged(&self) -> bool {
        let spent = self.spent();
        spent.goes_on && !spent.endless
    }

    /// Another reducer begins with nothing spent.
    pub fn renew(&self) {
        let mut spent = self.spent();
        let endless = spent.endless;
        *spent = Spent { goes_on: endless, endless, ..Spent::default() };
    }

    fn spent(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
