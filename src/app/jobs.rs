//! What is under way outside: numbers the questions, and knows how far the answers are.

use crate::ask::Generation;
use crate::domain::words::count;
use crate::domain::{Direction, Scope};

/// A search that is running or was the last one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// The question.
    pub generation: Generation,
    /// What is looked for.
    pub pattern: String,
    /// Whether that is a regular expression.
    pub expression: bool,
    /// Where.
    pub scope: Scope,
    /// Whether it is looked for in the whole store while a stream is shown: what is found opens its stream.
    pub wide: bool,
    /// Why it cannot be looked for.
    pub problem: Option<String>,
    /// The place in the scope of what was found last.
    pub at: Option<u64>,
    /// From which place.
    pub from: u64,
    /// Which way.
    pub direction: Direction,
    /// Whether it is running, and how far it is: events looked at, events in all.
    pub running: Option<(u64, u64)>,
    /// Whether it looked at everything and found nothing.
    pub failed: bool,
}

/// Everything a search finds in its scope, as it is found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hits {
    /// The question.
    pub generation: Generation,
    /// Where is looked.
    pub scope: Scope,
    /// The places found, in order.
    pub places: Vec<u64>,
    /// How much has been looked at, in percent.
    pub percent: u64,
    /// Whether it goes on.
    pub running: bool,
    /// Whether there are more than are told.
    pub more: bool,
}

impl Hits {
    /// How many there are, in words: `17`, `17 so far`, `1,000,000+`.
    pub fn count(&self) -> String {
        let count = count(self.places.len() as u64);
        match (self.running, self.more) {
            (_, true) => format!("{count}+"),
            (true, _) => format!("{count} so far"),
            _ => count,
        }
    }

    /// The place found next after one, or before it; `None` when that is not known. `true` when it lies past the end.
    pub fn next(&self, place: u64, direction: Direction) -> Option<(u64, bool)> {
        let complete = !self.running && !self.more;
        let after = self.places.partition_point(|known| *known <= place);
        let before = self.places.partition_point(|known| *known < place);
        match direction {
            Direction::Forward => match self.places.get(after) {
                Some(next) => Some((*next, false)),
                None => self.places.first().filter(|_| complete).map(|first| (*first, true)),
            },
            Direction::Backward => match before.checked_sub(1).and_then(|n| self.places.get(n)) {
                // Between it and the place there may be others that are not found yet.
                Some(next) => (complete || before < self.places.len()).then_some((*next, false)),
                None if before < self.places.len() || complete => {
                    self.places.last().filter(|_| complete).map(|last| (*last, true))
                }
                None => None,
            },
        }
    }
}

/// The jobs.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    last: Generation,
    /// The search.
    pub search: Option<Search>,
    /// Everything it finds.
    pub hits: Option<Hits>,
    /// The question to open the source again.
    pub reopening: Option<Generation>,
    /// The command that waits for the names of its places.
    pub naming: Option<(Generation, super::copy::Draft)>,
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

    /// The hits that wait for the answers to this question.
    pub fn hits(&mut self, generation: Generation) -> Option<&mut Hits> {
        self.hits.as_mut().filter(|hits| hits.generation == generation)
    }

    /// Forgets what was looked for.
    pub fn drop_search(&mut self) {
        self.search = None;
        self.hits = None;
    }

    /// Whether a search is running.
    pub fn is_searching(&self) -> bool {
        self.search.as_ref().is_some_and(|search| search.running.is_some())
            || self.hits.as_ref().is_some_and(|hits| hits.running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_hit_is_told_only_when_it_is_known_to_be_the_next() {
        let hits = |running| Hits {
            generation: Generation(1),
            scope: Scope::All,
            places: vec![3, 7],
            percent: 50,
            running,
            more: false,
        };
        let (forward, backward) = (Direction::Forward, Direction::Backward);
        for (place, direction, so_far, in_the_end) in [
            (0, forward, Some((3, false)), Some((3, false))),
            (3, forward, Some((7, false)), Some((7, false))),
            (7, forward, None, Some((3, true))),
            (9, forward, None, Some((3, true))),
            (7, backward, Some((3, false)), Some((3, false))),
            (9, backward, None, Some((7, false))),
            (3, backward, None, Some((7, true))),
            (0, backward, None, Some((7, true))),
        ] {
            assert_eq!(hits(true).next(place, direction), so_far, "{place} {direction:?}");
            assert_eq!(hits(false).next(place, direction), in_the_end, "{place} {direction:?}");
        }
    }
}
