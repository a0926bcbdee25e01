//! The event of the cursor: its data, what is said about it, and its bytes.

use std::sync::Arc;

use super::tree::Tree;
use crate::app::action::Folding;
use crate::app::ids::Motion;
use crate::app::lines::{Lines, SHOWN};
use crate::app::overlay::Overlay;

use crate::domain::words::{count, counted};
use crate::domain::{Event, Form, Json, Payload};

/// How the event is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EventView {
    /// The data as a tree.
    #[default]
    Data,
    /// The envelope and the metadata as a tree.
    Metadata,
    /// The bytes as stored.
    Raw,
}

impl EventView {
    /// All, in order, with their names.
    pub const ALL: [(Self, &'static str); 3] = [(Self::Data, "data"), (Self::Metadata, "metadata"), (Self::Raw, "raw")];
}

/// The pane.
#[derive(Clone, Debug, Default)]
pub struct EventPane {
    /// The event.
    pub event: Option<Arc<Event>>,
    /// How it is shown.
    pub view: EventView,
    /// Why the data is shown as text and not as a tree.
    pub problem: Option<String>,
    data: Tree,
    metadata: Tree,
    raw: Lines,
    width: usize,
}

impl EventPane {
    /// Shows another event.
    pub fn show(&mut self, event: Option<Arc<Event>>) {
        if matches!((&self.event, &event), (Some(a), Some(b)) if Arc::ptr_eq(a, b)) {
            return;
        }
        let other_type = match (&self.event, &event) {
            (Some(before), Some(now)) => before.event_type != now.event_type,
            _ => true,
        };
        if other_type {
            self.data.reset();
        }
        self.event = event;
        self.problem = None;
        let Some(event) = self.event.clone() else {
            self.data.show(None, Overlay::default());
            self.metadata.show(None, Overlay::default());
            self.raw = Lines::default();
            return;
        };
        let data = if event.data.is_absent() { Ok(None) } else { event.data.json().map(Some) };
        match (&event.trouble, data) {
            (Some(trouble), _) => self.problem = Some(trouble.to_string()),
            (None, Err(error)) => self.problem = Some(format!("not JSON: {error}")),
            (None, Ok(data)) => self.data.show(data, Overlay::default()),
        }
        self.metadata.show(Some(envelope(&event)), Overlay::default());
        self.lay_out();
    }

    /// The tree of the view, when it is one.
    pub fn tree(&self) -> Option<&Tree> {
        match self.view {
            EventView::Data if self.problem.is_none() => Some(&self.data),
            EventView::Metadata => Some(&self.metadata),
            EventView::Data | EventView::Raw => None,
        }
    }

    fn tree_mut(&mut self) -> Option<&mut Tree> {
        match self.view {
            EventView::Data if self.problem.is_none() => Some(&mut self.data),
            EventView::Metadata => Some(&mut self.metadata),
            EventView::Data | EventView::Raw => None,
        }
    }

    /// How many rows show all of it.
    pub fn rows_asked(&self) -> usize {
        match self.tree() {
            Some(tree) => tree.rows().len(),
            None => self.raw.all().len() + usize::from(self.view == EventView::Data),
        }
    }

    /// The lines of the view, when it is no tree.
    pub fn lines(&self) -> &Lines {
        &self.raw
    }

    /// Moves the selection, or scrolls text.
    pub fn go(&mut self, motion: Motion, count: Option<u64>, height: usize) {
        match self.tree_mut() {
            Some(tree) => tree.go(motion, count, height),
            None => self.raw.go(motion, count, height),
        }
    }

    /// Folds.
    pub fn fold(&mut self, folding: Folding, height: usize) {
        if let Some(tree) = self.tree_mut() {
            tree.fold(folding, height);
        }
    }

    /// Scrolls without moving the selection.
    pub fn scroll(&mut self, by: isize, height: usize) {
        match self.tree_mut() {
            Some(tree) => tree.scroll(by, height),
            None => self.raw.scroll(by, height),
        }
    }

    /// Selects the row shown in this line of the window.
    pub fn click(&mut self, line: usize) {
        if let Some(tree) = self.tree_mut() {
            tree.select(tree.top() + line);
        }
    }

    /// Takes the next view.
    pub fn next_view(&mut self) {
        self.view = match self.view {
            EventView::Data => EventView::Metadata,
            EventView::Metadata => EventView::Raw,
            EventView::Raw => EventView::Data,
        };
    }

    /// Adapts to the size of the pane.
    pub fn fit(&mut self, width: usize, height: usize) {
        if width != self.width {
            self.width = width;
            self.lay_out();
        }
        self.data.fit(height);
        self.metadata.fit(height);
        self.raw.scroll(0, height);
    }

    fn lay_out(&mut self) {
        let Some(event) = &self.event else { return };
        let mut text = String::new();
        for (name, payload) in event.payloads() {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!("{name}: {}\n", describe(payload)));
            let stored = payload.stored();
            let shown = match std::str::from_utf8(stored) {
                Ok(_) => {
                    let shown = &stored[..stored.len().min(SHOWN / 2 - 256)];
                    text.push_str(&String::from_utf8_lossy(shown));
                    text.push('\n');
                    shown
                }
                // A byte takes up to five characters of a dump.
                Err(_) => {
                    let shown = &stored[..stored.len().min((SHOWN / 2 - 256) / 6)];
                    dump(&mut text, shown, self.width);
                    shown
                }
            };
            if shown.len() < stored.len() {
                let rest = count((stored.len() - shown.len()) as u64);
                text.push_str(&format!("… {rest} more bytes are not shown; copying the event takes all\n"));
            }
        }
        self.raw = Lines::wrap(&text, self.width);
    }
}

/// Bytes that are no text, as hexadecimal dumps show them: where they stand, their values, what of them is ASCII. As many in
/// a line as the width has room for.
fn dump(text: &mut String, bytes: &[u8], width: usize) {
    let row = match width {
        0..42 => 4,
        42..76 => 8,
        _ => 16,
    };
    for (n, bytes) in bytes.chunks(row).enumerate() {
        let values: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let ascii = bytes.iter().map(|byte| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' });
        let ascii: String = ascii.collect();
        text.push_str(&format!("{:06x}  {:<wide$}  {ascii}\n", n * row, values.join(" "), wide = row * 3 - 1));
    }
}

fn describe(payload: &Payload) -> String {
    let bytes = counted(payload.stored().len() as u64, "byte");
    match payload.form() {
        Form::Absent => "nothing is stored".into(),
        Form::Json => format!("{bytes} of JSON, as stored"),
        Form::JsonText => format!("{bytes}, a JSON string that holds JSON, as stored"),
        Form::Encoded => format!("{bytes}, decoded: {}", payload.encoding().unwrap_or("JSON")),
        Form::Opaque => match payload.encoding() {
            Some(encoding) => format!("{bytes}: {encoding}"),
            None => format!("{bytes} of unknown meaning"),
        },
    }
}

/// Everything that is known of an event besides its data, the fields of its record that are no part of it among it.
fn envelope(event: &Event) -> Json {
    let text = |text: &str| Json::string(text);
    let mut pairs = vec![
        ("type", text(&event.event_type)),
        ("stream", text(event.stream.as_str())),
        ("version", number(&event.version.to_string())),
        ("position", number(&event.position.to_string())),
    ];
    let optional = [
        ("time", event.time.map(|time| time.to_string())),
        ("id", event.id.as_deref().map(str::to_owned)),
        ("correlation", event.correlation.as_deref().map(str::to_owned)),
        ("causation", event.causation.as_deref().map(str::to_owned)),
    ];
    pairs.extend(optional.iter().filter_map(|(name, value)| Some((*name, text(value.as_deref()?)))));
    if !event.notes.is_empty() {
        let notes = event.notes.iter().map(|note| text(&note.text));
        pairs.push(("notes", Json::Array(notes.collect())));
    }
    for (name, payload) in event.payloads().filter(|(name, payload)| *name != "data" && !payload.is_absent()) {
        pairs.push((name, payload.json().unwrap_or_else(|_| text(&payload.text()))));
    }
    Json::Object(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

fn number(written: &str) -> Json {
    match Json::parse(written.as_bytes()) {
        Ok(number @ Json::Number(_)) => number,
        _ => Json::string(written),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_dumped_within_the_width() {
        let mut text = String::new();
        dump(&mut text, b"ab\x00\xff{}\x1b[K", 48);
        assert_eq!(text, "000000  61 62 00 ff 7b 7d 1b 5b  ab..{}.[\n000008  4b                       K\n");
        for width in [20, 41, 42, 75, 76, 200] {
            let mut text = String::new();
            dump(&mut text, &[0x80; 64], width);
            assert!(text.lines().all(|line| line.len() <= width.max(25)), "{width}: {text}");
        }
    }
}
