//! A column of whole numbers that is narrow where the numbers are near each other.
//!
//! Offsets and times of neighbouring records differ little, so a chunk of rows keeps one base and four bytes a row; a chunk
//! whose numbers lie too far apart takes eight. Rows are only ever added at the end, or taken back there.

use std::sync::Arc;

use super::pieces::{Kept, PIECE, Parts};
use super::saved::{Reader, Writer};

/// Rows in a chunk.
const CHUNK: usize = 4096;
/// The narrow value of a row that has none.
const ABSENT: u32 = u32::MAX;

/// A growing column of optional numbers. `i64::MIN` cannot be kept.
#[derive(Debug, Default)]
pub struct Column {
    /// As many chunks as make a piece.
    pieces: Parts<Vec<Chunk>>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Chunk {
    /// Distances from the base; no base as long as every row is absent.
    Narrow(Option<i64>, Vec<u32>),
    /// The numbers; `i64::MIN` where there is none.
    Wide(Vec<i64>),
}

impl Chunk {
    fn push(&mut self, value: Option<i64>) {
        match self {
            Self::Wide(values) => values.push(value.unwrap_or(i64::MIN)),
            Self::Narrow(base, values) => match value {
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
                            *self = Self::Wide(wide);
                        }
                    }
                }
            },
        }
    }

    /// Takes the last row back. Gives whether it was the only one.
    fn pop(&mut self) -> bool {
        match self {
            Self::Narrow(_, values) => {
                values.pop();
                values.is_empty()
            }
            Self::Wide(values) => {
                values.pop();
                values.is_empty()
            }
        }
    }

    fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Narrow(base, values) => Some(widen(base.unwrap_or(0), *values.get(row)?)),
            Self::Wide(values) => values.get(row).copied(),
        }
    }

    fn save(&self, out: &mut Writer) {
        match self {
            Self::Narrow(base, values) => {
                out.number(if base.is_some() { 1 } else { 0 });
                out.number(base.unwrap_or(0) as u64);
                out.fixed(values, |value| value.to_le_bytes());
            }
            Self::Wide(values) => {
                out.number(2);
                out.fixed(values, |value| value.to_le_bytes());
            }
        }
    }

    fn load(count: usize, read: &mut Reader<'_>) -> Option<Self> {
        Some(match read.number()? {
            2 => Self::Wide(read.fixed(count, i64::from_le_bytes)?),
            kind @ (0 | 1) => {
                let base = Some(read.number()? as i64).filter(|_| kind == 1);
                Self::Narrow(base, read.fixed(count, u32::from_le_bytes)?)
            }
            _ => return None,
        })
    }
}

impl Column {
    /// A column of so many rows that is kept from this block on.
    pub fn kept(kept: &Arc<Kept>, first: usize, len: usize) -> Self {
        Self { pieces: Parts::kept(kept, first, len.div_ceil(PIECE)), len }
    }

    fn piece(&self, piece: usize) -> &[Chunk] {
        let rows = self.len.saturating_sub(piece * PIECE).min(PIECE);
        let counts = (0..rows).step_by(CHUNK).map(|first| (rows - first).min(CHUNK));
        let chunks = self.pieces.get(piece, |read| counts.map(|count| Chunk::load(count, read)).collect());
        chunks.map_or(&[], Vec::as_slice)
    }

    /// Adds a row.
    pub fn push(&mut self, value: Option<i64>) {
        let piece = self.len / PIECE;
        if self.len.is_multiple_of(PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE / CHUNK));
        } else {
            // Read first, if it is only kept so far.
            self.piece(piece);
        }
        let Some(chunks) = self.pieces.loaded_mut(piece) else { return };
        if self.len.is_multiple_of(CHUNK) {
            chunks.push(Chunk::Narrow(None, Vec::with_capacity(CHUNK)));
        }
        self.len += 1;
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(value);
        }
    }

    /// Takes the last row back.
    pub fn pop(&mut self) {
        let Some(last) = self.len.checked_sub(1) else { return };
        self.piece(last / PIECE);
        self.len = last;
        let Some(chunks) = self.pieces.loaded_mut(last / PIECE) else { return };
        if chunks.last_mut().is_some_and(Chunk::pop) {
            chunks.pop();
        }
        if last.is_multiple_of(PIECE) {
            self.pieces.pop();
        }
    }

    /// The number in a row, if the row exists and has one.
    pub fn get(&self, row: usize) -> Option<i64> {
        let chunks = self.pieces.loaded(row / PIECE).map_or_else(|| self.piece(row / PIECE), Vec::as_slice);
        let value = chunks.get(row % PIECE / CHUNK)?.get(row % CHUNK)?;
        (value != i64::MIN).then_some(value)
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> usize {
        self.len.div_ceil(PIECE)
    }

    /// Writes a piece as it is.
    pub fn save(&self, piece: usize, out: &mut Writer) {
        self.piece(piece).iter().for_each(|chunk| chunk.save(out));
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
        let wide = |column: &Column| column.piece(0).iter().filter(|chunk| matches!(chunk, Chunk::Wide(_))).count();
        assert_eq!((column.piece(0).len(), wide(&column)), (3, 0));
        column.push(Some(i64::MAX));
        column.push(None);
        assert_eq!(
            (column.get(9_999), column.get(10_000), column.get(10_001)),
            (Some(5_999_400), Some(i64::MAX), None)
        );
        assert_eq!(wide(&column), 1);
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
