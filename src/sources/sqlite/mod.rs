//! SQLite database files, read by SQLite itself and not touched: nothing is written to them nor beside them.
//!
//! It knows tables and rows. Only ordinary tables are read; views, triggers and virtual tables, which are programs of
//! whoever made the file, are never run.

#[cfg(feature = "sqlite")]
mod copy;
#[cfg(feature = "sqlite")]
mod database;
#[cfg(feature = "sqlite")]
mod places;
#[cfg(feature = "sqlite")]
mod reading;
#[cfg(feature = "sqlite")]
mod schema;
#[cfg(all(test, feature = "sqlite"))]
mod tests;
#[cfg(feature = "sqlite")]
mod untouched;

use std::ops::ControlFlow;

#[cfg(feature = "sqlite")]
use super::cache::Sequence;
use super::input::Input;
use super::tables::{Database, OneFile, Reopener};
use crate::domain::Failure;

/// A database file, with the log or the journal beside it.
pub const FILE: OneFile = OneFile { open, reopen: REOPEN, beside: &["-wal", "-journal"] };

#[cfg(feature = "sqlite")]
const REOPEN: Option<Reopener> = Some(reopen);
#[cfg(not(feature = "sqlite"))]
const REOPEN: Option<Reopener> = None;

/// Opens a database file without touching it. Where it must be copied first, `looked` is told how far that is.
///
/// # Errors
/// When it cannot be read, there is no room for a copy that is needed, or this program was built without SQLite.
#[cfg(feature = "sqlite")]
pub fn open(input: &Input, looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure> {
    Ok(Box::new(database::Sqlite::open(input, looked)?))
}

/// Opens one again, with the places that were given to its rows.
#[cfg(feature = "sqlite")]
fn reopen(
    input: &Input,
    front: &mut Sequence,
    looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Option<Box<dyn Database>>, Failure> {
    let opened = database::Sqlite::open(input, looked)?.with_places(front);
    Ok(opened.map(|database| Box::new(database) as Box<dyn Database>))
}

/// Removes what is left of copies that are being made while the program ends.
#[cfg(feature = "sqlite")]
pub use copy::remove_all as remove_copies;

/// There are none.
#[cfg(not(feature = "sqlite"))]
pub fn remove_copies() {}

/// Says that this program was built without SQLite.
///
/// # Errors
/// Always.
#[cfg(not(feature = "sqlite"))]
pub fn open(input: &Input, _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Box<dyn Database>, Failure> {
    let why = "it is an SQLite database, and this stepback was built without the feature `sqlite`";
    Err(Failure::new(crate::domain::FailureKind::Unsupported, input.feed.name(), "open", why)
        .hint("build it with `--features sqlite`, or write the tables out: `sqlite3 FILE .dump > dump.sql`"))
}
