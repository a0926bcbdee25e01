//! A map filled in with the best guesses of a file that was not understood: for a person to look at, never acted on.

use hashbrown::HashMap;

use super::sample::Field;
use super::{FieldPath, Mapping, Overrides, Role, Sample, StreamFrom, guess};
use crate::sources::files::envelope::is_json_text;
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

/// A map of records that are events whatever their fields are called: some number counts within what names a stream from its
/// first event on, what happened differs within streams, and there is a payload, or `is_named` says that events are kept here.
/// `None` where that is not so, or nothing proves it.
pub fn proven(sample: &Sample, stem: &str, is_named: bool) -> Option<String> {
    let plain = |field: &&Field| field.path.keys().len() == 1 && field.count() == sample.records();
    let whole = |field: &&Field| field.share(|value| value::whole(value).is_some()) == 100;
    let numbers: Vec<&Field> = sample.fields().iter().filter(plain).filter(whole).take(PROVED).collect();
    let names = sample.fields().iter().filter(plain).filter(|field| {
        field.distinct() < field.count()
            && field.share(|value| value::name(value).is_some()) == 100
            && field.share(|value| value.first() == Some(&b'"') && value::instant(value).is_some()) == 0
    });
    let mut best: Option<(bool, usize, Mapping)> = None;
    for stream in names.take(PROVED) {
        let same = same(stream);
        for version in numbers.iter().filter(|version| version.path != stream.path) {
            let growth = version.growth(|record| same[record]);
            let counts = growth.pairs > 1
                && growth.starts > 1
                && growth.by_one == growth.pairs
                && growth.grow == growth.pairs
                && growth.from_zero_or_one == growth.starts;
            if !counts {
                continue;
            }
            let said = Overrides::default()
                .or(Role::Stream, Some(stream.path.clone()))
                .or(Role::Version, Some(version.path.clone()));
            let Some(mapping) = with_a_type(sample, said, &same, stem) else { continue };
            // Of several the one with the name of a key, and the fewest streams: a line number counts in a page, too.
            let rank = (is_key(stream), usize::MAX - growth.starts);
            if best.as_ref().is_none_or(|(key, starts, _)| rank > (*key, *starts)) {
                best = Some((rank.0, rank.1, mapping));
            }
        }
    }
    let (.., mut mapping) = best?;
    let is_objects = |field: &Field| field.share(|value| value.first() == Some(&b'{') || is_json_text(value)) >= 50;
    // A payload by any other name is one all the same.
    let payload = sample.fields().iter().filter(plain).find(|field| is_objects(field)).map(|field| field.path.clone());
    mapping.data = mapping.data.or(payload.filter(|path| mapping.metadata.as_ref() != Some(path)));
    let objects = mapping.data.as_ref().and_then(|path| sample.field(path)).is_some_and(is_objects);
    let is_kept = objects || is_named && mapping.time.is_some();
    is_kept.then(|| written(&mapping))
}

/// How many fields are tried against each other.
const PROVED: usize = 16;

/// Which records say the same of a field: each has the number of the first that says it.
fn same(field: &Field) -> Vec<Option<usize>> {
    let mut first: HashMap<&[u8], usize> = HashMap::new();
    let values = field.values.iter().enumerate();
    values.map(|(at, value)| value.as_deref().map(|value| *first.entry(value).or_insert(at))).collect()
}

