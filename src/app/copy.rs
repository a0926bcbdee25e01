//! Copying: exactly the thing, as text for another program.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

use super::action::Copying;
use super::effect::Effect;
use super::ids::Pane;
use super::panes::state::{Against, StateView};
use super::{App, Severity};
use crate::ask::{Ask, Generation};
use crate::domain::{Event, Json, Patch, Path, Place, Scope, Step, StreamName, json::write_key, shell};
use crate::replay::Moment;
use crate::wire;

/// What a command is called when it is copied.
const COMMAND: &str = "the command";

/// A command over places of a stream. How these are written is asked for: the version of one may stand twice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Draft {
    command: &'static str,
    stream: StreamName,
    places: Vec<u64>,
    options: Vec<String>,
}

impl Draft {
    fn written(&self, address: &[u8], names: &[Place]) -> String {
        let names: Vec<String> = names.iter().map(Place::to_string).collect();
        let options = self.options.iter().map(String::as_str);
        let mut words = vec![address, self.stream.as_str().as_bytes()];
        match &*names {
            [at] => written(self.command, &words, ["--at", at].into_iter().chain(options)),
            places => {
                words.extend(places.iter().map(String::as_bytes));
                written(self.command, &words, options)
            }
        }
    }
}

/// A command that is written, or will be.
enum Written {
    Whole(String),
    Draft(Draft),
}

impl App {
    pub(super) fn copy(&mut self, copying: Copying, out: &mut Vec<Effect>) {
        self.jobs.naming = None;
        let (what, text) = match copying {
            Copying::Value => self.selected_value(),
            Copying::Path => ("the path", self.selected_path().map(|path| path.to_string())),
            Copying::Jq => ("the jq path", self.selected_path().map(|path| jq(&path))),
            Copying::Id => ("the id", self.walk.event().and_then(|event| Some(event.id.as_ref()?.to_string()))),
            Copying::Event => ("the event", self.walk.event().map(|event| self.event_line(event))),
            Copying::State => (
                "the state",
                // A state that is not known is not that of an entity that does not exist.
                self.walk
                    .here()
                    .filter(|moment| moment.unknown.is_none())
                    .map(|moment| moment.state.as_ref().map_or("null".into(), Json::to_string)),
            ),
            Copying::Diff => {
                let known = |moment: &&Moment| match self.panes.state.against {
                    Against::Before => !moment.uncompared,
                    Against::Pinned => moment.unknown.is_none(),
                };
                let moment = self.walk.here().filter(known);
                ("the changes", moment.map(|_| changes(&self.panes.state.patch)))
            }
            Copying::Command => match self.command() {
                Some(Written::Draft(draft)) => {
                    let generation = self.jobs.number();
                    let (stream, places) = (draft.stream.clone(), draft.places.clone());
                    self.jobs.naming = Some((generation, draft));
                    return out.push(Effect::Ask(Ask::NamePlaces { generation, stream, places }));
                }
                Some(Written::Whole(text)) => (COMMAND, Some(text)),
                None => (COMMAND, None),
            },
        };
        match text {
            Some(text) => self.hand_over(what, text, out),
            None if matches!(copying, Copying::Path | Copying::Jq) => {
                self.say(Severity::Warning, format!("{what} is that of a value: select one in Event or State first"));
            }
            None if matches!(copying, Copying::Command) && self.came_through_a_pipe() => {
                let why = "the store came through standard input, which can be read only once: save it to a file first";
                self.say(Severity::Warning, format!("no command shows this: {why}"));
            }
            None if matches!(copying, Copying::Command) && self.panes.state.against == Against::Pinned => {
                self.say(Severity::Warning, "no command compares two streams: the pin is of another one");
            }
            None if self.panes.focus == Pane::State && self.walk.here().is_none() => {
                self.say(Severity::Warning, format!("{what} cannot be copied: there is no state here yet"));
            }
            None => self.say(Severity::Warning, format!("{what} cannot be copied: there is none here")),
        }
    }

    /// An event as `events --json` gives it.
    fn event_line(&self, event: &Event) -> String {
        let key = self.catalogue.about.as_ref().and_then(|about| about.key.as_ref());
        let mut line = String::new();
        wire::push_event(&mut line, event, key, wire::Written::default());
        line
    }

