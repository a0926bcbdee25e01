//! What a person must know about a source. Code decides by its kind, never by its words.

use std::fmt;
use std::ops::Deref;

/// What a caveat is about, of those that something depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CaveatKind {
    /// Events say no versions: they are counted.
    NoVersions,
    /// Events say no place in the store: they are shown in the order they lie in.
    NoPosition,
    /// Their places go back or repeat.
    PositionsBack,
    /// Events say no times.
    NoTimes,
    /// Anything else.
    #[default]
    Other,
}

/// A sentence about a source, and what it is about. It reads as its text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Caveat {
    /// What it is about.
    pub kind: CaveatKind,
    /// The sentence.
    pub text: String,
}

impl Caveat {
    /// A caveat that something depends on.
    pub fn new(kind: CaveatKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    /// Whether it is about one of these.
    pub fn is(&self, kinds: &[CaveatKind]) -> bool {
        kinds.contains(&self.kind)
    }

    /// Whether it says only what many good stores lack, a place or a time: anything else is told before it.
    pub fn is_common(&self) -> bool {
        self.is(&[CaveatKind::NoPosition, CaveatKind::NoTimes])
    }

    /// The same, with other words where it is of a kind.
    pub fn said(self, kind: CaveatKind, words: &str, instead: &str) -> Self {
        match self.kind == kind {
            true => Self { text: self.text.replace(words, instead), ..self },
            false => self,
        }
    }
}

impl From<String> for Caveat {
    fn from(text: String) -> Self {
        Self::new(CaveatKind::Other, text)
    }
}

impl From<&str> for Caveat {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Deref for Caveat {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
