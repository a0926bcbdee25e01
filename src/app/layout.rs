//! From the size of the window to the place of everything in it: one pure function for mouse, scrolling and drawing.

use ratatui::layout::Rect;

use super::ids::{Pane, Slots};

/// Smaller windows show nothing but a word about it.
pub const SMALLEST: (u16, u16) = (40, 10);

/// Where everything is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Areas {
    /// What is looked at, and where one stands.
    pub header: Rect,
    /// The timeline; its height says how much it may show.
    pub timeline: Rect,
    /// Messages, prompts, progress.
    pub status: Rect,
    /// The keys that work now.
    pub hints: Rect,
    panes: Slots<Option<Rect>>,
}

impl Areas {
    /// The place of a pane, when it is on the screen.
    pub fn pane(&self, pane: Pane) -> Option<Rect> {
        *self.panes.of(pane)
    }

    /// The panes on the screen.
    pub fn visible(&self) -> impl Iterator<Item = (Pane, Rect)> + '_ {
        Pane::ALL.into_iter().filter_map(|pane| Some((pane, self.pane(pane)?)))
    }

    /// What lies between the header and the timeline.
    pub fn body(&self) -> Rect {
        let bottom = if self.timeline.height > 0 { self.timeline.y } else { self.status.y };
        Rect { y: self.header.bottom(), height: bottom.saturating_sub(self.header.bottom()), ..self.header }
    }
}

/// What the contents of the panes ask for. State takes what they leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Columns of Streams that show its longest name whole.
    pub streams: u16,
    /// Columns of Events without the data, with times to the second.
    pub events: u16,
    /// Columns in which the times of Events stand, and its names are told from each other though they are cut.
    pub telling: u16,
    /// Columns that times to the millisecond take beside them.
    pub milliseconds: u16,
    /// Columns of the longest data.
    pub data: u16,
    /// Columns of State's longest rows, and where only the beginnings of its values are seen.
    pub state: u16,
    /// See there.
    pub state_cut: u16,
    /// Rows of the data of an event.
    pub event: u16,
}

impl Default for Room {
    fn default() -> Self {
        let wide = u16::MAX;
        Self { streams: 28, events: 40, telling: 0, milliseconds: 4, data: 0, state: wide, state_cut: wide, event: 3 }
    }
}

/// The columns that stand between a type and the data beside it.
pub const BEFORE_DATA: u16 = 2;
/// Data in fewer columns than this is not drawn: it would say nothing.
pub const LEAST_DATA: u16 = 12;

/// State is never narrower than this for what Events would like to show, and than that for the times of the events.
const ROOMY_STATE: u16 = 34;
const LEAST_STATE: u16 = 28;
/// Streams is never narrower than this for the sake of Events.
const CUT_STREAMS: u16 = 28;

/// What gets the most room where several panes are side by side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Layout {
    /// Each what it usually needs.
    #[default]
    Balanced,
    /// State.
    StateWide,
    /// Events, with what their data begins with.
    EventsWide,
}

impl Layout {
    /// All, in the order in which they follow each other.
    pub const ALL: [Self; 3] = [Self::Balanced, Self::StateWide, Self::EventsWide];

    /// The next one.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::StateWide => "State wide",
            Self::EventsWide => "Events wide",
        }
    }

    /// The percentage that fits it.
    fn choose(self, balanced: u16, state: u16, events: u16) -> u16 {
        match self {
            Self::Balanced => balanced,
            Self::StateWide => state,
            Self::EventsWide => events,
        }
    }
}

