//! A folder of chunks as records of a source.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use bytes::Bytes;

use super::event::{Standing, event, trouble};
use super::files::{At, Files, Reading};
use super::folder::Folder;
use super::header::{FRAME, Transform, checkpoint};
use super::record::{Flags, Prepare, Record};
use super::scan::{LINK, Learnt, REFERENCE, Scan, number, target};
use super::verify::verify;
use crate::domain::{
    About, Cancel, Caveat, DeclaredStream, Event, Failure, FailureKind, Note, NoteKind, Position, SourceChange,
    StreamKind, Version, address,
};
use crate::regular;
use crate::sources::index::{Place, PlacedEvent};
use crate::sources::sorted::{Records, Walk};

/// The log of a database folder.
pub struct Log {
    directory: PathBuf,
    name: String,
    files: Files,
    truncate: Option<i64>,
    caveats: Vec<String>,
    losses: Vec<String>,
    learnt: RwLock<Learnt>,
}

impl Log {
    /// Looks at a folder.
    ///
    /// # Errors
    /// When it cannot be read, or none of its chunks can.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let address = address::shown(directory);
        let folder = Folder::look(directory).map_err(|e| Failure::io(address.as_str(), "open", &e))?;
        let failure = |kind, why: String| Err(Failure::new(kind, address.as_str(), "open", why));
        let Folder { chunks, writer, truncate, caveats, losses } = folder;
        if chunks.is_empty() {
            let why = match losses.is_empty() {
                true => "its log is empty".into(),
                false => format!("none of its chunks can be read: {}", losses.join("; ")),
            };
            return failure(FailureKind::Malformed, why);
        }
        if chunks.iter().all(|chunk| chunk.header.transform == Transform::Encrypted) {
            return failure(FailureKind::Unsupported, "all its chunks are encrypted".into());
        }
        let name = directory.file_name().map_or_else(|| address.clone(), address::shown);
        let (directory, learnt) = (directory.to_path_buf(), RwLock::default());
        Ok(Self { directory, name, files: Files::new(chunks, writer), truncate, caveats, losses, learnt })
    }

    fn learnt(&self) -> std::sync::RwLockReadGuard<'_, Learnt> {
        self.learnt.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a record lies, for a person.
    fn place(&self, at: At) -> String {
        let name = self.files.chunks.get(at.chunk).map_or("", |chunk| &chunk.name);
        format!("{name}, byte {}", at.offset)
    }

    /// Why a place holds no event.
    fn complaint(&self, at: At, record: Result<Bytes, String>) -> Event {
        let (reason, stored) = match record {
            Err(why) => (why, Bytes::new()),
            Ok(record) => (self.unfit(at, &record), record),
        };
        let start = self.files.chunks.get(at.chunk).map_or(0, |chunk| chunk.header.start() as u64);
        trouble(self.place(at), Position::Number(start + at.offset.saturating_sub(FRAME)), reason, stored)
    }

    fn unfit(&self, at: At, record: &[u8]) -> String {
        let within = |log: i64| {
            let chunk = self.files.chunks.get(at.chunk);
            chunk.is_some_and(|chunk| (chunk.header.start()..chunk.header.end()).contains(&log))
        };
        match Record::read(record) {
            Err(why) => why,
            Ok(Record::Prepare(prepare)) if !within(prepare.log) => {
                format!("its position in the log, {}, is not in this chunk", prepare.log)
            }
            Ok(Record::Prepare(prepare)) if prepare.stream.is_empty() => "it has no stream".into(),
            Ok(Record::Prepare(prepare)) => number(&prepare).err().unwrap_or_else(|| "it has no number".into()),
            Ok(_) => "its position in the log is not in this chunk".into(),
        }
    }

    fn event(&self, reading: &mut (Reading, Reading), learnt: &Learnt, place: &Place) -> (Event, u64) {
        let at = At::unpack(place.offset);
        let record = self.files.record(&mut reading.0, at);
        let size = record.as_ref().map_or(0, Bytes::len) as u64;
        let Some(placed) = &place.event else { return (self.complaint(at, record), size) };
        let found = record.and_then(|record| match Record::read(&record)? {
            Record::Prepare(prepare) if String::from_utf8_lossy(prepare.stream) == placed.stream.as_str() => {
                Ok(self.shown(reading, learnt, place.offset, placed, &record, &prepare))
            }
            _ => Err("the file changed: this is not what stood here when it was opened".into()),
        });
        match found {
            Ok((event, more)) => (event, size + more),
            Err(why) => (self.complaint(at, Err(why)), size),
        }
    }

    /// The event of a record; of a link, that which it leads to.
    fn shown(
        &self,
        reading: &mut (Reading, Reading),
        learnt: &Learnt,
        at: u64,
        placed: &PlacedEvent,
        record: &Bytes,
        prepare: &Prepare<'_>,
    ) -> (Event, u64) {
        let standing = Standing {
            stream: placed.stream.clone(),
            version: Version(placed.version),
            commit: learnt.commit(at).unwrap_or(prepare.log),
            prepare: prepare.log,
        };
        let own = learnt.retention.note(placed.stream.as_str(), placed.version, prepare.time());
        let doomed = self.truncate.filter(|&truncate| standing.commit >= truncate);
        let mut more = 0;
        let mut shown = match prepare.event_type {
            LINK => {
                let led = self.led(reading, learnt, at, prepare, &standing);
                let (mut shown, size) = led.unwrap_or_else(|text| {
                    let mut link = event(record, prepare, standing);
                    link.notes.push(Note::new(NoteKind::BrokenLink, text));
                    (link, 0)
                });
                // When it came into this stream.
                shown.time = prepare.time();
                more = size;
                shown
            }
            REFERENCE => {
                let mut shown = event(record, prepare, standing);
                let text = format!("reference to the stream {}", String::from_utf8_lossy(prepare.data));
                shown.notes.push(Note::new(NoteKind::Link, text));
                shown
            }
            _ => event(record, prepare, standing),
        };
        shown.notes.extend(own);
        if prepare.flags.any(Flags::DELETE) {
            shown.notes.push(Note::new(NoteKind::Deleted, "it deletes its stream for good"));
        }
        if let Some(truncate) = doomed {
            let text = format!("the node cuts the log at {truncate} when it starts next (truncate.chk)");
            shown.notes.push(Note::new(NoteKind::Other, text));
        }
        (shown, more)
    }

    /// The event a link leads to, standing where the link stands.
    fn led(
        &self,
        reading: &mut (Reading, Reading),
        learnt: &Learnt,
        at: u64,
        link: &Prepare<'_>,
        standing: &Standing,
    ) -> Result<(Event, u64), String> {
        let text = String::from_utf8_lossy(link.data);
        let Some((version, stream)) = target(link.data) else { return Err(format!("not a link: {text}")) };
        let missing = || format!("link to {version} of {stream}, which is not here");
        let to = learnt.linked(at).ok_or_else(missing)?;
        let record = self.files.record(&mut reading.1, At::unpack(to)).map_err(|_| missing())?;
        let Ok(Record::Prepare(prepare)) = Record::read(&record) else { return Err(missing()) };
        let own = learnt.commit(to).is_none().then(|| number(&prepare));
        if String::from_utf8_lossy(prepare.stream) != stream || own.is_some_and(|own| own != Ok(version)) {
            return Err(missing());
        }
        let mut shown = event(&record, &prepare, standing.clone());
        shown.notes.push(Note::new(NoteKind::Link, format!("link to {version} of {stream}")));
        shown.notes.extend(learnt.retention.note(stream, version, prepare.time()));
        Ok((shown, record.len() as u64))
    }
}

