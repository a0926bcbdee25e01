//! The doctor and the types: rows that are laid out already, over the panes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};

use crate::app::layout::inner;
use crate::app::panes::listing::Tone;
use crate::app::panes::survey::Sheet;
use crate::domain::text;
use crate::domain::words::{count, percent};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{Frame, Pen, scrollbar};

/// Draws a survey.
pub fn draw(sheet: &Sheet, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    Clear.render(area, buffer);
    buffer.set_style(area, theme.ground());
    let inside = inner(area);
    let title = text::fit(&sheet.title(), usize::from(area.width.saturating_sub(6)));
    Frame { area, focused: true, theme }.draw(&[(&title, Role::TitleFocused)], &sheet.note(), buffer);
    if let Some((what, done, total)) = sheet.running() {
        let words = match total {
            0 => format!("Looking at the whole store: {what} …"),
            _ => format!(
                "Looking at the whole store: {what}, {} of {}, {} %",
                count(done),
                count(total),
                percent(done, total)
            ),
        };
        Pen::new(buffer, Rect { height: 1, ..inside }).skip(1).put(&words, theme.style(Role::Info));
        return;
    }
    let (rows, selected) = (sheet.rows(), sheet.selected());
    scrollbar(area, sheet.top() as u64, inside.height.into(), rows.len() as u64, theme.style(Role::Muted), buffer);
    for ((number, row), y) in rows.iter().enumerate().skip(sheet.top()).zip(inside.y..inside.bottom()) {
        let line = Rect { y, height: 1, ..inside };
        if selected.contains(&number) {
            buffer.set_style(line, theme.style(Role::Selected));
        }
        let mut pen = Pen::new(buffer, line);
        match number == selected.start && !selected.is_empty() {
            true => pen.sign("›", theme.style(Role::Cursor)),
            false => pen.skip(1),
        };
        for (text, tone) in &row.pieces {
            pen.put(text, theme.style(role(*tone)));
        }
    }
}

fn role(tone: Tone) -> Role {
    match tone {
        Tone::Plain => Role::Text,
        Tone::Muted => Role::Muted,
        Tone::Title => Role::Title,
        Tone::Type => Role::Type,
        Tone::Number => Role::Number,
        Tone::Key => Role::Key,
        Tone::Rate => Role::Seen,
        Tone::Error => Role::Fault,
        Tone::Warning => Role::Warning,
        Tone::Info => Role::Info,
    }
}
