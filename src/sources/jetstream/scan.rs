//! Which messages there are, in which order: all blocks are read once, and what was deleted is left out.
//!
//! That can only be told at the end, for a tombstone stands behind what it deletes; so what is kept of a message until then
//! is small.

use hashbrown::HashMap;

use super::blocks::{Backup, Block, Contents, Place, entry, of_folder, unpack};
use super::deleted::Deleted;
use super::expiry::Lifetime;
use super::folder::{Kept, Stream};
use super::message::{Headers, event_type, time};
use super::record::{Record, record, resume};
use super::source::LARGEST_BLOCK;
use crate::sources::sorted::{Draft, Order, Walk};

/// The subject of a row that is trouble.
const NONE: u32 = u32::MAX;
/// What a record takes beside subject, headers and payload.
const FRAME: usize = 30;

/// A message, or a place where none could be read.
#[derive(Clone, Copy)]
struct Row {
    at: u64,
    seq: u64,
    time: i64,
    subject: u32,
    event_type: u32,
    size: u32,
    /// When it expires, in nanoseconds since 1970.
    expires: i64,
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

/// What a scan found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every block that was looked at; places refer to them.
    pub blocks: Vec<Block>,
    /// Whether subjects occur in more than one stream, and are shown with the stream's name before them.
    pub prefixed: bool,
    /// What the user must know, one sentence each.
    pub caveats: Vec<String>,
    /// Why messages are missing, one sentence each.
    pub losses: Vec<String>,
    /// What is worth telling, one sentence each.
    pub reasons: Vec<String>,
    /// For each stream, what time it was when it was written last, as far as its messages say: in nanoseconds since 1970.
    pub clocks: Vec<i64>,
}

/// What stands before the subjects of a stream when they are not unique.
pub fn prefix(stream: &Stream) -> String {
    match &stream.account {
        Some(account) if account != "$G" => format!("{account}/{}/", stream.name),
        _ => format!("{}/", stream.name),
    }
}

/// Reads the streams.
pub struct Scan<'a> {
    streams: &'a [Stream],
    subjects: Names,
    types: Names,
    found: Found,
    /// The rows of each stream.
    rows: Vec<Vec<Row>>,
    done: u64,
    total: u64,
}

impl<'a> Scan<'a> {
    /// A scan of these streams.
    pub fn new(streams: &'a [Stream]) -> Self {
        Self {
            streams,
            subjects: Names::default(),
            types: Names::default(),
            found: Found::default(),
            rows: Vec::new(),
            done: 0,
            total: streams.iter().map(size).sum(),
        }
    }

    /// Reads all of them.
    pub fn read(mut self, walk: &mut Walk<'_>) -> Found {
        for number in 0..self.streams.len() {
            let rows = self.stream(walk, number);
            self.rows.push(rows);
            if walk.is_stopped() {
                return Found::default();
            }
        }
        self.expired();
        self.tell(walk);
        self.found
    }

    /// Counts what had expired when the streams were written last. A server writes all of its streams; backups were made
    /// at different times.
    fn expired(&mut self) {
        let newest = |rows: &Vec<Row>| rows.iter().map(|row| row.time).max().unwrap_or(i64::MIN);
        let live = |stream: &Stream| matches!(stream.kept, Kept::Blocks(_));
        let all = self.rows.iter().zip(self.streams);
        let together = all.clone().filter(|(_, stream)| live(stream)).map(|(rows, _)| newest(rows)).max();
        let of = |rows, stream| together.filter(|_| live(stream)).unwrap_or_else(|| newest(rows));
        self.found.clocks = all.clone().map(|(rows, stream)| of(rows, stream)).collect();
        for ((rows, stream), &clock) in all.zip(&self.found.clocks) {
            let count = rows.iter().filter(|row| row.expires <= clock).count();
            if let (1.., Some(when)) = (count, time(clock)) {
                self.found.caveats.push(format!(
                    "stream {}: {count} messages that still lie in its blocks had expired at {when}, the time of the newest \
                     message: shown and noted",
                    stream.name
                ));
            }
        }
    }

