//! From a line to the event it says, by a mapping.
//!
//! Two readings of the same line: [`Indexer`] takes only what the index keeps, for every line of a file; [`Reader`] takes
//! everything, for the lines somebody looks at, and checks the whole line. What the one calls an event the other does too,
//! or says what is broken behind the front of the line.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::mapping::{FieldPath, Mapping, Reference, StreamFrom};
use super::plan::Plan;
use super::scan::Fault;
use super::skim::Skimmer;
use super::value;
use crate::domain::{Event, Form, Json, Note, NoteKind, Payload, Position, Trouble, Version};
use crate::sources::decode;
use crate::sources::fields;
use crate::sources::index::{Entry, Place, PlacedEvent};
use crate::sources::indexed::CHANGED;
use crate::sources::lacking;

/// The slot of the stream; both readings begin with these four.
pub const STREAM: usize = 0;
/// The slot of the type.
pub const TYPE: usize = 1;
/// The slot of the version.
pub const VERSION: usize = 2;
/// The slot of the time.
pub const TIME: usize = 3;
/// The slot of the id, as those that follow of the whole reading only.
pub const ID: usize = 4;
/// The slot of the data.
pub const DATA: usize = 5;
/// The slot of the metadata.
pub const METADATA: usize = 6;
/// The slot of the position.
pub const POSITION: usize = 7;
/// The slot of fields that are kept together in one.
pub const FIELDS: usize = 8;
/// The slot of notes, as an export has them.
pub const NOTES: usize = 9;
/// The slots of what an export says of how its payloads were stored.
const ENCODING: usize = 10;
/// And of those it could not read.
pub const UNREAD: usize = 11;
/// The slots of what it says of the stream's name.
const KEY: [usize; 2] = [12, 13];
/// The first slot of the references.
pub const REFERENCES: usize = 14;

/// What is wanted of a record that is read whole, but its references.
pub fn whole(mapping: &Mapping) -> Vec<Option<FieldPath>> {
    let mut paths = basic(mapping);
    let data = mapping.data.clone().unwrap_or_default();
    let (id, metadata) = (mapping.id.clone(), mapping.metadata.clone());
    paths.extend([id, Some(data), metadata, mapping.position.clone(), mapping.fields.clone()]);
    paths.extend(["notes", "encoding", "unread", "key", "category"].map(|name| mapping.beside(name)));
    paths
}

/// The slots whose values are a part of the event. What stands at the place of an optional part and is none (`read` says
/// no) is not.
pub fn used(read: [(usize, bool); 3], references: &[usize]) -> Vec<usize> {
    let mut used = vec![STREAM, TYPE, VERSION, DATA, METADATA];
    used.extend(read.into_iter().filter(|(_, read)| *read).map(|(slot, _)| slot));
    used.extend(references.iter().map(|reference| REFERENCES + reference));
    used.push(NOTES);
    used.extend([ENCODING, UNREAD]);
    used.extend(KEY);
    used
}

/// The notes of an exported event.
pub fn notes(raw: &[u8]) -> Vec<Note> {
    #[derive(serde::Deserialize)]
    struct Written {
        kind: String,
        text: String,
    }
    let notes: Vec<Written> = if raw.is_empty() { Vec::new() } else { serde_json::from_slice(raw).unwrap_or_default() };
    notes.into_iter().map(|note| Note::new(NoteKind::named(&note.kind), note.text)).collect()
}

/// What of a record is no part of its event, once it was skimmed for [`whole`] and for its references.
pub fn fields(record: &[u8], skimmer: &Skimmer, mut used: Vec<usize>) -> Payload {
    let kept = skimmer.slot(FIELDS).of(record);
    if kept.first() != Some(&b'{') {
        return fields::left(record, skimmer, &used);
    }
    used.push(FIELDS);
    let is_empty = kept[1..kept.len() - 1].trim_ascii().is_empty();
    let kept = if is_empty { Payload::default() } else { Payload::new(Form::Json, Bytes::copy_from_slice(kept)) };
    fields::joined(kept, fields::left(record, skimmer, &used))
}

