//! How much a field looks like a part of an event that can be judged by itself, and why.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::super::Role;
use super::super::names::{self, rank};
use super::super::sample::Field;
use super::Guesser;
use super::behaviour::{is_dated, is_epoch, is_uuid};
use crate::sources::files::value;

impl Guesser<'_> {
    pub(super) fn payload(&self, role: Role, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        if self.data.as_ref().is_some_and(|data| data.is_prefix_of(&field.path)) {
            return None;
        }
        let there = field.values.iter().filter(|value| value.is_some()).count();
        if there * 2 < self.sample.records() {
            return None;
        }
        let objects = field.share(|value| value[0] == b'{');
        let texts = field.share(|value| matches!(value, [b'"', b'{' | b'[', ..] | [b'"', b' ', b'{', ..]));
        if objects >= 50 {
            return Some((30, "objects".into()));
        }
        if texts >= 50 {
            return Some((25, "JSON as text".into()));
        }
        // A plain value may be a payload only under a name that can mean nothing else.
        let sure = rank(role, &field.path).is_some_and(|rank| rank < 10);
        let plain = if field.count() == 0 { "always null so far" } else { "plain values" };
        (sure && field.path.keys().len() == 1).then_some((-30, plain.into()))
    }

    pub(super) fn stream(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        let points = self.coverage(field)?;
        if !field.nearly_all(|value| value::name(value).is_some()) || field.share(is_dated) > 10 {
            return None;
        }
        let (count, distinct) = (field.count(), field.distinct());
        let why = Cow::Owned(names_in(distinct, count));
        match count {
            _ if distinct < count => Some((points + 20, why)),
            8.. => Some((points - 30, why)),
            _ => Some((points, why)),
        }
    }

    /// Whether a field of a name that may mean anything (`name`, `kind`) says what its stream is of, or who, and not what
    /// happened: it is the same throughout each stream, and differs between them.
    fn describes_the_stream(&self, field: &Field) -> bool {
        /// How many of the names of a type can mean nothing else.
        const SURE: usize = 8;
        if rank(Role::Type, &field.path).is_none_or(|rank| rank < SURE) {
            return false;
        }
        let names = |field: &&Field| rank(Role::Stream, &field.path).is_some() && self.stream(field).is_some();
        let streams = self.sample.fields().iter().filter(|other| other.path != field.path).filter(names);
        let Some(streams) = streams.min_by_key(|field| rank(Role::Stream, &field.path)) else { return false };
        let (mut said, mut again): (HashMap<&[u8], &[u8]>, bool) = (HashMap::new(), false);
        for (stream, value) in streams.values.iter().zip(&field.values) {
            let (Some(stream), Some(value)) = (stream, value) else { continue };
            match said.get(&stream[..]) {
                Some(before) if *before != &value[..] => return false,
                Some(_) => again = true,
                None => _ = said.insert(stream, value),
            }
        }
        again && field.distinct() > 1
    }

    pub(super) fn event_type(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        if self.describes_the_stream(field) {
            return None;
        }
        // Beside what says that it is the type of the payload, a plain `type` is that of the aggregate.
        let is_payload_type = |other: &Field| {
            let (path, key) = (other.path.keys(), other.path.keys().last());
            path.split_last().map(|(_, above)| above) == field.path.keys().split_last().map(|(_, above)| above)
                && key.is_some_and(|key| names::plain(key) == "payloadtype")
                && other.count() == self.sample.records()
        };
        if field.path.keys().last().is_some_and(|key| names::plain(key) == "type")
            && self.sample.fields().iter().any(is_payload_type)
        {
            return None;
        }
        // The type of an aggregate is not what happened to it.
        if let [.., above, _] = field.path.keys()
            && matches!(
                names::plain(above).as_str(),
                "aggregate" | "stream" | "entity" | "subject" | "actor" | "source"
            )
        {
            return None;
        }
        let points = self.coverage(field)?;
        if !field.nearly_all(|value| value[0] == b'"') || field.share(is_dated) > 10 || field.share(is_uuid) > 10 {
            return None;
        }
        let words = field.share(|value| {
            value[1..].first().is_some_and(|b| b.is_ascii_alphabetic() || !b.is_ascii()) && !value.contains(&b' ')
        });
        let (count, distinct) = (field.count(), field.distinct());
        let types = if distinct == 1 { "type" } else { "types" };
        let why = Cow::Owned(format!("{distinct} {types} in {count} records"));
        let points = points + words as i32 * 15 / 100;
        match count {
            _ if distinct < count => Some((points + 15, why)),
            8.. => Some((points - 40, why)),
            _ => Some((points, why)),
        }
    }

    pub(super) fn time(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        let points = self.coverage(field)?;
        if !field.nearly_all(|value| is_dated(value) || is_epoch(value)) {
            return None;
        }
        let iso = field.share(is_dated) >= 50;
        Some((points, if iso { "ISO 8601" } else { "epoch numbers" }.into()))
    }

    pub(super) fn id(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        let points = self.coverage(field)?;
        if !field.nearly_all(|value| value::name(value).is_some()) {
            return None;
        }
        // A few repeated deliveries are no reason to have no ids at all, nor is an event that stands twice.
        let field = self.sample.once(field);
        let (count, distinct) = (field.count(), field.distinct());
        let why = match count - distinct {
            0 => "different in every record".into(),
            1 => "different in every record but one".into(),
            n => format!("different in every record but {n}").into(),
        };
        (distinct * 10 >= count * 9).then_some((points, why))
    }
}

/// How many streams a field names.
pub(super) fn names_in(distinct: usize, records: usize) -> String {
    let many = |count: usize| if count == 1 { "" } else { "s" };
    format!("{distinct} name{} in {records} record{}", many(distinct), many(records))
}

#[cfg(test)]
mod tests {
    use super::names_in;

    #[test]
    fn one_name_is_no_names() {
        assert_eq!(names_in(1, 10), "1 name in 10 records");
        assert_eq!(names_in(1, 1), "1 name in 1 record");
        assert_eq!(names_in(3, 10), "3 names in 10 records");
    }
}
