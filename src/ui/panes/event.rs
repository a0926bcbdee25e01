//! The event of the cursor.

use std::collections::BTreeSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{focused, pattern, say, title, title_role};
use crate::app::App;
use crate::app::ids::Pane;
use crate::app::layout::rows;
use crate::app::panes::event::EventView;
use crate::domain::names;
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::{self, Pen};

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pane = &app.panes.event;
    let kind = match &pane.event {
        Some(event) if event.trouble.is_some() => "unreadable".into(),
        Some(event) => {
            let read = app.panes.events.window.iter().flat_map(|window| window.known());
            let read = read.filter(|(_, row)| row.event.trouble.is_none());
            let kind = &*event.event_type;
            let others: BTreeSet<&str> =
                read.map(|(_, row)| &*row.event.event_type).filter(|other| *other != kind).collect();
            let all: Vec<&str> = std::iter::once(kind).chain(others).collect();
            names::kinds(&all, usize::from(area.width).saturating_sub(18).max(8)).swap_remove(0)
        }
        None => String::new(),
    };
    let view = EventView::ALL.iter().map(|(view, name)| match *view == pane.view {
        true => format!("[{name}]"),
        false => (*name).to_owned(),
    });
    let views = view.collect::<Vec<_>>().join(" ");
    let titles = [(title(Pane::Event), title_role(app, Pane::Event)), (kind, Role::Type)];
    let titles = titles.each_ref().map(|(text, role)| (text.as_str(), *role));
    widgets::Frame { area, focused: focused(app, Pane::Event), theme }.draw(&titles, &views, buffer);

    let list = rows(Pane::Event, area);
    let Some(event) = &pane.event else {
        let words = match app.walk.scope {
            Some(_) => "Before the first event: nothing has happened yet.",
            None => "",
        };
        return say(&[words], Role::Muted, theme, list, buffer);
    };
    let (top, len) = match pane.tree() {
        Some(tree) => (tree.top(), tree.rows().len()),
        None => (pane.lines().top, pane.lines().all().len()),
    };
    widgets::scrollbar(area, top as u64, list.height.into(), len as u64, theme.style(Role::Muted), buffer);
    if let Some(tree) = pane.tree() {
        if tree.rows().is_empty() {
            let absent = if event.data.is_absent() { "No data is stored with this event." } else { "Empty." };
            return say(&[absent], Role::Muted, theme, list, buffer);
        }
        return widgets::tree(tree, focused(app, Pane::Event), pattern(app), list, theme, buffer);
    }
    let mut list = list;
    if let (EventView::Data, Some(problem)) = (pane.view, &pane.problem) {
        Pen::new(buffer, Rect { height: 1, ..list })
            .put("! ", theme.style(Role::Fault))
            .put(problem, theme.style(Role::Fault));
        list = Rect { y: list.y + 1, height: list.height.saturating_sub(1), ..list };
    }
    for (line, y) in pane.lines().all().iter().skip(top).zip(list.y..list.bottom()) {
        let area = Rect { y, height: 1, ..list };
        Pen::new(buffer, area).put_matching(line, theme.style(Role::Text), pattern(app), theme.style(Role::Match));
    }
}
