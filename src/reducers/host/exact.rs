//! Whole numbers that a double cannot hold, on their way through a JSON reader that knows only doubles.
//!
//! The engine's own `JSON.parse` is fast and rounds. So text with such integers is *marked* first: each becomes a string
//! the engine reads faithfully (`"\u0001n9007199254740993"`), and a walk over the value turns those strings into BigInts.
//! The way back is the mirror image. A string that itself begins with U+0001 is escaped by a mark of its own, so that no
//! text can be mistaken for a number.
//!
//! Invariant of the way back: what is read again is what was written. An integer beyond 2^53 in the text always was a
//! BigInt; a *double* of that size is written with an exponent (`1e17`); a *small* BigInt is written plainly and its
//! place among the numbers of the text is told beside it.

use std::borrow::Cow;

/// The largest magnitude up to which every integer is a double, 2^53, in digits.
const LARGEST: &[u8] = b"9007199254740992";

/// A mark as it stands in JSON text, before the letter that says what follows.
const MARK: &[u8] = b"\\u0001";

/// Whether JSON text holds a whole number beyond 2^53, outside its strings.
pub fn holds_large_integer(text: &[u8]) -> bool {
    // A run of 16 digits covers a byte at one of every 16 places; looking only there is far cheaper than reading.
    let mut at = LARGEST.len() - 1;
    while let Some(byte) = text.get(at) {
        if !byte.is_ascii_digit() {
            at += LARGEST.len();
            continue;
        }
        let start = text[..at].iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |place| place + 1);
        let end = text[at..].iter().position(|b| !b.is_ascii_digit()).map_or(text.len(), |length| at + length);
        if end - start >= LARGEST.len() && may_be_number(text, start, end) {
            // Only reading the strings tells whether this stands inside one; it rarely comes to that.
            return Tokens::new(text).any(|token| matches!(token, Token::Number(number) if is_large_integer(number)));
        }
        at = end + LARGEST.len();
    }
    false
}

/// Whether the bytes around a run of digits are such as surround a whole number.
fn may_be_number(text: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).map_or(b' ', |at| text[at]);
    let after = text.get(end).copied().unwrap_or(b' ');
    matches!(before, b' ' | b'\n' | b'\r' | b'\t' | b':' | b',' | b'[' | b'-')
        && matches!(after, b' ' | b'\n' | b'\r' | b'\t' | b',' | b'}' | b']')
}

fn is_large_integer(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    match digits.len().cmp(&LARGEST.len()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => digits > LARGEST && digits.iter().all(u8::is_ascii_digit),
        std::cmp::Ordering::Greater => digits.iter().all(u8::is_ascii_digit),
    }
}

/// The text with marks for large integers, and for the numbers at the given places (ascending, counted over all numbers
/// of the text from 0). The text need not be valid JSON; what is not is left as it is.
pub fn mark(text: &[u8], small: &[u32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 64);
    let mut small = small.iter().copied().peekable();
    let mut place = 0;
    for token in Tokens::new(text) {
        match token {
            Token::Number(number) => {
                if is_large_integer(number) | small.next_if_eq(&place).is_some() {
                    out.push(b'"');
                    out.extend_from_slice(MARK);
                    out.push(b'n');
                    out.extend_from_slice(number);
                    out.push(b'"');
                } else {
                    out.extend_from_slice(number);
                }
                place += 1;
            }
            Token::Value(string) if string[1..].starts_with(MARK) => {
                out.push(b'"');
                out.extend_from_slice(MARK);
                out.push(b's');
                out.extend_from_slice(&string[1..]);
            }
            Token::Value(bytes) | Token::Other(bytes) => out.extend_from_slice(bytes),
        }
    }
    out
}

/// The text of a value whose numbers are all doubles: large whole ones are spelled with an exponent, so that they are
/// doubles again when read.
pub fn respell(text: &str) -> Cow<'_, str> {
    if !holds_large_integer(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let (text, _) = unmark(text);
    Cow::Owned(text)
}

/// The text of a marked value with its marks undone, and the places of the BigInts that a double could hold.
pub fn unmark(text: &str) -> (String, Vec<u32>) {
    let mut out = Vec::with_capacity(text.len());
    let mut small = Vec::new();
    let mut place = 0;
    for token in Tokens::new(text.as_bytes()) {
        match token {
            Token::Number(number) => {
                if is_large_integer(number) {
                    write_double(&mut out, number);
                } else {
                    out.extend_from_slice(number);
                }
                place += 1;
            }
            Token::Value(string) => match string[1..].strip_prefix(MARK) {
                Some([b'n', number @ .., b'"']) if is_integer(number) => {
                    if !is_large_integer(number) {
                        small.push(place);
                    }
                    out.extend_from_slice(number);
                    place += 1;
                }
                Some([b's', rest @ ..]) => {
                    out.push(b'"');
                    out.extend_from_slice(rest);
                }
                _ => out.extend_from_slice(string),
            },
            Token::Other(bytes) => out.extend_from_slice(bytes),
        }
    }
    // Only ASCII was replaced by ASCII.
    (String::from_utf8_lossy(&out).into_owned(), small)
}

fn is_integer(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// `123456000000000000000` as `1.23456e20`.
fn write_double(out: &mut Vec<u8>, integer: &[u8]) {
    let digits = match integer {
        [b'-', digits @ ..] => {
            out.push(b'-');
            digits
        }
        digits => digits,
    };
    let significant = digits.iter().rposition(|&b| b != b'0').map_or(1, |last| last + 1);
    out.push(digits[0]);
    if significant > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..significant]);
    }
    out.extend_from_slice(format!("e{}", digits.len() - 1).as_bytes());
}

