//! Sources whose records lie in another order than they are to be walked, or whose layout is known only when everything
//! was looked at: read once from beginning to end by one thread, sorted, and only then shown.
//!
//! Invariant: nothing is published before the whole is in order, so an ordinal never changes.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use hashbrown::DefaultHashBuilder;

use super::Source;
use super::index::{Entry, Index, Part, Place};
use super::indexed::{Backing, Indexed};
use crate::domain::{
    About, Cancel, Change, DeclaredStream, Event, Failure, FailureKind, Progress, StoredSnapshot, StreamKind, Timestamp,
};

/// How long opening waits for a small store, so that it is there, or its fault is told, at once.
const PATIENCE: Duration = Duration::from_millis(250);

/// A store whose records are read once from beginning to end, and then again by their places.
pub trait Records: Send + Sync + 'static {
    /// How it is called in messages.
    fn name(&self) -> String;

    /// What is known of it so far; after the scan, everything.
    fn about(&self) -> About;

    /// Looks at every record, in any order, and hands each to the walk.
    ///
    /// # Errors
    /// When it cannot be read, or holds no events. What is only one bad record is told to the walk instead.
    fn scan(&self, walk: &mut Walk<'_>) -> Result<(), Failure>;

    /// The events at these places (`Place::offset` is what the walk was told as `at`, `Place::event` what the index says),
    /// in their order, until `budget` bytes are read (but at least one).
    ///
    /// # Errors
    /// When they cannot be read, or the read was cancelled. A record that is no event is an event with `trouble`.
    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure>;

    /// What a stream of this name is for.
    fn kind_of(&self, _stream: &str) -> StreamKind {
        StreamKind::Domain
    }

    /// See `Source::snapshots`; asked after the scan.
    ///
    /// # Errors
    /// As there.
    fn snapshots(
        &self,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// See `Source::declared`; asked after the scan.
    ///
    /// # Errors
    /// As there.
    fn declared(
        &self,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// See `Source::rows`; asked after the scan.
    ///
    /// # Errors
    /// As there.
    fn rows(
        &self,
        table: &str,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Err(super::no_table(&self.name(), table))
    }

    /// See `Source::look`.
    ///
    /// # Errors
    /// As there.
    fn look(&self) -> Result<Change, Failure> {
        Ok(Change::Same)
    }
}

/// A record as the walk is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Where it can be read again: anything below 2^62.
    pub at: u64,
    /// Where it belongs in the walk of the whole store; records with the same order stay as they were told.
    pub order: Order,
    /// The stream's name in UTF-8, not empty.
    pub stream: &'a [u8],
    /// What happened, in UTF-8.
    pub event_type: &'a [u8],
    /// The place in the stream; `None` is counted.
    pub version: Option<u64>,
    /// When.
    pub time: Option<Timestamp>,
}

/// What records are sorted by: two numbers, the first one first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Order(pub i64, pub i64);

/// What is told during a scan.
pub struct Walk<'a> {
    shared: &'a Shared,
    hasher: DefaultHashBuilder,
    /// The records, as they were told.
    rows: Vec<(Order, Told)>,
    /// The links, as they were told.
    links: Vec<(Order, Told, Option<u64>)>,
    last: Order,
    names: Vec<u8>,
}

/// A record as it is kept until all are there; names lie in `Walk::names`.
#[derive(Clone, Copy)]
struct Told {
    at: u64,
    stream: (u32, u32),
    event_type: (u32, u32),
    version: Option<u64>,
    time: Option<Timestamp>,
}

