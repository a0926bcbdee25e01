//! A store read again in the background, and compared with what was known of it.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::outline::{Outline, Outlined};
use super::sample::Sample;
use super::signature::{Parts, Signature, ends_line};
use crate::domain::{Cancel, Failure, StreamName, address};
use crate::sources::Source;
use crate::sources::open::{OpenOptions, Opened, opened};

/// How many streams are asked for at once.
const STREAMS: usize = 1 << 16;

/// What is shown: a source, and what is known of it.
#[derive(Clone)]
pub struct Shown {
    /// The source.
    pub source: Arc<dyn Source>,
    /// Its streams in the order they became known, where that is not the order they are told in.
    pub streams: Option<Arc<Vec<u32>>>,
    /// What its end looks like.
    pub end: End,
    /// What its index says, once that was asked for.
    pub outline: Option<Outline>,
    /// What some of its events hold, as long as that could be read.
    pub sample: Option<Sample>,
}

/// What a writer in the middle of its write leaves, where the records do not show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct End {
    /// Whether it ends within a line, of what is lines.
    pub in_line: bool,
    /// Whether what was packed came out with a remark: its end is missing.
    pub remarked: bool,
}

impl End {
    /// The end of what was opened from an address and has been read.
    fn of(address: &OsStr, opened: &Opened) -> Self {
        Self {
            in_line: opened.lines && !ends_line(Path::new(address)),
            remarked: opened.packed.as_ref().is_some_and(|feed| !feed.damage().is_empty()),
        }
    }

    /// Whether its last record may be half of one.
    fn is_loose(self) -> bool {
        self.in_line || self.remarked
    }

    /// Whether this one is looser than the one before.
    fn is_looser(self, before: Self) -> bool {
        self.in_line && !before.in_line || self.remarked && !before.remarked
    }
}

/// Why a reading does not take the place of the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// It failed, or was written to meanwhile and says nothing for certain.
    Failed,
    /// Its last records are bad, or its end is missing, and that was not so before.
    Loose,
    /// It has fewer records: it may be written over just now.
    Fewer,
    /// It begins with other records. No writer is in the middle of that.
    Other,
}

/// What came out of a reading.
pub enum Outcome {
    /// It goes on where the one before ended, and has more when `grew`.
    Longer {
        /// What is to be shown from now on.
        shown: Box<Shown>,
        /// Whether there is more than before.
        grew: bool,
    },
    /// It does not.
    Refused(Refusal),
}

/// What is to be read, and how to tell.
pub struct Reading {
    /// Where.
    pub address: OsString,
    /// How.
    pub options: OpenOptions,
    /// What is shown now.
    pub before: Shown,
    /// Whether a loose end is taken as it is.
    pub lenient: bool,
    /// Which files it consists of.
    pub parts: Parts,
    /// What they look like before.
    pub signature: Signature,
    /// Ends it.
    pub cancel: Cancel,
}

/// A reading under way.
pub struct Running {
    /// What the store looked like from outside when it began.
    pub signature: Signature,
    answer: Arc<Answer>,
}

#[derive(Default)]
struct Answer {
    outcome: Mutex<Option<(Outcome, Duration)>>,
    told: Condvar,
}

impl Answer {
    fn lock(&self) -> MutexGuard<'_, Option<(Outcome, Duration)>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Begins one.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(reading: Reading) -> Result<Self, Failure> {
        let signature = reading.signature.clone();
        let answer = Arc::<Answer>::default();
        let name = address::shown(&reading.address);
        let (telling, began) = (answer.clone(), Instant::now());
        let work = move || {
            // A bug in here must not look like a reading that never ends.
            let read = catch_unwind(AssertUnwindSafe(|| reading.outcome()));
            drop(reading);
            let outcome = match read {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) | Err(_) => Outcome::Refused(Refusal::Failed),
            };
            *telling.lock() = Some((outcome, began.elapsed()));
            telling.told.notify_all();
        };
        thread::Builder::new()
            .name("read-again".into())
            .spawn(work)
            .map_err(|e| Failure::io(name, "start a thread", &e))?;
        Ok(Self { signature, answer })
    }

    /// What came out, and how long it took; `None` when it is not ready within this time.
    pub fn outcome(&self, patience: Duration) -> Option<(Outcome, Duration)> {
        let ready = self.answer.lock();
        let waited = self.answer.told.wait_timeout_while(ready, patience, |ready| ready.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.take()
    }
}

impl Reading {
    fn outcome(&self) -> Result<Outcome, Failure> {
        match self.read()? {
            // Of a database somebody wrote to meanwhile, pages of two states may have been read.
            Outcome::Refused(Refusal::Other) if !self.is_still()? => Ok(Outcome::Refused(Refusal::Failed)),
            outcome => Ok(outcome),
        }
    }

    /// Whether nobody wrote since it began.
    fn is_still(&self) -> Result<bool, Failure> {
        Ok(Signature::of(self.address.as_ref(), self.parts)?.same(&self.signature))
    }

