//! Parts of an index that are in memory, or are read from where the index is kept when somebody asks for them.
//!
//! A part that was read stays. What is added goes to the last part, which is read before that. A part that cannot be read,
//! or is none, is empty from then on and marks the whole index as broken: whoever asked throws the answer away and has the
//! store read again.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::saved::{Reader, Writer};

/// How many numbers are one part.
pub const PIECE: usize = 16 << 10;

/// Where the blocks of an index are kept.
pub trait Stored: Send + Sync + Debug {
    /// Puts a block into the buffer, whatever is in there; `false` when it is not what was written.
    fn block(&self, number: usize, buffer: &mut Vec<u8>) -> bool;

    /// How many blocks there are.
    fn count(&self) -> usize;
}

/// A kept index whose parts are read when they are asked for.
#[derive(Debug)]
pub struct Kept {
    stored: Arc<dyn Stored>,
    /// The number of its first block.
    first: usize,
    broken: AtomicBool,
}

impl Kept {
    /// The index that begins with this block.
    pub fn new(stored: Arc<dyn Stored>, first: usize) -> Self {
        Self { stored, first, broken: AtomicBool::new(false) }
    }

    /// Reads the block with this number within the index. `None` when it is not what it should be.
    pub fn read<T>(&self, block: usize, parse: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<T> {
        let mut buffer = Vec::new();
        let parsed = self.stored.block(self.first + block, &mut buffer).then(|| {
            let mut reader = Reader::new(&buffer);
            parse(&mut reader).filter(|_| reader.is_done())
        });
        if !matches!(parsed, Some(Some(_))) {
            self.broken.store(true, Ordering::Release);
        }
        parsed.flatten()
    }

    /// How many blocks there are from its first on.
    pub fn count(&self) -> usize {
        self.stored.count().saturating_sub(self.first)
    }

    /// It is not to be relied on.
    pub fn disbelieve(&self) {
        self.broken.store(true, Ordering::Release);
    }

    /// Whether something that was asked for was not what it should be.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }
}

/// Parts, each read when it is asked for.
#[derive(Debug)]
pub struct Parts<T> {
    parts: Vec<OnceLock<T>>,
    /// Where they are kept, and from which block on.
    kept: Option<(Arc<Kept>, usize)>,
}

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self { parts: Vec::new(), kept: None }
    }
}

impl<T: Default> Parts<T> {
    /// So many parts that are kept from this block on.
    pub fn kept(kept: &Arc<Kept>, first: usize, count: usize) -> Self {
        Self { parts: (0..count).map(|_| OnceLock::new()).collect(), kept: Some((kept.clone(), first)) }
    }