impl<'a> Walk<'a> {
    /// Whether nobody wants the rest any more: the scan should return soon, with anything.
    pub fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// What stops the scan, to be handed on.
    pub fn stop(&self) -> &'a AtomicBool {
        &self.shared.stop
    }

    /// Tells how much of how much (bytes, or anything else) has been looked at.
    pub fn progress(&self, done: u64, total: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
        self.shared.total.store(total, Ordering::Relaxed);
        self.shared.found.store(self.rows.len() as u64, Ordering::Relaxed);
    }

    /// A record that is an event.
    pub fn event(&mut self, draft: Draft<'_>) {
        let told = self.keep(&draft);
        self.last = draft.order;
        self.rows.push((draft.order, told));
    }

    /// A link: an event of its own stream only. `to` is the `at` of the record it leads to, where that is there.
    pub fn link(&mut self, draft: Draft<'_>, to: Option<u64>) {
        let told = self.keep(&draft);
        self.links.push((draft.order, told, to));
    }

    /// A record that is no event: it stands behind the one told before it.
    pub fn trouble(&mut self, at: u64) {
        let none = (0, 0);
        self.rows.push((self.last, Told { at, stream: none, event_type: none, version: None, time: None }));
    }

    fn keep(&mut self, draft: &Draft<'_>) -> Told {
        let mut name = |name: &[u8]| {
            // Neighbours often share their names: those are kept once.
            let start = self.names.len() as u32;
            self.names.extend_from_slice(name);
            (start, self.names.len() as u32)
        };
        let stream = name(draft.stream);
        let event_type = match self.rows.last() {
            Some((_, last)) if &self.names[span(last.event_type)] == draft.event_type => last.event_type,
            _ => {
                let start = self.names.len() as u32;
                self.names.extend_from_slice(draft.event_type);
                (start, self.names.len() as u32)
            }
        };
        Told { at: draft.at, stream, event_type, version: draft.version, time: draft.time }
    }

    fn part(&self, part: &mut Part, told: &Told) {
        let (stream, event_type) = (&self.names[span(told.stream)], &self.names[span(told.event_type)]);
        if stream.is_empty() {
            part.trouble(told.at);
        } else {
            let entry = Entry { stream, event_type, version: told.version, time: told.time };
            part.event(&self.hasher, told.at, entry);
        }
    }
}

fn span((start, end): (u32, u32)) -> std::ops::Range<usize> {
    start as usize..end as usize
}

/// What the scanning thread and the answers share.
#[derive(Default)]
struct Shared {
    index: RwLock<Index>,
    stop: AtomicBool,
    begun: AtomicBool,
    complete: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    found: AtomicU64,
    ended: Mutex<Ended>,
    changed: Condvar,
}

