//! Numbers for rows: the row number itself where it is a usual one, else a number given out in the order of the scan.
//!
//! Invariant: what is open never changes, so every scan gives the same row the same number.

use std::collections::BTreeMap;
use std::io;

use rusqlite::types::Value;

use crate::sources::cache::{Kept, Sequence};
use crate::sources::index::saved::{Reader, Writer};

/// Row numbers from 0 up to this are places; places from here on are given out. All are below 2^47.
const GIVEN: u64 = 1 << 46;
/// Of the primary keys of a table every so manieth is kept: the rows between are reached by walking on.
pub const KEPT: usize = 64;

/// The rows of a table that have no usual row number, in the order of the scan.
#[derive(Debug, Default)]
pub struct Places {
    /// Row numbers that are negative or huge.
    rows: Vec<i64>,
    /// Primary keys, each with the place in the scan of its row.
    keys: Vec<(usize, Box<[Value]>)>,
    /// How many rows were given a place by their keys.
    given: usize,
    /// The places of what the scan could not read, and why: of many rows that lie in one damaged part, the first.
    faults: BTreeMap<u64, String>,
}

/// Where a place leads to.
#[derive(Clone, PartialEq, Debug)]
pub enum Leads {
    /// To a row number.
    Row(i64),
    /// To the n-th row of a scan, which is at or behind the one with the number and the key given.
    Key(usize, usize, Box<[Value]>),
    /// To what could not be read when it was scanned, and why.
    Fault(String),
    /// Nowhere: it was never given out.
    Nowhere,
}

/// The place of a row number, when it is a usual one.
pub fn usual(row: i64) -> Option<u64> {
    u64::try_from(row).ok().filter(|row| *row < GIVEN)
}

/// The place of the n-th row of a scan.
pub fn given(nth: usize) -> u64 {
    GIVEN + nth as u64
}

impl Places {
    /// Gives the n-th unusual row number of a scan its place.
    pub fn give_row(&mut self, nth: usize, row: i64) -> u64 {
        if nth == self.rows.len() {
            self.rows.push(row);
        }
        given(nth)
    }

    /// Gives the n-th row of a scan its place. Its key is asked for, and kept, when the last one kept lies far enough
    /// behind (`every` rows); one that cannot be asked for again is none, and the next row is tried.
    pub fn give_key(&mut self, nth: usize, every: usize, key: impl FnOnce() -> Option<Box<[Value]>>) -> u64 {
        if nth == self.given {
            self.given += 1;
            if self.keys.last().is_none_or(|(last, _)| nth - last >= every) {
                self.keys.extend(key().map(|key| (nth, key)));
            }
        }
        given(nth)
    }

    /// Notes what cannot be read.
    pub fn note(&mut self, place: u64, why: &str) {
        self.faults.insert(place, why.to_owned());
    }

    /// Why parts of the table cannot be read.
    pub fn faults(&self) -> impl Iterator<Item = &str> {
        self.faults.values().map(String::as_str)
    }

    /// Where a place leads to.
    pub fn leads(&self, place: u64) -> Leads {
        if let Some(why) = self.faults.get(&place) {
            return Leads::Fault(why.clone());
        }
        let Some(nth) = place.checked_sub(GIVEN) else { return Leads::Row(place as i64) };
        let Ok(nth) = usize::try_from(nth) else { return Leads::Nowhere };
        if let Some(row) = self.rows.get(nth) {
            return Leads::Row(*row);
        }
        let behind = self.keys.partition_point(|(first, _)| *first <= nth);
        match behind.checked_sub(1).and_then(|at| self.keys.get(at)) {
            Some((first, key)) if nth < self.given => Leads::Key(nth, *first, key.clone()),
            _ => Leads::Nowhere,
        }
    }

