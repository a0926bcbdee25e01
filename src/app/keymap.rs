//! Which key means which action where: data, read from TOML.
//!
//! Help, hints and documentation ask the keymap, so that they cannot say something else than the keys do.

use std::collections::BTreeMap;
use std::fmt::Write;

use toml::Spanned;

use super::action::{ACTIONS, Action, Context};
use super::key::{Key, KeyCode};
use super::notation;

/// One binding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// Where it holds.
    pub context: Context,
    /// The keys, one after the other.
    pub keys: Vec<Key>,
    /// What they mean.
    pub action: Action,
}

/// All bindings. Invariant: no sequence stands twice in a context, and none is the beginning of another one there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keymap {
    bindings: Vec<Binding>,
}

/// What keys mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// This.
    Action(Action),
    /// Nothing yet: they begin a longer sequence.
    Begun,
    /// Nothing.
    Unbound,
}

impl Keymap {
    /// The keymap the program comes with.
    pub fn built_in() -> Self {
        Self::parse(include_str!("../../assets/keymap.toml")).expect("the built-in keymap is well formed")
    }

    /// Reads a keymap.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        type Tables = BTreeMap<String, BTreeMap<String, Spanned<String>>>;
        let tables: Tables = toml::from_str(text).map_err(|e| vec![e.to_string()])?;
        let mut problems = Vec::new();
        let mut bindings: Vec<Binding> = Vec::new();
        for (table, entries) in &tables {
            let Some((context, ..)) = Context::ALL.iter().find(|(_, name, _)| name == table) else {
                problems.push(format!("[{table}]: there is no such context"));
                continue;
            };
            for (keys, name) in entries {
                let line = text[..name.span().start].matches('\n').count() + 1;
                match binding(*context, keys, name.get_ref(), &bindings) {
                    Ok(binding) => bindings.push(binding),
                    Err(why) => problems.push(format!("line {line}: {why}")),
                }
            }
        }
        if problems.is_empty() { Ok(Self { bindings }) } else { Err(problems) }
    }

    /// What keys mean in these contexts, the first of which has the first word.
    pub fn meaning(&self, contexts: &[Context], keys: &[Key]) -> Meaning {
        for context in contexts {
            let here = || self.bindings.iter().filter(|binding| binding.context == *context);
            if let Some(binding) = here().find(|binding| binding.keys == keys) {
                return Meaning::Action(binding.action);
            }
            if here().any(|binding| binding.keys.starts_with(keys)) {
                return Meaning::Begun;
            }
        }
        Meaning::Unbound
    }

    /// What may follow keys that have begun a sequence.
    pub fn continuations(&self, contexts: &[Context], begun: &[Key]) -> Vec<(Key, Action)> {
        contexts
            .iter()
            .flat_map(|context| self.bindings.iter().filter(move |binding| binding.context == *context))
            .filter(|binding| binding.keys.len() > begun.len() && binding.keys.starts_with(begun))
            .map(|binding| (binding.keys[begun.len()], binding.action))
            .collect()
    }

    /// The keys that mean an action in these contexts, the handiest first, as written.
    pub fn keys_of(&self, contexts: &[Context], action: Action) -> Vec<String> {
        let mut found: Vec<&Binding> = self
            .bindings
            .iter()
            .filter(|binding| binding.action == action && contexts.contains(&binding.context))
            // A key that a more special context takes for something else is not a key for this here.
            .filter(|binding| self.meaning(contexts, &binding.keys) == Meaning::Action(action))
            .collect();
        found.sort_by_key(|binding| {
            let handiness = match binding.keys[..] {
                [Key { code: KeyCode::Esc | KeyCode::Tab, .. }] => 0,
                [Key { code: KeyCode::Enter, .. }] => 1,
                [Key { code: KeyCode::Char(c), modifiers }] if !modifiers.control => 2 + u8::from(c.is_uppercase()),
                [Key { code: KeyCode::F(_), .. }] => 5,
                _ => 4,
            };
            (handiness, contexts.iter().position(|context| *context == binding.context))
        });
        let mut keys: Vec<String> = found.into_iter().map(|binding| notation::write(&binding.keys)).collect();
        keys.dedup();
        keys
    }

    /// All bindings.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The groups of actions, in the order of the documentation.
    pub fn groups() -> Vec<&'static str> {
        let mut groups: Vec<&str> = Vec::new();
        for spec in ACTIONS {
            if !groups.contains(&spec.group) {
                groups.push(spec.group);
            }
        }
        groups
    }

    /// Where and by which keys an action can be done: the contexts that share the same keys are said together.
    pub fn places_of(&self, action: Action) -> Vec<(Vec<&'static str>, Vec<String>)> {
        let mut places: Vec<(Vec<&'static str>, Vec<String>)> = Vec::new();
        for (context, _, words) in Context::ALL {
            let keys = self.keys_of(&[context], action);
            if keys.is_empty() {
                continue;
            }
            match places.iter_mut().find(|(_, other)| *other == keys) {
                Some((contexts, _)) => contexts.push(words),
                None => places.push((vec![words], keys)),
            }
        }
        places
    }
}

