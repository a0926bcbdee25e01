//! The engine's door: what is asked of an investigation (`ask::Ask`) is answered here (`ask::Told`), for whoever asks: the
//! interface, a command, a test.
//!
//! There is one interpreter of questions in two halves: [`Answers`] looks at the source, [`Walking`] owns the walker. Both
//! work until they are done or cancelled and tell what they find on the way; on which thread they do so, and which question
//! replaces which, is their guest's business. [`Inline`] answers at once, one question after another.

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

/// Hears answers; false when nobody wants any more of them.
pub type Tell<'a> = &'a mut dyn FnMut(Told) -> bool;

/// Reads the reducers as they are now, for a walker of a survey's own.
pub type Reducers = Arc<dyn Fn() -> Result<ReducerBook, Failure> + Send + Sync>;
