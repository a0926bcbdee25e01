//! Documents whose records lie in another order than the events happened: scanned to the end, then sorted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::format::Reading;
use super::records::{Documents, Found};
use crate::domain::{About, Cancel, Event, Failure, StreamKind};
use crate::sources::Source;
use crate::sources::index::Place;
use crate::sources::sorted::{self, Draft, Records, Walk};

struct Ordered {
    documents: Documents,
    asides: AtomicU64,
}

/// Opens documents as a source.
///
/// # Errors
/// When a small file cannot be read.
pub fn open(documents: Documents) -> Result<Arc<dyn Source>, Failure> {
    sorted::open(Ordered { documents, asides: AtomicU64::new(0) })
}

impl Records for Ordered {
    fn name(&self) -> String {
        self.documents.name.clone()
    }

    fn about(&self) -> About {
        let mut about = self.documents.about();
        match self.asides.load(Ordering::Relaxed) {
            0 => {}
            count => about.caveats.push(self.documents.format.asides(count)),
        }
        about
    }

    fn scan(&self, walk: &mut Walk<'_>) -> Result<(), Failure> {
        let total = || {
            let arrived = self.documents.feeds.iter().map(|feed| feed.arrived());
            arrived.map(|arrived| if arrived.finished { arrived.upto } else { 0 }).sum::<u64>()
        };
        let mut before = 0;
        self.asides.store(0, Ordering::Relaxed);
        for feed in 0..self.documents.feeds.len() {
            let stop = walk.stop();
            let end = self.documents.scan(feed, stop, &mut |found, upto| {
                match found {
                    Found::Blank => {}
                    Found::Large(at, _) | Found::Record(at, Reading::Bad(_)) => walk.trouble(at),
                    Found::Record(_, Reading::Aside) => {
                        self.asides.fetch_add(1, Ordering::Relaxed);
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
        Ok(())
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        self.documents.events(places, budget, cancel)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        self.documents.format.kind_of(stream)
    }
}
