//! What a script prints: kept for whoever asks, within bounds, and written nowhere.

use std::cell::{Cell, RefCell};

/// What is kept of one batch, in bytes.
const MAX_CONSOLE: usize = 64 << 10;

/// The lines of one batch.
#[derive(Default)]
pub struct Console {
    text: RefCell<String>,
    muted: Cell<bool>,
}

impl Console {
    /// Adds a line, or as much of it as there is room for.
    pub fn note(&self, line: &str) {
        let mut text = self.text.borrow_mut();
        if !self.muted.get() && text.len() < MAX_CONSOLE {
            let mut end = line.len().min(MAX_CONSOLE - text.len());
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            text.push_str(&line[..end]);
            text.push('\n');
        }
    }

    /// Whether what comes now was said before.
    pub fn mute(&self, muted: bool) {
        self.muted.set(muted);
    }

    /// What was said; from here on there is nothing.
    pub fn take(&self) -> String {
        self.text.take()
    }
}
