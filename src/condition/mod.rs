//! Expressions over events and states, written in CEL: `event.type == 'PaymentFailed' && state.total < 0`.
//!
//! The language is the `cel` crate's; this module decides what an event and a state are in it, keeps numbers exact, and
//! keeps what is written in bounds. It reads no source and folds nothing. The invariants: only what an expression names is
//! converted; it never takes long over one place, never panics out of here, and never rounds a whole number; and what
//! could not be judged is not true, and says why.

mod check;
mod direct;
mod functions;
mod numbers;
mod stored;
mod subject;
mod truth;
mod values;
mod words;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::common::value::Val;
use cel::parser::Parser;
use cel::{Context, Env, Value};

use crate::domain::json::Json;
use crate::domain::{Cancel, PathGlob, text};
use check::{Found, Wanted};
use direct::{Direct, Reading};
use functions::{Changed, Steps};
use stored::Stored;
use subject::NO_STATES;
pub use subject::{States, Subject};
use values::EventValue;

/// The longest condition, in characters.
pub const LONGEST: usize = 2_000;

/// The stack of the thread that reads a condition: the parser is recursive in what was written.
const STACK: usize = 64 << 20;

/// The standard functions, made once.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// What is wrong with something that was written, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// In characters, from 1; 0 where it is no one place.
    pub column: usize,
    /// In words.
    pub why: String,
}

impl Problem {
    /// It, with the line it is about and a caret under the place.
    pub fn shown(&self, line: &str) -> String {
        /// Characters shown before and after the place.
        const AROUND: usize = 50;
        let Some(at) = self.column.checked_sub(1) else { return self.why.clone() };
        let from = at.saturating_sub(AROUND);
        let begin = if from > 0 { "…" } else { "" };
        let end = if line.chars().count() > at + AROUND { "…" } else { "" };
        let before: String = line.chars().skip(from).take(at - from).collect();
        let after: String = line.chars().skip(at).take(AROUND).collect();
        let before = text::safe(&before).into_owned();
        let caret = " ".repeat(text::width(begin) + text::width(&before));
        format!("column {}: {}\n  {begin}{before}{}{end}\n  {caret}^", self.column, self.why, text::safe(&after))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            0 => f.write_str(&self.why),
            column => write!(f, "column {column}: {}", self.why),
        }
    }
}

/// What an expression names: only this has to be known to judge it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Needs {
    /// `event`
    pub event: bool,
    /// `event.trouble`
    pub trouble: bool,
    /// `state`
    pub state: bool,
    /// `prev`
    pub prev: bool,
    /// `patch`
    pub patch: bool,
    /// `fault`
    pub fault: bool,
    /// `changed(PATH)`
    pub changed: bool,
}

impl Needs {
    /// Whether events must be folded for it.
    pub fn fold(self) -> bool {
        self.states() || self.fault
    }

    /// Whether states must be known.
    pub fn states(self) -> bool {
        self.state || self.prev || self.patch || self.changed
    }
}

/// An expression, read and checked: it gives any value.
#[derive(Clone, Debug)]
pub struct Expression {
    expression: Arc<IdedExpr>,
    needs: Needs,
    changed: Arc<[PathGlob]>,
    /// The place it names, where it does nothing else.
    stored: Option<Stored>,
    /// The places it names.
    places: Arc<[(String, Stored)]>,
    /// What judges it without the language, where that can.
    direct: Option<Arc<Direct>>,
    /// Where it begins, in characters from 1.
    column: usize,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(written: &str) -> Result<Self, Problem> {
        Self::wanted(written, Wanted::Value)
    }

    fn wanted(written: &str, wanted: Wanted) -> Result<Self, Problem> {
        if written.chars().count() > LONGEST {
            return Err(Problem { column: LONGEST, why: format!("a condition has at most {LONGEST} characters") });
        }
        let owned = written.to_owned();
        let read = std::thread::Builder::new()
            .name("condition".into())
            .stack_size(STACK)
            .spawn(move || catch_unwind(|| read(&owned, wanted)).unwrap_or_else(|_| Err(unreadable())))
            .map_err(|error| Problem { column: 0, why: format!("it cannot be read now: {error}") })?;
        let Read { expression, stored, places, found } = read.join().unwrap_or_else(|_| Err(unreadable()))?;
        let Found { needs, changed } = found;
        let column = written.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let direct = Direct::of(&expression).map(Arc::new);
        Ok(Self {
            expression: Arc::new(expression),
            needs,
            changed: changed.into(),
            stored,
            places: places.into(),
            direct,
            column,
        })
    }

