//! What an expression is judged on: an event, and the states around it.

use std::sync::{Arc, OnceLock};

use crate::domain::{Event, Patch, State};

/// What is said where an expression asks for states and there are none.
pub const NO_STATES: &str = "no state is folded here";

/// A place in a history.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    pub(super) event: Option<Arc<Event>>,
    pub(super) states: Option<Arc<States>>,
}

/// The states around an event.
#[derive(Debug)]
pub struct States {
    prev: Result<State, String>,
    state: Result<State, String>,
    fault: Option<String>,
    patch: OnceLock<Arc<Patch>>,
}

impl Subject {
    /// An event, of which no state is known.
    pub fn event(event: &Arc<Event>) -> Self {
        Self { event: Some(Arc::clone(event)), states: None }
    }

    /// A place: the event that led there, `None` before the first, and the states around it.
    pub fn at(event: Option<Arc<Event>>, states: States) -> Self {
        Self { event, states: Some(Arc::new(states)) }
    }
}

impl States {
    /// The state before an event (before the first one, the initial state), the one after it (of an event that failed the
    /// one before), and why it failed. A state that is not known says why.
    pub fn new(prev: Result<State, String>, state: Result<State, String>, fault: Option<String>) -> Self {
        Self { prev, state, fault, patch: OnceLock::new() }
    }

    /// The same, of which it is known what changed.
    pub fn with_patch(self, patch: Arc<Patch>) -> Self {
        Self { patch: patch.into(), ..self }
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    pub(super) fn prev(&self) -> Result<&State, String> {
        self.prev.as_ref().map_err(unknown)
    }

    pub(super) fn state(&self) -> Result<&State, String> {
        self.state.as_ref().map_err(unknown)
    }

    pub(super) fn both(&self) -> Result<(&State, &State), String> {
        Ok((self.prev()?, self.state()?))
    }

    pub(super) fn patch(&self) -> Result<&Patch, String> {
        let (prev, state) = self.both()?;
        Ok(self.patch.get_or_init(|| Arc::new(Patch::between(prev, state))))
    }
}

fn unknown(why: &String) -> String {
    format!("the state is not known: {why}")
}
