//! JSON as it leaves the program: lines of commands, exports, what is copied. One encoder for each thing, whoever writes
//! it; `docs/json.md` is the contract.

mod change;
mod event;

use crate::domain::Position;
use crate::domain::json::write_string;

pub use change::{push_change, push_change_fields, push_changes};
pub use event::{Given, Payloads, Written, push_event, push_named, push_trouble};

/// Adds the parts of a stream's name.
pub fn push_parts(line: &mut String, parts: &[String]) {
    line.push_str(",\"key\":[");
    for (at, part) in parts.iter().enumerate() {
        line.push_str(if at > 0 { "," } else { "" });
        push_text(line, part);
    }
    line.push(']');
}

/// Adds text as a JSON string.
pub fn push_text(line: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = write_string(line, text);
}

/// Adds text as a JSON string, or `null`.
pub fn push_optional(line: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_text(line, text),
        None => line.push_str("null"),
    }
}

/// Adds a position as a JSON number or string.
pub fn push_position(line: &mut String, position: &Position) {
    match position {
        Position::Number(number) => line.push_str(&number.to_string()),
        Position::Text(text) => push_text(line, text),
        Position::Nth(_) => push_text(line, &position.to_string()),
    }
}