    fn hand_over(&mut self, what: &'static str, text: String, out: &mut Vec<Effect>) {
        // What is short is shown, so that one sees what will be pasted.
        const SHOWN: usize = 120;
        let shown = text.len() <= SHOWN && !text.contains('\n');
        self.copied = (what, shown.then(|| text.clone()));
        out.push(Effect::Copy(text));
    }

    /// The places of a command are named: it is copied.
    pub(super) fn places_named(&mut self, generation: Generation, names: &[Place], out: &mut Vec<Effect>) {
        if let Some((_, draft)) = self.jobs.naming.take_if(|(asked, _)| *asked == generation) {
            let text = draft.written(self.origin.address.as_bytes(), names);
            self.hand_over(COMMAND, text, out);
        }
    }

    fn selected_value(&self) -> (&'static str, Option<String>) {
        // A string is copied as its text, anything else as JSON.
        let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self.panes.focus {
            Pane::Streams => {
                let scope = self.panes.streams.scope(&self.catalogue, self.panes.streams.selected);
                let name = scope.and_then(|scope| match scope {
                    Scope::Stream(name) => Some(name.to_string()),
                    Scope::Category(name) | Scope::Correlation(name) => Some(name.to_string()),
                    Scope::All => None,
                });
                ("the name", name)
            }
            Pane::Events => ("the data", self.walk.event().map(|event| event.data.text().into_owned())),
            Pane::Event => match self.panes.event.tree() {
                Some(tree) => ("the value", tree.selected_value().map(plain)),
                None => ("the data", self.walk.event().map(|event| event.data.text().into_owned())),
            },
            Pane::State if self.walk.here().is_none() => ("the value", None),
            Pane::State => match self.panes.state.view {
                StateView::Tree => ("the value", self.panes.state.tree.selected_value().map(plain)),
                StateView::Changes => {
                    let change = self.panes.state.patch.0.get(self.panes.state.selected);
                    ("the value", change.and_then(|change| change.after.as_ref().or(change.before.as_ref())).map(plain))
                }
            },
        }
    }

    fn selected_path(&self) -> Option<Path> {
        match (self.panes.focus, self.panes.state.view) {
            (Pane::State, _) if self.walk.here().is_none() => None,
            (Pane::Event, _) => Some(self.panes.event.tree()?.selected_path()),
            (Pane::State, StateView::Changes) => {
                Some(self.panes.state.patch.0.get(self.panes.state.selected)?.path.clone())
            }
            (Pane::State, StateView::Tree) => Some(self.panes.state.tree.selected_path()),
            (Pane::Streams | Pane::Events, _) => None,
        }
    }

    /// The command that shows without the interface what is on the screen: in Events the list, where it is more or less
    /// than a stream; elsewhere the state, or what differs from the pinned one.
    fn command(&self) -> Option<Written> {
        if self.came_through_a_pipe() {
            return None;
        }
        let listed = self.panes.focus == Pane::Events;
        match &self.walk.scope {
            Some(scope) if listed && self.panes.state.against == Against::Before => {
                let filter = self.sifted_in(scope).map(|sifted| (sifted.text.as_str(), sifted.folds));
                match (scope, filter) {
                    (Scope::Stream(_), None) => self.command_of_state(),
                    // What is between the two would have to be said in one condition, whatever the filter's words are.
                    (Scope::Correlation(_), Some(_)) => None,
                    _ => Some(Written::Whole(self.command_of_events(scope, filter))),
                }
            }
            _ => self.command_of_state(),
        }
    }

    /// Whether nobody can read the store a second time.
    fn came_through_a_pipe(&self) -> bool {
        self.origin.address == "-"
    }

    fn command_of_state(&self) -> Option<Written> {
        let (stream, here) = (self.walk.stream()?.clone(), self.walk.stream_at);
        let mut options: Vec<String> = self.origin.options.iter().chain(&self.origin.folding).cloned().collect();
        // Without it the fold would be suspended where it was here.
        options.extend(self.walk.is_urged().then(|| "--keep-going".to_owned()));
        let (command, places) = match (self.panes.state.against, &self.walk.pin) {
            (Against::Pinned, Some(pin)) if pin.stream == stream => ("diff", vec![pin.at, here]),
            (Against::Pinned, _) => return None,
            (Against::Before, _) => ("state", vec![here]),
        };
        Some(Written::Draft(Draft { command, stream, places, options }))
    }

