//! Numbers for rows: the row number itself where it is a usual one, else a number given out in the order of the scan.
//!
//! Invariant: what is open never changes, so every scan gives the same row the same number.

use rusqlite::types::Value;

/// Row numbers from 0 up to this are places; places from here on are given out. All are below 2^47.
const GIVEN: u64 = 1 << 46;

/// What finds a row that has no usual row number.
#[derive(Clone, PartialEq, Debug)]
pub enum Unusual {
    /// A row number that is negative or huge.
    Row(i64),
    /// A primary key.
    Key(Box<[Value]>),
}

/// The rows of a table that have no usual row number, in the order of the scan.
#[derive(Debug, Default)]
pub struct Places {
    rows: Vec<Unusual>,
}

/// Where a place leads to.
#[derive(Clone, PartialEq, Debug)]
pub enum Leads {
    /// To a row number.
    Row(i64),
    /// To a primary key.
    Key(Box<[Value]>),
    /// Nowhere: it was never given out.
    Nowhere,
}

/// The place of a row number, when it is a usual one.
pub fn usual(row: i64) -> Option<u64> {
    u64::try_from(row).ok().filter(|row| *row < GIVEN)
}

impl Places {
    /// Gives the n-th unusual row of a scan its place.
    pub fn give(&mut self, nth: usize, row: impl FnOnce() -> Unusual) -> u64 {
        if nth == self.rows.len() {
            self.rows.push(row());
        }
        GIVEN + nth as u64
    }

    /// Where a place leads to.
    pub fn leads(&self, place: u64) -> Leads {
        match place.checked_sub(GIVEN) {
            None => Leads::Row(place as i64),
            Some(nth) => match usize::try_from(nth).ok().and_then(|nth| self.rows.get(nth)) {
                Some(Unusual::Row(row)) => Leads::Row(*row),
                Some(Unusual::Key(key)) => Leads::Key(key.clone()),
                None => Leads::Nowhere,
            },
        }
    }
}
