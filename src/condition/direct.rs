//! Conditions of places and literals, `event.type == 'Paid' && event.data.amount > 100`, judged without the language: only the
//! named places of a payload are read, and no tree of it is made.
//!
//! The invariant: it says what the language says, with the same reasons and within the same steps. Values are compared by the
//! same functions; wherever more than a place and a literal counts, it gives no answer and the language is asked.

use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::common::value::CowVal;
use cel::{Env, ExecutionError};

use super::functions::{Steps, test};
use super::subject::Subject;
use super::{values, words};
use crate::domain::json::{At, Parser, Places};
use crate::domain::{Event, Json};

/// The payloads of an event, in the order of their numbers.
const PAYLOADS: [&str; 3] = ["data", "metadata", "fields"];

/// A condition that can be judged directly.
#[derive(Clone, Debug)]
pub struct Direct {
    test: Test,
    /// The places it names in each payload.
    places: [Places; 3],
}

#[derive(Clone, Debug)]
enum Test {
    And(Box<(Test, Test)>),
    Or(Box<(Test, Test)>),
    Not(Box<Test>),
    Literal(bool),
    /// A place that is true or false itself.
    Truth(Operand),
    /// `has(event.data.amount)`
    Has(Place),
    Compare {
        sign: String,
        sides: String,
        left: Operand,
        right: Operand,
    },
}

#[derive(Clone, Debug)]
enum Operand {
    Literal(LiteralValue),
    /// What is known of an event without a look into its payloads.
    Own(Arc<str>),
    Place(Place),
}

/// A place in a payload.
#[derive(Clone, Debug)]
struct Place {
    payload: usize,
    number: usize,
    keys: Arc<[Arc<str>]>,
}

/// Why there is no answer.
enum Not {
    /// It is unknown.
    Unknown(ExecutionError),
    /// The language must be asked.
    Said,
}

impl From<ExecutionError> for Not {
    fn from(error: ExecutionError) -> Self {
        Self::Unknown(error)
    }
}

/// What is read of an event, and kept from event to event.
#[derive(Debug, Default)]
pub struct Reading {
    parser: Parser,
    found: [Vec<At>; 3],
    is_read: [bool; 3],
}

impl Direct {
    /// An expression as it is evaluated, if it can be judged directly.
    pub fn of(node: &IdedExpr) -> Option<Self> {
        let mut places = Default::default();
        let test = Test::of(node, &mut places)?;
        Some(Self { test, places })
    }

    /// Whether it holds, or why that is unknown; `None` where the language must be asked.
    pub fn holds(
        &self,
        subject: &Subject,
        reading: &mut Reading,
        (env, steps): (&Env, &Steps),
    ) -> Option<Result<bool, String>> {
        let event = subject.event.as_deref()?;
        reading.is_read = [false; 3];
        let mut judging = Judging { places: &self.places, event, reading, env, steps };
        match judging.holds(&self.test) {
            Ok(holds) => Some(Ok(holds)),
            Err(Not::Unknown(error)) => Some(Err(words::reason(&error))),
            Err(Not::Said) => None,
        }
    }
}

impl Test {
    fn of(node: &IdedExpr, places: &mut [Places; 3]) -> Option<Self> {
        match &node.expr {
            Expr::Literal(LiteralValue::Boolean(truth)) => Some(Self::Literal(*truth.inner())),
            Expr::Select(select) if select.test => {
                let (payload, mut keys) = keys_of(&select.operand)?;
                keys.push(select.field.as_str().into());
                Some(Self::Has(Place::new(payload, keys, places)))
            }
            Expr::Call(CallExpr { func_name, target: None, args }) => match (func_name.as_str(), &args[..]) {
                ("_&&_", [one, other]) => Some(Self::And(Box::new((Self::of(one, places)?, Self::of(other, places)?)))),
                ("_||_", [one, other]) => Some(Self::Or(Box::new((Self::of(one, places)?, Self::of(other, places)?)))),
                ("!_", [one]) => Some(Self::Not(Box::new(Self::of(one, places)?))),
                (
                    "@==" | "@!=" | "@<" | "@<=" | "@>" | "@>=",
                    [left, right, IdedExpr { expr: Expr::Literal(LiteralValue::String(sides)), .. }],
                ) => Some(Self::Compare {
                    sign: func_name[1..].to_owned(),
                    sides: sides.inner().to_owned(),
                    left: Operand::of(left, places)?,
                    right: Operand::of(right, places)?,
                }),
                _ => Operand::of(node, places).map(Self::Truth),
            },
            _ => Operand::of(node, places).map(Self::Truth),
        }
    }
}

impl Operand {
    fn of(node: &IdedExpr, places: &mut [Places; 3]) -> Option<Self> {
        if let Expr::Literal(literal) = &node.expr {
            return Some(Self::Literal(literal.clone()));
        }
        if let Expr::Select(select) = &node.expr
            && !select.test
            && matches!(&select.operand.expr, Expr::Ident(name) if name == "event")
            && !PAYLOADS.contains(&select.field.as_str())
        {
            return Some(Self::Own(select.field.as_str().into()));
        }
        let (payload, keys) = keys_of(node)?;
        Some(Self::Place(Place::new(payload, keys, places)))
    }
}

