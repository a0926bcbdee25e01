//! A condition on events, written in CEL: `event.type == 'PaymentFailed' && event.data.amount > 100`.
//!
//! The language is the `cel` crate's; this module decides what an event is in it, keeps numbers exact, and keeps what is
//! written in bounds. It reads no source. The invariants: only what the condition names is converted; a condition never
//! takes long over one event, never panics out of here, and never rounds a whole number; and what could not be judged
//! is not true, and says why.

mod check;
mod functions;
mod numbers;
mod truth;
mod values;
mod words;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::parser::Parser;
use cel::{Context, Env, Value};

use crate::domain::{Cancel, Event, text};
use functions::Steps;
use values::Subject;

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

/// A condition, read and checked.
#[derive(Clone, Debug)]
pub struct Condition {
    expression: Arc<IdedExpr>,
    /// Where it begins, in characters from 1.
    column: usize,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Where it is no condition.
    pub fn parse(written: &str) -> Result<Self, Problem> {
        if written.chars().count() > LONGEST {
            return Err(Problem { column: LONGEST, why: format!("a condition has at most {LONGEST} characters") });
        }
        let owned = written.to_owned();
        let read = std::thread::Builder::new()
            .name("condition".into())
            .stack_size(STACK)
            .spawn(move || catch_unwind(|| read(&owned)).unwrap_or_else(|_| Err(unreadable())))
            .map_err(|error| Problem { column: 0, why: format!("it cannot be read now: {error}") })?;
        let expression = read.join().unwrap_or_else(|_| Err(unreadable()))?;
        let column = written.chars().take_while(|c| c.is_whitespace()).count() + 1;
        Ok(Self { expression: Arc::new(expression), column })
    }

    /// What judges events by it. `cancel` ends a judgement under way.
    pub fn judge(&self, cancel: &Cancel) -> Judge {
        let steps = Steps::new(cancel.clone());
        let mut context = Context::with_env(Arc::clone(&ENV));
        functions::declare(&mut context, &steps);
        let expression = Arc::clone(&self.expression);
        Judge { expression, context, steps, column: self.column, judged: false, untrue: None }
    }
}

fn unreadable() -> Problem {
    Problem { column: 0, why: "this cannot be read as a condition".into() }
}

fn read(written: &str) -> Result<IdedExpr, Problem> {
    match Parser::new().parse_with_source_info(written) {
        Ok((mut expression, source)) => {
            check::check(&mut expression, &source)?;
            Ok(expression)
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

/// Judges one event after the other.
pub struct Judge {
    expression: Arc<IdedExpr>,
    context: Context<'static, 'static>,
    steps: Steps,
    column: usize,
    /// Whether any event was judged.
    judged: bool,
    /// What the condition, or a part of it that should be true or false, was of the first event where it was neither.
    untrue: Option<String>,
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}

impl Judge {
    /// Whether the condition holds for an event.
    ///
    /// # Errors
    /// Why that cannot be told: something it asks for is not there, or is of another kind.
    pub fn holds(&mut self, event: &Arc<Event>) -> Result<bool, String> {
        self.steps.renew();
        let subject = Subject::new(Arc::clone(event), Arc::clone(&ENV), self.steps.clone());
        self.context.add_variable_as_val("event", Box::new(subject));
        let (expression, context) = (&self.expression, &self.context);
        let judged = catch_unwind(AssertUnwindSafe(|| match Value::resolve_val(expression, context) {
            Ok(value) => value.downcast_ref::<CelBool>().map(|truth| *truth.inner()).ok_or_else(|| {
                (format!("the condition gives {}, not true or false", words::kind(value.get_type().name())), true)
            }),
            Err(error) => Err((words::reason(&error), words::is_no_truth(&error))),
        }));
        let judged = judged.unwrap_or_else(|_| Err(("the condition fails on it".into(), false)));
        self.judged |= judged.is_ok();
        judged.map_err(|(why, is_no_truth)| {
            if is_no_truth {
                self.untrue.get_or_insert_with(|| why.clone());
            }
            why
        })
    }

    /// That it is no condition: it was true or false of no event it was asked about, but something else of some.
    pub fn refused(&self) -> Option<Problem> {
        let why = self.untrue.as_ref().filter(|_| !self.judged)?;
        Some(Problem { column: self.column, why: format!("{why}: compare it, as in event.data.amount > 100") })
    }
}

#[cfg(test)]
mod tests;
