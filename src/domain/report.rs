//! What the doctor says: findings, each with its first example, and what was looked at.

use super::{Event, Position, StreamName, Timestamp, Version, words};

/// How much a finding matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The history is damaged or contradicts itself.
    Error,
    /// Something that should be looked at.
    Warning,
    /// Worth knowing; nothing is wrong.
    Note,
}

impl Severity {
    /// Its name: `error`, `warning`, `note`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal, $severity:ident, $one:literal, $many:literal;)+) => {
        /// Kinds of findings, in the order they are told among those of equal severity.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)+];

            /// Its name, in kebab-case: what layouts and programs call it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// How much it matters where nothing says otherwise.
            pub fn severity(self) -> Severity {
                match self { $(Self::$kind => Severity::$severity,)+ }
            }

            /// Whether it says that a reducer cannot fold the store: then not everything could be judged.
            pub fn is_of_reducer(self) -> bool {
                matches!(self, Self::ReducerFails | Self::ReducerFaults)
            }

            /// So many of it, in words.
            pub fn counted(self, count: u64) -> String {
                match self { $(Self::$kind => format!("{} {}", words::count(count), if count == 1 { $one } else { $many }),)+ }
            }
        }
    };
}

kinds! {
    /// Records that are no events.
    UnreadableRecords = "unreadable-records", Error,
        "record could not be read as an event", "records could not be read as events";
    /// Why events may be missing or answers wrong.
    Incomplete = "incomplete", Error, "reason why the store may not be whole", "reasons why the store may not be whole";
    /// What holds events of the store and was not looked at.
    LeftOut = "left-out-events", Warning,
        "table of events is not shown and was not looked at", "tables of events are not shown and were not looked at";
    /// Two events of a stream with one version.
    DuplicateVersions = "duplicate-versions", Error,
        "event has a version its stream already has", "events have a version their stream already has";
    /// A field that streams are told apart by only because versions would repeat without it; or one that differs within
    /// streams and would tell them apart.
    DoubtfulKey = "doubtful-key", Warning,
        "doubt about what tells streams apart", "doubts about what tells streams apart";
    /// Events without a version where others of the store have one.
    CountedVersions = "counted-versions", Warning,
        "event has no version of its own", "events have no version of their own";
    /// Versions missing inside a stream.
    VersionGaps = "version-gaps", Error, "gap in the versions of a stream", "gaps in the versions of streams";
    /// Versions of a stream that go back in the order of the store.
    VersionsBack = "versions-back", Warning,
        "event has a lower version than the one before it in its stream",
        "events have a lower version than the one before them in their stream";
    /// Streams that do not begin where streams begin here.
    FirstVersion = "first-version", Warning,
        "stream does not begin where streams begin here", "streams do not begin where streams begin here";
    /// Numbers missing in the order of the store.
    PositionGaps = "position-gaps", Warning, "gap in the positions", "gaps in the positions";
    /// Two events with one position.
    DuplicatePositions = "duplicate-positions", Error,
        "event has a position another one has", "events have a position another one has";
    /// Positions that go back in the order of the store.
    PositionsBack = "positions-back", Warning,
        "event has a lower position than the one before it", "events have a lower position than the one before them";
    /// Two events with one id.
    DuplicateIds = "duplicate-ids", Error, "event has the id of an earlier one", "events have the id of an earlier one";
    /// Time that goes back from one event of the store to the next.
    TimeBack = "time-back", Warning,
        "event is recorded as earlier than the one before it in the store",
        "events are recorded as earlier than the one before them in the store";
    /// Time that goes back from one event of a stream to the next.
    StreamTimeBack = "stream-time-back", Warning,
        "event is recorded as earlier than the one before it in its stream",
        "events are recorded as earlier than the one before them in their stream";
    /// What stands where a time is and is none.
    UnreadableTimes = "unreadable-times", Warning,
        "event has a time that cannot be read", "events have a time that cannot be read";
    /// Events without a place in the order of the store.
    OutsideOrder = "outside-order", Warning,
        "event has no place in the store's own order", "events have no place in the store's own order";
    /// Payloads that are not what they should be.
    UnparsablePayloads = "unparsable-payloads", Error,
        "payload is not the JSON it should be", "payloads are not the JSON they should be";
    /// Records or payloads in which one key has several values.
    RepeatedKeys = "repeated-keys", Warning,
        "event has a key more than once: the last value counts",
        "events have a key more than once: the last value counts";
    /// Payloads of which nothing is known, or only the name of the encoding.
    UnknownEncodings = "unknown-encodings", Warning, "payload is shown as bytes", "payloads are shown as bytes";
    /// Causes that are not in the store.
    DanglingCausation = "dangling-causation", Warning,
        "event names a cause that is not in the store", "events name a cause that is not in the store";
    /// Links to events that are not there.
    BrokenLinks = "broken-links", Warning,
        "link leads to an event that is not there", "links lead to events that are not there";
    /// Streams that their reducer could not fold to their end, or that have no state there.
    ReducerFails = "reducer-fails", Warning,
        "stream could not be folded to a state by its reducer", "streams could not be folded to a state by their reducers";
    /// Events that could not be folded by the reducer of their stream.
    ReducerFaults = "reducer-faults", Warning,
        "event could not be folded by its reducer", "events could not be folded by their reducers";
    /// Stored snapshots that are not what the events give.
    SnapshotsDiffer = "snapshots-differ", Error,
        "stored snapshot differs from the fold of its events", "stored snapshots differ from the fold of their events";
    /// Stored snapshots of a version no event has.
    SnapshotsAstray = "snapshots-astray", Error,
        "stored snapshot is of a version its stream does not have",
        "stored snapshots are of versions their streams do not have";
    /// Snapshots that cannot be read, or whose events cannot be folded.
    SnapshotsUnread = "snapshots-unread", Warning,
        "stored snapshot could not be compared", "stored snapshots could not be compared";
    /// What the store says of its streams and their events do not.
    DeclaredVersions = "declared-versions", Error,
        "stream has another version in the store's list of streams than in its events",
        "streams have another version in the store's list of streams than in their events";
    /// Payloads far larger than their like.
    PayloadOutliers = "payload-outliers", Note,
        "payload is far larger than its like", "payloads are far larger than their like";
    /// Streams that were put away.
    ArchivedStreams = "archived-streams", Note, "stream is archived", "streams are archived";
    /// Streams that were renamed out of the way.
    RenamedStreams = "renamed-streams", Note,
        "stream was renamed out of the way", "streams were renamed out of the way";
    /// Streams, or events of them, that a live reader no longer sees.
    DeletedStreams = "deleted-streams", Note,
        "stream is marked as deleted or has events that are", "streams are marked as deleted or have events that are";
    /// Payloads that were removed on purpose.
    RedactedPayloads = "redacted-payloads", Note, "payload was removed on purpose", "payloads were removed on purpose";
}