    /// A part, if there are so many. It is read by `parse`.
    pub fn get(&self, part: usize, parse: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<&T> {
        let place = self.parts.get(part)?;
        Some(place.get_or_init(|| self.read(part, parse).unwrap_or_default()))
    }

    /// Reads a part that is kept, whether it was read before or not.
    pub fn read<R>(&self, part: usize, parse: impl FnOnce(&mut Reader<'_>) -> Option<R>) -> Option<R> {
        let (kept, first) = self.kept.as_ref()?;
        kept.read(first + part, parse)
    }

    /// A part, if it is in memory.
    pub fn loaded(&self, part: usize) -> Option<&T> {
        self.parts.get(part)?.get()
    }

    /// A part to be changed, if it is in memory.
    pub fn loaded_mut(&mut self, part: usize) -> Option<&mut T> {
        self.parts.get_mut(part)?.get_mut()
    }

    /// Adds a part. It is in memory.
    pub fn push(&mut self, part: T) {
        self.parts.push(OnceLock::from(part));
    }

    /// Takes the last part away.
    pub fn pop(&mut self) {
        self.parts.pop();
    }
}

/// A number of a fixed size.
pub trait Fixed: Copy {
    /// Reads so many.
    fn load(count: usize, read: &mut Reader<'_>) -> Option<Vec<Self>>;

    /// Writes some.
    fn save(numbers: &[Self], out: &mut Writer);
}

macro_rules! fixed {
    ($($number:ty),*) => {$(
        impl Fixed for $number {
            fn load(count: usize, read: &mut Reader<'_>) -> Option<Vec<Self>> {
                read.fixed(count, Self::from_le_bytes)
            }

            fn save(numbers: &[Self], out: &mut Writer) {
                out.fixed(numbers, Self::to_le_bytes);
            }
        }
    )*};
}

fixed!(u16, u32, u64);

/// A growing list of numbers of a fixed size.
#[derive(Debug)]
pub struct Numbers<T> {
    pieces: Parts<Vec<T>>,
    len: usize,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { pieces: Parts::default(), len: 0 }
    }
}

impl<T: Fixed> Numbers<T> {
    /// So many numbers that are kept from this block on.
    pub fn kept(kept: &Arc<Kept>, first: usize, len: usize) -> Self {
        Self { pieces: Parts::kept(kept, first, len.div_ceil(PIECE)), len }
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The numbers of a piece; none when it does not exist.
    pub fn piece(&self, piece: usize) -> &[T] {
        let count = self.len.saturating_sub(piece * PIECE).min(PIECE);
        self.pieces.get(piece, |read| T::load(count, read)).map_or(&[], Vec::as_slice)
    }

    /// One number, if it exists.
    #[inline]
    pub fn get(&self, at: usize) -> Option<T> {
        match self.pieces.loaded(at / PIECE) {
            Some(piece) => piece.get(at % PIECE).copied(),
            None => self.piece(at / PIECE).get(at % PIECE).copied(),
        }
    }

    /// Adds those from one to another to `to`, as far as there are any.
    pub fn copy(&self, range: Range<usize>, to: &mut Vec<T>) {
        let mut at = range.start;
        while at < range.end {
            let piece = self.piece(at / PIECE);
            let from = (at % PIECE).min(piece.len());
            let some = &piece[from..piece.len().min(from + (range.end - at))];
            if some.is_empty() {
                return;
            }
            to.extend_from_slice(some);
            at += some.len();
        }
    }

    /// Adds numbers.
    pub fn extend(&mut self, numbers: impl IntoIterator<Item = T>) {
        let mut numbers = numbers.into_iter().peekable();
        while numbers.peek().is_some() {
            if self.len.is_multiple_of(PIECE) {
                self.pieces.push(Vec::with_capacity(PIECE));
            }
            let piece = self.len / PIECE;
            // Read first, if it is only kept so far.
            self.piece(piece);
            let Some(last) = self.pieces.loaded_mut(piece) else { return };
            let before = last.len();
            last.extend(numbers.by_ref().take(PIECE - self.len % PIECE));
            self.len += last.len() - before;
        }
    }

    /// Takes the last number away.
    pub fn pop(&mut self) {
        let Some(last) = self.len.checked_sub(1) else { return };
        self.piece(last / PIECE);
        if let Some(piece) = self.pieces.loaded_mut(last / PIECE) {
            piece.pop();
        }
        if last.is_multiple_of(PIECE) {
            self.pieces.pop();
        }
        self.len = last;
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> usize {
        self.len.div_ceil(PIECE)
    }

    /// Writes a piece.
    pub fn save(&self, piece: usize, out: &mut Writer) {
        T::save(self.piece(piece), out);
    }
}

impl<T: Fixed> FromIterator<T> for Numbers<T> {
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Self {
        let mut all = Self::default();
        all.extend(numbers);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Held(Vec<Vec<u8>>);

    impl Stored for Held {
        fn block(&self, number: usize, buffer: &mut Vec<u8>) -> bool {
            self.0.get(number).map(|block| buffer.extend_from_slice(block)).is_some()
        }

        fn count(&self) -> usize {
            self.0.len()
        }
    }

    #[test]
    fn what_is_kept_is_read_piece_by_piece_and_grows() {
        let count = PIECE * 2 + 5;
        let numbers: Numbers<u32> = (0..count as u32).collect();
        let mut blocks: Vec<Vec<u8>> = (0..numbers.pieces())
            .map(|piece| {
                let mut out = Writer::default();
                numbers.save(piece, &mut out);
                out.done()
            })
            .collect();
        // What nobody asks for is not missed.
        blocks[1].pop();
        let kept = Arc::new(Kept::new(Arc::new(Held(blocks)), 0));
        let mut back: Numbers<u32> = Numbers::kept(&kept, 0, count);
        assert_eq!((back.get(3), back.get(count - 1), back.get(count)), (Some(3), Some(count as u32 - 1), None));
        back.pop();
        back.extend([7, 8, 9]);
        assert_eq!((back.len(), back.get(count - 1), back.get(count + 1)), (count + 2, Some(7), Some(9)));
        assert!(!kept.is_broken());
        let mut copied = Vec::new();
        back.copy(PIECE * 2 + 3..PIECE * 2 + 9, &mut copied);
        assert_eq!(copied, [PIECE as u32 * 2 + 3, 7, 8, 9]);
        assert_eq!(back.get(PIECE), None);
        assert!(kept.is_broken());
    }

    #[test]
    fn it_is_a_list() {
        let mut numbers: Numbers<u16> = Numbers::default();
        numbers.extend(0..PIECE as u16);
        numbers.extend([1]);
        numbers.pop();
        numbers.pop();
        assert_eq!((numbers.len(), numbers.get(PIECE - 2)), (PIECE - 1, Some(PIECE as u16 - 2)));
        numbers.extend([5, 6]);
        assert_eq!((numbers.get(PIECE - 1), numbers.get(PIECE)), (Some(5), Some(6)));
        (0..PIECE + 2).for_each(|_| numbers.pop());
        assert_eq!((numbers.len(), numbers.get(0)), (0, None));
    }
}
