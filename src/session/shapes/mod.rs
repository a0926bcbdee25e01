//! The shapes of events: which types there are, how often and when, how large, and what their payloads look like.
//!
//! Every payload is looked into once. Nothing is kept of a payload but what its fields are, how often they are there, and at
//! which events that changed; all of it is bounded, and where a bound was reached it is told.

mod beside;
mod fields;
mod history;
mod path;
mod rate;
mod sets;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

pub use fields::JsonKind;
pub use history::Happened;

use fields::Fields;
use rate::{Counts, Scale};

use super::pages;
use crate::domain::payload::Form;
use crate::domain::{
    Cancel, Event, EventQuery, Failure, FailureKind, Parser, Payload, Position, Scope, StreamName, Timestamp, Version,
};
use crate::sources::Source;

/// Types told apart.
const TYPES: usize = 4096;

/// Fields of all types together.
const FIELDS: usize = 200_000;

/// Entries of the history of one type.
const ENTRIES: usize = 200;

/// Names of encodings told of a type.
const ENCODINGS: usize = 16;

/// Stretches of time a rate is told in.
pub const STRETCHES: usize = 40;

/// Which payloads are looked into.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Part {
    /// What the events say.
    #[default]
    Data,
    /// What is said about them.
    Metadata,
    /// What their records say beside.
    Fields,
}

/// An event that proves something.
#[derive(Clone, PartialEq, Debug)]
pub struct Proof {
    /// Its stream.
    pub stream: StreamName,
    /// Its version there.
    pub version: Version,
    /// Its place in the store.
    pub position: Position,
    /// When.
    pub time: Option<Timestamp>,
    /// Its place in the walk of the whole store, counted from 1.
    pub place: u64,
}

/// A field of a type.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// Where it is: `.lines[].sku`; the payload itself is `.`.
    pub path: String,
    /// Its last step: `sku`, `[]`, `*`.
    pub name: String,
    /// How deep.
    pub depth: usize,
    /// What it was, and how often.
    pub kinds: Vec<(JsonKind, u64)>,
    /// How many of those it could stand in have it.
    pub present: u64,
    /// How many there are.
    pub of: u64,
    /// Values it had, cut.
    pub examples: Vec<String>,
}

impl Field {
    /// How often it is there, in percent; never 100 or 0 by rounding.
    pub fn percent(&self) -> u8 {
        percent(self.present, self.of)
    }
}

/// Something that happened to a field of a type.
#[derive(Clone, PartialEq, Debug)]
pub struct Turn {
    /// Which field.
    pub path: String,
    /// What.
    pub happened: Happened,
    /// What more is known, in words.
    pub text: String,
    /// The event that proves it.
    pub proof: Option<Proof>,
}

impl Turn {
    /// It in a sentence without its field: `became string (before: number)`.
    pub fn sentence(&self) -> String {
        let what = match self.happened {
            Happened::Appeared | Happened::Vanished | Happened::Returned => self.happened.name().to_owned(),
            Happened::Became(old, new) => format!("changed from {} to {}", old.name(), new.name()),
            Happened::Also(new) => format!("is {} too", new.name()),
        };
        format!("{what}: {}", self.text)
    }
}

/// One of several shapes that stand side by side.
#[derive(Clone, PartialEq, Debug)]
pub struct Beside {
    /// The object that has them.
    pub path: String,
    /// The fields only this shape has.
    pub fields: Vec<String>,
    /// How many objects are of it.
    pub count: u64,
    /// How many objects there are.
    pub of: u64,
    /// The first event with it.
    pub first: Option<Proof>,
}

impl Beside {
    /// It in a sentence: `63 % (120 of 189) have .amountMinor`.
    pub fn sentence(&self) -> String {
        let percent = percent(self.count, self.of);
        let have = if self.count == 1 { "has" } else { "have" };
        format!("{percent} % ({} of {}) {have} {}", self.count, self.of, self.fields.join(", "))
    }

