//! The records of documents, by a format: read once for an index, and again by their places.

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::cursor::{Cursor, MAX_RECORD, Value};
use super::format::{Format, Reading, Skimmed, Sorting, Unreadable};
use super::walker::{Framing, Step, Walker};
use crate::domain::{About, Cancel, Event, Failure, SourceChange, Version};
use crate::sources::cache::{self, Keeper, Sequence};
use crate::sources::feed::Feed;
use crate::sources::files::envelope;
use crate::sources::files::plan::Plan;
use crate::sources::files::skim::Skimmer;
use crate::sources::index::Place;
use crate::sources::indexed::CHANGED;
use crate::sources::lacking;

/// The bits of a place that are an offset; those above number the feed.
const OFFSET_BITS: u32 = 42;
/// How much of a broken record is looked at to find where it belongs.
const FRONT: u64 = 64 << 10;

/// Documents of one format.
pub struct Documents {
    /// What they are called in messages.
    pub name: String,
    /// Where they lie, usually one.
    pub feeds: Vec<Arc<Feed>>,
    /// What stands around the records.
    pub framing: Framing,
    /// What the records say.
    pub format: Arc<dyn Format>,
    /// What is known without the records.
    pub about: About,
    /// What keeps the index between two runs; none for several files, and for what is not worth it.
    pub keeper: Option<Keeper>,
    /// What was found when they were read to their ends.
    pub remarked: Remarked,
    skimmers: Mutex<Vec<Skimmer>>,
}

/// What is said of documents only once they were read to their ends.
#[derive(Debug, Default)]
pub struct Remarked {
    /// Records that are no events.
    pub asides: AtomicU64,
    /// Whether one of them says that there is more than it holds.
    goes_on: AtomicBool,
}

impl Remarked {
    /// Forgets all, before they are read again.
    pub fn clear(&self) {
        self.set((0, false));
    }

    /// What is kept of it.
    pub fn save(&self, out: &mut cache::Kept<'_>) -> io::Result<()> {
        let goes_on = u64::from(self.goes_on.load(Ordering::Relaxed));
        out.written(|out| {
            out.number(self.asides.load(Ordering::Relaxed));
            out.number(goes_on);
        })
    }

    /// What was kept.
    pub fn restored(front: &mut Sequence) -> Option<(u64, bool)> {
        front.read(|read| Some((read.number()?, read.number()? != 0)))
    }

    /// Says again what was kept.
    pub fn set(&self, (asides, goes_on): (u64, bool)) {
        self.asides.store(asides, Ordering::Relaxed);
        self.goes_on.store(goes_on, Ordering::Relaxed);
    }
}

/// What the scan of a document finds.
pub enum Found<'a> {
    /// A record and what it is.
    Record(u64, Reading<'a>),
    /// A line without a record.
    Blank,
    /// A record too large to be read, and its size.
    Large(u64, u64),
}

impl Documents {
    /// What became of the files they lie in.
    ///
    /// # Errors
    /// When that cannot be told.
    pub fn look(&self) -> Result<SourceChange, Failure> {
        for feed in &self.feeds {
            match feed.look()? {
                SourceChange::Same => {}
                change => return Ok(change),
            }
        }
        Ok(SourceChange::Same)
    }

    /// Documents in these feeds.
    pub fn new(
        name: String,
        feeds: Vec<Arc<Feed>>,
        framing: Framing,
        format: Arc<dyn Format>,
        about: About,
        keeper: Option<Keeper>,
    ) -> Self {
        Self { name, feeds, framing, format, about, keeper, remarked: Remarked::default(), skimmers: Mutex::default() }
    }

    /// What is known of them, with what is remarked on the bytes.
    pub fn about(&self) -> About {
        let asides = self.remarked.asides.load(Ordering::Relaxed);
        let mut about = self.about.clone();
        self.feeds.iter().for_each(|feed| feed.tell(&mut about));
        if asides > 0 {
            let text = self.format.asides(asides);
            if self.format.misses_asides() {
                about.doubts.push(text.clone());
            }
            about.caveats.push(text.into());
        }
        if self.remarked.goes_on.load(Ordering::Relaxed) {
            let text = "it is a page of a longer answer: it says itself that more follows, which is not here";
            about.doubts.push(text.into());
            about.caveats.push(text.into());
        }
        about
    }

    fn is_sorted(&self) -> bool {
        self.format.sorting() != Sorting::None
    }

