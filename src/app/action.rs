//! Everything a user can do, in one table: the name that is bound, the words on the screen, the documentation.
//!
//! An action is what a key means, never what a program event is (`Msg`). Help, hints and documentation are made from
//! [`ACTIONS`] and the live keymap alone.

use super::ids::{Motion, Pane};
use crate::ask::Survey;

/// Where a binding holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Context {
    /// In every pane and in every mode, prompts included.
    Always,
    /// In every pane.
    Everywhere,
    /// In the list of streams.
    Streams,
    /// In the list of events.
    Events,
    /// In the trees: State and Event.
    Tree,
    /// While typing into a prompt.
    Prompt,
    /// In the help.
    Help,
    /// In a text that covers the screen.
    Popup,
    /// In the doctor and the types.
    Survey,
    /// While being asked whether to quit.
    Confirm,
}

impl Context {
    /// All, with the names used in the keymap and the words used in the documentation.
    pub const ALL: [(Context, &'static str, &'static str); 10] = [
        (Context::Always, "always", "Always"),
        (Context::Everywhere, "everywhere", "In every pane"),
        (Context::Streams, "streams", "In Streams"),
        (Context::Events, "events", "In Events"),
        (Context::Tree, "tree", "In State and Event"),
        (Context::Prompt, "prompt", "While typing"),
        (Context::Help, "help", "In the help"),
        (Context::Popup, "popup", "In a text over the panes"),
        (Context::Survey, "survey", "In Doctor and Types"),
        (Context::Confirm, "confirm", "When asked"),
    ];
}

/// Folding a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Folding {
    /// Close, or go to the parent of what cannot be closed.
    Collapse,
    /// Open, or go to the first child of what is open.
    Expand,
    /// Open what is closed, close what is open.
    Toggle,
    /// Go to the parent.
    Parent,
    /// Open everything.
    ExpandAll,
    /// Close everything.
    CollapseAll,
    /// Go to the next change.
    NextChange,
    /// Go to the previous change.
    PreviousChange,
}

/// Walking.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stepping {
    /// One event on in the scope.
    Forward,
    /// One event back in the scope.
    Back,
    /// To the next event of the whole store.
    StoreForward,
    /// To the previous event of the whole store.
    StoreBack,
    /// Open what is selected.
    Open,
    /// The whole store as scope, at the event of the cursor.
    WholeStore,
    /// Go on with a fold that was stopped or is suspended.
    FoldOn,
    /// To the next event that failed.
    NextFault,
    /// To the previous event that failed.
    PreviousFault,
}

/// Looking for something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Finding {
    /// Ask for text to find in events.
    Find,
    /// The next match.
    Next,
    /// The previous match.
    Previous,
    /// While text is typed: look in the whole store, or again in what is shown.
    Wider,
    /// While text is typed: take it for a regular expression, or again for text.
    Expression,
    /// Ask for a pattern that narrows the list of streams.
    Filter,
    /// Ask for a filter of the events.
    Sift,
    /// Ask for a place to go to.
    GoTo,
}

/// Comparing and playing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Watching {
    /// Keep this state to compare with, or no longer.
    Pin,
    /// Mark what differs from the pinned state, or what the event changed.
    Compare,
    /// Step by itself, or no longer.
    Play,
    /// Fewer steps a second.
    Slower,
    /// More steps a second.
    Faster,
    /// Go to what is new as it comes, or no longer.
    Follow,
}

/// Showing things in another way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Viewing {
    /// This pane.
    Focus(Pane),
    /// The next pane.
    FocusNext,
    /// The previous pane.
    FocusPrevious,
    /// This pane alone, or all again.
    Zoom,
    /// The next way to share the window.
    NextLayout,
    /// The next view of the pane.
    NextView,
    /// The next way to show times.
    Times,
    /// The next theme.
    Theme,
    /// What is known of the source.
    About,
    /// A look at the whole store.
    Survey(Survey),
    /// The whole text of the last failure or fault.
    Failure,
    /// The keys.
    Help,
}

