//! The fields seen in the payloads of one type: a tree of what stood where, how often, since when and until when.
//!
//! It is bounded: in depth, in fields, in elements looked at of an array. An object with ever new keys is a map: its entries
//! become one field, `*`. Whatever is left out is counted and told.

use std::sync::Arc;

pub(super) use super::sets::{Mark, Sets};
use crate::domain::shape::JsonKind;
use crate::domain::{Json, text};

/// Fields of one type.
const FIELDS: usize = 2000;

/// Levels looked at.
const DEPTH: usize = 16;

/// Elements of an array looked at, in one payload.
const ELEMENTS: usize = 256;

/// Keys of an object that is rather a map, and of one that can be nothing else.
const KEYS: (usize, usize) = (64, 512);

/// Example values kept of a field.
const EXAMPLES: usize = 3;

/// Cells of an example value.
const EXAMPLE: usize = 40;

/// What leads from a value to one inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Label {
    /// The payload itself.
    Root,
    /// A key.
    Key(Arc<str>),
    /// Any element of an array.
    Element,
    /// Any entry of a map.
    Entry,
}

/// The longest time a field was away, between two times it was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Absence {
    /// How many objects in a row lacked it.
    pub turns: u64,
    /// The last event before.
    pub from: u32,
    /// The first event after.
    pub to: u32,
}

/// A field.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub label: Label,
    pub children: Vec<u32>,
    /// How often it was each kind of value.
    pub kinds: [u64; 6],
    /// When it was each kind first and last.
    pub marks: [(Mark, Mark); 6],
    /// How many of what it is in had it.
    pub present: u64,
    pub first: Mark,
    pub last: Mark,
    pub absence: Absence,
    /// How often it came back after it was away.
    pub returns: u64,
    /// Which keys its objects had together.
    pub sets: Sets,
    pub examples: Vec<Box<str>>,
}

impl Node {
    fn new(label: Label) -> Self {
        Self {
            label,
            children: Vec::new(),
            kinds: [0; 6],
            marks: [(Mark::default(), Mark::default()); 6],
            present: 0,
            first: Mark::default(),
            last: Mark::default(),
            absence: Absence::default(),
            returns: 0,
            sets: Sets::default(),
            examples: Vec::new(),
        }
    }

    /// How many times it was this kind of value.
    pub fn count(&self, kind: JsonKind) -> u64 {
        self.kinds[kind as usize]
    }

    fn see(&mut self, value: &Json, mark: Mark) -> JsonKind {
        let kind = JsonKind::of(value);
        let (count, marks) = (&mut self.kinds[kind as usize], &mut self.marks[kind as usize]);
        *count += 1;
        if *count == 1 {
            marks.0 = mark;
        }
        marks.1 = mark;
        // One object may have a key twice, and a map has many entries: it is there once.
        if self.present == 0 || self.last.turn != mark.turn {
            if self.present == 0 {
                self.first = mark;
            } else {
                let turns = mark.turn - self.last.turn - 1;
                self.returns += u64::from(turns > 0);
                if turns > self.absence.turns {
                    self.absence = Absence { turns, from: self.last.ordinal, to: mark.ordinal };
                }
            }
            self.present += 1;
            self.last = mark;
        }
        if self.examples.len() < EXAMPLES && *count <= 100 {
            self.keep_example(value);
        }
        kind
    }

    fn keep_example(&mut self, value: &Json) {
        let example = match value {
            Json::Null | Json::Object(_) | Json::Array(_) => return,
            // A value may be a megabyte.
            Json::String(long) if long.len() > 8 * EXAMPLE => {
                let mut end = 8 * EXAMPLE;
                while !long.is_char_boundary(end) {
                    end -= 1;
                }
                text::fit(&Json::string(&long[..end]).to_string(), EXAMPLE)
            }
            Json::Verbatim(_) => return,
            value => text::fit(&value.to_string(), EXAMPLE),
        };
        if !self.examples.iter().any(|known| **known == *example) {
            self.examples.push(example.into());
        }
    }
}

/// The fields of one type, the first node being the payload itself.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    nodes: Vec<Node>,
    /// Values in fields that were too many.
    pub left_out: u64,
    /// Values nested too deep.
    pub too_deep: u64,
    /// Elements of long arrays.
    pub elements: u64,
}

impl Default for Fields {
    fn default() -> Self {
        Self { nodes: vec![Node::new(Label::Root)], left_out: 0, too_deep: 0, elements: 0 }
    }
}

impl Fields {
    /// Looks at one payload; `turn` counts those of the type, from 1.
    pub fn look(&mut self, value: &Json, ordinal: u32, turn: u64) {
        self.value(0, value, Mark { ordinal, turn }, 0);
    }

