//! From the records of the log to its events: which prepares are events, with which number, and where they belong.
//!
//! The rule is that of the server's own reader. A prepare that is committed by itself is an event at once, at its own
//! position. One of an explicit transaction waits for its commit, and stands where that stands. A prepare without data that
//! deletes nothing marks a transaction and is no event. What no commit follows never happened.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashMap};

use super::files::{At, Files, Reading};
use super::header::{FRAME, Transform};
use super::record::{Commit, Flags, Prepare, Record, glance};
use super::retention::{Gathered, LAST, Retention};
use super::window::{Frame, Window};
use crate::domain::Timestamp;
use crate::sources::sorted::{Draft, Order, Walk};

/// The type of a link.
pub const LINK: &[u8] = b"$>";
/// The type of a reference to a stream.
pub const REFERENCE: &[u8] = b"$@";
/// The type of an event that is metadata of a stream.
const METADATA: &[u8] = b"$metadata";

/// After so many records in a row of the never released format, the rest of a chunk is taken for that.
const FOREIGN: u32 = 3;

/// What the records do not say where they lie, learnt from the whole log.
#[derive(Debug, Default)]
pub struct Learnt {
    /// Where the events of explicit transactions were committed, by their places.
    pub commits: Vec<(u64, i64)>,
    /// Where the events are that links lead to, by the places of the links.
    pub links: Vec<(u64, u64)>,
    /// What the store hides.
    pub retention: Retention,
    /// What the user must know, one sentence each.
    pub caveats: Vec<String>,
    /// Why events are missing, one sentence each.
    pub losses: Vec<String>,
}

/// What a link says: the number and the stream of its event.
pub fn target(data: &[u8]) -> Option<(u64, &str)> {
    let text = std::str::from_utf8(data).ok()?;
    let (number, stream) = text.split_once('@')?;
    Some((number.trim().parse().ok().filter(|&number| number <= LAST as u64)?, stream))
}

/// The number of an event that is committed by itself.
///
/// # Errors
/// When that is none.
pub fn number(prepare: &Prepare<'_>) -> Result<u64, String> {
    let number = prepare.expected.checked_add(1).and_then(|number| u64::try_from(number).ok());
    number.ok_or_else(|| format!("its number would be {} + 1", prepare.expected))
}

/// A link, until all events are known.
struct Link {
    at: u64,
    order: Order,
    stream: u32,
    number: u64,
    time: Option<Timestamp>,
    to: Option<u64>,
}

/// Where an event is, by the hash of its stream and number.
struct Numbered {
    hash: u64,
    at: u64,
    event_type: u32,
}

/// Names, each kept once.
#[derive(Default)]
struct Names {
    ids: HashMap<Box<[u8]>, u32>,
    names: Vec<Box<[u8]>>,
}

impl Names {
    fn id(&mut self, name: &[u8]) -> u32 {
        if let Some(&id) = self.ids.get(name) {
            return id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.into());
        self.ids.insert(name.into(), id);
        id
    }
}

/// Reads the log.
pub struct Scan<'a> {
    files: &'a Files,
    truncate: Option<i64>,
    again: Reading,
    hasher: DefaultHashBuilder,
    /// The write of several events that is open: its position, and where its events lie.
    write: Option<(i64, Vec<At>)>,
    /// The explicit transactions that wait for their commits.
    waiting: HashMap<i64, Vec<At>>,
    commits: Vec<(u64, i64)>,
    links: Vec<Link>,
    streams: Names,
    types: Names,
    numbered: Vec<Numbered>,
    /// The last number of each stream, by the hash of its name.
    last: HashMap<u64, i64>,
    gathered: Gathered,
    caveats: Vec<String>,
    losses: Vec<String>,
    /// Events the node will cut off.
    doomed: u64,
    /// Records that say they lie elsewhere.
    displaced: u64,
    metadata: u64,
}

