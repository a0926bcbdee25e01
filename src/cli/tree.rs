//! A state as an indented tree of lines, every text safe.

use std::io::{self, Write};

use super::output;
use crate::domain::json::write_key;
use crate::domain::{Json, text};

/// Writes a value as indented JSON whose strings cannot command the terminal.
///
/// # Errors
/// When writing fails.
pub fn write(out: &mut dyn Write, value: &Json) -> io::Result<()> {
    branch(out, value, 0, "")?;
    writeln!(out)
}

/// One line: the compact text of a value, safe, and cut for a person.
pub fn leaf(value: &Json) -> String {
    const WIDEST: usize = 200;
    output::line(&value.to_string(), WIDEST)
}

fn branch(out: &mut dyn Write, value: &Json, depth: usize, before: &str) -> io::Result<()> {
    let indent = "  ".repeat(depth + 1);
    write!(out, "{before}")?;
    match value {
        Json::Object(object) if !object.is_empty() => {
            writeln!(out, "{{")?;
            let entries = object.in_order();
            let last = entries.len() - 1;
            for (n, entry) in entries.into_iter().enumerate() {
                let mut key = String::new();
                // Writing to a string cannot fail.
                let _ = write_key(&mut key, &entry.key);
                branch(out, &entry.value, depth + 1, &format!("{indent}{}: ", text::safe(&key)))?;
                writeln!(out, "{}", if n == last { "" } else { "," })?;
            }
            write!(out, "{}}}", "  ".repeat(depth))
        }
        Json::Array(array) if !array.is_empty() => {
            writeln!(out, "[")?;
            let last = array.len() - 1;
            for (n, value) in array.iter().enumerate() {
                branch(out, value, depth + 1, &indent)?;
                writeln!(out, "{}", if n == last { "" } else { "," })?;
            }
            write!(out, "{}]", "  ".repeat(depth))
        }
        other => write!(out, "{}", text::safe(&other.to_string())),
    }
}
