//! The keys worth knowing right now, and where they stand in the hint bar.

use ratatui::layout::Rect;

use super::App;
use super::action::{Action, Context, Copying, Editing, Finding, Folding, Session, Stepping, Viewing, Watching};
use super::folding::Fold;
use super::ids::Motion;
use super::ids::Pane;
use super::mode::{Asking, Mode, Prompt};
use super::notation;
use super::panes::Tree;
use super::panes::listing::Target;
use super::panes::state::{Against, StateView};
use crate::domain::{Scope, text};

/// One key and what it does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint {
    /// The key, as written.
    pub key: String,
    /// What it does.
    pub label: &'static str,
    /// What a click does.
    pub action: Action,
}

impl Hint {
    /// How wide it is.
    pub fn width(&self) -> usize {
        text::width(&self.key) + 1 + text::width(self.label)
    }
}

/// The hints for what the keyboard is for now, the most useful first. After the beginning of a chord, what may follow.
pub fn hints(app: &App) -> Vec<Hint> {
    let contexts = app.contexts();
    if !app.keys.begun.is_empty() {
        let following = app.keys.map.continuations(&contexts, &app.keys.begun);
        return following
            .into_iter()
            .filter(|(_, action)| app.offers(*action))
            .map(|(key, action)| Hint { key: notation::write_key(key), label: action.spec().short, action })
            .collect();
    }
    let listed = wanted(app).into_iter().filter(|(action, _)| app.offers(*action));
    listed
        .filter_map(|(action, label)| {
            let key = app.keys.map.keys_of(&contexts, action).into_iter().next()?;
            Some(Hint { key, label: label.unwrap_or(action.spec().short), action })
        })
        .collect()
}

/// Where each hint stands: as many as fit, and the last one that fits is always the last of the list (the help).
pub fn placed(app: &App, area: Rect) -> Vec<(Rect, Hint)> {
    const BETWEEN: usize = 2;
    let hints = hints(app);
    let width = usize::from(area.width.saturating_sub(2));
    let last = hints.last().map_or(0, Hint::width);
    let mut placed = Vec::new();
    let mut used = 0;
    let count = hints.len();
    for (n, hint) in hints.into_iter().enumerate() {
        let reserved = if n + 1 == count { 0 } else { last + BETWEEN };
        if used + hint.width() + reserved > width {
            continue;
        }
        let x = area.x + 1 + used as u16;
        used += hint.width() + BETWEEN;
        placed.push((Rect { x, y: area.y, width: hint.width() as u16, height: 1 }, hint));
    }
    placed
}

/// The actions to be hinted at, with another word where the usual one says too little.
fn wanted(app: &App) -> Vec<(Action, Option<&'static str>)> {
    let plain = |actions: &[Action]| actions.iter().map(|action| (*action, None)).collect::<Vec<_>>();
    let accept = Action::Edit(Editing::Accept);
    let back = Action::Session(Session::Back);
    match &app.mode {
        Mode::Prompt(prompt) => match prompt.asking {
            Asking::Find { .. } => vec![
                (accept, Some("stay here")),
                (Action::Move(Motion::Down), Some("next match")),
                (Action::Move(Motion::Up), Some("previous")),
                (Action::Find(Finding::Wider), Some("whole store")),
                (Action::Find(Finding::Expression), None),
                (back, Some("return")),
            ],
            Asking::Filter { .. } => vec![
                (accept, Some("open")),
                (Action::Move(Motion::Down), Some("next")),
                (Action::Move(Motion::Up), Some("previous")),
                (back, Some("all streams")),
            ],
            Asking::Sift => {
                vec![(accept, Some("filter")), (Action::Move(Motion::Up), Some("last one")), (back, Some("cancel"))]
            }
            Asking::GoTo => {
                vec![(accept, Some("go")), (Action::Move(Motion::Up), Some("last one")), (back, Some("cancel"))]
            }
        },
        Mode::Help(_) => {
            vec![
                (accept, Some("do it")),
                (Action::Move(Motion::Down), Some("next")),
                (Action::Move(Motion::Up), Some("previous")),
                (back, Some("close")),
            ]
        }
        Mode::Popup(_) => {
            vec![(Action::Move(Motion::Down), Some("scroll")), (back, Some("close"))]
        }
        Mode::Survey(sheet) if sheet.running().is_some() => vec![(back, Some("stop"))],
        Mode::Survey(sheet) => {
            let go = match sheet.target() {
                Some(Target::Event(_)) => Some((accept, Some("go there"))),
                Some(Target::Type(_)) => Some((accept, Some("fields"))),
                None => None,
            };
            let moves = [(Action::Move(Motion::Down), Some("next")), (Action::Move(Motion::Up), Some("previous"))];
            go.into_iter().chain(moves).chain([(back, Some("close"))]).collect()
        }
        Mode::ConfirmQuit => vec![(Action::Session(Session::Quit), Some("quit")), (back, Some("stay"))],
        Mode::Normal => {
            let mut list = normal(app);
            list.extend(plain(&[Action::View(Viewing::Help)]));
            list
        }
    }
}