impl Learnt {
    /// Where an event of an explicit transaction was committed.
    fn commit(&self, at: u64) -> Option<i64> {
        self.commits.binary_search_by_key(&at, |&(at, _)| at).ok().map(|found| self.commits[found].1)
    }

    /// Where the event is that a link leads to.
    fn linked(&self, at: u64) -> Option<u64> {
        self.links.binary_search_by_key(&at, |&(at, _)| at).ok().map(|found| self.links[found].1)
    }
}

impl Records for Log {
    fn name(&self) -> String {
        address::shown(&self.directory)
    }

    fn about(&self) -> About {
        let chunks = &self.files.chunks;
        let merged = chunks.iter().filter(|chunk| chunk.header.last > chunk.header.first).count();
        let scavenged = chunks.iter().filter(|chunk| chunk.moved()).count();
        let mut reasons = vec![format!("a folder with {} chunk file(s) of a log and their checkpoints", chunks.len())];
        if scavenged > 0 {
            reasons.push(format!("{scavenged} of them scavenged, {merged} merged of several"));
        }
        let mut caveats = vec!["this reader was verified against generated files only".to_owned()];
        let doubts: Vec<String> = self.losses.iter().chain(&self.learnt().losses).cloned().collect();
        caveats.extend(doubts.iter().chain(&self.caveats).cloned());
        caveats.extend(self.learnt().caveats.iter().cloned());
        let mapping = [
            ("stream", "prepare.EventStreamId"),
            ("version", "prepare.ExpectedVersion + 1; commit.FirstEventNumber + prepare.TransactionOffset"),
            ("position", "the position in the log: C (commit) and P (prepare) where they differ"),
            ("type", "prepare.EventType"),
            ("id", "prepare.EventId"),
            ("time", "prepare.TimeStamp"),
            ("correlation", "metadata.$correlationId"),
            ("causation", "metadata.$causationId, metadata.$causedBy"),
        ];
        let caveats = caveats.into_iter().map(Caveat::from).collect();
        About {
            name: self.name.clone(),
            kind: "KurrentDB / EventStoreDB database folder".into(),
            reasons,
            caveats,
            doubts,
            layout: None,
            candidates: Vec::new(),
            mapping: mapping.map(|(part, from)| (part.into(), from.into())).into(),
            beside: Vec::new(),
            normal: vec![
                ("position-gaps".into(), "a position counts bytes of the log".into()),
                ("version-gaps".into(), "truncated events leave when the log is scavenged".into()),
            ],
            first_version: Some(0),
            counts_positions: false,
            reads_payloads: false,
            positions_ascend: true,
            counted_versions: 0,
            key: None,
            other_keys: Vec::new(),
            spelled: None,
            left_out: Vec::new(),
            disorder: Default::default(),
            stood_at: None,
        }
    }

