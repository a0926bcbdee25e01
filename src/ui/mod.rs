//! What the screen looks like: one pure function from what is known to cells.
//!
//! It changes nothing and decides nothing; where things are is `app::layout`, what they say is `app`. Every text goes
//! through `widgets::Pen`, which makes it safe, and every look is a role of the `Theme`.

mod panes;
pub mod theme;
mod widgets;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

pub use theme::{Role, Theme};

use crate::app::App;
use crate::app::ids::Pane;
use crate::app::layout::SMALLEST;
use crate::app::mode::Mode;
use widgets::Pen;

/// Draws everything.
pub fn render(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    if theme.ground() != Style::new() {
        frame.buffer_mut().set_style(area, theme.ground());
    }
    // The size the state knows, never more than the screen has: the message of a new size may still be under way.
    let Some(areas) = app.areas().filter(|_| area.width >= app.size.width && area.height >= app.size.height) else {
        return too_small(app, theme, frame);
    };
    let buffer = frame.buffer_mut();
    panes::header::draw(app, theme, areas.header, buffer);
    for (pane, area) in areas.visible() {
        match pane {
            Pane::Streams => panes::streams::draw(app, theme, area, buffer),
            Pane::Events => panes::events::draw(app, theme, area, buffer),
            Pane::Event => panes::event::draw(app, theme, area, buffer),
            Pane::State => panes::state::draw(app, theme, area, buffer),
        }
    }
    panes::timeline::draw(app, theme, areas.timeline, buffer);
    let popup = crate::app::layout::popup(&areas);
    let mut cursor = panes::status::draw(app, theme, areas.status, buffer);
    panes::status::draw_hints(app, theme, areas.hints, buffer);
    match &app.mode {
        Mode::Help(help) => cursor = Some(panes::popups::help(help, theme, popup, buffer)),
        Mode::Popup(text) => panes::popups::text(text, theme, popup, buffer),
        Mode::Survey(sheet) => panes::survey::draw(sheet, theme, areas.body(), buffer),
        Mode::Normal | Mode::Prompt(_) | Mode::ConfirmQuit => {}
    }
    ground(theme, frame.buffer_mut());
    if let Some(position) = cursor {
        frame.set_cursor_position(position);
    }
}

/// The ground of a theme that has one, in every cell that has none of its own: what was cleared, and the hidden half of
/// wide characters.
fn ground(theme: &Theme, buffer: &mut Buffer) {
    let Style { fg: Some(front), bg: Some(ground), .. } = theme.ground() else { return };
    for cell in &mut buffer.content {
        if cell.bg == Color::Reset {
            cell.set_bg(ground);
        }
        if cell.fg == Color::Reset {
            cell.set_fg(front);
        }
    }
}

/// A word about a window in which nothing can be shown.
fn too_small(app: &App, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    let (width, height) = SMALLEST;
    let lines = [
        "stepback needs more room".to_owned(),
        format!("{width}x{height} at least, this is {}x{}", area.width, area.height),
        match app.mode {
            Mode::ConfirmQuit => "quit? q or n".into(),
            _ => "Q quits".into(),
        },
    ];
    let first = area.height.saturating_sub(lines.len() as u16) / 2;
    for (line, y) in lines.iter().zip(area.y + first..area.bottom()) {
        let x = (usize::from(area.width).saturating_sub(line.len()) / 2) as u16;
        let line_area = Rect { x: area.x + x, y, width: area.width - x, height: 1 };
        Pen::new(frame.buffer_mut(), line_area).put(line, theme.style(Role::Text));
    }
}
