//! The columns of Events: how wide each is in the room there is, and how much they ask for.
//!
//! What they ask for follows from everything that was read of the scope, not from the rows that are seen, so that columns
//! stay where they are while one scrolls.

use super::event_rows::Extent;
use super::events::Window;
use crate::app::layout::{BEFORE_DATA, LEAST_DATA};
use crate::app::words::{Instants, Precision, together};
use crate::app::{App, Times};
use crate::domain::{Scope, Timestamp};

/// Cells before a row: the cursor, and what the event did.
const SIGNS: usize = 2;
/// A type or a stream in fewer cells says nothing.
const LEAST_NAME: usize = 7;
/// In so many cells many streams and types are told from the others, though cut: the time does not stand where they have fewer.
const LEAST_STREAM: usize = 8;
const LEAST_KIND: usize = 11;
/// In so many most are: the list asks for that much before it gives columns to other panes.
const TELLING_STREAM: usize = 10;
const TELLING_KIND: usize = 14;
/// A type or a stream asks for no more than this.
const MOST_NAME: usize = 30;
/// Data asks for no more than this.
const MOST_DATA: usize = 60;
/// The width of the gap between two events.
const GAP: usize = 7;

/// The widths of the columns; what has no room is 0 wide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Columns {
    /// The number of the row.
    pub number: usize,
    /// The time, or the gap to the event before.
    pub time: usize,
    /// How finely times are written.
    pub precision: Precision,
    /// The stream, where there are several.
    pub stream: usize,
    /// The type.
    pub kind: usize,
    /// The data.
    pub data: usize,
    /// Whether there are times for which there is no room.
    pub hides_time: bool,
    /// Whether there is data for which there is no room.
    pub hides_data: bool,
}

impl Columns {
    /// What there is no room for.
    pub fn hidden(&self) -> Option<&'static str> {
        match (self.hides_time, self.hides_data) {
            (true, true) => Some("time, data"),
            (true, false) => Some("time"),
            (false, true) => Some("data"),
            (false, false) => None,
        }
    }
}

/// What the columns of a list ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    number: usize,
    time: usize,
    milliseconds: usize,
    stream: usize,
    /// The longest type, and without what all of them share where that does not fit.
    whole: usize,
    kind: usize,
    data: usize,
}

impl Asked {
    /// Cells of all columns but the data, times to the second.
    pub fn narrow(self) -> usize {
        let Self { number, time, stream, kind, .. } = self;
        SIGNS + number + 1 + with_blank(time) + with_blank(stream.min(MOST_NAME)) + kind.clamp(4, MOST_NAME)
    }

    /// Cells in which the times stand, and names that are cut are still told from each other.
    pub fn telling(self) -> usize {
        let stream = self.stream.min(TELLING_STREAM);
        let kind = self.kind.clamp(4, TELLING_KIND);
        SIGNS + self.number + 1 + with_blank(self.time) + with_blank(stream) + kind
    }

    /// Cells that milliseconds take beside that.
    pub fn milliseconds(self) -> usize {
        self.milliseconds
    }

    /// Cells of the data.
    pub fn data(self) -> usize {
        self.data.min(MOST_DATA)
    }

    /// The columns of a list that is so wide.
    pub fn within(self, width: usize) -> Columns {
        let Self { number, stream, whole, kind, data, .. } = self;
        let names = match stream {
            0 => kind.clamp(4, LEAST_NAME),
            _ => stream.min(LEAST_STREAM) + 1 + kind.clamp(4, LEAST_KIND),
        };
        let fixed = SIGNS + number + 1;
        let mut time = if fixed + with_blank(self.time) + names <= width { self.time } else { 0 };
        let hides_time = time < self.time;
        let room = width.saturating_sub(fixed + with_blank(time));
        let most = MOST_NAME.max(width / 3);
        let (stream, mut kind) = shared(stream.min(most), kind.clamp(4, most), room);
        let mut left = room.saturating_sub(with_blank(stream) + kind);
        let least = usize::from(BEFORE_DATA + LEAST_DATA);
        let wants_data = data > 0 && left >= least;
        let mut precision = Precision::Seconds;
        if time > 0 && self.milliseconds > 0 && left >= self.milliseconds + if wants_data { least } else { 0 } {
            precision = Precision::Milliseconds;
            time += self.milliseconds;
            left -= self.milliseconds;
        }
        let mut shown = if wants_data { left - usize::from(BEFORE_DATA) } else { 0 };
        // Whole names where they take nothing from anybody.
        let unused = if wants_data {
            shown.saturating_sub(data)
        } else if data == 0 {
            left
        } else {
            0
        };
        if kind < whole && kind + unused >= whole {
            shown = shown.saturating_sub(whole - kind);
            kind = whole;
        }
        let hides_data = data > 0 && shown == 0;
        Columns { number, time, precision, stream, kind, data: shown, hides_time, hides_data }
    }
}

/// The most a position takes.
const LONGEST_POSITION: usize = 24;

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn with_blank(column: usize) -> usize {
    column + usize::from(column > 0)
}

