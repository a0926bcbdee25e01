//! What opening a store for writing does before the first append: is it ours, is the journal whole, is the index its.

use std::io;
use std::path::Path;

use super::catalog::{Catalog, End};
use super::disk::create_private_folder;
use super::error::{Damage, Notice, StoreError};
use super::head::Head;
use super::index::{self, Applied, Index, Presence, Trouble};
use super::is_store;
use super::journal::{Grows, Limit, Segments, Stop, extend};
use super::lookup::Lookup;
use super::segment::{self, Next, Records};

/// Journal bytes scanned between two looks at whether a block of the index is full.
pub(super) const SLICE: u64 = 256 << 10;

/// Makes the directory, and makes sure that it is nobody else's.
pub(super) fn prepare(directory: &Path) -> Result<(), StoreError> {
    let doing = |error| StoreError::io("make the store", error);
    create_private_folder(directory).map_err(doing)?;
    if is_store(directory) {
        return Ok(());
    }
    let journal = directory.join("journal");
    let ours = |name: &str| matches!(name, "lock" | "index" | "journal") || name.starts_with("index.damaged-");
    for (path, known) in [
        (directory, &ours as &dyn Fn(&str) -> bool),
        (&journal, &|name: &str| name == "head" || name.ends_with(".evj") || name.ends_with(".evj.new")),
    ] {
        let entries = match std::fs::read_dir(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(doing(error)),
        };
        for entry in entries {
            let name = entry.map_err(doing)?.file_name().to_string_lossy().into_owned();
            if !known(&name) {
                return Err(StoreError::NotAStore(name));
            }
        }
    }
    Ok(())
}

pub(super) fn read_head(journal: &Path) -> Result<Option<Head>, StoreError> {
    let doing = |error| StoreError::io("read the journal", error);
    match crate::regular::open(&Head::path(journal)) {
        Ok(file) => Head::read(&file).map_err(doing),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(doing(error)),
    }
}

/// How many events the store had when its lookup was written, 0 where there is none.
pub(super) fn looked_up(directory: &Path, segments: &Segments) -> u64 {
    let covered = Lookup::covered(directory).filter(|covered| covered.store == segments.store);
    covered.map_or(0, |covered| covered.events)
}

/// How many events the store had when last told beside the journal, 0 where nothing tells. Where the head is lost too,
/// that is who tells that the journal had more.
pub(super) fn told_before(directory: &Path, segments: &Segments) -> u64 {
    let kept = Head::kept(directory, &segments.store).map_or(0, |head| head.events);
    kept.max(looked_up(directory, segments))
}

/// The damage of a journal that ends with fewer events than were indexed.
pub(super) fn lost_behind(catalog: &Catalog, known: u64) -> Option<Damage> {
    let End { segment, offset } = catalog.end();
    let lost = known.checked_sub(catalog.events()).filter(|lost| *lost > 0)?;
    Some(Damage { segment, offset, reason: format!("the journal ends here, but {lost} more events were indexed") })
}

/// A catalog of the whole journal, and the index that goes with it.
pub(super) struct Opened {
    pub(super) index: Result<Index, String>,
    pub(super) catalog: Catalog,
    pub(super) applied: Applied,
    /// How many bytes of a torn write lie behind the catalog's end.
    pub(super) torn: Option<u64>,
    /// Whether the index was begun again.
    pub(super) fresh: bool,
}

