//! An event as a JSON object: of `events --json` and `export`, and as it is copied. `docs/json.md` is its contract.

use std::borrow::Cow;

use super::{push_optional, push_parts, push_position, push_text};
use crate::domain::payload::Form;
use crate::domain::{Event, Json, Payload, StreamKey};

/// How payloads are given.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Payloads {
    /// As the JSON they stand for, byte for byte where they are stored as JSON.
    #[default]
    Meaning,
    /// As they are stored.
    Stored,
}

/// How an event is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Written {
    /// How its payloads are given.
    pub payloads: Payloads,
    /// Whether its version is left out because it is counted by us: what opens the line again would take it for the store's.
    pub without_version: bool,
}

/// Adds an event as the JSON object it is everywhere. Gives how each of its payloads was given.
pub fn push_event(
    line: &mut String,
    event: &Event,
    key: Option<&StreamKey>,
    written: Written,
) -> Vec<(&'static str, Given)> {
    push_place(line, event, !written.without_version);
    push_key(line, event, key);
    let mut parts = Vec::new();
    for (name, payload) in event.payloads() {
        line.push_str(&format!(",\"{name}\":"));
        parts.push((name, push_payload(line, payload, written.payloads)));
    }
    for (name, value) in [("correlation", &event.correlation), ("causation", &event.causation)] {
        if let Some(value) = value {
            line.push_str(&format!(",\"{name}\":"));
            push_text(line, value);
        }
    }
    push_encodings(line, &parts);
    push_notes(line, event);
    push_trouble(line, event);
    line.push('}');
    parts
}

/// Begins an object with the fields that name an event. Of a record that could not be read only its place is known.
pub fn push_named(line: &mut String, event: &Event) {
    push_place(line, event, true);
}

fn push_place(line: &mut String, event: &Event, with_version: bool) {
    let known = event.trouble.is_none() || !event.stream.as_str().is_empty();
    line.push_str("{\"position\":");
    push_position(line, &event.position);
    line.push_str(",\"stream\":");
    push_optional(line, known.then(|| event.stream.as_str()));
    line.push_str(",\"version\":");
    line.push_str(&if known && with_version { event.version.to_string() } else { "null".into() });
    line.push_str(",\"id\":");
    push_optional(line, event.id.as_deref());
    line.push_str(",\"type\":");
    push_optional(line, Some(&*event.event_type).filter(|name| event.trouble.is_none() || !name.is_empty()));
    line.push_str(",\"time\":");
    push_optional(line, event.time.map(|time| time.to_string()).as_deref());
}

/// Adds the parts of a stream's name that is made of several, and which of them is its category.
fn push_key(line: &mut String, event: &Event, key: Option<&StreamKey>) {
    let Some((key, parts)) = key.and_then(|key| Some((key, key.parts_of(event.stream.as_str())?))) else { return };
    push_parts(line, &parts);
    if let Some(category) = key.category.and_then(|at| parts.get(at)).filter(|part| !part.is_empty()) {
        line.push_str(",\"category\":");
        push_text(line, category);
    }
}

/// Adds what is wrong with a record that could not be read.
pub fn push_trouble(line: &mut String, event: &Event) {
    if let Some(trouble) = &event.trouble {
        line.push_str(",\"trouble\":");
        push_text(line, &trouble.to_string());
    }
}

fn push_notes(line: &mut String, event: &Event) {
    if event.notes.is_empty() {
        return;
    }
    line.push_str(",\"notes\":[");
    for (n, note) in event.notes.iter().enumerate() {
        line.push_str(if n == 0 { "{\"kind\":" } else { ",{\"kind\":" });
        push_text(line, note.kind.name());
        line.push_str(",\"text\":");
        push_text(line, &note.text);
        line.push('}');
    }
    line.push(']');
}

