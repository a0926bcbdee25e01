//! What Redux DevTools keep and export: actions, and the states the library computed from them.
//!
//! Two shapes. The *lifted state* has every action by its number (`actionsById`), the order they count in
//! (`stagedActionIds`), those that were switched off (`skippedActionIds`) and the states after each (`computedStates`).
//! The *export* of the browser extension has a list of actions and the state before them, both as JSON in strings.
//!
//! The actions are one stream, `actions`, in staged order; an action's number is its version. Skipped actions contributed
//! to no state, so they are no events of that stream: they stand in `actions (skipped)`, noted as such, and their versions
//! are missing from the other. Actions that are in the file but no longer staged are told the same way.

use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;

use super::generic::payload;
use crate::domain::{
    About, Cancel, Event, Failure, FailureKind, Form, Note, NoteKind, Payload, Position, RecordedState, RecordedStates,
    SourceChange, StoredSnapshot, StreamKind, StreamName, Version,
};
use crate::sources::Source;
use crate::sources::feed::Feed;
use crate::sources::fields;
use crate::sources::files::envelope;
use crate::sources::files::skim::{Span, elements, members};
use crate::sources::files::value;
use crate::sources::index::Place;
use crate::sources::input::Input;
use crate::sources::sorted::{self, Draft, Order, Records, Walk};

/// Larger documents are not read: the tool that writes them cannot read them either.
const MOST: u64 = 256 << 20;
const STREAM: &str = "actions";
const SKIPPED: &str = "actions (skipped)";

/// An action of the document.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Action {
    /// Its number, or its place in the list.
    number: u64,
    /// The bytes of the action itself.
    action: Range<usize>,
    /// When, in milliseconds; empty when that is not said.
    time: Range<usize>,
    /// The bytes of what the tool put around it; empty where that is nothing.
    lifted: Range<usize>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Counts,
    Skipped,
    Unstaged,
    /// It is not there, or no action.
    Bad(&'static str),
}

/// An opened document.
#[derive(Default)]
struct Redux {
    name: String,
    feed: Option<Arc<Feed>>,
    text: Bytes,
    about: About,
    /// In the order they count in.
    actions: Vec<Action>,
    /// The computed states: after which of the actions each is, and its bytes.
    states: Vec<(u64, Range<usize>)>,
    /// The same with those that failed, as the truth of the stream.
    recorded: Option<Arc<RecordedStates>>,
    /// The state before the first action.
    before: Option<Bytes>,
}

/// Opens a lifted state or an export.
///
/// # Errors
/// When it cannot be read, is too large, or holds no actions.
pub fn open(input: &Input, exported: bool) -> Result<Arc<dyn Source>, Failure> {
    let text = super::whole(input, MOST)?;
    let mut redux = Redux {
        name: input.feed.name().into(),
        feed: Some(input.feed.clone()),
        text: text.clone(),
        ..Redux::default()
    };
    redux.about = About { name: input.name.clone(), ..About::default() };
    redux.about.reasons.extend(input.packed.iter().map(|packing| format!("unpacked from {packing}")));
    let read = if exported { redux.export(&text) } else { redux.lifted(&text) };
    read.map_err(|why| {
        Failure::new(FailureKind::Malformed, input.feed.name(), "read it as a Redux DevTools document", why)
    })?;
    input.feed.tell(&mut redux.about);
    sorted::open(redux)
}

