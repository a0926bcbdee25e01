//! NATS JetStream stores and backups, read offline: the blocks of messages of a server's own directory, and what
//! `nats stream backup` writes.
//!
//! A subject is a stream, a message an event; the sequence of its JetStream stream is its position. Versions are not
//! stored: they are counted for each subject over the messages that are left. It is not a server: nothing expires while
//! one looks (limits of age are not applied), and what is encrypted is named, not guessed at.
//!
//! Invariant: the same files give the same events at the same places; nothing is written, locked or created beside them.

mod blocks;
mod deleted;
mod expiry;
mod folder;
mod message;
mod record;
mod s2;
mod scan;
mod source;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Source, sorted};
use crate::domain::Failure;

/// Whether a directory is such a store.
pub fn is_store(directory: &Path) -> bool {
    !folder::streams(directory).is_empty()
}

/// Opens one.
///
/// # Errors
/// When it cannot be read, or nothing in it can.
pub fn open(directory: &Path) -> Result<Arc<dyn Source>, Failure> {
    sorted::open(source::Store::open(directory)?)
}

/// The files such a store is read from.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    folder::streams(directory).iter().flat_map(folder::Stream::files).collect()
}
