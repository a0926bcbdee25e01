//! The states of a script, one or many by key, and the way back when an event fails.
//!
//! States live in the engine and leave it only when asked for. Invariant: after `apply` each is that of the events of its
//! key that did not fail. As a script may change a state in place before it throws, the host keeps each state of an earlier
//! moment as text, and the events since; a fault goes back to that text, folds them again, and makes a new text, so that
//! no event is folded more than twice however many fail. Of many states those that are not in use are kept as text only.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use rquickjs::Value;

use super::engine::{Engine, NANOS_PER_BYTE};
use super::values::Written;
use super::watched::Told;
use crate::reducers::protocol::{Answer, Body, EventRecord, KeyedState, Problem};
use crate::replay::{Cause, StateText};

/// Events since the last texts of the states are kept up to this many bytes even when the states are small,
const KEEP_AT_LEAST: usize = 4 << 20;
/// or up to this many times their size: writing one costs about as much as folding eight times its size,
const KEEP_PER_STATE: usize = 16;
/// but never beyond this.
const KEEP_AT_MOST: usize = 64 << 20;

/// After which batches of a script the engine is shown the shape its states have taken.
const DESCRIBED_AFTER: [u32; 2] = [1, 4];

/// An answer with many states is about this large.
const STATES: usize = 1 << 20;

/// A value takes in the engine about this many times the size of its text.
const VALUE_PER_TEXT: usize = 8;

/// Of many states it is looked how large they are whenever events of this part of the memory were folded: values of as many
/// bytes as these may stand in half of it.
const GROWTH: usize = 2 * VALUE_PER_TEXT;

/// Events that were folded since the last text of the state.
struct Folded {
    frame: Rc<Vec<u8>>,
    /// Where those that did not fail begin in it.
    good: Vec<u32>,
}

/// One state.
pub struct Entity<'js> {
    /// What it is the state of, for the script.
    pub name: Value<'js>,
    /// The state; `None` while only its text is kept.
    pub state: Option<Value<'js>>,
    /// The text to go back to, or why there is none.
    pub text: Result<Written, Problem>,
    /// What was said last of the watched values; nothing yet, or not since they were chosen.
    pub told: Option<Vec<Told>>,
    log: Vec<Folded>,
    /// The frame that folded it last.
    frame: u64,
    /// Whether it stands among those that were changed.
    is_changed: bool,
}

impl<'js> Entity<'js> {
    /// A state that was not looked at yet.
    pub fn new(name: Value<'js>, text: Result<Written, Problem>) -> Self {
        Self { name, state: None, text, told: None, log: Vec::new(), frame: 0, is_changed: false }
    }

    /// The size of the last text.
    pub fn text_len(&self) -> usize {
        match &self.text {
            Ok(Some((text, _))) => text.len(),
            _ => 0,
        }
    }
}

/// Where the states of keys stand.
#[derive(Default)]
struct Keys {
    places: HashMap<Rc<str>, usize>,
    in_order: Vec<Rc<str>>,
}

/// All states of a fold, one of them the one that is folded into.
pub struct States<'js> {
    all: Vec<Entity<'js>>,
    /// Where those of many stand; `None` where there is one state without a key.
    keys: Option<Keys>,
    here: usize,
    /// Those that were changed since the last texts were made, and the size of these texts.
    changed: Vec<usize>,
    changed_text: usize,
    /// About the size of the texts of those in use.
    live_text: usize,
    /// The bytes of events kept.
    kept: usize,
    /// Those of the frame under way, which is counted.
    of_frame: Vec<usize>,
    frame: u64,
    frame_len: usize,
}

impl<'js> States<'js> {
    /// One state.
    pub fn one(entity: Entity<'js>) -> Self {
        Self { all: vec![entity], keys: None, ..Self::many() }
    }

    fn many() -> Self {
        Self {
            all: Vec::new(),
            keys: Some(Keys::default()),
            here: 0,
            changed: Vec::new(),
            changed_text: 0,
            live_text: 0,
            kept: 0,
            of_frame: Vec::new(),
            frame: 0,
            frame_len: 0,
        }
    }

    /// Whether there is one for each key.
    pub fn is_many(&self) -> bool {
        self.keys.is_some()
    }

