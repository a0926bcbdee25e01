//! The body of a journal record: one batch of events, all of them or none.
//!
//! ```text
//! body    := version u8 (1; 2 where an event has fields), flags u8 (1: the payloads are LZ4), count, first position, settled, origin?, names, events, payloads
//! settled := how many records before this one were already on disk when it was written, as a distance to its own number
//! origin  := flag 2: source u64, next, last u64 (see `Origin`)
//! names   := count, (length, bytes)*: the streams and types of the batch, each once
//! event   := kinds u8, forms u8, stream, type, version, time?, nanoseconds?, id?, correlation?, causation?, data length, metadata length,
//!            fields length (version 2)
//! payloads := length of the bytes when unpacked, then the data, the metadata and the fields of each event in turn, packed or not
//! ```
//!
//! Numbers without a width are varints. What finds an event stands before what it says, so that an index is built from
//! the first part of each record and nothing is unpacked for it. Payload bytes come back exactly as they were given.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::append::Origin;
use super::codec::{Cursor, put, put_bytes, put_signed, u64_at};
use crate::domain::{Event, Form, Payload, Position, Timestamp, Version};

const FORMAT: u8 = 1;
/// The same, with the lengths of fields.
const WITH_FIELDS: u8 = 2;
const PACKED: u8 = 1;
const HAS_ORIGIN: u8 = 2;
/// More than one body may unpack to; a larger claim is damage, not a reason to allocate.
pub(super) const MAX_PAYLOADS: usize = 512 << 20;
/// Payloads below this gain nothing worth a second pass.
const WORTH_PACKING: usize = 128;

/// What is to be written of one event.
pub(super) struct Entry<'a> {
    pub(super) stream: &'a str,
    pub(super) event_type: &'a str,
    pub(super) version: u64,
    pub(super) time: Option<Timestamp>,
    pub(super) id: Option<&'a str>,
    pub(super) correlation: Option<&'a str>,
    pub(super) causation: Option<&'a str>,
    pub(super) data: &'a Payload,
    pub(super) metadata: &'a Payload,
    /// A JSON object; what is appended here has none.
    pub(super) fields: Option<&'a Payload>,
}

impl<'a> Entry<'a> {
    fn fields(&self) -> &'a [u8] {
        self.fields.map_or(&[], |fields| &fields.stored()[..])
    }
}

/// How one optional identity is written: two bits of the kinds byte.
enum Identity<'a> {
    Absent,
    Uuid(Uuid),
    Text(&'a str),
}

impl<'a> Identity<'a> {
    fn of(text: Option<&'a str>) -> Self {
        let Some(text) = text else { return Self::Absent };
        // Only the one spelling that comes back byte for byte is written as 16 bytes.
        match Uuid::try_parse(text) {
            Ok(uuid) if *uuid.hyphenated().encode_lower(&mut [0; 36]) == *text => Self::Uuid(uuid),
            _ => Self::Text(text),
        }
    }

    fn bits(&self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Uuid(_) => 1,
            Self::Text(_) => 2,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => {}
            Self::Uuid(uuid) => out.extend_from_slice(uuid.as_bytes()),
            Self::Text(text) => put_bytes(out, text.as_bytes()),
        }
    }

    fn read(bits: u8, from: &mut Cursor<'a>) -> Option<Self> {
        match bits & 3 {
            0 => Some(Self::Absent),
            1 => Some(Self::Uuid(Uuid::from_slice(from.take(16)?).ok()?)),
            2 => Some(Self::Text(from.text()?)),
            _ => None,
        }
    }

    /// The text as it was given, in a buffer of the caller's.
    fn text<'b>(&'b self, buffer: &'b mut [u8; 36]) -> Option<&'b str> {
        match self {
            Self::Absent => None,
            Self::Uuid(uuid) => Some(uuid.hyphenated().encode_lower(buffer)),
            Self::Text(text) => Some(text),
        }
    }

    fn shared(&self) -> Option<Arc<str>> {
        self.text(&mut [0; 36]).map(Arc::from)
    }
}

