//! What a condition calls instead of the language's own operators: exact numbers, expressions that are compiled once,
//! and a count of the steps, so that none can take for ever or fill the memory.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Arc, Mutex, PoisonError};

use cel::common::types::{CelBool, CelInt, CelList, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Context, ExecutionError, FunctionContext};
use regex::Regex;

use super::numbers::{Num, calculate};
use super::subject::{NO_STATES, States};
use super::values::Fields;
use super::words::{self, mismatch};
use crate::domain::patch::written;
use crate::domain::{Cancel, PathGlob};

/// Steps one event may take: far more than anything sensible, and done within a fraction of a second.
const STEPS: u64 = 200_000;

/// Compiled expressions that are kept: those a condition makes up from the data are not worth more.
const KEPT: usize = 64;

/// What one compiled expression may take in memory, in bytes.
const EXPRESSION: usize = 1 << 20;

/// What is said of a condition that took too many steps.
pub const TOO_LONG: &str = "the condition takes too many steps";

/// The names of what stands in place of the language's own operators and of `matches`. None of them can be written.
pub const STEP: &str = "@step";
pub const USE: &str = "@use";
pub const MATCHES: &str = "@matches";
pub const CHANGED: &str = "@changed";
pub const OPERATORS: [(&str, &str); 12] = [
    ("_==_", "@=="),
    ("_!=_", "@!="),
    ("_<_", "@<"),
    ("_<=_", "@<="),
    ("_>_", "@>"),
    ("_>=_", "@>="),
    ("_+_", "@+"),
    ("_-_", "@-"),
    ("_*_", "@*"),
    ("_/_", "@/"),
    ("_%_", "@%"),
    ("@in", "@within"),
];

type Called = Box<
    dyn for<'context, 'call> Fn(
            &mut FunctionContext<'context, 'call>,
        ) -> Result<CowVal<'context, 'call>, ExecutionError>
        + Send
        + Sync,
>;

/// What is left of the steps of this event.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    left: Arc<AtomicU64>,
    cancel: Cancel,
}

impl Steps {
    pub fn new(cancel: Cancel) -> Self {
        Self { left: Arc::default(), cancel }
    }

    /// Another event.
    pub fn renew(&self) {
        self.left.store(STEPS, Memory::Relaxed);
    }

    /// Takes so many.
    ///
    /// # Errors
    /// When so many are not left, or nobody wants to know any more.
    pub fn take(&self, steps: u64) -> Result<(), ExecutionError> {
        let left = self.left.load(Memory::Relaxed);
        if left < steps || self.cancel.is_cancelled() {
            self.left.store(0, Memory::Relaxed);
            return Err(ExecutionError::function_error("step", TOO_LONG));
        }
        self.left.store(left - steps, Memory::Relaxed);
        Ok(())
    }
}

/// Makes everything known to a context.
pub fn declare(context: &mut Context<'_, '_>, steps: &Steps, changed: &Arc<Changed>) {
    let mut add = |name: &str, called: Called| {
        // These names belong to nothing else.
        let declared = context.add_function(name, called);
        debug_assert!(declared.is_ok(), "{name}");
    };
    let counted = steps.clone();
    add(STEP, Box::new(move |_| counted.take(1).map(|()| CowVal::owned(CelBool::from(true)))));
    let counted = steps.clone();
    add(
        USE,
        Box::new(move |call| {
            let value = one(call)?;
            counted.take(weight(&*value, STEPS + 1))?;
            Ok(value)
        }),
    );
    for sign in ["==", "!=", "<", "<=", ">", ">="] {
        add(
            &format!("@{sign}"),
            Box::new(move |call| {
                let (a, b, sides) = two_and_sides(call)?;
                test(sign, &*a, &*b, sides_of(&*sides)).map(truth)
            }),
        );
    }
    let counted = steps.clone();
    add(
        "@within",
        Box::new(move |call| {
            let (a, b, sides) = two_and_sides(call)?;
            if let Some(list) = b.downcast_ref::<CelList<'_>>() {
                counted.take(list.inner().len() as u64)?;
            }
            within(&*a, &*b, sides_of(&*sides)).map(truth)
        }),
    );
    for sign in ['+', '-', '*', '/', '%'] {
        let counted = steps.clone();
        add(
            &format!("@{sign}"),
            Box::new(move |call| {
                let (a, b, sides) = two_and_sides(call)?;
                match (Num::of(&*a), Num::of(&*b)) {
                    (Some(a), Some(b)) => calculate(sign, a, b),
                    _ => {
                        counted.take(weight(&*a, STEPS + 1) / 64)?;
                        combine(sign, &*a, &*b, sides_of(&*sides))
                    }
                }
            }),
        );
    }
    let (counted, changed) = (steps.clone(), Arc::clone(changed));
    add(
        CHANGED,
        Box::new(move |call| {
            let number = one(call)?.downcast_ref::<CelInt>().map(|number| *number.inner()).unwrap_or_default();
            changed.is_written(usize::try_from(number).unwrap_or_default(), &counted).map(truth)
        }),
    );
    let compiled = Compiled::default();
    add(
        MATCHES,
        Box::new(move |call| {
            let (text, pattern) = two(call)?;
            let (Some(text), Some(pattern)) = (string(&*text), string(&*pattern)) else {
                return Err(mismatch("matches", &*text, &*pattern, ""));
            };
            compiled.is_match(pattern, text).map(truth)
        }),
    );
}

