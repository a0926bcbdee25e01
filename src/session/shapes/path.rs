//! From the tree of fields to a list, each with its path as jq writes it.

use super::beside;
use super::fields::{Fields, Label, Mark};
use super::history::{self, Entry};
use crate::domain::json::write_key;
use crate::domain::shape::{Field, JsonKind};

/// An object with fewer keys is none of a map, whatever they look like.
const FEW: usize = 8;

/// Gathers the list.
pub(super) struct Writer<'a> {
    /// The tree.
    pub fields: &'a mut Fields,
    /// The fields, each before those inside it.
    pub list: Vec<Field>,
    /// What happened to them, each with its path.
    pub entries: Vec<(String, Entry)>,
    /// Shapes that stand side by side.
    pub beside: Vec<Alternatives>,
}

/// The shapes of the objects at one path.
pub(super) struct Alternatives {
    /// Where.
    pub path: String,
    /// How many objects.
    pub of: u64,
    /// The fields of each, how many objects are of it, and the first one.
    pub shapes: Vec<(Vec<String>, u64, Mark)>,
}

impl Writer<'_> {
    /// Writes a field, one of `of` it could be, and those inside it; `past` says what is known of what happened to it.
    pub fn write(&mut self, at: u32, path: &str, depth: usize, of: u64, past: Past) {
        if is_map(self.fields, at) {
            self.fields.collapse(at);
        }
        let node = self.fields.node(at);
        let name = match &node.label {
            Label::Root => ".".to_owned(),
            Label::Key(key) => key.to_string(),
            Label::Element => "[]".to_owned(),
            Label::Entry => "*".to_owned(),
        };
        let kinds = JsonKind::ALL.into_iter().map(|kind| (kind, node.count(kind)));
        self.list.push(Field {
            path: path.to_owned(),
            name,
            depth,
            kinds: kinds.filter(|(_, count)| *count > 0).collect(),
            present: node.present,
            of,
            examples: node.examples.iter().map(|example| example.to_string()).collect(),
        });
        // Which entry of a map is there says nothing of the shape, nor whether a list is empty.
        let past = if matches!(node.label, Label::Entry) { Past::Nothing } else { past };
        if past != Past::Nothing {
            let mut told = Vec::new();
            match node.label {
                Label::Element | Label::Root => history::types(node, &mut told),
                _ if past == Past::Types => history::types(node, &mut told),
                _ => history::of(node, of, &mut told),
            }
            self.entries.extend(told.into_iter().map(|entry| (path.to_owned(), entry)));
        }
        let (objects, arrays) = (node.count(JsonKind::Object), node.count(JsonKind::Array));
        let shapes = beside::shapes(self.fields, at);
        let told_apart: Vec<u32> = shapes.iter().flat_map(|shape| shape.fields.clone()).collect();
        self.alternatives(path, objects, shapes);
        let past = if past == Past::Types { Past::All } else { past };
        for child in self.fields.node(at).children.clone() {
            let past = if past == Past::All && told_apart.contains(&child) { Past::Types } else { past };
            let (path, of) = match &self.fields.node(child).label {
                Label::Element => (format!("{path}[]"), arrays),
                Label::Entry => (step(path, "*"), objects),
                Label::Key(key) => (step(path, &spelt(key)), objects),
                Label::Root => continue,
            };
            self.write(child, &path, depth + 1, of, past);
        }
    }
}

impl Writer<'_> {
    fn alternatives(&mut self, path: &str, of: u64, shapes: Vec<beside::Shape>) {
        if shapes.is_empty() {
            return;
        }
        let name = |field: u32| match &self.fields.node(field).label {
            Label::Key(key) => step(path, &spelt(key)),
            _ => step(path, "*"),
        };
        let named = shapes.into_iter().map(|shape| {
            let fields = shape.fields.into_iter().map(name).collect();
            (fields, shape.count, shape.first)
        });
        let shapes = named.collect();
        self.beside.push(Alternatives { path: path.to_owned(), of, shapes });
    }
}

/// What is known of what happened to a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Past {
    /// When it came and went, and what it was.
    All,
    /// What it was: it belongs to one of several shapes.
    Types,
    /// Nothing.
    Nothing,
}

fn step(path: &str, name: &str) -> String {
    match path {
        "." => format!(".{name}"),
        _ => format!("{path}.{name}"),
    }
}

/// A key as jq writes it.
fn spelt(key: &str) -> String {
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if plain && key.bytes().next().is_some_and(|byte| !byte.is_ascii_digit()) {
        return key.to_owned();
    }
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_key(&mut out, key);
    out
}

/// Whether the keys of an object are ids: many, mostly made by a machine, each in few of the objects.
fn is_map(fields: &Fields, at: u32) -> bool {
    let node = fields.node(at);
    let keys: Vec<_> = node
        .children
        .iter()
        .filter_map(|child| match &fields.node(*child).label {
            Label::Key(key) => Some((key, fields.node(*child).present)),
            _ => None,
        })
        .collect();
    let present: u64 = keys.iter().map(|(_, present)| present).sum();
    let made = keys.iter().filter(|(key, _)| is_made(key)).count();
    let rare = present.saturating_mul(2) < node.count(JsonKind::Object).saturating_mul(keys.len() as u64);
    keys.len() >= FEW && made * 5 >= keys.len() * 4 && rare
}

/// Whether a key looks as if no person had chosen it: a UUID, a number, something with many digits.
fn is_made(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    uuid::Uuid::try_parse(key).is_ok() || digits > 0 && digits == key.len() || digits >= 3
}
