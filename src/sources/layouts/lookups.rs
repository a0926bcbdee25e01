//! Rows of other tables that belong to a row, kept in memory: names of streams by their numbers, types by theirs.
//!
//! Only the columns a layout asks for are kept, all text in one buffer: a million streams take some 60 MB.

use super::expression::{Expression, Origin, Value};
use super::found::Found;
use super::reader::{Ground, Reader};
use crate::domain::Failure;
use crate::sources::tables::{Database, Row};

/// The lookups of an opened store.
#[derive(Debug, Default)]
pub struct Lookups(Vec<Table>);

#[derive(Debug)]
struct Table {
    name: String,
    by: Expression,
    fields: Vec<String>,
    /// (key, number), sorted.
    keys: Vec<(u128, u32)>,
    /// For each number and field, where its text is; empty where there is none.
    spans: Vec<(u32, u32)>,
    text: String,
}

impl Lookups {
    /// Loads what a layout looks up.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn load(found: &Found, database: &dyn Database, stopped: &dyn Fn() -> bool) -> Result<Self, Failure> {
        let mut loaded = Vec::new();
        for (name, lookup) in &found.layout.lookups {
            let fields = asked(found, name);
            let mut table = Table {
                name: name.clone(),
                by: lookup.by.clone(),
                fields,
                keys: Vec::new(),
                spans: Vec::new(),
                text: String::new(),
            };
            if let Some((number, rules)) = found.table(&lookup.table) {
                table.fill(database, number, rules, &lookup.key, stopped)?;
            }
            loaded.push(table);
        }
        Ok(Self(loaded))
    }

    /// The numbers of a lookup and of a field of it.
    pub fn field(&self, lookup: &str, field: &str) -> Option<(usize, usize)> {
        let at = self.0.iter().position(|table| table.name == lookup)?;
        Some((at, self.0[at].fields.iter().position(|other| other == field)?))
    }

    /// What a lookup is asked by.
    pub fn by(&self, lookup: usize) -> &Expression {
        &self.0[lookup].by
    }

    /// What the row with this key says in a field.
    pub fn get(&self, lookup: usize, key: u128, field: usize) -> Option<&str> {
        let table = &self.0[lookup];
        let at = table.keys.binary_search_by_key(&key, |&(key, _)| key).ok()?;
        let (start, end) = *table.spans.get(table.keys[at].1 as usize * table.fields.len() + field)?;
        (start < end).then(|| &table.text[start as usize..end as usize])
    }
}

impl Table {
    fn fill(
        &mut self,
        database: &dyn Database,
        table: usize,
        rules: &[super::spec::ColumnRule],
        key: &Expression,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), Failure> {
        use std::ops::ControlFlow::{Break, Continue};
        let Some(description) = database.tables().get(table) else { return Ok(()) };
        let fields: Vec<Vec<Expression>> = self.fields.iter().map(|field| vec![Expression::column(field)]).collect();
        let key = [key.clone()];
        let roles: Vec<&[Expression]> =
            std::iter::once(&key[..]).chain(fields.iter().map(|field| &field[..])).collect();
        let mut reader = Reader::new(Ground::of(description, rules), &roles);
        let mut told = |row: Row<'_>| {
            let Row::Cells(place, cells) = row else { return Continue(()) };
            reader.row(place, cells);
            let Some(found) = reader.raw(0, cells).key() else { return Continue(()) };
            if self.keys.len() >= u32::MAX as usize / 2 {
                return Break(());
            }
            self.keys.push((found, self.keys.len() as u32));
            for field in 0..self.fields.len() {
                let start = self.text.len();
                if let Some(text) = reader.text(field + 1, cells)
                    && start + text.len() < u32::MAX as usize
                {
                    self.text.push_str(text.trim_end());
                }
                self.spans.push((start as u32, self.text.len() as u32));
            }
            Continue(())
        };
        database.scan(table, &mut |_, _| if stopped() { Break(()) } else { Continue(()) }, &mut told)?;
        // Stable: of two rows with one key the first counts.
        self.keys.sort_by_key(|&(key, _)| key);
        self.keys.dedup_by_key(|(key, _)| *key);
        Ok(())
    }
}

/// The columns of a lookup that anything in the layout names.
fn asked(found: &Found, lookup: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for Value { source, .. } in found.layout.expressions().flat_map(Expression::values) {
        if let Origin::Lookup(name, field) = source
            && name == lookup
            && !fields.contains(field)
        {
            fields.push(field.clone());
        }
    }
    fields
}