/// What is asked to be changed, and where that is asked now.
#[derive(Debug)]
pub struct Changed {
    globs: Vec<PathGlob>,
    here: Mutex<Option<Arc<States>>>,
}

impl Changed {
    /// Whether these places changed, by their numbers.
    pub fn new(globs: Vec<PathGlob>) -> Self {
        Self { globs, here: Mutex::default() }
    }

    /// Asks of another place from now on.
    pub fn stand(&self, here: Option<&Arc<States>>) {
        *self.here.lock().unwrap_or_else(PoisonError::into_inner) = here.cloned();
    }

    fn is_written(&self, number: usize, steps: &Steps) -> Result<bool, ExecutionError> {
        let here = self.here.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (Some(here), Some(glob)) = (here, self.globs.get(number)) else {
            return Err(ExecutionError::function_error("changed", NO_STATES));
        };
        let (prev, state) = here.both().map_err(|why| ExecutionError::function_error("changed", why))?;
        let paths = glob.among(prev, state);
        steps.take(paths.len() as u64)?;
        Ok(paths.iter().any(|path| written(prev, state, path)))
    }
}

/// Expressions of `matches`, compiled once.
#[derive(Default)]
struct Compiled(Mutex<HashMap<String, Result<Regex, String>>>);

impl Compiled {
    fn is_match(&self, pattern: &str, text: &str) -> Result<bool, ExecutionError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT && !known.contains_key(pattern) {
            known.clear();
        }
        let compiled = known.entry(pattern.to_owned()).or_insert_with(|| {
            let built = regex::RegexBuilder::new(pattern).size_limit(EXPRESSION).dfa_size_limit(EXPRESSION).build();
            built.map_err(|error| super::first_line(&error))
        });
        match compiled {
            Ok(expression) => Ok(expression.is_match(text)),
            Err(why) => Err(ExecutionError::function_error("matches", format!("`matches`: {why}"))),
        }
    }
}

fn one<'c, 'v>(call: &mut FunctionContext<'c, 'v>) -> Result<CowVal<'c, 'v>, ExecutionError> {
    call.args.pop().ok_or_else(ExecutionError::missing_argument_or_target)
}

fn two<'c, 'v>(call: &mut FunctionContext<'c, 'v>) -> Result<(CowVal<'c, 'v>, CowVal<'c, 'v>), ExecutionError> {
    let b = one(call)?;
    Ok((one(call)?, b))
}

/// Two values, and what was written of them.
fn two_and_sides<'c, 'v>(
    call: &mut FunctionContext<'c, 'v>,
) -> Result<(CowVal<'c, 'v>, CowVal<'c, 'v>, CowVal<'c, 'v>), ExecutionError> {
    let sides = one(call)?;
    two(call).map(|(a, b)| (a, b, sides))
}

