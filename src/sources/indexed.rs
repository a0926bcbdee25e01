//! A source over an index: every question is answered from the index, and the records asked for, only those, are read
//! by what stands behind it.
//!
//! Invariant: the index only grows and its rows never move, so an ordinal once given stays right.

mod correlated;
mod known;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLockReadGuard};

use super::Source;
use super::index::{Index, Place, Stream};
use super::lacking;
use super::live::{Outline, Outlined, Sketch};
use super::picking::Picking;
use super::woven::Woven;
use crate::domain::{
    About, Anchor, Asked, Cancel, DeclaredStream, Direction, Event, EventPage, EventQuery, Failure, FailureKind,
    OtherKey, Pattern, Picked, Progress, RecordedStates, Scope, SearchStep, SourceChange, StoredSnapshot, StreamKind,
    StreamName, StreamPage, StreamSummary, Timestamp, Version,
};
use correlated::Correlations;

/// A page ends when its events have this many bytes.
const PAGE: u64 = 64 << 20;
/// Why a record is unreadable that is not what the index says of it. Where the file is what it was, the index is wrong.
pub const CHANGED: &str = "the file changed: this is not what stood here when it was opened";
/// How many places are looked up at a time.
const BATCH: usize = 4096;

/// What stands behind an index: it fills it, and reads records by their places.
pub trait Backing: Send + Sync + 'static {
    /// How it is called in messages.
    fn name(&self) -> String;

    /// What is known of it, except for what the index says.
    fn about(&self) -> About;

    /// The index as far as it is. One that was kept may turn out broken when it is asked: see [`Index::is_broken`].
    fn index(&self) -> RwLockReadGuard<'_, Index>;

    /// Fills the index again, because it turned out broken, and waits for that. Gives whether there is an index now that
    /// cannot break.
    fn renew(&self) -> bool {
        false
    }

    /// Whether what the index is of is certainly what it was when its reading began.
    fn is_as_begun(&self) -> bool {
        false
    }

    /// How far the index is.
    fn progress(&self) -> Progress;

    /// Starts filling the index in the background, the first time.
    fn begin(&self);

    /// Waits until the index is complete, telling the progress from time to time.
    ///
    /// # Errors
    /// `Cancelled`, or why it will never be complete.
    fn wait(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure>;

    /// See `Source::check`; asked after `begin`.
    ///
    /// # Errors
    /// As there.
    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.wait(cancel, told)
    }

    /// Why the index will never be complete.
    fn failed(&self) -> Option<Failure>;

    /// The events at these places, in their order, until `budget` bytes are read (but at least one).
    ///
    /// # Errors
    /// When they cannot be read, or the read was cancelled. A record that is no event is an event with `trouble`.
    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure>;

    /// The first of these places whose event has this id.
    ///
    /// # Errors
    /// As `events`.
    fn find_id(&self, places: &[Place], id: &str, cancel: &Cancel) -> Result<Option<usize>, Failure> {
        let mut from = 0;
        while from < places.len() {
            let events = self.events(&places[from..], PAGE, cancel)?;
            if let Some(at) = events.iter().position(|event| event.id.as_deref() == Some(id)) {
                return Ok(Some(from + at));
            }
            from += events.len().max(1);
        }
        Ok(None)
    }

    /// What a stream of this name is for.
    fn kind_of(&self, _stream: &str) -> StreamKind {
        StreamKind::Domain
    }

    /// See `Source::snapshots`.
    ///
    /// # Errors
    /// When they cannot be read.
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

    /// See `Source::declared`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn declared(
        &self,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        Ok(())
    }

    /// See `Source::rows`.
    ///
    /// # Errors
    /// As `Source::rows`.
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
    /// As `Source::look`.
    fn look(&self) -> Result<SourceChange, Failure> {
        Ok(SourceChange::Same)
    }

    /// Searches its own way; `None` when it has none, and the events are read one page after the other.
    fn search(
        &self,
        _pattern: &Pattern,
        _scope: &Scope,
        _cancel: &Cancel,
        _told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
    ) -> Option<Result<(), Failure>> {
        None
    }

    /// Asks what fills the index to end.
    fn stop(&self);
}

