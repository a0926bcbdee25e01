//! A known format, refined by what the user says of roles.
//!
//! The format goes on reading its records; for a role that the user mapped the value at the user's path counts instead.
//! A path leads through the record as it is read and into JSON that stands in it as text (the payload of `kcat -J`).

use std::borrow::Cow;

use bytes::Bytes;

use super::format::{Basics, Format, Parts, Reading, Skimmed, Sorting, Unreadable};
use super::generic::{payload, unusable};
use crate::domain::{About, Caveat, CaveatKind, Note, NoteKind, Payload, StreamKind};
use crate::sources::fields;
use crate::sources::files::envelope::{self, is_json_text};
use crate::sources::files::mapping::{FieldPath, Overrides, Role, StreamFrom, Template};
use crate::sources::files::skim::members;
use crate::sources::files::value;

/// A format with roles of the user's.
pub struct Refined<F> {
    inner: F,
    about: About,
    roles: Vec<(Role, Option<FieldPath>)>,
    /// A stream's name that the user made of several fields.
    template: Option<Template>,
    /// The slots of the format itself.
    slots: usize,
    /// What all events are called by where the user says that there is one stream.
    stem: String,
}

impl<F: Format> Refined<F> {
    /// The format with what the user said.
    pub fn new(inner: F, overrides: &Overrides, caveats: Vec<String>, stem: &str) -> Self {
        let roles: Vec<_> =
            Role::ALL.into_iter().filter_map(|role| Some((role, overrides.get(role)?.cloned()))).collect();
        let mut about = inner.about();
        about.caveats.extend(caveats.into_iter().map(Caveat::from));
        for (role, path) in &roles {
            let name = role.name();
            about.mapping.retain(|(part, _)| part != name);
            let from = path.as_ref().map_or_else(|| "none".into(), ToString::to_string);
            let reason = match path {
                Some(path) => format!("{name} = {path}: you said so"),
                None => format!("no {name}: you said so"),
            };
            if !about.reasons.contains(&reason) {
                about.reasons.push(reason);
            }
            about.mapping.push((name.into(), from));
            match role {
                Role::Version if path.is_some() => {
                    about.caveats.retain(|caveat| caveat.kind != CaveatKind::NoVersions);
                }
                Role::Position => {
                    (about.counts_positions, about.positions_ascend) =
                        (path.is_none() && about.counts_positions, false);
                }
                Role::Version
                | Role::Stream
                | Role::Type
                | Role::Time
                | Role::Id
                | Role::Data
                | Role::Metadata
                | Role::Correlation
                | Role::Causation => {}
            }
        }
        let template = match overrides.stream() {
            Some(StreamFrom::Template(template)) => Some(template),
            _ => None,
        };
        if let Some(template) = &template {
            about.mapping.retain(|(part, _)| part != Role::Stream.name());
            about.mapping.push((Role::Stream.name().into(), template.to_string()));
            let reason = format!("stream = {template}: you said so");
            if !about.reasons.contains(&reason) {
                about.reasons.push(reason);
            }
            about.key = template.key();
        } else if overrides.says(Role::Stream) {
            about.key = None;
        }
        if let Some(spelled) = &mut about.spelled
            && overrides.says(Role::Stream)
        {
            spelled.stream = overrides.stream().map(|stream| stream.spelled()).unwrap_or_default();
        }
        let slots = inner.wanted().len();
        Self { inner, about, roles, template, slots, stem: stem.into() }
    }

