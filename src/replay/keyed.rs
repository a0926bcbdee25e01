//! One state for each key (a stream, or what else a partition tells apart by), out of a reducer that holds one.
//!
//! The reducer is at one key at a time; the states of the others are kept here, as pointers. Taken together, as a
//! checkpoint keeps them, they are an object of their texts by key: a state stands in it as text, so that none is nested
//! deeper than it is, and is read again when its key comes.

use std::collections::HashMap;
use std::sync::Arc;

use super::{FoldError, Lost, Partition, Reducer, ReducerInfo, Start, StateCost, StateText};
use crate::domain::json::{Array, Object};
use crate::domain::{Cancel, Event, Json, State, StreamName};

/// A state that is not with the reducer.
enum Kept {
    State(State),
    Text(StateText),
}

/// A reducer with a state for each key.
pub(super) struct Keyed {
    inner: Box<dyn Reducer>,
    partition: Partition,
    /// By the text of the key.
    kept: HashMap<Arc<str>, Kept>,
    /// The key whose state the reducer holds.
    here: Option<StreamName>,
}

impl Keyed {
    pub fn new(inner: Box<dyn Reducer>, partition: Partition) -> Self {
        Self { inner, partition, kept: HashMap::new(), here: None }
    }

    /// Gets the reducer to hold the state of this key.
    fn enter(&mut self, key: &StreamName) -> Result<(), FoldError> {
        if self.here.as_ref() == Some(key) {
            return Ok(());
        }
        self.leave()?;
        match self.kept.get(key.as_str()) {
            None => self.inner.start(Start::Initial(key))?,
            Some(Kept::State(state)) => self.inner.start(Start::Resume(key, state))?,
            Some(Kept::Text(text)) => self.inner.start_from_text(key, text)?,
        }
        self.here = Some(key.clone());
        // The fold changes what nobody else holds without a copy.
        if let Some(Kept::State(state)) = self.kept.get_mut(key.as_str()) {
            *state = None;
        }
        Ok(())
    }

    /// Keeps the state that the reducer holds.
    fn leave(&mut self) -> Result<(), FoldError> {
        if let Some(here) = &self.here {
            let state = self.inner.state()?;
            self.kept.insert(here.as_str().into(), Kept::State(state));
            self.here = None;
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.kept.clear();
        self.here = None;
    }
}

impl Reducer for Keyed {
    fn start(&mut self, from: Start<'_>) -> Result<(), FoldError> {
        self.forget();
        if self.inner.info().cost == StateCost::Copy {
            let name = &self.inner.info().name;
            return Err(FoldError::new(format!("{name} keeps one state, not many at once")));
        }
        let states = match from {
            Start::Initial(_) => return Ok(()),
            Start::Resume(_, states) => states,
        };
        let Some(Json::Object(states)) = states else { return Err(unreadable()) };
        for entry in states.sorted() {
            let Json::Array(state) = &entry.value else { return Err(unreadable()) };
            let text = state.get(0).and_then(Json::as_str).map(str::to_owned);
            self.kept.insert(entry.key.clone(), Kept::Text(StateText { text, exact: Vec::new() }));
        }
        Ok(())
    }

    fn apply(&mut self, events: &[Arc<Event>], faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        let keys: Vec<_> = events.iter().map(|event| self.partition.key(event)).collect();
        let mut at = 0;
        while let Some(key) = keys.get(at) {
            let end = at + keys[at..].iter().take_while(|next| *next == key).count();
            let Some(key) = key else {
                at = end;
                continue;
            };
            if let Err(why) = self.enter(key) {
                faults.extend((at..end).map(|index| (index, why.clone())));
                at = end;
                continue;
            }
            let mut found = Vec::new();
            let applied = self.inner.apply(&events[at..end], &mut found);
            faults.extend(found.into_iter().map(|(index, why)| (at + index, why)));
            match applied {
                Ok(dealt) if dealt < end - at => return Ok(at + dealt),
                Ok(_) => at = end,
                Err(Lost { at: index, why }) => {
                    self.forget();
                    return Err(Lost { at: index.map(|index| at + index), why });
                }
            }
        }
        Ok(events.len())
    }

    fn heed(&mut self, cancel: &Cancel) {
        self.inner.heed(cancel);
    }

    /// The states of all keys.
    fn state(&mut self) -> Result<State, FoldError> {
        self.leave()?;
        let mut states = Object::default();
        for (key, kept) in &self.kept {
            let text = match kept {
                Kept::State(state) => state.as_ref().map(Json::to_string),
                Kept::Text(StateText { text, .. }) => text.clone(),
            };
            let mut state = Array::default();
            if let Some(text) = text {
                state.push(Json::string(&text));
            }
            states.insert(key.clone(), Json::Array(state));
        }
        Ok(Some(Json::Object(states)))
    }

    fn state_of(&mut self, event: &Event) -> Result<State, FoldError> {
        let Some(key) = self.partition.key(event) else { return Ok(None) };
        self.enter(&key)?;
        self.inner.state()
    }

    fn info(&self) -> &ReducerInfo {
        self.inner.info()
    }
}

fn unreadable() -> FoldError {
    FoldError::new("several states kept together cannot be read back")
}
