//! The events a filter lets through, in their order, read and judged by several threads.
//!
//! The invariant: what is given, and what is said of events that could not be judged, is what one look at each event in turn
//! gives, however many threads look.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::filter::{EventFilter, Sieve};
use super::sift::some;
use crate::condition::{Noted, Problem};
use crate::domain::{Anchor, Cancel, Direction, Event, EventQuery, Failure, FailureKind, Scope, Unjudged};
use crate::sources::Source;

/// Events read at once.
const PAGE: u64 = 1024;

/// Events one thread looks at in a round, at most.
const STRETCH: u64 = 8 * PAGE;

/// Threads, at most: more wait for the one that writes.
const THREADS: usize = 8;

/// Finds them.
#[derive(Debug)]
pub struct Passing {
    scope: Scope,
    direction: Direction,
    /// The ordinals that nobody has looked at.
    left: Range<u64>,
    /// How many of them each thread looks at next: few at first, for the first answers may be enough.
    size: u64,
    /// Whether the source was read to its end.
    is_whole: bool,
    /// One for each thread.
    sieves: Vec<Sieve>,
    ready: VecDeque<Judged>,
    unjudged: Unjudged,
    noted: Noted,
    /// Why no more can be looked at.
    failed: Option<Failure>,
}

/// An event that passes, or one that could not be judged with the reason.
type Judged = Result<Arc<Event>, (String, Arc<Event>)>;

/// What came of some events that stand one behind the other.
#[derive(Default)]
struct Looked {
    judged: Vec<Judged>,
    noted: Noted,
    /// How many were looked at.
    count: u64,
    /// Why no more were.
    failed: Option<Failure>,
}

