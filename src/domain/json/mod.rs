//! Exact JSON values that share structure.
//!
//! A `Json` is an immutable tree behind `Arc`s: cloning is a pointer, editing copies only the path that changes (and
//! nothing at all where the value is not shared), and two versions of a state share whatever did not change, so that
//! comparing them can skip it by pointer. It is exact: a number keeps the text it was written with, an object keeps the
//! order of its keys and every duplicate.
//!
//! It is not a document model for editing text: white space and the spelling of escapes are not kept; whoever needs the
//! bytes has them in the `Payload`.

mod adopt;
mod array;
mod chunks;
mod escapes;
mod number;
mod object;
mod pairs;
mod parse;
mod print;
mod repeated;
mod seek;
mod weight;

use std::sync::Arc;

pub use adopt::adopt;
pub use array::Array;
pub use escapes::spelled_out;
pub use number::Number;
pub use object::{Entry, Object};
pub use pairs::Pair;
pub use parse::{JsonError, MAX_DEPTH, Parser};
pub use print::{write_key, write_string};
pub use repeated::repeated_key;
pub use seek::{At, Places};

use super::path::{Path, Step};

/// A JSON value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Json {
    /// `null`
    #[default]
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as text.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Array),
    /// An object.
    Object(Object),
    /// JSON text kept as it is: a value nested deeper than [`MAX_DEPTH`], or a string that is not Unicode (a lone
    /// surrogate). It is shown and written verbatim, and never looked into.
    Verbatim(Arc<str>),
}

impl Json {
    /// Reads JSON text (UTF-8, optionally surrounded by white space).
    ///
    /// # Errors
    /// Where the text stops being JSON.
    pub fn parse(text: &[u8]) -> Result<Self, JsonError> {
        Parser::default().parse(text)
    }

    /// A string.
    pub fn string(text: &str) -> Self {
        Self::String(text.into())
    }

    /// The value at a path, if there is one. Of duplicate keys the last counts.
    pub fn at(&self, path: &Path) -> Option<&Json> {
        let mut here = self;
        for step in &path.0 {
            here = match (here, step) {
                (Self::Object(object), Step::Key(key)) => object.get(key)?,
                (Self::Array(array), Step::Index(index)) => array.get(*index)?,
                _ => return None,
            };
        }
        Some(here)
    }

    /// The value of a key, when this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, when this is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// Whether both are one value in memory: equal without looking. `false` says nothing.
    pub fn same(&self, other: &Json) -> bool {
        match (self, other) {
            (Self::Object(a), Self::Object(b)) => a.same(b),
            (Self::Array(a), Self::Array(b)) => a.same(b),
            (Self::String(a), Self::String(b)) | (Self::Verbatim(a), Self::Verbatim(b)) => Arc::ptr_eq(a, b),
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            _ => false,
        }
    }

    /// How many values are directly inside: entries of an object, elements of an array, otherwise 0.
    pub fn children(&self) -> usize {
        match self {
            Self::Object(object) => object.len(),
            Self::Array(array) => array.len(),
            _ => 0,
        }
    }

