//! One consistent view of where a walk stands: what every pane shows.

use std::sync::Arc;

use super::{FaultCount, FoldError, ReducerInfo, Suspension};
use crate::domain::{Event, Form, Patch, State, StreamName};

/// A place in the history that is walked: between two events, before the first, or after the last.
#[derive(Clone, PartialEq, Debug)]
pub struct Moment {
    /// The stream that is walked; where there are several, that of the event, and none before the first.
    pub stream: StreamName,
    /// How many events are folded: 0 is before the first event, n is after the event with ordinal n - 1.
    pub at: u64,
    /// How many events there are as far as known.
    pub total: u64,
    /// The event of this moment: the last one folded.
    pub event: Option<Arc<Event>>,
    /// The state after it.
    pub state: State,
    /// What it changed.
    pub patch: Arc<Patch>,
    /// Whether that is not known, because the state here or the one before could not be given: the patch is empty then.
    pub uncompared: bool,
    /// Why it is not known what the state is, when it is not: the reducer could not give it. An absent state says otherwise
    /// that there is no such entity here. The event need not have failed, and the states behind it may be known again.
    pub unknown: Option<FoldError>,
    /// Why the fold stands still before this place, when it does: the state is then not known.
    pub suspended: Option<Suspension>,
    /// Whether somebody said to go on after the fold had been suspended: who asks for the same again must say so too.
    pub urged: bool,
    /// Why the event could not be folded, when it could not: the state is then that of the event before.
    pub fault: Option<FoldError>,
    /// How many events failed up to here: the state does not contain them. Exact: a walk folds all that lie before.
    pub faults: FaultCount,
    /// Which reducer made the state.
    pub reducer: Arc<ReducerInfo>,
}

impl Moment {
    /// What the payload of its event is, where that is why there is no state: bytes that nobody can fold, encrypted ones
    /// among them. Said once it is enough; that each event fails on its own says nothing more. Of a record that could not be
    /// read the bytes are the whole record, and what is wrong with it is another thing.
    pub fn sealed(&self) -> Option<&str> {
        let event = self.event.as_ref().filter(|event| event.trouble.is_none())?;
        let data = Some(&event.data).filter(|data| data.form() == Form::Opaque)?;
        (self.unknown.is_none() && self.fault.is_some() && self.state.is_none())
            .then(|| data.encoding().unwrap_or("bytes that are no JSON"))
    }
}
