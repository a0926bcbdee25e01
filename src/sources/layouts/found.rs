//! Recognises which layout the tables of a store follow.
//!
//! Names prove nothing: `messages` is a chat, `events` a calendar, `journal` book-keeping, far more often than an event
//! store. So a layout must find every column it needs, with types that can hold what it says, and sample rows must look
//! like events; every candidate says why it was taken or refused. Equal scores are decided by the number of columns a
//! layout asks for, then by its name.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::cells::{self, Raw};
use super::reader::{self, Ground, Reader, column};
use super::spec::{Class, ColumnRule, Confirmation, Layout, Likeness};
use crate::domain::{Candidate, Failure, words};
use crate::sources::tables::{Cell, Database, Row, Table};

/// Rows looked at to confirm a layout.
const SAMPLE: usize = 400;
/// Sample bytes; rows can be large.
const SAMPLE_BYTES: usize = 16 << 20;
/// The share, in percent, of sample rows that must be as the layout says.
const SHARE: usize = 80;
/// The share, in percent, of sample versions that may occur twice in their streams.
const REPEATED: usize = 20;
/// A score below which nobody would have thought of a layout.
const NEAR: u8 = 20;
/// A score that refused candidates stay below.
const REFUSED: u8 = 50;

/// A layout that fits, and which table is which.
#[derive(Clone, Debug)]
pub struct Found {
    /// The layout.
    pub layout: Arc<Layout>,
    /// The tables of events: their numbers.
    pub events: Vec<usize>,
    /// The other tables, by the layout's names for them.
    pub others: BTreeMap<String, usize>,
    /// Tables that hold events as well and are not read.
    pub also: Vec<usize>,
    /// Tables whose rows behave as events do though their columns are not called so, with the map that reads them.
    pub unusual: Vec<(usize, String)>,
    /// How many more tables were not looked at, for there are too many.
    pub unlooked: usize,
    /// Those of them that fit the layout.
    pub fits: Vec<usize>,
    /// Why.
    pub reasons: Vec<String>,
    /// How well, in percent.
    pub score: u8,
}

impl Found {
    /// A table by the layout's name for it, with what the layout says of its columns.
    pub fn table(&self, name: &str) -> Option<(usize, &[ColumnRule])> {
        if name == "events" {
            return Some((*self.events.first()?, &[]));
        }
        let rules = self.layout.tables.get(name).map_or(&[][..], |table| &table.must);
        Some((*self.others.get(name)?, rules))
    }
}

/// What became of a layout.
pub enum Tried {
    /// It fits.
    Fits(Found),
    /// It does not, and why.
    Refused(Candidate),
}

impl Tried {
    fn score(&self) -> u8 {
        match self {
            Self::Fits(found) => found.score,
            Self::Refused(candidate) => candidate.score,
        }
    }

    fn layout(&self) -> &str {
        match self {
            Self::Fits(found) => &found.layout.name,
            Self::Refused(candidate) => &candidate.layout,
        }
    }

    fn asks(&self) -> usize {
        match self {
            Self::Fits(found) => found.layout.events.must.len(),
            Self::Refused(_) => 0,
        }
    }

    /// It as a candidate.
    pub fn candidate(&self) -> Candidate {
        match self {
            Self::Fits(found) => {
                Candidate { layout: found.layout.name.clone(), score: found.score, reasons: found.reasons.clone() }
            }
            Self::Refused(candidate) => candidate.clone(),
        }
    }
}

/// Tries layouts, best first. Those without any table in common with the store are left out.
///
/// # Errors
/// When the store cannot be read.
pub fn try_all(layouts: &[Arc<Layout>], database: &dyn Database) -> Result<Vec<Tried>, Failure> {
    let mut samples = Samples::default();
    let mut tried = Vec::new();
    for layout in layouts {
        tried.extend(try_one(layout, database, None, &mut samples)?);
    }
    tried.sort_by(|a, b| {
        let fits = |tried: &Tried| matches!(tried, Tried::Fits(_));
        (fits(b), b.score(), b.asks()).cmp(&(fits(a), a.score(), a.asks())).then_with(|| a.layout().cmp(b.layout()))
    });
    // One with little in common with the store is a candidate only where there is none better.
    let near = tried.iter().take_while(|tried| tried.score() >= NEAR).count();
    tried.truncate(near.max(1));
    tried.retain(|tried| tried.score() > 0);
    Ok(tried)
}

