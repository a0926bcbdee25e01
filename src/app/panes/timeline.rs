//! The timeline: what is known of every part of the scope, one column each.
//!
//! What events did is known of the rows that Events has read and of the moments that were seen; what is not known is shown
//! as such. How close they follow each other is known of the whole scope (`pace`).

use super::events::Window;
use super::pace::Pace;
use crate::app::layout::column_of;
use crate::app::walk::{Fact, Walk};
use crate::domain::Scope;

/// The most telling thing in a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Mark {
    /// Nobody looked here.
    #[default]
    Unseen,
    /// Somebody stood here; nothing special.
    Seen,
    /// The state changed.
    Changed,
    /// The entity came into being.
    Began,
    /// The entity ended.
    Ended,
    /// An event could not be read or folded.
    Fault,
    /// A state is pinned.
    Pinned,
}

/// One column.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Column {
    /// The most telling thing in it.
    pub mark: Mark,
    /// Whether an event stands here and not beside it: known where there are fewer events than columns.
    pub event: bool,
    /// How close its events follow each other, 0 the slowest to 7 the fastest of all that are known.
    pub pace: Option<u8>,
}

/// The columns of a scope of `total` events.
pub fn columns(window: &Window, walk: &Walk, pace: &Pace, total: u64, width: u16) -> Vec<Column> {
    let mut columns = vec![Column::default(); usize::from(width)];
    for (place, row) in window.known() {
        let Some(column) = columns.get_mut(usize::from(column_of(place, total, width))) else { continue };
        let mark = match row.fact {
            _ if row.event.trouble.is_some() => Mark::Fault,
            Some(Fact::Faulted) => Mark::Fault,
            Some(Fact::Began) => Mark::Began,
            Some(Fact::Ended) => Mark::Ended,
            Some(Fact::Changed) => Mark::Changed,
            Some(Fact::Idle | Fact::Uncompared) => Mark::Seen,
            None => Mark::Unseen,
        };
        column.mark = column.mark.max(mark);
    }
    if let (Some(failing), Some(Scope::Stream(stream))) = (&walk.failing, &walk.scope)
        && failing.stream == *stream
    {
        for run in failing.failed.iter() {
            let [from, to] = [run.start + 1, run.end].map(|place| usize::from(column_of(place, total, width)));
            for column in columns.get_mut(from..=to).unwrap_or_default() {
                column.mark = column.mark.max(Mark::Fault);
            }
        }
    }
    for (column, pace) in columns.iter_mut().zip(pace.columns(&window.scope, total, width)) {
        column.pace = pace;
    }
    if total < u64::from(width / 2) {
        for place in 1..=total {
            columns[usize::from(column_of(place, total, width))].event = true;
        }
    }
    if let (Some(pin), Some(Scope::Stream(stream))) = (&walk.pin, &walk.scope)
        && pin.stream == *stream
        && let Some(column) = columns.get_mut(usize::from(column_of(pin.at, total, width)))
    {
        column.mark = Mark::Pinned;
    }
    columns
}
