//! SQLite database files.

use std::ops::ControlFlow;

use super::input::Input;
use super::tables::Database;
use crate::domain::{Failure, FailureKind};

/// Opens a database file without touching it.
///
/// # Errors
/// When it cannot be read.
pub fn open(input: &Input, _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "SQLite databases cannot be read yet"))
}
