//! What tables mean: the layouts of event stores, as data.

use std::sync::Arc;

use super::Source;
use super::input::Input;
use super::open::{OpenOptions, Opener};
use crate::domain::{Failure, FailureKind};

/// Opens an input whose tables `opener` reads, by the layout that fits.
///
/// # Errors
/// When it cannot be read or no layout fits.
pub fn open(input: Input, _opener: Opener, _options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "tables cannot be read yet"))
}
