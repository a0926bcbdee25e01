//! Reads through a scope and tells which events a filter lets through.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::filter::EventFilter;
use crate::domain::{Cancel, Event, EventQuery, Failure, Scope};
use crate::session::condition::Unjudged;
use crate::sources::Source;

/// Events read at once.
const PAGE: usize = 1024;

/// How far it has come.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sifted {
    /// Ordinals within the scope of events that pass, found since the last word.
    pub passing: Vec<u64>,
    /// Events looked at, counted from the first of the scope.
    pub looked: u64,
    /// Events there are as far as known.
    pub total: u64,
}

/// A gap between two events that is read over rather than asked for anew.
const GAP: u64 = 16;

/// Events that stand anywhere in a scope, by their ordinals in order. Those that are not there are left out.
///
/// # Errors
/// When the source cannot be read, or nobody wants the answer any more.
pub fn some(
    source: &dyn Source,
    scope: &Scope,
    ordinals: &[u64],
    cancel: &Cancel,
) -> Result<Vec<(u64, Arc<Event>)>, Failure> {
    let mut found = Vec::with_capacity(ordinals.len());
    let mut rest = ordinals;
    while let Some(&first) = rest.first() {
        let run = 1 + rest.windows(2).take_while(|pair| pair[1] - pair[0] <= GAP).count();
        let last = rest[run - 1];
        let limit = usize::try_from(last - first + 1).unwrap_or(PAGE).min(PAGE);
        let page = source.events(&EventQuery::at(scope.clone(), first, limit), cancel)?;
        let end = page.first + page.events.len() as u64;
        let read = rest.iter().take_while(|ordinal| **ordinal < end).count();
        found.extend(rest[..read].iter().filter_map(|ordinal| {
            let event = page.events.get(usize::try_from(ordinal.checked_sub(page.first)?).ok()?)?;
            Some((*ordinal, Arc::clone(event)))
        }));
        // What is not there is passed over.
        rest = &rest[read.max(1)..];
    }
    Ok(found)
}

/// A place of one scope counted in another: that of the same event. Before the first event of a stream, it is before the
/// first event of any scope.
///
/// # Errors
/// When the source cannot be read.
pub fn place_in(source: &dyn Source, counted_in: &Scope, place: u64, scope: &Scope) -> Result<u64, Failure> {
    if counted_in == scope {
        return Ok(place);
    }
    let Some(ordinal) = place.checked_sub(1) else { return Ok(0) };
    Ok(source.translate(counted_in, ordinal, scope)?.map_or(0, |ordinal| ordinal + 1))
}

/// Looks at the events of a scope from an ordinal on, in order, until `told` breaks. What is not read yet is waited for
/// once everything else has been looked at. Gives what could not be judged.
///
/// # Errors
/// When the source cannot be read, or nobody wants the answer any more.
pub fn sift(
    source: &dyn Source,
    scope: &Scope,
    filter: &EventFilter,
    from: u64,
    cancel: &Cancel,
    told: &mut dyn FnMut(Sifted) -> ControlFlow<()>,
) -> Result<Unjudged, Failure> {
    source.begin();
    let mut sieve = filter.sieve(source, scope, cancel)?;
    let mut unjudged = Unjudged::default();
    let mut next = from;
    loop {
        let was_complete = source.progress().complete;
        let page = source.events(&EventQuery::at(scope.clone(), next, PAGE), cancel)?;
        if page.events.is_empty() {
            if was_complete {
                return Ok(unjudged);
            }
            source.complete(cancel, &mut |_| {})?;
            continue;
        }
        let mut passing = Vec::new();
        for event in &page.events {
            match sieve.passes(event) {
                Ok(true) => passing.push(next),
                Ok(false) => {}
                Err(reason) => unjudged.count(reason),
            }
            next += 1;
            if cancel.is_cancelled() {
                break;
            }
        }
        if told(Sifted { passing, looked: next, total: page.total.max(next) }).is_break() {
            return Ok(unjudged);
        }
    }
}
