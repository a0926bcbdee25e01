//! One investigation: an opened source, the reducers that fold it, and the walk through it. Both doors, the interface
//! and the commands, go through here.

pub mod blame;
pub mod caches;
pub mod check;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod embedded;
mod filter;
mod find;
pub mod flips;
pub mod judging;
mod open;
mod pages;
pub mod payloads;
pub mod places;
pub mod population;
mod reducers;
mod score;
pub mod search;
pub mod shapes;
mod similar;
mod walker;

pub use crate::sources::Source;
pub use crate::sources::layouts::{Catalogue, Entry as LayoutEntry};
pub use crate::sources::steady::Steady;
pub use filter::StreamFilter;
pub use find::find;
pub use open::{Opening, categories};
pub use pages::Pages;
pub use reducers::{PROJECT_FILE, ReducerBook, ReducerPlaces, Refreshed};
pub use similar::similar_streams;
pub use walker::{Folded, Placed, Reached, Searched, Step, Underway, Walker};
