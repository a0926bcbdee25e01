//! Arrays in chunks, so that changing one element of many copies little.

use std::sync::Arc;

use super::Json;

const CHUNK: usize = 64;

/// An array. Invariant: every chunk but the last is full, none is empty.
#[derive(Clone, Debug, Default)]
pub struct Array {
    chunks: Arc<Vec<Arc<Vec<Json>>>>,
}

impl Array {
    /// How many elements.
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The element at an index.
    pub fn get(&self, index: usize) -> Option<&Json> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// The elements in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Json> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The chunks: equal pointers at equal places mean equal elements there. Each but the last has the same length.
    pub fn chunks(&self) -> &[Arc<Vec<Json>>] {
        &self.chunks
    }

    /// Whether both are one array in memory.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }

    /// Adds an element at the end.
    pub fn push(&mut self, value: Json) {
        let chunks = Arc::make_mut(&mut self.chunks);
        match chunks.last_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(value),
            _ => chunks.push(Arc::new(vec![value])),
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
        Arc::make_mut(Arc::make_mut(&mut self.chunks).get_mut(index / CHUNK)?).get_mut(index % CHUNK)
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
        Arc::unwrap_or_clone(self.chunks).into_iter().flat_map(Arc::unwrap_or_clone)
    }

    /// Takes over each chunk of `old` whose elements are the ones here; `same` says so for each index.
    pub(super) fn share_chunks(&mut self, old: &Self, same: &[bool]) {
        let chunks = Arc::make_mut(&mut self.chunks);
        for ((chunk, before), same) in chunks.iter_mut().zip(old.chunks.iter()).zip(same.chunks(CHUNK)) {
            if chunk.len() == before.len() && same.iter().all(|same| *same) {
                *chunk = before.clone();
            }
        }
    }

    fn split_off(&mut self, index: usize) -> Vec<Json> {
        let chunks = Arc::make_mut(&mut self.chunks);
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
    }
}

/// Equal when the same elements stand in the same places. The lengths are looked at first: comparing arrays of different
/// lengths costs nothing.
impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
            || self.len() == other.len()
                && self.chunks.iter().zip(other.chunks.iter()).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
    }
}

impl Eq for Array {}

impl FromIterator<Json> for Array {
    fn from_iter<I: IntoIterator<Item = Json>>(values: I) -> Self {
        let mut chunks = Vec::new();
        let mut chunk = Vec::new();
        for value in values {
            chunk.push(value);
            if chunk.len() == CHUNK {
                chunks.push(Arc::new(std::mem::take(&mut chunk)));
            }
        }
        if !chunk.is_empty() {
            chunks.push(Arc::new(chunk));
        }
        Self { chunks: Arc::new(chunks) }
    }
}
