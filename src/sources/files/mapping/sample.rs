//! The first records of a file, taken apart into fields: what a guess is made from.
//!
//! It judges nothing; it counts what the values of each field are like.

use std::borrow::Cow;
use std::hash::BuildHasher;

use hashbrown::{HashMap, HashSet};

use super::FieldPath;
use crate::domain::text;
use crate::sources::files::skim::{self, Skimmer};
use crate::sources::files::{plan, value};

/// How deep fields are looked for.
const DEPTH: usize = 3;
/// How many different fields are considered.
const FIELDS: usize = 512;
/// Longer values are cut: they are no names, numbers or times.
const VALUE: usize = 256;
/// A text may be the long name of a tenant.
pub const TEXT: usize = 1024;

/// The first records of a file, taken apart into fields.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    fields: Vec<Field>,
    places: HashMap<FieldPath, usize>,
    records: usize,
    /// Records that are the same text as one before them: one event, written once more.
    copies: HashSet<usize>,
    /// What the records say, hashed, so that copies are noticed.
    seen: HashSet<u64>,
    /// Fields that together are different in every record, because the store says so.
    unique: Vec<Vec<FieldPath>>,
    /// The field that is expected next: the records of a file resemble each other.
    expected: usize,
    /// Fields that are looked for wherever they are, and how many records have them; what looks for them.
    watched: Vec<(FieldPath, usize)>,
    watcher: Option<Skimmer>,
}

/// One field of the records.
#[derive(Clone, Debug)]
pub struct Field {
    /// Where it is.
    pub path: FieldPath,
    /// One a record; `None` where the record does not have the field.
    pub values: Vec<Option<Vec<u8>>>,
}

impl Sample {
    /// A sample that counts which records have these fields, however deep they lie.
    pub fn watching<'a>(paths: impl Iterator<Item = &'a FieldPath>) -> Self {
        let watched: Vec<_> = paths.map(|path| (path.clone(), 0)).collect();
        let wanted: Vec<_> = watched.iter().map(|(path, _)| Some(path.clone())).collect();
        let watcher = (!watched.is_empty()).then(|| Skimmer::new(plan::Plan::new(&wanted)));
        Self { watched, watcher, ..Self::default() }
    }

    /// How many records have a field that is watched.
    pub fn watched(&self, path: &FieldPath) -> Option<usize> {
        self.watched.iter().find(|(watched, _)| watched == path).map(|(_, there)| *there)
    }

    /// Says how many have one, by somebody who looks closer.
    pub fn found(&mut self, path: &FieldPath, there: usize) {
        self.watched.retain(|(watched, _)| watched != path);
        self.watched.push((path.clone(), there.min(self.records)));
    }

    /// Takes a record in. Gives whether it is a JSON object; otherwise nothing happens.
    pub fn add(&mut self, record: &[u8]) -> bool {
        if Skimmer::new(plan::Plan::default()).skim(record).is_err() {
            return false;
        }
        if let Some(watcher) = &mut self.watcher
            && watcher.skim(record).is_ok()
        {
            for (slot, (_, there)) in self.watched.iter_mut().enumerate() {
                *there += usize::from(!value::is_nothing(watcher.slot(slot).of(record)));
            }
        }
        self.expected = 0;
        self.object(record, &FieldPath::default());
        let said = self.seen.hasher().hash_one(record.trim_ascii());
        if !self.seen.insert(said) {
            self.copies.insert(self.records);
        }
        self.records += 1;
        true
    }

    /// Says that these fields together are different in every record.
    pub fn add_unique(&mut self, fields: Vec<FieldPath>) {
        self.unique.push(fields);
    }

    /// The fields that are together different in every record, as far as the store says so.
    pub fn unique(&self) -> &[Vec<FieldPath>] {
        &self.unique
    }

    /// A field without what copies say again: one event that stands twice proves nothing about its numbers.
    pub fn once<'a>(&self, field: &'a Field) -> Cow<'a, Field> {
        if self.copies.is_empty() {
            return Cow::Borrowed(field);
        }
        let values = field.values.iter().enumerate();
        let values = values.map(|(record, value)| value.clone().filter(|_| !self.copies.contains(&record)));
        Cow::Owned(Field { path: field.path.clone(), values: values.collect() })
    }

    /// How many records were taken in.
    pub fn records(&self) -> usize {
        self.records
    }

    /// How many of them say the same as one before: what they repeat says nothing of a field.
    pub fn copies(&self) -> usize {
        self.copies.len()
    }

    fn object(&mut self, text: &[u8], path: &FieldPath) {
        let mut inner = Vec::new();
        // What is no JSON was refused before; a nested object that ends strangely is only not looked into.
        let _ = skim::members(text, |key, value| {
            let Some(key) = value::string(key) else { return };
            let field = self.field_in(path, &key);
            if let Some(at) = field {
                self.put(at, value);
            }
            if value.first() == Some(&b'{') && path.keys().len() + 1 < DEPTH {
                // One too many to be considered may still hold one that is known.
                let path = field.map_or_else(|| path.then(&key), |at| self.fields[at].path.clone());
                inner.push((path, value));
            }
        });
        for (path, value) in inner {
            self.object(value, &path);
        }
    }

    /// The number of a field, which is one more from now on if there is room for it.
    fn field_in(&mut self, object: &FieldPath, key: &str) -> Option<usize> {
        let is_expected =
            |field: &Field| matches!(field.path.keys(), [above @ .., last] if last == key && above == object.keys());
        let at = match self.fields.get(self.expected) {
            Some(field) if is_expected(field) => self.expected,
            _ => {
                let path = object.then(key);
                match self.places.get(&path) {
                    Some(&at) => at,
                    None if self.fields.len() >= FIELDS => return None,
                    None => {
                        self.fields.push(Field { path: path.clone(), values: Vec::new() });
                        self.places.insert(path, self.fields.len() - 1);
                        self.fields.len() - 1
                    }
                }
            }
        };
        self.expected = at + 1;
        Some(at)
    }

    fn put(&mut self, field: usize, value: &[u8]) {
        let values = &mut self.fields[field].values;
        values.resize(self.records + 1, None);
        let most = if value.first() == Some(&b'"') { TEXT } else { VALUE };
        values[self.records] = Some(value[..value.len().min(most)].to_vec());
    }

    /// The fields, in the order they were found.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A field that was found.
    pub fn field(&self, path: &FieldPath) -> Option<&Field> {
        self.places.get(path).map(|&at| &self.fields[at])
    }

    /// The fields found, with an example each, for a person who will map them.
    pub fn listing(&self) -> Vec<String> {
        let mut listing = Vec::new();
        for field in self.fields.iter().take(24) {
            let example = field.said().next().map(|(_, value)| String::from_utf8_lossy(value).into_owned());
            let example = example.unwrap_or_else(|| "null".into());
            let path = field.path.to_string();
            listing.push(format!("{}  {}", text::fit(&path, 60), text::fit(&example, 40)));
        }
        if self.fields.len() > listing.len() {
            listing.push(format!("… and {} more", self.fields.len() - listing.len()));
        }
        listing
    }
}

