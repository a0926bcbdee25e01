//! From a row to an event, by a layout. Two readings of the same row: what the index keeps, for every row; and everything,
//! for those somebody looks at. What the one calls an event the other does too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::aging::{self, Aging};
use super::beside;
use super::cells::Raw;
use super::expression::Expression;
use super::opened::Opened;
use super::reader::{Ground, Reader, cell_json, row_json};
use super::records::{LAST, LINKS, ROW_BITS, position, trouble};
use super::spec::{Class, Layout, Ordering, Retention};
use crate::domain::{Event, Form, Note, NoteKind, Payload, Position, Timestamp, Version};
use crate::sources::cache::{Kept, Sequence};
use crate::sources::fields::Put;
use crate::sources::index::Place;
use crate::sources::indexed::CHANGED;
use crate::sources::lacking;
use crate::sources::sorted::Order;
use crate::sources::tables::{Cell, Table};

const STREAM: usize = 0;
const TYPE: usize = 1;
const VERSION: usize = 2;
const TIME: usize = 3;
const FIRST: usize = 4;
const SECOND: usize = 5;
const ID: usize = 6;
const DATA: usize = 7;
const METADATA: usize = 8;
const CORRELATION: usize = 9;
const CAUSATION: usize = 10;
const POSITION: usize = 11;
const CONTENT: usize = 12;
/// Then those that qualify a stream, then those that are noted.
const QUALIFY: usize = 13;

/// What was counted while rows were scanned.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Rows that are events.
    pub events: u64,
    /// Events without a stream.
    pub streamless: u64,
    /// Events with no place in the global order.
    pub outside: u64,
    /// Events with no row that says in which stream they are.
    pub homeless: u64,
    /// Events with a time.
    pub timed: u64,
    /// Links, and those that lead nowhere.
    pub links: u64,
    /// Links that lead nowhere.
    pub broken: u64,
    /// Events that are beyond what their streams show.
    pub hidden: u64,
    /// Events that are older than their streams show events for.
    pub expired: u64,
    /// The newest event, in seconds since 1970; 0 where no time is known.
    pub newest: u64,
    /// Events and links whose versions no row says, so that they were counted.
    pub counted: u64,
    /// For each rule of notes, how often it applied.
    pub notes: BTreeMap<usize, u64>,
}

impl Counts {
    /// Tells them.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        let Self {
            events,
            streamless,
            outside,
            homeless,
            timed,
            links,
            broken,
            hidden,
            expired,
            newest,
            counted,
            notes,
        } = self;
        out.written(|out| {
            for &count in
                [events, streamless, outside, homeless, timed, links, broken, hidden, expired, newest, counted]
            {
                out.number(count);
            }
            for (&rule, &count) in notes {
                out.number(rule as u64);
                out.number(count);
            }
        })
    }

    /// Reads back what was told, of a layout with so many rules of notes.
    pub fn load(front: &mut Sequence, rules: usize) -> Option<Self> {
        front.read(|read| {
            let mut counts = Self::default();
            let Self {
                events,
                streamless,
                outside,
                homeless,
                timed,
                links,
                broken,
                hidden,
                expired,
                newest,
                counted,
                notes,
            } = &mut counts;
            for count in [events, streamless, outside, homeless, timed, links, broken, hidden, expired, newest, counted]
            {
                *count = read.number()?;
            }
            while !read.is_done() {
                let rule = usize::try_from(read.number()?).ok().filter(|&rule| rule < rules)?;
                notes.insert(rule, read.number()?);
            }
            Some(counts)
        })
    }
}

/// What the index keeps of a row.
pub struct Basics<'a> {
    /// The stream.
    pub stream: Cow<'a, str>,
    /// The type.
    pub event_type: Cow<'a, str>,
    /// The version.
    pub version: Option<u64>,
    /// The time.
    pub time: Option<Timestamp>,
    /// The place in the walk of the whole store.
    pub order: Order,
    /// Why it is no event, though its stream is known.
    pub unreadable: Option<String>,
}

