//! What the parts of the interface are called by: panes, motions. Nothing here knows what they do.

/// Declares an enum whose variants have names for people, and the list of all of them: a new variant is in it.
macro_rules! named {
    ($(#[$meta:meta])* pub enum $kind:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        pub enum $kind {
            $($(#[$doc])* $variant,)+
        }

        impl $kind {
            /// All, in order.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

named! {
    /// A pane that can have the focus, in the order of their numbers.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
    pub enum Pane {
        /// The list of streams.
        #[default]
        Streams = "Streams",
        /// The events of the scope.
        Events = "Events",
        /// The event of the cursor.
        Event = "Event",
        /// The state after it.
        State = "State",
    }
}

impl Pane {
    /// Its number on the keyboard.
    pub fn number(self) -> usize {
        self as usize + 1
    }
}

/// A value for each pane.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Slots<T>([T; Pane::ALL.len()]);

impl<T> Slots<T> {
    /// The value of a pane.
    pub fn of(&self, pane: Pane) -> &T {
        &self.0[pane as usize]
    }

    /// Sets the value of a pane.
    pub fn set(&mut self, pane: Pane, value: T) {
        self.0[pane as usize] = value;
    }
}

/// Moving in a list.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Motion {
    /// Towards the end, by one.
    Down,
    /// Towards the beginning, by one.
    Up,
    /// Half a page on.
    HalfDown,
    /// Half a page back.
    HalfUp,
    /// A page on.
    PageDown,
    /// A page back.
    PageUp,
    /// To the first row.
    First,
    /// To the last row.
    Last,
}
