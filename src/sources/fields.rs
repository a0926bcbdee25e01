//! The fields of a record that take no role: what is left of it when its event is taken out.
//!
//! Whoever reads an event says which values it used; the rest, with the objects around it, is the event's `fields`, byte
//! for byte as the record has it. It is made when an event is read, never while a file is indexed.

use crate::domain::{Form, Payload};
use crate::sources::files::skim::{Skimmer, Span, members};
use crate::sources::files::value;

/// What is left of a record that was skimmed with [`Skimmer::collects`], when the values in these slots are taken out of
/// it, and what says nothing at the place of a role. Absent where nothing is left, or where one of them is the record
/// itself.
pub fn left(record: &[u8], skimmer: &Skimmer, used: &[usize]) -> Payload {
    left_beside(record, skimmer, &taken(record, skimmer, used))
}

/// The same of an object in a record.
pub fn left_in(record: &[u8], object: &[u8], skimmer: &Skimmer, used: &[usize]) -> Payload {
    left_of(record, object, &taken(record, skimmer, used))
}

/// The values in these slots, and what says nothing at the place of a role.
fn taken(record: &[u8], skimmer: &Skimmer, used: &[usize]) -> Vec<Span> {
    let mut taken = Vec::with_capacity(skimmer.slots().len());
    for (slot, &span) in skimmer.slots().iter().enumerate() {
        if used.contains(&slot) || value::is_nothing(span.of(record)) {
            taken.push(span);
        }
    }
    taken
}

fn left_beside(record: &[u8], skimmer: &Skimmer, used: &[Span]) -> Payload {
    let is_used = |span: Span| span.is_empty() || used.iter().any(|used| used.covers(span) || span.covers(*used));
    if !skimmer.twice() && skimmer.slots().iter().chain(skimmer.others()).all(|&span| is_used(span)) {
        return Payload::default();
    }
    left_of(record, record, used)
}

/// What is left of an object in a record, when the values at these places of the record are taken out of it.
pub fn left_of(record: &[u8], object: &[u8], used: &[Span]) -> Payload {
    let whole = Span::of_part(record, object);
    if used.iter().any(|used| !used.is_empty() && used.covers(whole)) {
        return Payload::default();
    }
    let mut text = Vec::new();
    put(record, object, used, &mut text);
    if text.is_empty() { Payload::default() } else { Payload::new(Form::Json, text.into()) }
}

/// Puts what is left of an object; nothing where nothing is.
fn put(record: &[u8], object: &[u8], used: &[Span], text: &mut Vec<u8>) {
    let begin = text.len();
    // What was skimmed is JSON.
    let _ = members(object, |key, value| {
        let span = Span::of_part(record, value);
        let mut inside = false;
        for used in used.iter().filter(|used| !used.is_empty()) {
            if used.covers(span) {
                return;
            }
            inside |= span.covers(*used);
        }
        let end = text.len();
        text.push(if end == begin { b'{' } else { b',' });
        text.extend_from_slice(key);
        text.push(b':');
        let start = text.len();
        match inside {
            true => put(record, value, used, text),
            false => text.extend_from_slice(value),
        }
        // An object all of which is used is used itself.
        if text.len() == start {
            text.truncate(end);
        }
    });
    if text.len() > begin {
        text.push(b'}');
    }
}

/// The same without a member.
pub fn without(fields: &Payload, name: &str) -> Payload {
    let mut used = Vec::new();
    let text = fields.stored();
    let _ = members(text, |key, value| {
        if value::string(key).is_some_and(|key| key == name) {
            used.push(Span::of_part(text, value));
        }
    });
    if used.is_empty() { fields.clone() } else { left_of(text, text, &used) }
}

/// Whether one of the pieces of fields passes: their names, and all texts, numbers and words in them, as they are spelled.
pub fn any_piece(fields: &Payload, mut passes: impl FnMut(&[u8]) -> bool) -> bool {
    let mut rest = &fields.stored()[..];
    loop {
        let between =
            |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'{' | b'}' | b'[' | b']' | b':' | b',');
        let Some(start) = rest.iter().position(|byte| !between(byte)) else { return false };
        rest = &rest[start..];
        let end = match rest[0] {
            b'"' => text_end(rest),
            _ => rest.iter().position(between).unwrap_or(rest.len()),
        };
        let (piece, after) = rest.split_at(end);
        if passes(piece) {
            return true;
        }
        rest = after;
    }
}

