//! What the screen knows: one value, changed through one door.
//!
//! `App::update` takes everything that can happen (`Msg`) and answers with what it wants (`Effect`). It has no clock, no
//! terminal and no store. The state is a handful of parts: the catalogue of the source, the walk, the panes, the jobs,
//! the mode of the keyboard. Invariant: whatever was asked for and has not arrived changes no pane.

pub mod action;
mod arriving;
pub mod catalogue;
pub mod cautions;
pub mod copy;
pub mod effect;
pub mod failing;
pub mod folding;
pub mod following;
mod going;
pub mod goto;
mod here;
pub mod hints;
pub mod ids;
pub mod jobs;
pub mod key;
pub mod keymap;
pub mod layout;
pub mod lines;
pub mod mode;
mod mouse;
pub mod msg;
pub mod notation;
pub mod overlay;
pub mod panes;
mod perform;
pub mod room;
mod searching;
pub mod sifting;
mod surveying;
mod typing;
pub mod walk;
pub mod words;

pub use action::Action;
pub use effect::Effect;
pub use key::{Key, KeyCode, Modifiers, Mouse, MouseKind};
pub use keymap::Keymap;
pub use msg::Msg;

use std::collections::BTreeMap;

use catalogue::Catalogue;
use folding::Fold;
use ids::Pane;
use jobs::Jobs;
use layout::{Areas, Layout};
use mode::Mode;
use panes::survey::Sheet;
use panes::{EventPane, EventsPane, StatePane, StreamsPane};
use walk::Walk;

use ratatui::layout::Rect;

use crate::ask::Survey;
use crate::domain::{Destination, Scope, StreamName};

/// What was opened, as it is named in a shell: for the command that shows the same.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The address.
    pub address: std::ffi::OsString,
    /// Options that say how it is read, one word each: `--layout`, `marten`.
    pub options: Vec<String>,
    /// Options that say how it is folded: `--reducer`, `order.js`.
    pub folding: Vec<String>,
}

/// With what the interface starts.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Columns of the window.
    pub width: u16,
    /// Rows of the window.
    pub height: u16,
    /// What was opened.
    pub origin: Origin,
    /// What it is called in the header, where that says more than its own name.
    pub name: Option<String>,
    /// The stream to open; otherwise the first one.
    pub stream: Option<StreamName>,
    /// Where in it; otherwise at its end.
    pub at: Option<Destination>,
    /// The names of the themes, as `ui::theme` knows them.
    pub themes: Vec<String>,
    /// Which of them to start with.
    pub theme: usize,
    /// The keys.
    pub keymap: Keymap,
}

impl Default for Setup {
    fn default() -> Self {
        let themes = vec!["base".into()];
        Self {
            width: 80,
            height: 24,
            origin: Origin::default(),
            name: None,
            stream: None,
            at: None,
            themes,
            theme: 0,
            keymap: Keymap::built_in(),
        }
    }
}

/// The size of the window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// The panes, and which of them has the focus.
#[derive(Clone, Debug, Default)]
pub struct Panes {
    /// The one with the focus.
    pub focus: Pane,
    /// Whether it is shown alone.
    pub zoomed: bool,
    /// How the others share the window when it is not.
    pub layout: Layout,
    /// How much of it their contents ask for.
    pub room: room::Rooms,
    /// The list of streams.
    pub streams: StreamsPane,
    /// The events of the scope.
    pub events: EventsPane,
    /// The event of the cursor.
    pub event: EventPane,
    /// The state after it.
    pub state: StatePane,
    /// How close the events of the scope follow each other.
    pub pace: panes::pace::Pace,
}

/// The keyboard: what is bound, and what has been begun.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys.
    pub map: Keymap,
    /// The beginning of a chord.
    pub begun: Vec<Key>,
    /// A count that is being typed, and the focus from before a digit of it was taken for a pane.
    pub count: Option<(u64, Pane)>,
    /// A digit that went to a pane and may yet turn out to begin a count: it, and the focus before.
    digit: Option<(u64, Pane)>,
    /// Whether any key has been pressed.
    pressed: bool,
    /// Whether the last key asked to stop when nothing was running.
    armed: bool,
    /// Keys typed after a filter was accepted whose answer is not here yet: they are meant for what it will open.
    held: Option<Vec<Key>>,
    /// Keys that wait until the walk to another scope has arrived.
    waiting: Vec<Key>,
    /// The texts last typed, to be recalled.
    found: String,
    gone: String,
    sifted: String,
}

/// How times are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Times {
    /// In UTC.
    #[default]
    Utc,
    /// As the gap to the event before.
    Gap,
}

/// How things look.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// Times.
    pub times: Times,
    themes: Vec<String>,
    theme: usize,
}

/// How bad a notice is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something did not happen.
    Warning,
    /// Something failed.
    Error,
}

