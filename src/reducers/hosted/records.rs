//! Events as they cross to the process: as many in a request as fit, payloads as the JSON text they stand for.

use std::io::Write;
use std::sync::Arc;

use crate::domain::{Event, Form, Payload, Position, StreamName};
use crate::reducers::protocol::{EventRecord, MAX_REQUEST, PayloadRecord, PositionRecord, write_apply, write_event};
use crate::replay::Partition;

/// A request carries about this many bytes of events: enough to make turns rare, little enough to hear of life often.
const REQUEST: usize = 256 << 10;

/// The largest payload that crosses, in bytes. A larger one is told instead.
const MAX_PAYLOAD: usize = 64 << 20;

/// Which state an event is folded into.
pub enum Keys<'a> {
    /// The only one, of this stream.
    One(&'a StreamName),
    /// One of many.
    Many(&'a Partition),
}

impl<'a> Keys<'a> {
    /// Many, where there is something to tell them apart by.
    pub fn of(stream: &'a StreamName, partition: Option<&'a Partition>) -> Self {
        partition.map_or(Self::One(stream), Self::Many)
    }
}

/// Writes one request of as many events as fit; returns how many were taken.
pub fn write_request(
    out: &mut Vec<u8>,
    keys: &Keys<'_>,
    events: &[Arc<Event>],
    first: usize,
    (batch, careful): (u32, bool),
    oversized: &mut impl FnMut(usize),
) -> usize {
    write_apply(out, batch, careful, |out| {
        let (begun, mut taken) = (out.len(), 0);
        for event in events {
            if out.len() - begun >= REQUEST {
                break;
            }
            // A record that could not be read says nothing to anybody.
            if event.trouble.is_none() {
                let before = out.len();
                match keys {
                    Keys::One(stream) => write_record(out, None, stream, event, first + taken),
                    Keys::Many(partition) => {
                        // An event without a key changes no state.
                        if let Some(key) = partition.key(event) {
                            write_record(out, Some(key.as_str()), &key, event, first + taken);
                        }
                    }
                }
                // Its payloads are bounded; this is for one with an endless name.
                if out.len() - before > MAX_REQUEST - REQUEST {
                    out.truncate(before);
                    oversized(first + taken);
                }
            }
            taken += 1;
        }
        taken
    })
}

fn write_record(out: &mut Vec<u8>, key: Option<&str>, stream: &StreamName, event: &Event, index: usize) {
    let mut time = [0; 64];
    let time = event.time.and_then(|moment| {
        let mut rest = time.as_mut_slice();
        write!(rest, "{moment}").ok()?;
        let left = rest.len();
        std::str::from_utf8(&time[..time.len() - left]).ok()
    });
    let (mut decoded_data, mut decoded_metadata, mut decoded_fields) = (Vec::new(), Vec::new(), Vec::new());
    let position = match &event.position {
        Position::Nth(_) => Some(event.position.to_string()),
        Position::Number(_) | Position::Text(_) => None,
    };
    write_event(
        out,
        &EventRecord {
            index: index as u32,
            key,
            stream: (event.stream != *stream).then_some(event.stream.as_str()),
            event_type: &event.event_type,
            version: event.version.0,
            position: match &event.position {
                Position::Number(number) => PositionRecord::Number(*number),
                Position::Text(text) => PositionRecord::Text(text),
                Position::Nth(_) => PositionRecord::Text(position.as_deref().unwrap_or_default()),
            },
            id: event.id.as_deref(),
            time,
            data: payload(&event.data, &mut decoded_data),
            metadata: payload(&event.metadata, &mut decoded_metadata),
            fields: payload(&event.fields, &mut decoded_fields),
        },
    );
}

/// A payload as it crosses; what must be decoded is put into `room`.
fn payload<'a>(payload: &'a Payload, room: &'a mut Vec<u8>) -> PayloadRecord<'a> {
    match payload.form() {
        Form::Absent => PayloadRecord::Absent,
        _ if payload.stored().len() > MAX_PAYLOAD => PayloadRecord::Broken("it is larger than 64 MiB"),
        Form::Json => PayloadRecord::Json(payload.stored()),
        Form::Opaque => PayloadRecord::Broken("it is stored as bytes of unknown meaning"),
        Form::JsonText | Form::Encoded => match payload.json_bytes() {
            Ok(text) => {
                room.extend_from_slice(&text);
                PayloadRecord::Json(room)
            }
            Err(_) => PayloadRecord::Broken("it should be a string that holds JSON"),
        },
    }
}
