//! The state after the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{focused, pattern, say, title, title_role};
use crate::app::App;
use crate::app::layout::rows;
use crate::app::panes::Pane;
use crate::app::panes::state::{Against, StateView};
use crate::app::words::{self, count};
use crate::domain::text;
use crate::replay::{Change, Moment};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{self, Pen};

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    let moment = app.walk.moment.as_deref();
    let place = moment.map_or(String::new(), |moment| match &moment.event {
        Some(event) if event.trouble.is_some() => String::new(),
        Some(event) => format!("@{}", event.version),
        None => "at the start".into(),
    });
    // The stream is only worth saying where the scope is wider than one.
    let stream = match (&app.walk.scope, moment) {
        (Some(crate::domain::Scope::Stream(_)) | None, _) | (_, None) => String::new(),
        (Some(_), Some(moment)) => moment.stream.to_string(),
    };
    let titles = [(title(Pane::State), title_role(app, Pane::State)), (stream, Role::Stream), (place, Role::Version)];
    let titles = titles.each_ref().map(|(text, role)| (text.as_str(), *role));
    let (top, len) = match pane.view {
        StateView::Tree => (pane.tree.top(), pane.tree.rows().len()),
        StateView::Changes => (pane.top, pane.patch.0.len()),
    };
    let list = rows(Pane::State, area);
    let height = usize::from(list.height);
    let below = len.saturating_sub(top + height);
    let note = match (pane.view, below) {
        (StateView::Changes, _) => "list of changes".to_owned(),
        (StateView::Tree, 0) => String::new(),
        (StateView::Tree, below) => format!("{} below", count(below as u64)),
    };
    widgets::Frame { area, focused: focused(app, Pane::State), theme }.draw(&titles, &note, buffer);
    widgets::scrollbar(area, top as u64, height as u64, len as u64, theme.style(Role::Muted), buffer);
    let Some(moment) = moment else {
        let words = if app.catalogue.is_empty() { "No state." } else { "" };
        return say(&[words], Role::Muted, theme, list, buffer);
    };
    if list.y > area.y + 1 {
        head(app, moment, theme, Rect { y: list.y - 1, height: 1, ..list }, buffer);
    }
    match pane.view {
        StateView::Changes => changes(app, theme, list, buffer),
        StateView::Tree => body(app, moment, theme, list, buffer),
    }
}

/// The line that says how the state came to be, and what the marks are about.
fn head(app: &App, moment: &Moment, theme: &Theme, line: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    let style = |role| theme.style(role);
    let mut pen = Pen::new(buffer, line);
    if let (Some(fault), Against::Before) = (&moment.fault, pane.against) {
        let place =
            fault.place.as_ref().map_or(String::new(), |place| format!("{}:{} ", file(&place.file), place.line));
        pen.put("! ", style(Role::Fault)).put(&format!("{place}{}", fault.message), style(Role::Fault));
        return;
    }
    let tally = pane.tally;
    let parts =
        [(tally.changed, "~", Role::Changed), (tally.added, "+", Role::Added), (tally.removed, "-", Role::Removed)];
    if tally.unmarked > 0 {
        pen.put_right(&format!("{} unmarked ", count(tally.unmarked as u64)), style(Role::Warning));
    }
    for (number, sign, role) in parts.into_iter().rev().filter(|(number, ..)| *number > 0) {
        pen.put_right(&format!("{sign}{} ", count(number as u64)), style(role));
    }
    if tally.total() == 0 && moment.event.as_ref().is_some_and(|event| event.trouble.is_none()) {
        let compared = app.walk.difference_here().is_some() || pane.against == Against::Before;
        let words = match (pane.against, compared) {
            (_, false) => "comparing … ",
            (Against::Before, _) => "unchanged ",
            (Against::Pinned, _) => "no difference ",
        };
        pen.put_right(words, style(Role::Muted));
    }
    if let (Against::Pinned, Some(pin)) = (pane.against, &app.walk.pin) {
        pen.put("vs ", style(Role::Pin)).put(&pin.name, style(Role::Pin));
        return;
    }
    pen.put(&text::fit(file(&moment.reducer.name), 24), style(Role::Muted));
    if moment.reducer.approximate {
        pen.put(" ", style(Role::Muted)).put("approximate", style(Role::Caution));
    }
}

/// The last part of a path to a file.
fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn body(app: &App, moment: &Moment, theme: &Theme, mut list: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    let has_focus = focused(app, Pane::State);
    if moment.state.is_none() {
        let words: &[&str] = match &moment.event {
            _ if moment.stream.as_str().is_empty() => &["No state: this record belongs to no stream."],
            None => &["Does not exist yet: no event has happened."],
            Some(_) if pane.tree.rows().is_empty() => &["Does not exist here."],
            Some(_) => &["Ended by this event:"],
        };
        if pane.tree.rows().is_empty() {
            return say(words, Role::Muted, theme, list, buffer);
        }
        say(words, Role::Removed, theme, Rect { height: list.height.min(1), ..list }, buffer);
        list = Rect { y: list.y + list.height.min(1), height: list.height.saturating_sub(1), ..list };
    }
    widgets::tree(&pane.tree, has_focus, pattern(app), list, theme, buffer);
}

fn changes(app: &App, theme: &Theme, list: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    if pane.patch.0.is_empty() {
        let words = match pane.against {
            Against::Before => "This event changed nothing.",
            Against::Pinned => "Nothing differs from the pinned state.",
        };
        return say(&[words], Role::Muted, theme, list, buffer);
    }
    let style = |role| theme.style(role);
    for ((number, change), y) in pane.patch.0.iter().enumerate().skip(pane.top).zip(list.y..list.bottom()) {
        let line = Rect { y, height: 1, ..list };
        if number == pane.selected {
            let role = if focused(app, Pane::State) { Role::Selected } else { Role::SelectedElsewhere };
            buffer.set_style(line, style(role));
        }
        let mut pen = Pen::new(buffer, line);
        let Change { path, before, after } = change;
        let (sign, role) = match (before, after) {
            (None, _) => ("+", Role::Added),
            (_, None) => ("-", Role::Removed),
            _ => ("~", Role::Changed),
        };
        let path = if path.0.is_empty() { "(all)".into() } else { path.to_string() };
        pen.put(sign, style(role)).skip(1).put(&text::fit(&path, pen_room(list) / 2), style(Role::Key)).skip(2);
        if let Some(before) = before {
            pen.put(&words::value(before, pen.room()), style(Role::Before));
        }
        if before.is_some() && after.is_some() {
            pen.put(" → ", style(Role::Muted));
        }
        if let Some(after) = after {
            pen.put(&words::value(after, pen.room()), style(Role::Text));
        }
    }
}

fn pen_room(list: Rect) -> usize {
    usize::from(list.width.saturating_sub(4))
}