impl Passing {
    /// Those of a scope with these ordinals.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn new(
        source: &dyn Source,
        filter: &EventFilter,
        within: (Scope, Range<u64>, Direction),
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        Self::by(threads, source, filter, within, cancel)
    }

    fn by(
        threads: usize,
        source: &dyn Source,
        filter: &EventFilter,
        (scope, within, direction): (Scope, Range<u64>, Direction),
        cancel: &Cancel,
    ) -> Result<Self, Failure> {
        let first = filter.sieve(source, &scope, cancel)?;
        let mut sieves: Vec<_> = (1..threads).map(|_| first.again(cancel)).collect();
        sieves.push(first);
        Ok(Self {
            scope,
            direction,
            left: within,
            size: PAGE,
            is_whole: false,
            sieves,
            ready: VecDeque::new(),
            unjudged: Unjudged::default(),
            noted: Noted::default(),
            failed: None,
        })
    }

    /// The next one; none behind the last one, and when it was stopped. `complete` reads the source to its end, once that is
    /// needed.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn next(
        &mut self,
        source: &dyn Source,
        cancel: &Cancel,
        complete: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<Option<Arc<Event>>, Failure> {
        loop {
            match self.ready.pop_front() {
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err((reason, event))) => self.unjudged.count(reason, &event),
                None => match self.failed.take() {
                    Some(failure) => {
                        self.left = 0..0;
                        return if failure.kind == FailureKind::Cancelled { Ok(None) } else { Err(failure) };
                    }
                    None if self.left.is_empty() || cancel.is_cancelled() => return Ok(None),
                    None => self.failed = self.more(source, cancel, complete).err(),
                },
            }
        }
    }

    /// Looks at the next round of events.
    fn more(
        &mut self,
        source: &dyn Source,
        cancel: &Cancel,
        complete: &mut dyn FnMut() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // What is known already is enough for the first answers.
        let is_first = self.size == PAGE && self.direction == Direction::Forward;
        if !is_first && !self.is_whole {
            complete()?;
            self.is_whole = true;
            self.left.end = self.left.end.min(self.known(source, cancel)?);
        }
        let start = self.left.start;
        let round = if is_first { vec![self.take(PAGE)] } else { self.round() };
        let looked = self.look(source, round, cancel);
        if is_first {
            self.left.start = start + looked.iter().map(|looked| looked.count).sum::<u64>();
        }
        self.size = (2 * self.size).min(STRETCH);
        for looked in looked {
            self.ready.extend(looked.judged);
            self.noted.join(looked.noted);
            if let Some(failure) = looked.failed {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// What could not be judged so far.
    pub fn unjudged(&self) -> &Unjudged {
        &self.unjudged
    }

    /// That the condition is none: it was neither true nor false of any event it was asked about.
    pub fn refused(&self) -> Option<Problem> {
        self.sieves.first()?.refused_after(&self.noted)
    }

    /// How many events there are in the scope.
    fn known(&self, source: &dyn Source, cancel: &Cancel) -> Result<u64, Failure> {
        let query = EventQuery::at(self.scope.clone(), 0, 1);
        Ok(source.events(&query, cancel)?.total)
    }

    /// The next so many ordinals.
    fn take(&mut self, count: u64) -> Range<u64> {
        let count = count.min(self.left.end - self.left.start);
        let Range { start, end } = self.left;
        match self.direction {
            Direction::Forward => {
                self.left.start = start + count;
                start..start + count
            }
            Direction::Backward => {
                self.left.end = end - count;
                end - count..end
            }
        }
    }

    /// Ordinals for each thread.
    fn round(&mut self) -> Vec<Range<u64>> {
        let mut round = Vec::new();
        while round.len() < self.sieves.len() && !self.left.is_empty() {
            let size = self.size;
            round.push(self.take(size));
        }
        round
    }

    /// Looks at some ranges, as many at once as there are threads; in their order.
    fn look(&mut self, source: &dyn Source, round: Vec<Range<u64>>, cancel: &Cancel) -> Vec<Looked> {
        let look = Look { source, scope: &self.scope, direction: self.direction, cancel };
        let left = Mutex::new(round.into_iter().enumerate());
        let results = Mutex::new(Vec::new());
        let work = |sieve: &mut Sieve| {
            let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
            while let Some((number, range)) = next() {
                let looked = look.over(range, sieve);
                results.lock().unwrap_or_else(PoisonError::into_inner).push((number, looked));
            }
        };
        thread::scope(|threads| {
            let mut sieves = self.sieves.iter_mut();
            let own = sieves.next();
            // Where no thread can be started, this one looks at all of them.
            let start = |sieve| thread::Builder::new().name("look".into()).spawn_scoped(threads, || work(sieve)).ok();
            let count = left.lock().unwrap_or_else(PoisonError::into_inner).len();
            let others: Vec<_> = sieves.take(count.saturating_sub(1)).filter_map(start).collect();
            if let Some(own) = own {
                work(own);
            }
            others.into_iter().for_each(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, looked)| looked).collect()
    }
}

/// A look at events.
struct Look<'a> {
    source: &'a dyn Source,
    scope: &'a Scope,
    direction: Direction,
    cancel: &'a Cancel,
}

impl Look<'_> {
    fn over(&self, range: Range<u64>, sieve: &mut Sieve) -> Looked {
        let mut looked = Looked::default();
        looked.failed = self.each(range, sieve, &mut looked).err();
        looked.noted = sieve.noted();
        looked
    }

    fn each(&self, range: Range<u64>, sieve: &mut Sieve, looked: &mut Looked) -> Result<(), Failure> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let picked = match sieve.picks_all() {
            true => sieve.pick(self.source, self.scope, range.start, length)?,
            false => None,
        };
        let Some(picked) = picked else { return self.pages(range, sieve, looked) };
        looked.count = picked.looked.saturating_sub(range.start);
        let ordinals: Vec<u64> = picked.ordinals.iter().map(|(ordinal, _)| *ordinal).collect();
        let mut events = some(self.source, self.scope, &ordinals, self.cancel)?;
        if self.direction == Direction::Backward {
            events.reverse();
        }
        for (_, event) in events {
            looked.judge(&event, sieve);
        }
        Ok(())
    }

    fn pages(&self, range: Range<u64>, sieve: &mut Sieve, looked: &mut Looked) -> Result<(), Failure> {
        let mut left = range;
        while !left.is_empty() {
            let from = match self.direction {
                Direction::Forward => left.start,
                Direction::Backward => left.end - 1,
            };
            let limit = usize::try_from((left.end - left.start).min(PAGE)).unwrap_or(1);
            let (from, scope) = (Anchor::Ordinal(from), self.scope.clone());
            let query = EventQuery { scope, from, direction: self.direction, limit };
            let page = self.source.events(&query, self.cancel)?;
            let read = page.events.len() as u64;
            if read == 0 {
                return Ok(());
            }
            for event in &page.events {
                looked.judge(event, sieve);
            }
            looked.count += read;
            match self.direction {
                Direction::Forward => left.start += read,
                Direction::Backward => left.end -= read,
            }
        }
        Ok(())
    }
}

