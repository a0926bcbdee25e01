//! The last two lines: what is said, typed or under way, and the keys that work now.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use crate::app::action::{Action, Session};
use crate::app::ids::Pane;
use crate::app::mode::{Asking, Mode};
use crate::app::{App, Severity, hints, notation};
use crate::domain::text;
use crate::domain::words::{count, counted, percent};
use crate::ui::theme::{Role, Theme};
use crate::ui::widgets::Pen;

/// Draws the status line; gives the place of the cursor when something is typed there.
pub fn draw(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let style = |role| theme.style(role);
    let mut pen = Pen::new(buffer, area);
    pen.skip(1);
    let pending = pending(app);
    if !pending.is_empty() {
        pen.put_right(&format!(" {pending} "), style(Role::Prompt));
    }
    let [whole, brief] = under_way(app);
    let room = pen.room();
    let under_way = if text::width(&whole) + 30 <= room { whole } else { brief };
    if !under_way.is_empty() {
        pen.put_right(&format!(" {under_way} "), style(Role::Info));
    }
    match &app.mode {
        Mode::Prompt(prompt) => {
            let label = match prompt.asking {
                Asking::Find { wide: false, expression: false, .. } => "find: ",
                Asking::Find { wide: true, expression: false, .. } => "find in the whole store: ",
                Asking::Find { wide: false, expression: true, .. } => "find regex: ",
                Asking::Find { wide: true, expression: true, .. } => "find regex in the whole store: ",
                Asking::Filter { .. } => "streams: ",
                Asking::Sift => "filter: ",
                Asking::GoTo => "go to: ",
            };
            let words = app.prompt_words();
            let room = pen.room().saturating_sub(label.len());
            let hint = words.as_ref().map_or(0, |(_, words)| (text::width(words) + 3).min(room / 2));
            pen.put(label, style(Role::Prompt));
            let x = pen.column();
            let cells = (room - hint).max(1);
            let scroll = prompt.line.visual_scroll(cells.saturating_sub(1));
            let shown: String = skip_cells(prompt.line.value(), scroll);
            let used = text::width(&text::fit(&shown, cells));
            pen.put(&text::fit(&shown, cells), style(Role::Text));
            if let Some((severity, words)) = words {
                pen.skip(cells.saturating_sub(used).min(3)).put(&words, style(role(severity)));
            }
            let column = prompt.line.visual_cursor().saturating_sub(scroll).min(cells - 1);
            return Some(Position::new(x + column as u16, area.y));
        }
        Mode::Help(help) => {
            if let Some(entry) = help.entries.get(help.selected) {
                pen.put(entry.spec.doc, style(Role::Info));
            }
        }
        Mode::ConfirmQuit => {
            pen.put("Quit stepback? q quits", style(Role::Prompt));
        }
        Mode::Popup(_) | Mode::Survey(_) | Mode::Normal => said(app, theme, &mut pen, area.width),
    }
    None
}

/// What is left of a line after so many cells.
fn skip_cells(line: &str, cells: usize) -> String {
    let mut used = 0;
    line.chars()
        .skip_while(|c| {
            let skip = used < cells;
            used += text::width(c.encode_utf8(&mut [0; 4]));
            skip
        })
        .collect()
}

fn role(severity: Severity) -> Role {
    match severity {
        Severity::Info => Role::Info,
        Severity::Warning => Role::Warning,
        Severity::Error => Role::Fault,
    }
}

