//! An event, and the three ways to say where it stands.
//!
//! `Version` is its place in its stream and `Position` its place in the store, both as the store numbers them.
//! The third number, the dense place in *our* walk, is a plain `u64` called an ordinal (from 0) wherever it occurs.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::payload::Payload;
use super::time::Timestamp;

/// The name of a stream: the ordered events of one aggregate.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// The name as the store writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the stream is one of: the part before the first `-`, `|` or `$` (`order` in `order-1002`, `Order` in `Order$7`),
    /// or before a UUID (`Order` in `Order_2f61396f-5670-44f4-99d0-0f3cf997a501`). The whole name where there is no such
    /// part: a UUID alone tells nothing of its kind, and half of one less.
    pub fn category(&self) -> &str {
        Self::category_of(&self.0)
    }

    /// The category of the stream of this name.
    pub fn category_of(name: &str) -> &str {
        let bytes = name.as_bytes();
        // What a name begins with belongs to it: `$ce-order`, `$$order-1`.
        let lead = bytes.iter().take_while(|&&byte| byte == b'$').count();
        let Some(end) = memchr::memchr3(b'-', b'|', b'$', &bytes[lead..]).map(|at| lead + at) else { return name };
        match uuid_around(bytes, end) {
            // What joins the two is of neither.
            Some(start) => match name[..start].trim_end_matches(|c: char| !c.is_alphanumeric()) {
                "" => name,
                before => before,
            },
            None if end == 0 => name,
            None => &name[..end],
        }
    }
}

/// Where a UUID begins whose first `-` is at this place.
fn uuid_around(name: &[u8], dash: usize) -> Option<usize> {
    const LENGTHS: [usize; 5] = [8, 4, 4, 4, 12];
    let start = dash.checked_sub(LENGTHS[0])?;
    let text = name.get(start..start.checked_add(36)?)?;
    let mut parts = text.split(|&byte| byte == b'-');
    let all = LENGTHS
        .iter()
        .all(|&length| parts.next().is_some_and(|part| part.len() == length && part.iter().all(u8::is_ascii_hexdigit)));
    (all && parts.next().is_none()).then_some(start)
}

impl From<&str> for StreamName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<Arc<str>> for StreamName {
    fn from(name: Arc<str>) -> Self {
        Self(name)
    }
}

impl Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The event's place in its stream, as the store numbers it: from 0 or 1, possibly with gaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The event's place in the whole store, as the store writes it. Only the store compares positions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Position {
    /// A sequence number; the line number (from 1) of a file whose events carry none.
    Number(u64),
    /// Anything else, verbatim.
    Text(Arc<str>),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Why a record of the store could not be read as an event, and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// Where: `line 17`, `record 9`.
    pub place: String,
    /// Why, in words for a person.
    pub reason: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

/// What a store says about an event that the event itself does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// What kind of thing it says.
    pub kind: NoteKind,
    /// The same in words for a person: `link to 5 of order-1`.
    pub text: Arc<str>,
}

impl Note {
    /// A note.
    pub fn new(kind: NoteKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// Kinds of notes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NoteKind {
    /// What stands here is a link; the event shown is the one it leads to.
    Link,
    /// A link whose event is not there.
    BrokenLink,
    /// The store keeps it, but has put its stream away.
    Archived,
    /// The store keeps it, but marked it as deleted, truncated or skipped: a live reader does not see it.
    Deleted,
    /// Its payload was removed on purpose.
    Redacted,
    /// It has no place in the store's own global order.
    Outside,
    /// Anything else.
    Other,
}

/// An immutable fact of the store.
///
/// A record that cannot be read as an event is one too, with `trouble` set: it stands at its place in the walk of the
/// whole store, belongs to no stream (its name is empty) and contributes nothing to any state.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The stream it belongs to.
    pub stream: StreamName,
    /// Its place in that stream, the store's own number.
    pub version: Version,
    /// Its place in the store.
    pub position: Position,
    /// Its identity, where the store keeps one.
    pub id: Option<Arc<str>>,
    /// What happened: `OrderPlaced`.
    pub event_type: Arc<str>,
    /// When it was recorded, where the store says so.
    pub time: Option<Timestamp>,
    /// What it says.
    pub data: Payload,
    /// What is said about it.
    pub metadata: Payload,
    /// The business transaction it belongs to.
    pub correlation: Option<Arc<str>>,
    /// The message that caused it.
    pub causation: Option<Arc<str>>,
    /// What else the store says about it.
    pub notes: Vec<Note>,
    /// Set when the record could not be read.
    pub trouble: Option<Trouble>,
}

impl Event {
    /// Whether the store says this kind of thing about it.
    pub fn has(&self, kind: NoteKind) -> bool {
        self.notes.iter().any(|note| note.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_ends_at_the_first_separator() {
        for (name, category) in [
            ("order-1002", "order"),
            ("account:command-9-1", "account:command"),
            ("Order$7", "Order"),
            ("Order|7-b", "Order"),
            ("lonely", "lonely"),
            ("-x", "-x"),
            ("", ""),
            ("$ce-order", "$ce"),
            ("$$order-1", "$$order"),
            ("$settings", "$settings"),
            ("$by_type_Paid", "$by_type_Paid"),
        ] {
            assert_eq!(StreamName::from(name).category(), category);
        }
    }

    #[test]
    fn a_uuid_is_no_part_of_a_category_and_none_by_itself() {
        const UUID: &str = "2f61396f-5670-44F4-99d0-0f3cf997a501";
        for (before, after, category) in [
            ("order-", "", Some("order")),
            ("Order$", "", Some("Order")),
            ("Order|", "", Some("Order")),
            ("Order_", "", Some("Order")),
            ("shop/order/", "", Some("shop/order")),
            ("shopping_cart:", "", Some("shopping_cart")),
            ("größe: ", "", Some("größe")),
            ("", "", None),
            ("", "-archived-2025-01-01", None),
            ("$", "", None),
        ] {
            let name = format!("{before}{UUID}{after}");
            assert_eq!(StreamName::category_of(&name), category.unwrap_or(&name), "{name}");
        }
        // Nearly one: the first separator ends it.
        for (name, category) in [
            ("2f61396f-5670-44f4-99d0-0f3cf997a50", "2f61396f"),
            ("2f61396f-5670-44f4-99d0-0f3cf997g501", "2f61396f"),
            ("ä61396f-5670-44f4-99d0-0f3cf997a501", "ä61396f"),
        ] {
            assert_eq!(StreamName::category_of(name), category);
        }
    }
}