/// What to copy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Copying {
    /// The value under the cursor.
    Value,
    /// Its path as a JSON Pointer.
    Path,
    /// Its path for jq.
    Jq,
    /// The id of the event.
    Id,
    /// The event.
    Event,
    /// The state.
    State,
    /// What changed.
    Diff,
    /// The command that shows this.
    Command,
}

/// Editing the line of a prompt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Editing {
    /// Take what was typed.
    Accept,
    /// Delete the character before.
    DeleteBack,
    /// Delete the character after.
    DeleteForward,
    /// Delete the word before.
    DeleteWord,
    /// Delete everything before.
    DeleteLine,
    /// One character left.
    Left,
    /// One character right.
    Right,
    /// To the beginning.
    Start,
    /// To the end.
    End,
}

/// The program itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Session {
    /// Cancel, or go back.
    Back,
    /// Close the view, or ask whether to quit.
    Close,
    /// Quit.
    Quit,
    /// Stop what is running; twice, quit.
    Stop,
    /// Suspend to the shell.
    Suspend,
    /// Draw everything again.
    Repaint,
    /// Open the source again.
    Reopen,
}

/// Something a user can do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Moving in a list.
    Move(Motion),
    /// Folding a tree.
    Fold(Folding),
    /// Walking.
    Step(Stepping),
    /// Looking for something.
    Find(Finding),
    /// Comparing and playing.
    Watch(Watching),
    /// Showing things in another way.
    View(Viewing),
    /// Copying.
    Copy(Copying),
    /// Editing the line of a prompt.
    Edit(Editing),
    /// The program itself.
    Session(Session),
}

/// What is said of an action.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Which.
    pub action: Action,
    /// The name that the keymap binds.
    pub name: &'static str,
    /// One or two words for the hint bar.
    pub short: &'static str,
    /// One line for help and documentation.
    pub doc: &'static str,
    /// Its heading in help and documentation.
    pub group: &'static str,
    /// Where it may be bound.
    pub contexts: &'static [Context],
}

const ALL: &[Context] = &[Context::Always];
const ANY: &[Context] = &[Context::Everywhere, Context::Streams, Context::Events, Context::Tree];
const LISTS: &[Context] = &[
    Context::Everywhere,
    Context::Streams,
    Context::Events,
    Context::Tree,
    Context::Prompt,
    Context::Help,
    Context::Popup,
    Context::Survey,
];
const TREE: &[Context] = &[Context::Tree];
const LINE: &[Context] = &[Context::Prompt, Context::Help];
const ENTER: &[Context] = &[Context::Prompt, Context::Help, Context::Survey, Context::Confirm];
const LEAVE: &[Context] = &[
    Context::Everywhere,
    Context::Prompt,
    Context::Help,
    Context::Popup,
    Context::Survey,
    Context::Confirm,
    Context::Streams,
];

const fn spec(
    action: Action,
    name: &'static str,
    short: &'static str,
    doc: &'static str,
    group: &'static str,
    contexts: &'static [Context],
) -> Spec {
    Spec { action, name, short, doc, group, contexts }
}

