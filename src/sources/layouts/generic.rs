//! A table nobody's framework wrote: its columns are judged by their names and values, as the fields of generic JSON are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expression::{Expression, Origin, Value};
use super::found::{self, Found};
use super::reader::row_json;
use super::spec::{Events, Layout, Ordering, Sources};
use crate::domain::Failure;
use crate::sources::files::mapping::{self, FieldPath, Mapping, Overrides, Reference, Role, Sample, StreamFrom};
use crate::sources::tables::Database;

/// What the layout of such a table is called.
pub const NAME: &str = "generic table";
/// Tables that are looked at.
const TABLES: usize = 64;

/// The one table that looks like events, with what is made up for. What the user said counts.
///
/// # Errors
/// When the database cannot be read.
pub fn guess(
    database: &dyn Database,
    overrides: Option<&Overrides>,
    stem: &str,
) -> Result<Option<(Found, Vec<String>)>, Failure> {
    let none = Overrides::default();
    let said = overrides.unwrap_or(&none);
    let mut best: Option<(u8, usize, mapping::Guessed)> = None;
    for (number, table) in database.tables().iter().enumerate().take(TABLES) {
        let mut sample = Sample::default();
        for row in found::sample(number, database)? {
            sample.add(row_json(&table.columns, &row).as_bytes());
        }
        if sample.records() == 0 {
            continue;
        }
        // What the user names must be in the table.
        let named = Role::ALL.iter().filter_map(|&role| said.get(role).flatten());
        if !named.into_iter().all(|path| path.keys().is_empty() || sample.field(path).is_some()) {
            continue;
        }
        let Ok(guessed) = mapping::guess(&sample, said, stem) else { continue };
        let Some(score) = judge(&guessed.mapping, &sample, overrides.is_some()) else { continue };
        if best.as_ref().is_none_or(|(most, ..)| score > *most) {
            best = Some((score, number, guessed));
        }
    }
    let Some((score, number, guessed)) = best else { return Ok(None) };
    let name = database.tables()[number].full_name();
    let mut reasons = vec![format!("`{name}` has columns with the usual names")];
    reasons.extend(guessed.reasons);
    let layout = Arc::new(layout(&guessed.mapping));
    let found = Found { layout, events: vec![number], others: BTreeMap::new(), also: Vec::new(), reasons, score };
    let caveats = guessed
        .caveats
        .into_iter()
        .map(|caveat| caveat.replace("shown in file order, by line", "shown in the order of the rows"));
    Ok(Some((found, caveats.filter(|caveat| !caveat.contains("go back: shown in file order")).collect())))
}

/// How much a table looks like events, unless it does not: a stream and a type are not enough, for many a table has an
/// owner and a kind.
fn judge(mapping: &Mapping, sample: &Sample, said: bool) -> Option<u8> {
    let StreamFrom::Field(_) = mapping.stream else { return None };
    let objects = mapping
        .data
        .as_ref()
        .and_then(|path| sample.field(path))
        .is_some_and(|field| field.share(|value| matches!(value, [b'{' | b'[', ..] | [b'"', b'{', ..])) >= 50);
    let score = 40
        + if mapping.version.is_some() { 20 } else { 0 }
        + if objects { 20 } else { 0 }
        + if mapping.time.is_some() { 5 } else { 0 }
        + if mapping.position.is_some() { 5 } else { 0 };
    (said || score >= 60).then_some(score)
}

/// A path whose first key is a column, as an expression.
pub fn expression(path: &FieldPath) -> Option<Expression> {
    let (column, rest) = path.keys().split_first()?;
    let path = FieldPath::new(rest.iter().map(String::as_str));
    Some(Expression::Value(Value { source: Origin::Column(column.clone()), path }))
}

fn layout(mapping: &Mapping) -> Layout {
    let sources = |path: Option<&FieldPath>| Sources(path.and_then(expression).into_iter().collect());
    let references = |references: &[Reference]| {
        let read = references.iter().filter_map(|reference| match reference {
            Reference::Field(path) => expression(path),
            Reference::Place(stream, version) => {
                let (stream, version) = (expression(stream)?, expression(version)?);
                Expression::try_from(format!("{{{stream}}}/{{{version}}}")).ok()
            }
        });
        Sources(read.collect())
    };
    let stream = match &mapping.stream {
        StreamFrom::Field(path) => sources(Some(path)),
        StreamFrom::Constant(_) => Sources::default(),
    };
    let order = match mapping.position.as_ref().and_then(expression) {
        Some(position) => Ordering::By(position, None),
        None => Ordering::Rows,
    };
    Layout {
        name: NAME.into(),
        title: "generic table".into(),
        stores: "any table of events".into(),
        first_version: None,
        caveats: Vec::new(),
        events: Events {
            stream,
            event_type: sources(Some(&mapping.event_type)),
            version: sources(mapping.version.as_ref()),
            position: sources(mapping.position.as_ref()),
            order,
            id: sources(mapping.id.as_ref()),
            time: sources(mapping.time.as_ref()),
            data: sources(mapping.data.as_ref()),
            metadata: sources(mapping.metadata.as_ref()),
            correlation: references(&mapping.correlation),
            causation: references(&mapping.causation),
            whole_row: mapping.data.as_ref().is_none_or(|data| data.keys().is_empty()),
            ..Events::default()
        },
        tables: BTreeMap::new(),
        lookups: BTreeMap::new(),
        membership: None,
        confirm: Vec::new(),
        notes: Vec::new(),
        kinds: Vec::new(),
        snapshots: Vec::new(),
        declared: None,
        beside: BTreeMap::new(),
        normal: BTreeMap::new(),
    }
}
