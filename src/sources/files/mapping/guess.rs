//! Guesses which field is what, from names and from values.
//!
//! A name alone proves little (`version` may be that of a schema, `id` that of the entity), so a candidate must also
//! behave: a version grows within its stream, streams repeat, ids do not, times can be read. The guess is deterministic,
//! and says why.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::names::{self, rank};
use super::sample::{Field, Sample};
use super::{FieldPath, Mapping, Overrides, Reference, Role, StreamFrom};
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
    pub caveats: Vec<String>,
}

/// Guesses. What the user said counts; `name` names the one stream of records that name none.
///
/// # Errors
/// The fields that were found, when there are no events in them.
pub fn guess(sample: &Sample, overrides: &Overrides, name: &str) -> Result<Guessed, Vec<String>> {
    let mut guesser = Guesser { sample, overrides, data: None, metadata: None, reasons: Vec::new() };
    // What lies inside the payload is no part of the envelope, so the payload comes first.
    let data = guesser.choose(Role::Data);
    guesser.data = data.clone();
    let metadata = guesser.choose(Role::Metadata);
    guesser.metadata = metadata.clone();

    let event_type = guesser.choose(Role::Type).ok_or_else(|| sample.listing())?;
    let mut caveats = Vec::new();
    let stream = match guesser.choose(Role::Stream) {
        Some(path) => StreamFrom::Field(path),
        // Only what is clearly an event may do without a stream: otherwise any log would be a stream of events.
        None if data.is_some() && rank(Role::Type, &event_type).is_some_and(|rank| rank < 8) => {
            guesser.reasons.push((Role::Stream, format!("stream = \"{name}\": no field names one")));
            caveats.push("no field names a stream: all events are shown as one".into());
            StreamFrom::Constant(name.into())
        }
        None => return Err(sample.listing()),
    };
    let version = guesser.version(&stream);
    let time = guesser.choose(Role::Time);
    let id = guesser.choose(Role::Id);
    let position = guesser.position(version.as_ref());
    let correlation = guesser.references(Role::Correlation);
    let causation = guesser.references(Role::Causation);

    if data.is_none() {
        guesser.reasons.push((Role::Data, "data = the whole record: no field holds a payload".into()));
    }
    if version.is_none() {
        caveats.push("no versions: counted from 1 in each stream".into());
    }
    match &position {
        None => caveats.push("no position: shown in file order, by line".into()),
        Some(path) => {
            let grows = sample.field(path).map(|field| field.growth(|_| Some(0)));
            if grows.is_some_and(|growth| growth.grow < growth.pairs) {
                caveats.push(format!("positions ({path}) go back: shown in file order"));
            }
        }
    }
    if time.is_none() {
        caveats.push("no times".into());
    }
    let mut reasons = guesser.reasons;
    reasons.sort_by_key(|(role, _)| Role::ALL.iter().position(|other| other == role));
    Ok(Guessed {
        mapping: Mapping { stream, event_type, version, time, id, data, metadata, correlation, causation, position },
        reasons: reasons.into_iter().map(|(_, reason)| reason).collect(),
        caveats,
    })
}

struct Guesser<'a> {
    sample: &'a Sample,
    overrides: &'a Overrides,
    data: Option<FieldPath>,
    metadata: Option<FieldPath>,
    reasons: Vec<(Role, String)>,
}

