//! When fields of a type appeared, vanished or became something else.
//!
//! A field that is not always there is optional, and its coming and going says nothing. So an absence is only told when it is
//! too long to be chance: when a field that is there as often as this one would be missing so many times in a row once in a
//! thousand cases at most; of one that came back again and again, only when that is also much longer than it was ever away.
//! Fields of shapes that stand side by side (`beside`) have no such history. `null` is no type of its own here: what is sometimes null is optional too.

use super::fields::Node;
use crate::domain::shape::{Happened, JsonKind};

/// Once in so many cases.
const CHANCE: f64 = 1e-3;
/// A field that came back so often comes and goes.
const RETURNS: u64 = 3;
/// How many times as long as ever before a field that comes and goes must be away, before it is another shape.
const LONGER: u64 = 3;

/// Something that happened to a field at an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub happened: Happened,
    /// The event that proves it.
    pub ordinal: u32,
    /// What more is known.
    pub text: String,
}

/// Whether a field that was there `there` of `of` times would hardly be missing so often in a row, in any of `tries` places.
fn is_no_chance(missing: u64, there: u64, of: u64, tries: u64) -> bool {
    // Carefully: of three times three nobody knows that it is always.
    let often = (there as f64 + 1.0) / (of as f64 + 2.0);
    (1.0 - often).powi(i32::try_from(missing).unwrap_or(i32::MAX)) * (tries.max(1) as f64) < CHANCE
}

/// The history of a field that could stand in `of` objects.
pub(super) fn of(node: &Node, of: u64, told: &mut Vec<Entry>) {
    presence(node, of, told);
    types(node, told);
}

fn presence(node: &Node, of: u64, told: &mut Vec<Entry>) {
    if node.present == 0 {
        return;
    }
    let (first, last) = (node.first.turn, node.last.turn);
    let (before, after) = (first.saturating_sub(1), of.saturating_sub(last));
    // How often it was there while it was there.
    let while_there = last + 1 - first.min(last);
    let absence = node.absence;
    let comes_and_goes = node.returns >= RETURNS;
    let is_long = |turns: u64| !comes_and_goes || turns > absence.turns.saturating_mul(LONGER);
    if is_long(before) && is_no_chance(before, node.present, while_there, 1) {
        let text = match after {
            0 if node.present == while_there => format!("{before} before lack it, all since have it"),
            _ => format!("{before} before lack it"),
        };
        told.push(Entry { happened: Happened::Appeared, ordinal: node.first.ordinal, text });
    }
    let without = while_there.saturating_sub(absence.turns);
    if absence.turns > 0 && !comes_and_goes && is_no_chance(absence.turns, node.present, without, while_there) {
        let text = format!("{} before lack it, earlier ones have it", absence.turns);
        told.push(Entry { happened: Happened::Returned, ordinal: absence.to, text });
    }
    if is_long(after) && is_no_chance(after, node.present, while_there, 1) {
        let text = format!("{after} after it lack it");
        told.push(Entry { happened: Happened::Vanished, ordinal: node.last.ordinal, text });
    }
}

pub(super) fn types(node: &Node, told: &mut Vec<Entry>) {
    let mut kinds: Vec<JsonKind> =
        JsonKind::ALL.into_iter().filter(|kind| *kind != JsonKind::Null && node.count(*kind) > 0).collect();
    kinds.sort_by_key(|kind| (node.marks[*kind as usize].0.ordinal, node.marks[*kind as usize].0.turn));
    for pair in kinds.windows(2) {
        let (old, new) = (node.marks[pair[0] as usize], node.marks[pair[1] as usize]);
        let replaced = (old.1.ordinal, old.1.turn) < (new.0.ordinal, new.0.turn);
        let (before, after) = (node.count(pair[0]), node.count(pair[1]));
        let (happened, text) = match replaced {
            true => (
                Happened::Became(pair[0], pair[1]),
                format!("{before} times {} before, {after} times {}", pair[0].name(), pair[1].name()),
            ),
            false => (Happened::Also(pair[1]), format!("{after} times, {before} times {}", pair[0].name())),
        };
        told.push(Entry { happened, ordinal: new.0.ordinal, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absence_is_held_against_how_often_a_field_is_there() {
        assert!(is_no_chance(3, 50, 50, 1), "always there, then three times not");
        assert!(!is_no_chance(1, 50, 50, 1));
        assert!(!is_no_chance(3, 5, 5, 1), "too little is known");
        assert!(is_no_chance(4, 5, 5, 1));
        assert!(!is_no_chance(20, 17, 100, 1), "rare anyway");
        assert!(is_no_chance(60, 17, 100, 1));
        assert!(!is_no_chance(4, 50, 50, 1_000_000), "among so many it happens");
        assert!(!is_no_chance(0, 50, 50, 1));
    }
}
