//! Writing values as compact JSON text.

use std::fmt::{self, Write};

use super::Json;

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_value(f, self)
    }
}

impl Json {
    /// Adds the compact text to a string; several times faster than formatting.
    pub fn write_text(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write_value(out, self);
    }
}

fn write_value(out: &mut impl Write, value: &Json) -> fmt::Result {
    match value {
        Json::Null => out.write_str("null"),
        Json::Bool(true) => out.write_str("true"),
        Json::Bool(false) => out.write_str("false"),
        Json::Number(number) => number.with_text(|text| out.write_str(text)),
        Json::String(text) => write_string(out, text),
        Json::Verbatim(text) => out.write_str(text),
        Json::Array(array) => {
            out.write_char('[')?;
            for (n, value) in array.iter().enumerate() {
                if n > 0 {
                    out.write_char(',')?;
                }
                write_value(out, value)?;
            }
            out.write_char(']')
        }
        Json::Object(object) => {
            out.write_char('{')?;
            let mut first = true;
            object.each_in_order(|entry| {
                if !first {
                    out.write_char(',')?;
                }
                first = false;
                write_key(out, &entry.key)?;
                out.write_char(':')?;
                write_value(out, &entry.value)
            })?;
            out.write_char('}')
        }
    }
}

/// Writes the key of an object: one that is not Unicode as it was spelt.
pub fn write_key(out: &mut impl Write, key: &str) -> fmt::Result {
    if super::parse::is_spelling(key) { out.write_str(key) } else { write_string(out, key) }
}

/// Writes text as a JSON string, escaping only what JSON requires.
pub fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut clean = 0;
    let plain = super::parse::plain_prefix(text.as_bytes());
    for (at, byte) in text.bytes().enumerate().skip(plain) {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0..=0x1f => "",
            _ => continue,
        };
        out.write_str(&text[clean..at])?;
        if escape.is_empty() {
            write!(out, "\\u{byte:04x}")?;
        } else {
            out.write_str(escape)?;
        }
        clean = at + 1;
    }
    out.write_str(&text[clean..])?;
    out.write_char('"')
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

pub(super) fn text_len(value: &Json) -> usize {
    let mut count = Count(0);
    // Counting cannot fail.
    let _ = write_value(&mut count, value);
    count.0
}
