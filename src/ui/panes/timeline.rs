//! The timeline: where one stands in the scope, and what is known of the rest. It is a scrubber.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::App;
use crate::app::layout::{column_of, track};
use crate::app::panes::timeline::{Mark, columns};
use crate::domain::text;
use crate::domain::words::{count, instant};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{self, Pen};

const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    if area.height == 0 {
        return;
    }
    let boxed = area.height >= 5;
    if boxed {
        let legend = "━ seen  ~ changed  + began  × ended  ! fault  P pinned    pace: ▁ slow █ fast";
        let titles = [("Timeline", Role::Title), ("click or drag to go there", Role::Muted)];
        widgets::Frame { area, focused: false, theme }.draw(&titles, legend, buffer);
    }
    let track = track(area);
    let (Some(scope), Some(window)) = (&app.walk.scope, &app.panes.events.window) else {
        let rail = "─".repeat(usize::from(track.width));
        Pen::new(buffer, track).put(&rail, theme.style(Role::Track));
        return;
    };
    let total = app.total(scope);
    let columns = columns(window, &app.walk, &app.panes.pace, total, track.width);
    let style = |role| theme.style(role);
    Pen::new(buffer, Rect { x: track.x - 1, width: 1, ..track }).put("├", style(Role::Track));
    let mut pen = Pen::new(buffer, track);
    for column in &columns {
        let (sign, role) = match column.mark {
            Mark::Unseen if column.event => ("┴", Role::Track),
            Mark::Unseen => ("─", Role::Track),
            Mark::Seen => ("━", Role::Seen),
            Mark::Changed => ("~", Role::Changed),
            Mark::Began => ("+", Role::Added),
            Mark::Ended => ("×", Role::Removed),
            Mark::Fault => ("!", Role::Fault),
            Mark::Pinned => ("P", Role::Pin),
        };
        pen.sign(sign, style(role));
    }
    let rest =
        Rect { x: track.right(), width: (area.right() - u16::from(boxed)).saturating_sub(track.right()), ..track };
    let place = match &app.walk.wanted {
        Some(wanted) if wanted.place.is_some() => "…".into(),
        _ => {
            // Which of the events of the scope it is, written as `:` takes it.
            let (place, total) = (format!("#{}", count(app.walk.place)), count(total));
            let both = format!("{place}/{total}");
            if both.len() + 2 <= usize::from(rest.width) { both } else { place }
        }
    };
    Pen::new(buffer, rest).put("┤", style(Role::Track)).skip(1).put(&place, style(Role::Header));
    let at = |place: u64| Rect { x: track.x + column_of(place, total, track.width), width: 1, ..track };
    let wanted = app.walk.wanted.as_ref().filter(|wanted| wanted.scope.as_ref() == Some(scope));
    if let Some(place) = wanted.and_then(|wanted| wanted.place) {
        Pen::new(buffer, at(place)).put("○", style(Role::Cursor));
    }
    Pen::new(buffer, at(app.walk.place)).put("●", style(Role::Cursor));
    if track.y > area.y + u16::from(boxed) {
        let lane = Rect { y: track.y - 1, ..track };
        let mut pen = Pen::new(buffer, lane);
        for column in &columns {
            match column.pace {
                Some(level) => pen.sign(LEVELS[usize::from(level.min(7))], style(Role::Pace)),
                None => pen.skip(1),
            };
        }
        let label = Rect { x: rest.x, y: lane.y, ..rest };
        Pen::new(buffer, label).skip(2).put(if boxed { "pace" } else { "█ fast" }, style(Role::Muted));
        if !boxed {
            let label = Rect { y: track.y + 1, ..rest };
            Pen::new(buffer, label).skip(2).put("↔ drag", style(Role::Muted));
        }
        times(app, theme, track, buffer);
    }
}

/// Under the track: the times of its ends where they are known, and of the cursor.
fn times(app: &App, theme: &Theme, track: Rect, buffer: &mut Buffer) {
    let Some(scope) = &app.walk.scope else { return };
    let line = Rect { y: track.y + 1, ..track };
    let total = app.total(scope);
    let (first, last) = match scope {
        crate::domain::Scope::Stream(name) => match app.catalogue.summary(name) {
            Some(summary) => (summary.first_time, summary.last_time),
            None => (None, None),
        },
        _ => (None, None),
    };
    let [sampled_first, sampled_last] = app.panes.pace.ends(scope, total);
    let (first, last) = (sampled_first.or(first), sampled_last.or(last));
    let style = theme.style(Role::Muted);
    let here = app.walk.event().and_then(|event| event.time).map(instant);
    let column = usize::from(column_of(app.walk.place, total, track.width));
    let mut left = 0;
    let mut right = usize::from(track.width);
    if let Some(first) = first.map(instant) {
        Pen::new(buffer, line).put(&first, style);
        left = text::width(&first) + 2;
    }
    if let Some(last) = last.map(instant) {
        Pen::new(buffer, line).put_right(&last, style);
        right = right.saturating_sub(text::width(&last) + 2);
    }
    // At an end of the scope its time stands there already.
    if let Some(here) = here.filter(|_| app.walk.place > 1 && app.walk.place < total || first.is_none()) {
        let width = text::width(&here);
        let start = column.saturating_sub(width / 2).max(left).min(right.saturating_sub(width));
        if start >= left && start + width <= right {
            let area = Rect { x: line.x + start as u16, width: width as u16, ..line };
            Pen::new(buffer, area).put(&here, theme.style(Role::Time));
        }
    }
}
