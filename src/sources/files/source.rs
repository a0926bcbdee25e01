//! An opened file of lines: its beginning is looked at, a mapping chosen, and its index put behind a source.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLockReadGuard};

use super::build::Build;
use super::keep::Keeper;
use super::mapping::{Mapping, Overrides, Sample, mapped};
use super::plan::Plan;
use super::records::{Readers, Records};
use super::search::{Names, Search, can_search, joints};
use super::skim::Skimmer;
use super::stretch::MAX_LINE;
use super::watch::Watch;
use crate::domain::{
    About, Cancel, Event, Failure, FailureKind, Pattern, Progress, Scope, SearchStep, SourceChange, words,
};
use crate::sources::Source;
use crate::sources::feed::{FIRST, Feed};
use crate::sources::index::{Index, Place};
use crate::sources::indexed::{Backing, Indexed};
use crate::sources::input::Input;
use crate::sources::open::OpenOptions;
use crate::sources::search::Matcher;

/// How many records the mapping is guessed from.
const SAMPLE: usize = 128;
/// How far into a file without a readable line at its beginning one is looked for.
const SEARCH: u64 = 256 << 20;
/// How much of it is read at a time.
const PIECE: usize = 256 << 10;
/// A longer line is looked into only when no other is a record.
const KEPT: usize = 8 << 20;

/// Opens a file of lines.
///
/// # Errors
/// When it cannot be read or holds no events.
pub fn open(input: Input, options: &OpenOptions) -> Result<Arc<dyn Source>, Failure> {
    let Input { feed, name, stem, path, packed, .. } = &input;
    let (feed, name) = (feed.clone(), name.clone());
    let overrides = match &options.map {
        Some(map) => Overrides::parse(map)
            .map_err(|why| Failure::new(FailureKind::Usage, format!("--map {map}"), "understand", why))?,
        None => Overrides::default(),
    };
    let (head, whole) = input.head()?;
    let finished = feed.arrived().finished;
    let sample = sample(&input, &head, whole, Sample::watching(overrides.paths().map(|(_, path)| path)))?;
    let guessed = mapped(&sample, &overrides, feed.name(), stem)?;

    input.recognised();
    // Of a pipe only whole lines are taken, so that nobody waits for the rest of one.
    let upto = if feed.is_pipe() && !finished {
        memchr::memrchr(b'\n', &head).map_or(0, |feed| feed as u64 + 1)
    } else {
        head.len() as u64
    };
    let mapping = Arc::new(guessed.mapping);
    let (key, spelled) = (mapping.key(), Some(mapping.spelled_into_text(&sample)));
    let counts_positions = mapping.position.is_none();
    let build = Build::open(feed.clone(), mapping.clone(), upto, Keeper::new(options, &input, &mapping))?;
    let mut reasons = packed.iter().map(|packing| format!("unpacked from {packing}")).collect::<Vec<_>>();
    reasons.push(format!("JSON Lines: {} records looked at", sample.records()));
    reasons.extend(guessed.reasons);
    let (kind, caveats) = ("JSON Lines".into(), guessed.caveats);
    let other_keys = guessed.other_keys;
    // What is counted are lines.
    let positions_ascend = counts_positions;
    let about = About {
        name,
        kind,
        reasons,
        caveats,
        counts_positions,
        positions_ascend,
        reads_payloads: true,
        key,
        other_keys,
        spelled,
        ..About::default()
    };
    let watch = path.as_ref().map(|path| Watch::new(path.clone(), &feed)).transpose()?;
    let file = LinesFile { feed, mapping, build, watch, readers: Readers::default(), about };
    Ok(Arc::new(Indexed::new(file)))
}

const BOM: &[u8] = "\u{feff}".as_bytes();

/// The first records of the file: those in its head, or the first one behind it.
fn sample(input: &Input, head: &[u8], whole: bool, mut sample: Sample) -> Result<Sample, Failure> {
    let text = head.strip_prefix(BOM).unwrap_or(head);
    let mut lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    let cut = if whole { 0 } else { lines.pop().map_or(0, <[u8]>::len) };
    for line in &lines {
        sample.add(line);
        if sample.records() >= SAMPLE {
            break;
        }
    }
    let mut searched = head.len() as u64;
    if sample.records() == 0 && !whole {
        // A record that has begun is read to its end; before one begins, no more is unpacked than must be.
        let begins = text.trim_ascii_start().starts_with(b"{");
        let first = if input.packed.is_empty() || begins { SEARCH } else { FIRST };
        let upto = input.allowance.search(first);
        searched = search(&input.feed, (head.len() - cut) as u64, upto, &mut |line| sample.add(line))?;
    }
    if sample.records() > 0 {
        return Ok(sample);
    }
    let first = lines.iter().find(|line| !line.trim_ascii().is_empty()).copied().unwrap_or(head);
    let reason = match Skimmer::new(Plan::default()).skim(first) {
        // The end of what was read of it is not its own.
        Err(fault) if !whole && fault.at >= first.len() && first.len() == head.len() => {
            "its first line holds no record".into()
        }
        Err(fault) => format!("{} at byte {} of the first line", fault.reason, fault.at),
        Ok(_) => "its first line does not end".into(),
    };
    let far = match input.feed.arrived() {
        arrived if arrived.finished && searched >= arrived.upto => String::new(),
        _ => format!("; its first {} were looked at", words::size(searched)),
    };
    let why = format!("nothing in it is known, and it is not JSON Lines: {reason}{far}");
    if !input.packed.is_empty() && !far.is_empty() {
        let hint = "if events come later, say how much may be unpacked to find them: `--allow-unpacked 500M`";
        return Err(Failure::new(FailureKind::Malformed, input.feed.name(), "open", why).hint(hint));
    }
    Err(Failure::new(FailureKind::Malformed, input.feed.name(), "open", why)
        .hint("stepback reads JSON and its exports, CSV, SQLite files, SQL dumps and folders of stores; see `stepback --help`"))
}

