//! What is told to somebody whose records were not understood, or whose `--map` names what they do not have.
//!
//! A map that names something is judged by it: what is not there is said with what there is instead. Everybody else gets
//! the fields with an example each, and a line to go on from, filled in with the best guesses of this very file.

use super::names;
use super::suggest::suggested;
use super::{FieldPath, Guessed, Mapping, Overrides, Role, Sample, guess};
use crate::domain::{Caveat, Failure, FailureKind, shell, text};

/// How many fields are named instead of one that is not there.
const NEAREST: usize = 3;
/// How many fields that take no role are named.
const NAMED: usize = 12;

/// A mapping of records, as far as the user says it and guessed beyond.
///
/// # Errors
/// What is wrong with the map, or what might help, told about the source of this name.
pub fn mapped(sample: &Sample, overrides: &Overrides, source: &str, stem: &str) -> Result<Guessed, Failure> {
    let caveats = judged(sample, overrides, source)?;
    let mut guessed =
        guess(sample, overrides, stem).map_err(|fields| unknown(sample, overrides, source, stem, &fields))?;
    guessed.caveats.extend(caveats.into_iter().map(Caveat::from));
    guessed.reasons.extend(left(sample, &guessed.mapping));
    Ok(guessed)
}

/// What is to be said of fields that take no role, as far as the sample has them.
fn left(sample: &Sample, mapping: &Mapping) -> Option<String> {
    if mapping.data.as_ref().is_none_or(|data| data.keys().is_empty()) || mapping.fields.is_some() {
        return None;
    }
    let roles: Vec<&FieldPath> = mapping.paths().collect();
    let is_left = |field: &&FieldPath| {
        field.keys().len() == 1 && !roles.iter().any(|role| role.is_prefix_of(field) || field.is_prefix_of(role))
    };
    let mut fields: Vec<String> = sample
        .fields()
        .iter()
        .map(|field| &field.path)
        .filter(is_left)
        .map(|path| text::fit(&path.to_string(), 60))
        .collect();
    let more = fields.len().saturating_sub(NAMED);
    fields.truncate(NAMED);
    if more > 0 {
        fields.push(format!("{more} more"));
    }
    (!fields.is_empty())
        .then(|| format!("fields = {}: they take no role, and stay with their event", fields.join(", ")))
}

/// What is to be said of a map: which records do not have what it names.
///
/// # Errors
/// What it names and no record has.
pub fn judged(sample: &Sample, overrides: &Overrides, source: &str) -> Result<Vec<String>, Failure> {
    let lacking = lacking(sample, overrides);
    let absent: Vec<String> =
        lacking.iter().filter(|lack| lack.is_mistake(sample)).map(|lack| lack.told(sample)).collect();
    match absent.is_empty() {
        true => Ok(lacking.iter().map(|lack| lack.told(sample)).collect()),
        false => Err(Failure::new(FailureKind::Usage, source, "map its records", absent.join("\n"))),
    }
}

/// A field that the user named, and that records do not have.
struct Lack<'a> {
    role: Role,
    path: &'a FieldPath,
    /// Whether it is a tenant or a type in a name of several fields: not every event has one, and it may come late.
    is_optional: bool,
    /// How many do not, of how many that were looked at.
    records: usize,
    of: usize,
}

impl Lack<'_> {
    /// Whether the user cannot have meant it: no record has it, and it is needed, or nearly spelled like what is there.
    fn is_mistake(&self, sample: &Sample) -> bool {
        let needed = matches!(self.role, Role::Stream | Role::Type) && !self.is_optional;
        self.records == self.of && (needed || is_misspelled(self.path, self.others(sample)))
    }

    /// What there is instead. A field that is there and says nothing is none of it, and no slip either.
    fn others<'b>(&'b self, sample: &'b Sample) -> impl Iterator<Item = &'b FieldPath> {
        let is_there = sample.field(self.path).is_some();
        sample.fields().iter().map(|field| &field.path).filter(move |_| !is_there)
    }

    fn told(&self, sample: &Sample) -> String {
        if self.records < self.of {
            return self.caveat();
        }
        let (role, path) = (self.role.name(), self.path);
        let of = match self.of {
            1 => "the record does not have it".into(),
            of => format!("none of the first {of} records has it"),
        };
        let nearest = nearest(path, self.others(sample));
        let nearest: Vec<String> = nearest.iter().map(|path| text::fit(&path.to_string(), 60)).collect();
        match nearest.is_empty() {
            true => format!("--map {role}={path}: {of}"),
            false => format!("--map {role}={path}: {of}; the nearest there are: {}", nearest.join(", ")),
        }
    }

    fn caveat(&self) -> String {
        let Self { role, path, is_optional, records, of } = self;
        let but = if matches!(role, Role::Stream | Role::Type) && !is_optional {
            ", and cannot be read as events"
        } else {
            ""
        };
        format!("--map {}={path}: {records} of the first {of} records do not have it{but}", role.name())
    }
}