    /// How many of a hundred objects are of it.
    pub fn percent(&self) -> u8 {
        percent(self.count, self.of)
    }
}

/// A share in percent; never 0 by rounding.
fn percent(part: u64, of: u64) -> u8 {
    match part.saturating_mul(100).checked_div(of) {
        None => 0,
        Some(0) if part > 0 => 1,
        Some(percent) => percent.min(100) as u8,
    }
}

/// What the events of one type look like.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeShape {
    /// The type.
    pub name: String,
    /// How many events.
    pub count: u64,
    /// The earliest one; the first one where none has a time.
    pub first: Option<Proof>,
    /// The latest one; the last one where none has a time.
    pub last: Option<Proof>,
    /// How many in each stretch of the store's time.
    pub rate: Vec<u64>,
    /// Bytes of all payloads.
    pub bytes: u64,
    /// Bytes of the largest.
    pub largest: u64,
    /// The event that has it.
    pub largest_at: Option<Proof>,
    /// Payloads that were looked into.
    pub read: u64,
    /// Events without a payload.
    pub absent: u64,
    /// Payloads that are not the JSON they should be.
    pub unparsable: u64,
    /// The first of them.
    pub unparsable_at: Option<Proof>,
    /// Payloads that cannot be looked into, by their encodings; an empty name is of those without one.
    pub opaque: Vec<(String, u64)>,
    /// The fields, each before those inside it.
    pub fields: Vec<Field>,
    /// What happened to them, in the order of the store.
    pub history: Vec<Turn>,
    /// Shapes that stand side by side, the most frequent of each object first.
    pub beside: Vec<Beside>,
    /// What was left out, one sentence each.
    pub cut: Vec<String>,
}

/// What the events of a store look like.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Shapes {
    /// The source, as it may be shown.
    pub source: String,
    /// Events looked at.
    pub events: u64,
    /// The first and the last time.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The types, the most frequent first.
    pub types: Vec<TypeShape>,
    /// Events of types that were too many to be told apart.
    pub left_out: u64,
}

impl TypeShape {
    /// How many fields it has; `None` where no payload could be looked into.
    pub fn field_count(&self) -> Option<usize> {
        let is_sealed = self.read == 0 && !self.opaque.is_empty();
        (!is_sealed).then(|| self.fields.len().saturating_sub(1))
    }
}

impl Shapes {
    /// Payloads of all types that cannot be looked into, one sentence for each of their encodings.
    pub fn sealed(&self) -> Vec<String> {
        let mut sealed: BTreeMap<&str, u64> = BTreeMap::new();
        for (encoding, count) in self.types.iter().flat_map(|shape| &shape.opaque) {
            *sealed.entry(encoding).or_default() += count;
        }
        let sentence = |(encoding, count): (&str, u64)| {
            let encoding = if encoding.is_empty() { "no known encoding" } else { encoding };
            let payloads = if count == 1 { "payload" } else { "payloads" };
            format!("{count} {payloads} not looked into: {encoding}")
        };
        sealed.into_iter().map(sentence).collect()
    }
}

/// What encodings are called together that are too many to be told apart.
const OTHER_ENCODINGS: &str = "other encodings";

/// Gathers shapes from events told one by one.
#[derive(Debug)]
pub struct Collector {
    part: Part,
    /// Only this type is looked into.
    only: Option<String>,
    types: HashMap<Arc<str>, Gathered>,
    scale: Scale,
    parser: Parser,
    events: u64,
    left_out: u64,
    fields: usize,
}

#[derive(Debug, Default)]
struct Gathered {
    count: u64,
    /// The first and the last event in the order of the store.
    first: u32,
    last: u32,
    /// The earliest and the latest of those that have a time.
    span: Option<[(Timestamp, u32); 2]>,
    rate: Counts,
    bytes: u64,
    largest: (u64, u32),
    read: u64,
    absent: u64,
    unparsable: u64,
    first_unparsable: u32,
    opaque: BTreeMap<String, u64>,
    fields: Fields,
    /// Payloads not looked into, because there are too many fields already.
    skipped: u64,
}

