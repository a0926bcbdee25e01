//! Records of Kafka as `kcat -J` writes them, one a line.
//!
//! The stream is the key, the type a header, the place `partition/offset`; keys and offsets of several topics stand behind
//! the topic. Keys and payloads are whatever bytes they are:
//! kcat writes those that are no UTF-8 as they are, so such a line is no JSON, and an event all the same.

use std::borrow::Cow;

use bytes::Bytes;

use super::encoded::is_json;
use super::format::{Basics, Format, Parts, Reading, Skimmed, Unreadable};
use super::generic::{payload, unusable};
use crate::domain::{About, Form, Note, NoteKind, Payload, Position, StreamKey, Timestamp};
use crate::sources::decode;
use crate::sources::fields;
use crate::sources::files::envelope;
use crate::sources::files::mapping::{FieldPath, Role};
use crate::sources::files::skim::{elements, members};
use crate::sources::files::value;
use crate::sources::sorted::Order;

const FIELDS: [&str; 7] = ["topic", "partition", "offset", "ts", "headers", "key", "payload"];
const TOPIC: usize = 0;
const PARTITION: usize = 1;
const OFFSET: usize = 2;
const TIME: usize = 3;
const HEADERS: usize = 4;
const KEY: usize = 5;
const PAYLOAD: usize = 6;

/// The headers that name the type, the surest first: CloudEvents, Debezium's outbox, plain ones, Spring.
const TYPES: [&str; 6] = ["ce_type", "eventType", "event_type", "event-type", "type", "__TypeId__"];
/// The fields of a payload that name its type.
const OWN_TYPES: [&[u8]; 5] = [b"\"eventType\"", b"\"event_type\"", b"\"type\"", b"\"@type\"", b"\"eventName\""];
/// The headers that hold the id.
const IDS: [&str; 5] = ["ce_id", "id", "eventId", "event_id", "event-id"];

/// What kcat writes where a record has no time.
const NO_TIME: &[u8] = b"-1";

/// The time of a record.
fn time(raw: &[u8]) -> Option<Timestamp> {
    if raw == NO_TIME { None } else { value::instant(raw) }
}

/// Records of `kcat -J`.
pub struct Kcat {
    /// What is known of them.
    pub about: About,
    /// The topic whose streams go by their keys alone: the only one among the first records. Topics must share neither the
    /// streams of a key nor the numbers of a partition.
    pub only: Option<String>,
}

/// The headers: a flat array in which names can repeat and values can be null.
fn headers(raw: &[u8]) -> Vec<(Cow<'_, str>, &[u8])> {
    let mut flat: Vec<&[u8]> = Vec::new();
    // What is no text in it ends it.
    let _ = elements(raw, |value| flat.push(value));
    flat.chunks_exact(2).filter_map(|pair| Some((value::string(pair[0])?, pair[1]))).collect()
}

fn header<'a>(headers: &[(Cow<'_, str>, &'a [u8])], names: &[&str]) -> Option<Cow<'a, str>> {
    names
        .iter()
        .find_map(|wanted| headers.iter().find(|(name, _)| name == wanted).and_then(|(_, found)| value::name(found)))
}

/// A header whose name ends so, without regard to case and separators: `X-Correlation-ID`, `ce_correlationid`.
fn header_like<'a>(headers: &[(Cow<'_, str>, &'a [u8])], ending: &str) -> Option<Cow<'a, str>> {
    let is_like = |name: &str| {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        plain.to_ascii_lowercase().ends_with(ending)
    };
    headers.iter().find(|(name, _)| is_like(name)).and_then(|(_, found)| value::name(found))
}

/// The type a payload names itself.
fn own_type(raw: &[u8]) -> Option<String> {
    let text = match raw {
        [b'"', b'{' | b' ' | b'\\', ..] => Cow::Owned(value::string(raw)?.replace('\n', " ").into_bytes()),
        [b'{', ..] => Cow::Borrowed(raw),
        _ => return None,
    };
    let mut found: Option<(usize, String)> = None;
    let _ = members(&text, |key, value| {
        if let Some(rank) = OWN_TYPES.iter().position(|&own| own == key)
            && found.as_ref().is_none_or(|(best, _)| rank < *best)
            && let Some(name) = value::string(value).filter(|name| !name.is_empty())
        {
            found = Some((rank, name.into_owned()));
        }
    });
    found.map(|(_, name)| name)
}

