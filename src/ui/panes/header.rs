//! The first line: what is looked at, and where one stands in it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::tail;
use crate::app::action::{Action, Context, Viewing};
use crate::app::{App, Severity};
use crate::domain::words::{count, counted, instant};
use crate::domain::{Event, Position, Scope, names, text};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::Pen;

/// One thing the line says.
struct Piece {
    text: String,
    role: Role,
    rank: Rank,
    /// How many things to be careful about it stands for.
    things: usize,
    /// What it is cut to, or said instead, where there is no room for all.
    brief: Brief,
}

/// How a piece gives way before it goes, if it ever does.
enum Brief {
    /// Not at all.
    No,
    /// It says this.
    Words(String),
    /// The end of it stays.
    Tail,
    /// The parts of it that tell names apart stay.
    Name,
}

/// Which pieces give way first where there is no room for all: what is only good to know before the names, and the names
/// before what one must know. What is to be careful about goes last, the most harmful last of all, and is counted then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Reason,
    Program,
    Streams,
    Time,
    Events,
    Layout,
    Live,
    /// The name of the source is shortened rather than left out.
    Source,
    Stream,
    /// The later in the list, the sooner it goes.
    Caution(u8),
    Place,
    Always,
}

/// The widths of names: shorter than the first only when there is nothing else to be left out.
const SHORT_NAME: usize = 16;
const SHORTEST_NAME: usize = 8;
const LONGEST_NAME: usize = 40;

pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pieces = shown(app, area.width);
    let mut pen = Pen::new(buffer, area);
    pen.skip(1);
    for (n, piece) in pieces.iter().enumerate() {
        pen.skip(if n > 0 { 2 } else { 0 }).put(&piece.text, theme.style(piece.role));
    }
}

/// Whether the header of a screen that is so wide has room for the time of the event.
pub fn shows_time(app: &App, width: u16) -> bool {
    shown(app, width).iter().any(|piece| piece.rank == Rank::Time)
}

/// What a line that is so wide says.
fn shown(app: &App, width: u16) -> Vec<Piece> {
    let key = app.keys.map.keys_of(&[Context::Everywhere], Action::View(Viewing::About)).into_iter().next();
    fitted(pieces(app, width.into()), key.as_deref(), width.saturating_sub(2).into())
}

/// What of the pieces has so much room. Warnings that have none are counted, with the key that tells them all.
fn fitted(mut pieces: Vec<Piece>, key: Option<&str>, room: usize) -> Vec<Piece> {
    let whole = |rank: Rank| pieces.iter().find(|piece| piece.rank == rank).map(|piece| piece.text.clone());
    let wholes = [Rank::Stream, Rank::Source].map(|rank| (rank, whole(rank)));
    let cut = |pieces: &mut Vec<Piece>, rank: Rank, cells: usize| {
        if let Some(piece) = pieces.iter_mut().find(|piece| piece.rank == rank) {
            piece.text = match piece.brief {
                Brief::Tail => tail(&piece.text, cells),
                Brief::Name => names::cut(&piece.text, [], cells),
                Brief::No | Brief::Words(_) => return,
            };
        }
    };
    let more = |left_out: usize| Piece {
        text: key.map_or_else(|| format!("+{left_out} more"), |key| format!("+{left_out} more, {key}")),
        role: Role::Caution,
        rank: Rank::Always,
        things: 0,
        brief: Brief::No,
    };
    let mut left_out = 0;
    let width = |pieces: &[Piece], left_out: usize| {
        let counted = if left_out > 0 { text::width(&more(left_out).text) + 2 } else { 0 };
        pieces.iter().map(|piece| text::width(&piece.text) + 2).sum::<usize>().saturating_sub(2) + counted
    };
    cut(&mut pieces, Rank::Source, SHORT_NAME);
    // The ranks that may go, the first first; the names are cut in between.
    let mut ranks: Vec<Rank> = pieces.iter().map(|piece| piece.rank).collect();
    ranks.sort_unstable();
    let step = |pieces: &mut Vec<Piece>, rank: Rank, left_out: &mut usize, whole: bool| {
        let Some(at) = pieces.iter().position(|piece| piece.rank == rank) else { return };
        match (&pieces[at].brief, rank) {
            (_, Rank::Source) => cut(pieces, rank, SHORTEST_NAME),
            (_, Rank::Stream) => cut(pieces, rank, if whole { SHORTEST_NAME } else { SHORT_NAME }),
            (_, Rank::Place | Rank::Always) => {}
            (Brief::Words(words), Rank::Caution(_)) if !whole => pieces[at].text = words.clone(),
            (_, Rank::Caution(_)) if !whole => {}
            _ => *left_out += pieces.remove(at).things,
        }
    };
    // First everything gives way once, then what still stands goes.
    for whole in [false, true] {
        for rank in &ranks {
            if width(&pieces, left_out) <= room {
                break;
            }
            step(&mut pieces, *rank, &mut left_out, whole);
        }
    }
    // Where even that is too much, a word about what is left out is worth more than the name of the source.
    if left_out > 0 && width(&pieces, left_out) > room {
        pieces.retain(|piece| piece.rank != Rank::Source);
    }
    // What is left is for the names.
    for (rank, whole) in wholes {
        let left = room.saturating_sub(width(&pieces, left_out));
        if let (Some(piece), Some(whole)) = (pieces.iter_mut().find(|piece| piece.rank == rank), whole) {
            let cells = (text::width(&piece.text) + left).min(LONGEST_NAME);
            piece.text = if rank == Rank::Source { tail(&whole, cells) } else { names::cut(&whole, [], cells) };
        }
    }
    if left_out > 0 {
        pieces.push(more(left_out));
    }
    pieces
}