/// Tells the lines from an offset on that begin as an object does, until one is taken, or as far as is looked. Gives how
/// far that was. Every byte is read once, however long or short the lines are, but for a large line, which is read again
/// when no other was taken: until then it takes no memory.
fn search(feed: &Feed, mut at: u64, upto: u64, takes: &mut dyn FnMut(&[u8]) -> bool) -> Result<u64, Failure> {
    let stop = AtomicBool::new(false);
    let failure = |e: std::io::Error| feed.failure(&e);
    // What has been read and belongs to no line that has ended.
    let mut kept: Vec<u8> = Vec::new();
    let mut large = false;
    let (mut begins, mut first_large) = (at, None);
    let mut piece = vec![0; PIECE];
    while at < upto {
        let arrived = feed.wait_beyond(at, &stop);
        let wanted = arrived.upto.min(upto).saturating_sub(at).min(PIECE as u64) as usize;
        let count = feed.read_at(at, &mut piece[..wanted]).map_err(failure)?;
        at += count as u64;
        let ends = count == 0 || arrived.finished && at >= arrived.upto;
        let mut rest = &piece[..count];
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let line = match kept.is_empty() {
                true => &rest[..end],
                false => {
                    kept.extend_from_slice(&rest[..end]);
                    &kept[..]
                }
            };
            if !large && begins_object(line) && takes(line) {
                return Ok(at);
            }
            kept.clear();
            large = false;
            rest = &rest[end + 1..];
            begins = at - rest.len() as u64;
        }
        if ends {
            kept.extend_from_slice(rest);
            if !large && begins_object(&kept) && takes(&kept) {
                return Ok(at);
            }
            break;
        }
        // Of a line that is none of ours, or a large one, only its end is looked for.
        let may_be = !kept.is_empty() || may_begin_object(rest);
        match !large && may_be && kept.len() + rest.len() <= KEPT {
            true => kept.extend_from_slice(rest),
            false => {
                if !large && may_be {
                    first_large.get_or_insert(begins);
                }
                kept.clear();
                large = !rest.is_empty() || large;
            }
        }
    }
    if let Some(from) = first_large
        && let Some(line) = line_at(feed, from)?
    {
        takes(&line);
    }
    Ok(at)
}

/// The line that begins at an offset, without its end; `None` when it is too large to be read.
fn line_at(feed: &Feed, from: u64) -> Result<Option<Vec<u8>>, Failure> {
    let most = (MAX_LINE + 1).min(feed.arrived().upto.saturating_sub(from));
    let mut line = vec![0; most as usize];
    let count = feed.read_at(from, &mut line).map_err(|e| feed.failure(&e))?;
    line.truncate(memchr::memchr(b'\n', &line[..count]).unwrap_or(count));
    Ok((line.len() as u64 <= MAX_LINE).then_some(line))
}

/// Whether a line may be a record: what else it is, is no object.
fn begins_object(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
}

/// The same of the beginning of a line.
fn may_begin_object(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start(), [] | [b'{', ..])
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
        about.reads_payloads = !self.build.has_texts();
        about.caveats.extend(self.build.note().map(crate::domain::Caveat::from));
        self.feed.tell(&mut about);
        about
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.build.index()
    }

    fn is_as_begun(&self) -> bool {
        self.build.is_as_begun()
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
        // Which lines have a correlation only their events tell.
        if !can_search(pattern) || matches!(scope, Scope::Correlation(_)) {
            return None;
        }
        self.build.begin();
        let (build, records, names) = (&self.build, self.records(), Names::default());
        let (matcher, joints) = (Matcher::new(pattern), joints(pattern, &self.mapping));
        let search = Search { build, records, matcher, pattern, cancel, names, joints };
        Some(search.run(scope, told))
    }

    fn look(&self) -> Result<SourceChange, Failure> {
        let Some(watch) = &self.watch else { return Ok(SourceChange::Same) };
        if !self.build.is_complete() && self.build.failed().is_none() {
            // What is not read yet is looked at when it is.
            return Ok(SourceChange::Same);
        }
        let change = watch.look(&self.feed)?;
        if change == SourceChange::Grown {
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
            caveats.contains(&"in one stream versions go back or repeat: it is shown as the store has it".into()),
            "{caveats:?}"
        );
    }
}