/// The arrangement of a window; `None` when it is too small.
///
/// From 110 columns on Streams, Events over Event, and State are beside each other; from 80 on Streams is beside Events and
/// State while it has the focus, and gives way to Event otherwise; below that, or below 20 rows, the pane with the focus is
/// alone. Streams, Events and Event are as large as what they show, within limits.
pub fn arrange(width: u16, height: u16, focus: Pane, zoomed: bool, layout: Layout, room: &Room) -> Option<Areas> {
    if width < SMALLEST.0 || height < SMALLEST.1 {
        return None;
    }
    let timeline = match height {
        40.. if width >= 80 => 5,
        30.. => 3,
        14.. => 1,
        _ => 0,
    };
    let row = |y: u16, height: u16| Rect { x: 0, y, width, height };
    let body = row(1, height - 3 - timeline);
    let mut areas = Areas {
        header: row(0, 1),
        timeline: row(body.bottom(), timeline),
        status: row(height - 2, 1),
        hints: row(height - 1, 1),
        panes: Slots::default(),
    };
    let mut place = |pane: Pane, area: Rect| areas.panes.set(pane, Some(area));
    // Streams is narrower than its names where Events would have no times.
    let streams = room.streams.clamp(22, 36);
    let for_others = room.telling + if width < 110 { 0 } else { LEAST_STATE };
    let streams = streams.min(width.saturating_sub(for_others).max(CUT_STREAMS));
    if zoomed || width < 80 || height < 20 {
        place(focus, body);
    } else if width < 110 && focus == Pane::Streams {
        let (streams, right) = beside(body, streams);
        let (events, state) = above(right, part(body.height, layout.choose(50, 36, 64)));
        place(Pane::Streams, streams);
        place(Pane::Events, events);
        place(Pane::State, state);
    } else {
        let mut rest = body;
        if width >= 110 {
            let streams = beside(body, streams);
            place(Pane::Streams, streams.0);
            rest = streams.1;
        }
        let (left, state) = beside(rest, columns_of_events(rest.width, layout, room));
        let (events, event) = above(left, left.height - rows_of_event(left.height, room));
        place(Pane::Events, events);
        place(Pane::Event, event);
        place(Pane::State, state);
    }
    Some(areas)
}

/// How many columns Events gets: what its columns need, then the least of its data, then milliseconds and more data, as long
/// as State keeps its part, or what it needs of it. For its times Events takes of that too.
fn columns_of_events(width: u16, layout: Layout, room: &Room) -> u16 {
    const NARROWEST: u16 = 24;
    const WITH_DATA: u16 = BEFORE_DATA + LEAST_DATA;
    let part = part(width, layout.choose(55, 36, 70));
    let beside = |state: u16| match layout {
        Layout::StateWide => part,
        Layout::Balanced | Layout::EventsWide => part.max(width.saturating_sub(state.max(ROOMY_STATE))),
    };
    let timed = match layout {
        Layout::StateWide => 0,
        Layout::Balanced | Layout::EventsWide => room.telling.min(width.saturating_sub(LEAST_STATE)),
    };
    let (most, roomy) = (beside(room.state_cut).max(timed), beside(room.state));
    let mut columns = room.events.clamp(NARROWEST, most.max(NARROWEST));
    let data = if room.data > 0 && columns + WITH_DATA <= most { BEFORE_DATA + room.data.max(LEAST_DATA) } else { 0 };
    columns += data.min(WITH_DATA);
    if columns + room.milliseconds <= if data > 0 { roomy } else { most } {
        columns += room.milliseconds;
    }
    columns + data.saturating_sub(WITH_DATA).min(roomy.saturating_sub(columns))
}

/// How many rows Event gets: as many as its data, three to 45 percent of the column.
fn rows_of_event(height: u16, room: &Room) -> u16 {
    const LEAST: u16 = 3;
    (room.event.max(LEAST) + 2).min(part(height, 45)).max(LEAST + 2)
}

/// So many percent of a length.
fn part(length: u16, percent: u16) -> u16 {
    (u32::from(length) * u32::from(percent) / 100) as u16
}

/// A column of this width, and what is to the right of it.
fn beside(area: Rect, width: u16) -> (Rect, Rect) {
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}