/// Something said to the user in the status line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// How bad it is.
    pub severity: Severity,
    /// The whole text; the line shows its first line.
    pub text: String,
    /// Whether it stays until somebody takes it away with Esc. The others go with the next key.
    pub lasting: bool,
}

/// What is known before the first walk.
#[derive(Clone, PartialEq, Debug, Default)]
struct Opening {
    stream: Option<StreamName>,
    at: Option<Destination>,
    done: bool,
    /// The end of the stream as it was known when it was opened there.
    end: Option<(Scope, u64)>,
    /// Whether it was opened there because where one stood is not there any more.
    lost: bool,
}

/// What the screen knows.
#[derive(Clone, Debug)]
pub struct App {
    /// The size of the window.
    pub size: Size,
    /// What was opened.
    pub origin: Origin,
    /// What it is called in the header, where that says more than its own name.
    pub name: Option<String>,
    /// What is known of the source.
    pub catalogue: Catalogue,
    /// Where the walk stands.
    pub walk: Walk,
    /// The panes.
    pub panes: Panes,
    /// What is under way.
    pub jobs: Jobs,
    /// What the last looks at the whole store gave.
    surveys: BTreeMap<Survey, Box<Sheet>>,
    /// What the keyboard is for.
    pub mode: Mode,
    /// The keyboard.
    pub keys: Keys,
    /// What was said last.
    pub notice: Option<Notice>,
    /// How things look.
    pub look: Look,
    /// What becomes of the source meanwhile.
    pub follow: following::Follow,
    scrubbing: bool,
    /// What was copied last, and its text where that is short.
    copied: (&'static str, Option<String>),
    opening: Opening,
}

impl App {
    /// The interface before anything is known.
    pub fn new(setup: Setup) -> Self {
        // Who names a stream wants to stand in it, not to choose one.
        let focus = if setup.stream.is_some() { Pane::Events } else { Pane::default() };
        Self {
            size: Size { width: setup.width, height: setup.height },
            catalogue: Catalogue::default(),
            walk: Walk::default(),
            panes: Panes { focus, ..Panes::default() },
            jobs: Jobs::default(),
            surveys: BTreeMap::new(),
            mode: Mode::default(),
            keys: Keys {
                map: setup.keymap,
                begun: Vec::new(),
                count: None,
                digit: None,
                pressed: false,
                armed: false,
                held: None,
                waiting: Vec::new(),
                found: String::new(),
                gone: String::new(),
                sifted: String::new(),
            },
            notice: None,
            look: Look { times: Times::default(), themes: setup.themes, theme: setup.theme },
            follow: following::Follow::default(),
            scrubbing: false,
            copied: ("", None),
            origin: setup.origin,
            name: setup.name,
            opening: Opening { stream: setup.stream, at: setup.at, ..Opening::default() },
        }
    }

    /// The name of the theme to draw with.
    pub fn theme(&self) -> &str {
        self.look.themes.get(self.look.theme).map_or("base", String::as_str)
    }

    /// Whether something is under way that the user can stop.
    pub fn is_busy(&self) -> bool {
        let filtering = self.panes.streams.narrowing.as_ref().is_some_and(|narrowing| !narrowing.complete);
        let sifting = self.panes.events.sifted.as_ref().is_some_and(|sifted| sifted.running);
        self.walk.is_under_way() || self.jobs.is_searching() || filtering || sifting || self.is_surveying()
    }

    /// Whether nothing is open and nothing is on its way: the first walk was stopped, or failed.
    pub fn is_nothing_open(&self) -> bool {
        self.opening.done && self.walk.scope.is_none() && self.walk.wanted.is_none()
    }

    /// Where everything is on the screen; `None` when it is too small for anything.
    pub fn areas(&self) -> Option<Areas> {
        let Panes { focus, zoomed, layout, .. } = self.panes;
        layout::arrange(self.size.width, self.size.height, focus, zoomed, layout, &self.panes.room.asked)
    }

    /// Where what is said above a state stands, and the rows below that.
    pub fn noted(&self, area: Rect) -> (Rect, Rect) {
        let rows = layout::rows(Pane::State, area);
        let notes = u16::try_from(self.state_notes(0).len()).unwrap_or(u16::MAX);
        let notes = notes.min((rows.height / 3).max(1)).min(rows.height);
        (Rect { height: notes, ..rows }, Rect { y: rows.y + notes, height: rows.height - notes, ..rows })
    }

    /// Where the rows of a pane's list stand. Above the tree of State its changes are told.
    pub fn list(&self, pane: Pane, area: Rect) -> Rect {
        let list = if pane == Pane::State { self.noted(area).1 } else { layout::rows(pane, area) };
        let told = if pane == Pane::State { self.panes.state.told(list.height) } else { 0 };
        Rect { y: list.y + told, height: list.height - told, ..list }
    }

