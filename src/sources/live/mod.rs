//! A store that changes while it is shown: read again in the background, and shown from then on where it only grew.
//!
//! It is around every source that does not grow by itself. Whoever asks is answered by the reading that is shown now. When
//! the files of the store look another way, it is opened once more, read to its end, and compared ([`outline`], [`sample`]):
//! when it begins with all that was known, that reading takes the place of the one before, and what is new is told as grown.
//! It is not a watch for news: it is asked, twice a second.
//!
//! Files are looked at between the writes of somebody else, so a reading that fails, is shorter, or ends with records that
//! are bad is no answer yet: what is shown stays, and the store is read again when it was written to again. Only when it
//! stays as it is between two looks is it told to be another; even then, what is shown stays, and should it later turn out
//! to begin with that after all (a dump that was written over), it is gone on with.
//!
//! Invariant: an ordinal once given stays right, whatever is written; never are two readings under way, and they take at
//! most a fifth of the time.

mod outline;
mod reading;
mod sample;
mod signature;

use std::ffi::{OsStr, OsString};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use outline::{Outline, Outlined, Sketch};
use reading::{Outcome, Reading, Refusal, Running, Shown};
use sample::Sample;
use signature::{Kind, Signature};
pub use signature::{Parts, file};

use super::open::{OpenOptions, Opened};
use super::{Source, TypeCount};
use crate::domain::{
    About, Asked, Cancel, DeclaredStream, EventPage, EventQuery, Failure, Pattern, Picked, Progress, RecordedStates,
    Scope, SearchStep, SourceChange, StoredSnapshot, StreamName, StreamPage, StreamSummary,
};

/// How long a look waits for a reading: a small store is read within that, and told of at once.
const PATIENCE: Duration = Duration::from_millis(100);
/// After a reading there is none for so many times as long as it took.
const REST: u32 = 4;
/// After so many readings with a loose end, of somebody who goes on writing, one is shown with it.
const LOOSE: u32 = 3;

/// A change is to be noticed within this time.
const SOON: Duration = Duration::from_secs(1);
/// Looking at the files takes at most one part in so many of the time: a folder may have very many. It matters when that is
/// longer than what lies between two looks anyway.
const SHARE: u32 = 10;
const OFTEN: Duration = Duration::from_millis(500);
/// Readings refused in a row, after which each is waited for twice as long as for the one before.
const TRIES: u32 = 4;
/// The first of these waits, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// Somebody who writes a store over is given so long until it is told to be another.
const WRITES: Duration = Duration::from_secs(5);

/// A store under an address, and the reading of it that is shown.
pub struct Live {
    address: OsString,
    path: PathBuf,
    options: OpenOptions,
    parts: Parts,
    /// Whether its file may become shorter while every record stays: that says nothing before it was read again.
    paged: bool,
    shown: Mutex<Shown>,
    state: Mutex<State>,
    /// Ends what goes on in the background.
    ending: Cancel,
}

/// What is known of the files.
struct State {
    /// What they looked like when what is shown was read.
    known: Option<Signature>,
    running: Option<Running>,
    /// Not before this is it read again.
    rest: Option<Instant>,
    /// Not before this are the files looked at again.
    pause: Option<Instant>,
    /// The last reading, when it was not shown.
    refused: Option<Refused>,
    /// What was told last, when that was not that it grew.
    told: SourceChange,
}

/// A reading that was not shown.
#[derive(Debug)]
struct Refused {
    signature: Signature,
    refusal: Refusal,
    /// How many there were in a row, for the same reason and in all.
    alike: u32,
    all: u32,
    /// When the first of them ended.
    since: Instant,
}

impl Refused {
    /// Whether it is not a writer in the middle of its write. `settled` says that nobody wrote since.
    fn is_certain(&self, settled: bool) -> bool {
        settled
            || match self.refusal {
                Refusal::Other => self.alike > 1,
                Refusal::Loose => self.alike >= LOOSE,
                Refusal::Failed | Refusal::Fewer => self.since.elapsed() > WRITES,
            }
    }
}

