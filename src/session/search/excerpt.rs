//! What to show of a hit: where in the event it is, and a little of what stands around it.

use crate::domain::json::spelled_out;
use crate::domain::{Event, Json, Path, Pattern, Payload, Step};
use crate::sources::fields::any_piece;
use crate::sources::texts;

/// Bytes shown before and after what matches.
const BEFORE: usize = 24;
const AROUND: usize = 96;

/// Values looked at when the path is looked for.
const VALUES: usize = 100_000;

/// A part of an event that matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Excerpt {
    /// Where: `type`, `stream`, `id`, `data/items/0/sku`; `data` where the value is not known.
    pub path: String,
    /// The text around what matches.
    pub text: String,
}

/// The first part of an event that matches, if it is in any that can be shown.
pub fn excerpt(pattern: &Pattern, event: &Event) -> Option<Excerpt> {
    let names = [("type", &*event.event_type), ("stream", event.stream.as_str())];
    for (name, text) in names.into_iter().chain(texts(event)) {
        if let Some(found) = around(pattern, text) {
            return Some(Excerpt { path: name.into(), text: found });
        }
    }
    for (name, payload) in [("data", &event.data), ("metadata", &event.metadata)] {
        let Some(found) = found_in(pattern, payload) else { continue };
        return Some(match inside(pattern, payload) {
            Some((path, value)) => Excerpt { path: format!("{name}{path}"), text: value },
            // It lies across values, or in the spelling of the JSON.
            None => Excerpt { path: name.into(), text: found },
        });
    }
    if let Some((path, text)) = inside(pattern, &event.fields) {
        return Some(Excerpt { path: format!("fields{path}"), text });
    }
    // Fields are searched one by one, as they are stored.
    let mut found = None;
    any_piece(&event.fields, |piece| {
        found = spelled(pattern, &String::from_utf8_lossy(piece));
        found.is_some()
    });
    found.map(|text| Excerpt { path: "fields".into(), text })
}

/// What stands around the first match in a payload.
fn found_in(pattern: &Pattern, payload: &Payload) -> Option<String> {
    if payload.is_absent() {
        return None;
    }
    let stored = || spelled(pattern, std::str::from_utf8(payload.stored()).ok()?);
    spelled(pattern, &payload.text()).or_else(stored)
}

/// What stands around the first match in JSON text, as it is or as its escapes spell it.
fn spelled(pattern: &Pattern, text: &str) -> Option<String> {
    let unescaped = || spelled_out(text.as_bytes()).find_map(|text| around(pattern, &String::from_utf8_lossy(&text)));
    around(pattern, text).or_else(unescaped)
}

/// The first value of a payload that matches, with its path.
fn inside(pattern: &Pattern, payload: &Payload) -> Option<(Path, String)> {
    let json = payload.json().ok()?;
    let mut stack = vec![(Path(Vec::new()), &json)];
    for _ in 0..VALUES {
        let (path, value) = stack.pop()?;
        let child = |step: Step| {
            let mut path = path.clone();
            path.0.push(step);
            path
        };
        match value {
            Json::Object(object) => {
                for entry in object.in_order().into_iter().rev() {
                    stack.push((child(Step::Key(entry.key.clone())), &entry.value));
                }
            }
            Json::Array(array) => {
                for (index, value) in (0..array.len()).rev().filter_map(|index| Some((index, array.get(index)?))) {
                    stack.push((child(Step::Index(index)), value));
                }
            }
            Json::String(text) | Json::Verbatim(text) => {
                if let Some(found) = spelled(pattern, text) {
                    return Some((path, found));
                }
            }
            value => {
                if let Some(found) = around(pattern, &value.to_string()) {
                    return Some((path, found));
                }
            }
        }
        // A key that matches is shown with what it holds.
        if let Some(Step::Key(key)) = path.0.last()
            && around(pattern, key).is_some()
        {
            let value = value.to_string();
            return Some((path, cut(&value, 0)));
        }
    }
    None
}

/// What stands around the first match in a text.
fn around(pattern: &Pattern, text: &str) -> Option<String> {
    let at = match pattern {
        Pattern::Text(wanted) => text.find(&**wanted)?,
        Pattern::Expression(expression) => expression.find(text.as_bytes())?.start(),
    };
    Some(cut(text, at))
}

fn cut(text: &str, at: usize) -> String {
    let boundary = |mut at: usize| {
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let from = boundary(at.saturating_sub(BEFORE).min(text.len()));
    let to = boundary((from + AROUND).min(text.len()));
    let begin = if from > 0 { "…" } else { "" };
    let end = if to < text.len() { "…" } else { "" };
    format!("{begin}{}{end}", &text[from..to])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Note, NoteKind, Position, Version};
    use crate::session::search::{Case, pattern};

    fn found(written: &str) -> Option<(String, String)> {
        let event = Event {
            data: Payload::json_text(
                r#"{"a/b":{"items":[{"sku":"A-19"},{"sku":"Größe \"B-02\""}]},"n":9007199254740993,"flag":true}"#,
            ),
            metadata: Payload::json_text(r#"{"user":"u-17"}"#),
            fields: Payload::json_text(r#"{"tenant":"t9","from":{"ip":"10.0.0.7"}}"#),
            id: Some("evt-5".into()),
            correlation: Some("corr-6".into()),
            causation: Some("cause-7".into()),
            notes: vec![Note::new(NoteKind::Link, "link to 5 of cart-8")],
            ..Event::new("order-1", Version(1), Position::Number(1), "ItemAdded")
        };
        let pattern = pattern(written, false, Case::Smart).expect("a pattern");
        excerpt(&pattern, &event).map(|excerpt| (excerpt.path, excerpt.text))
    }

    #[test]
    fn a_hit_is_shown_where_it_is() {
        let text = |path: &str, text: &str| Some((path.to_owned(), text.to_owned()));
        assert_eq!(found("added"), text("type", "ItemAdded"));
        assert_eq!(found("order"), text("stream", "order-1"));
        assert_eq!(found("evt-5"), text("id", "evt-5"));
        assert_eq!(found("corr-6"), text("correlation", "corr-6"));
        assert_eq!(found("cause-7"), text("causation", "cause-7"));
        assert_eq!(found("cart-8"), text("notes", "link to 5 of cart-8"));
        assert_eq!(found("a-19"), text("data/a~1b/items/0/sku", "A-19"));
        assert_eq!(found("b-02"), text("data/a~1b/items/1/sku", "Größe \"B-02\""));
        assert_eq!(found("4740993"), text("data/n", "9007199254740993"));
        assert_eq!(found("flag"), text("data/flag", "true"));
        assert_eq!(found("u-17"), text("metadata/user", "u-17"));
        assert_eq!(found("t9"), text("fields/tenant", "t9"));
        assert_eq!(found("10.0.0.7"), text("fields/from/ip", "10.0.0.7"));
        assert_eq!(found("t9\",\"from"), None);
        assert_eq!(found("t9\"").map(|found| found.0).as_deref(), Some("fields"));
        let across = found("sku\":\"A").expect("found");
        assert!(across.0 == "data" && across.1.contains("\"sku\":\"A-19\""), "{across:?}");
        assert_eq!(found("nowhere"), None);
    }

    #[test]
    fn a_long_text_is_cut_on_both_sides() {
        let long = format!("{}äneedle{}", "é".repeat(100), "ü".repeat(100));
        let cut = around(&Pattern::Text("needle".into()), &long).expect("found");
        assert!(cut.starts_with('…') && cut.ends_with('…') && cut.contains("äneedle"), "{cut}");
    }
}