    fn skimmer(&self) -> Skimmer {
        let idle = self.skimmers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Skimmer::new(Plan::new(&self.format.wanted())))
    }

    fn give_back(&self, skimmer: Skimmer) {
        self.skimmers.lock().unwrap_or_else(PoisonError::into_inner).push(skimmer);
    }

    /// Tells every record of a feed, with how far the walk has come; ends early when `told` says so.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn scan(
        &self,
        feed: usize,
        stop: &AtomicBool,
        told: &mut dyn FnMut(Found<'_>, u64) -> Result<bool, Failure>,
    ) -> Result<u64, Failure> {
        let start = beginning(&self.feeds[feed])?;
        let mut walker = Walker::new(&self.feeds[feed], stop, self.framing.clone(), start);
        let (mut skimmer, mut probe) = (self.skimmer(), self.skimmer());
        skimmer.collects(false);
        probe.collects(false);
        let place = |offset: u64| (feed as u64) << OFFSET_BITS | offset;
        loop {
            let mut is_event = |text: &[u8]| {
                let Ok(text) = self.rewritten(text) else { return false };
                self.skim(&mut probe, &text).is_ok()
                    && matches!(self.format.read(Skimmed { text: &text, skimmer: &probe }), Reading::Event(_))
            };
            let step = walker.next(&mut is_event)?;
            let upto = walker.offset();
            let goes_on = match step {
                Step::End => break,
                Step::Blank => told(Found::Blank, upto)?,
                Step::Large(offset, size) => told(Found::Large(place(offset), size), upto)?,
                Step::Bad(offset, reason) => {
                    let front = self.front(&self.feeds[feed], offset)?;
                    let bad = self.unreadable(&front, &mut skimmer, reason);
                    told(Found::Record(place(offset), Reading::Bad(bad)), upto)?
                }
                Step::Record(offset, text) => {
                    let text = self.rewritten(&text);
                    let reading = match &text {
                        Ok(text) => match self.skim(&mut skimmer, text) {
                            Ok(()) => self.format.read(Skimmed { text, skimmer: &skimmer }),
                            Err(reason) => {
                                Reading::Bad(self.format.unreadable(Skimmed { text, skimmer: &skimmer }, reason))
                            }
                        },
                        Err(reason) => Reading::bad(reason.clone()),
                    };
                    told(Found::Record(place(offset), reading), upto)?
                }
            };
            if !goes_on {
                break;
            }
        }
        self.give_back(skimmer);
        self.give_back(probe);
        self.remarked.goes_on.fetch_or(walker.goes_on(), Ordering::Relaxed);
        Ok(walker.offset())
    }

    /// A record as the format reads it.
    fn rewritten<'a>(&self, text: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        match self.format.rewritten(text) {
            None => Ok(Cow::Borrowed(text)),
            Some(rewritten) => rewritten.map(Cow::Owned),
        }
    }

    fn skim(&self, skimmer: &mut Skimmer, text: &[u8]) -> Result<(), String> {
        let said = |fault: crate::sources::files::scan::Fault| format!("{} at byte {}", fault.reason, fault.at);
        match skimmer.skim(text) {
            Ok(end) if end == text.len() => Ok(()),
            Ok(_) => Err(CHANGED.into()),
            Err(fault) if self.format.reads_bytes() && std::str::from_utf8(text).is_err() => {
                // Bytes stand in for what is no text, so that every value is where it is.
                skimmer.skim(&without_bytes(text)).map(drop).map_err(|_| said(fault))
            }
            Err(fault) => Err(said(fault)),
        }
    }

    /// The beginning of a record that is broken somewhere, without line breaks; a number that ends it may not be all of it.
    fn front(&self, feed: &Arc<Feed>, offset: u64) -> Result<Vec<u8>, Failure> {
        let mut front = vec![0; feed.arrived().upto.saturating_sub(offset).min(FRONT) as usize];
        let count = feed.read_at(offset, &mut front).map_err(|e| feed.failure(&e))?;
        front.truncate(count);
        let numeral = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        front.truncate(front.iter().rposition(|byte| !numeral(byte)).map_or(0, |last| last + 1));
        front.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        Ok(front)
    }

    /// What is known of a record that is broken behind its beginning.
    fn unreadable<'a>(&'a self, front: &'a [u8], skimmer: &'a mut Skimmer, reason: String) -> Unreadable<'a> {
        // What was rewritten was read to its end before.
        if self.format.rewritten(front).is_some() {
            return reason.into();
        }
        match skimmer.skim(front) {
            Err(_) => self.format.unreadable(Skimmed { text: front, skimmer }, reason),
            // The walk does not go on behind it.
            Ok(_) => reason.into(),
        }
    }

    /// The events at these places, in their order, until `budget` bytes are read (but at least one).
    ///
    /// # Errors
    /// When they cannot be read, or the read was cancelled.
    pub fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        let stop = AtomicBool::new(false);
        let mut cursors: Vec<Option<Cursor<'_>>> = self.feeds.iter().map(|_| None).collect();
        let mut skimmer = self.skimmer();
        skimmer.collects(true);
        let (mut events, mut read) = (Vec::with_capacity(places.len()), 0);
        for (number, place) in places.iter().enumerate() {
            crate::sources::cancelled(&self.name, cancel)?;
            let (feed, offset) = ((place.offset >> OFFSET_BITS) as usize, place.offset & ((1 << OFFSET_BITS) - 1));
            let feed_of = &self.feeds[feed.min(self.feeds.len() - 1)];
            let cursor =
                cursors[feed.min(self.feeds.len() - 1)].get_or_insert_with(|| Cursor::new(feed_of, &stop, offset));
            cursor.seek(offset)?;
            let event = match place.oversize {
                Some(size) => self.trouble(place, too_large(size), Bytes::new()),
                None => self.event(cursor, feed_of, offset, place, &mut skimmer)?,
            };
            read += event.payload_bytes();
            events.push(Arc::new(event));
            if places.get(number + 1).is_none_or(|next| next.offset > place.offset) {
                cursor.release();
            }
            if read >= budget {
                break;
            }
        }
        self.give_back(skimmer);
        Ok(events)
    }

    fn event(
        &self,
        cursor: &mut Cursor<'_>,
        feed: &Arc<Feed>,
        offset: u64,
        place: &Place,
        skimmer: &mut Skimmer,
    ) -> Result<Event, Failure> {
        let (text, raw, unfinished) = match self.framing {
            Framing::Lines => match cursor.line()? {
                Err(size) => return Ok(self.trouble(place, too_large(size), Bytes::new())),
                Ok((range, ended)) => {
                    let line = cursor.bytes(range);
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    let raw = Bytes::copy_from_slice(line);
                    (raw.clone(), raw, !ended)
                }
            },
            _ => match cursor.value()? {
                Value::Large(size) => return Ok(self.trouble(place, too_large(size), Bytes::new())),
                Value::Fault(at, reason) => {
                    return self.broken(feed, offset, place, skimmer, format!("{reason} at byte {at}"));
                }
                Value::Cut => {
                    let why = "incomplete: the file ends within this record";
                    return self.broken(feed, offset, place, skimmer, why.into());
                }
                Value::Whole(range, breaks) => {
                    let text = Bytes::copy_from_slice(cursor.bytes(range));
                    let mut raw = text.clone();
                    if breaks > 0 {
                        // Payloads are shown as they are stored, line breaks included.
                        let mut again = vec![0; text.len()];
                        let count = feed.read_at(offset, &mut again).map_err(|e| feed.failure(&e))?;
                        if count == again.len() {
                            raw = Bytes::from(again);
                        }
                    }
                    (text, raw, false)
                }
            },
        };
        // What was rewritten is what is stored, as far as anybody above can tell.
        let (text, stored) = match self.format.rewritten(&text) {
            None => (text, raw.clone()),
            Some(Ok(text)) => {
                let text = Bytes::from(text);
                (text.clone(), text)
            }
            Some(Err(reason)) if place.event.is_none() => return Ok(self.trouble(place, reason, raw)),
            Some(Err(_)) => return Ok(self.trouble(place, CHANGED.into(), raw)),
        };
        let reading = match self.skim(skimmer, &text) {
            Ok(()) => self.format.read(Skimmed { text: &text, skimmer }),
            Err(reason) => {
                let reason = if unfinished { "incomplete: the file ends within this line".into() } else { reason };
                Reading::Bad(self.format.unreadable(Skimmed { text: &text, skimmer }, reason))
            }
        };
        let basics = match (reading, &place.event) {
            (Reading::Event(basics), Some(placed)) if placed.readable => basics,
            (Reading::Bad(bad), _) => return Ok(self.bad(place, bad, raw)),
            _ => return Ok(self.trouble(place, CHANGED.into(), raw)),
        };
        let Some(placed) = &place.event else { return Ok(self.trouble(place, CHANGED.into(), raw)) };
        if placed.stream.as_str() != basics.stream
            || basics.version.is_some_and(|version| version != placed.version)
            || placed.event_type.as_ref().is_some_and(|kept| **kept != *basics.event_type)
        {
            return Ok(self.trouble(place, CHANGED.into(), raw));
        }
        let mut parts = self.format.parts(Skimmed { text: &text, skimmer }, &stored);
        lacking::note_twice(&mut parts.notes, skimmer.twice());
        Ok(Event {
            id: parts.id,
            time: basics.time,
            data: parts.data,
            metadata: parts.metadata,
            fields: parts.fields,
            correlation: parts.correlation,
            causation: parts.causation,
            notes: parts.notes,
            ..Event::new(
                placed.stream.clone(),
                Version(placed.version),
                parts.position.unwrap_or_else(|| place.position(self.about.counts_positions)),
                placed.event_type.clone().unwrap_or_else(|| Arc::from(&*basics.event_type)),
            )
        })
    }

    /// The bytes of a record that cannot be read, up to the next one.
    fn rest(&self, feed: &Arc<Feed>, offset: u64, place: &Place) -> Result<Bytes, Failure> {
        let limit = if place.limit > place.offset && !self.is_sorted() { place.limit - place.offset } else { 4096 };
        let mut bytes = vec![0; limit.min(MAX_RECORD as u64).min(feed.arrived().upto.saturating_sub(offset)) as usize];
        let count = feed.read_at(offset, &mut bytes).map_err(|e| feed.failure(&e))?;
        bytes.truncate(count);
        Ok(Bytes::from(bytes).slice_ref_trimmed())
    }

    fn broken(
        &self,
        feed: &Arc<Feed>,
        offset: u64,
        place: &Place,
        skimmer: &mut Skimmer,
        reason: String,
    ) -> Result<Event, Failure> {
        let (rest, front) = (self.rest(feed, offset, place)?, self.front(feed, offset)?);
        Ok(self.bad(place, self.unreadable(&front, skimmer, reason), rest))
    }

    /// A record that is no event, unless it is another than when the file was opened.
    fn bad(&self, place: &Place, bad: Unreadable<'_>, raw: Bytes) -> Event {
        let same = match &place.event {
            Some(placed) => !placed.readable && bad.stream.as_deref() == Some(placed.stream.as_str()),
            None => bad.stream.is_none(),
        };
        if !same {
            return self.trouble(place, CHANGED.into(), raw);
        }
        let event_type = bad.event_type.unwrap_or_default().as_ref().into();
        let event = Event { event_type, ..self.trouble(place, bad.reason, raw) };
        match bad.position {
            Some(position) => Event { position, ..event },
            None => event,
        }
    }

    fn trouble(&self, place: &Place, reason: String, raw: Bytes) -> Event {
        let mut event = envelope::trouble(place, reason, raw, self.about.counts_positions);
        if let Some(trouble) = &mut event.trouble
            && self.framing != Framing::Lines
        {
            let offset = place.offset & ((1 << OFFSET_BITS) - 1);
            trouble.place = match self.is_sorted() {
                true => format!("byte {offset}"),
                false => format!("record {}", place.line),
            };
        }
        event
    }
}

/// Bytes without the white space around them.
trait Trimmed {
    fn slice_ref_trimmed(&self) -> Self;
}

impl Trimmed for Bytes {
    fn slice_ref_trimmed(&self) -> Self {
        self.slice_ref(self.trim_ascii())
    }
}

/// Where the text of a feed begins: behind a byte order mark.
///
/// # Errors
/// When it cannot be read.
pub fn beginning(feed: &Feed) -> Result<u64, Failure> {
    let stop = AtomicBool::new(false);
    feed.wait_beyond(2, &stop);
    let mut mark = [0; 3];
    let count = feed.read_at(0, &mut mark).map_err(|e| feed.failure(&e))?;
    Ok(if mark[..count] == *"\u{feff}".as_bytes() { 3 } else { 0 })
}

/// The same text with a `?` for every byte that belongs to no character.
fn without_bytes(text: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        clean.extend_from_slice(chunk.valid().as_bytes());
        clean.resize(clean.len() + chunk.invalid().len(), b'?');
    }
    clean
}

fn too_large(size: u64) -> String {
    let size = size as f64 / f64::from(1 << 20);
    format!("the record has {size:.1} MiB; records over {} MiB are listed, not read", MAX_RECORD >> 20)
}
