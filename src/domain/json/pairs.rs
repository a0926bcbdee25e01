//! Two objects side by side, skipping what they share.
//!
//! Both are sorted, so this is a merge; a chunk that both hold is passed over by its pointer, so that two neighbouring
//! versions of a wide object are compared in the time of what differs. Duplicate keys are paired in their order.

use std::cmp::Ordering;
use std::sync::Arc;

use super::object::{Entry, Object};

/// What two objects have at one key.
#[derive(Clone, Copy, Debug)]
pub enum Pair<'a> {
    /// Only the left one has it.
    Left(&'a Entry),
    /// Only the right one has it.
    Right(&'a Entry),
    /// Both have it; the values may be equal.
    Both(&'a Entry, &'a Entry),
}

impl Object {
    /// Pairs the entries of both objects by key, in the order of the keys. Entries in chunks that both share are left
    /// out: they are equal.
    pub fn pairs<'a>(&'a self, right: &'a Object) -> impl Iterator<Item = Pair<'a>> {
        Pairs { left: Cursor::new(self), right: Cursor::new(right) }
    }
}

struct Cursor<'a> {
    chunks: &'a [Arc<Vec<Entry>>],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(object: &'a Object) -> Self {
        Self { chunks: object.chunks(), at: 0 }
    }

    fn peek(&self) -> Option<&'a Entry> {
        // No chunk is empty, and `at` is inside the first one.
        self.chunks.first().map(|chunk| &chunk[self.at])
    }

    fn step(&mut self) {
        self.at += 1;
        if self.chunks.first().is_none_or(|chunk| self.at >= chunk.len()) {
            self.skip_chunk();
        }
    }

    fn skip_chunk(&mut self) {
        self.chunks = self.chunks.get(1..).unwrap_or_default();
        self.at = 0;
    }
}

struct Pairs<'a> {
    left: Cursor<'a>,
    right: Cursor<'a>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Pair<'a>;

    fn next(&mut self) -> Option<Pair<'a>> {
        while self.left.at == 0 && self.right.at == 0 {
            match (self.left.chunks.first(), self.right.chunks.first()) {
                (Some(left), Some(right)) if Arc::ptr_eq(left, right) => {
                    self.left.skip_chunk();
                    self.right.skip_chunk();
                }
                _ => break,
            }
        }
        let order = match (self.left.peek(), self.right.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) if Arc::ptr_eq(&left.key, &right.key) => Ordering::Equal,
            (Some(left), Some(right)) => left.key.cmp(&right.key),
        };
        let pair = match (order, self.left.peek(), self.right.peek()) {
            (Ordering::Less, Some(left), _) => Pair::Left(left),
            (Ordering::Greater, _, Some(right)) => Pair::Right(right),
            (_, Some(left), Some(right)) => Pair::Both(left, right),
            _ => return None,
        };
        if !matches!(pair, Pair::Right(_)) {
            self.left.step();
        }
        if !matches!(pair, Pair::Left(_)) {
            self.right.step();
        }
        Some(pair)
    }
}
