//! Looking at a store without writing to it: while somebody else writes, on a full disk, in a read-only directory.
//!
//! A viewer takes no part in the index: sled has no way to open one for reading only. It builds a catalog of its own from
//! the first part of each record and follows the journal as far as the head says it is acknowledged.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::catalog::Catalog;
use super::disk::links;
use super::error::{Damage, StoreError};
use super::head::Head;
use super::history::History;
use super::index;
use super::journal::{Grows, Limit, Segments, Stop, extend};
use super::lock::Lock;
use super::open::{lost_behind, told_before};
use crate::domain::{Cancel, Progress};

/// Bytes of journal looked at in one go, so that readers get their turn.
const SLICE: u64 = 2 << 20;
/// Bytes looked at when a store is opened: enough for a first screen.
const FIRST: u64 = 128 << 10;

/// What is said of a store without a head.
pub(super) const HEADLESS: &str = "journal/head is missing or unreadable";

/// What is said of a store whose lock cannot be looked at.
pub(super) fn unlocked(why: &str) -> String {
    format!("whether somebody is writing cannot be told ({why}): only what is known to be acknowledged is looked at")
}

/// How a viewer learns what was appended.
pub(super) struct Follower {
    directory: PathBuf,
    head: Option<File>,
    limit: Limit,
    /// Why it cannot be told whether somebody is writing.
    lock: Option<String>,
    complete: bool,
    damage: Option<Damage>,
}

impl Follower {
    fn new(directory: &Path) -> Result<Self, StoreError> {
        let mut follower = Self {
            directory: directory.to_path_buf(),
            head: None,
            limit: Limit::Everything(None),
            lock: None,
            complete: false,
            damage: None,
        };
        follower.limit = follower.look()?;
        Ok(follower)
    }

    /// What the head says, if it is there and says something.
    fn head(&mut self) -> Result<Option<Head>, StoreError> {
        let doing = |error| StoreError::io("read the journal", error);
        if self.head.is_none() {
            match crate::regular::open(&Head::path(&self.directory.join("journal"))) {
                Ok(file) => self.head = Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(doing(error)),
            }
        }
        self.head.as_ref().map_or(Ok(None), |file| Head::read(file).map_err(doing))
    }

    /// How far may be read now. Without a writer that is everything there is, even what a writer that died did not
    /// come to tell of: the next writer keeps it.
    fn look(&mut self) -> Result<Limit, StoreError> {
        let held = Lock::is_held(&self.directory);
        self.lock = held.as_ref().err().map(ToString::to_string);
        Ok(match self.head()? {
            // Where nobody can tell, somebody may be writing.
            Some(head) if held.unwrap_or(true) => Limit::Acknowledged(head),
            head => Limit::Everything(head),
        })
    }
}

impl History {
    /// Reads on where the journal grew, a slice at a time; `false` when all that is acknowledged is known. The history
    /// of the writer itself always knows.
    fn read_on(&self, slice: u64) -> Result<bool, StoreError> {
        let Some(follower) = &self.follower else { return Ok(false) };
        let mut follower = follower.lock().unwrap_or_else(PoisonError::into_inner);
        if follower.damage.is_some() {
            return Ok(false);
        }
        if follower.complete {
            // Only as far as the head says from now on: a writer may have come.
            match follower.head()?.filter(|head| head.events > self.events_known()) {
                Some(head) => follower.limit = Limit::Acknowledged(head),
                None => return Ok(false),
            }
        }
        let mut catalog = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        let before = catalog.events();
        let stop = extend(&self.segments, &mut *catalog, follower.limit, slice)?;
        let grew = catalog.events() > before;
        drop(catalog);
        let more = stop == Stop::Budget;
        match stop {
            Stop::Budget => {}
            Stop::End | Stop::Torn { .. } => {
                follower.complete = true;
                // Where no head tells how far the journal went, what was indexed may.
                if matches!(follower.limit, Limit::Everything(None)) {
                    let known = told_before(&follower.directory, &self.segments);
                    follower.damage = lost_behind(&self.catalog(), known);
                }
            }
            Stop::Damaged(damage) => {
                follower.complete = true;
                follower.damage = Some(damage);
            }
        }
        drop(follower);
        if grew {
            self.announce();
        }
        Ok(more)
    }

    /// Reads on until all that is acknowledged now is known.
    ///
    /// # Errors
    /// When the journal cannot be read. Damage is not one: see [`Viewer::damage`].
    pub fn refresh(&self) -> Result<(), StoreError> {
        while self.read_on(SLICE)? {}
        Ok(())
    }
}

