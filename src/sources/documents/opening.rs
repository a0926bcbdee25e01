//! Opens each kind of document: looks at its first records, decides what cannot be decided record by record, and says so.

use std::collections::HashSet;
use std::sync::Arc;

use super::atom::Atom;
use super::cloudevents::{CloudEvents, Sequence};
use super::debezium::{Debezium, Envelope};
use super::dynamodb::{DynamoDb, Shape, plain};
use super::format::Format;
use super::generic::Generic;
use super::glance::Glance;
use super::kafka::Kcat;
use super::refined::{Refined, has_path, unfolded};
use super::temporal::{Temporal, workflow};
use super::walker::Framing;
use super::{failure, sample, source};
use crate::domain::{About, Caveat, CaveatKind, Failure, FailureKind, Spelled, StreamKey};
use crate::sources::Source;
use crate::sources::files::mapping::{
    FieldPath, Guessed, Mapping, Overrides, Reference, Role, Sample, StreamFrom, guess, judged, mapped,
};
use crate::sources::files::plan::Plan;
use crate::sources::files::skim::Skimmer;
use crate::sources::files::value;
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;

/// What the user says of roles.
fn overrides(options: &OpenOptions) -> Result<Overrides, Failure> {
    match &options.map {
        Some(map) => Overrides::parse(map)
            .map_err(|why| Failure::new(FailureKind::Usage, format!("--map {map}"), "understand", why)),
        None => Ok(Overrides::default()),
    }
}

fn watching(overrides: &Overrides) -> Sample {
    Sample::watching(overrides.paths().map(|(_, path)| path))
}

fn sampled(records: &[Vec<u8>], overrides: &Overrides) -> Sample {
    let mut sample = watching(overrides);
    for record in records {
        sample.add(record);
    }
    sample
}

fn no_versions() -> Caveat {
    Caveat::new(CaveatKind::NoVersions, "no versions: counted from 1 in each stream")
}

fn has(sample: &Sample, keys: &[&str]) -> bool {
    let path = FieldPath::new(keys.iter().copied());
    sample.field(&path).is_some_and(|field| field.count() > 0)
}

/// The values at a path of records.
fn values<'a>(records: &'a [Vec<u8>], path: &FieldPath) -> impl Iterator<Item = &'a [u8]> {
    let mut skimmer = Skimmer::new(Plan::new(&[Some(path.clone())]));
    records.iter().filter_map(move |record| {
        skimmer.skim(record).ok()?;
        Some(skimmer.slot(0).of(record))
    })
}

fn guessed(input: &Input, sample: &Sample, overrides: &Overrides) -> Result<Guessed, Failure> {
    if sample.records() == 0 {
        let why = "there is no JSON object in it that is complete";
        return Err(failure(input, FailureKind::Malformed, why));
    }
    mapped(sample, overrides, input.feed.name(), &input.stem)
}

/// Puts a format behind a source, refined by what the user says.
fn refined(
    input: Input,
    framing: Framing,
    format: impl Format,
    records: &[Vec<u8>],
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    if options.map.is_none() {
        return source(&[input], framing, format, options);
    }
    let overrides = overrides(options)?;
    let mut sample = Sample::default();
    let records: Vec<_> = records.iter().filter(|record| sample.add(&unfolded(record))).collect();
    for (_, path) in overrides.paths() {
        sample.found(path, records.iter().filter(|record| has_path(record, path)).count());
    }
    let caveats = judged(&sample, &overrides, input.feed.name())?;
    let format = Refined::new(format, &overrides, caveats, &input.stem);
    source(&[input], framing, format, options)
}

/// Records of any shape, by a guess.
pub fn generic(input: Input, framing: Framing, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let overrides = overrides(options)?;
    let records = sample(&input, &framing)?;
    let sample = sampled(&records, &overrides);
    if leads_into_text(&records, &sample, &overrides) {
        return in_text(input, framing, (&records, &sample), &overrides, options);
    }
    let guessed = guessed(&input, &sample, &overrides)?;
    let (about, mapping) = described(&input, &sample, guessed)?;
    source(&[input], framing, Generic::new(mapping, about), options)
}

