//! The list of streams.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{focused, say, title, title_role};
use crate::app::App;
use crate::app::ids::Pane;
use crate::app::layout::rows;
use crate::app::panes::streams::Row;
use crate::app::words::{Instants, Precision};
use crate::domain::words::{count, counted};
use crate::domain::{Scope, StreamKind, names};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{self, Pen};

const WHOLE_STORE: &str = "whole store";

/// Cells before a name.
const SIGNS: usize = 2;

/// The columns: what of the width goes to the count and to the time, and what the name has left.
struct Columns {
    count: usize,
    time: usize,
    name: usize,
    /// How times are written.
    instants: Instants,
    precision: Precision,
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.streams;
    let catalogue = &app.catalogue;
    let streams = catalogue.streams.len() as u64;
    let so_far = if catalogue.progress.complete || !catalogue.listed { "" } else { " so far" };
    let (filter, note) = match &pane.narrowing {
        Some(narrowing) => {
            let found = narrowing.matches.as_ref().map_or(0, |matches| matches.len()) as u64;
            let more = if narrowing.complete { so_far } else { " …" };
            (format!("/{}", narrowing.pattern), format!("{} of {}{more}", count(found), count(streams)))
        }
        None if streams == 0 => (String::new(), String::new()),
        None if !so_far.is_empty() => (String::new(), format!("{}{so_far}", counted(streams, "stream"))),
        None if catalogue.apart > 0 => {
            let apart = catalogue.apart as u64;
            (String::new(), format!("{} {}, {} apart", count(streams - apart), pane.order.words(), count(apart)))
        }
        None => (String::new(), format!("{} {}", count(streams), pane.order.words())),
    };
    let titles = [(title(Pane::Streams), title_role(app, Pane::Streams)), (filter, Role::Changed)];
    let titles = titles.each_ref().map(|(text, role)| (text.as_str(), *role));
    let frame = widgets::Frame { area, focused: focused(app, Pane::Streams), theme };
    frame.draw(&titles, &note, buffer);

    let list = rows(Pane::Streams, area);
    let len = pane.len(catalogue);
    widgets::scrollbar(area, pane.top as u64, list.height.into(), len as u64, theme.style(Role::Muted), buffer);
    if catalogue.is_empty() {
        return say(&["This source holds no events.", "", "i: what is known of it"], Role::Muted, theme, list, buffer);
    }
    if !catalogue.listed {
        return say(&["Reading …"], Role::Muted, theme, list, buffer);
    }
    if len == 0 && pane.narrowing.is_some() {
        let words = if so_far.is_empty() { "No stream matches." } else { "No stream matches so far." };
        return say(&[words, "", "Esc: all streams"], Role::Muted, theme, list, buffer);
    }
    let columns = columns(app, usize::from(list.width));
    if list.y > area.y + 1 {
        let head = Rect { y: list.y - 1, height: 1, ..list };
        let mut pen = Pen::new(buffer, head);
        if columns.time > 0 {
            let cells = columns.time;
            pen.put_right(&format!("{:<cells$}", "last"), theme.style(Role::Muted))
                .put_right("  ", theme.style(Role::Text));
        }
        pen.put_right("events", theme.style(Role::Muted)).skip(2).put("name", theme.style(Role::Muted));
    }
    let rows = pane.top..len.min(pane.top + usize::from(list.height));
    let names: Vec<String> = rows.clone().map(|number| name(app, number)).collect();
    let names = names::all(&names.iter().map(String::as_str).collect::<Vec<_>>(), columns.name);
    for ((number, name), y) in rows.zip(&names).zip(list.y..) {
        let line = Rect { y, height: 1, ..list };
        draw_row(app, theme, (number, name), &columns, line, buffer);
    }
}

/// The name of a row; nothing where it has none.
fn name(app: &App, number: usize) -> String {
    let catalogue = &app.catalogue;
    match app.panes.streams.row(catalogue, number) {
        Some(Row::All) => WHOLE_STORE.into(),
        Some(Row::Category(n)) => {
            catalogue.categories.get(n as usize).map_or(String::new(), |category| format!("{}-*", category.name))
        }
        Some(Row::Stream(n)) => {
            catalogue.streams.get(n as usize).map_or(String::new(), |summary| summary.stream.to_string())
        }
        Some(Row::MoreCategories(_)) | None => String::new(),
    }
}