fn pieces(app: &App, width: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let cautions = app.cautions();
    let failures = cautions.iter().filter(|caution| caution.severity == Severity::Error).count() as u8;
    let mut piece = |text: String, role: Role, rank: Rank| {
        let brief = match rank {
            Rank::Source => Brief::Tail,
            Rank::Stream => Brief::Name,
            Rank::Caution(_) => Brief::Words(text.replace(" events", "").replace(" event", "")),
            _ => Brief::No,
        };
        pieces.push(Piece { text, role, rank, things: usize::from(matches!(rank, Rank::Caution(_))), brief });
    };
    piece("stepback".into(), Role::Badge, Rank::Program);
    let about = app.catalogue.about.as_ref();
    let name = match (&app.name, about) {
        (Some(name), _) => name,
        (None, Some(about)) => about.name.as_str(),
        (None, None) => "opening …",
    };
    piece(text::safe(name).into_owned(), Role::Header, Rank::Source);
    piece("[RO]".into(), Role::Badge, Rank::Always);
    if app.follow.changed.is_some() {
        piece("[CHANGED]".into(), Role::Caution, Rank::Always);
    }
    if app.follow.on {
        piece("[following]".into(), Role::Badge, Rank::Live);
    }
    if let Some(new) = app.new_words() {
        piece(new, Role::Info, Rank::Live);
    }
    if let Some(about) = about {
        // Of a store in tables the layout matters more than what the tables lie in; `i` tells both.
        let kind = match (&about.layout, about.kind.split_once(", ")) {
            (Some(_), Some((layout, _))) => layout,
            _ => about.kind.as_str(),
        };
        piece(text::fit(kind, 40), Role::Muted, Rank::Layout);
    }
    if let Some(about) = about
        && about.layout.is_some()
        && let Some(reason) = about.reasons.first()
    {
        piece(format!("({})", text::fit(reason, 60)), Role::Muted, Rank::Reason);
    }
    let progress = &app.catalogue.progress;
    let so_far = match app.catalogue.percent_read() {
        Some(percent) => format!(" so far ({percent} %)"),
        None if progress.complete => String::new(),
        None => " so far".into(),
    };
    if about.is_some() {
        // How many there are so far is no number to be taken for the whole.
        piece(
            format!("{}{so_far}", counted(progress.events, "event")),
            Role::Muted,
            match so_far.is_empty() {
                true => Rank::Events,
                false => Rank::Caution(u8::MAX - 2 * failures),
            },
        );
        piece(counted(app.catalogue.streams.len() as u64, "stream"), Role::Muted, Rank::Streams);
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
            Scope::Correlation(id) => (format!("correlation {id}"), in_store(app, event.map(|event| &**event), &total)),
            Scope::All => ("whole store".into(), in_store(app, event.map(|event| &**event), &total)),
        };
        piece(names::cut(&name, [], (width / 3).clamp(16, 40)), Role::Stream, Rank::Stream);
        piece(place, Role::Header, Rank::Place);
        if let Some(time) = event.and_then(|event| event.time) {
            piece(instant(time), Role::Time, Rank::Time);
        }
    }
    pieces.extend((0u8..).zip(cautions).map(|(n, caution)| Piece {
        text: caution.words,
        role: if caution.severity == Severity::Error { Role::Fault } else { Role::Caution },
        rank: Rank::Caution(u8::MAX - 1 - 2 * n),
        things: caution.things,
        brief: Brief::Words(caution.brief),
    }));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, rank: Rank, things: usize) -> Piece {
        let brief = match rank {
            Rank::Source => Brief::Tail,
            Rank::Stream => Brief::Name,
            Rank::Caution(255) => Brief::Words("! 7 failed".into()),
            _ => Brief::No,
        };
        Piece { text: text.into(), role: Role::Text, rank, things, brief }
    }

    #[test]
    fn what_to_be_careful_about_goes_last_and_is_counted() {
        let line = |room: usize| {
            let pieces = vec![
                piece("stepback", Rank::Program, 0),
                piece("a-long-name-of-a-dump.jsonl", Rank::Source, 0),
                piece("[RO]", Rank::Always, 0),
                piece("JSON Lines", Rank::Layout, 0),
                piece("2,126 events", Rank::Events, 0),
                piece("order-5a1e0000-0000-400a", Rank::Stream, 0),
                piece("@12/33", Rank::Place, 0),
                piece("2026-03-01 09:00:37.000Z", Rank::Time, 0),
                piece("! 7 of 33 failed", Rank::Caution(255), 1),
                piece("approximate", Rank::Caution(254), 1),
                piece("! 2 caveats", Rank::Caution(253), 2),
            ];
            let pieces = fitted(pieces, Some("i"), room);
            pieces.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>().join("  ")
        };
        for room in 40..220 {
            let line = line(room);
            assert!(text::width(&line) <= room, "{line} in {room}");
            let told = |words: &str| line.contains(words);
            assert!(told("7 of 33 failed") || told("7 failed") || told("+4 more, i"), "{line}");
            assert!(told("! 2 caveats") || told("more, i"), "{line}");
            assert!(told("approximate") || told("+3 more, i") || told("+4 more, i"), "{line}");
            assert!(told("[RO]") && told("@12/33") && told("orde"), "{line}");
        }
        assert!(line(100).ends_with("! 7 of 33 failed  approximate  ! 2 caveats"), "{}", line(100));
        assert!(line(60).ends_with("! 7 failed  +3 more, i"), "{}", line(60));
        assert!(line(200).starts_with("stepback  a-long-name-of-a-dump.jsonl  [RO]  JSON Lines"), "{}", line(200));
    }
}
