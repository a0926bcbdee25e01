//! A table nobody's framework wrote: its columns are judged by their names and values, as the fields of generic JSON are.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::beside::is_unknown;
use super::expression::{Expression, Origin, Part, Value};
use super::found::{self, Found};
use super::mapped;
use super::reader::row_json;
use super::spec::{Events, Layout, Ordering, Qualifier, Sources};
use crate::domain::{Caveat, CaveatKind, Failure, Json, LeftOut, OtherKey, shell};
use crate::sources::files::mapping::{self, FieldPath, Mapping, Overrides, Piece, Reference, Role, Sample, StreamFrom};
use crate::sources::tables::{Database, Table};

/// What the layout of such a table is called.
pub const NAME: &str = "generic table";
/// The same, as it is asked for: `--layout generic:TABLE`.
pub const SHORT: &str = "generic";
/// Tables that are looked at.
const TABLES: usize = 64;

/// The field of a row's table in a sample of several tables.
const TABLE: &str = "@table";
/// How much a table beside a known layout must look like events to be told of.
const SURE: u8 = 80;

/// What was guessed.
pub struct Guess {
    /// The tables and how they are read.
    pub found: Found,
    /// What is made up for.
    pub caveats: Vec<Caveat>,
    /// Wider keys of streams that are possible and were not taken.
    pub other_keys: Vec<OtherKey>,
}

/// What was found by looking at tables.
pub struct Looked {
    /// Those that look like events by the names of their columns.
    candidates: Vec<Candidate>,
    /// Those that are events by how their rows behave, with the map that reads them.
    pub unusual: Vec<(usize, String)>,
    /// How many there was no time for.
    pub unlooked: usize,
}

impl Looked {
    /// Those that look like events beyond doubt.
    pub fn sure(&self) -> impl Iterator<Item = usize> {
        self.candidates.iter().filter(|candidate| candidate.score >= SURE).map(|candidate| candidate.number)
    }
}

/// A table that looks like events.
struct Candidate {
    number: usize,
    score: u8,
    /// Whether its rows have all that the user names.
    has_all: bool,
    rows: Vec<String>,
    guessed: mapping::Guessed,
}

/// What came of looking at the tables.
pub enum Guessing {
    /// Some look like events.
    Found(Box<Guess>),
    /// None does; these are called otherwise but behave like events, each with the `--map` that reads it.
    Nothing(Vec<(usize, String)>),
}