    /// How many rows of a pane are seen; what is not on the screen behaves as if it had ten.
    pub fn height(&self, pane: Pane) -> usize {
        let area = self.areas().and_then(|areas| areas.pane(pane));
        area.map_or(10, |area| usize::from(self.list(pane, area).height))
    }

    /// How many events a scope has as far as known.
    pub fn total(&self, scope: &Scope) -> u64 {
        let windows = [&self.panes.events.window, &self.panes.events.incoming];
        let seen = windows.into_iter().flatten().filter(|window| window.scope == *scope).map(|window| window.total);
        seen.chain([self.catalogue.events_in(scope)]).max().unwrap_or(0)
    }

    /// Takes what happened and answers with what is wanted.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let mut out = Vec::new();
        match msg {
            Msg::KeyPressed(key) => self.key_arrived(key, &mut out),
            Msg::MouseMoved(mouse) => self.mouse_moved(mouse, &mut out),
            Msg::Pasted(text) => self.pasted(&text, &mut out),
            Msg::Resized { width, height } => self.size = Size { width, height },
            Msg::Resumed => out.push(Effect::Repaint),
            Msg::PlayTicked => self.play_ticked(&mut out),
            Msg::Copied(result) => self.copied(result),
            Msg::Told(told) => self.told(told, &mut out),
        }
        self.settle(&mut out);
        out
    }

    /// Says something in the status line.
    fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.notice = Some(Notice { severity, text: text.into(), lasting: false });
    }

    /// Says what is to be known whatever key is pressed next.
    fn say_lasting(&mut self, severity: Severity, text: impl Into<String>) {
        self.notice = Some(Notice { severity, text: text.into(), lasting: true });
    }

    /// The whole text of what is only hinted at in the status line: the last failure, or the fault of the event.
    pub fn whole_message(&self) -> Option<String> {
        self.message_in_sight().or_else(|| self.what_is_lacking())
    }

    /// The whole text of what the status line or State says now of a failure.
    pub(super) fn message_in_sight(&self) -> Option<String> {
        if let Some(notice) = self.notice.as_ref().filter(|notice| notice.severity == Severity::Error) {
            return Some(notice.text.clone());
        }
        if let Fold::Failed { why } = &self.walk.fold {
            return Some(format!("There is no state here:\n\n{why}"));
        }
        if let Some((words, help)) = self.suspended_words() {
            let error = self.walk.here().and_then(|moment| Some(moment.suspended.as_ref()?.error.to_string()));
            return Some(format!("There is no state here, {words}:\n\n{}\n\n{help}.", error.unwrap_or_default()));
        }
        if let Some(why) = self.walk.here().and_then(|moment| moment.unknown.as_ref()) {
            return Some(format!("There is no state here:\n\n{why}"));
        }
        if let (Some(moment), Some(fault)) =
            (self.walk.here(), self.walk.here().and_then(|moment| moment.fault.as_ref()))
        {
            let mut text =
                format!("The reducer {} could not fold this event:\n\n{}\n", moment.reducer.name, fault.message);
            if let Some(place) = &fault.place {
                text.push_str(&format!("\nat {}:{}", place.file, place.line));
                if place.column > 0 {
                    text.push_str(&format!(":{}", place.column));
                }
            }
            text.push_str(match moment.state {
                Some(_) => "\n\nThe state shown is the one before it; the walk goes on.",
                None => "\n\nThere was no state before it either; the walk goes on.",
            });
            text.push_str("\n\nSave the repaired reducer, and the history is folded again.");
            return Some(text);
        }
        let trouble = self.walk.event().and_then(|event| event.trouble.as_ref())?;
        Some(format!("This record could not be read as an event.\n\n{trouble}"))
    }

    /// Makes everything fit the window, and asks for what will be seen soon.
    fn settle(&mut self, out: &mut Vec<Effect>) {
        self.measure();
        let [streams, state, event] = [Pane::Streams, Pane::State, Pane::Event].map(|pane| self.height(pane));
        self.panes.streams.fit(&self.catalogue, streams);
        self.panes.state.fit(state);
        let areas = self.areas();
        let width = areas.and_then(|areas| areas.pane(Pane::Event)).map_or(40, |area| layout::inner(area).width);
        self.panes.event.fit(usize::from(width), event);
        if let (Mode::Popup(popup), Some(areas)) = (&mut self.mode, areas) {
            popup.fit(layout::inner(layout::popup(&areas)));
        }
        if let (Mode::Survey(sheet), Some(areas)) = (&mut self.mode, areas) {
            sheet.fit(layout::inner(areas.body()));
        }
        let height = self.height(Pane::Events) as u64;
        self.panes.events.scroll(0, height);
        let Self { panes, jobs, .. } = self;
        out.extend(panes.events.load(height, || jobs.number()));
        self.ask_for_pace(out);
    }
}
