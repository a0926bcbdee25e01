//! What changed between two states, as a value that can be applied and inverted.
//!
//! A patch is a sequential edit: applied in order to the earlier state it gives the later one. It is found by walking
//! both trees and passing over what they share by pointer, so that two neighbouring versions of a wide state cost what
//! differs. It says nothing of the order of keys: a key that only moved has not changed, and one that comes back stands
//! at the end.
//!
//! Where the paths lead: a change that has an `after` stands at its path in the later state; one that has none stood at
//! its path in the earlier state (of several removed from one array, each at its own index there).

mod between;

use crate::domain::{Json, Path, PathGlob, Step};

/// A state; `None` is an entity that does not exist (not yet, or no longer). It is nested no deeper than
/// [`MAX_DEPTH`](super::json::MAX_DEPTH), as everything is that was read from text: written and read again it
/// is the same.
pub type State = Option<Json>;

/// One difference. Paths are those of a sequential edit: applied in order, each change finds what it names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Where.
    pub path: Path,
    /// What was there; `None` when the place is new.
    pub before: Option<Json>,
    /// What is there; `None` when the place is gone.
    pub after: Option<Json>,
}

/// How a place changed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ChangeKind {
    /// The place is new.
    Added,
    /// The place is gone.
    Removed,
    /// The place has another value.
    Replaced,
}

impl ChangeKind {
    /// `+`, `-` or `~`.
    pub fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Removed => '-',
            Self::Replaced => '~',
        }
    }
}

impl Change {
    /// How the place changed.
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            _ => ChangeKind::Replaced,
        }
    }

    /// Whether this change moves the later elements of an array to other indices, and from which path on.
    fn shifts(&self) -> Option<(&[Step], usize)> {
        match (self.kind(), self.path.0.split_last()) {
            (ChangeKind::Added | ChangeKind::Removed, Some((Step::Index(index), parent))) => Some((parent, *index)),
            _ => None,
        }
    }
}

/// How many places of a patch were added, removed and replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// `+`
    pub added: usize,
    /// `-`
    pub removed: usize,
    /// `~`
    pub replaced: usize,
}

/// The changes from one state to another. Empty when nothing changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patch(pub Vec<Change>);

impl Patch {
    /// From one state to another: the changes of an object in the order its keys are written in (removed ones first),
    /// of an array by index. Costs what differs where the two share structure.
    pub fn between(before: &State, after: &State) -> Self {
        between::between(before, after)
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The later state, from the earlier one. Equal up to the order of keys that were not there before. `None` when
    /// this patch is none for that state: a place it changes is not there, or one it adds is there already.
    pub fn apply(&self, before: &State) -> Option<State> {
        let mut state = before.clone();
        for change in &self.0 {
            apply_change(&mut state, change)?;
        }
        Some(state)
    }

    /// The patch that leads back.
    pub fn invert(&self) -> Self {
        let back = |change: &Change| Change {
            path: change.path.clone(),
            before: change.after.clone(),
            after: change.before.clone(),
        };
        Self(self.0.iter().rev().map(back).collect())
    }

    /// Whether the value at this path, or anything inside or around it, was written: what a watch on the path asks. An
    /// element behind one that was inserted or removed counts as written: another one stands at its index.
    pub fn touches(&self, path: &Path) -> bool {
        self.0.iter().any(|change| {
            change.path.is_prefix_of(path)
                || path.is_prefix_of(&change.path)
                || change.shifts().is_some_and(|(parent, from)| {
                    path.0.starts_with(parent)
                        && matches!(path.0.get(parent.len()), Some(Step::Index(index)) if *index >= from)
                })
        })
    }

    /// How many places changed, and how.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.0 {
            match change.kind() {
                ChangeKind::Added => counts.added += 1,
                ChangeKind::Removed => counts.removed += 1,
                ChangeKind::Replaced => counts.replaced += 1,
            }
        }
        counts
    }

    /// The changes at a path and inside it, in their order.
    pub fn under<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Change> {
        self.0.iter().filter(|change| path.is_prefix_of(&change.path))
    }

    /// How a place of the later state itself came to be: the change at its path or at one it lies in. `None` when the
    /// place was there before, whatever changed inside it.
    pub fn wrote(&self, path: &Path) -> Option<&Change> {
        self.0.iter().rev().find(|change| change.after.is_some() && change.path.is_prefix_of(path))
    }

    /// What stood at a place of the later state before it was written; `None` when it was not written, or nothing stood
    /// there.
    pub fn earlier(&self, path: &Path) -> Option<&Json> {
        let change = self.wrote(path)?;
        let inside = Path(path.0[change.path.0.len()..].to_vec());
        change.before.as_ref()?.at(&inside)
    }
}