/// Encodes a batch whose first event has `first_position`; `settled` is the distance to the last record known on disk.
pub(super) fn encode(entries: &[Entry<'_>], first_position: u64, settled: u64, origin: Option<&Origin>) -> Vec<u8> {
    let mut names: Vec<&str> = Vec::new();
    let mut payloads = Vec::with_capacity(entries.iter().map(size).sum());
    let mut events = Vec::with_capacity(entries.len() * 48);
    let mut before = 0;
    let has_fields = entries.iter().any(|entry| !entry.fields().is_empty());
    for entry in entries {
        let id = Identity::of(entry.id);
        let correlation = Identity::of(entry.correlation);
        let causation = Identity::of(entry.causation);
        let time = entry.time.map(micros);
        events.push(id.bits() | correlation.bits() << 2 | causation.bits() << 4 | u8::from(time.is_some()) << 6);
        let nanoseconds = time.map_or(0, |(_, rest)| rest);
        events.push(form(entry.data) | form(entry.metadata) << 2 | u8::from(nanoseconds != 0) << 4);
        put(&mut events, name(&mut names, entry.stream));
        put(&mut events, name(&mut names, entry.event_type));
        put(&mut events, entry.version);
        if let Some((at, _)) = time {
            put_signed(&mut events, at.wrapping_sub(before));
            before = at;
        }
        if nanoseconds != 0 {
            put(&mut events, nanoseconds);
        }
        id.write(&mut events);
        correlation.write(&mut events);
        causation.write(&mut events);
        let stored = [entry.data, entry.metadata].map(|payload| &payload.stored()[..]);
        for bytes in stored.into_iter().chain(has_fields.then(|| entry.fields())) {
            put(&mut events, bytes.len() as u64);
            payloads.extend_from_slice(bytes);
        }
    }
    let packed = (payloads.len() >= WORTH_PACKING).then(|| lz4_flex::block::compress(&payloads));
    let packed = packed.filter(|packed| packed.len() < payloads.len());
    let mut out = Vec::with_capacity(64 + events.len() + packed.as_ref().map_or(payloads.len(), Vec::len));
    out.push(if has_fields { WITH_FIELDS } else { FORMAT });
    out.push(if packed.is_some() { PACKED } else { 0 } | if origin.is_some() { HAS_ORIGIN } else { 0 });
    put(&mut out, entries.len() as u64);
    put(&mut out, first_position);
    put(&mut out, settled);
    if let Some(origin) = origin {
        out.extend_from_slice(&origin.source.to_le_bytes());
        put(&mut out, origin.next);
        out.extend_from_slice(&origin.last.to_le_bytes());
    }
    put(&mut out, names.len() as u64);
    names.iter().for_each(|name| put_bytes(&mut out, name.as_bytes()));
    out.extend_from_slice(&events);
    put(&mut out, payloads.len() as u64);
    out.extend_from_slice(packed.as_deref().unwrap_or(&payloads));
    out
}

/// How many bytes of payload an event brings.
pub(super) fn size(entry: &Entry<'_>) -> usize {
    entry.data.stored().len() + entry.metadata.stored().len() + entry.fields().len()
}

fn name<'a>(names: &mut Vec<&'a str>, wanted: &'a str) -> u64 {
    // A batch has few names; the newest is the likeliest.
    match names.iter().rposition(|name| *name == wanted) {
        Some(at) => at as u64,
        None => {
            names.push(wanted);
            names.len() as u64 - 1
        }
    }
}

fn form(payload: &Payload) -> u8 {
    match payload.form() {
        Form::Absent => 0,
        Form::Json => 1,
        Form::JsonText => 2,
        // What was decoded is kept as what it stands for, see `Payload::plain`; the bytes alone mean nothing here.
        Form::Encoded | Form::Opaque => 3,
    }
}

fn form_of(bits: u8) -> Form {
    match bits & 3 {
        0 => Form::Absent,
        1 => Form::Json,
        2 => Form::JsonText,
        _ => Form::Opaque,
    }
}

/// A time as whole microseconds (rounded down) and the nanoseconds beyond them.
pub(super) fn micros(time: Timestamp) -> (i64, u64) {
    let nanoseconds = time.as_nanosecond();
    (nanoseconds.div_euclid(1000) as i64, nanoseconds.rem_euclid(1000) as u64)
}

/// The time that was split by [`micros`].
pub(super) fn timestamp((at, beyond): (i64, u64)) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(at) * 1000 + i128::from(beyond)).ok()
}

/// What an index needs to know of one event.
pub(super) struct Seen<'a> {
    pub(super) stream: &'a str,
    pub(super) version: u64,
    /// Its time: whole microseconds (rounded down) and the nanoseconds beyond them.
    pub(super) time: Option<(i64, u64)>,
    /// The hash of its id.
    pub(super) id: u64,
}

/// The part of a body that says where things are.
pub(super) struct Head<'a> {
    pub(super) count: usize,
    pub(super) first_position: u64,
    pub(super) settled: u64,
    pub(super) origin: Option<Origin>,
    packed: bool,
    fields: Fields,
    names: Vec<&'a str>,
    events: Cursor<'a>,
}