impl Collector {
    /// A collector that has seen nothing. With `only`, just this type's payloads are looked into.
    pub fn new(part: Part, only: Option<String>) -> Self {
        Self {
            part,
            only,
            types: HashMap::new(),
            scale: Scale::default(),
            parser: Parser::default(),
            events: 0,
            left_out: 0,
            fields: 0,
        }
    }

    /// The next event of the walk, with its ordinal there. A record that is no event says nothing.
    pub fn event(&mut self, ordinal: u64, event: &Event) {
        if event.trouble.is_some() {
            return;
        }
        let Ok(ordinal) = u32::try_from(ordinal) else {
            self.left_out += 1;
            return;
        };
        self.events += 1;
        let known = self.types.contains_key(&event.event_type);
        if !known && self.types.len() >= TYPES {
            self.left_out += 1;
            return;
        }
        if let Some(time) = event.time {
            let types = &mut self.types;
            let at = self.scale.place(time, |later| {
                types.values_mut().for_each(|gathered| rate::join(&mut gathered.rate, later));
            });
            rate::count(&mut self.types.entry(event.event_type.clone()).or_default().rate, at);
        }
        let gathered = self.types.entry(event.event_type.clone()).or_default();
        gathered.count += 1;
        if gathered.count == 1 {
            gathered.first = ordinal;
        }
        gathered.last = ordinal;
        if let Some(time) = event.time {
            let [earliest, latest] = gathered.span.get_or_insert([(time, ordinal); 2]);
            if time < earliest.0 {
                *earliest = (time, ordinal);
            }
            if time >= latest.0 {
                *latest = (time, ordinal);
            }
        }
        let payload = match self.part {
            Part::Data => &event.data,
            Part::Metadata => &event.metadata,
            Part::Fields => &event.fields,
        };
        let size = payload.stored().len() as u64;
        gathered.bytes += size;
        if size > gathered.largest.0 || gathered.count == 1 {
            gathered.largest = (size, ordinal);
        }
        if self.only.as_deref().is_none_or(|only| *event.event_type == *only) {
            self.fields += gathered.look(&mut self.parser, payload, ordinal, self.fields < FIELDS);
        }
    }

    /// The shapes. `look` hands out the event with an ordinal of the walk again.
    pub fn finish(self, source: String, look: &mut dyn FnMut(u64) -> Option<Arc<Event>>) -> Shapes {
        let scale = self.scale;
        let mut types: Vec<TypeShape> =
            self.types.into_iter().map(|(name, gathered)| gathered.finish(name.to_string(), &scale, look)).collect();
        types.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        Shapes { source, events: self.events, span: scale.span(), types, left_out: self.left_out }
    }
}

impl Gathered {
    /// Looks into a payload; gives how many fields are new.
    fn look(&mut self, parser: &mut Parser, payload: &Payload, ordinal: u32, room: bool) -> usize {
        match payload.form() {
            Form::Absent => self.absent += 1,
            Form::Opaque => {
                let name = payload.encoding().unwrap_or("");
                if let Some(count) = self.opaque.get_mut(name) {
                    *count += 1;
                } else {
                    // Of very many the last ones are counted together.
                    let name = if self.opaque.len() < ENCODINGS { name } else { OTHER_ENCODINGS };
                    *self.opaque.entry(name.to_owned()).or_default() += 1;
                }
            }
            _ if !room => self.skipped += 1,
            Form::Json | Form::JsonText | Form::Encoded => {
                match payload.json_bytes().and_then(|text| parser.parse(&text)) {
                    Err(_) => {
                        if self.unparsable == 0 {
                            self.first_unparsable = ordinal;
                        }
                        self.unparsable += 1;
                    }
                    Ok(value) => {
                        self.read += 1;
                        let before = self.fields.len();
                        self.fields.look(&value, ordinal, self.read);
                        return self.fields.len().saturating_sub(before);
                    }
                }
            }
        }
        0
    }

