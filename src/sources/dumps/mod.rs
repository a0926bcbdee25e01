//! SQL dumps, read where they lie and never restored: what `pg_dump` in any of its formats, `mysqldump` and the shell of
//! SQLite write.
//!
//! A first pass finds where the rows of which table lie; it reads statements only as far as they say something of tables,
//! and runs none. Rows are read afterwards, each from its place. Nothing here knows what an event is.
//!
//! Invariant: however large a statement, a row or a dump is, what is kept of it is bounded; what is larger than
//! [`window::LARGEST`] is told as a bad row with its size.

mod catalogue;
mod custom;
mod database;
mod encoding;
mod kept;
mod large;
mod left_out;
mod members;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod text;
mod tokens;
mod values;
mod walk;
mod window;

use std::ops::ControlFlow;

pub use self::members::{files as directory_files, input as directory_input, is_directory, is_tar};

use super::cache::Sequence;
use super::input::Input;
use super::tables::{Database, OneFile};
use crate::domain::Failure;

/// A dump in plain text. Where its rows lie is kept, so that it is not read through to find its tables again.
pub const TEXT: OneFile = OneFile { open: open_text, reopen: Some(reopen_text), beside: &[] };

/// A dump in PostgreSQL's custom format, whose table of contents says where its rows lie.
pub const CUSTOM: OneFile = OneFile::new(open_custom);

/// A dump in PostgreSQL's tar format, which says the same.
pub const TAR: OneFile = OneFile::new(open_tar);

/// Opens a dump in plain text.
///
/// # Errors
/// When it cannot be read.
pub fn open_text(
    input: &Input,
    looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Database>, Failure> {
    Ok(Box::new(text::open(input, looked)?))
}

fn reopen_text(
    input: &Input,
    front: &mut Sequence,
    _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Option<Box<dyn Database>>, Failure> {
    Ok(kept::load(input, front).map(|dump| Box::new(dump) as Box<dyn Database>))
}

/// Opens a dump in PostgreSQL's custom format.
///
/// # Errors
/// When it cannot be read.
pub fn open_custom(
    input: &Input,
    looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Database>, Failure> {
    Ok(Box::new(custom::open(input, looked)?))
}

/// Opens a dump in PostgreSQL's directory format: the input is that of [`directory_input`].
///
/// # Errors
/// When it cannot be read.
pub fn open_directory(
    input: &Input,
    looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Database>, Failure> {
    Ok(Box::new(members::open_directory(input, looked)?))
}

/// Opens a dump in PostgreSQL's tar format, or a tar of one in its directory format.
///
/// # Errors
/// When it cannot be read.
pub fn open_tar(
    input: &Input,
    looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Box<dyn Database>, Failure> {
    Ok(Box::new(members::open_tar(input, looked)?))
}