    /// What it names.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// That it is no condition, after what is noted of the places it was judged at.
    fn refused_after(&self, noted: &Noted) -> Option<Problem> {
        let why = noted.untrue.as_ref().filter(|_| !noted.judged)?;
        Some(Problem { column: self.column, why: format!("{why}: compare it, as in event.data.amount > 100") })
    }

    /// What judges places by it. `cancel` ends a judgement under way.
    pub fn judge(&self, cancel: &Cancel) -> Judge {
        let steps = Steps::new(cancel.clone());
        let changed = Arc::new(Changed::new(self.changed.to_vec()));
        let mut context = Context::with_env(Arc::clone(&ENV));
        functions::declare(&mut context, &steps, &changed);
        Judge {
            expression: self.clone(),
            context,
            steps,
            changed,
            reading: Reading::default(),
            noted: Noted::default(),
        }
    }
}

/// An expression that is true or false, read and checked.
#[derive(Clone, Debug)]
pub struct Condition(Expression);

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Where it is no condition.
    pub fn parse(written: &str) -> Result<Self, Problem> {
        Expression::wanted(written, Wanted::Truth).map(Self)
    }

    /// What it names.
    pub fn needs(&self) -> Needs {
        self.0.needs
    }

    /// That it is none: it was true or false at no place, but something else at some.
    pub fn refused_after(&self, noted: &Noted) -> Option<Problem> {
        self.0.refused_after(noted)
    }

    /// The values it names at a place, as they are stored, each with what was written for it; those that are there.
    pub fn values(&self, subject: &Subject) -> Vec<(String, Json)> {
        let places = self.0.places.iter();
        places.filter_map(|(written, stored)| Some((written.clone(), stored.value(subject)?))).collect()
    }

    /// What judges places by it. `cancel` ends a judgement under way.
    pub fn judge(&self, cancel: &Cancel) -> Judge {
        self.0.judge(cancel)
    }
}

fn unreadable() -> Problem {
    Problem { column: 0, why: "this cannot be read as a condition".into() }
}

/// An expression that was read.
struct Read {
    expression: IdedExpr,
    stored: Option<Stored>,
    places: Vec<(String, Stored)>,
    found: Found,
}

fn read(written: &str, wanted: Wanted) -> Result<Read, Problem> {
    match Parser::new().parse_with_source_info(written) {
        Ok((mut expression, source)) => {
            let (stored, places) = (Stored::of(&expression), stored::all(&expression));
            let found = check::check(&mut expression, &source, wanted)?;
            Ok(Read { expression, stored, places, found })
        }
        Err(errors) => {
            let first = errors.errors.into_iter().min_by_key(|error| error.pos);
            Err(first.map_or_else(unreadable, |error| {
                let (line, column) = error.pos;
                let before: usize = written
                    .lines()
                    .take(usize::try_from(line - 1).unwrap_or(0))
                    .map(|line| line.chars().count() + 1)
                    .sum();
                Problem { column: before + usize::try_from(column).unwrap_or(0).max(1), why: plain(&error.msg) }
            }))
        }
    }
}

/// The parser's words without its jargon.
fn plain(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let message = message.strip_prefix("Syntax error: ").unwrap_or(message);
    let message = message.split(" expecting ").next().unwrap_or_default();
    let message = message.replace("<EOF>", "the end").replace("mismatched input", "this does not belong here:");
    let message = message.replace("extraneous input", "this does not belong here:");
    let message = message.replace("no viable alternative at input", "this makes no sense:");
    text::fit(&message.replace("token recognition error at:", "this makes no sense:"), 120)
}

/// The first line of what somebody says is wrong with an expression, without the drawing.
pub(super) fn first_line(error: &regex::Error) -> String {
    let said = error.to_string();
    let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let why = line.trim().trim_start_matches("error: ");
    format!("this is no regular expression: {}", text::fit(why, 120))
}

/// Judges one place after the other.
pub struct Judge {
    expression: Expression,
    context: Context<'static, 'static>,
    steps: Steps,
    changed: Arc<Changed>,
    reading: Reading,
    noted: Noted,
}

/// What is noted of places that were judged: whether the condition is one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Noted {
    /// Whether any place was judged.
    judged: bool,
    /// What the condition, or a part of it that should be true or false, was at the first place where it was neither.
    untrue: Option<String>,
}

