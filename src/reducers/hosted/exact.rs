//! Which small integers of a state are exact: a script told them from other numbers, its JSON text does not.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::domain::Json;

/// How many states with small exact integers are remembered.
const MAX_STATES: usize = 1 << 20;

/// The places of small exact integers in states given earlier, so that a fold resumed from one of them has them again.
#[derive(Default)]
pub struct Exact {
    /// By the hash of the state's text.
    places: HashMap<u64, Arc<[u32]>>,
    /// Those of the last state: most states of a script have the same.
    last: Arc<[u32]>,
}

impl Exact {
    /// Remembers the places of a state (ascending, counted over all numbers of its text).
    pub fn remember(&mut self, state: &Json, exact: Vec<u32>) {
        if !exact.is_empty() {
            if self.places.len() >= MAX_STATES {
                self.places.clear();
            }
            if *self.last != *exact {
                self.last = exact.into();
            }
            self.places.insert(hash(&state.to_string()), self.last.clone());
        }
    }

    /// The places in a state given earlier, by its text; none where it had none.
    pub fn of(&self, text: &str) -> Vec<u32> {
        self.places.get(&hash(text)).map_or_else(Vec::new, |places| places.to_vec())
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
