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

use fields::Fields;
use rate::{Counts, Scale};

use super::pages;
use crate::domain::payload::Form;
use crate::domain::shape::{Beside, Proof, Shapes, Turn, TypeShape};
use crate::domain::{Cancel, Event, EventQuery, Failure, Parser, Payload, Scope, Timestamp};
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
        true => Err(Failure::cancelled(name, "look at its events")),
        false => Ok(shapes),
    }
}

#[cfg(test)]
mod tests;
