//! From an address to an opened source.

use std::path::Path;
use std::sync::Arc;

use super::{Source, embedded};
use crate::domain::{Failure, FailureKind};

/// How to open an address.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Which fields of a file hold the parts of an event, as the user wrote it: `stream=.aggregate.id,type=.kind`.
    pub map: Option<String>,
}

/// Opens a file, a directory that is an embedded store, or `-` (standard input).
///
/// # Errors
/// When there is nothing at the address, it may not be read, or nothing in it can be understood.
pub fn open(address: &str, _options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    if embedded::is_store(Path::new(address)) {
        return Ok(Arc::new(embedded::Embedded::open(address)?));
    }
    Err(Failure::new(FailureKind::Unsupported, address, "open", "no source is built in"))
}