impl<'a> Scan<'a> {
    /// A scan of these files; `truncate` is where the node will cut the log.
    pub fn new(files: &'a Files, truncate: Option<i64>) -> Self {
        Self {
            files,
            truncate,
            again: Reading::default(),
            hasher: DefaultHashBuilder::default(),
            write: None,
            waiting: HashMap::new(),
            commits: Vec::new(),
            links: Vec::new(),
            streams: Names::default(),
            types: Names::default(),
            numbered: Vec::new(),
            last: HashMap::new(),
            gathered: Gathered::default(),
            caveats: Vec::new(),
            losses: Vec::new(),
            doomed: 0,
            displaced: 0,
            metadata: 0,
        }
    }

    /// Reads all of it. Gives what was learnt; of a walk that was stopped, anything.
    pub fn read(mut self, walk: &mut Walk<'_>) -> Learnt {
        let ends: Vec<u64> = self.files.chunks.iter().map(|chunk| chunk.data(self.files.writer).0).collect();
        let total = ends.iter().sum();
        let mut done = 0;
        for (chunk, end) in ends.into_iter().enumerate() {
            self.chunk(walk, chunk, done, total);
            done += end;
            walk.progress(done, total);
            if walk.is_stopped() {
                return Learnt::default();
            }
        }
        self.end(walk);
        self.settled(walk)
    }

    /// Reads the records of one file.
    fn chunk(&mut self, walk: &mut Walk<'_>, number: usize, before: u64, total: u64) {
        let known = &self.files.chunks[number];
        let hidden = match known.header.transform {
            Transform::Identity => None,
            Transform::Encrypted => Some("is encrypted: its events are not here".into()),
            Transform::Unknown(other) => {
                Some(format!("went through a transform that is not known ({other}): its events are not here"))
            }
        };
        if let Some(why) = hidden {
            self.interrupted(walk);
            self.losses.push(format!("{} {why}", known.name));
            return;
        }
        let file = match self.files.file(number) {
            Ok(file) => file,
            Err(why) => {
                self.losses.push(why);
                return;
            }
        };
        let (end, certain) = known.data(self.files.writer);
        let (start, behind) = (known.header.start(), self.files.writer.unwrap_or(i64::MAX).min(known.header.end()));
        let moved = known.moved();
        let mut window = Window::forward();
        let mut offset = FRAME;
        // The position behind the last record.
        let mut next = start;
        let mut told = offset;
        let mut foreign = 0;
        loop {
            if offset - told > 4 << 20 {
                told = offset;
                walk.progress(before + offset, total);
                if walk.is_stopped() {
                    return;
                }
            }
            let at = At { chunk: number, offset };
            let why = match window.frame(&file, offset, end) {
                Ok(Frame::Whole(record)) => {
                    let here = start + (offset - FRAME) as i64;
                    let log = glance(record).map_or(i64::MIN, |(_, log)| log);
                    if moved && log >= behind && self.files.writer == Some(behind) {
                        // Written after what the checkpoint vouches for.
                        return;
                    }
                    offset += record.len() as u64 + 8;
                    next = next.max(log.saturating_add(record.len() as i64 + 8));
                    if log != here && !moved {
                        self.displaced += 1;
                    }
                    match (start..known.header.end()).contains(&log) {
                        true => self.record(walk, at, record),
                        false => walk.trouble(at.pack()),
                    }
                    foreign = if matches!(record.first(), Some(3..=11)) { foreign + 1 } else { 0 };
                    if foreign == FOREIGN {
                        self.caveats
                            .push(format!("{}: from byte {offset} on it is a log of another format", known.name));
                        return;
                    }
                    continue;
                }
                Ok(Frame::End) => return,
                Ok(Frame::Zeros) if !certain => return,
                Ok(Frame::Zeros | Frame::Broken(_)) => None,
                Err(e) => Some(e.to_string()),
            };
            walk.trouble(at.pack());
            self.interrupted(walk);
            if let Some(why) = why {
                self.losses.push(format!("{} cannot be read from byte {offset} on: {why}", known.name));
                return;
            }
            let fits = |offset: u64, log: i64| match moved {
                false => log == start + (offset - FRAME) as i64,
                true => (next..behind).contains(&log),
            };
            match window.resume(&file, offset + 1, end, fits, &|| walk.is_stopped()) {
                Ok(Some(found)) => {
                    let lost = found - offset;
                    self.losses.push(format!("{}: {lost} bytes from byte {offset} on are no records", known.name));
                    offset = found;
                }
                Ok(None) | Err(_) => {
                    let lost = end - offset;
                    self.caveats
                        .push(format!("{}: the last {lost} bytes, from byte {offset} on, are no records", known.name));
                    return;
                }
            }
        }
    }

