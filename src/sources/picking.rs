//! Which rows of an index are what somebody asks for. Each name is looked at once, not once for each of its events.

use super::index::{Index, Stream};
use crate::domain::Asked;

/// A question at work.
pub struct Picking<'a> {
    index: &'a Index,
    asked: &'a Asked<'a>,
    /// Whether each type is asked for.
    types: Vec<bool>,
    /// Whether each stream is, where it was looked at.
    streams: Vec<Option<bool>>,
}

impl<'a> Picking<'a> {
    /// A question about the rows of an index.
    pub fn new(index: &'a Index, asked: &'a Asked<'a>) -> Self {
        let types =
            asked.types.map_or_else(Vec::new, |wanted| index.types().iter().map(|(name, _)| wanted(name)).collect());
        let streams = if asked.streams.is_some() { vec![None; index.stream_count()] } else { Vec::new() };
        Self { index, asked, types, streams }
    }

    /// Whether a row is asked for: `None` when it is not, and else whether that is certain.
    pub fn picks(&mut self, row: u32) -> Option<bool> {
        // What could not be read is nothing that can be asked for.
        let stream = self.index.stream_number(row).filter(|_| self.index.is_event(row))?;
        let mut certain = true;
        if self.asked.types.is_some() {
            match self.index.type_number(row) {
                Some(number) => self.types.get(number).copied().unwrap_or(false).then_some(())?,
                // Of very many types not all are kept.
                None => certain = false,
            }
        }
        match self.asked.is_within(self.index.milliseconds(row)) {
            Some(within) => within.then_some(())?,
            None => certain = false,
        }
        if let (Some(wanted), Some(known)) = (self.asked.streams, self.streams.get_mut(stream)) {
            let index = self.index;
            let looked = || index.stream_of(row).map(Stream::name).is_some_and(wanted);
            known.get_or_insert_with(looked).then_some(())?;
        }
        Some(certain)
    }
}