/// A key as the name of a stream; `None` when there is none.
fn key(raw: &[u8]) -> Option<Cow<'_, str>> {
    match raw {
        b"" | b"null" => None,
        b"\"\"" => Some(Cow::Borrowed("(empty key)")),
        [b'"', ..] => Some(value::string(raw).unwrap_or_else(|| Cow::Owned(escaped(&unquoted(raw))))),
        // Keys in Avro are objects.
        _ => Some(String::from_utf8_lossy(raw)),
    }
}

/// The bytes a JSON string spells, whatever they are.
fn unquoted(raw: &[u8]) -> Vec<u8> {
    let inner = raw.strip_prefix(b"\"").unwrap_or(raw);
    let inner = inner.strip_suffix(b"\"").unwrap_or(inner);
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        bytes.extend_from_slice(&rest[..at]);
        let length = match rest.get(at + 1) {
            Some(b'u') => {
                let unit = |at: usize| {
                    let digits = rest.get(at..at + 4).and_then(|hex| std::str::from_utf8(hex).ok())?;
                    u16::from_str_radix(digits, 16).ok()
                };
                let first = unit(at + 2).unwrap_or(0xfffd);
                let second = if rest.get(at + 6..at + 8) == Some(b"\\u") { unit(at + 8) } else { None };
                let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
                let is_pair = pair.is_some_and(|c| c.len_utf16() == 2);
                let c = pair.filter(|_| is_pair).or(char::from_u32(u32::from(first))).unwrap_or('\u{fffd}');
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                if is_pair { 12 } else { 6 }
            }
            Some(&escape) => {
                bytes.push(match escape {
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => other,
                });
                2
            }
            None => 1,
        };
        rest = rest.get(at + length..).unwrap_or_default();
    }
    bytes.extend_from_slice(rest);
    bytes
}

/// Bytes as text, those that belong to no character as `\xff`.
fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// A payload: JSON in a string, text, or bytes.
fn data(raw: Bytes) -> Payload {
    if raw.first() != Some(&b'"') {
        return payload(raw);
    }
    if std::str::from_utf8(&raw).is_err() {
        return Payload::named(unquoted(&raw).into(), "bytes");
    }
    // Confluent's frame: a zero byte, the number of a schema, then what the schema describes.
    if raw.starts_with(b"\"\\u0000") {
        let bytes = unquoted(&raw);
        if let [0, a, b, c, d, rest @ ..] = &bytes[..] {
            let schema = u32::from_be_bytes([*a, *b, *c, *d]);
            return match is_json(rest) || decode::is_document(rest) {
                true => Payload::decoded(raw, &format!("schema {schema}, JSON"), Bytes::copy_from_slice(rest)),
                false => Payload::named(bytes.into(), &format!("schema {schema}, Avro or Protobuf")),
            };
        }
    }
    payload(raw)
}

