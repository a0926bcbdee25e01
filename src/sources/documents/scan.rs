//! Where a JSON value ends, found piece by piece: a value can be larger than memory, and can be cut anywhere.
//!
//! It checks how tokens follow each other and where strings end, so that a fault shows soon after it stands; the spelling
//! of numbers, escapes and UTF-8 is left to `files::skim`, which reads every record again. On the way line breaks between
//! tokens become blanks, because a record of a line-wise reader has none.

/// How deep values may be nested; so many levels take 2 MiB.
const DEPTH: usize = 16 << 20;

/// How far a scan has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The bytes end within the value.
    More,
    /// The value ends before this byte.
    End(usize),
    /// At this byte it is no JSON.
    Fault(usize, &'static str),
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Value,
    ValueOrClose,
    Key,
    KeyOrClose,
    Colon,
    AfterValue,
    /// Inside a string, which may be a key.
    Text(bool),
    /// After a backslash in one.
    Escape(bool),
    /// Inside a number or a literal.
    Word,
}

/// Scans one value.
#[derive(Debug)]
pub struct Scanner {
    next: Next,
    open: Open,
    /// Line breaks that became blanks.
    breaks: u64,
}

/// The brackets that are open, a bit each: whether it is an object.
#[derive(Debug, Default)]
struct Open {
    bits: Vec<u64>,
    depth: usize,
}

impl Open {
    fn push(&mut self, object: bool) -> bool {
        if self.depth >= DEPTH {
            return false;
        }
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.bits.len() {
            self.bits.push(0);
        }
        self.bits[word] = self.bits[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        true
    }

    /// Whether the innermost is an object; `None` when nothing is open.
    fn top(&self) -> Option<bool> {
        let at = self.depth.checked_sub(1)?;
        Some(self.bits[at / 64] >> (at % 64) & 1 == 1)
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self { next: Next::Value, open: Open::default(), breaks: 0 }
    }
}

impl Scanner {
    /// How many line breaks became blanks.
    pub fn breaks(&self) -> u64 {
        self.breaks
    }

    /// Whether the value is complete if nothing follows: a number ends only with what stands behind it.
    pub fn may_end(&self) -> bool {
        self.next == Next::Word && self.open.depth == 0
    }

    /// Goes on with the bytes from `at` on.
    pub fn scan(&mut self, bytes: &mut [u8], mut at: usize) -> Outcome {
        while at < bytes.len() {
            let byte = bytes[at];
            match self.next {
                Next::Text(key) => match memchr::memchr2(b'"', b'\\', &bytes[at..]) {
                    None => match line_break(&bytes[at..]) {
                        Some(fault) => return Outcome::Fault(at + fault, "the line ends within a string"),
                        None => return Outcome::More,
                    },
                    Some(found) => {
                        if let Some(fault) = line_break(&bytes[at..at + found]) {
                            return Outcome::Fault(at + fault, "the line ends within a string");
                        }
                        at += found;
                        self.next = match (bytes[at], key) {
                            (b'\\', _) => Next::Escape(key),
                            (_, true) => Next::Colon,
                            (_, false) => Next::AfterValue,
                        };
                        at += 1;
                        if self.ended() {
                            return Outcome::End(at);
                        }
                    }
                },
                Next::Escape(key) => {
                    if byte == b'\n' {
                        return Outcome::Fault(at, "the line ends within a string");
                    }
                    self.next = Next::Text(key);
                    at += 1;
                }
                Next::Word => match byte {
                    b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.' => at += 1,
                    _ => {
                        self.next = Next::AfterValue;
                        if self.ended() {
                            return Outcome::End(at);
                        }
                    }
                },
                _ if matches!(byte, b' ' | b'\t' | b'\r') => at += 1,
                _ if byte == b'\n' => {
                    bytes[at] = b' ';
                    self.breaks += 1;
                    at += 1;
                }
                next => {
                    if let Err(reason) = self.token(next, byte) {
                        return Outcome::Fault(at, reason);
                    }
                    at += 1;
                    if self.ended() {
                        return Outcome::End(at);
                    }
                }
            }
        }
        Outcome::More
    }

    fn ended(&self) -> bool {
        self.next == Next::AfterValue && self.open.depth == 0
    }

