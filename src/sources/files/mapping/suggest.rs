//! A map filled in with the best guesses of a file that was not understood: for a person to look at, never acted on.

use super::sample::Field;
use super::{FieldPath, Mapping, Overrides, Role, Sample, StreamFrom, guess};
use crate::sources::files::value;

/// What to write after `--map`; `None` where nothing looks like what happened.
pub fn suggested(sample: &Sample, overrides: &Overrides, stem: &str) -> Option<String> {
    // With one stream for all, what a type is by its name is found.
    let one = overrides.clone().or(Role::Stream, None);
    let mapping = guess(sample, &one, stem).ok().map(|guessed| guessed.mapping);
    let event_type = match mapping {
        Some(mapping) => mapping.event_type,
        None => kind(sample)?.path.clone(),
    };
    let typed = overrides.clone().or(Role::Type, Some(event_type.clone()));
    let stream = stream(sample, &event_type);
    let asked = typed.suggest(stream);
    let mapping = guess(sample, &asked, stem).ok()?.mapping;
    // What is short for a version may be anything in a file that is understood, and here it is only a proposal.
    let mapping = match version(sample).filter(|_| mapping.version.is_none()) {
        Some(version) => guess(sample, &asked.or(Role::Version, Some(version)), stem).ok()?.mapping,
        None => mapping,
    };
    Some(written(&mapping))
}

/// A mapping as the user writes it.
fn written(mapping: &Mapping) -> String {
    let stream = match &mapping.stream {
        StreamFrom::Field(path) => path.to_string(),
        StreamFrom::Template(template) => template.to_string(),
        StreamFrom::Constant(_) => "none".into(),
    };
    let mut map = format!("stream={stream},type={}", mapping.event_type);
    let rest = [
        (Role::Version, &mapping.version),
        (Role::Time, &mapping.time),
        (Role::Id, &mapping.id),
        (Role::Data, &mapping.data),
    ];
    for (role, path) in rest {
        if let Some(path) = path {
            map.push_str(&format!(",{}={path}", role.name()));
        }
    }
    map
}

/// What might be what happened: words that are told apart, and come again.
fn kind(sample: &Sample) -> Option<&Field> {
    let is_word =
        |value: &[u8]| matches!(value, [b'"', first, ..] if first.is_ascii_alphabetic()) && !value.contains(&b' ');
    let fits = |field: &&Field| {
        field.share(is_word) >= 90
            && !is_key(field)
            && field.share(|value| value::instant(value).is_some()) == 0
            && field.count() * 2 > sample.records()
            && (1..field.count().max(2)).contains(&field.distinct())
    };
    let told_apart = |field: &&Field| field.distinct() > 1;
    let mut fields = sample.fields().iter().filter(fits);
    let first = fields.next()?;
    if told_apart(&first) { Some(first) } else { fields.find(told_apart).or(Some(first)) }
}

/// What might be the version, by a short name.
fn version(sample: &Sample) -> Option<FieldPath> {
    let is_short = |field: &&Field| match field.path.keys() {
        [key] => ["v", "ver", "rev"].contains(&super::names::plain(key).as_str()),
        _ => false,
    };
    let is_number = |field: &&Field| field.share(|value| value::whole(value).is_some()) == 100 && field.distinct() > 1;
    sample.fields().iter().filter(is_short).find(is_number).map(|field| field.path.clone())
}

/// What might name the streams: what is called like a key, in every record, and comes again.
fn stream(sample: &Sample, event_type: &FieldPath) -> Option<FieldPath> {
    let repeats = |field: &&Field| {
        field.path != *event_type
            && field.count() == sample.records()
            && field.share(|value| value::name(value).is_some()) == 100
            && field.distinct() < field.count()
    };
    sample.fields().iter().filter(repeats).find(|field| is_key(field)).map(|field| field.path.clone())
}

/// Whether a field is called like something that names something.
fn is_key(field: &Field) -> bool {
    let last = field.path.keys().last().map(|key| super::names::plain(key)).unwrap_or_default();
    ["id", "key", "pk", "uuid", "stream", "entity", "aggregate", "subject"].iter().any(|ending| last.ends_with(ending))
}
