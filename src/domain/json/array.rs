//! Arrays in chunks, so that changing one element of many copies little.

use std::sync::Arc;

use super::Json;
use super::chunks::Chunks;

const CHUNK: usize = 64;

/// An array. Invariant: every chunk but the last is full, none is empty.
#[derive(Clone, Debug, Default)]
pub struct Array {
    chunks: Chunks<Json>,
}

impl Array {
    /// How many elements.
    pub fn len(&self) -> usize {
        self.chunks().last().map_or(0, |last| (self.chunks().len() - 1) * CHUNK + last.len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.chunks().is_empty()
    }

    /// The element at an index.
    pub fn get(&self, index: usize) -> Option<&Json> {
        self.chunks().get(index / CHUNK)?.get(index % CHUNK)
    }

    /// The elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Json> {
        self.chunks().iter().flat_map(|chunk| chunk.iter())
    }

    /// The chunks: equal pointers at equal places mean equal elements there. Each but the last has the same length.
    pub fn chunks(&self) -> &[Arc<Vec<Json>>] {
        self.chunks.as_slice()
    }

    /// Whether both are one array in memory.
    pub fn same(&self, other: &Self) -> bool {
        self.chunks.same(&other.chunks)
    }

    /// Adds an element at the end.
    pub fn push(&mut self, value: Json) {
        let last = self.chunks().len().saturating_sub(1);
        match self.chunks.chunk_mut(last) {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(value),
            Some(_) => self.chunks.edit(|chunks| chunks.push(Arc::new(vec![value]))),
            None => self.chunks = Chunks::from(vec![value]),
        }
    }

    /// Replaces the element at an index; beyond the end nothing happens.
    pub fn set(&mut self, index: usize, value: Json) {
        if let Some(place) = self.get_mut(index) {
            *place = value;
        }
    }

    /// The element at an index, to be changed; the path to it is copied where it is shared.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Json> {
        if index >= self.len() {
            return None;
        }
        self.chunks.chunk_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// Inserts an element before an index (at most the length).
    pub fn insert(&mut self, index: usize, value: Json) {
        let at = index.min(self.len());
        let tail = self.split_off(at);
        self.push(value);
        tail.into_iter().for_each(|value| self.push(value));
    }

    /// Removes the element at an index.
    pub fn remove(&mut self, index: usize) -> Option<Json> {
        if index >= self.len() {
            return None;
        }
        let mut tail = self.split_off(index).into_iter();
        let removed = tail.next();
        tail.for_each(|value| self.push(value));
        removed
    }

    /// The elements, taken out where nobody else holds them.
    pub(super) fn into_elements(self) -> impl Iterator<Item = Json> {
        self.chunks.into_elements()
    }

    /// Takes over each chunk of `old` whose elements are the ones here; `same` says so for each index.
    pub(super) fn share_chunks(&mut self, old: &Self, same: &[bool]) {
        self.chunks.edit(|chunks| {
            for ((chunk, before), same) in chunks.iter_mut().zip(old.chunks()).zip(same.chunks(CHUNK)) {
                if chunk.len() == before.len() && same.iter().all(|same| *same) {
                    *chunk = before.clone();
                }
            }
        });
    }

    fn split_off(&mut self, index: usize) -> Vec<Json> {
        self.chunks.edit(|chunks| {
            let mut tail = Vec::new();
            let rest = chunks.split_off((index / CHUNK).min(chunks.len()));
            for (n, chunk) in rest.into_iter().enumerate() {
                let mut chunk = Arc::unwrap_or_clone(chunk);
                if n == 0 {
                    tail = chunk.split_off(index % CHUNK);
                    if !chunk.is_empty() {
                        chunks.push(Arc::new(chunk));
                    }
                } else {
                    tail.extend(chunk);
                }
            }
            tail
        })
    }
}

/// Equal when the same elements stand in the same places. The lengths are looked at first: comparing arrays of different
/// lengths costs nothing.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
            || self.len() == other.len()
                && self.chunks().iter().zip(other.chunks()).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
    }
}

impl Eq for Array {}

impl From<Vec<Json>> for Array {
    fn from(values: Vec<Json>) -> Self {
        if values.len() <= CHUNK {
            return Self { chunks: Chunks::from(values) };
        }
        let mut values = values.into_iter();
        let mut chunks = Vec::with_capacity(values.len().div_ceil(CHUNK));
        loop {
            let chunk: Vec<Json> = values.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Self { chunks: Chunks::from(chunks) };
            }
            chunks.push(Arc::new(chunk));
        }
    }
}

impl FromIterator<Json> for Array {
    fn from_iter<I: IntoIterator<Item = Json>>(values: I) -> Self {
        Self::from(values.into_iter().collect::<Vec<Json>>())
    }
}