/// Looks after what was opened from an address. `before` is of before it was opened.
pub fn watched(
    address: &OsStr,
    options: &OpenOptions,
    parts: Parts,
    before: &Before,
    opened: Opened,
) -> Arc<dyn Source> {
    Arc::new(Live::new(address, options, parts, before, opened))
}

impl Live {
    fn new(address: &OsStr, options: &OpenOptions, parts: Parts, before: &Before, opened: Opened) -> Self {
        let paged = opened.paged;
        let shown = Shown::new(address, opened);
        let state = State {
            known: before.0.clone(),
            running: None,
            rest: None,
            pause: None,
            refused: None,
            told: SourceChange::Same,
        };
        Self {
            address: address.into(),
            path: address.into(),
            options: options.clone(),
            parts,
            paged,
            shown: Mutex::new(shown),
            state: Mutex::new(state),
            ending: Cancel::default(),
        }
    }
}

/// What the files of a store looked like before it was opened.
pub struct Before(Option<Signature>);

impl Before {
    /// Looks at them. When that fails it is met again, and told, when they are looked at next.
    pub fn of(address: &OsStr, parts: Parts) -> Self {
        Self(Signature::of(address.as_ref(), parts).ok())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ending.cancel();
    }
}

impl Live {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What answers now.
    fn current(&self) -> Arc<dyn Source> {
        self.shown().source.clone()
    }

    /// Learns what the index of what is shown says, and what some of its events hold as long as the files are what they were
    /// when it was opened. Gives whether it has been read so far that this is known.
    fn learn(&self, known: Option<&Signature>) -> Result<bool, Failure> {
        let shown = self.shown().clone();
        if shown.outline.is_some() {
            return Ok(true);
        }
        let Some(Outlined { whole, .. }) = shown.source.outline(None, &self.ending)? else { return Ok(false) };
        let sample = Sample::of(&*shown.source, &whole, &self.ending).ok();
        let now = self.signature()?;
        let mut shown = self.shown();
        shown.outline = Some(whole);
        shown.sample = sample.filter(|_| known.is_some_and(|known| known.same(&now)));
        Ok(true)
    }

    fn signature(&self) -> Result<Signature, Failure> {
        Signature::of(&self.path, self.parts)
    }

    /// What a store that is no longer what was opened has become.
    fn became(&self, known: Option<&Signature>, now: &Signature) -> SourceChange {
        match self.current().look() {
            Ok(change @ (SourceChange::Truncated | SourceChange::Replaced | SourceChange::Removed)) => change,
            _ if known.is_some_and(|known| known.identity != now.identity) => SourceChange::Replaced,
            _ => SourceChange::Truncated,
        }
    }

    /// Begins to read the store again, and waits for a moment whether that ends.
    fn read_again(&self, state: &mut State, now: Signature, lenient: bool) -> Result<SourceChange, Failure> {
        let reading = Reading {
            address: self.address.clone(),
            options: self.options.clone(),
            before: self.shown().clone(),
            lenient,
            parts: self.parts,
            signature: now,
            cancel: self.ending.clone(),
        };
        state.running = Some(Running::start(reading)?);
        Ok(self.finish(state, PATIENCE).unwrap_or_default())
    }