/// The tables that look like events, with what is made up for. What the user said counts: how fields are mapped, and which
/// table is meant. Tables with the same columns are one store.
///
/// # Errors
/// When the database cannot be read.
pub fn guess(
    database: &dyn Database,
    overrides: Option<&Overrides>,
    (source, stem): (&str, &str),
    only: Option<&str>,
) -> Result<Guessing, Failure> {
    let none = Overrides::default();
    let said = overrides.unwrap_or(&none);
    let is_meant = |number: usize| {
        let table = &database.tables()[number];
        only.is_none_or(|only| table.full_name() == only || table.name == only)
    };
    let is_said = overrides.is_some() || only.is_some();
    let Looked { candidates, mut unusual, unlooked } = look(database, said, is_said, stem, &is_meant)?;
    // The one whose rows have all that the user names and that looks most like events is meant, of those the longest, of
    // those the first.
    let order = |candidate: &&Candidate| {
        let rows = database.rows(candidate.number);
        let is_of_the_store = !is_set_aside(&database.tables()[candidate.number].name);
        (candidate.has_all, is_of_the_store, candidate.score, rows, std::cmp::Reverse(candidate.number))
    };
    let Some(best) = candidates.iter().max_by_key(order) else {
        return match overrides {
            Some(overrides) => refused(database, overrides, (source, stem), &is_meant),
            None => Ok(Guessing::Nothing(unusual)),
        };
    };
    let alike: Vec<&Candidate> = candidates.iter().filter(|other| is_one_store(database, best, other)).collect();
    let tables: Vec<usize> = alike.iter().map(|candidate| candidate.number).collect();
    let joined;
    let guessed = match &alike[..] {
        [_, _, ..] => {
            joined = together(database, &alike, said, stem);
            joined.as_ref().unwrap_or(&best.guessed)
        }
        _ => &best.guessed,
    };
    let events = if std::ptr::eq(guessed, &best.guessed) { vec![best.number] } else { tables };
    let named = |number: &usize| format!("`{}`", database.tables()[*number].full_name());
    let mut reasons = Vec::new();
    match &events[..] {
        [one] => reasons.push(format!("{} has columns with the usual names", named(one))),
        several => {
            let names: Vec<String> = several.iter().map(named).collect();
            reasons
                .push(format!("{} have the same columns, with the usual names: they are one store", names.join(", ")));
        }
    }
    reasons.extend(guessed.reasons.iter().cloned());
    let mut also: Vec<usize> = candidates.iter().map(|other| other.number).collect();
    if overrides.is_some() && only.is_none() {
        // Without the columns a map names a table may hold events all the same.
        let is_other = |number: usize| !also.contains(&number);
        let others = beside(database, stem, &is_other)?;
        also.extend(others.sure());
        unusual = others.unusual;
    }
    also.retain(|number| !events.contains(number));
    let layout = Arc::new(layout(&guessed.mapping, events.len()));
    let rows = match (&layout.events.order, &layout.events.version.0[..]) {
        (Ordering::Time, []) => "shown by time",
        (Ordering::Time, _) => "shown by time, each stream by its versions where none repeats",
        (_, []) => "shown in the order of the rows",
        _ => "shown in the order of the rows, each stream by its versions where none repeats",
    };
    let caveats = guessed.caveats.iter().filter(|caveat| caveat.kind != CaveatKind::PositionsBack).cloned();
    let caveats =
        caveats.map(|caveat| caveat.said(CaveatKind::NoPosition, "shown in file order, by line", rows)).collect();
    let other_keys = guessed.other_keys.clone();
    let mut found = Found {
        layout,
        events,
        others: BTreeMap::new(),
        also,
        unusual: Vec::new(),
        unlooked,
        fits: Vec::new(),
        reasons,
        score: best.score,
    };
    unusual.retain(|(number, _)| is_unknown(&found, database, *number));
    found.unusual = unusual;
    Ok(Guessing::Found(Box::new(Guess { found, caveats, other_keys })))
}

/// Looks at tables that a known layout does not name, or that nobody names.
///
/// # Errors
/// When the database cannot be read.
pub fn beside(database: &dyn Database, stem: &str, is_asked: &dyn Fn(usize) -> bool) -> Result<Looked, Failure> {
    look(database, &Overrides::default(), false, stem, is_asked)
}

/// How many tables there is no time for where nobody says which is meant.
pub fn unlooked_at(database: &dyn Database) -> usize {
    looked_at(database, false, &|_| true).1
}

/// What is to be said of so many tables that were not looked at.
pub fn unlooked(tables: usize) -> LeftOut {
    let name = if tables == 1 { "1 more table".to_owned() } else { format!("{tables} more tables") };
    LeftOut { name, rows: None, choose: format!("--layout {SHORT}:TABLE"), is_known: false }
}

/// The tables to look at, those first whose columns are called as events' are, and how many there is no time for.
fn looked_at(database: &dyn Database, is_said: bool, is_asked: &dyn Fn(usize) -> bool) -> (Vec<usize>, usize) {
    let tables = database.tables();
    // Where nobody says more, a table without a type beside a stream holds none.
    let may_be = |number: &usize| {
        is_asked(*number) && (is_said || tables[*number].columns.len() > 1) && database.rows(*number) != Some(0)
    };
    let mut numbers: Vec<usize> = (0..tables.len()).filter(may_be).collect();
    let unlooked = numbers.len().saturating_sub(TABLES);
    if unlooked > 0 {
        let is_named = |number: &usize| {
            let columns = || tables[*number].columns.iter().map(|column| column.name.as_str());
            mapping::is_named(Role::Stream, columns()) && mapping::is_named(Role::Type, columns())
        };
        numbers.sort_by_key(|number| !is_named(number));
        numbers.truncate(TABLES);
        numbers.sort_unstable();
    }
    (numbers, unlooked)
}

