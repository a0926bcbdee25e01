//! Records of any shape, mapped by the same guess as lines of JSON.

use std::borrow::Cow;

use bytes::Bytes;

use super::format::{Basics, Format, Parts, Reading, Skimmed, Unreadable};
use crate::domain::About;
pub use crate::sources::files::envelope::payload;
use crate::sources::files::envelope::{
    self, DATA, ID, METADATA, NOTES, POSITION, REFERENCES, STREAM, Said, TIME, TYPE, UNREAD, VERSION, first,
};
use crate::sources::files::mapping::{FieldPath, Mapping, StreamFrom};
use crate::sources::files::value;
use crate::sources::sorted::Order;

/// Records by a mapping.
pub struct Generic {
    mapping: Mapping,
    about: About,
    fields: Vec<FieldPath>,
    correlation: Vec<Said>,
    causation: Vec<Said>,
}

impl Generic {
    /// Records by a mapping; `about` says how it came to be.
    pub fn new(mapping: Mapping, about: About) -> Self {
        let mut fields = Vec::new();
        let correlation = envelope::said(&mapping.correlation, &mut fields);
        let causation = envelope::said(&mapping.causation, &mut fields);
        Self { mapping, about, fields, correlation, causation }
    }

    /// How many values it looks for.
    pub fn slots(&self) -> usize {
        self.trouble() + 1
    }

    /// The slot of what an export says of a record that could not be read.
    fn trouble(&self) -> usize {
        self.first_part() + envelope::parts(&self.mapping).count()
    }

    /// The slot of the first field of a stream's name that is made of several.
    fn first_part(&self) -> usize {
        REFERENCES + self.fields.len()
    }
}

/// Why a part of the envelope cannot be used.
pub fn unusable(part: &str, raw: &[u8]) -> String {
    let found = match raw {
        [] => "it is missing".into(),
        raw => {
            let shown = String::from_utf8_lossy(&raw[..raw.len().min(80)]).into_owned();
            format!("{} is no {part}", crate::domain::text::fit(&shown, 40))
        }
    };
    format!("the event's {part} cannot be read: {found}")
}

impl Format for Generic {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        let mut wanted = envelope::whole(&self.mapping);
        wanted.extend(self.fields.iter().cloned().map(Some));
        wanted.extend(envelope::parts(&self.mapping));
        wanted.push(self.mapping.beside("trouble"));
        wanted
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        let stream = match self.stream(record) {
            Ok(stream) => stream,
            Err(reason) => return Reading::bad(reason),
        };
        let bad = |stream, reason| Reading::Bad(self.known(record, stream, reason));
        if let Some(reason) = envelope::exported_trouble(record.slot(self.trouble())) {
            return bad(stream, reason);
        }
        let Some(event_type) = value::name(record.slot(TYPE)) else {
            return bad(stream, unusable("type", record.slot(TYPE)));
        };
        let raw = record.slot(VERSION);
        let version = value::whole(raw);
        if version.is_none() && !value::is_nothing(raw) {
            return bad(stream, unusable("version", raw));
        }
        let time = value::instant(record.slot(TIME));
        Reading::Event(Basics { stream, event_type, version, time, order: Order::default() })
    }

    fn unreadable<'a>(&'a self, found: Skimmed<'a>, reason: String) -> Unreadable<'a> {
        let is_whole = envelope::parts(&self.mapping).enumerate().all(|(part, _)| !self.part(found, part).is_empty());
        match self.stream(found) {
            Ok(stream) if is_whole => self.known(found, stream, reason),
            _ => reason.into(),
        }
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let (mut parts, used) = self.parts_used(skimmed, record);
        parts.fields = envelope::fields(skimmed.text, skimmed.skimmer, used);
        parts
    }
}

impl Generic {
    /// A field of a stream's name that is made of several.
    fn part<'a>(&self, record: Skimmed<'a>, part: usize) -> &'a [u8] {
        record.slot(self.first_part() + part)
    }

    fn stream<'a>(&'a self, record: Skimmed<'a>) -> Result<Cow<'a, str>, String> {
        match &self.mapping.stream {
            StreamFrom::Constant(name) => Ok(Cow::Borrowed(name.as_str())),
            StreamFrom::Template(template) => {
                let at = |part: usize| self.part(record, part);
                let alone = template.alone(at);
                let name = alone.map_or_else(|| template.name(at).map(Cow::Owned), |part| value::name(at(part)));
                name.ok_or_else(|| unusable("stream", alone.map_or(b"", at)))
            }
            StreamFrom::Field(_) => {
                value::name(record.slot(STREAM)).ok_or_else(|| unusable("stream", record.slot(STREAM)))
            }
        }
    }

    /// What is known of a record of a stream that is no event.
    fn known<'a>(&self, record: Skimmed<'a>, stream: Cow<'a, str>, reason: String) -> Unreadable<'a> {
        let (event_type, version) = (value::name(record.slot(TYPE)), value::whole(record.slot(VERSION)));
        let position = envelope::position(record.slot(POSITION));
        Unreadable { event_type, version, position, ..Unreadable::of(stream, reason) }
    }

    /// The parts of an event but its fields, and the slots they are taken from.
    pub fn parts_used(&self, skimmed: Skimmed<'_>, record: &Bytes) -> (Parts, Vec<usize>) {
        let position = envelope::position(skimmed.slot(POSITION));
        let id = value::name(skimmed.slot(ID)).map(Into::into);
        let at = |reference: usize| skimmed.slot(REFERENCES + reference);
        let mut used = Vec::new();
        let (correlation, causation) =
            (first(&self.correlation, &at, &mut used), first(&self.causation, &at, &mut used));
        let time = value::instant(skimmed.slot(TIME));
        let read = [(TIME, time.is_some()), (ID, id.is_some()), (POSITION, position.is_some())];
        let payloads = [DATA, METADATA].map(|slot| payload(skimmed.stored(slot, record)));
        let [data, metadata] = envelope::restored(payloads, skimmed.slot(UNREAD));
        let mut notes = envelope::notes(skimmed.slot(NOTES));
        let version = value::whole(skimmed.slot(VERSION));
        envelope::note_lacking(&mut notes, envelope::says_version(&self.mapping, version), skimmed.slot(TIME));
        let parts = Parts { position, id, data, metadata, correlation, causation, notes, ..Parts::default() };
        let mut used = envelope::used(read, &used);
        used.extend(self.first_part() + envelope::owners(&self.mapping)..self.slots());
        (parts, used)
    }
}
