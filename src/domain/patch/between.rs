//! Finding the changes from one state to another.

use crate::domain::json::{Array, Entry, MAX_DEPTH, Object, Pair};
use crate::domain::{Json, Path, Step};

use super::{Change, Patch};
use crate::domain::State;

pub(super) fn between(before: &State, after: &State) -> Patch {
    let mut finder = Finder::default();
    match (before, after) {
        (None, None) => {}
        (Some(before), Some(after)) => finder.value(before, after),
        _ => finder.found(before.as_ref(), after.as_ref()),
    }
    Patch(finder.changes)
}

/// A key at which two objects differ, or may differ.
enum Difference<'a> {
    Removed(&'a Entry),
    Added(&'a Entry),
    Inside(&'a Entry, &'a Entry),
}

impl Difference<'_> {
    /// Removed keys first, in the order they were written in; then the others in the order they are written in.
    fn place(&self) -> (bool, u32) {
        match self {
            Self::Removed(before) => (false, before.order),
            Self::Added(after) | Self::Inside(_, after) => (true, after.order),
        }
    }
}

/// Walks down both trees. Its depth is bounded by that of the values, which is at most [`MAX_DEPTH`] for everything that
/// was read from text; a deeper one is not looked into.
#[derive(Default)]
struct Finder {
    here: Vec<Step>,
    changes: Vec<Change>,
}

impl Finder {
    fn found(&mut self, before: Option<&Json>, after: Option<&Json>) {
        let path = Path(self.here.clone());
        self.changes.push(Change { path, before: before.cloned(), after: after.cloned() });
    }

    fn at(&mut self, step: Step, look: impl FnOnce(&mut Self)) {
        self.here.push(step);
        look(self);
        self.here.pop();
    }

    fn value(&mut self, before: &Json, after: &Json) {
        if before.same(after) {
            return;
        }
        let found = match (before, after) {
            (Json::Object(_) | Json::Array(_), _) if self.here.len() > MAX_DEPTH => true,
            (Json::Object(old), Json::Object(new)) => !self.object(old, new),
            (Json::Array(old), Json::Array(new)) => {
                self.array(old, new);
                false
            }
            (Json::Object(_) | Json::Array(_), _) | (_, Json::Object(_) | Json::Array(_)) => true,
            _ => before != after,
        };
        if found {
            self.found(Some(before), Some(after));
        }
    }

    /// Lists what differs inside; `false`, and nothing listed, when paths cannot say it because of duplicate keys.
    fn object(&mut self, before: &Object, after: &Object) -> bool {
        // A path means the last of duplicate keys: only that one can be named.
        let counts = |object: &Object, entry: &Entry| {
            object.get(&entry.key).is_some_and(|value| std::ptr::eq(value, &entry.value))
        };
        let mut differences = Vec::new();
        for pair in before.pairs(after) {
            let (difference, nameable) = match pair {
                Pair::Both(old, new) if old.value.same(&new.value) => continue,
                Pair::Both(old, new) => match (&old.value, &new.value) {
                    (Json::Object(_), Json::Object(_)) | (Json::Array(_), Json::Array(_)) => {
                        let nameable = (counts(before, old) && counts(after, new)) || old.value == new.value;
                        (Difference::Inside(old, new), nameable)
                    }
                    (old_value, new_value) if old_value == new_value => continue,
                    _ => (Difference::Inside(old, new), counts(before, old) && counts(after, new)),
                },
                Pair::Left(old) => (Difference::Removed(old), counts(before, old) && after.get(&old.key).is_none()),
                Pair::Right(new) => (Difference::Added(new), counts(after, new) && before.get(&new.key).is_none()),
            };
            if !nameable {
                return false;
            }
            differences.push(difference);
        }
        differences.sort_by_key(Difference::place);
        for difference in differences {
            match difference {
                Difference::Removed(old) => {
                    self.at(Step::Key(old.key.clone()), |finder| finder.found(Some(&old.value), None));
                }
                Difference::Added(new) => {
                    self.at(Step::Key(new.key.clone()), |finder| finder.found(None, Some(&new.value)));
                }
                Difference::Inside(old, new) => {
                    self.at(Step::Key(new.key.clone()), |finder| finder.value(&old.value, &new.value));
                }
            }
        }
        true
    }

    /// Elements equal at both ends are left alone; those between are paired by index, and what is left over at the end
    /// of the longer side is removed from behind or inserted in order.
    fn array(&mut self, before: &Array, after: &Array) {
        let shorter = before.len().min(after.len());
        if before.len() == after.len() {
            return self.elements(before, after, 0, shorter);
        }
        let front = first_difference(before, after, shorter);
        let behind = before.iter().rev().zip(after.iter().rev()).take(shorter - front);
        let behind = behind.take_while(|(old, new)| old == new).count();
        let (old_end, new_end) = (before.len() - behind, after.len() - behind);
        self.elements(before, after, front, old_end.min(new_end));
        for index in (new_end.max(front)..old_end).rev() {
            self.at(Step::Index(index), |finder| finder.found(before.get(index), None));
        }
        for index in old_end.max(front)..new_end {
            self.at(Step::Index(index), |finder| finder.found(None, after.get(index)));
        }
    }

    /// Pairs the elements of a range by index, passing over shared chunks.
    fn elements(&mut self, before: &Array, after: &Array, from: usize, to: usize) {
        let mut start = 0;
        for (old, new) in before.chunks().iter().zip(after.chunks()) {
            let end = start + old.len();
            if start >= to {
                return;
            }
            if end > from && !std::sync::Arc::ptr_eq(old, new) {
                for (n, (old, new)) in old.iter().zip(new.iter()).enumerate() {
                    let index = start + n;
                    if (from..to).contains(&index) && !old.same(new) {
                        self.at(Step::Index(index), |finder| finder.value(old, new));
                    }
                }
            }
            start = end;
        }
    }
}

/// How many elements are equal from the front, `most` at most.
fn first_difference(before: &Array, after: &Array, most: usize) -> usize {
    let mut equal = 0;
    for (old, new) in before.chunks().iter().zip(after.chunks()) {
        if std::sync::Arc::ptr_eq(old, new) {
            equal += old.len();
            continue;
        }
        let alike = old.iter().zip(new.iter()).take_while(|(old, new)| old == new).count();
        equal += alike;
        if alike < old.len().min(new.len()) {
            break;
        }
    }
    equal.min(most)
}
