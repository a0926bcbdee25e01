//! The events of the scope, one line each.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{focused, pattern, say, title, title_role};
use crate::app::ids::Pane;
use crate::app::layout::{BEFORE_DATA, rows};
use crate::app::panes::columns::Columns;
use crate::app::panes::event_rows::EventRow;
use crate::app::panes::events::Window;
use crate::app::panes::sifted::Sifted;
use crate::app::walk::Fact;
use crate::app::words::{self, Instants, gap};
use crate::app::{App, Times};
use crate::domain::words::{count, counted};
use crate::domain::{Event, Scope, names, text};
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

    /// The types of what was read.
    fn kinds(self) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::All(window) => Box::new(window.known().filter_map(|(_, row)| kind(row))),
            Self::Some(_, sifted) => Box::new(sifted.known().filter_map(kind)),
        }
    }
}

/// The type of an event that could be read.
fn kind(row: &EventRow) -> Option<&str> {
    Some(&*row.event.event_type).filter(|_| row.event.trouble.is_none())
}

/// How the rows of a list look, all alike.
struct Looks<'a> {
    columns: Columns,
    instants: Instants,
    /// The types, and the streams that are seen, as they are shown.
    kinds: HashMap<&'a str, String>,
    streams: HashMap<&'a str, String>,
}