impl Field {
    /// The values that say something, with the number of their record.
    pub fn said(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.values.iter().enumerate().filter_map(|(i, value)| {
            let value = value.as_deref()?;
            (!value::is_nothing(value)).then_some((i, value))
        })
    }

    /// How many values say something.
    pub fn count(&self) -> usize {
        self.said().count()
    }

    /// How many different values there are.
    pub fn distinct(&self) -> usize {
        self.said().map(|(_, value)| value).collect::<HashSet<_>>().len()
    }

    /// The share, in percent, of the values that say something and pass.
    pub fn share(&self, passes: impl Fn(&[u8]) -> bool) -> usize {
        match self.count() {
            0 => 0,
            count => self.said().filter(|(_, value)| passes(value)).count() * 100 / count,
        }
    }

    /// Whether nine of ten values that say something pass; of a few, all but one. A record that is broken costs itself, and
    /// not the role its field has in all others.
    pub fn nearly_all(&self, passes: impl Fn(&[u8]) -> bool) -> bool {
        let count = self.count();
        let passing = self.said().filter(|(_, value)| passes(value)).count();
        passing * 10 >= count * 9 && count > 0 || passing >= 2 && passing + 1 >= count
    }

    /// How the numbers of the records that are the `same` follow each other.
    pub fn growth(&self, same: impl Fn(usize) -> Option<usize>) -> Growth {
        let mut last: HashMap<Option<usize>, u64> = HashMap::new();
        let mut seen: HashSet<(Option<usize>, u64)> = HashSet::new();
        let mut growth = Growth::default();
        for (record, value) in self.said() {
            let Some(number) = value::whole(value) else { continue };
            growth.repeated += usize::from(!seen.insert((same(record), number)));
            if let Some(before) = last.insert(same(record), number) {
                growth.pairs += 1;
                growth.grow += usize::from(number > before);
                growth.by_one += usize::from(number.abs_diff(before) == 1);
            } else {
                growth.starts += 1;
                growth.from_zero_or_one += usize::from(number <= 1);
            }
        }
        growth
    }
}

/// How numbers follow each other.
#[derive(Default, Debug)]
pub struct Growth {
    /// Pairs of neighbours.
    pub pairs: usize,
    /// Pairs that grow.
    pub grow: usize,
    /// Pairs that differ by one.
    pub by_one: usize,
    /// Numbers that were there before.
    pub repeated: usize,
    /// First numbers.
    pub starts: usize,
    /// First numbers that are 0 or 1.
    pub from_zero_or_one: usize,
}