    /// What the user said of a role, and what is there in a record.
    fn said<'a>(&self, role: Role, record: Skimmed<'a>) -> Option<Option<Cow<'a, [u8]>>> {
        let (at, (_, path)) = self.roles.iter().enumerate().find(|(_, (other, _))| *other == role)?;
        let Some(path) = path else { return Some(None) };
        let raw = record.slot(self.slots + at);
        Some(inside(Cow::Borrowed(raw), path.keys().get(1..).unwrap_or_default()))
    }

    /// Notes what a record lacks of the roles the user gave; of these nothing else decides.
    fn note_lacking(&self, record: Skimmed<'_>, notes: &mut Vec<Note>) {
        let given = |wanted: Role| self.roles.iter().find(|(role, _)| *role == wanted).map(|(_, path)| path.is_some());
        let of = |role: Role| self.said(role, record).flatten();
        if given(Role::Version).is_some() {
            notes.retain(|note| note.kind != NoteKind::Counted);
        }
        if given(Role::Time).is_some() {
            notes.retain(|note| note.kind != NoteKind::UnreadableTime);
        }
        let version = (given(Role::Version) == Some(true))
            .then(|| of(Role::Version).is_some_and(|raw| value::whole(&raw).is_some()));
        envelope::note_lacking(notes, version, &of(Role::Time).unwrap_or_default());
    }

    /// The name the user made of several fields; `None` in it where one is missing.
    fn composed(&self, record: Skimmed<'_>) -> Option<Option<String>> {
        let template = self.template.as_ref()?;
        let first = self.slots + self.roles.len();
        let values = template.paths().enumerate().map(|(at, path)| {
            let raw = Cow::Borrowed(record.slot(first + at));
            inside(raw, path.keys().get(1..).unwrap_or_default()).unwrap_or_default()
        });
        let values: Vec<Cow<'_, [u8]>> = values.collect();
        Some(template.name(|at| values.get(at).map_or(&[][..], |value| value)))
    }

    fn says_stream(&self) -> bool {
        self.template.is_some() || self.roles.iter().any(|(role, _)| *role == Role::Stream)
    }

    fn text<'a>(&self, role: Role, record: Skimmed<'a>) -> Option<Option<Cow<'a, str>>> {
        Some(self.said(role, record)?.and_then(|raw| match raw {
            Cow::Borrowed(raw) => value::name(raw),
            Cow::Owned(raw) => value::name(&raw).map(|name| Cow::Owned(name.into_owned())),
        }))
    }

    fn payload(&self, role: Role, record: Skimmed<'_>, stored: &Bytes) -> Option<Payload> {
        Some(match self.said(role, record)? {
            None => Payload::default(),
            Some(Cow::Borrowed(raw)) => {
                let start = (raw.as_ptr() as usize).wrapping_sub(record.text.as_ptr() as usize);
                payload(stored.slice(start..start + raw.len()))
            }
            Some(Cow::Owned(raw)) => payload(raw.into()),
        })
    }

    /// The basics, with what the user said put in.
    fn basics<'a>(&'a self, record: Skimmed<'a>, read: Option<Basics<'a>>) -> Result<Basics<'a>, Box<Unreadable<'a>>> {
        let (stream, event_type) = (self.text(Role::Stream, record), self.text(Role::Type, record));
        let is_one = self.roles.iter().any(|(role, path)| *role == Role::Stream && path.is_none());
        let stream = match stream {
            _ if self.template.is_some() => self.composed(record).flatten().map(Cow::Owned),
            Some(_) if is_one => Some(Cow::Borrowed(self.stem.as_str())),
            Some(said) => said,
            None => read.as_ref().map(|read| read.stream.clone()),
        };
        let event_type = match event_type {
            Some(said) => said,
            None => read.as_ref().map(|read| read.event_type.clone()),
        };
        let stream = stream.ok_or_else(|| Box::new(unusable("stream", b"").into()))?;
        let (version, wrong) = match self.said(Role::Version, record) {
            Some(said) => {
                let raw = said.unwrap_or_default();
                let version = value::whole(&raw);
                (version, (version.is_none() && !value::is_nothing(&raw)).then(|| unusable("version", &raw)))
            }
            None => (read.as_ref().and_then(|read| read.version), None),
        };
        let order = read.as_ref().map(|read| read.order);
        let event_type = match (event_type, wrong) {
            (Some(event_type), None) => event_type,
            (event_type, wrong) => {
                let reason = wrong.unwrap_or_else(|| unusable("type", b""));
                return Err(Box::new(Unreadable { event_type, version, order, ..Unreadable::of(stream, reason) }));
            }
        };
        let time = match self.said(Role::Time, record) {
            Some(said) => said.and_then(|raw| value::instant(&raw)),
            None => read.as_ref().and_then(|read| read.time),
        };
        Ok(Basics { stream, event_type, version, time, order: order.unwrap_or_default() })
    }
}

/// The value that a path leads to, also into text that holds JSON.
fn inside<'a>(raw: Cow<'a, [u8]>, keys: &[String]) -> Option<Cow<'a, [u8]>> {
    if value::is_nothing(&raw) {
        return None;
    }
    let Some((key, rest)) = keys.split_first() else { return Some(raw) };
    let raw = match raw.first()? {
        // A line feed between values means as much as a blank, and inside a string there is none.
        b'"' => Cow::Owned(value::string(&raw)?.replace('\n', " ").into_bytes()),
        _ => raw,
    };
    let find = |text: &'a [u8]| {
        let mut found = None;
        let told = members(text, |name, value| {
            if value::string(name).is_some_and(|name| name == key.as_str()) {
                found = Some(value);
            }
        });
        found.filter(|_| told.is_ok())
    };
    match raw {
        Cow::Borrowed(text) => inside(Cow::Borrowed(find(text)?), rest),
        Cow::Owned(text) => {
            let mut found = None;
            members(&text, |name, value| {
                if value::string(name).is_some_and(|name| name == key.as_str()) {
                    found = Some(value.to_vec());
                }
            })
            .ok()?;
            inside(Cow::Owned(found?), rest)
        }
    }
}

/// Whether a record has something at a path.
pub fn has_path(record: &[u8], path: &FieldPath) -> bool {
    inside(Cow::Borrowed(record), path.keys()).is_some()
}

/// A record with the JSON that stands in it as text in its place, so that its fields are seen.
pub fn unfolded(record: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(record.len());
    let told = members(record, |key, value| {
        text.push(if text.is_empty() { b'{' } else { b',' });
        text.extend_from_slice(key);
        text.push(b':');
        match value::string(value).filter(|_| is_json_text(value)) {
            Some(json) => text.extend_from_slice(json.replace('\n', " ").as_bytes()),
            None => text.extend_from_slice(value),
        }
    });
    if told.is_err() || text.is_empty() {
        return record.to_vec();
    }
    text.push(b'}');
    text
}

