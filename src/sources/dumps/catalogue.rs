//! What a dump was found to hold: its tables, which of them are parts of others, and where their rows lie.
//!
//! Invariant: what is kept is bounded, however many statements a dump has: see [`MOST_SECTIONS`] and [`MOST_TEXT`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::encoding::Encoding;
use super::left_out::LeftOut;
use super::rows::{Form, Kind, Section, Slot};
use super::schema::{Declared, Definition, MOST_UNIQUE};
use super::tokens::Name;
use super::values::MOST_COLUMNS;
use super::walk::{Dialect, Syntax};
use super::window::Bytes;
use crate::sources::tables::{Column, Table};

/// How many stretches of rows are told apart. Behind that statements of one table are one stretch, whatever lies between.
const MOST_SECTIONS: usize = 200_000;
/// How many bytes of names and types are kept.
const MOST_TEXT: usize = 32 << 20;
/// How many caveats are told one by one.
const MOST_SENTENCES: usize = 64;
/// How many databases are told apart.
const MOST_DATABASES: usize = 1000;
/// How many tables one has its columns from.
const MOST_ANCESTORS: usize = 256;
/// How many steps lead from a part to what it is a part of.
const DEEPEST: usize = 64;

/// The tables whose parts are known by name, for dumps that hold rows and no tables; and how the parts' names end.
const PARTS: [(&str, [&str; 2]); 5] = [
    ("emt_messages", ["_active", "_archived"]),
    ("emt_events", ["_active", "_archived"]),
    ("emt_streams", ["_active", "_archived"]),
    ("mt_events", ["_default", "_archived"]),
    ("mt_streams", ["_default", "_archived"]),
];

/// A table with its database, as a number, and its schema.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    database: usize,
    schema: Option<String>,
    name: String,
}

/// The names a stretch of rows begins with.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Head {
    /// The table, as written.
    pub name: Name,
    /// Its columns, when they are named.
    pub columns: Option<Vec<String>>,
}

/// A stretch of rows that was found.
#[derive(Clone)]
pub struct Found {
    /// What it begins with.
    pub head: Arc<Head>,
    /// What it lies in.
    pub bytes: Arc<dyn Bytes>,
    /// Whether nothing else lies in there.
    pub own: bool,
    /// Where it begins.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// How its rows are written.
    pub form: Form,
    /// How its text is to be read.
    pub syntax: Syntax,
    /// The encoding of its text.
    pub encoding: Encoding,
    /// How many values its first row has, where that says which columns they are of.
    pub values: usize,
    /// How many rows it has, where that is known.
    pub rows: Option<u64>,
}

#[derive(Default)]
struct Entry {
    definition: Option<(Vec<Declared>, Vec<Key>)>,
    /// Columns that together are different in every row.
    unique: Vec<Vec<String>>,
    /// What it is a part of.
    parent: Option<Key>,
    found: Vec<Found>,
}

/// A table and where its rows lie.
pub struct Stored {
    /// The table.
    pub table: Table,
    /// Where its rows lie.
    pub sections: Vec<Section>,
}

/// Everything found so far.
pub struct Catalogue {
    dialect: Dialect,
    databases: Vec<String>,
    database: usize,
    /// The schema of names without one.
    schema: Option<String>,
    entries: Vec<(Key, Entry)>,
    numbers: HashMap<Key, usize>,
    sections: usize,
    /// Every head there is, once.
    heads: HashSet<Arc<Head>>,
    text: usize,
    /// The table of the last statement with rows, while nothing else came after it.
    last: Option<usize>,
    left_out: LeftOut,
    /// What the user must know.
    pub caveats: Vec<String>,
    /// Those of the caveats that say that rows are missing.
    pub losses: Vec<String>,
    /// Whether it is told that the dump ends before its end.
    pub is_cut: bool,
}

