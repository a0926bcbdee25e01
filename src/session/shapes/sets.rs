//! Which keys objects have together, and how those sets follow each other.

/// A place and when it was looked at: the ordinal of the event, and how often what it is in had been seen before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    /// The event.
    pub ordinal: u32,
    /// Of the objects (or arrays) it could stand in, the how many-th this one is, from 1.
    pub turn: u64,
}

/// Sets told apart; each is a bit in a number.
const SETS: usize = 64;

/// The sets of keys seen in the objects of one field.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    list: Vec<Set>,
    /// Which one the last object had.
    last: Option<usize>,
    /// How often one followed another.
    steps: Vec<((u8, u8), u64)>,
    /// Whether there were too many to be told apart.
    overflown: bool,
}

#[derive(Clone, Debug)]
struct Set {
    /// The fields, in the order of their numbers.
    fields: Box<[u32]>,
    count: u64,
    first: Mark,
}

impl Sets {
    /// An object has these fields.
    pub fn see(&mut self, fields: &mut Vec<u32>, mark: Mark) {
        if self.overflown {
            return;
        }
        fields.sort_unstable();
        fields.dedup();
        let is = |set: &Set| *set.fields == fields[..];
        // Neighbours are mostly alike.
        let known = self.last.filter(|&last| is(&self.list[last])).or_else(|| self.list.iter().position(is));
        let at = match known {
            Some(at) => at,
            None if self.list.len() >= SETS => return self.give_up(),
            None => {
                self.list.push(Set { fields: fields[..].into(), count: 0, first: mark });
                self.list.len() - 1
            }
        };
        self.list[at].count += 1;
        if let Some(last) = self.last.replace(at).filter(|&last| last != at) {
            let step = (last as u8, at as u8);
            match self.steps.iter_mut().find(|(known, _)| *known == step) {
                Some((_, count)) => *count += 1,
                None => self.steps.push((step, 1)),
            }
        }
    }

    /// They are no longer told apart: there are too many, or the fields have other numbers now.
    pub fn give_up(&mut self) {
        *self = Self { overflown: true, ..Self::default() };
    }

    /// They, where all were told apart.
    pub fn whole(&self) -> Option<&Self> {
        (!self.overflown).then_some(self)
    }

    /// The sets with a field, a bit each.
    pub fn with(&self, field: u32) -> u64 {
        let sets = self.list.iter().enumerate().filter(|(_, set)| set.fields.binary_search(&field).is_ok());
        sets.fold(0, |bits, (at, _)| bits | 1 << at)
    }

    fn of(&self, bits: u64) -> impl Iterator<Item = &Set> {
        self.list.iter().enumerate().filter(move |(at, _)| bits >> at & 1 == 1).map(|(_, set)| set)
    }

    /// How many objects had one of these.
    pub fn count(&self, bits: u64) -> u64 {
        self.of(bits).map(|set| set.count).sum()
    }

    /// The first object that had one of these.
    pub fn first(&self, bits: u64) -> Option<Mark> {
        self.of(bits).map(|set| set.first).min_by_key(|mark| (mark.ordinal, mark.turn))
    }

    /// How often a set followed another: which, which, how often.
    pub fn steps(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.steps.iter().map(|((from, to), count)| (usize::from(*from), usize::from(*to), *count))
    }
}
