//! The rows of a folding tree of JSON, with marks and earlier values.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Pen;
use crate::app::panes::tree::{Label, Mark, Row, Tree, label_width};
use crate::app::words;
use crate::domain::words::{count, counted};
use crate::domain::{Json, text};
use crate::ui::theme::{Role, Theme};

/// Draws the rows that fit. `pattern` is marked where it occurs.
pub fn tree(tree: &Tree, focused: bool, pattern: Option<&str>, area: Rect, theme: &Theme, buffer: &mut Buffer) {
    let rows = tree.rows().iter().enumerate().skip(tree.top()).take(usize::from(area.height));
    for ((number, row), y) in rows.zip(area.y..) {
        let line = Rect { y, height: 1, ..area };
        if number == tree.selected() {
            let role = if focused { Role::Selected } else { Role::SelectedElsewhere };
            // Where the focus is elsewhere only the first cell is marked: the eye is not to be drawn here.
            let width = if focused { line.width } else { 1 };
            buffer.set_style(Rect { width, ..line }, theme.style(role));
        }
        draw_row(row, pattern, theme, Pen::new(buffer, line));
    }
}

fn draw_row(row: &Row, pattern: Option<&str>, theme: &Theme, mut pen: Pen<'_>) {
    let style = |role| theme.style(role);
    let (sign, role) = match &row.mark {
        Mark::Same => (" ", Role::Text),
        Mark::Inside(_) if row.open == Some(true) => (" ", Role::Text),
        Mark::Inside(_) | Mark::Changed(_) => ("~", Role::Changed),
        Mark::Added => ("+", Role::Added),
        Mark::Removed => ("-", Role::Removed),
    };
    let gone = row.mark == Mark::Removed;
    pen.sign(sign, style(role)).skip(1).skip(usize::from(row.depth) * 2);
    let fold = match row.open {
        Some(true) => "▾",
        Some(false) => "▸",
        None => " ",
    };
    pen.sign(fold, style(Role::Muted)).skip(1);
    let apart = note(row, theme, &mut pen);
    let key = if gone { Role::Removed } else { Role::Key };
    match &row.label {
        Label::Root => {}
        Label::Key(name) => {
            let shown = if name.is_empty() { "\"\"" } else { name };
            let room = (pen.room() * 2 / 3).max(1);
            let cells = usize::from(row.align).max(1);
            if text::width(&text::fit(shown, room + 1)) > cells {
                let fitted = text::fit(shown, room);
                pen.put_matching(&fitted, style(key), pattern, style(Role::Match));
            } else {
                let start = usize::from(pen.column());
                pen.put_matching(shown, style(key), pattern, style(Role::Match));
                let used = usize::from(pen.column()) - start;
                pen.skip(cells.saturating_sub(used));
            }
            pen.skip(1);
        }
        Label::Index(index) => {
            pen.put_in(&format!("[{index}]"), usize::from(row.align).max(3), style(Role::Muted)).skip(1);
        }
        Label::Range(from, to) => {
            pen.put(&format!("[{} … {}]", count(*from as u64), count(*to as u64 - 1)), style(Role::Muted));
            return;
        }
        Label::Cut => {
            pen.put("… more rows than can be listed at once: fold something", style(Role::Warning));
            return;
        }
    }
    draw_value(row, apart, pattern, theme, &mut pen);
}

/// What is said about a row, against its right end. Gives the value as it is
/// shown beside an earlier one that begins alike.
fn note(row: &Row, theme: &Theme, pen: &mut Pen<'_>) -> Option<String> {
    let whole = pen.room();
    let most = whole / 2;
    let mut apart = None;
    match &row.mark {
        Mark::Changed(before) if most >= 8 => {
            let cells = most - "was ".len();
            let label = usize::from(row.align).max(label_width(&row.label)).min(whole * 2 / 3) + 1;
            let used = text::width(&text::fit(&words::value(before, cells), cells)) + " was ".len();
            let [was, now] = words::told_apart(before, &row.value, [cells, whole.saturating_sub(used + label)]);
            apart = Some(now).filter(|now| now.starts_with('…'));
            pen.put_right(&text::fit(&format!("was {was}"), most), theme.style(Role::Before))
                .put_right(" ", Style::new());
        }
        Mark::Inside(marks) if row.open == Some(false) => {
            let inside = format!("{} inside", counted(*marks as u64, "change"));
            pen.put_right(&text::fit(&inside, most), theme.style(Role::Before)).put_right(" ", Style::new());
        }
        _ => {}
    }
    if row.duplicate {
        pen.put_right(&text::fit("duplicate key", most), theme.style(Role::Warning)).put_right(" ", Style::new());
    }
    apart
}

fn draw_value(row: &Row, apart: Option<String>, pattern: Option<&str>, theme: &Theme, pen: &mut Pen<'_>) {
    let gone = row.mark == Mark::Removed;
    let role = match &row.value {
        _ if gone => Role::Removed,
        Json::String(_) | Json::Verbatim(_) => Role::String,
        Json::Number(_) => Role::Number,
        Json::Bool(_) | Json::Null => Role::Literal,
        Json::Array(_) | Json::Object(_) => Role::Muted,
    };
    let shown = match (&row.value, row.open) {
        (Json::Array(array), Some(true)) => format!("[{}]", array.len()),
        (Json::Object(object), Some(true)) if object.len() > 16 => format!("{{{}}}", object.len()),
        (Json::Object(_), Some(true)) => String::new(),
        (Json::Array(array), Some(false)) => format!("[{}] {}", array.len(), words::value(&row.value, pen.room())),
        (value, _) => apart.unwrap_or_else(|| words::value(value, pen.room())),
    };
    pen.put_matching(&shown, theme.style(role), pattern, theme.style(Role::Match));
}
