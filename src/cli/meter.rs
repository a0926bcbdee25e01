//! How far long work has come, on standard error, where a person watches.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// So often it is said at most.
const EVERY: Duration = Duration::from_millis(100);

/// A line that is overwritten, and gone in the end.
#[derive(Debug)]
pub(super) struct Meter {
    watched: bool,
    said: Option<Instant>,
}

impl Meter {
    /// A meter that has said nothing yet.
    pub fn new() -> Self {
        Self { watched: io::stderr().is_terminal(), said: None }
    }

    /// So much of so much is done.
    pub fn tell(&mut self, what: &str, done: u64, total: u64) {
        if !self.watched || self.said.is_some_and(|said| said.elapsed() < EVERY) {
            return;
        }
        self.said = Some(Instant::now());
        let percent = done.saturating_mul(100).checked_div(total);
        let percent = percent.map_or_else(|| done.to_string(), |percent| format!("{} %", percent.min(100)));
        // Nobody may be listening.
        let _ = write!(io::stderr(), "\r\x1b[2K{what}: {percent}");
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.said.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
