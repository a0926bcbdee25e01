//! Events as JSON lines: `docs/json.md` is their contract.

use std::borrow::Cow;
use std::io::{self, Write};

use super::missing::Missing;
use crate::domain::payload::Form;
use crate::domain::{Event, Payload, StreamKey};
use crate::wire::{self, Given, Written, push_named, push_text, push_trouble};

/// A payload as the JSON it stands for, for a line of a table; as text where it is none.
pub fn meaning(payload: &Payload) -> Cow<'_, str> {
    match payload.form() {
        // What is decoded is text already.
        Form::JsonText => payload
            .json_bytes()
            .map_or_else(|_| payload.text(), |json| Cow::Owned(String::from_utf8_lossy(&json).into_owned())),
        _ => payload.text(),
    }
}

/// Writes one event as the JSON object of `events --json` and `export`; what of it could not be read is noted.
///
/// # Errors
/// When writing fails.
pub fn write_event(
    out: &mut dyn Write,
    event: &Event,
    key: Option<&StreamKey>,
    written: Written,
    missing: &mut Missing,
) -> io::Result<()> {
    let mut line = String::with_capacity(256 + event.payload_bytes() as usize);
    note_lack(event, &wire::push_event(&mut line, event, key, written), missing);
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// Notes what of an event is not in its line as it should be.
fn note_lack(event: &Event, parts: &[(&str, Given)], missing: &mut Missing) {
    if event.trouble.is_some() {
        return missing.unreadable(event);
    }
    for (name, given) in parts {
        if let Given::Broken(why) = given {
            missing.payload(event, &format!("its {name}: {why}"));
        }
    }
}

/// Writes a hit of a search as a JSON object: the event without its payloads, and where in it what matches stands.
///
/// # Errors
/// When writing fails.
pub fn write_hit(out: &mut dyn Write, event: &Event, path: &str, text: &str) -> io::Result<()> {
    let mut line = String::new();
    push_named(&mut line, event);
    line.push_str(",\"where\":");
    push_text(&mut line, path);
    line.push_str(",\"text\":");
    push_text(&mut line, text);
    push_trouble(&mut line, event);
    line.push_str("}\n");
    out.write_all(line.as_bytes())
}
