//! Reading JSON text (RFC 8259) into values, strictly and with bounded recursion.

use std::fmt;
use std::sync::Arc;

use super::escapes::unescape;
use super::{Array, Entry, Json, Number, Object};

/// Values nested deeper than this are checked but kept as text, so that no later walk can exhaust a stack.
pub const MAX_DEPTH: usize = 512;

/// Why a text is not JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JsonError {
    /// The byte at which it stops being JSON.
    pub offset: usize,
    /// Why.
    pub reason: String,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl std::error::Error for JsonError {}

/// Room for so many entries or elements of open values is kept from text to text.
const OPEN: usize = 1 << 14;

/// How many recently seen keys a parser remembers.
const KEYS: usize = 512;

/// A reader that remembers the keys it saw, so that a million events share one `"amount"`, and which key followed which,
/// so that a key where it is expected is recognised without looking for its end.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    /// Invariant: the keys here are spelt in JSON as they are, without escapes.
    keys: Vec<Option<Arc<str>>>,
    /// The place in `keys` of the key that followed last time, for each place; one more for the start of a text.
    following: Vec<u16>,
    /// The place of the key read last.
    last: usize,
    /// The entries and elements of the values that are still open, the innermost last: each value takes its own from the
    /// end when it closes, so that it is allocated once, at its size.
    entries: Vec<Entry>,
    elements: Vec<Json>,
}

impl Parser {
    /// Reads one JSON text.
    ///
    /// # Errors
    /// Where the text stops being JSON.
    pub fn parse(&mut self, text: &[u8]) -> Result<Json, JsonError> {
        let mut reader = self.reader(text)?;
        let value = reader.value(0)?;
        reader.end()?;
        Ok(value)
    }

    /// What reads a text, before its first value.
    pub(super) fn reader<'a>(&'a mut self, text: &'a [u8]) -> Result<Reader<'a>, JsonError> {
        let text = std::str::from_utf8(text)
            .map_err(|e| JsonError { offset: e.valid_up_to(), reason: "the text is not UTF-8".into() })?;
        // A text that was not JSON leaves its open values behind.
        self.entries.clear();
        self.elements.clear();
        // And a huge one its room.
        self.entries.shrink_to(OPEN);
        self.elements.shrink_to(OPEN);
        self.last = KEYS;
        let mut reader = Reader { text, at: 0, parser: self };
        reader.space();
        Ok(reader)
    }

    /// The one shared copy of a key.
    pub fn key(&mut self, text: &str) -> Arc<str> {
        if text.bytes().any(|byte| matches!(byte, 0..=0x1f | b'"' | b'\\')) {
            return text.into();
        }
        self.plain_key(text).1
    }

    /// The one shared copy of a key that is spelt as it is, and its place; none for a long one.
    fn plain_key(&mut self, text: &str) -> (Option<usize>, Arc<str>) {
        let bytes = text.as_bytes();
        if bytes.len() > 64 {
            return (None, text.into());
        }
        if self.keys.is_empty() {
            self.keys.resize(KEYS, None);
            self.following.resize(KEYS + 1, 0);
        }
        let hash = bytes.iter().fold(bytes.len(), |hash, &byte| (hash ^ usize::from(byte)).wrapping_mul(0x0100_0193));
        let place = (hash ^ (hash >> 15)) % KEYS;
        let slot = &mut self.keys[place];
        let key = match slot {
            Some(key) if key.as_ref() == text => key.clone(),
            _ => slot.insert(text.into()).clone(),
        };
        (Some(place), key)
    }

    /// The key that is expected next, when that is the one spelt here, from its first byte up to the closing quote.
    fn expected_key(&mut self, text: &[u8]) -> Option<Arc<str>> {
        let place = usize::from(*self.following.get(self.last)?);
        let key = self.keys.get(place)?.as_ref()?;
        if !text.starts_with(key.as_bytes()) || text.get(key.len()) != Some(&b'"') {
            return None;
        }
        self.last = place;
        Some(key.clone())
    }
}

/// A text as it is read.
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    parser: &'a mut Parser,
}

