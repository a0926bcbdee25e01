//! What tables mean: the layouts of event stores, as data.
//!
//! A layout is a TOML file ([`spec`]) that says which columns are which part of an event. [`found`] recognises which one the
//! tables of a store follow, [`opened`] holds the two together, [`records`] makes events of rows. Nothing here knows what
//! holds the tables.
//!
//! Invariant: what the scan calls an event of a stream, a later look at the same row does too.

mod aging;
mod beside;
mod catalogue;
mod cells;
mod collected;

mod event;
mod expression;
mod found;
mod generic;
mod lookups;
mod mapped;
mod opened;
mod reader;
mod records;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use catalogue::{Catalogue, Entry};
pub use opened::exists;
pub use spec::Layout;

use super::Source;
use super::input::Input;
use super::open::OpenOptions;
use super::sorted;
use super::tables::{OneFile, Opener};
use crate::domain::Failure;

/// Opens an input whose tables `opener` reads, by the layout that fits.
///
/// # Errors
/// When it cannot be read or no layout fits; what takes longer to find out is said by the source itself.
pub fn open(input: Input, opener: Opener, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    sorted::open(records::Tables::new(input, opener, options.clone()))
}

/// Opens tables in one file, the same way; the index is kept between two runs.
///
/// # Errors
/// As [`open`].
pub fn open_kept(input: Input, file: &OneFile, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    sorted::open(records::Tables::new(input, file.open, options.clone()).kept(file))
}
