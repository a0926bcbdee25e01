//! Change events of Debezium: what became of the rows of a table.
//!
//! Only inserts and reads of a snapshot (`c`, `r`) are events. In an outbox a deletion is its clean-up and says nothing;
//! in a table of events updates and deletions should not be, and are counted. The order is that of the database's log.

use std::borrow::Cow;

use bytes::Bytes;

use super::format::{Basics, Format, Parts, Reading, Skimmed, Sorting, Unreadable};
use super::generic::{Generic, unusable};
use crate::domain::{About, Position, words};
use crate::sources::fields;
use crate::sources::files::mapping::FieldPath;
use crate::sources::files::value;
use crate::sources::sorted::Order;

/// Where the row after the change stands in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Envelope {
    /// `{"before", "after", "op", …}`.
    Plain,
    /// The same under `payload`, beside its `schema`.
    Wrapped,
}

impl Envelope {
    /// The path to a part of the envelope.
    pub fn path(self, keys: &[&str]) -> FieldPath {
        let wrapped = matches!(self, Self::Wrapped).then_some("payload");
        FieldPath::new(wrapped.into_iter().chain(keys.iter().copied()))
    }
}

/// Changes of a table.
pub struct Debezium {
    /// Where the rows are.
    pub envelope: Envelope,
    /// The mapping of the rows, as paths in a record.
    pub rows: Generic,
    /// Whether it is an outbox, whose streams are named by two columns.
    pub outbox: bool,
}

/// The parts of the envelope, behind the slots of the rows.
const PARTS: [&[&str]; 9] = [
    &["op"],
    &["source", "lsn"],
    &["source", "pos"],
    &["source", "file"],
    &["source", "row"],
    &["source", "ts_ms"],
    &["ts_ms"],
    &["after", "aggregatetype"],
    &[],
];
const OP: usize = 0;
const LSN: usize = 1;
const POS: usize = 2;
const FILE: usize = 3;
const ROW: usize = 4;
const SOURCE_TIME: usize = 5;
const TIME: usize = 6;
const AGGREGATE: usize = 7;
/// The change itself.
const CHANGE: usize = 8;

impl Debezium {
    fn part<'a>(&self, record: Skimmed<'a>, part: usize) -> &'a [u8] {
        record.slot(self.rows.slots() + part)
    }

    /// The stream, with what an outbox says of its kind.
    fn stream<'a>(&self, record: Skimmed<'a>, stream: Cow<'a, str>) -> Cow<'a, str> {
        match value::name(self.part(record, AGGREGATE)).filter(|_| self.outbox) {
            Some(kind) if !stream.starts_with(&*kind) => Cow::Owned(format!("{kind}-{stream}")),
            _ => stream,
        }
    }

    fn order(&self, record: Skimmed<'_>) -> Order {
        let number = |part: usize| value::whole(self.part(record, part)).and_then(|n| i64::try_from(n).ok());
        match (number(LSN), number(POS)) {
            (Some(lsn), _) => Order(lsn, 0),
            (None, Some(pos)) => {
                // `mysql-bin.000003`: the number of the log's file comes first.
                let file = value::string(self.part(record, FILE)).unwrap_or_default();
                let file = file.rsplit('.').next().and_then(|end| end.parse::<i64>().ok()).unwrap_or(0);
                let row = number(ROW).unwrap_or(0).min(0xffff);
                Order(file, pos.saturating_mul(0x1_0000).saturating_add(row))
            }
            (None, None) => Order::default(),
        }
    }
}

impl Format for Debezium {
    fn about(&self) -> About {
        self.rows.about()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        let mut wanted = self.rows.wanted();
        wanted.extend(PARTS.iter().map(|keys| Some(self.envelope.path(keys))));
        wanted
    }

    fn sorting(&self) -> Sorting {
        Sorting::ByOrder
    }

    fn rewritten(&self, record: &[u8]) -> Option<Result<Vec<u8>, String>> {
        // After a deletion stands a tombstone.
        (record.trim_ascii() == b"null")
            .then(|| Ok(b"{\"op\":\"tombstone\",\"payload\":{\"op\":\"tombstone\"}}".to_vec()))
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        match value::string(self.part(record, OP)).as_deref() {
            Some("c" | "r") => {}
            Some("u" | "d" | "t" | "m" | "tombstone") => return Reading::Aside,
            _ => return Reading::bad(unusable("op", self.part(record, OP))),
        }
        let order = self.order(record);
        match self.rows.read(record) {
            Reading::Event(basics) => {
                let time = basics.time.or_else(|| {
                    [SOURCE_TIME, TIME].into_iter().find_map(|part| value::instant(self.part(record, part)))
                });
                let stream = self.stream(record, basics.stream);
                Reading::Event(Basics { stream, time, order, ..basics })
            }
            Reading::Bad(bad) => {
                let stream = bad.stream.map(|stream| self.stream(record, stream));
                Reading::Bad(Unreadable { stream, order: Some(order), ..bad })
            }
            Reading::Aside => Reading::Aside,
        }
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let (mut parts, mut used) = self.rows.parts_used(skimmed, record);
        let (lsn, pos) = (self.part(skimmed, LSN), self.part(skimmed, POS));
        parts.position = match (value::whole(lsn), value::whole(pos)) {
            (Some(lsn), _) => Some(Position::Number(lsn)),
            (None, Some(pos)) => Some(match value::string(self.part(skimmed, FILE)) {
                Some(file) => Position::Text(format!("{file}:{pos}").into()),
                None => Position::Number(pos),
            }),
            (None, None) => parts.position,
        };
        let mut take = |part: usize| used.push(self.rows.slots() + part);
        if value::whole(lsn).is_some() {
            take(LSN);
        } else if value::whole(pos).is_some() {
            take(POS);
            take(FILE);
        }
        if self.outbox {
            take(AGGREGATE);
        }
        // A schema beside the change describes how it is written, and says nothing of it.
        let change = self.part(skimmed, CHANGE);
        parts.fields = fields::left_in(skimmed.text, change, skimmed.skimmer, &used);
        parts
    }

    fn asides(&self, count: u64) -> String {
        match self.outbox {
            true => format!("{} left out: the outbox's clean-up (deletions)", words::counted(count, "record")),
            false => {
                format!("{} left out: updates or deletions of rows, and no new events", words::counted(count, "record"))
            }
        }
    }

    fn misses_asides(&self) -> bool {
        // Events that were changed or deleted after they were written are shown as they were.
        !self.outbox
    }
}
