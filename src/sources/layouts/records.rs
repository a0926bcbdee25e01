//! A store in tables as a source: its rows are events by a layout.
//!
//! Only what the index and the joins need is kept; payloads are read again when somebody looks at them.
//!
//! A place is the number of the table of events above the place of the row in it, or, with the highest bits set, the number
//! of a link.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

use super::beside;
use super::cells::Raw;
use super::collected::{self, Links};
use super::event::{Basics, Counts, EventReader};
use super::opened::Opened;
use crate::domain::{
    About, Cancel, DeclaredStream, Event, Failure, FailureKind, Note, NoteKind, Payload, Position, SourceChange,
    StoredSnapshot, StreamKind, Trouble, Version,
};
use crate::sources::cache::{Keeper, Kept, Sequence};
use crate::sources::index::Place;
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;
use crate::sources::sorted::{Draft, Order, Records, Restored, Walk};
use crate::sources::tables::{Database, OneFile, Reopener, Row};

/// Bits of a place that are those of a row.
pub const ROW_BITS: u32 = 47;
/// The table number of links.
pub const LINKS: u64 = (1 << 15) - 1;
/// The bits of a row.
pub const ROW: u64 = (1 << ROW_BITS) - 1;

/// What opens the tables of an input, telling how much of it it has looked at.
type Open =
    dyn Fn(&Input, &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure> + Send + Sync;

/// A store in tables.
pub struct Tables {
    input: Input,
    opener: Box<Open>,
    options: OpenOptions,
    opened: OnceLock<Opened>,
    keeper: Option<Keeper>,
    reopener: Option<Reopener>,
}

impl Tables {
    /// An input whose tables are opened when they are scanned.
    pub fn new(
        input: Input,
        opener: impl Fn(&Input, &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure>
        + Send
        + Sync
        + 'static,
        options: OpenOptions,
    ) -> Self {
        let opener = Box::new(opener);
        Self { input, opener, options, opened: OnceLock::new(), keeper: None, reopener: None }
    }

    /// The same, of tables in one file, whose index is kept.
    pub fn kept(mut self, file: &OneFile) -> Self {
        // Which layout is recognised is compared when the entry is used.
        let reading = format!("tables {:?} {:?}", self.options.layout, self.options.map);
        let keeper = Keeper::new(&self.options, &self.input, reading);
        self.keeper = match file.beside {
            [] => keeper,
            beside => keeper.and_then(|keeper| keeper.with_beside(beside)),
        };
        self.reopener = file.reopen;
        self
    }

    fn opened(&self) -> Result<&Opened, Failure> {
        self.opened.get().ok_or_else(|| {
            let why = "it has not been looked at yet";
            Failure::new(FailureKind::Other, self.name(), "read", why)
        })
    }
}

impl Records for Tables {
    fn name(&self) -> String {
        self.input.feed.name().to_owned()
    }

    fn about(&self) -> About {
        let mut about = match self.opened.get() {
            Some(opened) => opened.about(),
            // Which store it is shows when its tables were found, which takes a while in a large dump.
            None => About {
                kind: "looking for its tables".into(),
                caveats: vec![
                    "stepback reads it for the first time: it looks for the tables, and then knows what they hold"
                        .into(),
                ],
                ..About::default()
            },
        };
        about.name = self.input.name.clone();
        for packing in self.input.packed.iter().rev() {
            about.kind = format!("{}, {packing}", about.kind);
        }
        about
    }

    fn scan(&self, walk: &mut Walk<'_>) -> Result<(), Failure> {
        let stopped = |walk: &Walk<'_>| match walk.is_stopped() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let opened = match self.opened.get() {
            // They were opened with what was kept, of which the index turned out broken.
            Some(opened) => opened,
            None => {
                let database = (self.opener)(&self.input, &mut |done, total| {
                    walk.progress(done / 2, total);
                    stopped(walk)
                })?;
                if walk.is_stopped() {
                    return Ok(());
                }
                let (name, stem) = (self.name(), &self.input.stem);
                let opened = Opened::recognise(database, &self.options, &name, stem, &|| walk.is_stopped())?;
                self.opened.get_or_init(|| opened)
            }
        };
        self.input.recognised();
        if opened.found.events.len() as u64 >= LINKS {
            let why = format!("it has more than {LINKS} tables of events");
            return Err(Failure::new(FailureKind::Unsupported, self.name(), "open", why));
        }
        if !opened.is_ordered() {
            walk.versions_decide();
        }
        let (counts, links) = match opened.is_direct() {
            true => {
                walk.lies(opened.shown_by(), opened.database.lies_in_order());
                (scan_directly(opened, walk)?, Links::default())
            }
            false => collected::scan(opened, walk)?,
        };
        opened.finish(counts, links);
        Ok(())
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        let opened = self.opened()?;
        let links = opened.links();
        let row_of = |place: &Place| match place.offset >> ROW_BITS {
            LINKS => links.target(place.offset & ROW),
            _ => Some(place.offset),
        };
        let mut events: Vec<Arc<Event>> = Vec::with_capacity(places.len().min(4096));
        let mut read = 0;
        while events.len() < places.len() && (events.is_empty() || read < budget) {
            crate::sources::cancelled(&self.name(), cancel)?;
            let rest = &places[events.len()..];
            let Some(first) = row_of(&rest[0]) else {
                events.push(Arc::new(broken_link(&rest[0])));
                continue;
            };
            // Neighbours in one table are fetched together.
            let slot = first >> ROW_BITS;
            if slot >= opened.found.events.len() as u64 {
                let why = "the kept index names a table that is not there: `stepback cache clear` removes it";
                events.push(Arc::new(trouble(&rest[0], "the store", why.into(), Payload::default(), false)));
                continue;
            }
            let run: Vec<u64> =
                rest.iter().map_while(|place| row_of(place).filter(|row| row >> ROW_BITS == slot)).collect();
            let rows: Vec<u64> = run.iter().map(|row| row & ROW).collect();
            let (table, mut reader) = opened.whole_reader(slot as usize)?;
            let before = events.len();
            opened.database.fetch(table, &rows, &mut |row| {
                let at = events.len() - before;
                let (Some(place), Some(&row_place)) = (rest.get(at), run.get(at)) else {
                    return ControlFlow::Break(());
                };
                let mut event = match row {
                    Row::Cells(number, cells) => reader.event(opened, place, row_place, number, cells),
                    Row::Bad(_, reason) => reader.trouble(place, reason, Payload::default()),
                };
                if place.offset >> ROW_BITS == LINKS && event.trouble.is_none() {
                    event.notes.insert(0, Note::new(NoteKind::Link, links.says(place.offset & ROW)));
                }
                read += event.payload_bytes();
                events.push(Arc::new(event));
                if read < budget { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })?;
            if events.len() == before {
                let why = "the rows are no longer there";
                return Err(Failure::new(FailureKind::Io, self.name(), "read events", why));
            }
        }
        Ok(events)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        self.opened.get().map_or(StreamKind::Domain, |opened| opened.kind_of(stream))
    }

    fn snapshots(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        beside::snapshots(self.opened()?, &self.name(), cancel, told)
    }

    fn declared(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        beside::declared(self.opened()?, &self.name(), cancel, told)
    }

    fn rows(
        &self,
        table: &str,
        cancel: &Cancel,
        told: &mut dyn FnMut(String) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        beside::rows(self.opened()?, &self.name(), table, cancel, told)
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        self.opened.get().map_or(Ok(SourceChange::Same), |opened| opened.database.look())
    }

    fn keeper(&self) -> Option<&Keeper> {
        self.keeper.as_ref()
    }

    fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        let opened = self.opened().map_err(io::Error::other)?;
        if self.reopener.is_some() {
            opened.database.save(out)?;
        }
        opened.save(out)
    }

    fn restore<'a>(&'a self, front: &mut Sequence, stop: &AtomicBool) -> Option<Restored<'a>> {
        let stopped = || stop.load(Relaxed);
        let mut looked = |_, _| if stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        // Whatever is wrong here is told by the scan that follows.
        let database = match self.reopener {
            Some(reopen) => reopen(&self.input, front, &mut looked).ok()??,
            None => (self.opener)(&self.input, &mut looked).ok()?,
        };
        let opened = Opened::recognise(database, &self.options, &self.name(), &self.input.stem, &stopped).ok()?;
        opened.restore(front)?;
        self.input.recognised();
        if stopped() {
            return None;
        }
        Some(Box::new(move || {
            // Nothing was scanned before.
            let _ = self.opened.set(opened);
        }))
    }
}

