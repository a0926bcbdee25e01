//! An embedded store as a source: opened without its lock, beside whoever writes to it, and followed as it grows.
//!
//! What is damaged is one record that cannot be read, at the end of the whole store: nothing behind it is shown, because
//! what is missing there is not known.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Source, lacking};
use crate::domain::{
    About, Anchor, Cancel, Caveat, Direction, Event, EventPage, EventQuery, Failure, Payload, Position, Progress,
    Scope, SourceChange, StreamName, StreamPage, StreamSummary, Trouble, address,
};
use crate::store::{Damage, StoreError, Viewer};

pub use crate::store::is_store;

/// How often it is looked whether the store grew.
const LOOK: Duration = Duration::from_millis(100);

/// An opened embedded store.
pub struct Embedded {
    viewer: Arc<Viewer>,
    name: String,
    begun: AtomicBool,
    /// Why the background reading ended before its time.
    failed: Arc<Mutex<Option<StoreError>>>,
    /// How many events were known when it was looked last; `u64::MAX` before that.
    looked: AtomicU64,
}

impl Embedded {
    /// Opens a store for looking.
    ///
    /// # Errors
    /// When there is none, or not even its beginning can be read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, Failure> {
        let directory = directory.as_ref();
        let name = address::shown(directory);
        let viewer = Viewer::open(directory).map_err(|error| error.failure(&name, "open"))?;
        Ok(Self {
            viewer: Arc::new(viewer),
            name,
            begun: AtomicBool::new(false),
            failed: Arc::default(),
            looked: AtomicU64::new(u64::MAX),
        })
    }

    fn failure(&self, doing: &str, error: &StoreError) -> Failure {
        error.failure(&self.name, doing)
    }

    /// What stands in the walk of the whole store at the place of the damage.
    fn trouble(&self, damage: &Damage, position: u64) -> Event {
        Event::unreadable(
            Position::Number(position),
            Trouble {
                place: format!("journal/{:06}.evj at byte {}", damage.segment, damage.offset),
                reason: format!("{}; what lies behind it is not shown", damage.reason),
            },
            Payload::default(),
        )
    }

    /// A page of the whole store, which ends with the damage.
    fn damaged_page(&self, query: &EventQuery, damage: &Damage, cancel: &Cancel) -> Result<EventPage, StoreError> {
        let history = self.viewer.history();
        let last = history.events_known();
        let at_damage = matches!(query.from, Anchor::End)
            || matches!(query.from, Anchor::Ordinal(ordinal) if ordinal == last)
            || (last == 0 && matches!(query.from, Anchor::Start));
        let event = || Arc::new(self.trouble(damage, last + 1));
        if !at_damage {
            let mut page = history.events(query, cancel)?;
            let behind = page.first + page.events.len() as u64 == last && !page.events.is_empty();
            if query.direction == Direction::Forward && behind && page.events.len() < query.limit {
                page.events.push(event());
            }
            page.total = last + 1;
            return Ok(page);
        }
        let mut page = EventPage { first: last, events: Vec::new(), total: last + 1, partial: false };
        if query.limit > 0 {
            page.events.push(event());
        }
        if query.direction == Direction::Backward && query.limit > 1 {
            let rest = EventQuery { from: Anchor::End, limit: query.limit - 1, ..query.clone() };
            page.events.extend(history.events(&rest, cancel)?.events);
        }
        Ok(page)
    }
}

impl Source for Embedded {
    fn about(&self) -> About {
        let mut doubts = self.viewer.doubts();
        if let Some(error) = &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            doubts.push(format!("no longer followed: {error}"));
        }
        let caveats = doubts.iter().cloned().chain(self.viewer.remarks()).map(Caveat::from).collect();
        About {
            name: self.name.clone(),
            kind: "stepback store".into(),
            reasons: vec!["the directory has a journal (journal/000001.evj)".into()],
            caveats,
            doubts,
            positions_ascend: true,
            ..About::default()
        }
    }

    fn progress(&self) -> Progress {
        self.viewer.progress()
    }

    fn begin(&self) {
        if self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let (viewer, failed) = (Arc::downgrade(&self.viewer), self.failed.clone());
        let follow = move || {
            // It ends with the source: only a look at a time holds the viewer.
            while let Some(viewer) = viewer.upgrade() {
                match viewer.read_some() {
                    Ok(true) => {}
                    Ok(false) => {
                        drop(viewer);
                        std::thread::sleep(LOOK);
                    }
                    Err(error) => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        return;
                    }
                }
            }
        };
        // Without a thread nothing is read ahead; `complete` still reads everything.
        drop(std::thread::Builder::new().name("store follower".into()).spawn(follow));
    }

    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.begin();
        self.viewer.read_all(cancel, told).map_err(|error| self.failure("read", &error))
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        let partial = !self.viewer.is_complete();
        Ok(StreamPage { partial, ..self.viewer.history().streams(from, limit) })
    }

    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        Ok(self.viewer.history().stream(name))
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        let partial = !self.viewer.is_complete();
        let page = match self.viewer.damage().filter(|_| query.scope == Scope::All) {
            Some(damage) => self.damaged_page(query, &damage, cancel),
            None => self.viewer.history().events(query, cancel),
        };
        let mut page = page.map_err(|error| self.failure("read events", &error))?;
        page.events.iter_mut().for_each(lacking::note_repeated);
        Ok(EventPage { partial, ..page })
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        // The follower reads what is new; here it is only told.
        let known = self.viewer.progress().events;
        let before = self.looked.swap(known, Ordering::Relaxed);
        Ok(if known > before { SourceChange::Grown } else { SourceChange::Same })
    }

    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
        let history = self.viewer.history();
        if *from == Scope::All && ordinal == history.events_known() && self.viewer.damage().is_some() {
            return Ok((*to == Scope::All).then_some(ordinal));
        }
        history.translate(from, ordinal, to).map_err(|error| self.failure("look it up", &error))
    }
}
