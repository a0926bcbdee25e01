//! Sources whose records lie in another order than they are to be walked, or whose layout is known only when everything
//! was looked at: read once from beginning to end by one thread, sorted, and only then shown.
//!
//! Invariant: nothing is published before the whole is in order, so an ordinal never changes.

mod disorder;
mod rows;

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hashbrown::DefaultHashBuilder;

use super::Source;
use super::cache::{Keeper, Kept, Sequence};
use super::index::{Entry, Index, Part, Place};
use super::indexed::{Backing, Indexed};
use crate::domain::{
    About, Cancel, DeclaredStream, Disorder, Event, Failure, FailureKind, Progress, RecordedStates, ShownBy,
    SourceChange, StoredSnapshot, StreamKind, StreamName, Timestamp,
};
use rows::{NOTHING, Names, Rows, UNREADABLE};

/// How long opening waits for a small store, so that it is there, or its fault is told, at once.
const PATIENCE: Duration = Duration::from_millis(250);
/// After so many bad records a store of hardly anything else is given up.
const HOPELESS: usize = 1_000_000;

/// How many records are handed to the index at a time.
const HANDED: usize = 1 << 16;

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

    /// See `Source::recorded`.
    fn recorded(&self, _stream: &StreamName) -> Option<Arc<RecordedStates>> {
        None
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
    fn look(&self) -> Result<SourceChange, Failure> {
        Ok(SourceChange::Same)
    }

    /// What keeps the index between two runs; none for what is not one file, or is not worth it.
    fn keeper(&self) -> Option<&Keeper> {
        None
    }

    /// Tells what the scan learnt beside the index; asked after the scan.
    ///
    /// # Errors
    /// Of the operating system.
    fn save(&self, _out: &mut Kept<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Reads what `save` told, in place of a scan, and gives what takes it over once the index is there too. `None` when it
    /// is not what was told, does not fit what is opened, or `stop` was set: nothing is changed then.
    fn restore<'a>(&'a self, _front: &mut Sequence, _stop: &AtomicBool) -> Option<Restored<'a>> {
        None
    }
}

/// Takes over what was read from the cache.
pub type Restored<'a> = Box<dyn FnOnce() + 'a>;

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

/// What is told during a scan. It is kept in columns, names once each: some 35 bytes a record until all are in order.
pub struct Walk<'a> {
    shared: &'a Shared,
    rows: Rows,
    links: Rows,
    /// Where the links lead.
    to: Vec<Option<u64>>,
    last: Order,
    streams: Names,
    types: Names,
    versions_decide: bool,
    /// By what the rows are shown, and whether they lie as they were written, where both is known.
    lies: Option<(ShownBy, bool)>,
    /// The rows before which something begins that lies in an order of its own.
    parts: Vec<usize>,
    /// How many of the rows are no events.
    troubles: usize,
}

impl<'a> Walk<'a> {
    /// Whether nobody wants the rest any more: the scan should return soon, with anything.
    pub fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed) || self.is_hopeless()
    }

    /// Whether hardly anything is an event: each bad record is kept at its place, and that of a file which is something
    /// else would fill the memory.
    fn is_hopeless(&self) -> bool {
        self.troubles > HOPELESS && self.rows.len() < self.troubles + self.troubles / 8
    }

    /// What stops the scan, to be handed on; also to a thread that works beside the walk.
    pub fn stop(&self) -> &'a AtomicBool {
        &self.shared.stop
    }

    /// Tells how much of how much (bytes, or anything else) has been looked at.
    pub fn progress(&self, done: u64, total: u64) {
        self.shared.done.store(done, Ordering::Relaxed);
        self.shared.total.store(total, Ordering::Relaxed);
        self.shared.found.store(self.rows.len() as u64, Ordering::Relaxed);
    }

    /// The store has no order of its own: within each stream the versions count, whatever else the records are sorted by.
    pub fn versions_decide(&mut self) {
        self.versions_decide = true;
    }

    /// The records are told in the order they lie in, which is that they were written in or means little, and shown by
    /// something else: what lies in another order is told of.
    pub fn lies(&mut self, by: ShownBy, as_written: bool) {
        self.lies = Some((by, as_written));
    }

    /// What follows lies in an order of its own: another table.
    pub fn begins_part(&mut self) {
        self.parts.push(self.rows.len());
    }

    /// A record that is an event.
    pub fn event(&mut self, draft: Draft<'_>) {
        let (stream, event_type) = (self.streams.number(draft.stream), self.types.number(draft.event_type));
        self.last = draft.order;
        self.rows.push(&draft, stream, event_type);
    }

    /// A link: an event of its own stream only. `to` is the `at` of the record it leads to, where that is there.
    pub fn link(&mut self, draft: Draft<'_>, to: Option<u64>) {
        let (stream, event_type) = (self.streams.number(draft.stream), self.types.number(draft.event_type));
        self.links.push(&draft, stream, event_type);
        self.to.push(to);
    }

    /// A record of a stream that is no event: without an order of its own it stands behind the one told before it.
    pub fn unreadable(&mut self, at: u64, order: Option<Order>, stream: &[u8], version: Option<u64>) {
        let order = order.unwrap_or(self.last);
        let stream_number = self.streams.number(stream);
        self.rows.push(&Draft { at, order, stream, event_type: b"", version, time: None }, stream_number, UNREADABLE);
        self.troubles += 1;
    }

    /// A record that is no event, and of no stream: it stands behind the one told before it.
    pub fn trouble(&mut self, at: u64) {
        let draft = Draft { at, order: self.last, stream: b"", event_type: b"", version: None, time: None };
        self.rows.push(&draft, NOTHING, NOTHING);
        self.troubles += 1;
    }

    /// Hands rows over in this order, some at a time. Gives whether there was room for them.
    fn hand_over(
        &self,
        rows: &Rows,
        order: &[u32],
        hasher: &DefaultHashBuilder,
        taken: &mut dyn FnMut(&Part, &[u32]) -> bool,
    ) -> bool {
        let mut part = Part::default();
        for some in order.chunks(HANDED) {
            part.clear();
            for &row in some {
                let row = row as usize;
                let stream = self.streams.name(rows.stream[row]);
                if stream.is_empty() {
                    part.trouble(rows.at(row));
                    continue;
                }
                if rows.event_type[row] == UNREADABLE {
                    part.unreadable(hasher, rows.at(row), stream, rows.version(row));
                    continue;
                }
                let event_type = self.types.name(rows.event_type[row]);
                let entry = Entry { stream, event_type, version: rows.version(row), time: rows.time(row) };
                part.event(hasher, rows.at(row), entry);
            }
            if !taken(&part, some) {
                return false;
            }
        }
        true
    }
}

