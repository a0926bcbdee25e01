//! Objects in sorted chunks, each entry knowing its place in the order it was written in.
//!
//! Sorted, so that finding a key is a binary search and comparing two versions is a merge that skips equal chunks;
//! chunked, so that changing one key of thousands copies one chunk; with a sequence number per entry, so that the order
//! of the keys is what the store or the reducer wrote. Duplicates stand beside each other, oldest first.

use std::sync::Arc;

use super::Json;

/// At most this many entries in a chunk; a fuller one is split.
const CHUNK: usize = 64;

/// One key with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// Its place in the order of writing: smaller is earlier. Only comparable within one object.
    pub order: u32,
    /// The value.
    pub value: Json,
}

/// An object. Invariant: entries are sorted by key, then by order; no chunk is empty.
#[derive(Clone, Debug, Default)]
pub struct Object {
    chunks: Arc<Vec<Arc<Vec<Entry>>>>,
    len: u32,
    next: u32,
}

impl Object {
    /// How many entries, duplicates included.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key; of duplicates the last one's.
    pub fn get(&self, key: &str) -> Option<&Json> {
        let (chunk, at) = self.find(key).ok()?;
        Some(&self.chunks[chunk][at].value)
    }

    /// The value of a key, to be changed; the path to it is copied where it is shared.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        let (chunk, at) = self.find(key).ok()?;
        Some(&mut Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[chunk])[at].value)
    }

    /// The entries sorted by key.
    pub fn sorted(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The entries in the order they were written in.
    pub fn in_order(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.sorted().collect();
        entries.sort_unstable_by_key(|entry| entry.order);
        entries
    }

    /// The chunks: equal pointers mean equal entries.
    pub fn chunks(&self) -> &[Arc<Vec<Entry>>] {
        &self.chunks
    }

    /// Whether both are one object in memory.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chunks, &other.chunks)
    }

    /// Sets a key: in its place where it exists (of duplicates the last), at the end of the order where it is new.
    pub fn insert(&mut self, key: Arc<str>, value: Json) {
        match self.find(&key) {
            Ok((chunk, at)) => Arc::make_mut(&mut Arc::make_mut(&mut self.chunks)[chunk])[at].value = value,
            Err((chunk, at)) => self.insert_at(chunk, at, key, value),
        }
    }

    /// Removes a key and all its duplicates; returns the value that counted.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let mut removed = None;
        while let Ok((chunk, at)) = self.find(key) {
            let chunks = Arc::make_mut(&mut self.chunks);
            let entries = Arc::make_mut(&mut chunks[chunk]);
            let entry = entries.remove(at);
            if entries.is_empty() {
                chunks.remove(chunk);
            }
            self.len -= 1;
            removed.get_or_insert(entry.value);
        }
        removed
    }

    /// An object of these entries in this order, duplicates kept.
    pub(super) fn from_pairs(pairs: Vec<(Arc<str>, Json)>) -> Self {
        let len = pairs.len() as u32;
        let mut entries: Vec<Entry> =
            pairs.into_iter().enumerate().map(|(n, (key, value))| Entry { key, order: n as u32, value }).collect();
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        let mut chunks = Vec::with_capacity(1);
        Self::split_into(&mut chunks, entries);
        Self { chunks: Arc::new(chunks), len, next: len }
    }

    /// The number the next new entry takes.
    pub(super) fn next_order(&self) -> u32 {
        self.next
    }

    /// The entries sorted by key, taken out where nobody else holds them.
    pub fn into_sorted(self) -> impl Iterator<Item = Entry> {
        Arc::unwrap_or_clone(self.chunks).into_iter().flat_map(Arc::unwrap_or_clone)
    }

    /// An object of entries that are sorted by key, then by order.
    pub(super) fn from_sorted(entries: Vec<Entry>) -> Self {
        let next = entries.iter().map(|entry| entry.order + 1).max().unwrap_or(0);
        let mut chunks = Vec::new();
        Self::split_into(&mut chunks, entries);
        Self::from_chunks(chunks, next)
    }

    /// An object of chunks that hold the invariant; `next` is above every order in them.
    pub(super) fn from_chunks(mut chunks: Vec<Arc<Vec<Entry>>>, next: u32) -> Self {
        let len = chunks.iter().map(|chunk| chunk.len()).sum::<usize>();
        // Keys that come and go leave thin chunks behind; too many of them are worth one copy.
        if chunks.len() > 8 + 8 * len / CHUNK {
            let entries = chunks.into_iter().flat_map(Arc::unwrap_or_clone).collect();
            chunks = Vec::new();
            Self::split_into(&mut chunks, entries);
        }
        Self { chunks: Arc::new(chunks), len: len as u32, next }
    }

    /// Adds sorted entries behind the others, in as many chunks as they need.
    pub(super) fn split_into(chunks: &mut Vec<Arc<Vec<Entry>>>, entries: Vec<Entry>) {
        if entries.len() <= CHUNK {
            if !entries.is_empty() {
                chunks.push(Arc::new(entries));
            }
            return;
        }
        let mut entries = entries.into_iter();
        loop {
            let chunk: Vec<Entry> = entries.by_ref().take(CHUNK / 2).collect();
            if chunk.is_empty() {
                return;
            }
            chunks.push(Arc::new(chunk));
        }
    }

    fn insert_at(&mut self, chunk: usize, at: usize, key: Arc<str>, value: Json) {
        let entry = Entry { key, order: self.next, value };
        self.next += 1;
        self.len += 1;
        let chunks = Arc::make_mut(&mut self.chunks);
        let Some(entries) = chunks.get_mut(chunk) else {
            chunks.push(Arc::new(vec![entry]));
            return;
        };
        let entries = Arc::make_mut(entries);
        entries.insert(at, entry);
        if entries.len() > CHUNK {
            let tail = entries.split_off(CHUNK / 2);
            chunks.insert(chunk + 1, Arc::new(tail));
        }
    }

    /// Where a key stands (of duplicates the last), or where it would be inserted.
    fn find(&self, key: &str) -> Result<(usize, usize), (usize, usize)> {
        let chunk = self
            .chunks
            .partition_point(|chunk| chunk.first().is_some_and(|first| first.key.as_ref() <= key))
            .saturating_sub(1);
        let Some(entries) = self.chunks.get(chunk) else { return Err((0, 0)) };
        let after = entries.partition_point(|entry| entry.key.as_ref() <= key);
        match after.checked_sub(1) {
            Some(at) if entries[at].key.as_ref() == key => Ok((chunk, at)),
            _ => Err((chunk, after)),
        }
    }
}

/// Equal when the same keys with the same values stand in the same order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        if self.same(other) {
            return true;
        }
        if self.len != other.len {
            return false;
        }
        let mut numbered_alike = true;
        for (a, b) in self.sorted().zip(other.sorted()) {
            if a.key != b.key || a.value != b.value {
                return false;
            }
            numbered_alike &= a.order == b.order;
        }
        // The order numbers of two objects differ by history; what counts is the sequence they spell.
        numbered_alike || self.in_order().iter().zip(other.in_order()).all(|(a, b)| a.key == b.key)
    }
}

impl Eq for Object {}

impl FromIterator<(Arc<str>, Json)> for Object {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Json)>>(pairs: I) -> Self {
        let mut object = Self::default();
        for (key, value) in pairs {
            object.insert(key, value);
        }
        object
    }
}