fn sides_of<'b>(sides: &'b (dyn Val + '_)) -> &'b str {
    string(sides).unwrap_or_default()
}

fn truth<'c, 'v>(value: bool) -> CowVal<'c, 'v> {
    CowVal::owned(CelBool::from(value))
}

fn string<'b>(value: &'b (dyn Val + '_)) -> Option<&'b str> {
    value.downcast_ref::<CelString<'_>>().map(CelString::inner)
}

/// Whether two values are the same; `None` where they are of different kinds, so that this cannot be said: a text is no
/// number, whatever it spells. That something is nothing can always be said.
fn equal(a: &dyn Val, b: &dyn Val) -> Option<bool> {
    let (kind_a, kind_b) = (words::kind(a.get_type().name()), words::kind(b.get_type().name()));
    if kind_a != kind_b {
        let is_null = |kind: &str| kind == words::kind("null_type");
        return (is_null(kind_a) || is_null(kind_b)).then_some(false);
    }
    Some(match (Num::of(a), Num::of(b)) {
        (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
        // Only the left one is asked, and the language's own maps know nothing of ours.
        _ if b.downcast_ref::<Fields>().is_some() => b.equals(a),
        _ => a.equals(b),
    })
}

/// Whether two values stand to each other as a sign says.
///
/// # Errors
/// When that cannot be said of values of these kinds; `sides` is what was written of them.
pub fn test(sign: &str, a: &dyn Val, b: &dyn Val, sides: &str) -> Result<bool, ExecutionError> {
    match sign {
        "==" | "!=" => {
            let equal = equal(a, b).ok_or_else(|| mismatch(sign, a, b, sides))?;
            Ok(equal == (sign == "=="))
        }
        "<" => compare(sign, a, b, sides).map(Ordering::is_lt),
        "<=" => compare(sign, a, b, sides).map(Ordering::is_le),
        ">" => compare(sign, a, b, sides).map(Ordering::is_gt),
        _ => compare(sign, a, b, sides).map(Ordering::is_ge),
    }
}

/// Whether a list has a value, or an object a key. Of a list of nothing but other kinds that cannot be said.
fn within(value: &dyn Val, container: &dyn Val, sides: &str) -> Result<bool, ExecutionError> {
    let mismatch = || mismatch("in", value, container, sides);
    let Some(list) = container.downcast_ref::<CelList<'_>>() else {
        let container = container.as_container().ok_or_else(mismatch)?;
        return container.contains(value).map_err(|_| mismatch());
    };
    let mut known = list.inner().is_empty();
    for element in list.inner() {
        match equal(value, &**element) {
            Some(true) => return Ok(true),
            Some(false) => known = true,
            None => {}
        }
    }
    match list.inner().first() {
        Some(first) if !known => Err(words::mismatch("in", value, &**first, sides)),
        _ => Ok(false),
    }
}

fn compare(sign: &str, a: &dyn Val, b: &dyn Val, sides: &str) -> Result<Ordering, ExecutionError> {
    if let (Some(x), Some(y)) = (Num::of(a), Num::of(b)) {
        return x.compare(y).ok_or_else(|| mismatch(sign, a, b, sides));
    }
    a.as_comparer().and_then(|comparer| comparer.compare(b).ok()).ok_or_else(|| mismatch(sign, a, b, sides))
}

fn combine<'b, 'v>(
    sign: char,
    a: &(dyn Val + 'v),
    b: &(dyn Val + 'v),
    sides: &str,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let result = match sign {
        '+' => a.as_adder().and_then(|a| Some(a.add(b).ok()?.into_owned())),
        '-' => a.as_subtractor().and_then(|a| Some(a.sub(b).ok()?.into_owned())),
        _ => None,
    };
    result.map(CowVal::Owned).ok_or_else(|| mismatch(&sign.to_string(), a, b, sides))
}

/// What copying a value costs, as far as that is of interest.
fn weight(value: &dyn Val, most: u64) -> u64 {
    if let Some(text) = string(value) {
        return 1 + text.len() as u64 / 64;
    }
    let mut sum = 1_u64;
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        for element in list.inner() {
            sum += weight(&**element, most.saturating_sub(sum));
            if sum > most {
                break;
            }
        }
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        for element in map.inner().values() {
            sum += 1 + weight(&**element, most.saturating_sub(sum));
            if sum > most {
                break;
            }
        }
    }
    sum
}
