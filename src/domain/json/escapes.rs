//! The escapes of JSON strings: what they stand for.

/// The text a string with (checked) escapes spells, or `None` when it is not Unicode.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(&rest[..at]);
        let (character, length) = escape(&rest.as_bytes()[at..])?;
        text.push(character);
        rest = &rest[at + length..];
    }
    text.push_str(rest);
    Some(text)
}

/// JSON text with what its escapes stand for in their places; `None` when there are none. It is to be looked at, not to
/// be read as JSON again. What is no escape, or is half of a surrogate pair, stays as it is.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\\', text)?;
    let mut out = Vec::with_capacity(text.len());
    let (mut rest, mut at, mut found) = (text, first, false);
    loop {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let length = match escape(rest) {
            Some((character, length)) => {
                found = true;
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                length
            }
            None => {
                out.push(b'\\');
                1
            }
        };
        rest = &rest[length..];
        match memchr::memchr(b'\\', rest) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.extend_from_slice(rest);
    found.then_some(out)
}

/// How often escapes are taken out of a text: JSON may lie in a string of JSON, which lies in another.
const DEEP: usize = 3;

/// JSON text without its escapes, then without those that were spelled by them, and so on, as far as it is looked into.
pub fn spelled_out(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    std::iter::successors(unescaped(text), |text| unescaped(text)).take(DEEP)
}

/// What the escape stands for that is at the beginning of this, and how long it is.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let character = match *text.get(1)? {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        same @ (b'"' | b'\\' | b'/') => char::from(same),
        b'u' => {
            let unit = unit(text)?;
            if !(0xd800..0xdc00).contains(&unit) {
                return Some((char::from_u32(unit)?, 6));
            }
            let low = unit_behind(text)?;
            let scalar = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return Some((char::from_u32(scalar)?, 12));
        }
        _ => return None,
    };
    Some((character, 2))
}

/// The second half of a surrogate pair.
fn unit_behind(text: &[u8]) -> Option<u32> {
    unit(text.get(6..)?).filter(|low| (0xdc00..0xe000).contains(low))
}

/// The number of a `\u` escape.
fn unit(text: &[u8]) -> Option<u32> {
    let hex = text.strip_prefix(b"\\u")?.get(..4)?;
    hex.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_put_in_place() {
        let seen = |text: &str| unescaped(text.as_bytes()).map(|text| String::from_utf8(text).expect("UTF-8"));
        assert_eq!(seen(r#"{"a":"none"}"#), None);
        assert_eq!(seen(r#"{"a":"z\u00fcrich \u00DC"}"#).as_deref(), Some(r#"{"a":"zürich Ü"}"#));
        assert_eq!(seen(r"a\/b\\u0041\n").as_deref(), Some("a/b\\u0041\n"));
        assert_eq!(seen(r"\ud83c\udf0d!").as_deref(), Some("🌍!"));
        for none in [r"\ud83c", r"\ud83cx", r"\udf0d", r"\u00", r"\uzzzz", r"\+123", r"\", r"C:\Users", r"\ud83c\u0041"]
        {
            let expected = none.ends_with(r"\u0041").then_some(r"\ud83cA");
            assert_eq!(seen(none).as_deref(), expected, "{none}");
        }
    }
}
