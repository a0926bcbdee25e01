//! Shapes that stand side by side: events of one type written by several writers at the same time, each in its own way.
//!
//! Two groups of fields are such shapes when every object has one of them and none has two, when that is no chance, and when
//! they take turns again and again. Where one takes the place of the other once, and perhaps goes back, that is history.

use super::fields::{Fields, Mark, Sets};
use crate::domain::shape::JsonKind;

/// How often one must follow another: what was deployed and taken back changes twice.
const SWITCHES: u64 = 5;
/// How many objects of a hundred must be of one of the shapes.
const COVERED: u64 = 99;
/// An object of a shape seen less often says nothing.
const FEW: u64 = 3;
/// Once in so many cases groups that have nothing to do with each other may look like that.
const CHANCE: f64 = 1e-3;
/// Shapes of one object.
const MOST: usize = 6;

/// One of several shapes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    /// The fields only this one has.
    pub fields: Vec<u32>,
    /// How many objects are of it.
    pub count: u64,
    /// The first one.
    pub first: Mark,
}

/// Fields that are in the same sets of keys.
struct Group {
    fields: Vec<u32>,
    /// In which sets, a bit each.
    within: u64,
    count: u64,
}

/// The shapes of the objects at a node, the most frequent first; none where they are not side by side.
pub(super) fn shapes(fields: &Fields, at: u32) -> Vec<Shape> {
    let node = fields.node(at);
    let objects = node.count(JsonKind::Object);
    let Some(sets) = node.sets.whole() else { return Vec::new() };
    let mut groups: Vec<Group> = Vec::new();
    for &child in &node.children {
        let within = sets.with(child);
        let count = sets.count(within);
        // A key may stand twice in one object; what is always there tells no shapes apart.
        if count == 0 || count >= objects {
            continue;
        }
        match groups.iter_mut().find(|group| group.within == within) {
            Some(group) => group.fields.push(child),
            None => groups.push(Group { fields: vec![child], within, count }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let found = (0..groups.len()).find_map(|first| {
        let mut chosen: Vec<&Group> = Vec::new();
        let mut taken = 0;
        for group in &groups[first..] {
            if group.within & taken == 0 && group.count >= FEW {
                taken |= group.within;
                chosen.push(group);
            }
        }
        let is = (2..=MOST).contains(&chosen.len())
            && sets.count(taken) * 100 >= objects * COVERED
            && is_no_chance(&chosen, objects)
            && switches(sets, &chosen) >= SWITCHES;
        is.then_some(chosen)
    });
    let shape = |group: &Group| Shape {
        fields: group.fields.clone(),
        count: group.count,
        first: sets.first(group.within).unwrap_or_default(),
    };
    found.into_iter().flatten().map(shape).collect()
}

/// Whether groups that have nothing to do with each other would hardly keep apart like that.
fn is_no_chance(groups: &[&Group], objects: u64) -> bool {
    let (Some(most), Some(next)) = (groups.first(), groups.get(1)) else { return false };
    let often = most.count as f64 / objects.max(1) as f64;
    (1.0 - often).powi(i32::try_from(next.count).unwrap_or(i32::MAX)) < CHANCE
}

/// How often one of the groups followed another.
fn switches(sets: &Sets, groups: &[&Group]) -> u64 {
    let of = |set: usize| groups.iter().position(|group| group.within >> set & 1 == 1);
    let changes =
        sets.steps().filter(|(from, to, _)| matches!((of(*from), of(*to)), (Some(from), Some(to)) if from != to));
    changes.map(|(_, _, count)| count).sum()
}
