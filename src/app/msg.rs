//! Everything that can happen.

use super::key::{Key, Mouse};
use crate::ask::Told;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// The investigation says something.
    Told(Told),
    /// A key was pressed.
    KeyPressed(Key),
    /// The mouse did something.
    MouseMoved(Mouse),
    /// Text was pasted.
    Pasted(String),
    /// The terminal has a new size, in cells.
    Resized {
        /// Columns.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// The text was handed to the terminal's clipboard: how many bytes, or why not.
    Copied(Result<usize, String>),
    /// The play timer came round.
    PlayTicked,
    /// The program was suspended and is back: everything must be drawn again.
    Resumed,
}
