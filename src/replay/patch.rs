//! What changed between two states, as a value that can be inverted.

use crate::domain::{Json, Path};

/// One difference. Paths are those of a sequential edit: applied in order, each change finds what it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Where.
    pub path: Path,
    /// What was there; `None` when the place is new.
    pub before: Option<Json>,
    /// What is there; `None` when the place is gone.
    pub after: Option<Json>,
}

/// The changes from one state to another. Empty when nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patch(pub Vec<Change>);
