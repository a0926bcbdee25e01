//! What a record leaves unsaid that others of its store say, and what it says so that nobody can read it: notes of its event.

use crate::domain::{Note, NoteKind, text};

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

fn has(notes: &[Note], kind: NoteKind) -> bool {
    notes.iter().any(|note| note.kind == kind)
}
