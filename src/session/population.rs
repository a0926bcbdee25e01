//! All streams of a store, each folded on its own, by as many threads as there are processors.
//!
//! The store is read in its own order, not stream by stream, and what is read is held until its streams are folded. What
//! does not fit is folded in passes: each takes the streams whose names have the same last bits of a hash, half as many
//! whenever the room runs out. What comes out does not depend on passes or threads: a stream is folded from its first event
//! to its last by one thread, and answers stand in the order of the streams.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::reducers::ReducerBook;
use super::walker::Walker;
use super::{pages, places};
use crate::domain::{Cancel, Event, Failure, Part, Scope, StreamName, StreamSummary};
use crate::replay::Patience;
use crate::sources::Source;

/// Bytes of events that are held unless somebody says otherwise.
pub const ROOM: u64 = 512 << 20;

/// What an event costs beside its payload, about, in bytes.
const EVENT: u64 = 300;

/// Streams listed at once.
const LISTED: usize = 4096;

/// Fewer streams than this are read one by one: the rest of the store is of no use to them.
const FEW: usize = 8;

/// Which streams, and how they are folded.
pub struct Population<'a> {
    /// The store, read to its end.
    pub source: &'a Arc<dyn Source>,
    /// What folds: each thread has reducers of its own.
    pub reducers: &'a (dyn Fn() -> Result<ReducerBook, Failure> + Sync),
    /// How long a reducer may take, counted over all of them.
    pub patience: Patience,
    /// Bytes of events that may be held.
    pub room: u64,
}

/// Events of streams, by the streams' names; `None` stands for one that was not met.
type Held = HashMap<StreamName, Vec<Option<Arc<Event>>>>;

/// A stream that is to be folded: its number among all, what is known of it, and its events where they are held.
pub struct Folding<'a> {
    /// The stream.
    pub summary: &'a StreamSummary,
    held: Option<&'a [Option<Arc<Event>>]>,
}

impl Folding<'_> {
    /// Events from an ordinal on, at most so many, where they are held.
    pub fn held(&self, from: u64, limit: usize) -> Option<Vec<Arc<Event>>> {
        let from = usize::try_from(from).ok()?;
        let events = self.held?.get(from..)?;
        events.iter().take(limit).cloned().collect()
    }
}

