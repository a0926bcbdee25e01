//! The streams of a directory as records of a source.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;

use super::blocks::{Cache, Place as Lies, entry};
use super::expiry::Lifetime;
use super::folder::{Kept, Stream, streams};
use super::message::{Headers, event_type, payload, said, time};
use super::record::{Record, record};
use super::scan::{Found, Scan, prefix};
use crate::domain::{
    About, Cancel, Caveat, CaveatKind, Event, Failure, FailureKind, Form, Note, NoteKind, Payload, Position,
    SourceChange, StreamKind, Trouble, Version, address,
};
use crate::sources::index::{Place, PlacedEvent};
use crate::sources::sorted::{Records, Walk};

/// What lies in one block, or in one unpacked backup, is addressed with so many numbers.
pub const LARGEST_BLOCK: u64 = 1 << 36;

/// The streams of a directory.
pub struct Store {
    directory: PathBuf,
    name: String,
    streams: Vec<Stream>,
    found: RwLock<Found>,
    cache: Cache,
}

impl Store {
    /// Looks at a directory.
    ///
    /// # Errors
    /// When all its streams are encrypted.
    pub fn open(directory: &Path) -> Result<Self, Failure> {
        let address = address::shown(directory);
        let streams = streams(directory);
        if !streams.is_empty() && streams.iter().all(|stream| stream.encrypted) {
            let names: Vec<&str> = streams.iter().map(|stream| &*stream.name).collect();
            let why = format!("encrypted at rest: {}", names.join(", "));
            return Err(Failure::new(FailureKind::Unsupported, address, "open", why)
                .hint("a backup (`nats stream backup`) holds the messages as they are"));
        }
        let named = directory.file_name().map(address::shown);
        let name = match &streams[..] {
            [stream] => stream.name.clone(),
            _ => named.unwrap_or(address),
        };
        let (directory, found) = (directory.to_path_buf(), RwLock::default());
        Ok(Self { directory, name, streams, found, cache: Cache::default() })
    }

    fn found(&self) -> RwLockReadGuard<'_, Found> {
        self.found.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a place is, for a person.
    fn place(&self, found: &Found, at: u64) -> String {
        let (number, offset) = ((at / LARGEST_BLOCK) as usize, at % LARGEST_BLOCK);
        let Some(block) = found.blocks.get(number) else { return format!("byte {offset}") };
        let stream = &self.streams[block.stream].name;
        match block.place {
            Lies::Archive(..) => format!("stream {stream}, byte {offset} of the unpacked backup"),
            _ => format!("stream {stream}, block {}, byte {offset}", block.number),
        }
    }

    /// The message at a place.
    fn message(&self, found: &Found, at: u64) -> Result<Read, String> {
        let (number, offset) = ((at / LARGEST_BLOCK) as usize, at % LARGEST_BLOCK);
        let block = found.blocks.get(number).ok_or("there is no such block")?;
        if let Lies::Archive(file, length) = &block.place {
            let found = entry(file, offset, *length)?.ok_or("the archive ends here")?;
            let (subject, headers, payload) = (found.name.into(), found.headers.into(), found.payload.into());
            return Ok(Read { stream: block.stream, seq: found.seq, time: found.time, subject, headers, payload });
        }
        let bytes = self.cache.block(number, block)?;
        let bytes =
            usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).ok_or("the block ends before")?;
        match record(bytes, &block.key).map_err(|fault| fault.why)? {
            (Record::Message(message), _) => Ok(Read {
                stream: block.stream,
                seq: message.seq,
                time: message.time,
                subject: Bytes::copy_from_slice(message.subject),
                headers: Bytes::copy_from_slice(message.headers),
                payload: Bytes::copy_from_slice(message.payload),
            }),
            _ => Err(CHANGED.into()),
        }
    }

    fn event(&self, found: &Found, place: &Place) -> (Event, u64) {
        let read = self.message(found, place.offset);
        let size = read.as_ref().map_or(0, |read| read.payload.len() + read.headers.len()) as u64;
        let event = match (read, &place.event) {
            (Ok(read), Some(placed)) => self.shown(found, read, placed),
            (Ok(_), None) => Err(CHANGED.into()),
            (Err(why), _) => Err(why),
        };
        (event.unwrap_or_else(|why| self.trouble(found, place, why)), size)
    }

    fn shown(&self, found: &Found, read: Read, placed: &PlacedEvent) -> Result<Event, String> {
        let stream = self.streams.get(read.stream).ok_or(CHANGED)?;
        let subject = String::from_utf8_lossy(&read.subject);
        let prefix = if found.prefixed { prefix(stream) } else { String::new() };
        if placed.stream.as_str().strip_prefix(&prefix) != Some(&*subject) {
            return Err(CHANGED.into());
        }
        let headers = Headers::read(&read.headers);
        let kind = event_type(&read.subject, &headers, &read.payload);
        let mut said = said(&read.headers, &headers);
        let clock = found.clocks.get(read.stream).copied().unwrap_or(i64::MIN);
        if let Some(expiry) = Lifetime::of(stream).end(read.time, &headers).filter(|expiry| expiry.at <= clock) {
            said.notes.push(Note::new(NoteKind::Deleted, format!("expired: {}", expiry.why)));
        }
        let position = match self.streams.len() {
            1 => Position::Number(read.seq),
            _ => Position::Text(format!("{}/{}", stream.name, read.seq).into()),
        };
        Ok(Event {
            id: said.id,
            time: time(read.time),
            data: payload(read.payload.clone()),
            metadata: said.metadata,
            correlation: said.correlation,
            causation: said.causation,
            notes: said.notes,
            ..Event::new(placed.stream.clone(), Version(placed.version), position, Arc::from(&*kind))
        })
    }

    fn trouble(&self, found: &Found, place: &Place, reason: String) -> Event {
        let (number, offset) = ((place.offset / LARGEST_BLOCK) as usize, place.offset % LARGEST_BLOCK);
        let stored = found.blocks.get(number).and_then(|block| {
            let bytes = self.cache.block(number, block).ok()?;
            let from = usize::try_from(offset).ok()?;
            Some(Bytes::copy_from_slice(bytes.get(from..(from + SHOWN).min(bytes.len()))?))
        });
        let stored = stored.unwrap_or_default();
        let form = if stored.is_empty() { Form::Absent } else { Form::Opaque };
        Event::unreadable(
            place.position(false),
            Trouble { place: self.place(found, place.offset), reason },
            Payload::new(form, stored),
        )
    }
}

