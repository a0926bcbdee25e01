//! Going over the events of a scope page by page: the one place that knows where the next page begins.

use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::domain::{Anchor, Cancel, Direction, Event, EventPage, EventQuery, Failure, Scope};
use crate::sources::Source;

/// Events read at once.
const PAGE: usize = 2048;

/// Pages that may lie ready.
const READY: usize = 2;

/// The pages of a range of a scope's ordinals, in either direction.
#[derive(Clone, Debug)]
pub struct Pages {
    scope: Scope,
    direction: Direction,
    range: Range<u64>,
    /// Events read at once from now on.
    pub limit: usize,
    next: Option<Anchor>,
}

impl Pages {
    /// The events with these ordinals. Backward they must be there, or the range end nowhere (`u64::MAX`).
    pub fn within(scope: Scope, direction: Direction, range: Range<u64>, limit: usize) -> Self {
        let next = match direction {
            _ if range.is_empty() => None,
            Direction::Forward => Some(Anchor::Ordinal(range.start)),
            Direction::Backward if range.end == u64::MAX => Some(Anchor::End),
            Direction::Backward => Some(Anchor::Ordinal(range.end - 1)),
        };
        Self { scope, direction, range, limit, next }
    }

    /// Every event, oldest first.
    pub fn over(scope: Scope, limit: usize) -> Self {
        Self::within(scope, Direction::Forward, 0..u64::MAX, limit)
    }

    /// The next page, never an empty one; nothing once all is read, and after a page that could not be.
    ///
    /// # Errors
    /// Of `read`.
    pub fn next<E>(&mut self, read: impl FnOnce(&EventQuery) -> Result<EventPage, E>) -> Result<Option<EventPage>, E> {
        let Some(from) = self.next.take() else { return Ok(None) };
        let (scope, direction, limit) = (self.scope.clone(), self.direction, self.limit);
        let mut page = read(&EventQuery { scope, from, direction, limit })?;
        self.next = page.next(direction).filter(|ordinal| self.range.contains(ordinal)).map(Anchor::Ordinal);
        let within = page.numbered(direction).take_while(|(ordinal, _)| self.range.contains(ordinal)).count();
        page.events.truncate(within);
        Ok((within > 0).then_some(page))
    }
}

/// Hands every event of a scope, as many as there are now, to `visit` with its ordinal; `told` hears after each page how
/// many of how many are done.
///
/// # Errors
/// When the source cannot be read, or nobody wants it any more.
pub(super) fn each(
    source: &dyn Source,
    scope: &Scope,
    cancel: &Cancel,
    told: &mut dyn FnMut(u64, u64),
    visit: &mut dyn FnMut(u64, &Arc<Event>),
) -> Result<(), Failure> {
    let stopped = || Failure::cancelled(source.about().name, "look at the events");
    let mut look = |page: EventPage| {
        if cancel.is_cancelled() {
            return Err(stopped());
        }
        for (ordinal, event) in (page.first..).zip(&page.events) {
            visit(ordinal, event);
        }
        told(page.first + page.events.len() as u64, page.total);
        Ok(())
    };
    let mut pages = Pages::over(scope.clone(), PAGE);
    let read = |query: &EventQuery| source.events(query, cancel);
    thread::scope(|threads| {
        let (give, take) = sync_channel::<Result<EventPage, Failure>>(READY);
        let mut ahead = pages.clone();
        let reading = move || {
            while let Some(page) = ahead.next(read).transpose() {
                // Nobody takes it: a page before it could not be looked at.
                if give.send(page).is_err() {
                    return;
                }
            }
        };
        match thread::Builder::new().name("pages".into()).spawn_scoped(threads, reading) {
            Ok(reader) => {
                for page in take {
                    look(page?)?;
                }
                reader.join().unwrap_or_else(|panic| resume_unwind(panic));
                Ok(())
            }
            // Without a thread they are read when they are needed.
            Err(_) => {
                while let Some(page) = pages.next(read)? {
                    look(page)?;
                }
                Ok(())
            }
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::{Position, Version};
    use crate::sources::memory::Memory;

    /// The positions in ten events that are read of a range, in pages of three.
    fn read(direction: Direction, range: Range<u64>) -> Vec<Vec<u64>> {
        let event = |n| Event::new("s", Version(n), Position::Number(n), "T");
        let source = Memory::new("memory", (0..10).map(event).collect());
        let mut pages = Pages::within(Scope::All, direction, range, 3);
        let mut read = Vec::new();
        while let Some(page) = pages.next(|query| source.events(query, &Cancel::default())).unwrap() {
            for (ordinal, event) in page.numbered(direction) {
                assert_eq!(event.version.0, ordinal);
            }
            read.push(page.events.iter().map(|event| event.version.0).collect());
        }
        read
    }

    #[test]
    fn pages_hold_a_range_and_nothing_else_in_either_direction() {
        use Direction::{Backward, Forward};
        assert_eq!(read(Forward, 0..u64::MAX).concat(), (0..10).collect::<Vec<_>>());
        assert_eq!(read(Backward, 0..u64::MAX).concat(), (0..10).rev().collect::<Vec<_>>());
        assert_eq!(read(Forward, 2..6), [vec![2, 3, 4], vec![5]]);
        assert_eq!(read(Backward, 2..6), [vec![5, 4, 3], vec![2]]);
        assert_eq!(read(Forward, 8..100), [vec![8, 9]], "a range may go past the end");
        assert_eq!(read(Forward, 10..20), Vec::<Vec<u64>>::new());
        assert_eq!(read(Forward, 4..4), Vec::<Vec<u64>>::new());
        assert_eq!(read(Backward, 0..1), [vec![0]]);
    }

    #[test]
    fn nothing_is_read_behind_a_page_that_could_not_be() {
        let mut pages = Pages::over(Scope::All, 3);
        assert_eq!(pages.next(|_| Err("broken")), Err("broken"));
        assert_eq!(pages.next(|_| Err("asked again")), Ok(None));
    }
}
