//! Searching a source that has no better way: every event of the scope is read and looked at. And what a match is, for
//! every way of searching.

use std::ops::ControlFlow;

use memchr::memmem::Finder;

use super::Source;
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

/// What tells whether an event holds a pattern: in its payloads, as they are stored or as what they stand for, in its type
/// or in the name of its stream.
///
/// Stored payloads are mostly JSON, where a text can be spelled in several ways. It is found as it is, and as JSON writers
/// spell it: with the escapes that must be, with `\/`, and with everything that is not ASCII as `\u` in either case.
pub struct Matcher<'a> {
    pattern: &'a Pattern,
    /// The spellings of a text, the text itself first.
    spellings: Vec<Finder<'static>>,
}

impl<'a> Matcher<'a> {
    /// A matcher for a pattern.
    pub fn new(pattern: &'a Pattern) -> Self {
        let spellings = match pattern {
            Pattern::Text(text) => spellings(text),
            Pattern::Expression(_) => Vec::new(),
        };
        let spellings = spellings.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect();
        Self { pattern, spellings }
    }

    /// Whether an event holds it.
    pub fn matches(&self, event: &Event) -> bool {
        self.names(event.stream.as_str())
            || self.names(&event.event_type)
            || [&event.data, &event.metadata].into_iter().any(|payload| self.payload(payload))
    }

    /// Whether the name of a stream or a type holds it.
    pub fn names(&self, name: &str) -> bool {
        match (self.pattern, self.spellings.first()) {
            (Pattern::Expression(expression), _) => expression.is_match(name.as_bytes()),
            (Pattern::Text(_), finder) => finder.is_some_and(|finder| finder.find(name.as_bytes()).is_some()),
        }
    }

    /// Whether stored bytes hold it.
    pub fn stored(&self, bytes: &[u8]) -> bool {
        match self.pattern {
            Pattern::Expression(expression) => expression.is_match(bytes),
            Pattern::Text(_) => self.spellings.iter().any(|finder| finder.find(bytes).is_some()),
        }
    }

    /// The spellings that are looked for, where it is a text.
    pub fn spellings(&self) -> &[Finder<'static>] {
        &self.spellings
    }

    fn payload(&self, payload: &Payload) -> bool {
        !payload.is_absent()
            && (self.stored(payload.stored())
                || (payload.encoding().is_some() && self.stored(payload.text().as_bytes())))
    }
}

/// How a text may be spelled inside a JSON string.
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
