//! Writing values as compact JSON text.

use std::fmt::{self, Write};

use super::Json;

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::String(text) => write_string(f, text),
            Self::Verbatim(text) => f.write_str(text),
            Self::Array(array) => {
                f.write_char('[')?;
                for (n, value) in array.iter().enumerate() {
                    if n > 0 {
                        f.write_char(',')?;
                    }
                    value.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(object) => {
                f.write_char('{')?;
                for (n, entry) in object.in_order().into_iter().enumerate() {
                    if n > 0 {
                        f.write_char(',')?;
                    }
                    write_string(f, &entry.key)?;
                    f.write_char(':')?;
                    entry.value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

/// Writes text as a JSON string, escaping only what JSON requires.
pub fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
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
    let _ = write!(count, "{value}");
    count.0
}
