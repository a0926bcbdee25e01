//! Follows the reading of the source: says what it is, how far it has come, and which streams are known.
//!
//! The invariant: what is said costs a bounded share of the time, however large the store: progress at most ten times a
//! second and only when it changed, and the list of streams so seldom that listing takes at most a tenth of the time.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::Reducers;
use super::threads::{Outlet, Word};
use crate::ask::{Generation, Told};
use crate::domain::{About, Cancel, Failure, FailureKind, Progress, SourceChange};
use crate::session::categories;
use crate::sources::Source;

/// How many streams are listed before the source is read: what fits a screen many times over.
const FIRST_STREAMS: usize = 2_000;

/// How many streams are asked for at once; between two questions the token is looked at.
const CHUNK: usize = 65_536;

/// How long after the first frame reading begins.
const BREATH: Duration = Duration::from_millis(50);

const PROGRESS_EVERY: Duration = Duration::from_millis(100);
const LIST_EVERY: Duration = Duration::from_millis(200);

/// Listing takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// Starts the thread that reads a source to its end and then looks after it.
///
/// # Errors
/// When the system refuses the thread.
pub(super) fn start(
    (source, reducers): (Arc<dyn Source>, Reducers),
    begun: Receiver<()>,
    reading: Cancel,
    outlet: Outlet,
) -> std::io::Result<()> {
    let threads = Arc::clone(&outlet.threads);
    let work = move || {
        watch(&*source, &begun, &reading, &outlet);
        remark(&*source, &reducers, &outlet);
        if !reading.is_cancelled() {
            follow(&*source, &reading, &outlet);
        }
    };
    threads.start("watch", Box::new(work))
}

/// Says what the project files name that is not in the source, now that it is read.
fn remark(source: &dyn Source, reducers: &Reducers, outlet: &Outlet) {
    let remarks = match reducers() {
        Ok(book) => categories(source).map(|categories| book.remarks(&categories)).unwrap_or_default(),
        Err(failure) => vec![format!("nothing is folded: {failure}")],
    };
    if !remarks.is_empty() {
        outlet.say(Told::ProjectRemarked(remarks));
    }
}

/// Says what is known, waits for `begin` (the first frame is painted), reads the source to its end and says what it
/// finds. Ends early when `begin` is dropped or the token says so.
fn watch(source: &dyn Source, begin: &Receiver<()>, cancel: &Cancel, outlet: &Outlet) {
    let mut reporter =
        Reporter { source, cancel, outlet, about: None, progress: None, listed: None, cost: Duration::ZERO };
    reporter.describe();
    reporter.progress(source.progress(), Due::Now);
    let first = reporter.list(FIRST_STREAMS);
    if let Err(failure) = first {
        reporter.fail(failure);
    }
    if !outlet.send(Word::Opened) || begin.recv().is_err() {
        return;
    }
    // The first screens (what is there, the first stream, its state) have the machine to themselves.
    outlet.threads.pause(BREATH);
    outlet.threads.begins("source");
    let read = source.complete(cancel, &mut |progress| reporter.hear(progress));
    reporter.describe();
    reporter.progress(source.progress(), Due::Now);
    let read = read.and_then(|()| reporter.list(usize::MAX));
    if let Err(failure) = read {
        reporter.fail(failure);
    }
    outlet.send(Word::SourceRead);
}