/// The upper so many rows, and what is below: neither so low that it shows nothing.
fn above(area: Rect, height: u16) -> (Rect, Rect) {
    const LOWEST: u16 = 5;
    let height = height.min(area.height.saturating_sub(LOWEST)).max(LOWEST);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// What is inside the border of a pane.
pub fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x.saturating_add(1),
        y: area.y.saturating_add(1),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// Where the rows of a list stand: under a line of column names, where there is room for one.
pub fn rows(pane: Pane, area: Rect) -> Rect {
    let inner = inner(area);
    let names = match pane {
        Pane::Streams | Pane::Events => u16::from(inner.height >= 6),
        // The line that says which reducer made the state, or that the data is no JSON.
        Pane::State => u16::from(inner.height >= 3),
        Pane::Event => 0,
    };
    Rect { y: inner.y + names, height: inner.height - names, ..inner }
}

/// The columns of the timeline that stand for places, from the beginning of the scope to its end.
pub fn track(timeline: Rect) -> Rect {
    const LABEL: u16 = 11;
    let boxed = u16::from(timeline.height >= 5);
    let lanes = timeline.height.saturating_sub(2 * boxed);
    Rect {
        x: timeline.x + 2 + boxed,
        y: timeline.y + boxed + lanes.saturating_sub(1).min(1),
        width: timeline.width.saturating_sub(2 * boxed + 3 + LABEL),
        height: 1.min(timeline.height),
    }
}

/// The column of a place on a track of `width` columns.
pub fn column_of(place: u64, total: u64, width: u16) -> u16 {
    let last = u64::from(width.saturating_sub(1));
    if total == 0 { 0 } else { (u128::from(place.min(total)) * u128::from(last) / u128::from(total)) as u16 }
}

/// The place of a column on a track of `width` columns.
pub fn place_of(column: u16, total: u64, width: u16) -> u64 {
    let last = u128::from(width.saturating_sub(1));
    if last == 0 {
        return 0;
    }
    ((u128::from(column).min(last) * u128::from(total)).div_ceil(last)) as u64
}

/// The rectangle of something that covers the panes.
pub fn popup(areas: &Areas) -> Rect {
    let body = areas.body();
    let width = body.width.saturating_sub(if body.width >= 80 { 8 } else { 0 }).min(110);
    let height = body.height.saturating_sub(if body.height >= 24 { 4 } else { 0 });
    Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height }
}

