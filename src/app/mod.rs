//! What the screen knows: one value, changed through one door.
//!
//! `App::update` takes everything that can happen (`Msg`) and answers with what it wants (`Effect`). It has no clock, no
//! terminal and no store.

pub mod effect;
pub mod key;
pub mod msg;

pub use effect::{Effect, Generation};
pub use key::{Key, KeyCode, Modifiers, Mouse, MouseKind};
pub use msg::Msg;
