//! Reads through a scope and tells which events a filter lets through.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::filter::{EventFilter, Sieve};
use crate::domain::{Cancel, Event, EventQuery, Failure, Picked, Scope, Unjudged};
use crate::sources::Source;

/// Events read at once.
const PAGE: usize = 1024;
/// Events an index is asked about at once.
const ASKED: usize = 1 << 17;

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

/// A gap between two events that is read over rather than asked for again.
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
        let before = next;
        let told_enough = match sieve.pick(source, scope, next, ASKED)? {
            Some(picked) => {
                next = picked.looked.max(next);
                let mut among = Among { source, scope, cancel, sieve: &mut sieve, unjudged: &mut unjudged };
                among.tell(&picked, told)?
            }
            None => {
                let page = source.events(&EventQuery::at(scope.clone(), next, PAGE), cancel)?;
                let mut passing = Vec::new();
                for event in &page.events {
                    match sieve.passes(event) {
                        Ok(true) => passing.push(next),
                        Ok(false) => {}
                        Err(reason) => unjudged.count(reason, event),
                    }
                    next += 1;
                    if cancel.is_cancelled() {
                        break;
                    }
                }
                match page.events.is_empty() {
                    true => ControlFlow::Continue(()),
                    false => told(Sifted { passing, looked: next, total: page.total.max(next) }),
                }
            }
        };
        if told_enough.is_break() || next == before && was_complete {
            return Ok(unjudged);
        }
        if next == before {
            source.complete(cancel, &mut |_| {})?;
        }
    }
}

/// Events an index picked, some of which must be looked at.
struct Among<'a> {
    source: &'a dyn Source,
    scope: &'a Scope,
    cancel: &'a Cancel,
    sieve: &'a mut Sieve,
    unjudged: &'a mut Unjudged,
}

impl Among<'_> {
    /// Tells those that pass.
    fn tell(
        &mut self,
        picked: &Picked,
        told: &mut dyn FnMut(Sifted) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Failure> {
        if self.cancel.is_cancelled() {
            return Err(Failure::cancelled(self.source.about().name, "read"));
        }
        let mut rest = &picked.ordinals[..];
        loop {
            // What is certain costs nothing; of what is not, so much at a time that one sees it come.
            let unsure = rest.iter().enumerate().filter(|(_, (_, certain))| !certain).nth(PAGE).map(|(at, _)| at);
            let (part, left) = rest.split_at(unsure.unwrap_or(rest.len()));
            rest = left;
            let unsure: Vec<u64> = part.iter().filter(|(_, certain)| !certain).map(|(ordinal, _)| *ordinal).collect();
            let mut passing: Vec<u64> =
                part.iter().filter(|(_, certain)| *certain).map(|(ordinal, _)| *ordinal).collect();
            let certain = passing.len();
            for (ordinal, event) in some(self.source, self.scope, &unsure, self.cancel)? {
                match self.sieve.passes(&event) {
                    Ok(true) => passing.push(ordinal),
                    Ok(false) => {}
                    Err(reason) => self.unjudged.count(reason, &event),
                }
            }
            if certain > 0 {
                passing.sort_unstable();
            }
            let looked = rest.first().map_or(picked.looked, |(ordinal, _)| *ordinal);
            if told(Sifted { passing, looked, total: picked.total.max(looked) }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if rest.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::open::{OpenOptions, open};

    /// What passes, with how much was looked at whenever something was told.
    fn sifted(source: &dyn Source, scope: &Scope, line: &str, from: u64) -> (Vec<u64>, Vec<u64>, String) {
        let filter = EventFilter::parse(line).unwrap_or_else(|problem| panic!("{}", problem.shown(line)));
        let (mut passing, mut looked) = (Vec::new(), Vec::new());
        let unjudged = sift(source, scope, &filter, from, &Cancel::default(), &mut |part| {
            assert!(part.passing.iter().all(|ordinal| *ordinal < part.looked && part.looked <= part.total));
            passing.extend(part.passing);
            looked.push(part.looked);
            ControlFlow::Continue(())
        });
        (passing, looked, unjudged.expect("it can be read").words())
    }

    #[test]
    fn an_index_and_the_events_say_the_same() {
        let mut lines = String::new();
        for n in 0..5000 {
            let (stream, kind) = (n % 7, ["Placed", "Paid", "Sent"][n % 3]);
            let data = if n % 50 == 0 { "{}".to_owned() } else { format!("{{\"n\":{n}}}") };
            let time = format!("2025-01-01T00:{:02}:{:02}.000{}Z", n / 60 % 60, n % 60, n % 10);
            lines.push_str(&format!(
                "{{\"stream\":\"order-{stream}\",\"type\":\"{kind}\",\"version\":{},\"time\":\"{time}\",\"data\":{data}}}\n",
                n / 7 + 1
            ));
            if n % 1000 == 999 {
                lines.push_str("no event\n");
            }
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), lines).expect("written");
        let source = open(file.path().to_str().expect("a name"), &OpenOptions::default()).expect("it opens");
        let (order, all) = (Scope::Stream("order-3".into()), Scope::All);
        source.complete(&Cancel::default(), &mut |_| ()).expect("it is read");
        // The same asked of each event by a condition, which no index is asked about.
        for (word, condition) in [
            ("type:Paid", "event.type == 'Paid'"),
            ("stream:order-[35] !type:Sent", "event.stream in ['order-3', 'order-5'] && event.type != 'Sent'"),
            ("after:2025-01-01T00:59:58.0005Z", "event.time >= timestamp('2025-01-01T00:59:58.0005Z')"),
            ("before:2025-01-01T00:00:03.0003Z", "event.time < timestamp('2025-01-01T00:00:03.0003Z')"),
            ("type:Paid event.data.n > 4900", "event.type == 'Paid' && event.data.n > 4900"),
            ("type:Nothing", "event.type == 'Nothing'"),
        ] {
            for (scope, from) in [(&all, 0), (&all, 3001), (&order, 0), (&order, 700)] {
                let (by_index, looked, unjudged) = sifted(&*source, scope, word, from);
                let (by_events, _, also) = sifted(&*source, scope, condition, from);
                assert_eq!(by_index, by_events, "{word} in {scope:?} from {from}");
                assert!(looked.is_sorted() && looked.last() >= by_index.last(), "{looked:?}");
                assert_eq!(unjudged, also, "{word}");
            }
        }
    }
}
