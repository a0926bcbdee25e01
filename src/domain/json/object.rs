//! Objects in sorted chunks, each entry knowing its place in the order it was written in.
//!
//! Sorted, so that finding a key is a binary search and comparing two versions is a merge that skips equal chunks;
//! chunked, so that changing one key of thousands copies one chunk; with a sequence number per entry, so that the order
//! of the keys is what the store or the reducer wrote. Duplicates stand beside each other, oldest first.

use std::cmp::Ordering;
use std::sync::Arc;

use super::Json;
use super::chunks::Chunks;

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
    chunks: Chunks<Entry>,
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
        Some(&self.chunks()[chunk][at].value)
    }

    /// All entries of a key, the last one first.
    pub fn all(&self, key: &str) -> impl Iterator<Item = &Entry> {
        let (chunk, end) = self.find(key).map_or((0, 0), |(chunk, at)| (chunk, at + 1));
        let chunks = self.chunks().get(..=chunk).unwrap_or_default();
        let entries = chunks.iter().enumerate().rev().flat_map(move |(n, entries)| {
            let end = if n == chunk { end } else { entries.len() };
            entries[..end].iter().rev()
        });
        entries.take_while(move |entry| *entry.key == *key)
    }

    /// The value of a key, to be changed; the path to it is copied where it is shared.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        let (chunk, at) = self.find(key).ok()?;
        Some(&mut self.chunks.chunk_mut(chunk)?[at].value)
    }

    /// The entries sorted by key.
    pub fn sorted(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.chunks().iter().flat_map(|chunk| chunk.iter())
    }

    /// The entries in the order they were written in.
    pub fn in_order(&self) -> Vec<&Entry> {
        // Where few were removed their numbers are nearly their places.
        let last = self.next as usize;
        if self.len() > CHUNK && last <= 4 * self.len() {
            let mut places: Vec<Option<&Entry>> = vec![None; last];
            for entry in self.sorted() {
                if let Some(place) = places.get_mut(entry.order as usize) {
                    *place = Some(entry);
                }
            }
            let entries: Vec<&Entry> = places.into_iter().flatten().collect();
            if entries.len() == self.len() {
                return entries;
            }
        }
        let mut entries: Vec<&Entry> = self.sorted().collect();
        entries.sort_unstable_by_key(|entry| entry.order);
        entries
    }

    /// Does something to each entry in the order they were written in, until it fails; small objects need no list for it.
    pub(super) fn each_in_order<E>(&self, mut each: impl FnMut(&Entry) -> Result<(), E>) -> Result<(), E> {
        const FEW: usize = 16;
        match self.chunks() {
            [] => Ok(()),
            [entries] if entries.len() <= FEW => {
                let mut places = [(0, 0); FEW];
                let places = &mut places[..entries.len()];
                for (at, (place, entry)) in places.iter_mut().zip(entries.iter()).enumerate() {
                    *place = (entry.order, at);
                }
                places.sort_unstable();
                places.iter().try_for_each(|(_, at)| each(&entries[*at]))
            }
            _ => self.in_order().into_iter().try_for_each(each),
        }
    }

    /// The chunks: equal pointers mean equal entries.
    pub fn chunks(&self) -> &[Arc<Vec<Entry>>] {
        self.chunks.as_slice()
    }

    /// Whether both are one object in memory.
    pub fn same(&self, other: &Self) -> bool {
        self.chunks.same(&other.chunks)
    }

    /// Sets a key: in its place where it exists (of duplicates the last), at the end of the order where it is new.
    pub fn insert(&mut self, key: Arc<str>, value: Json) {
        match self.find(&key) {
            Ok((chunk, at)) => {
                if let Some(entries) = self.chunks.chunk_mut(chunk) {
                    entries[at].value = value;
                }
            }
            Err((chunk, at)) => self.insert_at(chunk, at, key, value),
        }
    }

    /// Takes over the entries of another object: `replace` decides what becomes of a value that is here already (not
    /// asked for equal ones, objects excepted: those stay shared); new keys follow at the end, in the order they are
    /// written in there. Of duplicate keys the last counts.
    pub fn take_over(&mut self, other: Self, replace: &mut impl FnMut(&mut Json, Json)) {
        let mut new = Vec::new();
        let mut others = other.into_sorted().peekable();
        // Walking along costs less than looking each key up, unless there is much more here than there.
        let mut at = (self.chunks().len() == 1 && self.len() <= 4 * others.size_hint().0).then_some(0);
        while let Some(entry) = others.next() {
            if others.peek().is_some_and(|next| next.key == entry.key) {
                continue;
            }
            let place = match &mut at {
                Some(at) => self.walk_to(&entry.key, at).map(|at| (0, at)),
                None => self.find(&entry.key).ok(),
            };
            let Some((chunk, at)) = place else {
                new.push(entry);
                continue;
            };
            let differs = match (&self.chunks()[chunk][at].value, &entry.value) {
                // Comparing what is going to be walked anyway would be done again at every depth.
                (Json::Object(_), Json::Object(_)) => true,
                (old, new) => old != new,
            };
            if differs && let Some(entries) = self.chunks.chunk_mut(chunk) {
                replace(&mut entries[at].value, entry.value);
            }
        }
        new.sort_unstable_by_key(|entry| entry.order);
        for entry in new {
            self.insert(entry.key, entry.value);
        }
    }

    /// The place of a key in the only chunk, of duplicates the last, looking from `at` on; `at` moves there.
    fn walk_to(&self, key: &Arc<str>, at: &mut usize) -> Option<usize> {
        let entries = self.chunks().first()?;
        while let Some(entry) = entries.get(*at) {
            let order = if Arc::ptr_eq(&entry.key, key) { Ordering::Equal } else { by_key(&entry.key, key) };
            match order {
                Ordering::Less => *at += 1,
                Ordering::Equal if entries.get(*at + 1).is_some_and(|next| next.key == *key) => *at += 1,
                Ordering::Equal => return Some(*at),
                Ordering::Greater => return None,
            }
        }
        None
    }

    /// Removes a key and all its duplicates; returns the value that counted.
    pub fn remove(&mut self, key: &str) -> Option<Json> {
        let mut removed = None;
        while let Ok((chunk, at)) = self.find(key) {
            let Some(entries) = self.chunks.chunk_mut(chunk) else { break };
            let entry = entries.remove(at);
            if entries.is_empty() {
                self.chunks.edit(|chunks| drop(chunks.remove(chunk)));
            }
            self.len -= 1;
            removed.get_or_insert(entry.value);
        }
        removed
    }

    /// An object of entries in the order they were written in, numbered from 0; duplicates kept.
    pub(super) fn from_written(mut entries: Vec<Entry>) -> Self {
        let len = entries.len() as u32;
        // Stable, so that duplicates stay in their order.
        if !entries.is_sorted_by(|a, b| by_key(&a.key, &b.key).is_le()) {
            entries.sort_by(|a, b| by_key(&a.key, &b.key));
        }
        Self { chunks: Self::split(entries), len, next: len }
    }

    /// The number the next new entry takes.
    pub(super) fn next_order(&self) -> u32 {
        self.next
    }

    /// The entries sorted by key, taken out where nobody else holds them.
    pub fn into_sorted(self) -> impl Iterator<Item = Entry> {
        self.chunks.into_elements()
    }

    /// An object of entries that are sorted by key, then by order.
    pub(super) fn from_sorted(entries: Vec<Entry>) -> Self {
        let len = entries.len() as u32;
        let next = entries.iter().map(|entry| entry.order + 1).max().unwrap_or(0);
        Self { chunks: Self::split(entries), len, next }
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
        Self { chunks: Chunks::from(chunks), len: len as u32, next }
    }

    fn split(entries: Vec<Entry>) -> Chunks<Entry> {
        if entries.len() <= CHUNK {
            return Chunks::from(entries);
        }
        let mut chunks = Vec::new();
        Self::split_into(&mut chunks, entries);
        Chunks::from(chunks)
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
        let Some(entries) = self.chunks.chunk_mut(chunk) else {
            self.chunks = Chunks::from(vec![entry]);
            return;
        };
        entries.insert(at, entry);
        if entries.len() > CHUNK {
            let tail = entries.split_off(CHUNK / 2);
            self.chunks.edit(|chunks| chunks.insert(chunk + 1, Arc::new(tail)));
        }
    }

    /// Where a key stands (of duplicates the last), or where it would be inserted.
    fn find(&self, key: &str) -> Result<(usize, usize), (usize, usize)> {
        let chunks = self.chunks();
        let chunk = match chunks.len() {
            0 => return Err((0, 0)),
            1 => 0,
            _ => chunks.partition_point(|chunk| chunk[0].key.as_ref() <= key).saturating_sub(1),
        };
        let entries = &chunks[chunk];
        let after = entries.partition_point(|entry| entry.key.as_ref() <= key);
        match after.checked_sub(1) {
            Some(at) if entries[at].key.as_ref() == key => Ok((chunk, at)),
            _ => Err((chunk, after)),
        }
    }
}

/// The order of keys, byte by byte; most differ in the first, and looking at that alone is much cheaper.
fn by_key(a: &str, b: &str) -> Ordering {
    match (a.as_bytes().first(), b.as_bytes().first()) {
        (Some(first), Some(second)) if first != second => first.cmp(second),
        _ => a.cmp(b),
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
