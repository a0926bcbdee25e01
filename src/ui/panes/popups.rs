//! What covers the panes: the help, and long texts.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use crate::app::layout::{self, inner};
use crate::app::lines::Lines;
use crate::app::mode::{Entry, Help, Popup};
use crate::domain::text as words;
use crate::domain::words::counted;
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{Frame, Pen, scrollbar};

/// Draws the help; gives the place of the cursor.
pub fn help(help: &Help, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Position {
    let style = |role| theme.style(role);
    let entries = &help.entries;
    clear(theme, area, buffer);
    let note = counted(entries.len() as u64, "action");
    Frame { area, focused: true, theme }.draw(&[("Keys", Role::TitleFocused)], &note, buffer);
    let inside = inner(area);
    let mut pen = Pen::new(buffer, Rect { height: 1, ..inside });
    pen.skip(1).put("type to narrow: ", style(Role::Muted));
    let x = pen.column();
    pen.put(help.line.value(), style(Role::Text));
    let column = (help.line.visual_cursor() as u16).min(inside.right().saturating_sub(x + 1));
    let [legend, list, said] = layout::help(area);
    prose(super::events::LEGEND, style(Role::Muted), legend, buffer);
    if let Some(entry) = entries.get(help.selected) {
        prose(entry.spec.doc, style(Role::Info), said, buffer);
    }
    scrollbar(
        Rect { y: list.y.saturating_sub(1), height: list.height + 2, ..area },
        help.top as u64,
        list.height.into(),
        entries.len() as u64,
        style(Role::Muted),
        buffer,
    );
    if entries.is_empty() {
        Pen::new(buffer, list).skip(1).put("no action matches", style(Role::Muted));
    }
    let mut group = "";
    for ((number, Entry { spec, keys }), y) in entries.iter().enumerate().skip(help.top).zip(list.y..list.bottom()) {
        let line = Rect { y, height: 1, ..list };
        if number == help.selected {
            buffer.set_style(line, style(Role::Selected));
        }
        let mut pen = Pen::new(buffer, line);
        match number == help.selected {
            true => pen.sign("›", style(Role::Cursor)),
            false => pen.skip(1),
        };
        let shown = if spec.group == group { "" } else { spec.group };
        group = spec.group;
        pen.put_in(shown, 9, style(Role::Title));
        pen.put_in(keys, if line.width >= 80 { 22 } else { 14 }, style(Role::HintKey)).skip(1);
        pen.put(spec.doc, style(Role::Text));
    }
    Position::new(x + column, inside.y)
}

/// Draws a sentence, broken between words; the last line shows where there is more.
fn prose(text: &str, style: Style, area: Rect, buffer: &mut Buffer) {
    let lines = Lines::prose(text, usize::from(area.width).saturating_sub(2));
    for (number, y) in (area.y..area.bottom()).enumerate() {
        let rest = lines.all().get(number..).unwrap_or_default();
        let line = if y + 1 == area.bottom() { rest.join(" ") } else { rest.first().cloned().unwrap_or_default() };
        Pen::new(buffer, Rect { y, height: 1, ..area }).skip(1).put(&line, style);
    }
}

/// Draws a long text.
pub fn text(popup: &Popup, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    clear(theme, area, buffer);
    let inside = inner(area);
    let lines = popup.lines.all();
    let below = lines.len().saturating_sub(popup.lines.top + usize::from(inside.height));
    let note = if below > 0 { format!("{} below", counted(below as u64, "line")) } else { String::new() };
    let title = words::fit(&popup.title, usize::from(area.width.saturating_sub(6)));
    Frame { area, focused: true, theme }.draw(&[(&title, Role::TitleFocused)], &note, buffer);
    let muted = theme.style(Role::Muted);
    scrollbar(area, popup.lines.top as u64, inside.height.into(), lines.len() as u64, muted, buffer);
    for (line, y) in lines.iter().skip(popup.lines.top).zip(inside.y..inside.bottom()) {
        let role = if line.starts_with(' ') || line.is_empty() { Role::Text } else { Role::Title };
        Pen::new(buffer, Rect { y, height: 1, ..inside }).put(line, theme.style(role));
    }
}

fn clear(theme: &Theme, area: Rect, buffer: &mut Buffer) {
    Clear.render(area, buffer);
    buffer.set_style(area, theme.ground());
}