/// An opened source over an index.
pub struct Indexed<B: Backing> {
    backing: B,
    /// What is known of each category asked for.
    categories: Mutex<HashMap<Arc<str>, Gathered>>,
    /// And of each correlation.
    correlations: Mutex<Correlations>,
    /// The order of each stream asked for that has events and links.
    woven: Mutex<HashMap<StreamName, Arc<Woven>>>,
    /// How many streams are in order, though the index does not say so.
    put_in_order: OnceLock<u64>,
    /// What tells events apart that have one stream and one version, of so many events.
    parting: Mutex<Option<(usize, Option<OtherKey>)>>,
    /// And what may tell apart events of streams whose versions do not repeat.
    doubtful: Mutex<Option<(usize, Option<OtherKey>)>>,
}

impl<B: Backing> Drop for Indexed<B> {
    fn drop(&mut self) {
        self.backing.stop();
    }
}

/// The rows of a category or a correlation.
#[derive(Default)]
struct Gathered {
    rows: Vec<u32>,
    /// How many rows of the index were looked at.
    seen: usize,
}

/// The rows of a scope.
#[derive(Clone, Copy)]
enum Rows<'a> {
    All(usize),
    Some(&'a [u32]),
    /// Of a stream that has events and links.
    Woven(&'a Woven),
}

impl Rows<'_> {
    fn len(self) -> usize {
        match self {
            Self::All(len) => len,
            Self::Some(rows) => rows.len(),
            Self::Woven(woven) => woven.rows().len(),
        }
    }

    fn get(self, ordinal: usize) -> Option<u32> {
        match self {
            Self::All(len) => (ordinal < len).then_some(ordinal as u32),
            Self::Some(rows) => rows.get(ordinal).copied(),
            Self::Woven(woven) => woven.rows().get(ordinal).copied(),
        }
    }

    fn ordinal_of(self, row: u32) -> Option<u64> {
        match self {
            Self::All(len) => ((row as usize) < len).then_some(u64::from(row)),
            Self::Some(rows) => rows.binary_search(&row).ok().map(|ordinal| ordinal as u64),
            Self::Woven(woven) => woven.ordinal_of(row),
        }
    }
}

impl<B: Backing> Indexed<B> {
    /// A source over what stands behind it.
    pub fn new(backing: B) -> Self {
        Self {
            backing,
            categories: Mutex::default(),
            correlations: Mutex::default(),
            woven: Mutex::default(),
            put_in_order: OnceLock::new(),
            parting: Mutex::default(),
            doubtful: Mutex::default(),
        }
    }

    /// Asks the index; again, when it turned out broken and was filled again.
    fn ask<T>(&self, ask: impl Fn(&Index) -> T) -> Result<T, Failure> {
        for _ in 0..2 {
            let index = self.backing.index();
            let answer = ask(&index);
            if !index.is_broken() {
                return Ok(answer);
            }
            drop(index);
            self.categories.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.correlations.lock().unwrap_or_else(PoisonError::into_inner).clear();
            self.woven.lock().unwrap_or_else(PoisonError::into_inner).clear();
            if !self.backing.renew() {
                break;
            }
        }
        let why = "what is kept of its index cannot be read any more";
        Err(Failure::new(FailureKind::Io, self.backing.name(), "look it up", why).hint("open it again"))
    }

