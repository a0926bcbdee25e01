//! Fills the index of a file: its beginning at once, the rest by two threads.
//!
//! The file is cut into stretches, which the threads read in any order; what they find is appended in the order of the
//! file. A record is taken for what its front says: the fields the index keeps. What is broken behind them is found when
//! the record is read, or by [`super::check`], and counted from then on; the row stays where it is.
//!
//! Invariant: a thread never runs more than a few stretches ahead of the index, so memory is bounded however slow one
//! stretch is.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hashbrown::DefaultHashBuilder;

use super::check::Check;
use super::envelope::{Indexer, Kept};
use super::keep::{Keeper, Loaded};
use super::mapping::Mapping;
use super::stretch::{self, Lines, STRETCH};
use crate::domain::{Cancel, Failure, FailureKind, Progress};
use crate::sources::feed::Feed;
use crate::sources::index::{Index, Part};

/// How many threads read.
pub const THREADS: usize = 2;
/// How many stretches may wait for an earlier one.
const AHEAD: u64 = 4;
/// The index of a file and what fills it.
pub struct Build {
    feed: Arc<Feed>,
    mapping: Arc<Mapping>,
    hasher: DefaultHashBuilder,
    index: RwLock<Index>,
    handed: Mutex<Handed>,
    work: Mutex<Work>,
    changed: Condvar,
    stop: AtomicBool,
    begun: AtomicBool,
    done: AtomicU64,
    events: AtomicU64,
    troubles: AtomicU64,
    streams: AtomicU64,
    complete: AtomicBool,
    /// The offsets of records that were taken for events and are none, as far as that was found.
    broken: Mutex<BTreeSet<u64>>,
    check: Check,
    /// Whether the check met payloads that are meant to hold JSON as text, which it does not look into.
    has_texts: AtomicBool,
    keeper: Option<Keeper>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    renewing: Mutex<()>,
}

/// What was given to the threads so far.
struct Handed {
    stretches: u64,
    upto: u64,
}

/// What came back from them.
#[derive(Default)]
struct Work {
    appended: u64,
    waiting: BTreeMap<u64, Part>,
    spare: Vec<Part>,
    failed: Option<Failure>,
    threads: usize,
}