/// What is wanted of every line. The fields of a stream that is several stand elsewhere, see [`parts`].
pub fn basic(mapping: &Mapping) -> Vec<Option<FieldPath>> {
    let stream = match &mapping.stream {
        StreamFrom::Field(path) => Some(path.clone()),
        StreamFrom::Template(_) | StreamFrom::Constant(_) => None,
    };
    vec![stream, Some(mapping.event_type.clone()), mapping.version.clone(), mapping.time.clone()]
}

/// The fields of a stream's name that is made of several: they are wanted behind everything else.
pub fn parts(mapping: &Mapping) -> impl Iterator<Item = Option<FieldPath>> {
    match &mapping.stream {
        StreamFrom::Template(template) => template.paths().cloned().map(Some).collect::<Vec<_>>(),
        _ => Vec::new(),
    }
    .into_iter()
}

/// How many of those say whose a stream is where that is not as usual. They are the first, and stay fields of the event.
pub fn owners(mapping: &Mapping) -> usize {
    match &mapping.stream {
        StreamFrom::Template(template) => template.owners().len(),
        _ => 0,
    }
}

/// What is wanted of a line to know of which stream, type, version and time it is.
fn front(mapping: &Mapping) -> Plan {
    Plan::new(&front_paths(mapping))
}

fn front_paths(mapping: &Mapping) -> Vec<Option<FieldPath>> {
    let mut paths = basic(mapping);
    paths.extend(parts(mapping));
    paths.push(mapping.beside("trouble"));
    paths
}

/// A part of the envelope that cannot be used.
#[derive(Debug)]
pub struct Unusable(String);

impl Unusable {
    fn new(part: &'static str, raw: &[u8]) -> Self {
        let found = match raw {
            [] => "it is missing".into(),
            raw => {
                let shown = String::from_utf8_lossy(&raw[..raw.len().min(80)]);
                format!("{} is no {part}", crate::domain::text::fit(&shown, 40))
            }
        };
        Self(format!("the event's {part} cannot be read: {found}"))
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of the envelope that decide whether a record is an event.
struct Basics<'a> {
    stream: Cow<'a, [u8]>,
    event_type: Cow<'a, [u8]>,
    version: Option<u64>,
}

/// Reads them. `parts` is the slot of the first field of a stream's name that is made of several.
fn basics<'a>(mapping: &'a Mapping, skimmer: &Skimmer, line: &'a [u8], parts: usize) -> Result<Basics<'a>, Unusable> {
    if mapping.fields.is_some()
        && let Some(why) = exported_trouble(skimmer.slot(parts + self::parts(mapping).count()).of(line))
    {
        return Err(Unusable(why));
    }
    let stream = stream(mapping, skimmer, line, parts)?;
    let raw = skimmer.slot(TYPE).of(line);
    let event_type = value::name_bytes(raw).ok_or_else(|| Unusable::new("type", raw))?;
    let raw = skimmer.slot(VERSION).of(line);
    let version = match value::is_nothing(raw) {
        true => None,
        false => Some(value::whole(raw).ok_or_else(|| Unusable::new("version", raw))?),
    };
    Ok(Basics { stream, event_type, version })
}

/// What an export says of a record that could not be read where it came from.
pub fn exported_trouble(raw: &[u8]) -> Option<String> {
    value::string(raw).map(|why| format!("it could not be read where it was exported: {why}"))
}

/// Reads the stream of a line.
fn stream<'a>(
    mapping: &'a Mapping,
    skimmer: &Skimmer,
    line: &'a [u8],
    parts: usize,
) -> Result<Cow<'a, [u8]>, Unusable> {
    match &mapping.stream {
        StreamFrom::Constant(name) => Ok(Cow::Borrowed(name.as_bytes())),
        StreamFrom::Template(template) => {
            let at = |part: usize| skimmer.slot(parts + part).of(line);
            match template.alone(at) {
                Some(part) => value::name_bytes(at(part)).ok_or_else(|| Unusable::new("stream", at(part))),
                None => match template.name(at) {
                    Some(name) => Ok(Cow::Owned(name.into_bytes())),
                    None => Err(Unusable::new("stream", b"")),
                },
            }
        }
        StreamFrom::Field(_) => {
            let raw = skimmer.slot(STREAM).of(line);
            value::name_bytes(raw).ok_or_else(|| Unusable::new("stream", raw))
        }
    }
}

