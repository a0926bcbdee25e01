//! What the store no longer shows although it still holds it: truncated, expired and deleted events.
//!
//! The metadata of a stream stands in a stream of its own (`$$order-1`); the newest counts. A server hides what it says at
//! once and takes it out of the files at the next scavenge. Here such events stay and are marked.
//!
//! `$maxAge` is measured from the newest event of the log, not from a clock: what is marked had expired by then for
//! certain, and the same files always say the same.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::domain::{Json, Note, NoteKind, StreamName, Timestamp};
use crate::sources::sorted::Order;

/// The number of the event that deletes a stream for good, and the `$tb` that deletes it for now.
pub const LAST: i64 = i64::MAX;

/// What the metadata of a stream says about what to keep.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Rules {
    /// Only so many.
    count: Option<u64>,
    /// Only from the last so many seconds.
    age: Option<u64>,
    /// Only from this number on.
    from: Option<u64>,
}

impl Rules {
    fn read(data: &[u8]) -> Option<Self> {
        let json = Json::parse(data).ok()?;
        let number = |key: &str| json.get(key).and_then(Json::as_i64).and_then(|number| u64::try_from(number).ok());
        Some(Self {
            count: number("$maxCount").filter(|&count| count > 0),
            age: number("$maxAge").filter(|&age| age > 0),
            from: number("$tb").filter(|&from| from > 0),
        })
    }
}

/// What is learnt while the log is read.
#[derive(Debug, Default)]
pub struct Gathered {
    rules: HashMap<Box<str>, (Order, Rules)>,
    deleted: HashMap<Box<str>, ()>,
    newest: Option<Timestamp>,
}

impl Gathered {
    /// An event was written at this time.
    pub fn seen(&mut self, time: Option<Timestamp>) {
        self.newest = self.newest.max(time);
    }

    /// A stream was deleted for good.
    pub fn tombstone(&mut self, stream: &str) {
        self.deleted.insert(stream.into(), ());
    }

    /// An event of the stream `$$` and `stream` says this; gives whether it is metadata at all.
    pub fn metadata(&mut self, stream: &str, order: Order, data: &[u8]) -> bool {
        let Some(rules) = Rules::read(data) else { return false };
        let newest = self.rules.entry(stream.into()).or_insert((order, rules));
        if newest.0 <= order {
            *newest = (order, rules);
        }
        true
    }

    /// What follows from it; `last` gives the number of the last event of a stream.
    pub fn settled(self, last: impl Fn(&str) -> Option<i64>) -> Retention {
        let mut streams: HashMap<Box<str>, Hidden> = HashMap::new();
        for (stream, (_, rules)) in self.rules {
            let mut hidden = Hidden::default();
            if let (Some(count), Some(last)) = (rules.count, last(&stream)) {
                hidden.count = Some((u64::try_from(last).unwrap_or(0).saturating_add(1).saturating_sub(count), count));
            }
            hidden.from = rules.from;
            hidden.before =
                rules.age.and_then(|age| Some((self.newest?.checked_sub(Duration::from_secs(age)).ok()?, age)));
            if hidden != Hidden::default() {
                streams.insert(stream, hidden);
            }
        }
        for (stream, ()) in self.deleted {
            streams.entry(stream).or_default().deleted = true;
        }
        Retention { streams }
    }
}

/// What of a stream is hidden.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Hidden {
    deleted: bool,
    from: Option<u64>,
    /// Below which number, and by which `$maxCount`.
    count: Option<(u64, u64)>,
    /// Before which time, and by which `$maxAge`.
    before: Option<(Timestamp, u64)>,
}

/// What the store hides.
#[derive(Debug, Default)]
pub struct Retention {
    streams: HashMap<Box<str>, Hidden>,
}

impl Retention {
    /// The note on an event that the store hides.
    pub fn note(&self, stream: &str, number: u64, time: Option<Timestamp>) -> Option<Note> {
        let hidden = self.streams.get(stream)?;
        let note = |text: String| Some(Note::new(NoteKind::Deleted, Arc::<str>::from(text)));
        if hidden.deleted && number != LAST as u64 {
            return note("its stream was deleted for good".into());
        }
        if let Some(from) = hidden.from.filter(|&from| number < from && number != LAST as u64) {
            // Before numbers had 64 bits, the last of 32 bits meant the same.
            return match from == LAST as u64 || from == i32::MAX as u64 {
                true => note("its stream was deleted (and may be written to again)".into()),
                false => note(format!("truncated: its stream begins with {from} ($tb)")),
            };
        }
        if let Some((_, count)) = hidden.count.filter(|&(below, _)| number < below) {
            return note(format!("truncated: its stream keeps {count} events ($maxCount)"));
        }
        match (hidden.before, time) {
            (Some((before, age)), Some(time)) if time < before => {
                note(format!("expired: its stream keeps events for {age} s ($maxAge)"))
            }
            _ => None,
        }
    }

    /// Which streams were deleted, for good (`true`) or for now.
    pub fn deleted(&self) -> impl Iterator<Item = (StreamName, bool)> + '_ {
        self.streams.iter().filter_map(|(stream, hidden)| {
            let soft = hidden.from.is_some_and(|from| from == LAST as u64 || from == i32::MAX as u64);
            (hidden.deleted || soft).then(|| (StreamName::from(&**stream), hidden.deleted))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    fn hidden(metadata: &[&str], last: i64) -> Vec<u64> {
        let mut gathered = Gathered::default();
        for (data, at) in metadata.iter().zip(0..) {
            assert!(gathered.metadata("a-1", Order(at, at), data.as_bytes()), "{data}");
        }
        gathered.seen(time(1000 + last));
        let retention = gathered.settled(|_| Some(last));
        (0..=last as u64)
            .filter(|&number| retention.note("a-1", number, time(1000 + number as i64)).is_some())
            .collect()
    }

    #[test]
    fn rules_hide_what_they_say() {
        assert_eq!(hidden(&["{}"], 4), [0; 0]);
        assert_eq!(hidden(&[r#"{"$tb":3}"#], 4), [0, 1, 2]);
        assert_eq!(hidden(&[r#"{"$maxCount":2}"#], 4), [0, 1, 2]);
        assert_eq!(hidden(&[r#"{"$maxCount":9}"#], 4), [0; 0]);
        assert_eq!(hidden(&[r#"{"$maxAge":1}"#], 4), [0, 1, 2]);
        assert_eq!(hidden(&[r#"{"$tb":9223372036854775807}"#], 4), [0, 1, 2, 3, 4]);
        assert_eq!(hidden(&[r#"{"$tb":4}"#, r#"{"$maxCount":4}"#], 4), [0], "the newest counts alone");
        assert_eq!(hidden(&[r#"{"$tb":-3,"$maxCount":0,"$maxAge":"x"}"#], 4), [0; 0]);
    }

    #[test]
    fn a_tombstone_hides_all_but_itself() {
        let mut gathered = Gathered::default();
        gathered.tombstone("a-1");
        assert!(!gathered.metadata("b-1", Order(0, 0), b"not JSON"));
        let retention = gathered.settled(|_| None);
        assert!(retention.note("a-1", 0, None).is_some());
        assert!(retention.note("a-1", LAST as u64, None).is_none());
        assert!(retention.note("b-1", 0, None).is_none());
        assert_eq!(retention.deleted().collect::<Vec<_>>(), [("a-1".into(), true)]);
    }
}