/// What is known of records of any shape.
fn described(input: &Input, sample: &Sample, guessed: Guessed) -> Result<(About, Mapping), Failure> {
    let (head, _) = input.head()?;
    let is_array = head.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&head).trim_ascii_start().starts_with(b"[");
    let kind = if is_array { "JSON array" } else { "JSON objects" };
    let mut reasons = vec![format!("{kind}: {} records looked at", sample.records())];
    reasons.extend(guessed.reasons);
    let caveats = guessed.caveats.into_iter();
    let caveats = caveats.map(|caveat| caveat.said(CaveatKind::NoPosition, "by line", "by record")).collect();
    let counts_positions = guessed.mapping.position.is_none();
    let (key, spelled) = (guessed.mapping.key(), Some(guessed.mapping.spelled_into_text(sample)));
    // What is counted are records, and they are shown as they lie.
    let (positions_ascend, other_keys, kind) = (counts_positions, guessed.other_keys, kind.into());
    let about = About {
        kind,
        reasons,
        caveats,
        counts_positions,
        positions_ascend,
        key,
        other_keys,
        spelled,
        ..About::default()
    };
    Ok((about, guessed.mapping))
}

/// Whether the user's map leads to what no record has but in JSON that stands in it as text.
pub fn leads_into_text(records: &[Vec<u8>], sample: &Sample, overrides: &Overrides) -> bool {
    let mut absent = overrides.paths().filter(|(_, path)| path.keys().len() > 1 && sample.watched(path) == Some(0));
    absent.any(|(_, path)| records.iter().any(|record| has_path(record, path)))
}

/// The same of a file of lines.
///
/// # Errors
/// When it cannot be read.
pub fn is_mapped_into_text(input: &Input, options: &OpenOptions) -> Result<bool, Failure> {
    // A map that is wrong is told by whoever opens the lines.
    let Ok(overrides) = overrides(options) else { return Ok(false) };
    if overrides.paths().all(|(_, path)| path.keys().len() < 2) {
        return Ok(false);
    }
    let records = sample(input, &Framing::Lines)?;
    Ok(leads_into_text(&records, &sampled(&records, &overrides), &overrides))
}

/// Records of any shape by a map that leads into JSON that stands in them as text.
fn in_text(
    input: Input,
    framing: Framing,
    (records, plain): (&[Vec<u8>], &Sample),
    overrides: &Overrides,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    let mut sample = Sample::default();
    records.iter().for_each(|record| _ = sample.add(&unfolded(record)));
    for (_, path) in overrides.paths() {
        sample.found(path, records.iter().filter(|record| has_path(record, path)).count());
    }
    let mut guessed = guessed(&input, &sample, overrides)?;
    // Only what the user names is looked for in text; what was guessed there is not known.
    let mapping = &mut guessed.mapping;
    let parts = [
        (Role::Version, &mut mapping.version),
        (Role::Time, &mut mapping.time),
        (Role::Id, &mut mapping.id),
        (Role::Position, &mut mapping.position),
    ];
    for (role, path) in parts {
        if !overrides.says(role) && path.take_if(|path| plain.field(path).is_none()).is_some() {
            let about = format!("{} = ", role.name());
            guessed.reasons.retain(|reason| !reason.starts_with(&about));
        }
    }
    let (about, mapping) = described(&input, plain, guessed)?;
    let format = Refined::new(Generic::new(mapping, about), overrides, Vec::new(), &input.stem);
    source(&[input], framing, format, options)
}