impl Redux {
    /// Reads the lifted state.
    fn lifted(&mut self, text: &Bytes) -> Result<(), String> {
        let base = text.as_ptr() as usize;
        let span = |value: &[u8]| {
            let start = value.as_ptr() as usize - base;
            start..start + value.len()
        };
        let mut top: HashMap<&[u8], &[u8]> = HashMap::new();
        members(text, |key, value| {
            top.insert(key, value);
        })
        .map_err(|fault| incomplete(text, fault))?;
        let get = |key: &str| top.get(format!("\"{key}\"").as_bytes()).copied();

        let by_id = get("actionsById").ok_or("it has no `actionsById`")?;
        let mut actions: HashMap<u64, &[u8]> = HashMap::new();
        let mut numbers = Vec::new();
        members(by_id, |key, action| {
            if let Some(number) = value::whole(key) {
                numbers.push(number);
                actions.insert(number, action);
            }
        })
        .map_err(|fault| fault.reason.to_owned())?;
        let list = |key: &str| {
            let mut list = Vec::new();
            if let Some(raw) = get(key) {
                let _ = elements(raw, |value| list.extend(value::whole(value)));
            }
            list
        };
        let skipped: HashSet<u64> = list("skippedActionIds").into_iter().collect();
        let mut staged = list("stagedActionIds");
        if get("stagedActionIds").is_none() {
            staged.clone_from(&numbers);
            staged.sort_unstable();
            self.about.caveats.push("no `stagedActionIds`: shown in the order of their numbers".into());
        }
        let is_staged: HashSet<u64> = staged.iter().copied().collect();
        let unstaged = numbers.iter().copied().filter(|number| !is_staged.contains(number));
        for number in staged.iter().copied().chain(unstaged) {
            let Some(lifted) = actions.get(&number) else {
                let state = State::Bad("it is staged, but not among the actions");
                self.actions.push(Action { number, action: 0..0, time: 0..0, lifted: 0..0, state });
                continue;
            };
            let (mut action, mut time) = (None, 0..0);
            let _ = members(lifted, |key, value| match key {
                b"\"action\"" => action = Some(span(value)),
                b"\"timestamp\"" => time = span(value),
                _ => {}
            });
            let state = match &action {
                None => State::Bad("it has no `action`"),
                Some(action) if action_type(&text[action.clone()]).is_none() => State::Bad("its action has no `type`"),
                Some(_) if skipped.contains(&number) => State::Skipped,
                Some(_) if is_staged.contains(&number) => State::Counts,
                Some(_) => State::Unstaged,
            };
            let action = action.unwrap_or_else(|| span(lifted));
            self.actions.push(Action { number, action, time, lifted: span(lifted), state });
        }
        if self.actions.is_empty() {
            return Err("there are no actions in it".into());
        }

        // The n-th computed state is that after the n-th staged action. A reducer that threw has left no state, and after a
        // skipped action stands the state before it, which belongs to no version of the stream.
        let mut recorded = HashMap::new();
        if let Some(raw) = get("computedStates") {
            let (mut place, mut states, mut after) = (0, Vec::new(), HashMap::new());
            let _ = elements(raw, |computed| {
                let (mut state, mut failed) = (None, None);
                let _ = members(computed, |key, value| match key {
                    b"\"state\"" => state = Some(span(value)),
                    b"\"error\"" if !value::is_nothing(value) => failed = Some(words(value)),
                    _ => {}
                });
                if let Some(number) = staged.get(place).filter(|number| !skipped.contains(number)) {
                    match (failed, state) {
                        (Some(words), _) => drop(after.insert(Version(*number), RecordedState::Failed(words))),
                        (None, Some(state)) => {
                            let payload = payload(text.slice(state.clone()));
                            after.insert(Version(*number), RecordedState::State(payload));
                            states.push((*number, state));
                        }
                        (None, None) => {}
                    }
                }
                place += 1;
            });
            self.states = states;
            recorded = after;
        }
        self.before = get("committedState").filter(|raw| !value::is_nothing(raw)).map(|raw| text.slice_ref(raw));
        if !recorded.is_empty() {
            let initial = self.before.clone().map(payload);
            self.recorded = Some(Arc::new(RecordedStates { name: "computedStates".into(), initial, after: recorded }));
        }
        self.tell("lifted state", get("currentStateIndex").and_then(value::whole));
        Ok(())
    }

    /// Reads the extension's export.
    fn export(&mut self, text: &Bytes) -> Result<(), String> {
        let (mut list, mut before) = (None, None);
        members(text, |key, value| match key {
            b"\"payload\"" => list = value::string(value).map(|text| text.into_owned()),
            b"\"preloadedState\"" => before = value::string(value).map(|text| text.into_owned()),
            _ => {}
        })
        .map_err(|fault| incomplete(text, fault))?;
        let list = Bytes::from(super::unbroken(list.ok_or("it has no `payload`")?.into_bytes()));
        let base = list.as_ptr() as usize;
        let span = |value: &[u8]| {
            let start = value.as_ptr() as usize - base;
            start..start + value.len()
        };
        let mut number = 0;
        let mut actions = Vec::new();
        elements(&list, |element| {
            // A plain action, or one with its time as the lifted state has it.
            let (mut action, mut time, mut lifted) = (span(element), 0..0, false);
            let _ = members(element, |key, value| match key {
                b"\"type\"" => lifted = value == b"\"PERFORM_ACTION\"",
                b"\"timestamp\"" => time = span(value),
                _ => {}
            });
            let around = if lifted { span(element) } else { 0..0 };
            if lifted {
                let _ = members(element, |key, value| {
                    if key == b"\"action\"" {
                        action = span(value);
                    }
                });
            }
            number += 1;
            let state = match action_type(&list[action.clone()]) {
                Some(_) => State::Counts,
                None => State::Bad("it has no `type`"),
            };
            actions.push(Action { number, action, time, lifted: around, state });
        })
        .map_err(|fault| format!("`payload` is no list of actions: {} at byte {}", fault.reason, fault.at))?;
        if actions.is_empty() {
            return Err("there are no actions in it".into());
        }
        (self.actions, self.text) = (actions, list.clone());
        self.before = before.filter(|state| state != "null").map(Bytes::from);
        self.tell("export", None);
        Ok(())
    }

