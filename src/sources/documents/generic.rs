//! Records of any shape, mapped by the same guess as lines of JSON.

use std::borrow::Cow;

use bytes::Bytes;

use super::format::{Basics, Format, Parts, Reading, Skimmed};
use crate::domain::{About, Form, Payload, Position};
use crate::sources::files::envelope::{self, Said, first, is_json_text};
use crate::sources::files::mapping::{FieldPath, Mapping, StreamFrom};
use crate::sources::files::value;
use crate::sources::sorted::Order;

/// The slots; those of references follow.
const STREAM: usize = 0;
const TYPE: usize = 1;
const VERSION: usize = 2;
const TIME: usize = 3;
const ID: usize = 4;
const DATA: usize = 5;
const METADATA: usize = 6;
const POSITION: usize = 7;
const REFERENCES: usize = 8;

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
        REFERENCES + self.fields.len()
    }
}

/// A value as a payload.
pub fn payload(raw: Bytes) -> Payload {
    if raw.is_empty() {
        return Payload::default();
    }
    let form = if is_json_text(&raw) { Form::JsonText } else { Form::Json };
    Payload::new(form, raw)
}

/// Why a part of the envelope cannot be used.
pub fn unusable(part: &str, raw: &[u8]) -> String {
    let found = match raw {
        [] => "it is missing".into(),
        raw => {
            let shown = String::from_utf8_lossy(&raw[..raw.len().min(80)]).into_owned();
            format!("{} is none", crate::domain::text::fit(&shown, 40))
        }
    };
    format!("the event's {part} cannot be read: {found}")
}

impl Format for Generic {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        let mapping = &self.mapping;
        let mut wanted = envelope::basic(mapping);
        wanted.extend([
            mapping.id.clone(),
            Some(mapping.data.clone().unwrap_or_default()),
            mapping.metadata.clone(),
            mapping.position.clone(),
        ]);
        wanted.extend(self.fields.iter().cloned().map(Some));
        wanted
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        let stream = match &self.mapping.stream {
            StreamFrom::Constant(name) => Cow::Borrowed(name.as_str()),
            StreamFrom::Field(_) => match value::name(record.slot(STREAM)) {
                Some(name) => name,
                None => return Reading::Bad(unusable("stream", record.slot(STREAM))),
            },
        };
        let Some(event_type) = value::name(record.slot(TYPE)) else {
            return Reading::Bad(unusable("type", record.slot(TYPE)));
        };
        let raw = record.slot(VERSION);
        let version = value::whole(raw);
        if version.is_none() && !value::is_nothing(raw) {
            return Reading::Bad(unusable("version", raw));
        }
        let time = value::instant(record.slot(TIME));
        Reading::Event(Basics { stream, event_type, version, time, order: Order::default() })
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let raw = skimmed.slot(POSITION);
        let position = match (value::whole(raw), value::name(raw)) {
            (Some(number), _) => Some(Position::Number(number)),
            (None, Some(text)) => Some(Position::Text(text.into())),
            (None, None) => None,
        };
        let at = |reference: usize| skimmed.slot(REFERENCES + reference);
        Parts {
            position,
            id: value::name(skimmed.slot(ID)).map(Into::into),
            data: payload(skimmed.stored(DATA, record)),
            metadata: payload(skimmed.stored(METADATA, record)),
            correlation: first(&self.correlation, &at),
            causation: first(&self.causation, &at),
            notes: Vec::new(),
        }
    }
}
