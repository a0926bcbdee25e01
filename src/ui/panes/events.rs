//! The events of the scope, one line each.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{focused, pattern, say, title, title_role};
use crate::app::layout::rows;
use crate::app::panes::Pane;
use crate::app::panes::events::{EventRow, Window};
use crate::app::panes::sifted::Sifted;
use crate::app::walk::Fact;
use crate::app::words::{self, count, gap, short_instant};
use crate::app::{App, Times};
use crate::domain::{Event, Scope, Timestamp, text};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{self, Pen};

/// The list that is shown: every event of the scope, or those a filter lets through.
#[derive(Clone, Copy)]
enum Shown<'a> {
    All(&'a Window),
    Some(&'a Window, &'a Sifted),
}

impl<'a> Shown<'a> {
    fn window(self) -> &'a Window {
        match self {
            Self::All(window) | Self::Some(window, _) => window,
        }
    }

    fn top(self) -> u64 {
        match self {
            Self::All(window) => window.top,
            Self::Some(_, sifted) => sifted.top,
        }
    }

    fn len(self) -> u64 {
        match self {
            Self::All(window) => window.len(),
            Self::Some(_, sifted) => sifted.len(),
        }
    }

    /// The place a row of the list stands for.
    fn place(self, row: u64) -> u64 {
        match self {
            Self::All(_) => row,
            Self::Some(_, sifted) => sifted.place(row).unwrap_or(0),
        }
    }

    fn row(self, row: u64) -> Option<&'a EventRow> {
        match self {
            Self::All(window) => window.row(row),
            Self::Some(_, sifted) => sifted.row(row),
        }
    }

    fn first_time(self) -> Option<Timestamp> {
        match self {
            Self::All(window) => window.known().find_map(|(_, row)| row.event.time),
            Self::Some(_, sifted) => sifted.known().find_map(|row| row.event.time),
        }
    }
}

/// What a filter does, for the title: how much it shows and hides.
fn filter_note(sifted: &Sifted) -> String {
    let so_far = match sifted {
        Sifted { running: true, .. } => " so far",
        Sifted { stopped: true, .. } => ", stopped",
        _ => "",
    };
    let (shown, looked, hidden) = (sifted.places.len() as u64, sifted.looked, sifted.hidden());
    format!("{} of {}, {} hidden{so_far}", count(shown), words::counted(looked, "event"), count(hidden))
}

/// The widths of the columns, by what is seen and by the room there is.
struct Columns {
    number: usize,
    time: usize,
    stream: usize,
    kind: usize,
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    // Before the first walk has arrived there is no moment to be true to: its events are shown, and none is selected.
    let first = || app.panes.events.incoming.as_ref().filter(|_| app.walk.scope.is_none());
    let window = app.panes.events.window.as_ref().or_else(first);
    let (name, note) = match window {
        Some(window) => {
            let scope = &window.scope;
            let name = match scope {
                Scope::Stream(name) => name.to_string(),
                Scope::Category(name) => format!("{name}-*"),
                Scope::All => "whole store".into(),
            };
            let so_far = if window.partial && !app.catalogue.progress.complete { " so far" } else { "" };
            let place = if app.walk.scope.is_some() { count(app.walk.place) } else { "…".to_owned() };
            (
                name,
                match app.sifted_in(scope) {
                    Some(sifted) if !sifted.shows(app.walk.place) => {
                        format!("{}, this one too", filter_note(sifted))
                    }
                    Some(sifted) => filter_note(sifted),
                    None => format!("{place} of {}{so_far}", count(app.total(scope))),
                },
            )
        }
        None => (String::new(), String::new()),
    };
    let titles = [(title(Pane::Events), title_role(app, Pane::Events)), (name, Role::Stream)];
    let mut titles = titles.to_vec();
    if let Some(sifted) = window.and_then(|window| app.sifted_in(&window.scope)) {
        titles.push((format!("& {}", text::fit(&sifted.text, 60)), Role::Match));
    }
    let titles: Vec<(&str, Role)> = titles.iter().map(|(text, role)| (text.as_str(), *role)).collect();
    widgets::Frame { area, focused: focused(app, Pane::Events), theme }.draw(&titles, &note, buffer);

