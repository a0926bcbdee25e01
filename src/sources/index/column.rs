//! A column of whole numbers that is narrow where the numbers are near each other.
//!
//! Offsets and times of neighbouring records differ little, so a chunk of rows keeps one base and four bytes a row; a chunk
//! whose numbers lie too far apart takes eight. Reading a row is two array accesses. Rows are only ever added.

use std::ops::Range;

use super::saved::{Reader, Writer};

/// Rows in a chunk.
const CHUNK: usize = 4096;
/// The narrow value of a row that has none.
const ABSENT: u32 = u32::MAX;

/// A growing column of optional numbers. `i64::MIN` cannot be kept.
#[derive(Clone, Debug, Default)]
pub struct Column {
    chunks: Vec<Chunk>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Chunk {
    /// Distances from the base; no base as long as every row is absent.
    Narrow(Option<i64>, Vec<u32>),
    /// The numbers; `i64::MIN` where there is none.
    Wide(Vec<i64>),
}

impl Column {
    /// Adds a row.
    pub fn push(&mut self, value: Option<i64>) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Chunk::Narrow(None, Vec::with_capacity(CHUNK)));
        }
        self.len += 1;
        let Some(chunk) = self.chunks.last_mut() else { return };
        match chunk {
            Chunk::Wide(values) => values.push(value.unwrap_or(i64::MIN)),
            Chunk::Narrow(base, values) => match value {
                None => values.push(ABSENT),
                Some(value) => {
                    // The base lies half a range below the first number: times may also go back.
                    let base = *base.get_or_insert(value.saturating_sub(1 << 31));
                    match value.checked_sub(base).and_then(|distance| u32::try_from(distance).ok()) {
                        Some(distance) if distance != ABSENT => values.push(distance),
                        _ => {
                            let mut wide = Vec::with_capacity(CHUNK);
                            wide.extend(values.iter().map(|&distance| widen(base, distance)));
                            wide.push(value);
                            *chunk = Chunk::Wide(wide);
                        }
                    }
                }
            },
        }
    }

    /// Takes the last row back.
    pub fn pop(&mut self) {
        let emptied = match self.chunks.last_mut() {
            None => return,
            Some(Chunk::Narrow(_, values)) => {
                values.pop();
                values.is_empty()
            }
            Some(Chunk::Wide(values)) => {
                values.pop();
                values.is_empty()
            }
        };
        self.len -= 1;
        if emptied {
            self.chunks.pop();
        }
    }

    /// The number in a row, if the row exists and has one.
    pub fn get(&self, row: usize) -> Option<i64> {
        let value = match self.chunks.get(row / CHUNK)? {
            Chunk::Narrow(base, values) => widen(base.unwrap_or(0), *values.get(row % CHUNK)?),
            Chunk::Wide(values) => *values.get(row % CHUNK)?,
        };
        (value != i64::MIN).then_some(value)
    }

    /// Writes some of its rows as they are; they begin and end with a chunk, or with the column.
    pub fn save(&self, rows: Range<usize>, out: &mut Writer) {
        for chunk in &self.chunks[rows.start / CHUNK..rows.end.div_ceil(CHUNK)] {
            match chunk {
                Chunk::Narrow(base, values) => {
                    out.number(if base.is_some() { 1 } else { 0 });
                    out.number(base.unwrap_or(0) as u64);
                    out.fixed(values, |value| value.to_le_bytes());
                }
                Chunk::Wide(values) => {
                    out.number(2);
                    out.fixed(values, |value| value.to_le_bytes());
                }
            }
        }
    }

    /// Reads so many rows back, behind those that are there; `None` when they are none.
    pub fn load(&mut self, rows: usize, read: &mut Reader<'_>) -> Option<()> {
        if !self.len.is_multiple_of(CHUNK) {
            return None;
        }
        let mut rest = rows;
        while rest > 0 {
            let count = rest.min(CHUNK);
            self.chunks.push(match read.number()? {
                2 => Chunk::Wide(read.fixed(count, i64::from_le_bytes)?),
                kind @ (0 | 1) => {
                    let base = Some(read.number()? as i64).filter(|_| kind == 1);
                    Chunk::Narrow(base, read.fixed(count, u32::from_le_bytes)?)
                }
                _ => return None,
            });
            self.len += count;
            rest -= count;
        }
        read.is_done().then_some(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.len
    }
}

fn widen(base: i64, distance: u32) -> i64 {
    if distance == ABSENT { i64::MIN } else { base.wrapping_add(i64::from(distance)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chunks_are_narrow_until_they_cannot_be() {
        let mut column = Column::default();
        for row in 0..10_000 {
            column.push(Some(row * 600));
        }
        assert!(column.chunks.iter().all(|chunk| matches!(chunk, Chunk::Narrow(..))));
        column.push(Some(i64::MAX));
        column.push(None);
        assert_eq!(
            (column.get(9_999), column.get(10_000), column.get(10_001)),
            (Some(5_999_400), Some(i64::MAX), None)
        );
        assert_eq!(column.chunks.iter().filter(|chunk| matches!(chunk, Chunk::Wide(_))).count(), 1);
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(values in prop::collection::vec(prop::option::of(prop_oneof![
            i64::MIN + 1..=i64::MAX, 0_i64..1000, -1000_i64..1000, 4_294_967_290_i64..4_294_967_300, Just(i64::MAX),
        ]), 0..200), repeat in 1_usize..60) {
            let mut column = Column::default();
            let all: Vec<_> = values.iter().cycle().take(values.len() * repeat).copied().collect();
            all.iter().for_each(|&value| column.push(value));
            prop_assert_eq!(column.len(), all.len());
            for (row, &value) in all.iter().enumerate() {
                prop_assert_eq!(column.get(row), value);
            }
            prop_assert_eq!(column.get(all.len()), None);
            if let Some((&last, rest)) = all.split_last() {
                column.pop();
                prop_assert_eq!((column.len(), column.get(rest.len())), (rest.len(), None));
                column.push(last);
                prop_assert_eq!(column.get(rest.len()), last);
            }
        }
    }
}