    fn scan(&self, walk: &mut Walk<'_>) -> Result<(), Failure> {
        let learnt = thread::scope(|scope| {
            let stop = walk.stop();
            let stopped = || stop.load(std::sync::atomic::Ordering::Relaxed);
            // Another reader of the same files, so that the second to come finds them in memory.
            let verifying =
                thread::Builder::new().name("verify".into()).spawn_scoped(scope, move || verify(&self.files, &stopped));
            let mut learnt = Scan::new(&self.files, self.truncate).read(walk);
            match verifying {
                Ok(verifying) => learnt.caveats.extend(verifying.join().unwrap_or_default()),
                Err(e) => learnt.caveats.push(format!("checksums were not verified: {e}")),
            }
            learnt
        });
        *self.learnt.write().unwrap_or_else(PoisonError::into_inner) = learnt;
        Ok(())
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        let learnt = self.learnt();
        // Links are read in one order, their events in another.
        let mut reading = <(Reading, Reading)>::default();
        let mut events = Vec::with_capacity(places.len());
        let mut read = 0;
        for place in places {
            if !events.is_empty() && read >= budget {
                break;
            }
            crate::sources::cancelled(&self.name(), cancel)?;
            let (event, size) = self.event(&mut reading, &learnt, place);
            read += size;
            events.push(Arc::new(event));
        }
        Ok(events)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        const LINKS: [&str; 4] = ["$ce-", "$et-", "$bc-", "$category-"];
        match stream {
            "$streams" => StreamKind::Links,
            _ if LINKS.iter().any(|start| stream.starts_with(start)) => StreamKind::Links,
            _ if stream.starts_with('$') => StreamKind::System,
            _ => StreamKind::Domain,
        }
    }

    fn declared(
        &self,
        _cancel: &Cancel,
        told: &mut dyn FnMut(DeclaredStream) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        for (stream, for_good) in self.learnt().retention.deleted() {
            let place = if for_good { "its tombstone".into() } else { format!("$${stream}") };
            let declared = DeclaredStream { stream, version: None, archived: false, deleted: true, place };
            if told(declared).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        if !self.directory.is_dir() {
            return Ok(SourceChange::Removed);
        }
        let first = &self.files.chunks[0];
        let known = regular::open(&first.path).ok().and_then(|file| super::header::header(&file).ok());
        if known.is_some_and(|header| header.id != first.header.id) {
            return Ok(SourceChange::Replaced);
        }
        match (self.writer(), self.files.writer) {
            (Some(now), Some(then)) if now < then => Ok(SourceChange::Truncated),
            // What has grown is read again by whoever looks after the folder.
            _ => Ok(SourceChange::Same),
        }
    }
}

impl Log {
    fn writer(&self) -> Option<i64> {
        checkpoint(&self.directory.join("writer.chk")).ok().flatten()
    }
}
