//! What an index says of its records, in short: enough to tell whether one reading of a store begins with all that an
//! earlier one had.
//!
//! It is of columns, never of payloads: the stream, the type, the version and the time of every record, in the order of
//! the walk. A digest stands for them, so that two readings need not lie in memory side by side to be compared.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::sources::index::PlacedEvent;

/// What the index of a source says of so many records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outline {
    /// How many records there are up to the last one that is an event, bad ones among them.
    pub rows: u64,
    /// How many bad records follow that: a writer in the middle of its write leaves them, so they may turn into events.
    pub loose: u64,
    /// How many links there are.
    pub links: u64,
    digest: u64,
    link_digest: u64,
    /// Of all before the last event, and of its stream: a writer may be in the middle of it.
    but_last: (u64, u64),
}

impl Outline {
    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.rows + self.loose
    }
}

/// Outlines of a source, and of the beginning of it that another one has the length of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outlined {
    /// All of it.
    pub whole: Outline,
    /// Whether it begins with what the other outline is of; so it does when there was no other.
    pub begins: bool,
    /// Whether it does but for the version, the type and the time of the last event.
    pub begins_but_last: bool,
}

/// Makes an outline, one record after the other.
#[derive(Debug)]
pub struct Sketch<'a> {
    earlier: Option<&'a Outline>,
    rows: u64,
    loose: u64,
    links: u64,
    events: DefaultHasher,
    linked: DefaultHasher,
    but_last: (u64, u64),
    /// What was so when there were as many records, and as many links, as the earlier outline has.
    begins: bool,
    begins_but_last: bool,
    links_begin: bool,
}

/// A bad record before an event. No stream has this name: it is no text.
const BAD: u8 = 0xff;

impl<'a> Sketch<'a> {
    /// Nothing yet, to be compared with an earlier outline.
    pub fn new(earlier: Option<&'a Outline>) -> Self {
        let empty = |count: fn(&Outline) -> u64| earlier.is_none_or(|earlier| count(earlier) == 0);
        let (rows, links) = (empty(|outline| outline.rows), empty(|outline| outline.links));
        Self {
            earlier,
            rows: 0,
            loose: 0,
            links: 0,
            events: DefaultHasher::new(),
            linked: DefaultHasher::new(),
            but_last: (0, 0),
            begins: rows,
            begins_but_last: rows,
            links_begin: links,
        }
    }

    /// The next record of the walk, and its time in milliseconds; `None` is a bad one, of whatever stream: what is being
    /// written becomes something else.
    pub fn record(&mut self, event: Option<&PlacedEvent>, time: Option<i64>) {
        let Some(event) = event.filter(|event| event.readable) else {
            self.loose += 1;
            return;
        };
        for _ in 0..self.loose {
            self.events.write_u8(BAD);
        }
        self.rows += self.loose + 1;
        self.loose = 0;
        let before = self.events.finish();
        event.stream.as_str().hash(&mut self.events);
        self.but_last = (before, self.events.finish());
        write(&mut self.events, event, time);
        if let Some(earlier) = self.earlier.filter(|earlier| earlier.rows == self.rows) {
            self.begins = self.events.finish() == earlier.digest;
            self.begins_but_last = self.but_last == earlier.but_last;
        }
    }

    /// The next link: an event of its own stream, with its ordinal there.
    pub fn link(&mut self, event: &PlacedEvent, time: Option<i64>, ordinal: Option<u64>) {
        self.links += 1;
        event.stream.as_str().hash(&mut self.linked);
        write(&mut self.linked, event, time);
        ordinal.hash(&mut self.linked);
        if let Some(earlier) = self.earlier.filter(|earlier| earlier.links == self.links) {
            self.links_begin = self.linked.finish() == earlier.link_digest;
        }
    }

    /// What came out.
    pub fn outlined(self) -> Outlined {
        let whole = Outline {
            rows: self.rows,
            loose: self.loose,
            links: self.links,
            digest: self.events.finish(),
            link_digest: self.linked.finish(),
            but_last: self.but_last,
        };
        let (begins, begins_but_last) = (self.begins && self.links_begin, self.begins_but_last && self.links_begin);
        Outlined { whole, begins, begins_but_last }
    }
}

