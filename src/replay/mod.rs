//! The replay engine: folds events into state and walks it in both directions.
//!
//! It knows no store, no terminal and no clock: it asks for events (`Advance::NeedEvents`) and works in bounded slices.

mod checkpoints;
mod faults;
mod goal;
mod keyed;
mod log;
pub mod moment;
mod patience;
pub mod reducer;
mod ring;
mod scan;
mod timeline;
mod track;

pub use checkpoints::Spacing;
pub use faults::{FaultCount, FirstFault};
pub use goal::{Advance, Budget, Goal, Limits, Memory, Searching};
pub use moment::Moment;
pub use patience::{Patience, Suspension};
pub use reducer::{
    Cause, Fingerprint, FoldError, Lost, Reducer, ReducerInfo, ScriptPlace, Stale, Start, StateCost, StateText,
    ValueAt, ValueChange,
};
pub use scan::{Hit, Probe, Scan, Stop, Stops, Subject, Verdict, Written};
pub use timeline::{Counted, Timeline};
pub use track::{Branch, Partition, Per, Track};
