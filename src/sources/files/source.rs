//! An opened file as a source: questions answered from the index, and the records asked for read from the file.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::build::{Build, MAX_LINE};
use super::feed::Feed;
use super::index::{Index, Place, Stream};
use super::mapping::{Mapping, Overrides, Sample, guess};
use super::plan::Plan;
use super::recognise::foreign;
use super::records::{Readers, Records};
use super::skim::Skimmer;
use crate::domain::{
    About, Anchor, Cancel, Direction, EventPage, EventQuery, Failure, FailureKind, Progress, Scope, StreamName,
    StreamPage, StreamSummary, Timestamp, Version,
};
use crate::sources::Source;
use crate::sources::open::OpenOptions;

/// How much of a file is read to open it.
const HEAD: u64 = 64 << 10;
/// How many records the mapping is guessed from.
const SAMPLE: usize = 128;
/// How far into a file without a readable line at its beginning one is looked for.
const SEARCH: u64 = 256 << 20;
/// How long a pipe may take to fill the head once it has given a line.
const PATIENCE: Duration = Duration::from_millis(300);
/// A page ends when its events have this many bytes.
const PAGE: u64 = 64 << 20;
/// How many places are looked up at a time.
const BATCH: usize = 4096;

/// Opens a regular file of this length.
///
/// # Errors
/// When it cannot be read or holds no events.
pub fn open_file(file: File, length: u64, address: &str, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let path = std::path::Path::new(address);
    let part = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let name = part(path.file_name()).unwrap_or_else(|| address.into());
    let stem = part(path.file_stem()).unwrap_or_else(|| name.clone());
    open(Feed::of_file(file, address, length), name, &stem, options)
}

/// Opens what comes out of a pipe.
///
/// # Errors
/// When it cannot be read or holds no events.
pub fn open_stdin(
    pipe: impl std::io::Read + Send + 'static,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    open_pipe(pipe, "standard input", options)
}

/// Opens a dump that comes through a pipe of this name; it is kept in an unlinked temporary file while it is read.
///
/// # Errors
/// As [`open_file`].
pub fn open_pipe(
    pipe: impl std::io::Read + Send + 'static,
    name: &str,
    options: &OpenOptions,
) -> Result<Arc<dyn Source>, Failure> {
    open(Feed::of_pipe(pipe, name)?, name.into(), "stdin", options)
}

