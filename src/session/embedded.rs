//! What is done to an embedded store by command: append an event, take over another store, look at every byte.
//!
//! Only these write to a store, and only by appending. Nothing here prints or parses arguments.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::{
    Anchor, Cancel, Direction, Event, EventQuery, Failure, FailureKind, Form, Json, Payload, Progress, Scope,
    StreamName, address,
};
use crate::sources::Source;
use crate::store::{self, Appended, Appender, NewEvent, Report, Store, StoreError, Taken, TakenOver, fingerprint};

pub use crate::store::Expected;

/// One event to append, as somebody wrote it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The stream.
    pub stream: String,
    /// What happened.
    pub event_type: String,
    /// JSON text.
    pub data: String,
    /// JSON text.
    pub metadata: Option<String>,
    /// The identity that makes appending it again harmless.
    pub id: Option<String>,
    /// What the stream must be like.
    pub expected: Expected,
}

/// What came of an append, and what was found when the store was opened.
#[derive(Clone, Debug)]
pub struct AppendedEntry {
    /// Where it stands.
    pub appended: Appended,
    /// To be told to a person, a sentence each.
    pub notices: Vec<String>,
}

/// Appends one event to the store at `directory`, which is made when it is not there.
///
/// # Errors
/// When data or metadata are not JSON, the stream is elsewhere than expected, or the store cannot be written.
pub fn append(directory: &Path, entry: &Entry) -> Result<AppendedEntry, Failure> {
    let name = address::shown(directory);
    let parse = |what: &str, text: &str| {
        Json::parse(text.as_bytes())
            .map_err(|error| Failure::new(FailureKind::Malformed, what, "read it as JSON", error.to_string()))
    };
    parse("--data", &entry.data)?;
    let mut event = NewEvent::new(&entry.event_type, entry.data.as_str());
    if let Some(text) = &entry.metadata {
        let metadata = parse("--metadata", text)?;
        event.correlation = named(&metadata, &["correlationId", "$correlationId", "correlation_id"]);
        event.causation = named(&metadata, &["causationId", "$causationId", "causation_id"]);
        event.metadata = Payload::json_text(text.as_str());
    }
    event.id = entry.id.as_deref().map(Arc::from);
    folder(directory, "open")?;
    let stream = StreamName::from(entry.stream.as_str());
    let failed = |error: StoreError| error.failure(&name, "append");
    if let Some(mut appender) = Appender::open(directory).map_err(|error| error.failure(&name, "open"))?
        && let Some(appended) = appender.append(&stream, &event, entry.expected).map_err(failed)?
    {
        return Ok(AppendedEntry { appended, notices: Vec::new() });
    }
    let store = Store::open(directory).map_err(|error| error.failure(&name, "open"))?;
    let appended = store.append(&stream, [event], entry.expected).map_err(failed)?;
    Ok(AppendedEntry { appended, notices: notices(&store) })
}

/// A store is a folder: what else has that name is none, and stays untouched. What is the address of a server makes none.
///
/// # Errors
/// When it is no name of a store.
pub fn folder(directory: &Path, doing: &str) -> Result<(), Failure> {
    if let Some(why) = address::no_path(&directory.to_string_lossy()).filter(|_| !directory.exists()) {
        let failure = Failure::new(FailureKind::Unsupported, address::shown(directory), doing, why);
        return Err(failure.hint("a folder that is called so is named with `./` before it"));
    }
    match std::fs::metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => {
            let why = "this is no folder, and a store of stepback is a folder";
            Err(Failure::new(FailureKind::Unsupported, address::shown(directory), doing, why))
        }
        _ => Ok(()),
    }
}

fn named(metadata: &Json, names: &[&str]) -> Option<Arc<str>> {
    names.iter().find_map(|name| metadata.get(name)?.as_str().map(Arc::from))
}

fn notices(store: &Store) -> Vec<String> {
    store.notices().iter().map(ToString::to_string).chain(store.index_trouble()).collect()
}

/// How far an import is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ImportProgress {
    /// The source is read through, so that it is known how much there is.
    Counting(Progress),
    /// Events are taken over.
    Taking {
        /// Records of the source that are dealt with.
        done: u64,
        /// Records of the source in all.
        total: u64,
        /// Records a second, since this run began.
        rate: f64,
        /// How long the rest will take at that rate.
        remaining: Option<Duration>,
    },
}

/// What an import did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Records the source has.
    pub total: u64,
    /// Records an earlier run had dealt with; this one went on behind them.
    pub earlier: u64,
    /// What became of the others.
    pub taken: TakenOver,
    /// Records that are no events, or that the store cannot hold.
    pub refused: u64,
    /// The first of them, and why.
    pub refusals: Vec<String>,
    /// What else a person must know.
    pub notices: Vec<String>,
}

/// How many refusals are told with their reasons.
const TOLD: usize = 10;
/// Bytes of payload taken over in one go, about.
const BATCH: usize = 2 << 20;
/// Events taken over in one go, at most.
const BATCH_EVENTS: usize = 4096;