    /// Tells them.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn save(&self, out: &mut Kept<'_>) -> io::Result<()> {
        out.written(|out| out.number(self.given as u64))?;
        out.list(&self.rows, |out, &row| out.number(row as u64))?;
        out.list(&self.keys, |out, (nth, key)| {
            out.number(*nth as u64);
            key.iter().for_each(|value| write_value(out, value));
        })?;
        let faults: Vec<_> = self.faults.iter().collect();
        out.list(&faults, |out, (place, why)| {
            out.number(**place);
            out.bytes(why.as_bytes());
        })
    }

    /// Reads back what was told of a table whose keys have so many columns; none have those of a table with row numbers.
    pub fn load(front: &mut Sequence, width: usize) -> Option<Self> {
        let given = front.read(|read| usize::try_from(read.number()?).ok())?;
        let rows = front.list(|read| Some(read.number()? as i64))?;
        let keys = front.list(|read| {
            let nth = usize::try_from(read.number()?).ok()?;
            Some((nth, (0..width).map(|_| read_value(read)).collect::<Option<Box<[Value]>>>()?))
        })?;
        let faults = front.list(|read| Some((read.number()?, String::from_utf8(read.bytes()?.to_vec()).ok()?)))?;
        let ascend = keys.is_sorted_by(|(a, _), (b, _)| a < b) && keys.last().is_none_or(|(last, _)| *last < given);
        let kind = if width == 0 { given == 0 && keys.is_empty() } else { rows.is_empty() };
        (ascend && kind).then(|| Self { rows, keys, given, faults: faults.into_iter().collect() })
    }
}

fn write_value(out: &mut Writer, value: &Value) {
    let (tag, bytes): (u64, &[u8]) = match value {
        Value::Null => (0, &[]),
        Value::Integer(number) => (1, &number.to_le_bytes()),
        Value::Real(number) => (2, &number.to_le_bytes()),
        Value::Text(text) => (3, text.as_bytes()),
        Value::Blob(bytes) => (4, bytes),
    };
    out.number(tag);
    out.bytes(bytes);
}

fn read_value(read: &mut Reader<'_>) -> Option<Value> {
    let (tag, bytes) = (read.number()?, read.bytes()?);
    Some(match tag {
        0 => Value::Null,
        1 => Value::Integer(i64::from_le_bytes(bytes.try_into().ok()?)),
        2 => Value::Real(f64::from_le_bytes(bytes.try_into().ok()?)),
        3 => Value::Text(String::from_utf8(bytes.to_vec()).ok()?),
        4 => Value::Blob(bytes.to_vec()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::cache::told;

    fn leads(places: &Places) -> Vec<Leads> {
        [0, 5, GIVEN - 1].into_iter().chain((0..200).map(given)).map(|place| places.leads(place)).collect()
    }

    #[test]
    fn places_come_back() {
        let mut rows = Places::default();
        for (nth, row) in [-1, i64::MIN, i64::MAX].into_iter().enumerate() {
            rows.give_row(nth, row);
        }
        rows.note(5, "rows 5 to 9 cannot be read");
        assert_eq!(rows.leads(5), Leads::Fault("rows 5 to 9 cannot be read".into()));
        let mut keys = Places::default();
        let values = [
            [Value::Integer(i64::MIN), Value::Text("a ❤".into())],
            [Value::Real(-0.5), Value::Blob(vec![0, 255])],
            [Value::Null, Value::Text(String::new())],
        ];
        for nth in 0..150 {
            keys.give_key(nth, KEPT, || Some(values[nth / KEPT].clone().into()));
        }
        for (places, width) in [(Places::default(), 0), (Places::default(), 3), (rows, 0), (keys, 2)] {
            let load = |width| Places::load(&mut told(|out| places.save(out)), width);
            assert_eq!(leads(&load(width).unwrap()), leads(&places));
            let other_kind = load(if width == 0 { 2 } else { 0 });
            assert!(other_kind.is_none() || places.given == 0 && places.rows.is_empty(), "{places:?}");
        }
        let mut backward = Places { keys: vec![(5, [].into()), (4, [].into())], given: 9, ..Places::default() };
        assert!(Places::load(&mut told(|out| backward.save(out)), 1).is_none());
        backward.keys = vec![(9, [Value::Null].into())];
        assert!(Places::load(&mut told(|out| backward.save(out)), 1).is_none(), "it was never given");
    }
}