impl Looked {
    fn judge(&mut self, event: &Arc<Event>, sieve: &mut Sieve) {
        match sieve.passes(event) {
            Ok(true) => self.judged.push(Ok(Arc::clone(event))),
            Ok(false) => {}
            Err(reason) => self.judged.push(Err((reason, Arc::clone(event)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::memory::Memory;
    use crate::sources::open::{OpenOptions, open};

    const EVENTS: u64 = 5000;

    /// What passes, how it is with the rest after so many, and whether the condition is one.
    type Found = (Vec<String>, String, bool);

    fn named(event: &Event) -> String {
        format!("{} {}", event.position, event.event_type)
    }

    fn found(
        threads: usize,
        source: &dyn Source,
        filter: &EventFilter,
        within: &(Scope, Range<u64>, Direction),
        limit: usize,
    ) -> Found {
        let cancel = Cancel::default();
        let mut passing = Passing::by(threads, source, filter, within.clone(), &cancel).expect("it can be read");
        let mut complete = || source.complete(&Cancel::default(), &mut |_| {});
        let mut events = Vec::new();
        while events.len() < limit
            && let Some(event) = passing.next(source, &cancel, &mut complete).expect("it can be read")
        {
            events.push(named(&event));
        }
        (events, passing.unjudged().words(), passing.refused().is_some())
    }

    /// The same by one look at each event in turn.
    fn plainly(
        source: &dyn Source,
        filter: &EventFilter,
        (scope, within, direction): &(Scope, Range<u64>, Direction),
        limit: usize,
    ) -> Found {
        let cancel = Cancel::default();
        source.complete(&cancel, &mut |_| {}).expect("it can be read");
        let mut sieve = filter.sieve(source, scope, &cancel).expect("it can be read");
        let (mut events, mut unjudged) = (Vec::new(), Unjudged::default());
        let ordinals: Vec<u64> = (within.start..within.end.min(EVENTS * 2)).collect();
        let mut all = some(source, scope, &ordinals, &cancel).expect("it can be read");
        if *direction == Direction::Backward {
            all.reverse();
        }
        for (_, event) in all {
            if events.len() == limit {
                break;
            }
            match sieve.passes(&event) {
                Ok(true) => events.push(named(&event)),
                Ok(false) => {}
                Err(reason) => unjudged.count(reason, &event),
            }
        }
        (events, unjudged.words(), sieve.refused().is_some())
    }

    #[test]
    fn several_threads_find_what_one_look_at_each_event_finds() {
        let mut lines = String::new();
        for n in 0..EVENTS {
            let data = match n % 9 {
                0 => "{}".to_owned(),
                1 => format!("{{\"n\":\"{n}\"}}"),
                _ => format!("{{\"n\":{n},\"is\":{}}}", n > EVENTS / 2),
            };
            let (stream, kind) = (n % 7, ["Placed", "Paid", "Sent"][n as usize % 3]);
            lines.push_str(&format!(
                "{{\"stream\":\"order-{stream}\",\"type\":\"{kind}\",\"version\":{},\"data\":{data}}}\n",
                n / 7 + 1
            ));
            if n % 600 == 599 {
                lines.push_str("no event\n");
            }
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), lines).expect("written");
        let opened = || open(file.path().to_str().expect("a name"), &OpenOptions::default()).expect("it opens");
        let source = opened();
        let (all, one) = (Scope::All, Scope::Stream("order-3".into()));
        for line in [
            "event.data.n > 4000",
            "event.data.is",
            "event.data.n",
            "event.trouble != null || event.data.n == 17",
            "type:Paid !stream:order-3 event.data.n < 3000",
            "stream:order-[12]",
        ] {
            let filter = EventFilter::parse(line).unwrap_or_else(|problem| panic!("{}", problem.shown(line)));
            for (scope, range, direction, limit) in [
                (&all, 0..u64::MAX, Direction::Forward, usize::MAX),
                (&all, 37..4321, Direction::Backward, usize::MAX),
                (&all, 1..u64::MAX, Direction::Forward, 700),
                (&one, 3..u64::MAX, Direction::Forward, usize::MAX),
            ] {
                let within = (scope.clone(), range, direction);
                let expected = plainly(&*source, &filter, &within, limit);
                for threads in [1, 3] {
                    let found = found(threads, &*source, &filter, &within, limit);
                    assert_eq!(found, expected, "{line} {within:?} {threads}");
                }
            }
            let within = (Scope::All, 0..u64::MAX, Direction::Forward);
            let expected = plainly(&*source, &filter, &within, usize::MAX);
            assert_eq!(found(2, &*opened(), &filter, &within, usize::MAX), expected, "{line}, not read to its end");
        }
    }

    #[test]
    fn what_was_stopped_gives_nothing_more() {
        let event = |n| Event::new("order-1", crate::domain::Version(n), crate::domain::Position::Number(n), "Paid");
        let source = Memory::new("memory", (1..EVENTS).map(event).collect());
        let filter = EventFilter::parse("event.type == 'Paid'").expect("a filter");
        let cancel = Cancel::default();
        let within = (Scope::All, 0..u64::MAX, Direction::Forward);
        let mut passing = Passing::by(2, &source, &filter, within, &cancel).expect("it can be read");
        let mut count = 0;
        while passing.next(&source, &cancel, &mut || Ok(())).expect("it can be read").is_some() {
            count += 1;
            cancel.cancel();
        }
        // What was looked at is given.
        assert_eq!(count, PAGE);
    }
}