/// Tries one layout, whatever else might fit, and on one table if that is said.
///
/// # Errors
/// When the store cannot be read.
pub fn try_only(layout: &Arc<Layout>, database: &dyn Database, table: Option<&str>) -> Result<Option<Tried>, Failure> {
    try_one(layout, database, table, &mut Samples::default())
}

/// The first rows of tables, read once.
#[derive(Default)]
struct Samples(HashMap<usize, Vec<Vec<Cell<'static>>>>);

impl Samples {
    fn of(&mut self, table: usize, database: &dyn Database) -> Result<&[Vec<Cell<'static>>], Failure> {
        Ok(match self.0.entry(table) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(sample(table, database)?),
        })
    }
}

/// The first rows of a table.
///
/// # Errors
/// When the store cannot be read.
pub fn sample(table: usize, database: &dyn Database) -> Result<Vec<Vec<Cell<'static>>>, Failure> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    database.scan(table, &mut |_, _| ControlFlow::Continue(()), &mut |row| {
        if let Row::Cells(_, cells) = row {
            let owned: Vec<_> = cells.iter().map(owned).collect();
            bytes += owned.iter().map(size).sum::<usize>();
            rows.push(owned);
        }
        if rows.len() < SAMPLE && bytes < SAMPLE_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(rows)
}

fn owned(cell: &Cell<'_>) -> Cell<'static> {
    match cell {
        Cell::Null => Cell::Null,
        Cell::Integer(number) => Cell::Integer(*number),
        Cell::Real(number) => Cell::Real(*number),
        Cell::Text(text) => Cell::Text(text.to_vec().into()),
        Cell::Bytes(bytes) => Cell::Bytes(bytes.to_vec().into()),
    }
}

fn size(cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Text(text) | Cell::Bytes(text) => text.len(),
        _ => 8,
    }
}

/// A table and how it fits.
struct Fit {
    table: usize,
    score: u8,
    reasons: Vec<String>,
    rows: Option<u64>,
}

fn try_one(
    layout: &Arc<Layout>,
    database: &dyn Database,
    only: Option<&str>,
    samples: &mut Samples,
) -> Result<Option<Tried>, Failure> {
    let tables = database.tables();
    let mut fits: Vec<Fit> = Vec::new();
    let mut refused: Option<Candidate> = None;
    let mut refuse = |score: u8, reason: String| {
        if refused.as_ref().is_none_or(|before| before.score < score) {
            refused = Some(Candidate { layout: layout.name.clone(), score, reasons: vec![reason] });
        }
    };
    let others = match other_tables(layout, tables) {
        Ok(others) => others,
        Err((there, reason)) => {
            // Without the table that tells it apart a generic name means nothing.
            for table in tables {
                if let Err((share, _)) = columns(layout, table, only) {
                    refuse(share.min(there), reason.clone());
                } else {
                    refuse(REFUSED - 5, format!("`{}` fits, but {reason}", table.full_name()));
                }
            }
            return Ok(refused.map(Tried::Refused));
        }
    };
    for (number, table) in tables.iter().enumerate() {
        if others.values().any(|&other| other == number) {
            continue;
        }
        let (score, mut reasons) = match columns(layout, table, only) {
            Ok(fit) => fit,
            Err((share, reason)) => {
                refuse(share, reason);
                continue;
            }
        };
        match confirm(layout, table, samples.of(number, database)?) {
            Ok((points, confirmed)) => {
                reasons.extend(confirmed);
                fits.push(Fit { table: number, score: (score + points).min(100), reasons, rows: table.rows });
            }
            Err(reason) => refuse(REFUSED - 1, reason),
        }
    }
    // Of tables that fit the one that fits best is meant, of those the longest, of those the first.
    fits.sort_by_key(|fit| (std::cmp::Reverse(fit.score), std::cmp::Reverse(fit.rows), fit.table));
    let Some(best) = fits.first() else {
        return Ok(refused.map(Tried::Refused));
    };
    let mut reasons = best.reasons.clone();
    for (name, &number) in &others {
        let role = layout.tables.get(name).map_or("", |table| &table.role);
        reasons.push(format!("`{}` holds its {role}", tables[number].full_name()));
    }
    let score = best.score;
    // Parts of a partitioned table lie beside each other and are called alike.
    let same = |fit: &&Fit| {
        let (table, best) = (&tables[fit.table], &tables[best.table]);
        let called = layout.events.names.is_empty()
            || (named(&layout.events.names, &table.name) && named(&layout.events.names, &best.name));
        fit.table == fits[0].table || (layout.events.every && only.is_none() && table.schema == best.schema && called)
    };
    let mut events: Vec<usize> = fits.iter().filter(same).map(|fit| fit.table).collect();
    let also: Vec<usize> = fits.iter().map(|fit| fit.table).filter(|table| !events.contains(table)).collect();
    events.sort_unstable();
    Ok(Some(Tried::Fits(Found {
        layout: layout.clone(),
        events,
        others,
        fits: also.clone(),
        also,
        unusual: Vec::new(),
        unlooked: 0,
        reasons,
        score,
    })))
}