/// Two names in the room of one line: each what it asks for. Where only one can be whole it is, the type before the stream, as
/// long as the other still tells something; both are cut where neither can be.
fn shared(stream: usize, kind: usize, room: usize) -> (usize, usize) {
    if stream == 0 {
        return (0, kind.min(room));
    }
    let room = room.saturating_sub(1);
    let half = room / 2;
    if stream + kind <= room {
        (stream, kind)
    } else if kind + TELLING_STREAM.min(half) <= room {
        (room - kind, kind)
    } else if stream + TELLING_KIND.min(half) <= room {
        (stream, room - stream)
    } else {
        (half, room - half)
    }
}

impl App {
    /// How the times of a scope are written, whatever of it is seen.
    pub fn instants_in(&self, scope: &Scope) -> Instants {
        let read = self.panes.events.window.as_ref().filter(|window| window.scope == *scope);
        let span = together(self.catalogue.span_in(scope), read.and_then(|window| self.extent(window).span));
        span.map_or_else(Instants::default, |(first, last): (Timestamp, Timestamp)| Instants::between(first, last))
    }

    /// How wide what was read of a list is, filtered or not.
    fn extent(&self, window: &Window) -> Extent {
        match self.sifted_in(&window.scope) {
            Some(sifted) => window.extent.clone().and(&sifted.extent),
            None => window.extent.clone(),
        }
    }

    /// What the columns of a list ask for.
    pub fn columns_asked(&self, window: &Window) -> Asked {
        let Extent { kind: whole, common, stream, data, version, position, span, fractions } = self.extent(window);
        let kind = if whole > MOST_NAME { whole - common.spared() } else { whole };
        let (number, stream) = match window.scope {
            Scope::Stream(_) => (version.max(digits(window.total)), 0),
            // The number `:` goes to there; a long text is cut.
            Scope::Category(_) | Scope::Correlation(_) | Scope::All => {
                (position.min(LONGEST_POSITION).max(digits(window.total)), stream.max(LEAST_NAME))
            }
        };
        let instants = self.instants_in(&window.scope);
        let seconds = instants.width(Precision::Seconds);
        let (time, milliseconds) = match self.look.times {
            Times::Gap => (GAP, 0),
            Times::Utc if span.is_none() && self.catalogue.span_in(&window.scope).is_none() => (0, 0),
            Times::Utc if !fractions => (seconds, 0),
            Times::Utc => (seconds, instants.width(Precision::Milliseconds) - seconds),
        };
        // The sign before a number does not touch it.
        Asked { number: (number + 1).max(3), time, milliseconds, stream, whole, kind, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_names_come_before_times_whole_names_after_them_and_data_last() {
        let asked = Asked { number: 5, time: 14, milliseconds: 4, stream: 12, whole: 17, kind: 17, data: 80 };
        assert_eq!((asked.narrow(), asked.telling()), (53, 48));
        for width in 0..160 {
            let columns = asked.within(width);
            let Columns { number, time, stream, kind, data, .. } = columns;
            let used = SIGNS + number + 1 + with_blank(time) + with_blank(stream) + kind;
            assert!(used + data <= width.max(SIGNS + number + 1 + with_blank(stream) + kind), "{columns:?} in {width}");
            assert_eq!(time > 0, width >= 43, "{columns:?} in {width}");
            let whole = (38..43).contains(&width) || width >= 53;
            assert_eq!(stream == 12 && kind == 17, whole, "{columns:?} in {width}");
            assert_eq!(columns.hides_time, time == 0, "what is not drawn is told");
            assert!(data == 0 || data >= usize::from(LEAST_DATA), "{columns:?} in {width}");
            assert_eq!(columns.hides_data, data == 0, "what is not drawn is told");
        }
        assert_eq!(asked.within(57).precision, Precision::Milliseconds);
        assert_eq!(asked.within(67).data, 12);
    }

    #[test]
    fn of_two_names_one_is_cut_where_one_can_be_whole() {
        assert_eq!(shared(30, 26, 37), (10, 26), "the type is whole");
        assert_eq!(shared(12, 40, 30), (12, 17), "or else the stream");
        assert_eq!(shared(30, 30, 31), (15, 15), "both are cut where neither can be");
        for room in 0..80 {
            let (stream, kind) = shared(30, 26, room);
            assert!(stream + kind < room.max(1), "{stream} and {kind} in {room}");
        }
    }

    #[test]
    fn names_are_whole_where_they_take_nothing_from_data() {
        let asked = Asked { number: 5, time: 14, milliseconds: 0, stream: 0, whole: 70, kind: 17, data: 20 };
        assert_eq!(asked.narrow(), 40);
        assert_eq!(asked.within(62).kind, 17);
        let columns = asked.within(115);
        assert_eq!((columns.kind, columns.data), (70, 20));
        let without = Asked { data: 0, ..asked };
        assert_eq!((without.within(92).kind, without.within(93).kind), (17, 70));
    }
}
