//! Reading only some places of a JSON text: what is not asked for is checked and passed over, no value of it is made.

use std::borrow::Cow;
use std::sync::Arc;

use super::escapes::unescape;
use super::parse::{Reader, is_spelling};
use super::{Json, JsonError, Parser};

/// Places to be read: the keys that lead to each, from the outermost value.
#[derive(Clone, Debug, Default)]
pub struct Places {
    root: Branch,
    count: usize,
}

#[derive(Clone, Debug, Default)]
struct Branch {
    /// The number of the place that ends here.
    place: Option<usize>,
    inside: Vec<(Arc<str>, Branch)>,
}

/// What stands at a place.
#[derive(Clone, PartialEq, Debug)]
pub enum At {
    /// Nothing: of the keys that lead there the one of this number is the first that is not there.
    Lacking(usize),
    /// A value that is no object and no array.
    Value(Json),
    /// An object or an array, which is not read.
    Whole,
    /// Nobody knows: a value on the way there is no object.
    Beyond,
}

impl Places {
    /// One more place, or the same one again; gives its number, from 0.
    pub fn add(&mut self, keys: &[Arc<str>]) -> usize {
        let mut branch = &mut self.root;
        for key in keys {
            let at = branch.inside.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
                branch.inside.push((Arc::clone(key), Branch::default()));
                branch.inside.len() - 1
            });
            branch = &mut branch.inside[at].1;
        }
        *branch.place.get_or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl Branch {
    /// Says the same of every place from here on.
    fn say(&self, found: &mut [At], at: &At) {
        if let Some(place) = self.place {
            found[place] = at.clone();
        }
        self.say_inside(found, at);
    }

    fn say_inside(&self, found: &mut [At], at: &At) {
        for (_, branch) in &self.inside {
            branch.say(found, at);
        }
    }
}

impl Parser {
    /// Reads some places of a JSON text, all of which is checked; `found` has them by their numbers afterwards.
    ///
    /// # Errors
    /// Where the text stops being JSON, as [`parse`](Self::parse) tells it.
    pub fn seek(&mut self, text: &[u8], places: &Places, found: &mut Vec<At>) -> Result<(), JsonError> {
        found.clear();
        found.resize(places.count, At::Lacking(0));
        let mut reader = self.reader(text)?;
        reader.seek(&places.root, 0, found)?;
        reader.end()
    }
}

impl<'a> Reader<'a> {
    fn seek(&mut self, branch: &Branch, depth: usize, found: &mut [At]) -> Result<(), JsonError> {
        let at = match self.peek() {
            Some(b'{') if !branch.inside.is_empty() => {
                branch.say_inside(found, &At::Lacking(depth));
                self.seek_inside(branch, depth, found)?;
                At::Whole
            }
            Some(b'{' | b'[') => {
                branch.say_inside(found, &At::Beyond);
                self.skip()?;
                At::Whole
            }
            _ => {
                branch.say_inside(found, &At::Beyond);
                match branch.place {
                    Some(_) => At::Value(self.value(0)?),
                    None => return self.skip(),
                }
            }
        };
        if let Some(place) = branch.place {
            found[place] = at;
        }
        Ok(())
    }

    /// Of keys that stand twice the last counts.
    fn seek_inside(&mut self, branch: &Branch, depth: usize, found: &mut [At]) -> Result<(), JsonError> {
        if self.enters_empty(b'}') {
            return Ok(());
        }
        loop {
            self.key_begins()?;
            let key = self.name()?;
            self.colon()?;
            match branch.inside.iter().find(|(name, _)| **name == *key) {
                Some((_, inside)) => self.seek(inside, depth + 1, found)?,
                None => self.skip()?,
            }
            if self.ends(b'}')? {
                return Ok(());
            }
        }
    }

    /// A key as it is called.
    fn name(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let start = self.at;
        Ok(match self.raw_string()? {
            (raw, false) => Cow::Borrowed(raw),
            (raw, true) => match unescape(raw) {
                Some(text) if !is_spelling(&text) => Cow::Owned(text),
                _ => Cow::Borrowed(&self.text[start..self.at]),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::MAX_DEPTH;

    fn places(written: &[&str]) -> Places {
        let mut places = Places::default();
        for (n, keys) in written.iter().enumerate() {
            let keys: Vec<Arc<str>> = keys.split('/').skip(1).map(Arc::from).collect();
            assert_eq!(places.add(&keys), n);
            assert_eq!(places.add(&keys), n);
        }
        places
    }

    #[test]
    fn only_what_is_asked_for_is_read() {
        let places = places(&["", "/a", "/a/b", "/c/d/e"]);
        let number = |n: i64| At::Value(Json::from(n));
        let text = |text: &str| At::Value(Json::string(text));
        let mut parser = Parser::default();
        for (json, expected) in [
            (" { \"a\" : 1 } ", [At::Whole, number(1), At::Beyond, At::Lacking(0)]),
            (r#"{"a":{"b":"x"},"c":{"d":{}}}"#, [At::Whole, At::Whole, text("x"), At::Lacking(2)]),
            (r#"{"a":{"b":"x"},"a":{"x":1}}"#, [At::Whole, At::Whole, At::Lacking(1), At::Lacking(0)]),
            (r#"{"a":{"b":"x"},"\u0061":7}"#, [At::Whole, number(7), At::Beyond, At::Lacking(0)]),
            (r#"{"a":[{"b":1}],"c":{"d":{"e":[]}}}"#, [At::Whole, At::Whole, At::Beyond, At::Whole]),
            ("[{\"a\":1}]", [At::Whole, At::Beyond, At::Beyond, At::Beyond]),
            ("null", [At::Value(Json::Null), At::Beyond, At::Beyond, At::Beyond]),
        ] {
            let mut found = Vec::new();
            assert_eq!(parser.seek(json.as_bytes(), &places, &mut found), Ok(()), "{json}");
            assert_eq!(found, expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_as_it_is_when_all_is_read() {
        let places = places(&["/a", "/b/c"]);
        let deep = format!("{{\"x\":{}1{},\"b\":{{\"c\":1}}}}", "[".repeat(MAX_DEPTH * 2), "]".repeat(MAX_DEPTH * 2));
        let (mut parser, mut found) = (Parser::default(), Vec::new());
        for text in [
            r#"{"a":1,"b":{"c":"\u00e9\ud800","d":[1,{"e":null,"f":[true,false,-0.5e+3]}]},"z":"\n"}"#,
            r#"{"x":{"y":[[],{}]},"b":[1,2],"a":{"b":{"c":01}}}"#,
            "{\"x\":[1,],\"a\":1}",
            "{\"x\":\"\u{1}\"}",
            "{\"a\":1} x",
            "{\"a\":1,}",
            &deep,
        ] {
            for end in 0..=text.len() {
                let cut = &text.as_bytes()[..end];
                let read = Parser::default().parse(cut).map(|_| ());
                let sought = parser.seek(cut, &places, &mut found);
                assert_eq!(sought.is_ok(), read.is_ok(), "{}", String::from_utf8_lossy(cut));
            }
        }
    }
}
