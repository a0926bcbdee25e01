//! Where a destination lies, told without folding anything: events can be looked at while their state is not known yet.

use std::sync::Arc;

use super::Walker;
use crate::domain::{Cancel, Destination, Event, EventQuery, Failure, Scope};

/// Where a walk arrives.
#[derive(Clone, PartialEq, Debug)]
pub struct Placed {
    /// The scope walked now: another one than asked when the destination lies in another stream.
    pub scope: Scope,
    /// How many events of the scope lie at or before the cursor.
    pub scope_at: u64,
    /// The event there.
    pub event: Option<Arc<Event>>,
    /// How many events of its own stream lie at or before it; 0 where it belongs to no stream.
    pub stream_at: u64,
    /// How many events the scope has as far as known.
    pub total: u64,
    /// What the person should know of the place: that a version stands twice.
    pub notice: Option<String>,
}

impl Walker {
    /// Where a destination lies and which event stands there. Nothing is folded, and no reducer is started. A place
    /// beyond the end of a scope means its end.
    ///
    /// # Errors
    /// When the source cannot be read, the destination does not exist (or is not known yet), or nobody wants the answer
    /// any more.
    pub fn place(&self, scope: &Scope, from: u64, to: &Destination, cancel: &Cancel) -> Result<Placed, Failure> {
        let (to, notice) = self.located(scope, to, cancel)?;
        let (scope, place) = self.resolve(scope, from, &to, cancel)?;
        let (scope_at, event, total) = self.event_at(&scope, place, cancel)?;
        let stream_at = match (&scope, &event) {
            (_, None) => 0,
            (Scope::Stream(_), Some(_)) => scope_at,
            (_, Some(event)) if event.is_loose() => 0,
            (_, Some(event)) => self.in_its_stream_from(&scope, scope_at - 1, event)?,
        };
        Ok(Placed { scope, scope_at, event, stream_at, total, notice })
    }

    /// The event at a place, or at the end where the place lies beyond it; with its place, and how many there are.
    pub(super) fn event_at(
        &self,
        scope: &Scope,
        place: u64,
        cancel: &Cancel,
    ) -> Result<(u64, Option<Arc<Event>>, u64), Failure> {
        let Some(ordinal) = place.checked_sub(1) else { return Ok((0, None, 0)) };
        let at = |ordinal| self.source.events(&EventQuery::at(scope.clone(), ordinal, 1), cancel);
        let mut page = at(ordinal)?;
        if page.events.is_empty() {
            let Some(last) = page.total.checked_sub(1) else { return Ok((0, None, 0)) };
            page = at(last.min(ordinal))?;
        }
        match page.events.pop() {
            Some(event) => Ok((page.first + 1, Some(event), page.total)),
            None => Err(self.nothing(format!("there is no event {place} in this scope"))),
        }
    }

    /// The place in its own stream of an event of a wider scope.
    pub(super) fn in_its_stream_from(&self, scope: &Scope, ordinal: u64, event: &Event) -> Result<u64, Failure> {
        match self.source.translate(scope, ordinal, &Scope::Stream(event.stream.clone()))? {
            Some(ordinal) => Ok(ordinal + 1),
            None => Err(self.nothing(format!("the event is not in its stream {}", event.stream))),
        }
    }
}