    fn record(&mut self, walk: &mut Walk<'_>, at: At, record: &[u8]) {
        match Record::read(record) {
            Err(_) => {
                self.interrupted(walk);
                walk.trouble(at.pack());
            }
            Ok(Record::System) => self.interrupted(walk),
            Ok(Record::Commit(commit)) => {
                self.interrupted(walk);
                self.commit(walk, commit);
            }
            Ok(Record::Prepare(prepare)) if prepare.flags.any(Flags::COMMITTED) => self.committed(walk, at, &prepare),
            Ok(Record::Prepare(prepare)) => {
                self.interrupted(walk);
                if prepare.flags.any(Flags::DATA | Flags::DELETE) {
                    self.waiting.entry(prepare.transaction).or_default().push(at);
                }
            }
        }
    }

    /// A prepare that needs no commit. Those of a write of several wait for its end: the log may end before.
    fn committed(&mut self, walk: &mut Walk<'_>, at: At, prepare: &Prepare<'_>) {
        if self.write.as_ref().is_some_and(|(transaction, _)| *transaction != prepare.transaction) {
            self.interrupted(walk);
        }
        if prepare.flags.any(Flags::BEGIN) && !prepare.flags.any(Flags::END) && self.write.is_none() {
            self.write = Some((prepare.transaction, Vec::new()));
        }
        match &mut self.write {
            Some((_, places)) => {
                places.push(at);
                if prepare.flags.any(Flags::END) {
                    self.interrupted(walk);
                }
            }
            None => self.by_itself(walk, at, prepare),
        }
    }

    fn by_itself(&mut self, walk: &mut Walk<'_>, at: At, prepare: &Prepare<'_>) {
        if prepare.flags.any(Flags::DATA | Flags::DELETE) {
            self.event(walk, at, prepare, number(prepare), prepare.log);
        }
    }

    /// The open write ends here, with its last event or because something else follows: a scavenge may have taken the
    /// last event out.
    fn interrupted(&mut self, walk: &mut Walk<'_>) {
        let Some((_, places)) = self.write.take() else { return };
        for at in places {
            self.again(walk, at, |scan, walk, prepare| scan.by_itself(walk, at, prepare));
        }
    }

    fn commit(&mut self, walk: &mut Walk<'_>, commit: Commit) {
        for at in self.waiting.remove(&commit.transaction).unwrap_or_default() {
            self.again(walk, at, |scan, walk, prepare| {
                let number = match commit.first {
                    LAST => Some(LAST),
                    first => first.checked_add(i64::from(prepare.offset)),
                };
                let number = number.and_then(|number| u64::try_from(number).ok());
                let number = number.ok_or_else(|| format!("its number would be {} + {}", commit.first, prepare.offset));
                scan.commits.push((at.pack(), commit.log));
                scan.event(walk, at, prepare, number, commit.log);
            });
        }
    }

    /// Reads a prepare once more.
    fn again(&mut self, walk: &mut Walk<'_>, at: At, then: impl FnOnce(&mut Self, &mut Walk<'_>, &Prepare<'_>)) {
        let record = self.files.record(&mut self.again, at);
        match record.as_deref().map(Record::read) {
            Ok(Ok(Record::Prepare(prepare))) => then(self, walk, &prepare),
            // It was one a moment ago.
            _ => walk.trouble(at.pack()),
        }
    }

