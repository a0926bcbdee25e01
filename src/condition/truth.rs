//! Whether what was written can be true or false at all: what is a number or a text whatever the event is refused before
//! any event is read.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::words::written;

/// Fields of an event that hold what somebody else wrote: they may be anything.
const ANYTHING: [&str; 3] = ["data", "metadata", "fields"];

/// Functions that are known and never give true or false.
pub const OTHERS: [&str; 19] = [
    "size",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "type",
    "timestamp",
    "duration",
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// Operators that give something else.
const CALCULATES: [&str; 6] = ["_+_", "_-_", "_*_", "_/_", "_%_", "-_"];

/// Where a part of what was written begins: so many characters before the place of this number. A function is placed at its
/// bracket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begins {
    /// The number of the place.
    pub id: u64,
    /// How far before it.
    pub before: usize,
}

/// The part of a condition that can be neither true nor false though it must be one of them, and why.
pub fn lacks(node: &IdedExpr) -> Option<(Begins, String)> {
    let no = |what: String| {
        let why = format!("{what} is neither true nor false: compare it, as in event.version > 5");
        Some((start(node), why))
    };
    let name = || written(node).unwrap_or_else(|| "this".into());
    match &node.expr {
        Expr::Literal(LiteralValue::Boolean(_)) => None,
        Expr::Literal(_) => no(name()),
        Expr::List(_) => no("a list".into()),
        Expr::Map(_) => no("an object".into()),
        Expr::Ident(name) if name == "event" => no("the event".into()),
        Expr::Ident(name) if name == "patch" || name == "fault" => no(format!("`{name}`")),
        Expr::Select(select) if !select.test => match &select.operand.expr {
            Expr::Ident(event) if event == "event" && !ANYTHING.contains(&select.field.as_str()) => no(name()),
            _ => None,
        },
        Expr::Call(call) => match (call.func_name.as_str(), &call.args[..]) {
            ("_&&_" | "_||_", [first, second]) => lacks(first).or_else(|| lacks(second)),
            ("!_", [one]) => lacks(one),
            ("_?_:_", [guard, one, other]) => lacks(guard).or_else(|| lacks(one)).or_else(|| lacks(other)),
            (name, _) if OTHERS.contains(&name) || CALCULATES.contains(&name) => {
                no(written(node).unwrap_or_else(|| "what is calculated here".into()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// Where an expression begins.
fn start(node: &IdedExpr) -> Begins {
    let here = Begins { id: node.id, before: 0 };
    match &node.expr {
        Expr::Select(select) => start(&select.operand),
        Expr::Call(call) => match (&call.target, &call.args[..]) {
            (Some(target), _) => start(target),
            (None, [first, _, ..]) if call.func_name.starts_with('_') => start(first),
            (None, _) if call.func_name.starts_with(char::is_alphabetic) => {
                Begins { before: call.func_name.chars().count(), ..here }
            }
            _ => here,
        },
        _ => here,
    }
}