    /// Hands over the index and the rows of a scope, which do not change meanwhile; those of a correlation as far as they
    /// are gathered. Must not be nested.
    fn over<T>(&self, scope: &Scope, ask: impl Fn(&Index, Rows<'_>, Option<&Stream>) -> T) -> Result<T, Failure> {
        self.ask(|index| match scope {
            Scope::All => ask(index, Rows::All(index.len()), None),
            Scope::Stream(name) => {
                let Some(stream) = index.stream(name.as_str()) else { return ask(index, Rows::Some(&[]), None) };
                match self.woven(index, stream) {
                    Some(woven) => ask(index, Rows::Woven(&woven), Some(stream)),
                    None => ask(index, Rows::Some(stream.rows()), Some(stream)),
                }
            }
            Scope::Category(name) => {
                let Some(category) = index.category(name) else { return ask(index, Rows::Some(&[]), None) };
                let mut categories = self.categories.lock().unwrap_or_else(PoisonError::into_inner);
                let known = categories.entry(name.clone()).or_default();
                index.extend_category(category, known.seen, &mut known.rows);
                known.seen = index.len();
                ask(index, Rows::Some(&known.rows), None)
            }
            Scope::Correlation(id) => {
                let correlations = self.correlations.lock().unwrap_or_else(PoisonError::into_inner);
                ask(index, Rows::Some(correlations.get(id).map_or(&[], |known| &known.rows)), None)
            }
        })
    }

    /// The order of a stream that has events and links.
    fn woven(&self, index: &Index, stream: &Stream) -> Option<Arc<Woven>> {
        if !Woven::is_needed(index, stream) {
            return None;
        }
        let mut woven = self.woven.lock().unwrap_or_else(PoisonError::into_inner);
        Some(woven.entry(stream.name().into()).or_insert_with(|| Arc::new(Woven::of(stream))).clone())
    }

    fn cancelled(&self, cancel: &Cancel) -> Result<(), Failure> {
        super::cancelled(&self.backing.name(), cancel)
    }

    /// Whether a record is not what the index says of it.
    fn contradicts(&self, scope: &Scope, page: &EventPage) -> bool {
        let is_elsewhere = |event: &Event| match scope {
            Scope::Stream(name) => event.stream != *name && !self.backing.index().has_links(),
            // Of a correlation the index says nothing.
            Scope::All | Scope::Category(_) | Scope::Correlation(_) => false,
        };
        page.events.iter().any(|event| match &event.trouble {
            Some(trouble) => trouble.reason.contains(CHANGED),
            None => is_elsewhere(event),
        })
    }

    /// See `Source::events`.
    fn page(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        self.cancelled(cancel)?;
        let partial = !self.backing.progress().complete;
        self.gather(&query.scope, cancel)?;
        let start = self.start(query, cancel)?;
        let mut page = EventPage {
            total: self.over(&query.scope, |_, rows, _| rows.len() as u64)?,
            partial,
            ..EventPage::default()
        };
        let Some(start) = start else { return Ok(page) };
        let mut budget = PAGE;
        let mut at = Some(start);
        while let Some(from) = at.filter(|_| page.events.len() < query.limit) {
            let wanted = BATCH.min(query.limit - page.events.len());
            let places = self.places(&query.scope, from, query.direction, wanted)?;
            if places.is_empty() {
                break;
            }
            let mut events = self.backing.events(&places, budget, cancel)?;
            events.iter_mut().for_each(lacking::note_repeated);
            let all = events.len() == places.len();
            let read: u64 = events.iter().map(|event| event.payload_bytes()).sum();
            at = match query.direction {
                Direction::Forward => from.checked_add(events.len() as u64),
                Direction::Backward => from.checked_sub(events.len() as u64),
            };
            page.events.extend(events);
            budget = budget.saturating_sub(read);
            if !all || budget == 0 {
                break;
            }
        }
        page.first = if page.events.is_empty() { 0 } else { start };
        Ok(page)
    }

    /// Where a read begins; `None` when nothing is there.
    fn start(&self, query: &EventQuery, cancel: &Cancel) -> Result<Option<u64>, Failure> {
        Ok(match &query.from {
            Anchor::Start => Some(0),
            Anchor::Ordinal(ordinal) => Some(*ordinal),
            Anchor::End => self.over(&query.scope, |_, rows, _| (rows.len() as u64).checked_sub(1))?,
            Anchor::Version(Version(version)) => match &query.scope {
                Scope::Stream(_) => self.over(&query.scope, |_, rows, stream| match rows {
                    Rows::Woven(woven) => woven.rank_from(*version),
                    _ => stream?.rank_from(*version),
                })?,
                _ => {
                    let why = "a version is a place in one stream";
                    return Err(Failure::new(FailureKind::Unsupported, self.backing.name(), "read events", why));
                }
            },
            Anchor::AsOf(time) => self.as_of(&query.scope, *time, cancel)?,
            Anchor::Id(id) => self.with_id(&query.scope, id, cancel)?,
        })
    }

    /// The last event, in the order of the scope, recorded at or before a time.
    fn as_of(&self, scope: &Scope, time: Timestamp, cancel: &Cancel) -> Result<Option<u64>, Failure> {
        let limit = time.as_millisecond();
        let mut before = usize::MAX;
        loop {
            // The index knows milliseconds; where they are equal the record decides.
            let found = self.over(scope, |index, rows, _| {
                (0..rows.len().min(before)).rev().find_map(|ordinal| {
                    let row = rows.get(ordinal)?;
                    let found = index.milliseconds(row)?;
                    (found <= limit).then(|| (ordinal, (found == limit).then(|| index.place(row)).flatten()))
                })
            })?;
            match found {
                None => return Ok(None),
                Some((ordinal, None)) => return Ok(Some(ordinal as u64)),
                Some((ordinal, Some(place))) => {
                    let events = self.backing.events(&[place], PAGE, cancel)?;
                    if events.first().and_then(|event| event.time).is_some_and(|found| found <= time) {
                        return Ok(Some(ordinal as u64));
                    }
                    before = ordinal;
                }
            }
        }
    }

    fn with_id(&self, scope: &Scope, id: &str, cancel: &Cancel) -> Result<Option<u64>, Failure> {
        let mut from = 0;
        loop {
            let places = self.places(scope, from, Direction::Forward, BATCH)?;
            if places.is_empty() {
                return Ok(None);
            }
            if let Some(at) = self.backing.find_id(&places, id, cancel)? {
                return Ok(Some(from + at as u64));
            }
            from += places.len() as u64;
        }
    }

    /// The places of at most `limit` events of a scope from an ordinal on.
    fn places(&self, scope: &Scope, from: u64, direction: Direction, limit: usize) -> Result<Vec<Place>, Failure> {
        let place = |index: &Index, rows: Rows<'_>, ordinal| rows.get(ordinal).and_then(|row| index.place(row));
        self.over(scope, |index, rows, _| match usize::try_from(from) {
            Ok(from) if from < rows.len() => match direction {
                Direction::Forward => {
                    let end = from.saturating_add(limit).min(rows.len());
                    (from..end).filter_map(|ordinal| place(index, rows, ordinal)).collect()
                }
                Direction::Backward => {
                    (0..=from).rev().take(limit).filter_map(|ordinal| place(index, rows, ordinal)).collect()
                }
            },
            _ => Vec::new(),
        })
    }

    /// A stream.
    fn summary(&self, index: &Index, stream: &Stream) -> StreamSummary {
        let mut summary = StreamSummary {
            stream: index.name_of(stream),
            events: stream.len() as u64,
            first_version: Version(stream.version(0)),
            last_version: Version(stream.version(stream.len().saturating_sub(1))),
            first_time: stream.first_time(),
            last_time: stream.last_time(),
            kind: self.backing.kind_of(stream.name()),
        };
        if let Some([first, last]) = self.woven(index, stream).and_then(|woven| woven.ends()) {
            (summary.first_version, summary.last_version) = (Version(first), Version(last));
        }
        summary
    }
}

impl<B: Backing> Source for Indexed<B> {
    fn about(&self) -> About {
        self.known()
    }

