//! Places inside JSON values as they are typed: a JSON Pointer or jq's form, with `*` for one key or index.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{Json, Path, State, Step};

/// One step down, as it was typed.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Wanted {
    /// A key.
    Key(Arc<str>),
    /// An index.
    Index(usize),
    /// A key, or of an array the index that it spells: a pointer does not say which.
    Either(Arc<str>, usize),
    /// Any key or index.
    Any,
}

/// A place, or several where a `*` stands in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathGlob {
    steps: Vec<Wanted>,
    written: Box<str>,
}

impl PathGlob {
    /// Whether it may mean several places.
    pub fn is_many(&self) -> bool {
        self.steps.contains(&Wanted::Any)
    }

    /// The places it means in either of two states, those of the earlier one first.
    pub fn among(&self, before: &State, after: &State) -> Vec<Path> {
        let mut found = Vec::new();
        for state in [before, after].into_iter().flatten() {
            self.collect(state, &Path::root(), 0, &mut found);
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|path: &Path| seen.insert(path.clone()));
        found
    }

    fn collect(&self, here: &Json, path: &Path, depth: usize, found: &mut Vec<Path>) {
        let Some(wanted) = self.steps.get(depth) else {
            found.push(path.clone());
            return;
        };
        let mut go = |step: Step, value: &Json| self.collect(value, &path.then(step), depth + 1, found);
        match here {
            Json::Object(object) => match wanted {
                Wanted::Key(key) | Wanted::Either(key, _) => {
                    if let Some(value) = object.get(key) {
                        go(Step::Key(key.clone()), value);
                    }
                }
                Wanted::Any => {
                    object.in_order().into_iter().for_each(|entry| go(Step::Key(entry.key.clone()), &entry.value));
                }
                Wanted::Index(_) => {}
            },
            Json::Array(array) => match wanted {
                Wanted::Index(index) | Wanted::Either(_, index) => {
                    if let Some(value) = array.get(*index) {
                        go(Step::Index(*index), value);
                    }
                }
                Wanted::Any => array.iter().enumerate().for_each(|(index, value)| go(Step::Index(index), value)),
                Wanted::Key(_) => {}
            },
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Verbatim(_) => {}
        }
    }
}

/// As it was typed.
impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// `/items/0/qty`, `.items[0].qty`, `.items[*]."a b"`; the whole is an empty text or `.`.
impl FromStr for PathGlob {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let steps = match written.chars().next() {
            None => Vec::new(),
            Some('/') => written[1..].split('/').map(pointed).collect::<Option<_>>().ok_or_else(|| no_path(written))?,
            Some('.' | '[') => queried(written).ok_or_else(|| no_path(written))?,
            Some(_) => return Err(no_path(written)),
        };
        Ok(Self { steps, written: written.into() })
    }
}

fn no_path(written: &str) -> String {
    let written = super::text::fit(written, 60);
    format!("`{written}` is no path: write /items/0/qty or .items[0].qty, with * for any key or index")
}

/// An index as it is written: without a leading zero.
fn index(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok())?
}

/// A step of a JSON Pointer.
fn pointed(text: &str) -> Option<Wanted> {
    if text == "*" {
        return Some(Wanted::Any);
    }
    let mut key = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        key.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            character => character,
        });
    }
    Some(match index(&key) {
        Some(index) => Wanted::Either(key.into(), index),
        None => Wanted::Key(key.into()),
    })
}

/// The steps of jq's form.
fn queried(mut rest: &str) -> Option<Vec<Wanted>> {
    let mut steps = Vec::new();
    if rest == "." {
        return Some(steps);
    }
    while !rest.is_empty() {
        let after_dot = rest.strip_prefix('.');
        let here = after_dot.unwrap_or(rest);
        let step;
        (step, rest) = match here.chars().next()? {
            '[' => {
                let inner = &here[1..];
                let (step, end) = match inner.chars().next()? {
                    '"' => quoted(inner)?,
                    _ => {
                        let end = inner.find(']')?;
                        let step = match inner[..end].trim() {
                            "" | "*" => Wanted::Any,
                            number => Wanted::Index(index(number)?),
                        };
                        (step, end)
                    }
                };
                (step, inner[end..].strip_prefix(']')?)
            }
            '"' => {
                after_dot?;
                let (step, end) = quoted(here)?;
                (step, &here[end..])
            }
            _ => {
                after_dot?;
                let end = here.find(['.', '[', '"']).unwrap_or(here.len());
                let step = match &here[..end] {
                    "" => return None,
                    "*" => Wanted::Any,
                    key => Wanted::Key(key.into()),
                };
                (step, &here[end..])
            }
        };
        steps.push(step);
    }
    Some(steps)
}

/// A key in quotes at the beginning of a text, and where it ends.
fn quoted(text: &str) -> Option<(Wanted, usize)> {
    let mut read = serde_json::Deserializer::from_str(text).into_iter::<String>();
    let key = read.next()?.ok()?;
    Some((Wanted::Key(key.into()), read.byte_offset()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(written: &str) -> PathGlob {
        written.parse().unwrap_or_else(|why| panic!("{why}"))
    }

    fn found(written: &str, state: &str) -> Vec<String> {
        let state = Some(Json::parse(state.as_bytes()).unwrap());
        let found = glob(written).among(&None, &state);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_forms_mean_the_same_places() {
        let state = r#"{"items":[{"qty":1},{"qty":2,"a b":3}],"9":{"/":1,"~":2},"*":4,"":5}"#;
        for (forms, places) in [
            (
                &["/items/0/qty", ".items[0].qty", r#"."items"[0]["qty"]"#, r#".["items"][0].qty"#][..],
                &["/items/0/qty"][..],
            ),
            (&["/items/*/qty", ".items[*].qty", ".items[].qty", ".items.*.qty"], &["/items/0/qty", "/items/1/qty"]),
            (&["/items/1/a b", r#".items[1]."a b""#], &["/items/1/a b"]),
            (&["/9/~1", r#"."9"."/""#], &["/9/~1"]),
            (&["/9/~0", r#"."9"["~"]"#], &["/9/~0"]),
            (&[r#"."*""#], &["/*"]),
            (&["/", r#".[""]"#], &["/"]),
            (&["", "."], &[""]),
            (&["/items/2", "/items/qty", ".items[2]", ".nothing", "/items/00"], &[]),
        ] {
            for form in forms {
                assert_eq!(found(form, state), places, "{form}");
            }
        }
        assert_eq!(found("/*", state), ["/items", "/9", "/*", "/"]);
        assert_eq!(found(".[1]", "[1,2]"), ["/1"]);
        assert!(glob("/a/*").is_many() && !glob(r#"."*""#).is_many());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for written in
            ["items", "state.total", "..a", ".a.", ".a[", ".a[x]", ".a[-1]", ".a[01]", "/~2", "/~", "a/b", r#".""#]
        {
            let refused = written.parse::<PathGlob>();
            assert!(refused.as_ref().is_err_and(|why| why.contains("is no path")), "{written}: {refused:?}");
        }
    }
}