impl<F: Format> Format for Refined<F> {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn wanted(&self) -> Vec<Option<FieldPath>> {
        let mut wanted = self.inner.wanted();
        wanted.extend(self.roles.iter().map(|(_, path)| {
            let path = path.as_ref()?;
            Some(FieldPath::new(path.keys().first().map(String::as_str)))
        }));
        let parts = self.template.iter().flat_map(Template::paths);
        wanted.extend(parts.map(|path| Some(FieldPath::new(path.keys().first().map(String::as_str)))));
        wanted
    }

    fn read<'a>(&'a self, record: Skimmed<'a>) -> Reading<'a> {
        match self.inner.read(record) {
            Reading::Event(basics) => {
                self.basics(record, Some(basics)).map_or_else(|bad| Reading::Bad(*bad), Reading::Event)
            }
            Reading::Aside => Reading::Aside,
            Reading::Bad(bad) => match self.basics(record, None) {
                Ok(basics) => Reading::Event(basics),
                // Where the user says what its stream is, that is it.
                Err(said) if said.stream.is_some() => Reading::Bad(Unreadable { reason: bad.reason, ..*said }),
                Err(_) if self.says_stream() => Reading::bad(bad.reason),
                Err(_) => Reading::Bad(bad),
            },
        }
    }

    fn parts(&self, skimmed: Skimmed<'_>, record: &Bytes) -> Parts {
        let mut parts = self.inner.parts(skimmed, record);
        let shared =
            |role: Role| self.text(role, skimmed).map(|text| text.map(|text| std::sync::Arc::<str>::from(&*text)));
        if let Some(id) = shared(Role::Id) {
            parts.id = id;
        }
        if let Some(correlation) = shared(Role::Correlation) {
            parts.correlation = correlation;
        }
        if let Some(causation) = shared(Role::Causation) {
            parts.causation = causation;
        }
        if let Some(said) = self.said(Role::Position, skimmed) {
            parts.position = said.and_then(|raw| envelope::position(&raw));
        }
        if let Some(data) = self.payload(Role::Data, skimmed, record) {
            parts.data = data;
        }
        if let Some(metadata) = self.payload(Role::Metadata, skimmed, record) {
            parts.metadata = metadata;
        }
        self.note_lacking(skimmed, &mut parts.notes);
        parts.fields = self.fields(skimmed, std::mem::take(&mut parts.fields));
        parts
    }

    fn sorting(&self) -> Sorting {
        self.inner.sorting()
    }

    fn rewritten(&self, record: &[u8]) -> Option<Result<Vec<u8>, String>> {
        self.inner.rewritten(record)
    }

    fn reads_bytes(&self) -> bool {
        self.inner.reads_bytes()
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        self.inner.kind_of(stream)
    }

    fn misses_asides(&self) -> bool {
        self.inner.misses_asides()
    }

    fn asides(&self, count: u64) -> String {
        self.inner.asides(count)
    }

    fn plainly(&self, role: Role) -> Option<(&'static str, usize)> {
        self.inner.plainly(role)
    }
}

impl<F: Format> Refined<F> {
    /// The fields: without what the user gave a role, and with what the format would have taken for it.
    fn fields(&self, skimmed: Skimmed<'_>, left: Payload) -> Payload {
        let mut left = left;
        for path in self.template.iter().flat_map(Template::paths) {
            if let [key] = path.keys() {
                left = fields::without(&left, key);
            }
        }
        for (role, path) in &self.roles {
            if let Some([key]) = path.as_ref().map(FieldPath::keys) {
                left = fields::without(&left, key);
            }
            if let Some((name, slot)) = self.inner.plainly(*role)
                && path.as_ref().is_none_or(|path| path.keys() != [name])
                && !value::is_nothing(skimmed.slot(slot))
                && let Ok(value) = std::str::from_utf8(skimmed.slot(slot))
            {
                let mut put = fields::Put::default();
                put.field(name, value);
                left = fields::joined(left, put.done());
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_into_json_that_is_text() {
        let at = |raw: &str, keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            inside(Cow::Borrowed(raw.as_bytes()), &keys).map(|found| String::from_utf8(found.into_owned()).unwrap())
        };
        let payload = r#""{\"order\":{\"id\":9007199254740993},\n\"t\":\"{\\\"x\\\":1}\"}""#;
        assert_eq!(at(payload, &["order", "id"]).as_deref(), Some("9007199254740993"));
        assert_eq!(at(payload, &["t", "x"]).as_deref(), Some("1"));
        assert_eq!(at(r#"{"a":{"b":[1]}}"#, &["a", "b"]).as_deref(), Some("[1]"));
        for (raw, keys) in [(payload, &["order", "no"][..]), ("null", &[]), ("\"no json\"", &["a"]), ("7", &["a"])] {
            assert_eq!(at(raw, keys), None, "{raw} {keys:?}");
        }
    }
}