/// Reads events from the rows of one table.
pub struct EventReader {
    /// What the table is called.
    pub table: String,
    /// The reader behind it.
    pub reader: Reader,
    layout: Arc<Layout>,
    columns: Table,
    /// Whether rows say where they stand in the whole store.
    pub has_order: bool,
    qualifiers: usize,
    /// The columns that may name large objects.
    large: Vec<usize>,
    aging: Aging,
}

impl EventReader {
    /// A reader of what the index keeps.
    pub fn scanning(opened: &Opened, table: usize) -> Self {
        Self::new(opened, table, false)
    }

    /// A reader of everything.
    pub fn whole(opened: &Opened, table: usize) -> Self {
        Self::new(opened, table, true)
    }

    fn new(opened: &Opened, table: usize, whole: bool) -> Self {
        let layout = opened.found.layout.clone();
        let events = &layout.events;
        let (first, second): (Vec<Expression>, Vec<Expression>) = match &events.order {
            Ordering::By(first, second) => (vec![first.clone()], second.iter().cloned().collect()),
            _ => Default::default(),
        };
        let qualifiers: Vec<_> = events.qualify.iter().map(|qualifier| vec![qualifier.value.clone()]).collect();
        let notes: Vec<_> = layout.notes.iter().map(|note| vec![note.when.clone()]).collect();
        let none: &[Expression] = &[];
        let content = events.content.as_ref().map_or(none, |content| &content.by.0);
        let mut roles: Vec<&[Expression]> =
            vec![&events.stream.0, &events.event_type.0, &events.version.0, &events.time.0, &first, &second];
        match whole {
            true => roles.extend([
                &events.id.0[..],
                &events.data.0,
                &events.metadata.0,
                &events.correlation.0,
                &events.causation.0,
                &events.position.0,
                content,
            ]),
            false => roles.extend([none; 7]),
        }
        roles.extend(qualifiers.iter().chain(&notes).map(|sources| &sources[..]));
        let retention: [Vec<Expression>; 3] = match &events.retention {
            Some(Retention { max_count, last, max_age }) => {
                [vec![max_count.clone()], vec![last.clone()], max_age.iter().cloned().collect()]
            }
            None => Default::default(),
        };
        roles.extend(retention.iter().map(|sources| &sources[..]));
        let columns = opened.database.tables()[table].clone();
        let envelope = events.envelope.as_ref().map(|envelope| (envelope.column.as_str(), envelope.kind));
        let hint = events.content.as_ref().and_then(|content| content.means.get("*")).map(String::as_str);
        let ground = Ground { table: &columns, rules: &opened.rules, lookups: Some(&opened.lookups), envelope, hint };
        let reader = Reader::new(ground, &roles);
        let payloads = opened.rules.iter().filter(|rule| events.large_objects && rule.class == Class::Payload);
        let large = payloads.filter_map(|rule| ground.column(&rule.names[0])).collect();
        let has_order = reader.has(FIRST) || reader.has(SECOND);
        Self {
            table: columns.full_name(),
            reader,
            columns,
            has_order,
            qualifiers: qualifiers.len(),
            large,
            layout,
            aging: Aging::default(),
        }
    }

    /// Whether rows say what their positions are, of a reader of everything.
    pub fn has_position(&self) -> bool {
        self.reader.has(POSITION)
    }