/// Tells the walk every row where it is met.
fn scan_directly(opened: &Opened, walk: &mut Walk<'_>) -> Result<Counts, Failure> {
    let mut counts = Counts::default();
    let tables = opened.found.events.len() as u64;
    for (slot, &table) in opened.found.events.iter().enumerate() {
        walk.begins_part();
        let mut reader = EventReader::scanning(opened, table);
        let slot_bits = (slot as u64) << ROW_BITS;
        let flow = std::cell::Cell::new((0_u64, 0_u64));
        let stop = walk.stop();
        let stopped = stop.load(Relaxed);
        if stopped {
            break;
        }
        let mut walked = |row: Row<'_>| {
            match row {
                Row::Cells(place, cells) => match reader.basics(opened, place, cells, &mut counts) {
                    Ok(Basics { stream, version, order, unreadable: Some(_), .. }) => {
                        // One without a place of its own stands behind the row before it.
                        let order = Some(order).filter(|order| *order != LAST);
                        walk.unreadable(slot_bits | place, order, stream.as_bytes(), version);
                    }
                    Ok(basics) => walk.event(Draft {
                        at: slot_bits | place,
                        order: basics.order,
                        stream: basics.stream.as_bytes(),
                        event_type: basics.event_type.as_bytes(),
                        version: basics.version,
                        time: basics.time,
                    }),
                    Err(_) => walk.trouble(slot_bits | place),
                },
                Row::Bad(place, _) => walk.trouble(slot_bits | place),
            }
            let (done, total) = flow.get();
            if done > 0 {
                // The tables count alike; they were looked through once to be opened.
                let part = |bytes: u64| bytes / tables;
                walk.progress(total / 2 + part(total * slot as u64 + done) / 2, total);
                flow.set((0, 0));
            }
            if walk.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        opened.database.scan(
            table,
            &mut |done, total| {
                flow.set((done, total));
                ControlFlow::Continue(())
            },
            &mut walked,
        )?;
    }
    Ok(counts)
}

/// Where a row without an order of its own stands: behind the others.
pub const LAST: Order = Order(i64::MAX, i64::MAX);

/// A record that is no event: it stands in its stream, where that is known.
pub fn trouble(place: &Place, table: &str, reason: String, data: Payload, counts_positions: bool) -> Event {
    let trouble = Trouble { place: format!("{table}, record {}", place.line), reason };
    place.belonging(Event::unreadable(place.position(counts_positions), trouble, data))
}

/// A link whose event is not there.
fn broken_link(place: &Place) -> Event {
    let mut event = trouble(place, "", String::new(), Payload::default(), false);
    event.trouble = None;
    if let Some(placed) = &place.event {
        event.stream = placed.stream.clone();
        event.version = Version(placed.version);
        event.event_type = placed.event_type.clone().unwrap_or_else(|| "".into());
    }
    event.notes.push(Note::new(NoteKind::BrokenLink, "the event it leads to is not there"));
    event
}

/// The position of an event: a number, or whatever the store writes.
pub fn position(raw: &Raw<'_>) -> Option<Position> {
    match (raw.whole(), raw.text(false)) {
        (Some(number), _) => Some(Position::Number(number)),
        (None, text) => text.map(|text| Position::Text(Arc::from(&*text))),
    }
}