/// The columns in a width: no times where names would be cut for them.
fn columns(app: &App, width: usize) -> Columns {
    const LONG_NAME: usize = 24;
    let catalogue = &app.catalogue;
    let digits = app.digits();
    let widest = catalogue.widest.clamp(WHOLE_STORE.len(), LONG_NAME);
    let instants = app.instants_in(&Scope::All);
    let room = |time: usize| width.saturating_sub(SIGNS + digits + 1 + if time > 0 { time + 2 } else { 0 } + 1);
    let wanted = [Precision::Milliseconds, Precision::Seconds];
    let wanted = &wanted[usize::from(!catalogue.fractions)..];
    let precision = wanted.iter().copied().find(|precision| room(instants.width(*precision)) >= widest);
    let precision = precision.filter(|_| catalogue.span.is_some());
    let time = precision.map_or(0, |precision| instants.width(precision));
    let precision = precision.unwrap_or(Precision::Seconds);
    Columns { count: digits, time, name: room(time), instants, precision }
}

fn draw_row(
    app: &App,
    theme: &Theme,
    (number, name): (usize, &str),
    columns: &Columns,
    line: Rect,
    buffer: &mut Buffer,
) {
    let pane = &app.panes.streams;
    let catalogue = &app.catalogue;
    let Some(row) = pane.row(catalogue, number) else { return };
    let selected = number == pane.selected;
    if selected {
        let role = if focused(app, Pane::Streams) { Role::Selected } else { Role::SelectedElsewhere };
        buffer.set_style(line, theme.style(role));
    }
    let mut pen = Pen::new(buffer, line);
    match selected {
        true => pen.sign("›", theme.style(Role::Cursor)).skip(1),
        false => pen.skip(2),
    };
    match row {
        Row::All => {
            let events = catalogue.progress.events;
            right(&mut pen, columns, "", &count(events), theme);
            pen.put(name, theme.style(Role::Type));
        }
        Row::Category(n) => {
            let Some(category) = catalogue.categories.get(n as usize) else { return };
            let whole = counted(category.streams, "stream");
            let streams = if whole.len() <= columns.time { whole } else { format!("in {}", count(category.streams)) };
            right(&mut pen, columns, &streams, &count(category.events), theme);
            pen.put(name, theme.style(Role::Type));
        }
        Row::MoreCategories(more) => {
            pen.put(
                &format!("… {}", counted(u64::from(more), "more category").replace("ys", "ies")),
                theme.style(Role::Muted),
            );
        }
        Row::Stream(n) => {
            let Some(summary) = catalogue.streams.get(n as usize) else { return };
            let write = |time| columns.instants.write(time, columns.precision);
            let time = summary.last_time.map_or(String::new(), write);
            right(&mut pen, columns, &time, &count(summary.events), theme);
            let typed = pane.narrowing.as_ref().map(|narrowing| narrowing.pattern.as_str());
            let (role, kind) = match summary.kind {
                StreamKind::Domain => (Role::Stream, None),
                kind => (Role::Muted, Some(kind.name())),
            };
            pen.put_matching(name, theme.style(role), typed, theme.style(Role::Match));
            if let Some(kind) = kind.filter(|kind| pen.room() > kind.len() + 3) {
                pen.put(&format!(" ({kind})"), theme.style(Role::Muted));
            }
        }
    }
}

/// The columns at the right end of a row.
fn right(pen: &mut Pen<'_>, columns: &Columns, time: &str, events: &str, theme: &Theme) {
    if columns.time > 0 {
        let cells = columns.time;
        pen.put_right(&format!("{time:<cells$}"), theme.style(Role::Time)).put_right("  ", theme.style(Role::Text));
    }
    let cells = columns.count;
    pen.put_right(&format!("{events:>cells$}"), theme.style(Role::Number)).put_right(" ", theme.style(Role::Text));
}
