//! CloudEvents in JSON: `specversion`, `id`, `source`, `type`, and the rest as it comes.
//!
//! The stream is the subject, or the source where there is none. Extensions are lower-case letters and digits only, so
//! `correlationid` and `causationid` have one spelling.

use bytes::Bytes;

use super::format::{Basics, Format, Parts, Reading, Skimmed, Unreadable};
use super::generic::{payload, unusable};
use crate::domain::{About, Form, Payload, Position};
use crate::sources::files::envelope;
use crate::sources::files::mapping::FieldPath;
use crate::sources::files::value;
use crate::sources::sorted::Order;

const FIELDS: [&str; 13] = [
    "type",
    "subject",
    "source",
    "sequence",
    "time",
    "id",
    "data",
    "data_base64",
    "datacontenttype",
    "correlationid",
    "causationid",
    "streamid",
    "streamversion",
];
const TYPE: usize = 0;
const SUBJECT: usize = 1;
const SOURCE: usize = 2;
const SEQUENCE: usize = 3;
const TIME: usize = 4;
const ID: usize = 5;
const DATA: usize = 6;
const BASE64: usize = 7;
const CONTENT: usize = 8;
const CORRELATION: usize = 9;
const CAUSATION: usize = 10;
const STREAM: usize = 11;
const STREAM_VERSION: usize = 12;
/// The record itself.
const WHOLE: usize = 13;

/// What `sequence` counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sequence {
    /// The events of a subject.
    Subject,
    /// Something wider: it is the place in the store.
    Store,
    /// Nothing.
    None,
}

/// CloudEvents.
pub struct CloudEvents {
    /// What their `sequence` counts.
    pub sequence: Sequence,
    /// Whether the events have versions of their own.
    pub versioned: bool,
    /// What is known of them.
    pub about: About,
}

impl CloudEvents {
    /// What an event says of its version; `None` where the events of this source have none.
    fn version<'a>(&self, record: Skimmed<'a>) -> Option<&'a [u8]> {
        let slots = match self.sequence {
            Sequence::Subject => &[STREAM_VERSION, SEQUENCE][..],
            _ => &[STREAM_VERSION],
        };
        let said = slots.iter().map(|&slot| record.slot(slot)).find(|raw| !value::is_nothing(raw));
        said.or(self.versioned.then_some(&[]))
    }
}

impl Format for CloudEvents {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        let mut wanted: Vec<_> = FIELDS.iter().map(|&field| Some(FieldPath::new([field]))).collect();
        wanted.push(Some(FieldPath::default()));
        wanted
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        // Occurrent names its streams in an extension of their own.
        let stream = [STREAM, SUBJECT, SOURCE].into_iter().find_map(|slot| value::name(record.slot(slot)));
        let Some(stream) = stream else { return Reading::bad(unusable("subject and source", b"")) };
        let Some(event_type) = value::name(record.slot(TYPE)) else {
            return Reading::Bad(Unreadable::of(stream, unusable("type", record.slot(TYPE))));
        };
        let raw = self.version(record).unwrap_or_default();
        let version = value::whole(raw);
        if version.is_none() && !value::is_nothing(raw) {
            return Reading::Bad(Unreadable {
                event_type: Some(event_type),
                ..Unreadable::of(stream, unusable("version", raw))
            });
        }
        let time = value::instant(record.slot(TIME));
        Reading::Event(Basics { stream, event_type, version, time, order: Order::default() })
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let position = match self.sequence {
            Sequence::Store => match value::whole(skimmed.slot(SEQUENCE)) {
                Some(number) => Some(Position::Number(number)),
                None => value::name(skimmed.slot(SEQUENCE)).map(|text| Position::Text(text.into())),
            },
            _ => None,
        };
        let encoded = skimmed.slot(BASE64);
        let data = match value::string(encoded) {
            Some(text) => super::encoded::base64(&text, value::string(skimmed.slot(CONTENT)).as_deref()),
            None => payload(skimmed.stored(DATA, record)),
        };
        let mut notes = Vec::new();
        let version = self.version(skimmed).map(|raw| !value::is_nothing(raw));
        envelope::note_lacking(&mut notes, version, skimmed.slot(TIME));
        Parts {
            position,
            notes,
            id: value::name(skimmed.slot(ID)).map(Into::into),
            data,
            metadata: attributes(skimmed.slot(WHOLE)),
            correlation: value::name(skimmed.slot(CORRELATION)).map(Into::into),
            causation: value::name(skimmed.slot(CAUSATION)).map(Into::into),
            // Whatever else an event has is an attribute, and stands in the metadata.
            ..Parts::default()
        }
    }
}

/// Everything but the data: the attributes of the event, as they are written.
fn attributes(record: &[u8]) -> Payload {
    let mut text = Vec::new();
    let told = crate::sources::files::skim::members(record, |key, value| {
        if key != b"\"data\"" && key != b"\"data_base64\"" {
            text.push(if text.is_empty() { b'{' } else { b',' });
            text.extend_from_slice(key);
            text.push(b':');
            text.extend_from_slice(value);
        }
    });
    if told.is_err() || text.is_empty() {
        return Payload::default();
    }
    text.push(b'}');
    Payload::new(Form::Json, text.into())
}
