//! How many events fall into which stretch of time, before it is known how long the whole is.
//!
//! Stretches are equally long; when a time lies outside, they are made twice as long, two becoming one. Every type has the
//! same stretches, so that their rates can be compared.

use crate::domain::Timestamp;

/// Stretches while counting.
const FINE: usize = 512;

/// Counts of one type.
pub(super) type Counts = Vec<u32>;

/// Where the stretches lie, in microseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Scale {
    origin: i128,
    /// The length of one; 0 before the first time.
    width: i128,
    /// The first and the last time.
    span: Option<(Timestamp, Timestamp)>,
}

impl Scale {
    /// Makes room for a time and gives its stretch. `double` is called for each time the stretches are joined in pairs;
    /// `true` means that what there was moves to the second half.
    pub fn place(&mut self, time: Timestamp, mut double: impl FnMut(bool)) -> usize {
        let at = i128::from(time.as_microsecond());
        self.span = Some(match self.span {
            None => {
                (self.origin, self.width) = (at, 1);
                (time, time)
            }
            Some((first, last)) => (first.min(time), last.max(time)),
        });
        loop {
            let length = self.width * FINE as i128;
            if at < self.origin {
                self.origin -= length;
                double(true);
            } else if at >= self.origin + length {
                double(false);
            } else {
                return ((at - self.origin) / self.width) as usize;
            }
            self.width *= 2;
        }
    }

    /// The first and the last time there was.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.span
    }

    /// The counts in so many stretches between the first and the last time.
    pub fn spread(&self, counts: &[u32], stretches: usize) -> Vec<u64> {
        let mut spread = vec![0u64; stretches];
        let Some((first, last)) = self.span else { return spread };
        let (first, last) = (i128::from(first.as_microsecond()), i128::from(last.as_microsecond()));
        let length = (last - first).max(1);
        for (n, count) in (0i128..).zip(counts).filter(|(_, count)| **count > 0) {
            let middle = self.origin + n * self.width + self.width / 2;
            let at = (middle - first).clamp(0, length) * stretches as i128 / length;
            spread[(at as usize).min(stretches.saturating_sub(1))] += u64::from(*count);
        }
        spread
    }
}

/// Adds one event to a stretch.
pub(super) fn count(counts: &mut Counts, at: usize) {
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] = counts[at].saturating_add(1);
}

/// Joins the stretches in pairs; `later` moves them to the second half.
pub(super) fn join(counts: &mut Counts, later: bool) {
    if counts.is_empty() {
        return;
    }
    let offset = if later { FINE } else { 0 };
    let mut joined = vec![0u32; (offset + counts.len() - 1) / 2 + 1];
    for (n, count) in counts.iter().enumerate() {
        let to = &mut joined[(offset + n) / 2];
        *to = to.saturating_add(*count);
    }
    *counts = joined;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_moves_far(times in prop::collection::vec(-4_000_000_000i64..4_000_000_000, 1..60)) {
            let (mut scale, mut counts) = (Scale::default(), Counts::new());
            for second in &times {
                let time = Timestamp::from_second(*second).expect("a time");
                let at = scale.place(time, |later| join(&mut counts, later));
                count(&mut counts, at);
            }
            prop_assert_eq!(counts.iter().map(|n| *n as usize).sum::<usize>(), times.len());
            let spread = scale.spread(&counts, 40);
            prop_assert_eq!(spread.iter().sum::<u64>(), times.len() as u64);
            let (first, last) = (*times.iter().min().expect("one"), *times.iter().max().expect("one"));
            let mut plain = vec![0i64; 42];
            for second in &times {
                let at = (second - first) * 40 / (last - first).max(1);
                plain[at.min(39) as usize + 1] += 1;
            }
            // Each stands in its stretch or the next one to it.
            let mut sum = (0i64, 0i64);
            for n in 0..40 {
                sum = (sum.0 + spread[n] as i64, sum.1 + plain[n + 1]);
                let near = plain[n + 1] + plain[n + 2];
                prop_assert!((sum.0 - sum.1).abs() <= near, "{spread:?} {plain:?}");
            }
        }
    }
}