impl<'a> Head<'a> {
    /// Reads it; `None` when the bytes are no batch this program knows.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let mut from = Cursor(body);
        let fields = match from.byte()? {
            FORMAT => Fields::None,
            WITH_FIELDS => Fields::Each,
            _ => return None,
        };
        let flags = from.byte()?;
        let count = from.small()?;
        let first_position = from.number()?;
        let settled = from.number()?;
        let origin = if flags & HAS_ORIGIN != 0 {
            let source = u64_at(from.take(8)?, 0);
            let next = from.number()?;
            Some(Origin { source, next, last: u64_at(from.take(8)?, 0) })
        } else {
            None
        };
        let many: usize = from.small()?;
        // Every event takes bytes: a count beyond them is damage, not a reason to allocate.
        if many > from.0.len() || count > from.0.len() || count == 0 {
            return None;
        }
        let mut names = Vec::with_capacity(many);
        for _ in 0..many {
            names.push(from.text()?);
        }
        Some(Self { count, first_position, settled, origin, packed: flags & PACKED != 0, fields, names, events: from })
    }

    /// Visits what an index needs of every event, in order; `None` when the bytes are no batch.
    pub(super) fn each(mut self, mut visit: impl FnMut(Seen<'a>)) -> Option<()> {
        let mut before = 0;
        let mut buffer = [0; 36];
        for _ in 0..self.count {
            let raw = Raw::read(&mut self.events, &self.names, self.fields, &mut before)?;
            let id = raw.id.text(&mut buffer).map_or(super::ids::NO_ID, super::ids::hash_id);
            visit(Seen { stream: raw.stream, version: raw.version, time: raw.time, id });
        }
        Some(())
    }
}

/// Whether the events of a batch have a length of fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fields {
    None,
    Each,
}

struct Raw<'a> {
    stream: &'a str,
    event_type: &'a str,
    version: u64,
    time: Option<(i64, u64)>,
    id: Identity<'a>,
    correlation: Identity<'a>,
    causation: Identity<'a>,
    forms: u8,
    data: usize,
    metadata: usize,
    fields: usize,
}

impl<'a> Raw<'a> {
    fn read(from: &mut Cursor<'a>, names: &[&'a str], fields: Fields, before: &mut i64) -> Option<Self> {
        let kinds = from.byte()?;
        let forms = from.byte()?;
        let stream = names.get(from.small::<usize>()?)?;
        let event_type = names.get(from.small::<usize>()?)?;
        let version = from.number()?;
        let time = if kinds & 0x40 != 0 {
            *before = before.wrapping_add(from.signed()?);
            Some((*before, if forms & 0x10 != 0 { from.number()? } else { 0 }))
        } else {
            None
        };
        Some(Self {
            stream,
            event_type,
            version,
            time,
            id: Identity::read(kinds, from)?,
            correlation: Identity::read(kinds >> 2, from)?,
            causation: Identity::read(kinds >> 4, from)?,
            forms,
            data: from.small()?,
            metadata: from.small()?,
            fields: if fields == Fields::Each { from.small()? } else { 0 },
        })
    }
}

/// A whole body, unpacked, from which single events are made. Their payloads are copies: an event that is kept does not
/// keep its neighbours.
pub(super) struct Batch {
    body: Vec<u8>,
    /// Where each event begins in the body, the time before it, and where its payload begins in `payloads`.
    events: Vec<(usize, i64, usize)>,
    payloads: Vec<u8>,
    first_position: u64,
}

impl Batch {
    /// Unpacks a body; `None` when it is no batch this program knows.
    pub(super) fn unpack(body: Vec<u8>) -> Option<Self> {
        let head = Head::read(&body)?;
        let mut from = head.events;
        let mut events = Vec::with_capacity(head.count);
        let (mut before, mut payload) = (0, 0_usize);
        for _ in 0..head.count {
            let (at, earlier) = (body.len() - from.0.len(), before);
            let raw = Raw::read(&mut from, &head.names, head.fields, &mut before)?;
            events.push((at, earlier, payload));
            payload = payload.checked_add(raw.data)?.checked_add(raw.metadata)?.checked_add(raw.fields)?;
        }
        let unpacked: usize = from.small()?;
        if unpacked != payload || unpacked > MAX_PAYLOADS {
            return None;
        }
        let payloads = if head.packed { lz4_flex::block::decompress(from.0, unpacked).ok()? } else { from.0.to_vec() };
        (payloads.len() == unpacked).then_some(())?;
        let first_position = head.first_position;
        Some(Self { events, payloads, first_position, body })
    }

