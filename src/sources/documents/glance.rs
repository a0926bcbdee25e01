//! What a JSON document is, told from its beginning alone, which may end anywhere.

use super::walker::value_end;
use crate::sources::files::value;

/// A document of JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Records in an array, or spread over several lines.
    Generic,
    /// Lines of which each is a record.
    Lines,
    CloudEvents,
    Kcat,
    Debezium,
    /// `{"Item": …}`, one a line.
    DynamoFull,
    /// `{"Metadata": …, "Keys": …, "NewImage": …}`.
    DynamoIncremental,
    /// `{"Items": […]}`.
    DynamoScan,
    /// `{"entries": […]}` of EventStoreDB.
    AtomPages,
    /// The entries themselves.
    AtomEntries,
    /// `{"events": […]}` of Temporal.
    TemporalHistory,
    /// The events themselves.
    TemporalEvents,
    /// What Redux DevTools keeps.
    ReduxLifted,
    /// What its browser extension exports.
    ReduxExport,
}

/// What the beginning of a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Glance {
    /// The format.
    pub kind: Kind,
    /// Whether every record has a line of its own.
    pub by_line: bool,
}

/// Looks at the beginning of a text; `None` when it is no JSON object or array of them.
pub fn glance(head: &[u8], whole: bool) -> Option<Glance> {
    let text = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(head).trim_ascii_start();
    match text.first()? {
        b'[' => {
            let inside = text[1..].trim_ascii_start();
            // An array of plain values is no document of ours; an empty or cut one may be.
            match inside.first() {
                Some(b'{') => Some(Glance { kind: kind(&members(inside)), by_line: false }),
                Some(b']') | None => Some(Glance { kind: Kind::Generic, by_line: false }),
                _ => None,
            }
        }
        b'{' => Some(object(text, whole)),
        _ => None,
    }
}

fn object(text: &[u8], whole: bool) -> Glance {
    // The first line may be broken; one of the next ones tells then.
    let lines = text.split(|&b| b == b'\n').take(16);
    let first_line = lines.clone().next().unwrap_or_default();
    let ends = first_line.len() < text.len() || whole;
    let is_whole = |line: &[u8]| value_end(line).is_some_and(|end| line[end..].trim_ascii().is_empty());
    let records = lines.filter(|line| line.first() == Some(&b'{') && is_whole(line));
    let mut by_line = records.map(|line| kind(&members(line)));
    if let Some(kind) = by_line.next() {
        return Glance { kind: if kind == Kind::Generic { Kind::Lines } else { kind }, by_line: true };
    }
    let members = members(text);
    let found = kind(&members);
    if found != Kind::Generic {
        return Glance { kind: found, by_line: !ends && !matches!(found, Kind::DynamoScan) };
    }
    // Several lines, of which none is a record: spread out, if that is JSON as far as it goes.
    let end = value_end(text);
    let spread = ends && (end.is_some() || !members.faulty) && !members.list.is_empty();
    Glance { kind: if spread { Kind::Generic } else { Kind::Lines }, by_line: !spread }
}

/// The members of an object as far as they can be seen.
#[derive(Debug, Default)]
struct Members<'a> {
    list: Vec<(String, &'a [u8])>,
    /// Whether it is no JSON somewhere.
    faulty: bool,
}

impl<'a> Members<'a> {
    fn get(&self, key: &str) -> Option<&'a [u8]> {
        self.list.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.get(key).is_some())
    }

    /// Whether a value is an array of objects, the first of which is told of.
    fn elements(&self, key: &str) -> Option<Members<'a>> {
        let inside = self.get(key)?.strip_prefix(b"[")?.trim_ascii_start();
        inside.starts_with(b"{").then(|| members(inside))
    }

    fn object(&self, key: &str) -> Option<Members<'a>> {
        self.get(key).filter(|value| value.starts_with(b"{")).map(members)
    }
}

