//! Values on their way between JSON text and the engine: exact both ways.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use rquickjs::{Array, BigInt, Ctx, Function, IntoJs, Value};

use super::exact;
use super::problems::type_name;
use super::watch::Timer;
use crate::reducers::protocol::{MAX_STATE, Problem};
use crate::replay::Cause;

/// A state as text, with the places of its small exact integers; `None` when the entity does not exist.
pub type Written = Option<(String, Vec<u32>)>;

/// What a hole of an array takes in JSON.
const HOLE: &str = "null,";

/// What the engine says when its memory is spent.
const OUT_OF_MEMORY: &str = "out of memory";

/// The engine as a reader and writer.
pub struct Values<'js> {
    /// The engine.
    pub ctx: Ctx<'js>,
    /// The watch over whatever code of the script runs while its values are looked at.
    pub timer: Rc<Timer>,
    /// How long looking at what was thrown may take.
    pub event_limit: Duration,
    /// Turns marks into BigInts.
    pub revive: Function<'js>,
    /// Turns BigInts into marks.
    pub replace: Function<'js>,
    /// Finds an array with too many holes.
    pub sparse: Function<'js>,
    /// Whether a state of this script held a BigInt.
    pub holds_big: Cell<bool>,
}

impl<'js> Values<'js> {
    /// A value as text;
    /// `None` for what stands for an entity that does not exist.
    ///
    /// # Errors
    /// When it is not JSON (a function, a cycle), too large, or throws while it is looked at.
    pub fn write(&self, value: &Value<'js>) -> Result<Written, Problem> {
        self.write_any(value).map_err(|problem| match problem.cause {
            // It was the script's own code that took the time, and looking through the value would run it again.
            Cause::TimedOut => problem,
            // What is wrong with it may have a better name.
            Cause::Failed | Cause::TooMuch => self.too_sparse(value).unwrap_or(problem),
        })
    }

    /// That a value has an array of which so much is holes that it can never be a state.
    pub fn too_sparse(&self, value: &Value<'js>) -> Option<Problem> {
        self.timer.begin(self.event_limit, None);
        let most = (MAX_STATE / HOLE.len()) as f64;
        let Ok(found) = self.sparse.call::<_, Option<Array<'js>>>((value.clone(), most)) else {
            drop(self.ctx.catch());
            return None;
        };
        let found = found?;
        let (path, places, filled): (String, f64, f64) = (found.get(0).ok()?, found.get(1).ok()?, found.get(2).ok()?);
        let at = if path.is_empty() {
            "the state itself is a sparse array".into()
        } else {
            format!("the state has a sparse array at {path}")
        };
        Some(Problem::new(format!(
            "{at}: {places} places, {filled} of them filled, and as JSON every place is written; keep such values in an object"
        )))
    }

    fn write_any(&self, value: &Value<'js>) -> Result<Written, Problem> {
        if value.is_null() || value.is_undefined() {
            return Ok(None);
        }
        let (limit, mut written) = (self.timer.limit(), None);
        if !self.holds_big.get() {
            match self.ctx.json_stringify(value.clone()) {
                Ok(text) => written = Some((text, false)),
                Err(error) => {
                    let problem = self.problem(error);
                    // Only for a BigInt there is another way; all else would take its time, and memory, once more.
                    if problem.cause != Cause::Failed || !problem.message.to_ascii_lowercase().contains("bigint") {
                        return Err(unwritable(problem));
                    }
                    self.timer.begin(limit, None);
                }
            }
        }
        let (text, marked) = match written {
            Some(written) => written,
            None => {
                let text = self.ctx.json_stringify_replacer(value.clone(), self.replace.clone());
                let text = text.map_err(|error| unwritable(self.problem(error)))?;
                self.holds_big.set(true);
                (text, true)
            }
        };
        let text =
            text.ok_or_else(|| Problem::new(format!("a {} is not a state: it must be JSON", type_name(value))))?;
        // The engine's copy counts against its memory; ours is made of what is taken only.
        let text = text.to_cstring().map_err(|_| {
            drop(self.ctx.catch());
            unwritable(Problem::new(OUT_OF_MEMORY))
        })?;
        if text.len() > MAX_STATE {
            return Err(Problem {
                cause: Cause::TooMuch,
                ..Problem::new(format!(
                    "the state is too large: {} MiB of JSON, at most {} are taken",
                    text.len() >> 20,
                    MAX_STATE >> 20
                ))
            });
        }
        let text = text.as_str();
        Ok(Some(if marked { exact::unmark(text) } else { (exact::respell(text).into_owned(), Vec::new()) }))
    }

    /// The value of a text.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn read(&self, text: &Written) -> Result<Value<'js>, Problem> {
        let Some((text, small)) = text else { return Ok(Value::new_null(self.ctx.clone())) };
        let value = if small.is_empty() {
            self.parse(text.as_bytes())
        } else {
            self.parse_marked(exact::mark(text.as_bytes(), small))
        };
        value.map_err(|error| self.problem(error))
    }

    /// The value of JSON text, its integers exact.
    ///
    /// # Errors
    /// When it is not JSON, not UTF-8, or too much for the engine's memory.
    pub fn parse(&self, text: &[u8]) -> rquickjs::Result<Value<'js>> {
        if let Err(error) = std::str::from_utf8(text) {
            return Err(rquickjs::Error::Utf8(error));
        }
        if exact::holds_large_integer(text) {
            return self.parse_marked(exact::mark(text, &[]));
        }
        // Room for the zero byte that the engine wants at the end.
        let mut owned = Vec::with_capacity(text.len() + 1);
        owned.extend_from_slice(text);
        self.ctx.json_parse(owned)
    }

    fn parse_marked(&self, text: Vec<u8>) -> rquickjs::Result<Value<'js>> {
        let value = self.ctx.json_parse(text)?;
        self.revive.call((value,))
    }

    /// A string.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn js(&self, text: &str) -> rquickjs::Result<Value<'js>> {
        rquickjs::String::from_str(self.ctx.clone(), text).map(rquickjs::String::into_value)
    }

    /// The same, its error told.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn string(&self, text: &str) -> Result<Value<'js>, Problem> {
        self.js(text).map_err(|error| self.problem(error))
    }

    /// A whole number: a BigInt where a double cannot hold it.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn number(&self, number: u64) -> rquickjs::Result<Value<'js>> {
        if number <= 1 << 53 {
            return Ok(Value::new_number(self.ctx.clone(), number as f64));
        }
        BigInt::from_u64(self.ctx.clone(), number)?.into_js(&self.ctx)
    }
}

/// Why a state cannot be written; the memory of the engine is the only one that it can spend.
fn unwritable(problem: Problem) -> Problem {
    let spent = [OUT_OF_MEMORY, "no memory left", "invalid string length"];
    let cause = match problem.cause {
        Cause::Failed if spent.iter().any(|words| problem.message.contains(words)) => Cause::TooMuch,
        cause => cause,
    };
    Problem { message: format!("the state cannot be written as JSON: {}", problem.message), cause, ..problem }
}