fn look(
    database: &dyn Database,
    said: &Overrides,
    is_said: bool,
    stem: &str,
    is_asked: &dyn Fn(usize) -> bool,
) -> Result<Looked, Failure> {
    let (numbers, unlooked) = looked_at(database, is_said, is_asked);
    let mut looked = Looked { candidates: Vec::new(), unusual: Vec::new(), unlooked };
    for number in numbers {
        // What the user names must be in the table.
        if !mapped::has_columns(said, &database.tables()[number]) {
            continue;
        }
        let (rows, sample) = sampled(database, number, said)?;
        if sample.records() == 0 {
            continue;
        }
        let guessed = mapping::guess(&sample, said, stem).ok();
        let judged = guessed.and_then(|guessed| Some((judge(&guessed.mapping, &sample, is_said)?, guessed)));
        match judged {
            Some((score, guessed)) => {
                let has_all = said.paths().all(|(_, path)| sample.watched(path) != Some(0));
                looked.candidates.push(Candidate { number, score, has_all, rows, guessed });
            }
            None if is_said => {}
            None => {
                let is_named = is_called_events(&database.tables()[number].name);
                looked.unusual.extend(mapping::proven(&sample, stem, is_named).map(|map| (number, map)));
            }
        }
    }
    Ok(looked)
}

/// Whether a table is called as those are in which events are kept.
fn is_called_events(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["event", "log", "journal", "history", "audit", "ledger"].iter().any(|word| lower.contains(word))
}

/// How a table of events that is not read would be.
pub fn chosen(database: &dyn Database, (number, map): &(usize, String)) -> String {
    let map = shell::word(map.as_bytes());
    match database.tables() {
        [_] => format!("--map {map}"),
        tables => format!(
            "--layout {} --map {map}",
            shell::word(format!("{SHORT}:{}", tables[*number].full_name()).as_bytes())
        ),
    }
}

/// The first rows of a table as records, and a sample of them that watches what the user names.
///
/// # Errors
/// When the database cannot be read.
pub fn sampled(database: &dyn Database, number: usize, said: &Overrides) -> Result<(Vec<String>, Sample), Failure> {
    let table = &database.tables()[number];
    let rows: Vec<String> = found::sample(number, database)?.iter().map(|row| row_json(&table.columns, row)).collect();
    let mut sample = Sample::watching(said.paths().map(|(_, path)| path));
    rows.iter().for_each(|row| _ = sample.add(row.as_bytes()));
    constrain(&mut sample, table);
    Ok((rows, sample))
}

/// Why no table looks like events though the user says what is what in one: told of the first that has the columns.
fn refused(
    database: &dyn Database,
    said: &Overrides,
    (source, stem): (&str, &str),
    is_meant: &dyn Fn(usize) -> bool,
) -> Result<Guessing, Failure> {
    for (number, table) in database.tables().iter().enumerate() {
        if is_meant(number) && mapped::has_columns(said, table) {
            let (_, sample) = sampled(database, number, said)?;
            if sample.records() > 0 {
                mapping::mapped(&sample, said, source, stem)?;
            }
        }
    }
    Ok(Guessing::Nothing(beside(database, stem, &|_| true)?.unusual))
}

/// Tells a sample which columns of its table are different in every row.
fn constrain(sample: &mut Sample, table: &Table) {
    for columns in &table.unique {
        sample.add_unique(columns.iter().map(|column| FieldPath::new([column.as_str()])).collect());
    }
}

/// Whether two tables are parts of one store: they lie in one schema, have the same columns, and neither is a copy of the
/// other.
fn is_one_store(database: &dyn Database, one: &Candidate, other: &Candidate) -> bool {
    let (a, b) = (&database.tables()[one.number], &database.tables()[other.number]);
    if one.number == other.number {
        return true;
    }
    let rows: HashSet<&str> = one.rows.iter().map(String::as_str).collect();
    a.schema == b.schema
        && a.columns == b.columns
        && is_set_aside(&a.name) == is_set_aside(&b.name)
        && one.guessed.mapping.event_type == other.guessed.mapping.event_type
        && !other.rows.iter().any(|row| rows.contains(row.as_str()))
}

/// Whether a table is called as those are into which what could not be handled is put: it says again what other tables say,
/// or what never became an event.
fn is_set_aside(name: &str) -> bool {
    const ASIDE: [&str; 10] =
        ["dead", "failed", "failure", "rejected", "poison", "poisoned", "quarantine", "quarantined", "parked", "dlq"];
    const PLAIN: [&str; 9] = ["letter", "event", "message", "queue", "record", "entry", "store", "log", "domain"];
    let spaced: String = name
        .char_indices()
        .flat_map(|(at, c)| [(at > 0 && c.is_uppercase()).then_some(' '), Some(c)].into_iter().flatten())
        .collect();
    let lower = spaced.to_lowercase().replace("deadletter", "dead letter");
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is = |words: &[&str], word: &str| {
        words.contains(&word) || word.strip_suffix('s').is_some_and(|one| words.contains(&one)) || word == "entries"
    };
    words.iter().any(|word| is(&ASIDE, word)) && words.iter().all(|word| is(&ASIDE, word) || is(&PLAIN, word))
}

