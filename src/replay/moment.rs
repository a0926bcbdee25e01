//! One consistent view of where a walk stands: what every pane shows.

use std::sync::Arc;

use super::{FoldError, Patch, ReducerInfo, State};
use crate::domain::{Event, StreamName};

/// A place in the history of one stream: between two events, before the first, or after the last.
#[derive(Clone, PartialEq, Debug)]
pub struct Moment {
    /// The stream that is walked.
    pub stream: StreamName,
    /// How many of its events are folded: 0 is before the first event, n is after the event with ordinal n - 1.
    pub at: u64,
    /// How many events the stream has as far as known.
    pub total: u64,
    /// The event of this moment: the last one folded.
    pub event: Option<Arc<Event>>,
    /// The state after it.
    pub state: State,
    /// What it changed; nothing when the state here or the one before could not be given.
    pub patch: Arc<Patch>,
    /// Why it could not be folded, when it could not: the state is then that of the event before. Or why the reducer
    /// could not give the state here: it is then absent.
    pub fault: Option<FoldError>,
    /// Which reducer made the state.
    pub reducer: Arc<ReducerInfo>,
}
