//! The first line: what is looked at, and where one stands in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::words::{count, counted, instant};
use crate::app::{App, panes::Pane};
use crate::domain::{Scope, text};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::Pen;

/// One thing the line says. Where there is no room for all, those of the lowest rank are left out whole.
struct Piece {
    text: String,
    role: Role,
    rank: u8,
}

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut pieces = pieces(app);
    let room = usize::from(area.width.saturating_sub(2));
    let width = |pieces: &[Piece]| pieces.iter().map(|piece| text::width(&piece.text) + 2).sum::<usize>();
    while width(&pieces) > room + 2 && pieces.len() > 2 {
        let Some(least) = (0..pieces.len()).min_by_key(|n| pieces[*n].rank) else { break };
        pieces.remove(least);
    }
    let mut pen = Pen::new(buffer, area);
    pen.skip(1);
    for (n, piece) in pieces.iter().enumerate() {
        pen.skip(if n > 0 { 2 } else { 0 }).put(&piece.text, theme.style(piece.role));
    }
}

fn pieces(app: &App) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = |text: String, role: Role, rank: u8| pieces.push(Piece { text, role, rank });
    piece("stepback".into(), Role::Badge, 1);
    let about = app.catalogue.about.as_ref();
    let name = about.map_or("opening …", |about| &about.name);
    piece(text::fit(name, 32), Role::Header, 10);
    piece("[RO]".into(), Role::Badge, 11);
    if let Some(about) = about {
        piece(text::fit(&about.kind, 24), Role::Muted, 2);
    }
    let progress = &app.catalogue.progress;
    let so_far = match app.catalogue.percent_read() {
        Some(percent) => format!(" so far ({percent} %)"),
        None if progress.complete => String::new(),
        None => " so far".into(),
    };
    if about.is_some() {
        piece(format!("{}{so_far}", counted(progress.events, "event")), Role::Muted, 6);
        piece(counted(app.catalogue.streams.len() as u64, "stream"), Role::Muted, 3);
    }
    if progress.troubles > 0 {
        piece(format!("! {} unreadable", count(progress.troubles)), Role::Fault, 8);
    }
    if let (Some(scope), Some(moment)) = (&app.walk.scope, app.walk.moment.as_deref()) {
        let total = count(app.total(scope));
        let (name, place) = match scope {
            Scope::Stream(name) => {
                let at = moment.event.as_ref().map_or("start".into(), |event| event.version.to_string());
                let last = app.catalogue.summary(name).map_or(total, |summary| summary.last_version.to_string());
                (name.to_string(), format!("@{at}/{last}"))
            }
            Scope::Category(name) => (format!("{name}-*"), format!("#{}/{total}", count(app.walk.place))),
            Scope::All => ("whole store".into(), format!("#{}/{total}", count(app.walk.place))),
        };
        // Beside a pane that says it already, the name of the scope is the first to go.
        let named = app.areas().is_some_and(|areas| areas.pane(Pane::Events).is_some());
        piece(text::fit(&name, 40), Role::Stream, if named { 5 } else { 9 });
        piece(place, Role::Header, 10);
        if let Some(time) = moment.event.as_ref().and_then(|event| event.time) {
            piece(instant(time), Role::Time, 7);
        }
        if moment.reducer.approximate {
            piece("approximate".into(), Role::Caution, 4);
        }
    }
    pieces
}