    let list = rows(Pane::Events, area);
    let Some(window) = window else {
        if !app.catalogue.is_empty() {
            let sorted = app.catalogue.listed && app.catalogue.streams.is_empty();
            let words: &[&str] = match sorted {
                true => &["Reading …", "", "What must be sorted is shown when all of it has been read."],
                false => &["Reading …"],
            };
            return say(words, Role::Muted, theme, list, buffer);
        }
        let about = app.catalogue.about.as_ref();
        let lines = about.map_or(Vec::new(), |about| about.caveats.iter().chain(&about.reasons).collect());
        let lines: Vec<&str> = ["No events.", ""].into_iter().chain(lines.into_iter().map(String::as_str)).collect();
        return say(&lines, Role::Muted, theme, list, buffer);
    };
    let style = theme.style(Role::Muted);
    let shown = match app.sifted_in(&window.scope) {
        Some(sifted) => Shown::Some(window, sifted),
        None => Shown::All(window),
    };
    widgets::scrollbar(area, shown.top(), list.height.into(), shown.len(), style, buffer);
    let columns = columns(app, shown, list);
    if list.y > area.y + 1 {
        let mut pen = Pen::new(buffer, Rect { y: list.y - 1, height: 1, ..list });
        let number = if matches!(window.scope, Scope::Stream(_)) { "ver" } else { "#" };
        pen.skip(2).put_right_in(number, columns.number, style).skip(1);
        if columns.time > 0 {
            pen.put_in(if app.look.times == Times::Gap { "gap" } else { "time" }, columns.time, style).skip(1);
        }
        if columns.stream > 0 {
            pen.put_in("stream", columns.stream, style).skip(1);
        }
        pen.put_in("type", columns.kind, style).skip(2);
        if pen.room() > 4 {
            pen.put("data", style);
        }
    }
    for (row, y) in (shown.top()..shown.len()).zip(list.y..list.bottom()) {
        draw_row(app, theme, shown, row, &columns, Rect { y, height: 1, ..list }, buffer);
    }
    if let Shown::Some(_, sifted) = shown
        && sifted.is_empty()
        && !sifted.running
        && list.height > 2
    {
        let below = Rect { y: list.y + 2, height: list.height - 2, ..list };
        let words = format!("No event here passes the filter: all {} are hidden.", count(sifted.hidden()));
        say(&[&words, &sifted.unjudged], Role::Muted, theme, below, buffer);
    }
}

fn columns(app: &App, shown: Shown<'_>, list: Rect) -> Columns {
    let window = shown.window();
    let width = usize::from(list.width);
    let seen = || (shown.top()..shown.top() + u64::from(list.height)).filter_map(|row| shown.row(row));
    let in_stream = matches!(window.scope, Scope::Stream(_));
    let number = if in_stream {
        let widest = seen().map(|row| row.event.version.0).max().unwrap_or(0).max(window.total);
        words::count(widest).replace(',', "").len()
    } else {
        count(window.total).len()
    };
    let time = match app.look.times {
        Times::Utc if seen().all(|row| row.event.time.is_none()) => 0,
        Times::Utc if width >= if in_stream { 36 } else { 60 } => 12,
        Times::Gap if width >= if in_stream { 30 } else { 52 } => 7,
        Times::Utc | Times::Gap => 0,
    };
    let widest = |part: fn(&EventRow) -> &str| seen().map(|row| text::width(&text::safe(part(row)))).max().unwrap_or(0);
    let stream = match in_stream {
        true => 0,
        false => widest(|row| row.event.stream.as_str()).clamp(6, (width / 3).clamp(6, 24)),
    };
    let used = 2 + number + 1 + time + usize::from(time > 0) + stream + usize::from(stream > 0);
    let kind = widest(|row| &row.event.event_type).clamp(4, width.saturating_sub(used).clamp(4, 26));
    Columns { number: number.max(3), time, stream, kind }
}