/// How much is shown of bytes that are no message.
const SHOWN: usize = 256;
const CHANGED: &str = "the files changed: this is not what stood here when they were opened";

/// A message, copied out of its block.
struct Read {
    stream: usize,
    seq: u64,
    time: i64,
    subject: Bytes,
    headers: Bytes,
    payload: Bytes,
}

impl Records for Store {
    fn name(&self) -> String {
        address::shown(&self.directory)
    }

    fn about(&self) -> About {
        let found = self.found();
        let backups = self.streams.iter().filter(|stream| matches!(stream.kept, Kept::Backup(_))).count();
        let kind = if backups > 0 { "NATS JetStream backup" } else { "NATS JetStream store" };
        let mut reasons: Vec<_> = self.streams.iter().take(20).map(Stream::described).collect();
        if self.streams.len() > 20 {
            reasons.push(format!("and {} streams more", self.streams.len() - 20));
        }
        reasons.extend(found.reasons.iter().cloned());
        let no_versions = "no versions: counted for each subject over the messages that are left";
        let mut caveats = vec![Caveat::new(CaveatKind::NoVersions, no_versions)];
        if self.streams.len() > 1 {
            caveats.push("several streams have no common order: shown by time".into());
        }
        if found.prefixed {
            caveats.push(
                "the same subjects occur in several streams: shown with the name of the stream before them".into(),
            );
        }
        caveats.extend(found.losses.iter().chain(&found.caveats).cloned().map(Caveat::from));
        let mapping = [
            ("stream", "the subject"),
            ("version", "counted"),
            ("position", "the sequence in the stream"),
            (
                "type",
                "headers such as Event-Type or ce-type, the payload's type or eventType, the last part of the subject",
            ),
            ("id", "header Nats-Msg-Id or ce-id"),
            ("time", "when the message was stored"),
            ("metadata", "the headers"),
        ];
        About {
            name: self.name.clone(),
            kind: kind.into(),
            reasons,
            caveats,
            doubts: found.losses.clone(),
            layout: None,
            candidates: Vec::new(),
            mapping: mapping.map(|(part, from)| (part.into(), from.into())).into(),
            beside: Vec::new(),
            normal: vec![("position-gaps".into(), "deleted, purged and expired messages leave gaps".into())],
            first_version: Some(1),
            counts_positions: false,
            reads_payloads: false,
            positions_ascend: false,
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
        let found = Scan::new(&self.streams).read(walk);
        if found.blocks.is_empty() && !found.losses.is_empty() {
            return Err(Failure::new(FailureKind::Malformed, self.name(), "open", found.losses.join("; ")));
        }
        *self.found.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        let found = self.found();
        let mut events = Vec::with_capacity(places.len());
        let mut read = 0;
        for place in places {
            if !events.is_empty() && read >= budget {
                break;
            }
            crate::sources::cancelled(&self.name(), cancel)?;
            let (event, size) = self.event(&found, place);
            read += size;
            events.push(Arc::new(event));
        }
        Ok(events)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        let found = self.found();
        // Behind a prefix stands the subject; names of streams hold no slashes.
        let subject = match found.prefixed {
            true => self.streams.iter().find_map(|known| stream.strip_prefix(&prefix(known))).unwrap_or(stream),
            false => stream,
        };
        match subject {
            // The values of a bucket are the domain's.
            _ if subject.starts_with("$KV.") => StreamKind::Domain,
            _ if subject.starts_with('$') => StreamKind::System,
            _ => StreamKind::Domain,
        }
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        // What was written is read again by whoever looks after the directory.
        match self.directory.is_dir() {
            true => Ok(SourceChange::Same),
            false => Ok(SourceChange::Removed),
        }
    }
}