/// CloudEvents: what `sequence` counts is told from how it grows.
pub fn cloud_events(
    input: Input,
    glance: Glance,
    framing: Framing,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    let records = sample(&input, &framing)?;
    let sample = sampled(&records, &Overrides::default());
    let stream = if has(&sample, &["streamid"]) {
        "streamid"
    } else if has(&sample, &["subject"]) {
        "subject"
    } else {
        "source"
    };
    let said = Overrides::parse(&format!("stream=.{stream},type=.type,data=.data")).unwrap_or_default();
    let guessed = guess(&sample, &said, &input.stem).ok().map(|guessed| guessed.mapping);
    let is_sequence =
        |path: &Option<FieldPath>| path.as_ref().is_some_and(|path| matches!(path.keys(), [key] if key == "sequence"));
    let sequence = match &guessed {
        Some(mapping) if is_sequence(&mapping.version) => Sequence::Subject,
        Some(mapping) if is_sequence(&mapping.position) => Sequence::Store,
        _ => Sequence::None,
    };
    let mut caveats = Vec::new();
    if stream == "source" {
        caveats.push("no subjects: the source of an event is its stream".into());
    }
    let mut mapping: Vec<(String, String)> = vec![
        ("stream".into(), if stream == "subject" { "subject, else source" } else { stream }.into()),
        ("type".into(), "type".into()),
        ("id".into(), "id".into()),
        ("time".into(), "time".into()),
        ("data".into(), "data, or data_base64".into()),
        ("metadata".into(), "every other attribute".into()),
    ];
    match sequence {
        _ if has(&sample, &["streamversion"]) => mapping.push(("version".into(), "streamversion".into())),
        Sequence::Subject => mapping.push(("version".into(), "sequence: it grows within each stream".into())),
        _ => caveats.push(no_versions()),
    }
    match sequence {
        Sequence::Store => mapping.push(("position".into(), "sequence: it grows through the file".into())),
        _ => caveats.push(Caveat::new(CaveatKind::NoPosition, "no position: shown in file order")),
    }
    let shape = if glance.by_line { "one a line" } else { "not one a line" };
    let reasons = vec![format!("CloudEvents, {shape}: `specversion`, `id`, `source` and `type` in each")];
    let about = About {
        kind: "CloudEvents".into(),
        reasons,
        caveats,
        mapping,
        layout: Some("cloudevents".into()),
        spelled: Some(Spelled {
            stream: format!("{{{stream}}}"),
            data: Some(".data".into()),
            metadata: Some(String::new()),
        }),
        counts_positions: sequence != Sequence::Store,
        ..About::default()
    };
    let versioned = about.mapping.iter().any(|(part, _)| part == "version");
    refined(input, framing, CloudEvents { sequence, versioned, about }, &records, options)
}

/// What `kcat -J` writes.
pub fn kcat(input: Input, framing: Framing, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let records = sample(&input, &framing)?;
    let topics: HashSet<&[u8]> = values(&records, &FieldPath::new(["topic"])).collect();
    let several = topics.len() > 1;
    let only =
        topics.iter().next().filter(|_| !several).and_then(|topic| value::name(topic)).map(|topic| topic.to_string());
    let stream = if several { "topic/key" } else { "key, else topic" };
    let pairs = [
        ("stream", stream),
        ("type", "a header (ce_type, eventType, type, __TypeId__), else a field of the payload, else topic"),
        ("version", "counted in each stream"),
        ("position", if several { "topic/partition/offset" } else { "partition/offset" }),
        ("time", "ts"),
        ("metadata", "headers"),
        ("data", "payload"),
    ];
    let mut reasons =
        vec!["`topic`, `partition`, `offset`, `key` and `payload` in each, as `kcat -J` writes them".into()];
    if let Some(only) = &only {
        reasons.push(format!("where the topic is not `{only}`, it stands before the stream's name and the position"));
    }
    let about = About {
        kind: "Kafka records of kcat".into(),
        reasons,
        caveats: vec!["no order across partitions: shown in file order".into(), no_versions()],
        mapping: pairs.iter().map(|(part, from)| ((*part).to_owned(), (*from).to_owned())).collect(),
        layout: Some("kafka-kcat".into()),
        normal: vec![
            ("position-gaps".into(), "compaction and transactions leave holes in offsets".into()),
            ("time-back".into(), "times are the producers', and partitions are read in turn".into()),
        ],
        spelled: Some(Spelled {
            stream: if several { "{topic}/{key}" } else { "{key}" }.into(),
            data: Some(".payload".into()),
            metadata: None,
        }),
        key: several.then(|| StreamKey { parts: vec!["topic".into(), "key".into()], category: Some(0) }),
        ..About::default()
    };
    refined(input, framing, Kcat { about, only }, &records, options)
}

