//! Looking at every byte of a store and telling what is found. Nothing of the journal is changed.

use std::fmt;
use std::path::{Path, PathBuf};

use super::batch::Batch;
use super::catalog::Catalog;
use super::disk::{links, open_paths};
use super::error::{Damage, StoreError};
use super::index::{self, Index, Presence, Trouble};
use super::journal::{Grows, Limit, Segments, Stop, extend};
use super::lock::Lock;
use super::lookup::{self, Lookup};
use super::open::{SLICE, lost_behind, read_head, told_before};
use super::segment::{HEADER, Next, Records, body_at};
use super::viewer::unlocked;
use crate::domain::words::counted;
use crate::domain::{Cancel, Progress};

/// How the index stands to the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexState {
    /// It holds all events, and every value of it is as it was written.
    Whole,
    /// It is whole but for the last events, which it gets when the store is opened for writing.
    Behind(u64),
    /// There is none; it is built when the store is opened for writing.
    Missing,
    /// It is wrong; it is set aside and rebuilt when the store is opened for writing.
    Damaged(String),
    /// It could not be looked at now.
    NotChecked(String),
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Segments that could be read, in whole or in part.
    pub segments: u32,
    /// Records that are whole, up to the first damage.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// Streams they are in.
    pub streams: u64,
    /// Bytes of the journal.
    pub bytes: u64,
    /// The remains of a write that was never acknowledged, at the end: no damage.
    pub torn: Option<Damage>,
    /// The first damage. Everything counted above lies before it.
    pub damage: Option<Damage>,
    /// Whole records behind the damage. They are not shown, because what is missing before them is not known.
    pub records_behind: u64,
    /// What is wrong with `journal/head`, which is rewritten by the next writer.
    pub head: Option<String>,
    /// Why it cannot be told whether somebody is writing.
    pub lock: Option<String>,
    /// The index.
    pub index: IndexState,
    /// Files of it that are links, which nothing is written through: no damage.
    pub links: Vec<String>,
    /// What of the store others than its owner have a right to: no damage.
    pub open_to_others: Vec<PathBuf>,
    /// Where the store lies.
    pub directory: PathBuf,
}

impl Report {
    /// Whether anything is not as it was written.
    pub fn is_damaged(&self) -> bool {
        let is_index_damaged = matches!(self.index, IndexState::Damaged(_));
        self.damage.is_some() || self.head.is_some() || self.lock.is_some() || is_index_damaged
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "journal   {} in {}, {}, {}, {}",
            counted(self.events, "event"),
            counted(self.streams, "stream"),
            counted(self.records, "record"),
            counted(self.segments.into(), "segment"),
            counted(self.bytes, "byte")
        )?;
        match &self.damage {
            Some(damage) => writeln!(
                f,
                "damage    {damage}\n          {} before it can be read; {} behind it",
                counted(self.events, "event"),
                counted(self.records_behind, "whole record")
            )?,
            None => writeln!(f, "damage    none: every record is as it was written")?,
        }
        if let Some(torn) = &self.torn {
            writeln!(f, "torn tail {torn}; it was never acknowledged and is cut by the next writer")?;
        }
        if let Some(head) = &self.head {
            writeln!(f, "head      journal/head {head}; it is rewritten by the next writer")?;
        }
        match &self.index {
            IndexState::Whole => writeln!(f, "index     agrees with the journal"),
            IndexState::Behind(events) => {
                writeln!(f, "index     {} behind; the next writer adds them", counted(*events, "event"))
            }
            IndexState::Missing => writeln!(f, "index     missing; it is built by the next writer"),
            IndexState::Damaged(why) => {
                writeln!(f, "index     damaged: {why}; it is set aside and rebuilt by the next writer")
            }
            IndexState::NotChecked(why) => writeln!(f, "index     not checked: {why}"),
        }?;
        if let Some(why) = &self.lock {
            writeln!(f, "lock      {}", unlocked(why))?;
        }
        for link in &self.links {
            writeln!(f, "links     {link}")?;
        }
        if let [first, ..] = self.open_to_others.as_slice() {
            let first = first.strip_prefix(&self.directory).ok().filter(|path| !path.as_os_str().is_empty());
            let first = first.map_or_else(|| "the folder itself".to_owned(), |path| path.display().to_string());
            let count = self.open_to_others.len();
            writeln!(
                f,
                "access    {count} of its files and folders are open to other users, first {first}; \
                 `chmod -R go= STORE` makes them yours alone"
            )?;
        }
        Ok(())
    }
}

