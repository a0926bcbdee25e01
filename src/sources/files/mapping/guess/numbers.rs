//! Which number is the version, and which the place in the store.

use hashbrown::HashMap;

use super::super::key::Key;
use super::super::names::{self, rank};
use super::super::sample::{Field, Growth};
use super::super::{FieldPath, Role, StreamFrom};
use super::Guesser;
use super::behaviour::{is_epoch, is_of_the_store, repeats};
use crate::sources::files::value;

impl Guesser<'_> {
    /// The version, and what streams are told apart by for it to be one.
    pub(super) fn version(&mut self, stream: &StreamFrom, taken: [&Option<FieldPath>; 2]) -> (Option<FieldPath>, Key) {
        // How each number grows under the key that suits it best.
        let mut judged: HashMap<FieldPath, (Key, Growth)> = HashMap::new();
        let mut constrained: Vec<FieldPath> = Vec::new();
        {
            let keys = self.keys(stream, taken);
            let said = self.overrides.get(Role::Version).flatten();
            for field in self.sample.fields() {
                let is_asked = rank(Role::Version, &field.path).is_some() || said == Some(&field.path);
                let is_number = || field.nearly_all(|value| value::whole(value).is_some());
                if is_asked && self.coverage(field).is_some() && is_number() {
                    judged.insert(field.path.clone(), keys.of_version(stream, field));
                    constrained.extend(keys.is_constrained(&field.path).then(|| field.path.clone()));
                }
            }
        }
        for field in self.sample.fields() {
            let Some((_, growth)) = judged.get(&field.path) else { continue };
            if constrained.contains(&field.path) || self.is_exported {
                // The store itself says that it counts within streams, or stepback did when it exported them.
            } else if is_of_the_store(&self.sample.once(field), growth) {
                self.global.push(field.path.clone());
            } else if repeats(field, growth) && growth.grow > 0 {
                self.refused.push(field.path.clone());
            }
        }
        // Beside a number that is called a version, one that is called a place and never repeats is none, however alike
        // they grow: otherwise it would hide that a version stands twice.
        let is_version = |(path, (_, growth)): (&FieldPath, &(Key, Growth))| {
            names::is_a_version(path) && self.sample.field(path).is_some_and(|field| !repeats(field, growth))
        };
        let has_version = judged.iter().any(is_version);
        let version = self.choose_by(Role::Version, |guesser, field| {
            let points = guesser.coverage(field)?;
            if has_version && names::is_a_place(&field.path) && field.growth(|_| Some(0)).repeated == 0 {
                return None;
            }
            let (_, growth) = judged.get(&field.path).filter(|_| !guesser.global.contains(&field.path))?;
            let from_start = 10 * growth.from_zero_or_one as i32 / growth.starts.max(1) as i32;
            if growth.pairs == 0 {
                return Some((points - 10 + from_start, "whole numbers; no stream repeats so far".into()));
            }
            if repeats(field, growth) {
                return None;
            }
            let (grow, by_one) = (growth.grow * 100 / growth.pairs, growth.by_one * 100 / growth.pairs);
            let points = points + by_one as i32 * 40 / 100 + from_start;
            let why = match growth.repeated {
                0 if grow < 80 => "different in each event of a stream".into(),
                0 => "grows within each stream".into(),
                n => {
                    let (records, copies) = (guesser.sample.records(), guesser.sample.copies());
                    let has = if n == 1 { "has" } else { "have" };
                    let but = if copies == 0 { String::new() } else { format!(", beside {copies} copies of whole records") };
                    format!(
                        "grows within each stream; of the {records} records looked at, {n} {has} a version that was there \
                         before{but}"
                    )
                    .into()
                }
            };
            Some((if grow < 80 { points - 20 } else { points }, why))
        });
        let key = match version.as_ref().and_then(|path| judged.remove(path)) {
            Some((key, _)) => key,
            None => self.keys(stream, taken).without_versions(stream),
        };
        (version, key)
    }

    pub(super) fn position(&mut self, version: Option<&FieldPath>) -> Option<FieldPath> {
        let found = self.position_by_name(version);
        let first = self
            .global
            .first()
            .filter(|path| found.is_none() && self.overrides.get(Role::Position).is_none() && version != Some(path));
        if let Some(path) = first.cloned() {
            self.reasons.push((Role::Position, format!("position = {path}: it counts over all streams")));
            return Some(path);
        }
        if found.is_some() || self.overrides.get(Role::Position).is_some() {
            return found;
        }
        let path = self.numbered_by(version)?;
        self.reasons.push((Role::Position, format!("position = {path}: the store numbers its rows by it")));
        Some(path)
    }

    /// The number that a constraint says is different in every row, whatever it is called, where it grows through them: the
    /// store draws it (`AUTOINCREMENT`, `serial`, an identity).
    fn numbered_by(&self, version: Option<&FieldPath>) -> Option<FieldPath> {
        let alone = self.sample.unique().iter().filter_map(|fields| match &fields[..] {
            [one] if version != Some(one) => self.sample.field(one),
            _ => None,
        });
        let is_drawn = |field: &&Field| {
            let growth = field.growth(|_| Some(0));
            field.count() == self.sample.records()
                && field.share(|value| value::whole(value).is_some()) == 100
                && growth.repeated == 0
                && growth.pairs > 0
                && growth.grow * 10 >= growth.pairs * 9
        };
        alone.filter(|field| !is_epoch_field(field)).find(is_drawn).map(|field| field.path.clone())
    }

    fn position_by_name(&mut self, version: Option<&FieldPath>) -> Option<FieldPath> {
        self.choose_by(Role::Position, |guesser, field| {
            let points = guesser.coverage(field)?;
            if version == Some(&field.path) || !field.nearly_all(|value| value::whole(value).is_some()) {
                return None;
            }
            let growth = guesser.sample.once(field).growth(|_| Some(0));
            let why = match growth.pairs - growth.grow {
                0 => "grows through the file".into(),
                1 => "grows through the file, but for one step".into(),
                n => format!("grows through the file, but for {n} steps").into(),
            };
            // A number that stands twice or a step back is the store's own fault, and told as such.
            if growth.pairs > 0 && growth.grow * 10 >= growth.pairs * 9 && growth.repeated * 10 <= growth.pairs {
                return Some((points + 20, why));
            }
            // The tables of some stores are dumped in another order than they were written.
            let sure = rank(Role::Position, &field.path).is_some_and(|rank| rank < 11);
            sure.then_some((points - 20, "by its name".into()))
        })
    }
}

/// Whether a field holds times as numbers.
fn is_epoch_field(field: &Field) -> bool {
    field.share(is_epoch) >= 90
}
