//! What a script exports, and what is missing.

use rquickjs::function::Args;
use rquickjs::{Function, Module, Object, Value};

use super::problems::{SCRIPT, type_name};
use super::values::{Values, Written};
use crate::reducers::protocol::Problem;

/// A script that can fold.
pub struct Script<'js> {
    /// The prelude's way to call `evolve`.
    pub step: Function<'js>,
    initial: Initial<'js>,
}

/// Where a fold begins.
enum Initial<'js> {
    /// Always with the same; as text, because `evolve` may change what it is given.
    Value(Written),
    /// With what this gives for the stream.
    Function { function: Function<'js>, holder: Value<'js> },
}

/// Compiles and runs a module; gives its exports.
///
/// # Errors
/// Where it is wrong.
pub fn exports<'js>(values: &Values<'js>, source: &str) -> Result<Object<'js>, Problem> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let module = Module::declare(values.ctx.clone(), SCRIPT, source).map_err(|error| values.problem(error))?;
    let (module, promise) = module.eval().map_err(|error| values.problem(error))?;
    match promise.finish::<()>() {
        Ok(()) => module.namespace().map_err(|error| values.problem(error)),
        Err(_) if values.timer.has_expired() => Err(values.too_long()),
        Err(rquickjs::Error::WouldBlock) => {
            Err(Problem::new("the script waits at its top level for something that never comes"))
        }
        Err(error) => Err(values.problem(error)),
    }
}

impl<'js> Script<'js> {
    /// Finds `evolve` and `initialState` among the exports, or in the default one.
    ///
    /// # Errors
    /// When one is missing or not what it should be.
    pub fn new(values: &Values<'js>, tools: &Object<'js>, exports: &Object<'js>) -> Result<Self, Problem> {
        let get =
            |object: &Object<'js>, name: &str| object.get::<_, Value<'js>>(name).map_err(|error| values.problem(error));
        let names: Vec<String> = exports.keys().flatten().collect();
        let mut holder = Value::new_undefined(values.ctx.clone());
        let mut holding = exports.clone();
        if !names.iter().any(|name| name == "evolve")
            && let Some(object) = get(exports, "default")?.into_object()
        {
            holder = object.clone().into_value();
            holding = object;
        }
        let (evolve, initial) = (get(&holding, "evolve")?, get(&holding, "initialState")?);
        let Some(evolve) = evolve.as_function() else {
            return Err(missing("evolve", "a function (state, event) => state", &evolve, &names));
        };
        if !holding.contains_key("initialState").map_err(|error| values.problem(error))? {
            return Err(missing("initialState", "a value, or a function of the stream's name", &initial, &names));
        }
        let tool = |name: &str| tools.get::<_, Function<'js>>(name);
        let held = match holder.is_undefined() {
            true => Ok(evolve.clone()),
            false => tool("hold").and_then(|hold| hold.call((evolve.clone(), holder.clone()))),
        };
        let step = held.and_then(|evolve| tool("bind")?.call((evolve,))).map_err(|error| values.problem(error))?;
        let initial = match initial.as_function() {
            Some(function) => Initial::Function { function: function.clone(), holder },
            None => Initial::Value(values.write(&initial)?),
        };
        Ok(Self { step, initial })
    }

    /// The initial state of a stream.
    ///
    /// # Errors
    /// When the script cannot make it, or it is not JSON.
    pub fn initial(&self, values: &Values<'js>, stream: &str) -> Result<Written, Problem> {
        let (function, holder) = match &self.initial {
            Initial::Value(text) => return Ok(text.clone()),
            Initial::Function { function, holder } => (function, holder),
        };
        let mut args = Args::new(values.ctx.clone(), 1);
        let made = args
            .this(holder.clone())
            .and_then(|()| args.push_arg(values.js(stream)?))
            .and_then(|()| function.call_arg::<Value<'js>>(args))
            .map_err(|error| values.problem(error))?;
        if made.is_promise() {
            return Err(Problem::new("initialState returned a promise: a reducer cannot wait"));
        }
        values.write(&made)
    }
}

fn missing(name: &str, wanted: &str, found: &Value<'_>, exports: &[String]) -> Problem {
    if !found.is_undefined() {
        return Problem::new(format!("`{name}` must be {wanted}; it is a {}", type_name(found)));
    }
    let exports = match exports {
        [] => "it exports nothing".to_owned(),
        names => format!("it exports: {}", names.join(", ")),
    };
    Problem::new(format!("the script exports no `{name}`, {wanted} ({exports})"))
}
