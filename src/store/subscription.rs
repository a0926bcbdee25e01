//! Following a history: catching up, then live, every event once and in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::error::StoreError;
use super::history::History;
use crate::domain::{Cancel, Direction, Event, EventQuery, Scope};

/// How often it is looked whether another process appended, or nobody wants the events any more.
const LOOK: Duration = Duration::from_millis(50);
/// Events read at once.
const PAGE: usize = 256;

/// The events after a position, without end: `next` waits for one. It ends when cancelled, or after an error.
///
/// There is no seam between catching up and living: it always reads on from the last position it gave, and a history
/// only grows at its end, so nothing is missed and nothing comes twice.
pub struct Subscription {
    history: Arc<History>,
    after: u64,
    cancel: Cancel,
    read: VecDeque<Arc<Event>>,
    ended: bool,
}

impl Subscription {
    pub(super) fn new(history: Arc<History>, after: u64, cancel: Cancel) -> Self {
        Self { history, after, cancel, read: VecDeque::new(), ended: false }
    }

    /// The position of the last event given.
    pub fn position(&self) -> u64 {
        self.after
    }

    /// How many events that are there were not given yet.
    pub fn lag(&self) -> u64 {
        self.history.events_known().saturating_sub(self.after)
    }

    /// The next event if there is one now.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn try_next(&mut self) -> Result<Option<Arc<Event>>, StoreError> {
        if self.read.is_empty() {
            let query = EventQuery { direction: Direction::Forward, ..EventQuery::at(Scope::All, self.after, PAGE) };
            self.read = self.history.events(&query, &self.cancel)?.events.into();
        }
        let next = self.read.pop_front();
        self.after += u64::from(next.is_some());
        Ok(next)
    }
}

impl Iterator for Subscription {
    type Item = Result<Arc<Event>, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && !self.cancel.is_cancelled() {
            match self.try_next() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {
                    if let Err(error) = self.history.wait(self.after, LOOK) {
                        self.ended = true;
                        return Some(Err(error));
                    }
                }
                Err(StoreError::Cancelled) => break,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
