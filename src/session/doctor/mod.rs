//! The doctor: looks at a whole store and says what is out of order, each with the first place where that is seen.
//!
//! [`Examination`] is told events one by one and knows no source; [`examine`] reads a source through it, and compares what
//! the store keeps beside its events: snapshots and its list of streams. It is no repair: nothing is ever changed.

mod difference;
mod examination;
mod faults;
mod identities;
mod pass;
mod runs;
mod sizes;
mod snapshots;
mod streams;

pub use examination::{Examination, Facts, Look};
pub use pass::{Questions, WhenStopped, examine};

/// Hears what is being done, and how much of how much is.
pub type Told<'a> = &'a mut dyn FnMut(&'static str, u64, u64);