/// What a line that is no event says of where it belongs.
pub struct Belongs<'a> {
    /// Its stream.
    pub stream: Cow<'a, [u8]>,
    /// Its version, where it is there.
    pub version: Option<u64>,
    event_type: Option<Cow<'a, [u8]>>,
}

/// Reads it, of a line as far as it was skimmed; `None` when its stream is not known. `parts` as in [`basics`]. Of a line
/// that is broken the parts that were not found may stand in what could not be read.
fn belongs<'a>(
    mapping: &'a Mapping,
    skimmer: &Skimmer,
    line: &'a [u8],
    parts: usize,
    is_broken: bool,
) -> Option<Belongs<'a>> {
    let count = self::parts(mapping).count();
    if is_broken && (parts..parts + count).any(|part| skimmer.slot(part).is_empty()) {
        return None;
    }
    let event_type = value::name_bytes(skimmer.slot(TYPE).of(line));
    let version = value::whole(skimmer.slot(VERSION).of(line));
    Some(Belongs { stream: stream(mapping, skimmer, line, parts).ok()?, version, event_type })
}

/// What the index keeps of a line.
pub enum Kept<'a> {
    /// It is an event.
    Event(Entry<'a>),
    /// It cannot be read, but it is known where it belongs.
    Unreadable(Belongs<'a>),
    /// The file ends within it, but it is known where it belongs.
    Unfinished(Belongs<'a>),
    /// It cannot be read.
    Nothing,
}

/// Reads what the index keeps of a line.
pub struct Indexer {
    mapping: Arc<Mapping>,
    skimmer: Skimmer,
}

impl Indexer {
    /// An indexer by a mapping.
    pub fn new(mapping: Arc<Mapping>) -> Self {
        let skimmer = Skimmer::new(front(&mapping));
        Self { mapping, skimmer }
    }

    /// Reads the line at the start of `text`, gives what it says to `told`, and gives where it ends (its line feed or the
    /// end of the text).
    pub fn line(&mut self, text: &[u8], told: impl FnOnce(Kept<'_>)) -> usize {
        let unreadable = |skimmer: &Skimmer, is_broken| {
            belongs(&self.mapping, skimmer, text, ID, is_broken).map_or(Kept::Nothing, Kept::Unreadable)
        };
        match self.skimmer.front(text) {
            Ok(end) => {
                match basics(&self.mapping, &self.skimmer, text, ID) {
                    Ok(Basics { stream, event_type, version }) => told(Kept::Event(Entry {
                        stream: &stream,
                        event_type: &event_type,
                        version,
                        time: value::instant(self.skimmer.slot(TIME).of(text)),
                    })),
                    Err(_) => told(unreadable(&self.skimmer, false)),
                }
                end
            }
            Err(Fault { at, .. }) => {
                // Nothing is skimmed past a line feed, so the line ends at or after the fault.
                match memchr::memchr(b'\n', &text[at..]) {
                    Some(end) => {
                        told(unreadable(&self.skimmer, true));
                        at + end
                    }
                    None => {
                        told(self.cut(text).map_or(Kept::Nothing, Kept::Unfinished));
                        text.len()
                    }
                }
            }
        }
    }

    /// Where the line belongs of which only this beginning is there.
    pub fn front<'a>(&'a mut self, text: &'a [u8]) -> Option<Belongs<'a>> {
        // Of a whole object all is known.
        self.skimmer.skim(text).is_err().then(|| self.cut(text))?
    }

    /// The same of the line skimmed last.
    fn cut<'a>(&'a mut self, text: &'a [u8]) -> Option<Belongs<'a>> {
        self.skimmer.forget_cut(text);
        belongs(&self.mapping, &self.skimmer, text, ID, true)
    }
}

/// Checks what [`Indexer`] has not looked at.
pub struct Checker {
    mapping: Arc<Mapping>,
    skimmer: Skimmer,
    front: Skimmer,
    /// The slot of the data, with those of the metadata and of what an export could not read behind it.
    data: usize,
    has_texts: bool,
}

impl Checker {
    /// A checker by a mapping.
    pub fn new(mapping: Arc<Mapping>) -> Self {
        let mut paths = front_paths(&mapping);
        let data = paths.len();
        paths.extend([mapping.data.clone(), mapping.metadata.clone(), mapping.beside("unread")]);
        let (skimmer, front) = (Skimmer::new(Plan::new(&paths)), Skimmer::new(front(&mapping)));
        Self { mapping, skimmer, front, data, has_texts: false }
    }

    /// Whether some payload so far is a string that is meant to hold JSON, or was no JSON where it was exported: it is not
    /// looked into here.
    pub fn has_texts(&self) -> bool {
        self.has_texts
    }

    /// Checks the line at the start of `text`. Gives where it ends, and whether it is all the way what its front says.
    pub fn line(&mut self, text: &[u8]) -> (usize, bool) {
        let end = match self.skimmer.skim(text) {
            Ok(end) => {
                let raw = |slot: usize| self.skimmer.slot(self.data + slot).of(text);
                self.has_texts |= document_text(raw(0)).or(document_text(raw(1))).is_some() || !raw(2).is_empty();
                if !self.skimmer.twice() {
                    return (end, true);
                }
                end
            }
            Err(Fault { at, .. }) => {
                return (memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end), false);
            }
        };
        let line = &text[..end];
        let same = match (self.front.front(line), basics(&self.mapping, &self.skimmer, line, ID)) {
            (Ok(_), Ok(whole)) => basics(&self.mapping, &self.front, line, ID).is_ok_and(|front| {
                whole.stream == front.stream && whole.event_type == front.event_type && whole.version == front.version
            }),
            _ => false,
        };
        (end, same)
    }
}

/// Where the values of a reference are among the slots of the references.
pub enum Said {
    /// The slot of an id.
    Field(usize),
    /// The slots of a stream and of a version there.
    Place(usize, usize),
}

/// Reads whole events.
pub struct Reader {
    mapping: Arc<Mapping>,
    skimmer: Skimmer,
    correlation: Vec<Said>,
    causation: Vec<Said>,
    /// The slot of the first field of a stream's name that is made of several.
    parts: usize,
    /// For references inside metadata that is itself JSON as text.
    inner: Skimmer,
    /// For what the index made of a line.
    front: Skimmer,
}

impl Reader {
    /// A reader by a mapping.
    pub fn new(mapping: Arc<Mapping>) -> Self {
        let mut paths = whole(&mapping);
        let front = Skimmer::new(front(&mapping));
        let mut fields = Vec::new();
        let correlation = said(&mapping.correlation, &mut fields);
        let causation = said(&mapping.causation, &mut fields);
        let inner = fields.iter().map(|path| {
            let metadata = mapping.metadata.as_ref().filter(|metadata| metadata.is_prefix_of(path))?;
            Some(FieldPath::new(path.keys()[metadata.keys().len()..].iter().map(String::as_str)))
        });
        let inner = Skimmer::new(Plan::new(&inner.collect::<Vec<_>>()));
        paths.extend(fields.into_iter().map(Some));
        let first = paths.len();
        paths.extend(parts(&mapping));
        paths.push(mapping.beside("trouble"));
        let mut skimmer = Skimmer::new(Plan::new(&paths));
        skimmer.collects(true);
        Self { skimmer, inner, front, correlation, causation, parts: first, mapping }
    }

    /// The event a line says; where it is none, what is wrong with it. `unfinished` tells that no line feed ends it.
    pub fn event(&mut self, place: &Place, line: &Bytes, unfinished: bool) -> Read {
        let mapping = self.mapping.clone();
        let skimmed = self.skimmer.skim(line);
        let is_json = skimmed.is_ok();
        let read = match skimmed {
            Ok(end) if end == line.len() => match basics(&mapping, &self.skimmer, line, self.parts) {
                Ok(basics) => Ok(basics),
                Err(unusable) => Err(unusable.to_string()),
            },
            Ok(_) => Err(CHANGED.into()),
            Err(fault) if unfinished && fault.at >= line.len() => {
                Err("incomplete: the file ends within this line".into())
            }
            Err(fault) => Err(format!("{} at byte {}", fault.reason, fault.at)),
        };
        let Some(placed) = &place.event else {
            // What was no event when it was indexed has changed when it is one now.
            let reason = read.err().unwrap_or_else(|| CHANGED.into());
            return Read::Trouble(self.at_home(self.trouble(place, reason, line.clone()), line, is_json));
        };
        if !placed.readable {
            let same = belongs(&mapping, &self.skimmer, line, self.parts, !is_json)
                .filter(|belongs| *belongs.stream == *placed.stream.as_str().as_bytes());
            let event_type = same.as_ref().and_then(|belongs| belongs.event_type.as_deref());
            let event_type = event_type.map(|name| String::from_utf8_lossy(name).into());
            let reason = match read {
                Err(reason) if same.is_some() => reason,
                _ => CHANGED.into(),
            };
            let event_type = event_type.unwrap_or_else(|| "".into());
            let unreadable = Event { event_type, ..self.broken(place, placed, reason, line.clone()) };
            return Read::Trouble(self.at_home(unreadable, line, is_json));
        }
        let reason = match read {
            Ok(basics) if is_placed(placed, &basics) => return Read::Event(self.whole(place, placed, line, &basics)),
            Ok(_) => "its stream, type or version stands in it more than once, and differently".into(),
            Err(reason) => reason,
        };
        // Its front says whether this is what was indexed, and only now found to be broken.
        let same = self.front.front(line).is_ok()
            && basics(&mapping, &self.front, line, ID).is_ok_and(|basics| is_placed(placed, &basics));
        Read::Broken(match same {
            true => self.broken(place, placed, reason, line.clone()),
            false => self.broken(place, placed, CHANGED.into(), line.clone()),
        })
    }

    /// A record that is no event.
    pub fn trouble(&self, place: &Place, reason: String, line: Bytes) -> Event {
        trouble(place, reason, line, self.mapping.position.is_none())
    }

    /// A record that cannot be read, or of which only the front can: it stands in its stream.
    fn broken(&self, place: &Place, placed: &PlacedEvent, reason: String, line: Bytes) -> Event {
        let event_type = placed.event_type.clone().unwrap_or_else(|| "".into());
        Event { event_type, ..self.trouble(place, reason, line) }
    }

    /// What cannot be read, at the position its line says it has, where that is JSON throughout.
    fn at_home(&self, event: Event, line: &Bytes, is_json: bool) -> Event {
        match position(self.skimmer.slot(POSITION).of(line)).filter(|_| is_json) {
            Some(position) => Event { position, ..event },
            None => event,
        }
    }

    fn whole(&mut self, place: &Place, placed: &PlacedEvent, line: &Bytes, basics: &Basics<'_>) -> Event {
        let event_type = placed.event_type.clone();
        let event_type = event_type.unwrap_or_else(|| String::from_utf8_lossy(&basics.event_type).into());
        let slot = |slot: usize| self.skimmer.slot(slot).of(line);
        let raw = slot(POSITION);
        let position = position(raw);
        let id = value::name(slot(ID)).map(|id| Arc::from(&*id));
        let time = value::instant(slot(TIME));
        let (data, metadata) = (self.payload(line, DATA), self.payload(line, METADATA));
        let [data, metadata] = restored([data, metadata], slot(UNREAD));

        let at = |reference: usize| slot(REFERENCES + reference);
        let mut used = Vec::new();
        let mut correlation = first(&self.correlation, &at, &mut used);
        let mut causation = first(&self.causation, &at, &mut used);
        let read = [(TIME, time.is_some()), (ID, id.is_some()), (POSITION, position.is_some())];
        let mut used = self::used(read, &used);
        used.extend((self.parts..).take(parts(&self.mapping).count()).skip(owners(&self.mapping)));
        let fields = fields(line, &self.skimmer, used);
        let mut notes = notes(slot(NOTES));
        note_lacking(&mut notes, says_version(&self.mapping, basics.version), slot(TIME));
        lacking::note_twice(&mut notes, self.skimmer.twice());
        if metadata.form() == Form::JsonText && correlation.is_none() && causation.is_none() {
            (correlation, causation) = self.inside(&metadata);
        }

        Event {
            id,
            time,
            data,
            metadata,
            fields,
            correlation,
            causation,
            notes,
            ..Event::new(
                placed.stream.clone(),
                Version(placed.version),
                position.unwrap_or_else(|| place.position(self.mapping.position.is_none())),
                event_type,
            )
        }
    }

    fn payload(&self, line: &Bytes, slot: usize) -> Payload {
        let span = self.skimmer.slot(slot);
        payload(line.slice(span.start as usize..span.end as usize))
    }

    /// Correlation and causation inside metadata that is JSON as text.
    fn inside(&mut self, metadata: &Payload) -> (Option<Arc<str>>, Option<Arc<str>>) {
        let Some(text) = value::string(metadata.stored()) else { return (None, None) };
        // A line feed between values means as much as a blank, and inside a string there is none.
        let text = text.replace('\n', " ");
        if self.inner.skim(text.as_bytes()).is_err() {
            return (None, None);
        }
        let at = |reference: usize| self.inner.slot(reference).of(text.as_bytes());
        let mut used = Vec::new();
        (first(&self.correlation, &at, &mut used), first(&self.causation, &at, &mut used))
    }
}

/// Whether a record says its version, where the mapping knows of versions. An export says in its notes which of its events
/// had none where others had.
pub fn says_version(mapping: &Mapping, version: Option<u64>) -> Option<bool> {
    mapping.version.as_ref().filter(|_| mapping.fields.is_none()).map(|_| version.is_some())
}

/// Notes what a record lacks, given what stands where its time is.
pub fn note_lacking(notes: &mut Vec<Note>, version: Option<bool>, time: &[u8]) {
    let unread = !value::is_nothing(time) && time != b"\"\"" && value::instant(time).is_none();
    let said = unread.then(|| value::name(time).unwrap_or_else(|| String::from_utf8_lossy(time)));
    lacking::note(notes, version, said.as_deref());
}

/// The place in the store a value says, if it says one.
pub fn position(raw: &[u8]) -> Option<Position> {
    match value::whole(raw) {
        Some(number) => Some(Position::Number(number)),
        None => value::name(raw).map(|text| Position::Text(Arc::from(&*text))),
    }
}

/// Lists the fields of references after those already listed; gives where each reference has its own.
pub fn said(references: &[Reference], fields: &mut Vec<FieldPath>) -> Vec<Said> {
    let mut put = |path: &FieldPath| {
        fields.push(path.clone());
        fields.len() - 1
    };
    let said = references.iter().map(|reference| match reference {
        Reference::Field(path) => Said::Field(put(path)),
        Reference::Place(stream, version) => Said::Place(put(stream), put(version)),
    });
    said.collect()
}

/// The first reference that says something; `at` gives the values of the fields. Which fields it is taken from is put to
/// `used`.
pub fn first<'a>(references: &[Said], at: &impl Fn(usize) -> &'a [u8], used: &mut Vec<usize>) -> Option<Arc<str>> {
    references.iter().find_map(|said| match *said {
        Said::Field(field) => {
            let id = Arc::from(&*value::name(at(field))?);
            used.push(field);
            Some(id)
        }
        Said::Place(stream, version) => {
            let place = format!("{}/{}", value::name(at(stream))?, value::name(at(version))?);
            used.extend([stream, version]);
            Some(place.into())
        }
    })
}

/// The data and the metadata of an exported event, where `unread` says that they were no JSON and are given as text.
pub fn restored(payloads: [Payload; 2], unread: &[u8]) -> [Payload; 2] {
    #[derive(serde::Deserialize, Default)]
    struct Unread {
        data: Option<String>,
        metadata: Option<String>,
    }
    if unread.is_empty() {
        return payloads;
    }
    let Unread { data, metadata } = serde_json::from_slice(unread).unwrap_or_default();
    let [one, other] = payloads;
    [(one, data), (other, metadata)].map(|(payload, why)| match why {
        Some(why) => unread_payload(payload, &why),
        None => payload,
    })
}

/// A payload that could not be read, as it was before it was exported as a string.
fn unread_payload(payload: Payload, why: &str) -> Payload {
    let Some(text) = value::string(payload.stored()) else { return payload };
    // Only what is no text is written in hexadecimal.
    let bytes = text.strip_prefix("0x").and_then(hexadecimal).filter(|bytes| std::str::from_utf8(bytes).is_err());
    let bytes = bytes.unwrap_or_else(|| text.as_bytes().to_vec());
    let is_broken = Json::parse(&bytes).is_err_and(|error| error.to_string() == why);
    match why {
        _ if is_broken => Payload::new(Form::Json, bytes.into()),
        "bytes" => Payload::new(Form::Opaque, bytes.into()),
        _ => Payload::named(bytes.into(), why),
    }
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)).collect()
}

