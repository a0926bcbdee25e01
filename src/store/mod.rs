//! The embedded store: append-only, immutable, replayable. A journal, and an index of it.
//!
//! ```text
//! STORE/journal/000001.evj …   the truth: records of batches (`segment`, `batch`), one fdatasync an acknowledged write
//! STORE/journal/head           how far it is acknowledged (`head`)
//! STORE/index/                 sled: columns in blocks, snapshots, read models (`index`, `snapshot`, `projection`)
//! STORE/index/lookup           where one append finds a stream and an id (`lookup`, `appender`)
//! STORE/index/told             the head as of when the index was written (`head`)
//! STORE/lock                   who is writing (`lock`)
//! ```
//!
//! Invariant: an acknowledged batch is on disk, whole, once, at its place, for ever; there is no way to change or remove
//! an event. What is not so on disk is said: a torn tail, damage with its place, an index set aside.
//!
//! Writer and viewers read through the same [`History`], which finds events by columns in memory (`catalog`) and reads
//! them from the journal. Only the writer opens sled, which knows no opening for reading only: it keeps the columns there
//! so that opening need not read the journal, while a viewer builds its own from the first part of each record. That
//! costs a viewer about half a second of CPU a million events, in the background, and makes it independent of the
//! index: it works beside a writer, on a full disk, and in a directory it may not write to.

mod append;
mod appender;
mod batch;
mod catalog;
mod codec;
mod disk;
mod error;
mod head;
mod history;
mod ids;
mod index;
mod journal;
mod lock;
mod lookup;
mod open;
mod projection;
mod segment;
mod snapshot;
mod subscription;
mod verify;
mod viewer;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

pub use append::{Appended, Expected, MAX_NAME, NewEvent, Origin, Taken, TakenOver, fingerprint};
pub use appender::Appender;
pub use disk::{Fate, Faults, Operation, Options};
pub use error::{Damage, Notice, StoreError};
pub use history::History;
pub use projection::{Fold, ProjectionStatus, ReadModel};
pub use snapshot::Snapshot;
pub use subscription::Subscription;
pub use verify::{IndexState, Report, verify};
pub use viewer::Viewer;

use crate::domain::{Cancel, Event, StreamName, Version};
use disk::{Disk, recorded};
use index::Index;
use journal::{Grows, Journal, Segments};
use lock::Lock;
use open::{Opened, open_index, prepare, read_head};
use writer::{Answer, Ticket, Work, Writer};

/// Whether a directory is a store, whole or not: one that lost its first segment, or all of them, is still one.
pub fn is_store(directory: &Path) -> bool {
    let journal = directory.join("journal");
    segment::path(&journal, 1).is_file()
        || matches!(read_head(&journal), Ok(Some(_)))
        || segment::list(&journal).is_ok_and(|numbers| !numbers.is_empty())
        || (index::is_index(directory) && directory.join("lock").is_file())
}

/// A store opened for writing; there is one at a time. It may be shared among threads.
pub struct Store {
    history: Arc<History>,
    queue: Mutex<Vec<(Work, Ticket)>>,
    writer: Mutex<Writer>,
    index: Result<Index, String>,
    notices: Vec<Notice>,
    directory: PathBuf,
    // Given back last: nobody else may write before everything is settled.
    _lock: Lock,
}

