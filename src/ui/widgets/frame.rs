//! The border of a pane with its titles, and the scrollbar in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget};

use super::Pen;
use crate::ui::theme::{Role, Theme};

/// A border; the one that has the focus is heavy, so that colour is not the only sign.
pub struct Frame<'a> {
    /// Where.
    pub area: Rect,
    /// Whether what is inside has the focus.
    pub focused: bool,
    /// How it looks.
    pub theme: &'a Theme,
}

impl Frame<'_> {
    /// Draws it. `titles` stand in the upper border, a note in the lower one.
    pub fn draw(&self, titles: &[(&str, Role)], note: &str, buffer: &mut Buffer) {
        let (border, kind) = match self.focused {
            true => (self.theme.style(Role::BorderFocused), BorderType::Thick),
            false => (self.theme.style(Role::Border), BorderType::Rounded),
        };
        Block::bordered().border_type(kind).border_style(border).render(self.area, buffer);
        let inside = |y: u16| Rect { x: self.area.x + 2, y, width: self.area.width.saturating_sub(4), height: 1 };
        let mut pen = Pen::new(buffer, inside(self.area.y));
        if titles.iter().any(|(title, _)| !title.is_empty()) {
            for (title, role) in titles.iter().filter(|(title, _)| !title.is_empty()) {
                pen.put(" ", border).put(title, self.theme.style(*role));
            }
            if pen.room() > 0 {
                pen.put(" ", border);
            }
        }
        if !note.is_empty() && self.area.height > 1 {
            let mut pen = Pen::new(buffer, inside(self.area.bottom() - 1));
            pen.put_right(&format!(" {note} "), self.theme.style(Role::Muted));
        }
    }
}

/// Draws the part of a list that is seen into the right border of its pane, when not all of it is.
pub fn scrollbar(area: Rect, top: u64, height: u64, len: u64, style: Style, buffer: &mut Buffer) {
    let rows = u64::from(area.height.saturating_sub(2));
    if len <= height || rows == 0 || area.width == 0 {
        return;
    }
    let thumb = (u128::from(rows) * u128::from(height) / u128::from(len)).max(1) as u64;
    let hidden = len - height;
    let start = (u128::from(rows - thumb) * u128::from(top.min(hidden)) / u128::from(hidden)) as u64;
    for row in start..start + thumb {
        if let Some(cell) = buffer.cell_mut((area.right() - 1, area.y + 1 + row as u16)) {
            cell.set_symbol("█").set_style(style);
        }
    }
}