/// The mapping of several tables. Where their versions show that each has streams of its own, the name of the table is a
/// part of a stream's name.
fn together(database: &dyn Database, tables: &[&Candidate], said: &Overrides, stem: &str) -> Option<mapping::Guessed> {
    let mut sample = Sample::default();
    for candidate in tables {
        let name = Json::from(database.tables()[candidate.number].full_name().as_str()).to_string();
        for row in &candidate.rows {
            let rest = row.strip_prefix('{').unwrap_or(row);
            let comma = if rest.starts_with('}') { "" } else { "," };
            sample.add(format!("{{\"{TABLE}\":{name}{comma}{rest}").as_bytes());
        }
    }
    let mut guessed = mapping::guess(&sample, said, stem).ok()?;
    // Numbers that each table draws by itself are no places in the store; a few that stand twice are a fault of theirs.
    let repeats = |path: &FieldPath| {
        let field = sample.field(path).map(|field| sample.once(field));
        field.is_some_and(|field| field.distinct() * 10 < field.count() * 9)
    };
    if guessed.mapping.position.as_ref().is_some_and(repeats) {
        guessed.mapping.position = None;
        guessed.reasons.retain(|reason| !reason.starts_with("position = "));
        guessed.caveats.retain(|caveat| caveat.kind != CaveatKind::PositionsBack);
        guessed.caveats.push(Caveat::new(CaveatKind::NoPosition, "no position: shown in file order, by line"));
    }
    Some(guessed)
}

/// How much a table looks like events, unless it does not: a stream and a type are not enough, for many a table has an
/// owner and a kind.
fn judge(mapping: &Mapping, sample: &Sample, said: bool) -> Option<u8> {
    if matches!(mapping.stream, StreamFrom::Constant(_)) && !said {
        return None;
    }
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
    value(path).map(Expression::Value)
}

fn value(path: &FieldPath) -> Option<Value> {
    let (column, rest) = path.keys().split_first()?;
    let source = if column == TABLE { Origin::TableName } else { Origin::Column(column.clone()) };
    Some(Value { source, path: FieldPath::new(rest.iter().map(String::as_str)) })
}

/// Where a stream's name comes from, as an expression.
pub fn stream(from: &StreamFrom) -> Option<Expression> {
    match from {
        StreamFrom::Field(path) => expression(path),
        StreamFrom::Template(template) => {
            let parts = template.pieces().iter().enumerate().map(|(at, piece)| {
                Some(match piece {
                    Piece::Text(text) => Part::Text(text.clone()),
                    Piece::Field(path, need) => Part::Key(value(path)?, *need, template.next(at)),
                })
            });
            match template.pieces() {
                [Piece::Field(path, _)] => expression(path),
                _ => parts.collect::<Option<_>>().map(Expression::Template),
            }
        }
        StreamFrom::Constant(_) => None,
    }
}

fn layout(mapping: &Mapping, tables: usize) -> Layout {
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
    let stream = Sources(stream(&mapping.stream).into_iter().collect());
    let owners = match &mapping.stream {
        StreamFrom::Template(template) => template.owners(),
        _ => &[],
    };
    let qualify = owners.iter().filter_map(|owner| {
        let unless = owner.usual.iter().cloned().collect();
        Some(Qualifier { value: expression(&owner.path)?, unless, is_kept: true })
    });
    let qualify = qualify.collect();
    let streamless = match &mapping.stream {
        StreamFrom::Constant(name) => Some(name.clone()),
        StreamFrom::Field(_) | StreamFrom::Template(_) => None,
    };
    let order = match mapping.position.as_ref().and_then(expression) {
        Some(position) => Ordering::By(position, None),
        // Rows of different tables lie in no order to each other.
        None if tables > 1 && mapping.time.is_some() => Ordering::Time,
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
            streamless,
            qualify,
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