/// What stands beside the name of its stream.
fn write(hasher: &mut DefaultHasher, event: &PlacedEvent, time: Option<i64>) {
    event.event_type.as_deref().hash(hasher);
    event.version.hash(hasher);
    time.hash(hasher);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Events by their streams; `!` is a bad record, `>` before the name a link.
    fn sketched(names: &[&str], earlier: Option<&Outline>) -> Outlined {
        let mut sketch = Sketch::new(earlier);
        let mut ordinals = std::collections::HashMap::<&str, u64>::new();
        let events = names.iter().filter(|name| !name.starts_with('>'));
        for name in events.chain(names.iter().filter(|name| name.starts_with('>'))) {
            let stream = name.trim_start_matches('>');
            let ordinal = ordinals.entry(stream).or_default();
            let event =
                PlacedEvent { stream: stream.into(), event_type: Some("T".into()), version: *ordinal, readable: true };
            match *name {
                "!" => sketch.record(None, None),
                name if name.starts_with('>') => sketch.link(&event, Some(1), Some(*ordinal)),
                _ => sketch.record(Some(&event), Some(1)),
            }
            *ordinal += 1;
        }
        sketch.outlined()
    }

    fn begins(earlier: &[&str], later: &[&str]) -> bool {
        let earlier = sketched(earlier, None);
        assert!(earlier.begins);
        sketched(later, Some(&earlier.whole)).begins
    }

    #[test]
    fn what_only_grew_begins_with_what_it_was() {
        assert!(begins(&[], &["a"]) && begins(&["a", "b"], &["a", "b"]) && begins(&["a", "b"], &["a", "b", "a"]));
        assert!(!begins(&["a", "b"], &["b", "a"]) && !begins(&["a", "b"], &["a"]) && !begins(&["a"], &[]));
        assert!(!begins(&["a", "b"], &["a", "c", "b"]), "inserted");
    }

    #[test]
    fn bad_records_at_the_end_may_turn_into_events_and_no_others() {
        assert!(begins(&["a", "!"], &["a", "b"]) && begins(&["!"], &["a"]) && begins(&["a", "!", "!"], &["a", "!"]));
        assert!(begins(&["a", "!", "b"], &["a", "!", "b", "!"]));
        assert!(!begins(&["a", "!", "b"], &["a", "x", "b"]) && !begins(&["a", "x", "b"], &["a", "!", "b"]));
        let whole = sketched(&["!", "a", "!", "!"], None).whole;
        assert_eq!((whole.rows, whole.loose, whole.records()), (2, 2, 4));
    }

    #[test]
    fn the_last_event_may_be_half_of_one() {
        let but_last = |earlier: &[&str], later: &[&str], version: u64| {
            let event = |name: &&str, version| PlacedEvent {
                stream: (*name).into(),
                event_type: None,
                version,
                readable: true,
            };
            let sketched = |names: &[&str], at: usize, known: Option<&Outline>| {
                let mut sketch = Sketch::new(known);
                for (number, name) in names.iter().enumerate() {
                    sketch.record(Some(&event(name, if number == at { version } else { 12 })), None);
                }
                sketch.outlined()
            };
            let known = sketched(earlier, earlier.len() - 1, None).whole;
            let found = sketched(later, usize::MAX, Some(&known));
            (found.begins, found.begins_but_last)
        };
        assert_eq!(but_last(&["a", "b"], &["a", "b", "c"], 12), (true, true));
        assert_eq!(but_last(&["a", "b"], &["a", "b", "c"], 1), (false, true));
        assert_eq!(but_last(&["a", "b"], &["a", "bc", "c"], 1), (false, false), "of its stream it is sure");
        assert_eq!(but_last(&["a", "b"], &["x", "b", "c"], 1), (false, false));
    }

    #[test]
    fn links_keep_their_ordinals_or_it_is_another_store() {
        assert!(begins(&["a", ">l"], &["a", "b", ">l", ">l", ">m"]));
        assert!(!begins(&["a", ">l"], &["a", "b"]) && !begins(&["a", ">l", ">m"], &["a", ">m", ">l"]));
        assert!(!begins(&["a", ">a"], &["a", "a", ">a"]), "an event came before a link of its stream");
    }
}
