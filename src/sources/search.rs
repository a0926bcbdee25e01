//! Searching a source that has no better way: every event of the scope is read and looked at. And what a match is, for
//! every way of searching.

use std::ops::ControlFlow;

use memchr::memmem::Finder;

use super::{Source, fields};
use crate::domain::json::spelled_out;
use crate::domain::{Cancel, Event, EventQuery, Failure, Pattern, Payload, Scope, SearchStep};

/// How many events are read at a time.
const PAGE: usize = 1024;

/// Searches page after page.
///
/// # Errors
/// As `Source::search`.
pub fn by_pages<S: Source + ?Sized>(
    source: &S,
    pattern: &Pattern,
    scope: &Scope,
    cancel: &Cancel,
    told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
) -> Result<(), Failure> {
    source.complete(cancel, &mut |_| ())?;
    let matcher = Matcher::new(pattern);
    let mut from = 0;
    loop {
        let page = source.events(&EventQuery::at(scope.clone(), from, PAGE), cancel)?;
        if page.events.is_empty() {
            return Ok(());
        }
        for event in &page.events {
            if matcher.matches(event) && told(SearchStep::Hit(from)).is_break() {
                return Ok(());
            }
            from += 1;
        }
        if told(SearchStep::Searched(from, page.total)).is_break() {
            return Ok(());
        }
    }
}

/// What tells whether an event holds a pattern: in its payloads, as they are stored or as what they stand for, in its type,
/// in the name of its stream, in its ids and in its notes. This is what a match is, wherever one is looked for.
///
/// Stored payloads are mostly JSON, where a text can be spelled in many ways. What is looked for is looked for in the text as
/// it is stored, and where that has escapes, in what they stand for.
pub struct Matcher<'a> {
    pattern: &'a Pattern,
    /// The spellings of a text, the text itself first.
    spellings: Vec<Finder<'static>>,
    /// What stored bytes have that may hold it without having one of these spellings.
    hiding: Vec<Finder<'static>>,
}

impl<'a> Matcher<'a> {
    /// A matcher for a pattern.
    pub fn new(pattern: &'a Pattern) -> Self {
        let spellings = match pattern {
            Pattern::Text(text) => spellings(text),
            Pattern::Expression(_) => Vec::new(),
        };
        let finder = |text: &str| Finder::new(text.as_bytes()).into_owned();
        Self {
            pattern,
            spellings: spellings.iter().map(|text| finder(text)).collect(),
            hiding: hiding(pattern).iter().map(|text| finder(text)).collect(),
        }
    }

    /// Whether an event holds it.
    pub fn matches(&self, event: &Event) -> bool {
        self.names(event.stream.as_str())
            || self.names(&event.event_type)
            || texts(event).any(|(_, text)| self.names(text))
            || [&event.data, &event.metadata].into_iter().any(|payload| self.payload(payload))
            || self.fields(&event.fields)
    }

    /// Whether a name, an id or a note holds it.
    pub fn names(&self, name: &str) -> bool {
        match (self.pattern, self.spellings.first()) {
            (Pattern::Expression(expression), _) => expression.is_match(name.as_bytes()),
            (Pattern::Text(_), finder) => finder.is_some_and(|finder| finder.find(name.as_bytes()).is_some()),
        }
    }

    /// Whether bytes hold it as they are.
    pub fn plain(&self, bytes: &[u8]) -> bool {
        match self.pattern {
            Pattern::Expression(expression) => expression.is_match(bytes),
            Pattern::Text(_) => self.spellings.iter().any(|finder| finder.find(bytes).is_some()),
        }
    }

    /// Whether an event of a record can hold it. Only a no is certain: of a record that has escapes deeper than they are
    /// looked into, its event must be asked.
    pub fn may_be_in(&self, record: &[u8]) -> bool {
        if self.plain(record) {
            return true;
        }
        let mut hidden = self.hides(record);
        if !hidden {
            return false;
        }
        for text in spelled_out(record) {
            hidden = self.hides(&text);
            if !hidden || self.plain(&text) {
                return self.plain(&text);
            }
        }
        hidden
    }