/// What the scanning thread and the answers share.
#[derive(Default)]
struct Shared {
    index: RwLock<Index>,
    disorder: RwLock<Arc<Disorder>>,
    stop: AtomicBool,
    begun: AtomicBool,
    complete: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    found: AtomicU64,
    ended: Mutex<Ended>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
    renewing: Mutex<()>,
}

#[derive(Default)]
struct Ended {
    ended: bool,
    failed: Option<Failure>,
    /// Whether the thread has nothing more to do: the index is kept, or is not.
    rests: bool,
}

impl Shared {
    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a complete index, of a store with so much to look at.
    fn publish(&self, index: Index, disorder: Disorder, total: u64) {
        *self.disorder.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(disorder);
        let total = total.max(index.len() as u64);
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        self.total.store(total, Ordering::Relaxed);
        self.done.store(total, Ordering::Relaxed);
    }

    /// What lies in another order than the index has.
    fn disorder(&self) -> Arc<Disorder> {
        self.disorder.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The thread is done with everything.
    fn rest(&self) {
        self.lock().rests = true;
        self.changed.notify_all();
    }

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

/// Fills the index. Gives whether it is to be kept.
fn fill<R: Records>(records: &R, shared: &Shared) -> Result<bool, Failure> {
    if let Some(keeper) = records.keeper() {
        keeper.begin();
        if take_over(records, keeper, shared).is_some() {
            return Ok(false);
        }
    }
    scan(records, shared).map(|()| true)
}

/// Fills the index from the records.
fn scan<R: Records>(records: &R, shared: &Shared) -> Result<(), Failure> {
    let mut walk = Walk {
        shared,
        rows: Rows::default(),
        links: Rows::default(),
        to: Vec::new(),
        last: Order::default(),
        streams: Names::default(),
        types: Names::default(),
        versions_decide: false,
        lies: None,
        parts: Vec::new(),
        troubles: 0,
    };
    let scanned = records.scan(&mut walk);
    if walk.is_hopeless() {
        let why = format!("{} of its first {} records cannot be read as events", walk.troubles, walk.rows.len());
        return Err(Failure::new(FailureKind::Malformed, records.name(), "read", why)
            .hint("it seems to be something else: `--layout` and `--map` say how it is to be read"));
    }
    scanned?;
    if walk.is_stopped() {
        return Err(Failure::cancelled(records.name(), "index"));
    }
    let mut fits = walk.rows.len() + walk.links.len() <= Index::MAX_ROWS;
    let mut index = Index::default();
    let key = records.about().key;
    index.set_key(key.clone());
    let mut disorder = Disorder::default();
    if fits {
        let (order, left) = walk.rows.sorted(walk.versions_decide);
        disorder = walk.disorder(&left, key.as_ref());
        let hasher = index.hasher().clone();
        fits = walk.hand_over(&walk.rows, &order, &hasher, &mut |part, _| index.append(part));
        if fits && walk.links.len() > 0 {
            fits = append_links(&walk, &order, &mut index);
        }
    }
    if !fits {
        let why = format!("there are more than {} records", Index::MAX_ROWS);
        return Err(Failure::new(FailureKind::Unsupported, records.name(), "index", why));
    }
    shared.publish(index, disorder, shared.total.load(Ordering::Relaxed));
    Ok(())
}

/// Takes the index from the cache, with what the scan that filled it learnt.
fn take_over<R: Records>(records: &R, keeper: &Keeper, shared: &Shared) -> Option<()> {
    let mut entry = keeper.find()?;
    let total = entry.front.read(|read| read.number())?;
    let mut disorder = disorder::load(&mut entry.front)?;
    let restored = records.restore(&mut entry.front, &shared.stop)?;
    let mut index = entry.index(&DefaultHashBuilder::default())?;
    restored();
    let key = records.about().key;
    disorder::name(&mut disorder, key.as_ref());
    index.set_key(key);
    shared.publish(index, disorder, total);
    Some(())
}

/// Keeps the index, which is complete.
fn keep<R: Records>(records: &R, shared: &Shared) {
    let Some(keeper) = records.keeper() else { return };
    keeper.keep(&shared.index(), |out| {
        out.written(|out| out.number(shared.total.load(Ordering::Relaxed)))?;
        disorder::save(&shared.disorder(), out)?;
        records.save(out)
    });
}

/// Adds the links behind the rows, which stand in this order. Gives whether there was room for them.
fn append_links(walk: &Walk<'_>, order: &[u32], index: &mut Index) -> bool {
    let mut rows: Vec<(u64, u32)> = order.iter().zip(0..).map(|(&row, at)| (walk.rows.at(row as usize), at)).collect();
    rows.sort_unstable();
    let row_of = |at: u64| rows.binary_search_by_key(&at, |&(at, _)| at).ok().map(|found| rows[found].1);
    let links = walk.links.sorted(false).0;
    let hasher = index.hasher().clone();
    let mut taken = |part: &Part, links: &[u32]| {
        index.append_links(part, links.iter().map(|&link| walk.to[link as usize].and_then(row_of)).collect())
    };
    walk.hand_over(&walk.links, &links, &hasher, &mut taken)
}

impl<R: Records> Backing for Sorted<R> {
    fn name(&self) -> String {
        self.records.name()
    }

    fn about(&self) -> About {
        let mut about = self.records.about();
        about.caveats.extend(self.records.keeper().and_then(Keeper::note).map(crate::domain::Caveat::from));
        about.disorder = self.shared.disorder();
        about.caveats.extend(about.disorder.caveats().into_iter().map(crate::domain::Caveat::from));
        about.reasons.extend(about.disorder.reasons());
        let normal = about.disorder.normal(self.shared.index().stream_rows());
        about.normal.extend(normal.into_iter().map(|(finding, why)| (finding.name().to_owned(), why.to_owned())));
        about
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.shared.index()
    }

    fn is_as_begun(&self) -> bool {
        self.records.keeper().is_some_and(Keeper::is_as_begun)
    }

    fn renew(&self) -> bool {
        let _one = self.shared.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.index().is_broken() {
            return true;
        }
        if let Some(keeper) = self.records.keeper() {
            keeper.discard();
        }
        let again = Shared::default();
        let scanned = catch_unwind(AssertUnwindSafe(|| scan(&*self.records, &again)));
        if !matches!(scanned, Ok(Ok(()))) {
            return false;
        }
        let index = std::mem::take(&mut *again.index.write().unwrap_or_else(PoisonError::into_inner));
        let disorder = Disorder::clone(&again.disorder());
        self.shared.publish(index, disorder, self.shared.total.load(Ordering::Relaxed));
        keep(&*self.records, &self.shared);
        true
    }

    fn progress(&self) -> Progress {
        let shared = &self.shared;
        let complete = shared.complete.load(Ordering::Acquire);
        let (events, troubles, streams) = match complete {
            true => {
                let index = self.index();
                (index.len() as u64 - index.troubles(), index.troubles(), index.stream_count() as u64)
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
            let worth_keeping = matches!(result, Ok(true));
            let mut ended = shared.lock();
            ended.ended = true;
            ended.failed = result.err();
            shared.changed.notify_all();
            drop(ended);
            if worth_keeping {
                // What goes wrong with keeping it harms nobody.
                drop(catch_unwind(AssertUnwindSafe(|| keep(&*records, &shared))));
            }
            shared.rest();
        };
        let mut thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner);
        match thread::Builder::new().name("index-0".into()).spawn(scanning) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => {
                let mut ended = self.shared.lock();
                ended.ended = true;
                ended.failed = Some(Failure::io(self.records.name(), "start a thread", &error));
                ended.rests = true;
            }
        }
    }

    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.wait(cancel, told)?;
        let mut ended = self.shared.lock();
        while !ended.rests {
            super::cancelled(&self.records.name(), cancel)?;
            let waited = self.shared.changed.wait_timeout(ended, Duration::from_millis(50));
            ended = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
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

    fn recorded(&self, stream: &StreamName) -> Option<Arc<RecordedStates>> {
        self.records.recorded(stream)
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

    fn look(&self) -> Result<SourceChange, Failure> {
        self.records.look()
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if self.shared.complete.load(Ordering::Acquire) {
            // The index may just be being kept, which takes a moment; half of it would be of no use.
            let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(thread.map(JoinHandle::join));
        }
    }
}