fn said(app: &App, theme: &Theme, pen: &mut Pen<'_>, width: u16) {
    let style = |role| theme.style(role);
    if let Some(notice) = &app.notice {
        let mut lines = notice.text.lines();
        let first = lines.next().unwrap_or_default();
        let more = if lines.next().is_some() { " …" } else { "" };
        let sign = if notice.severity == Severity::Error { "! " } else { "" };
        pen.put(&format!("{sign}{first}{more}"), style(role(notice.severity)));
        return;
    }
    let reopens = app.keys.map.keys_of(&app.contexts(), Action::Session(Session::Reopen)).into_iter().next();
    if let Some(banner) = app.follow.banner(reopens.as_deref()) {
        pen.put(&format!("! {banner}"), style(Role::Warning));
        return;
    }
    let moment = app.walk.here();
    if let Some((words, help)) = app.suspended_words() {
        pen.put(&format!("! {words}: {help}"), style(Role::Fault));
        return;
    }
    if let Some(why) = moment.and_then(|moment| moment.unknown.as_ref()) {
        pen.put(&format!("! no state here: {why}"), style(Role::Fault));
        return;
    }
    if let Some(fault) = moment.filter(|moment| moment.sealed().is_none()).and_then(|moment| moment.fault.as_ref()) {
        pen.put(&format!("! this event could not be folded: {fault}"), style(Role::Fault));
        return;
    }
    if let Some(stale) = moment.and_then(|moment| moment.reducer.stale.as_ref()) {
        pen.put(&format!("! {stale}: this state is from before the save"), style(Role::Fault));
        return;
    }
    if let Some(trouble) = app.walk.event().and_then(|event| event.trouble.as_ref()) {
        pen.put(&format!("! {trouble}"), style(Role::Fault));
        return;
    }
    let mut parts: Vec<(String, Role)> = Vec::new();
    if app.walk.play.running {
        parts.push((format!("▶ playing {}", app.walk.play.words()), Role::Info));
    }
    if let Some(pin) = app.walk.pin_name() {
        let words = match app.walk.difference_here() {
            _ if app.walk.is_at_pin() => "here".into(),
            _ if !app.walk.compares_here() => "of another stream".into(),
            Some(patch) if patch.0.is_empty() => "no difference".into(),
            Some(patch) => counted(patch.0.len() as u64, "difference"),
            None => "comparing …".into(),
        };
        parts.push((format!("pinned {pin}: {words}"), Role::Pin));
    }
    if let Some(search) = &app.jobs.search {
        let hits = app.hits_words().map_or(String::new(), |words| format!("  {words}"));
        parts.push((format!("find: {}{hits}", search.pattern), Role::Muted));
    }
    if let Some(here) = app.here(super::header::shows_time(app, width)) {
        parts.push((here, Role::Muted));
    }
    for (n, (text, role)) in parts.iter().enumerate() {
        pen.skip(if n > 0 { 3 } else { 0 }).put(text, style(*role));
    }
}

/// What has been typed of a count or a chord.
fn pending(app: &App) -> String {
    let count = app.keys.count.map_or(String::new(), |(count, _)| count.to_string());
    let begun = notation::write(&app.keys.begun);
    let more = if begun.is_empty() { "" } else { "…" };
    format!("{count}{begun}{more}")
}

/// What is under way, how far it is, and what stops it: in full, and as short as can be.
fn under_way(app: &App) -> [String; 2] {
    let contexts = app.contexts();
    let normal = matches!(app.mode, Mode::Normal);
    let session = if normal { Session::Back } else { Session::Stop };
    let stop = app.keys.map.keys_of(&contexts, Action::Session(session)).into_iter().next();
    let stop = stop.map_or(String::new(), |key| format!("  {key} stops"));
    let told = |doing: &str, done: u64, total: u64| {
        let percent = percent(done, total);
        [
            format!("{doing} {} of {}, {percent} %{stop}", count(done), count(total)),
            format!("{doing} {percent} %{stop}"),
        ]
    };
    // State says it where it is seen.
    if app.areas().is_none_or(|areas| areas.pane(Pane::State).is_none())
        && let Some((words, _)) = app.fold_words().filter(|_| app.walk.is_under_way())
    {
        return [words.clone(), words];
    }
    // While the text is typed the prompt says it.
    if let Some((looked, total)) = app.jobs.search.as_ref().and_then(|search| search.running)
        && looked > 0
        && normal
    {
        return told("looking", looked, total);
    }
    if let Some(hits) = app.jobs.hits.as_ref().filter(|hits| hits.running && normal) {
        let (found, percent) = (hits.count(), hits.percent);
        return [format!("{found}, {percent} % searched{stop}"), format!("{percent} %{stop}")];
    }
    if let Some(sifted) = app.panes.events.sifted.as_ref().filter(|sifted| sifted.running) {
        return told("filtering", sifted.looked, sifted.total);
    }
    if app.walk.is_going_far() {
        let words = format!("going there …{stop}");
        return [words.clone(), words];
    }
    let progress = &app.catalogue.progress;
    let reading = match app.catalogue.percent_read() {
        Some(read) => format!("reading {read} %"),
        None if !progress.complete && app.catalogue.about.is_some() => "reading …".into(),
        None => String::new(),
    };
    [reading.clone(), reading]
}

/// Draws the keys that work now.
pub fn draw_hints(app: &App, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    for (place, hint) in hints::placed(app, area) {
        let mut pen = Pen::new(buffer, place);
        pen.put(&hint.key, theme.style(Role::HintKey)).skip(1).put(hint.label, theme.style(Role::Hint));
    }
}
