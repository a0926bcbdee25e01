//! The journal: the truth. Append-only segments of records, each batch acknowledged after one fdatasync.
//!
//! What a scan decides about bytes that are no record:
//! - A write that was never acknowledged may be torn, and only such a write. Every record says how many records before
//!   it were on disk when it was written, and `head` says how far the journal was acknowledged when last told: if either
//!   attests that the bad place had been on disk, it is damage.
//! - A torn tail can therefore only lie at the end of the last segment. It is cut when the store is opened for writing,
//!   and said. Damage is never cut, never skipped, and stops writing.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::batch;
use super::catalog::End;
use super::disk::{Disk, create_private_folder, open_to_write};
use super::error::{Damage, StoreError};
use super::head::Head;
use super::segment::{self, FRAME, HEADER, Next, Records, SegmentHeader};

/// Opened segments kept at once; more are opened again when needed.
const KEPT_OPEN: usize = 32;

/// The segments of a journal, opened for reading as they are needed.
pub(super) struct Segments {
    pub(super) directory: PathBuf,
    pub(super) store: [u8; 16],
    open: Mutex<HashMap<u32, (Arc<File>, SegmentHeader)>>,
}

impl Segments {
    /// The journal of a store that exists. The store's id is that of its first segment.
    pub(super) fn open(directory: &Path) -> Result<Self, StoreError> {
        let store = directory.parent().unwrap_or(directory);
        let damaged = |reason| StoreError::Damaged(Damage { segment: 1, offset: 0, reason });
        let missing = || match super::is_store(store) {
            true => damaged("all segments are missing".into()),
            false => StoreError::NotFound(store.to_path_buf()),
        };
        let numbers = match segment::list(directory) {
            Ok(numbers) => numbers,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(missing()),
            Err(error) => return Err(StoreError::io("list the journal", error)),
        };
        let first = *numbers.first().ok_or_else(missing)?;
        if first != 1 {
            return Err(damaged(format!("the first segment is missing; the journal begins with {first:06}.evj")));
        }
        let file = crate::regular::open(&segment::path(directory, 1))
            .map_err(|error| StoreError::io("open the journal", error))?;
        let header = SegmentHeader::read(&file).map_err(|error| StoreError::io("read the journal", error))?;
        let store = header.map_err(damaged)?.store;
        Ok(Self { directory: directory.to_path_buf(), store, open: Mutex::default() })
    }

    /// A segment and what it says of itself.
    pub(super) fn file(&self, number: u32) -> Result<(Arc<File>, SegmentHeader), StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((file, header)) = open.get(&number) {
            return Ok((file.clone(), *header));
        }
        let damaged = |reason: String| StoreError::Damaged(Damage { segment: number, offset: 0, reason });
        let file = match crate::regular::open(&segment::path(&self.directory, number)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("the segment is missing".into()));
            }
            Err(error) => return Err(StoreError::io("open the journal", error)),
        };
        let header = SegmentHeader::read(&file).map_err(|error| StoreError::io("read the journal", error))?;
        let header = header.map_err(damaged)?;
        if header.store != self.store || header.number != number {
            return Err(damaged("the segment belongs to another store or another place".into()));
        }
        if open.len() >= KEPT_OPEN {
            open.clear();
        }
        let file = Arc::new(file);
        open.insert(number, (file.clone(), header));
        Ok((file, header))
    }

    /// Whether there is any segment with a greater number.
    pub(super) fn exists_after(&self, number: u32) -> bool {
        self.exists(number + 1)
            || segment::list(&self.directory).is_ok_and(|numbers| numbers.last().is_some_and(|last| *last > number))
    }

    /// Whether there is such a segment.
    pub(super) fn exists(&self, number: u32) -> bool {
        segment::path(&self.directory, number).exists()
    }

    /// How many bytes all segments have.
    pub(super) fn bytes(&self) -> u64 {
        let numbers = segment::list(&self.directory).unwrap_or_default();
        numbers
            .into_iter()
            .filter_map(|number| std::fs::metadata(segment::path(&self.directory, number)).ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

/// How far a scan may go.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// As far as was acknowledged: somebody may be writing.
    Acknowledged(Head),
    /// To the end: nobody is writing. What was acknowledged at least, where that is known.
    Everything(Option<Head>),
}

/// Where a scan stopped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// At the limit; all is well.
    End,
    /// Its budget was used up; there is more.
    Budget,
    /// At the remains of a write that was never acknowledged.
    Torn {
        /// How many bytes remain.
        bytes: u64,
        /// What is wrong with them.
        why: String,
    },
    /// At damage.
    Damaged(Damage),
}

/// What grows as the journal is read: columns of everything, or what one append must know.
pub(super) trait Grows {
    /// How many events are known.
    fn events(&self) -> u64;
    /// The number of the next record.
    fn seq(&self) -> u64;
    /// Where the next record begins, unless a new segment does.
    fn end(&self) -> End;
    /// Goes on in the next segment.
    fn enter(&mut self, segment: u32);
    /// Takes in the next record, lying at `offset` of the segment reached; `Err` says why it cannot be the next one.
    fn apply(&mut self, offset: u64, frame: usize, body: &[u8]) -> Result<(), String>;
}