/// How a payload was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Given {
    /// As it is stored: JSON, or nothing.
    AsStored,
    /// As the JSON it stands for, after this was undone, outermost first.
    Decoded(String),
    /// As text, for its bytes are in an encoding that is not read, by its name where it has one.
    Sealed(String),
    /// As text, for it is not what it says it is.
    Broken(String),
}

/// What was undone, and what could not be read: `"encoding":{"data":["zlib","JSON"]},"unread":{"metadata":"Erlang term"}`.
fn push_encodings(line: &mut String, parts: &[(&str, Given)]) {
    let mut named = |field: &str, write: &dyn Fn(&Given) -> Option<String>| {
        let mut first = true;
        for (name, value) in parts.iter().filter_map(|(name, given)| Some((name, write(given)?))) {
            line.push_str(&if first { format!(",\"{field}\":{{") } else { ",".into() });
            line.push_str(&format!("\"{name}\":{value}"));
            first = false;
        }
        if !first {
            line.push('}');
        }
    };
    let text = |text: &str| {
        let mut json = String::new();
        push_text(&mut json, text);
        json
    };
    named("encoding", &|given| match given {
        Given::Decoded(encodings) => {
            Some(format!("[{}]", encodings.split(", ").map(text).collect::<Vec<_>>().join(",")))
        }
        _ => None,
    });
    named("unread", &|given| match given {
        Given::Sealed(why) | Given::Broken(why) => Some(text(why)),
        _ => None,
    });
}

/// Adds a payload. Where it is JSON only what would break the line is changed: a line break between JSON tokens becomes a
/// blank (inside strings JSON has none). What is no JSON becomes a string.
fn push_payload(line: &mut String, payload: &Payload, payloads: Payloads) -> Given {
    let broken = |why: String| (None, Given::Broken(why));
    let (json, given) = match (payload.form(), payloads) {
        (Form::Absent, _) => {
            line.push_str("null");
            return Given::AsStored;
        }
        (Form::Json, _) | (Form::JsonText, Payloads::Stored) => {
            (Some(Cow::Borrowed(&payload.stored()[..])), Given::AsStored)
        }
        (Form::JsonText, Payloads::Meaning) => match payload.json_bytes() {
            Ok(json) => (Some(json), Given::Decoded("JSON string".into())),
            Err(error) => broken(error.to_string()),
        },
        (Form::Encoded, Payloads::Meaning) => match payload.json_bytes() {
            Ok(json) => (Some(json), Given::Decoded(payload.encoding().unwrap_or("bytes").into())),
            Err(error) => broken(error.to_string()),
        },
        (Form::Encoded, Payloads::Stored) => {
            push_text(line, &payload.stored_text());
            return Given::Sealed(payload.encoding().unwrap_or("bytes").into());
        }
        (Form::Opaque, _) if payload.encoding().is_none() && is_meant_as_json(payload) => {
            (Some(Cow::Borrowed(&payload.stored()[..])), Given::AsStored)
        }
        (Form::Opaque, _) => (None, Given::Sealed(payload.encoding().unwrap_or("bytes").into())),
    };
    let Some(json) = json else {
        push_text(line, &payload.text());
        return given;
    };
    match std::str::from_utf8(&json) {
        Ok(text) => match not_json(text) {
            None => {
                match text.contains(['\n', '\r']) {
                    true => line.push_str(&text.replace(['\n', '\r'], " ")),
                    false => line.push_str(text),
                }
                given
            }
            // Also of JSON in a string it is what the string holds that was meant.
            Some(why) => {
                push_text(line, text);
                Given::Broken(why)
            }
        },
        Err(_) => {
            push_text(line, &payload.text());
            Given::Broken("it is not UTF-8".into())
        }
    }
}

/// Whether bytes of no known encoding begin as an object or a list does.
fn is_meant_as_json(payload: &Payload) -> bool {
    payload.stored().iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| b"{[".contains(byte))
}