impl Format for Kcat {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        FIELDS.iter().map(|&field| Some(FieldPath::new([field]))).collect()
    }

    fn plainly(&self, role: Role) -> Option<(&'static str, usize)> {
        match role {
            Role::Stream => Some(("key", KEY)),
            Role::Time => Some(("ts", TIME)),
            Role::Metadata => Some(("headers", HEADERS)),
            Role::Data => Some(("payload", PAYLOAD)),
            _ => None,
        }
    }

    fn reads_bytes(&self) -> bool {
        true
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        let Some(topic) = value::name(record.slot(TOPIC)) else {
            return Reading::bad(unusable("topic", record.slot(TOPIC)));
        };
        let stream = self.stream(record, &topic);
        for (slot, part) in [(PARTITION, "partition"), (OFFSET, "offset")] {
            if value::whole(record.slot(slot)).is_none() {
                return Reading::Bad(Unreadable::of(stream, unusable(part, record.slot(slot))));
            }
        }
        let payload = record.slot(PAYLOAD);
        let event_type = header(&headers(record.slot(HEADERS)), &TYPES)
            .or_else(|| own_type(payload).map(Cow::Owned))
            .unwrap_or(if payload == b"null" { Cow::Borrowed("tombstone") } else { topic });
        let time = time(record.slot(TIME));
        Reading::Event(Basics { stream, event_type, version: None, time, order: Order::default() })
    }

    fn unreadable<'a>(&'a self, found: Skimmed<'a>, reason: String) -> Unreadable<'a> {
        match value::name(found.slot(TOPIC)) {
            // The key stands behind the topic.
            Some(topic) if !found.slot(KEY).is_empty() => Unreadable::of(self.stream(found, &topic), reason),
            _ => reason.into(),
        }
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let headers = headers(skimmed.slot(HEADERS));
        let text = |slot: usize| String::from_utf8_lossy(skimmed.slot(slot)).into_owned();
        let mut used = vec![PARTITION, OFFSET, HEADERS, KEY, PAYLOAD];
        let said = skimmed.slot(TIME);
        if said == NO_TIME || time(said).is_some() {
            used.push(TIME);
        }
        let topic = value::name(skimmed.slot(TOPIC)).unwrap_or_default();
        let place = format!("{}/{}", text(PARTITION), text(OFFSET));
        let is_named = self.is_named(&topic);
        if is_named || key(skimmed.slot(KEY)).is_none() {
            used.push(TOPIC);
        }
        let mut parts = Parts {
            fields: fields::left(skimmed.text, skimmed.skimmer, &used),
            position: Some(match is_named {
                true => Position::Text(format!("{topic}/{place}").into()),
                false => Position::Text(place.into()),
            }),
            id: header(&headers, &IDS).map(|id| id.as_ref().into()),
            metadata: match skimmed.slot(HEADERS) {
                [] | b"null" => Payload::default(),
                _ => Payload::new(Form::Json, skimmed.stored(HEADERS, record)),
            },
            correlation: header_like(&headers, "correlationid").map(|id| id.as_ref().into()),
            causation: header_like(&headers, "causationid").map(|id| id.as_ref().into()),
            ..Parts::default()
        };
        if said != NO_TIME {
            envelope::note_lacking(&mut parts.notes, None, said);
        }
        match skimmed.slot(PAYLOAD) {
            b"null" => parts.notes.push(Note::new(NoteKind::Deleted, "tombstone: the key was deleted")),
            // kcat writes one in every record: what lacks it was written by another tool, and nothing says of a deletion.
            b"" => parts.notes.push(Note::new(NoteKind::Other, "it has no `payload`")),
            _ => parts.data = data(skimmed.stored(PAYLOAD, record)),
        }
        if value::is_nothing(skimmed.slot(KEY)) {
            parts.notes.push(Note::new(NoteKind::Other, "it has no key: its topic is its stream"));
        }
        parts
    }
}

impl Kcat {
    /// Whether streams and places of a topic are named by it.
    fn is_named(&self, topic: &str) -> bool {
        self.only.as_deref() != Some(topic)
    }

    fn stream<'a>(&self, record: Skimmed<'a>, topic: &Cow<'a, str>) -> Cow<'a, str> {
        match (key(record.slot(KEY)), self.is_named(topic)) {
            (Some(key), false) => key,
            (Some(key), true) => Cow::Owned(StreamKey::join(&[topic, &key])),
            (None, _) => topic.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_bytes_are_read_as_bytes() {
        assert_eq!(
            unquoted(b"\"a\\n\\u00e9\\ud83d\\ude00\\ud800\xff\\\\\""),
            b"a\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\xff\\"
        );
        assert_eq!(key(b"\"\xff\xfeb\"").as_deref(), Some("\\xff\\xfeb"));
        assert_eq!(key(b"null"), None);
        let framed = data(Bytes::from_static(b"\"\\u0000\\u0000\\u0000\\u0000\\u0007{\\\"a\\\":1}\""));
        assert_eq!((framed.encoding(), framed.text().as_ref()), (Some("schema 7, JSON"), "{\"a\":1}"));
    }

    #[test]
    fn headers_repeat_and_can_be_null() {
        let raw = br#"["dup","1","dup","2","null",null,"X-Correlation-Id","c","odd"]"#;
        let headers = headers(raw);
        assert_eq!(headers.len(), 4);
        assert_eq!(header(&headers, &["null", "dup"]).as_deref(), Some("1"));
        assert_eq!(header_like(&headers, "correlationid").as_deref(), Some("c"));
    }
}
