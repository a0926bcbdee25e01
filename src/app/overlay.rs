//! What a patch did, as marks laid over the value it led to.
//!
//! The paths of a patch are those of a sequential edit, so an index may have moved by the time the last change is made:
//! here every mark ends at the place where the value stands in the end.

use std::collections::BTreeMap;

use crate::domain::{Json, Patch, Path, Step};

/// What happened at a place.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Happened {
    /// Nothing, here.
    #[default]
    Nothing,
    /// It is new.
    Added,
    /// It was this before.
    Changed(Json),
    /// It was this, and is gone.
    Removed(Json),
}

/// Marks on a value and on everything inside it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Overlay {
    /// What happened to the value itself.
    pub happened: Happened,
    /// What happened to the values inside.
    pub inside: BTreeMap<Step, Overlay>,
    /// What is gone from inside: in an array before the element that has this index now.
    pub gone: Vec<(Step, Json)>,
    /// How many marks there are strictly inside.
    pub marks: usize,
}

/// How many changes of each kind a patch has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// New values.
    pub added: usize,
    /// Other values.
    pub changed: usize,
    /// Values that are gone.
    pub removed: usize,
    /// Changes that are counted above and have no mark because there are too many.
    pub unmarked: usize,
}

impl Tally {
    /// How many in all.
    pub fn total(self) -> usize {
        self.added + self.changed + self.removed
    }
}

/// So many marks may be moved while indices shift, and so many changes are marked; enough for every state a person reads.
const EFFORT: usize = 100_000;
const CHANGES: usize = 5_000;

impl Overlay {
    /// The marks of a patch.
    pub fn of(patch: &Patch) -> (Self, Tally) {
        let mut overlay = Self::default();
        let mut tally = Tally::default();
        let mut effort = EFFORT;
        for (n, change) in patch.0.iter().enumerate() {
            match (&change.before, &change.after) {
                (None, Some(_)) => tally.added += 1,
                (Some(_), None) => tally.removed += 1,
                _ => tally.changed += 1,
            }
            if effort == 0 || n >= CHANGES {
                tally.unmarked += 1;
            } else {
                overlay.mark(&change.path, change.before.as_ref(), change.after.as_ref(), &mut effort);
            }
        }
        overlay.count();
        (overlay, tally)
    }

    fn mark(&mut self, path: &Path, before: Option<&Json>, after: Option<&Json>, effort: &mut usize) {
        let Some((last, way)) = path.0.split_last() else {
            self.happened = match (before, after) {
                (None, _) => Happened::Added,
                (Some(before), Some(_)) => Happened::Changed(before.clone()),
                (Some(before), None) => Happened::Removed(before.clone()),
            };
            return;
        };
        let parent = way.iter().fold(self, |here, step| here.inside.entry(step.clone()).or_default());
        match (before, after) {
            (None, Some(_)) => {
                if let Step::Index(index) = last {
                    parent.shift(*index, 1, effort);
                }
                parent.inside.insert(last.clone(), Self { happened: Happened::Added, ..Self::default() });
            }
            (Some(before), None) => {
                parent.inside.remove(last);
                if let Step::Index(index) = last {
                    parent.shift(*index, -1, effort);
                }
                parent.gone.push((last.clone(), before.clone()));
            }
            (Some(before), Some(_)) => {
                let place = parent.inside.entry(last.clone()).or_default();
                if place.happened == Happened::Nothing {
                    place.happened = Happened::Changed(before.clone());
                }
            }
            (None, None) => {}
        }
    }

    /// Moves the marks of an array after an element was inserted at or removed from `from`.
    fn shift(&mut self, from: usize, by: isize, effort: &mut usize) {
        let moved = |index: usize| index.saturating_add_signed(by);
        let first = if by > 0 { from } else { from + 1 };
        let later = self.inside.split_off(&Step::Index(first));
        *effort = effort.saturating_sub(later.len() + self.gone.len());
        for (step, overlay) in later {
            let Step::Index(index) = step else { continue };
            self.inside.insert(Step::Index(moved(index)), overlay);
        }
        for (step, _) in &mut self.gone {
            if let Step::Index(index) = step
                && *index > from
            {
                *index = moved(*index);
            }
        }
    }

    fn count(&mut self) -> usize {
        self.marks = self.gone.len() + self.inside.values_mut().map(Self::count).sum::<usize>();
        self.marks + usize::from(self.happened != Happened::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::patch::Change;

    fn change(path: &[Step], before: Option<i64>, after: Option<i64>) -> Change {
        Change { path: Path(path.to_vec()), before: before.map(Json::from), after: after.map(Json::from) }
    }

    fn key(text: &str) -> Step {
        Step::Key(text.into())
    }

    #[test]
    fn marks_follow_the_elements_that_later_changes_move() {
        let list = |index| vec![key("list"), Step::Index(index)];
        let (overlay, tally) = Overlay::of(&Patch(vec![
            change(&list(2), Some(30), Some(31)),
            change(&list(0), None, Some(5)),
            change(&list(2), Some(20), None),
            change(&[key("n")], Some(1), Some(2)),
        ]));
        assert_eq!((tally.added, tally.changed, tally.removed), (1, 2, 1));
        let marks = &overlay.inside[&key("list")];
        assert_eq!(marks.inside[&Step::Index(0)].happened, Happened::Added);
        assert_eq!(marks.inside[&Step::Index(2)].happened, Happened::Changed(Json::from(30)));
        assert_eq!(marks.gone, [(Step::Index(2), Json::from(20))]);
        assert_eq!(marks.marks, 3);
        assert_eq!(overlay.marks, 4);
    }

    #[test]
    fn a_patch_of_any_size_is_marked_within_bounds_and_the_rest_is_counted() {
        let changes = (0..20_000).map(|n| change(&[Step::Index(0)], None, Some(n))).collect();
        let (_, tally) = Overlay::of(&Patch(changes));
        assert_eq!(tally.added, 20_000);
        assert!(tally.unmarked > 15_000);
    }
}
