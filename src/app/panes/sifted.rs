//! The events of a scope that a filter lets through: a list of places, and the rows of those that are seen.
//!
//! Row 0 is the initial state, row n the n-th event that passes; what a row stands for is a place of the whole scope, and
//! the state there is the fold over all events, shown or not. Places only grow at the end while the search for them goes
//! on. Only rows near the visible ones are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::event_rows::{EventRow, Extent};
use super::keep_visible;
use crate::app::effect::Effect;
use crate::app::walk::{Fact, Facts};
use crate::app::words;
use crate::ask::{Ask, Generation};
use crate::domain::{Event, Scope, Unjudged};

/// Rows beyond the visible ones that are read ahead, and kept.
const AHEAD: u64 = 64;
const KEPT: u64 = 256;

/// A filter at work on a scope.
#[derive(Clone, Debug)]
pub struct Sifted {
    /// The question its answers belong to.
    pub generation: Generation,
    /// Which events are looked at.
    pub scope: Scope,
    /// What was typed.
    pub text: String,
    /// The places of events that pass, in order.
    pub places: Vec<u64>,
    /// Events looked at, and events in all as far as known.
    pub looked: u64,
    /// Events in all as far as known.
    pub total: u64,
    /// Whether it goes on.
    pub running: bool,
    /// Whether it was stopped, or failed, before it came to the end: it does not go on by itself.
    pub stopped: bool,
    /// What could not be judged.
    pub unjudged: Unjudged,
    /// Whether streams were folded for it.
    pub folds: bool,
    /// The first row shown.
    pub top: u64,
    /// Where one stood when it began: the cursor goes to what is nearest, unless it has moved since.
    pub stood: Option<u64>,
    /// How wide what was read of it is.
    pub extent: Extent,
    rows: BTreeMap<u64, EventRow>,
    loading: Option<(Generation, Vec<u64>)>,
    /// Places that were asked for and did not come.
    refused: Vec<u64>,
}

impl Sifted {
    /// Nothing is known yet.
    pub fn new(generation: Generation, scope: Scope, text: String, stood: Option<u64>) -> Self {
        Self {
            generation,
            scope,
            text,
            places: Vec::new(),
            looked: 0,
            total: 0,
            running: true,
            stopped: false,
            unjudged: Unjudged::default(),
            folds: false,
            top: 0,
            stood,
            extent: Extent::default(),
            rows: BTreeMap::new(),
            loading: None,
            refused: Vec::new(),
        }
    }

    /// How many rows there are, the initial state included.
    pub fn len(&self) -> u64 {
        self.places.len() as u64 + 1
    }

    /// Whether no event passes, as far as known.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Looks no further.
    pub fn stop(&mut self) {
        self.stopped |= self.running;
        self.running = false;
    }

    /// How many events that were looked at do not pass.
    pub fn hidden(&self) -> u64 {
        self.looked.saturating_sub(self.places.len() as u64)
    }

    /// The place a row stands for.
    pub fn place(&self, row: u64) -> Option<u64> {
        match row.checked_sub(1) {
            None => Some(0),
            Some(n) => self.places.get(usize::try_from(n).ok()?).copied(),
        }
    }

    /// The row of a place; of one that is hidden the row before it.
    pub fn row_of(&self, place: u64) -> u64 {
        self.places.partition_point(|known| *known <= place) as u64
    }

    /// Whether a place is shown.
    pub fn shows(&self, place: u64) -> bool {
        place == 0 || self.places.binary_search(&place).is_ok()
    }

    /// So many shown places on (or back) from one; as far as it goes. One that is hidden is itself no step.
    pub fn step(&self, place: u64, by: i64) -> u64 {
        let row = self.row_of(place);
        // Going back from a hidden place, the row before it is already one step.
        let from = if by < 0 && !self.shows(place) { row + 1 } else { row };
        let to = from.saturating_add_signed(by).min(self.len() - 1);
        self.place(to).unwrap_or(place)
    }

    /// The shown place nearest to one.
    pub fn nearest(&self, place: u64) -> Option<u64> {
        let after = self.places.partition_point(|known| *known < place);
        let around = [self.places.get(after), after.checked_sub(1).and_then(|before| self.places.get(before))];
        around.into_iter().flatten().copied().min_by_key(|known| known.abs_diff(place))
    }

    /// Takes places that were found.
    pub fn take(&mut self, ordinals: &[u64], looked: u64, total: u64) {
        let last = self.places.last().copied().unwrap_or(0);
        self.places.extend(ordinals.iter().map(|ordinal| ordinal + 1).filter(|place| *place > last));
        self.looked = self.looked.max(looked);
        self.total = self.total.max(total);
    }

