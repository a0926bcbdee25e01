//! Hands: the loop that owns the screen and the terminal, and the threads that read keys and write.
//!
//! Nothing here decides what is shown: messages go into the screen, effects come out, and this module carries them out.
//! The invariant: the loop awaits nothing but the next notice. Whatever may take long is on another thread, has a token
//! that stops it, and answers through one bounded channel.

mod canvas;
mod clipboard;
mod colors;
mod event_loop;
mod input;
mod launch;
mod notice;
mod output;
mod panics;
#[cfg(debug_assertions)]
mod probe;
mod run;
mod sequences;
mod signals;
mod surroundings;
mod terminal;
mod threads;
mod waiting;

pub use colors::{Background, ColorDepth, background, color_depth};
pub use launch::launch;
pub use panics::end_on_panic;
#[cfg(debug_assertions)]
pub use probe::{Probe, probe, probe_from_environment};
pub use run::{Launch, Screen, run};
pub use surroundings::say_surroundings;
pub use terminal::missing_terminal;
