//! One investigation: an opened source, the reducers that fold it, and the walk through it. Both doors, the interface
//! and the commands, go through here.

pub mod embedded;
mod find;
mod walker;

pub use find::find;
pub use walker::{Reached, Walker};
