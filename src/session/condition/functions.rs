//! What a condition calls instead of the language's own operators: exact numbers, expressions that are compiled once,
//! and a count of the steps, so that none can take for ever or fill the memory.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering as Memory};
use std::sync::{Arc, Mutex, PoisonError};

use cel::common::types::{CelBool, CelList, CelMap, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Context, ExecutionError, FunctionContext};
use regex::Regex;

use super::numbers::{Num, calculate};
use super::values::Fields;
use crate::domain::Cancel;

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
pub const OPERATORS: [(&str, &str); 11] = [
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
pub fn declare(context: &mut Context<'_, '_>, steps: &Steps) {
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
    add("@==", Box::new(|call| two(call).map(|(a, b)| truth(equal(&*a, &*b)))));
    add("@!=", Box::new(|call| two(call).map(|(a, b)| truth(!equal(&*a, &*b)))));
    for sign in ["<", "<=", ">", ">="] {
        let holds = match sign {
            "<" => Ordering::is_lt,
            "<=" => Ordering::is_le,
            ">" => Ordering::is_gt,
            _ => Ordering::is_ge,
        };
        add(
            &format!("@{sign}"),
            Box::new(move |call| {
                let (a, b) = two(call)?;
                compare(sign, &*a, &*b).map(|order| truth(holds(order)))
            }),
        );
    }
    for sign in ['+', '-', '*', '/', '%'] {
        let counted = steps.clone();
        add(
            &format!("@{sign}"),
            Box::new(move |call| {
                let (a, b) = two(call)?;
                match (Num::of(&*a), Num::of(&*b)) {
                    (Some(a), Some(b)) => calculate(sign, a, b),
                    _ => {
                        counted.take(weight(&*a, STEPS + 1) / 64)?;
                        combine(sign, &*a, &*b)
                    }
                }
            }),
        );
    }
    let compiled = Compiled::default();
    add(
        MATCHES,
        Box::new(move |call| {
            let (text, pattern) = two(call)?;
            let (Some(text), Some(pattern)) = (string(&*text), string(&*pattern)) else {
                return Err(mismatch("matches", &*text, &*pattern));
            };
            compiled.is_match(pattern, text).map(truth)
        }),
    );
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

fn truth<'c, 'v>(value: bool) -> CowVal<'c, 'v> {
    CowVal::owned(CelBool::from(value))
}

fn string<'b>(value: &'b (dyn Val + '_)) -> Option<&'b str> {
    value.downcast_ref::<CelString<'_>>().map(CelString::inner)
}

fn equal(a: &dyn Val, b: &dyn Val) -> bool {
    match (Num::of(a), Num::of(b)) {
        (Some(a), Some(b)) => a.compare(b) == Some(Ordering::Equal),
        // Only the left one is asked, and the language's own maps know nothing of ours.
        _ if b.downcast_ref::<Fields>().is_some() => b.equals(a),
        _ => a.equals(b),
    }
}

fn compare(sign: &str, a: &dyn Val, b: &dyn Val) -> Result<Ordering, ExecutionError> {
    if let (Some(x), Some(y)) = (Num::of(a), Num::of(b)) {
        return x.compare(y).ok_or_else(|| mismatch(sign, a, b));
    }
    a.as_comparer().and_then(|comparer| comparer.compare(b).ok()).ok_or_else(|| mismatch(sign, a, b))
}

fn combine<'b, 'v>(sign: char, a: &(dyn Val + 'v), b: &(dyn Val + 'v)) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let result = match sign {
        '+' => a.as_adder().and_then(|a| Some(a.add(b).ok()?.into_owned())),
        '-' => a.as_subtractor().and_then(|a| Some(a.sub(b).ok()?.into_owned())),
        _ => None,
    };
    result.map(CowVal::Owned).ok_or_else(|| mismatch(&sign.to_string(), a, b))
}

fn mismatch(sign: &str, a: &dyn Val, b: &dyn Val) -> ExecutionError {
    let why = format!("`{sign}` does not go with {} and {}", a.get_type().name(), b.get_type().name());
    ExecutionError::function_error("operator", why)
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