/// How often the source is looked at once it has been read.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks whether the source is still what was opened, until the token says so. What has grown is read and said; anything
/// else is said once and left to the person.
fn follow(source: &dyn Source, cancel: &Cancel, outlet: &Outlet) {
    let mut reporter =
        Reporter { source, cancel, outlet, about: None, progress: None, listed: None, cost: Duration::ZERO };
    reporter.about = Some(source.about());
    reporter.progress = Some((source.progress(), Instant::now()));
    // What was taken for an event by its front alone is read whole now, so that the count of bad records becomes exact.
    let checked = source.check(cancel, &mut |progress| reporter.progress(progress, Due::InTime));
    reporter.progress(source.progress(), Due::Now);
    match checked {
        Ok(()) => reporter.describe(),
        Err(failure) => reporter.fail(failure),
    }
    let mut failed = false;
    // What is no longer what was opened may stay so for long; it is told once.
    let mut told = SourceChange::Same;
    loop {
        // Listing what a large store holds takes its time: never most of it.
        let pause = LOOK_EVERY.max(reporter.cost * SHARE);
        // One wake a look: an idle program does nothing else. Nobody waits for this thread to end.
        outlet.threads.pause(pause);
        if cancel.is_cancelled() {
            return;
        }
        match source.look() {
            Ok(SourceChange::Same) => failed = false,
            Ok(SourceChange::Grown) => {
                (failed, told) = (false, SourceChange::Same);
                reporter.say(Told::SourceChanged(SourceChange::Grown));
                let read = source.complete(cancel, &mut |progress| reporter.hear(progress));
                reporter.describe();
                reporter.progress(source.progress(), Due::Now);
                if let Err(failure) = read.and_then(|()| reporter.list(usize::MAX)) {
                    reporter.fail(failure);
                }
            }
            Ok(change) if change == told => {}
            Ok(change) => {
                told = change;
                reporter.say(Told::SourceChanged(change));
            }
            Err(failure) if !failed => {
                failed = true;
                reporter.fail(failure);
            }
            Err(_) => {}
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Now,
    InTime,
}

struct Reporter<'a> {
    source: &'a dyn Source,
    cancel: &'a Cancel,
    outlet: &'a Outlet,
    about: Option<About>,
    /// The last progress said, and when.
    progress: Option<(Progress, Instant)>,
    /// When the list was last said, and how many streams and events were known then.
    listed: Option<(Instant, u64, u64)>,
    /// How long the last listing took.
    cost: Duration,
}

impl Reporter<'_> {
    fn describe(&mut self) {
        let about = self.source.about();
        if self.about.as_ref() != Some(&about) {
            self.about = Some(about.clone());
            self.say(Told::SourceDescribed(Box::new(about)));
        }
    }

    fn hear(&mut self, progress: Progress) {
        self.progress(progress, Due::InTime);
        let due = match self.listed {
            Some((when, streams, events)) => {
                (streams, events) != (progress.streams, progress.events)
                    && when.elapsed() >= LIST_EVERY.max(self.cost * SHARE)
            }
            None => true,
        };
        // The end is listed in any case.
        if due && !progress.complete {
            self.describe();
            // A failure here is met again at the end, and said then.
            let _ = self.list(usize::MAX);
        }
    }

    fn progress(&mut self, progress: Progress, due: Due) {
        let known = self.progress.as_ref();
        if known.is_some_and(|(said, _)| *said == progress)
            || due == Due::InTime && known.is_some_and(|(_, when)| when.elapsed() < PROGRESS_EVERY)
        {
            return;
        }
        self.progress = Some((progress, Instant::now()));
        self.say(Told::SourceProgressed(progress));
    }

    /// Says the list of the streams known now, at most `limit` of them.
    fn list(&mut self, limit: usize) -> Result<(), Failure> {
        let start = Instant::now();
        let progress = self.source.progress();
        let mut streams = Vec::new();
        loop {
            let page = self.source.streams(streams.len(), CHUNK.min(limit - streams.len()))?;
            let total = page.total;
            if page.streams.is_empty() {
                break;
            }
            if streams.is_empty() {
                streams.reserve_exact(total.min(limit));
            }
            streams.extend(page.streams);
            if streams.len() >= total.min(limit) {
                break;
            }
            if self.cancel.is_cancelled() {
                return Ok(());
            }
        }
        self.cost = start.elapsed();
        self.listed = Some((Instant::now(), progress.streams, progress.events));
        self.say(Told::StreamsListed(Arc::new(streams)));
        Ok(())
    }

    fn fail(&self, failure: Failure) {
        // Cancelled is our own doing: the program ends.
        if failure.kind != FailureKind::Cancelled {
            self.say(Told::JobFailed { generation: Generation::default(), failure });
        }
    }

    fn say(&self, told: Told) {
        if !self.outlet.say(told) {
            self.cancel.cancel();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::threads::testing;
    use super::*;
    use crate::domain::{EventPage, EventQuery, Scope, StreamName, StreamPage, StreamSummary, Version};

    /// A store that grows by `chunk` streams at each step of its reading.
    struct Growing {
        known: std::sync::atomic::AtomicUsize,
        steps: usize,
        chunk: usize,
        failure: Option<Failure>,
    }

    impl Growing {
        fn new(steps: usize, chunk: usize) -> Self {
            Self { known: chunk.into(), steps, chunk, failure: None }
        }

        fn known(&self) -> usize {
            self.known.load(std::sync::atomic::Ordering::Relaxed)
        }
    }

    impl Source for Growing {
        fn about(&self) -> About {
            About { name: "growing".to_owned(), ..About::default() }
        }

        fn progress(&self) -> Progress {
            let known = self.known() as u64;
            Progress { streams: known, events: known, ..Progress::default() }
        }

        fn begin(&self) {}

        fn complete(&self, cancel: &Cancel, told: &mut dyn FnMut(Progress)) -> Result<(), Failure> {
            for _ in 0..self.steps {
                if cancel.is_cancelled() {
                    return Err(Failure::cancelled("growing", "read"));
                }
                self.known.fetch_add(self.chunk, std::sync::atomic::Ordering::Relaxed);
                told(self.progress());
            }
            self.failure.clone().map_or(Ok(()), Err)
        }

        fn streams(&self, from: usize, limit: usize) -> Result<StreamPage, Failure> {
            let total = self.known();
            let streams = (from..total.min(from.saturating_add(limit)))
                .map(|number| StreamSummary {
                    stream: StreamName::from(number.to_string().as_str()),
                    events: 1,
                    first_version: Version(0),
                    last_version: Version(0),
                    first_time: None,
                    last_time: None,
                    kind: crate::domain::StreamKind::Domain,
                })
                .collect();
            Ok(StreamPage { streams, total, partial: true })
        }

        fn stream(&self, _: &StreamName) -> Result<Option<StreamSummary>, Failure> {
            Ok(None)
        }

        fn events(&self, _: &EventQuery, _: &Cancel) -> Result<EventPage, Failure> {
            Ok(EventPage::default())
        }

        fn translate(&self, _: &Scope, _: u64, _: &Scope) -> Result<Option<u64>, Failure> {
            Ok(None)
        }
    }

    /// What is said of a source that is read to its end at once: words for messages, numbers for lists.
    fn said(source: &Growing) -> Vec<String> {
        let (outlet, heard) = testing::outlet();
        let (begin, begun) = channel();
        begin.send(()).unwrap();
        watch(source, &begun, &Cancel::default(), &outlet);
        let mut said = Vec::new();
        while let Ok(heard) = heard.try_recv() {
            said.push(match heard.word {
                Word::Told(Told::SourceDescribed(_)) => "about".to_owned(),
                Word::Told(Told::SourceProgressed(_)) => "progress".to_owned(),
                Word::Told(Told::StreamsListed(streams)) => streams.len().to_string(),
                Word::Told(Told::JobFailed { failure, .. }) => failure.why,
                other => format!("{other:?}"),
            });
        }
        said
    }

    #[test]
    fn a_source_is_described_listed_in_part_read_and_listed_whole() {
        let said = said(&Growing::new(1, 100_000));
        assert_eq!(said, ["about", "progress", "2000", "Opened", "progress", "200000", "SourceRead"]);
    }

    #[test]
    fn what_is_said_while_it_is_read_does_not_grow_with_how_often_it_is_told() {
        let said = said(&Growing::new(100_000, 1));
        let lists = said.iter().filter(|word| word.parse::<u64>().is_ok()).count();
        assert_eq!(said.last().map(String::as_str), Some("SourceRead"));
        assert!(said.contains(&"100001".to_owned()));
        // Telling takes no time worth a tenth of a second for each message here.
        assert!(said.len() < 1_000 && lists < 200, "{} messages, {lists} lists", said.len());
    }

    #[test]
    fn what_goes_wrong_is_told_once() {
        let failure = Failure::new(FailureKind::Io, "growing", "read", "the disk is on fire");
        let source = Growing { failure: Some(failure), ..Growing::new(1, 10) };
        assert_eq!(said(&source).iter().filter(|word| *word == "the disk is on fire").count(), 1);
    }

    #[test]
    fn nothing_is_read_before_the_first_frame() {
        let (outlet, heard) = testing::outlet();
        let (begin, begun) = channel::<()>();
        drop(begin);
        let source = Growing::new(1, 10);
        watch(&source, &begun, &Cancel::default(), &outlet);
        assert_eq!(source.known(), 10);
        while let Ok(heard) = heard.try_recv() {
            assert!(!matches!(heard.word, Word::SourceRead));
        }
    }
}