    /// A node.
    pub fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    /// How many nodes there are, those of joined fields too.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    fn value(&mut self, at: u32, value: &Json, mark: Mark, depth: usize) {
        let node = &mut self.nodes[at as usize];
        let kind = node.see(value, mark);
        // What stands inside stands in so many-th object, or array.
        let inside = Mark { ordinal: mark.ordinal, turn: node.kinds[kind as usize] };
        match value {
            Json::Object(object) if depth >= DEPTH => self.too_deep += u64::from(!object.is_empty()),
            Json::Array(array) if depth >= DEPTH => self.too_deep += u64::from(!array.is_empty()),
            Json::Object(object) => {
                let mut expected = 0;
                let mut fields = Vec::with_capacity(object.len());
                for entry in object.in_order() {
                    match self.child(at, &entry.key, &mut expected) {
                        Some(child) => {
                            fields.push(child);
                            self.value(child, &entry.value, inside, depth + 1);
                        }
                        None => self.left_out += 1,
                    }
                }
                self.nodes[at as usize].sets.see(&mut fields, inside);
            }
            Json::Array(array) => {
                self.elements += array.len().saturating_sub(ELEMENTS) as u64;
                for element in array.iter().take(ELEMENTS) {
                    match self.only_child(at, Label::Element) {
                        Some(child) => self.value(child, element, inside, depth + 1),
                        None => self.left_out += 1,
                    }
                }
            }
            _ => {}
        }
    }

    /// The field of a key; `expected` is where it is found when keys come in the order they always do.
    fn child(&mut self, at: u32, key: &Arc<str>, expected: &mut usize) -> Option<u32> {
        let node = &self.nodes[at as usize];
        let is = |child: &u32| match &self.nodes[*child as usize].label {
            Label::Key(known) => Arc::ptr_eq(known, key) || known == key,
            Label::Entry => true,
            _ => false,
        };
        if let Some(child) = node.children.get(*expected).filter(|child| is(child)) {
            *expected += 1;
            return Some(*child);
        }
        if let Some(found) = node.children.iter().position(is) {
            *expected = found + 1;
            return Some(node.children[found]);
        }
        if self.is_map(node) {
            self.collapse(at);
            return self.only_child(at, Label::Entry);
        }
        *expected = node.children.len() + 1;
        self.add(at, Label::Key(key.clone()))
    }

    /// Whether an object that gets one more key has so many, and each so rarely, that they are no fields.
    fn is_map(&self, node: &Node) -> bool {
        let keys = node.children.iter().filter(|child| matches!(self.node(**child).label, Label::Key(_))).count();
        if keys < KEYS.0 {
            return false;
        }
        let present: u64 = node.children.iter().map(|child| self.node(*child).present).sum();
        let all = node.count(JsonKind::Object).saturating_mul(keys as u64);
        keys >= KEYS.1 || present.saturating_mul(4) < all
    }

    fn only_child(&mut self, at: u32, label: Label) -> Option<u32> {
        let found = self.nodes[at as usize].children.iter().find(|child| self.node(**child).label == label).copied();
        found.or_else(|| self.add(at, label))
    }

    fn add(&mut self, at: u32, label: Label) -> Option<u32> {
        if self.nodes.len() >= FIELDS {
            return None;
        }
        let child = self.nodes.len() as u32;
        self.nodes.push(Node::new(label));
        self.nodes[at as usize].children.push(child);
        Some(child)
    }

    /// Makes one field of all keys of an object.
    pub fn collapse(&mut self, at: u32) {
        let all = std::mem::take(&mut self.nodes[at as usize].children);
        let (keys, mut rest): (Vec<u32>, Vec<u32>) =
            all.into_iter().partition(|child| matches!(self.node(*child).label, Label::Key(_) | Label::Entry));
        let Some((&into, others)) = keys.split_first() else { return };
        for other in others {
            self.join(into, *other);
        }
        self.nodes[into as usize].label = Label::Entry;
        rest.push(into);
        self.nodes[at as usize].sets.give_up();
        self.nodes[at as usize].children = rest;
        if self.nodes.len() >= FIELDS {
            self.compact();
        }
    }

    /// Adds one field to another. When which of them was there is no longer known.
    fn join(&mut self, into: u32, other: u32) {
        let from = std::mem::replace(&mut self.nodes[other as usize], Node::new(Label::Root));
        let node = &mut self.nodes[into as usize];
        node.kinds.iter_mut().zip(from.kinds).for_each(|(count, more)| *count += more);
        for (mine, other) in node.marks.iter_mut().zip(from.marks) {
            // Turn 0 is never.
            if mine.0.turn == 0 || other.0.turn != 0 && other.0.ordinal < mine.0.ordinal {
                mine.0 = other.0;
            }
            if other.1.ordinal > mine.1.ordinal {
                mine.1 = other.1;
            }
        }
        if from.first.ordinal < node.first.ordinal {
            node.first = from.first;
        }
        if from.last.turn > node.last.turn {
            node.last = from.last;
        }
        node.returns = node.returns.max(from.returns);
        node.sets.give_up();
        node.present = node.present.max(from.present);
        for example in from.examples {
            if node.examples.len() < EXAMPLES && !node.examples.contains(&example) {
                node.examples.push(example);
            }
        }
        for child in from.children {
            let label = self.nodes[child as usize].label.clone();
            let same = self.nodes[into as usize].children.iter().find(|mine| self.node(**mine).label == label).copied();
            match same {
                Some(mine) => self.join(mine, child),
                None => self.nodes[into as usize].children.push(child),
            }
        }
    }

    /// Gives the room of joined fields back.
    fn compact(&mut self) {
        let mut kept = Vec::new();
        let mut open = vec![(0u32, None::<usize>)];
        while let Some((at, parent)) = open.pop() {
            let node = std::mem::replace(&mut self.nodes[at as usize], Node::new(Label::Root));
            let here = kept.len();
            // Pushed in reverse, so that they come out in order.
            open.extend(node.children.iter().rev().map(|child| (*child, Some(here))));
            let mut node = Node { children: Vec::new(), ..node };
            node.sets.give_up();
            kept.push(node);
            if let Some(parent) = parent {
                let parent: &mut Node = &mut kept[parent];
                parent.children.push(here as u32);
            }
        }
        self.nodes = kept;
    }
}