    fn token(&mut self, next: Next, byte: u8) -> Result<(), &'static str> {
        self.next = match (next, byte) {
            (Next::Value | Next::ValueOrClose, b'{') => self.opened(true)?,
            (Next::Value | Next::ValueOrClose, b'[') => self.opened(false)?,
            (Next::Value | Next::ValueOrClose, b'"') => Next::Text(false),
            (Next::Value | Next::ValueOrClose, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Next::Word,
            (Next::ValueOrClose, b']') | (Next::KeyOrClose, b'}') => self.closed(),
            (Next::Key | Next::KeyOrClose, b'"') => Next::Text(true),
            (Next::Colon, b':') => Next::Value,
            (Next::AfterValue, b',') => match self.open.top() {
                Some(true) => Next::Key,
                _ => Next::Value,
            },
            (Next::AfterValue, b'}') if self.open.top() == Some(true) => self.closed(),
            (Next::AfterValue, b']') if self.open.top() == Some(false) => self.closed(),
            (Next::Value | Next::ValueOrClose, _) => return Err("expected a value"),
            (Next::Key | Next::KeyOrClose, _) => return Err("expected a key"),
            (Next::Colon, _) => return Err("expected ':'"),
            _ => return Err("expected ',' or a closing bracket"),
        };
        Ok(())
    }

    fn opened(&mut self, object: bool) -> Result<Next, &'static str> {
        if !self.open.push(object) {
            return Err("it is nested too deep");
        }
        Ok(if object { Next::KeyOrClose } else { Next::ValueOrClose })
    }

    fn closed(&mut self) -> Next {
        self.open.pop();
        Next::AfterValue
    }
}

/// A line break, which a string never holds.
fn line_break(text: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Json;

    /// Scans in pieces of this size.
    fn scan(text: &[u8], piece: usize) -> (Outcome, u64) {
        let mut bytes = text.to_vec();
        let mut scanner = Scanner::default();
        let mut upto = 0;
        loop {
            let next = (upto + piece).min(bytes.len());
            let outcome = scanner.scan(&mut bytes[..next], upto);
            if outcome != Outcome::More || next == bytes.len() {
                return (outcome, scanner.breaks());
            }
            upto = next;
        }
    }

    #[test]
    fn values_end_where_they_end() {
        for (text, end) in [
            ("{}", Some(2)),
            ("{\"a\":[1,{\"b\":\"]}\\\"\"}]},x", Some(22)),
            ("[1,2]]", Some(5)),
            ("12,", Some(2)),
            ("\"a\\\\\"b", Some(5)),
            ("{\"a\":1", None),
            ("12", None),
        ] {
            for piece in 1..=text.len() {
                let (outcome, _) = scan(text.as_bytes(), piece);
                assert_eq!(outcome, end.map_or(Outcome::More, Outcome::End), "{text} in pieces of {piece}");
            }
        }
        assert_eq!(scan(b"{\n \"a\":\n1}", 3), (Outcome::End(10), 2));
        for (text, at) in [("{\"a\":\"\n\"}", 6), ("{\"a\" 1}", 5), ("[1 2]", 3), ("{1}", 1), ("[}", 1), ("]", 0)] {
            assert!(matches!(scan(text.as_bytes(), 2).0, Outcome::Fault(found, _) if found == at), "{text}");
        }
    }

    #[test]
    fn depth_costs_bits() {
        let mut deep = "[".repeat(3_000_000).into_bytes();
        deep.extend("]".repeat(3_000_000).bytes());
        assert_eq!(scan(&deep, 1 << 20).0, Outcome::End(deep.len()));
    }

    proptest! {
        #[test]
        fn whatever_is_json_is_scanned_to_its_end(pieces in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"a\"", "\"\\\"\"", "1", "true", " ", "\n", "{\"k\":", "[1,2]",
        ]), 0..16), piece in 1_usize..5) {
            let text = pieces.concat();
            if let Ok(Json::Object(_) | Json::Array(_)) = Json::parse(text.trim().as_bytes()) {
                prop_assert_eq!(scan(text.trim().as_bytes(), piece).0, Outcome::End(text.trim().len()));
            }
        }
    }
}
