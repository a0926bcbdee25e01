//! What was written, before it is used: names that mean nothing are refused where they stand, and everything that could
//! take long is made to count its steps.

use std::collections::HashSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use cel::common::types::{CelBool, CelString};

use super::functions::{CHANGED, MATCHES, OPERATORS, STEP, USE};
use super::values::FIELDS;
use super::{Needs, Problem, truth, words};
use crate::domain::PathGlob;

/// Nested deeper than this nothing is evaluated: the evaluation is recursive.
const DEPTH: usize = 64;

/// The name of the event.
const EVENT: &str = "event";

/// The function that asks whether a path was written.
const CHANGED_WRITTEN: &str = "changed";

/// Names of types, which are values too: `type(x) == int`.
const TYPES: [&str; 9] = ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"];

/// Functions that may give true or false, called as `f(x)` or as `x.f()`; those that never do are [`truth::OTHERS`].
const FUNCTIONS: [&str; 9] =
    ["contains", "startsWith", "endsWith", "matches", "bool", "dyn", "has", "@not_strictly_false", "@in"];

/// Checks an expression, and changes it into what is evaluated.
///
/// # Errors
/// The first name that means nothing, or that it is nested too deeply.
pub fn check(expression: &mut IdedExpr, source: &SourceInfo, wanted: Wanted) -> Result<Found, Problem> {
    let mut check = Check { source, bound: Vec::new(), loops: 0, found: Found::default() };
    let lacks = match wanted {
        Wanted::Truth => truth::lacks(expression),
        Wanted::Value => None,
    };
    check.visit(expression, 0)?;
    match lacks {
        Some((begins, why)) => {
            let problem = check.problem(begins.id, why);
            Err(Problem { column: problem.column.saturating_sub(begins.before).max(1), ..problem })
        }
        None => Ok(check.found),
    }
}

/// What an expression is to give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// True or false.
    Truth,
    /// Anything.
    Value,
}

/// What was found in an expression.
#[derive(Clone, Default, Debug)]
pub struct Found {
    /// What it names.
    pub needs: Needs,
    /// What it asks to be changed, in the order of their numbers.
    pub changed: Vec<PathGlob>,
}

impl Needs {
    /// Takes in that a name is named; gives whether it is one.
    fn name(&mut self, name: &str) -> bool {
        let named = match name {
            EVENT => &mut self.event,
            "state" => &mut self.state,
            "prev" => &mut self.prev,
            "patch" => &mut self.patch,
            "fault" => &mut self.fault,
            _ => return false,
        };
        *named = true;
        true
    }
}

struct Check<'a> {
    source: &'a SourceInfo,
    /// Variables of the comprehensions around.
    bound: Vec<String>,
    /// How many comprehensions are around.
    loops: usize,
    found: Found,
}