impl Catalogue {
    /// Nothing yet.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            databases: vec![String::new()],
            database: 0,
            schema: (dialect == Dialect::Postgres).then(|| "public".into()),
            entries: Vec::new(),
            numbers: HashMap::new(),
            sections: 0,
            heads: HashSet::new(),
            text: 0,
            last: None,
            left_out: LeftOut::default(),
            caveats: Vec::new(),
            losses: Vec::new(),
            is_cut: false,
        }
    }

    /// Notes what the user must know, once.
    pub fn caveat(&mut self, caveat: impl Into<String>) {
        let caveat = caveat.into();
        note(&mut self.caveats, caveat);
    }

    /// Notes that rows are missing, and why.
    pub fn loss(&mut self, loss: impl Into<String>) {
        let loss = loss.into();
        note(&mut self.losses, loss.clone());
        self.caveat(loss);
    }

    /// Notes that the dump ends before its end.
    pub fn cut(&mut self, loss: impl Into<String>) {
        self.is_cut = true;
        self.loss(loss);
    }

    /// What follows is in this database.
    pub fn enter(&mut self, database: &str) {
        self.last = None;
        self.database = match self.databases.iter().position(|known| known == database) {
            Some(known) => known,
            // The first one may have begun before it was named.
            None if self.entries.is_empty() && self.databases.len() == 1 => {
                self.databases[0] = database.to_owned();
                0
            }
            None if self.databases.len() < MOST_DATABASES && self.room(database.len() + 64) => {
                self.databases.push(database.to_owned());
                self.databases.len() - 1
            }
            None => {
                self.caveat("it holds more databases than can be kept apart; the last of them are one");
                self.database
            }
        };
    }

    /// Names without a schema are in this one.
    pub fn search(&mut self, schema: &str) {
        if self.dialect == Dialect::Postgres {
            self.schema = Some(if schema.is_empty() { "public".into() } else { schema.to_owned() });
        }
    }

    /// Whether so many more bytes may be kept.
    fn room(&mut self, bytes: usize) -> bool {
        if self.text + bytes > MOST_TEXT {
            return false;
        }
        self.text += bytes;
        true
    }

    fn key(&self, name: &Name) -> Key {
        let schema = name.schema.clone().or_else(|| self.schema.clone());
        // MySQL calls a database what others call a schema.
        Key { database: self.database, schema, name: name.name.clone() }
    }

    fn number(&mut self, key: &Key) -> Option<usize> {
        if let Some(&number) = self.numbers.get(key) {
            return Some(number);
        }
        let length = key.name.len() + key.schema.as_deref().map_or(0, str::len);
        if !self.room(2 * length + 256) {
            self.left_out.table(key);
            return None;
        }
        self.numbers.insert(key.clone(), self.entries.len());
        self.entries.push((key.clone(), Entry::default()));
        Some(self.entries.len() - 1)
    }

    /// There is a table.
    pub fn define(&mut self, definition: Definition) {
        self.last = None;
        let length: usize = definition.columns.iter().map(|c| c.name.len() + c.declared.len() + 64).sum();
        let Some(number) = self.number(&self.key(&definition.name)) else { return };
        if !self.room(length) {
            self.left_out.definitions += 1;
            return;
        }
        let inherits: Vec<Key> = definition.inherits.iter().map(|name| self.key(name)).collect();
        let parent = definition.part_of.as_ref().map(|name| self.key(name));
        let entry = &mut self.entries[number].1;
        entry.parent = match (&inherits[..], &parent) {
            ([only], None) => Some(only.clone()),
            (_, parent) => parent.clone(),
        };
        let columns_of = inherits.into_iter().chain(parent).collect();
        entry.definition = Some((definition.columns, columns_of));
        definition.unique.into_iter().for_each(|columns| self.unique(&definition.name, columns));
    }

    /// Columns of a table are different in every row together.
    pub fn unique(&mut self, name: &Name, columns: Vec<String>) {
        let Some(&number) = self.numbers.get(&self.key(name)) else { return };
        let length: usize = columns.iter().map(|column| column.len() + 32).sum();
        // What there is no room for is only not known.
        if self.entries[number].1.unique.len() < MOST_UNIQUE && self.room(length) {
            self.entries[number].1.unique.push(columns);
        }
    }

    /// A table is a part of another.
    pub fn attach(&mut self, part: &Name, parent: &Name) {
        let parent = self.key(parent);
        if let (Some(part), Some(_)) = (self.number(&self.key(part)), self.number(&parent)) {
            self.entries[part].1.parent = Some(parent);
        }
    }

    /// Whether a table's columns are known.
    pub fn is_defined(&self, name: &Name) -> bool {
        self.numbers.get(&self.key(name)).is_some_and(|&number| self.entries[number].1.definition.is_some())
    }

    /// Whether it is known which columns of a table the values of a row are of that names none. A computed column is held
    /// by some dumps and not by others: MariaDB has its values, PostgreSQL has DEFAULT there, SQLite nothing.
    pub fn knows_values(&self, name: &Name) -> bool {
        let number = self.numbers.get(&self.key(name));
        let definition = number.and_then(|&number| self.entries[number].1.definition.as_ref());
        let computed = |columns: &[Declared]| columns.iter().any(|column| column.generated);
        definition.is_some_and(|(own, _)| self.dialect == Dialect::Postgres || !computed(own))
    }

    /// Rows were found. They join those before them when nothing else lies between.
    pub fn add(&mut self, mut found: Found) {
        let Some(number) = self.number(&self.key(&found.head.name)) else { return };
        match self.heads.get(&found.head) {
            Some(known) => found.head = known.clone(),
            None => {
                let columns: usize = found.head.columns.iter().flatten().map(|column| column.len() + 48).sum();
                if !self.room(columns + found.head.name.name.len() + 128) {
                    self.left_out.stretches += 1;
                    return;
                }
                self.heads.insert(found.head.clone());
            }
        }
        let joins = self.last == Some(number);
        let full = self.sections >= MOST_SECTIONS;
        self.last = (found.form == Form::Inserts && !found.own).then_some(number);
        if let Some(last) = self.entries[number].1.found.last_mut()
            && last.form == Form::Inserts
            && !last.own
            && (joins || full)
            && Arc::ptr_eq(&last.head, &found.head)
            && last.syntax == found.syntax
            && last.encoding == found.encoding
        {
            last.end = found.end;
        } else if full {
            self.left_out.stretches += 1;
        } else {
            self.sections += 1;
            self.entries[number].1.found.push(found);
        }
    }

    /// The columns a row of a table has by itself, generated ones too; none when that is not known.
    fn physical(&self, number: usize) -> Vec<Declared> {
        let (mut columns, mut known, mut seen) = (Vec::new(), HashSet::new(), HashSet::new());
        self.inherit(number, 0, &mut seen, &mut |column| {
            if columns.len() < MOST_COLUMNS && known.insert(&column.name) {
                columns.push(column.clone());
            }
        });
        columns
    }

    /// Hands over the columns of a table: first those of the tables it has them from, each of which is asked once.
    fn inherit<'s>(
        &'s self,
        number: usize,
        depth: usize,
        seen: &mut HashSet<usize>,
        each: &mut dyn FnMut(&'s Declared),
    ) {
        let Some((own, of)) = &self.entries[number].1.definition else { return };
        if depth < DEEPEST && seen.len() < MOST_ANCESTORS && seen.insert(number) {
            for &parent in of.iter().filter_map(|key| self.numbers.get(key)).take(MOST_ANCESTORS) {
                if !seen.contains(&parent) {
                    self.inherit(parent, depth + 1, seen, each);
                }
            }
        }
        own.iter().for_each(each);
    }

    /// The table a table is a part of, over all steps.
    fn root(&self, number: usize) -> usize {
        let mut number = number;
        for _ in 0..DEEPEST {
            match self.entries[number].1.parent.as_ref().and_then(|parent| self.numbers.get(parent)) {
                Some(&parent) if parent != number => number = parent,
                _ => break,
            }
        }
        number
    }

    /// Knows parts by their names where the dump does not say what they are parts of.
    fn adopt_parts(&mut self) {
        for number in 0..self.entries.len() {
            let (key, entry) = &self.entries[number];
            if entry.definition.is_some() || entry.parent.is_some() {
                continue;
            }
            let whole = PARTS.iter().find(|(whole, ends)| {
                key.name.strip_prefix(whole).is_some_and(|rest| rest.starts_with('_'))
                    && ends.iter().any(|end| key.name.ends_with(end))
            });
            let Some((whole, _)) = whole else { continue };
            let parent = Key { name: (*whole).to_owned(), ..key.clone() };
            if self.number(&parent).is_some() {
                self.caveat(format!(
                    "tables named `{whole}_…` are taken for parts of `{whole}`; the dump does not say"
                ));
                self.entries[number].1.parent = Some(parent);
            }
        }
    }

    /// All tables with their rows.
    pub fn finish(&mut self) -> Vec<Stored> {
        self.adopt_parts();
        let roots: Vec<usize> = (0..self.entries.len()).map(|number| self.root(number)).collect();
        let mut parts: Vec<Vec<usize>> = vec![Vec::new(); self.entries.len()];
        for (number, &root) in roots.iter().enumerate() {
            parts[root].push(number);
        }
        let with_rows = |number: &usize| !self.entries[*number].1.found.is_empty();
        let first = (0..self.entries.len()).find(with_rows).or((!self.entries.is_empty()).then_some(0));
        let first = first.map_or(0, |number| self.entries[number].0.database);
        let mut stored = Vec::new();
        let mut left_out = Vec::new();
        for (root, parts) in parts.iter().enumerate().filter(|(_, parts)| !parts.is_empty()) {
            let key = &self.entries[root].0;
            let mut columns = Vec::new();
            let mut known = HashMap::new();
            for &part in std::iter::once(&root).chain(parts.iter().filter(|&&part| part != root)) {
                self.columns(part, &mut columns, &mut known, &mut left_out);
            }
            let mut sections: Vec<Section> = Vec::new();
            for &part in parts {
                let mut known_slots = HashMap::new();
                for found in &self.entries[part].1.found {
                    // Stretches that begin alike have their values in the same places.
                    let slots = known_slots
                        .entry((Arc::as_ptr(&found.head), found.form, found.values))
                        .or_insert_with(|| self.slots(part, found, &columns, &known));
                    sections.push(section(found, slots.clone(), columns.len()));
                }
            }
            // In the order they lie, not in that of the parts.
            if sections.iter().all(|section| !section.own) {
                sections.sort_by_key(|section| section.start);
            }
            let schema = match (key.database == first, &key.schema) {
                (true, schema) => schema.clone(),
                (false, Some(schema)) => Some(format!("{}.{schema}", self.databases[key.database])),
                (false, None) => Some(self.databases[key.database].clone()),
            };
            let rows = match sections.iter().map(|section| section.rows).sum::<Option<u64>>() {
                Some(0) if sections.is_empty() && self.entries[root].1.definition.is_none() => continue,
                rows => rows,
            };
            let unique = self.entries[root].1.unique.clone();
            stored.push(Stored { table: Table { schema, name: key.name.clone(), columns, rows, unique }, sections });
        }
        left_out.into_iter().for_each(|caveat| self.caveat(caveat));
        // However many there are already.
        let (losses, others) = (self.left_out.losses(), self.left_out.caveats());
        self.caveats.splice(0..0, losses.iter().cloned().chain(others));
        self.losses.splice(0..0, losses);
        if stored.iter().any(|stored| stored.table.columns.first().is_some_and(|c| c.name == "column1")) {
            self.caveat("the columns of some tables are not named in it: they are called column1, column2 and so on");
        }
        stored
    }

    /// Adds the columns of a table or part that are not known yet.
    fn columns(
        &self,
        part: usize,
        columns: &mut Vec<Column>,
        known: &mut HashMap<String, usize>,
        left_out: &mut Vec<String>,
    ) {
        let (key, entry) = &self.entries[part];
        let mut add = |name: &str, declared: &str| {
            if columns.len() < MOST_COLUMNS && !known.contains_key(name) {
                known.insert(name.to_owned(), columns.len());
                columns.push(Column { name: name.to_owned(), declared: declared.to_owned() });
            }
        };
        let physical = self.physical(part);
        let mut seen = HashSet::new();
        let heads: Vec<&Found> = entry.found.iter().filter(|found| seen.insert(Arc::as_ptr(&found.head))).collect();
        let named: HashSet<&String> = heads.iter().flat_map(|found| found.head.columns.iter().flatten()).collect();
        let held = heads.iter().any(|found| self.holds_computed(&physical, found));
        for column in &physical {
            match column.generated && !held && !named.contains(&column.name) {
                false => add(&column.name, &column.declared),
                true => left_out.push(format!(
                    "column `{}` of `{}` is computed by the database: dumps do not hold it",
                    column.name, key.name
                )),
            }
        }
        for found in heads {
            match &found.head.columns {
                Some(names) => names.iter().for_each(|name| add(name, "")),
                None if physical.is_empty() => (1..=found.values).for_each(|n| add(&format!("column{n}"), "")),
                None => {}
            }
        }
    }

    /// Whether rows that name no columns have the values of computed ones.
    fn holds_computed(&self, physical: &[Declared], found: &Found) -> bool {
        self.dialect != Dialect::Postgres && found.head.columns.is_none() && found.values == physical.len()
    }

    /// Where the values of a stretch go.
    fn slots(&self, part: usize, found: &Found, columns: &[Column], known: &HashMap<String, usize>) -> Arc<[Slot]> {
        let slot = |name: &str| {
            let column = known.get(name).copied();
            Slot { column, kind: column.map_or(Kind::Plain, |at| Kind::of(&columns[at].declared, self.dialect)) }
        };
        let slots: Vec<Slot> = match &found.head.columns {
            Some(names) => names.iter().map(|name| slot(name)).collect(),
            None => {
                // A computed column has a place in an INSERT of PostgreSQL, with DEFAULT in it.
                let physical = self.physical(part);
                let placed = match self.dialect {
                    Dialect::Postgres => found.form == Form::Inserts,
                    _ => self.holds_computed(&physical, found),
                };
                match physical.is_empty() {
                    false => {
                        let physical = physical.iter().filter(|column| placed || !column.generated);
                        physical.map(|column| slot(&column.name)).collect()
                    }
                    true => (1..=found.values).map(|n| slot(&format!("column{n}"))).collect(),
                }
            }
        };
        slots.into()
    }
}

fn section(found: &Found, slots: Arc<[Slot]>, columns: usize) -> Section {
    Section {
        head: found.head.clone(),
        bytes: found.bytes.clone(),
        own: found.own,
        start: found.start,
        end: found.end,
        form: found.form,
        syntax: found.syntax,
        encoding: found.encoding,
        slots,
        columns,
        rows: found.rows,
    }
}

/// Adds a sentence once; of very many the last says that there are more.
fn note(sentences: &mut Vec<String>, sentence: String) {
    match sentences.len() {
        _ if sentences.contains(&sentence) => {}
        0..MOST_SENTENCES => sentences.push(sentence),
        MOST_SENTENCES => sentences.push("more of this kind is wrong with it than is told".into()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_sentences_the_last_says_that_there_are_more() {
        let mut sentences = Vec::new();
        (0..200).for_each(|n| note(&mut sentences, format!("part {n} was cut")));
        assert_eq!(sentences.len(), MOST_SENTENCES + 1);
        assert!(sentences.last().is_some_and(|last| last.starts_with("more of this kind")));
    }
}