    fn finish(mut self, name: String, scale: &Scale, look: &mut dyn FnMut(u64) -> Option<Arc<Event>>) -> TypeShape {
        let mut proof = |ordinal: u32| {
            let event = look(u64::from(ordinal))?;
            Some(Proof {
                stream: event.stream.clone(),
                version: event.version,
                position: event.position.clone(),
                time: event.time,
                place: u64::from(ordinal) + 1,
            })
        };
        let (list, entries, beside) = Default::default();
        let mut writer = path::Writer { fields: &mut self.fields, list, entries, beside };
        if self.read > 0 {
            writer.write(0, ".", 0, self.read, path::Past::All);
        }
        let (mut fields, mut entries, beside) = (writer.list, writer.entries, writer.beside);
        // A field may be in a payload that cannot be read, but nobody saw it there.
        fields.iter_mut().filter(|field| field.of == self.read).for_each(|field| field.of += self.unparsable);
        entries.sort_by_key(|(_, entry)| entry.ordinal);
        let mut cut = Vec::new();
        if entries.len() > ENTRIES {
            cut.push(format!("{} later entries of the history are left out", entries.len() - ENTRIES));
            entries.truncate(ENTRIES);
        }
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                cut.push(format!("{count} {what}"));
            }
        };
        say(self.fields.left_out, "values are in fields beyond those told apart");
        say(self.fields.too_deep, "values are nested deeper than is looked");
        say(self.fields.elements, "elements of long arrays were not looked at");
        say(self.skipped, "payloads were not looked into: the store has too many fields");
        let history = entries
            .into_iter()
            .map(|(path, entry)| Turn { path, happened: entry.happened, text: entry.text, proof: proof(entry.ordinal) })
            .collect();
        let beside = beside.into_iter().flat_map(|alternatives| {
            let (path, of) = (alternatives.path, alternatives.of);
            alternatives.shapes.into_iter().map(move |(fields, count, first)| (path.clone(), of, fields, count, first))
        });
        let beside = beside
            .map(|(path, of, fields, count, first)| Beside { path, fields, count, of, first: proof(first.ordinal) })
            .collect();
        TypeShape {
            name,
            count: self.count,
            first: proof(self.span.map_or(self.first, |[(_, earliest), _]| earliest)),
            last: proof(self.span.map_or(self.last, |[_, (_, latest)]| latest)),
            rate: scale.spread(&self.rate, STRETCHES),
            bytes: self.bytes,
            largest: self.largest.0,
            largest_at: proof(self.largest.1),
            read: self.read,
            absent: self.absent,
            unparsable: self.unparsable,
            unparsable_at: if self.unparsable > 0 { proof(self.first_unparsable) } else { None },
            opaque: self.opaque.into_iter().collect(),
            fields,
            history,
            beside,
            cut,
        }
    }
}

/// The shapes of all events of a source. With `only`, just this type's payloads are looked into.
///
/// # Errors
/// When the source cannot be read, or nobody wants it any more.
pub fn gather(
    source: &dyn Source,
    part: Part,
    only: Option<String>,
    cancel: &Cancel,
    told: &mut dyn FnMut(&'static str, u64, u64),
) -> Result<Shapes, Failure> {
    source.complete(cancel, &mut |progress| told("read", progress.done, progress.total))?;
    let name = source.about().name;
    let mut collector = Collector::new(part, only);
    pages::each(source, &Scope::All, cancel, &mut |done, total| told("events", done, total), &mut |ordinal, event| {
        collector.event(ordinal, event);
    })?;
    let shapes = collector.finish(name.clone(), &mut |ordinal| {
        let page = source.events(&EventQuery::at(Scope::All, ordinal, 1), cancel);
        page.ok().and_then(|mut page| page.events.pop())
    });
    match cancel.is_cancelled() {
        // What was seen could no longer be looked up.
        true => Err(Failure::new(FailureKind::Cancelled, name, "look at its events", "it was stopped")),
        false => Ok(shapes),
    }
}

#[cfg(test)]
mod tests;