/// Which other tables are which; else how well they are known, and what is missing.
fn other_tables(layout: &Layout, tables: &[Table]) -> Result<BTreeMap<String, usize>, (u8, String)> {
    let mut found = BTreeMap::new();
    for (name, wanted) in &layout.tables {
        // Of tables with such columns one that is called so is meant, or one that cannot be the events.
        let fits = |table: &Table| {
            wanted.must.iter().all(|rule| self::fits(table, rule))
                && (named(&wanted.names, &table.name)
                    || (!wanted.must.is_empty() && layout.events.must.iter().any(|rule| !self::fits(table, rule))))
        };
        let candidates = tables.iter().enumerate().filter(|(_, table)| fits(table));
        let best =
            candidates.max_by_key(|(number, table)| (named(&wanted.names, &table.name), std::cmp::Reverse(*number)));
        match best {
            Some((number, _)) => {
                found.insert(name.clone(), number);
            }
            None if wanted.optional => {}
            None => {
                let called = wanted.names.first().unwrap_or(name);
                let columns: Vec<_> = wanted.must.iter().map(|rule| rule.names[0].as_str()).collect();
                let columns = columns.join(", ");
                return Err((30, format!("there is no table like `{called}` beside it (with {columns})")));
            }
        }
    }
    Ok(found)
}

/// Whether a name is like one of the patterns.
pub fn named(patterns: &[String], name: &str) -> bool {
    let options = glob::MatchOptions { case_sensitive: false, ..glob::MatchOptions::default() };
    patterns.iter().any(|pattern| match pattern.contains(['*', '?', '[']) {
        // A store may have a hundred thousand tables, and most patterns are plain names.
        false => pattern.eq_ignore_ascii_case(name),
        true => glob::Pattern::new(pattern).is_ok_and(|glob| glob.matches_with(name, options)),
    })
}

/// Whether a table has the column of a rule, with a type that fits.
fn fits(table: &Table, rule: &ColumnRule) -> bool {
    let number = rule.names.iter().find_map(|name| column(table, name));
    number.is_some_and(|number| accepts(rule.class, &table.columns[number].declared))
}

/// The same; else what is wrong.
fn has(table: &Table, rule: &ColumnRule) -> Result<(), String> {
    let Some(number) = rule.names.iter().find_map(|name| column(table, name)) else {
        return Err(format!("it has no column `{}`", rule.names.join("` or `")));
    };
    let column = &table.columns[number];
    match accepts(rule.class, &column.declared) {
        true => Ok(()),
        false => {
            Err(format!("its column `{}` is {}, and should hold {}", column.name, column.declared, rule.class.name()))
        }
    }
}

/// How well the columns of a table fit, with reasons; else the share of columns that do, and what does not.
fn columns(layout: &Layout, table: &Table, only: Option<&str>) -> Result<(u8, Vec<String>), (u8, String)> {
    let events = &layout.events;
    let name = table.full_name();
    let there = events.must.iter().filter(|rule| fits(table, rule)).count();
    let share = (there * usize::from(REFUSED - 5) / events.must.len().max(1)) as u8;
    if only.is_some_and(|only| only != name && only != table.name) {
        return Err((0, format!("`{name}` is not the table you named")));
    }
    if only.is_none() && named(&events.not_names, &table.name) {
        return Err((share.min(20), format!("`{name}` is called like a table of something else")));
    }
    if let Some(wrong) = events.must.iter().find_map(|rule| has(table, rule).err()) {
        return Err((share, format!("`{name}`: {wrong}")));
    }
    if let Some((_, is)) = events.not.iter().find(|(not, _)| column(table, not).is_some()) {
        return Err((share, format!("`{name}`: {is}")));
    }
    if let Some(pattern) = &events.named
        && !pattern.0.is_match(&table.name)
    {
        return Err((share, format!("`{name}` is not called like `{}`", pattern.0)));
    }
    let must: Vec<_> = events.must.iter().map(|rule| rule.names[0].as_str()).collect();
    let mut reasons = vec![format!("`{name}` has {}", must.join(", "))];
    let mut score = 70;
    if events.named.is_some() || named(&events.names, &table.name) {
        score += 8;
        reasons.push(format!("`{}` is its usual name", table.name));
    }
    let schema = table.schema.as_deref().unwrap_or_default();
    if events.schemas.is_empty() || named(&events.schemas, schema) {
        score += 3;
    }
    let may = events.may.iter().filter(|rule| has(table, rule).is_ok()).count();
    score += match events.may.len() {
        0 => 6,
        all => (may * 6 / all) as u8,
    };
    if !layout.tables.is_empty() {
        score += 3;
    }
    Ok((score, reasons))
}

