//! The versions of one stream's events, by their rank in it.
//!
//! Nearly all streams count up by one, so runs of such versions are kept instead of the versions: one pair for a stream
//! without gaps, one more for every gap, step back or repetition.

use super::saved::{Reader, Writer};

/// Versions by rank (from 0). Ranks are only ever added; how many there are is known elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Versions {
    /// The version of rank 0.
    first: u64,
    breaks: Option<Box<Breaks>>,
}

/// Where versions do not count up by one.
#[derive(Clone, Debug, Default)]
struct Breaks {
    /// Where a new run begins: its first rank and the version there.
    runs: Vec<(u32, u64)>,
    /// Whether the version of some event is not later than that of the event before it.
    goes_back: bool,
}

impl Versions {
    /// Adds the version of a rank, the next one. `None` counts on: one more than the last, or 1. Gives whether the versions
    /// go back here for the first time: behind that of the last event, which `before` gives where there is one.
    pub fn push(&mut self, rank: u32, version: Option<u64>, before: impl FnOnce(&Self) -> Option<u64>) -> bool {
        let Some(last) = rank.checked_sub(1).map(|last| self.get(last)) else {
            self.first = version.unwrap_or(1);
            return false;
        };
        let next = last.checked_add(1);
        let version = version.unwrap_or(next.unwrap_or(1));
        if next == Some(version) {
            return false;
        }
        let may_be_back = version <= last && !self.breaks.as_ref().is_some_and(|breaks| breaks.goes_back);
        let back = may_be_back && before(self).is_some_and(|before| version <= before);
        let breaks = self.breaks.get_or_insert_default();
        breaks.runs.push((rank, version));
        breaks.goes_back |= back;
        back
    }

    /// Takes back the version of the last rank, which is that of no event.
    pub fn pop(&mut self, rank: u32) {
        if let Some(breaks) = &mut self.breaks {
            breaks.runs.retain(|&(from, _)| from < rank);
            if breaks.runs.is_empty() {
                self.breaks = None;
            }
        }
    }

    fn breaks(&self) -> &[(u32, u64)] {
        self.breaks.as_ref().map_or(&[], |breaks| &breaks.runs)
    }

    /// Writes them; how many there are is known elsewhere.
    pub fn save(&self, out: &mut Writer) {
        out.number(self.first);
        out.number(self.breaks().len() as u64);
        out.number(u64::from(self.breaks.as_ref().is_some_and(|breaks| breaks.goes_back)));
        for &(rank, version) in self.breaks() {
            out.number(u64::from(rank));
            out.number(version);
        }
    }

    /// Reads them back; `None` when they are none.
    pub fn load(read: &mut Reader<'_>, len: u64) -> Option<Self> {
        let first = read.number()?;
        let (count, goes_back) = (read.number()?, read.number()? != 0);
        let mut breaks: Vec<(u32, u64)> = Vec::new();
        for _ in 0..count {
            let rank = u32::try_from(read.number()?).ok()?;
            if rank == 0 || u64::from(rank) >= len || breaks.last().is_some_and(|&(before, _)| before >= rank) {
                return None;
            }
            breaks.push((rank, read.number()?));
        }
        if breaks.is_empty() {
            return Some(Self { first, breaks: None });
        }
        Some(Self { first, breaks: Some(Box::new(Breaks { runs: breaks, goes_back })) })
    }

    /// The version of a rank that exists.
    pub fn get(&self, rank: u32) -> u64 {
        let run = self.breaks().partition_point(|&(from, _)| from <= rank);
        match run.checked_sub(1).map(|run| self.breaks()[run]) {
            Some((from, version)) => version.saturating_add(u64::from(rank - from)),
            None => self.first.saturating_add(u64::from(rank)),
        }
    }

    /// The first of `len` ranks that has this version or a later one.
    pub fn first_from(&self, len: u32, version: u64) -> Option<u32> {
        let mut start = (0, self.first);
        for &next in self.breaks().iter().chain(std::iter::once(&(len, 0))) {
            let (rank, from) = start;
            // A run of n versions; it does not pass the largest number.
            let ahead = version.saturating_sub(from);
            if ahead < u64::from(next.0 - rank) {
                return Some(rank + ahead as u32);
            }
            start = next;
        }
        None
    }

    /// Whether some version is not later than the one before it.
    pub fn goes_back(&self) -> bool {
        self.breaks.as_ref().is_some_and(|breaks| breaks.goes_back)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn absent_versions_are_counted() {
        let mut versions = Versions::default();
        for (rank, version) in (0..).zip([None, None, Some(7), None, Some(u64::MAX), None]) {
            versions.push(rank, version, |_| None);
        }
        assert_eq!((0..6).map(|rank| versions.get(rank)).collect::<Vec<_>>(), [1, 2, 7, 8, u64::MAX, 1]);
    }

    proptest! {
        #[test]
        fn it_is_a_list_of_versions(all in prop::collection::vec(prop_oneof![0_u64..6, 0_u64..200, u64::MAX - 3..=u64::MAX], 0..60),
                                    wanted in prop_oneof![0_u64..200, u64::MAX - 3..=u64::MAX]) {
            let mut versions = Versions::default();
            let back: Vec<usize> = (0..all.len()).filter(|&at| versions.push(at as u32, Some(all[at]), |_| Some(all[at - 1]))).collect();
            let first_back = all.windows(2).position(|pair| pair[0] >= pair[1]).map(|before| before + 1);
            prop_assert_eq!(back, first_back.into_iter().collect::<Vec<_>>());
            for (rank, &version) in all.iter().enumerate() {
                prop_assert_eq!(versions.get(rank as u32), version);
            }
            let expected = all.iter().position(|&version| version >= wanted).map(|rank| rank as u32);
            prop_assert_eq!(versions.first_from(all.len() as u32, wanted), expected);
            prop_assert_eq!(versions.goes_back(), all.windows(2).any(|pair| pair[0] >= pair[1]));
        }
    }
}
