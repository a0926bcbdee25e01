//! The history of a Temporal workflow, as `temporal workflow show --output json` and the web interface write it.
//!
//! One workflow is one stream. Types are written in two spellings, and shown in one. What an event says is in the member
//! whose name ends with `EventAttributes`; the payloads in it are base64 with an encoding beside them, and are shown as
//! what they stand for.

use std::borrow::Cow;

use bytes::Bytes;

use super::encoded::{bytes_of, is_json, json_string};
use super::format::{Basics, Format, Parts, Reading, Skimmed, Sorting, Unreadable};
use super::generic::unusable;
use crate::domain::{About, Form, Payload};
use crate::sources::files::envelope;
use crate::sources::files::mapping::FieldPath;
use crate::sources::files::skim::{elements, members};
use crate::sources::files::value;
use crate::sources::sorted::Order;

const FIELDS: [&str; 3] = ["eventId", "eventTime", "eventType"];
const ID: usize = 0;
const TIME: usize = 1;
const TYPE: usize = 2;
/// The record itself.
const WHOLE: usize = 3;

/// How deep payloads are looked for.
const DEPTH: usize = 24;

/// The references to earlier events, the nearest first.
const CAUSES: [&[u8]; 5] = [
    b"\"startedEventId\"",
    b"\"scheduledEventId\"",
    b"\"initiatedEventId\"",
    b"\"workflowTaskCompletedEventId\"",
    b"\"decisionTaskCompletedEventId\"",
];

/// The events of one workflow.
pub struct Temporal {
    /// The workflow.
    pub stream: String,
    /// What is known of it.
    pub about: About,
}

/// `EVENT_TYPE_WORKFLOW_EXECUTION_STARTED` as `WorkflowExecutionStarted`.
pub fn camel(name: &str) -> Cow<'_, str> {
    let Some(words) = name.strip_prefix("EVENT_TYPE_") else { return Cow::Borrowed(name) };
    let mut camel = String::with_capacity(words.len());
    for word in words.split('_') {
        let mut letters = word.chars();
        camel.extend(letters.next());
        camel.extend(letters.flat_map(char::to_lowercase));
    }
    Cow::Owned(camel)
}

/// The attributes of an event, and everything beside them as an object.
fn attributes(record: &[u8]) -> (Option<&[u8]>, Vec<u8>) {
    let (mut found, mut beside) = (None, Vec::new());
    let _ = members(record, |key, value| {
        if key.ends_with(b"EventAttributes\"") {
            found = Some(value);
        } else if !matches!(key, b"\"eventId\"" | b"\"eventTime\"" | b"\"eventType\"") {
            beside.push(if beside.is_empty() { b'{' } else { b',' });
            beside.extend_from_slice(key);
            beside.push(b':');
            beside.extend_from_slice(value);
        }
    });
    if !beside.is_empty() {
        beside.push(b'}');
    }
    (found, beside)
}

/// The id of the workflow, which its first event says on newer servers.
pub fn workflow(record: &[u8]) -> Option<String> {
    let (mut id, mut first_run) = (None, None);
    let _ = members(attributes(record).0?, |key, value| match key {
        b"\"workflowId\"" => id = value::name(value).map(|name| name.into_owned()),
        b"\"firstExecutionRunId\"" | b"\"originalExecutionRunId\"" => {
            first_run = value::name(value).map(|name| name.into_owned());
        }
        _ => {}
    });
    id.or(first_run)
}

/// Writes a value with its payloads as what they stand for; gives whether there were any.
fn decoded(raw: &[u8], text: &mut Vec<u8>, depth: usize) -> bool {
    if depth > DEPTH {
        text.extend_from_slice(raw);
        return false;
    }
    match raw.first() {
        Some(b'{') => {
            if let Some(plain) = payload(raw) {
                text.extend_from_slice(&plain);
                return true;
            }
            let (mut any, mut is_first) = (false, true);
            text.push(b'{');
            let _ = members(raw, |key, value| {
                if !std::mem::take(&mut is_first) {
                    text.push(b',');
                }
                text.extend_from_slice(key);
                text.push(b':');
                any |= decoded(value, text, depth + 1);
            });
            text.push(b'}');
            any
        }
        Some(b'[') => {
            let (mut any, mut is_first) = (false, true);
            text.push(b'[');
            let _ = elements(raw, |value| {
                if !std::mem::take(&mut is_first) {
                    text.push(b',');
                }
                any |= decoded(value, text, depth + 1);
            });
            text.push(b']');
            any
        }
        _ => {
            text.extend_from_slice(raw);
            false
        }
    }
}