    fn read(&self) -> Result<Outcome, Failure> {
        let cancel = &self.cancel;
        // A store that is written to again and again is not worth an entry in the cache each time.
        let options = OpenOptions { cache: None, looking: Default::default(), ..self.options.clone() };
        let found = opened(&self.address, &options)?;
        let source = &found.source;
        // What could not be read to its end before may still not be: what there is more of it counts.
        if let Err(failure) = source.complete(cancel, &mut |_| ())
            && (cancel.is_cancelled() || self.before.source.progress().complete)
        {
            return Err(failure);
        }
        let Some(before) = self.before.outline else { return Ok(Outcome::Refused(Refusal::Other)) };
        let Some(Outlined { whole, begins, begins_but_last }) = source.outline(Some(&before), cancel)? else {
            return Ok(Outcome::Refused(Refusal::Other));
        };
        let sample = self.before.sample.as_ref();
        if whole.records() < before.records() {
            return Ok(Outcome::Refused(Refusal::Fewer));
        }
        let begins = begins || begins_but_last && self.before.end.is_loose();
        if !begins || !sample.map_or(Ok(true), |sample| sample.holds(&**source, cancel))? {
            return Ok(Outcome::Refused(Refusal::Other));
        }
        let end = End::of(&self.address, &found);
        if !self.lenient && (whole.loose > before.loose || end.is_looser(self.before.end)) {
            return Ok(Outcome::Refused(Refusal::Loose));
        }
        let streams = match before.links + whole.links {
            0 => None,
            _ => self.streams(&**source, cancel)?,
        };
        let taken = Sample::of(&**source, &whole, cancel).ok();
        // What was read while somebody wrote may be anything; what held until now holds on.
        let sample = if self.is_still()? { taken } else { sample.cloned() };
        let grew = whole != before;
        let shown = Shown { source: found.source, streams, end, outline: Some(whole), sample };
        Ok(Outcome::Longer { shown: Box::new(shown), grew })
    }

    /// The streams of a source with links, in the order they became known. Streams that have only links are told behind
    /// all others, so a new stream comes before them.
    fn streams(&self, source: &dyn Source, cancel: &Cancel) -> Result<Option<Arc<Vec<u32>>>, Failure> {
        let mut places: HashMap<StreamName, u32> = HashMap::new();
        every_stream(source, cancel, &mut |name| {
            let place = places.len() as u32;
            places.insert(name, place);
        })?;
        let total = places.len();
        let mut names = Vec::new();
        every_stream(&*self.before.source, cancel, &mut |name| names.push(name))?;
        let mut order = Vec::with_capacity(total);
        for at in 0..names.len() {
            let known = self.before.streams.as_ref().and_then(|order| order.get(at)).map_or(at, |&at| at as usize);
            order.extend(names.get(known).and_then(|name| places.remove(name)));
        }
        let mut rest: Vec<u32> = places.into_values().collect();
        rest.sort_unstable();
        order.extend(rest);
        Ok((!order.is_sorted()).then(|| Arc::new(order)))
    }
}

impl Shown {
    /// What was opened just now.
    pub fn new(address: &OsStr, opened: Opened) -> Self {
        let end = End::of(address, &opened);
        Self { source: opened.source, streams: None, end, outline: None, sample: None }
    }
}

fn every_stream(source: &dyn Source, cancel: &Cancel, told: &mut dyn FnMut(StreamName)) -> Result<(), Failure> {
    let mut from = 0;
    loop {
        crate::sources::cancelled("the store", cancel)?;
        let page = source.streams(from, STREAMS)?;
        if page.streams.is_empty() {
            return Ok(());
        }
        from += page.streams.len();
        page.streams.into_iter().for_each(|summary| told(summary.stream));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::signature::file;
    use super::*;

    const LINE: &str = "a-1,1,T,{}\n";

    fn reading(address: &OsStr, cancel: Cancel) -> Reading {
        let options = OpenOptions::default();
        let mut before = Shown::new(address, opened(address, &options).unwrap());
        before.source.complete(&Cancel::default(), &mut |_| ()).unwrap();
        before.outline = before.source.outline(None, &cancel).ok().flatten().map(|outlined| outlined.whole);
        let signature = Signature::of(address.as_ref(), file).unwrap();
        let (address, parts) = (address.to_owned(), file as Parts);
        Reading { address, options, before, lenient: false, parts, signature, cancel }
    }

    #[test]
    fn a_reading_nobody_wants_ends_and_is_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.csv");
        std::fs::write(&path, "stream,version,type,data\n".to_owned() + &LINE.repeat(1000)).unwrap();
        let address = path.as_os_str();
        let cancel = Cancel::default();
        let (wanted, unwanted) = (reading(address, Cancel::default()), reading(address, cancel.clone()));
        cancel.cancel();
        for (reading, is_shown) in [(wanted, true), (unwanted, false)] {
            let before = Arc::downgrade(&reading.before.source);
            let running = Running::start(reading).unwrap();
            let (outcome, took) = running.outcome(Duration::from_secs(60)).unwrap();
            assert_eq!(matches!(outcome, Outcome::Longer { grew: false, .. }), is_shown);
            assert!(is_shown || matches!(outcome, Outcome::Refused(Refusal::Failed)));
            assert!(took > Duration::ZERO && running.outcome(Duration::ZERO).is_none(), "it is told once");
            assert!(before.upgrade().is_none(), "nothing is held on to");
        }
    }

    #[test]
    fn what_was_written_to_meanwhile_says_nothing_for_certain() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.csv");
        let head = "stream,version,type,data\n".to_owned();
        std::fs::write(&path, head.clone() + &LINE.repeat(10)).unwrap();
        let address = path.as_os_str();
        let read = |signature: Option<Signature>| {
            let mut reading = reading(address, Cancel::default());
            std::fs::write(&path, head.clone() + &LINE.repeat(5) + &LINE.repeat(7).replace('a', "b")).unwrap();
            reading.signature = signature.unwrap_or_else(|| Signature::of(&path, file).unwrap());
            let outcome = reading.outcome().unwrap();
            std::fs::write(&path, head.clone() + &LINE.repeat(10)).unwrap();
            match outcome {
                Outcome::Refused(refusal) => refusal,
                Outcome::Longer { .. } => panic!("it begins with others"),
            }
        };
        assert_eq!(read(None), Refusal::Other);
        let earlier = Signature::of(&path, file).unwrap();
        assert_eq!(read(Some(earlier)), Refusal::Failed);
    }
}