impl Noted {
    /// This too, of places that come after the others.
    pub fn join(&mut self, later: Self) {
        self.judged |= later.judged;
        self.untrue = self.untrue.take().or(later.untrue);
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

/// Why an expression gives nothing: in words, and whether something that should be true or false is of another kind.
type Unjudged = (String, bool);

impl Judge {
    /// Whether the condition holds at a place.
    ///
    /// # Errors
    /// Why that cannot be told: something it asks for is not there, or is of another kind.
    pub fn holds(&mut self, subject: &Subject) -> Result<bool, String> {
        if let Some(direct) = &self.expression.direct {
            self.steps.renew();
            let (reading, within) = (&mut self.reading, (&**ENV, &self.steps));
            // Where it fails the language is asked, and says what it makes of it.
            let judged = catch_unwind(AssertUnwindSafe(|| direct.holds(subject, reading, within)));
            if let Ok(Some(judged)) = judged {
                self.noted.judged |= judged.is_ok();
                return judged;
            }
        }
        self.holds_in_the_language(subject)
    }

    fn holds_in_the_language(&mut self, subject: &Subject) -> Result<bool, String> {
        let judged = self.evaluate(subject, |value| {
            value.downcast_ref::<CelBool>().map(|truth| *truth.inner()).ok_or_else(|| {
                (format!("the condition gives {}, not true or false", words::kind(value.get_type().name())), true)
            })
        });
        self.noted.judged |= judged.is_ok();
        judged.map_err(|(why, is_no_truth)| {
            if is_no_truth {
                self.noted.untrue.get_or_insert_with(|| why.clone());
            }
            why
        })
    }

    /// What the expression gives at a place.
    ///
    /// # Errors
    /// Why it gives nothing: something it asks for is not there, or is of another kind.
    pub fn value(&mut self, subject: &Subject) -> Result<Json, String> {
        if let Some(value) = self.expression.stored.as_ref().and_then(|stored| stored.value(subject)) {
            return Ok(value);
        }
        let given = self.evaluate(subject, |value| values::json(value, &ENV).map_err(|why| (why, false)));
        given.map_err(|(why, _)| why)
    }

    /// Evaluates the expression at a place.
    fn evaluate<T>(
        &mut self,
        subject: &Subject,
        read: impl FnOnce(&dyn Val) -> Result<T, Unjudged>,
    ) -> Result<T, Unjudged> {
        self.steps.renew();
        self.stand(subject).map_err(|why| (why, false))?;
        let (expression, context) = (&self.expression.expression, &self.context);
        let given = catch_unwind(AssertUnwindSafe(|| match Value::resolve_val(expression, context) {
            Ok(value) => read(&*value),
            Err(error) => Err((words::reason(&error), words::is_no_truth(&error))),
        }));
        given.unwrap_or_else(|_| Err(("the condition fails on it".into(), false)))
    }

    /// Makes what the expression names known of a place.
    fn stand(&mut self, subject: &Subject) -> Result<(), String> {
        let needs = self.expression.needs;
        if needs.event {
            let event = EventValue::new(subject.event.clone(), Arc::clone(&ENV), self.steps.clone());
            self.context.add_variable_as_val("event", Box::new(event));
        }
        if !needs.fold() {
            return Ok(());
        }
        let states = subject.states.as_deref().ok_or(NO_STATES)?;
        let reason = |error| words::reason(&error);
        if needs.state {
            let state = values::state(states.state()?, &self.steps).map_err(reason)?;
            self.context.add_variable_as_val("state", state);
        }
        if needs.prev {
            let prev = values::state(states.prev()?, &self.steps).map_err(reason)?;
            self.context.add_variable_as_val("prev", prev);
        }
        if needs.patch {
            let patch = values::patch(states.patch()?, &self.steps).map_err(reason)?;
            self.context.add_variable_as_val("patch", patch);
        }
        if needs.fault {
            self.context.add_variable_as_val("fault", values::optional(states.fault()));
        }
        if needs.changed {
            self.changed.stand(subject.states.as_ref());
        }
        Ok(())
    }

    /// What is noted of the places judged since this was asked last.
    pub fn noted(&mut self) -> Noted {
        std::mem::take(&mut self.noted)
    }

    /// Whether it was true or false at any place.
    pub fn has_judged(&self) -> bool {
        self.noted.judged
    }

    /// That it is no condition: it was true or false at no place it was asked about, but something else at some.
    pub fn refused(&self) -> Option<Problem> {
        self.expression.refused_after(&self.noted)
    }
}

#[cfg(test)]
mod tests;
