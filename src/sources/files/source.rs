//! An opened file of lines: its beginning is looked at, a mapping chosen, and its index put behind a source.

use std::ops::ControlFlow;
use std::sync::{Arc, RwLockReadGuard};

use super::build::Build;
use super::keep::Keeper;
use super::mapping::{Mapping, Overrides, Sample, guess};
use super::plan::Plan;
use super::records::{Readers, Records};
use super::search::{Names, Search, can_search};
use super::skim::Skimmer;
use super::stretch::MAX_LINE;
use super::watch::Watch;
use crate::domain::{About, Cancel, Change, Event, Failure, FailureKind, Pattern, Progress, Scope, SearchStep};
use crate::sources::Source;
use crate::sources::feed::Feed;
use crate::sources::index::{Index, Place};
use crate::sources::indexed::{Backing, Indexed};
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;
use crate::sources::search::Matcher;

/// How many records the mapping is guessed from.
const SAMPLE: usize = 128;
/// How far into a file without a readable line at its beginning one is looked for.
const SEARCH: u64 = 256 << 20;

/// Opens a file of lines.
///
/// # Errors
/// When it cannot be read or holds no events.
pub fn open(input: Input, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let Input { feed, name, stem, path, packed } = &input;
    let (feed, name) = (feed.clone(), name.clone());
    let failure = |kind, why: String| Failure::new(kind, feed.name(), "open", why);
    let overrides = match &options.map {
        Some(map) => Overrides::parse(map)
            .map_err(|why| Failure::new(FailureKind::Usage, format!("--map {map}"), "understand", why))?,
        None => Overrides::default(),
    };
    let (head, whole) = input.head()?;
    let finished = feed.arrived().finished;
    let sample = sample(&feed, &head, whole)?;
    let guessed = guess(&sample, &overrides, stem).map_err(|fields| {
        let why = format!("no events were recognised in it; its records have these fields:\n  {}", fields.join("\n  "));
        failure(FailureKind::Malformed, why)
            .hint("say which is which: --map stream=.FIELD,type=.FIELD,version=.FIELD,time=.FIELD,data=.FIELD")
    })?;

    // Of a pipe only whole lines are taken, so that nobody waits for the rest of one.
    let upto = if feed.is_pipe() && !finished {
        memchr::memrchr(b'\n', &head).map_or(0, |feed| feed as u64 + 1)
    } else {
        head.len() as u64
    };
    let mapping = Arc::new(guessed.mapping);
    let counts_positions = mapping.position.is_none();
    let build = Build::open(feed.clone(), mapping.clone(), upto, Keeper::new(options, &input, &mapping))?;
    let mut reasons = packed.iter().map(|packing| format!("unpacked from {packing}")).collect::<Vec<_>>();
    reasons.push(format!("JSON Lines: {} records looked at", sample.records()));
    reasons.extend(guessed.reasons);
    let (kind, caveats) = ("JSON Lines".into(), guessed.caveats);
    let about = About { name, kind, reasons, caveats, counts_positions, ..About::default() };
    let watch = path.as_ref().map(|path| Watch::new(path.clone(), &feed)).transpose()?;
    let file = LinesFile { feed, mapping, build, watch, readers: Readers::default(), about };
    Ok(Arc::new(Indexed::new(file)))
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
    Err(Failure::new(FailureKind::Malformed, feed.name(), "open", format!("nothing in it is known, and it is not JSON Lines: {reason}"))
        .hint("stepback reads JSON and its exports, CSV, SQLite files, SQL dumps and folders of stores; see `stepback --help`"))
}

/// What stands behind the index of a file of lines.
struct LinesFile {
    feed: Arc<Feed>,
    mapping: Arc<Mapping>,
    build: Arc<Build>,
    /// Looks whether the file changes; nothing does where it was no file.
    watch: Option<Watch>,
    readers: Readers,
    about: About,
}

impl LinesFile {
    fn records(&self) -> Records<'_> {
        Records::new(&self.feed, &self.build, &self.mapping, &self.readers)
    }
}

impl Backing for LinesFile {
    fn name(&self) -> String {
        self.feed.name().into()
    }

    fn about(&self) -> About {
        let mut about = self.about.clone();
        about.caveats.extend(self.build.note());
        about.caveats.extend(self.feed.remarks());
        about
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.build.index()
    }

    fn renew(&self) -> bool {
        self.build.renew().is_ok()
    }

    fn progress(&self) -> Progress {
        self.build.progress()
    }

    fn begin(&self) {
        self.build.begin();
    }

    fn wait(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.build.wait(cancel, told)
    }

    fn check(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
        self.build.run_check(cancel, told)
    }

    fn failed(&self) -> Option<Failure> {
        self.build.failed()
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        self.records().events(places, budget, cancel)
    }

    fn find_id(&self, places: &[Place], id: &str, cancel: &Cancel) -> Result<Option<usize>, Failure> {
        self.records().find_id(places, id, cancel)
    }

    fn search(
        &self,
        pattern: &Pattern,
        scope: &Scope,
        cancel: &Cancel,
        told: &mut dyn FnMut(SearchStep) -> ControlFlow<()>,
    ) -> Option<Result<(), Failure>> {
        if !can_search(pattern) {
            return None;
        }
        self.build.begin();
        let (build, records, names) = (&self.build, self.records(), Names::default());
        let search = Search { build, records, matcher: Matcher::new(pattern), pattern, cancel, names };
        Some(search.run(scope, told))
    }

    fn look(&self) -> Result<Change, Failure> {
        let Some(watch) = &self.watch else { return Ok(Change::Same) };
        if !self.build.is_complete() && self.build.failed().is_none() {
            // What is not read yet is looked at when it is.
            return Ok(Change::Same);
        }
        let change = watch.look(&self.feed)?;
        if change == Change::Grown {
            self.build.grow(watch.length())?;
        }
        Ok(change)
    }

    fn stop(&self) {
        self.build.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::domain::{Anchor, EventQuery};
    use crate::sources::open::open_pipe;

    fn open_stdin(
        pipe: impl std::io::Read + Send + 'static,
        options: &OpenOptions,
    ) -> Result<Arc<dyn Source>, Failure> {
        open_pipe(pipe, "standard input", options)
    }

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