fn binding(context: Context, keys: &str, name: &str, others: &[Binding]) -> Result<Binding, String> {
    let parsed = notation::parse(keys).ok_or_else(|| format!("\"{keys}\" is not a key"))?;
    let action = Action::named(name).ok_or_else(|| format!("there is no action \"{name}\""))?;
    if !action.spec().contexts.contains(&context) {
        return Err(format!("\"{name}\" means nothing in this context"));
    }
    let clash = others
        .iter()
        .filter(|other| other.context == context)
        .find(|other| other.keys.starts_with(&parsed) || parsed.starts_with(&other.keys));
    match clash {
        Some(other) => Err(format!("\"{keys}\" and \"{}\" cannot be told apart", notation::write(&other.keys))),
        None => Ok(Binding { context, keys: parsed, action }),
    }
}

/// The documentation of the built-in keys, as Markdown.
pub fn markdown() -> String {
    let keymap = Keymap::built_in();
    let mut out = String::from(
        "# Keys\n\nGenerated from the table of actions and `assets/keymap.toml`. `?` shows the same in the program.\n\n\
         A count before a movement or a step repeats it: `20j`, `50.`. The digits 1 to 4 go to panes, so a count that begins\n\
         with one of them needs a second digit of 0 or 5 to 9 (`20`, `15`, `100`): `12j` goes to panes 1 and 2 and one down.\n\
         `:+12` goes 12 on, `:-12` back.\n\n\
         Mouse: the wheel scrolls the pane under it, a click selects, a click on what is selected opens it, dragging on the\n\
         timeline scrubs, a click on a hint does it. Hold Shift to select text with the terminal.\n\n\
         In Events the sign before an event says what it did to the state: `~` changed it, `+` began it, `×` ended it, `!` failed\n\
         or cannot be read, a blank changed nothing. `·` says that nobody stood there yet, so that it is not known.\n",
    );
    for group in Keymap::groups() {
        let _ = write!(out, "\n## {group}\n\n| key | where | does | action |\n|---|---|---|---|\n");
        for spec in ACTIONS.iter().filter(|spec| spec.group == group) {
            for (contexts, keys) in keymap.places_of(spec.action) {
                let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
                let (keys, contexts) = (keys.join(" "), contexts.join(", ").replace(", In", ", in"));
                let _ = writeln!(out, "| {keys} | {contexts} | {} | `{}` |", spec.doc, spec.name);
            }
        }
    }
    out
}

/// The keys of daily use as one short Markdown table, for the README.
pub fn summary() -> String {
    let keymap = Keymap::built_in();
    let mut out = String::from("| keys | |\n|---|---|\n");
    for group in Keymap::groups().into_iter().filter(|group| *group != "Type") {
        let contexts = [Context::Everywhere, Context::Streams, Context::Events, Context::Tree, Context::Always];
        let entries: Vec<String> = ACTIONS
            .iter()
            .filter(|spec| spec.group == group)
            .filter_map(|spec| {
                let key =
                    contexts.iter().find_map(|context| keymap.keys_of(&[*context], spec.action).into_iter().next())?;
                Some(format!("`{}` {}", key.replace('|', "\\|"), spec.short))
            })
            .collect();
        let _ = writeln!(out, "| {group} | {} |", entries.join(" · "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_can_be_done_by_a_key() {
        let keymap = Keymap::built_in();
        for spec in ACTIONS {
            assert!(!keymap.places_of(spec.action).is_empty(), "nothing is bound to {}", spec.name);
        }
    }

    #[test]
    fn problems_are_told_all_at_once_with_their_lines() {
        let problems = Keymap::parse(
            "[everywhere]\n\"j\" = \"down\"\n\"Entre\" = \"open\"\n\"x\" = \"fly\"\n\"yy\" = \"quit\"\n\"y\" = \"up\"\n\
             \"Space\" = \"toggle\"\n[nowhere]\n\"k\" = \"up\"\n",
        )
        .expect_err("it is full of problems");
        let text = problems.join("\n");
        for part in [
            "line 3: \"Entre\" is not a key",
            "line 4: there is no action \"fly\"",
            "cannot be told apart",
            "line 7: \"toggle\" means nothing in this context",
            "[nowhere]: there is no such context",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
        assert!(Keymap::parse("[everywhere]\n\"j\" = \"down\"\n\"j\" = \"up\"\n").is_err());
        assert!(Keymap::parse("[everywhere]\n\"Ctrl+d\" = \"down\"\n\"Ctrl+D\" = \"up\"\n").is_err());
    }

    #[test]
    fn the_special_context_has_the_first_word() {
        let keymap = Keymap::built_in();
        let slash = notation::parse("/").expect("a key");
        assert_eq!(
            keymap.meaning(&[Context::Streams, Context::Everywhere], &slash),
            Meaning::Action(Action::Find(Finding::Filter))
        );
        assert_eq!(
            keymap.meaning(&[Context::Tree, Context::Everywhere], &slash),
            Meaning::Action(Action::Find(Finding::Find))
        );
        let y = notation::parse("y").expect("a key");
        assert_eq!(keymap.meaning(&[Context::Everywhere], &y), Meaning::Begun);
        assert_eq!(keymap.continuations(&[Context::Everywhere], &y).len(), 8);
    }

    use super::super::action::Finding;
}
