//! How large payloads are, type by type, and which are far larger than their like.
//!
//! Medians, not means: one giant must not make the others look small. They are read off a histogram, a sixteenth exact, so
//! that nothing has to be kept of ordinary events.

use std::sync::Arc;

use hashbrown::HashMap;

/// Never an outlier: what is not larger than this, in bytes.
pub(super) const LARGE: u64 = 64 << 10;

/// An outlier is so many times larger than the median.
pub(super) const TIMES: u64 = 100;

/// A type is judged by its own events when it has so many.
const ENOUGH: u64 = 16;

/// Types told apart; the rest is judged together.
const TYPES: usize = 4096;

/// Large payloads remembered.
const REMEMBERED: usize = 1 << 20;

/// Sixteen steps for each doubling.
const STEPS: usize = 16;

/// Counts by size.
#[derive(Clone, Debug, Default)]
struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    fn add(&mut self, size: u64) {
        let bucket = bucket(size);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
    }

    /// The size half of all are at most as large as.
    fn median(&self) -> u64 {
        let mut below = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            below += count;
            if below * 2 >= self.total {
                return largest(bucket);
            }
        }
        0
    }
}

fn bucket(size: u64) -> usize {
    match size.checked_ilog2() {
        // Small ones are exact.
        None | Some(0..4) => size as usize,
        Some(power) => {
            let step = (size >> (power - 4)) as usize - STEPS;
            STEPS + (power as usize - 4) * STEPS + step
        }
    }
}

fn largest(bucket: usize) -> u64 {
    match bucket.checked_sub(STEPS) {
        None => bucket as u64,
        Some(rest) => {
            let (power, step) = (rest / STEPS, (rest % STEPS) as u64);
            (((STEPS as u64 + step + 1) << power) - 1).max(1)
        }
    }
}

/// The sizes of all payloads.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    all: Histogram,
    types: HashMap<Arc<str>, Histogram>,
    /// Size, ordinal and type of what is larger than `LARGE`.
    large: Vec<(u64, u32, Arc<str>)>,
    /// Whether some large ones were not remembered.
    pub forgot: bool,
}

/// A payload far larger than its like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Outlier {
    /// In bytes.
    pub size: u64,
    /// Of its like, in bytes.
    pub median: u64,
    /// The event.
    pub ordinal: u32,
    /// Whether its like are the events of its type, or all.
    pub among_type: bool,
}

impl Sizes {
    /// An event's payload of so many bytes.
    pub fn add(&mut self, event_type: &Arc<str>, size: u64, ordinal: u32) {
        self.all.add(size);
        if let Some(histogram) = self.types.get_mut(event_type) {
            histogram.add(size);
        } else if self.types.len() < TYPES {
            self.types.entry(event_type.clone()).or_default().add(size);
        }
        if size > LARGE {
            match self.large.len() < REMEMBERED {
                true => self.large.push((size, ordinal, event_type.clone())),
                false => self.forgot = true,
            }
        }
    }

    /// Those far larger than their like, in the order of the events.
    pub fn outliers(&self) -> Vec<Outlier> {
        let all = self.all.median();
        let medians: HashMap<&Arc<str>, u64> = self
            .types
            .iter()
            .filter(|(_, histogram)| histogram.total >= ENOUGH)
            .map(|(name, histogram)| (name, histogram.median()))
            .collect();
        let outlier = |(size, ordinal, event_type): &(u64, u32, Arc<str>)| {
            let own = medians.get(event_type).copied();
            let median = own.unwrap_or(all);
            (*size > median.max(1).saturating_mul(TIMES)).then_some(Outlier {
                size: *size,
                median,
                ordinal: *ordinal,
                among_type: own.is_some(),
            })
        };
        self.large.iter().filter_map(outlier).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_hardly_larger() {
        for size in (0..5000).chain([1 << 20, (1 << 40) + 12345, u64::MAX / 2]) {
            let most = largest(bucket(size));
            assert!(most >= size && most - size <= size / 16 + 1, "{size}: {most}");
        }
    }

    #[test]
    fn an_outlier_is_judged_by_its_type_when_that_is_known_well_enough() {
        let mut sizes = Sizes::default();
        let (small, documents, rare): (Arc<str>, Arc<str>, Arc<str>) =
            ("Small".into(), "Document".into(), "Rare".into());
        for n in 0..100 {
            sizes.add(&small, 100, n);
        }
        for n in 100..200 {
            sizes.add(&documents, 200_000, n);
        }
        assert!(sizes.outliers().is_empty(), "documents are large");
        sizes.add(&small, LARGE, 200);
        assert!(sizes.outliers().is_empty(), "not large enough for anybody to care");
        sizes.add(&small, LARGE + 1, 201);
        assert_eq!(sizes.outliers(), [Outlier { size: LARGE + 1, median: 103, ordinal: 201, among_type: true }]);
        for n in 202..602 {
            sizes.add(&small, 100, n);
        }
        sizes.add(&rare, 1 << 20, 602);
        assert_eq!(sizes.outliers().iter().map(|outlier| outlier.ordinal).collect::<Vec<_>>(), [201, 602]);
    }
}
