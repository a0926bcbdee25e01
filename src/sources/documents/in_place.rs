//! Documents shown as they lie: indexed by one thread from beginning to end, and readable while it goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::format::Reading;
use super::records::{Documents, Found, Remarked};
use crate::domain::{About, Cancel, Event, Failure, FailureKind, Progress, SourceChange, StreamKind};
use crate::sources::Source;
use crate::sources::cache::Keeper;
use crate::sources::index::{Entry, Index, Part, Place};
use crate::sources::indexed::{Backing, Indexed};

/// How many records are published at a time.
const BATCH: usize = 1024;
/// How near to the end of what has arrived of a pipe every record is published at once.
const NEAR: u64 = 64 << 10;
/// How long opening waits for the first records, or for all of a small file.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the thread and the answers share.
#[derive(Default)]
struct Shared {
    index: RwLock<Index>,
    stop: AtomicBool,
    begun: AtomicBool,
    complete: AtomicBool,
    done: AtomicU64,
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
    fn lock(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, part: &mut Part, upto: u64, name: &str) -> Result<(), Failure> {
        part.finish(upto);
        let fits = self.index.write().unwrap_or_else(PoisonError::into_inner).append(part);
        part.clear();
        self.done.store(upto, Ordering::Relaxed);
        if !fits {
            let why = format!("there are more than {} records", Index::MAX_ROWS);
            return Err(Failure::new(FailureKind::Unsupported, name, "index", why));
        }
        Ok(())
    }
}

struct InPlace {
    documents: Arc<Documents>,
    shared: Arc<Shared>,
}

