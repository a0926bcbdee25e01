//! The indexes kept between two runs, for the command that lists and removes them.

pub use crate::sources::cache::{Cache, Listed};