impl<'a> Reader<'a> {
    pub(super) fn error(&self, reason: &str) -> JsonError {
        JsonError { offset: self.at, reason: reason.into() }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(super) fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => self.verbatim(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => Ok(Json::Number(Number::from_checked_text(self.number()?))),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("expected a value, found the end")),
        }
    }

    /// That nothing follows.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at < self.text.len() {
            return Err(self.error("expected the end"));
        }
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("expected a value"))
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        let (first, mut order) = (self.parser.entries.len(), 0);
        if self.enters_empty(b'}') {
            return Ok(Json::Object(Object::default()));
        }
        loop {
            self.key_begins()?;
            let key = self.key()?;
            self.colon()?;
            let value = self.value(depth + 1)?;
            self.parser.entries.push(Entry { key, order, value });
            order += 1;
            if self.ends(b'}')? {
                return Ok(Json::Object(Object::from_written(self.parser.entries.drain(first..).collect())));
            }
        }
    }

    /// Steps into an object or an array; where it is empty, behind it, and gives that it is.
    pub(super) fn enters_empty(&mut self, close: u8) -> bool {
        self.at += 1;
        self.space();
        let is_empty = self.peek() == Some(close);
        self.at += usize::from(is_empty);
        is_empty
    }

    /// That a key begins here.
    pub(super) fn key_begins(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.peek() == Some(b'"') { Ok(()) } else { Err(self.error("expected a key")) }
    }

    /// Steps from a key to its value.
    pub(super) fn colon(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.error("expected ':'"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Steps over what stands behind a value in an object or an array; gives whether that ends there.
    pub(super) fn ends(&mut self, close: u8) -> Result<bool, JsonError> {
        self.space();
        let ends = match self.peek() {
            Some(b',') => false,
            Some(found) if found == close => true,
            _ if close == b'}' => return Err(self.error("expected ',' or '}'")),
            _ => return Err(self.error("expected ',' or ']'")),
        };
        self.at += 1;
        Ok(ends)
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        if self.enters_empty(b']') {
            return Ok(Json::Array(Array::default()));
        }
        let first = self.parser.elements.len();
        loop {
            self.space();
            let value = self.value(depth + 1)?;
            self.parser.elements.push(value);
            if self.ends(b']')? {
                return Ok(Json::Array(Array::from(self.parser.elements.drain(first..).collect::<Vec<_>>())));
            }
        }
    }

    fn key(&mut self) -> Result<Arc<str>, JsonError> {
        let start = self.at;
        if let Some(key) = self.parser.expected_key(&self.text.as_bytes()[start + 1..]) {
            self.at += key.len() + 2;
            return Ok(key);
        }
        Ok(match self.raw_string()? {
            (raw, false) => {
                let (place, key) = self.parser.plain_key(raw);
                if let Some(place) = place {
                    self.parser.following[self.parser.last] = place as u16;
                    self.parser.last = place;
                }
                key
            }
            (raw, true) => match unescape(raw) {
                // A key that is not Unicode keeps its spelling, quotes and all; so does one that would pass for such a
                // spelling.
                Some(text) if !is_spelling(&text) => text.into(),
                _ => self.text[start..self.at].into(),
            },
        })
    }

    fn string(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        Ok(match self.raw_string()? {
            (raw, false) => Json::String(raw.into()),
            (raw, true) => match unescape(raw) {
                Some(text) => Json::String(text.into()),
                None => Json::Verbatim(self.text[start..self.at].into()),
            },
        })
    }

    /// The text between the quotes, and whether it has escapes; they are checked here.
    pub(super) fn raw_string(&mut self) -> Result<(&'a str, bool), JsonError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut escaped = false;
        loop {
            at += plain_prefix(&bytes[at..]);
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok((&self.text[start + 1..at], escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    let valid = match bytes.get(at + 1) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u')
                            if bytes.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) =>
                        {
                            6
                        }
                        _ => return Err(JsonError { offset: at, reason: "bad escape".into() }),
                    };
                    at += valid;
                }
                Some(0..=0x1f) => return Err(JsonError { offset: at, reason: "control character in a string".into() }),
                Some(_) => at += 1,
                None => return Err(self.error("the string does not end")),
            }
        }
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error("expected a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    /// Checks a nested value and keeps its text.
    fn verbatim(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.skip()?;
        Ok(Json::Verbatim(self.text[start..self.at].into()))
    }

    /// Checks a value without recursion, and makes nothing of it.
    pub(super) fn skip(&mut self) -> Result<(), JsonError> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            // Here a value begins.
            self.space();
            match self.peek() {
                Some(bracket @ (b'{' | b'[')) => {
                    self.at += 1;
                    self.space();
                    let close = bracket + 2;
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        open.push(close);
                        if close == b'}' {
                            self.key_and_colon()?;
                        }
                        continue;
                    }
                }
                Some(b'"') => {
                    self.raw_string()?;
                }
                Some(b'-' | b'0'..=b'9') => {
                    self.number()?;
                }
                Some(b't') => drop(self.word("true", Json::Null)?),
                Some(b'f') => drop(self.word("false", Json::Null)?),
                Some(b'n') => drop(self.word("null", Json::Null)?),
                _ => return Err(self.error("expected a value")),
            }
            // Here one has ended.
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                self.space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        if close == b'}' {
                            self.key_and_colon()?;
                        }
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return Err(self.error("expected ',' or a closing bracket")),
                }
            }
        }
    }

    fn key_and_colon(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        self.raw_string()?;
        self.space();
        if self.peek() != Some(b':') {
            return Err(self.error("expected ':'"));
        }
        self.at += 1;
        Ok(())
    }
}

/// How many bytes from the start are surely plain text of a string: no quote, no backslash, no control character. Looks
/// at eight bytes at a time and stops before the eight that have one; a few more may be plain.
pub(super) fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGHS: u64 = ONES << 7;
    // Has a zero byte: the classic test, exact as a yes or no.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS != 0;
    let (words, _) = bytes.as_chunks::<8>();
    for (n, word) in words.iter().enumerate() {
        let word = u64::from_ne_bytes(*word);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGHS != 0;
        if control || zero(word ^ (ONES * u64::from(b'"'))) || zero(word ^ (ONES * u64::from(b'\\'))) {
            return n * 8;
        }
    }
    words.len() * 8
}

/// Whether a key is a spelling, to be written as it is: of a name that is not Unicode (a lone surrogate), or of a name that
/// is itself such a spelling. So what a key is called is never in doubt.
pub(super) fn is_spelling(key: &str) -> bool {
    if !key.starts_with('"') {
        return false;
    }
    match Json::parse(key.as_bytes()) {
        Ok(Json::Verbatim(text)) => *text == *key,
        Ok(Json::String(text)) => is_spelling(&text),
        _ => false,
    }
}
