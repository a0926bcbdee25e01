//! The words of JSON, byte by byte: strings, numbers, literals, the blanks between them.
//!
//! Every step takes where it begins and gives where it ends, or the fault. None passes a line feed, which ends a line.

/// Why a line is not an event, and at which of its bytes that shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The byte, from the start of the line.
    pub at: usize,
    /// Why.
    pub reason: &'static str,
}

/// Where a line ends whose value ended there.
pub fn ended(text: &[u8], end: usize) -> Result<usize, Fault> {
    let end = space(text, end);
    if end < text.len() && text[end] != b'\n' {
        return Err(Fault { at: end, reason: "something follows the JSON value" });
    }
    Ok(end)
}

/// The colon after a key; gives where the value begins.
#[inline]
pub fn colon(text: &[u8], at: usize) -> Result<usize, Fault> {
    let at = space(text, at);
    if byte(text, at) != b':' {
        return Err(unexpected(text, at, "expected ':'"));
    }
    Ok(space(text, at + 1))
}

/// The rest of a string after its quote; gives what follows its closing one.
#[inline(always)]
pub fn string(text: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    let mut seen = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let eight = rest.first_chunk().map_or_else(|| padded(rest), |bytes| u64::from_le_bytes(*bytes));
        seen |= eight;
        let special = special(eight);
        if special == 0 {
            at += 8;
            continue;
        }
        at += special.trailing_zeros() as usize / 8;
        match byte(text, at) {
            b'"' if seen & TOP == 0 => return Ok(at + 1),
            b'"' => return unicode(text, start, at),
            b'\\' => at = escape(text, at)?,
            b'\n' => return Err(Fault { at, reason: "the line ends within a string" }),
            _ => return Err(Fault { at, reason: "control character in a string" }),
        }
    }
}

/// Checks a string that is not all ASCII; `end` is its closing quote.
#[inline(never)]
fn unicode(text: &[u8], start: usize, end: usize) -> Result<usize, Fault> {
    match std::str::from_utf8(&text[start..end]) {
        Ok(_) => Ok(end + 1),
        Err(e) => Err(Fault { at: start + e.valid_up_to(), reason: "the text is not UTF-8" }),
    }
}

const LOW: u64 = 0x0101_0101_0101_0101;
const TOP: u64 = 0x8080_8080_8080_8080;

/// The top bits of the bytes that are a quote, a backslash or a control character. Borrows can set bits wrongly, but only
/// above a right one: the lowest is exact, and nothing else is asked.
#[inline]
fn special(eight: u64) -> u64 {
    let quote = eight ^ (LOW * 0x22);
    let backslash = eight ^ (LOW * 0x5c);
    ((quote.wrapping_sub(LOW) & !quote)
        | (backslash.wrapping_sub(LOW) & !backslash)
        | (eight.wrapping_sub(LOW * 0x20) & !eight))
        & TOP
}

/// Fewer than eight bytes, filled up with line feeds.
#[cold]
pub fn padded(rest: &[u8]) -> u64 {
    let mut bytes = [b'\n'; 8];
    for (to, from) in bytes.iter_mut().zip(rest) {
        *to = *from;
    }
    u64::from_le_bytes(bytes)
}

/// The byte there; a line feed after the end.
#[inline]
pub fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(b'\n')
}

/// Past the white space a line can hold.
#[inline]
pub fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(byte(text, at), b' ' | b'\t' | b'\r') {
        at += 1;
    }
    at
}

/// What is wrong at a place where something else was expected.
pub fn unexpected(text: &[u8], at: usize, reason: &'static str) -> Fault {
    Fault { at, reason: if byte(text, at) == b'\n' { "the line ends too early" } else { reason } }
}

/// Past an escape, `at` its backslash.
fn escape(text: &[u8], at: usize) -> Result<usize, Fault> {
    match byte(text, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' if text.get(at + 2..at + 6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => Ok(at + 6),
        _ => Err(Fault { at, reason: "bad escape in a string" }),
    }
}

/// Past a literal.
pub fn word(text: &[u8], at: usize, word: &[u8]) -> Result<usize, Fault> {
    match text.get(at..at + word.len()) {
        Some(found) if found == word => Ok(at + word.len()),
        _ => Err(Fault { at, reason: "expected a value" }),
    }
}

/// Past a number.
#[inline]
pub fn number(text: &[u8], mut at: usize) -> Result<usize, Fault> {
    if byte(text, at) == b'-' {
        at += 1;
    }
    at = if byte(text, at) == b'0' { at + 1 } else { digits(text, at)? };
    if byte(text, at) == b'.' {
        at = digits(text, at + 1)?;
    }
    if matches!(byte(text, at), b'e' | b'E') {
        at += 1;
        if matches!(byte(text, at), b'+' | b'-') {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Ok(at)
}

#[inline]
fn digits(text: &[u8], mut at: usize) -> Result<usize, Fault> {
    if !byte(text, at).is_ascii_digit() {
        return Err(unexpected(text, at, "expected a digit"));
    }
    while byte(text, at).is_ascii_digit() {
        at += 1;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn specials_are_found_exactly(bytes in any::<[u8; 8]>()) {
            let expected = bytes.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
            let found = special(u64::from_le_bytes(bytes));
            prop_assert_eq!((found != 0).then(|| found.trailing_zeros() as usize / 8), expected);
        }
    }
}
