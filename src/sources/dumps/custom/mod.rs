//! The custom format.
use std::ops::ControlFlow;
use super::database::Dump;
use crate::domain::{Failure, FailureKind};
use crate::sources::input::Input;
pub fn open(input: &Input, _looked: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<Dump, Failure> {
    Err(Failure::new(FailureKind::Unsupported, input.feed.name(), "open", "custom dumps cannot be read yet"))
}
