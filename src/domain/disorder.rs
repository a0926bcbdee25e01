//! What lies in a store in another order than it is shown in.

use super::report::Kind;
use super::{StreamName, words};

/// By what events are shown that lie in another order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ShownBy {
    /// By the positions they say.
    Position,
    /// By their times.
    Time,
    /// By what else the layout of the store says.
    #[default]
    Layout,
}

impl ShownBy {
    /// What a later event has more of, and by what they are shown.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Position => ("a higher position", "position"),
            Self::Time => ("a later time", "time"),
            Self::Layout => ("a later place", "the order of the layout"),
        }
    }
}

/// Events that lie in another order than they are shown in: how many, and where that is seen first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Disorder {
    /// Streams that are shown by version and lie in another order, as they are met; at most [`Self::STREAMS`].
    pub streams: Vec<Moved>,
    /// How many such streams there are.
    pub in_streams: u64,
    /// How many of their events have a lower version than the one that lies before them in their stream.
    pub versions: u64,
    /// How many events lie behind one that is shown behind them, whatever their streams are.
    pub places: u64,
    /// The first of those, with its version.
    pub first: Option<(StreamName, Option<u64>)>,
    /// By what those are shown.
    pub by: ShownBy,
    /// Whether it lies as it was written, as the lines of a file do; the rows of a table need not.
    pub as_written: bool,
}

/// A stream that lies in another order than that of its versions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Its name.
    pub stream: StreamName,
    /// How many of its events have a lower version than the one that lies before them.
    pub events: u64,
    /// The version of the first of those.
    pub version: u64,
    /// The version of the event that lies before it.
    pub before: u64,
}

impl Moved {
    /// What is seen there.
    pub fn text(&self) -> String {
        format!("version {} lies behind version {}: the stream is shown by version", self.version, self.before)
    }
}

impl Disorder {
    /// Streams that are named.
    pub const STREAMS: usize = 256;

    /// What of it is normal, among so many events.
    pub fn normal(&self, events: u64) -> Vec<(Kind, &'static str)> {
        let mut normal = Vec::new();
        if self.places > 0 && self.is_usual() {
            normal.push((Kind::PositionsBack, "the rows of a table need not lie by position: they are shown by it"));
        }
        // As in a table that is kept by a random key. Few prove nothing.
        if self.versions >= 8 && self.versions.saturating_mul(4) > events {
            normal.push((Kind::VersionsBack, "the rows lie in no order of their own: streams are shown by version"));
        }
        normal
    }

    /// Whether places that go back mean little: the rows of a table need not lie by position.
    fn is_usual(&self) -> bool {
        self.by == ShownBy::Position && !self.as_written
    }

    /// What must be said of it.
    pub fn caveats(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        if self.versions > 0 {
            let lie = match self.versions {
                1 => "1 event has a lower version than the one that lies before it in its stream".to_owned(),
                many => format!(
                    "{} events of {} have a lower version than the one that lies before them in their stream",
                    words::count(many),
                    words::counted(self.in_streams, "stream")
                ),
            };
            told.push(format!("{lie}: shown by version"));
        }
        if !self.is_usual() {
            told.extend(self.places());
        }
        told
    }

    /// What is said of it among the reasons for how the store is read.
    pub fn reasons(&self) -> Option<String> {
        self.places().filter(|_| self.is_usual())
    }

    fn places(&self) -> Option<String> {
        let (more, by) = self.by.words();
        let lie = if self.places == 1 { "lies" } else { "lie" };
        let events = words::counted(self.places, "event");
        (self.places > 0).then(|| format!("{events} {lie} behind one with {more}: shown by {by}"))
    }
}