    /// The one that is folded into.
    pub fn here(&self) -> &Entity<'js> {
        &self.all[self.here]
    }

    /// The same, to be changed.
    pub fn here_mut(&mut self) -> &mut Entity<'js> {
        &mut self.all[self.here]
    }

    /// All of them.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut Entity<'js>> {
        self.all.iter_mut()
    }

    /// Those that the frame under way was folded into.
    pub fn of_frame(&self) -> impl Iterator<Item = &Entity<'js>> {
        self.of_frame.iter().filter_map(|at| self.all.get(*at))
    }

    /// A frame of so many bytes is folded now.
    pub fn begin_frame(&mut self, length: usize) {
        self.frame += 1;
        self.frame_len = length;
        self.kept += length;
        self.of_frame.clear();
    }

    /// The event that begins in the frame at this place did not fail.
    pub fn folded(&mut self, frame: &Rc<Vec<u8>>, at: u32) {
        let entity = &mut self.all[self.here];
        if entity.frame != self.frame {
            entity.frame = self.frame;
            self.of_frame.push(self.here);
        }
        if !entity.is_changed {
            entity.is_changed = true;
            self.changed.push(self.here);
            self.changed_text += entity.text_len();
        }
        match entity.log.last_mut() {
            Some(last) if Rc::ptr_eq(&last.frame, frame) => last.good.push(at),
            _ => entity.log.push(Folded { frame: frame.clone(), good: vec![at] }),
        }
    }

    fn add(&mut self, key: &str, entity: Entity<'js>) -> usize {
        let at = self.all.len();
        if let Some(keys) = &mut self.keys {
            let key: Rc<str> = key.into();
            keys.places.insert(key.clone(), at);
            keys.in_order.push(key);
        }
        self.all.push(entity);
        at
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.keys.as_ref().and_then(|keys| keys.places.get(key).copied())
    }
}

impl<'js> Engine<'js> {
    /// Begins with a state for each key, and none yet.
    ///
    /// # Errors
    /// When there is no script.
    pub fn start_many(&mut self) -> Result<(), Problem> {
        if self.script.is_none() {
            return Err(Problem::new("no script is loaded"));
        }
        self.states = States::many();
        Ok(())
    }

    /// Goes on with states of keys. Each is read when it is first needed.
    ///
    /// # Errors
    /// When there is no room for them.
    pub fn resume_many(&mut self, states: &[KeyedState<'_>]) -> Result<(), Problem> {
        if !self.states.is_many() {
            return Err(Problem::new("the fold has one state"));
        }
        for KeyedState { key, text, exact } in states {
            self.values.timer.begin(self.limits.call, None);
            let name = self.values.string(key)?;
            let text = text.map(|text| (text.to_owned(), exact.clone()));
            self.states.add(key, Entity::new(name, Ok(text)));
        }
        self.too_many().map_or(Ok(()), Err)
    }

    /// The state that is folded into.
    pub(super) fn state_here(&self) -> Value<'js> {
        self.states.here().state.clone().unwrap_or_else(|| Value::new_null(self.values.ctx.clone()))
    }

    /// The state that is folded into becomes that of this key; a new one is its initial one.
    ///
    /// # Errors
    /// When that cannot be made, or not be read.
    pub(super) fn enter(&mut self, key: &str, event: Option<u32>) -> Result<(), Problem> {
        if !self.states.is_many() {
            return Err(Problem::new("the fold has one state"));
        }
        let at = match self.states.place(key) {
            Some(at) => at,
            None => {
                self.values.timer.begin(self.limits.call, event);
                let Some(script) = &self.script else { return Err(Problem::new("no script is loaded")) };
                let text = script.initial(&self.values, key)?;
                if !self.drain_jobs() {
                    return Err(Problem::new("initialState started asynchronous work that does not end"));
                }
                let name = self.values.string(key)?;
                self.states.add(key, Entity::new(name, Ok(text)))
            }
        };
        self.states.here = at;
        if self.states.all[at].state.is_none() {
            let size = self.states.all[at].text_len();
            if self.states.live_text > 0 && self.is_crowded(size) {
                self.renew(false);
                // Events of the frame under way may be kept again.
                self.states.kept += self.states.frame_len;
            }
            self.states.live_text += size;
            let entity = &self.states.all[at];
            self.values.timer.begin(self.call_limit(entity.text_len()), event);
            let state = self.values.read(entity.text.as_ref().map_err(Problem::clone)?)?;
            self.states.all[at].state = Some(state);
        }
        Ok(())
    }