/// A value of a record as a payload. A string that holds JSON, or is meant to, is read as that: one that was cut is no text
/// among the others.
pub fn payload(raw: Bytes) -> Payload {
    if raw.is_empty() {
        return Payload::default();
    }
    let is_document = |text: Cow<'_, str>| decode::is_document(text.as_bytes());
    let form = if document_text(&raw).is_some_and(is_document) { Form::JsonText } else { Form::Json };
    Payload::new(form, raw)
}

/// The text of a value that is a string which begins as a JSON object or list may.
fn document_text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let begins = matches!(raw, [b'"', b'{' | b'[' | b' ' | b'\\', ..]);
    begins.then(|| value::string(raw)).flatten().filter(|text| text.trim_start().starts_with(['{', '[']))
}

/// Whether a value is a string that holds a JSON object or list from beginning to end.
pub fn is_json_text(raw: &[u8]) -> bool {
    document_text(raw).is_some_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok())
}

/// What became of a line that was read.
pub enum Read {
    /// It is an event.
    Event(Event),
    /// It is none, though the index took it for one: it is broken behind its front, or has changed since.
    Broken(Event),
    /// It is none, as the index says.
    Trouble(Event),
}

/// Whether these are the basics of the event that was indexed.
fn is_placed(placed: &PlacedEvent, basics: &Basics<'_>) -> bool {
    placed.stream.as_str().as_bytes() == &*basics.stream
        && basics.version.is_none_or(|version| version == placed.version)
        && placed.event_type.as_ref().is_none_or(|kept| kept.as_bytes() == &*basics.event_type)
}

/// A record that is no event: it stands in its stream, where that is known.
pub fn trouble(place: &Place, reason: String, line: Bytes, counts_positions: bool) -> Event {
    let form = if line.is_empty() { Form::Absent } else { Form::Opaque };
    let trouble = Trouble { place: format!("line {}", place.line), reason };
    let event = Event::unreadable(place.position(counts_positions), trouble, Payload::new(form, line));
    place.belonging(event)
}