/// What the sample rows add, with reasons; else why they are not what the layout says.
fn confirm(layout: &Layout, table: &Table, rows: &[Vec<Cell<'static>>]) -> Result<(u8, Vec<String>), String> {
    let name = table.full_name();
    if rows.is_empty() {
        return Ok((2, vec![format!("`{name}` has no rows to look at")]));
    }
    let events = &layout.events;
    let envelope = events.envelope.as_ref().map(|envelope| (envelope.column.as_str(), envelope.kind));
    let rules = rules(layout);
    let ground = Ground { envelope, ..Ground::of(table, &rules) };
    let mut reasons = Vec::new();
    for Confirmation { value, is } in &layout.confirm {
        let sources = [value.clone()];
        let mut reader = Reader::new(ground, &[&sources]);
        let (mut said, mut alike) = (0, 0);
        for row in rows {
            reader.row(0, row);
            let raw = reader.raw(0, row);
            if raw.says() || *is == Likeness::Present {
                said += 1;
                alike += usize::from(is_like(&raw, *is));
            }
        }
        let like = likeness(*is);
        if alike * 100 < said * SHARE {
            return Err(format!("`{name}`: in only {alike} of {said} rows is `{value}` {like}"));
        }
        if said > 0 {
            reasons.push(format!("`{value}` is {like} in {alike} of {said} rows"));
        }
    }
    if let (false, false) = (events.stream.0.is_empty(), events.version.0.is_empty()) {
        reasons.extend(versions(layout, ground, rows).map_err(|wrong| format!("`{name}`: {wrong}"))?);
    }
    Ok((10, reasons))
}

/// The rules of the columns of events.
pub fn rules(layout: &Layout) -> Vec<ColumnRule> {
    layout.events.must.iter().chain(&layout.events.may).cloned().collect()
}

/// Whether versions count within streams.
fn versions(layout: &Layout, ground: Ground<'_>, rows: &[Vec<Cell<'static>>]) -> Result<Option<String>, String> {
    let events = &layout.events;
    let mut reader = Reader::new(ground, &[&events.stream.0, &events.version.0]);
    let qualifiers: Vec<_> = events.qualify.iter().map(|qualifier| vec![qualifier.value.clone()]).collect();
    let qualifiers: Vec<_> = qualifiers.iter().map(|sources| &sources[..]).collect();
    let mut qualifying = Reader::new(ground, &qualifiers);
    let mut streams: HashMap<String, Vec<u64>> = HashMap::new();
    let mut count = 0;
    for row in rows {
        reader.row(0, row);
        qualifying.row(0, row);
        let (Some(stream), Some(version)) = (reader.text(0, row), reader.raw(1, row).whole()) else { continue };
        let mut stream = stream.into_owned();
        for qualifier in 0..qualifiers.len() {
            stream.push('/');
            stream.push_str(&qualifying.text(qualifier, row).unwrap_or_default());
        }
        streams.entry(stream).or_default().push(version);
        count += 1;
    }
    let (mut repeated, mut neighbours, mut pairs, mut example) = (0, 0, 0, None);
    for (stream, versions) in &mut streams {
        versions.sort_unstable();
        for pair in versions.windows(2) {
            pairs += 1;
            match pair[1] - pair[0] {
                0 => {
                    repeated += 1;
                    // The map has no order; the message has one.
                    let found = (stream.clone(), pair[0]);
                    if example.as_ref().is_none_or(|example| found < *example) {
                        example = Some(found);
                    }
                }
                1 => neighbours += 1,
                _ => {}
            }
        }
    }
    if let Some((stream, version)) = example.filter(|_| repeated * 100 > count * REPEATED) {
        return Err(format!("versions repeat: {repeated} of {count} do, first {version} of `{stream}`"));
    }
    let within = words::counted(streams.len() as u64, "stream");
    Ok((pairs > 0).then(|| format!("versions count up by one in {neighbours} of {pairs} steps within {within}")))
}