fn draw_row(
    app: &App,
    theme: &Theme,
    shown: Shown<'_>,
    index: u64,
    columns: &Columns,
    line: Rect,
    buffer: &mut Buffer,
) {
    let style = |role| theme.style(role);
    let (window, place) = (shown.window(), shown.place(index));
    let here = place == app.walk.place && app.walk.scope.is_some();
    let wanted = app
        .walk
        .wanted
        .as_ref()
        .is_some_and(|wanted| wanted.place == Some(place) && wanted.scope.as_ref() == Some(&window.scope) && !here);
    if here {
        let role = if focused(app, Pane::Events) { Role::Selected } else { Role::SelectedElsewhere };
        buffer.set_style(line, style(role));
    } else if wanted {
        buffer.set_style(line, style(Role::Pending));
    }
    let mut pen = Pen::new(buffer, line);
    let sign = match (here, wanted) {
        (true, _) => "›",
        (_, true) => "»",
        _ => " ",
    };
    pen.sign(sign, style(if sign == " " { Role::Text } else { Role::Cursor }));
    if place == 0 {
        pen.skip(1).skip(columns.number + 1).put("initial state, before the first event", style(Role::Muted));
        return;
    }
    // The event of the moment is known even when its page has not come yet.
    let row = shown.row(index);
    let event = row.map(|row| &row.event).or(app.walk.event().filter(|_| here));
    let Some(event) = event else {
        pen.skip(1)
            .put_right_in(&count(place), columns.number, style(Role::Muted))
            .skip(1)
            .put("…", style(Role::Muted));
        return;
    };
    let (mark, role) = mark(event, row.and_then(|row| row.fact));
    pen.sign(mark, style(role));
    let number = match window.scope {
        Scope::Stream(_) => event.version.to_string(),
        Scope::Category(_) | Scope::All => count(place),
    };
    let role = if app.is_hit(&window.scope, place) { Role::Match } else { Role::Version };
    pen.put_right_in(&number, columns.number, style(role)).skip(1);
    if columns.time > 0 {
        pen.put_in(&time(app, shown, index, event), columns.time, style(Role::Time)).skip(1);
    }
    if columns.stream > 0 {
        pen.put_in(event.stream.as_str(), columns.stream, style(Role::Stream)).skip(1);
    }
    let matched = style(Role::Match);
    if event.trouble.is_some() {
        pen.put("unreadable ", style(Role::Fault));
    } else {
        let kind = text::fit(&event.event_type, columns.kind);
        let start = usize::from(pen.column());
        pen.put_matching(&kind, style(Role::Type), pattern(app), matched);
        let used = usize::from(pen.column()) - start;
        pen.skip(columns.kind.saturating_sub(used)).skip(1);
    }
    for note in &event.notes {
        if pen.room() > 8 {
            pen.put(&format!("[{}] ", text::fit(&note.text, 40)), style(Role::Caution));
        }
    }
    let digest = row.map_or_else(|| Cow::Owned(words::digest(event)), |row| Cow::Borrowed(row.digest.as_str()));
    if pen.room() > 5 {
        pen.skip(1).put_matching(&digest, style(Role::Muted), pattern(app), matched);
    }
}

fn mark(event: &Event, fact: Option<Fact>) -> (&'static str, Role) {
    if event.trouble.is_some() {
        return ("!", Role::Fault);
    }
    match fact {
        Some(Fact::Began) => ("+", Role::Added),
        Some(Fact::Changed) => ("~", Role::Changed),
        Some(Fact::Ended) => ("-", Role::Removed),
        Some(Fact::Faulted) => ("!", Role::Fault),
        Some(Fact::Idle) | None => (" ", Role::Muted),
    }
}

fn time(app: &App, shown: Shown<'_>, row: u64, event: &Event) -> String {
    let Some(time) = event.time else { return String::new() };
    match app.look.times {
        Times::Utc => {
            // The day of the cursor needs no saying; before the first event that is the day of the first one seen.
            let reference: Option<Timestamp> =
                app.walk.event().and_then(|event| event.time).or_else(|| shown.first_time());
            short_instant(time, reference)
        }
        Times::Gap => {
            let before = row.checked_sub(1).and_then(|before| shown.row(before)?.event.time);
            before.map_or(String::new(), |before| gap(before, time))
        }
    }
}