/// Where the string ends that is at the beginning of this.
fn text_end(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// Fields put together by somebody who knows them one by one.
#[derive(Debug, Default)]
pub struct Put(String);

impl Put {
    /// One more: its name, and its value as JSON text without line breaks.
    pub fn field(&mut self, name: &str, json: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        // Writing to a string cannot fail.
        let _ = crate::domain::json::write_string(&mut self.0, name);
        self.0.push(':');
        self.0.push_str(json);
    }

    /// All of them; absent where there are none.
    pub fn done(mut self) -> Payload {
        if self.0.is_empty() {
            return Payload::default();
        }
        self.0.push('}');
        Payload::json_text(self.0)
    }
}

/// One object with the members of two; the first come first.
pub fn joined(one: Payload, other: Payload) -> Payload {
    if one.is_absent() || other.is_absent() {
        return if one.is_absent() { other } else { one };
    }
    let (one, other) = (one.stored().trim_ascii(), other.stored().trim_ascii());
    let inside = |text: &[u8]| text.get(1..text.len() - 1).unwrap_or_default().trim_ascii().to_vec();
    let (one, other) = (inside(one), inside(other));
    let comma: &[u8] = if one.is_empty() || other.is_empty() { b"" } else { b"," };
    Payload::new(Form::Json, [b"{", &one[..], comma, &other[..], b"}"].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::files::mapping::FieldPath;
    use crate::sources::files::plan::Plan;

    fn fields(record: &str, paths: &[&[&str]]) -> String {
        let paths: Vec<_> = paths.iter().map(|keys| Some(FieldPath::new(keys.iter().copied()))).collect();
        let mut skimmer = Skimmer::new(Plan::new(&paths));
        skimmer.collects(true);
        skimmer.skim(record.as_bytes()).unwrap();
        let left = left(record.as_bytes(), &skimmer, &(0..paths.len()).collect::<Vec<_>>());
        let used: Vec<_> = (0..paths.len()).map(|slot| skimmer.slot(slot)).collect();
        assert_eq!(left, left_of(record.as_bytes(), record.as_bytes(), &used), "{record}: both ways say the same");
        left.text().into_owned()
    }

    #[test]
    fn what_is_not_used_is_left_as_it_is_written() {
        for (record, paths, left) in [
            (r#"{"s":"a","t":"T","d":{"x":1}}"#, &[&["s"][..], &["t"], &["d"]][..], ""),
            (
                r#"{"s":"a","n":1.500,"t":"T", "u" : "\u00e9" ,"d":{}}"#,
                &[&["s"], &["t"], &["d"]],
                r#"{"n":1.500,"u":"\u00e9"}"#,
            ),
            (
                r#"{"s":"a","big":123456789012345678901234567890,"e":{},"z":null}"#,
                &[&["s"]],
                r#"{"big":123456789012345678901234567890,"e":{},"z":null}"#,
            ),
            // Around what is used inside an object the rest of it stays; an object that is used up is not shown empty.
            (
                r#"{"m":{"id":1,"by":"u"},"n":{"id":2},"x":{"y":{"id":3},"z":4}}"#,
                &[&["m", "id"], &["n", "id"], &["x", "y", "id"]],
                r#"{"m":{"by":"u"},"x":{"z":4}}"#,
            ),
            // What is inside a part that is used is used.
            (r#"{"m":{"id":1,"by":"u"}}"#, &[&["m"], &["m", "id"]], ""),
            // The record itself.
            (r#"{"s":"a","t":"T","n":1}"#, &[&["s"], &[]], ""),
            // Of a key that stands twice the last is used, and the first is not hidden.
            (r#"{"s":"a","t":"T","s":"b"}"#, &[&["s"], &["t"]], r#"{"s":"a"}"#),
            (r#"{}"#, &[&["s"]], ""),
        ] {
            assert_eq!(fields(record, paths), left, "{record}");
        }
    }

    #[test]
    fn pieces_are_names_and_values() {
        let fields = Payload::json_text(r#"{"a \"b\\":[1.50,{"c":null}] , "d":"x,\"y" }"#);
        let mut pieces = Vec::new();
        assert!(!any_piece(&fields, |piece| {
            pieces.push(String::from_utf8_lossy(piece).into_owned());
            false
        }));
        assert_eq!(pieces, [r#""a \"b\\""#, "1.50", r#""c""#, "null", r#""d""#, r#""x,\"y""#]);
        assert!(any_piece(&fields, |piece| piece == b"null"));
        assert!(!any_piece(&Payload::default(), |_| true));
        assert!(!any_piece(&Payload::json_text("\"\\"), |_| false), "what is cut ends");
    }

    #[test]
    fn two_objects_become_one() {
        let json = |text: &str| if text.is_empty() { Payload::default() } else { Payload::json_text(text) };
        for (one, other, both) in [
            (r#"{"a":1}"#, r#"{"b":2}"#, r#"{"a":1,"b":2}"#),
            ("", r#"{"b":2}"#, r#"{"b":2}"#),
            (r#"{"a":1}"#, "{ }", r#"{"a":1}"#),
        ] {
            assert_eq!(joined(json(one), json(other)).text(), both);
        }
        let mut put = Put::default();
        put.field("a\"", "1.50");
        put.field("b", "null");
        assert_eq!(put.done().text(), r#"{"a\"":1.50,"b":null}"#);
        assert!(Put::default().done().is_absent());
    }
}
