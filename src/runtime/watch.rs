//! Follows the reading of the source: says what it is, how far it has come, and which streams are known.
//!
//! The invariant: what is said costs a bounded share of the time, however large the store: progress at most ten times a
//! second and only when it changed, and the list of streams so seldom that listing takes at most a tenth of the time.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::notice::{Notice, Outlet};
use crate::app::{Generation, Msg};
use crate::domain::{About, Cancel, Failure, FailureKind, Progress};
use crate::sources::Source;

/// How many streams are listed before the source is read: what fits a screen many times over.
const FIRST_STREAMS: usize = 2_000;

/// How many streams are asked for at once; between two questions the token is looked at.
const CHUNK: usize = 65_536;

const PROGRESS_EVERY: Duration = Duration::from_millis(100);
const LIST_EVERY: Duration = Duration::from_millis(200);

/// Listing takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// Says what is known, waits for `begin` (the first frame is painted), reads the source to its end and says what it
/// finds. Ends early when `begin` is dropped or the token says so.
pub(crate) fn watch(source: &dyn Source, begin: &Receiver<()>, cancel: &Cancel, outlet: &Outlet) {
    let mut reporter =
        Reporter { source, cancel, outlet, about: None, progress: None, listed: None, cost: Duration::ZERO };
    reporter.describe();
    reporter.progress(source.progress(), Due::Now);
    let first = reporter.list(FIRST_STREAMS);
    if let Err(failure) = first {
        reporter.fail(failure);
    }
    if !outlet.send(Notice::Opened) || begin.recv().is_err() {
        return;
    }
    let read = source.complete(cancel, &mut |progress| reporter.hear(progress));
    reporter.describe();
    reporter.progress(source.progress(), Due::Now);
    let read = read.and_then(|()| reporter.list(usize::MAX));
    if let Err(failure) = read {
        reporter.fail(failure);
    }
    outlet.send(Notice::SourceRead);
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
            self.say(Msg::SourceDescribed(about));
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
        self.say(Msg::SourceProgressed(progress));
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
        self.say(Msg::StreamsListed(Arc::new(streams)));
        Ok(())
    }

    fn fail(&self, failure: Failure) {
        // Cancelled is our own doing: the program ends.
        if failure.kind != FailureKind::Cancelled {
            self.say(Msg::JobFailed { generation: Generation::default(), failure });
        }
    }

    fn say(&self, msg: Msg) {
        if !self.outlet.say(msg) {
            self.cancel.cancel();
        }
    }
}
