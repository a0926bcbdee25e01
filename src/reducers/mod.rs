//! What folds events into state.
//!
//! Each reducer implements [`Reducer`](crate::replay::Reducer): it knows events and states, never where they come from
//! or how they are shown.

pub mod merge;
