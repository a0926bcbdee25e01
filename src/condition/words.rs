//! What is said of a condition, in the words of who wrote it: kinds of values as a person calls them, and what was
//! compared as it was written.

use cel::ExecutionError;
use cel::Value;
use cel::common::ast::{Expr, IdedExpr, LiteralValue};
use cel::common::value::Val;

use crate::domain::{text, time};

/// Parts the two sides of what was written.
const APART: char = '\u{1f}';

/// The longest side that is told, in characters.
const SIDE: usize = 80;

/// What an instant looks like.
const INSTANT: &str = "\"2025-03-01T14:00:00Z\"";

const TIME: &str = "a time";
const TEXT: &str = "a text";

/// What a person calls a kind of value.
pub fn kind(name: &str) -> &str {
    match name {
        "int" | "uint" | "double" | "whole number" => "a number",
        "string" => TEXT,
        "bool" => "true or false",
        "null_type" => "null",
        "google.protobuf.Timestamp" => TIME,
        "google.protobuf.Duration" => "a span of time",
        "list" => "a list",
        "map" => "an object",
        "bytes" => "bytes",
        "type" => "a kind of value",
        "event" => "the event",
        other => other,
    }
}

/// The two sides of a comparison as they were written, for [`mismatch`].
pub fn sides(first: &IdedExpr, second: &IdedExpr) -> String {
    let side = |node| written(node).filter(|text| text.chars().count() <= SIDE).unwrap_or_default();
    format!("{}{APART}{}", side(first), side(second))
}

/// A short expression as it was written; `None` for one that is not short.
pub fn written(node: &IdedExpr) -> Option<String> {
    Some(match &node.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(select) if !select.test => format!("{}.{}", written(&select.operand)?, select.field),
        Expr::Literal(literal) => match literal {
            LiteralValue::String(text) => serde_json::to_string(text.inner()).ok()?,
            LiteralValue::Int(number) => number.inner().to_string(),
            LiteralValue::UInt(number) => format!("{}u", number.inner()),
            LiteralValue::Double(number) => number.inner().to_string(),
            LiteralValue::Boolean(truth) => truth.inner().to_string(),
            LiteralValue::Null => "null".into(),
            LiteralValue::Bytes(_) => return None,
        },
        Expr::Call(call) => match (call.func_name.as_str(), &call.target, &call.args[..]) {
            ("_[_]", None, [of, by]) => format!("{}[{}]", written(of)?, written(by)?),
            (name, Some(target), []) => format!("{}.{name}()", written(target)?),
            (name, None, [one]) if name.starts_with(char::is_alphabetic) => format!("{name}({})", written(one)?),
            _ => return None,
        },
        _ => return None,
    })
}

/// Two values that cannot be compared, or calculated with, and what was written of them.
pub fn mismatch(sign: &str, a: &dyn Val, b: &dyn Val, sides: &str) -> ExecutionError {
    let kinds = (kind(a.get_type().name()), kind(b.get_type().name()));
    let (first, second) = sides.split_once(APART).unwrap_or_default();
    let told = |side: &str, kind: &str| if side.is_empty() { kind.to_owned() } else { format!("{side} ({kind})") };
    let mut why = format!("`{sign}` does not go with {} and {}", told(first, kinds.0), told(second, kinds.1));
    match kinds {
        (TIME, TEXT) => why.push_str(&format!(": write {}", instant(second))),
        (TEXT, TIME) => why.push_str(&format!(": write {}", instant(first))),
        // Other kinds have no common way to be written.
        _ => (),
    }
    ExecutionError::function_error("operator", why)
}

/// A text as the instant it should be: what was written in its place.
fn instant(side: &str) -> String {
    if !side.starts_with('"') && !side.is_empty() {
        return format!("timestamp({side})");
    }
    let meant = serde_json::from_str::<String>(side).ok().and_then(|text| time::parse(&text));
    meant.map_or_else(|| format!("timestamp({INSTANT})"), |time| format!("timestamp(\"{time}\")"))
}

/// Why a judgement failed.
pub fn reason(error: &ExecutionError) -> String {
    /// The longest reason, in cells: it may quote the data.
    const WIDEST: usize = 200;
    let words = match error {
        ExecutionError::FunctionError { message, .. } => message.clone(),
        ExecutionError::NoSuchKey(key) => format!("no such key {key}"),
        ExecutionError::NoSuchOverload(overload) => {
            let name: String = overload.function().chars().filter(|c| !"_@".contains(*c)).collect();
            let kinds: Vec<&str> = overload.argument_types().iter().map(|name| kind(name)).collect();
            match (overload.function(), &kinds[..]) {
                ("_._", [of, ..]) => format!("{of} has no keys"),
                ("_[_]", [of, by]) => format!("{of} has no elements by {by}"),
                (_, kinds) => format!("`{name}` does not go with {}", kinds.join(" and ")),
            }
        }
        ExecutionError::UnexpectedType { got, want } => {
            let want = if want == "iterable" { "a list or an object" } else { kind(want) };
            format!("this is {}, and {want} is needed", kind(got))
        }
        ExecutionError::IndexOutOfBounds(index) => match index {
            Value::Int(index) => format!("no element {index}"),
            _ => "no such element".into(),
        },
        error => error.to_string(),
    };
    text::fit(&words, WIDEST)
}

/// Whether a judgement failed because something that should be true or false is of another kind.
pub fn is_no_truth(error: &ExecutionError) -> bool {
    let ExecutionError::NoSuchOverload(overload) = error else { return false };
    matches!(overload.function(), "_&&_" | "_||_" | "!_" | "_?_:_")
}