/// A mapping whose paths begin with others.
fn below(mapping: Mapping, prefix: &FieldPath) -> Mapping {
    let under = |path: FieldPath| {
        let keys = prefix.keys().iter().chain(path.keys()).map(String::as_str);
        FieldPath::new(keys)
    };
    let may = |path: Option<FieldPath>| path.map(under);
    let references = |references: Vec<Reference>| {
        references
            .into_iter()
            .map(|reference| match reference {
                Reference::Field(path) => Reference::Field(under(path)),
                Reference::Place(stream, version) => Reference::Place(under(stream), under(version)),
            })
            .collect()
    };
    Mapping {
        stream: match mapping.stream {
            StreamFrom::Field(path) => StreamFrom::Field(under(path)),
            StreamFrom::Template(template) => StreamFrom::Template(template.map(under)),
            constant @ StreamFrom::Constant(_) => constant,
        },
        event_type: under(mapping.event_type),
        version: may(mapping.version),
        time: may(mapping.time),
        id: may(mapping.id),
        // A row without a payload is one itself.
        data: Some(under(mapping.data.unwrap_or_default())),
        metadata: may(mapping.metadata),
        correlation: references(mapping.correlation),
        causation: references(mapping.causation),
        position: may(mapping.position),
        fields: may(mapping.fields),
        key: mapping.key,
    }
}

/// Debezium's changes, of an outbox or of a table of events.
pub fn debezium(input: Input, framing: Framing, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let records = sample(&input, &framing)?;
    let is_wrapped = values(&records, &FieldPath::new(["payload", "op"])).any(|op| !op.is_empty());
    let envelope = if is_wrapped { Envelope::Wrapped } else { Envelope::Plain };
    let rows: Vec<Vec<u8>> = values(&records, &envelope.path(&["after"]))
        .filter(|row| row.first() == Some(&b'{'))
        .map(<[u8]>::to_vec)
        .collect();
    let said = overrides(options)?;
    let row = envelope.path(&["after"]);
    // A path leads through the row, or from the top of the record to it.
    let in_row = said.clone().map(|path| path.below(&row).unwrap_or_else(|| path.clone()));
    let mut sample = sampled(&rows, &in_row);
    let outbox = ["aggregatetype", "aggregateid", "type"].iter().all(|column| has(&sample, &[column]));
    let known = match outbox {
        true => Overrides::parse("stream=.aggregateid,type=.type,id=.id,data=.payload,version=none,position=none"),
        false => Ok(Overrides::default()),
    };
    // What is not in the row may be in the record around it: its time, its place in the log.
    let around: Vec<(Role, FieldPath)> = said
        .paths()
        .filter(|(_, path)| sample.watched(path) == Some(0) && !path.keys().is_empty())
        .map(|(role, path)| (role, path.clone()))
        .filter(|(_, path)| values(&records, path).any(|value| !value::is_nothing(value)))
        .collect();
    around.iter().for_each(|(_, path)| sample.found(path, rows.len()));
    let overrides = known.unwrap_or_default().under(&in_row);
    let is_streamed = said.says(Role::Stream);
    let guessed = guessed(&input, &sample, &overrides)?;
    let has_log = ["lsn", "pos"]
        .iter()
        .any(|part| values(&records, &envelope.path(&["source", part])).any(|raw| value::whole(raw).is_some()));
    let mut caveats = guessed.caveats;
    caveats.retain(|caveat| !caveat.is(&[CaveatKind::NoPosition, CaveatKind::NoTimes]));
    match has_log {
        true => {}
        false => caveats.push("no place in the database's log (source.lsn, source.pos): shown in file order".into()),
    }
    let what = if outbox { "the rows of an outbox" } else { "the rows of a table" };
    let mut reasons = vec![format!("Debezium: `before`, `after`, `op` and `source` in each; {what}")];
    reasons.extend(guessed.reasons);
    let kind = if outbox { "Debezium outbox" } else { "Debezium change events" };
    let about = About {
        kind: kind.into(),
        reasons,
        caveats,
        layout: Some("debezium".into()),
        counts_positions: !has_log,
        key: guessed.mapping.key(),
        other_keys: guessed.other_keys,
        spelled: Some(match outbox && !is_streamed {
            true => Spelled { stream: "{aggregatetype}-{aggregateid}".into(), ..guessed.mapping.spelled(&sample) },
            false => guessed.mapping.spelled(&sample),
        }),
        normal: vec![("position-gaps".into(), "a log has other things between two rows of a table".into())],
        ..About::default()
    };
    let mut mapping = below(guessed.mapping, &row);
    for (role, path) in around {
        mapping.set(role, path);
    }
    // Whoever says which stream it is means no other name.
    let outbox = outbox && !is_streamed;
    source(&[input], framing, Debezium { envelope, rows: Generic::new(mapping, about), outbox }, options)
}

