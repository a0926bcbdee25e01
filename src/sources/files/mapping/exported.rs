//! Records as stepback itself exports them: their fields are known by name, and nothing is guessed.

use super::{FieldPath, Role, Sample};
use crate::domain::StreamKey;
use crate::sources::files::value;

/// What stands in every record.
const ALWAYS: [&str; 8] = ["position", "stream", "version", "id", "type", "time", "data", "metadata"];
/// What stands in some.
const SOMETIMES: [&str; 9] =
    ["key", "category", "fields", "correlation", "causation", "notes", "encoding", "unread", "trouble"];

/// Whether the records have the fields of an export, and no others.
pub fn is_exported(sample: &Sample) -> bool {
    let always = |name: &str| {
        let field = sample.field(&FieldPath::new([name]));
        field.is_some_and(|field| field.values.iter().flatten().count() == sample.records())
    };
    let known = |path: &FieldPath| match path.keys() {
        [name] => ALWAYS.contains(&name.as_str()) || SOMETIMES.contains(&name.as_str()),
        _ => true,
    };
    sample.records() > 0
        && ALWAYS.iter().all(|name| always(name))
        && sample.fields().iter().all(|field| known(&field.path))
}

/// Where an export has a role.
pub fn path(role: Role) -> FieldPath {
    FieldPath::new([role.name()])
}

/// Where it has what else the records said.
pub fn fields() -> FieldPath {
    FieldPath::new(["fields"])
}

/// What the names of streams are made of, as far as the records say it: how many parts, and which of them is the category.
pub fn key(sample: &Sample) -> Option<StreamKey> {
    let of = |name: &str, record: usize| sample.field(&FieldPath::new([name]))?.values.get(record)?.as_deref();
    let mut found: Option<(usize, Vec<usize>)> = None;
    let mut typed = false;
    for record in 0..sample.records() {
        // One that is too long was cut.
        let parts = of("key", record).and_then(|raw| serde_json::from_slice::<Vec<String>>(raw).ok());
        let Some(parts) = parts else { continue };
        let (count, categories) = found.get_or_insert_with(|| (parts.len(), (0..parts.len()).collect()));
        if *count != parts.len() {
            return None;
        }
        if let Some(category) = of("category", record).and_then(value::string) {
            typed = true;
            categories.retain(|&at| parts[at] == *category);
        }
    }
    let (count, categories) = found.filter(|(count, _)| *count > 1)?;
    let parts = (1..=count).map(|part| format!("part {part}")).collect();
    Some(StreamKey { parts, category: categories.first().copied().filter(|_| typed) })
}