/// Why text is not JSON throughout: a store may keep anything in a column that usually holds JSON.
fn not_json(text: &str) -> Option<String> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return None;
    }
    Json::parse(text.as_bytes()).err().map(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_written_as_it_is_stored_and_never_breaks_its_line() {
        let mut line = String::new();
        push_payload(&mut line, &Payload::json_text("{ \"a\":1.0,\n\"a\": 18446744073709551615}"), Payloads::Meaning);
        assert_eq!(line, "{ \"a\":1.0, \"a\": 18446744073709551615}");
        let quoted = || Payload::new(Form::JsonText, r#""{\"a\":1}""#.into());
        let packed = || Payload::decoded(vec![0x81, 1].into(), "zlib, MessagePack", "{\"a\":1}".into());
        let sealed = |why: &str| Given::Sealed(why.into());
        for (payload, payloads, written, given) in [
            (packed(), Payloads::Meaning, r#"{"a":1}"#, Given::Decoded("zlib, MessagePack".into())),
            (packed(), Payloads::Stored, r#""0x8101""#, sealed("zlib, MessagePack")),
            (quoted(), Payloads::Meaning, r#"{"a":1}"#, Given::Decoded("JSON string".into())),
            (quoted(), Payloads::Stored, r#""{\"a\":1}""#, Given::AsStored),
            (
                Payload::named(vec![131, 255].into(), "Erlang term"),
                Payloads::Meaning,
                r#""0x83ff""#,
                sealed("Erlang term"),
            ),
            (Payload::default(), Payloads::Meaning, "null", Given::AsStored),
        ] {
            line.clear();
            assert_eq!((push_payload(&mut line, &payload, payloads), line.as_str()), (given, written));
        }
        line.clear();
        let cut = Payload::new(Form::JsonText, r#""{\"a\":""#.into());
        assert!(matches!(push_payload(&mut line, &cut, Payloads::Meaning), Given::Broken(_)));
        assert_eq!(line, r#""{\"a\":""#);
        line.clear();
        let given = push_payload(&mut line, &Payload::json_text("{\"a\":"), Payloads::Meaning);
        assert!(matches!(given, Given::Broken(_)), "{given:?}");
        assert_eq!(line, r#""{\"a\":""#);
    }

    #[test]
    fn what_was_undone_is_listed_and_what_is_unread_is_named() {
        let mut line = String::new();
        push_encodings(&mut line, &[("data", Given::AsStored), ("metadata", Given::AsStored)]);
        assert_eq!(line, "");
        push_encodings(
            &mut line,
            &[("data", Given::Decoded("zlib, MessagePack".into())), ("metadata", Given::Sealed("Erlang term".into()))],
        );
        assert_eq!(line, r#","encoding":{"data":["zlib","MessagePack"]},"unread":{"metadata":"Erlang term"}"#);
    }

    #[test]
    fn an_event_has_all_that_is_known_of_it() {
        let event = Event {
            correlation: Some("c".into()),
            causation: Some("d".into()),
            notes: vec![crate::domain::Note::new(crate::domain::NoteKind::Archived, "put away")],
            ..Event::new("a-1", crate::domain::Version(1), crate::domain::Position::Number(7), "T")
        };
        let mut line = String::new();
        push_event(&mut line, &event, None, Written::default());
        let (named, rest) = line.split_at(line.find(",\"data\"").expect("data"));
        assert_eq!(named, r#"{"position":7,"stream":"a-1","version":1,"id":null,"type":"T","time":null"#);
        let notes = r#""notes":[{"kind":"archived","text":"put away"}]}"#;
        assert_eq!(rest, format!(r#","data":null,"metadata":null,"correlation":"c","causation":"d",{notes}"#));
        let mut line = String::new();
        push_event(&mut line, &event, None, Written { without_version: true, ..Written::default() });
        assert!(line.starts_with(r#"{"position":7,"stream":"a-1","version":null,"id":null"#), "{line}");
    }
}