    /// How much memory it takes, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.body.len() + self.payloads.len() + self.events.len() * 24
    }

    /// The n-th event (from 0). `share` gives the shared text of a name that other events have too.
    pub(super) fn event(&self, n: usize, share: &mut dyn FnMut(&str) -> Arc<str>) -> Option<Event> {
        let &(at, mut before, payload) = self.events.get(n)?;
        let head = Head::read(&self.body)?;
        let raw = Raw::read(&mut Cursor(self.body.get(at..)?), &head.names, head.fields, &mut before)?;
        let (metadata, fields) = (raw.data, raw.data + raw.metadata);
        let end = payload + fields + raw.fields;
        let stored = Bytes::copy_from_slice(self.payloads.get(payload..end)?);
        Some(Event {
            id: raw.id.shared(),
            time: raw.time.and_then(timestamp),
            data: Payload::new(form_of(raw.forms), stored.slice(..raw.data)),
            metadata: Payload::new(form_of(raw.forms >> 2), stored.slice(metadata..fields)),
            fields: match raw.fields {
                0 => Payload::default(),
                _ => Payload::new(Form::Json, stored.slice(fields..)),
            },
            correlation: raw.correlation.shared(),
            causation: raw.causation.shared(),
            ..Event::new(
                share(raw.stream),
                Version(raw.version),
                Position::Number(self.first_position + n as u64),
                share(raw.event_type),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload() -> impl Strategy<Value = Payload> {
        prop_oneof![
            Just(Payload::default()),
            "\\{\"a\": *[0-9]{1,30}\\}".prop_map(Payload::json_text),
            proptest::collection::vec(any::<u8>(), 0..300)
                .prop_map(|bytes| Payload::new(Form::Opaque, Bytes::from(bytes))),
        ]
    }

    fn identity() -> impl Strategy<Value = Option<Arc<str>>> {
        prop_oneof![
            Just(None),
            any::<u128>().prop_map(|n| Some(Uuid::from_u128(n).to_string().into())),
            any::<u128>().prop_map(|n| Some(Uuid::from_u128(n).to_string().to_uppercase().into())),
            any::<u128>().prop_map(|n| Some(Uuid::from_u128(n).simple().to_string().into())),
            ".{0,12}".prop_map(|text| Some(text.into())),
        ]
    }

    prop_compose! {
        fn event()(
            stream in "[a-c]{1,2}", event_type in ".{1,3}", version in any::<u64>(), id in identity(),
            correlation in identity(), causation in identity(), data in payload(), metadata in payload(),
            fields in proptest::option::of("[a-c]{1,3}"),
            time in proptest::option::of(-377_705_023_201_000_000_000_i128..253_402_207_200_999_999_999_i128),
        ) -> Event {
            Event {
                id, time: time.and_then(|at| Timestamp::from_nanosecond(at).ok()), data, metadata, correlation, causation,
                fields: fields.map(|key| Payload::json_text(format!("{{\"{key}\":1}}"))).unwrap_or_default(),
                ..Event::new(stream.as_str(), Version(version), Position::Number(0), event_type)
            }
        }
    }

    proptest! {
        #[test]
        fn a_batch_comes_back_as_it_was(mut events in proptest::collection::vec(event(), 1..20), first in 1..u64::MAX / 2) {
            for (n, event) in events.iter_mut().enumerate() {
                event.position = Position::Number(first + n as u64);
            }
            let entries: Vec<Entry<'_>> = events.iter().map(entry).collect();
            let origin = Origin { source: 7, next: first, last: u64::MAX };
            let body = encode(&entries, first, 3, Some(&origin));
            let head = Head::read(&body).expect("written a moment ago");
            prop_assert_eq!((head.count, head.first_position, head.settled), (events.len(), first, 3));
            prop_assert_eq!(head.origin, Some(origin));
            let mut seen = Vec::new();
            head.each(|event| seen.push((event.stream.to_owned(), event.version, event.time))).expect("as read");
            prop_assert_eq!(
                seen,
                events.iter().map(|e| (e.stream.to_string(), e.version.0, e.time.map(micros))).collect::<Vec<_>>()
            );
            let batch = Batch::unpack(body).expect("written a moment ago");
            let back: Vec<Event> =
                (0..batch.events.len()).map(|n| batch.event(n, &mut |name| name.into()).expect("in the batch")).collect();
            prop_assert_eq!(back, events);
        }

        #[test]
        fn arbitrary_bytes_are_no_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), flags in 0..4_u8) {
            let mut body = vec![FORMAT, flags];
            body.extend(bytes);
            if let Some(head) = Head::read(&body) {
                head.each(|_| {});
            }
            if let Some(batch) = Batch::unpack(body) {
                (0..batch.events.len()).for_each(|n| drop(batch.event(n, &mut |name| name.into())));
            }
        }
    }

    fn entry(event: &Event) -> Entry<'_> {
        Entry {
            stream: event.stream.as_str(),
            event_type: &event.event_type,
            version: event.version.0,
            time: event.time,
            id: event.id.as_deref(),
            correlation: event.correlation.as_deref(),
            causation: event.causation.as_deref(),
            data: &event.data,
            metadata: &event.metadata,
            fields: Some(&event.fields),
        }
    }
}
