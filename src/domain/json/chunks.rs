//! The chunks behind objects and arrays: shared, and few.
//!
//! Most values are small: they have one chunk and no list of chunks. Invariant: no chunk is empty, and a list has at least
//! two.

use std::sync::Arc;

/// Chunks of elements.
#[derive(Debug, Default)]
pub(super) enum Chunks<T> {
    #[default]
    None,
    One(Arc<Vec<T>>),
    Many(Arc<Vec<Arc<Vec<T>>>>),
}

// Derived ones would ask more of `T` than the pointers need.
impl<T> Clone for Chunks<T> {
    fn clone(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::One(chunk) => Self::One(chunk.clone()),
            Self::Many(chunks) => Self::Many(chunks.clone()),
        }
    }
}

impl<T> From<Vec<T>> for Chunks<T> {
    /// One chunk of these elements, however many they are.
    fn from(elements: Vec<T>) -> Self {
        if elements.is_empty() { Self::None } else { Self::One(Arc::new(elements)) }
    }
}

impl<T> From<Vec<Arc<Vec<T>>>> for Chunks<T> {
    fn from(mut chunks: Vec<Arc<Vec<T>>>) -> Self {
        match chunks.len() {
            0 | 1 => chunks.pop().map_or(Self::None, Self::One),
            _ => Self::Many(Arc::new(chunks)),
        }
    }
}

impl<T> Chunks<T> {
    pub fn as_slice(&self) -> &[Arc<Vec<T>>] {
        match self {
            Self::None => &[],
            Self::One(chunk) => std::slice::from_ref(chunk),
            Self::Many(chunks) => chunks,
        }
    }

    /// Whether both are the same in memory.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::One(a), Self::One(b)) => Arc::ptr_eq(a, b),
            (Self::Many(a), Self::Many(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl<T: Clone> Chunks<T> {
    /// A chunk to be changed; it is copied where it is shared.
    pub fn chunk_mut(&mut self, n: usize) -> Option<&mut Vec<T>> {
        match self {
            Self::One(chunk) if n == 0 => Some(Arc::make_mut(chunk)),
            Self::Many(chunks) => Arc::make_mut(chunks).get_mut(n).map(Arc::make_mut),
            _ => None,
        }
    }

    /// Changes the list of chunks.
    pub fn edit<R>(&mut self, change: impl FnOnce(&mut Vec<Arc<Vec<T>>>) -> R) -> R {
        let mut chunks = std::mem::take(self).into_vec();
        let result = change(&mut chunks);
        *self = Self::from(chunks);
        result
    }

    /// The chunks as a list, taken out where nobody else holds it.
    pub fn into_vec(self) -> Vec<Arc<Vec<T>>> {
        match self {
            Self::None => Vec::new(),
            Self::One(chunk) => vec![chunk],
            Self::Many(chunks) => Arc::unwrap_or_clone(chunks),
        }
    }

    /// The elements, taken out where nobody else holds them.
    pub fn into_elements(self) -> impl Iterator<Item = T> {
        let (one, many) = match self {
            Self::None => (Vec::new(), Vec::new()),
            Self::One(chunk) => (Arc::unwrap_or_clone(chunk), Vec::new()),
            Self::Many(chunks) => (Vec::new(), Arc::unwrap_or_clone(chunks)),
        };
        one.into_iter().chain(many.into_iter().flat_map(Arc::unwrap_or_clone))
    }
}
