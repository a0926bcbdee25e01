//! Input as the interface understands it, whatever terminal library read it.

/// Keys held down together with another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Modifiers {
    /// Control.
    pub control: bool,
    /// Alt or Meta.
    pub alt: bool,
    /// Shift; never set together with a character, which already shows it.
    pub shift: bool,
}

/// A key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyCode {
    /// A character as typed, Shift applied.
    Char(char),
    /// Function key, from 1.
    F(u8),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift+Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
}

/// A key press.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// With what held down.
    pub modifiers: Modifiers,
}

/// What the mouse did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MouseKind {
    /// Left button pressed.
    Pressed,
    /// Moved with the left button held.
    Dragged,
    /// Left button released.
    Released,
    /// Wheel turned up.
    WheelUp,
    /// Wheel turned down.
    WheelDown,
}

/// A mouse event at a cell, from the top left corner (0, 0).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mouse {
    /// What.
    pub kind: MouseKind,
    /// Which column.
    pub column: u16,
    /// Which row.
    pub row: u16,
}