    fn event(&mut self, walk: &mut Walk<'_>, at: At, prepare: &Prepare<'_>, number: Result<u64, String>, commit: i64) {
        let stream = String::from_utf8_lossy(prepare.stream);
        let (Ok(number), false) = (number, stream.is_empty()) else {
            walk.trouble(at.pack());
            return;
        };
        let event_type = String::from_utf8_lossy(prepare.event_type);
        let (order, time) = (Order(commit, prepare.log), prepare.time());
        if self.truncate.is_some_and(|truncate| commit >= truncate) {
            self.doomed += 1;
        }
        self.gathered.seen(time);
        if prepare.flags.any(Flags::DELETE) {
            self.gathered.tombstone(&stream);
        } else {
            let last = self.last.entry(self.hasher.hash_one(stream.as_bytes())).or_default();
            *last = (*last).max(number as i64);
        }
        if let Some(described) = stream.strip_prefix("$$").filter(|_| prepare.event_type == METADATA)
            && !self.gathered.metadata(described, order, prepare.data)
        {
            self.metadata += 1;
        }
        let kept = match prepare.event_type {
            // In its own stream only; its event's type is what happened.
            LINK | REFERENCE => {
                let to = target(prepare.data).filter(|_| prepare.event_type == LINK);
                let to = to.map(|(number, stream)| self.hash(stream.as_bytes(), number));
                let stream = self.streams.id(stream.as_bytes());
                self.links.push(Link { at: at.pack(), order, stream, number, time, to });
                self.types.id(prepare.event_type)
            }
            _ => {
                let (stream, event_type) = (stream.as_bytes(), event_type.as_bytes());
                walk.event(Draft { at: at.pack(), order, stream, event_type, version: Some(number), time });
                self.types.id(event_type)
            }
        };
        let hash = self.hash(stream.as_bytes(), number);
        self.numbered.push(Numbered { hash, at: at.pack(), event_type: kept });
    }

    fn hash(&self, stream: &[u8], number: u64) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(stream);
        state.write_u64(number);
        state.finish()
    }

    /// What is open at the end of the log was never finished.
    fn end(&mut self, walk: &mut Walk<'_>) {
        // Of a scavenged write the end may be what was taken out.
        if self.files.chunks.last().is_some_and(super::folder::Chunk::moved) {
            self.interrupted(walk);
        }
        if let Some((_, places)) = self.write.take() {
            let count = places.len();
            self.caveats.push(format!("the log ends within a write: its first {count} events are left out"));
        }
        match self.waiting.values().map(Vec::len).sum() {
            0_usize => {}
            count => {
                self.caveats.push(format!("events of transactions that were never committed are left out: {count}"))
            }
        }
    }

    /// Tells the links, now that every event is known, and draws the conclusions.
    fn settled(mut self, walk: &mut Walk<'_>) -> Learnt {
        let mut broken = 0_u64;
        let mut links = Vec::with_capacity(self.links.len());
        if !self.links.is_empty() {
            self.numbered.sort_unstable_by_key(|numbered| (numbered.hash, numbered.at));
        }
        for link in &self.links {
            let found = link.to.and_then(|hash| {
                let at = self.numbered.partition_point(|numbered| numbered.hash < hash);
                self.numbered.get(at).filter(|numbered| numbered.hash == hash)
            });
            let event_type = match found {
                Some(found) => &self.types.names[found.event_type as usize],
                None => LINK,
            };
            broken += u64::from(found.is_none() && link.to.is_some());
            links.extend(found.map(|found| (link.at, found.at)));
            let stream = &self.streams.names[link.stream as usize];
            let (at, order, time) = (link.at, link.order, link.time);
            let draft = Draft { at, order, stream, event_type, version: Some(link.number), time };
            walk.link(draft, found.map(|found| found.at));
        }
        links.sort_unstable();
        self.commits.sort_unstable();
        let mut caveats = self.caveats;
        let mut say = |count: u64, what: &dyn Fn(u64) -> String| {
            if count > 0 {
                caveats.push(what(count));
            }
        };
        say(broken, &|n| format!("links whose events are not here: {n}"));
        say(self.displaced, &|n| format!("records whose positions are not those they lie at: {n}"));
        say(self.metadata, &|n| format!("metadata of streams that is no JSON and was not applied: {n}"));
        say(self.doomed, &|n| {
            let at = self.truncate.unwrap_or(0);
            format!("truncate.chk: the node cuts the log at {at} when it starts next; events there or behind: {n}")
        });
        let (last, hasher) = (self.last, self.hasher);
        let retention = self.gathered.settled(|stream| last.get(&hasher.hash_one(stream.as_bytes())).copied());
        Learnt { commits: self.commits, links, retention, caveats, losses: self.losses }
    }
}
