//! States that were recorded beside the events by whoever wrote the store: nothing is folded, they are looked up.

use std::sync::Arc;

use crate::domain::{Event, Json, Payload, RecordedState, RecordedStates, State};
use crate::replay::{Fingerprint, FoldError, Lost, Reducer, ReducerInfo, Start, StateCost};

/// Gives the recorded state after each event. An event that failed when it was recorded is one that failed; where nothing
/// was recorded the state is not known.
#[derive(Debug)]
pub struct Recorded {
    states: Arc<RecordedStates>,
    info: ReducerInfo,
    here: Here,
}

/// Where the walk stands.
#[derive(Debug)]
enum Here {
    /// At a state that was taken back.
    State(State),
    /// At what is recorded.
    Payload(Option<Payload>),
    /// Where nothing is recorded.
    Unknown,
}

impl Recorded {
    /// A look at these states.
    pub fn new(states: Arc<RecordedStates>) -> Self {
        let info = ReducerInfo {
            name: states.name.clone(),
            approximate: false,
            fingerprint: Fingerprint::default(),
            cost: StateCost::Copy,
            stale: None,
        };
        let here = Here::Payload(states.initial.clone());
        Self { states, info, here }
    }
}

impl Reducer for Recorded {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.here = match from {
            Start::Initial(_) => Here::Payload(self.states.initial.clone()),
            Start::Resume(_, state) => Here::State(state.clone()),
        };
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        for (index, event) in events.iter().enumerate() {
            match self.states.after.get(&event.version) {
                Some(RecordedState::State(state)) => self.here = Here::Payload(Some(state.clone())),
                Some(RecordedState::Failed(words)) => faults.push((index, FoldError::new(words.clone()))),
                None => self.here = Here::Unknown,
            }
        }
        Ok(events.len())
    }

    fn state(&mut self) -> Result<State, FoldError> {
        match &self.here {
            Here::State(state) => Ok(state.clone()),
            Here::Payload(None) => Ok(None),
            Here::Payload(Some(payload)) => {
                let state = payload.json().map_err(|why| FoldError::new(format!("{}: {why}", self.states.name)))?;
                Ok(Some(state).filter(|state| *state != Json::Null))
            }
            Here::Unknown => {
                let (name, count) = (&self.states.name, self.states.after.len());
                Err(FoldError::new(format!("`{name}` holds {count} states, and none after this event")))
            }
        }
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Position, StreamName, Version};

    #[test]
    fn what_was_recorded_is_the_state_and_what_was_not_is_not_known() {
        let after = [
            (Version(1), RecordedState::State(Payload::json_text("{\"n\":1}"))),
            (Version(2), RecordedState::Failed("thrown".into())),
            (Version(4), RecordedState::State(Payload::json_text("null"))),
        ];
        let initial = Some(Payload::json_text("0"));
        let states = RecordedStates { name: "computed".into(), initial, after: after.into_iter().collect() };
        let mut recorded = Recorded::new(Arc::new(states));
        let stream = StreamName::from("actions");
        recorded.start(Start::Initial(&stream)).expect("it starts");
        assert_eq!(recorded.state(), Ok(Some(Json::from(0))));
        let apply = |recorded: &mut Recorded, version| {
            let event = Event::new("actions", Version(version), Position::Number(version), "A");
            let mut faults = Vec::new();
            assert_eq!(recorded.apply(&[Arc::new(event)], &mut faults), Ok(1));
            faults.into_iter().map(|(_, fault)| fault.message).next()
        };
        let one = Json::parse(b"{\"n\":1}").ok();
        assert_eq!((apply(&mut recorded, 1), recorded.state()), (None, Ok(one.clone())));
        assert_eq!((apply(&mut recorded, 2), recorded.state()), (Some("thrown".into()), Ok(one.clone())));
        assert_eq!(apply(&mut recorded, 3), None);
        assert!(recorded.state().is_err_and(|why| why.message.contains("holds 3 states, and none after this event")));
        assert_eq!((apply(&mut recorded, 4), recorded.state()), (None, Ok(None)));
        recorded.start(Start::Resume(&stream, &one)).expect("it resumes");
        assert_eq!(recorded.state(), Ok(one));
    }
}