fn normal(app: &App) -> Vec<(Action, Option<&'static str>)> {
    let find = (Action::Find(Finding::Find), None);
    let next = (Action::Find(Finding::Next), Some("next match"));
    let filter = (Action::Find(Finding::Filter), None);
    let sift = (Action::Find(Finding::Sift), Some("filter"));
    let go_to = (Action::Find(Finding::GoTo), None);
    let forward = (Action::Step(Stepping::Forward), None);
    let backward = (Action::Step(Stepping::Back), None);
    let change = (Action::Fold(Folding::NextChange), None);
    let view = (Action::View(Viewing::NextView), None);
    let list = app.panes.state.view == StateView::Changes;
    let changes = (Action::View(Viewing::NextView), Some(if list { "tree" } else { "list of changes" }));
    let layout = (Action::View(Viewing::NextLayout), None);
    let play = (Action::Watch(Watching::Play), Some(if app.walk.play.running { "pause" } else { "play" }));
    let pin = (Action::Watch(Watching::Pin), Some(if app.walk.is_at_pin() { "unpin" } else { "pin" }));
    let against = app.panes.state.against;
    let compare = (Action::Watch(Watching::Compare), (against == Against::Pinned).then_some("event's changes"));
    let faster = (Action::Watch(Watching::Faster), None);
    let slower = (Action::Watch(Watching::Slower), None);
    let pane = (Action::View(Viewing::FocusNext), None);
    let copy = (Action::Copy(Copying::Value), Some("copy value"));
    // Where nothing is cut there is no message to be read whole: it tells which events failed before here.
    let failure = (Action::View(Viewing::Failure), app.message_in_sight().is_none().then_some("what failed"));
    let store = (Action::Step(Stepping::StoreForward), None);
    let whole = (Action::Step(Stepping::WholeStore), None);
    let stop = (Action::Session(Session::Back), Some("stop"));
    let about = (Action::View(Viewing::About), None);
    let quit = (Action::Session(Session::Close), Some("quit"));
    let zoom = (Action::View(Viewing::Zoom), Some(if app.panes.zoomed { "all panes" } else { "zoom" }));
    let on = (Action::Step(Stepping::FoldOn), None);
    let mut list = vec![on];
    if app.follow.changed.is_some() {
        list.push((Action::Session(Session::Reopen), None));
    }
    if app.is_busy() || app.walk.play.running {
        list.push(stop);
    }
    // The next event that failed; behind the last of them the one before.
    let ahead = app.failing().is_some_and(|failing| failing.failed.iter().any(|run| run.end > app.walk.stream_at));
    let fault = (Action::Step(if ahead { Stepping::NextFault } else { Stepping::PreviousFault }), None);
    if app.walk.play.running {
        list.extend([play, faster, slower]);
    }
    list.push(failure);
    let open = |label| (Action::Step(Stepping::Open), Some(label));
    let folds = |tree: &Tree| (Action::Fold(Folding::Toggle), tree.is_on_leaf().then_some("show whole"));
    list.extend(match app.panes.focus {
        Pane::Streams => {
            let order = (Action::View(Viewing::NextView), Some("order"));
            let all = app.panes.streams.narrowing.is_some().then_some((stop.0, Some("all streams")));
            let list = [open("open"), filter].into_iter().chain(all);
            list.chain([forward, backward, order, pane, go_to, about, zoom, quit]).collect()
        }
        Pane::Events => {
            let opens = if matches!(app.walk.scope, Some(Scope::Stream(_))) { "event" } else { "open stream" };
            let first = [forward, backward, fault, next, find, sift, go_to, open(opens)];
            let playing = (!app.walk.play.running).then_some(play);
            first
                .into_iter()
                .chain(playing)
                .chain([pin, compare, store, copy, pane, whole, layout, zoom, quit])
                .collect()
        }
        Pane::Event => {
            let fold = app.panes.event.tree().map_or((Action::Fold(Folding::Toggle), None), folds);
            vec![view, fold, forward, backward, copy, find, pane, zoom, quit]
        }
        Pane::State => vec![
            forward,
            backward,
            change,
            folds(&app.panes.state.tree),
            compare,
            pin,
            changes,
            copy,
            pane,
            layout,
            zoom,
            quit,
        ],
    });
    list
}