impl Store {
    /// Opens a store, or makes one in a directory that is empty or not there yet. [`Self::notices`] says what was found.
    ///
    /// # Errors
    /// `Locked` when somebody else is writing, `Damaged` when the journal is (viewers still read what comes before),
    /// `Refused` when the clock of the machine cannot be right, `NotAStore`, `Io`.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with(directory, Options::default())
    }

    /// The same, kept on disk as the options say.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn open_with(directory: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let directory = directory.as_ref();
        // Before anything is made: events are stamped with it, and sled panics where it says a time before 1970.
        recorded((options.clock)())?;
        let disk = Disk { options };
        prepare(directory)?;
        let lock = Lock::take(directory)?;
        let journal = directory.join("journal");
        let head = read_head(&journal)?;
        let found = segment::list(&journal).unwrap_or_default();
        if found.is_empty() {
            if let Some(head) = head.filter(|head| head.events > 0) {
                let reason = format!("all segments are missing, with {} acknowledged events", head.events);
                return Err(StoreError::Damaged(Damage { segment: 1, offset: 0, reason }));
            }
            if head.is_none() && index::is_index(directory) {
                let reason = "all segments are missing, and an index of them is there".into();
                return Err(StoreError::Damaged(Damage { segment: 1, offset: 0, reason }));
            }
            journal::create(&journal, &disk)?;
        }
        let segments = Arc::new(Segments::open(&journal)?);
        let head = read_head(&journal)?;
        let mut notices = Vec::new();
        if head.is_none() {
            notices.push(Notice::HeadRewritten { why: "was missing or unreadable".into() });
        }
        let Opened { index, catalog, applied, torn, fresh } = open_index(directory, &segments, head, &mut notices)?;
        if let Some(bytes) = torn {
            let end = catalog.end();
            notices.push(Notice::TornTailCut { segment: end.segment, offset: end.offset, bytes });
        }
        let mut journal = Journal::at_end(segments.clone(), &catalog, head, torn.is_some(), disk)?;
        // What an index that is gone had on disk is not asked of the new one.
        if fresh {
            journal.indexed(0);
        }
        let history = Arc::new(History::new(segments, catalog, None));
        let writer = Writer {
            history: history.clone(),
            journal,
            index: index.as_ref().ok().cloned(),
            applied,
            covered: open::looked_up(directory, &history.segments),
            directory: directory.to_path_buf(),
            index_trouble: None,
        };
        Ok(Self {
            history,
            queue: Mutex::default(),
            writer: Mutex::new(writer),
            index,
            notices,
            directory: directory.to_path_buf(),
            _lock: lock,
        })
    }

    /// What was found when it was opened, to be told.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The events, to be read and followed.
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// Appends events to a stream, all or none, and answers when they are on disk. Versions go on from the stream's
    /// last, or begin at 1.
    ///
    /// A batch whose ids, types, data and metadata are in the stream already, in a row, is answered as it was the first
    /// time, whatever is expected. An id that any other event of the store has is refused.
    ///
    /// # Errors
    /// `WrongExpectedVersion` when the stream is elsewhere or other events have these ids, `Refused` (also when the
    /// clock of the machine cannot be right and is needed), `Io`, `Stopped`.
    pub fn append(
        &self,
        stream: &StreamName,
        events: impl IntoIterator<Item = NewEvent>,
        expected: Expected,
    ) -> Result<Appended, StoreError> {
        let events: Vec<NewEvent> = events.into_iter().collect();
        let mut ids = std::collections::HashSet::new();
        for event in &events {
            if let Some(why) = append::refusal(stream, event) {
                return Err(StoreError::Refused(why));
            }
            if event.id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
                return Err(StoreError::Refused("two events of the batch have the same id".into()));
            }
        }
        if events.is_empty() {
            return Err(StoreError::Refused("there is nothing to append".into()));
        }
        match self.submit(Work::Append { stream: stream.clone(), events, expected })? {
            Answer::Appended(appended) => Ok(appended),
            Answer::Taken(_) => unreachable!("an append is answered as one"),
        }
    }

    /// Takes over events of another store as they are, in their order. Those that are in their stream already (the same
    /// id, type, data and metadata) are passed over. `source` is the fingerprint of that store's first event. Not all or
    /// nothing: when it fails, [`Self::origin`] says how far it came.
    ///
    /// # Errors
    /// `Refused` for an event [`Self::can_hold`] refuses, `Io`, `Stopped`.
    pub fn take_over(&self, source: u64, events: Vec<Taken>) -> Result<TakenOver, StoreError> {
        if let Some(why) = events.iter().find_map(|taken| Self::can_hold(&taken.event).err()) {
            return Err(StoreError::Refused(why));
        }
        match self.submit(Work::Take { source, events })? {
            Answer::Taken(taken) => Ok(taken),
            Answer::Appended(_) => unreachable!("a take-over is answered as one"),
        }
    }

    /// Whether an event of another store can be taken over.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn can_hold(event: &Event) -> Result<(), String> {
        if let Some(trouble) = &event.trouble {
            return Err(trouble.to_string());
        }
        if event.stream.as_str().is_empty() {
            return Err("it has no stream".into());
        }
        let texts = [Some(event.stream.as_str()), Some(&*event.event_type), event.id.as_deref()];
        let more = [event.correlation.as_deref(), event.causation.as_deref()];
        if texts.into_iter().chain(more).flatten().any(|text| text.len() > MAX_NAME) {
            return Err(format!("a name in it is longer than {MAX_NAME} bytes"));
        }
        let size = event.payload_bytes() as usize;
        if size > batch::MAX_PAYLOADS / 8 {
            return Err(format!("it has {size} bytes of data, at most {} are stored", batch::MAX_PAYLOADS / 8));
        }
        Ok(())
    }

    /// How far the source whose first event has this fingerprint was taken over.
    pub fn origin(&self, source: u64) -> Option<Origin> {
        self.history.catalog().origins.get(&source).copied()
    }

    fn submit(&self, work: Work) -> Result<Answer, StoreError> {
        let broken = || StoreError::Stopped("a write ended in a panic".into());
        let ticket = Ticket::default();
        self.queue.lock().map_err(|_| broken())?.push((work, ticket.clone()));
        let mut writer = self.writer.lock().map_err(|_| broken())?;
        if let Some(answer) = ticket.take() {
            return answer;
        }
        let waiting = std::mem::take(&mut *self.queue.lock().map_err(|_| broken())?);
        writer.commit(waiting);
        drop(writer);
        ticket.take().expect("whoever does the work answers every ticket, and this one was still waiting")
    }

    fn index(&self) -> Result<&Index, StoreError> {
        self.index.as_ref().map_err(|why| StoreError::Index(why.clone()))
    }

    fn locked(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Why the index is not kept any more, if it is not; events are not concerned.
    pub fn index_trouble(&self) -> Option<String> {
        self.index.as_ref().err().cloned().or_else(|| self.locked().index_trouble.clone())
    }

    /// Brings the index to disk, which closing does too. Appended events are on disk already.
    pub fn settle(&self) {
        self.locked().settle();
    }

    /// Keeps a state of a stream after an event. `fold` names what made it: a reducer and its version.
    ///
    /// # Errors
    /// `Index`.
    pub fn save_snapshot(&self, stream: &StreamName, fold: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.index()?.save_snapshot(stream, fold, snapshot)
    }

    /// The newest state that was kept of a stream, at or before a version.
    ///
    /// # Errors
    /// `Index`.
    pub fn load_snapshot(
        &self,
        stream: &StreamName,
        fold: &str,
        at_most: Option<Version>,
    ) -> Result<Option<Snapshot>, StoreError> {
        self.index()?.load_snapshot(stream, fold, at_most)
    }

    /// Runs a projection until it has folded every event there is (or nobody wants it any more), going on where it was.
    /// Run it again to go on; [`History::subscribe`] says when.
    ///
    /// # Errors
    /// `Projection` when the fold fails, with everything before that event kept; `Index`, `Damaged`, `Io`.
    pub fn project(&self, name: &str, cancel: &Cancel, fold: &mut Fold<'_>) -> Result<ProjectionStatus, StoreError> {
        self.index()?.project(&self.history, name, cancel, fold)
    }

    /// How far a projection is.
    ///
    /// # Errors
    /// `Index`.
    pub fn projection(&self, name: &str) -> Result<ProjectionStatus, StoreError> {
        self.index()?.projection_status(name, self.history.events_known())
    }

    /// The read model of a projection, whole.
    ///
    /// # Errors
    /// `Index`.
    pub fn read_model(&self, name: &str) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.index()?.model(name)
    }

    /// Empties a projection: the next run folds every event again.
    ///
    /// # Errors
    /// `Index`.
    pub fn rebuild_projection(&self, name: &str) -> Result<(), StoreError> {
        self.index()?.rebuild_projection(name)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.settle();
    }
}