/// The place a finding is shown at.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Example {
    /// The stream; `None` for a record that belongs to none.
    pub stream: Option<StreamName>,
    /// The version there, where an event stands there.
    pub version: Option<Version>,
    /// The place in the store.
    pub position: Option<Position>,
    /// When.
    pub time: Option<Timestamp>,
    /// Its place in the walk of what was examined, counted in events from 1.
    pub place: Option<u64>,
    /// What is wrong there, in a sentence without its end.
    pub text: String,
}

impl Example {
    /// The example of an event.
    pub fn of(event: &Event, place: u64, text: impl Into<String>) -> Self {
        // A record that cannot be read may still say which stream it belongs to.
        let belongs = !event.stream.as_str().is_empty();
        Self {
            stream: belongs.then(|| event.stream.clone()),
            version: belongs.then_some(event.version),
            position: Some(event.position.clone()),
            time: event.time,
            place: Some(place),
            text: text.into(),
        }
    }

    /// It in a line, with its times as this door writes them.
    pub fn line(&self, instant: impl Fn(Timestamp) -> String) -> String {
        let mut parts = Vec::new();
        match (&self.stream, self.version) {
            (Some(stream), Some(version)) => parts.push(format!("{stream} version {version}")),
            (Some(stream), None) => parts.push(stream.to_string()),
            (None, _) => {}
        }
        parts.extend(self.position.as_ref().map(|position| format!("position {position}")));
        parts.extend(self.time.map(instant));
        match (parts.is_empty(), self.text.is_empty()) {
            (true, _) => self.text.clone(),
            (_, true) => parts.join(", "),
            _ => format!("{}: {}", parts.join(", "), self.text),
        }
    }

    /// The example of a stream of which no event is named.
    pub fn of_stream(stream: &StreamName, version: Option<Version>, text: impl Into<String>) -> Self {
        Self { stream: Some(stream.clone()), version, text: text.into(), ..Self::default() }
    }
}

/// Something found.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// How much it matters; what is normal here is a note.
    pub severity: Severity,
    /// How often.
    pub count: u64,
    /// How often in words, and what else is known of all of them.
    pub text: String,
    /// Where it is seen first.
    pub example: Option<Example>,
    /// Why it is normal here, where it is.
    pub normal: Option<String>,
}

impl Finding {
    /// Whether something is wrong because of it.
    pub fn is_wrong(&self) -> bool {
        self.severity != Severity::Note
    }
}

/// Something that was looked at, or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What: `versions`, `ids`.
    pub what: &'static str,
    /// How much of it: `1,034 events`.
    pub extent: String,
    /// Why it was not looked at, or not at all of it.
    pub skipped: Option<String>,
    /// Whether some of it was looked at all the same.
    pub partly: bool,
}

impl Check {
    /// All of it was looked at.
    pub fn whole(what: &'static str, extent: String) -> Self {
        Self { what, extent, skipped: None, partly: false }
    }

    /// None of it was looked at, where there are reasons for that.
    pub fn unless(self, reasons: &[String]) -> Self {
        Self { skipped: (!reasons.is_empty()).then(|| reasons.join("; ")), ..self }
    }

    /// Not all of it was looked at, where there are reasons for that.
    pub fn but(self, reasons: &[String]) -> Self {
        Self { partly: !reasons.is_empty(), ..self.unless(reasons) }
    }
}

/// What an examination gives.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Report {
    /// The source, as it may be shown.
    pub source: String,
    /// What it is, with its layout where it has one.
    pub kind: String,
    /// Events looked at.
    pub events: u64,
    /// Streams they belong to.
    pub streams: u64,
    /// Findings, the worst first.
    pub findings: Vec<Finding>,
    /// What was looked at, and what was not.
    pub checks: Vec<Check>,
    /// Whether it was stopped: what is found is so, and there may be more.
    pub partial: bool,
}

impl Report {
    /// Whether something is wrong with the store.
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|finding| finding.is_wrong() && !finding.kind.is_of_reducer())
    }

    /// How many findings have this severity.
    pub fn of(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// How many findings there are of each severity, in words.
    pub fn counts(&self) -> String {
        let count = |severity: Severity| words::counted(self.of(severity) as u64, severity.name());
        [Severity::Error, Severity::Warning, Severity::Note].map(count).join(", ")
    }

    /// The finding of a kind.
    pub fn finding(&self, kind: Kind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_in_kebab_case() {
        let mut names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Kind::ALL.len());
    }

    #[test]
    fn one_of_a_kind_is_told_as_one() {
        assert_eq!(Kind::PositionGaps.counted(1), "1 gap in the positions");
    }
}
