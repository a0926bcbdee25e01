//! KurrentDB and EventStoreDB database folders, read offline.

use std::path::Path;
use std::sync::Arc;

use super::Source;
use crate::domain::{Failure, FailureKind};

/// Whether a directory is such a store.
pub fn is_store(_directory: &Path) -> bool {
    false
}

/// Opens one.
///
/// # Errors
/// When it cannot be read.
pub fn open(directory: &Path) -> Result<Arc<dyn Source>, Failure> {
    let name = directory.display().to_string();
    Err(Failure::new(FailureKind::Unsupported, name, "open", "such stores cannot be read yet"))
}