/// Extends what is known by what follows in the journal, about `budget` bytes of it.
pub(super) fn extend(
    segments: &Segments,
    catalog: &mut impl Grows,
    limit: Limit,
    budget: u64,
) -> Result<Stop, StoreError> {
    match try_extend(segments, catalog, limit, budget) {
        Err(StoreError::Damaged(damage)) => Ok(Stop::Damaged(damage)),
        other => other,
    }
}

fn try_extend(segments: &Segments, catalog: &mut impl Grows, limit: Limit, budget: u64) -> Result<Stop, StoreError> {
    let mut left = budget;
    let head = match limit {
        Limit::Acknowledged(head) => Some(head),
        Limit::Everything(head) => head,
    };
    loop {
        let End { segment, offset } = catalog.end();
        let damaged = |offset, reason| Err(StoreError::Damaged(Damage { segment, offset, reason }));
        let stop_at = match limit {
            Limit::Acknowledged(head) if head.segment < segment => return Ok(Stop::End),
            Limit::Acknowledged(head) if head.segment == segment => head.end,
            _ => u64::MAX,
        };
        let (file, header) = segments.file(segment)?;
        if offset == HEADER && (header.first_seq, header.events_before) != (catalog.seq(), catalog.events()) {
            return damaged(
                0,
                format!("the segment begins with record {}, record {} is expected", header.first_seq, catalog.seq()),
            );
        }
        let mut records = Records::new(&file, segments.store, offset, stop_at);
        let bad = loop {
            if left == 0 {
                return Ok(Stop::Budget);
            }
            match records.next(catalog.seq())? {
                Next::Record { offset, body } => {
                    left = left.saturating_sub(body.len() as u64);
                    if let Err(reason) = catalog.apply(offset, FRAME + body.len(), body) {
                        return damaged(offset, reason);
                    }
                }
                Next::End => break None,
                Next::Bad(reason) => break Some(reason),
            }
        };
        let at = records.offset();
        let last = !segments.exists_after(segment);
        // What was acknowledged was on disk, whatever the bytes say now.
        let acknowledged = head.is_some_and(|head| (segment, at) < (head.segment, head.end));
        match bad {
            None if acknowledged && head.is_some_and(|head| head.segment == segment) => {
                let missing = head.map_or(0, |head| head.events.saturating_sub(catalog.events()));
                return damaged(at, format!("the journal ends here, {missing} acknowledged events are missing"));
            }
            None if !last => catalog.enter(segment + 1),
            None if acknowledged => return damaged(at, "the segments after this one are missing".into()),
            None => return Ok(Stop::End),
            Some(reason) if acknowledged || !last => return damaged(at, reason),
            Some(reason) => {
                if attested(&mut records, catalog.seq())? {
                    return damaged(at, reason);
                }
                let length = file.metadata().map_err(|error| StoreError::io("read the journal", error))?.len();
                return Ok(Stop::Torn { bytes: length.saturating_sub(at), why: reason });
            }
        }
    }
}

/// Whether a record behind a bad place says that record `seq` had been on disk before it was written itself.
fn attested(records: &mut Records<'_>, seq: u64) -> Result<bool, StoreError> {
    let mut behind = seq;
    while let Some((_, found)) = records.resume(behind)? {
        behind = found;
        while let Next::Record { body, .. } = records.next(behind)? {
            let settled = batch::Head::read(body).map_or(0, |head| head.settled);
            if seq < behind.saturating_sub(settled) {
                return Ok(true);
            }
            behind += 1;
        }
        behind -= 1;
    }
    Ok(false)
}

/// The end of the journal, where the one writer appends.
pub(super) struct Journal {
    pub(super) segments: Arc<Segments>,
    disk: Disk,
    file: File,
    head_file: Option<File>,
    head: Head,
    /// Why nothing may be appended any more.
    stopped: Option<String>,
}

/// Makes the journal directory with its first segment, if they are not there.
pub(super) fn create(directory: &Path, disk: &Disk) -> Result<(), StoreError> {
    let doing = |error| StoreError::io("make the journal", error);
    create_private_folder(directory).map_err(doing)?;
    let header = SegmentHeader { store: *uuid::Uuid::new_v4().as_bytes(), number: 1, first_seq: 1, events_before: 0 };
    let head = Head { seq: 1, events: 0, segment: 1, end: HEADER, indexed: 0 };
    write_head(&Head::path(directory), &head, disk).map_err(doing)?;
    new_segment(directory, &header, disk).map_err(doing)?;
    // The store's directory and the one it was made in.
    for above in directory.ancestors().skip(1).take(2).filter(|path| !path.as_os_str().is_empty()) {
        disk.sync_directory(above).map_err(doing)?;
    }
    Ok(())
}

