//! What changed between two states: the path of each place, and what was and is there.

use super::push_text;
use crate::domain::Patch;
use crate::domain::patch::Change;

/// Adds a change as `{"path","before","after"}`; a side where nothing stood is left out.
pub fn push_change(line: &mut String, change: &Change) {
    line.push('{');
    push_change_fields(line, change);
    line.push('}');
}

/// The same without its braces, beside other fields.
pub fn push_change_fields(line: &mut String, change: &Change) {
    line.push_str("\"path\":");
    push_text(line, &change.path.to_string());
    for (name, side) in [("before", &change.before), ("after", &change.after)] {
        if let Some(value) = side {
            line.push_str(&format!(",\"{name}\":{value}"));
        }
    }
}

/// Adds the changes of a patch as an array, in their order, with this between two of them.
pub fn push_changes(line: &mut String, patch: &Patch, between: &str) {
    line.push('[');
    for (n, change) in patch.0.iter().enumerate() {
        if n > 0 {
            line.push_str(between);
        }
        push_change(line, change);
    }
    line.push(']');
}