    fn progress(&self) -> Progress {
        self.backing.progress()
    }

    fn begin(&self) {
        self.backing.begin();
    }

    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.backing.begin();
        self.backing.wait(cancel, told)
    }

    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.backing.begin();
        self.backing.check(cancel, told)
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        let partial = !self.backing.progress().complete;
        let (listed, total) = self.ask(|index| {
            let listed = index.streams(from, from.saturating_add(limit));
            (listed.map(|stream| self.summary(index, stream)).collect::<Vec<_>>(), index.stream_count())
        })?;
        Ok(StreamPage { streams: listed, total, partial })
    }

    fn types(&self) -> Result<Option<Vec<(Arc<str>, u64)>>, Failure> {
        let index = self.backing.index();
        // Of very many not all are known.
        Ok((index.types().len() < Index::MAX_TYPES).then(|| index.types().to_vec()))
    }

    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        self.ask(|index| index.stream(name.as_str()).map(|stream| self.summary(index, stream)))
    }

    fn versions(&self, stream: &StreamName) -> Result<Option<Vec<u64>>, Failure> {
        self.over(&Scope::Stream(stream.clone()), |_, rows, stream| match (rows, stream) {
            (Rows::Woven(woven), _) => Some(woven.versions().to_vec()),
            (_, Some(stream)) => Some((0..stream.len()).map(|rank| stream.version(rank)).collect()),
            (_, None) => Some(Vec::new()),
        })
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        let page = self.page(query, cancel)?;
        // What was kept is not of this file, whatever its sums say: it is thrown away, and the question asked again.
        match self.contradicts(&query.scope, &page) && self.backing.is_as_begun() && self.backing.index().disbelieve() {
            true => self.page(query, cancel),
            false => Ok(page),
        }
    }

    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
        for scope in [from, to] {
            self.gather(scope, &Cancel::default())?;
        }
        let row = self.over(from, |index, rows, _| {
            let row = rows.get(usize::try_from(ordinal).ok()?)?;
            // A link stands nowhere but in its stream; elsewhere its event does.
            Some((row, index.linked(row)))
        })?;
        let Some((row, linked)) = row else { return Ok(None) };
        self.over(to, |_, rows, _| rows.ordinal_of(row).or_else(|| rows.ordinal_of(linked?)))
    }

    fn pick(&self, scope: &Scope, from: u64, limit: usize, asked: &Asked<'_>) -> Result<Option<Picked>, Failure> {
        self.gather(scope, &Cancel::default())?;
        self.over(scope, |index, rows, _| {
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(rows.len());
            let end = from.saturating_add(limit).min(rows.len());
            let mut ordinals = Vec::new();
            let mut picking = Picking::new(index, asked);
            for ordinal in from..end {
                if let Some(certain) = rows.get(ordinal).and_then(|row| picking.picks(row)) {
                    ordinals.push((ordinal as u64, certain));
                }
            }
            Some(Picked { ordinals, looked: end as u64, total: rows.len() as u64 })
        })
    }

    fn snapshots(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.backing.snapshots(cancel, told)
    }

    fn recorded(&self, stream: &StreamName) -> Option<Arc<RecordedStates>> {
        self.backing.recorded(stream)
    }

    fn declared(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.backing.declared(cancel, told)
    }

    fn rows(
        &self,
        table: &str,
        cancel: &Cancel,
        told: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.backing.rows(table, cancel, told)
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        self.backing.look()
    }

    fn outline(&self, earlier: Option<&Outline>, cancel: &Cancel) -> Result<Option<Outlined>, Failure> {
        if !self.backing.progress().complete && self.backing.failed().is_none() {
            return Ok(None);
        }
        // Some at a time, so that nobody waits long for the index.
        let some = |from: u32, links: bool| {
            self.ask(|index| {
                let rows = index.len() as u32;
                let to = from.saturating_add(BATCH as u32).min(if links { u32::MAX } else { rows });
                (from..to).map_while(|row| Some((index.place(row)?.event, index.milliseconds(row)))).collect::<Vec<_>>()
            })
        };
        let mut sketch = Sketch::new(earlier);
        let mut row = 0;
        loop {
            self.cancelled(cancel)?;
            let records = some(row, false)?;
            if records.is_empty() {
                break;
            }
            row += records.len() as u32;
            records.iter().for_each(|(event, time)| sketch.record(event.as_ref(), *time));
        }
        // Behind them stand the links, each in its own stream.
        loop {
            self.cancelled(cancel)?;
            let links = some(row, true)?;
            if links.is_empty() {
                return Ok(Some(sketch.outlined()));
            }
            for (event, time) in links {
                if let Some(event) = event {
                    let scope = Scope::Stream(event.stream.clone());
                    sketch.link(&event, time, self.over(&scope, |_, rows, _| rows.ordinal_of(row))?);
                }
                row += 1;
            }
        }
    }

    fn search(
        &self,
        pattern: &Pattern,
        scope: &Scope,
        cancel: &Cancel,
        told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        match self.backing.search(pattern, scope, cancel, told) {
            Some(result) => result,
            None => super::search::by_pages(self, pattern, scope, cancel, told),
        }
    }
}
