//! The replay engine: folds events into state and walks it in both directions.
//!
//! It knows no store, no terminal and no clock: it asks for events (`Advance::NeedEvents`) and works in bounded slices.

pub mod moment;
pub mod patch;
pub mod reducer;

pub use moment::Moment;
pub use patch::{Change, Patch};
pub use reducer::{Fingerprint, FoldError, Lost, Reducer, ReducerInfo, ScriptPlace, Start, State, StateCost};
