//! An expression that only names a place, `state.total` or `event.data.items[0]`: what stands there is given as it is stored,
//! a number with all its digits.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::subject::Subject;
use super::words;
use crate::domain::{Json, Path, Step};

/// Where a place is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Within {
    State,
    Prev,
    Data,
    Metadata,
    Fields,
}

/// A place that an expression names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    within: Within,
    path: Path,
}

/// The places that an expression names, each once with what was written for it, the longest of those that begin alike.
pub fn all(node: &IdedExpr) -> Vec<(String, Stored)> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found
}

fn collect(node: &IdedExpr, found: &mut Vec<(String, Stored)>) {
    if let (Some(stored), Some(written)) = (Stored::of(node), words::written(node)) {
        if !found.iter().any(|(_, known)| *known == stored) {
            found.push((written, stored));
        }
        return;
    }
    match &node.expr {
        Expr::Select(select) => collect(&select.operand, found),
        Expr::Call(call) => {
            call.target.iter().map(|target| &**target).chain(&call.args).for_each(|node| collect(node, found))
        }
        Expr::List(list) => list.elements.iter().for_each(|node| collect(node, found)),
        // Of what is looked through the whole is named.
        Expr::Comprehension(comprehension) => collect(&comprehension.iter_range, found),
        Expr::Map(_) | Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

impl Stored {
    /// The place that an expression names, if it does nothing else.
    pub fn of(node: &IdedExpr) -> Option<Self> {
        match &node.expr {
            Expr::Ident(name) => {
                let within = match name.as_str() {
                    "state" => Within::State,
                    "prev" => Within::Prev,
                    _ => return None,
                };
                Some(Self { within, path: Path::root() })
            }
            Expr::Select(select) if !select.test => {
                if let Expr::Ident(name) = &select.operand.expr
                    && name == "event"
                {
                    let within = match select.field.as_str() {
                        "data" => Within::Data,
                        "metadata" => Within::Metadata,
                        "fields" => Within::Fields,
                        _ => return None,
                    };
                    return Some(Self { within, path: Path::root() });
                }
                let operand = Self::of(&select.operand)?;
                Some(operand.then(Step::Key(select.field.as_str().into())))
            }
            Expr::Call(call) if call.func_name == "_[_]" && call.target.is_none() => {
                let [of, by] = &call.args[..] else { return None };
                let step = match &by.expr {
                    Expr::Literal(LiteralValue::String(key)) => Step::Key(key.inner().into()),
                    Expr::Literal(LiteralValue::Int(index)) => Step::Index(usize::try_from(*index.inner()).ok()?),
                    _ => return None,
                };
                Self::of(of).map(|of| of.then(step))
            }
            _ => None,
        }
    }

    fn then(self, step: Step) -> Self {
        Self { path: self.path.then(step), ..self }
    }

    /// What stands there, if something does.
    pub fn value(&self, subject: &Subject) -> Option<Json> {
        let states = || subject.states.as_deref();
        let event = || subject.event.as_deref();
        let payload = match self.within {
            Within::State => return states()?.state().ok()?.as_ref()?.at(&self.path).cloned(),
            Within::Prev => return states()?.prev().ok()?.as_ref()?.at(&self.path).cloned(),
            Within::Data => &event()?.data,
            Within::Metadata => &event()?.metadata,
            Within::Fields => &event()?.fields,
        };
        payload.json().ok()?.at(&self.path).cloned()
    }
}