    /// Takes what came out of the reading under way; `None` when there is none, or it goes on.
    fn finish(&self, state: &mut State, patience: Duration) -> Option<SourceChange> {
        let (outcome, took) = state.running.as_ref()?.outcome(patience)?;
        let signature = state.running.take()?.signature;
        let (now, mut rest) = (Instant::now(), took.saturating_mul(REST));
        let change = match outcome {
            Outcome::Refused(refusal) => {
                let before = state.refused.take();
                let alike = before.as_ref().filter(|before| before.refusal == refusal).map_or(0, |before| before.alike);
                let all = before.as_ref().map_or(0, |before| before.all).saturating_add(1);
                if let Some(doublings) = all.checked_sub(TRIES) {
                    rest = rest.max(WAITS.0.saturating_mul(1 << doublings.min(16)).min(WAITS.1));
                }
                let since = before.map_or(now, |before| before.since);
                state.refused = Some(Refused { signature, refusal, alike: alike.saturating_add(1), all, since });
                SourceChange::Same
            }
            Outcome::Longer { shown, grew } => {
                let before = std::mem::replace(&mut *self.shown(), *shown);
                // Its index is large: nobody is to wait while it is freed.
                drop(before);
                state.known = Some(signature);
                state.refused = None;
                // What was told to be another store is the one that was opened again.
                let was = std::mem::take(&mut state.told);
                if grew || was != SourceChange::Same { SourceChange::Grown } else { SourceChange::Same }
            }
        };
        state.rest = now.checked_add(rest);
        Some(change)
    }
}

impl State {
    /// Tells what it became, once.
    fn tell(&mut self, change: SourceChange) -> SourceChange {
        if std::mem::replace(&mut self.told, change) == change { SourceChange::Same } else { change }
    }
}

