//! The shapes of events: which types there are, how often and when, how large, and what their payloads look like.

use std::collections::BTreeMap;

use super::{Json, Position, StreamName, Timestamp, Version, words};

/// What a JSON value is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true`, `false`
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl JsonKind {
    /// All of them, in the order of their counts.
    pub const ALL: [Self; 6] = [Self::Null, Self::Boolean, Self::Number, Self::String, Self::Array, Self::Object];

    /// Its name.
    pub fn name(self) -> &'static str {
        ["null", "boolean", "number", "string", "array", "object"][self as usize]
    }

    /// What a value is; `None` of one that is kept as text because it is nested too deep or no Unicode.
    pub fn of(value: &Json) -> Self {
        match value {
            Json::Null => Self::Null,
            Json::Bool(_) => Self::Boolean,
            Json::Number(_) => Self::Number,
            Json::String(_) => Self::String,
            Json::Array(_) => Self::Array,
            Json::Object(_) => Self::Object,
            Json::Verbatim(text) => match text.as_bytes().first() {
                Some(b'{') => Self::Object,
                Some(b'[') => Self::Array,
                _ => Self::String,
            },
        }
    }
}

/// What happened to a field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Happened {
    /// It was there from then on; before, it was not.
    Appeared,
    /// It was there for the last time.
    Vanished,
    /// It was away for long, and came back then.
    Returned,
    /// It became another type of value.
    Became(JsonKind, JsonKind),
    /// It was another type of value too, from then on.
    Also(JsonKind),
}

impl Happened {
    /// Its name in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Vanished => "vanished",
            Self::Returned => "returned",
            Self::Became(..) | Self::Also(_) => "type",
        }
    }
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

impl Proof {
    /// Where it is, in a line.
    pub fn line(&self, instant: impl Fn(Timestamp) -> String) -> String {
        let time = self.time.map_or_else(String::new, |time| format!(", {}", instant(time)));
        format!("{} version {}, position {}{time}", self.stream, self.version, self.position)
    }
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

    /// What it was, and how often: `string 12, null 3`.
    pub fn kinds_line(&self) -> String {
        let kind = |(kind, count): &(JsonKind, u64)| format!("{} {}", kind.name(), words::count(*count));
        self.kinds.iter().map(kind).collect::<Vec<_>>().join(", ")
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
    /// What is to be known besides: payloads that could not be looked into, what was left out; a sentence each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.absent > 0 {
            remarks.push(format!("{} without a payload", words::counted(self.absent, "event")));
        }
        if self.unparsable > 0 {
            remarks.push(format!("{} not the JSON it should be", words::counted(self.unparsable, "payload")));
        }
        remarks.extend(self.opaque.iter().map(|(encoding, count)| {
            let encoding = if encoding.is_empty() { "no known encoding" } else { encoding };
            format!("{} of {encoding}, not looked into", words::counted(*count, "payload"))
        }));
        remarks.extend(self.cut.iter().cloned());
        remarks
    }

    /// The mean size of a payload, in bytes.
    pub fn mean(&self) -> u64 {
        self.bytes / self.count.max(1)
    }

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
