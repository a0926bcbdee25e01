//! What the user's `--map` names must be there: a column that is not is said with the nearest there are.

use super::expression::{Expression, Origin, Part, Value};
use super::generic;
use super::spec::{Layout, Sources};
use crate::domain::{Failure, FailureKind, Spelled, text};
use crate::sources::files::mapping::{self, FieldPath, Overrides, Role, nearest};
use crate::sources::tables::{Database, Table};

/// Looks whether one of some tables has every column that the user named.
///
/// # Errors
/// Which columns none of them has.
pub fn check(overrides: &Overrides, tables: &[&Table], source: &str) -> Result<(), Failure> {
    let named: Vec<(Role, &str)> =
        overrides.paths().filter_map(|(role, path)| Some((role, path.keys().first()?.as_str()))).collect();
    let has = |table: &&Table, name: &str| table.column(name).is_some();
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

/// How `--map` speaks of what events are read from; none where it cannot, because other tables or the layout have a say.
pub fn spelled(layout: &Layout) -> Option<Spelled> {
    let events = &layout.events;
    if layout.membership.is_some() || events.tags.is_some() || events.identifiers {
        return None;
    }
    let stream = match &events.stream.0[..] {
        [] => String::new(),
        [one] => composed(one)?,
        _ => return None,
    };
    let owners = events.qualify.iter().map(|owner| match &owner.value {
        Expression::Value(value) if owner.is_kept => Some(format!("{{{}}}/", column_of(value)?)),
        _ => None,
    });
    let owners: String = owners.collect::<Option<_>>()?;
    let leading = |sources: &Sources| match &sources.0[..] {
        [Expression::Value(value)] => Some(format!(".{}", column_of(value)?)),
        _ => None,
    };
    let data = if events.whole_row { Some(String::new()) } else { leading(&events.data) };
    Some(Spelled { stream: format!("{owners}{stream}"), data, metadata: leading(&events.metadata) })
}

/// A column as `--map` writes it, without the first point.
fn column_of(value: &Value) -> Option<String> {
    let Origin::Column(name) = &value.source else { return None };
    let keys = std::iter::once(name.as_str()).chain(value.path.keys().iter().map(String::as_str));
    Some(FieldPath::new(keys).to_string().trim_start_matches('.').to_owned())
}

/// An expression as a `--map` composes it.
fn composed(expression: &Expression) -> Option<String> {
    match expression {
        Expression::Value(value) => Some(format!("{{{}}}", column_of(value)?)),
        Expression::Template(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.clone()),
                Part::Value(value) | Part::Key(value, ..) => Some(format!("{{{}}}", column_of(value)?)),
            })
            .collect(),
    }
}

/// Whether a table has every column that the user named, as it is written there.
pub fn has_columns(overrides: &Overrides, table: &Table) -> bool {
    overrides.paths().filter_map(|(_, path)| path.keys().first()).all(|name| table.column(name).is_some())
}

/// What is to be said of paths that the rows of some tables do not have, or not all of them: they lead into the JSON of
/// a column, or a column is empty.
///
/// # Errors
/// What the user named and no row has.
pub fn judged(
    overrides: &Overrides,
    database: &dyn Database,
    tables: &[usize],
    source: &str,
) -> Result<Vec<String>, Failure> {
    let mut refused = None;
    for &table in tables {
        let (_, sample) = generic::sampled(database, table, overrides)?;
        match mapping::judged(&sample, overrides, source) {
            Ok(caveats) if sample.records() > 0 => return Ok(caveats),
            Ok(_) => {}
            Err(failure) => refused = refused.or(Some(failure)),
        }
    }
    refused.map_or(Ok(Vec::new()), Err)
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
