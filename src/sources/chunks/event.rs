//! From a record to the event that is shown.

use std::sync::Arc;

use bytes::Bytes;

use super::record::{Flags, Prepare};
use crate::domain::{Event, Form, Json, Note, NoteKind, Payload, Position, StreamName, Trouble, Version};
use crate::sources::decode;

/// Where an event stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Its stream.
    pub stream: StreamName,
    /// Its number there.
    pub version: Version,
    /// Where it was committed.
    pub commit: i64,
    /// Where its record is.
    pub prepare: i64,
}

/// A position as servers write it; one number where both parts are equal.
fn position(commit: i64, prepare: i64) -> Position {
    match u64::try_from(commit) {
        Ok(number) if commit == prepare => Position::Number(number),
        _ => Position::Text(format!("C:{commit}/P:{prepare}").into()),
    }
}

/// What a record says, at the place it stands; `record` is what `prepare` was read from.
pub fn event(record: &Bytes, prepare: &Prepare<'_>, standing: Standing) -> Event {
    let mut notes = Vec::new();
    let data = match prepare.flags.any(Flags::REDACTED) {
        true => {
            notes.push(Note::new(NoteKind::Redacted, "its data was removed on purpose"));
            Payload::default()
        }
        false => payload(record.slice_ref(prepare.data), prepare.flags.any(Flags::JSON)),
    };
    let metadata = record.slice_ref(prepare.metadata);
    let metadata = match prepare.flags.any(Flags::PROPERTIES) {
        true => properties(metadata),
        // Metadata is JSON by custom; the flag speaks of the data.
        false => payload(metadata, true),
    };
    let (correlation, causation) = references(&metadata);
    Event {
        id: prepare.id().map(Into::into),
        time: prepare.time(),
        data,
        metadata,
        correlation,
        causation,
        notes,
        ..Event::new(
            standing.stream,
            standing.version,
            position(standing.commit, standing.prepare),
            String::from_utf8_lossy(prepare.event_type),
        )
    }
}

/// A place that holds no event.
pub fn trouble(place: String, position: Position, reason: String, stored: Bytes) -> Event {
    let form = if stored.is_empty() { Form::Absent } else { Form::Opaque };
    Event::unreadable(position, Trouble { place, reason }, Payload::new(form, stored))
}

/// What was stored; a store of events knows no NULL, so nothing is the same as no bytes.
fn payload(bytes: Bytes, json: bool) -> Payload {
    match bytes.is_empty() {
        true => Payload::default(),
        false => decode::payload(bytes, json.then_some("json")),
    }
}

fn properties(bytes: Bytes) -> Payload {
    match decode::protobuf_struct(&bytes).filter(|_| !bytes.is_empty()) {
        Some(json) => Payload::decoded(bytes, "protobuf Struct", json),
        None => payload(bytes, false),
    }
}

/// Correlation and causation, as users write them by convention into the metadata.
fn references(metadata: &Payload) -> (Option<Arc<str>>, Option<Arc<str>>) {
    let Ok(json) = metadata.json() else { return (None, None) };
    let text = |key: &str| match json.get(key)? {
        Json::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Json::Number(number) => Some(number.to_string().into()),
        _ => None,
    };
    (text("$correlationId"), text("$causationId").or_else(|| text("$causedBy")))
}