impl Place {
    fn new(payload: usize, keys: Vec<Arc<str>>, places: &mut [Places; 3]) -> Self {
        Self { payload, number: places[payload].add(&keys), keys: keys.into() }
    }
}

/// The payload and the keys that lead to a place in it: `event.data.order['total']`.
fn keys_of(node: &IdedExpr) -> Option<(usize, Vec<Arc<str>>)> {
    let (of, key) = match &node.expr {
        Expr::Select(select) if !select.test => (&*select.operand, select.field.as_str()),
        Expr::Call(CallExpr { func_name, target: None, args }) if func_name == "_[_]" => match &args[..] {
            [of, IdedExpr { expr: Expr::Literal(LiteralValue::String(key)), .. }] => (of, key.inner()),
            _ => return None,
        },
        _ => return None,
    };
    if matches!(&of.expr, Expr::Ident(name) if name == "event") {
        return PAYLOADS.iter().position(|name| *name == key).map(|payload| (payload, Vec::new()));
    }
    let (payload, mut keys) = keys_of(of)?;
    keys.push(key.into());
    Some((payload, keys))
}

struct Judging<'a> {
    places: &'a [Places; 3],
    event: &'a Event,
    reading: &'a mut Reading,
    env: &'a Env,
    steps: &'a Steps,
}

impl Judging<'_> {
    fn holds(&mut self, test: &Test) -> Result<bool, Not> {
        match test {
            Test::Literal(truth) => Ok(*truth),
            Test::Not(test) => self.holds(test).map(|holds| !holds),
            Test::And(tests) => self.both(tests, false),
            Test::Or(tests) => self.both(tests, true),
            Test::Truth(Operand::Literal(_) | Operand::Own(_)) => Err(Not::Said),
            Test::Truth(Operand::Place(place)) => match self.at(place)? {
                At::Value(Json::Bool(truth)) => Ok(*truth),
                At::Lacking(key) => Err(lacks(place, *key)),
                At::Value(_) | At::Whole | At::Beyond => Err(Not::Said),
            },
            Test::Has(place) => {
                let steps = self.steps;
                match self.at(place)? {
                    // The language looks at what is there.
                    At::Value(json) => Ok(values::value(json, steps).map(|_| true)?),
                    At::Lacking(key) if key + 1 == place.keys.len() => Ok(false),
                    At::Lacking(key) => Err(lacks(place, *key)),
                    At::Whole | At::Beyond => Err(Not::Said),
                }
            }
            Test::Compare { sign, sides, left, right } => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                Ok(test_of(sign, &left, &right, sides)?)
            }
        }
    }

    /// Two tests of which one that is `decides` is enough. As in the language, the second one is told where neither is known.
    fn both(&mut self, (one, other): &(Test, Test), decides: bool) -> Result<bool, Not> {
        match self.holds(one) {
            Ok(holds) if holds == decides => Ok(decides),
            Ok(_) => self.holds(other),
            Err(Not::Said) => Err(Not::Said),
            Err(Not::Unknown(why)) => match self.holds(other)? {
                holds if holds == decides => Ok(decides),
                _ => Err(Not::Unknown(why)),
            },
        }
    }

    fn value<'v>(&mut self, operand: &'v Operand) -> Result<CowVal<'v, 'v>, Not> {
        match operand {
            Operand::Literal(literal) => Ok(literal.to_val()),
            Operand::Own(name) => Ok(CowVal::Owned(values::own(self.event, name, self.env)?)),
            Operand::Place(place) => {
                let steps = self.steps;
                match self.at(place)? {
                    At::Value(json) => Ok(CowVal::Owned(values::value(json, steps)?)),
                    At::Lacking(key) => Err(lacks(place, *key)),
                    At::Whole | At::Beyond => Err(Not::Said),
                }
            }
        }
    }

    /// What stands at a place; the payload is read when the first of its places is asked for.
    fn at(&mut self, place: &Place) -> Result<&At, Not> {
        let Reading { parser, found, is_read } = &mut *self.reading;
        let (which, found) = (place.payload, &mut found[place.payload]);
        if !is_read[which] {
            let payload = [&self.event.data, &self.event.metadata, &self.event.fields][which];
            // One that has none has no key in them, and that can be asked.
            let is_empty = which == 2 && payload.is_absent();
            let text = if is_empty { (b"{}"[..]).into() } else { payload.json_bytes().map_err(|_| Not::Said)? };
            parser.seek(&text, &self.places[which], found).map_err(|_| Not::Said)?;
            is_read[which] = true;
        }
        Ok(&found[place.number])
    }
}

/// That a key on the way to a place is not there.
fn lacks(place: &Place, key: usize) -> Not {
    Not::Unknown(ExecutionError::no_such_key(place.keys.get(key).map_or("", |key| key)))
}

fn test_of(sign: &str, left: &CowVal<'_, '_>, right: &CowVal<'_, '_>, sides: &str) -> Result<bool, ExecutionError> {
    test(sign, &**left, &**right, sides)
}

#[cfg(test)]
mod tests;
