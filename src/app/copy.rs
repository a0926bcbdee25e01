//! Copying: exactly the thing, as text for another program.

use std::fmt::Write;

use super::action::Copying;
use super::effect::Effect;
use super::panes::Pane;
use super::panes::state::StateView;
use super::{App, Severity};
use crate::domain::{Event, Json, Path, Step, json::write_string};
use crate::replay::Patch;

impl App {
    pub(super) fn copy(&mut self, copying: Copying, out: &mut Vec<Effect>) {
        let (what, text) = match copying {
            Copying::Value => self.selected_value(),
            Copying::Path => ("the path", self.selected_path().map(|path| path.to_string())),
            Copying::Jq => ("the jq path", self.selected_path().map(|path| jq(&path))),
            Copying::Id => ("the id", self.walk.event().and_then(|event| Some(event.id.as_ref()?.to_string()))),
            Copying::Event => ("the event", self.walk.event().map(|event| event_json(event))),
            Copying::State => (
                "the state",
                self.walk.moment.as_ref().map(|moment| moment.state.as_ref().map_or("null".into(), Json::to_string)),
            ),
            Copying::Diff => {
                let moment = self.walk.moment.as_ref();
                ("the changes", moment.map(|_| changes_json(&self.panes.state.patch)))
            }
            Copying::Command => ("the command", self.command()),
        };
        match text {
            Some(text) => {
                // What is short is shown, so that one sees what will be pasted.
                const SHOWN: usize = 120;
                let shown = text.len() <= SHOWN && !text.contains('\n');
                self.copied = (what, shown.then(|| text.clone()));
                out.push(Effect::Copy(text));
            }
            None if matches!(copying, Copying::Path | Copying::Jq) => {
                self.say(Severity::Warning, format!("{what} is that of a value: select one in Event or State first"));
            }
            None => self.say(Severity::Warning, format!("{what} cannot be copied: there is none here")),
        }
    }

    fn selected_value(&self) -> (&'static str, Option<String>) {
        // A string is copied as its text, anything else as JSON.
        let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self.panes.focus {
            Pane::Streams => {
                let scope = self.panes.streams.scope(&self.catalogue, self.panes.streams.selected);
                let name = scope.and_then(|scope| match scope {
                    crate::domain::Scope::Stream(name) => Some(name.to_string()),
                    crate::domain::Scope::Category(name) => Some(name.to_string()),
                    crate::domain::Scope::All => None,
                });
                ("the name", name)
            }
            Pane::Events => ("the data", self.walk.event().map(|event| event.data.text().into_owned())),
            Pane::Event => match self.panes.event.tree() {
                Some(tree) => ("the value", tree.selected_value().map(plain)),
                None => ("the data", self.walk.event().map(|event| event.data.text().into_owned())),
            },
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
            (Pane::Event, _) => Some(self.panes.event.tree()?.selected_path()),
            (Pane::State, StateView::Changes) => {
                Some(self.panes.state.patch.0.get(self.panes.state.selected)?.path.clone())
            }
            (Pane::State, StateView::Tree) => self.walk.moment.as_ref().map(|_| self.panes.state.tree.selected_path()),
            (Pane::Streams | Pane::Events, _) => None,
        }
    }

    /// The command that shows the same state without the interface.
    fn command(&self) -> Option<String> {
        let moment = self.walk.moment.as_ref().filter(|moment| !moment.stream.as_str().is_empty())?;
        let at = moment.event.as_ref().map_or_else(|| "start".to_owned(), |event| event.version.to_string());
        let mut command =
            format!("stepback state {} {} --at {at}", shell(&self.origin.address), shell(moment.stream.as_str()));
        for option in &self.origin.options {
            let _ = write!(command, " {}", shell(option));
        }
        Some(command)
    }
}

/// A word of a shell command.
fn shell(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
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
                    let _ = write_string(&mut out, key);
                }
            }
        }
    }
    if out.is_empty() { ".".into() } else { out }
}

/// An event as JSON, its data and metadata byte for byte as stored where they are JSON.
fn event_json(event: &Event) -> String {
    let mut out = String::from("{");
    let mut field = |name: &str, value: &str| {
        if out.len() > 1 {
            out.push(',');
        }
        let _ = write!(out, "\"{name}\":{value}");
    };
    let text = |text: &str| {
        let mut out = String::new();
        let _ = write_string(&mut out, text);
        out
    };
    let position = event.position.to_string();
    let number = matches!(event.position, crate::domain::Position::Number(_));
    field("position", &if number { position } else { text(&position) });
    field("stream", &text(event.stream.as_str()));
    field("version", &event.version.to_string());
    field("id", &event.id.as_deref().map_or("null".into(), text));
    field("type", &text(&event.event_type));
    field("time", &event.time.map_or("null".into(), |time| text(&time.to_string())));
    for (name, payload) in [("data", &event.data), ("metadata", &event.metadata)] {
        let value = match payload.json_bytes() {
            Ok(bytes) if Json::parse(&bytes).is_ok() => String::from_utf8_lossy(&bytes).into_owned(),
            _ => text(&payload.text()),
        };
        field(name, &value);
    }
    out.push('}');
    out
}

/// Changes as JSON: a path, what was there, what is there; an absent side is left out.
fn changes_json(patch: &Patch) -> String {
    let mut out = String::from("[");
    for (n, change) in patch.0.iter().enumerate() {
        out.push_str(if n > 0 { ",\n {\"path\":" } else { "{\"path\":" });
        let _ = write_string(&mut out, &change.path.to_string());
        for (name, side) in [("before", &change.before), ("after", &change.after)] {
            if let Some(value) = side {
                let _ = write!(out, ",\"{name}\":{value}");
            }
        }
        out.push('}');
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::Change;

    #[test]
    fn words_for_shell_and_jq() {
        assert_eq!(shell("orders.jsonl"), "orders.jsonl");
        assert_eq!(shell("it's here"), r"'it'\''s here'");
        assert_eq!(shell(""), "''");
        let path = Path::root().key(&"a".into()).index(3).key(&"b c".into()).key(&"9".into());
        assert_eq!(jq(&path), r#".a[3]."b c"."9""#);
        assert_eq!(jq(&Path::root()), ".");
        assert_eq!(jq(&Path::root().index(1)), ".[1]");
    }

    #[test]
    fn changes_leave_absent_sides_out() {
        let patch = Patch(vec![
            Change { path: Path::root().key(&"n".into()), before: None, after: Some(Json::from(1)) },
            Change { path: Path::root().key(&"m".into()), before: Some(Json::from(2)), after: None },
        ]);
        let text = changes_json(&patch);
        assert_eq!(text, "[{\"path\":\"/n\",\"after\":1},\n {\"path\":\"/m\",\"before\":2}]");
        assert!(Json::parse(text.as_bytes()).is_ok());
    }
}
