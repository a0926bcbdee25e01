//! Guesses which field is what, from names and from values.
//!
//! A name alone proves little (`version` may be that of a schema, `id` that of the entity), so a candidate must also
//! behave: a version grows within its stream, streams repeat, ids do not, times can be read. The guess is deterministic,
//! and says why.

mod behaviour;
mod numbers;
mod roles;

use std::borrow::Cow;

use super::exported;
use super::key::{Key, Keys, Why};
use super::names::{self, rank};
use super::sample::{Field, Sample};
use super::{FieldPath, Mapping, Overrides, Owner, Reference, Role, StreamFrom, Template};
use crate::domain::{Caveat, CaveatKind, OtherKey, text};
use crate::sources::files::value;

/// A candidate below this is none.
const ENOUGH: i32 = 30;

/// A mapping, why it is so, and what it costs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guessed {
    /// The mapping.
    pub mapping: Mapping,
    /// One sentence a part.
    pub reasons: Vec<String>,
    /// What is missing and how it is made up for.
    pub caveats: Vec<Caveat>,
    /// Wider keys of streams that are possible and were not taken.
    pub other_keys: Vec<OtherKey>,
}

/// Guesses. What the user said counts; `name` names the one stream of records that name none.
///
/// # Errors
/// The fields that were found, when there are no events in them.
pub fn guess(sample: &Sample, overrides: &Overrides, name: &str) -> Result<Guessed, Vec<String>> {
    let is_exported = exported::is_exported(sample);
    let mut guesser = Guesser {
        sample,
        overrides,
        is_exported,
        data: None,
        metadata: None,
        event_type: FieldPath::default(),
        global: Vec::new(),
        refused: Vec::new(),
        reasons: Vec::new(),
    };
    // What lies inside the payload is no part of the envelope, so the payload comes first.
    let data = guesser.choose(Role::Data);
    guesser.data = data.clone();
    let metadata = guesser.choose(Role::Metadata);
    guesser.metadata = metadata.clone();

    let event_type = guesser.choose(Role::Type).ok_or_else(|| sample.listing())?;
    guesser.event_type = event_type.clone();
    let mut caveats = Vec::new();
    let stream = match guesser.stream_field() {
        Some(stream) => stream,
        // Only what is clearly an event may do without a stream: otherwise any log would be a stream of events. Whoever says
        // what happened says that these are events.
        None if [Role::Stream, Role::Type].iter().any(|&role| overrides.get(role).is_some())
            || data.is_some() && rank(Role::Type, &event_type).is_some_and(|rank| rank < 8) =>
        {
            guesser.reasons.retain(|(role, _)| *role != Role::Stream);
            guesser.reasons.push((Role::Stream, format!("stream = \"{name}\": no field names one")));
            caveats.push("no field names a stream: all events are shown as one".into());
            StreamFrom::Constant(name.into())
        }
        None => return Err(sample.listing()),
    };
    let (time, id) = (guesser.choose(Role::Time), guesser.choose(Role::Id));
    let (version, key) = guesser.version(&stream, [&time, &id]);
    let position = guesser.position(version.as_ref());
    let correlation = guesser.references(Role::Correlation);
    let causation = guesser.references(Role::Causation);

    if data.is_none() {
        guesser.reasons.push((Role::Data, "data = the whole record: no field holds a payload".into()));
    }
    if version.is_none() {
        caveats.push(Caveat::new(CaveatKind::NoVersions, guesser.no_versions()));
    }
    match &position {
        None => {
            let text = guesser.no_position(&stream, version.as_ref());
            caveats.push(Caveat::new(CaveatKind::NoPosition, text));
        }
        Some(path) => {
            let growth = sample.field(path).map(|field| field.growth(|_| Some(0))).unwrap_or_default();
            if growth.grow < growth.pairs {
                let what = if growth.repeated > 0 { "go back or repeat" } else { "go back" };
                let text = format!("positions ({path}) {what}: shown in file order");
                caveats.push(Caveat::new(CaveatKind::PositionsBack, text));
            }
        }
    }
    if time.is_none() {
        caveats.push(Caveat::new(CaveatKind::NoTimes, "no times"));
    }
    let fields = is_exported.then(exported::fields);
    let key_of_export = exported::key(sample).filter(|_| is_exported && overrides.stream().is_none());
    let mut mapping = Mapping {
        stream,
        event_type,
        version,
        time,
        id,
        data,
        metadata,
        correlation,
        causation,
        position,
        fields,
        key: key_of_export,
    };
    let stream = mapping.stream.clone();
    let keys = guesser.keys(&stream, [&mapping.time, &mapping.id]);
    let mut other_keys = keys.others(&key, mapping.version.as_ref());
    if let Some(folded) = keys.folded(&stream, &key, mapping.version.as_ref()) {
        caveats.push(folded.caveat().into());
        other_keys.push(folded);
    }
    drop(keys);
    if let (StreamFrom::Field(narrow), false) = (&mapping.stream, key.beside.is_empty()) {
        let narrow = narrow.clone();
        caveats.extend(guesser.widen(&mut mapping, &narrow, &key).map(Caveat::from));
    }
    let mut usual = guesser.keys(&stream, [&mapping.time, &mapping.id]).usual(mapping.version.as_ref());
    // What is a part of every name is no part of some.
    usual.retain(|owner| !key.beside.contains(&owner.path));
    if !usual.is_empty() {
        guesser.expect(&mut mapping, usual);
    }
    let mut reasons = guesser.reasons;
    reasons.sort_by_key(|(role, _)| Role::ALL.iter().position(|other| other == role));
    let reasons = reasons.into_iter().map(|(_, reason)| reason).collect();
    Ok(Guessed { mapping, reasons, caveats, other_keys })
}

