//! The texts of the scripts in use: each as it was saved last, or, where that cannot be used, as it was before.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::MAX_SCRIPT;
use crate::domain::StreamName;
use crate::reducers::Definition;
use crate::regular;
use crate::replay::{FoldError, Stale, Start};

/// The scripts that were asked for.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    used: HashMap<PathBuf, String>,
    refused: HashMap<PathBuf, Arc<Stale>>,
}

impl Scripts {
    /// The text of a script. It is read when it is asked for first; after that only a save changes it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn text(&mut self, path: &Path) -> std::io::Result<&str> {
        if !self.used.contains_key(path) {
            self.used.insert(path.to_path_buf(), regular::read_text(path, MAX_SCRIPT)?);
        }
        Ok(self.used.get(path).map_or("", String::as_str))
    }

    /// Why the text in use is not the one that was saved last, when it is not.
    pub(super) fn refusal(&self, path: &Path) -> Option<&Arc<Stale>> {
        self.refused.get(path)
    }

    /// A file has been saved. Its text is used from now on; one that does not start is not, as long as the one before
    /// does, and why it does not is the answer.
    pub(super) fn saved(&mut self, path: &Path, host: &Path, stream: &StreamName) -> Option<Arc<Stale>> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let starts = |text: &str| {
            let source = text.to_owned();
            let script = Definition::JavaScript { file_name: name.clone(), source, host: host.to_path_buf() };
            script.build().start(Start::Initial(stream))
        };
        // One that was never read is read when it is asked for.
        let before = self.used.get(path)?;
        let refusal = match regular::read_text(path, MAX_SCRIPT) {
            Err(error) => Stale { why: FoldError::new(format!("{name} cannot be read: {error}")), line: None },
            Ok(text) => match starts(&text) {
                Err(why) => Stale { line: line_of(&text, why.place.as_ref().map(|place| place.line)), why },
                Ok(()) => {
                    self.used.insert(path.to_path_buf(), text);
                    self.refused.remove(path);
                    return None;
                }
            },
        };
        // The text before is known to start once another was refused for it.
        if !self.refused.contains_key(path) && starts(before).is_err() {
            self.used.remove(path);
            return None;
        }
        let refusal = Arc::new(refusal);
        self.refused.insert(path.to_path_buf(), Arc::clone(&refusal));
        Some(refusal)
    }
}

/// A line of a text, counted from 1.
pub(super) fn line_of(text: &str, line: Option<u32>) -> Option<String> {
    let line = usize::try_from(line?).ok()?.checked_sub(1)?;
    text.lines().nth(line).map(|line| line.trim_end().to_owned())
}