impl Guesser<'_> {
    /// What the user said about a role, with the reason noted.
    fn told(&mut self, role: Role) -> Option<Option<FieldPath>> {
        let said = self.overrides.get(role)?.cloned();
        let reason = match &said {
            Some(path) if path.keys().is_empty() => format!("{} = the whole record: you said so", role.name()),
            Some(path) => format!("{} = {path}: you said so", role.name()),
            None => format!("no {}: you said so", role.name()),
        };
        self.reasons.push((role, reason));
        Some(said)
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

    fn payload(&self, role: Role, field: &Field) -> Option<(i32, Cow<'static, str>)> {
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

    fn stream(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        let points = self.coverage(field)?;
        if field.share(|value| value::name(value).is_some()) < 90 || field.share(is_dated) > 10 {
            return None;
        }
        let (count, distinct) = (field.count(), field.distinct());
        let why = Cow::Owned(format!("{distinct} names in {count} records"));
        match count {
            _ if distinct < count => Some((points + 20, why)),
            8.. => Some((points - 30, why)),
            _ => Some((points, why)),
        }
    }

    fn event_type(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
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
        if field.share(|value| value[0] == b'"') < 90 || field.share(is_dated) > 10 || field.share(is_uuid) > 10 {
            return None;
        }
        let words = field.share(|value| {
            value[1..].first().is_some_and(|b| b.is_ascii_alphabetic() || !b.is_ascii()) && !value.contains(&b' ')
        });
        let (count, distinct) = (field.count(), field.distinct());
        let why = Cow::Owned(format!("{distinct} types in {count} records"));
        let points = points + words as i32 * 15 / 100;
        match count {
            _ if distinct < count => Some((points + 15, why)),
            8.. => Some((points - 40, why)),
            _ => Some((points, why)),
        }
    }

    fn time(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        let points = self.coverage(field)?;
        if field.share(|value| is_dated(value) || is_epoch(value)) < 90 {
            return None;
        }
        let iso = field.share(is_dated) >= 50;
        Some((points, if iso { "ISO 8601" } else { "epoch numbers" }.into()))
    }

    fn id(&self, field: &Field) -> Option<(i32, Cow<'static, str>)> {
        let points = self.coverage(field)?;
        if field.share(|value| value::name(value).is_some()) < 90 {
            return None;
        }
        // A few repeated deliveries are no reason to have no ids at all.
        let (count, distinct) = (field.count(), field.distinct());
        (distinct * 10 >= count * 9).then_some((points, "different in every record".into()))
    }

    fn version(&mut self, stream: &StreamFrom) -> Option<FieldPath> {
        // Which records are of one stream: numbered by the first record of theirs.
        let mut of_record: Vec<Option<usize>> = vec![None; self.sample.records()];
        match stream {
            StreamFrom::Constant(_) => of_record.fill(Some(0)),
            StreamFrom::Field(path) => {
                let mut first: HashMap<&[u8], usize> = HashMap::new();
                for (record, value) in self.sample.field(path).iter().flat_map(|field| field.said()) {
                    of_record[record] = Some(*first.entry(value).or_insert(record));
                }
            }
        }
        let one_stream = of_record.iter().flatten().collect::<HashSet<_>>().len() <= 1;
        self.choose_by(Role::Version, |guesser, field| {
            let points = guesser.coverage(field)?;
            if field.share(|value| value::whole(value).is_some()) < 90 {
                return None;
            }
            let growth = field.growth(|record| of_record[record]);
            let from_start = 10 * growth.from_zero_or_one as i32 / growth.starts.max(1) as i32;
            if growth.pairs == 0 {
                return Some((points - 10 + from_start, "whole numbers; no stream repeats so far".into()));
            }
            let (grow, by_one) = (growth.grow * 100 / growth.pairs, growth.by_one * 100 / growth.pairs);
            // The number of a schema repeats; a version does not, though some dumps are in no order.
            if growth.repeated * 20 > growth.pairs {
                return None;
            }
            // What has one order through the whole file, but no steps of one in each stream, is a place in the store.
            let over_all = field.growth(|_| Some(0));
            let ordered = over_all.grow == over_all.pairs || over_all.grow == 0;
            if !one_stream && by_one < 50 && over_all.repeated == 0 && ordered {
                return None;
            }
            let points = points + by_one as i32 * 40 / 100 + from_start;
            if grow < 80 {
                return Some((points - 20, "different in each event of a stream".into()));
            }
            Some((points, "grows within each stream".into()))
        })
    }

    fn position(&mut self, version: Option<&FieldPath>) -> Option<FieldPath> {
        self.choose_by(Role::Position, |guesser, field| {
            let points = guesser.coverage(field)?;
            if version == Some(&field.path) || field.share(|value| value::whole(value).is_some()) < 90 {
                return None;
            }
            let growth = field.growth(|_| Some(0));
            if growth.pairs > 0 && growth.grow == growth.pairs {
                return Some((points + 20, "grows through the file".into()));
            }
            // The tables of some stores are dumped in another order than they were written.
            let sure = rank(Role::Position, &field.path).is_some_and(|rank| rank < 11);
            sure.then_some((points - 20, "by its name".into()))
        })
    }

    /// All usual places of a correlation or a causation: a record may have any of them, and the first may have none.
    fn references(&mut self, role: Role) -> Vec<Reference> {
        if let Some(said) = self.told(role) {
            return said.into_iter().map(Reference::Field).collect();
        }
        let spellings = if role == Role::Correlation { names::CORRELATION } else { names::CAUSATION };
        let field = |above: &FieldPath, name: &str| Reference::Field(above.then(name));
        let top = FieldPath::default();
        let mut found: Vec<_> = spellings.iter().map(|name| field(&top, name)).collect();
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

/// Text that is a date and time.
fn is_dated(value: &[u8]) -> bool {
    value[0] == b'"'
        && value.len() >= 12
        && value[1..5].iter().all(u8::is_ascii_digit)
        && value::instant(value).is_some()
}

/// A number that is a recording time between 1990 and 2100.
fn is_epoch(value: &[u8]) -> bool {
    let plausible = 631_152_000..4_102_444_800;
    value::instant(value).is_some_and(|time| plausible.contains(&time.as_second()))
}

fn is_uuid(value: &[u8]) -> bool {
    value::string(value).is_some_and(|text| uuid::Uuid::try_parse(&text).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(lines: &[&str], map: Option<&str>) -> Result<Guessed, Vec<String>> {
        let mut sample = Sample::default();
        for line in lines {
            assert!(sample.add(line.as_bytes()), "{line}");
        }
        guess(&sample, &map.map(|map| Overrides::parse(map).unwrap()).unwrap_or_default(), "dump")
    }

    fn told(path: &Option<FieldPath>) -> String {
        path.as_ref().map_or("-".into(), ToString::to_string)
    }

    /// stream type version time id data metadata position
    fn short(mapping: &Mapping) -> String {
        let stream = match &mapping.stream {
            StreamFrom::Field(path) => path.to_string(),
            StreamFrom::Constant(name) => format!("={name}"),
        };
        let Mapping { version, time, id, data, metadata, position, .. } = mapping;
        let rest: Vec<_> = [version, time, id, data, metadata, position].into_iter().map(told).collect();
        format!("{stream} {} {}", mapping.event_type, rest.join(" "))
    }

    #[test]
    fn the_usual_spellings_are_understood() {
        for (expected, lines) in [
            (
                ".repo.name .type - .created_at .id .payload - .id",
                &[
                    r#"{"id":"100","type":"PushEvent","actor":{"id":1,"login":"ann"},"repo":{"id":2,"name":"a/b"},"payload":{"n":1},"created_at":"2025-01-01T00:00:00Z"}"#,
                    r#"{"id":"101","type":"PushEvent","actor":{"id":1,"login":"ann"},"repo":{"id":3,"name":"a/c"},"payload":{"n":1},"created_at":"2025-01-01T00:00:01Z"}"#,
                    r#"{"id":"103","type":"ForkEvent","actor":{"id":4,"login":"bob"},"repo":{"id":2,"name":"a/b"},"payload":{"n":2},"created_at":"2025-01-01T00:00:01Z"}"#,
                ][..],
            ),
            (
                ".stream .type .version .timestamp .id .data .metadata -",
                &[
                    r#"{"id":"a1","stream":"a-1","version":1,"type":"Opened","timestamp":"2025-01-01T00:00:00.025Z","data":{"type":"x","version":9},"metadata":{}}"#,
                    r#"{"id":"a2","stream":"a-1","version":2,"type":"Closed","timestamp":"2025-01-01T00:00:00.026Z","data":{"type":"y","version":9},"metadata":{}}"#,
                ][..],
            ),
            (
                ".stream_name .type .position .time .id .data .metadata .global_position",
                &[
                    r#"{"global_position":1,"position":0,"time":"2026-11-23T03:42:50.2","stream_name":"a-1","type":"A","data":{},"metadata":null,"id":"x"}"#,
                    r#"{"global_position":2,"position":0,"time":"2026-11-23T03:42:50.2","stream_name":"a-2","type":"A","data":{},"metadata":{},"id":"y"}"#,
                    r#"{"global_position":4,"position":1,"time":"2026-11-23T03:42:50.2","stream_name":"a-1","type":"B","data":{},"metadata":{},"id":"z"}"#,
                ],
            ),
            (
                ".aggregate_id .event_type .sequence - - .payload .metadata -",
                &[
                    r#"{"aggregate_type":"account","aggregate_id":"a","sequence":1,"event_type":"Opened","event_version":"1.0","payload":"{\"Opened\":{}}","metadata":"{}"}"#,
                    r#"{"aggregate_type":"account","aggregate_id":"a","sequence":2,"event_type":"Closed","event_version":"1.0","payload":"{\"Closed\":{}}","metadata":"{}"}"#,
                ],
            ),
            (
                ".aggregate.id .kind - .at - - - -",
                &[
                    r#"{"aggregate":{"id":7,"type":"car"},"kind":"Started","at":1735721881438,"speed":3}"#,
                    r#"{"aggregate":{"id":7,"type":"car"},"kind":"Stopped","at":1735721881538,"speed":0}"#,
                ],
            ),
            (
                "=dump .type .version - - .data - -",
                &[
                    r#"{"type":"Deposited","version":0,"data":{"amount":1}}"#,
                    r#"{"type":"Deposited","version":1,"data":{"amount":2}}"#,
                ],
            ),
            (
                // A schema's version does not grow; the number of the whole store is no version of a stream.
                ".streamId .type .streamVersion - .id .data - .sequence",
                &[
                    r#"{"id":"1-a","streamId":"a","type":"T","version":1,"sequence":10,"streamVersion":1,"data":{}}"#,
                    r#"{"id":"1-b","streamId":"b","type":"T","version":1,"sequence":12,"streamVersion":1,"data":{}}"#,
                    r#"{"id":"1-c","streamId":"a","type":"T","version":1,"sequence":15,"streamVersion":2,"data":{}}"#,
                ],
            ),
            (
                // Newest first; and a table in the order of its heap.
                ".stream .type .version - - .data - .global_position",
                &[
                    r#"{"stream":"a","type":"T","version":2,"global_position":9,"data":{}}"#,
                    r#"{"stream":"b","type":"T","version":0,"global_position":7,"data":{}}"#,
                    r#"{"stream":"a","type":"T","version":1,"global_position":4,"data":{}}"#,
                    r#"{"stream":"a","type":"T","version":0,"global_position":3,"data":{}}"#,
                ],
            ),
            (
                ".event.streamId .event.type .event.version - .event.id .event.data - -",
                &[
                    r#"{"event":{"id":"x","streamId":"a","type":"T","version":"0","data":{"a":1}}}"#,
                    r#"{"event":{"id":"y","streamId":"a","type":"U","version":"1","data":{"a":1}}}"#,
                ],
            ),
        ] {
            let found = guessed(lines, None).unwrap();
            assert_eq!(short(&found.mapping), expected, "{:#?}", found.reasons);
        }
    }

    #[test]
    fn the_user_knows_better() {
        let lines = [r#"{"who":"a","did":"Walked","n":1,"x":{"y":2}}"#, r#"{"who":"a","did":"Sat","n":2,"x":{"y":2}}"#];
        let fields = guessed(&lines, None).unwrap_err();
        assert_eq!(fields, [".who  \"a\"", ".did  \"Walked\"", ".n  1", ".x  {\"y\":2}", ".x.y  2"]);
        let found = guessed(&lines, Some("stream=.who,type=.did,version=.n,data=.x")).unwrap();
        assert_eq!(short(&found.mapping), ".who .did .n - - .x - -");
        assert!(found.reasons.contains(&"stream = .who: you said so".into()), "{:?}", found.reasons);
        let found = guessed(&lines, Some("stream=.who,type=.did,data=.")).unwrap();
        assert_eq!(found.mapping.data, Some(FieldPath::default()));
    }

    #[test]
    fn a_log_is_no_event_store() {
        let lines = [r#"{"level":"info","msg":"started","time":"2025-01-01T00:00:00Z"}"#; 3];
        assert!(guessed(&lines, None).is_err());
    }
}