fn write_head(path: &Path, head: &Head, disk: &Disk) -> io::Result<File> {
    let file = disk.create(path)?;
    disk.write(&file, &head.bytes(), 0)?;
    disk.sync(&file)?;
    Ok(file)
}

/// A segment appears with its header or not at all.
fn new_segment(directory: &Path, header: &SegmentHeader, disk: &Disk) -> io::Result<File> {
    let path = segment::path(directory, header.number);
    let new = path.with_extension("evj.new");
    let file = disk.create(&new)?;
    disk.write(&file, &header.bytes(), 0)?;
    disk.sync(&file)?;
    disk.rename(&new, &path)?;
    disk.sync_directory(directory)?;
    Ok(file)
}

impl Journal {
    /// Stands at the end of what `catalog` covers, cutting what lies behind it. `head` is what the head said.
    pub(super) fn at_end(
        segments: Arc<Segments>,
        catalog: &impl Grows,
        head: Option<Head>,
        torn: bool,
        disk: Disk,
    ) -> Result<Self, StoreError> {
        let End { segment, offset } = catalog.end();
        let doing = |error| StoreError::io("open the journal for writing", error);
        let path = segment::path(&segments.directory, segment);
        let file = open_to_write(&path, &mut File::options()).map_err(doing)?;
        if torn {
            disk.cut(&file, offset).map_err(doing)?;
        }
        let now = Head {
            seq: catalog.seq(),
            events: catalog.events(),
            segment,
            end: offset,
            indexed: head.map_or(0, |head| head.indexed),
        };
        // A writer may have died before it could tell what it had written: it is on disk before it is built upon. What the
        // head tells of was on disk before it was told.
        let told =
            |head: Head| (head.seq, head.events, head.segment, head.end) == (now.seq, now.events, segment, offset);
        if torn || !head.is_some_and(told) {
            disk.sync(&file).map_err(doing)?;
        }
        let path = Head::path(&segments.directory);
        let head_file = match head {
            Some(_) => open_to_write(&path, &mut File::options()),
            None => write_head(&path, &now, &disk),
        };
        let head_file = match head_file {
            // A link is not one of ours, and an old head behind it would tell what is not so.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(doing(error)),
            // On a full disk it stays as it is; the journal does not need it.
            other => other.ok(),
        };
        let mut journal = Self { segments, disk, file, head_file, head: now, stopped: None };
        journal.tell();
        Ok(journal)
    }

    /// The number of the next record.
    pub(super) fn seq(&self) -> u64 {
        self.head.seq
    }

    /// Whether `length` bytes more belong into the next segment.
    fn full(&self, length: usize) -> bool {
        self.head.end > HEADER && self.head.end + length as u64 > self.disk.options.segment
    }

    /// Appends records that are framed already, and waits until they are on disk. Gives the place of the first.
    pub(super) fn append(&mut self, bytes: &[u8], records: u64, events: u64) -> Result<End, StoreError> {
        if let Some(why) = &self.stopped {
            return Err(StoreError::Stopped(why.clone()));
        }
        if self.full(bytes.len()) {
            self.roll()?;
        }
        let at = self.head.end;
        if let Err(error) = self.disk.write(&self.file, bytes, at) {
            // Half a record must not stand before a whole one.
            if let Err(also) = self.disk.cut(&self.file, at) {
                self.stopped = Some(format!("{error}; cutting what was half written: {also}"));
            }
            return Err(StoreError::io("write to the journal", error));
        }
        if let Err(error) = self.disk.sync(&self.file) {
            // Whether the bytes are on disk is unknown, and a second sync would not tell: only reading them again does.
            self.stopped = Some(error.to_string());
            return Err(StoreError::io("write to the journal", error));
        }
        self.head.end += bytes.len() as u64;
        self.head.seq += records;
        self.head.events += events;
        self.tell();
        Ok(End { segment: self.head.segment, offset: at })
    }

    fn roll(&mut self) -> Result<(), StoreError> {
        let header = SegmentHeader {
            store: self.segments.store,
            number: self.head.segment + 1,
            first_seq: self.head.seq,
            events_before: self.head.events,
        };
        match new_segment(&self.segments.directory, &header, &self.disk) {
            Ok(file) => {
                self.file = file;
                self.head.segment = header.number;
                self.head.end = HEADER;
                Ok(())
            }
            Err(error) => {
                if self.segments.exists(header.number) {
                    self.stopped = Some(error.to_string());
                }
                Err(StoreError::io("begin a segment of the journal", error))
            }
        }
    }

    /// Remembers how much of the journal the index holds on disk.
    pub(super) fn indexed(&mut self, events: u64) {
        self.head.indexed = events;
        self.tell();
    }

    /// How far it is acknowledged.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// Tells viewers how far the journal is acknowledged. Failing to costs them a while, and nothing else.
    fn tell(&mut self) {
        if let Some(file) = &self.head_file {
            drop(file.write_all_at(&self.head.bytes(), 0));
        }
    }
}
