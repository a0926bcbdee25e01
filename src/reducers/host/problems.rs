//! What went wrong, in words for a person and with the line of the script. What was thrown is the script's own: looking at
//! it is done with care and within time.

use rquickjs::{Object, Value};

use super::values::Values;
use crate::reducers::protocol::Problem;
use crate::replay::Cause;

/// The script's name inside the engine; whoever shows a place knows the real one.
pub const SCRIPT: &str = "reducer";

impl<'js> Values<'js> {
    /// That the step was ended by its limit.
    pub fn too_long(&self) -> Problem {
        let message = format!("it takes too long: more than {} ms", self.timer.limit().as_millis());
        Problem { cause: Cause::TimedOut, ..Problem::new(message) }
    }

    /// Why a payload is not JSON, in the words of the engine's reader.
    pub fn reason(&self, error: rquickjs::Error) -> String {
        let message = self.problem(error).message;
        message.strip_prefix("SyntaxError: ").map_or_else(|| message.clone(), str::to_owned)
    }

    /// What an error says, in words and with its place in the script.
    pub fn problem(&self, error: rquickjs::Error) -> Problem {
        if !error.is_exception() {
            return Problem::new(match error {
                rquickjs::Error::Utf8(error) => format!("not UTF-8 at byte {}", error.valid_up_to()),
                other => other.to_string(),
            });
        }
        let thrown = self.ctx.catch();
        self.thrown(&thrown)
    }

    /// The same of what was thrown and caught.
    pub fn thrown(&self, thrown: &Value<'js>) -> Problem {
        let expired = self.timer.has_expired().then(|| self.too_long());
        // What was thrown is the script's own: looking at it may run its code.
        self.timer.begin(self.event_limit, None);
        let place = thrown.as_object().and_then(|object| self.text_of(object, "stack")).and_then(|stack| place(&stack));
        if let Some(problem) = expired {
            return Problem { place, ..problem };
        }
        Problem { place, ..Problem::new(friendly(self.words(thrown))) }
    }

    fn words(&self, thrown: &Value<'js>) -> String {
        if let Some(text) = thrown.as_string() {
            return text.to_string().map_or_else(|_| "a string that is not Unicode was thrown".into(), cut);
        }
        if thrown.is_null() {
            // Without memory for an error object the engine throws this.
            return "null was thrown (or the engine has no memory left)".into();
        }
        let Some(object) = thrown.as_object() else {
            let shown = match (thrown.as_number(), thrown.as_bool()) {
                (Some(number), _) => number.to_string(),
                (_, Some(value)) => value.to_string(),
                _ => type_name(thrown).to_owned(),
            };
            return format!("{shown} was thrown");
        };
        let message = self.text_of(object, "message").map(cut);
        let name = self.text_of(object, "name").map(cut);
        match (name, message) {
            (None, Some(message)) => message,
            (Some(name), Some(message)) if name == "Error" && !message.is_empty() => message,
            (Some(name), Some(message)) if message.is_empty() => name,
            (Some(name), Some(message)) => format!("{name}: {message}"),
            (Some(name), None) => name,
            (None, None) => match self.ctx.json_stringify(thrown.clone()) {
                Ok(Some(text)) => format!("{} was thrown", cut(text.to_string().unwrap_or_default())),
                Ok(None) => format!("a {} was thrown", type_name(thrown)),
                Err(_) => {
                    drop(self.ctx.catch());
                    "an object was thrown that cannot be shown".into()
                }
            },
        }
    }

    /// A property that is text; anything else, and anything that throws, is nothing.
    fn text_of(&self, object: &Object<'js>, name: &str) -> Option<String> {
        match object.get::<_, Value<'js>>(name) {
            Ok(value) => value.as_string().and_then(|text| text.to_string().ok()),
            Err(_) => {
                drop(self.ctx.catch());
                None
            }
        }
    }
}

/// What JavaScript calls the type of a value.
pub fn type_name(value: &Value<'_>) -> &'static str {
    match value.type_name() {
        "big_int" => "bigint",
        "bool" => "boolean",
        "int" | "float" => "number",
        "constructor" => "function",
        other => other,
    }
}

/// Words for those errors that are better told in ours.
fn friendly(message: String) -> String {
    if let Some((_, name)) = message.split_once("could not load module ") {
        return format!("a reducer is one file and cannot import {}", name.trim());
    }
    if ["require", "module", "exports"].iter().any(|name| message.ends_with(&format!("{name} is not defined"))) {
        return format!("{message} (a reducer is an ES module: `export` what it gives, it cannot import)");
    }
    message
}

/// At most a screenful of somebody else's words.
fn cut(mut text: String) -> String {
    const MAX: usize = 1024;
    if text.len() > MAX {
        let mut end = MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The innermost place of a stack that is in the script: `    at evolve (reducer:12:9)`.
fn place(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let line = line.trim().trim_end_matches(')');
        let line = line.rsplit_once('(').map_or(line, |(_, place)| place);
        let line = line.strip_prefix("at ").unwrap_or(line);
        let mut numbers = line.strip_prefix(SCRIPT)?.strip_prefix(':')?.split(':');
        let line = numbers.next()?.parse().ok()?;
        Some((line, numbers.next().and_then(|column| column.parse().ok()).unwrap_or(0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_any_stack() {
        for (stack, found) in [
            ("    at evolve (reducer:12:9)\n    at <anonymous> (eval_script:3:1)\n", Some((12, 9))),
            ("    at map (native)\n    at reducer:3:5\n    at evolve (reducer:1:1)", Some((3, 5))),
            ("    at reducer:7\n", Some((7, 0))),
            ("    at parse (<input>:1:2)\n    at evolve (reducer:4:54)\n", Some((4, 54))),
            ("", None),
            ("reducer", None),
            ("at x (reducer:99999999999:1)", None),
            ("at x (other:1:1)", None),
        ] {
            assert_eq!(place(stack), found, "{stack}");
        }
    }
}
