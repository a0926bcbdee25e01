//! The engine's door: the interface, commands and tests ask (`ask::Ask`) and are answered (`ask::Told`) here.
//!
//! Two parts answer: [`Answers`] reads the source, `Walking` owns the walker. Both work until they are done or cancelled
//! and tell what they find on the way. `sorting` says of each question who works on it. [`Desk`] has them work on threads,
//! which its owner lends it ([`Threads`]): a slot for each kind of question, in which a newer one replaces the older, and
//! one thread that walks. [`Inline`] answers at once, one question after another.

mod answers;
mod inline;
mod replaying;
mod slot;
mod slots;
mod sorting;
mod threaded;
mod threads;
mod walking;
mod walks;
mod watching;

use std::sync::Arc;
use std::time::Duration;

pub use answers::Answers;
pub use inline::Inline;
pub use threaded::Desk;
pub use threads::{Heard, Threads};

use super::{ReducerBook, Walker};
use crate::ask::Told;
use crate::domain::Failure;
use crate::sources::Source;

/// How often something that takes long says how far it is, and after how long for the first time.
pub const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Takes an answer; returns false to ask for no more of them.
pub type Tell<'a> = &'a mut dyn FnMut(Told) -> bool;

/// Reads the reducers as they are now, for a walker of a survey's own.
pub type Reducers = Arc<dyn Fn() -> Result<ReducerBook, Failure> + Send + Sync>;

/// Opens the source again, with what walks it. May take long.
pub type Reopen = Arc<dyn Fn() -> Result<(Arc<dyn Source>, Walker), Failure> + Send + Sync>;
