//! A reducer that could not be had: it says why wherever its state would be shown.

use std::sync::Arc;

use crate::domain::{Event, State};
use crate::replay::{FoldError, Lost, Reducer, ReducerInfo, Start};

/// Stands in for a reducer whose file cannot be read. The walk over the events goes on; every state is this error.
#[derive(Clone, Debug)]
pub struct Broken {
    info: ReducerInfo,
    why: FoldError,
}

impl Broken {
    /// A reducer that only says why it is none.
    pub fn new(info: ReducerInfo, why: FoldError) -> Self {
        Self { info, why }
    }
}

impl Reducer for Broken {
    fn start(&mut self, _from: Start<'_>) -> Result<(), FoldError> {
        Err(self.why.clone())
    }

    fn apply(&mut self, _events: &[Arc<Event>], _faults: &mut Vec<(usize, FoldError)>) -> Result<usize, Lost> {
        Err(Lost { at: None, why: self.why.clone() })
    }

    fn state(&mut self) -> Result<State, FoldError> {
        Err(self.why.clone())
    }

    fn info(&self) -> &ReducerInfo {
        &self.info
    }
}