    /// The length in bytes of the compact text, computed without writing it.
    pub fn text_len(&self) -> usize {
        print::text_len(self)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Self {
        Self::Number(Number::from(value))
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn text_comes_back_as_it_was() {
        for text in [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1E5",
            "1e400",
            "0.10",
            "18446744073709551615",
            "9007199254740993",
            "-9223372036854775808",
            r#""""#,
            r#""a\"\\\n""#,
            r#""\ud800""#,
            "[]",
            "[1,[2,[]],{}]",
            "{}",
            r#"{"b":1,"a":2,"b":3,"":{"x":null}}"#,
            r#"{"a.b":"日本 🌍"}"#,
            r#"{"\ud800":1,"x\udfffy":{"\uD800":"\udc00"}}"#,
            // A name that looks like the spelling of one that is not Unicode, and one that looks like that.
            r#"{"\"\\ud800\"":1,"\"\\\"\\\\ud800\\\"\"":2,"\"plain\"":3,"\"":4}"#,
        ] {
            assert_eq!(json(text).to_string(), text);
            assert_eq!(json(text).text_len(), text.len(), "{text}");
        }
        assert_eq!(json(" [ 1 , \"\\u0041\\/\" ] \n").to_string(), r#"[1,"A/"]"#);
    }

    #[test]
    fn a_parser_that_expects_a_key_is_not_fooled() {
        let mut parser = Parser::default();
        let long = format!(r#"{{"{0}":1,"a":{{"{0}":2}}}}"#, "long".repeat(40));
        // Keys that are asked for by others may be spelt otherwise in JSON.
        for key in ["a\"b", "a\\", "\n", "a"] {
            assert_eq!(parser.key(key).as_ref(), key);
        }
        let texts = [
            r#"{"a":1,"b":{"c":2},"d":3}"#,
            r#"{"a":1,"b":{"cc":2},"d":3}"#,
            r#"{"a":1,"b":{"":2},"\"":3}"#,
            r#"{"a\"b":1,"b":{"c":2},"d":3}"#,
            r#"{"ab":1,"a":2,"a":3,"b\n":4}"#,
            r#"{"a":{"a":{"a":1}}}"#,
            r#"[{"a":1},{"a":2,"日本":3},{"日":4}]"#,
            &long,
        ];
        for round in 0..3 {
            for text in texts {
                assert_eq!(parser.parse(text.as_bytes()).map(|json| json.to_string()).as_deref(), Ok(text), "{round}");
                // What is not JSON is refused as by a parser that has seen nothing.
                for end in 0..text.len() {
                    let cut = &text.as_bytes()[..end];
                    assert_eq!(parser.parse(cut), Parser::default().parse(cut));
                }
            }
        }
        let keys = |text: &str, parser: &mut Parser| match parser.parse(text.as_bytes()) {
            Ok(Json::Object(object)) => object.in_order().iter().map(|entry| entry.key.clone()).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let (first, second) = (keys(texts[0], &mut parser), keys(texts[0], &mut parser));
        assert!(first.iter().zip(&second).all(|(a, b)| Arc::ptr_eq(a, b)));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        for (text, offset) in [
            ("", 0),
            ("{", 1),
            ("[1,]", 3),
            ("{\"a\" 1}", 5),
            ("01", 1),
            ("tru", 0),
            ("\"a", 0),
            ("1 2", 2),
            ("\"\u{1}\"", 1),
            ("-", 1),
            ("1.", 2),
            ("[1 2]", 3),
            ("{,}", 1),
        ] {
            let error = Json::parse(text.as_bytes()).expect_err(text);
            assert_eq!(error.offset, offset, "{text}: {error}");
        }
        assert_eq!(Json::parse(b"\"\xff\"").expect_err("not UTF-8").offset, 1);
    }

    #[test]
    fn depth_is_bounded_and_the_rest_is_verbatim() {
        let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(json(&deep).to_string(), deep);
        assert!(Json::parse(&deep.as_bytes()[..1_999_999]).is_err());
    }

    #[test]
    fn wide_objects_keep_their_order_whatever_is_removed() {
        let text: Vec<String> = (0..500).rev().map(|n| format!(r#""k{:03}":{n}"#, n / 2)).collect();
        let Json::Object(mut object) = json(&format!("{{{}}}", text.join(","))) else { panic!("an object") };
        let numbers = |object: &Object| -> Vec<i64> {
            object.in_order().iter().map(|entry| entry.value.as_i64().expect("a number")).collect()
        };
        assert_eq!(numbers(&object), (0..500).rev().collect::<Vec<_>>());
        let both: Vec<i64> = object.all("k032").filter_map(|entry| entry.value.as_i64()).collect();
        assert_eq!((both, object.all("k9").count(), object.all("").count()), (vec![64, 65], 0, 0));
        for key in 20..250 {
            while object.remove(&format!("k{key:03}")).is_some() {}
            let (left, kept): (Vec<i64>, _) = ((0..40).rev().collect(), numbers(&object));
            assert!(kept.ends_with(&left) && kept.is_sorted_by(|a, b| a > b), "{kept:?}");
        }
        assert_eq!(object.len(), 40);
    }

    #[test]
    fn duplicate_keys_are_kept_and_the_last_counts() {
        let value = json(r#"{"a":1,"b":2,"a":3}"#);
        assert_eq!(value.get("a").and_then(Json::as_i64), Some(3));
        let Json::Object(mut object) = value else { panic!("an object") };
        object.insert("a".into(), Json::from(4));
        assert_eq!(Json::Object(object.clone()).to_string(), r#"{"a":1,"b":2,"a":4}"#);
        object.remove("a");
        assert_eq!(Json::Object(object).to_string(), r#"{"b":2}"#);
    }

    #[test]
    fn wide_values_share_what_did_not_change() {
        let mut object = Object::default();
        for n in 0..10_000 {
            object.insert(format!("key{n}").as_str().into(), Json::from(n));
        }
        let before = object.clone();
        object.insert("key77".into(), Json::Null);
        assert_eq!(before.get("key77").and_then(Json::as_i64), Some(77));
        let shared = before
            .chunks()
            .iter()
            .filter(|chunk| object.chunks().iter().any(|other| Arc::ptr_eq(chunk, other)))
            .count();
        assert_eq!(shared, before.chunks().len() - 1);
        let order: Vec<String> = object.in_order().iter().take(3).map(|entry| entry.key.to_string()).collect();
        assert_eq!(order, ["key0", "key1", "key2"]);

        let mut array = Array::from_iter((0..1000).map(Json::from));
        let whole = array.clone();
        array.insert(500, Json::Null);
        assert_eq!(array.len(), 1001);
        assert_eq!(array.get(501), whole.get(500));
        array.remove(500);
        assert_eq!(array, whole);
        array.set(3, Json::Null);
        assert_ne!(array, whole);
    }
}
