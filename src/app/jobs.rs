//! What is under way outside: numbers the questions, and knows how far the answers are.

use super::effect::Generation;
use crate::domain::{Direction, Scope};

/// A search that is running or was the last one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// The question.
    pub generation: Generation,
    /// What is looked for.
    pub pattern: String,
    /// Where.
    pub scope: Scope,
    /// From which place.
    pub from: u64,
    /// Which way.
    pub direction: Direction,
    /// Whether it is running, and how far it is: events looked at, events in all.
    pub running: Option<(u64, u64)>,
    /// Whether it looked at everything and found nothing.
    pub failed: bool,
}

/// The jobs.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    last: Generation,
    /// The search.
    pub search: Option<Search>,
    /// The filter that was typed, until it is accepted.
    pub sift: Option<super::sifting::Asked>,
}

impl Jobs {
    /// A new number, greater than all before.
    pub fn number(&mut self) -> Generation {
        self.last.0 += 1;
        self.last
    }

    /// The search with this number.
    pub fn search(&mut self, generation: Generation) -> Option<&mut Search> {
        self.search.as_mut().filter(|search| search.generation == generation)
    }

    /// Whether a search is running.
    pub fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.running.is_some())
    }
}