#[derive(Default)]
struct Ended {
    ended: bool,
    failed: Option<Failure>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records behind an index that is filled when all of them are known.
struct Sorted<R: Records> {
    records: Arc<R>,
    shared: Arc<Shared>,
}

/// Opens records as a source. A small store is read at once; a larger one in the background from the beginning.
///
/// # Errors
/// What made a small store unreadable.
pub fn open<R: Records>(records: R) -> Result<Arc<dyn Source>, Failure> {
    let sorted = Sorted { records: Arc::new(records), shared: Arc::default() };
    sorted.begin();
    let deadline = Instant::now() + PATIENCE;
    let mut ended = sorted.shared.lock();
    while !ended.ended && Instant::now() < deadline {
        ended = sorted.shared.changed.wait_timeout(ended, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
    }
    if let Some(failure) = ended.failed.take() {
        return Err(failure);
    }
    drop(ended);
    Ok(Arc::new(Indexed::new(sorted)))
}

fn fill<R: Records>(records: &R, shared: &Shared) -> Result<(), Failure> {
    let hasher = shared.index.read().unwrap_or_else(PoisonError::into_inner).hasher().clone();
    let mut walk =
        Walk { shared, hasher, rows: Vec::new(), links: Vec::new(), last: Order::default(), names: Vec::new() };
    records.scan(&mut walk)?;
    if walk.is_stopped() {
        return Err(Failure::new(FailureKind::Cancelled, records.name(), "index", "nobody wants it any more"));
    }
    // Stable: what has no order of its own stays as it lies.
    if !walk.rows.is_sorted_by_key(|(order, _)| *order) {
        walk.rows.sort_by_key(|(order, _)| *order);
    }
    walk.links.sort_by_key(|(order, _, _)| *order);
    let mut part = Part::default();
    walk.rows.iter().for_each(|(_, told)| walk.part(&mut part, told));
    let mut index = shared.index.write().unwrap_or_else(PoisonError::into_inner);
    let mut fits = index.append(&part);
    if fits && !walk.links.is_empty() {
        part.clear();
        walk.links.iter().for_each(|(_, told, _)| walk.part(&mut part, told));
        let mut rows: Vec<(u64, u32)> = walk.rows.iter().zip(0..).map(|((_, told), row)| (told.at, row)).collect();
        rows.sort_unstable();
        let row_of = |at: u64| rows.binary_search_by_key(&at, |&(at, _)| at).ok().map(|found| rows[found].1);
        fits = index.append_links(&part, walk.links.iter().map(|(_, _, to)| to.and_then(row_of)).collect());
    }
    if !fits {
        let why = format!("there are more than {} records", Index::MAX_ROWS);
        return Err(Failure::new(FailureKind::Unsupported, records.name(), "index", why));
    }
    let total = shared.total.load(Ordering::Relaxed).max(index.len() as u64);
    shared.total.store(total, Ordering::Relaxed);
    shared.done.store(total, Ordering::Relaxed);
    Ok(())
}

impl<R: Records> Backing for Sorted<R> {
    fn name(&self) -> String {
        self.records.name()
    }

    fn about(&self) -> About {
        self.records.about()
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.shared.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> Progress {
        let shared = &self.shared;
        let complete = shared.complete.load(Ordering::Acquire);
        let (events, troubles, streams) = match complete {
            true => {
                let index = self.index();
                (index.len() as u64 - index.troubles(), index.troubles(), index.streams().len() as u64)
            }
            false => (shared.found.load(Ordering::Relaxed), 0, 0),
        };
        let (done, total) = (shared.done.load(Ordering::Relaxed), shared.total.load(Ordering::Relaxed));
        Progress { done, total, events, troubles, streams, complete }
    }

    fn begin(&self) {
        if self.shared.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        let (records, shared) = (self.records.clone(), self.shared.clone());
        let scanning = move || {
            // A bug in here must end as a message, not as a wait for ever.
            let result = catch_unwind(AssertUnwindSafe(|| fill(&*records, &shared))).unwrap_or_else(|_| {
                let why = "a bug in stepback: reading panicked";
                Err(Failure::new(FailureKind::Other, records.name(), "index", why))
            });
            if result.is_ok() {
                shared.complete.store(true, Ordering::Release);
            }
            let mut ended = shared.lock();
            ended.ended = true;
            ended.failed = result.err();
            shared.changed.notify_all();
        };
        if let Err(error) = thread::Builder::new().name("index-0".into()).spawn(scanning) {
            let mut ended = self.shared.lock();
            ended.ended = true;
            ended.failed = Some(Failure::io(self.records.name(), "start a thread", &error));
        }
    }

    fn wait(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        loop {
            super::cancelled(&self.records.name(), cancel)?;
            let progress = self.progress();
            told(progress);
            if progress.complete {
                return Ok(());
            }
            let ended = self.shared.lock();
            match (&ended.failed, ended.ended) {
                (Some(failure), _) => return Err(failure.clone()),
                (None, true) => {}
                (None, false) => drop(self.shared.changed.wait_timeout(ended, Duration::from_millis(50))),
            }
        }
    }

    fn failed(&self) -> Option<Failure> {
        self.shared.lock().failed.clone()
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        self.records.events(places, budget, cancel)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        self.records.kind_of(stream)
    }

    fn snapshots(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.wait(cancel, &mut |_| ())?;
        self.records.snapshots(cancel, told)
    }

    fn declared(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.wait(cancel, &mut |_| ())?;
        self.records.declared(cancel, told)
    }

    fn rows(
        &self,
        table: &str,
        cancel: &Cancel,
        told: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.wait(cancel, &mut |_| ())?;
        self.records.rows(table, cancel, told)
    }

    fn look(&self) -> Result<Change, Failure> {
        self.records.look()
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}