/// The JSON a payload stands for: an object with `metadata.encoding` and, unless it is null, `data`.
fn payload(raw: &[u8]) -> Option<Vec<u8>> {
    let (mut encoding, mut data, mut others) = (None, None, false);
    members(raw, |key, value| match key {
        b"\"metadata\"" => {
            let _ = members(value, |key, value| {
                if key == b"\"encoding\"" {
                    encoding = value::string(value).map(|text| text.into_owned());
                }
            });
        }
        b"\"data\"" => data = value::string(value).map(|text| text.into_owned()),
        _ => others = true,
    })
    .ok()?;
    let encoding = encoding.filter(|_| !others)?;
    // Some tools print the encoding as the text it is.
    let encoding = match bytes_of(&encoding).and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(decoded) if !encoding.contains('/') => decoded,
        _ => encoding,
    };
    if encoding == "binary/null" {
        return Some(b"null".to_vec());
    }
    let data = data.unwrap_or_default();
    let bytes = bytes_of(&data)?;
    match encoding.as_str() {
        "json/plain" | "json/protobuf" if is_json(&bytes) => Some(bytes),
        "binary/plain" if std::str::from_utf8(&bytes).is_ok() => {
            Some(json_string(&String::from_utf8_lossy(&bytes)).into_bytes())
        }
        // Encrypted, compressed or unknown: named, and kept as it is written.
        _ => Some(format!("{{\"encoding\":{},\"data\":{}}}", json_string(&encoding), json_string(&data)).into_bytes()),
    }
}

impl Format for Temporal {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        let mut wanted: Vec<_> = FIELDS.iter().map(|&field| Some(FieldPath::new([field]))).collect();
        wanted.push(Some(FieldPath::default()));
        wanted
    }

    fn sorting(&self) -> Sorting {
        Sorting::ByOrder
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        let Some(id) = value::whole(record.slot(ID)) else {
            return Reading::Bad(self.unreadable(record, unusable("eventId", record.slot(ID))));
        };
        let Some(event_type) = value::string(record.slot(TYPE)).filter(|name| !name.is_empty()) else {
            return Reading::Bad(self.unreadable(record, unusable("type", record.slot(TYPE))));
        };
        let event_type = match event_type {
            Cow::Borrowed(name) => camel(name),
            Cow::Owned(name) => Cow::Owned(camel(&name).into_owned()),
        };
        Reading::Event(Basics {
            stream: Cow::Borrowed(&self.stream),
            event_type,
            version: Some(id),
            time: value::instant(record.slot(TIME)),
            order: Order(i64::try_from(id).unwrap_or(i64::MAX), 0),
        })
    }

    fn unreadable<'a>(&'a self, found: Skimmed<'a>, reason: String) -> Unreadable<'a> {
        let version = value::whole(found.slot(ID));
        let order = version.map(|id| Order(i64::try_from(id).unwrap_or(i64::MAX), 0));
        Unreadable { version, order, ..Unreadable::of(Cow::Borrowed(&self.stream), reason) }
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let whole = skimmed.slot(WHOLE);
        let (found, beside) = attributes(whole);
        let mut cause: Option<(usize, u64)> = None;
        let data = match found {
            None => Payload::default(),
            Some(raw) => {
                let _ = members(raw, |key, value| {
                    if let Some(rank) = CAUSES.iter().position(|&name| name == key)
                        && let Some(id) = value::whole(value).filter(|&id| id > 0)
                        && cause.is_none_or(|(best, _)| rank < best)
                    {
                        cause = Some((rank, id));
                    }
                });
                let start = raw.as_ptr() as usize - skimmed.text.as_ptr() as usize;
                let stored = record.slice(start..start + raw.len());
                let mut text = Vec::with_capacity(raw.len());
                match decoded(raw, &mut text, 0) {
                    true => Payload::decoded(stored, "JSON with base64 payloads", text.into()),
                    false => Payload::new(Form::Json, stored),
                }
            }
        };
        let mut notes = Vec::new();
        envelope::note_lacking(&mut notes, None, skimmed.slot(TIME));
        Parts {
            data,
            notes,
            metadata: if beside.is_empty() { Payload::default() } else { Payload::new(Form::Json, beside.into()) },
            causation: cause.map(|(_, id)| format!("{}/{id}", self.stream).into()),
            ..Parts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_one_spelling() {
        assert_eq!(camel("EVENT_TYPE_WORKFLOW_EXECUTION_STARTED"), "WorkflowExecutionStarted");
        assert_eq!(camel("ActivityTaskScheduled"), "ActivityTaskScheduled");
    }

    #[test]
    fn payloads_are_what_they_stand_for() {
        for (raw, expected) in [
            (r#"{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"eyJhIjoxfQ=="}"#, r#"{"a":1}"#),
            (r#"{"metadata":{"encoding":"json/plain"},"data":"MTI="}"#, "12"),
            (r#"{"metadata":{"encoding":"YmluYXJ5L251bGw="}}"#, "null"),
            (r#"{"metadata":{"encoding":"YmluYXJ5L3BsYWlu"},"data":"aGk="}"#, r#""hi""#),
            (
                r#"{"metadata":{"encoding":"YmluYXJ5L2VuY3J5cHRlZA=="},"data":"AAE="}"#,
                r#"{"encoding":"binary/encrypted","data":"AAE="}"#,
            ),
        ] {
            let mut text = Vec::new();
            assert!(decoded(format!("{{\"input\":{{\"payloads\":[{raw}]}}}}").as_bytes(), &mut text, 0));
            assert_eq!(String::from_utf8(text).unwrap(), format!("{{\"input\":{{\"payloads\":[{expected}]}}}}"));
        }
        let mut text = Vec::new();
        assert!(!decoded(br#"{"metadata":{"a":1},"x":[1,"y"]}"#, &mut text, 0));
        assert_eq!(text, br#"{"metadata":{"a":1},"x":[1,"y"]}"#);
    }
}