/// Takes over every event of a source, in its order, into the store at `directory`, which is made when it is not there.
///
/// How far the source was read is stored in the same records as its events, so a run that was killed is gone on with
/// exactly behind what is stored. A source is known again by its first record and checked against the last one taken;
/// where it says something else now, everything is looked at again, and events whose id, type and content are in their
/// stream are passed over. (Events without an id cannot be known again then, and come a second time.)
///
/// Stream names, order, ids, types, times and payload bytes stay what they are. A version stays too where it is greater
/// than the one before it in the stream, gaps included; otherwise it becomes the next number and is counted.
///
/// # Errors
/// When the source cannot be read, the store cannot be written, or nobody wants it any more.
pub fn import(
    source: &dyn Source,
    directory: &Path,
    cancel: &Cancel,
    told: &mut dyn FnMut(ImportProgress),
) -> Result<Imported, Failure> {
    let name = address::shown(directory);
    folder(directory, "open")?;
    let store = Store::open(directory).map_err(|error| error.failure(&name, "open"))?;
    source.complete(cancel, &mut |progress| told(ImportProgress::Counting(progress)))?;
    let mut done = Imported { notices: notices(&store), ..Imported::default() };
    let first = page(source, 0, 1, cancel)?;
    let Some(event) = first.events.first() else { return Ok(done) };
    let key = fingerprint(event);
    done.total = first.total;
    if let Some(origin) = store.origin(key) {
        let last = page(source, origin.next.saturating_sub(1), 1, cancel)?;
        if last.events.first().is_some_and(|event| fingerprint(event) == origin.last) {
            done.earlier = origin.next;
        } else {
            done.notices.push(
                "the source begins as one imported before but is another one: events that are there are passed over"
                    .into(),
            );
        }
    }
    let started = Instant::now();
    let mut other_category = None;
    let (mut next, mut limit) = (done.earlier, 256);
    loop {
        if cancel.is_cancelled() {
            return Err(Failure::cancelled(name, "import"));
        }
        let page = page(source, next, limit, cancel)?;
        if page.events.is_empty() {
            break;
        }
        let mut batch = Vec::with_capacity(page.events.len());
        let mut bytes = 0;
        for event in &page.events {
            next += 1;
            bytes += event.payload_bytes() as usize;
            if other_category.is_none() {
                other_category = loses_its_category(&event.stream);
            }
            match Store::can_hold(event) {
                Ok(()) => {
                    batch.push(Taken { event: event.clone(), next });
                }
                Err(why) => {
                    done.refused += 1;
                    if done.refusals.len() < TOLD {
                        done.refusals.push(refusal(event, next, &why));
                    }
                }
            }
        }
        // Events differ in size by orders: what is held at once is kept level.
        limit = (BATCH / (bytes / page.events.len()).max(1)).clamp(1, BATCH_EVENTS);
        let taken = store.take_over(key, batch).map_err(|error| error.failure(&name, "import"))?;
        done.taken.appended += taken.appended;
        done.taken.repeated += taken.repeated;
        done.taken.renumbered += taken.renumbered;
        done.total = page.total;
        let rate = (next - done.earlier) as f64 / started.elapsed().as_secs_f64().max(1e-9);
        let left = page.total.saturating_sub(next) as f64 / rate;
        let remaining = Duration::try_from_secs_f64(left).ok();
        told(ImportProgress::Taking { done: next, total: page.total, rate, remaining });
    }
    store.settle();
    done.notices.extend(other_category);
    done.notices.extend(store.index_trouble());
    Ok(done)
}

/// What is to be said of a stream whose category our store, which knows names and not their parts, tells otherwise.
fn loses_its_category(stream: &StreamName) -> Option<String> {
    let (was, becomes) = (stream.category(), StreamName::category_of(stream.as_str()));
    (was != becomes).then(|| {
        let what = "categories of names with several parts are told from the names alone in the store";
        format!("{what}: {stream} was of `{was}` and is of `{becomes}`")
    })
}

fn page(source: &dyn Source, from: u64, limit: usize, cancel: &Cancel) -> Result<crate::domain::EventPage, Failure> {
    let from = Anchor::Ordinal(from);
    let query = EventQuery { scope: Scope::All, from, direction: Direction::Forward, limit };
    let mut page = source.events(&query, cancel)?;
    // Our store knows no encodings: what was decoded is stored as the JSON it stands for.
    for event in &mut page.events {
        if event.data.form() == Form::Encoded || event.metadata.form() == Form::Encoded {
            let (data, metadata) = (event.data.plain(), event.metadata.plain());
            *event = Arc::new(Event { data, metadata, ..Event::clone(event) });
        }
    }
    Ok(page)
}

fn refusal(event: &Event, number: u64, why: &str) -> String {
    if event.trouble.is_some() { why.to_owned() } else { format!("record {number}: {why}") }
}

/// Looks at every byte of the store at `directory`.
///
/// # Errors
/// When there is no store or reading fails; damage is in the report.
pub fn verify(directory: &Path, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<Report, Failure> {
    let name = address::shown(directory);
    folder(directory, "verify")?;
    store::verify(directory, cancel, told).map_err(|error| error.failure(&name, "verify"))
}