    /// Of a list, by a filter and whether that folds.
    fn command_of_events(&self, scope: &Scope, filter: Option<(&str, bool)>) -> String {
        let mut places = vec![self.origin.address.as_bytes()];
        let mut options = Vec::new();
        let of_correlation;
        match scope {
            Scope::Stream(name) => places.push(name.as_str().as_bytes()),
            Scope::Category(name) => options.extend(["--category", name]),
            Scope::Correlation(id) => {
                of_correlation = format!("event.correlation == {}", Json::string(id));
                options.extend(["--where", &of_correlation]);
            }
            Scope::All => {}
        }
        options.extend(filter.into_iter().flat_map(|(filter, _)| ["--where", filter]));
        options.extend(self.origin.options.iter().map(String::as_str));
        if filter.is_some_and(|(_, folds)| folds) {
            options.extend(self.origin.folding.iter().map(String::as_str));
        }
        written("events", &places, options.into_iter())
    }
}

/// A command of this program, as it is typed into a shell. What begins like an option and is none stands behind all
/// options, or with the name of the one it belongs to.
fn written<'a>(command: &str, places: &[&[u8]], options: impl Iterator<Item = &'a str>) -> String {
    let mut spoken: Vec<String> = Vec::new();
    for word in options {
        match spoken.last_mut().filter(|name| word.starts_with('-') && name.starts_with("--") && !name.contains('=')) {
            Some(name) => *name = format!("{name}={word}"),
            None => spoken.push(word.to_owned()),
        }
    }
    let mut words: Vec<&[u8]> = vec![b"stepback", command.as_bytes()];
    let spoken = spoken.iter().map(String::as_bytes);
    if places.iter().any(|place| place.len() > 1 && place.starts_with(b"-")) {
        words.extend(spoken);
        words.push(b"--");
        words.extend(places);
    } else {
        words.extend(places);
        words.extend(spoken);
    }
    words.into_iter().map(shell::word).collect::<Vec<_>>().join(" ")
}

/// A path as jq writes it: `.total.amount`, `.items[0]`, `."a b"`.
fn jq(path: &Path) -> String {
    let mut out = String::new();
    for step in &path.0 {
        match step {
            Step::Index(index) if out.is_empty() => _ = write!(out, ".[{index}]"),
            Step::Index(index) => _ = write!(out, "[{index}]"),
            Step::Key(key) => {
                out.push('.');
                let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                if plain && key.bytes().next().is_some_and(|byte| !byte.is_ascii_digit()) {
                    out.push_str(key);
                } else {
                    let _ = write_key(&mut out, key);
                }
            }
        }
    }
    if out.is_empty() { ".".into() } else { out }
}

/// Changes as JSON, one in a line.
fn changes(patch: &Patch) -> String {
    let mut out = String::new();
    wire::push_changes(&mut out, patch, ",\n ");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::patch::Change;

    #[test]
    fn words_for_shell_and_jq() {
        let path = Path::root().key(&"a".into()).index(3).key(&"b c".into()).key(&"9".into());
        assert_eq!(jq(&path), r#".a[3]."b c"."9""#);
        assert_eq!(
            written("events", &[b"x.jsonl", b"-o"], ["--where", "-1 < event.data.n", "--map", "id=.a"].into_iter()),
            "stepback events '--where=-1 < event.data.n' --map id=.a -- x.jsonl -o"
        );
        assert_eq!(jq(&Path::root()), ".");
        assert_eq!(jq(&Path::root().index(1)), ".[1]");
    }

    #[test]
    fn changes_leave_absent_sides_out() {
        let patch = Patch(vec![
            Change { path: Path::root().key(&"n".into()), before: None, after: Some(Json::from(1)) },
            Change { path: Path::root().key(&"m".into()), before: Some(Json::from(2)), after: None },
        ]);
        let text = changes(&patch);
        assert_eq!(text, "[{\"path\":\"/n\",\"after\":1},\n {\"path\":\"/m\",\"before\":2}]");
        assert!(Json::parse(text.as_bytes()).is_ok());
    }
}
