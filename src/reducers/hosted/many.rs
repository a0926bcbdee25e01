//! Many states in one process, by key, and values that it watches.
//!
//! Taken together, as a checkpoint keeps them, the states are an object by key. A state stands in it as an array: its text,
//! so that none is nested deeper than it is, and the places of its small exact integers; an empty one where the entity does
//! not exist.

use super::{Hosted, not_json};
use crate::domain::json::{Array, Object};
use crate::domain::{Json, Path, State, StreamName};
use crate::reducers::protocol::{Answer, KeyedState, MAX_STATE, Request, Value, ValueRecord};
use crate::replay::{FoldError, StateText, ValueAt, ValueChange};

/// States go to the process in requests of about this many bytes.
const REQUEST: usize = 1 << 20;

impl Hosted {
    /// Begins with a state for each key, and none yet.
    pub(super) fn begin_many(&mut self, stream: &StreamName) -> Result<(), FoldError> {
        self.load()?;
        let Some(worker) = &mut self.worker else { return Err(self.no_state()) };
        Request::StartMany.write(worker.requests());
        self.begun(stream)
    }

    /// Begins with the states that [`all_states`](Self::all_states) gave.
    pub(super) fn resume_many(&mut self, stream: &StreamName, states: &State) -> Result<(), FoldError> {
        let Some(Json::Object(states)) = states else { return Err(unreadable()) };
        let mut kept = Vec::new();
        for entry in states.sorted() {
            kept.push((entry.key.clone(), read(&entry.value)?));
        }
        self.begin_many(stream)?;
        let mut rest = kept.as_slice();
        while !rest.is_empty() {
            let (mut bytes, mut sent) = (0, Vec::new());
            while let Some(((key, state), behind)) = rest.split_first().filter(|_| bytes < REQUEST) {
                let StateText { text, exact } = state;
                if text.as_ref().is_some_and(|text| text.len() > MAX_STATE) {
                    self.stream = None;
                    return Err(FoldError::new(format!("the state of {key} is too large to go on from")));
                }
                bytes += key.len() + text.as_ref().map_or(0, String::len) + 4 * exact.len();
                sent.push(KeyedState { key, text: text.as_deref(), exact: exact.clone() });
                rest = behind;
            }
            let Some(worker) = &mut self.worker else { return Err(self.no_state()) };
            Request::Resume { states: sent }.write(worker.requests());
            if let Err(why) = self.begun(stream) {
                self.stream = None;
                return Err(why);
            }
        }
        Ok(())
    }

    /// All states, to be given back.
    pub(super) fn all_states(&mut self) -> Result<StateText, FoldError> {
        let (mut all, mut from) = (Object::default(), 0);
        loop {
            let (states, next) = match self.asked(Request::States { from })? {
                Answer::States { states, next } => (states, next),
                Answer::Failed(problem) => return Err(self.fold_error(problem)),
                _ => return Err(self.garbled()),
            };
            for (key, StateText { text, exact }) in states {
                let mut state = Array::default();
                if let Some(text) = text {
                    state.push(Json::string(&text));
                    if !exact.is_empty() {
                        let mut places = Array::default();
                        exact.into_iter().for_each(|place| places.push(Json::from(i64::from(place))));
                        state.push(Json::Array(places));
                    }
                }
                all.insert(key.into(), Json::Array(state));
            }
            match next {
                Some(next) if next > from => from = next,
                Some(_) => return Err(self.garbled()),
                None => return Ok(StateText { text: Some(Json::Object(all).to_string()), exact: Vec::new() }),
            }
        }
    }

    /// From now on the process watches the values at these paths.
    pub(super) fn watch_from_now(&mut self, paths: &[Path]) -> Result<(), FoldError> {
        match self.asked(Request::Watch { paths: paths.to_vec() })? {
            Answer::Done => {
                self.watched = paths.to_vec();
                Ok(())
            }
            Answer::Failed(problem) => Err(self.fold_error(problem)),
            _ => Err(self.garbled()),
        }
    }

    /// What an event did to a value, in our words.
    pub(super) fn value_change(&self, value: ValueRecord) -> ValueChange {
        ValueChange {
            event: value.index as usize,
            path: value.path as usize,
            before: self.value(value.before),
            after: self.value(value.after),
        }
    }

    fn value(&self, value: Value) -> ValueAt {
        let text = value.map_err(|problem| self.fold_error(problem))?;
        text.map(|text| Json::parse(text.as_bytes()).map_err(|error| not_json(&error))).transpose()
    }
}

/// A state among many.
fn read(state: &Json) -> Result<StateText, FoldError> {
    let Json::Array(state) = state else { return Err(unreadable()) };
    let text = match state.get(0) {
        None => None,
        Some(text) => Some(text.as_str().ok_or_else(unreadable)?.to_owned()),
    };
    let exact = match state.get(1) {
        None => Vec::new(),
        Some(Json::Array(places)) => {
            let place = |place: &Json| place.to_string().parse::<u32>().map_err(|_| unreadable());
            places.iter().map(place).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(unreadable()),
    };
    Ok(StateText { text, exact })
}

fn unreadable() -> FoldError {
    FoldError::new("the states of several keys cannot be read back")
}
