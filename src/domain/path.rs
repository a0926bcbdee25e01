//! A place inside a JSON value.

use std::fmt;
use std::sync::Arc;

/// One step down: into an object by key, into an array by index.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Step {
    /// The value of this key.
    Key(Arc<str>),
    /// The element at this index, from 0.
    Index(usize),
}

/// A place in a JSON value, from its root; written as a JSON Pointer (RFC 6901), the root being `""`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// The same path, one key deeper.
    pub fn key(&self, key: &Arc<str>) -> Self {
        self.then(Step::Key(key.clone()))
    }

    /// The same path, one index deeper.
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The same path, one step deeper.
    pub fn then(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// Whether this path is `other` or leads to it.
    pub fn is_prefix_of(&self, other: &Path) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match step {
                Step::Key(key) => write!(f, "/{}", key.replace('~', "~0").replace('/', "~1"))?,
                Step::Index(index) => write!(f, "/{index}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_as_a_json_pointer() {
        let path = Path::root().key(&"a/b".into()).index(3).key(&"~".into()).key(&"".into());
        assert_eq!(path.to_string(), "/a~1b/3/~0/");
        assert_eq!(Path::root().to_string(), "");
    }
}
