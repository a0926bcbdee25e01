//! JSON that is not generic lines: arrays, and the exports of known tools.

use std::path::Path;
use std::sync::Arc;

use super::Source;
use super::input::Input;
use super::open::OpenOptions;
use crate::domain::{Failure, FailureKind};

/// Whether the beginning of a file is a document of this module, rather than generic lines.
pub fn claims(_head: &[u8], _whole: bool) -> bool {
    false
}

/// Opens one.
///
/// # Errors
/// When it cannot be read or holds no events.
pub fn open(input: Input, _options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "JSON documents cannot be read yet"))
}

/// Whether a directory is the export of a known tool (DynamoDB).
pub fn is_export(_directory: &Path) -> bool {
    false
}

/// Opens one.
///
/// # Errors
/// As [`open`].
pub fn open_export(directory: &Path, _options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let name = directory.display().to_string();
    Err(Failure::new(FailureKind::Unsupported, name, "open", "exports cannot be read yet"))
}
