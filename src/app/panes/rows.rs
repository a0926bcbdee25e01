//! The rows of an unfolded value: what is listed, in which order, with which mark.
//!
//! One recursion over value, folds and marks at once. Nothing here scrolls or selects; it never lists more than [`ROWS`].

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::app::overlay::{Happened, Overlay};
use crate::domain::json::{Array, Entry, Object};
use crate::domain::{Json, Step, text};

/// Containers with more children are shown as ranges of this many.
pub const RANGE: usize = 1_000;
/// No more rows than this are ever unfolded at once; the last one says so.
pub const ROWS: usize = 100_000;
/// Keys are aligned up to this width.
const ALIGN: usize = 18;

/// What a row stands for within its parent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Label {
    /// The whole value.
    Root,
    /// The value of a key.
    Key(Arc<str>),
    /// An element.
    Index(usize),
    /// The children from this one to before that one.
    Range(usize, usize),
    /// Rows that are not listed: how many at least.
    Cut,
}

/// What happened to the value of a row.
#[derive(Clone, PartialEq, Debug)]
pub enum Mark {
    /// Nothing.
    Same,
    /// Something inside: so many marks.
    Inside(usize),
    /// It is new.
    Added,
    /// It was this.
    Changed(Json),
    /// It is gone; the row shows what it was.
    Removed,
}

/// One row.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// How deep inside, from 0.
    pub depth: u16,
    /// What it stands for.
    pub label: Label,
    /// The value.
    pub value: Json,
    /// Whether it is unfolded; `None` when it cannot be.
    pub open: Option<bool>,
    /// What happened to it.
    pub mark: Mark,
    /// Whether its key stands in its object more than once.
    pub duplicate: bool,
    /// The width that the keys beside it share.
    pub align: u16,
    pub(super) parent: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Folds {
    pub(super) open: Option<bool>,
    pub(super) inside: HashMap<Label, Folds>,
}

/// What is open where nobody said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unfolding {
    /// Small things near the top.
    Usual,
    /// Everything.
    All,
    /// Nothing.
    None,
}

/// The parent of what stands at the top.
pub(super) const NO_PARENT: u32 = u32::MAX;

pub(super) fn step(label: Label) -> Option<Step> {
    match label {
        Label::Key(key) => Some(Step::Key(key)),
        Label::Index(index) => Some(Step::Index(index)),
        Label::Root | Label::Range(..) | Label::Cut => None,
    }
}

pub(super) fn label(step: &Step) -> Label {
    match step {
        Step::Key(key) => Label::Key(key.clone()),
        Step::Index(index) => Label::Index(*index),
    }
}

/// What is said of a container is said of everything in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Inherited {
    Nothing,
    Added,
    Removed,
    /// It is gone, alone: shown to be seen, not to be walked through.
    Gone,
}

pub(super) struct Flattening {
    pub(super) rows: Vec<Row>,
    pub(super) unfolding: Unfolding,
}

struct Child<'a> {
    label: Label,
    value: &'a Json,
    duplicate: bool,
}

impl Flattening {
    /// The root itself has a row only when it is no container.
    pub(super) fn whole(&mut self, value: &Json, folds: &Folds, overlay: &Overlay, inherited: Inherited) {
        if value.children() == 0 && overlay.gone.is_empty() {
            let child = Child { label: Label::Root, value, duplicate: false };
            self.row(child, NO_PARENT, 0, 0, Some(folds), Some(overlay), inherited);
        } else {
            self.children(value, NO_PARENT, 0, Some(folds), Some(overlay), inherited);
        }
    }