impl Build {
    /// Indexes the records that begin before `head`; if that is all there is, the index is complete. The rest is taken from
    /// what the keeper has, as far as that reaches.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(
        feed: Arc<Feed>,
        mapping: Arc<Mapping>,
        head: u64,
        keeper: Option<Keeper>,
    ) -> Result<Arc<Self>, Failure> {
        let mut index = Index::new(0);
        index.set_key(mapping.key());
        let build = Self {
            hasher: index.hasher().clone(),
            index: RwLock::new(index),
            handed: Mutex::new(Handed { stretches: 0, upto: head }),
            work: Mutex::default(),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            done: AtomicU64::new(0),
            events: AtomicU64::new(0),
            troubles: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            complete: AtomicBool::new(false),
            broken: Mutex::default(),
            check: Check::default(),
            has_texts: AtomicBool::new(false),
            keeper,
            threads: Mutex::default(),
            renewing: Mutex::default(),
            feed,
            mapping,
        };
        let mut part = Part::default();
        let mut indexer = Indexer::new(build.mapping.clone());
        build.read((0, head), &mut Vec::new(), &mut indexer, &mut part)?;
        build.append(&part)?;
        let arrived = build.feed.arrived();
        if arrived.finished && head >= arrived.upto {
            if let Some(failure) = arrived.failed {
                return Err(failure);
            }
            build.complete.store(true, Ordering::Release);
        }
        Ok(Arc::new(build))
    }

    /// The index as far as it is.
    pub fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        // Read first: once it is set, all counts are final.
        let complete = self.complete.load(Ordering::Acquire);
        let broken = self.broken().len() as u64;
        let arrived = self.feed.arrived();
        let total = if arrived.finished { arrived.upto } else { 0 };
        Progress {
            done: self.done.load(Ordering::Relaxed),
            total,
            events: self.events.load(Ordering::Relaxed).saturating_sub(broken),
            troubles: self.troubles.load(Ordering::Relaxed) + broken,
            streams: self.streams.load(Ordering::Relaxed),
            complete,
        }
    }

    /// The bytes of the file.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// How its lines are read.
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// Looks at all of what was taken for an event by its front, and keeps what was found.
    ///
    /// # Errors
    /// As [`Check::run`].
    pub fn run_check(self: &Arc<Self>, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.wait(cancel, &mut |_| ())?;
        self.check.run(self, cancel, told)?;
        if self.index().is_broken() {
            // What broke is filled again, and cannot break again.
            self.renew()?;
            self.check.run(self, cancel, told)?;
        }
        if let Some(keeper) = &self.keeper {
            keeper.keep(self);
        }
        Ok(())
    }

    /// Whether some payload, as far as was checked, is meant to hold JSON as text, which nobody looked into.
    pub fn has_texts(&self) -> bool {
        self.has_texts.load(Ordering::Relaxed)
    }

    /// The check met one.
    pub fn found_texts(&self) {
        self.has_texts.store(true, Ordering::Relaxed);
    }

    /// How far it was checked.
    pub fn check(&self) -> &Check {
        &self.check
    }

    /// Whether the file is certainly what it was when its reading began.
    pub fn is_as_begun(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::is_as_begun)
    }

    /// Why no index is kept, if one should be.
    pub fn note(&self) -> Option<String> {
        self.keeper.as_ref()?.note()
    }

    /// What ends all work for this file.
    pub fn stopped(&self) -> &AtomicBool {
        &self.stop
    }

    /// The records that were taken for events by their fronts and found to be none, by their offsets.
    pub fn broken(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the index will not grow any more.
    pub fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Acquire)
    }

    /// Why the index will never be complete.
    pub fn failed(&self) -> Option<Failure> {
        self.lock().failed.clone()
    }

    /// Starts the threads, the first time.
    pub fn begin(self: &Arc<Self>) {
        if self.is_complete() || self.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(keeper) = &self.keeper {
            keeper.begin();
        }
        // Whether there is a kept index decides what is left to be read.
        self.lock().threads = 1;
        self.spawn(0);
    }

    /// Starts a thread, which was counted.
    fn spawn(self: &Arc<Self>, number: usize) {
        let build = self.clone();
        match thread::Builder::new().name(format!("index-{number}")).spawn(move || build.thread(number)) {
            Ok(handle) => self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(handle),
            Err(e) => {
                self.ended(Err(Failure::io(self.feed.name(), "start a thread", &e)));
            }
        }
    }

    /// Takes over the kept index, if there is one that goes on from what is known.
    fn resume(&self) -> Result<(), Failure> {
        let Some(loaded) = self.keeper.as_ref().and_then(|keeper| keeper.load(&self.hasher)) else {
            return Ok(());
        };
        let Loaded { index: kept, length, checked, has_texts, broken } = loaded;
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        let unfinished = if length < self.feed.arrived().upto { self.unfinished(length)? } else { None };
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        // After growth more is known than was kept.
        if !index.is_beginning_of(&kept) || kept.end() > length {
            return Ok(());
        }
        *index = kept;
        index.set_key(self.mapping.key());
        let start = unfinished.map_or(index.end(), |line| index.reopen(line));
        handed.upto = start;
        let known = unfinished.unwrap_or(start);
        self.check.resume(checked.min(known));
        self.has_texts.fetch_or(has_texts, Ordering::Relaxed);
        self.broken().extend(broken.into_iter().filter(|&offset| offset < known));
        self.count(&index);
        Ok(())
    }

    /// Reads the file again where what was kept of its index turned out broken, and waits for that.
    ///
    /// # Errors
    /// Why there is no index now.
    pub fn renew(self: &Arc<Self>) -> Result<(), Failure> {
        let _one = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let never = Cancel::default();
        // What goes on from a broken index ends first, whatever came of it.
        drop(self.wait(&never, &mut |_| ()));
        if !self.index().is_broken() {
            return Ok(());
        }
        {
            let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
            let mut work = self.lock();
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            *index = Index::hashed(&self.hasher);
            index.set_key(self.mapping.key());
            drop(index);
            *handed = Handed { stretches: 0, upto: 0 };
            (work.appended, work.failed) = (0, None);
            work.waiting.clear();
        }
        self.broken().clear();
        self.check.back_to(0);
        if let Some(keeper) = &self.keeper {
            keeper.forget();
        }
        self.complete.store(false, Ordering::Release);
        self.begun.store(false, Ordering::Release);
        self.begin();
        self.wait(&never, &mut |_| ())
    }

    /// Waits until the index is complete.
    ///
    /// # Errors
    /// `Cancelled`, or why it will never be complete.
    pub fn wait(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        loop {
            self.feed.cancelled(cancel)?;
            let progress = self.progress();
            told(progress);
            if progress.complete {
                return Ok(());
            }
            let work = self.lock();
            if let Some(failure) = &work.failed {
                return Err(failure.clone());
            }
            if !self.is_complete() {
                drop(self.changed.wait_timeout(work, Duration::from_millis(50)));
            }
        }
    }

    /// Waits until the index has more than so many rows, or is complete.
    ///
    /// # Errors
    /// `Cancelled`, or why there will never be more.
    pub fn wait_for_more(&self, rows: usize, cancel: &Cancel) -> Result<(), Failure> {
        loop {
            self.feed.cancelled(cancel)?;
            let work = self.lock();
            if let Some(failure) = &work.failed {
                return Err(failure.clone());
            }
            if self.is_complete() || self.index().len() > rows {
                return Ok(());
            }
            drop(self.changed.wait_timeout(work, Duration::from_millis(50)));
        }
    }

    /// Goes on to where the file ends now, if it has grown since the index was complete.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn grow(self: &Arc<Self>, length: u64) -> Result<(), Failure> {
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.feed.arrived().upto;
        if !self.is_complete() || self.failed().is_some() || length <= old {
            return Ok(());
        }
        let unfinished = self.unfinished(old)?;
        let start = match unfinished {
            None => old,
            Some(line) => {
                // What its front says may still hold; what was wrong behind that may not.
                self.broken().retain(|&offset| offset < line);
                let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
                let start = index.reopen(line);
                self.count(&index);
                start
            }
        };
        self.feed.extend(length);
        handed.upto = start;
        self.check.back_to(unfinished.unwrap_or(start));
        self.complete.store(false, Ordering::Release);
        self.begun.store(false, Ordering::Release);
        drop(handed);
        self.begin();
        Ok(())
    }

    /// Where the last line begins, when no line feed ends it.
    fn unfinished(&self, end: u64) -> Result<Option<u64>, Failure> {
        let mut to = end;
        let mut buffer = vec![0; 64 << 10];
        while to > 0 {
            let from = to.saturating_sub(buffer.len() as u64);
            let block = &mut buffer[..(to - from) as usize];
            let count = self.feed.read_at(from, block).map_err(|e| self.feed.failure(&e))?;
            if let Some(at) = memchr::memrchr(b'\n', &block[..count]) {
                let start = from + at as u64 + 1;
                return Ok((start < end).then_some(start));
            }
            to = from;
        }
        Ok((end > 0).then_some(0))
    }

    /// Asks the threads to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        if self.is_complete() {
            // The index may just be being kept, which takes a moment; half of it would be of no use.
            let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
            for thread in threads {
                drop(thread.join());
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread(self: &Arc<Self>, number: usize) {
        // A bug in here must end as a message, not as a wait for ever.
        let run = || {
            if number == 0 {
                self.resume()?;
                for other in 1..THREADS {
                    self.lock().threads += 1;
                    self.spawn(other);
                }
            }
            self.stretches()
        };
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::Other, self.feed.name(), "index", "a bug in stepback: indexing panicked"))
        });
        if self.ended(result)
            && let Some(keeper) = &self.keeper
        {
            // What goes wrong with keeping it harms nobody.
            drop(catch_unwind(AssertUnwindSafe(|| keeper.keep(self))));
        }
    }

    /// A thread has ended. Gives whether it was the last one, and the index is complete.
    fn ended(&self, result: Result<(), Failure>) -> bool {
        let mut work = self.lock();
        if let Err(failure) = result {
            work.failed.get_or_insert(failure);
            self.stop.store(true, Ordering::Relaxed);
        }
        work.threads = work.threads.saturating_sub(1);
        if work.threads == 0 && work.failed.is_none() && !self.stop.load(Ordering::Relaxed) {
            self.complete.store(true, Ordering::Release);
        }
        self.changed.notify_all();
        work.threads == 0 && self.is_complete()
    }

    fn stretches(&self) -> Result<(), Failure> {
        let mut buffer = Vec::new();
        let mut indexer = Indexer::new(self.mapping.clone());
        while let Some((number, start, end)) = self.next()? {
            let Some(mut part) = self.turn(number) else { break };
            part.clear();
            if !self.read((start, end), &mut buffer, &mut indexer, &mut part)? {
                break;
            }
            self.hand_in(number, part)?;
        }
        Ok(())
    }

    /// The next stretch nobody has: its number and its bounds.
    fn next(&self) -> Result<Option<(u64, u64, u64)>, Failure> {
        let mut handed = self.handed.lock().unwrap_or_else(PoisonError::into_inner);
        let arrived = self.feed.wait_beyond(handed.upto, &self.stop);
        if self.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let start = handed.upto;
        if arrived.upto <= start {
            return arrived.failed.map_or(Ok(None), Err);
        }
        handed.upto = arrived.upto.min(start + STRETCH);
        handed.stretches += 1;
        Ok(Some((handed.stretches - 1, start, handed.upto)))
    }

    /// Waits until a stretch is near enough to the end of the index; gives a part to fill.
    fn turn(&self, number: u64) -> Option<Part> {
        let mut work = self.lock();
        while number >= work.appended + AHEAD {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            work = self.changed.wait_timeout(work, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(work.spare.pop().unwrap_or_default())
    }

    fn hand_in(&self, number: u64, part: Part) -> Result<(), Failure> {
        let mut work = self.lock();
        work.waiting.insert(number, part);
        loop {
            let next = work.appended;
            let Some(part) = work.waiting.remove(&next) else { break };
            self.append(&part)?;
            work.spare.push(part);
            work.appended += 1;
        }
        drop(work);
        self.changed.notify_all();
        Ok(())
    }

    fn append(&self, part: &Part) -> Result<(), Failure> {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if !index.append(part) {
            let why = format!("there are more than {} records", Index::MAX_ROWS);
            return Err(Failure::new(FailureKind::Unsupported, self.feed.name(), "index", why));
        }
        self.count(&index);
        Ok(())
    }

    /// Makes known how much the index holds.
    fn count(&self, index: &Index) {
        self.done.store(index.end(), Ordering::Relaxed);
        self.events.store(index.len() as u64 - index.troubles(), Ordering::Relaxed);
        self.troubles.store(index.troubles(), Ordering::Relaxed);
        self.streams.store(index.stream_count() as u64, Ordering::Relaxed);
    }

    /// Finds the records that begin in a stretch. Gives `false` when stopped.
    fn read(
        &self,
        bounds: (u64, u64),
        buffer: &mut Vec<u8>,
        indexer: &mut Indexer,
        part: &mut Part,
    ) -> Result<bool, Failure> {
        let mut finding = Finding { hasher: &self.hasher, indexer, part };
        let Some(end) = stretch::read(&self.feed, bounds, buffer, &self.stop, &mut finding)? else {
            return Ok(false);
        };
        part.finish(end);
        Ok(true)
    }
}

/// Puts what the lines of a stretch say into a part.
struct Finding<'a> {
    hasher: &'a DefaultHashBuilder,
    indexer: &'a mut Indexer,
    part: &'a mut Part,
}

impl Lines for Finding<'_> {
    fn line(&mut self, offset: u64, text: &[u8]) -> usize {
        let (hasher, part) = (self.hasher, &mut *self.part);
        self.indexer.line(text, |kept| match kept {
            Kept::Event(entry) => part.event(hasher, offset, entry),
            Kept::Unreadable(belongs) => part.unreadable(hasher, offset, &belongs.stream, belongs.version),
            Kept::Unfinished(belongs) => part.unfinished(hasher, offset, &belongs.stream, belongs.version),
            Kept::Nothing => part.trouble(offset),
        })
    }

    fn blank(&mut self) {
        self.part.blank();
    }

    fn oversize(&mut self, offset: u64, size: u64, front: &[u8]) {
        self.part.oversize(size);
        match self.indexer.front(front) {
            Some(belongs) => self.part.unfinished(self.hasher, offset, &belongs.stream, belongs.version),
            None => self.part.trouble(offset),
        }
    }
}
