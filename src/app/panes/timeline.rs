//! The timeline: what is known of every part of the scope, one column each.
//!
//! It is made of the rows that Events has read and of the moments that were seen. What is not known is shown as such:
//! nothing is guessed for the parts of a long scope that nobody looked at.

use super::events::Window;
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
pub fn columns(window: &Window, walk: &Walk, total: u64, width: u16) -> Vec<Column> {
    let mut columns = vec![Column::default(); usize::from(width)];
    let mut gaps = vec![(0_i128, 0_i128); usize::from(width)];
    let mut previous = None;
    for (place, row) in window.known() {
        let Some(column) = columns.get_mut(usize::from(column_of(place, total, width))) else { continue };
        let mark = match row.fact {
            _ if row.event.trouble.is_some() => Mark::Fault,
            Some(Fact::Faulted) => Mark::Fault,
            Some(Fact::Began) => Mark::Began,
            Some(Fact::Ended) => Mark::Ended,
            Some(Fact::Changed) => Mark::Changed,
            Some(Fact::Idle) => Mark::Seen,
            None => Mark::Unseen,
        };
        column.mark = column.mark.max(mark);
        if let (Some(time), Some(before)) = (row.event.time, previous) {
            let (sum, count) = &mut gaps[usize::from(column_of(place, total, width))];
            *sum += time.duration_since(before).as_millis().max(0);
            *count += 1;
        }
        previous = row.event.time.or(previous);
    }
    let pace = |(sum, count): &(i128, i128)| (*count > 0).then(|| ((*sum / count) as f64 + 1.0).ln());
    let paces: Vec<Option<f64>> = gaps.iter().map(pace).collect();
    let slowest = paces.iter().flatten().copied().fold(f64::MIN, f64::max);
    let fastest = paces.iter().flatten().copied().fold(f64::MAX, f64::min);
    let part = |pace: f64| if slowest > fastest { (slowest - pace) / (slowest - fastest) } else { 0.5 };
    for (column, pace) in columns.iter_mut().zip(paces) {
        column.pace = pace.map(|pace| (part(pace) * 7.0).round() as u8);
    }
    if total < u64::from(width / 2) {
        for place in 1..=total {
            let [from, to] = [place - 1, place].map(|place| usize::from(column_of(place, total, width)));
            columns[to].event = true;
            // The way from one event to the next is as long as it looks, and all of it has the pace of its end.
            let pace = columns[to].pace;
            columns[from + 1..to].iter_mut().for_each(|column| column.pace = pace);
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