/// The mapping with what happened in it: by its name, or else words that come again. It differs within streams.
fn with_a_type(sample: &Sample, said: Overrides, same: &[Option<usize>], stem: &str) -> Option<Mapping> {
    let differs = |path: &FieldPath| {
        let Some(field) = sample.field(path) else { return false };
        let mut first: HashMap<usize, &[u8]> = HashMap::new();
        field
            .said()
            .any(|(record, value)| same[record].is_some_and(|stream| *first.entry(stream).or_insert(value) != value))
    };
    let named = guess(sample, &said, stem).ok().map(|guessed| guessed.mapping);
    if let Some(mapping) = named.filter(|mapping| differs(&mapping.event_type)) {
        return Some(mapping);
    }
    let is_taken = |field: &&Field| said.paths().any(|(_, path)| *path == field.path);
    let kinds = sample.fields().iter().filter(|field| field.path.keys().len() == 1 && !is_taken(field));
    let kind = kinds.filter(|field| is_kind(sample, field)).find(|field| differs(&field.path))?;
    Some(guess(sample, &said.or(Role::Type, Some(kind.path.clone())), stem).ok()?.mapping)
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
    let told_apart = |field: &&Field| field.distinct() > 1;
    let mut fields = sample.fields().iter().filter(|field| is_kind(sample, field));
    let first = fields.next()?;
    if told_apart(&first) { Some(first) } else { fields.find(told_apart).or(Some(first)) }
}

/// Whether a field holds words that come again.
fn is_kind(sample: &Sample, field: &Field) -> bool {
    let is_word =
        |value: &[u8]| matches!(value, [b'"', first, ..] if first.is_ascii_alphabetic()) && !value.contains(&b' ');
    field.share(is_word) >= 90
        && !is_key(field)
        && field.share(|value| value::instant(value).is_some()) == 0
        && field.count() * 2 > sample.records()
        && (1..field.count().max(2)).contains(&field.distinct())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(row: impl Fn(usize, usize) -> String) -> Sample {
        let mut sample = Sample::default();
        for at in 0..12 {
            assert!(sample.add(row(at % 3, at / 3 + 1).as_bytes()));
        }
        sample
    }

    #[test]
    fn rows_that_behave_as_events_are_known_whatever_they_are_called() {
        let what = |n: usize| ["Opened", "Paid", "Paid", "Closed"][n - 1];
        let ledger = rows(|s, n| {
            format!(r#"{{"ref":"L{s}","n":{n},"what":"{}","doc":{{"x":{n}}},"ts":"2025-01-01T00:00:0{n}Z"}}"#, what(n))
        });
        let map = "stream=.ref,type=.what,version=.n,time=.ts,data=.doc";
        assert_eq!(proven(&ledger, "t", false).as_deref(), Some(map));
        // A number that names the streams, and a payload that is JSON as text.
        let shipments = rows(|s, n| {
            format!(
                r#"{{"no":{},"shipment":{},"step":{},"happened":"{}","details":"{{\"x\":1}}"}}"#,
                s + 3 * n,
                s + 100,
                n - 1,
                what(n)
            )
        });
        let map = "stream=.shipment,type=.happened,version=.step,data=.details";
        assert_eq!(proven(&shipments, "t", false).as_deref(), Some(map));
        // Without a payload a table must be called after what it keeps.
        let audit = rows(|s, n| {
            format!(r#"{{"account":"a{s}","nr":{n},"action":"{}","at":"2025-01-01T00:00:0{n}Z"}}"#, what(n))
        });
        assert_eq!(proven(&audit, "t", false), None);
        let map = "stream=.account,type=.action,version=.nr,time=.at";
        assert_eq!(proven(&audit, "t", true).as_deref(), Some(map));
    }

    #[test]
    fn lines_of_orders_prices_and_attempts_are_no_events() {
        let lines = rows(|s, n| format!(r#"{{"order_id":"o{s}","line_no":{n},"sku":"SKU{}","qty":1}}"#, (s * n) % 5));
        assert_eq!(proven(&lines, "t", false), None);
        let prices =
            rows(|s, n| format!(r#"{{"product_id":"p{s}","revision":{n},"currency":"EUR","attrs":{{"x":1}}}}"#));
        assert_eq!(proven(&prices, "t", true), None, "nothing happens in it");
        let people = rows(|s, n| format!(r#"{{"id":{},"name":"u{s}","role":"admin","prefs":{{"x":1}}}}"#, s + 3 * n));
        assert_eq!(proven(&people, "t", true), None, "no number counts");
    }
}
