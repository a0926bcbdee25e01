//! What a layout says of columns and of the values in them.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};

use super::Expression;

/// One source of a value or several: the first that says something counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sources(pub Vec<Expression>);

impl<'de> Deserialize<'de> for Sources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Sources;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Sources, E> {
                Expression::try_from(text.to_owned()).map(|one| Sources(vec![one])).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut written: A) -> Result<Sources, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = written.next_element()? {
                    all.push(one);
                }
                Ok(Sources(all))
            }
        }

        deserializer.deserialize_any(OneOrMore)
    }
}

/// What the walk of the whole store goes by.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(try_from = "Sources")]
pub enum Ordering {
    /// The order in which the rows lie.
    #[default]
    Rows,
    /// The times of the events.
    Time,
    /// One or two numbers.
    By(Expression, Option<Expression>),
}

impl TryFrom<Sources> for Ordering {
    type Error = String;

    fn try_from(written: Sources) -> Result<Self, String> {
        let is = |expression: &Expression, word: &str| *expression == Expression::column(word);
        let mut written = written.0.into_iter();
        match (written.next(), written.next(), written.next()) {
            (Some(one), None, None) if is(&one, "time") => Ok(Self::Time),
            (Some(one), None, None) if is(&one, "rows") => Ok(Self::Rows),
            (Some(first), second, None) => Ok(Self::By(first, second)),
            _ => Err("an order is `time`, `rows`, or one or two values".into()),
        }
    }
}

/// What a time that is a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
    #[default]
    Any,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
    /// Units of 100 ns since the year 1 (.NET).
    Ticks,
}

/// A column and what it is like: `stream_name: text`, `version|aggregate_root_version: integer`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct ColumnRule {
    /// Its names; the layout uses the first.
    pub names: Vec<String>,
    /// What it holds.
    pub class: Class,
}

impl TryFrom<String> for ColumnRule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (names, class) = text.split_once(':').unwrap_or((&text, "any"));
        let class = Class::named(class.trim()).ok_or_else(|| {
            let known: Vec<_> = Class::ALL.iter().map(|(_, name)| *name).collect();
            format!("`{text}`: there is no class `{}`; the classes are {}", class.trim(), known.join(", "))
        })?;
        let names: Vec<String> = names.split('|').map(|name| name.trim().to_owned()).collect();
        if names.iter().any(String::is_empty) {
            return Err(format!("`{text}`: a name is missing"));
        }
        Ok(Self { names, class })
    }
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Whole numbers.
    Integer,
    /// Text.
    Text,
    /// Identities; shown as `xxxxxxxx-xxxx-…` however they are stored.
    Uuid,
    /// JSON.
    Json,
    /// Bytes.
    Bytes,
    /// JSON, text or bytes.
    Payload,
    /// Times.
    Time,
    /// Yes or no.
    Bool,
    /// Several values.
    List,
    /// Anything.
    Any,
}

impl Class {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Integer, "integer"),
        (Self::Text, "text"),
        (Self::Uuid, "uuid"),
        (Self::Json, "json"),
        (Self::Bytes, "bytes"),
        (Self::Payload, "payload"),
        (Self::Time, "time"),
        (Self::Bool, "bool"),
        (Self::List, "list"),
        (Self::Any, "any"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, other)| *other == name).map(|(class, _)| *class)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(class, _)| *class == self).map_or("any", |(_, name)| name)
    }
}

/// A regular expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(pub regex::Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        regex::Regex::new(&text).map(Self).map_err(|error| error.to_string())
    }
}
