//! Everything the interface can want.

use std::time::Duration;

use crate::ask::Ask;

/// Something the interface wants done.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Ask the investigation.
    Ask(Ask),
    /// Hand text to the terminal's clipboard.
    Copy(String),
    /// Tick every so often, or no more.
    Play(Option<Duration>),
    /// Suspend to the shell.
    Suspend,
    /// Draw everything again.
    Repaint,
    /// End.
    Quit,
}
