//! Which whole numbers were seen, as runs without gaps.
//!
//! Invariant: runs neither overlap nor touch, so that there is a gap exactly between two neighbours. A dense sequence is one
//! run, in whatever order its numbers come.

use std::collections::BTreeMap;

/// Numbers, each told with the ordinal of its event.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// First number of a run: its last number, and the ordinal of the first one's event.
    runs: BTreeMap<u64, (u64, u32)>,
}

/// A stretch of numbers nobody has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gap {
    /// The last number before it.
    pub before: u64,
    /// The first number after it.
    pub after: u64,
    /// The ordinal of the event behind it.
    pub ordinal: u32,
}

impl Runs {
    /// The numbers from `first` to `last`.
    pub fn from(first: u64, last: u64, ordinal: u32) -> Self {
        Self { runs: BTreeMap::from([(first, (last, ordinal))]) }
    }

    /// Adds a number; `false` when it is there already.
    pub fn add(&mut self, number: u64, ordinal: u32) -> bool {
        let before = self.runs.range_mut(..=number).next_back();
        if let Some((&start, (last, _))) = before {
            if *last >= number {
                return false;
            }
            if *last + 1 == number {
                *last = number;
                let next = number.checked_add(1).and_then(|next| self.runs.remove(&next));
                if let (Some((end, _)), Some((last, _))) = (next, self.runs.get_mut(&start)) {
                    *last = end;
                }
                return true;
            }
        }
        let next = number.checked_add(1).and_then(|next| self.runs.remove(&next));
        self.runs.insert(number, (next.map_or(number, |(last, _)| last), ordinal));
        true
    }

    /// Whether a number is there.
    pub fn has(&self, number: u64) -> bool {
        self.runs.range(..=number).next_back().is_some_and(|(_, (last, _))| *last >= number)
    }

    /// How many runs there are: one more than gaps.
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// The gaps, in the order of the numbers.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.runs.iter().zip(self.runs.iter().skip(1)).map(|((_, (before, _)), (after, (_, ordinal)))| Gap {
            before: *before,
            after: *after,
            ordinal: *ordinal,
        })
    }
}

impl Gap {
    /// How many numbers are missing.
    pub fn missing(&self) -> u64 {
        self.after - self.before - 1
    }

    /// Which are missing, in words.
    pub fn text(&self) -> String {
        match self.missing() {
            1 => format!("{} is missing", self.before + 1),
            _ => format!("{} to {} are missing", self.before + 1, self.after - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_what_a_plain_set_says(numbers in prop::collection::vec(prop_oneof![0u64..40, u64::MAX - 3..=u64::MAX], 0..60)) {
            let (mut runs, mut set) = (Runs::default(), BTreeSet::new());
            for (ordinal, number) in (0..).zip(&numbers) {
                prop_assert_eq!(runs.add(*number, ordinal), set.insert(*number));
            }
            for number in 0..42 {
                prop_assert_eq!(runs.has(number), set.contains(&number));
            }
            let sorted: Vec<u64> = set.into_iter().collect();
            let gaps: Vec<(u64, u64)> = sorted.windows(2).filter(|pair| pair[0] + 1 < pair[1]).map(|pair| (pair[0], pair[1])).collect();
            prop_assert_eq!(runs.gaps().map(|gap| (gap.before, gap.after)).collect::<Vec<_>>(), gaps);
            for gap in runs.gaps() {
                let first = numbers.iter().position(|number| *number == gap.after);
                prop_assert_eq!(first, Some(gap.ordinal as usize), "the event behind the gap");
            }
        }
    }
}
