//! Records as stepback itself exports them: their fields are known by name, and nothing is guessed.

use super::{FieldPath, Role, Sample};

/// What stands in every record.
const ALWAYS: [&str; 8] = ["position", "stream", "version", "id", "type", "time", "data", "metadata"];
/// What stands in some.
const SOMETIMES: [&str; 7] = ["fields", "correlation", "causation", "notes", "encoding", "unread", "trouble"];

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