/// The first members of the object at the start of a text that may be cut; values that are cut are told as far as they go.
fn members(text: &[u8]) -> Members<'_> {
    let mut members = Members::default();
    let mut rest = text.get(1..).unwrap_or_default().trim_ascii_start();
    while members.list.len() < 64 {
        match rest.first() {
            Some(b'"') => {}
            Some(b'}') | None => return members,
            _ => break,
        }
        let Some(key_end) = value_end(rest) else { return members };
        let Some(key) = value::string(&rest[..key_end]) else { break };
        let Some(after) = rest[key_end..].trim_ascii_start().strip_prefix(b":") else {
            members.faulty = !rest[key_end..].trim_ascii_start().is_empty();
            return members;
        };
        rest = after.trim_ascii_start();
        let end = value_end(rest).filter(|&end| end < rest.len());
        members.list.push((key.into_owned(), &rest[..end.unwrap_or(rest.len())]));
        let Some(end) = end else {
            members.faulty = is_faulty(rest);
            return members;
        };
        rest = rest[end..].trim_ascii_start();
        match rest.first() {
            Some(b',') => rest = rest[1..].trim_ascii_start(),
            Some(b'}') | None => return members,
            _ => break,
        }
    }
    members.faulty = members.list.len() < 64;
    members
}

fn is_faulty(text: &[u8]) -> bool {
    use super::scan::{Outcome, Scanner};
    matches!(Scanner::default().scan(&mut text.to_vec(), 0), Outcome::Fault(..))
}

fn kind(members: &Members<'_>) -> Kind {
    let is_typed = |members: Members<'_>| {
        members.list.first().is_some_and(|(_, value)| {
            value.starts_with(b"{")
                && self::members(value).list.first().is_some_and(|(key, _)| {
                    matches!(key.as_str(), "S" | "N" | "B" | "BOOL" | "NULL" | "M" | "L" | "SS" | "NS" | "BS")
                })
        })
    };
    let is_change = |members: &Members<'_>| {
        members.get("op").is_some_and(|op| op.len() <= 4)
            && (members.get("before").is_some() || members.get("after").is_some())
    };
    if members.has(&["specversion", "id", "source", "type"]) {
        return Kind::CloudEvents;
    }
    // The payload may lie behind what is seen of a record; other tools write the same fields and call it `value`.
    let may_have_payload = members.has(&["payload"]) || members.has(&["key"]) && !members.has(&["value"]);
    if members.has(&["topic", "partition", "offset"]) && may_have_payload {
        return Kind::Kcat;
    }
    if is_change(members) || members.object("payload").is_some_and(|payload| is_change(&payload)) {
        return Kind::Debezium;
    }
    if members.object("Item").is_some_and(is_typed) {
        return Kind::DynamoFull;
    }
    if members.object("Keys").is_some_and(is_typed) && (members.has(&["NewImage"]) || members.has(&["OldImage"])) {
        return Kind::DynamoIncremental;
    }
    if members.elements("Items").is_some_and(is_typed) {
        return Kind::DynamoScan;
    }
    let is_entry = |entry: &Members<'_>| {
        entry.has(&["eventType"]) && (entry.has(&["eventNumber"]) || entry.has(&["positionEventNumber"]))
    };
    if members.elements("entries").is_some_and(|entry| is_entry(&entry) || entry.has(&["summary", "id", "updated"])) {
        return Kind::AtomPages;
    }
    if is_entry(members)
        && members.has(&["streamId"])
        && (members.has(&["isJson"]) || members.has(&["positionEventNumber"]))
    {
        return Kind::AtomEntries;
    }
    let is_history = |event: &Members<'_>| {
        event.has(&["eventId", "eventType"]) && (event.has(&["eventTime"]) || event.has(&["taskId"]))
    };
    if members.elements("events").is_some_and(|event| is_history(&event)) {
        return Kind::TemporalHistory;
    }
    if is_history(members) && members.list.iter().any(|(key, _)| key.ends_with("EventAttributes") || key == "taskId") {
        return Kind::TemporalEvents;
    }
    if members.has(&["actionsById"]) || members.has(&["stagedActionIds"]) || members.has(&["computedStates"]) {
        return Kind::ReduxLifted;
    }
    let is_export = |(key, value): &(String, &[u8])| {
        matches!(key.as_str(), "payload" | "preloadedState") && value.starts_with(b"\"")
    };
    if !members.list.is_empty()
        && members.list.iter().all(is_export)
        && members.get("payload").is_none_or(|text| text.starts_with(b"\"["))
    {
        return Kind::ReduxExport;
    }
    Kind::Generic
}