impl App {
    /// What is said of the state at the cursor while it is not there.
    pub fn fold_words(&self) -> Option<(String, String)> {
        let contexts = self.contexts();
        let key = |action| self.keys.map.keys_of(&contexts, action).into_iter().next().unwrap_or_default();
        let stop = if matches!(self.mode, Mode::Normal) { Session::Back } else { Session::Stop };
        self.walk.fold.words(&key(Action::Session(stop)), &key(Action::Step(Stepping::FoldOn)))
    }

    /// The contexts that hold now, the most special first.
    pub fn contexts(&self) -> Vec<Context> {
        match &self.mode {
            Mode::Normal => {
                let pane = match self.panes.focus {
                    Pane::Streams => Context::Streams,
                    Pane::Events => Context::Events,
                    Pane::Event | Pane::State => Context::Tree,
                };
                vec![pane, Context::Everywhere, Context::Always]
            }
            Mode::Prompt(_) => vec![Context::Prompt, Context::Always],
            Mode::Help(_) => vec![Context::Help, Context::Always],
            Mode::Popup(_) => vec![Context::Popup, Context::Always],
            Mode::Survey(_) => vec![Context::Survey, Context::Always],
            Mode::ConfirmQuit => vec![Context::Confirm, Context::Always],
        }
    }

    /// Whether an action would do something now: hints show no others.
    pub fn offers(&self, action: Action) -> bool {
        let moment = self.walk.here();
        let event = self.walk.event();
        let total = self.walk.scope.as_ref().map_or(0, |scope| self.total(scope));
        let place = self.walk.target().1;
        match action {
            Action::Step(Stepping::Forward) => self.walk.scope.is_some() && place < total,
            Action::Step(Stepping::Back) => self.walk.scope.is_some() && place > 0,
            Action::Step(Stepping::StoreForward | Stepping::StoreBack | Stepping::Open) => self.walk.scope.is_some(),
            Action::Step(Stepping::NextFault | Stepping::PreviousFault) => {
                matches!(self.walk.scope, Some(Scope::Stream(_)))
                    && self.failing().is_some_and(|failing| !failing.counted.faults.is_none())
            }
            Action::Step(Stepping::FoldOn) => {
                matches!(self.walk.fold, Fold::Stopped { .. } | Fold::Failed { .. })
                    || moment.is_some_and(|moment| moment.suspended.is_some())
            }
            Action::Step(Stepping::WholeStore) => self.walk.scope.is_some() && self.walk.scope != Some(Scope::All),
            Action::Watch(Watching::Play) => self.walk.play.running || (self.walk.scope.is_some() && place < total),
            Action::Watch(Watching::Slower | Watching::Faster) => self.walk.play.running,
            Action::Watch(Watching::Pin) => moment.is_some(),
            Action::Watch(Watching::Compare) => self.walk.pin.is_some(),
            Action::Find(Finding::Find | Finding::GoTo | Finding::Sift) => self.walk.scope.is_some(),
            Action::Find(Finding::Next | Finding::Previous) => self.jobs.search.is_some(),
            Action::Find(Finding::Wider) => match &self.mode {
                Mode::Prompt(Prompt { asking: Asking::Find { scope, .. }, .. }) => *scope != Scope::All,
                _ => false,
            },
            Action::Find(Finding::Filter) => !self.catalogue.streams.is_empty(),
            Action::Fold(Folding::NextChange | Folding::PreviousChange) => self.panes.state.tally.total() > 0,
            Action::Copy(Copying::Id) => event.is_some_and(|event| event.id.is_some()),
            Action::Copy(Copying::Event) => event.is_some(),
            Action::Copy(Copying::State | Copying::Diff) => moment.is_some(),
            Action::Copy(Copying::Command) => self.walk.stream().is_some(),
            Action::View(Viewing::Failure) => self.whole_message().is_some(),
            Action::View(Viewing::About) => self.catalogue.about.is_some(),
            _ => true,
        }
    }
}
