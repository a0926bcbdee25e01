//! What was written, before it is used: names that mean nothing are refused where they stand, and everything that could
//! take long is made to count its steps.

use std::collections::HashSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo};
use cel::common::types::{CelBool, CelString};

use super::Problem;
use super::functions::{MATCHES, OPERATORS, STEP, USE};
use super::values::FIELDS;
use super::{truth, words};

/// Nested deeper than this nothing is evaluated: the evaluation is recursive.
const DEPTH: usize = 64;

/// The name of the event.
const EVENT: &str = "event";

/// Names of types, which are values too: `type(x) == int`.
const TYPES: [&str; 9] = ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type"];

/// Functions that may give true or false, called as `f(x)` or as `x.f()`; those that never do are [`truth::OTHERS`].
const FUNCTIONS: [&str; 9] =
    ["contains", "startsWith", "endsWith", "matches", "bool", "dyn", "has", "@not_strictly_false", "@in"];

/// Checks an expression, and changes it into what is evaluated.
///
/// # Errors
/// The first name that means nothing, or that it is nested too deeply.
pub fn check(expression: &mut IdedExpr, source: &SourceInfo) -> Result<(), Problem> {
    let mut check = Check { source, bound: Vec::new(), loops: 0 };
    let lacks = truth::lacks(expression);
    check.visit(expression, 0)?;
    match lacks {
        Some((begins, why)) => {
            let problem = check.problem(begins.id, why);
            Err(Problem { column: problem.column.saturating_sub(begins.before).max(1), ..problem })
        }
        None => Ok(()),
    }
}

struct Check<'a> {
    source: &'a SourceInfo,
    /// Variables of the comprehensions around.
    bound: Vec<String>,
    /// How many comprehensions are around.
    loops: usize,
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
                } else if name != EVENT && !TYPES.contains(&name.as_str()) {
                    return Err(self.unknown(id, name));
                }
            }
            Expr::Select(select) => {
                if matches!(&select.operand.expr, Expr::Ident(name) if name == EVENT && !self.bound.contains(name))
                    && !FIELDS.contains(&select.field.as_str())
                {
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
            format!("there is no `{name}` here: everything is asked of the event, as in event.data.{name}")
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