    /// What is known of the event of a row.
    pub fn row(&self, row: u64) -> Option<&EventRow> {
        self.rows.get(&self.place(row).filter(|place| *place > 0)?)
    }

    /// The rows that are known, in order.
    pub fn known(&self) -> impl Iterator<Item = &EventRow> {
        self.rows.values()
    }

    /// Scrolls without moving the cursor.
    pub fn scroll(&mut self, by: i64, height: u64) {
        self.top = self.top.saturating_add_signed(by).min(self.len().saturating_sub(height));
    }

    /// Scrolls to a place.
    pub fn follow(&mut self, place: u64, height: u64) {
        self.top = keep_visible(self.top, self.row_of(place), height, self.len(), 2);
    }

    /// Remembers what an event did.
    pub fn note(&mut self, place: u64, fact: Fact) {
        if let Some(row) = self.rows.get_mut(&place) {
            row.fact = Some(fact);
        }
    }

    /// Forgets what events did.
    pub fn forget_facts(&mut self) {
        self.rows.values_mut().for_each(|row| row.fact = None);
    }

    /// Reads what will be seen soon.
    pub fn load(&mut self, height: u64, next: impl FnOnce() -> Generation) -> Option<Effect> {
        if self.loading.is_some() {
            return None;
        }
        let wanted = |from: u64, to: u64| {
            let places = (from..to.min(self.len())).filter_map(|row| self.place(row));
            let missing = places.filter(|place| *place > 0 && !self.rows.contains_key(place));
            missing.filter(|place| !self.refused.contains(place)).collect::<Vec<u64>>()
        };
        if wanted(self.top, self.top + height).is_empty() {
            return None;
        }
        let missing = wanted(self.top.saturating_sub(AHEAD), self.top + height + AHEAD);
        let generation = next();
        let ordinals = missing.iter().map(|place| place - 1).collect();
        self.loading = Some((generation, missing));
        Some(Effect::Ask(Ask::LoadSome { generation, scope: self.scope.clone(), ordinals }))
    }

    /// An answer. One that nobody waits for any more is dropped.
    pub fn loaded(&mut self, generation: Generation, events: Vec<(u64, Arc<Event>)>, facts: &Facts, height: u64) {
        let Some((_, asked)) = self.loading.take_if(|(asked, _)| *asked == generation) else { return };
        for (ordinal, event) in events {
            let row = EventRow { digest: words::digest(&event), fact: facts.of(&self.scope, ordinal + 1), event };
            self.extent.see(&row);
            self.rows.insert(ordinal + 1, row);
        }
        self.refused = asked.into_iter().filter(|place| !self.rows.contains_key(place)).collect();
        let first = self.place(self.top.saturating_sub(KEPT)).unwrap_or(0);
        let last = self.place((self.top + height + KEPT).min(self.len() - 1)).unwrap_or(u64::MAX);
        self.rows.retain(|place, _| (first..=last).contains(place));
    }

    /// A read failed: it is not repeated until something else is asked for.
    pub fn failed(&mut self, generation: Generation) -> bool {
        match self.loading.take_if(|(asked, _)| *asked == generation) {
            Some((_, asked)) => {
                self.refused = asked;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sifted(places: &[u64]) -> Sifted {
        let mut sifted = Sifted::new(Generation(1), Scope::All, "type:x".into(), None);
        let ordinals: Vec<u64> = places.iter().map(|place| place - 1).collect();
        sifted.take(&ordinals, 20, 20);
        sifted
    }

    #[test]
    fn steps_go_over_what_is_shown_only() {
        let sifted = sifted(&[3, 4, 9]);
        for (from, by, to) in [
            (0, 1, 3),
            (3, 1, 4),
            (4, 1, 9),
            (9, 1, 9),
            (3, 2, 9),
            (9, -1, 4),
            (3, -1, 0),
            (9, -9, 0),
            (6, 1, 9),
            (6, -1, 4),
            (6, -2, 3),
            (20, -1, 9),
            (20, 1, 9),
            (1, -1, 0),
            (1, 1, 3),
        ] {
            assert_eq!(sifted.step(from, by), to, "{from} {by}");
        }
        assert_eq!(sifted.hidden(), 17);
    }

    #[test]
    fn the_nearest_shown_place_is_found() {
        let some = sifted(&[3, 4, 9]);
        for (place, nearest) in [(0, 3), (3, 3), (6, 4), (7, 9), (20, 9)] {
            assert_eq!(some.nearest(place), Some(nearest), "{place}");
        }
        assert_eq!(sifted(&[]).nearest(5), None);
    }
}
