//! Values at paths that somebody watches: said when an event changes them, so that whole states need not be written.

use rquickjs::{Array, Function, IntoJs, Value};

use super::engine::Engine;
use super::problems::type_name;
use crate::domain::{Path, Step};
use crate::reducers::protocol::{self, MAX_STATE, Problem, ValueRecord};

/// What stands at a path.
pub type Told = protocol::Value;

/// After so many bytes of values an answer is full.
const FULL: usize = 1 << 20;

/// The largest value that is said, in bytes: an answer holds two of them, and more.
const LARGEST: usize = MAX_STATE / 4;

/// What is watched.
pub struct Watch<'js> {
    /// Finds a value as JSON would write it.
    at: Function<'js>,
    paths: Vec<Value<'js>>,
    /// The bytes of what is said in the answer under way.
    said: usize,
}

impl<'js> Watch<'js> {
    /// Nothing yet.
    pub fn new(at: Function<'js>) -> Self {
        Self { at, paths: Vec::new(), said: 0 }
    }

    /// Whether no more fits into the answer under way.
    pub fn is_full(&self) -> bool {
        self.said > FULL
    }

    /// An answer begins.
    pub fn begin(&mut self) {
        self.said = 0;
    }
}

impl<'js> Engine<'js> {
    /// From now on the values at these paths are watched.
    ///
    /// # Errors
    /// When there is no memory for them.
    pub fn watch(&mut self, paths: &[Path]) -> Result<(), Problem> {
        self.values.timer.begin(self.limits.call, None);
        let paths: rquickjs::Result<Vec<_>> = paths.iter().map(|path| self.steps(path)).collect();
        self.watch.paths = paths.map_err(|error| self.values.problem(error))?;
        self.states.all_mut().for_each(|entity| entity.told = None);
        Ok(())
    }

    fn steps(&self, path: &Path) -> rquickjs::Result<Value<'js>> {
        let steps = Array::new(self.values.ctx.clone())?;
        for (n, step) in path.0.iter().enumerate() {
            match step {
                Step::Key(key) => steps.set(n, self.values.js(key)?)?,
                Step::Index(index) => steps.set(n, *index as f64)?,
            }
        }
        steps.into_js(&self.values.ctx)
    }

    /// Looks at the watched values before an event, where they are not known.
    pub(super) fn look_before(&mut self, event: u32) {
        if !self.watch.paths.is_empty() && self.states.here().told.is_none() {
            let told = self.look(event);
            self.states.here_mut().told = Some(told);
        }
    }

    /// Says which watched values an event changed.
    pub(super) fn look_after(&mut self, event: u32, changed: &mut Vec<ValueRecord>) {
        if self.watch.paths.is_empty() {
            return;
        }
        let now = self.look(event);
        let before = self.states.here_mut().told.replace(now.clone()).unwrap_or_default();
        for (path, (before, after)) in before.into_iter().zip(now).enumerate() {
            if before != after {
                self.watch.said += size(&before) + size(&after);
                changed.push(ValueRecord { index: event, path: path as u32, before, after });
            }
        }
    }

    fn look(&self, event: u32) -> Vec<Told> {
        let state = self.state_here();
        let look = |steps: &Value<'js>| {
            self.values.timer.begin(self.call_limit(self.states.here().text_len()), Some(event));
            let found = self.watch.at.call::<_, Value<'js>>((state.clone(), steps.clone()));
            let found = found.map_err(|error| self.values.problem(error))?;
            if found.is_undefined() {
                return Ok(None);
            }
            if found.is_null() {
                return Ok(Some("null".to_owned()));
            }
            let text = self.values.write(&found)?.map(|(text, _)| text);
            match text {
                Some(text) if text.len() > LARGEST => Err(Problem::new(format!(
                    "the {} is too large to be watched: {} MiB of JSON, at most {} are taken",
                    type_name(&found),
                    text.len() >> 20,
                    LARGEST >> 20
                ))),
                text => Ok(text),
            }
        };
        self.watch.paths.iter().map(look).collect()
    }
}

fn size(value: &Told) -> usize {
    match value {
        Ok(text) => text.as_ref().map_or(0, String::len),
        Err(problem) => problem.message.len(),
    }
}