    fn children(
        &mut self,
        value: &Json,
        parent: u32,
        depth: u16,
        folds: Option<&Folds>,
        overlay: Option<&Overlay>,
        inherited: Inherited,
    ) {
        let gone = overlay.map_or(&[][..], |overlay| &overlay.gone);
        let (children, count) = (Children::of(value), value.children());
        if count <= RANGE {
            self.listed(&children.between(0, count), gone, parent, depth, folds, overlay, inherited);
            return;
        }
        let marked = overlay.map_or_else(Vec::new, |overlay| children.marked(overlay));
        for first in (0..count).step_by(RANGE) {
            let end = (first + RANGE).min(count);
            let label = Label::Range(first, end);
            let marks = marked.partition_point(|at| *at < end) - marked.partition_point(|at| *at < first);
            let here = folds.and_then(|folds| folds.inside.get(&label));
            let open = here.and_then(|folds| folds.open).unwrap_or(self.unfolding == Unfolding::All);
            let mark = match (inherited, marks) {
                (Inherited::Nothing, 0) => Mark::Same,
                (Inherited::Nothing, marks) => Mark::Inside(marks),
                (Inherited::Added, _) => Mark::Added,
                (Inherited::Removed | Inherited::Gone, _) => Mark::Removed,
            };
            let value = Json::Null;
            let row = Row { depth, label, value, open: Some(open), mark, duplicate: false, align: 0, parent };
            if !self.push(row) {
                return;
            }
            let parent = (self.rows.len() - 1) as u32;
            if open {
                self.listed(&children.between(first, end), &[], parent, depth + 1, here, overlay, inherited);
            }
        }
        for (step, value) in gone {
            let child = Child { label: label(step), value, duplicate: false };
            self.row(child, parent, depth, 0, None, None, Inherited::Gone);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one recursion, told apart by type")]
    fn listed(
        &mut self,
        children: &[Child<'_>],
        gone: &[(Step, Json)],
        parent: u32,
        depth: u16,
        folds: Option<&Folds>,
        overlay: Option<&Overlay>,
        inherited: Inherited,
    ) {
        let align = children.iter().map(|child| label_width(&child.label)).max().unwrap_or(0).min(ALIGN) as u16;
        let ghost = |flattening: &mut Self, step: &Step, value: &Json| {
            let child = Child { label: label(step), value, duplicate: false };
            flattening.row(child, parent, depth, align, None, None, Inherited::Gone);
        };
        for child in children {
            for (step, value) in gone {
                if matches!((step, &child.label), (Step::Index(at), Label::Index(index)) if at == index) {
                    ghost(self, step, value);
                }
            }
            let child = Child { label: child.label.clone(), value: child.value, duplicate: child.duplicate };
            let folds = folds.and_then(|folds| folds.inside.get(&child.label));
            let overlay = overlay
                .filter(|overlay| !overlay.inside.is_empty())
                .and_then(|overlay| overlay.inside.get(&step(child.label.clone())?));
            if !self.row(child, parent, depth, align, folds, overlay, inherited) {
                return;
            }
        }
        for (step, value) in gone {
            let last = matches!(step, Step::Index(at) if *at >= children.len());
            if last || matches!(step, Step::Key(_)) {
                ghost(self, step, value);
            }
        }
    }

    /// Adds the row of a child and, where it is open, of what is in it. `false` when there is no more room.
    #[expect(clippy::too_many_arguments, reason = "the state of one recursion, told apart by type")]
    fn row(
        &mut self,
        child: Child<'_>,
        parent: u32,
        depth: u16,
        align: u16,
        folds: Option<&Folds>,
        overlay: Option<&Overlay>,
        inherited: Inherited,
    ) -> bool {
        let Child { label, value, duplicate } = child;
        let marks = overlay.map_or(0, |overlay| overlay.marks);
        let gone = inherited == Inherited::Gone;
        let (mark, inherited) = match (inherited, overlay.map(|overlay| &overlay.happened)) {
            (Inherited::Removed | Inherited::Gone, _) => (Mark::Removed, Inherited::Removed),
            (Inherited::Added, _) | (_, Some(Happened::Added)) => (Mark::Added, Inherited::Added),
            (_, Some(Happened::Changed(before))) => (Mark::Changed(before.clone()), Inherited::Nothing),
            _ if marks > 0 => (Mark::Inside(marks), Inherited::Nothing),
            _ => (Mark::Same, Inherited::Nothing),
        };
        let foldable = !gone && value.children() > 0 || overlay.is_some_and(|overlay| !overlay.gone.is_empty());
        let usual = match self.unfolding {
            Unfolding::All => true,
            Unfolding::None => false,
            Unfolding::Usual => depth < 3 && value.children() <= 16,
        };
        let open = foldable.then(|| folds.and_then(|folds| folds.open).unwrap_or(usual));
        let row = Row { depth, label, value: value.clone(), open, mark, duplicate, align, parent };
        if !self.push(row) {
            return false;
        }
        if open == Some(true) && usize::from(depth) < 2 * crate::domain::json::MAX_DEPTH {
            let parent = (self.rows.len() - 1) as u32;
            self.children(value, parent, depth + 1, folds, overlay, inherited);
        }
        self.rows.len() < ROWS
    }

    fn push(&mut self, row: Row) -> bool {
        if self.rows.len() < ROWS {
            self.rows.push(row);
            return true;
        }
        if let Some(last) = self.rows.last_mut() {
            let parent = last.parent;
            *last = Row { label: Label::Cut, value: Json::Null, open: None, mark: Mark::Same, parent, ..row };
        }
        false
    }
}

/// The children of a container in their order. Of one with many, most of which are folded away, only what is asked for
/// is made: a frame has no time for a list of a hundred thousand.
enum Children<'a> {
    Entries { object: &'a Object, in_order: OnceCell<Vec<&'a Entry>>, twice: OnceCell<HashSet<&'a str>> },
    Elements(&'a Array),
    None,
}

impl<'a> Children<'a> {
    fn of(value: &'a Json) -> Self {
        match value {
            Json::Object(object) => Self::Entries { object, in_order: OnceCell::new(), twice: OnceCell::new() },
            Json::Array(array) => Self::Elements(array),
            _ => Self::None,
        }
    }

    /// The children from this one to before that one.
    fn between(&self, first: usize, end: usize) -> Vec<Child<'a>> {
        match self {
            Self::Entries { object, in_order, twice } => {
                let in_order = in_order.get_or_init(|| object.in_order());
                let twice = twice.get_or_init(|| keys_that_stand_twice(object));
                let child = |entry: &&'a Entry| Child {
                    label: Label::Key(entry.key.clone()),
                    value: &entry.value,
                    duplicate: twice.contains(entry.key.as_ref()),
                };
                in_order.get(first..end).unwrap_or_default().iter().map(child).collect()
            }
            Self::Elements(array) => (first..end)
                .filter_map(|n| Some(Child { label: Label::Index(n), value: array.get(n)?, duplicate: false }))
                .collect(),
            Self::None => Vec::new(),
        }
    }

    /// The places of the children that have marks, ascending.
    fn marked(&self, overlay: &Overlay) -> Vec<usize> {
        let mut marked: Vec<usize> = match self {
            _ if overlay.inside.is_empty() => Vec::new(),
            Self::Entries { object, in_order, .. } => {
                let in_order = in_order.get_or_init(|| object.in_order());
                let keys = overlay.inside.keys().filter_map(|step| match step {
                    Step::Key(key) => Some(key),
                    Step::Index(_) => None,
                });
                let orders = keys.flat_map(|key| object.all(key)).map(|entry| entry.order);
                orders.filter_map(|order| in_order.binary_search_by_key(&order, |entry| entry.order).ok()).collect()
            }
            Self::Elements(array) => {
                let places = overlay.inside.keys().filter_map(|step| match step {
                    Step::Index(index) => Some(*index),
                    Step::Key(_) => None,
                });
                places.filter(|index| *index < array.len()).collect()
            }
            Self::None => Vec::new(),
        };
        marked.sort_unstable();
        marked
    }
}

fn keys_that_stand_twice(object: &Object) -> HashSet<&str> {
    let later = object.sorted().skip(1);
    let neighbours = object.sorted().zip(later);
    neighbours.filter(|(one, next)| one.key == next.key).map(|(one, _)| &*one.key).collect()
}

/// How wide a label is on the screen.
pub fn label_width(label: &Label) -> usize {
    match label {
        Label::Key(key) if key.len() > 4 * ALIGN => ALIGN,
        Label::Key(key) => text::width(&text::safe(key)),
        Label::Index(index) => index.checked_ilog10().unwrap_or(0) as usize + 3,
        Label::Root | Label::Range(..) | Label::Cut => 0,
    }
}
