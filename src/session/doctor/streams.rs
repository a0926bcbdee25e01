//! What is kept of every stream: where its versions go, and when it was written last.
//!
//! A stream whose versions rise by one costs one small entry; only one that does not is kept exactly, as runs.

use hashbrown::HashMap;

use super::runs::{Gap, Runs};
use crate::domain::Timestamp;

/// Streams told apart: some 300 MB.
pub(super) const MOST: usize = 3 << 20;

/// Gaps kept of all streams together.
const GAPS: usize = 1 << 20;

/// One stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// The ordinal of its first event.
    pub ordinal: u32,
    /// How many events.
    pub events: u32,
    /// How many of them have no version of their own.
    pub counted: u32,
    /// The lowest version.
    pub lowest: u64,
    /// The highest version.
    pub highest: u64,
    /// The version of the event seen last.
    last: u64,
    /// When that was, of those whose time is known.
    time: Option<Timestamp>,
    /// Its versions, once they do not rise by one.
    runs: Option<Box<Runs>>,
}

/// What an event says of its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Step {
    /// It is the first event of its stream.
    pub begins: bool,
    /// Its version was there already.
    pub repeats: bool,
    /// The version before, where that was higher.
    pub back_from: Option<u64>,
    /// The time before, where that was later.
    pub earlier_than: Option<Timestamp>,
}

impl Stream {
    /// Whether some event says its version. Where none does the lowest is above the highest.
    pub fn has_versions(&self) -> bool {
        self.counted < self.events
    }

    /// Whether it has an event of this version.
    pub fn has(&self, version: u64) -> bool {
        match &self.runs {
            Some(runs) => runs.has(version),
            None => (self.lowest..=self.highest).contains(&version),
        }
    }

    /// Its gaps.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> {
        self.runs.iter().flat_map(|runs| runs.gaps())
    }
}

/// The streams, by the hashes of their names.
#[derive(Debug, Default)]
pub(super) struct Streams {
    by_hash: HashMap<u64, Stream>,
    /// The highest versions of those that only other walks show.
    elsewhere: HashMap<u64, u64>,
    /// Events of streams that were too many to be told apart.
    pub left_out: u64,
    /// Runs of all streams that have them.
    runs: usize,
    /// Whether versions of some streams could not be kept.
    pub forgot: bool,
}

impl Streams {
    /// The next event of the walk; without a version where it says none, and the one shown is counted here.
    pub fn event(&mut self, hash: u64, version: Option<u64>, time: Option<Timestamp>, ordinal: u32) -> Step {
        if let Some(stream) = self.by_hash.get_mut(&hash) {
            let mut step = Step::default();
            if let Some(time) = time {
                step.earlier_than = stream.time.filter(|before| time < *before);
                stream.time = Some(time);
            }
            let begun = stream.has_versions();
            stream.events = stream.events.saturating_add(1);
            let Some(version) = version else {
                stream.counted = stream.counted.saturating_add(1);
                return step;
            };
            if !begun {
                (stream.lowest, stream.highest, stream.last) = (version, version, version);
                return step;
            }
            step.back_from = (version < stream.last).then_some(stream.last);
            let next = stream.highest.checked_add(1) == Some(version);
            let (full, within) = (self.runs >= GAPS, stream.has(version));
            match &mut stream.runs {
                None if next => {}
                None if full && within => step.repeats = true,
                None if full => self.forgot = true,
                None => {
                    let mut runs = Runs::from(stream.lowest, stream.highest, stream.ordinal);
                    step.repeats = !runs.add(version, ordinal);
                    self.runs += runs.len();
                    stream.runs = Some(Box::new(runs));
                }
                // No room for one more run: what needs none is still kept.
                Some(runs) if full && !within && !runs.has(version.wrapping_sub(1)) => {
                    self.forgot = true;
                }
                Some(runs) => {
                    let before = runs.len();
                    step.repeats = !runs.add(version, ordinal);
                    self.runs = self.runs + runs.len() - before;
                }
            }
            stream.lowest = stream.lowest.min(version);
            stream.highest = stream.highest.max(version);
            stream.last = version;
            return step;
        }
        if self.by_hash.len() >= MOST {
            self.left_out += 1;
            return Step::default();
        }
        let counted = u32::from(version.is_none());
        let (lowest, highest) = (version.unwrap_or(u64::MAX), version.unwrap_or(0));
        let stream = Stream { ordinal, events: 1, counted, lowest, highest, last: highest, time, runs: None };
        self.by_hash.insert(hash, stream);
        Step { begins: true, ..Step::default() }
    }

    /// The versions of a stream were looked at elsewhere. One that the walk does not show (it holds only links) is not
    /// counted with the others: only its highest version is kept.
    pub fn learned(&mut self, hash: u64, lowest: u64, highest: u64) {
        if let Some(stream) = self.by_hash.get_mut(&hash) {
            (stream.lowest, stream.highest, stream.runs) = (lowest, highest, None);
        } else if self.elsewhere.len() < MOST {
            self.elsewhere.insert(hash, highest);
        }
    }

    /// The highest version of a stream, of one that holds only links too.
    pub fn highest(&self, hash: u64) -> Option<u64> {
        self.get(hash).map(|stream| stream.highest).or_else(|| self.elsewhere.get(&hash).copied())
    }

    /// One stream.
    pub fn get(&self, hash: u64) -> Option<&Stream> {
        self.by_hash.get(&hash)
    }

    /// All of them, in any order.
    pub fn all(&self) -> impl Iterator<Item = &Stream> {
        self.by_hash.values()
    }

    /// The same, with the hashes of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&u64, &Stream)> {
        self.by_hash.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(versions: &[u64]) -> (Vec<Step>, Streams) {
        let mut streams = Streams::default();
        (versions.iter().zip(0..).map(|(version, n)| streams.event(7, Some(*version), None, n)).collect(), streams)
    }

    #[test]
    fn a_stream_that_rises_by_one_says_nothing() {
        let (steps, streams) = steps(&[4, 5, 6, 7]);
        assert_eq!(steps[0], Step { begins: true, ..Step::default() });
        assert!(steps[1..].iter().all(|step| *step == Step::default()));
        let stream = streams.get(7).expect("the stream");
        assert_eq!((stream.lowest, stream.highest, stream.gaps().count()), (4, 7, 0));
        assert!(stream.has(4) && stream.has(7) && !stream.has(3) && !stream.has(8));
    }

    #[test]
    fn gaps_that_are_filled_later_are_none() {
        let (steps, streams) = steps(&[1, 2, 5, 3, 4, 4, 9]);
        assert_eq!(steps[3].back_from, Some(5));
        assert!(steps[5].repeats && !steps[4].repeats);
        let gaps: Vec<Gap> = streams.get(7).expect("the stream").gaps().collect();
        assert_eq!(gaps, [Gap { before: 5, after: 9, ordinal: 6 }]);
        assert_eq!(gaps[0].text(), "6 to 8 are missing");
    }

    #[test]
    fn events_without_a_version_are_no_part_of_the_versions() {
        let mut streams = Streams::default();
        for (version, n) in [None, Some(5), None, Some(6), Some(6)].into_iter().zip(0..) {
            let step = streams.event(7, version, None, n);
            assert_eq!((step.begins, step.repeats, step.back_from), (n == 0, n == 4, None), "{n}");
        }
        let stream = streams.get(7).expect("the stream");
        assert_eq!((stream.lowest, stream.highest, stream.counted, stream.events), (5, 6, 2, 5));
        assert!(stream.has_versions() && stream.has(5) && !stream.has(1));
    }
}
