//! What a record leaves unsaid that others of its store say, what it says so that nobody can read it, and what it says twice:
//! notes of its event.

use std::sync::Arc;

use crate::domain::json::repeated_key;
use crate::domain::{Event, Form, Note, NoteKind, text};

/// Cells what was found takes.
const SHOWN: usize = 40;

/// Notes what its event lacks. `version` is whether it says one, where the store has versions; `time` what it says of its
/// time, where that is something and no time.
pub fn note(notes: &mut Vec<Note>, version: Option<bool>, time: Option<&str>) {
    if version == Some(false) && !has(notes, NoteKind::Counted) {
        notes.push(Note::new(NoteKind::Counted, "it has no version of its own: this one is counted"));
    }
    if let Some(said) = time.filter(|_| !has(notes, NoteKind::UnreadableTime)) {
        let text = format!("its time cannot be read: {} is no time", text::fit(said, SHOWN));
        notes.push(Note::new(NoteKind::UnreadableTime, text));
    }
}

/// Notes that a part of an event stands in its record more than once: its id, its version, its payload.
pub fn note_twice(notes: &mut Vec<Note>, is_twice: bool) {
    if is_twice && !has(notes, NoteKind::RepeatedKey) {
        let text = "a part of it stands more than once in its record: the last counts";
        notes.push(Note::new(NoteKind::RepeatedKey, text));
    }
}

/// Notes that a key stands twice in a payload of an event: which of its values was meant nobody knows.
pub fn note_repeated(event: &mut Arc<Event>) {
    if event.trouble.is_some() || event.has(NoteKind::RepeatedKey) {
        return;
    }
    let repeated = event.payloads().find_map(|(name, payload)| {
        let json = if payload.form() == Form::Opaque { None } else { payload.json_bytes().ok() };
        Some((name, repeated_key(&json?)?))
    });
    if let Some((name, key)) = repeated {
        let text = format!("{} stands more than once in its {name}: the last counts", text::fit(&key, SHOWN));
        Arc::make_mut(event).notes.push(Note::new(NoteKind::RepeatedKey, text));
    }
}

fn has(notes: &[Note], kind: NoteKind) -> bool {
    notes.iter().any(|note| note.kind == kind)
}
