//! Searches the history of a stream, in slices, without moving any cursor.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use super::driving::{Kept, largest_slice, next_slice, stopped, suspended};
use super::{Cancel, Direction, Failure, FoldError, StreamName, Walker};
use crate::domain::{EventQuery, Unjudged};
use crate::replay::{Advance, Budget, Hit, Scan, Stops};

/// What a search comes to.
#[derive(Debug)]
pub enum Step {
    /// A place where something holds.
    Hit(Hit),
    /// So many of so many events are judged.
    Underway {
        /// Judged so far.
        judged: u64,
        /// To judge in all, as far as known.
        of: u64,
    },
}

/// How a search ended.
#[derive(Debug)]
pub struct Searched {
    /// What could not be judged, and why.
    pub unjudged: Unjudged,
    /// Why not all was judged, where it was not: the reducer cannot fold, or takes too long.
    pub failed: Option<FoldError>,
}

impl Walker {
    /// Judges the events of a stream with these ordinals, from its first or its last on. `told` hears of each hit in that
    /// order, and how far it is; it can end the search.
    ///
    /// # Errors
    /// When the source cannot be read, or nobody wants it any more.
    pub fn search(
        &mut self,
        stream: &StreamName,
        stops: &Stops,
        (events, direction): (Range<u64>, Direction),
        cancel: &Cancel,
        told: &mut dyn FnMut(Step) -> ControlFlow<()>,
    ) -> Result<Searched, Failure> {
        let mut scan = Scan::new(stops.clone(), events, direction);
        let mut kept = self.take(stream);
        let failed = scan_on(self, &mut kept, &mut scan, cancel, told);
        self.timelines.push(kept);
        Ok(Searched { unjudged: scan.unjudged().clone(), failed: failed? })
    }
}

fn scan_on(
    walker: &Walker,
    Kept { timeline, slice, batch }: &mut Kept,
    scan: &mut Scan,
    cancel: &Cancel,
    told: &mut dyn FnMut(Step) -> ControlFlow<()>,
) -> Result<Option<FoldError>, Failure> {
    let source = &*walker.source;
    let scope = timeline.track().scope.clone();
    if let Some(stream) = timeline.track().stream()
        && let Some(summary) = source.stream(stream)?
    {
        timeline.grow(summary.events);
    }
    timeline.heed(cancel);
    let largest = largest_slice(timeline, *batch);
    loop {
        if cancel.is_cancelled() {
            return Err(stopped(source));
        }
        let begun = Instant::now();
        let answer = timeline.scan(scan, Budget { events: *slice });
        *slice = next_slice(*slice, begun.elapsed(), largest);
        let step = match answer {
            Advance::Working { folded, to_fold } => Step::Underway { judged: folded, of: to_fold },
            Advance::Stopped(hit) => Step::Hit(hit),
            Advance::NeedEvents { from, limit } => {
                let page = source.events(&EventQuery::at(scope.clone(), from, limit), cancel)?;
                timeline.feed(page);
                continue;
            }
            Advance::Reached | Advance::NotFound(_) => return Ok(None),
            Advance::Failed(_) if cancel.is_cancelled() => continue,
            Advance::Failed(why) => return Ok(Some(why)),
            Advance::Suspended(suspension) => return Ok(Some(suspended(&suspension))),
        };
        if told(step).is_break() {
            return Ok(None);
        }
    }
}