struct Guesser<'a> {
    sample: &'a Sample,
    overrides: &'a Overrides,
    /// Whether the records are those of an export, which says what is what.
    is_exported: bool,
    data: Option<FieldPath>,
    metadata: Option<FieldPath>,
    event_type: FieldPath,
    /// Numbers that never repeat over all streams: places in the store, whatever they are called.
    global: Vec<FieldPath>,
    /// What is called like a version and repeats too often to be one.
    refused: Vec<FieldPath>,
    reasons: Vec<(Role, String)>,
}

impl Guesser<'_> {
    /// What the user said about a role, with the reason noted.
    fn told(&mut self, role: Role) -> Option<Option<FieldPath>> {
        let Some(said) = self.overrides.get(role) else {
            let path = self.is_exported.then(|| exported::path(role))?;
            self.reasons.push((role, format!("{} = {path}: as stepback exports it", role.name())));
            return Some(Some(path));
        };
        let said = said.cloned();
        let reason = match &said {
            Some(path) if path.keys().is_empty() => format!("{} = the whole record: you said so", role.name()),
            Some(path) => format!("{} = {path}: you said so", role.name()),
            None => format!("no {}: you said so", role.name()),
        };
        self.reasons.push((role, reason));
        Some(said)
    }

    /// What names the streams.
    fn stream_field(&mut self) -> Option<StreamFrom> {
        if let Some(StreamFrom::Template(template)) = self.overrides.stream() {
            self.reasons.push((Role::Stream, format!("stream = {template}: you said so")));
            return Some(StreamFrom::Template(template));
        }
        self.choose(Role::Stream).or_else(|| self.named_within()).map(StreamFrom::Field)
    }

    /// A plain `name` beside what says of which context or type it is the name.
    fn named_within(&mut self) -> Option<FieldPath> {
        let is_within = |field: &Field| {
            let above = |path: &FieldPath| path.keys().split_last().map(|(_, above)| above.to_vec());
            let siblings = self.sample.fields().iter().filter(|other| above(&other.path) == above(&field.path));
            siblings.filter(|other| other.path != self.event_type).any(|other| {
                names::qualifier(&other.path) == Some(names::Qualifier::Type)
                    && other.share(|value| value::name(value).is_some()) == 100
            })
        };
        let is_name = |field: &&Field| {
            field.path.keys().last().is_some_and(|key| ["name", "number", "no"].contains(&names::plain(key).as_str()))
                && field.path != self.event_type
                && self.depth(field) == 0
                && field.distinct() < field.count()
                && self.stream(field).is_some()
        };
        let field = self.sample.fields().iter().filter(is_name).find(|field| is_within(field))?;
        let (path, distinct, count) = (field.path.clone(), field.distinct(), field.count());
        self.reasons.push((Role::Stream, format!("stream = {path}: {}", roles::names_in(distinct, count))));
        Some(path)
    }

    /// Takes the fields of a key into the names of streams. Gives what is to be said of it.
    fn widen(&mut self, mapping: &mut Mapping, narrow: &FieldPath, key: &Key) -> Option<String> {
        let template = Template::joined(key.beside.iter().cloned().chain([narrow.clone()]));
        let fields: Vec<String> = key.beside.iter().map(ToString::to_string).collect();
        let fields = fields.join(" and ");
        let why = match key.why {
            Why::Alone => return None,
            Why::Repeats => format!("{narrow} alone repeats versions, with {fields} it does not"),
            Why::Behaves => format!(
                "{narrow} alone repeats versions, with {fields} it does not, and nothing else speaks for {fields}: \
                 events written twice would look the same"
            ),
            Why::Constraint | Why::Presumed => {
                format!("the store says that {fields}, {narrow} and the version are unique together")
            }
            Why::Shared => format!("events of several {fields} share one {narrow}"),
            Why::Owner => format!("{fields} says whose a stream is"),
        };
        self.reasons.retain(|(role, _)| *role != Role::Stream);
        self.reasons.push((Role::Stream, format!("stream = {template}: {why}")));
        mapping.stream = StreamFrom::Template(template.clone());
        (key.why != Why::Constraint)
            .then(|| format!("streams are {template}: {why}; `--map stream={narrow}` takes {narrow} alone"))
    }

    /// Puts tenants before the names of streams where they are others than in the sample.
    fn expect(&mut self, mapping: &mut Mapping, usual: Vec<Owner>) {
        let template = match mapping.stream.clone() {
            StreamFrom::Template(template) => template,
            StreamFrom::Field(path) => Template::joined([path]),
            StreamFrom::Constant(_) => return,
        };
        for Owner { path, usual } in &usual {
            let reason = match usual {
                Some(usual) => {
                    format!("where {path} is not `{}`, it stands before the stream's name", text::fit(usual, 40))
                }
                None => format!("where {path} says something, it stands before the stream's name"),
            };
            self.reasons.push((Role::Stream, reason));
        }
        mapping.stream = StreamFrom::Template(template.owned(usual));
    }

    /// What is to be said where there are no versions.
    fn no_versions(&self) -> String {
        let counted = "no versions: counted from 1 in each stream";
        match self.refused.first() {
            Some(path) => {
                format!(
                    "{counted}; {path} repeats too often within streams, `--map version={path}` takes it all the same"
                )
            }
            None => counted.into(),
        }
    }

    /// What is to be said where there is no position: also which number would be one if it did not start over.
    fn no_position(&self, stream: &StreamFrom, version: Option<&FieldPath>) -> String {
        let counted = "no position: shown in file order, by line";
        let starts_over = |field: &&Field| {
            if !names::is_a_place(&field.path)
                || version == Some(&field.path)
                || self.depth(field) > 0
                || field.count() < self.sample.records()
                || field.share(|value| value::whole(value).is_some()) < 100
            {
                return false;
            }
            let streams = self.keys(stream, [&None, &None]).streams(stream, &[]);
            let starts = streams.iter().enumerate().filter(|(at, first)| **first == Some(*at)).count();
            let growth = field.growth(|_| Some(0));
            let back = growth.pairs - growth.grow;
            // A number that counts in each stream steps back as often as there are streams.
            growth.repeated > 0 && back > 0 && back * 10 <= growth.pairs && back * 2 < starts
        };
        match self.sample.fields().iter().find(starts_over) {
            Some(Field { path, .. }) if self.overrides.get(Role::Position).is_none() => format!(
                "{counted}; {path} starts over and stands for several places, `--map position={path}` takes it all the same"
            ),
            _ => counted.into(),
        }
    }

    /// The keys that are possible. Fields that say something else of an event tell no streams apart.
    fn keys<'b>(&'b self, stream: &'b StreamFrom, taken: [&'b Option<FieldPath>; 2]) -> Keys<'b> {
        let is_taken =
            move |path: &FieldPath| *path == self.event_type || taken.iter().any(|other| other.as_ref() == Some(path));
        match self.overrides.stream().filter(|_| !self.overrides.is_suggested()) {
            // Whoever says what the stream is says all of it.
            Some(_) => Keys::said(self.sample, self.data.as_ref(), is_taken),
            // As does what stepback exported.
            None if self.is_exported => Keys::said(self.sample, self.data.as_ref(), is_taken),
            None => Keys::new(self.sample, stream, self.data.as_ref(), is_taken),
        }
    }

    /// The best candidate of a role that can be judged by itself.
    fn choose(&mut self, role: Role) -> Option<FieldPath> {
        self.choose_by(role, |guesser, field| match role {
            Role::Data | Role::Metadata => guesser.payload(role, field),
            Role::Stream => guesser.stream(field),
            Role::Type => guesser.event_type(field),
            Role::Time => guesser.time(field),
            Role::Id => guesser.id(field),
            _ => None,
        })
    }

    /// The candidate with the best sum of its name and of `judged`, which also says why.
    fn choose_by(
        &mut self,
        role: Role,
        judged: impl Fn(&Self, &Field) -> Option<(i32, Cow<'static, str>)>,
    ) -> Option<FieldPath> {
        if let Some(said) = self.told(role) {
            return said;
        }
        let mut best: Option<(i32, &FieldPath, Cow<'static, str>)> = None;
        for field in self.sample.fields() {
            let Some(rank) = rank(role, &field.path) else { continue };
            let Some((points, why)) = judged(self, field) else { continue };
            let depth = 12 * (field.path.keys().len() as i32 - 1) + self.depth(field);
            let points = points + 100 - 60 * rank as i32 / names::of(role).len().max(1) as i32 - depth;
            if points >= ENOUGH && best.as_ref().is_none_or(|(most, ..)| points > *most) {
                best = Some((points, &field.path, why));
            }
        }
        let (_, path, why) = best?;
        let path = path.clone();
        self.reasons.push((role, format!("{} = {path}: {why}", role.name())));
        Some(path)
    }

    /// What a candidate loses for lying inside the payload or the metadata.
    fn depth(&self, field: &Field) -> i32 {
        let inside = |path: &Option<FieldPath>| {
            path.as_ref().is_some_and(|path| path.is_prefix_of(&field.path) && *path != field.path)
        };
        if inside(&self.data) {
            60
        } else if inside(&self.metadata) {
            20
        } else {
            0
        }
    }

    /// Points for being there: a part of an event is in (nearly) every record.
    fn coverage(&self, field: &Field) -> Option<i32> {
        let percent = field.count() * 100 / self.sample.records().max(1);
        (percent >= 50).then_some((percent as i32 - 100) / 2)
    }

    /// All usual places of a correlation or a causation: a record may have any of them, and the first may have none.
    fn references(&mut self, role: Role) -> Vec<Reference> {
        let of_export = self.is_exported && self.overrides.get(role).is_none();
        if !of_export && let Some(said) = self.told(role) {
            return said.into_iter().map(Reference::Field).collect();
        }
        let spellings = if role == Role::Correlation { names::CORRELATION } else { names::CAUSATION };
        let field = |above: &FieldPath, name: &str| Reference::Field(above.then(name));
        let top = FieldPath::default();
        let own = of_export.then(|| Reference::Field(exported::path(role)));
        let mut found: Vec<_> = own.into_iter().chain(spellings.iter().map(|name| field(&top, name))).collect();
        if let Some(metadata) = &self.metadata {
            found.extend(spellings.iter().map(|name| field(metadata, name)));
            let properties = metadata.then("properties");
            found.extend(spellings.iter().map(|name| field(&properties, name)));
            // Eventide's metadata on Message DB.
            match role {
                Role::Correlation => found.push(field(metadata, "correlationStreamName")),
                _ => found.push(Reference::Place(
                    metadata.then("causationMessageStreamName"),
                    metadata.then("causationMessagePosition"),
                )),
            }
        }
        for reference in &found {
            let path = match reference {
                Reference::Field(path) | Reference::Place(path, _) => path,
            };
            if self.sample.field(path).is_some_and(|field| field.count() > 0) {
                self.reasons.push((role, format!("{} = {path}: by its name", role.name())));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