/// The parts of the help under the line that is typed: what marks stand for, the actions, and all that is said of the selected
/// one, which its row may have no room for.
pub fn help(popup: Rect) -> [Rect; 3] {
    const WHOLE_LEGEND: u16 = 92;
    const ROOMY: u16 = 12;
    let inside = inner(popup);
    let roomy = inside.height >= ROOMY;
    let legend = if roomy && inside.width < WHOLE_LEGEND { 2 } else { 1 };
    let said = match (roomy, inside.width < WHOLE_LEGEND) {
        (true, true) => 4,
        (true, false) => 3,
        (false, _) => 0,
    };
    let mut y = inside.y + 1;
    [legend, inside.height.saturating_sub(1 + legend + said), said].map(|height| {
        let part = Rect { y, height, ..inside }.intersection(inside);
        y += height;
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_lie_inside_the_window_and_beside_each_other() {
        for width in 0..200 {
            for height in [0, 9, 10, 13, 19, 20, 24, 29, 30, 36, 45, 100] {
                for focus in Pane::ALL {
                    for (zoomed, layout) in [false, true].into_iter().flat_map(|z| Layout::ALL.map(|l| (z, l))) {
                        let wide = u16::MAX / 2;
                        let [streams, events, data, state, event] = match (width + height) % 4 {
                            0 => [0; 5],
                            1 => [wide; 5],
                            2 => [28, 44, 30, 20, 6],
                            _ => [28, 44, 30, 70, 6],
                        };
                        let telling = events.min(52);
                        let state_cut = state / 2;
                        let room = Room { streams, events, telling, milliseconds: 4, data, state, state_cut, event };
                        let Some(areas) = arrange(width, height, focus, zoomed, layout, &room) else {
                            assert!(width < 40 || height < 10);
                            continue;
                        };
                        let window = Rect::new(0, 0, width, height);
                        assert!(areas.pane(focus).is_some(), "the focus is always seen");
                        let mut covered = u32::from(width) * u32::from(3 + areas.timeline.height);
                        for (pane, area) in areas.visible() {
                            assert_eq!(area.intersection(window), area);
                            assert!(area.width >= 16 && area.height >= 5, "{pane:?} {area:?} at {width}x{height}");
                            assert!(rows(pane, area).height >= 2);
                            covered += area.area();
                        }
                        assert_eq!(covered, window.area(), "nothing overlaps, nothing is left");
                        assert!(popup(&areas).width >= 40);
                    }
                }
            }
        }
    }

    #[test]
    fn panes_are_as_large_as_what_they_show_and_state_has_the_rest() {
        let room = Room {
            streams: 27,
            events: 44,
            telling: 40,
            milliseconds: 4,
            data: 26,
            state: 90,
            state_cut: 90,
            event: 4,
        };
        let areas = |width, height, room: &Room| {
            arrange(width, height, Pane::Events, false, Layout::Balanced, room).expect("large enough")
        };
        let of = |areas: &Areas, pane| areas.pane(pane).expect("on the screen");
        for (width, height) in [(120, 36), (160, 45), (200, 60)] {
            let areas = areas(width, height, &room);
            let [streams, events, event, state] = Pane::ALL.map(|pane| of(&areas, pane));
            assert_eq!((streams.width, event.height), (27, 6), "{width}");
            assert_eq!((event.x, event.y, event.width), (events.x, events.bottom(), events.width), "{width}");
            assert_eq!((state.right(), state.height), (width, areas.body().height), "{width}");
            assert!(state.width * 100 >= 45 * (width - 27), "{width}");
        }
        let narrow = of(&areas(120, 36, &room), Pane::Events).width;
        assert_eq!(narrow, 48, "there is room for milliseconds, and no use in five columns of data");
        assert_eq!(of(&areas(160, 45, &room), Pane::Events).width, 44 + 4 + 2 + 23);
        let cut = Room { state_cut: 34, ..room };
        assert_eq!(of(&areas(120, 36, &cut), Pane::Events).width, 58, "the beginning of the data for that of values");
        let small = Room { state: 34, state_cut: 30, ..room };
        assert_eq!(of(&areas(120, 36, &small), Pane::Events).width, 59, "the data has what State leaves blank");
        let smaller = Room { data: 60, state: 20, state_cut: 20, ..room };
        assert_eq!(of(&areas(120, 36, &smaller), Pane::State).width, 34);
        let tall = Room { event: 90, ..room };
        let tall = areas(160, 45, &tall);
        assert_eq!(of(&tall, Pane::Event).height, part(tall.body().height, 45));
    }

    #[test]
    fn events_have_their_times_before_streams_and_state_have_all_they_ask() {
        let wide = u16::MAX / 2;
        let room =
            Room { streams: 36, events: 90, telling: 52, data: 40, state: wide, state_cut: 60, ..Room::default() };
        for (width, focus, layout, expected) in [
            (80, Pane::Events, Layout::Balanced, [0, 52, 28]),
            (80, Pane::Streams, Layout::Balanced, [28, 52, 52]),
            (110, Pane::Events, Layout::Balanced, [30, 52, 28]),
            (120, Pane::Events, Layout::Balanced, [36, 52, 32]),
            (120, Pane::Events, Layout::StateWide, [36, 30, 54]),
            (160, Pane::Events, Layout::Balanced, [36, 68, 56]),
        ] {
            let areas = arrange(width, 24, focus, false, layout, &room).expect("large enough");
            let widths =
                [Pane::Streams, Pane::Events, Pane::State].map(|pane| areas.pane(pane).map_or(0, |area| area.width));
            assert_eq!(widths, expected, "{width} {focus:?} {layout:?}");
        }
    }

    #[test]
    fn a_column_leads_to_a_place_and_back() {
        for (total, width) in [(0, 10), (1, 10), (9, 10), (318, 70), (1_000_000, 70), (5, 0), (5, 1)] {
            for column in 0..width {
                let place = place_of(column, total, width);
                assert!(place <= total);
                if total >= u64::from(width) {
                    assert_eq!(column_of(place, total, width), column, "{total} in {width}");
                }
            }
            assert_eq!(place_of(u16::MAX, total, 70), total);
        }
    }
}
