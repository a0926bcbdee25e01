//! Event stores that are files: a JSON Lines dump, or the same through a pipe.
//!
//! A file is indexed where it lies and never loaded whole. [`super::index`] holds, in columns, where every record is, of which
//! stream, type, version and time; it knows nothing of JSON, so that other formats can stand behind it. [`build`] fills
//! it in the background; [`source`] answers questions from it and reads the records asked for, and only those.
//!
//! Invariant: the index only grows, in the order of the file. Records are read by position, never through a mapping of
//! the file into memory: a file that becomes shorter under us gives a short read, not a signal.

mod build;
mod check;
pub(in crate::sources) mod envelope;
mod keep;
pub(in crate::sources) mod mapping;
pub(in crate::sources) mod plan;
mod records;
pub(in crate::sources) mod scan;
mod search;
pub(in crate::sources) mod skim;
mod source;
mod stretch;
pub(in crate::sources) mod value;
mod watch;

pub use source::open;
