//! Forgetting from a place on: what was found there no longer holds.
//!
//! Whatever the reason (other events, another reducer, a fold that does not do the same again), it is done here, and what
//! lies before the place stays. What is found afterwards is what a new timeline finds.

use super::*;

impl Timeline {
    /// Forgets all events, states and faults from this place on; the state at the place stays. The cursor and its moment
    /// stay until a walk reaches its goal. Pages that were read before must not be fed afterwards.
    pub fn invalidate_from(&mut self, place: u64) {
        self.log.forget_from(place);
        self.forget_states_from(place.saturating_add(1));
        self.sure = place.min(self.total.unwrap_or(self.sure));
        self.total = None;
        self.asked = None;
    }

    /// Puts other events in the place of as many known ones; the first has the ordinal `first`. The events before and
    /// behind them stay. Events are only cached here: later pages must have the new ones too.
    pub fn replace(&mut self, first: u64, events: Vec<Arc<Event>>) {
        self.log.forget_passing();
        self.log.replace(first, events);
        self.forget_states_from(first.saturating_add(1));
    }

    /// Folds with another reducer from now on. Every state and fault found so far goes; the cursor and the events stay.
    /// Walk to the place of the cursor to see its state.
    pub fn replace_reducer(&mut self, reducer: Box<dyn Reducer>) {
        self.info = Arc::new(reducer.info().clone());
        self.reducer = for_track(&self.track, reducer);
        self.reducer.heed(&self.cancel);
        self.forget_states_from(0);
        self.checkpoints.set_spacing(spacing_for(&self.info, &self.limits));
        self.patience.renew();
    }

    /// Forgets the states at this place and all behind it, and what went wrong with the events that led there.
    fn forget_states_from(&mut self, place: u64) {
        self.age += 1;
        let ordinal = place.saturating_sub(1);
        let forgotten = self.faults.forget_from(ordinal);
        self.patience.give_back(&forgotten);
        self.ring.forget_from(place);
        self.checkpoints.forget_from(place);
        self.recovery = Recovery::default();
        self.folded.take_if(|at| *at >= place);
        self.walk = None;
        self.counting = false;
        self.parked = None;
        self.log.forget_passing();
    }

    /// An event that was folded before has failed now, or the other way round: no state behind it is sure any more. The
    /// fold under way stands behind it by right, and goes on.
    pub(super) fn doubt(&mut self, ordinal: u64) {
        if ordinal >= self.faults.counted() {
            return;
        }
        self.faults.recount_from(ordinal);
        self.checkpoints.forget_from(ordinal + 1);
        self.ring.forget_from(ordinal + 1);
        self.parked.take_if(|(at, _)| *at > ordinal);
    }
}
