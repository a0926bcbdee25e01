//! SQL dumps, read where they lie and never restored: what `pg_dump` and `mysqldump` write.

use std::ops::ControlFlow;

use super::input::Input;
use super::tables::Database;
use crate::domain::{Failure, FailureKind};

/// Opens a dump in plain text.
///
/// # Errors
/// When it cannot be read.
pub fn open_text(
    input: &Input,
    _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Database>, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "SQL dumps cannot be read yet"))
}

/// Opens a dump in PostgreSQL's custom format.
///
/// # Errors
/// When it cannot be read.
pub fn open_custom(
    input: &Input,
    _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Database>, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "custom dumps cannot be read yet"))
}