    /// The state as an answer.
    pub fn state(&mut self) -> Answer {
        if self.states.is_many() {
            return Answer::Failed(Problem::new("the fold has many states"));
        }
        self.answer_here()
    }

    /// The state of a key as an answer.
    pub fn state_of(&mut self, key: &str) -> Answer {
        match self.enter(key, None) {
            Ok(()) => self.answer_here(),
            Err(problem) => {
                self.drain_jobs();
                Answer::Failed(problem)
            }
        }
    }

    fn answer_here(&self) -> Answer {
        match self.written(self.states.here) {
            Ok(StateText { text, exact }) => Answer::State { text, exact },
            Err(problem) => Answer::Failed(problem),
        }
    }

    /// States by key from a place on, as many as fit.
    pub fn all_states(&mut self, from: u32) -> Answer {
        let Some(Keys { in_order: keys, .. }) = &self.states.keys else {
            return Answer::Failed(Problem::new("the fold has one state"));
        };
        let (mut states, mut bytes, mut at) = (Vec::new(), 0, from as usize);
        while let Some(key) = keys.get(at).filter(|_| bytes < STATES) {
            let state = match self.written(at) {
                Ok(state) => state,
                Err(problem) => {
                    return Answer::Failed(Problem { message: format!("of {key}: {}", problem.message), ..problem });
                }
            };
            bytes += key.len() + state.text.as_ref().map_or(0, String::len) + 4 * state.exact.len();
            states.push((key.to_string(), state));
            at += 1;
        }
        Answer::States { states, next: u32::try_from(at).ok().filter(|_| at < keys.len()) }
    }

    /// A state as it is now.
    fn written(&self, at: usize) -> Result<StateText, Problem> {
        let entity = &self.states.all[at];
        let written = match &entity.state {
            None => entity.text.clone()?,
            // Nothing was folded since.
            Some(_) if entity.log.is_empty() && self.states.is_many() && entity.text.is_ok() => entity.text.clone()?,
            Some(state) => {
                self.values.timer.begin(self.call_limit(entity.text_len()), None);
                self.values.write(state)?
            }
        };
        let (text, exact) = written.map_or((None, Vec::new()), |(text, exact)| (Some(text), exact));
        Ok(StateText { text, exact })
    }

    /// Makes the state what it was before `failed`. Gives a note when the script did not do the same as the first time.
    ///
    /// # Errors
    /// When there is no text to go back to.
    pub(super) fn go_back(&mut self, failed: &EventRecord<'_>) -> Result<Option<String>, Problem> {
        let here = self.states.here;
        self.values.timer.begin(self.call_limit(self.states.here().text_len()), Some(failed.index));
        let state = match &self.states.here().text {
            Ok(text) => self.values.read(text)?,
            Err(problem) => return Err(problem.clone()),
        };
        self.states.here_mut().state = Some(state);
        let log = std::mem::take(&mut self.states.here_mut().log);
        let mut note = None;
        self.console.mute(true);
        for folded in &log {
            for &at in &folded.good {
                // These bytes were read before.
                let Ok(Some(event)) = Body::from(&folded.frame, at as usize).event() else { continue };
                if let Err(problem) = self.fold(&event) {
                    self.drain_jobs();
                    note = Some(format!(
                        "and the state before it may be wrong: folded once more, event {} fails ({})",
                        event.version, problem.message
                    ));
                }
            }
        }
        self.console.mute(false);
        // Whatever takes its time now, it is not the event that failed.
        self.values.timer.begin(self.call_limit(self.states.here().text_len()), None);
        let mut is_written = true;
        if !log.is_empty() {
            match self.values.write(&self.state_here()) {
                Ok(text) => self.states.all[here].text = Ok(text),
                // A state that cannot be written now may be writable later; until then the older text serves.
                Err(problem) => {
                    is_written = false;
                    self.states.all[here].log = log;
                    self.note_heavy(problem);
                }
            }
        }
        if is_written && !self.states.is_many() {
            self.states.kept = self.states.frame_len;
        }
        Ok(note)
    }