    fn tell(&mut self, shape: &str, current: Option<u64>) {
        let count = |state: State| self.actions.iter().filter(|action| action.state == state).count();
        let about = &mut self.about;
        about.kind = format!("Redux DevTools {shape}");
        about.first_version = self.actions.first().map(|action| action.number);
        // An export is a list, and nothing in it says a number.
        about.counted_versions = if shape == "export" { self.actions.len() as u64 } else { 0 };
        about.reasons.push(match shape {
            "export" => "`payload` holds a list of actions, `preloadedState` the state before them".into(),
            _ => "`actionsById` holds the actions, `stagedActionIds` their order".into(),
        });
        about.mapping = vec![
            ("stream".into(), format!("all actions are one: {STREAM}")),
            ("type".into(), "action.type".into()),
            ("version".into(), if shape == "export" { "place in the list" } else { "number of the action" }.into()),
            ("data".into(), "the whole action".into()),
        ];
        let numbers = |state: State| {
            let mut numbers: Vec<_> =
                self.actions.iter().filter(|action| action.state == state).map(|action| action.number).collect();
            numbers.sort_unstable();
            let listed: Vec<_> = numbers.iter().take(20).map(u64::to_string).collect();
            let more = if numbers.len() > 20 { ", …" } else { "" };
            format!("{}{more}", listed.join(", "))
        };
        match count(State::Skipped) {
            0 => {}
            n => about.caveats.push(format!(
                "{n} actions are switched off in the tool ({}): they stand in the stream `{SKIPPED}`, not in `{STREAM}`",
                numbers(State::Skipped)
            ).into()),
        }
        match count(State::Unstaged) {
            0 => {}
            n => about.caveats.push(
                format!(
                    "{n} actions are no longer staged ({}): they stand in the stream `{SKIPPED}`",
                    numbers(State::Unstaged)
                )
                .into(),
            ),
        }
        if count(State::Skipped) + count(State::Unstaged) > 0 {
            about.normal.push(("version-gaps".into(), "actions that are switched off keep their numbers".into()));
            let why = format!("`{SKIPPED}` begins with the first action that was switched off");
            about.normal.push(("first-version".into(), why));
        }
        let here = current.and_then(|current| self.actions.get(..=usize::try_from(current).ok()?));
        let here = here.and_then(|actions| actions.iter().rfind(|action| action.state == State::Counts));
        about.stood_at = here.map(|action| (STREAM.into(), Version(action.number)));
        let stood = current.filter(|&current| current + 1 < self.actions.len() as u64);
        if let Some(action) = stood.and_then(|current| self.actions.get(usize::try_from(current).ok()?)) {
            about.caveats.push(format!("the tool stood after the action {}, not after the last", action.number).into());
        }
        match (&self.before, shape) {
            (Some(_), "export") => about.caveats.push("the actions begin on `preloadedState`, not on nothing".into()),
            (Some(_), _) => about.caveats.push("the actions begin on `committedState`, not on nothing".into()),
            (None, _) => {}
        }
    }

    /// What the tool says of an action, but what kind of entry it is.
    fn beside(&self, action: &Action) -> Payload {
        let lifted = &self.text[action.lifted.clone()];
        let part = |range: &Range<usize>| Span::of_part(&self.text, &self.text[range.clone()]);
        let mut used = vec![part(&action.action), part(&action.time)];
        let _ = members(lifted, |key, value| {
            if key == b"\"type\"" && value == b"\"PERFORM_ACTION\"" {
                used.push(Span::of_part(&self.text, value));
            }
        });
        fields::left_of(&self.text, lifted, &used)
    }

    fn stream(action: &Action) -> &'static str {
        match action.state {
            State::Skipped | State::Unstaged => SKIPPED,
            _ => STREAM,
        }
    }
}

/// What an error says.
fn words(value: &[u8]) -> String {
    value::string(value).map_or_else(|| String::from_utf8_lossy(value).into_owned(), |text| text.into_owned())
}

fn action_type(action: &[u8]) -> Option<String> {
    let mut found = None;
    let _ = members(action, |key, value| {
        if key == b"\"type\"" {
            found = value::name(value).map(|name| name.into_owned());
        }
    });
    found
}

