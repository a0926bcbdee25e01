//! What folds events into state: the reducers users choose, all behind [`Reducer`](crate::replay::Reducer).
//!
//! They know events and states, never where they come from or how they are shown. The generic fold is native; a reducer
//! of the user's runs in a process of its own that can be killed (`hosted`, `worker`), spoken to in frames (`protocol`): nothing
//! of the user's ever runs inside this process.

mod broken;
mod definition;
#[cfg(feature = "javascript")]
pub mod host;
pub mod hosted;
pub mod javascript;
pub mod merge;
pub mod protocol;
mod recorded;
mod worker;

use std::process::ExitCode;

pub use broken::Broken;
pub use definition::Definition;
pub use recorded::Recorded;

/// What the program does when it is started as a worker.
#[cfg(feature = "javascript")]
pub fn host_main() -> ExitCode {
    host::run()
}

/// What the program does when it is started as a worker: say that it cannot be one.
#[cfg(not(feature = "javascript"))]
pub fn host_main() -> ExitCode {
    eprintln!("this build has no JavaScript engine");
    ExitCode::FAILURE
}
