//! What a message says beside its bytes: its headers, its type, and the event it is shown as.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::domain::json::write_string;
use crate::domain::{Note, NoteKind, Payload, Timestamp};
use crate::sources::decode;

/// Headers that name what happened, whatever their case; the first that is there counts.
const TYPES: [&str; 8] =
    ["nats-event-type", "event-type", "eventtype", "event_type", "ce-type", "ce_type", "nats-msg-type", "message-type"];
/// Headers that hold an id.
const IDS: [&str; 4] = ["nats-msg-id", "ce-id", "ce_id", "event-id"];
/// Headers that hold a correlation.
const CORRELATIONS: [&str; 6] = [
    "nats-correlation-id",
    "correlation-id",
    "correlationid",
    "x-correlation-id",
    "ce-correlationid",
    "$correlationid",
];
/// Headers that hold a causation.
const CAUSATIONS: [&str; 6] =
    ["nats-causation-id", "causation-id", "causationid", "x-causation-id", "ce-causationid", "$causationid"];
/// A payload larger than this is not looked into for its type.
const LOOKED_INTO: usize = 1 << 20;

/// Names and values, in the order they were sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Headers<'a> {
    said: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Headers<'a> {
    /// Reads `NATS/1.0`, a line for each, and an empty one. What is no header is passed over.
    pub fn read(bytes: &'a [u8]) -> Self {
        let mut lines = bytes.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        if !lines.next().is_some_and(|first| first.starts_with(b"NATS/1.0")) {
            return Self::default();
        }
        let said = lines.filter_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let text = |bytes: &'a [u8]| String::from_utf8_lossy(bytes.trim_ascii());
            Some((text(&line[..colon]), text(&line[colon + 1..])))
        });
        Self { said: said.collect() }
    }

    /// The value of the first of these names that is there; they are in small letters.
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        let of =
            |name: &&str| self.said.iter().find(|(said, value)| said.eq_ignore_ascii_case(name) && !value.is_empty());
        names.iter().find_map(of).map(|(_, value)| &**value)
    }

    /// A JSON object of them; the value of a name that was said more than once is an array.
    fn json(&self) -> String {
        // Writing into a string cannot fail.
        let put = |text: &mut String, value: &str| write_string(text, value).unwrap_or_default();
        let mut text = String::from("{");
        let mut written: Vec<&str> = Vec::new();
        for (name, _) in &self.said {
            if written.contains(&&**name) {
                continue;
            }
            if !written.is_empty() {
                text.push(',');
            }
            written.push(name);
            put(&mut text, name);
            text.push(':');
            let values: Vec<&str> =
                self.said.iter().filter(|(other, _)| other == name).map(|(_, value)| &**value).collect();
            if let [value] = values[..] {
                put(&mut text, value);
                continue;
            }
            for (value, sign) in values.iter().zip(std::iter::once('[').chain(std::iter::repeat(','))) {
                text.push(sign);
                put(&mut text, value);
            }
            text.push(']');
        }
        text.push('}');
        text
    }
}

/// What happened, as far as a message says: a header, a field of its payload, else the last part of its subject.
pub fn event_type<'a>(subject: &'a [u8], headers: &Headers<'a>, payload: &'a [u8]) -> Cow<'a, str> {
    if let Some(said) = headers.first(&TYPES) {
        return Cow::Owned(said.to_owned());
    }
    if let Some(said) = said_inside(payload) {
        return Cow::Owned(said);
    }
    let last = subject.rsplit(|&b| b == b'.').next().unwrap_or(subject);
    String::from_utf8_lossy(last)
}

/// The type a payload says it has, where it is a JSON object.
fn said_inside(payload: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Said<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow, rename = "eventType", alias = "event_type")]
        event: Option<&'a RawValue>,
    }
    if payload.len() > LOOKED_INTO || !payload.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let said: Said<'_> = serde_json::from_slice(payload).ok()?;
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok().filter(|text| !text.is_empty());
    said.event.and_then(text).or_else(|| said.kind.and_then(text))
}

/// The parts of an event that its headers say.
#[derive(Debug, Default)]
pub struct Said {
    /// Its identity.
    pub id: Option<Arc<str>>,
    /// The headers as JSON; their bytes are what is stored.
    pub metadata: Payload,
    /// The transaction it belongs to.
    pub correlation: Option<Arc<str>>,
    /// What caused it.
    pub causation: Option<Arc<str>>,
    /// That a key of a bucket was deleted, or the last message of a subject removed.
    pub notes: Vec<Note>,
}

/// What the headers of a message say.
pub fn said(bytes: &[u8], headers: &Headers<'_>) -> Said {
    if bytes.is_empty() {
        return Said::default();
    }
    let text = |names| headers.first(names).map(Arc::from);
    let operation = headers.first(&["kv-operation"]);
    let note = match (operation, headers.first(&["nats-marker-reason"])) {
        (Some("DEL"), _) => Some("its key was deleted".into()),
        (Some("PURGE"), _) => Some("its key was deleted, with all its values".into()),
        (_, Some(reason)) => {
            Some(format!("the server's marker that the subject's last message was removed ({reason})"))
        }
        _ => None,
    };
    Said {
        id: text(&IDS),
        metadata: Payload::decoded(Bytes::copy_from_slice(bytes), "NATS headers", headers.json().into()),
        correlation: text(&CORRELATIONS),
        causation: text(&CAUSATIONS),
        notes: note.map(|text| Note::new(NoteKind::Deleted, text)).into_iter().collect(),
    }
}

/// A payload; no bytes are nothing.
pub fn payload(bytes: Bytes) -> Payload {
    match bytes.is_empty() {
        true => Payload::default(),
        false => decode::payload(bytes, None),
    }
}

/// When a message was stored.
pub fn time(nanoseconds: i64) -> Option<Timestamp> {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_every_value() {
        let bytes = b"NATS/1.0\r\nNats-Msg-Id: a:b\r\nTag:one\r\nTag:  two\r\nnot a header\r\nEmpty:\r\nCaf\xc3\xa9: \xff\r\n\r\n";
        let headers = Headers::read(bytes);
        assert_eq!(
            headers.json(),
            "{\"Nats-Msg-Id\":\"a:b\",\"Tag\":[\"one\",\"two\"],\"Empty\":\"\",\"Caf\u{e9}\":\"\u{fffd}\"}"
        );
        let said = said(bytes, &headers);
        assert_eq!(said.id.as_deref(), Some("a:b"));
        assert_eq!(&said.metadata.stored()[..], bytes);
        assert_eq!(Headers::read(b"HTTP/1.1\r\nA: b\r\n\r\n").json(), "{}");
    }

    #[test]
    fn the_type_is_what_says_it_first() {
        let of = |headers: &[u8], payload: &[u8]| {
            event_type(b"orders.1.placed", &Headers::read(headers), payload).into_owned()
        };
        assert_eq!(of(b"NATS/1.0\r\nEvent-Type: Placed\r\n\r\n", br#"{"type":"Other"}"#), "Placed");
        assert_eq!(of(b"", br#" {"a":{"type":"no"},"type":"Placed"}"#), "Placed");
        assert_eq!(of(b"", br#"{"type":"x","eventType":"OrderPlaced"}"#), "OrderPlaced");
        for payload in [&b"{\"type\":7}"[..], b"{\"type\":\"\"}", b"[1]", b"\x01", b"", b"{\"type\":"] {
            assert_eq!(of(b"", payload), "placed");
        }
    }
}