/// Whether the value at a path differs between two states, compared as a patch compares; absence counts as a value. A
/// parent replaced by an equal one writes nothing.
pub fn written(before: &State, after: &State, path: &Path) -> bool {
    let at = |state: &State| state.as_ref().and_then(|state| state.at(path)).cloned();
    !Patch::between(&at(before), &at(after)).is_empty()
}

/// The places a glob means that were written, in the order of the states.
pub fn written_among(before: &State, after: &State, glob: &PathGlob) -> Vec<Path> {
    glob.among(before, after).into_iter().filter(|path| written(before, after, path)).collect()
}

fn apply_change(state: &mut State, change: &Change) -> Option<()> {
    let Some((last, parent)) = change.path.0.split_last() else {
        if state.is_some() != change.before.is_some() {
            return None;
        }
        state.clone_from(&change.after);
        return Some(());
    };
    let mut here = state.as_mut()?;
    for step in parent {
        here = match (here, step) {
            (Json::Object(object), Step::Key(key)) => object.get_mut(key)?,
            (Json::Array(array), Step::Index(index)) => array.get_mut(*index)?,
            _ => return None,
        };
    }
    match (here, last) {
        (Json::Object(object), Step::Key(key)) => {
            if object.get(key).is_some() != change.before.is_some() {
                return None;
            }
            match &change.after {
                Some(after) => object.insert(key.clone(), after.clone()),
                None => drop(object.remove(key)),
            }
        }
        (Json::Array(array), Step::Index(index)) => match (&change.before, &change.after) {
            (None, Some(after)) if *index <= array.len() => array.insert(*index, after.clone()),
            (Some(_), Some(after)) if *index < array.len() => array.set(*index, after.clone()),
            (Some(_), None) => drop(array.remove(*index)?),
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::MAX_DEPTH;

    fn state(text: &str) -> State {
        (text != "-").then(|| Json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}")))
    }

    fn path(pointer: &str) -> Path {
        let step = |part: &str| part.parse().map_or_else(|_| Step::Key(part.into()), Step::Index);
        Path(pointer.split('/').skip(1).map(step).collect())
    }

    /// The patch as lines: sign, path, before, after.
    fn lines(before: &str, after: &str) -> Vec<String> {
        let (before, after) = (state(before), state(after));
        let patch = Patch::between(&before, &after);
        assert_eq!(patch.apply(&before).as_ref(), Some(&after), "{patch:?}");
        assert_eq!(patch.invert().apply(&after).as_ref(), Some(&before), "{patch:?}");
        let text = |side: &Option<Json>| side.as_ref().map_or_else(String::new, |json| format!(" {json}"));
        patch
            .0
            .iter()
            .map(|change| {
                format!("{}{}{}{}", change.kind().sign(), change.path, text(&change.before), text(&change.after))
            })
            .collect()
    }

    #[test]
    fn objects_name_the_keys_that_differ() {
        assert_eq!(lines(r#"{"a":1,"b":{"c":2}}"#, r#"{"a":1,"b":{"c":2}}"#), [""; 0]);
        assert_eq!(lines(r#"{"a":1,"b":{"c":2}}"#, r#"{"a":1,"b":{"c":3,"d":null}}"#), ["~/b/c 2 3", "+/b/d null"]);
        assert_eq!(lines(r#"{"z":1,"a":1,"m":1}"#, r#"{"z":2,"a":2,"m":2}"#), ["~/z 1 2", "~/a 1 2", "~/m 1 2"]);
        assert_eq!(lines(r#"{"a":1,"b":2}"#, r#"{"a":1}"#), ["-/b 2"]);
        assert_eq!(lines("{}", r#"{"":{}}"#), ["+/ {}"]);
    }

    #[test]
    fn roots_come_go_and_change_their_kind() {
        assert_eq!(lines("-", "{}"), ["+ {}"]);
        assert_eq!(lines("null", "-"), ["- null"]);
        assert_eq!(lines("[1]", "{}"), ["~ [1] {}"]);
        assert_eq!(lines("1", "1.0"), ["~ 1 1.0"]);
        assert_eq!(lines("-", "-"), [""; 0]);
    }

    #[test]
    fn arrays_keep_both_ends() {
        assert_eq!(lines("[1,2,3,4]", "[1,9,3,4]"), ["~/1 2 9"]);
        assert_eq!(lines("[1,2,3,4]", "[1,4]"), ["-/2 3", "-/1 2"]);
        assert_eq!(lines("[1,4]", "[1,2,3,4]"), ["+/1 2", "+/2 3"]);
        assert_eq!(lines("[1,2,3]", "[1,7,8,9,3]"), ["~/1 2 7", "+/2 8", "+/3 9"]);
        assert_eq!(lines("[1,1]", "[1]"), ["-/1 1"]);
        assert_eq!(lines(r#"[{"a":1},2]"#, r#"[{"a":3},2,3]"#), ["~/0/a 1 3", "+/2 3"]);
        assert_eq!(lines("[]", "[[]]"), ["+/0 []"]);
    }

    #[test]
    fn duplicate_keys_are_changed_as_a_whole_where_a_path_cannot_name_them() {
        assert_eq!(lines(r#"{"a":1,"a":2}"#, r#"{"a":1,"a":3}"#), ["~/a 2 3"]);
        assert_eq!(
            lines(r#"{"x":{"a":1,"a":2},"b":0}"#, r#"{"x":{"a":9,"a":2},"b":1}"#),
            [r#"~/x {"a":1,"a":2} {"a":9,"a":2}"#, "~/b 0 1"]
        );
        assert_eq!(lines(r#"{"a":1,"a":2}"#, r#"{"a":2}"#), [r#"~ {"a":1,"a":2} {"a":2}"#]);
        assert_eq!(lines(r#"{"a":2}"#, r#"{"a":1,"a":2}"#), [r#"~ {"a":2} {"a":1,"a":2}"#]);
        assert_eq!(lines(r#"{}"#, r#"{"a":1,"a":2}"#), [r#"~ {} {"a":1,"a":2}"#]);
    }

    #[test]
    fn the_order_of_keys_is_no_change() {
        let patch = Patch::between(&state(r#"{"a":1,"b":2}"#), &state(r#"{"b":2,"a":1}"#));
        assert!(patch.is_empty());
    }

    #[test]
    fn a_patch_answers_what_a_pane_asks() {
        let before = state(r#"{"total":1,"items":[{"sku":"a"},{"sku":"b"},{"sku":"c"}],"note":{"x":1},"gone":1}"#);
        let after = state(r#"{"total":2,"items":[{"sku":"a"},{"sku":"c"}],"note":{"x":1},"new":{"y":[0]}}"#);
        let patch = Patch::between(&before, &after);
        assert_eq!(patch.counts(), Counts { added: 1, removed: 2, replaced: 1 });
        for (pointer, touched) in [
            ("", true),
            ("/total", true),
            ("/items", true),
            ("/items/0", false),
            ("/items/1/sku", true),
            ("/items/2", true),
            ("/note", false),
            ("/new/y/0", true),
            ("/gone", true),
        ] {
            assert_eq!(patch.touches(&path(pointer)), touched, "{pointer}");
        }
        assert_eq!(patch.earlier(&path("/total")), Some(&Json::from(1)));
        assert_eq!(patch.earlier(&path("/new/y")), None);
        assert_eq!(patch.wrote(&path("/new/y/0")).map(Change::kind), Some(ChangeKind::Added));
        assert_eq!(patch.wrote(&path("/items")), None);
        assert_eq!(patch.under(&path("/items")).count(), 1);
    }

    #[test]
    fn the_deepest_values_are_compared_on_a_small_stack() {
        let deep = |innermost: &str| {
            let half = MAX_DEPTH / 2 + 20;
            format!("{}{innermost}{}", "{\"a\":[".repeat(half), "]}".repeat(half))
        };
        let look = move || {
            let (before, after) = (state(&deep("1")), state(&deep("2")));
            let patch = Patch::between(&before, &after);
            assert_eq!(patch.counts(), Counts { replaced: 1, ..Counts::default() });
            assert_eq!(patch.0[0].path.0.len(), MAX_DEPTH);
            assert_eq!(patch.apply(&before), Some(after.clone()));
            let (before, after) = (before.expect("a state"), after.expect("a state"));
            let adopted = crate::domain::json::adopt(&before, after.clone());
            assert_eq!(adopted, after);
            assert!(adopted.unshared_bytes(Some(&before)) > 0);
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(look).expect("a thread");
        thread.join().expect("no overflow");
    }

    #[test]
    fn a_patch_for_another_state_is_refused() {
        let patch = Patch::between(&state(r#"{"a":[1,2]}"#), &state(r#"{"a":[1]}"#));
        for other in ["-", "{}", r#"{"a":[1]}"#, r#"{"a":{}}"#] {
            assert_eq!(patch.apply(&state(other)), None, "{other}");
        }
    }
}