    /// What the index keeps of a row.
    ///
    /// # Errors
    /// Why it is no event, where it is of no stream.
    pub fn basics<'a>(
        &'a mut self,
        opened: &Opened,
        place: u64,
        cells: &'a [Cell<'a>],
        counts: &mut Counts,
    ) -> Result<Basics<'a>, String> {
        self.reader.row(place, cells);
        if let (Some(age), time) = (self.age(cells), self.time(cells)) {
            counts.expired += self.aging.met(time, age);
            counts.newest =
                counts.newest.max(self.aging.newest().and_then(|newest| newest.try_into().ok()).unwrap_or(0));
        }
        let me = &*self;
        for note in 0..me.layout.notes.len() {
            if me.noted(note, cells) {
                *counts.notes.entry(note).or_default() += 1;
            }
        }
        let stream = match me.stream(cells) {
            Some(stream) => stream,
            None if !opened.is_direct() => Cow::Borrowed(""),
            None => match &me.layout.events.streamless {
                Some(name) => {
                    counts.streamless += 1;
                    Cow::Owned(name.clone())
                }
                None => return Err("the event's stream cannot be read: it is missing".into()),
            },
        };
        let mut wrong = None;
        let event_type = me.event_type(cells).unwrap_or_else(|| {
            wrong = Some("the event's type cannot be read: it is missing".to_owned());
            Cow::Borrowed("")
        });
        let raw = me.reader.raw(VERSION, cells);
        let version = raw.whole();
        if raw.says() && version.is_none() {
            wrong.get_or_insert_with(|| unreadable("version", &raw.text(false).unwrap_or_default()));
        }
        counts.hidden += u64::from(me.hidden(version, cells).is_some());
        let time = me.time(cells);
        if wrong.is_none() {
            counts.events += 1;
            counts.timed += u64::from(time.is_some());
        }
        let order = match (&me.layout.events.order, me.has_order) {
            (Ordering::By(..), true) => {
                let number = |role: usize| me.reader.raw(role, cells).order();
                match (number(FIRST), number(SECOND)) {
                    (Some(first), second) => Order(first, second.unwrap_or(0)),
                    // From before the store numbered them.
                    (None, Some(second)) => Order(i64::MIN, second),
                    (None, None) => LAST,
                }
            }
            (Ordering::Time, _) => match time {
                Some(time) => Order(time.as_second(), i64::from(time.subsec_nanosecond())),
                None => LAST,
            },
            _ => Order::default(),
        };
        Ok(Basics { stream, event_type, version, time, order, unreadable: wrong })
    }

    /// The stream's name, with what qualifies it.
    fn stream<'a>(&'a self, cells: &'a [Cell<'a>]) -> Option<Cow<'a, str>> {
        let mut stream = self.reader.text(STREAM, cells)?;
        for (at, qualifier) in self.layout.events.qualify.iter().enumerate() {
            if let Some(said) = self.reader.text(QUALIFY + at, cells)
                && !qualifier.unless.iter().any(|usual| *usual == *said)
            {
                stream = Cow::Owned(beside::owned(&said, &stream));
            }
        }
        Some(stream)
    }

    fn event_type<'a>(&'a self, cells: &'a [Cell<'a>]) -> Option<Cow<'a, str>> {
        let event_type = self.reader.text(TYPE, cells)?;
        let Some(prefix) = self.layout.events.type_prefix.as_deref() else { return Some(event_type) };
        Some(match event_type {
            Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(prefix).unwrap_or(text)),
            Cow::Owned(text) => Cow::Owned(text.strip_prefix(prefix).map(str::to_owned).unwrap_or(text)),
        })
    }

    fn time(&self, cells: &[Cell<'_>]) -> Option<Timestamp> {
        self.reader.raw(TIME, cells).time(self.layout.events.time_unit)
    }

    /// How many events its stream shows, when this one is not among them.
    fn hidden(&self, version: Option<u64>, cells: &[Cell<'_>]) -> Option<u64> {
        let role = QUALIFY + self.qualifiers + self.layout.notes.len();
        if !self.reader.has(role) {
            return None;
        }
        let (shown, last) = (self.reader.raw(role, cells).whole()?, self.reader.raw(role + 1, cells).whole()?);
        (version?.checked_add(shown)? <= last).then_some(shown)
    }

    /// For how many seconds its stream shows events, if that is limited; `None` where streams have no such limits.
    fn age(&self, cells: &[Cell<'_>]) -> Option<Option<u64>> {
        let role = QUALIFY + self.qualifiers + self.layout.notes.len() + 2;
        self.reader.has(role).then(|| self.reader.raw(role, cells).whole())
    }

    fn noted(&self, note: usize, cells: &[Cell<'_>]) -> bool {
        let rule = &self.layout.notes[note];
        let role = QUALIFY + self.qualifiers + note;
        match &rule.is {
            Some(wanted) => self.reader.text(role, cells).is_some_and(|said| said == *wanted),
            None => self.reader.raw(role, cells).is_true(),
        }
    }

    /// The columns of a row that are no part of its event.
    fn fields(&self, cells: &[Cell<'_>], time: Option<Timestamp>) -> Payload {
        if self.layout.events.whole_row {
            return Payload::default();
        }
        let mut used = Vec::with_capacity(cells.len());
        for role in [STREAM, TYPE, VERSION, ID, DATA, METADATA, CORRELATION, CAUSATION, POSITION, CONTENT] {
            self.reader.columns_of(role, cells, &mut used);
        }
        // What cannot be read as a time is not one.
        if time.is_some() || !self.reader.raw(TIME, cells).says() {
            self.reader.columns_of(TIME, cells, &mut used);
        }
        for (qualifier, _) in self.layout.events.qualify.iter().enumerate().filter(|(_, rule)| !rule.is_kept) {
            self.reader.columns_of(QUALIFY + qualifier, cells, &mut used);
        }
        // What a note says is said; what a column says beside yes and no is not, where it is no note.
        for (note, rule) in self.layout.notes.iter().enumerate() {
            if rule.is.is_none() || self.noted(note, cells) {
                self.reader.columns_of(QUALIFY + self.qualifiers + note, cells, &mut used);
            }
        }
        let mut fields = Put::default();
        for (number, (column, cell)) in self.columns.columns.iter().zip(cells).enumerate() {
            if !used.contains(&number) {
                fields.field(&column.name, &cell_json(column, cell));
            }
        }
        fields.done()
    }

    /// The event of a row. `row` is its place among all, whatever leads to it.
    pub fn event(&mut self, opened: &Opened, place: &Place, row: u64, number: u64, cells: &[Cell<'_>]) -> Event {
        let unfolded;
        let cells = match self.large.is_empty() {
            true => cells,
            false => {
                unfolded = self.with_large_objects(opened, cells);
                &unfolded[..]
            }
        };
        let basics = self.basics(opened, number, cells, &mut Counts::default());
        let read = match basics {
            Ok(Basics { event_type, unreadable: Some(reason), .. }) => {
                let event_type: Arc<str> = event_type.as_ref().into();
                return Event { event_type, ..self.unreadable(place, cells, reason) };
            }
            Ok(basics) => (basics.event_type.into_owned(), basics.time),
            Err(reason) => return self.unreadable(place, cells, reason),
        };
        let Some(placed) = place.event.as_ref().filter(|placed| placed.readable) else {
            return self.unreadable(place, cells, CHANGED.into());
        };
        let (read_type, time) = read;
        let content = self.layout.events.content.as_ref();
        let said = self.reader.text(CONTENT, cells);
        let hint = content.and_then(|content| {
            said.and_then(|said| content.means.get(&*said)).or_else(|| content.means.get("*")).map(String::as_str)
        });
        let data = match self.layout.events.whole_row {
            true => Payload::new(Form::Json, row_json(&self.columns.columns, cells).into()),
            false => self.reader.payload(DATA, cells, hint),
        };
        let metadata = self.reader.payload(METADATA, cells, None);
        let text = |role: usize| self.reader.text(role, cells).map(|text| Arc::from(&*text));
        let mut notes: Vec<Note> = Vec::new();
        for (at, rule) in self.layout.notes.iter().enumerate().filter(|(at, _)| self.noted(*at, cells)) {
            let said = self.reader.text(QUALIFY + self.qualifiers + at, cells).unwrap_or_default();
            notes.push(Note::new(rule.kind.into(), rule.text.replace("{}", &said)));
        }
        // What belongs to no stream has no place in one.
        let has_versions = opened.is_direct() && self.reader.has(VERSION) && self.stream(cells).is_some();
        let version = has_versions.then(|| self.reader.raw(VERSION, cells).says());
        let unread = self.reader.raw(TIME, cells);
        let unread = (time.is_none() && unread.says()).then(|| unread.text(false).unwrap_or_default().into_owned());
        lacking::note(&mut notes, version, unread.as_deref());
        if let Some(shown) = self.hidden(Some(placed.version), cells) {
            notes.push(Note::new(NoteKind::Deleted, format!("hidden by the stream's limit of {shown}")));
        }
        if let (Some(Some(age)), Some(time)) = (self.age(cells), time)
            && opened.newest().is_some_and(|newest| aging::end(time, age) <= newest)
        {
            notes.push(Note::new(NoteKind::Deleted, format!("expired: its stream keeps events for {age} s")));
        }
        let outside = opened.outside(row);
        if let Some(name) = outside {
            notes.push(Note::new(NoteKind::Outside, format!("not in {name}")));
        }
        let home = if place.offset >> ROW_BITS == LINKS { None } else { Some(placed.stream.as_str()) };
        if let Some(kind) = home.and_then(|stream| opened.put_away(stream))
            && !notes.iter().any(|note| note.kind == kind)
        {
            let text = if kind == NoteKind::Archived { "its stream is archived" } else { "its stream is deleted" };
            notes.push(Note::new(kind, text));
        }
        Event {
            id: text(ID),
            time,
            data,
            metadata,
            fields: self.fields(cells, time),
            correlation: text(CORRELATION),
            causation: text(CAUSATION),
            notes,
            ..Event::new(
                placed.stream.clone(),
                Version(placed.version),
                match (opened.position(row), outside) {
                    (Some(position), _) => Position::Number(position),
                    // It has none, and a number would look like one.
                    (None, Some(_)) => Position::Text("-".into()),
                    (None, None) => self.position(cells, place),
                },
                placed.event_type.clone().unwrap_or_else(|| read_type.into()),
            )
        }
    }

    /// The cells, with the large objects that some of them name.
    fn with_large_objects<'a>(&self, opened: &Opened, cells: &'a [Cell<'a>]) -> Vec<Cell<'a>> {
        let mut cells = cells.to_vec();
        for &column in &self.large {
            let Some(cell) = cells.get_mut(column) else { continue };
            let oid = Raw::Cell(cell).whole();
            if let Some(Ok(Some(bytes))) = oid.map(|oid| opened.database.large_object(oid)) {
                *cell = Cell::Bytes(Cow::Owned(bytes));
            }
        }
        cells
    }

    fn unreadable(&self, place: &Place, cells: &[Cell<'_>], reason: String) -> Event {
        let row = row_json(&self.columns.columns, cells);
        let position = self.position(cells, place);
        Event { position, ..self.trouble(place, reason, Payload::new(Form::Json, row.into())) }
    }

    /// A row that is no event.
    pub fn trouble(&self, place: &Place, reason: String, data: Payload) -> Event {
        trouble(place, &self.table, reason, data, self.counts_positions())
    }

    fn position(&self, cells: &[Cell<'_>], place: &Place) -> Position {
        position(&self.reader.raw(POSITION, cells)).unwrap_or_else(|| place.position(self.counts_positions()))
    }

    /// Whether no row of the table says where it stands in the store, and nothing else does.
    fn counts_positions(&self) -> bool {
        let is_all = self.layout.membership.as_ref().is_some_and(|membership| membership.all.is_some());
        !is_all && !self.has_position()
    }
}

fn unreadable(part: &str, found: &str) -> String {
    format!("the event's {part} cannot be read: {} is no {part}", crate::domain::text::fit(found, 40))
}
