//! The state after the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{focused, pattern, say, tail, title, title_role};
use crate::app::ids::Pane;
use crate::app::panes::state::{Against, StatePane, StateView};
use crate::app::words;
use crate::app::{App, Severity};
use crate::domain::patch::Change;
use crate::domain::words::count;
use crate::domain::{names, text};
use crate::replay::Moment;
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{self, Pen};

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    // While the state of the cursor is being folded, one of before is shown as what it is.
    let before = app.walk.before();
    let moment = app.walk.here().or(before);
    let place = moment.map_or(String::new(), |moment| match &moment.event {
        Some(event) if event.trouble.is_some() => String::new(),
        Some(event) => format!("@{}", event.version),
        None => "at the start".into(),
    });
    let place = match before {
        Some(_) if place.is_empty() => ("not here".into(), Role::Caution),
        Some(_) => (format!("{place}, not here"), Role::Caution),
        None if moment.is_some_and(|moment| moment.reducer.stale.is_some()) => {
            (format!("{place}  from before the save"), Role::Caution)
        }
        None => (place, Role::Version),
    };
    // The stream is only worth saying where the scope is wider than one.
    let stream = match (&app.walk.scope, moment) {
        (Some(crate::domain::Scope::Stream(_)) | None, _) | (_, None) => String::new(),
        (Some(_), Some(moment)) => names::cut(moment.stream.as_str(), [], usize::from(area.width).saturating_sub(24)),
    };
    let titles = [(title(Pane::State), title_role(app, Pane::State)), (stream, Role::Stream), place];
    let titles = titles.each_ref().map(|(text, role)| (text.as_str(), *role));
    let (top, len) = match pane.view {
        StateView::Tree => (pane.tree.top(), pane.tree.rows().len()),
        StateView::Changes => (pane.top, pane.patch.0.len()),
    };
    let list = app.list(Pane::State, area);
    let height = usize::from(list.height);
    let below = len.saturating_sub(top + height);
    let note = match (pane.view, below) {
        (StateView::Changes, _) => "list of changes".to_owned(),
        (StateView::Tree, 0) => String::new(),
        (StateView::Tree, below) => {
            let changed = pane.tree.changes_from(top + height);
            match changed {
                0 => format!("{} below", count(below as u64)),
                _ => format!("{} below, {} changed", count(below as u64), count(changed as u64)),
            }
        }
    };
    let missing = app.fold_words();
    let note = if moment.is_some() { note } else { String::new() };
    widgets::Frame { area, focused: focused(app, Pane::State), theme }.draw(&titles, &note, buffer);
    let (noted, all) = app.noted(area);
    let notes = app.state_notes(noted.width.into());
    let unseen = notes.len().saturating_sub(noted.height.into());
    for ((severity, note), y) in notes.iter().zip(noted.y..noted.bottom()) {
        let role = match severity {
            Severity::Info => Role::Text,
            Severity::Warning => Role::Caution,
            Severity::Error => Role::Fault,
        };
        let mut pen = Pen::new(buffer, Rect { y, height: 1, ..noted });
        if y + 1 == noted.bottom() && unseen > 0 {
            pen.put_right(&format!(" +{unseen} more"), theme.style(role));
        }
        pen.put(note, theme.style(role));
    }
    let Some(moment) = moment else {
        if let Some((words, more)) = missing {
            return say(&[&words, &more], Role::Caution, theme, all, buffer);
        }
        let words = if app.catalogue.is_empty() { "No state." } else { "" };
        return say(&[words], Role::Muted, theme, list, buffer);
    };
    widgets::scrollbar(area, top as u64, height as u64, len as u64, theme.style(Role::Muted), buffer);
    if let Some((words, _)) = &missing {
        let line = Rect { y: noted.y.saturating_sub(1).max(area.y + 1), height: 1, ..all };
        Pen::new(buffer, line).put(words, theme.style(Role::Caution));
    } else if noted.y > area.y + 1 {
        head(app, moment, theme, Rect { y: noted.y - 1, height: 1, ..noted }, buffer);
    }
    told(pane, all, theme, buffer);
    match pane.view {
        StateView::Changes => changes(app, theme, list, buffer),
        StateView::Tree => body(app, moment, theme, list, buffer),
    }
    if before.is_some() {
        let top = all.y.max(area.y + 2).min(all.bottom());
        let lines = Rect { y: top, height: all.bottom() - top, ..all };
        buffer.set_style(lines, theme.style(Role::Muted));
    }
}

