//! How each pane looks.

pub mod event;
pub mod events;
pub mod header;
pub mod popups;
pub mod state;
pub mod status;
pub mod streams;
pub mod survey;
pub mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::theme::{Role, Theme};
use super::widgets::Pen;
use crate::app::App;
use crate::app::ids::Pane;
use crate::app::mode::Mode;
use crate::domain::text;

/// Whether a pane has the focus: no pane has it while something covers them.
fn focused(app: &App, pane: Pane) -> bool {
    app.panes.focus == pane && matches!(app.mode, Mode::Normal | Mode::Prompt(_))
}

/// The title of a pane: its number and name.
fn title(pane: Pane) -> String {
    format!("{} {}", pane.number(), pane.name())
}

fn title_role(app: &App, pane: Pane) -> Role {
    if focused(app, pane) { Role::TitleFocused } else { Role::Title }
}

/// What is looked for now, to be marked wherever it is shown.
fn pattern(app: &App) -> Option<&str> {
    app.jobs.search.as_ref().filter(|search| !search.expression).map(|search| search.pattern.as_str())
}

/// The end of a path, which tells more than its beginning; cut between its parts where it can be.
fn tail(path: &str, cells: usize) -> String {
    if text::width(path) <= cells {
        return path.into();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += text::width(c.encode_utf8(&mut [0; 4]));
        used <= cells
    };
    let kept: usize = path.chars().rev().take_while(fits).map(char::len_utf8).sum();
    let kept = &path[path.len() - kept..];
    format!("…{}", kept.find('/').map_or(kept, |at| &kept[at..]))
}

/// Lines of words where a pane has nothing to show, broken between words.
fn say(lines: &[&str], role: Role, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let width = usize::from(area.width.saturating_sub(2)).max(1);
    let mut y = area.y;
    for line in lines {
        let mut current = String::new();
        for word in line.split(' ') {
            if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > width {
                put_line(&std::mem::take(&mut current), role, theme, area, &mut y, buffer);
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        put_line(&current, role, theme, area, &mut y, buffer);
    }
}

fn put_line(text: &str, role: Role, theme: &Theme, area: Rect, y: &mut u16, buffer: &mut Buffer) {
    if *y < area.bottom() {
        let line = Rect { y: *y, height: 1, ..area };
        Pen::new(buffer, line).skip(1).put(text, theme.style(role));
        *y += 1;
    }
}