/// Looks at a whole store.
///
/// # Errors
/// `NotFound`, `Cancelled`, or when reading fails. What is damaged is in the report.
pub fn verify(directory: &Path, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<Report, StoreError> {
    let journal = directory.join("journal");
    let mut report = Report {
        segments: 0,
        records: 0,
        events: 0,
        streams: 0,
        bytes: 0,
        torn: None,
        damage: None,
        records_behind: 0,
        head: None,
        lock: None,
        index: IndexState::Missing,
        links: links(directory),
        open_to_others: open_paths(directory),
        directory: directory.to_path_buf(),
    };
    let head = read_head(&journal)?;
    if head.is_none() && !super::is_store(directory) {
        return Err(StoreError::NotFound(directory.to_path_buf()));
    }
    // Held while looking, so that nothing moves; where somebody writes, only what is acknowledged is looked at.
    let lock = Lock::take(directory);
    let head = read_head(&journal)?.or(head);
    if head.is_none() {
        report.head = Some("is missing or unreadable".into());
    }
    let segments = match Segments::open(&journal) {
        Ok(segments) => segments,
        Err(StoreError::Damaged(damage)) => {
            report.damage = Some(damage);
            report.index = IndexState::NotChecked("the journal cannot be read".into());
            return Ok(report);
        }
        Err(StoreError::NotFound(_)) if head.is_some_and(|head| head.events > 0) => {
            let reason = "all segments are missing".into();
            report.damage = Some(Damage { segment: 1, offset: 0, reason });
            report.index = IndexState::NotChecked("the journal cannot be read".into());
            return Ok(report);
        }
        Err(error) => return Err(error),
    };
    // Who may not take it may still see that nobody has it.
    let held = if lock.is_ok() { Ok(false) } else { Lock::is_held(directory) };
    report.lock = held.as_ref().err().map(ToString::to_string);
    let limit = match head {
        Some(head) if held.unwrap_or(true) => Limit::Acknowledged(head),
        head => Limit::Everything(head),
    };
    let mut catalog = Catalog::default();
    let mut looked = 0;
    let mut stop;
    loop {
        stop = extend(&segments, &mut catalog, limit, SLICE)?;
        if let Some(damage) = unpack(&segments, &catalog, &mut looked)? {
            stop = Stop::Damaged(damage);
        }
        told(Progress { done: catalog.events(), events: catalog.events(), ..Progress::default() });
        if cancel.is_cancelled() {
            return Err(StoreError::Cancelled);
        }
        if stop != Stop::Budget {
            break;
        }
    }
    let end = catalog.end();
    report.segments = end.segment;
    report.records = looked as u64;
    report.events = catalog.events();
    report.streams = catalog.stream_count() as u64;
    report.bytes = segments.bytes();
    match stop {
        Stop::Torn { bytes, why } => {
            let reason = format!("{bytes} bytes of an unfinished write ({why})");
            report.torn = Some(Damage { segment: end.segment, offset: end.offset, reason });
        }
        Stop::Damaged(damage) => {
            report.records_behind = behind(&segments, &damage, catalog.seq())?;
            report.damage = Some(damage);
        }
        Stop::End | Stop::Budget => {}
    }
    if head.is_none() && report.damage.is_none() {
        report.damage = lost_behind(&catalog, told_before(directory, &segments));
    }
    report.index = match lock {
        Ok(_lock) => look_at_index(directory, &segments, &catalog),
        Err(error) => IndexState::NotChecked(error.to_string()),
    };
    if let IndexState::Behind(events) = report.index
        && report.damage.is_none()
        && head.is_some_and(|head| head.indexed > catalog.events() - events)
    {
        report.index = IndexState::Damaged("it has lost some of what it held".into());
    }
    Ok(report)
}

/// Unpacks the records not looked at yet; their checksums matched already.
fn unpack(segments: &Segments, catalog: &Catalog, looked: &mut usize) -> Result<Option<Damage>, StoreError> {
    for record in &catalog.records()[*looked..] {
        let (file, _) = segments.file(record.segment)?;
        let body = body_at(&file, &segments.store, u64::from(record.offset))
            .map_err(|error| StoreError::io("read the journal", error))?;
        if let Err(reason) = body.and_then(|body| Batch::unpack(body).ok_or("the record cannot be unpacked".into())) {
            return Ok(Some(Damage { segment: record.segment, offset: u64::from(record.offset), reason }));
        }
        *looked += 1;
    }
    Ok(None)
}

/// Counts the whole records behind damage.
fn behind(segments: &Segments, damage: &Damage, mut seq: u64) -> Result<u64, StoreError> {
    let mut count = 0;
    let numbers =
        super::segment::list(&segments.directory).map_err(|error| StoreError::io("list the journal", error))?;
    for number in numbers.into_iter().filter(|&number| number >= damage.segment) {
        let Ok((file, _)) = segments.file(number) else { continue };
        let from = if number == damage.segment { damage.offset.max(HEADER) } else { HEADER };
        let mut records = Records::new(&file, segments.store, from, u64::MAX);
        loop {
            match records.next(seq)? {
                Next::Record { .. } => {
                    count += 1;
                    seq += 1;
                }
                Next::End => break,
                Next::Bad(_) => match records.resume(seq.saturating_sub(1))? {
                    Some((_, found)) => seq = found,
                    None => break,
                },
            }
        }
    }
    Ok(count)
}

fn look_at_index(directory: &Path, segments: &Segments, journal: &Catalog) -> IndexState {
    match index::presence(directory) {
        Presence::There => {}
        Presence::Missing => return IndexState::Missing,
        Presence::Broken => return IndexState::Damaged("its database is missing".into()),
    }
    let looked = Index::open(directory).and_then(|index| {
        let mut catalog = Catalog::default();
        let applied = index.load(&segments.store, &mut catalog)?;
        index.check()?;
        Ok((applied, catalog))
    });
    if lookup::path(directory).exists() && Lookup::open(directory).and_then(|lookup| lookup.check()).is_err() {
        return IndexState::Damaged("its lookup is not what was written".into());
    }
    match looked {
        Err(Trouble::Unavailable(why)) => IndexState::NotChecked(why),
        Err(Trouble::Damaged(why)) => IndexState::Damaged(why),
        Ok((None, _)) => IndexState::Behind(journal.events()),
        Ok((Some(applied), _)) if applied.events > journal.events() => IndexState::Damaged(format!(
            "it holds {} events that the journal does not",
            applied.events - journal.events()
        )),
        Ok((Some(applied), catalog)) => {
            let same = catalog.records() == &journal.records()[..catalog.records().len()];
            match journal.events() - applied.events {
                _ if !same => IndexState::Damaged("it places records where the journal does not".into()),
                0 => IndexState::Whole,
                events => IndexState::Behind(events),
            }
        }
    }
}