/// Reads the columns from the index where it can be believed, and the rest from the journal.
pub(super) fn open_index(
    directory: &Path,
    segments: &Segments,
    head: Option<Head>,
    notices: &mut Vec<Notice>,
) -> Result<Opened, StoreError> {
    let presence = index::presence(directory);
    let was_there = presence != Presence::Missing;
    let mut index = Index::open(directory);
    let mut catalog = Catalog::default();
    let mut applied = Applied::default();
    let mut known = told_before(directory, segments);
    if let Ok(opened) = &index {
        match opened.load(&segments.store, &mut catalog) {
            Ok(Some(loaded)) => {
                known = known.max(loaded.events);
                match agrees(segments, &catalog, head, &loaded) {
                    Ok(()) => applied = loaded,
                    Err(why) => index = Err(Trouble::Damaged(why)),
                }
            }
            Ok(None) if presence == Presence::Broken || (was_there && head.is_some_and(|head| head.indexed > 0)) => {
                index = Err(Trouble::Damaged("it has lost everything it held".into()));
            }
            Ok(None) => {}
            Err(trouble) => index = Err(trouble),
        }
    }
    if applied.events == 0 {
        catalog = Catalog::default();
    }
    // The journal first: whether it is whole decides what the index may say.
    let reading = index.as_ref().ok().cloned();
    let torn = read_journal(segments, head, &mut catalog, &mut applied, reading.as_ref())?;
    if let Some(damage) = lost_behind(&catalog, known) {
        return Err(StoreError::Damaged(damage));
    }
    if !was_there && catalog.events() > 0 {
        notices.push(Notice::IndexRebuilt);
    }
    let mut fresh = !was_there;
    let index = match index {
        Ok(index) => Ok(index),
        Err(Trouble::Unavailable(why)) => {
            notices.push(Notice::IndexUnavailable { why: why.clone() });
            Err(why)
        }
        Err(Trouble::Damaged(why)) => {
            drop(reading);
            match index::set_aside(directory).map_err(|error| Trouble::Unavailable(error.to_string())).and_then(|to| {
                notices.push(Notice::IndexSetAside { to, why });
                Index::open(directory)
            }) {
                Ok(index) => {
                    // The catalog is whole, but blocks are cut as it grows: so it grows again.
                    fresh = true;
                    catalog = Catalog::default();
                    applied = Applied::default();
                    read_journal(segments, head, &mut catalog, &mut applied, Some(&index))?;
                    Ok(index)
                }
                Err(trouble) => {
                    let why = StoreError::from(trouble).to_string();
                    notices.push(Notice::IndexUnavailable { why: why.clone() });
                    Err(why)
                }
            }
        }
    };
    Ok(Opened { index, catalog, applied, torn, fresh })
}

/// Extends a catalog to the end of the journal, and the index with it where there is one. Gives the length of a torn
/// tail.
fn read_journal(
    segments: &Segments,
    head: Option<Head>,
    catalog: &mut Catalog,
    applied: &mut Applied,
    index: Option<&Index>,
) -> Result<Option<u64>, StoreError> {
    let mut index = index;
    loop {
        let stop = extend(segments, catalog, Limit::Everything(head), SLICE)?;
        if let Some(opened) = index
            && opened.advance(&segments.store, catalog, applied, false).is_err()
        {
            // It is met again, and told, when the first append reaches it.
            index = None;
        }
        match stop {
            Stop::Budget => {}
            Stop::End => return Ok(None),
            Stop::Torn { bytes, .. } => return Ok(Some(bytes)),
            Stop::Damaged(damage) => return Err(StoreError::Damaged(damage)),
        }
    }
}

/// Whether what an index holds is what the journal says, without reading all of it: every segment begins and ends where
/// the index says, and every record of the last one is as it was written. (A damaged record of an earlier segment is met
/// when it is read, by every viewer, and by verifying.) When it is not, the whole journal is read to tell which is wrong.
fn agrees(segments: &Segments, catalog: &Catalog, head: Option<Head>, applied: &Applied) -> Result<(), String> {
    if head.is_some_and(|head| head.indexed > applied.events) {
        return Err("it has lost some of what it held".into());
    }
    let records = catalog.records();
    let end = catalog.end();
    let mut at = 0;
    for number in 1..=end.segment {
        let (file, header) = segments.file(number).map_err(|error| error.to_string())?;
        let count = records[at..].partition_point(|record| record.segment <= number);
        let before = records.get(at).map_or(catalog.events(), |record| u64::from(record.first));
        if (header.first_seq, header.events_before) != (at as u64 + 1, before) {
            return Err(format!("segment {number} of the journal begins with other records"));
        }
        // The last one is read through; of the others, where their last record ends.
        let first = if number == end.segment { at } else { at + count.saturating_sub(1) };
        let from = records[first..at + count].first().map_or(segment::HEADER, |record| u64::from(record.offset));
        let mut read = Records::new(&file, segments.store, from, u64::MAX);
        for (seq, record) in (1..).zip(records).take(at + count).skip(first) {
            match read.next(seq) {
                Ok(Next::Record { offset, .. }) if offset == u64::from(record.offset) => {}
                Ok(_) => return Err(format!("record {seq} of the journal is another one")),
                Err(error) => return Err(error.to_string()),
            }
        }
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let ends = if number == end.segment { read.offset() == end.offset } else { read.offset() == length };
        if !ends {
            return Err(format!("segment {number} of the journal ends elsewhere"));
        }
        at += count;
    }
    Ok(())
}