fn incomplete(text: &[u8], fault: crate::sources::files::scan::Fault) -> String {
    match fault.at >= text.trim_ascii_end().len() {
        true => "incomplete: the file ends within the document".into(),
        false => format!("{} at byte {}", fault.reason, fault.at),
    }
}

/// A text of an action's `meta`, where many applications keep what is said about it.
fn meta(action: &[u8], keys: &[&[u8]]) -> Option<Arc<str>> {
    let mut found = None;
    let _ = members(action, |key, value| {
        if key == b"\"meta\"" {
            let _ = members(value, |key, value| {
                if keys.contains(&key) {
                    found = value::name(value).map(|name| Arc::from(&*name));
                }
            });
        }
    });
    found
}

fn field(action: &Bytes, wanted: &[u8]) -> Payload {
    let mut found = Payload::default();
    let _ = members(action, |key, value| {
        if key == wanted {
            found = payload(action.slice_ref(value));
        }
    });
    found
}

impl Records for Redux {
    fn look(&self) -> Result<SourceChange, Failure> {
        self.feed.as_ref().map_or(Ok(SourceChange::Same), |feed| feed.look())
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn about(&self) -> About {
        self.about.clone()
    }

    fn scan(&self, walk: &mut Walk<'_>) -> Result<(), Failure> {
        for (at, action) in (0..).zip(&self.actions) {
            let Some(event_type) =
                action_type(&self.text[action.action.clone()]).filter(|_| !matches!(action.state, State::Bad(_)))
            else {
                walk.trouble(at);
                continue;
            };
            walk.event(Draft {
                at,
                order: Order(at as i64, 0),
                stream: Self::stream(action).as_bytes(),
                event_type: event_type.as_bytes(),
                version: Some(action.number),
                time: value::instant(&self.text[action.time.clone()]),
            });
        }
        walk.progress(self.actions.len() as u64, self.actions.len() as u64);
        Ok(())
    }

    fn events(&self, places: &[Place], budget: u64, cancel: &Cancel) -> Result<Vec<Arc<Event>>, Failure> {
        crate::sources::cancelled(&self.name, cancel)?;
        let (mut events, mut read) = (Vec::with_capacity(places.len()), 0);
        for place in places {
            let Some(action) = self.actions.get(place.offset as usize) else { continue };
            let data = self.text.slice(action.action.clone());
            read += data.len() as u64;
            let event_type = match action.state {
                State::Bad(reason) => {
                    let mut event = envelope::trouble(place, reason.into(), data, false);
                    if let Some(trouble) = &mut event.trouble {
                        trouble.place = format!("action {}", action.number);
                    }
                    events.push(Arc::new(event));
                    continue;
                }
                _ => action_type(&data).unwrap_or_default(),
            };
            let mut notes = match action.state {
                State::Skipped => vec![Note::new(NoteKind::Deleted, "skipped in the tool")],
                State::Unstaged => vec![Note::new(NoteKind::Deleted, "no longer staged")],
                _ => Vec::new(),
            };
            envelope::note_lacking(&mut notes, None, &self.text[action.time.clone()]);
            events.push(Arc::new(Event {
                time: value::instant(&self.text[action.time.clone()]),
                metadata: field(&data, b"\"meta\""),
                fields: self.beside(action),
                correlation: meta(&data, &[b"\"correlationId\"", b"\"correlation_id\""]),
                causation: meta(&data, &[b"\"causationId\"", b"\"causation_id\""]),
                data: Payload::new(Form::Json, data),
                notes,
                ..Event::new(Self::stream(action), Version(action.number), Position::Number(action.number), event_type)
            }));
            if read >= budget {
                break;
            }
        }
        Ok(events)
    }

    fn recorded(&self, stream: &StreamName) -> Option<Arc<RecordedStates>> {
        self.recorded.clone().filter(|_| stream.as_str() == STREAM)
    }

    fn kind_of(&self, stream: &str) -> StreamKind {
        if stream == SKIPPED { StreamKind::System } else { StreamKind::Domain }
    }

    fn snapshots(
        &self,
        cancel: &Cancel,
        told: &mut dyn FnMut(StoredSnapshot) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        for (at, (number, state)) in self.states.iter().enumerate() {
            crate::sources::cancelled(&self.name, cancel)?;
            let snapshot = StoredSnapshot {
                stream: StreamName::from(STREAM),
                version: Version(*number),
                state: Payload::new(Form::Json, self.text.slice(state.clone())),
                place: format!("computedStates, {at}"),
            };
            if told(snapshot).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}
