//! The engine's door: the interface, commands and tests ask (`ask::Ask`) and are answered (`ask::Told`) here.
//!
//! Two parts answer: [`Answers`] reads the source, [`Walking`] owns the walker. Both work until they are done or cancelled
//! and tell what they find on the way. The caller decides on which thread they work and which question replaces which.
//! [`Inline`] answers at once, one question after another.

mod answers;
mod inline;
mod walking;

use std::sync::Arc;
use std::time::Duration;

pub use answers::Answers;
pub use inline::Inline;
pub use walking::Walking;

use super::ReducerBook;
use crate::ask::Told;
use crate::domain::Failure;

/// How often something that takes long says how far it is, and after how long for the first time.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Takes an answer; returns false to ask for no more of them.
pub type Tell<'a> = &'a mut dyn FnMut(Told) -> bool;

/// Reads the reducers as they are now, for a walker of a survey's own.
pub type Reducers = Arc<dyn Fn() -> Result<ReducerBook, Failure> + Send + Sync>;