    /// All that tells, in a block of records, which of them may hold a text: one is in each of those.
    pub fn signs<'b>(&'b self, block: &[u8]) -> impl Iterator<Item = &'b Finder<'static>> + use<'b> {
        // Only the text itself has no backslash, or even that has.
        let (text, others) = self.spellings.split_at(self.spellings.len().min(1));
        let others = [others, &self.hiding];
        let has_escapes = memchr::memchr(b'\\', block).is_some();
        text.iter().chain(others.into_iter().flatten().filter(move |_| has_escapes))
    }

    /// Whether stored JSON holds it, as it is or in what its escapes stand for.
    fn stored(&self, bytes: &[u8]) -> bool {
        self.plain(bytes) || (self.hides(bytes) && spelled_out(bytes).any(|text| self.plain(&text)))
    }

    fn hides(&self, bytes: &[u8]) -> bool {
        memchr::memchr(b'\\', bytes).is_some() && self.hiding.iter().any(|finder| finder.find(bytes).is_some())
    }

    /// A name or a value among fields holds it. What lies across two of them is not looked for: they need not stand beside
    /// each other where they are stored.
    fn fields(&self, fields: &Payload) -> bool {
        fields::any_piece(fields, |piece| self.stored(piece))
    }

    fn payload(&self, payload: &Payload) -> bool {
        !payload.is_absent()
            && (self.stored(payload.stored())
                || (payload.encoding().is_some() && self.stored(payload.text().as_bytes())))
    }
}

/// What an event says of itself beside its names and payloads, with what it is called: its ids and what the store notes. Where they
/// come from a record, each is a piece of it, except a cause that is made of a stream and a version.
pub fn texts(event: &Event) -> impl Iterator<Item = (&'static str, &str)> {
    let ids = [("id", &event.id), ("correlation", &event.correlation), ("causation", &event.causation)];
    let ids = ids.into_iter().filter_map(|(name, id)| Some((name, id.as_deref()?)));
    let notes = event.notes.iter().filter(|note| !note.kind.is_ours());
    ids.chain(notes.map(|note| ("notes", &*note.text)))
}

/// What is in all JSON text that holds a pattern but neither its text nor one of its usual spellings. Any character may be
/// spelled `\u`, and a slash `\/`; only a text without quotes and the like cannot be spelled with other escapes.
fn hiding(pattern: &Pattern) -> &'static [&'static str] {
    match pattern {
        Pattern::Text(text) if text.contains(|c: char| c.is_ascii_control() || matches!(c, '"' | '\\')) => &["\\"],
        Pattern::Text(text) if text.contains('/') => &["\\u", "\\/"],
        Pattern::Text(_) => &["\\u"],
        Pattern::Expression(_) => &["\\"],
    }
}

/// How a text is usually spelled inside a JSON string.
fn spellings(text: &str) -> Vec<String> {
    let spell = |escaped: &dyn Fn(char) -> Option<String>| -> String {
        text.chars().map(|c| escaped(c).unwrap_or_else(|| c.to_string())).collect()
    };
    let short = |c: char| match c {
        '"' => Some("\\\"".to_owned()),
        '\\' => Some("\\\\".to_owned()),
        '\n' => Some("\\n".to_owned()),
        '\r' => Some("\\r".to_owned()),
        '\t' => Some("\\t".to_owned()),
        '\u{8}' => Some("\\b".to_owned()),
        '\u{c}' => Some("\\f".to_owned()),
        _ => None,
    };
    let lower = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let upper = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
    let slash = |c: char| (c == '/').then(|| "\\/".to_owned());
    let unusual = |c: char| !c.is_ascii() || c.is_ascii_control();
    let mut spelled = vec![text.to_owned()];
    for slashed in [false, true] {
        let slash = |c: char| slash(c).filter(|_| slashed);
        spelled.push(spell(&|c| short(c).or_else(|| slash(c)).or_else(|| c.is_ascii_control().then(|| lower(c)))));
        spelled.push(spell(&|c| short(c).or_else(|| slash(c)).or_else(|| unusual(c).then(|| lower(c)))));
        spelled.push(spell(&|c| short(c).or_else(|| slash(c)).or_else(|| unusual(c).then(|| upper(c)))));
    }
    let mut seen = std::collections::BTreeSet::new();
    spelled.retain(|text| seen.insert(text.clone()));
    spelled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_spelled_as_json_writers_do() {
        assert_eq!(spellings("NEEDLE-7f3a"), ["NEEDLE-7f3a"]);
        assert_eq!(spellings("a\"b\\"), ["a\"b\\", "a\\\"b\\\\"]);
        assert_eq!(spellings("a/b"), ["a/b", "a\\/b"]);
        assert_eq!(spellings("é"), ["é", "\\u00e9", "\\u00E9"]);
        assert_eq!(spellings("🌍"), ["🌍", "\\ud83c\\udf0d", "\\uD83C\\uDF0D"]);
        assert_eq!(spellings("\u{1}\t"), ["\u{1}\t", "\\u0001\\t"]);
    }
}
