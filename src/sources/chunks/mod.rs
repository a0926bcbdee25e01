//! KurrentDB and EventStoreDB database folders, read offline: the chunks of the log, without the server and without its
//! index.
//!
//! It is not a server: there are no permissions, no projections run, and what a server would hide (truncated, deleted) is
//! shown and marked. Encrypted chunks are named, never guessed at.
//!
//! Invariant: the same files give the same events at the same places; nothing is written, locked or created.

mod event;
mod files;
mod folder;
mod header;
mod record;
mod retention;
mod scan;
mod source;
mod verify;
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Source, sorted};
use crate::domain::Failure;

/// Whether a directory is such a store.
pub fn is_store(directory: &Path) -> bool {
    folder::is_folder(directory)
}

/// Opens one.
///
/// # Errors
/// When it cannot be read, or nothing in it can.
pub fn open(directory: &Path) -> Result<Arc<dyn Source>, Failure> {
    sorted::open(source::Log::open(directory)?)
}

/// The files such a store is read from.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    folder::files(directory)
}