/// A store opened for looking. Any number of them may be, beside one writer.
pub struct Viewer {
    history: Arc<History>,
    directory: PathBuf,
}

impl Viewer {
    /// Opens a store and knows its beginning. [`Self::read_all`] (or [`Self::read_some`], again and again) makes the
    /// rest known.
    ///
    /// # Errors
    /// `NotFound` when there is no store, `Io` when it cannot be read, `Damaged` when not even its beginning can be.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, StoreError> {
        let directory = directory.as_ref();
        let segments = Arc::new(Segments::open(&directory.join("journal"))?);
        let follower = Follower::new(directory)?;
        let history = Arc::new(History::new(segments, Catalog::default(), Some(follower)));
        history.read_on(FIRST)?;
        Ok(Self { history, directory: directory.to_path_buf() })
    }

    /// The events.
    pub fn history(&self) -> &Arc<History> {
        &self.history
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes a little more known; `false` when everything is.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn read_some(&self) -> Result<bool, StoreError> {
        self.history.read_on(SLICE)
    }

    /// Makes everything known that is acknowledged now, telling how far it is.
    ///
    /// # Errors
    /// `Cancelled`, or when the journal cannot be read. Damage is not one: see [`Self::damage`].
    pub fn read_all(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), StoreError> {
        while self.read_some()? {
            told(self.progress());
            if cancel.is_cancelled() {
                return Err(StoreError::Cancelled);
            }
        }
        told(self.progress());
        Ok(())
    }

    /// Whether everything that was acknowledged is known.
    pub fn is_complete(&self) -> bool {
        let follower = self.history.follower.as_ref();
        follower.is_none_or(|it| it.lock().unwrap_or_else(PoisonError::into_inner).complete)
    }

    /// How far the journal is read, in its bytes. A damaged record is one trouble; nothing behind it is known.
    pub fn progress(&self) -> Progress {
        let follower = self.history.follower.as_ref().map(|it| it.lock().unwrap_or_else(PoisonError::into_inner));
        let complete = follower.as_ref().is_none_or(|follower| follower.complete);
        let damaged = follower.is_some_and(|follower| follower.damage.is_some());
        let catalog = self.history.catalog();
        let total = self.history.segments.bytes();
        let end = catalog.end();
        let before: u64 = (1..end.segment)
            .filter_map(|number| std::fs::metadata(super::segment::path(&self.history.segments.directory, number)).ok())
            .map(|metadata| metadata.len())
            .sum();
        Progress {
            done: if complete { total } else { (before + end.offset).min(total) },
            total,
            events: catalog.events(),
            troubles: u64::from(damaged),
            streams: catalog.stream_count() as u64,
            complete,
        }
    }

    /// Whether nothing tells how far the journal went: its head is missing or unreadable.
    pub fn is_headless(&self) -> bool {
        let follower = self.history.follower.as_ref();
        follower.is_some_and(|it| {
            let mut follower = it.lock().unwrap_or_else(PoisonError::into_inner);
            // A writer may have written it since.
            matches!(follower.limit, Limit::Everything(None)) && !matches!(follower.head(), Ok(Some(_)))
        })
    }

    /// Why what is shown may not be all there is, a sentence each, as verifying says it.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let damage = self.damage();
        if let Some(damage) = &damage {
            doubts.push(format!("damaged: {damage}; only what comes before it is shown"));
        }
        if self.is_headless() {
            doubts.push(match damage {
                Some(_) => HEADLESS.to_owned(),
                None => format!("{HEADLESS}: events lost at the end of the journal would not be noticed"),
            });
        }
        let follower = self.history.follower.as_ref().map(|it| it.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(why) = follower.as_ref().and_then(|follower| follower.lock.as_deref()) {
            doubts.push(unlocked(why));
        }
        doubts
    }

    /// What else is to be known of the store, a sentence each, as verifying says it: what is shown does not depend on it.
    pub fn remarks(&self) -> Vec<String> {
        let index = index::presence(&self.directory).words().filter(|_| self.history.events_known() > 0);
        index.map(|words| format!("the index is {words}")).into_iter().chain(links(&self.directory)).collect()
    }

    /// Where the journal is damaged, if it was found to be so far. Everything before is readable.
    pub fn damage(&self) -> Option<Damage> {
        let follower = self.history.follower.as_ref()?;
        follower.lock().unwrap_or_else(PoisonError::into_inner).damage.clone()
    }
}