/// A piece of JSON text; the pieces in order are the text.
enum Token<'a> {
    /// A number, or the beginning of something that is not JSON.
    Number(&'a [u8]),
    /// A string that is a value, with its quotes (the last one missing where the text ends inside it).
    Value(&'a [u8]),
    /// Everything else, keys included.
    Other(&'a [u8]),
}

struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The end of the string that begins at a place.
    fn string_end(&self, start: usize) -> usize {
        let mut at = start + 1;
        while let Some(offset) = self.text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
            at += offset;
            if self.text[at] == b'"' {
                return at + 1;
            }
            at += 2;
        }
        self.text.len()
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let first = *self.text.get(start)?;
        match first {
            b'"' => {
                self.at = self.string_end(start);
                let string = &self.text[start..self.at];
                let next = self.text[self.at..].iter().find(|b| !b.is_ascii_whitespace());
                // A string cut off by the end of the text may be no more than a quote.
                let is_value = next != Some(&b':') && string.len() > 1;
                Some(if is_value { Token::Value(string) } else { Token::Other(string) })
            }
            b'-' | b'0'..=b'9' => {
                let length = self.text[start..]
                    .iter()
                    .position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
                    .unwrap_or(self.text.len() - start);
                self.at = start + length;
                Some(Token::Number(&self.text[start..self.at]))
            }
            _ => {
                let length = self.text[start..]
                    .iter()
                    .position(|b| matches!(b, b'"' | b'-' | b'0'..=b'9'))
                    .unwrap_or(self.text.len() - start);
                self.at = start + length;
                Some(Token::Other(&self.text[start..self.at]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(text: &str, small: &[u32]) -> String {
        String::from_utf8(mark(text.as_bytes(), small)).expect("UTF-8")
    }

    #[test]
    fn large_integers_are_found_outside_strings_only() {
        for (text, large) in [
            ("9007199254740992", false),
            ("9007199254740993", true),
            ("-9007199254740993", true),
            (r#"{"a":18446744073709551615}"#, true),
            ("[ 1, 12345678901234567890 ]", true),
            ("1234567890123456.5", false),
            ("12345678901234567890e3", false),
            ("1e12345678901234567890", false),
            (r#""12345678901234567890""#, false),
            (r#"{"iban":"DE00165697402820726748"}"#, false),
            (r#"{"note":"is 12345678901234567890 large"}"#, false),
            (r#"{"note":"\" 12345678901234567890 ,"}"#, false),
            (r#"{"iban":"DE00165697402820726748","n":9007199254740993}"#, true),
            ("", false),
            ("{", false),
        ] {
            assert_eq!(holds_large_integer(text.as_bytes()), large, "{text}");
        }
    }

    #[test]
    fn marks_are_made_and_undone() {
        let text = r#"{"a":9007199254740993,"b":5,"c":[0,-18446744073709551615],"9007199254740993":"\u0001n5"}"#;
        assert_eq!(
            marked(text, &[1]),
            r#"{"a":"\u0001n9007199254740993","b":"\u0001n5","c":[0,"\u0001n-18446744073709551615"],"9007199254740993":"\u0001s\u0001n5"}"#
        );
        assert_eq!(unmark(&marked(text, &[1])), (text.to_owned(), vec![1]));
        // A key is never a number, however it looks.
        assert_eq!(unmark(r#"{"\u0001n5" : 1}"#), (r#"{"\u0001n5" : 1}"#.to_owned(), vec![]));
    }

    #[test]
    fn large_doubles_are_spelled_as_doubles() {
        for (text, spelled) in [
            ("100000000000000000000", "1e20"),
            ("-123456789012345680000", "-1.2345678901234568e20"),
            ("[9007199254740994,7]", "[9.007199254740994e15,7]"),
            ("1e300", "1e300"),
        ] {
            assert_eq!(respell(text), spelled);
            let value: f64 =
                spelled.trim_matches(['[', ']']).split(',').next().unwrap_or("").parse().expect("a number");
            let before: f64 = text.trim_matches(['[', ']']).split(',').next().unwrap_or("").parse().expect("a number");
            assert_eq!(value, before);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(text in prop::collection::vec(prop::sample::select(br#"{}[]",:\u0001ns-e. 19"#.to_vec()), 0..80)) {
            let _ = holds_large_integer(&text);
            let _ = mark(&text, &[0, 2]);
            let _ = unmark(&String::from_utf8_lossy(&text));
        }

        #[test]
        fn marking_is_undone(numbers in prop::collection::vec((any::<i128>(), any::<bool>()), 0..20)) {
            let text = format!("[{}]", numbers.iter().map(|(n, _)| n.to_string()).collect::<Vec<_>>().join(", "));
            let small: Vec<u32> = numbers.iter().enumerate()
                .filter(|(_, (n, chosen))| *chosen && n.unsigned_abs() <= 1 << 53)
                .map(|(place, _)| place as u32)
                .collect();
            prop_assert_eq!(unmark(&marked(&text, &small)), (text, small));
        }

        #[test]
        fn the_quick_look_agrees_with_reading(text in "[ \\[,:\"0-9e.-]{0,60}") {
            let read = Tokens::new(text.as_bytes()).any(|t| matches!(t, Token::Number(n) if is_large_integer(n)));
            // On valid JSON both agree; on anything, the quick look never misses a well-delimited integer.
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert_eq!(holds_large_integer(text.as_bytes()), read);
            }
        }
    }
}