impl Check<'_> {
    fn problem(&self, id: u64, why: impl Into<String>) -> Problem {
        let column = self.source.offset_for(id).map_or(0, |(start, _)| start as usize);
        Problem { column: column + 1, why: why.into() }
    }

    fn visit(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), Problem> {
        let id = node.id;
        if depth > DEPTH {
            return Err(self.problem(id, "this is nested too deeply"));
        }
        let next = depth + 1;
        match &mut node.expr {
            Expr::Literal(_) => {}
            Expr::Unspecified => return Err(self.problem(id, "something is missing here")),
            Expr::Struct(_) => return Err(self.problem(id, "there are no messages to be made here")),
            Expr::Ident(name) => {
                if self.bound.contains(name) {
                    if self.loops > 0 && !name.starts_with('@') {
                        wrap(node, USE);
                    }
                } else if !self.found.needs.name(name) && !TYPES.contains(&name.as_str()) {
                    return Err(self.unknown(id, name));
                }
            }
            Expr::Select(select) => {
                let is_of_event =
                    matches!(&select.operand.expr, Expr::Ident(name) if name == EVENT && !self.bound.contains(name));
                self.found.needs.trouble |= is_of_event && select.field == "trouble";
                if is_of_event && !FIELDS.contains(&select.field.as_str()) {
                    let why = format!("an event has no `{}`: it has {}", select.field, FIELDS.join(", "));
                    return Err(self.problem(id, why));
                }
                self.visit(&mut select.operand, next)?;
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.visit(element, next)?;
                }
            }
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    match &mut entry.expr {
                        EntryExpr::MapEntry(entry) => {
                            self.visit(&mut entry.key, next)?;
                            self.visit(&mut entry.value, next)?;
                        }
                        EntryExpr::StructField(_) => return Err(self.problem(entry.id, "a key is missing here")),
                    }
                }
            }
            Expr::Call(call) => self.call(id, call, next)?,
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, next)?,
        }
        Ok(())
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Result<(), Problem> {
        let ours = OPERATORS.iter().find(|(name, _)| *name == call.func_name && call.args.len() == 2);
        let sides = match (ours, &call.args[..]) {
            (Some(_), [first, second]) => words::sides(first, second),
            _ => String::new(),
        };
        if call.func_name == CHANGED_WRITTEN {
            return self.changed(id, call);
        }
        if let Some(target) = &mut call.target {
            self.visit(target, depth)?;
        }
        for argument in &mut call.args {
            self.visit(argument, depth)?;
        }
        let operator = !call.func_name.starts_with(|c: char| c.is_alphanumeric());
        let is_known = |name: &str| FUNCTIONS.contains(&name) || truth::OTHERS.contains(&name);
        if !operator && !is_known(&call.func_name) {
            return Err(self.problem(id, format!("there is no function `{}`", call.func_name)));
        }
        if let Some((_, ours)) = ours {
            (*ours).clone_into(&mut call.func_name);
            // What was written is told where the two cannot be compared.
            call.args.push(IdedExpr { id, expr: Expr::Literal(LiteralValue::String(CelString::from(sides))) });
        }
        if call.func_name == "matches" {
            // `text.matches(pattern)` and `matches(text, pattern)` are the same.
            if let Some(target) = call.target.take() {
                call.args.insert(0, *target);
            }
            if call.args.len() != 2 {
                return Err(self.problem(id, "`matches` takes one expression: text.matches('a.*b')"));
            }
            if let [_, IdedExpr { expr: Expr::Literal(LiteralValue::String(pattern)), id }] = &call.args[..]
                && let Err(error) = regex::Regex::new(pattern.inner())
            {
                return Err(self.problem(*id, super::first_line(&error)));
            }
            MATCHES.clone_into(&mut call.func_name);
        }
        Ok(())
    }

    /// `changed('/total')`: its path is read now, and evaluated by its number.
    fn changed(&mut self, id: u64, call: &mut CallExpr) -> Result<(), Problem> {
        let [IdedExpr { id: at, expr: Expr::Literal(LiteralValue::String(path)) }] = &call.args[..] else {
            return Err(self.problem(id, "`changed` takes one path: changed('/items/*/qty') or changed('.total')"));
        };
        if call.target.is_some() {
            return Err(self.problem(id, "`changed` is asked of nothing: changed('/total')"));
        }
        let glob = path.inner().parse().map_err(|why: String| self.problem(*at, why))?;
        let number = self.found.changed.len() as i64;
        self.found.changed.push(glob);
        self.found.needs.changed = true;
        CHANGED.clone_into(&mut call.func_name);
        call.args = vec![IdedExpr { id: *at, expr: Expr::Literal(LiteralValue::Int(number.into())) }];
        Ok(())
    }

    /// Only what is done for each element is made to count: the shape around it is what the evaluation knows it by.
    fn comprehension(&mut self, loop_: &mut ComprehensionExpr, depth: usize) -> Result<(), Problem> {
        self.visit(&mut loop_.iter_range, depth)?;
        self.visit(&mut loop_.accu_init, depth)?;
        let before = self.bound.len();
        self.bound.push(loop_.accu_var.clone());
        self.bound.push(loop_.iter_var.clone());
        self.bound.extend(loop_.iter_var2.clone());
        self.loops += 1;
        let accumulator = loop_.accu_var.clone();
        self.step(&mut loop_.loop_step, &accumulator, depth)?;
        self.loops -= 1;
        self.visit(&mut loop_.result, depth)?;
        self.bound.truncate(before);
        Ok(())
    }

    fn step(&mut self, node: &mut IdedExpr, accumulator: &str, depth: usize) -> Result<(), Problem> {
        let is_accumulator = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if name == accumulator);
        if let Expr::Call(call) = &mut node.expr
            && call.target.is_none()
        {
            match (call.func_name.as_str(), &mut call.args[..]) {
                ("_&&_" | "_||_", [first, second]) if is_accumulator(first) => return self.counted(second, depth),
                ("_?_:_", [guard, step, otherwise]) if is_accumulator(otherwise) => {
                    self.counted(guard, depth)?;
                    return self.step(step, accumulator, depth + 1);
                }
                ("_+_", [first, second]) if is_accumulator(first) => {
                    return match &mut second.expr {
                        Expr::List(list) => {
                            list.elements.iter_mut().try_for_each(|element| self.counted(element, depth + 1))
                        }
                        Expr::Literal(_) => Ok(()),
                        _ => self.counted(second, depth),
                    };
                }
                _ => {}
            }
        }
        self.counted(node, depth)
    }

    /// `@step() ? node : false`: the step is taken, or nothing more is.
    fn counted(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), Problem> {
        self.visit(node, depth + 1)?;
        let id = node.id;
        let inner = std::mem::take(node);
        let call = |name: &str, args| IdedExpr {
            id,
            expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args }),
        };
        let no = IdedExpr { id, expr: Expr::Literal(LiteralValue::Boolean(CelBool::from(false))) };
        *node = call("_?_:_", vec![call(STEP, Vec::new()), inner, no]);
        Ok(())
    }

    fn unknown(&self, id: u64, name: &str) -> Problem {
        let known: HashSet<&str> = FIELDS.into_iter().collect();
        let why = if known.contains(name) {
            format!("there is no `{name}` here: did you mean event.{name}?")
        } else {
            let names = "event, state, prev, patch and fault";
            format!("there is no `{name}` here: there are {names}, as in event.data.{name} or state.{name}")
        };
        self.problem(id, why)
    }
}

/// `name(node)`.
fn wrap(node: &mut IdedExpr, name: &str) {
    let id = node.id;
    let inner = std::mem::take(node);
    *node = IdedExpr { id, expr: Expr::Call(CallExpr { func_name: name.to_owned(), target: None, args: vec![inner] }) };
}