/// What the user named and not every record has. A correlation and a causation need not be in many.
fn lacking<'a>(sample: &Sample, overrides: &'a Overrides) -> Vec<Lack<'a>> {
    let of = sample.records();
    let lack = |(role, path): (Role, &'a FieldPath)| {
        let records = of - sample.watched(path)?;
        let is_rare = matches!(role, Role::Correlation | Role::Causation) && records < of;
        let is_optional = role == Role::Stream && overrides.can_be_without(path);
        (records > 0 && !is_rare).then_some(Lack { role, path, is_optional, records, of })
    };
    overrides.paths().filter_map(lack).collect()
}

/// Those of some fields that are spelled most like one that is not there.
pub fn nearest<'a>(path: &FieldPath, fields: impl Iterator<Item = &'a FieldPath>) -> Vec<&'a FieldPath> {
    let mut near: Vec<(usize, usize, &FieldPath)> =
        fields.enumerate().map(|(at, field)| (distance(path, field), at, field)).collect();
    near.sort_by_key(|(distance, at, _)| (*distance, *at));
    near.into_iter().map(|(_, _, field)| field).take(NEAREST).collect()
}

/// Whether one of some fields is spelled so much like another that this must be a slip.
fn is_misspelled<'a>(path: &FieldPath, mut fields: impl Iterator<Item = &'a FieldPath>) -> bool {
    let slips = path.keys().last().map_or(0, |key| key.chars().count()) / 3;
    fields.any(|field| distance(path, field) <= slips)
}

/// By how many letters two fields differ; those with the same key do not.
fn distance(one: &FieldPath, other: &FieldPath) -> usize {
    let key = |path: &FieldPath| path.keys().last().map(|key| names::plain(key)).unwrap_or_default();
    let spelled = |path: &FieldPath| path.to_string().to_lowercase();
    if key(one) == key(other) { 0 } else { strsim::damerau_levenshtein(&spelled(one), &spelled(other)) }
}

/// No events were recognised.
fn unknown(sample: &Sample, overrides: &Overrides, source: &str, stem: &str, fields: &[String]) -> Failure {
    let why = match fields {
        [] => "no events were recognised in it; its records have no fields".into(),
        fields => format!("no events were recognised in it; its records have these fields:\n  {}", fields.join("\n  ")),
    };
    let failure = Failure::new(FailureKind::Malformed, source, "open", why);
    let file = shell::word(source.as_bytes());
    match &wrapped(sample)[..] {
        [] => {}
        [path] => {
            return failure.hint(format!(
                "if they are the elements of {path}, make them lines first: jq -c {} {file} | stepback -",
                shell::quoted(&elements(path))
            ));
        }
        // Records that each hold several lists are told apart by their fields, not by their lists.
        _ if sample.records() > 1 => {}
        paths => {
            let lists: Vec<String> = paths.iter().map(|path| elements(path)).collect();
            let names: Vec<String> = paths.iter().map(ToString::to_string).collect();
            return failure.hint(format!(
                "if they are the elements of {}, make them lines first: jq -c {} {file} > out.jsonl",
                names.join(" and "),
                shell::quoted(&lists.join(","))
            ));
        }
    }
    failure.hint(match suggested(sample, overrides, stem) {
        Some(map) => format!("say which is which, as in --map '{map}'"),
        None => "say which field is what happened, and which names the stream (or none does): \
                 --map type=.FIELD,stream=.FIELD"
            .into(),
    })
}

/// The fields of the records that are lists of objects.
fn wrapped(sample: &Sample) -> Vec<&FieldPath> {
    let is_list = |value: &[u8]| value.strip_prefix(b"[").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    let lists = sample.fields().iter().filter(|field| field.said().any(|(_, value)| is_list(value)));
    lists.map(|field| &field.path).collect()
}

/// The elements of a list as jq writes them, which takes more characters for operators than a map does.
fn elements(path: &FieldPath) -> String {
    let is_plain = |key: &str| {
        !key.starts_with(|c: char| c.is_ascii_digit())
            && !key.is_empty()
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let keys = path.keys().iter().map(|key| match is_plain(key) {
        true => format!(".{key}"),
        false => format!(".{}", crate::domain::Json::from(key.as_str())),
    });
    format!("{}[]", keys.collect::<String>())
}
