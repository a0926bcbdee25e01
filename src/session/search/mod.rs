//! Looking through all the events of a scope: for a pattern, or for those a filter lets through.
//!
//! Both are slow and tell what they find as they find it; both look at a `Cancel` between two pages.

mod excerpt;
mod filter;
mod folded;
mod passing;
mod pattern;
mod sift;

pub use excerpt::excerpt;
pub use filter::{Bound, EventFilter, Sieve};
pub use folded::{FoldedSift, sift_folded};
pub use passing::Passing;
pub use pattern::{Case, pattern};
pub use sift::{Sifted, place_in, sift, some};