/// Opens documents as a source.
///
/// # Errors
/// When a small file cannot be read.
pub fn open(documents: Documents) -> Result<Arc<dyn Source>, Failure> {
    let opened = InPlace { documents: Arc::new(documents), shared: Arc::default() };
    opened.begin();
    let deadline = Instant::now() + PATIENCE;
    let mut ended = opened.shared.lock();
    while !ended.ended && Instant::now() < deadline {
        ended = opened.shared.changed.wait_timeout(ended, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
    }
    let failed = ended.failed.clone();
    drop(ended);
    match failed {
        Some(failure) if opened.index().len() == 0 => Err(failure),
        _ => Ok(Arc::new(Indexed::new(opened))),
    }
}

/// Fills the index. Gives whether it is to be kept.
fn fill(documents: &Documents, shared: &Shared) -> Result<bool, Failure> {
    if let Some(keeper) = &documents.keeper {
        keeper.begin();
        if take_over(documents, keeper, shared).is_some() {
            return Ok(false);
        }
    }
    scan(documents, shared).map(|()| true)
}

/// Fills the index from the documents.
fn scan(documents: &Documents, shared: &Shared) -> Result<(), Failure> {
    documents.remarked.clear();
    shared.index.write().unwrap_or_else(PoisonError::into_inner).set_key(documents.about.key.clone());
    let hasher = shared.index().hasher().clone();
    let feed = documents.feeds[0].clone();
    let (mut part, mut rows) = (Part::default(), 0);
    let end = documents.scan(0, &shared.stop, &mut |found, upto| {
        match found {
            Found::Blank => part.blank(),
            Found::Large(offset, size) => {
                part.oversize(size);
                part.trouble(offset);
            }
            Found::Record(offset, Reading::Bad(bad)) => match &bad.stream {
                Some(stream) => part.unreadable(&hasher, offset, stream.as_bytes(), bad.version),
                None => part.trouble(offset),
            },
            Found::Record(_, Reading::Aside) => {
                documents.remarked.asides.fetch_add(1, Ordering::Relaxed);
                part.blank();
            }
            Found::Record(offset, Reading::Event(basics)) => {
                let entry = Entry {
                    stream: basics.stream.as_bytes(),
                    event_type: basics.event_type.as_bytes(),
                    version: basics.version,
                    time: basics.time,
                };
                part.event(&hasher, offset, entry);
            }
        }
        rows += 1;
        let waits = feed.is_pipe() && feed.arrived().upto.saturating_sub(upto) < NEAR;
        if rows >= BATCH || waits {
            shared.append(&mut part, upto, &documents.name)?;
            rows = 0;
        }
        Ok(!shared.stop.load(Ordering::Relaxed))
    })?;
    shared.append(&mut part, end, &documents.name)
}

/// Takes the index from the cache; nothing is shown before that was tried.
fn take_over(documents: &Documents, keeper: &Keeper, shared: &Shared) -> Option<()> {
    let mut entry = keeper.find()?;
    let remarked = Remarked::restored(&mut entry.front)?;
    let hasher = shared.index().hasher().clone();
    let mut index = entry.index(&hasher)?;
    index.set_key(documents.about.key.clone());
    documents.remarked.set(remarked);
    *shared.index.write().unwrap_or_else(PoisonError::into_inner) = index;
    Some(())
}

/// Keeps the index, which is complete.
fn keep(documents: &Documents, shared: &Shared) {
    if let Some(keeper) = &documents.keeper {
        keeper.keep(&shared.index(), |out| documents.remarked.save(out));
    }
}

impl Backing for InPlace {
    fn look(&self) -> Result<SourceChange, Failure> {
        self.documents.look()
    }

    fn name(&self) -> String {
        self.documents.name.clone()
    }

    fn about(&self) -> About {
        let mut about = self.documents.about();
        about.caveats.extend(self.documents.keeper.as_ref().and_then(Keeper::note).map(crate::domain::Caveat::from));
        about
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.shared.index()
    }

    fn is_as_begun(&self) -> bool {
        self.documents.keeper.as_ref().is_some_and(Keeper::is_as_begun)
    }

    fn renew(&self) -> bool {
        let _one = self.shared.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.index().is_broken() {
            return true;
        }
        if let Some(keeper) = &self.documents.keeper {
            keeper.discard();
        }
        let again = Shared::default();
        let scanned = catch_unwind(AssertUnwindSafe(|| scan(&self.documents, &again)));
        if !matches!(scanned, Ok(Ok(()))) {
            return false;
        }
        let index = std::mem::take(&mut *again.index.write().unwrap_or_else(PoisonError::into_inner));
        *self.shared.index.write().unwrap_or_else(PoisonError::into_inner) = index;
        keep(&self.documents, &self.shared);
        true
    }

    fn progress(&self) -> Progress {
        // Read first: once it is set, all counts are final.
        let complete = self.shared.complete.load(Ordering::Acquire);
        let arrived = self.documents.feeds[0].arrived();
        let total = if arrived.finished { arrived.upto } else { 0 };
        let done = if complete { total } else { self.shared.done.load(Ordering::Relaxed) };
        let index = self.index();
        Progress {
            done,
            total,
            events: index.len() as u64 - index.troubles(),
            troubles: index.troubles(),
            streams: index.stream_count() as u64,
            complete,
        }
    }

    fn begin(&self) {
        if self.shared.begun.swap(true, Ordering::AcqRel) {
            return;
        }
        let (documents, shared) = (self.documents.clone(), self.shared.clone());
        let indexing = move || {
            // A bug in here must end as a message, not as a wait for ever.
            let result = catch_unwind(AssertUnwindSafe(|| fill(&documents, &shared))).unwrap_or_else(|_| {
                let why = "a bug in stepback: indexing panicked";
                Err(Failure::new(FailureKind::Other, documents.name.as_str(), "index", why))
            });
            let complete = result.is_ok() && !shared.stop.load(Ordering::Relaxed);
            shared.complete.store(complete, Ordering::Release);
            let worth_keeping = complete && matches!(result, Ok(true));
            let mut ended = shared.lock();
            ended.ended = true;
            ended.failed = result.err();
            shared.changed.notify_all();
            drop(ended);
            if worth_keeping {
                // What goes wrong with keeping it harms nobody.
                drop(catch_unwind(AssertUnwindSafe(|| keep(&documents, &shared))));
            }
            shared.lock().rests = true;
            shared.changed.notify_all();
        };
        let mut thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner);
        match thread::Builder::new().name("index-0".into()).spawn(indexing) {
            Ok(handle) => *thread = Some(handle),
            Err(error) => {
                let mut ended = self.shared.lock();
                ended.ended = true;
                ended.failed = Some(Failure::io(self.documents.name.as_str(), "start a thread", &error));
                ended.rests = true;
            }
        }
    }

    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.wait(cancel, told)?;
        let mut ended = self.shared.lock();
        while !ended.rests {
            crate::sources::cancelled(&self.documents.name, cancel)?;
            let waited = self.shared.changed.wait_timeout(ended, Duration::from_millis(50));
            ended = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    fn wait(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        loop {
            crate::sources::cancelled(&self.documents.name, cancel)?;
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
        self.documents.events(places, budget, cancel)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        self.documents.format.kind_of(stream)
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