impl Source for Live {
    fn look(&self) -> Result<SourceChange, Failure> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(change) = self.finish(&mut state, PATIENCE) {
            return Ok(change);
        }
        let began = Instant::now();
        if state.pause.is_some_and(|pause| began < pause) {
            return Ok(SourceChange::Same);
        }
        let now = self.signature()?;
        let share = began.elapsed().saturating_mul(SHARE);
        state.pause = began.checked_add(share).filter(|_| share > OFTEN);
        let known = state.known.clone();
        if !self.learn(known.as_ref())? {
            return Ok(SourceChange::Same);
        }
        match (now.kind, known.as_ref().map(|known| known.kind)) {
            (Kind::Nothing, _) => return Ok(state.tell(SourceChange::Removed)),
            (Kind::Other, _) => return Ok(state.tell(SourceChange::Replaced)),
            (kind, Some(known)) if kind != known => return Ok(state.tell(SourceChange::Replaced)),
            _ => {}
        }
        let rest = state.rest.and_then(|rest| rest.checked_duration_since(Instant::now())).unwrap_or_default();
        let is_slow = state.running.is_some() || rest > SOON;
        if is_slow && !self.paged && known.as_ref().is_some_and(|known| now.is_cut_from(known)) {
            // A large file, of which it takes long to know more: what is shown cannot be read meanwhile.
            return Ok(state.tell(SourceChange::Truncated));
        }
        if state.running.is_some() {
            return Ok(SourceChange::Same);
        }
        if known.as_ref().is_some_and(|known| known.same(&now) && !known.fresh) {
            // It was away, or another, and is back as it was.
            state.refused = None;
            let was = std::mem::take(&mut state.told);
            return Ok(if was == SourceChange::Same { SourceChange::Same } else { SourceChange::Grown });
        }
        let mut lenient = false;
        if let Some(refused) = &state.refused {
            let settled = refused.signature.same(&now);
            let certain = refused.is_certain(settled);
            lenient = certain && refused.refusal == Refusal::Loose;
            if certain && !lenient {
                let change = state.tell(self.became(known.as_ref(), &now));
                if settled || change != SourceChange::Same {
                    return Ok(change);
                }
            }
        }
        if rest > Duration::ZERO {
            return Ok(SourceChange::Same);
        }
        self.read_again(&mut state, now, lenient)
    }

    fn about(&self) -> About {
        self.current().about()
    }

    fn progress(&self) -> Progress {
        self.current().progress()
    }

    fn begin(&self) {
        self.current().begin();
    }

    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.current().complete(cancel, told)
    }

    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.current().check(cancel, told)
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        let shown = self.shown().clone();
        let Some(order) = &shown.streams else { return shown.source.streams(from, limit) };
        let from = from.min(order.len());
        let mut wanted = &order[from..from.saturating_add(limit).min(order.len())];
        let mut page = shown.source.streams(0, 0)?;
        while let Some(&first) = wanted.first() {
            // Neighbours are asked for together.
            let run = wanted.iter().zip(first..).take_while(|(at, next)| **at == *next).count();
            page.streams.extend(shown.source.streams(first as usize, run)?.streams);
            wanted = &wanted[run..];
        }
        Ok(page)
    }

    fn types(&self) -> Result<Option<Vec<TypeCount>>, Failure> {
        self.current().types()
    }

    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        self.current().stream(name)
    }

    fn versions(&self, stream: &StreamName) -> Result<Option<Vec<u64>>, Failure> {
        self.current().versions(stream)
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        self.current().events(query, cancel)
    }

    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
        self.current().translate(from, ordinal, to)
    }

    fn pick(&self, scope: &Scope, from: u64, limit: usize, asked: &Asked<'_>) -> Result<Option<Picked>, Failure> {
        self.current().pick(scope, from, limit, asked)
    }

    fn snapshots(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.current().snapshots(cancel, told)
    }

    fn recorded(&self, stream: &StreamName) -> Option<Arc<RecordedStates>> {
        self.current().recorded(stream)
    }

    fn declared(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.current().declared(cancel, told)
    }

    fn rows(
        &self,
        table: &str,
        cancel: &Cancel,
        told: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.current().rows(table, cancel, told)
    }

    fn outline(&self, earlier: Option<&Outline>, cancel: &Cancel) -> Result<Option<Outlined>, Failure> {
        self.current().outline(earlier, cancel)
    }

    fn search(
        &self,
        pattern: &Pattern,
        scope: &Scope,
        cancel: &Cancel,
        told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.current().search(pattern, scope, cancel, told)
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::open::opened;
    use super::*;

    /// What is told of a file that became shorter, while it cannot be read again before long.
    fn told(path: &std::path::Path, shorten: impl FnOnce()) -> SourceChange {
        let options = OpenOptions::default();
        let before = Before::of(path.as_os_str(), file);
        let live = Live::new(path.as_os_str(), &options, file, &before, opened(path.as_os_str(), &options).unwrap());
        live.complete(&Cancel::default(), &mut |_| ()).unwrap();
        assert_eq!(live.look().unwrap(), SourceChange::Same);
        let length = std::fs::metadata(path).unwrap().len();
        shorten();
        assert!(std::fs::metadata(path).unwrap().len() < length);
        live.state.lock().unwrap().rest = Instant::now().checked_add(Duration::from_secs(600));
        live.look().unwrap()
    }

    #[test]
    fn a_database_that_gives_back_room_is_not_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let writer = rusqlite::Connection::open(&path).unwrap();
        writer
            .execute_batch(
                "CREATE TABLE events (position INTEGER PRIMARY KEY, stream_id TEXT NOT NULL, version INTEGER NOT NULL,
                 type TEXT NOT NULL, data TEXT NOT NULL, created_at TEXT NOT NULL);
                 INSERT INTO events VALUES (1, 'a-1', 1, 'T', '{}', '2025-01-01'), (2, 'a-1', 2, 'T', '{}', '2025-01-01');
                 CREATE TABLE other (a); INSERT INTO other VALUES (zeroblob(100000)); DROP TABLE other;",
            )
            .unwrap();
        assert_eq!(told(&path, || writer.execute_batch("VACUUM").unwrap()), SourceChange::Same);

        let path = directory.path().join("events.csv");
        std::fs::write(&path, "stream,version,type,data\na-1,1,T,{}\na-1,2,T,{}\n").unwrap();
        let cut = || std::fs::File::options().write(true).open(&path).unwrap().set_len(36).unwrap();
        assert_eq!(told(&path, cut), SourceChange::Truncated, "its records are where they were, or gone");
    }
}
