//! Which fold to use, as a value: from it any number of reducers is made.

use std::path::PathBuf;

use super::javascript::{self, JavaScriptConfig};
use super::merge::Merge;
use crate::replay::{Reducer, ReducerInfo};

/// A fold that can be started any number of times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Definition {
    /// The generic fold.
    Merge,
    /// A JavaScript module.
    JavaScript {
        /// Its file, as it is shown.
        file_name: String,
        /// Its text.
        source: String,
        /// The program that hosts it: this one.
        host: PathBuf,
    },
}

impl Definition {
    /// A reducer that has not been started. No process is started and nothing is checked here: whatever is wrong with a
    /// script is told when it starts.
    pub fn build(&self) -> Box<dyn Reducer> {
        match self {
            Self::Merge => Box::new(Merge::default()),
            Self::JavaScript { file_name, source, host } => Box::new(javascript::reducer(JavaScriptConfig {
                file_name: file_name.clone(),
                source: source.clone(),
                host: host.clone(),
                limits: Default::default(),
            })),
        }
    }

    /// What is said of it.
    pub fn info(&self) -> ReducerInfo {
        self.build().info().clone()
    }
}