    /// A state that took all its time or memory would take it again with every attempt: it is told at once.
    fn note_heavy(&mut self, problem: Problem) {
        match problem.cause {
            Cause::TimedOut | Cause::TooMuch => self.heavy = Some(problem),
            Cause::Failed => {}
        }
    }

    /// Makes new texts to go back to when the events since the last ones take too much, and room where states do.
    pub(super) fn keep_in_bounds(&mut self) {
        let (kept, size) = (self.states.kept, self.states.changed_text);
        self.batches = self.batches.saturating_add(1);
        let early = DESCRIBED_AFTER.contains(&self.batches);
        let bound = (KEEP_PER_STATE * size).clamp(KEEP_AT_LEAST, KEEP_AT_MOST);
        // Many states grow without one of them being large.
        let bound = if self.states.is_many() { bound.min(self.limits.memory / GROWTH) } else { bound };
        if early || kept >= bound {
            self.renew(early);
        }
    }

    /// Makes new texts to go back to, and room where states take much.
    fn renew(&mut self, early: bool) {
        let kept = self.states.kept;
        let changed = std::mem::take(&mut self.states.changed);
        let (mut held, mut heavy) = (HashMap::new(), None);
        self.states.changed_text = 0;
        let mut is_described = !early;
        for at in changed {
            let entity = &self.states.all[at];
            let Some(state) = entity.state.clone() else {
                self.states.all[at].is_changed = false;
                continue;
            };
            self.values.timer.begin(self.call_limit(entity.text_len()), None);
            let written = self.values.write(&state);
            // The state itself may be more than data; what was written is not.
            if let Ok(text) = &written
                && !std::mem::replace(&mut is_described, true)
                && let Ok(value) = self.values.read(text)
            {
                self.describe(&value);
            }
            if let Err(problem) = &written {
                self.note_heavy(problem.clone());
                heavy = self.heavy.take().or(heavy);
                if kept < 2 * KEEP_AT_MOST {
                    let entity = &self.states.all[at];
                    held.extend(entity.log.iter().map(|folded| (Rc::as_ptr(&folded.frame), folded.frame.len())));
                    self.states.changed_text += entity.text_len();
                    self.states.changed.push(at);
                    continue;
                }
            }
            let entity = &mut self.states.all[at];
            entity.text = written;
            entity.log.clear();
            entity.is_changed = false;
        }
        self.states.kept = held.values().sum();
        self.heavy = heavy.or(self.heavy.take());
        self.make_room();
    }

    /// Of many states that take much of the memory only the texts are kept, until their key comes again.
    fn make_room(&mut self) {
        if !self.states.is_many() {
            return;
        }
        let live = |entity: &&Entity<'js>| entity.state.is_some();
        let size: usize = self.states.all.iter().filter(live).map(Entity::text_len).sum();
        self.states.live_text = size;
        if self.is_crowded(0) {
            for entity in &mut self.states.all {
                if entity.log.is_empty() && entity.text.is_ok() {
                    entity.state = None;
                }
            }
            self.states.live_text = self.states.all.iter().filter(live).map(Entity::text_len).sum();
        }
        if let Some(problem) = self.too_many() {
            self.heavy = Some(problem);
        }
    }

    /// Whether the values in use take much of the memory, with one more whose text has this size.
    fn is_crowded(&self, more: usize) -> bool {
        (self.states.live_text + more).saturating_mul(VALUE_PER_TEXT) > self.limits.memory / 2
    }

    /// That the states together are more than they may be.
    fn too_many(&self) -> Option<Problem> {
        let size: usize = self.states.all.iter().map(Entity::text_len).sum();
        (size > self.limits.memory).then(|| Problem {
            cause: Cause::TooMuch,
            ..Problem::new(format!(
                "the states of {} keys are too large together: {} MiB of JSON, at most {} are kept",
                self.states.all.len(),
                size >> 20,
                self.limits.memory >> 20
            ))
        })
    }

    /// The time for a call that reads or writes a state of this size.
    pub(super) fn call_limit(&self, bytes: usize) -> Duration {
        self.limits.call + Duration::from_nanos(NANOS_PER_BYTE * bytes as u64)
    }
}
