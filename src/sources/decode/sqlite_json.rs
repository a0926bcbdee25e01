//! SQLite's own binary JSON (what its function `jsonb` gives, since 3.45) to JSON text. Format:
//! <https://www.sqlite.org/jsonb.html>.
//!
//! Every element says its size, and sizes must fill each other exactly: what is read so is hardly so by chance.

use std::str::from_utf8;

use serde_json::value::RawValue;

use super::json::Writer;
use super::{DEPTH, Refused};

/// The JSON text that an element stands for. A strict reading wants an object or an array on top that is not empty.
///
/// # Errors
/// Where it is no such element from beginning to end, or must not be decoded.
pub fn json(bytes: &[u8], strict: bool) -> Result<String, Refused> {
    if strict && (bytes.len() < 3 || !matches!(bytes[0] & 15, ARRAY | OBJECT)) {
        return Err(Refused::Other);
    }
    let mut out = Writer::new(bytes.len());
    let mut rest = bytes;
    value(&mut rest, &mut out, 0)?;
    if rest.is_empty() { Ok(out.text) } else { Err(Refused::Other) }
}

const ARRAY: u8 = 11;
const OBJECT: u8 = 12;

/// Takes an element: its type, and its content.
fn element<'a>(rest: &mut &'a [u8]) -> Result<(u8, &'a [u8]), Refused> {
    let (&head, after) = rest.split_first().ok_or(Refused::Other)?;
    let (size, after) = match head >> 4 {
        size @ 0..=11 => (u64::from(size), after),
        more => {
            let (size, after) = after.split_at_checked(1 << (more - 12)).ok_or(Refused::Other)?;
            (size.iter().fold(0, |size, &byte| size << 8 | u64::from(byte)), after)
        }
    };
    let size = usize::try_from(size).map_err(|_| Refused::Other)?;
    let (content, after) = after.split_at_checked(size).ok_or(Refused::Other)?;
    *rest = after;
    Ok((head & 15, content))
}

fn value(rest: &mut &[u8], out: &mut Writer, depth: usize) -> Result<(), Refused> {
    if depth > DEPTH {
        return Err(Refused::Because("nested too deep"));
    }
    let (kind, mut content) = element(rest)?;
    match kind {
        0..=2 if !content.is_empty() => Err(Refused::Other),
        0 => out.raw("null"),
        1 => out.raw("true"),
        2 => out.raw("false"),
        3 | 5 => number(from_utf8(content).map_err(|_| Refused::Other)?, out),
        4 | 6 => number(&from_json5(from_utf8(content).map_err(|_| Refused::Other)?).ok_or(Refused::Other)?, out),
        7..=10 => text(kind, content, out),
        ARRAY => {
            out.raw("[")?;
            let mut first = true;
            while !content.is_empty() {
                if !std::mem::take(&mut first) {
                    out.raw(",")?;
                }
                value(&mut content, out, depth + 1)?;
            }
            out.raw("]")
        }
        OBJECT => {
            out.raw("{")?;
            let mut first = true;
            while !content.is_empty() {
                if !std::mem::take(&mut first) {
                    out.raw(",")?;
                }
                let (kind, key) = element(&mut content)?;
                text(kind, key, out)?;
                out.raw(":")?;
                value(&mut content, out, depth + 1)?;
            }
            out.raw("}")
        }
        _ => Err(Refused::Other),
    }
}

/// A number that must be one as JSON spells them.
fn number(text: &str, out: &mut Writer) -> Result<(), Refused> {
    let digits = text.bytes().next().is_some_and(|first| first == b'-' || first.is_ascii_digit());
    if digits && serde_json::from_str::<&RawValue>(text).is_ok() { out.raw(text) } else { Err(Refused::Other) }
}

/// A number of JSON5 as JSON spells it: without a plus, with digits on both sides of the point, not in hexadecimal.
fn from_json5(text: &str) -> Option<String> {
    let (sign, digits) =
        text.strip_prefix('-').map_or(("", text.strip_prefix('+').unwrap_or(text)), |rest| ("-", rest));
    if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return Some(format!("{sign}{}", u128::from_str_radix(digits, 16).ok()?));
    }
    let (mantissa, exponent) = digits.find(['e', 'E']).map_or((digits, ""), |at| digits.split_at(at));
    let before = if mantissa.starts_with('.') { "0" } else { "" };
    let after = if mantissa.ends_with('.') { "0" } else { "" };
    Some(format!("{sign}{before}{mantissa}{after}{exponent}"))
}

/// Text, in one of four spellings.
fn text(kind: u8, content: &[u8], out: &mut Writer) -> Result<(), Refused> {
    let text = from_utf8(content).map_err(|_| Refused::Other)?;
    match kind {
        // As it is; the second needs to be escaped in JSON.
        7 | 10 => out.string(text),
        // With the escapes of JSON, or of JSON5.
        8 | 9 => {
            let quoted = if kind == 8 { format!("\"{text}\"") } else { format!("\"{}\"", escapes(text)) };
            if serde_json::from_str::<&RawValue>(&quoted).is_err() {
                return Err(Refused::Other);
            }
            out.raw(&quoted)
        }
        _ => Err(Refused::Other),
    }
}

/// The escapes of JSON5 as JSON has them.
fn escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => match chars.next() {
                Some('\'') => out.push('\''),
                Some('v') => out.push_str("\\u000b"),
                Some('0') => out.push_str("\\u0000"),
                Some('x') => {
                    out.push_str("\\u00");
                    out.extend(chars.by_ref().take(2));
                }
                // A line that goes on in the next one.
                Some('\n' | '\u{2028}' | '\u{2029}') => {}
                Some('\r') => {
                    let mut ahead = chars.clone();
                    if ahead.next() == Some('\n') {
                        chars = ahead;
                    }
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            _ => out.push(char),
        }
    }
    out
}