    /// The messages of a stream that are left.
    fn stream(&mut self, walk: &mut Walk<'_>, number: usize) -> Vec<Row> {
        let stream = &self.streams[number];
        if stream.encrypted {
            self.found.losses.push(format!("stream {} is encrypted: its messages are not here", stream.name));
            return Vec::new();
        }
        let before = self.done;
        let backup = match &stream.kept {
            Kept::Blocks(_) => Ok(Some(of_folder(stream, number))),
            Kept::Backup(path) => {
                let stop = walk.stop();
                let stopped = || stop.load(std::sync::atomic::Ordering::Relaxed);
                unpack(path, number, &stream.name, &stopped)
            }
        };
        let Backup { blocks, indexes, caveats } = match backup {
            Ok(Some(backup)) => backup,
            Ok(None) => return Vec::new(),
            Err(why) => {
                self.found.losses.push(format!("the backup of {} cannot be read: {why}", stream.name));
                return Vec::new();
            }
        };
        self.found.losses.extend(caveats);
        let mut deleted = Deleted::default();
        for (block, bytes) in indexes {
            let read = match block {
                Some(block) => deleted.read_idx(block, &bytes).map_err(|why| (format!("{block}.idx"), why.to_owned())),
                None => deleted.read_state(&bytes, &stream.name).map_err(|why| ("index.db".to_owned(), why)),
            };
            if let Err((file, why)) = read {
                let name = &stream.name;
                self.found
                    .caveats
                    .push(format!("{file} of stream {name} was passed over, deleted messages may show: {why}"));
            }
        }
        let mut rows = Vec::new();
        let first = self.found.blocks.len();
        self.found.blocks.extend(blocks);
        for at in first..self.found.blocks.len() {
            if walk.is_stopped() {
                return Vec::new();
            }
            self.block(at, &mut rows, &mut deleted);
            self.done += match &self.found.blocks[at].place {
                Place::File(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
                _ => 0,
            };
            walk.progress(self.done.min(self.total), self.total);
        }
        self.done = before + size(stream);
        walk.progress(self.done, self.total);
        self.left(stream, rows, &deleted)
    }

    /// Reads the records of a block.
    fn block(&mut self, number: usize, rows: &mut Vec<Row>, deleted: &mut Deleted) {
        let block = &self.found.blocks[number];
        let place = |offset: u64| number as u64 * LARGEST_BLOCK + offset;
        let lost = |offset: u64| Row {
            at: place(offset),
            seq: 0,
            time: 0,
            subject: NONE,
            event_type: 0,
            size: 0,
            expires: i64::MAX,
        };
        let lifetime = Lifetime::of(&self.streams[block.stream]);
        let expires = |time: i64, headers: &Headers<'_>| lifetime.end(time, headers).map_or(i64::MAX, |end| end.at);
        if let Place::Archive(file, length) = &block.place {
            let mut offset = b"NATSARC1".len() as u64;
            loop {
                let found = match entry(file, offset, *length) {
                    Ok(Some(found)) => found,
                    Ok(None) => return,
                    Err(_) => {
                        rows.push(lost(offset));
                        return;
                    }
                };
                if found.seq > 0 {
                    let headers = Headers::read(&found.headers);
                    let size = FRAME + found.name.len() + found.headers.len() + found.payload.len();
                    rows.push(Row {
                        at: place(offset),
                        seq: found.seq,
                        time: found.time,
                        subject: self.subjects.id(&found.name),
                        event_type: self.types.id(event_type(&found.name, &headers, &found.payload).as_bytes()),
                        size: size as u32,
                        expires: expires(found.time, &headers),
                    });
                }
                offset = found.next;
            }
        }
        let Ok(Contents { bytes, fault }) = block.read() else {
            rows.push(lost(0));
            return;
        };
        if let Some(fault) = fault {
            let name = &self.streams[block.stream].name;
            self.found.losses.push(format!("stream {name}, block {}: {fault}", block.number));
        }
        let mut offset = 0;
        while offset < bytes.len() {
            match record(&bytes[offset..], &block.key) {
                Ok((Record::Message(message), length)) => {
                    let headers = Headers::read(message.headers);
                    let kind = event_type(message.subject, &headers, message.payload);
                    rows.push(Row {
                        at: place(offset as u64),
                        seq: message.seq,
                        time: message.time,
                        subject: self.subjects.id(message.subject),
                        event_type: self.types.id(kind.as_bytes()),
                        size: length as u32,
                        expires: expires(message.time, &headers),
                    });
                    offset += length;
                }
                Ok((Record::Tombstone(seq), length)) => {
                    deleted.insert(seq);
                    offset += length;
                }
                Ok((Record::Erased, length)) => offset += length,
                Err(fault) => {
                    rows.push(lost(offset as u64));
                    // A length that leads to a record is believed.
                    let next = fault
                        .length
                        .map(|length| offset + length)
                        .filter(|&next| next == bytes.len() || record(&bytes[next..], &block.key).is_ok());
                    match next.or_else(|| resume(&bytes, offset + 1, &block.key)) {
                        Some(next) => offset = next,
                        None => return,
                    }
                }
            }
        }
    }

    /// Leaves out what was deleted, and what the limits of the stream no longer allow: a server takes that out when it
    /// starts, if it did not come to it before.
    fn left(&mut self, stream: &Stream, mut rows: Vec<Row>, deleted: &Deleted) -> Vec<Row> {
        let all = rows.len();
        let blocks = &self.found.blocks;
        rows.retain(|row| {
            let block = (row.at / LARGEST_BLOCK) as usize;
            row.subject == NONE || !deleted.contains(blocks[block].number, row.seq)
        });
        let gone = all - rows.len();
        let (each, messages, bytes) =
            (stream.limit("max_msgs_per_subject"), stream.limit("max_msgs"), stream.limit("max_bytes"));
        if each.is_some() || messages.is_some() || bytes.is_some() {
            let mut of: HashMap<u32, u64> = HashMap::new();
            let (mut count, mut size, mut full) = (0_u64, 0_u64, false);
            let mut keep: Vec<bool> = rows
                .iter()
                .rev()
                .map(|row| {
                    if row.subject == NONE {
                        return true;
                    }
                    let of = of.entry(row.subject).or_default();
                    *of += 1;
                    if each.is_some_and(|limit| *of > limit) {
                        return false;
                    }
                    count += 1;
                    size += u64::from(row.size);
                    full |= messages.is_some_and(|limit| count > limit) || bytes.is_some_and(|limit| size > limit);
                    !full
                })
                .collect();
            keep.reverse();
            let mut keep = keep.into_iter();
            rows.retain(|_| keep.next().unwrap_or(true));
        }
        let over = all - gone - rows.len();
        let name = &stream.name;
        if gone > 0 {
            self.found
                .reasons
                .push(format!("stream {name}: {gone} deleted messages still lie in its blocks, left out"));
        }
        if over > 0 {
            self.found.caveats.push(format!(
                "stream {name}: {over} messages beyond its limits (max_msgs, max_bytes, max_msgs_per_subject) still lie in \
                 its blocks: left out"
            ));
        }
        rows
    }

    /// Tells the walk of every row. One stream goes by its sequence; several by time, each of them in its own order.
    fn tell(&mut self, walk: &mut Walk<'_>) {
        let several = self.rows.iter().filter(|rows| !rows.is_empty()).count() > 1;
        if several {
            let mut owner: Vec<Option<usize>> = vec![None; self.subjects.names.len()];
            for (stream, rows) in self.rows.iter().enumerate() {
                for row in rows.iter().filter(|row| row.subject != NONE) {
                    let owner = owner[row.subject as usize].get_or_insert(stream);
                    self.found.prefixed |= *owner != stream;
                }
            }
        }
        let mut name = String::new();
        for (number, rows) in self.rows.iter().enumerate() {
            let prefix = if self.found.prefixed { prefix(&self.streams[number]) } else { String::new() };
            let mut latest = i64::MIN;
            for row in rows {
                latest = latest.max(row.time);
                if row.subject == NONE {
                    walk.trouble(row.at);
                    continue;
                }
                name.clear();
                name.push_str(&prefix);
                name.push_str(&String::from_utf8_lossy(&self.subjects.names[row.subject as usize]));
                let order = match several {
                    true => Order(latest, number as i64),
                    false => Order(i64::try_from(row.seq).unwrap_or(i64::MAX), 0),
                };
                walk.event(Draft {
                    at: row.at,
                    order,
                    stream: name.as_bytes(),
                    event_type: &self.types.names[row.event_type as usize],
                    version: None,
                    time: time(row.time),
                });
            }
        }
    }
}

/// How many bytes of a stream are to be read.
fn size(stream: &Stream) -> u64 {
    let of = |path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    match &stream.kept {
        Kept::Blocks(files) => files.iter().map(|(_, path)| of(path)).sum(),
        Kept::Backup(path) => of(path),
    }
}