impl Population<'_> {
    /// Folds every one of these streams with `fold`, and gives what that gave, in the order of the streams. `told` hears how
    /// many events of how many are done. Of a population that was stopped the streams that were not folded are missing.
    ///
    /// # Errors
    /// When the store cannot be read, or a reducer file not be found.
    pub fn fold<T: Send>(
        &self,
        streams: &[StreamSummary],
        cancel: &Cancel,
        told: &(dyn Fn(u64, u64) + Sync),
        fold: &(dyn Fn(&mut Walker, &Folding<'_>) -> Result<T, Failure> + Sync),
    ) -> Result<Vec<(usize, T)>, Failure> {
        let of = streams.iter().map(|summary| summary.events).sum();
        let (done, results) = (AtomicU64::new(0), Mutex::new(Vec::with_capacity(streams.len())));
        let mut wanted: Vec<(u32, u32)> = vec![(0, 1)];
        // The parts that are still to be folded: which of how many.
        while let Some((number, parts)) = wanted.pop() {
            let (held, parts) = match streams.len() < FEW {
                true => (Held::new(), parts),
                false => self.read(streams, (number, parts), &mut wanted, cancel)?,
            };
            let mine: Vec<usize> = (0..streams.len())
                .filter(|at| parts == 1 || Part::of_stream(&streams[*at].stream, parts).number == number)
                .collect();
            let next = AtomicUsize::new(0);
            let work = || -> Result<(), Failure> {
                let walker = Walker::new(Arc::clone(self.source), (self.reducers)()?);
                let mut walker = walker.for_one_answer().with_patience(self.patience.clone());
                loop {
                    let Some(&at) = mine.get(next.fetch_add(1, Ordering::Relaxed)) else { return Ok(()) };
                    if cancel.is_cancelled() {
                        return Ok(());
                    }
                    let summary = &streams[at];
                    let held = held.get(&summary.stream).map(Vec::as_slice);
                    match fold(&mut walker, &Folding { summary, held }) {
                        Err(_) if cancel.is_cancelled() => return Ok(()),
                        folded => results.lock().unwrap_or_else(PoisonError::into_inner).push((at, folded?)),
                    }
                    told(done.fetch_add(summary.events, Ordering::Relaxed) + summary.events, of);
                }
            };
            let threads = thread::available_parallelism().map_or(1, usize::from).min(mine.len().max(1));
            thread::scope(|scope| {
                let start = |_| thread::Builder::new().name("fold".into()).spawn_scoped(scope, work).ok();
                let others: Vec<_> = (1..threads).filter_map(start).collect();
                let mut ended = work();
                for other in others {
                    let other = other.join().unwrap_or_else(|panic| resume_unwind(panic));
                    ended = ended.and(other);
                }
                ended
            })?;
            if cancel.is_cancelled() {
                break;
            }
        }
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_unstable_by_key(|(at, _)| *at);
        Ok(results)
    }

    /// Reads the events of the streams in a part, in the order of the store; of fewer streams where they do not fit: what is
    /// left out is wanted then. Gives them, and of how many parts this is one now.
    fn read(
        &self,
        streams: &[StreamSummary],
        (number, mut parts): (u32, u32),
        wanted: &mut Vec<(u32, u32)>,
        cancel: &Cancel,
    ) -> Result<(Held, u32), Failure> {
        let in_part = |stream: &StreamName, parts| parts == 1 || Part::of_stream(stream, parts).number == number;
        let mut held: Held = streams
            .iter()
            .filter(|summary| in_part(&summary.stream, parts))
            .map(|summary| (summary.stream.clone(), vec![None; usize::try_from(summary.events).unwrap_or(0)]))
            .collect();
        let (mut bytes, mut failed) = (0_u64, None);
        let read = pages::each(&**self.source, &Scope::All, cancel, &mut |_, _| {}, &mut |ordinal, event| {
            let Some(events) = held.get_mut(&event.stream) else { return };
            // An index counts them; where there is none they stand in the store's order.
            match self.source.translate(&Scope::All, ordinal, &Scope::Stream(event.stream.clone())) {
                Ok(Some(rank)) => {
                    if let Some(place) = usize::try_from(rank).ok().and_then(|rank| events.get_mut(rank)) {
                        *place = Some(Arc::clone(event));
                    }
                }
                Ok(None) => {}
                Err(failure) => _ = failed.get_or_insert(failure),
            }
            bytes += event.payload_bytes() + EVENT;
            while bytes > self.room && held.len() > 1 && parts < part_limit() {
                // Half of the streams are folded later.
                wanted.push((number + parts, parts * 2));
                parts *= 2;
                held.retain(|stream, _| in_part(stream, parts));
                bytes = held.values().flatten().flatten().map(|event| event.payload_bytes() + EVENT).sum();
            }
        });
        match (read, failed) {
            (Err(failure), _) if !cancel.is_cancelled() => Err(failure),
            (_, Some(failure)) => Err(failure),
            _ => Ok((held, parts)),
        }
    }
}

/// The most passes, as a power of two.
fn part_limit() -> u32 {
    1 << 20
}

/// The streams of a scope that `wants` names, in the order of their first events.
///
/// # Errors
/// When there is no such stream, or the store cannot be read.
pub fn streams_of(
    source: &dyn Source,
    scope: &Scope,
    wants: &mut dyn FnMut(&StreamName) -> bool,
) -> Result<Vec<StreamSummary>, Failure> {
    if let Scope::Stream(stream) = scope {
        let none = || places::nothing(source, format!("there is no stream {stream}"));
        return source.stream(stream)?.map(|summary| vec![summary]).ok_or_else(none);
    }
    let (mut found, mut from) = (Vec::new(), 0);
    loop {
        let page = source.streams(from, LISTED)?;
        if page.streams.is_empty() {
            return Ok(found);
        }
        from += page.streams.len();
        found.extend(page.streams.into_iter().filter(|summary| may_have(scope, summary) && wants(&summary.stream)));
    }
}

/// Whether events of a stream may lie in a scope.
fn may_have(scope: &Scope, summary: &StreamSummary) -> bool {
    match scope {
        Scope::Category(category) => summary.stream.category() == &**category,
        Scope::Stream(stream) => summary.stream == *stream,
        Scope::Correlation(_) | Scope::All => true,
    }
}

/// Lets a search go on while nobody wants it to end.
pub fn going(cancel: &Cancel) -> ControlFlow<()> {
    if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}