/// Every action, in the order of the documentation.
#[rustfmt::skip]
pub const ACTIONS: &[Spec] = &[
    spec(Action::Step(Stepping::Forward), "step-forward", "step", "Step to the next event of the scope", "Step", ANY),
    spec(Action::Step(Stepping::Back), "step-back", "back", "Step back to the previous event of the scope", "Step", ANY),
    spec(Action::Step(Stepping::StoreForward), "store-forward", "store step", "Step to the next event of the whole store, whatever its stream", "Step", ANY),
    spec(Action::Step(Stepping::StoreBack), "store-back", "store back", "Step back to the previous event of the whole store", "Step", ANY),
    spec(Action::Watch(Watching::Play), "play", "play", "Play: step by itself; again to pause", "Step", ANY),
    spec(Action::Watch(Watching::Slower), "slower", "slower", "Play at half the speed", "Step", ANY),
    spec(Action::Watch(Watching::Faster), "faster", "faster", "Play at twice the speed", "Step", ANY),
    spec(Action::Watch(Watching::Follow), "follow", "follow", "Follow: go to the newest event whenever one comes while the cursor is at the end; again to stop", "Step", ANY),
    spec(Action::Move(Motion::Down), "down", "down", "Move down; in Events this steps. Counts work: `20j`; for 12 on, `:+12`, as 1 to 4 are panes", "Move", LISTS),
    spec(Action::Move(Motion::Up), "up", "up", "Move up; in Events this steps back", "Move", LISTS),
    spec(Action::Move(Motion::First), "first", "first", "To the first row; in Events the initial state, before the first event", "Move", LISTS),
    spec(Action::Move(Motion::Last), "last", "last", "To the last row; with a count, to that row", "Move", LISTS),
    spec(Action::Move(Motion::HalfDown), "half-page-down", "half page", "Half a page down", "Move", LISTS),
    spec(Action::Move(Motion::HalfUp), "half-page-up", "half page up", "Half a page up", "Move", LISTS),
    spec(Action::Move(Motion::PageDown), "page-down", "page", "A page down", "Move", LISTS),
    spec(Action::Move(Motion::PageUp), "page-up", "page up", "A page up", "Move", LISTS),
    spec(Action::Step(Stepping::Open), "open", "open", "Open: a stream's events; the stream of an event of a wider scope; an event's data", "Move", &[Context::Streams, Context::Events]),
    spec(Action::Step(Stepping::WholeStore), "whole-store", "whole store", "Make the whole store the scope, standing at the same event", "Move", ANY),
    spec(Action::Step(Stepping::NextFault), "next-fault", "fault", "To the next event of the stream that failed", "Move", ANY),
    spec(Action::Step(Stepping::PreviousFault), "previous-fault", "fault", "To the previous event of the stream that failed", "Move", ANY),
    spec(Action::Step(Stepping::FoldOn), "fold-on", "fold on", "Go on folding where that was stopped, or suspended because the reducer took too long", "Move", ANY),
    spec(Action::Fold(Folding::Toggle), "toggle", "fold", "Open or close a node; show whole what cannot be folded", "Trees", TREE),
    spec(Action::Fold(Folding::Expand), "expand", "expand", "Open a node, or enter an open one", "Trees", TREE),
    spec(Action::Fold(Folding::Collapse), "collapse", "collapse", "Close a node, or go to its parent", "Trees", TREE),
    spec(Action::Fold(Folding::Parent), "parent", "parent", "To the parent", "Trees", TREE),
    spec(Action::Fold(Folding::ExpandAll), "expand-all", "unfold all", "Open everything", "Trees", TREE),
    spec(Action::Fold(Folding::CollapseAll), "collapse-all", "fold all", "Close everything", "Trees", TREE),
    spec(Action::Fold(Folding::NextChange), "next-change", "next change", "To the next change in State", "Trees", ANY),
    spec(Action::Fold(Folding::PreviousChange), "previous-change", "previous change", "To the previous change in State", "Trees", ANY),
    spec(Action::Find(Finding::Find), "find", "find", "Find text, or a `/regular expression/`, in all events of the scope, as you type; without capital letters both cases match", "Find", ANY),
    spec(Action::Find(Finding::Next), "find-next", "next match", "To the next match", "Find", ANY),
    spec(Action::Find(Finding::Previous), "find-previous", "previous match", "To the previous match", "Find", ANY),
    spec(Action::Find(Finding::Wider), "find-wider", "where", "While typing what to find: look in the whole store, or again in what is shown", "Find", &[Context::Prompt]),
    spec(Action::Find(Finding::Expression), "find-regex", "regex", "While typing what to find: take it for a regular expression, or again for text", "Find", &[Context::Prompt]),
    spec(Action::Find(Finding::Filter), "filter-streams", "filter", "Narrow the list of streams, as you type", "Find", ANY),
    spec(Action::Find(Finding::Sift), "filter-events", "filter events", "Show only some events: a condition in CEL, `type:Payment*`, `stream:order-*`, `after:2025-03-01T14:00`, `before:-2h`; an empty line shows all", "Find", ANY),
    spec(Action::Find(Finding::GoTo), "go-to", "go to", "Go to `:312` a version (in the whole store a position), `:#5` the fifth event, `:+10` `:-10` `:50%` `:first` `:last`, `:@14:03` or `:2025-03-01T14:03` a time, `:-2h` before the last event, an event id, a stream, `:order-7@12`", "Find", ANY),
    spec(Action::Watch(Watching::Pin), "pin", "pin", "Pin this state to compare with; again at the same place to unpin", "Compare", ANY),
    spec(Action::Watch(Watching::Compare), "compare", "compare", "Mark in State what differs from the pinned state, or again what the event changed; with another stream only when pressed twice", "Compare", ANY),
    spec(Action::View(Viewing::FocusNext), "focus-next", "next pane", "To the next pane", "Panes", ANY),
    spec(Action::View(Viewing::FocusPrevious), "focus-previous", "previous pane", "To the previous pane", "Panes", ANY),
    spec(Action::View(Viewing::Focus(Pane::Streams)), "focus-streams", "streams", "To Streams", "Panes", ANY),
    spec(Action::View(Viewing::Focus(Pane::Events)), "focus-events", "events", "To Events", "Panes", ANY),
    spec(Action::View(Viewing::Focus(Pane::Event)), "focus-event", "event", "To Event", "Panes", ANY),
    spec(Action::View(Viewing::Focus(Pane::State)), "focus-state", "state", "To State", "Panes", ANY),
    spec(Action::View(Viewing::Zoom), "zoom", "zoom", "Show this pane alone, or all again", "Panes", ANY),
    spec(Action::View(Viewing::NextLayout), "next-layout", "layout", "Next layout: balanced, State wide, Events wide", "Panes", ANY),
    spec(Action::View(Viewing::NextView), "next-view", "view", "Next view of the pane: Streams by first event, name, events or last event; Event data, metadata, raw; State tree, list of changes", "Panes", ANY),
    spec(Action::View(Viewing::Times), "times", "times", "Show times in UTC, or as the gap to the event before", "Panes", ANY),
    spec(Action::View(Viewing::Theme), "theme", "theme", "Next theme", "Panes", ANY),
    spec(Action::View(Viewing::About), "about", "about", "What is known of this source: how it was recognised, what to be careful about", "Panes", ANY),
    spec(Action::View(Viewing::Survey(Survey::Doctor)), "doctor", "doctor", "Look at the whole store and say what is out of order; Enter goes to the event", "Panes", ANY),
    spec(Action::View(Viewing::Survey(Survey::Types)), "types", "types", "The types of events: how many, when, their fields and when those changed", "Panes", ANY),
    spec(Action::View(Viewing::Failure), "failure", "whole message", "The whole text of the last failure, or of the fault at the cursor", "Panes", ANY),
    spec(Action::Copy(Copying::Value), "copy-value", "value", "Copy the selected value; in Events the event's data, in Streams the name", "Copy", ANY),
    spec(Action::Copy(Copying::Path), "copy-path", "path", "Copy the path of the selected value as a JSON Pointer", "Copy", ANY),
    spec(Action::Copy(Copying::Jq), "copy-jq", "jq path", "Copy the path of the selected value for jq", "Copy", ANY),
    spec(Action::Copy(Copying::Id), "copy-id", "id", "Copy the id of the event", "Copy", ANY),
    spec(Action::Copy(Copying::Event), "copy-event", "event", "Copy the event as JSON, data and metadata as stored", "Copy", ANY),
    spec(Action::Copy(Copying::State), "copy-state", "state", "Copy the state as JSON", "Copy", ANY),
    spec(Action::Copy(Copying::Diff), "copy-diff", "diff", "Copy what changed as JSON: path, before, after", "Copy", ANY),
    spec(Action::Copy(Copying::Command), "copy-command", "command", "Copy the command that shows what is on the screen: the state, what differs from the pin, or in Events the filtered list", "Copy", ANY),
    spec(Action::View(Viewing::Help), "help", "help", "The keys; type to narrow, Enter runs the selected one", "Program", ANY),
    spec(Action::Session(Session::Back), "back", "back", "Cancel what is typed or running; otherwise back to the pane before", "Program", LEAVE),
    spec(Action::Session(Session::Close), "close", "close", "Close what is open over or beside the panes; with nothing open, ask whether to quit", "Program", LEAVE),
    spec(Action::Session(Session::Quit), "quit", "quit", "Quit", "Program", &[Context::Everywhere, Context::Confirm]),
    spec(Action::Session(Session::Stop), "stop", "stop", "Stop what is running; twice, quit", "Program", ALL),
    spec(Action::Session(Session::Suspend), "suspend", "suspend", "Suspend to the shell", "Program", ALL),
    spec(Action::Session(Session::Reopen), "reopen", "reopen", "Open the source again, at the same place: after it changed otherwise than by growing", "Program", ANY),
    spec(Action::Session(Session::Repaint), "repaint", "repaint", "Draw everything again", "Program", ALL),
    spec(Action::Edit(Editing::Accept), "accept", "accept", "Take what was typed or selected", "Type", ENTER),
    spec(Action::Edit(Editing::DeleteBack), "delete-back", "delete", "Delete the character before the cursor", "Type", LINE),
    spec(Action::Edit(Editing::DeleteForward), "delete-forward", "delete", "Delete the character at the cursor", "Type", LINE),
    spec(Action::Edit(Editing::DeleteWord), "delete-word", "delete word", "Delete the word before the cursor", "Type", LINE),
    spec(Action::Edit(Editing::DeleteLine), "delete-line", "clear", "Delete everything before the cursor", "Type", LINE),
    spec(Action::Edit(Editing::Left), "cursor-left", "left", "One character to the left", "Type", LINE),
    spec(Action::Edit(Editing::Right), "cursor-right", "right", "One character to the right", "Type", LINE),
    spec(Action::Edit(Editing::Start), "cursor-start", "start", "To the start of the line", "Type", LINE),
    spec(Action::Edit(Editing::End), "cursor-end", "end", "To the end of the line", "Type", LINE),
];

impl Action {
    /// What is said of it.
    pub fn spec(self) -> &'static Spec {
        ACTIONS.iter().find(|spec| spec.action == self).expect("every action stands in the table")
    }

    /// The action of this name.
    pub fn named(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|spec| spec.name == name).map(|spec| spec.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_pane_has_an_action_that_goes_to_it() {
        for pane in Pane::ALL {
            let goes = Action::View(Viewing::Focus(pane));
            assert!(ACTIONS.iter().any(|spec| spec.action == goes), "no action goes to {pane:?}");
        }
    }

    #[test]
    fn every_action_is_named_once_and_documented() {
        let mut names = HashSet::new();
        let mut actions = HashSet::new();
        for spec in ACTIONS {
            assert!(names.insert(spec.name), "{} is there twice", spec.name);
            assert!(actions.insert(spec.action), "{:?} is there twice", spec.action);
            assert!(spec.doc.len() > 3 && !spec.doc.ends_with('.') && !spec.doc.contains('\n'), "{}", spec.name);
            assert!(!spec.short.is_empty() && spec.short.len() <= 16, "{}", spec.name);
            assert!(!spec.contexts.is_empty(), "{}", spec.name);
            assert_eq!(Action::named(spec.name), Some(spec.action));
        }
    }
}
