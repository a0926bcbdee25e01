//! Packed files, unpacked while they are read.

use super::input::Input;
use crate::domain::{Failure, FailureKind};

/// How something is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// RFC 1952, one member or several.
    Gzip,
    /// RFC 8878, one frame or several.
    Zstd,
}

/// What is in a packed input.
///
/// # Errors
/// When there is no room for it.
pub fn unpacked(input: &Input, _packing: Packing) -> Result<Input, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "packed files cannot be read yet"))
}
