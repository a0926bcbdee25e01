//! What the user's `--map` names must be there: a column that is not is said with the nearest there are.

use crate::domain::{Failure, FailureKind, text};
use crate::sources::files::mapping::{FieldPath, Overrides, Role, nearest};
use crate::sources::layouts::reader::column;
use crate::sources::tables::Table;

/// Looks whether one of some tables has every column that the user named.
///
/// # Errors
/// Which columns none of them has.
pub fn check(overrides: &Overrides, tables: &[&Table], source: &str) -> Result<(), Failure> {
    let named: Vec<(Role, &str)> =
        overrides.paths().filter_map(|(role, path)| Some((role, path.keys().first()?.as_str()))).collect();
    let has = |table: &&Table, name: &str| column(table, name).is_some();
    if tables.is_empty() || tables.iter().any(|table| named.iter().all(|(_, name)| has(table, name))) {
        return Ok(());
    }
    let absent: Vec<_> = named.iter().filter(|(_, name)| !tables.iter().any(|table| has(table, name))).collect();
    let lines: Vec<String> = match absent.is_empty() {
        true => {
            let names: Vec<String> = named.iter().map(|(_, name)| FieldPath::new([*name]).to_string()).collect();
            vec![format!("--map: no one table has all of {}", names.join(", "))]
        }
        false => absent.iter().map(|(role, name)| told(*role, name, tables)).collect(),
    };
    Err(Failure::new(FailureKind::Usage, source, "map its columns", lines.join("\n")))
}

fn told(role: Role, name: &str, tables: &[&Table]) -> String {
    let path = FieldPath::new([name]);
    let columns: Vec<FieldPath> =
        tables.iter().flat_map(|table| &table.columns).map(|column| FieldPath::new([column.name.as_str()])).collect();
    let mut near: Vec<String> =
        nearest(&path, columns.iter()).iter().map(|path| text::fit(&path.to_string(), 60)).collect();
    near.dedup();
    let of = match tables {
        [table] => format!("`{}` has no such column", table.full_name()),
        _ => "no table has such a column".into(),
    };
    format!("--map {}={path}: {of}; the nearest there are: {}", role.name(), near.join(", "))
}