fn open(feed: Arc<Feed>, name: String, stem: &str, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let failure = |kind, why: String| Failure::new(kind, feed.name(), "open", why);
    let overrides = match &options.map {
        Some(map) => Overrides::parse(map)
            .map_err(|why| Failure::new(FailureKind::Usage, format!("--map {map}"), "understand", why))?,
        None => Overrides::default(),
    };
    let arrived = feed.wait_for_beginning(HEAD, PATIENCE);
    if let (0, Some(failed)) = (arrived.upto, &arrived.failed) {
        return Err(failed.clone());
    }
    let mut head = vec![0; arrived.upto.min(HEAD) as usize];
    let count = feed.read_at(0, &mut head).map_err(|e| feed.failure(&e))?;
    head.truncate(count);
    if let Some(foreign) = foreign(&head) {
        let why = format!("it is {}, not JSON Lines", foreign.what);
        return Err(failure(FailureKind::Unsupported, why).hint(foreign.hint.replace("FILE", feed.name())));
    }
    let whole = arrived.finished && arrived.upto <= HEAD;
    if whole && head.strip_prefix(BOM).unwrap_or(&head).trim_ascii().is_empty() {
        return Err(failure(FailureKind::Malformed, "there is nothing in it".into()));
    }

    let sample = sample(&feed, &head, whole)?;
    let guessed = guess(&sample, &overrides, stem).map_err(|fields| {
        let why = format!("no events were recognised in it; its records have these fields:\n  {}", fields.join("\n  "));
        failure(FailureKind::Malformed, why)
            .hint("say which is which: --map stream=.FIELD,type=.FIELD,version=.FIELD,time=.FIELD,data=.FIELD")
    })?;

    // Of a pipe only whole lines are taken, so that nobody waits for the rest of one.
    let upto = if feed.is_pipe() && !arrived.finished {
        memchr::memrchr(b'\n', &head).map_or(0, |feed| feed as u64 + 1)
    } else {
        head.len() as u64
    };
    let mapping = Arc::new(guessed.mapping);
    let build = Build::open(feed.clone(), mapping.clone(), upto)?;
    let mut reasons = vec![format!("JSON Lines: {} records looked at", sample.records())];
    reasons.extend(guessed.reasons);
    let about = About { name, kind: "JSON Lines".into(), reasons, caveats: guessed.caveats };
    Ok(Arc::new(FileSource {
        feed,
        mapping,
        build,
        readers: Readers::default(),
        about,
        categories: Mutex::default(),
        disorder: OnceLock::new(),
    }))
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The first records of the file: those in its head, or the first one behind it.
fn sample(feed: &Feed, head: &[u8], whole: bool) -> Result<Sample, Failure> {
    let mut sample = Sample::default();
    let mut lines: Vec<&[u8]> = head.strip_prefix(BOM).unwrap_or(head).split(|&b| b == b'\n').collect();
    if !whole {
        lines.pop();
    }
    for line in &lines {
        sample.add(line);
        if sample.records() >= SAMPLE {
            break;
        }
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut at = lines.iter().map(|line| line.len() as u64 + 1).sum::<u64>();
    if head.starts_with(BOM) {
        at += BOM.len() as u64;
    }
    while sample.records() == 0 && !whole && at < SEARCH {
        let end = feed.find_line_feed(at, &stop).map_err(|e| feed.failure(&e))?.unwrap_or(at);
        if end - at <= MAX_LINE {
            let mut line = vec![0; (end - at) as usize];
            feed.read_at(at, &mut line).map_err(|e| feed.failure(&e))?;
            sample.add(&line);
        }
        let arrived = feed.arrived();
        if arrived.finished && end + 1 >= arrived.upto {
            break;
        }
        at = end + 1;
    }
    if sample.records() > 0 {
        return Ok(sample);
    }
    let first = lines.iter().find(|line| !line.trim_ascii().is_empty()).copied().unwrap_or(head);
    let reason = match Skimmer::new(Plan::default()).skim(first) {
        Err(fault) => format!("{} at byte {} of the first line", fault.reason, fault.at),
        Ok(_) => "its first line does not end".into(),
    };
    Err(Failure::new(FailureKind::Malformed, feed.name(), "open", format!("it is not JSON Lines: {reason}"))
        .hint("stepback reads files with one JSON object a line"))
}

/// An opened file.
struct FileSource {
    feed: Arc<Feed>,
    mapping: Arc<Mapping>,
    build: Arc<Build>,
    readers: Readers,
    about: About,
    /// What is known of each category asked for.
    categories: Mutex<HashMap<Arc<str>, Category>>,
    /// How many streams have versions that go back; known at the end.
    disorder: OnceLock<usize>,
}

impl Drop for FileSource {
    fn drop(&mut self) {
        self.build.stop();
    }
}

/// The rows of a category.
#[derive(Default)]
struct Category {
    rows: Vec<u32>,
    /// How many rows of the index were looked at.
    seen: usize,
}

/// The rows of a scope.
#[derive(Clone, Copy)]
enum Rows<'a> {
    All(usize),
    Some(&'a [u32]),
}

impl Rows<'_> {
    fn len(self) -> usize {
        match self {
            Self::All(len) => len,
            Self::Some(rows) => rows.len(),
        }
    }

    fn get(self, ordinal: usize) -> Option<u32> {
        match self {
            Self::All(len) => (ordinal < len).then_some(ordinal as u32),
            Self::Some(rows) => rows.get(ordinal).copied(),
        }
    }

    fn ordinal_of(self, row: u32) -> Option<u64> {
        match self {
            Self::All(len) => ((row as usize) < len).then_some(u64::from(row)),
            Self::Some(rows) => rows.binary_search(&row).ok().map(|ordinal| ordinal as u64),
        }
    }
}

impl FileSource {
    /// Hands over the index and the rows of a scope, which do not change meanwhile. Must not be nested.
    fn over<T>(&self, scope: &Scope, ask: impl FnOnce(&Index, Rows<'_>, Option<&Stream>) -> T) -> T {
        let index = self.build.index();
        match scope {
            Scope::All => ask(&index, Rows::All(index.len()), None),
            Scope::Stream(name) => {
                let stream = index.stream(name.as_str());
                ask(&index, Rows::Some(stream.map_or(&[], |stream| &stream.rows)), stream)
            }
            Scope::Category(name) => {
                let Some(category) = index.category(name) else { return ask(&index, Rows::Some(&[]), None) };
                let mut categories = self.categories.lock().unwrap_or_else(PoisonError::into_inner);
                let known = categories.entry(name.clone()).or_default();
                index.extend_category(category, known.seen, &mut known.rows);
                known.seen = index.len();
                ask(&index, Rows::Some(&known.rows), None)
            }
        }
    }

    /// Where a read begins; `None` when nothing is there.
    fn start(&self, query: &EventQuery, cancel: &Cancel) -> Result<Option<u64>, Failure> {
        Ok(match &query.from {
            Anchor::Start => Some(0),
            Anchor::Ordinal(ordinal) => Some(*ordinal),
            Anchor::End => self.over(&query.scope, |_, rows, _| (rows.len() as u64).checked_sub(1)),
            Anchor::Version(Version(version)) => match &query.scope {
                Scope::Stream(_) => self.over(&query.scope, |_, _, stream| stream?.rank_from(*version)),
                _ => {
                    let why = "a version is a place in one stream";
                    return Err(Failure::new(FailureKind::Unsupported, self.feed.name(), "read events", why));
                }
            },
            Anchor::AsOf(time) => self.as_of(&query.scope, *time, cancel)?,
            Anchor::Id(id) => self.with_id(&query.scope, id, cancel)?,
        })
    }

    /// The last event, in the order of the scope, recorded at or before a time.
    fn as_of(&self, scope: &Scope, time: Timestamp, cancel: &Cancel) -> Result<Option<u64>, Failure> {
        let limit = time.as_millisecond();
        let mut before = usize::MAX;
        loop {
            // The index knows milliseconds; where they are equal the record decides.
            let found = self.over(scope, |index, rows, _| {
                (0..rows.len().min(before)).rev().find_map(|ordinal| {
                    let row = rows.get(ordinal)?;
                    let found = index.milliseconds(row)?;
                    (found <= limit).then(|| (ordinal, (found == limit).then(|| index.place(row)).flatten()))
                })
            });
            match found {
                None => return Ok(None),
                Some((ordinal, None)) => return Ok(Some(ordinal as u64)),
                Some((ordinal, Some(place))) => {
                    let events = self.records().events(&[place], PAGE, cancel)?;
                    if events.first().and_then(|event| event.time).is_some_and(|found| found <= time) {
                        return Ok(Some(ordinal as u64));
                    }
                    before = ordinal;
                }
            }
        }
    }

    fn with_id(&self, scope: &Scope, id: &str, cancel: &Cancel) -> Result<Option<u64>, Failure> {
        let mut records = self.records();
        let mut from = 0;
        loop {
            let places = self.places(scope, from, Direction::Forward, BATCH);
            if places.is_empty() {
                return Ok(None);
            }
            if let Some(at) = records.find_id(&places, id, cancel)? {
                return Ok(Some(from + at as u64));
            }
            from += places.len() as u64;
        }
    }

    /// The places of at most `limit` events of a scope from an ordinal on.
    fn places(&self, scope: &Scope, from: u64, direction: Direction, limit: usize) -> Vec<Place> {
        let place = |index: &Index, rows: Rows<'_>, ordinal| rows.get(ordinal).and_then(|row| index.place(row));
        self.over(scope, |index, rows, _| match usize::try_from(from) {
            Ok(from) if from < rows.len() => match direction {
                Direction::Forward => {
                    let end = from.saturating_add(limit).min(rows.len());
                    (from..end).filter_map(|ordinal| place(index, rows, ordinal)).collect()
                }
                Direction::Backward => {
                    (0..=from).rev().take(limit).filter_map(|ordinal| place(index, rows, ordinal)).collect()
                }
            },
            _ => Vec::new(),
        })
    }

    fn records(&self) -> Records<'_> {
        Records::new(&self.feed, &self.mapping, &self.readers)
    }
}

fn summary(stream: &Stream) -> StreamSummary {
    StreamSummary {
        stream: stream.name.clone(),
        events: stream.rows.len() as u64,
        first_version: Version(stream.version(0)),
        last_version: Version(stream.version(stream.rows.len() - 1)),
        first_time: stream.first_time,
        last_time: stream.last_time,
    }
}

impl Source for FileSource {
    fn about(&self) -> About {
        let mut about = self.about.clone();
        if self.build.is_complete() {
            let count = || self.build.index().streams().iter().filter(|stream| stream.goes_back()).count();
            match *self.disorder.get_or_init(count) {
                0 => {}
                1 => about.caveats.push("in one stream versions go back or repeat: shown in file order".into()),
                n => about.caveats.push(format!("in {n} streams versions go back or repeat: shown in file order")),
            }
        }
        if let Some(failure) = self.build.failed() {
            about.caveats.push(format!("not read to the end: {}", failure.why));
        }
        about
    }

    fn progress(&self) -> Progress {
        self.build.progress()
    }

    fn begin(&self) {
        self.build.begin();
    }

    fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.build.begin();
        self.build.wait(cancel, told)
    }

    fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
        let partial = !self.build.is_complete();
        let index = self.build.index();
        let streams = index.streams();
        let from = from.min(streams.len());
        let end = from.saturating_add(limit).min(streams.len());
        Ok(StreamPage { streams: streams[from..end].iter().map(summary).collect(), total: streams.len(), partial })
    }

    fn stream(&self, name: &StreamName) -> Result<Option<StreamSummary>, Failure> {
        Ok(self.build.index().stream(name.as_str()).map(summary))
    }

    fn events(&self, query: &EventQuery, cancel: &Cancel) -> Result<EventPage, Failure> {
        self.feed.cancelled(cancel)?;
        let partial = !self.build.is_complete();
        let start = self.start(query, cancel)?;
        let mut page = EventPage {
            total: self.over(&query.scope, |_, rows, _| rows.len() as u64),
            partial,
            ..EventPage::default()
        };
        let Some(start) = start else { return Ok(page) };
        let mut records = self.records();
        let mut budget = PAGE;
        let mut at = Some(start);
        while let Some(from) = at.filter(|_| page.events.len() < query.limit) {
            let wanted = BATCH.min(query.limit - page.events.len());
            let places = self.places(&query.scope, from, query.direction, wanted);
            if places.is_empty() {
                break;
            }
            let events = records.events(&places, budget, cancel)?;
            let all = events.len() == places.len();
            let read: u64 =
                events.iter().map(|event| (event.data.stored().len() + event.metadata.stored().len()) as u64).sum();
            at = match query.direction {
                Direction::Forward => from.checked_add(events.len() as u64),
                Direction::Backward => from.checked_sub(events.len() as u64),
            };
            page.events.extend(events);
            budget = budget.saturating_sub(read);
            if !all || budget == 0 {
                break;
            }
        }
        page.first = if page.events.is_empty() { 0 } else { start };
        Ok(page)
    }

    fn translate(&self, from: &Scope, ordinal: u64, to: &Scope) -> Result<Option<u64>, Failure> {
        let row = self.over(from, |_, rows, _| rows.get(usize::try_from(ordinal).ok()?));
        Ok(row.and_then(|row| self.over(to, |_, rows, _| rows.ordinal_of(row))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(number: usize) -> String {
        format!("{{\"stream\":\"a-{}\",\"type\":\"T\",\"version\":{number},\"data\":{{}}}}\n", number % 3)
    }

    #[test]
    fn a_pipe_is_shown_before_it_ends() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        for number in 0..10 {
            writer.write_all(line(number).as_bytes()).unwrap();
        }
        // Half a line is not waited for.
        writer.write_all(b"{\"stream\":\"a-1\",").unwrap();
        let source = open_stdin(reader, &OpenOptions::default()).unwrap();
        let page = source.events(&EventQuery::first(Scope::All, 100), &Cancel::default()).unwrap();
        assert_eq!((page.events.len(), page.partial), (10, true));
        assert_eq!(source.progress().total, 0, "nobody knows how much will come");
        source.begin();

        writer.write_all(b"\"type\":\"T\",\"version\":10}\n").unwrap();
        for number in 11..40_000 {
            writer.write_all(line(number).as_bytes()).unwrap();
        }
        writer.write_all(b"{\"stream\":").unwrap();
        drop(writer);
        source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        let progress = source.progress();
        assert_eq!((progress.events, progress.troubles, progress.streams), (40_000, 1, 3));
        assert_eq!(progress.done, progress.total);
        let last = EventQuery { from: Anchor::End, ..EventQuery::first(Scope::All, 1) };
        let page = source.events(&last, &Cancel::default()).unwrap();
        let told = page.events[0].trouble.as_ref().map(ToString::to_string);
        assert_eq!(told.as_deref(), Some("line 40001: incomplete: the file ends within this line"));
        assert_eq!(source.about().name, "standard input");
    }

    #[test]
    fn an_empty_pipe_and_a_broken_one() {
        let failure = |reader: Box<dyn std::io::Read + Send>| {
            open_stdin(reader, &OpenOptions::default()).map(|_| ()).expect_err("nothing to open")
        };
        assert!(failure(Box::new(std::io::empty())).why.contains("nothing in it"));

        struct Broken;
        impl std::io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::Error::other("the cable is cut"))
            }
        }
        assert!(failure(Box::new(Broken)).why.contains("the cable is cut"));
        let beginning = std::io::Cursor::new(line(1));
        let failure = failure(Box::new(std::io::Read::chain(beginning, Broken)));
        assert!(failure.why.contains("the cable is cut"), "{failure}");
    }

    #[test]
    fn an_answer_nobody_wants_ends() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(line(0).as_bytes()).unwrap();
        let source = open_stdin(reader, &OpenOptions::default()).unwrap();
        let cancel = Cancel::default();
        let mut asked = 0;
        let failure = source.complete(&cancel, &mut |_| {
            asked += 1;
            if asked == 2 {
                cancel.cancel();
            }
        });
        assert_eq!(failure.unwrap_err().kind, FailureKind::Cancelled);
        assert!(!source.progress().complete);
        drop(writer);
    }

    #[test]
    fn disorder_is_told_at_the_end() {
        let text: String = [3, 0, 6, 4].into_iter().map(line).collect();
        let source = open_stdin(std::io::Cursor::new(text), &OpenOptions::default()).unwrap();
        source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        let caveats = source.about().caveats;
        assert!(
            caveats.contains(&"in one stream versions go back or repeat: shown in file order".into()),
            "{caveats:?}"
        );
    }
}