fn likeness(is: Likeness) -> &'static str {
    match is {
        Likeness::Present => "there",
        Likeness::Uuid => "a UUID",
        Likeness::Json => "JSON",
        Likeness::Integer => "a whole number",
        Likeness::Time => "a time",
        Likeness::List => "a list",
        Likeness::Envelope => "an envelope",
    }
}

fn is_like(raw: &Raw<'_>, is: Likeness) -> bool {
    match is {
        Likeness::Present => raw.says(),
        Likeness::Uuid => cells::is_uuid(raw),
        Likeness::Json => reader::is_any_json(raw),
        Likeness::Integer => raw.whole().is_some(),
        Likeness::Time => raw.time(super::spec::TimeUnit::Any).is_some(),
        Likeness::List => raw.bytes().is_some_and(|bytes| cells::list(&bytes).is_some()),
        Likeness::Envelope => reader::is_envelope(raw),
    }
}

/// Whether a column of this declared type can hold what a layout says. What is not declared can hold anything, and so can
/// types nobody knows (domains, enumerations).
fn accepts(class: Class, declared: &str) -> bool {
    use Class::*;
    let declared = declared.trim();
    let starts = |words: &[&str]| {
        words.iter().any(|word| {
            declared.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        })
    };
    if declared.is_empty() || class == Any {
        return true;
    }
    if declared.ends_with("[]") || declared.ends_with("array") {
        return class == List;
    }
    let integers =
        ["int", "int2", "int4", "int8", "integer", "bigint", "smallint", "mediumint", "tinyint", "xid", "xid8"];
    let serials = ["serial", "bigserial", "smallserial", "numeric", "decimal", "number", "unsigned"];
    if starts(&integers) || starts(&serials) {
        return matches!(class, Integer | Time | Bool);
    }
    if starts(&["real", "double", "float", "float4", "float8", "money"]) {
        return class == Time;
    }
    if starts(&["bool", "boolean", "bit"]) {
        return matches!(class, Bool);
    }
    if starts(&["timestamp", "timestamptz", "datetime", "datetime2", "datetimeoffset", "date", "time"]) {
        return class == Time;
    }
    if starts(&["json", "jsonb"]) {
        return matches!(class, Json | Payload | List);
    }
    if starts(&["uuid", "uniqueidentifier"]) {
        return matches!(class, Uuid | Text);
    }
    if starts(&["oid"]) {
        return matches!(class, Bytes | Payload | Integer);
    }
    if starts(&["bytea", "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "image"]) {
        return matches!(class, Bytes | Payload | Uuid | Json);
    }
    let texts = ["character", "char", "varchar", "nvarchar", "nchar", "text", "ntext", "tinytext", "mediumtext"];
    if starts(&texts) || starts(&["longtext", "clob", "string", "citext", "name", "varchar2", "bpchar", "\"char\""]) {
        return !matches!(class, Integer | Bytes);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_hold_what_they_can() {
        for (class, declared, holds) in [
            (Class::Integer, "bigint", true),
            (Class::Integer, "int(11) unsigned", true),
            (Class::Integer, "character varying(255)", false),
            (Class::Integer, "point", true),
            (Class::Time, "timestamp without time zone", true),
            (Class::Time, "character varying(255)", true),
            (Class::Text, "integer", false),
            (Class::Text, "text", true),
            (Class::Text, "mood", true),
            (Class::Uuid, "binary(16)", true),
            (Class::Uuid, "bigint", false),
            (Class::Payload, "oid", true),
            (Class::Payload, "timestamp(6) with time zone", false),
            (Class::List, "text[]", true),
            (Class::Text, "text[]", false),
            (Class::Bytes, "text", false),
            (Class::Bool, "tinyint(1)", true),
            (Class::Json, "", true),
        ] {
            assert_eq!(accepts(class, declared), holds, "{} in {declared}", class.name());
        }
    }
}