/// Items of DynamoDB, in one file or in the files of an export.
pub fn dynamo_db(
    inputs: Vec<Input>,
    framing: Framing,
    shape: Shape,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    let overrides = overrides(options)?;
    let mut sampled = watching(&overrides);
    for input in &inputs {
        for record in sample(input, &framing)? {
            if let Ok(item) = plain(shape, &record) {
                sampled.add(&item);
            }
        }
        if sampled.records() >= super::SAMPLE {
            break;
        }
    }
    let guessed = guessed(&inputs[0], &sampled, &overrides)?;
    let kind = match shape {
        Shape::Full => "DynamoDB export",
        Shape::Incremental => "DynamoDB incremental export",
        Shape::Scan => "DynamoDB scan",
    };
    let mut reasons = vec![format!("{kind}: attributes with their types, shown as plain JSON")];
    reasons.extend(guessed.reasons);
    let mut caveats = guessed.caveats;
    caveats.retain(|caveat| !caveat.is(&[CaveatKind::NoPosition, CaveatKind::PositionsBack]));
    caveats.push(Caveat::from(match guessed.mapping.time {
        Some(_) => {
            "no global order: each stream by its versions where none repeats, streams against each other by time"
        }
        None => "no global order and no times: stream after stream",
    }));
    if shape == Shape::Incremental {
        caveats.push("an incremental export holds the last image of each item that changed, not every item".into());
    }
    // The items lie in hash order, so nothing in the file is a place in the store.
    let position = guessed.mapping.position.filter(|_| overrides.get(Role::Position).is_some());
    let mapping = Mapping { position, ..guessed.mapping };
    let about = About {
        kind: kind.into(),
        reasons,
        caveats,
        layout: Some("dynamodb".into()),
        counts_positions: true,
        key: mapping.key(),
        other_keys: guessed.other_keys,
        spelled: Some(mapping.spelled(&sampled)),
        ..About::default()
    };
    source(&inputs, framing, DynamoDb { shape, mapped: Generic::new(mapping, about) }, options)
}

/// Pages of EventStoreDB.
pub fn atom(input: Input, framing: Framing, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let records = sample(&input, &framing)?;
    let feeds: HashSet<&[u8]> = values(&records, &FieldPath::new(["positionStreamId"])).collect();
    let own: HashSet<&[u8]> = values(&records, &FieldPath::new(["streamId"])).collect();
    let is_all = feeds.iter().all(|feed| feed.is_empty());
    let one_feed = feeds.len() <= 1 && (!is_all || own.len() <= 1);
    let mut caveats = vec!["a page is a part of a feed: what stands before and after it is not here".into()];
    if !one_feed {
        caveats.push("pages of several feeds: each stream by its versions where none repeats, streams against each other by time".into());
    }
    let about = About {
        kind: "EventStoreDB pages".into(),
        reasons: vec!["`entries` with `eventType` and `eventNumber`, as AtomPub feeds have them, newest first".into()],
        caveats,
        layout: Some("eventstoredb-atom".into()),
        counts_positions: !one_feed || is_all,
        normal: vec![("version-gaps".into(), "a page is a part of a stream".into())],
        ..About::default()
    };
    refined(input, framing, Atom { about, one_feed }, &records, options)
}

/// The history of a workflow.
pub fn temporal(input: Input, framing: Framing, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let records = sample(&input, &framing)?;
    let said = records.iter().find_map(|record| workflow(record));
    let mut caveats = Vec::new();
    let stream = said.clone().unwrap_or_else(|| {
        caveats.push("the history does not name its workflow: the stream is called as the file".into());
        input.stem.clone()
    });
    let about = About {
        kind: "Temporal workflow history".into(),
        reasons: vec!["`events` with `eventId`, `eventTime` and `eventType`: one workflow, one stream".into()],
        caveats,
        layout: Some("temporal".into()),
        first_version: Some(1),
        ..About::default()
    };
    refined(input, framing, Temporal { stream, about }, &records, options)
}
