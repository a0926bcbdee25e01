//! Documents whose records lie in another order than the events happened: scanned to the end, then sorted.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::format::{Basics, Reading, Sorting};
use super::records::{Documents, Found, Remarked};
use crate::domain::{About, Cancel, Event, Failure, SourceChange, StreamKind, Timestamp};
use crate::sources::Source;
use crate::sources::cache::{self, Keeper, Sequence};
use crate::sources::index::Place;
use crate::sources::sorted::{self, Draft, Order, Records, Restored, Walk};

struct Ordered {
    documents: Documents,
}

/// Opens documents as a source.
///
/// # Errors
/// When a small file cannot be read.
pub fn open(documents: Documents) -> Result<Arc<dyn Source>, Failure> {
    sorted::open(Ordered { documents })
}

impl Records for Ordered {
    fn look(&self) -> Result<SourceChange, Failure> {
        self.documents.look()
    }

    fn name(&self) -> String {
        self.documents.name.clone()
    }

    fn about(&self) -> About {
        self.documents.about()
    }

    fn scan(&self, walk: &mut Walk<'_>) -> Result<(), Failure> {
        let by_version = self.documents.format.sorting() == Sorting::ByVersion;
        let mut kept = Kept::default();
        let total = || {
            let arrived = self.documents.feeds.iter().map(|feed| feed.arrived());
            arrived.map(|arrived| if arrived.finished { arrived.upto } else { 0 }).sum::<u64>()
        };
        let mut before = 0;
        self.documents.remarked.clear();
        for feed in 0..self.documents.feeds.len() {
            let stop = walk.stop();
            let end = self.documents.scan(feed, stop, &mut |found, upto| {
                match found {
                    Found::Blank => {}
                    Found::Large(at, _) => walk.trouble(at),
                    Found::Record(at, Reading::Bad(bad)) => match &bad.stream {
                        None => walk.trouble(at),
                        Some(stream) if by_version => kept.keep(at, stream, None, (bad.version, None)),
                        Some(stream) => walk.unreadable(at, bad.order, stream.as_bytes(), bad.version),
                    },
                    Found::Record(_, Reading::Aside) => {
                        self.documents.remarked.asides.fetch_add(1, Ordering::Relaxed);
                    }
                    Found::Record(at, Reading::Event(basics)) if by_version => {
                        let Basics { stream, event_type, version, time, .. } = &basics;
                        kept.keep(at, stream, Some(event_type), (*version, *time));
                    }
                    Found::Record(at, Reading::Event(basics)) => walk.event(Draft {
                        at,
                        order: basics.order,
                        stream: basics.stream.as_bytes(),
                        event_type: basics.event_type.as_bytes(),
                        version: basics.version,
                        time: basics.time,
                    }),
                }
                walk.progress(before + upto, total());
                Ok(!walk.is_stopped())
            })?;
            before += end;
        }
        kept.tell(walk);
        Ok(())
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        self.documents.events(places, budget, cancel)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        self.documents.format.kind_of(stream)
    }

    fn keeper(&self) -> Option<&Keeper> {
        self.documents.keeper.as_ref()
    }

    fn save(&self, out: &mut cache::Kept<'_>) -> io::Result<()> {
        self.documents.remarked.save(out)
    }

    fn restore<'a>(&'a self, front: &mut Sequence, _stop: &AtomicBool) -> Option<Restored<'a>> {
        let remarked = Remarked::restored(front)?;
        Some(Box::new(move || self.documents.remarked.set(remarked)))
    }
}

/// Events that are kept until all are there: their versions decide, and time only between streams.
#[derive(Default)]
struct Kept {
    names: HashMap<String, u32>,
    rows: Vec<Row>,
}

struct Row {
    stream: u32,
    /// None of a record that cannot be read.
    event_type: Option<u32>,
    version: Option<u64>,
    time: Option<Timestamp>,
    at: u64,
}

impl Kept {
    fn name(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.into(), number);
        number
    }

    fn keep(
        &mut self,
        at: u64,
        stream: &str,
        event_type: Option<&str>,
        (version, time): (Option<u64>, Option<Timestamp>),
    ) {
        let (stream, event_type) = (self.name(stream), event_type.map(|name| self.name(name)));
        self.rows.push(Row { stream, event_type, version, time, at });
    }

    fn tell(mut self, walk: &mut Walk<'_>) {
        let mut names = vec![""; self.names.len()];
        for (name, &number) in &self.names {
            names[number as usize] = name;
        }
        let name = |number: u32| names[number as usize];
        self.rows.sort_by(|a, b| (name(a.stream), a.version, a.time).cmp(&(name(b.stream), b.version, b.time)));
        // An event is shown no earlier than the one before it in its stream, whatever its time says.
        let (mut stream, mut latest) = (None, i64::MIN);
        for row in &self.rows {
            if stream != Some(row.stream) {
                (stream, latest) = (Some(row.stream), i64::MIN);
            }
            latest = latest.max(row.time.map_or(i64::MIN, |time| time.as_microsecond()));
            let (order, stream) = (Order(latest, 0), name(row.stream).as_bytes());
            match row.event_type {
                None => walk.unreadable(row.at, Some(order), stream, row.version),
                Some(event_type) => walk.event(Draft {
                    at: row.at,
                    order,
                    stream,
                    event_type: name(event_type).as_bytes(),
                    version: row.version,
                    time: row.time,
                }),
            }
        }
    }
}