/// What a filter does, for the title: how much it shows and hides.
fn filter_note(sifted: &Sifted) -> String {
    let so_far = match sifted {
        Sifted { running: true, .. } => " so far",
        Sifted { stopped: true, .. } => ", stopped",
        _ => "",
    };
    let (shown, looked, hidden) = (sifted.places.len() as u64, sifted.looked, sifted.hidden());
    let unjudged = match sifted.unjudged.total {
        0 => String::new(),
        unjudged => format!(", {} not judged", count(unjudged)),
    };
    format!("{} of {}, {} hidden{unjudged}{so_far}", count(shown), counted(looked, "event"), count(hidden))
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    // Before the first walk has arrived there is no moment to be true to: its events are shown, and none is selected.
    let first = || app.panes.events.incoming.as_ref().filter(|_| app.walk.scope.is_none());
    let window = app.panes.events.window.as_ref().or_else(first);
    let (name, note) = match window {
        Some(window) => {
            let scope = &window.scope;
            let name = match scope {
                Scope::Stream(name) => names::cut(name.as_str(), [], usize::from(area.width).saturating_sub(16)),
                Scope::Category(name) => format!("{name}-*"),
                Scope::Correlation(id) => {
                    names::cut(&format!("correlation {id}"), [], usize::from(area.width).saturating_sub(16))
                }
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
    let list = rows(Pane::Events, area);
    let columns = window.map(|window| app.columns_asked(window).within(list.width.into()));
    // Without a line of names the note says that there is data which is not seen.
    let note = match columns {
        Some(columns) if list.y <= area.y + 1 => match columns.hidden() {
            Some(hidden) => format!("no room for {}, {note}", hidden.replace(", ", " and ")),
            None => note,
        },
        _ => note,
    };
    widgets::Frame { area, focused: focused(app, Pane::Events), theme }.draw(&titles, &note, buffer);
    let (Some(window), Some(columns)) = (window, columns) else {
        if !app.catalogue.is_empty() {
            let sorted = app.catalogue.listed && app.catalogue.streams.is_empty();
            let words: &[&str] = match sorted {
                _ if app.is_nothing_open() => &["Nothing is open: that was stopped. Choose a stream."],
                true => &["Reading …", "", "What must be sorted is shown when all of it has been read."],
                false => &["Reading …"],
            };
            return say(words, Role::Muted, theme, list, buffer);
        }
        let about = app.catalogue.about.as_ref();
        let lines: Vec<&str> = about.map_or(Vec::new(), |about| {
            let caveats = about.caveats.iter().map(|caveat| &**caveat);
            caveats.chain(about.reasons.iter().map(String::as_str)).collect()
        });
        let lines: Vec<&str> = ["No events.", ""].into_iter().chain(lines).collect();
        return say(&lines, Role::Muted, theme, list, buffer);
    };
    let style = theme.style(Role::Muted);
    let shown = match app.sifted_in(&window.scope) {
        Some(sifted) => Shown::Some(window, sifted),
        None => Shown::All(window),
    };
    widgets::scrollbar(area, shown.top(), list.height.into(), shown.len(), style, buffer);
    let looks = Looks {
        columns,
        instants: app.instants_in(&window.scope),
        kinds: kinds(shown, columns.kind),
        streams: streams(shown, list.height, columns.stream),
    };
    if list.y > area.y + 1 {
        let mut pen = Pen::new(buffer, Rect { y: list.y - 1, height: 1, ..list });
        let number = if matches!(window.scope, Scope::Stream(_)) { "ver" } else { "#" };
        if let Some(hidden) = columns.hidden() {
            // What is not seen is named where it takes no other name its room, and never left out without a sign.
            let before = 2 + columns.number + 1 + columns.time + 1 + columns.stream + 1 + "type ".len();
            let words = format!("… {hidden}");
            let whole = before + text::width(&words) <= usize::from(list.width);
            pen.put_right(if whole { &words } else { "…" }, style).put_right(" ", style);
        }
        pen.skip(2).put_right_in(number, columns.number, style).skip(1);
        if columns.time > 0 {
            pen.put_in(if app.look.times == Times::Gap { "gap" } else { "time" }, columns.time, style).skip(1);
        }
        if columns.stream > 0 {
            pen.put_in("stream", columns.stream, style).skip(1);
        }
        pen.put_in("type", columns.kind, style);
        if columns.data > 0 {
            pen.skip(usize::from(BEFORE_DATA)).put("data", style);
        }
    }
    for (row, y) in (shown.top()..shown.len()).zip(list.y..list.bottom()) {
        draw_row(app, theme, shown, row, &looks, Rect { y, height: 1, ..list }, buffer);
    }
    if let Shown::Some(_, sifted) = shown
        && sifted.is_empty()
        && !sifted.running
        && list.height > 2
    {
        let below = Rect { y: list.y + 2, height: list.height - 2, ..list };
        let words = format!("No event here passes the filter: all {} are hidden.", count(sifted.hidden()));
        say(&[&words, &sifted.unjudged.words()], Role::Muted, theme, below, buffer);
    }
}

/// The types of a list as they are shown, told apart from all that were read of it.
fn kinds(shown: Shown<'_>, cells: usize) -> HashMap<&str, String> {
    let read: BTreeSet<&str> = shown.kinds().collect();
    let read: Vec<&str> = read.into_iter().collect();
    let cut = names::kinds(&read, cells);
    read.into_iter().zip(cut).collect()
}

/// The names of the streams that are seen.
fn streams(shown: Shown<'_>, height: u16, cells: usize) -> HashMap<&str, String> {
    let seen = (shown.top()..shown.top() + u64::from(height)).filter_map(|row| shown.row(row));
    let seen: BTreeSet<&str> = seen.map(|row| row.event.stream.as_str()).collect();
    let seen: Vec<&str> = seen.into_iter().collect();
    let cut = names::all(&seen, cells);
    seen.into_iter().zip(cut).collect()
}

fn draw_row(
    app: &App,
    theme: &Theme,
    shown: Shown<'_>,
    index: u64,
    looks: &Looks<'_>,
    line: Rect,
    buffer: &mut Buffer,
) {
    let columns = &looks.columns;
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
    let failed = app.has_failed(&window.scope, place).then_some(Fact::Faulted);
    let (mark, role) = match row.and_then(|row| row.fact).or(failed) {
        // A blank would say that it changed nothing.
        None if event.trouble.is_none() => (NOT_SEEN, Role::Muted),
        fact => mark(event, fact),
    };
    pen.sign(mark, style(role));
    let number = match window.scope {
        Scope::Stream(_) => event.version.to_string(),
        // The number `:` and `--at` go to: the store's own, cut where it is a long text.
        Scope::Category(_) | Scope::Correlation(_) | Scope::All => {
            text::fit(&event.position.to_string(), columns.number - 1)
        }
    };
    let role = if app.is_hit(&window.scope, place) { Role::Match } else { Role::Version };
    pen.put_right_in(&number, columns.number, style(role)).skip(1);
    if columns.time > 0 {
        pen.put_in(&time(app, shown, index, event, looks), columns.time, style(Role::Time)).skip(1);
    }
    if columns.stream > 0 {
        let name = event.stream.as_str();
        let name = looks.streams.get(name).map_or(name, String::as_str);
        pen.put_in(name, columns.stream, style(Role::Stream)).skip(1);
    }
    let matched = style(Role::Match);
    if event.trouble.is_some() {
        pen.put("unreadable ", style(Role::Fault));
    } else {
        let kind = looks.kinds.get(&*event.event_type);
        let kind = kind.cloned().unwrap_or_else(|| names::cut(&event.event_type, [], columns.kind));
        let start = usize::from(pen.column());
        pen.put_matching(&kind, style(Role::Type), pattern(app), matched);
        let used = usize::from(pen.column()) - start;
        pen.skip(columns.kind.saturating_sub(used));
    }
    if columns.data == 0 && event.trouble.is_none() && event.notes.is_empty() {
        return;
    }
    pen.skip(usize::from(event.trouble.is_none()));
    for note in &event.notes {
        if pen.room() > 8 {
            pen.put(&format!("[{}] ", text::fit(&note.text, 40)), style(Role::Caution));
        }
    }
    let digest = row.map_or_else(|| Cow::Owned(words::digest(event)), |row| Cow::Borrowed(row.digest.as_str()));
    if pen.room() > 5 && (columns.data > 0 || event.trouble.is_some()) {
        pen.skip(1).put_matching(&digest, style(Role::Muted), pattern(app), matched);
    }
}

/// The mark of an event of which it is not known what it did.
const NOT_SEEN: &str = "·";

/// What the marks of events stand for.
pub const LEGEND: &str =
    "events: · not looked at yet  ~ changed  + began  × ended  ! failed  ? no state to compare with";

fn mark(event: &Event, fact: Option<Fact>) -> (&'static str, Role) {
    if event.trouble.is_some() {
        return ("!", Role::Fault);
    }
    match fact {
        Some(Fact::Began) => ("+", Role::Added),
        Some(Fact::Changed) => ("~", Role::Changed),
        Some(Fact::Ended) => ("×", Role::Removed),
        Some(Fact::Faulted) => ("!", Role::Fault),
        Some(Fact::Uncompared) => ("?", Role::Caution),
        Some(Fact::Idle) | None => (" ", Role::Muted),
    }
}

fn time(app: &App, shown: Shown<'_>, row: u64, event: &Event, looks: &Looks<'_>) -> String {
    let Some(time) = event.time else { return String::new() };
    match app.look.times {
        Times::Utc => looks.instants.write(time, looks.columns.precision),
        Times::Gap => {
            let before = row.checked_sub(1).and_then(|before| shown.row(before)?.event.time);
            before.map_or(String::new(), |before| gap(before, time))
        }
    }
}