/// The line that says how the state came to be, and what the marks are about.
fn head(app: &App, moment: &Moment, theme: &Theme, line: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    let style = |role| theme.style(role);
    let mut pen = Pen::new(buffer, line);
    if moment.sealed().is_some() || moment.suspended.is_some() {
        pen.put(&text::fit(file(&moment.reducer.name), 24), style(Role::Muted));
        return;
    }
    if let (Some(fault), Against::Before) = (moment.unknown.as_ref().or(moment.fault.as_ref()), pane.against) {
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
            (Against::Before, _) if moment.uncompared => "no state before ",
            (Against::Before, _) => "unchanged ",
            (Against::Pinned, _) => "no difference ",
        };
        pen.put_right(words, style(Role::Muted));
    }
    if moment.reducer.approximate {
        pen.put_right("approximate ", style(Role::Caution));
    }
    if let (Against::Pinned, Some(pin)) = (pane.against, app.walk.pin_name()) {
        pen.put("vs ", style(Role::Pin)).put(&pin, style(Role::Pin));
        return;
    }
    pen.put(&text::fit(file(&moment.reducer.name), 24), style(Role::Muted));
}

/// The last part of a path to a file.
fn file(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// In narrower lines the paths of changes are not put one under the other.
const ALIGNED: usize = 38;

/// Above the tree: what the event changed, or what differs from the pinned state, whatever of the tree is seen.
fn told(pane: &StatePane, rows: Rect, theme: &Theme, buffer: &mut Buffer) {
    let told = pane.told_changes(rows.height);
    let changes = &pane.patch.0;
    let paths = changes.iter().take(told.into()).map(|change| text::width(&path(change))).max().unwrap_or(0);
    for (number, y) in (0..told).zip(rows.y..) {
        let mut pen = Pen::new(buffer, Rect { y, height: 1, ..rows });
        let more = changes.len() - usize::from(told);
        if number + 1 == told && more > 0 {
            pen.put_right(&format!(" +{} more", count(more as u64)), theme.style(Role::Before));
        }
        change(&changes[usize::from(number)], pane.against, paths, theme, &mut pen);
    }
    if let Some(under) = pane.line_under_told(rows.height) {
        let line = "─".repeat(rows.width.into());
        Pen::new(buffer, Rect { y: rows.y + under, height: 1, ..rows }).put(&line, theme.style(Role::Border));
    }
}

/// One change in one line; `paths` is how wide the paths around it are.
fn change(change: &Change, against: Against, paths: usize, theme: &Theme, pen: &mut Pen<'_>) {
    let style = |role| theme.style(role);
    let Change { path: at, before, after } = change;
    let (sign, role) = match (before, after) {
        (None, _) => ("+", Role::Added),
        (_, None) => ("-", Role::Removed),
        _ => ("~", Role::Changed),
    };
    pen.sign(sign, style(role)).skip(1);
    if at.0.is_empty() && (before.is_none() || after.is_none()) {
        let words = match (against, after) {
            (Against::Before, Some(_)) => "came into being with this event",
            (Against::Before, None) => "ended by this event; it was",
            (Against::Pinned, Some(_)) => "does not exist in the pinned state",
            (Against::Pinned, None) => "does not exist here; pinned it is",
        };
        pen.put(words, style(role));
        return;
    }
    let room = (pen.room() / 2).max(1);
    let name = tail(&path(change), room);
    // Paths one under the other are worth something only where the values have room.
    let cells = if pen.room() < ALIGNED { text::width(&name) } else { paths.min(room) };
    pen.put_in(&name, cells, style(Role::Key)).skip(1);
    match (before, after) {
        (Some(before), Some(after)) => {
            let room = pen.room().saturating_sub(3);
            let [mut old, mut new] = [before, after].map(|value| text::safe(&words::value(value, room)).into_owned());
            if text::width(&old) + text::width(&new) > room {
                (old, new) = without_what_they_share(&old, &new);
            }
            // Both are to be seen: the earlier one yields first.
            let kept = room.saturating_sub(text::width(&new)).max(room / 2);
            pen.put(&text::fit(&old, kept), style(Role::Before)).put(" → ", style(Role::Muted));
            pen.put(&new, style(Role::Text));
        }
        (Some(value), None) => _ = pen.put(&words::value(value, pen.room()), style(Role::Before)),
        (None, Some(value)) => _ = pen.put(&words::value(value, pen.room()), style(Role::Text)),
        (None, None) => {}
    }
}

/// Two texts that begin alike, cut to where they begin to differ.
fn without_what_they_share(old: &str, new: &str) -> (String, String) {
    const WORTH_IT: usize = 4;
    let shared = old.chars().zip(new.chars()).take_while(|(a, b)| a == b);
    let shared: usize = shared.map(|(c, _)| c.len_utf8()).sum();
    // One character before the difference stays.
    let cut = old[..shared].char_indices().next_back().map_or(0, |(at, _)| at);
    match cut > WORTH_IT {
        true => (format!("…{}", &old[cut..]), format!("…{}", &new[cut..])),
        false => (old.to_owned(), new.to_owned()),
    }
}

/// The path of a change, safe to show.
fn path(change: &Change) -> String {
    if change.path.0.is_empty() { "(all)".into() } else { text::safe(&change.path.to_string()).into_owned() }
}

/// The end of a path, which tells more than its beginning.
fn body(app: &App, moment: &Moment, theme: &Theme, list: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    if moment.state.is_none() && pane.tree.rows().is_empty() {
        if let Some(sealed) = moment.sealed() {
            let words = format!("Its payload is {sealed}: its state cannot be folded.");
            return say(&[&words], Role::Muted, theme, list, buffer);
        }
        if let Some((words, help)) = app.suspended_words() {
            return say(
                &[&format!("No state here, {words}."), "", &format!("{help}.")],
                Role::Fault,
                theme,
                list,
                buffer,
            );
        }
        let nowhere = moment.stream.as_str().is_empty();
        let unreadable = moment.event.as_ref().is_some_and(|event| event.trouble.is_some());
        if let Some(why) = moment.unknown.as_ref() {
            return say(&["There is no state here.", "", &why.message], Role::Fault, theme, list, buffer);
        }
        if let Some(fault) = moment.fault.as_ref().filter(|_| !nowhere) {
            let words = if unreadable {
                "No state: this record could not be read, and there was none before."
            } else {
                "No state: the reducer failed, and there was none before."
            };
            return say(&[words, "", &fault.message], Role::Fault, theme, list, buffer);
        }
        let words = match &moment.event {
            None if nowhere => "No state: this is before the first event, and in no stream.",
            Some(_) if nowhere => "No state: this record belongs to no stream.",
            None => "Does not exist yet: no event has happened.",
            Some(_) => "Does not exist here.",
        };
        return say(&[words], Role::Muted, theme, list, buffer);
    }
    widgets::tree(&pane.tree, focused(app, Pane::State), pattern(app), list, theme, buffer);
}

fn changes(app: &App, theme: &Theme, list: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.state;
    if pane.patch.0.is_empty() {
        let words = match pane.against {
            Against::Before if app.walk.here().is_some_and(|moment| moment.uncompared) => {
                "What this event changed is not known: there is no state before it, or none here, to compare."
            }
            Against::Before => "This event changed nothing.",
            Against::Pinned => "Nothing differs from the pinned state.",
        };
        return say(&[words], Role::Muted, theme, list, buffer);
    }
    let style = |role| theme.style(role);
    let shown = pane.patch.0.iter().enumerate().skip(pane.top).zip(list.y..list.bottom());
    let paths = shown.clone().map(|((_, change), _)| text::width(&path(change))).max().unwrap_or(0);
    for ((number, entry), y) in shown {
        let line = Rect { y, height: 1, ..list };
        if number == pane.selected {
            let role = if focused(app, Pane::State) { Role::Selected } else { Role::SelectedElsewhere };
            buffer.set_style(line, style(role));
        }
        change(entry, pane.against, paths, theme, &mut Pen::new(buffer, line));
    }
}
