//! The first line: what is looked at, and where one stands in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::tail;
use crate::app::App;
use crate::app::words::{count, counted, instant};
use crate::domain::{Event, Position, Scope, names, text};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::Pen;

/// One thing the line says. Where there is no room for all, those of the lowest rank are left out whole.
struct Piece {
    text: String,
    role: Role,
    rank: u8,
}

/// The name of the source is shortened rather than left out, and before anything that matters more is.
const NAME: u8 = 9;
/// Its widths: shorter than that only when there is nothing else to be left out.
const SHORTEST_NAME: usize = 8;
const SHORT_NAME: usize = 16;
const LONGEST_NAME: usize = 40;

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut pieces = pieces(app, area.width.into());
    let room = usize::from(area.width.saturating_sub(2)) + 2;
    let others = |pieces: &[Piece]| -> usize {
        pieces.iter().filter(|piece| piece.rank != NAME).map(|piece| text::width(&piece.text) + 2).sum()
    };
    while let Some(lowest) = (0..pieces.len()).min_by_key(|n| pieces[*n].rank) {
        let Some(name) = pieces.iter().find(|piece| piece.rank == NAME) else { break };
        let shortest = if pieces[lowest].rank < NAME { SHORT_NAME } else { SHORTEST_NAME };
        if others(&pieces) + text::width(&name.text).min(shortest) + 2 <= room {
            break;
        }
        pieces.remove(lowest);
    }
    let left = room.saturating_sub(others(&pieces) + 2);
    if let Some(name) = pieces.iter_mut().find(|piece| piece.rank == NAME) {
        name.text = tail(&name.text, left.clamp(SHORTEST_NAME, LONGEST_NAME));
    }
    let mut pen = Pen::new(buffer, area);
    pen.skip(1);
    for (n, piece) in pieces.iter().enumerate() {
        pen.skip(if n > 0 { 2 } else { 0 }).put(&piece.text, theme.style(piece.role));
    }
}

fn pieces(app: &App, width: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = |text: String, role: Role, rank: u8| pieces.push(Piece { text, role, rank });
    piece("stepback".into(), Role::Badge, 1);
    let about = app.catalogue.about.as_ref();
    let name = match (&app.name, about) {
        (Some(name), _) => name,
        (None, Some(about)) => about.name.as_str(),
        (None, None) => "opening …",
    };
    piece(text::safe(name).into_owned(), Role::Header, NAME);
    piece("[RO]".into(), Role::Badge, 12);
    if app.follow.changed.is_some() {
        piece("[CHANGED]".into(), Role::Caution, 12);
    }
    if app.follow.on {
        piece("[following]".into(), Role::Badge, 8);
    }
    if let Some(new) = app.new_words() {
        piece(new, Role::Info, 8);
    }
    if let Some(about) = about {
        // Of a store in tables the layout matters more than what the tables lie in; `i` tells both.
        let kind = match (&about.layout, about.kind.split_once(", ")) {
            (Some(_), Some((layout, _))) => layout,
            _ => about.kind.as_str(),
        };
        piece(text::fit(kind, 40), Role::Muted, 7);
    }
    if let Some(about) = about {
        if about.layout.is_some()
            && let Some(reason) = about.reasons.first()
        {
            piece(format!("({})", text::fit(reason, 60)), Role::Muted, 0);
        }
        if !about.caveats.is_empty() {
            piece(format!("! {}", counted(about.caveats.len() as u64, "caveat")), Role::Caution, 5);
        }
    }
    let progress = &app.catalogue.progress;
    let so_far = match app.catalogue.percent_read() {
        Some(percent) => format!(" so far ({percent} %)"),
        None if progress.complete => String::new(),
        None => " so far".into(),
    };
    if about.is_some() {
        piece(
            format!("{}{so_far}", counted(progress.events, "event")),
            Role::Muted,
            if so_far.is_empty() { 6 } else { 8 },
        );
        piece(counted(app.catalogue.streams.len() as u64, "stream"), Role::Muted, 3);
    }
    if progress.troubles > 0 {
        piece(format!("! {} unreadable", count(progress.troubles)), Role::Fault, 8);
    }
    if let Some(scope) = &app.walk.scope {
        let event = app.walk.event();
        let total = count(app.total(scope));
        let (name, place) = match scope {
            Scope::Stream(name) => {
                let at = event.map_or("start".into(), |event| event.version.to_string());
                let last = app.catalogue.summary(name).map_or(total, |summary| summary.last_version.to_string());
                (name.to_string(), format!("@{at}/{last}"))
            }
            Scope::Category(name) => (format!("{name}-*"), in_store(app, event.map(|event| &**event), &total)),
            Scope::All => ("whole store".into(), in_store(app, event.map(|event| &**event), &total)),
        };
        piece(names::cut(&name, [], (width / 3).clamp(16, 40)), Role::Stream, 10);
        piece(place, Role::Header, 11);
        if let Some(time) = event.and_then(|event| event.time) {
            piece(instant(time), Role::Time, 4);
        }
        if let Some(lacks) = app.lacks() {
            piece(format!("! {lacks}"), Role::Fault, 10);
        }
        let Some(moment) = app.walk.here() else { return pieces };
        if moment.suspended.is_some() {
            piece("suspended".into(), Role::Fault, 10);
        }
        if moment.unknown && moment.suspended.is_none() {
            piece("! no state".into(), Role::Fault, 10);
        }
        if moment.reducer.stale.is_some() {
            piece("before the save".into(), Role::Caution, 10);
        }
        if let Some(sealed) = moment.sealed() {
            let what = if sealed.contains("encrypted") { "encrypted" } else { sealed };
            piece(format!("{}: no state", text::fit(what, 24)), Role::Caution, 7);
        } else if moment.reducer.approximate {
            piece("approximate".into(), Role::Caution, 7);
        }
    }
    pieces
}

/// Where one stands in a scope of many streams: the position as the store numbers it, and, where that is not the same, which
/// of the events it is.
fn in_store(app: &App, event: Option<&Event>, total: &str) -> String {
    let ordinal = format!("#{}/{total}", count(app.walk.place));
    match event {
        Some(event) if event.position != Position::Number(app.walk.place) => {
            format!("@{} {ordinal}", text::fit(&event.position.to_string(), 24))
        }
        _ => ordinal,
    }
}
