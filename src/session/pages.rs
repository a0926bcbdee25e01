//! Going over all events of a scope, the next page being read while this one is looked at.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use crate::domain::{Cancel, Event, EventPage, EventQuery, Failure, Scope};
use crate::sources::Source;

/// Events read at once.
const PAGE: usize = 2048;

/// Pages that may lie ready.
const READY: usize = 2;

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
    let read = |from| source.events(&EventQuery::at(scope.clone(), from, PAGE), cancel);
    thread::scope(|threads| {
        let (give, take) = sync_channel::<Result<EventPage, Failure>>(READY);
        let reading = move || {
            let mut next = 0;
            loop {
                let page = read(next);
                let read = page.as_ref().map_or(0, |page| page.events.len() as u64);
                next += read;
                // Nobody takes it: a page before it could not be looked at.
                if (read > 0 || page.is_err()) && give.send(page).is_err() || read == 0 {
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
                let mut next = 0;
                loop {
                    let page = read(next)?;
                    if page.events.is_empty() {
                        return Ok(());
                    }
                    next += page.events.len() as u64;
                    look(page)?;
                }
            }
        }
    })
}
