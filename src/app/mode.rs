//! What the keyboard is for right now. A mode carries what only it needs, and leaving it drops that.

use tui_input::{Input, InputRequest};

use super::action::{Editing, Spec};
use super::lines::Lines;
use super::panes::survey::Sheet;
use crate::domain::Scope;

/// What the keyboard is for.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// The panes.
    #[default]
    Normal,
    /// A line that is typed.
    Prompt(Prompt),
    /// The help.
    Help(Help),
    /// A text over the panes.
    Popup(Popup),
    /// The doctor or the types.
    Survey(Box<Sheet>),
    /// Whether to quit.
    ConfirmQuit,
}

/// What a line is typed for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asking {
    /// Text to find. Where one stood before, to come back to.
    Find {
        /// The scope.
        scope: Scope,
        /// The place.
        place: u64,
        /// Whether to look in the whole store, whatever is shown.
        wide: bool,
        /// Whether what is typed is a regular expression.
        expression: bool,
    },
    /// A pattern that narrows the streams. Where one stood before, to come back to.
    Filter {
        /// The scope.
        scope: Option<Scope>,
        /// The place.
        place: u64,
    },
    /// A filter of the events.
    Sift,
    /// A place to go to.
    GoTo,
}

/// A line that is typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// For what.
    pub asking: Asking,
    /// The line.
    pub line: Input,
    /// What is wrong with it, when something is.
    pub problem: Option<String>,
}

impl Prompt {
    /// A prompt with a line to begin with.
    pub fn new(asking: Asking, line: &str) -> Self {
        Self { asking, line: Input::new(line.into()), problem: None }
    }
}

/// The help: the actions that match what is typed.
#[derive(Clone, Debug, Default)]
pub struct Help {
    /// The actions that match, found again when what is typed changes.
    pub entries: Vec<Entry>,
    /// What was typed.
    pub line: Input,
    /// The selected entry among those that match.
    pub selected: usize,
    /// The first line shown.
    pub top: usize,
}

/// One action of the help, with all its keys as written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The action.
    pub spec: &'static Spec,
    /// Its keys.
    pub keys: String,
}

/// A text over the panes.
#[derive(Clone, Debug)]
pub struct Popup {
    /// What it is.
    pub title: String,
    /// The text, to be laid out again when the size changes.
    pub text: String,
    /// The text, laid out.
    pub lines: Lines,
    width: u16,
}

/// Edits a line. `true` when the text has changed.
pub fn edit(line: &mut Input, editing: Editing) -> bool {
    let request = match editing {
        Editing::Accept => return false,
        Editing::DeleteBack => InputRequest::DeletePrevChar,
        Editing::DeleteForward => InputRequest::DeleteNextChar,
        Editing::DeleteWord => InputRequest::DeletePrevWord,
        Editing::DeleteLine => InputRequest::DeleteFromStart,
        Editing::Left => InputRequest::GoToPrevChar,
        Editing::Right => InputRequest::GoToNextChar,
        Editing::Start => InputRequest::GoToStart,
        Editing::End => InputRequest::GoToEnd,
    };
    line.handle(request).is_some_and(|changed| changed.value)
}

/// Types a character or pastes text into a line; line breaks and control characters are left out.
pub fn insert(line: &mut Input, text: &str) -> bool {
    // No line that is typed is longer: a paste of a megabyte is a mistake.
    const LONGEST: usize = 1_000;
    let mut changed = false;
    for c in text.chars().filter(|c| !c.is_control()) {
        if line.value().chars().count() >= LONGEST {
            break;
        }
        changed |= line.handle(InputRequest::InsertChar(c)).is_some();
    }
    changed
}

impl Popup {
    /// A text with a title.
    pub fn new(title: impl Into<String>, text: String) -> Self {
        Self { title: title.into(), text, lines: Lines::default(), width: 0 }
    }

    /// Lays the text out for a size.
    pub fn fit(&mut self, inner: ratatui::layout::Rect) {
        if self.width != inner.width {
            self.width = inner.width;
            self.lines = Lines::prose(&self.text, usize::from(inner.width));
        }
        self.lines.scroll(0, usize::from(inner.height));
    }
}
